package faults

import (
	"strings"

	"conform/impl"
)

// More tools for faulty WebSocket servers, for what is wrong in how bytes are
// read, before there are frames: wsReads, wsLengths, wsAnswers and wsAtEnd.

// wsReader is what a change of reads keeps of one connection.
type wsReader struct {
	wsDecoder
	left  uint64 // for the fault
	reply impl.Reply
}

// Say sends frames to the client, before what the reference answers.
func (r *wsReader) Say(frames ...wsFrame) {
	for _, f := range frames {
		r.reply.Send = f.append(r.reply.Send)
	}
}

// wsReads changes what each read brings behind the request: f returns what the
// reference gets in its place.
func wsReads(f func(r *wsReader, p []byte) []byte) change {
	return handler(func(next impl.Handler) impl.Handler {
		var request headCutter
		r := wsReader{wsDecoder: wsDecoder{most: 1 << 20}}
		asked := false
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			var before impl.Reply
			if !asked {
				held := len(request.buf)
				head, rest, complete := request.feed(p)
				if !complete {
					return next.Data(p)
				}
				asked = true
				if before = own(next.Data(p[:len(head)-held])); len(rest) == 0 {
					return before
				}
				p = rest
			}
			r.reply = impl.Reply{}
			p = f(&r, append([]byte(nil), p...))
			reply := join(before, r.reply)
			if len(p) > 0 && !reply.Close {
				reply = join(reply, next.Data(p))
			}
			return reply
		}}
	})
}

// wsLengths reads the lengths of the client's frames in another way: f gets
// the form of one, 7, 16 or 64, and its bytes, and says how many of the
// extended ones are read, and what the length is taken for.
func wsLengths(f func(form int, first byte, extended []byte) (read int, length uint64)) change {
	return wsReads(func(r *wsReader, p []byte) (out []byte) {
		for {
			n := min(uint64(len(p)), r.left)
			out, p = append(out, p[:n]...), p[n:]
			r.left -= n
			if r.left > 0 {
				return out
			}
			r.buf = append(r.buf, p...)
			fr, size, _, ok := decodeHeader(r.buf)
			if !ok {
				return out
			}
			extended := r.buf[2:size]
			if fr.masked {
				extended = extended[:len(extended)-4]
			}
			read, length := f(fr.form, r.buf[1]&0x7f, extended)
			behind := r.buf[2+read:]
			if fr.masked {
				copy(fr.key[:], behind)
				behind = behind[4:]
			}
			fr.form, fr.extra = 0, int64(length)
			out = fr.append(out)
			r.left, p, r.buf = length, append([]byte(nil), behind...), nil
		}
	})
}

// wsAnswers changes the frames of each reply, all together.
func wsAnswers(f func(frames []wsFrame) []wsFrame) change {
	return onReply(func(r impl.Reply) impl.Reply {
		if strings.HasPrefix(string(r.Send), "HTTP/") {
			return r
		}
		var frames []wsFrame
		d := wsDecoder{most: 64 << 20}
		d.feed(r.Send, func(f wsFrame) (pass, more bool) {
			frames = append(frames, f)
			return false, true
		}, nil)
		r.Send = nil
		for _, f := range f(frames) {
			r.Send = f.append(r.Send)
		}
		return r
	})
}

// wsAtEnd says something when the client ends its side in the middle: f gets
// the fragments of the message that has no end, and what has come of a frame
// that has none.
func wsAtEnd(f func(fragments []wsFrame, begun []byte) []wsFrame) change {
	return handler(func(next impl.Handler) impl.Handler {
		var fragments []wsFrame
		var reader *wsReader
		next = around(next, wsReads(func(r *wsReader, p []byte) []byte {
			reader = r
			r.feed(p, func(f wsFrame) (pass, more bool) {
				switch {
				case f.control():
				case f.fin:
					fragments = nil
				default:
					fragments = append(fragments, f)
				}
				return false, true
			}, nil)
			return p
		}))
		return &hook{Handler: next, end: func() impl.Reply {
			var r impl.Reply
			if reader != nil {
				for _, f := range f(fragments, reader.buf) {
					r.Send = f.append(r.Send)
				}
			}
			return join(r, next.End())
		}}
	})
}
