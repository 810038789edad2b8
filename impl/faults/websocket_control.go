package faults

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"conform/impl"
	"conform/impl/websocket"
)

// websocketControlFaults are in Pings and Pongs.
func websocketControlFaults() []Fault { return slices.Concat(wsPongFaults(), wsPingFaults()) }

// wsPongFaults are in how Pings are answered.
func wsPongFaults() []Fault {
	pong := func(f func(s *wsState, payload []byte) []byte) change {
		return wsOut(func(s *wsState, fr wsFrame) []wsFrame {
			if fr.op == wsPong {
				fr.payload = f(s, fr.payload)
			}
			return []wsFrame{fr}
		})
	}
	return []Fault{
		{Name: "ping-unanswered", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsPong {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Drops Pings."},
		{Name: "pong-empty", change: pong(func(*wsState, []byte) []byte { return nil }), Text: "Answers every Ping with an empty Pong."},
		{Name: "pong-decoded", change: pong(func(_ *wsState, p []byte) []byte { return bytes.ToValidUTF8(p, []byte("?")) }),
			Text: "Takes the payload of a Ping for text, and replaces what is none."},
		{Name: "pong-ends-at-nul", change: pong(func(_ *wsState, p []byte) []byte { p, _, _ = bytes.Cut(p, []byte{0}); return p }),
			Text: "Keeps the payload of a Ping in a C string, which ends at a zero byte."},
		{Name: "pong-of-124-bytes", change: pong(func(_ *wsState, p []byte) []byte { return p[:min(len(p), 124)] }),
			Text: "Has room for 124 bytes of a Ping."},
		{Name: "pong-with-terminator", change: pong(func(_ *wsState, p []byte) []byte {
			if len(p) == 0 {
				return p
			}
			return append(bytes.Clone(p), 0)[:min(len(p)+1, 125)]
		}), Text: "Sends a string back with the zero byte that ends it."},
		{Name: "pong-of-first-ping", change: pong(func(s *wsState, p []byte) []byte {
			if s.n++; s.n == 1 {
				s.kept = bytes.Clone(p)
			}
			return s.kept
		}), Text: "Makes its Pong once, and sends the same one ever after."},
		{Name: "one-pong-a-connection", change: wsOut(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsPong {
				if s.n++; s.n > 1 {
					return nil
				}
			}
			return []wsFrame{f}
		}), Text: "Answers the first Ping of a connection."},
		{Name: "ping-answered-with-ping", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsPong {
				f.op = wsPing
			}
			return []wsFrame{f}
		}), Text: "Sends a Ping back as it is."},
		{Name: "empty-ping-unanswered", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsPong && len(f.payload) == 0 {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Does not answer a Ping without a payload."},
		{Name: "pongs-share-a-buffer", change: wsAnswers(func(frames []wsFrame) []wsFrame {
			var last []byte
			for _, f := range frames {
				if f.op == wsPong {
					last = f.payload
				}
			}
			for i := range frames {
				if frames[i].op == wsPong {
					frames[i].payload = last
				}
			}
			return frames
		}), Text: "Keeps the payload of a Ping in a place that the next one overwrites before it is answered."},
		{Name: "pongs-in-fragments", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op != wsPong || len(f.payload) < 100 {
				return []wsFrame{f}
			}
			rest := f
			rest.op, rest.payload, rest.form = wsContinuation, f.payload[100:], 0
			f.fin, f.payload, f.form = false, f.payload[:100], 0
			return []wsFrame{f, rest}
		}), Text: "Sends long Pongs in fragments."},
		{Name: "pong-in-the-middle-of-a-frame", change: handler(func(next impl.Handler) impl.Handler { return &wsTorn{Handler: next} }),
			Text: "Has two threads write to one connection, so that a Pong gets into the middle of a long message."},
		{Name: "pong-of-another-client", change: pongOfAnother,
			Text: "Keeps the payload of a Ping in a place that all connections share."},
	}
}

// wsTorn writes a long reply in two parts, with what is answered meanwhile
// between them.
type wsTorn struct {
	impl.Handler
	rest []byte
	due  time.Time
}

func (t *wsTorn) Data(p []byte) impl.Reply {
	r := t.Handler.Data(p)
	switch n := len(r.Send); {
	case len(t.rest) > 0:
		if len(r.Send) > 0 {
			r.Send, t.rest = append(bytes.Clone(r.Send), t.rest...), nil
		}
	case n > 512<<10:
		t.rest, r.Send = bytes.Clone(r.Send[n/2:]), r.Send[:n/2]
		t.due = time.Now().Add(5 * head)
	}
	return r
}

func (t *wsTorn) Deadline() time.Time {
	if len(t.rest) > 0 {
		return t.due
	}
	return deadline(t.Handler)
}

func (t *wsTorn) Expire(now time.Time) impl.Reply {
	if len(t.rest) == 0 {
		return expire(t.Handler, now)
	}
	r := impl.Reply{Send: t.rest}
	t.rest = nil
	return r
}

func (t *wsTorn) Stop() impl.Reply { return stop(t.Handler) }

// pongOfAnother has each Pong carry the Ping that was read last, by whichever
// connection. Each read is handled a little later, so that it shows.
func pongOfAnother(p *plan) {
	var mu sync.Mutex
	var last []byte
	both(connection(func(_ *plan, c *conn) {
		c.onRead(func(p []byte, n int, err error) (int, error) {
			f, size, length, ok := decodeHeader(p[:n])
			if ok && f.op == wsPing && f.masked && length <= uint64(n-size) {
				payload := bytes.Clone(p[size : size+int(length)])
				for i := range payload {
					payload[i] ^= f.key[i%4]
				}
				mu.Lock()
				last = payload
				mu.Unlock()
				time.Sleep(head)
			}
			return n, err
		})
	}), wsOut(func(_ *wsState, f wsFrame) []wsFrame {
		mu.Lock()
		defer mu.Unlock()
		if f.op == wsPong && last != nil {
			f.payload = last
		}
		return []wsFrame{f}
	}))(p)
}

// wsPingFaults are in which control frames are understood, and what comes of
// the others.
func wsPingFaults() []Fault {
	return []Fault{
		{Name: "opcode-not-looked-at", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.masked && !f.huge {
				s.Say(serverFrame(wsText, string(f.payload)))
				return nil
			}
			return []wsFrame{f}
		}), Text: "Echoes every frame as text, control frames and fragments too."},
		{Name: "long-ping-answered", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsPing && len(f.payload) > 125 {
				s.Say(serverFrame(wsPong, string(f.payload)))
				return nil
			}
			return []wsFrame{f}
		}), Text: "Answers Pings of any length."},
		{Name: "ping-with-64-bit-length-answered", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsPing && len(f.payload) > 0xffff {
				s.Say(serverFrame(wsPong, string(f.payload[:125])))
				return nil
			}
			return []wsFrame{f}
		}), Text: "Looks at the length of a control frame only where it stands in 16 bits."},
		{Name: "long-pong-dropped", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsPong && len(f.payload) > 125 {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Does not look at the length of a Pong."},
		{Name: "long-ping-dropped", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsPing && len(f.payload) > 125 {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Drops Pings that are too long, and goes on."},
		{Name: "pong-answered", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsPong && f.masked && f.fin && f.rsv == 0 && len(f.payload) <= 125 {
				s.Say(serverFrame(wsPong, string(f.payload)))
			}
			return []wsFrame{f}
		}), Text: "Answers a Pong with a Pong."},
		{Name: "unsolicited-pong-fails", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsPong {
				s.Say(wsCloseFrame(1002, "no ping was sent"))
				s.Hangup()
				return nil
			}
			return []wsFrame{f}
		}), Text: "Fails the connection on a Pong that it has not asked for."},
		{Name: "control-frame-in-one-read", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.control() {
				for _, cut := range f.cuts {
					if cut >= 0 {
						f.payload = f.payload[:min(cut, len(f.payload))]
						break
					}
				}
			}
			return []wsFrame{f}
		}), Text: "Takes what a read has brought of a control frame for all of it."},
		{Name: "control-frame-ends-the-read", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if s.inRead == 0 {
				s.n = 0
			}
			if s.n > 0 {
				return nil
			}
			if f.control() {
				s.n = 1
			}
			return []wsFrame{f}
		}), Text: "Drops what a read has brought behind a control frame."},
		{Name: "pong-keeps-connection-open", change: wsReads(func(r *wsReader, p []byte) []byte {
			var out, end []byte
			r.feed(p, func(f wsFrame) (pass, more bool) {
				switch {
				case f.op == wsClose:
					end = f.append(nil)
				case !f.huge:
					out, end = f.append(out), nil
				}
				return true, true
			}, func(p []byte) bool { out = append(out, p...); return true })
			return append(out, end...)
		}), Text: "Forgets a Close when another frame comes behind it in the same read."},
		{Name: "idle-client-hung-up-on", change: wsOptions(func(o *websocket.Options) { o.IdleTimeout = 3 * time.Second }),
			Text: "Hangs up on a client that has sent nothing for three seconds."},
		{Name: "pings-never-sent", change: wsOptions(func(o *websocket.Options) { o.PingInterval = 0 }),
			Text: "Has a setting for Pings, and sends none."},
		{Name: "pongs-do-not-count", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsPong && f.masked && f.fin && f.rsv == 0 && len(f.payload) <= 125 {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Drops Pongs, those to its own Pings too, and gives up on clients that are alive."},
	}
}
