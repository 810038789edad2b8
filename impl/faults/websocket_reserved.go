package faults

import (
	"bytes"
	"fmt"
	"slices"

	"conform/impl"
)

// wsReservedFaults are in opcodes and bits that have no meaning.
func wsReservedFaults() []Fault {
	var list []Fault
	for _, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		what := "takes it for a text"
		if op >= 8 {
			what = "drops it"
		}
		list = append(list, Fault{Name: fmt.Sprintf("opcode-%x-accepted", op), Text: fmt.Sprintf("Does not refuse the reserved opcode %X and %s.", op, what),
			change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
				switch {
				case f.op != op || f.huge:
				case f.control():
					return nil
				default:
					f.op = wsText
				}
				return []wsFrame{f}
			})})
	}
	for rsv, name := range map[byte]string{4: "rsv1", 2: "rsv2", 1: "rsv3"} {
		list = append(list, Fault{Name: name + "-ignored", Text: fmt.Sprintf("Does not look at %s.", map[byte]string{4: "RSV1", 2: "RSV2", 1: "RSV3"}[rsv]),
			change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
				if s.response == "" || headGet(s.response, "Sec-WebSocket-Extensions") == "" {
					f.rsv &^= rsv
				}
				return []wsFrame{f}
			})})
	}
	slices.SortFunc(list, func(a, b Fault) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	ignored := func(name, what string, which func(f wsFrame) bool) Fault {
		return Fault{Name: "rsv-on-" + name + "-ignored", Text: fmt.Sprintf("Does not look at the reserved bits of %s.", what),
			change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
				if which(f) {
					f.rsv = 0
				}
				return []wsFrame{f}
			})}
	}
	of := func(op byte) func(wsFrame) bool { return func(f wsFrame) bool { return f.op == op } }
	return append(list,
		ignored("binary", "binary messages", of(wsBinary)),
		ignored("ping", "Pings", of(wsPing)),
		ignored("pong", "Pongs", of(wsPong)),
		ignored("close", "Close frames", of(wsClose)),
		ignored("continuation", "continuations", of(wsContinuation)),
		Fault{Name: "opcode-3-continues", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == 3 && s.inside {
				f.op = wsContinuation
			}
			return []wsFrame{f}
		}), Text: "Takes any data frame inside a message for a continuation, whatever its opcode is."},
		Fault{Name: "opcode-3-begins", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == 3 && !f.fin {
				f.op = wsBinary
			}
			return []wsFrame{f}
		}), Text: "Finds out only at the end of a fragmented message that its opcode is reserved."},
		Fault{Name: "error-ends-the-server", change: func(p *plan) {
			handler(func(next impl.Handler) impl.Handler {
				return around(next, wsAnswers(func(frames []wsFrame) []wsFrame {
					if slices.ContainsFunc(frames, func(f wsFrame) bool {
						return f.op == wsClose && len(f.payload) > 2 && f.payload[0] == 3 && f.payload[1] == 0xea
					}) {
						p.die()
					}
					return frames
				}))
			})(p)
		}, Text: "Does not catch the error that a wrong frame throws, and dies of it."},
		Fault{Name: "server-sets-rsv3", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsBinary {
				f.rsv |= 1
			}
			return []wsFrame{f}
		}), Text: "Marks its binary messages with RSV3."},
		Fault{Name: "server-uses-opcode-3", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsBinary {
				f.op = 3
			}
			return []wsFrame{f}
		}), Text: "Sends binary messages with the opcode 3."},
	)
}
