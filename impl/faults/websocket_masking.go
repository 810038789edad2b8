package faults

import (
	"encoding/binary"
	"fmt"
)

// websocketMaskingFaults are in whether, and how, masks are taken off.
func websocketMaskingFaults() []Fault {
	unmasked := func(name, what string, which func(s *wsState, f wsFrame) bool) Fault {
		return Fault{Name: "unmasked-" + name + "-accepted", Text: fmt.Sprintf("Misses the mask of every frame but that of %s.", what),
			change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
				f.masked = f.masked || which(s, f)
				return []wsFrame{f}
			})}
	}
	of := func(op byte) func(*wsState, wsFrame) bool {
		return func(_ *wsState, f wsFrame) bool { return f.op == op }
	}
	return append([]Fault{
		unmasked("text", "a text", of(wsText)),
		unmasked("binary", "a binary message", of(wsBinary)),
		unmasked("ping", "a Ping", of(wsPing)),
		unmasked("pong", "a Pong", of(wsPong)),
		unmasked("continuation", "a continuation", of(wsContinuation)),
		unmasked("empty-frame", "a frame without a payload", func(_ *wsState, f wsFrame) bool { return len(f.payload) == 0 }),
		{Name: "mask-checked-once", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			f.masked = f.masked || s.n > 0
			s.n++
			return []wsFrame{f}
		}), Text: "Looks for the mask in the first frame of a connection only."},
		{Name: "unmasked-frames-skipped", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if !f.masked {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Drops frames without a mask and goes on with what follows them."},
		{Name: "mask-always-read", change: wsMaskAlwaysRead(),
			Text: "Takes the first four bytes of an unmasked payload for the key, and waits for as many more."},
		{Name: "mask-always-read-in-silence", change: both(wsMaskAlwaysRead(), wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose && failure(f.append(nil)) {
				return nil
			}
			return []wsFrame{f}
		})), Text: "Takes the first four bytes of an unmasked payload for the key, and hangs up when what it reads next makes no sense."},
		{Name: "unmasked-close-dropped", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose && !f.masked {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Drops a Close frame without a mask, and goes on."},
		{Name: "pings-read-ahead", change: wsReads(func(r *wsReader, p []byte) []byte {
			var pings, others []byte
			r.feed(p, func(f wsFrame) (pass, more bool) {
				if f.op == wsPing && f.fin && f.masked {
					pings = f.append(pings)
				} else if !f.huge {
					others = f.append(others)
				}
				return true, true
			}, func(p []byte) bool { others = append(others, p...); return true })
			return append(pings, others...)
		}), Text: "Answers the Pings that a read has brought before it looks at what came in front of them."},
	}, wsUnmaskingFaults()...)
}

// wsMaskAlwaysRead reads four bytes of a key whether the MASK bit is set or not.
func wsMaskAlwaysRead() change {
	return wsReads(func(r *wsReader, p []byte) (out []byte) {
		for {
			n := min(uint64(len(p)), r.left)
			out, p = append(out, p[:n]...), p[n:]
			r.left -= n
			r.buf = append(r.buf, p...)
			f, size, length, ok := decodeHeader(r.buf)
			if r.left > 0 || !ok {
				return out
			}
			r.left = length
			if !f.masked {
				r.left += 4
			}
			r.buf[1] |= 0x80
			out, p, r.buf = append(out, r.buf[:size]...), append([]byte(nil), r.buf[size:]...), nil
		}
	})
}

// wsMasked takes masks off with other bytes of keys than the right ones: f
// says which one is used for the byte i of the payload.
func wsMasked(f func(s *wsState, f wsFrame, i int) byte) change {
	return wsIn(func(s *wsState, fr wsFrame) []wsFrame {
		for i := range fr.payload {
			fr.payload[i] ^= fr.key[i%4] ^ f(s, fr, i)
		}
		s.n += len(fr.payload)
		return []wsFrame{fr}
	})
}

// wsUnmaskingFaults are in how masks are taken off.
func wsUnmaskingFaults() []Fault {
	return []Fault{
		{Name: "mask-in-words", change: wsMasked(func(_ *wsState, f wsFrame, i int) byte {
			if i >= len(f.payload)/4*4 {
				return 0
			}
			return f.key[i%4]
		}), Text: "Takes the mask off four bytes at a time, and leaves it on those that do not fill a word."},
		{Name: "mask-in-long-words", change: wsMasked(func(_ *wsState, f wsFrame, i int) byte {
			if at := i - len(f.payload)/32*32; len(f.payload) > 32 && at >= 0 {
				return f.key[3-at%4]
			}
			return f.key[i%4]
		}), Text: "Takes the mask off 32 bytes at a time, and turns the key round for the bytes behind them."},
		{Name: "mask-restarts-with-each-read", change: wsMasked(func(_ *wsState, f wsFrame, i int) byte {
			from := 0
			for _, cut := range f.cuts {
				if cut > 0 && cut <= i {
					from = cut
				}
			}
			return f.key[(i-from)%4]
		}), Text: "Begins with the first byte of the key at every read."},
		{Name: "mask-goes-on-from-frame-to-frame", change: wsMasked(func(s *wsState, f wsFrame, i int) byte { return f.key[(s.n+i)%4] }),
			Text: "Goes on in the key where the frame before has ended."},
		{Name: "mask-of-first-frame", change: wsMasked(func(s *wsState, f wsFrame, i int) byte {
			if len(s.kept) == 0 {
				s.kept = append(s.kept, f.key[:]...)
			}
			return s.kept[i%4]
		}), Text: "Keeps the key of the first frame for the whole connection."},
		{Name: "mask-of-first-fragment", change: wsMasked(func(s *wsState, f wsFrame, i int) byte {
			if !f.control() && !s.inside {
				s.kept = append([]byte(nil), f.key[:]...)
			}
			if f.op == wsContinuation && len(s.kept) == 4 {
				return s.kept[i%4]
			}
			return f.key[i%4]
		}), Text: "Keeps the key of the first fragment for the whole message."},
		{Name: "mask-in-machine-order", change: wsMasked(func(_ *wsState, f wsFrame, i int) byte { return f.key[3-i%4] }),
			Text: "Reads the key as a number in the order of its own machine."},
		{Name: "mask-is-signed", change: wsMasked(func(_ *wsState, f wsFrame, i int) byte { return f.key[i%4] & 0x7f }),
			Text: "Keeps the key in characters of 7 bits."},
		{Name: "key-of-zeros-is-no-key", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.key == [4]byte{} {
				f.masked = false
			}
			return []wsFrame{f}
		}), Text: "Takes a frame whose key is all zeros for one without a mask."},
		{Name: "mask-by-address", change: wsMasked(func(s *wsState, f wsFrame, i int) byte {
			if len(f.payload) > 1024 {
				return f.key[(s.n+i)%4]
			}
			return f.key[i%4]
		}), Text: "Takes the mask off a long payload from an even address on, with the wrong byte of the key when an odd number of bytes lies before it."},
		{Name: "control-frames-not-unmasked", change: wsMasked(func(_ *wsState, f wsFrame, i int) byte {
			if f.control() {
				return 0
			}
			return f.key[i%4]
		}), Text: "Leaves the mask on control frames."},
		{Name: "close-sent-back-masked", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op != wsClose || !f.masked || len(f.payload) < 2 {
				return []wsFrame{f}
			}
			masked := f.append(nil)
			s.Say(serverFrame(wsClose, string(masked[len(masked)-len(f.payload):])))
			s.Hangup()
			return nil
		}), Text: "Sends the payload of a Close back as it came, under its mask."},
		{Name: "key-in-one-read", change: wsMasked(func(_ *wsState, f wsFrame, i int) byte {
			for _, cut := range f.cuts {
				if cut > -4 && cut < 0 && i%4 >= 4+cut {
					return 0
				}
			}
			return f.key[i%4]
		}), Text: "Takes the bytes of the key that a read has not brought for zeros."},
		{Name: "server-masks", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			f.masked, f.key = true, [4]byte{'s', 'r', 'v', '1'}
			return []wsFrame{f}
		}), Text: "Masks its frames as a client has to."},
		{Name: "server-masks-pongs", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			f.masked = f.op == wsPong
			binary.BigEndian.PutUint32(f.key[:], 0x5eedcafe)
			return []wsFrame{f}
		}), Text: "Masks its Pongs, as if they had to look like the Pings."},
		{Name: "frames-sent-back-as-they-came", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.control() || !f.masked || f.rsv != 0 || f.op > wsBinary || s.inside == (f.op != wsContinuation) {
				return []wsFrame{f}
			}
			s.Say(f)
			return nil
		}), Text: "Sends the frames of a message back as they came, mask and all."},
	}
}
