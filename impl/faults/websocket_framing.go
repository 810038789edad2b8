package faults

import (
	"bytes"
	"encoding/binary"
	"slices"
	"unicode/utf8"
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
