package faults

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"conform/impl"
	"conform/impl/websocket"
)

// websocketClosingFaults are in the closing handshake, and in what becomes of a
// connection that has failed.
func websocketClosingFaults() []Fault {
	return slices.Concat(wsCloseAnswerFaults(), wsCloseEndFaults(), wsServerCloseFaults())
}

// wsCloseAnswerFaults are in what is answered to a Close frame.
func wsCloseAnswerFaults() []Fault {
	// answers has the fault answer a Close: nil leaves it to the reference.
	answers := func(f func(body []byte) *wsFrame) change {
		return wsIn(func(s *wsState, fr wsFrame) []wsFrame {
			if fr.op != wsClose || !fr.masked || !fr.fin || fr.rsv != 0 {
				return []wsFrame{fr}
			}
			answer := f(fr.payload)
			if answer == nil {
				return []wsFrame{fr}
			}
			s.Say(*answer)
			s.Hangup()
			return nil
		})
	}
	with := func(code uint16) *wsFrame { f := wsCloseFrame(code, ""); return &f }
	back := func(body []byte) *wsFrame { f := serverFrame(wsClose, string(body)); return &f }
	code := func(body []byte) int {
		if len(body) < 2 {
			return -1
		}
		return int(binary.BigEndian.Uint16(body))
	}
	return []Fault{
		{Name: "close-hangs-up", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose && f.masked && f.fin {
				s.Hangup()
				return nil
			}
			return []wsFrame{f}
		}), Text: "Ends the TCP connection at a Close frame, without one of its own."},
		{Name: "close-ignored", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Takes no notice of Close frames."},
		{Name: "close-ignored-with-code", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose && len(f.payload) >= 2 && f.payload[0] == 3 && f.payload[1] != 0xe8 {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Takes no notice of Close frames with another code than 1000."},
		{Name: "close-with-unknown-code-hangs", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if c := code(f.payload); f.op == wsClose && (c >= 1012 && c < 3000 || c >= 5000) {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Has no branch for a close code that it does not know, and never answers."},
		{Name: "close-answered-1005", change: answers(func(body []byte) *wsFrame {
			if len(body) == 0 {
				return with(1005)
			}
			return nil
		}), Text: "Answers a Close without a code with 1005, which its library gives it for that."},
		{Name: "close-answered-1000-always", change: answers(func([]byte) *wsFrame { return with(1000) }),
			Text: "Answers every Close with 1000, whatever its body is."},
		{Name: "close-answered-1011", change: answers(func([]byte) *wsFrame { return with(1011) }),
			Text: "Takes a Close for an error of its own, and answers 1011."},
		{Name: "close-body-sent-back", change: answers(back), Text: "Sends the body of a Close back unseen."},
		{Name: "close-code-sent-back", change: answers(func(body []byte) *wsFrame {
			if len(body) >= 2 && utf8.Valid(body[2:]) {
				return back(body[:2])
			}
			return nil
		}), Text: "Sends the code of a Close back, also one that must not be sent."},
		{Name: "close-code-read-from-one-byte", change: answers(func(body []byte) *wsFrame {
			if len(body) == 1 {
				return back([]byte{body[0], 0})
			}
			return nil
		}), Text: "Reads a code of two bytes from a body of one, and sends it back with what was behind it in memory."},
		{Name: "close-reason-unchecked", change: answers(func(body []byte) *wsFrame {
			if code(body) == 1000 && !utf8.Valid(body[2:]) && len(body) < 126 {
				return with(1000)
			}
			return nil
		}), Text: "Does not decode the reason of a Close."},
		{Name: "close-reason-refused", change: answers(func(body []byte) *wsFrame {
			if len(body) > 2 {
				return with(1002)
			}
			return nil
		}), Text: "Knows a Close frame with a code and nothing behind it."},
		{Name: "close-reason-of-100-bytes", change: answers(func(body []byte) *wsFrame {
			if len(body) > 102 {
				return with(1002)
			}
			return nil
		}), Text: "Reads the body of a Close into a buffer of 102 bytes, and refuses a longer one."},
		{Name: "close-of-any-length", change: answers(func(body []byte) *wsFrame {
			if len(body) > 125 {
				return with(1000)
			}
			return nil
		}), Text: "Does not limit the length of a Close frame."},
		{Name: "close-codes-of-2011", change: answers(func(body []byte) *wsFrame {
			if code(body) >= 3000 && code(body) < 5000 {
				return with(1002)
			}
			return nil
		}), Text: "Refuses the close codes that are free for libraries and applications."},
		{Name: "close-1000-only", change: answers(func(body []byte) *wsFrame {
			if len(body) >= 2 && code(body) != 1000 {
				return with(1002)
			}
			return nil
		}), Text: "Refuses every close code but 1000."},
		{Name: "close-code-little-endian", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose && len(f.payload) >= 2 {
				f.payload[0], f.payload[1] = f.payload[1], f.payload[0]
			}
			return []wsFrame{f}
		}), Text: "Sends close codes in the order of its own machine."},
		{Name: "close-1006-on-failure", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if c := code(f.payload); f.op == wsClose && c >= 1002 && c < 1012 {
				binary.BigEndian.PutUint16(f.payload, 1006)
			}
			return []wsFrame{f}
		}), Text: "Sends 1006 when a connection fails, which stands for an end without a Close frame."},
		{Name: "close-2000-on-failure", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if c := code(f.payload); f.op == wsClose && c >= 1002 && c < 1012 {
				binary.BigEndian.PutUint16(f.payload, 2000)
			}
			return []wsFrame{f}
		}), Text: "Sends a code of its own when a connection fails, 2000, which nobody has registered."},
		{Name: "close-reason-cut", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose && len(f.payload) > 2 {
				f.payload = append(f.payload[:2], "désolé"[:2]...)
			}
			return []wsFrame{f}
		}), Text: "Cuts the reason of its Close to a number of bytes, in the middle of a character."},
		{Name: "close-in-one-read", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose && len(f.cuts) > 0 {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Does not find a Close that comes in more than one read."},
		{Name: "close-torn-payload", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose && slices.ContainsFunc(f.cuts, func(at int) bool { return at > 0 }) {
				s.Say(wsCloseFrame(1002, "too short"))
				s.Hangup()
				return nil
			}
			return []wsFrame{f}
		}), Text: "Takes what a read brings of a Close for all of its body."},
	}
}

// wsCloseEndFaults are in what follows a Close frame, an error, or an end.
func wsCloseEndFaults() []Fault {
	return []Fault{
		{Name: "close-and-stay", change: staysAfter(func(closes []byte) bool { return !failure(closes) }),
			Text: "Waits for the client to end the TCP connection after the closing handshake."},
		{Name: "failure-and-stay", change: staysAfter(failure),
			Text: "Sends a Close when the connection fails, and waits without end for what the client will do."},
		{Name: "failure-and-serve", change: wsEach(func() change {
			return handler(func(next impl.Handler) impl.Handler {
				failed := false
				return &hook{Handler: next, data: func(p []byte) impl.Reply {
					if failed {
						// The next frames are looked at as usual.
						var d wsDecoder
						var s wsState
						d.most = 1 << 20
						d.feed(p, func(f wsFrame) (bool, bool) {
							switch f.op {
							case wsPing:
								s.Say(serverFrame(wsPong, string(f.payload)))
							case wsText, wsBinary:
								s.Say(serverFrame(f.op, string(f.payload)))
							case wsClose:
								s.Hangup()
							}
							return false, true
						}, func([]byte) bool { return true })
						return s.reply
					}
					r := own(next.Data(p))
					if r.Close && failure(r.Send) {
						failed, r.Close = true, false
					}
					return r
				}}
			})
		}), Text: "Sends a Close when a frame is wrong, and goes on serving the connection."},
		{Name: "violations-skipped", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			known := f.op <= wsBinary || f.op >= wsClose && f.op <= wsPong
			if !known || f.rsv&3 != 0 || f.control() && (!f.fin || len(f.payload) > 125) {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Skips frames that it does not understand."},
		{Name: "data-after-close-echoed", change: wsEach(func() change {
			return handler(func(next impl.Handler) impl.Handler {
				return &hook{Handler: next, data: func(p []byte) impl.Reply {
					r := own(next.Data(p))
					// What stands behind the Close in the same read is echoed before the end.
					if at := bytes.Index(r.Send, []byte("\x88\x02\x03\xe8")); r.Close && at >= 0 {
						if i := bytes.Index(p, clientClose(p)); i >= 0 {
							r.Send = append(r.Send, echoesOf(p[i:])...)
						}
					}
					return r
				}}
			})
		}), Text: "Goes through all frames of a read, and echoes what stands behind a Close."},
		{Name: "data-after-close-served", change: wsEach(func() change {
			var held []wsFrame
			return wsIn(func(s *wsState, f wsFrame) []wsFrame {
				if f.op == wsClose && f.masked && f.fin && f.rsv == 0 && len(f.payload) == 2 && len(held) == 0 {
					held = append(held, f)
					return nil
				}
				if len(held) > 0 && (f.op == wsText || f.op == wsClose) {
					f, held = held[0], []wsFrame{f, {}}
					if held[0].op == wsText {
						return []wsFrame{held[0], f}
					}
				}
				return []wsFrame{f}
			})
		}), Text: "Answers a Close only when it has seen what comes next, and serves that first."},
		{Name: "close-answered-twice", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose && f.masked && f.fin && f.rsv == 0 && len(f.payload) >= 2 && f.payload[0] == 3 && f.payload[1] == 0xe8 {
				s.Say(wsCloseFrame(1000, ""))
			}
			return []wsFrame{f}
		}), Text: "Sends a Close in its handler of Close frames, and another one when it ends the connection."},
		{Name: "echo-behind-close", change: wsEach(func() change {
			return handler(func(next impl.Handler) impl.Handler {
				return &hook{Handler: next, data: func(p []byte) impl.Reply {
					r := own(next.Data(p))
					at := bytes.LastIndex(r.Send, []byte("\x88\x02\x03\xe8"))
					if r.Close && at > 0 && !bytes.HasPrefix(r.Send, []byte("HTTP")) {
						r.Send = append(bytes.Clone(r.Send[at:]), r.Send[:at]...)
					}
					return r
				}}
			})
		}), Text: "Sends its Close at once, and the echoes that wait in a queue behind it."},
		{Name: "close-inside-frame", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if n := len(s.reply.Send); f.op == wsClose && n > 4<<10 {
				s.reply.Send = s.reply.Send[:n/2]
			}
			return []wsFrame{f}
		}), Text: "Writes its Close into the middle of a long echo that is being sent."},
		{Name: "dies-on-close-behind-message", change: func(p *plan) {
			wsIn(func(s *wsState, f wsFrame) []wsFrame {
				if f.op == wsClose && s.inRead > 0 {
					p.die()
				}
				return []wsFrame{f}
			})(p)
		}, Text: "Writes the echo after the connection was closed under it, and ends with an uncaught error."},
		{Name: "dies-of-reset", change: connection(func(p *plan, c *conn) {
			c.onRead(func(_ []byte, n int, err error) (int, error) {
				if errors.Is(err, syscall.ECONNRESET) {
					p.die()
				}
				return n, err
			})
		}), Text: "Ends with an uncaught error when a client resets its connection."},
		{Name: "fin-unnoticed", change: connection(func(p *plan, c *conn) {
			c.onRead(func(_ []byte, n int, err error) (int, error) {
				if errors.Is(err, io.EOF) && n == 0 {
					<-p.done
				}
				return n, err
			})
		}), Text: "Does not notice that a client has ended its side, and keeps the connection for ever."},
		{Name: "fin-answered-1005", change: atEnd(func(next impl.Handler) impl.Reply {
			return join(own(next.End()), impl.Reply{Send: wsCloseFrame(1005, "").append(nil), Close: true})
		}), Text: "Sends 1005 to a client that has ended its side without a Close."},
		{Name: "close-before-fin-unanswered", change: wsEach(func() change {
			return handler(func(next impl.Handler) impl.Handler {
				var held *impl.Reply
				return &hook{Handler: next, data: func(p []byte) impl.Reply {
					r := own(next.Data(p))
					if r.Close && bytes.HasPrefix(r.Send, []byte("\x88\x02\x03\xe8")) {
						held = &r
						return impl.Reply{}
					}
					return r
				}, end: func() impl.Reply {
					if held != nil {
						time.Sleep(head)
					}
					return impl.Reply{Send: serverFrame(wsText, "too late").append(nil), Close: true}
				}}
			})
		}), Text: "Leaves its answer to a Close to a timer, and forgets it when the client has ended its side."},
	}
}

// wsServerCloseFaults are in a closing handshake that the server begins.
func wsServerCloseFaults() []Fault {
	// began makes a change of what comes and goes once the server has sent a
	// Close with 1000 that nobody has asked for.
	began := func(f func(s *wsState, f wsFrame) []wsFrame) change {
		return wsEach(func() change {
			asked, closing := false, false
			return wsBoth(func(s *wsState, fr wsFrame) []wsFrame {
				asked = asked || fr.op == wsClose
				if closing {
					return f(s, fr)
				}
				return []wsFrame{fr}
			}, func(_ *wsState, fr wsFrame) []wsFrame {
				closing = closing || fr.op == wsClose && !asked
				return []wsFrame{fr}
			})
		})
	}
	return []Fault{
		{Name: "own-close-unfinished", change: both(wsOptions(func(o *websocket.Options) { o.CloseTimeout = time.Hour }), began(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose {
				return nil
			}
			return []wsFrame{f}
		})), Text: "Does not look at the answer to its own Close, and keeps the TCP connection."},
		{Name: "own-close-without-limit", change: wsOptions(func(o *websocket.Options) { o.CloseTimeout = time.Hour }),
			Text: "Waits for ever for the answer to its own Close."},
		{Name: "own-close-answer-answered", change: began(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose {
				s.Say(wsCloseFrame(1000, ""))
			}
			return []wsFrame{f}
		}), Text: "Answers the answer to its own Close."},
		{Name: "own-close-is-1005", change: wsEach(func() change {
			asked := false
			return wsBoth(func(_ *wsState, f wsFrame) []wsFrame {
				asked = asked || f.op == wsClose
				return []wsFrame{f}
			}, func(_ *wsState, f wsFrame) []wsFrame {
				if f.op == wsClose && !asked && strings.HasPrefix(string(f.payload), "\x03\xe8") {
					f.payload[1] = 0xed
				}
				return []wsFrame{f}
			})
		}), Text: "Begins the closing handshake with 1005 when its application has named no code."},
	}
}

// failure says whether what is sent ends in a Close because of an error.
func failure(sent []byte) bool {
	at := bytes.LastIndexByte(sent, 0x88)
	if at < 0 || len(sent) < at+4 {
		return false
	}
	code := binary.BigEndian.Uint16(sent[at+2:])
	return code >= 1002 && code <= 1011
}

// staysAfter keeps the TCP connection open behind a Close that the server has
// sent, if is says so of what was sent with it.
func staysAfter(is func(sent []byte) bool) change {
	return wsEach(func() change {
		return handler(func(next impl.Handler) impl.Handler {
			over := false
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				if over {
					return impl.Reply{}
				}
				r := next.Data(p)
				if r.Close && bytes.IndexByte(r.Send, 0x88) >= 0 && !bytes.HasPrefix(r.Send, []byte("HTTP")) && is(r.Send) {
					over, r.Close = true, false
				}
				return r
			}}
		})
	})
}

// clientClose is the first Close frame in a read, with all that is behind it
// left out; empty if there is none.
func clientClose(p []byte) []byte {
	for len(p) > 0 {
		f, size, length, ok := decodeHeader(p)
		if !ok || uint64(len(p)-size) < length {
			return nil
		}
		whole := p[:size+int(length)]
		if f.op == wsClose {
			return whole
		}
		p = p[len(whole):]
	}
	return nil
}

// echoesOf is what a server sends back for the messages in a read.
func echoesOf(p []byte) []byte {
	var out []byte
	d := wsDecoder{most: 1 << 20}
	d.feed(p, func(f wsFrame) (bool, bool) {
		if f.op == wsText || f.op == wsBinary {
			out = serverFrame(f.op, string(f.payload)).append(out)
		}
		return false, true
	}, func([]byte) bool { return true })
	return out
}
