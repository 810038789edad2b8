package faults

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// wsStreamFaults are in how frames are found in what a read brings.
func wsStreamFaults() []Fault {
	gives := func(cut func(f wsFrame) bool) change {
		return wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if cut(f) {
				s.Say(wsCloseFrame(1002, "incomplete frame"))
				s.Hangup()
				return nil
			}
			return []wsFrame{f}
		})
	}
	cutIn := func(f wsFrame, from, to int) bool {
		return slices.ContainsFunc(f.cuts, func(at int) bool { return at >= from && at < to })
	}
	return []Fault{
		{Name: "read-is-a-message", change: wsReads(func(r *wsReader, p []byte) []byte {
			f, size, _, ok := decodeHeader(p)
			if !ok {
				return nil
			}
			payload := p[size:]
			for i := range payload {
				payload[i] ^= f.key[i%4]
			}
			r.Say(serverFrame(wsText, string(payload)))
			return nil
		}), Text: "Takes whatever a read brings for one text: FIN, opcode and length are not looked at."},
		{Name: "one-frame-a-read", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if s.inRead > 0 {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Takes the first frame out of what a read has brought, and drops the rest."},
		{Name: "last-frame-of-a-read", change: wsReads(func(r *wsReader, p []byte) []byte {
			var last []byte
			r.feed(p, func(f wsFrame) (pass, more bool) {
				last = f.append(nil)
				return false, true
			}, nil)
			return last
		}), Text: "Puts each frame of a read in the place of the one before, and handles the last one."},
		{Name: "half-a-frame-dropped", change: wsReads(func(r *wsReader, p []byte) []byte {
			whole := 0
			r.feed(p, func(wsFrame) (pass, more bool) { whole++; return true, true }, func([]byte) bool { return true })
			if whole > 0 && len(r.buf) > 0 {
				p = p[:len(p)-len(r.buf)]
				r.buf = nil
			}
			return p
		}), Text: "Drops the beginning of a frame that comes in one read with the end of another."},
		{Name: "header-in-one-read", change: gives(func(f wsFrame) bool { return cutIn(f, -14, 0) && len(f.payload) <= 0xffff }),
			Text: "Fails a connection on a header that does not come in one read."},
		{Name: "long-header-in-one-read", change: gives(func(f wsFrame) bool { return cutIn(f, -14, 0) && f.form == 64 }),
			Text: "Fails a connection on a header with a 64-bit length that does not come in one read."},
		{Name: "header-and-payload-in-one-read", change: gives(func(f wsFrame) bool { return cutIn(f, 0, 1) && len(f.payload) > 0 }),
			Text: "Fails a connection when a header comes without a byte of its payload."},
		{Name: "payload-in-one-read", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			for _, cut := range f.cuts {
				if cut >= 0 {
					clear(f.payload[min(cut, len(f.payload)):])
					break
				}
			}
			return []wsFrame{f}
		}), Text: "Does not wait for what a read has not brought of a payload, and echoes the memory behind it."},
		{Name: "long-messages-in-one-write", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if n := len(f.payload); n > 512<<10 {
				f.payload = f.payload[:512<<10]
				f.extra = int64(n - len(f.payload))
			}
			return []wsFrame{f}
		}), Text: "Writes once, and loses what the system does not take of a long message."},
		{Name: "shortest-answer-first", change: wsAnswers(func(frames []wsFrame) []wsFrame {
			slices.SortStableFunc(frames, func(a, b wsFrame) int { return len(a.payload) - len(b.payload) })
			return frames
		}), Text: "Handles every frame of a read in a thread of its own, so that the shortest is answered first."},
		{Name: "three-hundred-messages", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if s.n++; s.n > 300 {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Does not give back what a message costs, and has room for three hundred on one connection."},
		{Name: "end-completes-a-frame", change: wsAtEnd(func(_ []wsFrame, begun []byte) []wsFrame {
			f, size, _, ok := decodeHeader(begun)
			if !ok {
				return nil
			}
			payload := bytes.Clone(begun[size:])
			for i := range payload {
				payload[i] ^= f.key[i%4]
			}
			return []wsFrame{serverFrame(wsText, string(payload))}
		}), Text: "Takes what has come of a frame for all of it when the client ends its side."},
		{Name: "end-completes-a-message", change: wsAtEnd(func(fragments []wsFrame, _ []byte) []wsFrame {
			var payload []byte
			for _, f := range fragments {
				payload = append(payload, f.payload...)
			}
			if len(fragments) == 0 {
				return nil
			}
			return []wsFrame{serverFrame(wsText, string(payload))}
		}), Text: "Takes the fragments that have come for the whole message when the client ends its side."},
		{Name: "ping-over-read", change: wsReads(func(r *wsReader, p []byte) []byte {
			n := min(uint64(len(p)), r.left)
			p = p[n:]
			r.left -= n
			var out []byte
			r.feed(p, func(f wsFrame) (pass, more bool) {
				if !f.huge {
					out = f.append(out)
				}
				return true, true
			}, func(p []byte) bool { out = append(out, p...); return true })
			if f, size, length, ok := decodeHeader(r.buf); ok && f.op == wsPing && len(r.buf) > size {
				memory := append(bytes.Clone(r.buf[size:]), make([]byte, 125)...)
				r.Say(serverFrame(wsPong, string(memory[:min(length, 125)])))
				r.left, r.buf = length-uint64(len(r.buf)-size), nil
			}
			return out
		}), Text: "Answers a Ping with as many bytes as it announces before they have come: the rest is whatever the memory held."},
	}
}

// wsPayloadFaults are in what a payload is taken for.
func wsPayloadFaults() []Fault {
	echo := func(f func(f *wsFrame)) change {
		return wsOut(func(_ *wsState, fr wsFrame) []wsFrame {
			if !fr.control() {
				f(&fr)
			}
			return []wsFrame{fr}
		})
	}
	return []Fault{
		{Name: "payload-ends-at-nul", change: echo(func(f *wsFrame) { f.payload, _, _ = bytes.Cut(f.payload, []byte{0}) }),
			Text: "Keeps payloads in C strings, which end at a zero byte."},
		{Name: "line-ends-changed", change: echo(func(f *wsFrame) { f.payload = bytes.ReplaceAll(f.payload, []byte("\r\n"), []byte("\n")) }),
			Text: "Reads payloads in text mode, in which CR LF becomes LF."},
		{Name: "binary-comes-back-as-text", change: echo(func(f *wsFrame) { f.op = wsText }),
			Text: "Sends every message back as text."},
		{Name: "type-guessed-from-content", change: echo(func(f *wsFrame) {
			if len(f.payload) > 0 && utf8.Valid(f.payload) {
				f.op = wsText
			}
		}), Text: "Sends whatever could be text back as text."},
		{Name: "text-decoded-by-reads", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsText && len(f.payload) > 16<<10 {
				var decoded []byte
				from := 0
				for _, cut := range append(slices.Clone(f.cuts), len(f.payload)) {
					if cut > from {
						decoded = append(decoded, bytes.ToValidUTF8(f.payload[from:cut], []byte("\uFFFD"))...)
						from = cut
					}
				}
				f.payload = decoded
			}
			return []wsFrame{f}
		}), Text: "Decodes a long text a read at a time, and spoils the characters that lie in two of them."},
		{Name: "empty-messages-swallowed", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if !f.control() && f.fin && !s.inside && len(f.payload) == 0 && f.masked && f.rsv == 0 {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Does not echo empty messages."},
		{Name: "empty-message-ends-connection", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if !f.control() && f.fin && !s.inside && len(f.payload) == 0 {
				s.Hangup()
				return nil
			}
			return []wsFrame{f}
		}), Text: "Takes a payload of no bytes for the end of the connection."},
	}
}
