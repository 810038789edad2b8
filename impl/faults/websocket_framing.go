package faults

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"

	"conform/impl"
)

// websocketFramingFaults are in the header of frames, and in how frames are
// found in what arrives.
func websocketFramingFaults() []Fault {
	return slices.Concat(wsLengthFaults(), wsHugeFaults(), wsStreamFaults(), wsPayloadFaults(), wsReservedFaults())
}

// declaredLength is a length as its sender means it.
func declaredLength(form int, first byte, extended []byte) uint64 {
	switch form {
	case 16:
		return uint64(binary.BigEndian.Uint16(extended))
	case 64:
		return binary.BigEndian.Uint64(extended)
	}
	return uint64(first)
}

// wsLengthFaults are in the length, read or written.
func wsLengthFaults() []Fault {
	// read has lengths of one form taken for something else.
	read := func(form int, f func(extended []byte) uint64) change {
		return wsLengths(func(got int, first byte, extended []byte) (int, uint64) {
			if got == form {
				return len(extended), f(extended)
			}
			return len(extended), declaredLength(got, first, extended)
		})
	}
	written := func(f func(f *wsFrame)) change {
		return wsOut(func(_ *wsState, fr wsFrame) []wsFrame { f(&fr); return []wsFrame{fr} })
	}
	return []Fault{
		{Name: "length-126-is-a-length", change: wsLengths(func(form int, first byte, extended []byte) (int, uint64) {
			if form == 16 {
				return 0, 126
			}
			return len(extended), declaredLength(form, first, extended)
		}), Text: "Takes a 126 in the first length for 126 bytes, and what stands behind it for the key."},
		{Name: "length-forms-confused", change: wsLengths(func(form int, first byte, extended []byte) (int, uint64) {
			if form == 64 {
				return 2, uint64(binary.BigEndian.Uint16(extended))
			}
			return len(extended), declaredLength(form, first, extended)
		}), Text: "Reads two bytes of length behind a 127, as behind a 126."},
		{Name: "length-read-in-machine-order", change: read(16, func(p []byte) uint64 { return uint64(binary.LittleEndian.Uint16(p)) }),
			Text: "Reads the two bytes of a length in the order of its own machine."},
		{Name: "long-length-read-in-machine-order", change: read(64, func(p []byte) uint64 { return uint64(binary.LittleEndian.Uint32(p[4:])) }),
			Text: "Reads the last four bytes of a 64-bit length in the order of its own machine."},
		{Name: "length-in-one-byte", change: read(16, func(p []byte) uint64 { return uint64(p[1]) }),
			Text: "Keeps the 16-bit length in one byte."},
		{Name: "length-is-signed", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.form == 16 && len(f.payload) > 0x7fff {
				s.Say(wsCloseFrame(1002, "negative length"))
				s.Hangup()
				return nil
			}
			return []wsFrame{f}
		}), Text: "Takes a 16-bit length above 32767 for a negative one."},
		{Name: "length-cut-to-32-bits", change: read(64, func(p []byte) uint64 { return uint64(binary.BigEndian.Uint32(p[4:])) }),
			Text: "Uses the last four bytes of a 64-bit length."},
		{Name: "length-cut-to-16-bits", change: read(64, func(p []byte) uint64 { return uint64(binary.BigEndian.Uint16(p[6:])) }),
			Text: "Uses the last two bytes of a 64-bit length."},
		{Name: "length-without-its-top-bit", change: read(64, func(p []byte) uint64 { return binary.BigEndian.Uint64(p) &^ (1 << 63) }),
			Text: "Masks the most significant bit of a length out, and reads on."},
		{Name: "length-of-all-ones-is-none", change: read(64, func(p []byte) uint64 {
			if n := binary.BigEndian.Uint64(p); n != 1<<64-1 {
				return n
			}
			return 0
		}), Text: "Takes a length of all ones for -1, and that for no payload."},
		{Name: "length-behind-126-is-at-least-126", change: read(16, func(p []byte) uint64 { return max(126, uint64(binary.BigEndian.Uint16(p))) }),
			Text: "Reads 126 bytes at least where the length stands in 16 bits."},
		{Name: "longer-forms-of-ping-misread", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsPing && f.form > 7 {
				f.payload = append(bytes.Clone(f.key[2:]), f.payload...)[:len(f.payload)]
			}
			return []wsFrame{f}
		}), Text: "Knows one form of length for control frames, and takes a part of the key for the payload in another."},

		{Name: "longest-form-of-length-sent", change: written(func(f *wsFrame) { f.form = 64 }),
			Text: "Writes every length in 64 bits."},
		{Name: "16-bit-length-for-125", change: written(func(f *wsFrame) {
			if len(f.payload) == 125 {
				f.form = 16
			}
		}), Text: "Writes a length of 125 in 16 bits, because it compares with < where <= is due."},
		{Name: "length-forms-swapped", change: written(func(f *wsFrame) {
			header := []byte{f.op | 0x80, 126}
			switch n := uint64(len(f.payload)); {
			case f.form == 16:
				f.raw = append(binary.BigEndian.AppendUint64(header, n), f.payload...)
			case f.form == 64:
				header[1] = 127
				f.raw = append(binary.BigEndian.AppendUint16(header, uint16(n)), f.payload...)
			}
		}), Text: "Writes eight bytes of length behind a 126, and two behind a 127."},
		{Name: "length-of-126-sent-in-7-bits", change: written(func(f *wsFrame) {
			if n := len(f.payload); n == 126 || n == 127 {
				f.raw = append([]byte{f.op | 0x80, byte(n)}, f.payload...)
			}
		}), Text: "Writes lengths of 126 and 127 as they are, where they mean that another length follows."},
		{Name: "length-sent-in-16-bits", change: written(func(f *wsFrame) {
			if len(f.payload) > 0xffff {
				f.raw = append(binary.BigEndian.AppendUint16([]byte{f.op | 0x80, 126}, uint16(len(f.payload))), f.payload...)
			}
		}), Text: "Writes every length above 125 in 16 bits, and loses what does not fit."},
		{Name: "length-counts-characters", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsText {
				f.extra = int64(utf8.RuneCount(f.payload) - len(f.payload))
			}
			return []wsFrame{f}
		}), Text: "Writes how many characters a text has where its length in bytes is due."},
	}
}

// wsHugeFaults are in what is done about lengths that nobody means.
func wsHugeFaults() []Fault {
	dies := func(when func(s *wsState, f wsFrame) bool) change {
		return func(p *plan) {
			wsIn(func(s *wsState, f wsFrame) []wsFrame {
				if when(s, f) {
					p.die()
					s.Hangup()
				}
				return []wsFrame{f}
			})(p)
		}
	}
	return []Fault{
		{Name: "memory-for-any-length", change: dies(func(_ *wsState, f wsFrame) bool { return f.huge }),
			Text: "Sets memory aside for a frame as long as its header says, and dies of one that is too long."},
		{Name: "length-sum-overflows", change: dies(func(s *wsState, f wsFrame) bool { return f.huge && f.op == wsContinuation }),
			Text: "Adds the length of a fragment to what it has of the message without looking for an overflow, and dies of it."},
		{Name: "huge-length-echoed", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.huge && !s.inside {
				s.Say(serverFrame(wsText, ""))
				return nil
			}
			return []wsFrame{f}
		}), Text: "Takes a length above its limit for an empty message, and echoes that."},
	}
}

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
