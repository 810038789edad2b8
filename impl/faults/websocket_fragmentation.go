package faults

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"conform/impl"
)

// websocketFragmentationFaults are in how fragments become messages, and in
// what may stand between them.
func websocketFragmentationFaults() []Fault {
	return slices.Concat(wsJoiningFaults(), wsOrderFaults(), wsBetweenFaults())
}

// wsHeld keeps the fragments of a message back until the last one: f says what
// becomes of each payload, and of control frames in between.
func wsHeld(f func(s *wsState, fr wsFrame) []wsFrame) change {
	return wsIn(func(s *wsState, fr wsFrame) []wsFrame {
		if fr.huge || !fr.masked || fr.rsv != 0 || fr.op > wsPong {
			return []wsFrame{fr}
		}
		if fr.control() {
			return f(s, fr)
		}
		if fr.op == wsContinuation && !s.inside {
			return []wsFrame{fr}
		}
		return f(s, fr)
	})
}

// collect adds a fragment to what is kept, and returns the message when it is
// whole.
func (s *wsState) collect(f wsFrame) []wsFrame {
	s.kept = append(s.kept, f.payload...)
	if !f.fin {
		return nil
	}
	f.op, f.payload, f.form = s.message, s.kept, 0
	s.kept = nil
	return []wsFrame{f}
}

// wsJoiningFaults are in how fragments are joined.
func wsJoiningFaults() []Fault {
	return []Fault{
		{Name: "fin-ignored", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if !f.control() {
				f.fin = true
				if f.op == wsContinuation {
					f.op = s.message
				}
			}
			return []wsFrame{f}
		}), Text: "Takes every fragment for a message."},
		{Name: "type-of-last-fragment", change: wsBoth(func(s *wsState, f wsFrame) []wsFrame {
			if !f.control() && f.fin {
				s.n = int(f.op)
			}
			return []wsFrame{f}
		}, func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsBinary && s.n == wsContinuation {
				f.op = wsText
			}
			return []wsFrame{f}
		}), Text: "Takes the type of a message from its last frame, and whatever is not binary for text."},
		{Name: "sixteen-fragments", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			switch {
			case f.control():
			case !s.inside:
				s.n = 0
			default:
				if s.n++; s.n > 16 {
					s.Say(wsCloseFrame(1009, "too many fragments"))
					s.Hangup()
					return nil
				}
			}
			return []wsFrame{f}
		}), Text: "Has room for sixteen fragments of a message."},
		{Name: "fragments-in-64-kib", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.control() || f.huge {
				return []wsFrame{f}
			}
			if !s.inside {
				s.n = 0
			}
			if s.n += len(f.payload); s.inside && s.n > 64<<10 {
				f.payload = f.payload[:max(0, len(f.payload)-(s.n-64<<10))]
				s.n = 64 << 10
			}
			return []wsFrame{f}
		}), Text: "Joins fragments in a buffer of 64 KiB, and loses what does not fit."},
		{Name: "empty-fragment-is-the-last", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if !f.control() && len(f.payload) == 0 && !f.huge {
				f.fin = true
			}
			return []wsFrame{f}
		}), Text: "Takes a fragment without a payload for the end of the message."},
		{Name: "empty-last-fragment-dropped", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsContinuation && f.fin && len(f.payload) == 0 && !f.huge {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Drops frames without a payload before it looks at their FIN."},
		{Name: "begun-is-what-is-collected", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.control() || f.huge {
				return []wsFrame{f}
			}
			if f.op == wsContinuation && s.inside && s.n == 0 {
				s.Say(wsCloseFrame(1002, "nothing to continue"))
				s.Hangup()
				return nil
			}
			if !s.inside {
				s.n = 0
			}
			s.n += len(f.payload)
			return []wsFrame{f}
		}), Text: "Tells by the bytes that it has collected whether a message has begun, and misses one that began empty."},
		{Name: "parts-kept-when-message-is-over", change: wsHeld(func(s *wsState, f wsFrame) []wsFrame {
			if f.control() || f.fin && !s.inside {
				return []wsFrame{f}
			}
			before := len(s.kept)
			whole := s.collect(f)
			if whole != nil && s.n > 0 {
				s.n = 0
				s.kept = bytes.Clone(whole[0].payload)
			}
			s.n += len(s.kept) - before
			return whole
		}), Text: "Does not empty the buffer for fragments when a message is over, so that the next one begins with it."},
		{Name: "part-left-to-the-next-client", change: func(p *plan) {
			var mu sync.Mutex
			begun := false
			wsIn(func(s *wsState, f wsFrame) []wsFrame {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case f.control():
				case f.op == wsContinuation && !s.inside && begun:
					f.op, begun = wsText, false
				default:
					begun = !f.fin
				}
				return []wsFrame{f}
			})(p)
		}, Text: "Keeps the message that has begun in one place for all connections, so that one client continues what another began."},
		{Name: "pause-ends-the-message", change: handler(func(next impl.Handler) impl.Handler {
			return &wsImpatient{Handler: next, decoder: wsDecoder{most: 1 << 20}}
		}), Text: "Takes the fragments that have come for the whole message when no other comes for half a second."},
		{Name: "fragments-with-the-opcode-of-the-first", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if f.control() || len(f.payload) < 1000 {
				return []wsFrame{f}
			}
			second := f
			second.payload, second.rsv, second.form = f.payload[500:], 0, 0
			f.fin, f.payload, f.form = false, f.payload[:500], 0
			return []wsFrame{f, second}
		}), Text: "Sends long messages in fragments, and all of them with the opcode of the message."},
	}
}

// wsImpatient ends a message that has begun when nothing has come for a while.
type wsImpatient struct {
	impl.Handler
	request headCutter
	asked   bool
	decoder wsDecoder
	inside  bool
	due     time.Time
}

func (w *wsImpatient) Data(p []byte) impl.Reply {
	reply := w.Handler.Data(p)
	if !w.asked {
		if _, p, w.asked = w.request.feed(p); !w.asked {
			return reply
		}
	}
	w.decoder.feed(bytes.Clone(p), func(f wsFrame) (bool, bool) {
		if !f.control() {
			w.inside = !f.fin
		}
		return false, true
	}, func([]byte) bool { return true })
	w.due = time.Now().Add(500 * time.Millisecond)
	return reply
}

func (w *wsImpatient) Deadline() time.Time {
	if w.inside && len(w.decoder.buf) == 0 {
		return w.due
	}
	return deadline(w.Handler)
}

func (w *wsImpatient) Expire(now time.Time) impl.Reply {
	if w.inside && len(w.decoder.buf) == 0 && !now.Before(w.due) {
		w.inside = false
		return w.Handler.Data(clientFrame(wsContinuation, "").append(nil))
	}
	return expire(w.Handler, now)
}

func (w *wsImpatient) Stop() impl.Reply { return stop(w.Handler) }

// wsOrderFaults are in what may follow what.
func wsOrderFaults() []Fault {
	data := func(f func(s *wsState, fr *wsFrame) (keep bool)) change {
		return wsIn(func(s *wsState, fr wsFrame) []wsFrame {
			if fr.control() || f(s, &fr) {
				return []wsFrame{fr}
			}
			return nil
		})
	}
	return []Fault{
		{Name: "lone-continuation-is-text", change: data(func(s *wsState, f *wsFrame) bool {
			if f.op == wsContinuation && !s.inside {
				f.op = wsText
			}
			return true
		}), Text: "Takes a continuation that continues nothing for a text."},
		{Name: "lone-continuation-first-of-all-is-text", change: data(func(s *wsState, f *wsFrame) bool {
			if s.n++; s.n == 1 && f.op == wsContinuation {
				f.op = wsText
			}
			return true
		}), Text: "Takes a continuation for a text where it is the first data frame of a connection."},
		{Name: "lone-continuation-skipped", change: data(func(s *wsState, f *wsFrame) bool {
			return f.op != wsContinuation || s.inside || s.n > 0
		}), Text: "Drops a continuation that continues nothing."},
		{Name: "lone-continuation-kept", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsContinuation && !s.inside && !f.fin || s.n > 0 && f.op == wsContinuation {
				s.n = 1
				return nil
			}
			return []wsFrame{f}
		}), Text: "Keeps a continuation without FIN that continues nothing, and goes on."},
		{Name: "continued-after-its-end", change: data(func(s *wsState, f *wsFrame) bool {
			if s.inside && f.fin {
				s.n = int(s.message)
			}
			if f.op == wsContinuation && !s.inside && s.n > 0 {
				f.op = byte(s.n)
			}
			return true
		}), Text: "Does not note the end of a fragmented message, and takes the next continuation for one more part."},
		{Name: "message-inside-message-joined", change: data(func(s *wsState, f *wsFrame) bool {
			if s.inside && f.op <= wsBinary {
				f.op = wsContinuation
			}
			return true
		}), Text: "Takes a message inside another one for its continuation."},
		{Name: "message-inside-message-replaces", change: wsHeld(func(s *wsState, f wsFrame) []wsFrame {
			if f.control() {
				return []wsFrame{f}
			}
			if f.op != wsContinuation {
				s.kept = nil
			}
			return s.collect(f)
		}), Text: "Forgets the message that has begun when another one begins."},
		{Name: "fragmented-ping-answered", change: wsFinOf(wsPing, true), Text: "Answers a Ping without FIN."},
		{Name: "fragmented-pong-dropped", change: wsFinOf(wsPong, false), Text: "Drops a Pong without FIN like any other."},
		{Name: "fragmented-close-answered", change: wsFinOf(wsClose, true), Text: "Answers a Close without FIN."},
		{Name: "fragmented-close-dropped", change: wsFinOf(wsClose, false), Text: "Waits for the continuation of a Close without FIN."},
	}
}

// wsFinOf does not look at FIN in control frames of one kind, or drops those
// without.
func wsFinOf(op byte, handled bool) change {
	return wsIn(func(_ *wsState, f wsFrame) []wsFrame {
		if f.op == op && !f.fin {
			if !handled {
				return nil
			}
			f.fin = true
		}
		return []wsFrame{f}
	})
}

// wsBetweenFaults are in control frames between the fragments of a message.
func wsBetweenFaults() []Fault {
	// joined adds the payload of control frames to the message.
	joined := func(op byte) change {
		return wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op != op || !s.inside || len(f.payload) > 125 || !f.fin {
				return []wsFrame{f}
			}
			part := f
			part.op, part.fin = wsContinuation, false
			return []wsFrame{f, part}
		})
	}
	return []Fault{
		{Name: "ping-joins-the-message", change: joined(wsPing), Text: "Adds the payload of a Ping between two fragments to the message."},
		{Name: "pong-joins-the-message", change: joined(wsPong), Text: "Adds the payload of a Pong between two fragments to the message."},
		{Name: "ping-empties-the-message", change: wsHeld(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsPing {
				s.kept = nil
			}
			if f.control() || f.op != wsContinuation && (f.fin || s.inside) {
				return []wsFrame{f}
			}
			return s.collect(f)
		}), Text: "Has one buffer for fragments and control frames, and loses the part of a message in front of a Ping."},
		{Name: "ping-inside-message-fails", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.control() && s.inside {
				s.Say(wsCloseFrame(1002, "continuation expected"))
				s.Hangup()
				return nil
			}
			return []wsFrame{f}
		}), Text: "Expects nothing but continuations until a message is whole."},
		{Name: "ping-inside-message-dropped", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsPing && s.inside {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Does not answer a Ping inside a message."},
		{Name: "close-inside-message-waits", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose && s.inside {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Waits for the end of the message when a Close comes inside it."},
		{Name: "close-sends-the-part-off", change: wsHeld(func(s *wsState, f wsFrame) []wsFrame {
			if f.control() {
				if f.op == wsClose && len(s.kept) > 0 {
					s.Say(serverFrame(s.message, string(s.kept)))
				}
				return []wsFrame{f}
			}
			if f.op != wsContinuation && s.inside {
				return []wsFrame{f}
			}
			return s.collect(f)
		}), Text: "Echoes the part of a message that has come before it answers a Close."},
	}
}
