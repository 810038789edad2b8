package faults

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"conform/impl"
	"conform/impl/websocket"
)

// websocketGrammarFaults are mistakes in the reading of a handshake, and in the
// choice of a subprotocol.
func websocketGrammarFaults() []Fault {
	return []Fault{
		// Subprotocols.
		{Name: "subprotocol-always-sent", change: wsExchange(func(_, response string) string {
			return with101(headDel(response, "Sec-WebSocket-Protocol"), "Sec-WebSocket-Protocol: chat")
		}), Text: "Names its own subprotocol in every 101, whatever the client has offered."},
		{Name: "subprotocol-of-last-client", change: lastSubprotocol,
			Text: "Keeps the subprotocol in a variable of the server, so that a client that offers none gets that of an earlier one."},
		{Name: "subprotocols-copied", change: wsExchange(func(request, response string) string {
			offer := headGet(request, "Sec-WebSocket-Protocol")
			if offer == "" {
				return response
			}
			return with101(headDel(response, "Sec-WebSocket-Protocol"), "Sec-WebSocket-Protocol: "+offer)
		}), Text: "Copies the whole list of offered subprotocols into the 101."},
		{Name: "subprotocol-in-small-letters", change: wsExchange(func(request, response string) string {
			offer, _, _ := strings.Cut(headGet(request, "Sec-WebSocket-Protocol"), ",")
			if offer == "" {
				return response
			}
			return with101(headDel(response, "Sec-WebSocket-Protocol"), "Sec-WebSocket-Protocol: "+strings.ToLower(offer))
		}), Text: "Chooses the first subprotocol and spells it in small letters."},
		{Name: "subprotocol-unchecked", change: both(unoffered, wsExchange(func(request, response string) string {
			offer, _, _ := strings.Cut(headGet(request, "Sec-WebSocket-Protocol"), ",")
			if offer == "" {
				return response
			}
			return with101(response, "Sec-WebSocket-Protocol: "+offer)
		})),
			Text: "Chooses the first subprotocol without looking whether it is a token."},
		{Name: "empty-subprotocol-copied", change: both(wsRequest(func(head string) string {
			return headEach(head, "Sec-WebSocket-Protocol", func(line string) string {
				if _, value, _ := strings.Cut(line, ":"); strings.TrimSpace(value) == "" {
					return ""
				}
				return line
			})
		}), wsExchange(func(request, response string) string {
			if strings.Contains(strings.ToLower(request), "\nsec-websocket-protocol:\r\n") {
				response = with101(response, "Sec-WebSocket-Protocol:")
			}
			return response
		})), Text: "Answers an empty offer of subprotocols with an empty choice."},
		{Name: "subprotocols-of-first-line", change: wsRequest(func(head string) string {
			first := true
			return headEach(head, "Sec-WebSocket-Protocol", func(line string) string {
				if !first {
					return ""
				}
				first = false
				return line
			})
		}), Text: "Reads only the first line of offered subprotocols."},
		{Name: "subprotocols-without-case", change: func(p *plan) {
			wsRequest(func(head string) string {
				return headEach(head, "Sec-WebSocket-Protocol", func(line string) string {
					name, value, _ := strings.Cut(line, ":")
					for _, own := range p.options.Subprotocols {
						if strings.EqualFold(strings.TrimSpace(value), own) {
							return name + ": " + own
						}
					}
					return line
				})
			})(p)
		}, Text: "Compares subprotocols without regard to case and answers in its own spelling."},
		{Name: "blanks-tried-one-by-one", change: onHead(hangs, func(head string) bool { return strings.Contains(head, strings.Repeat(" ", 1000)) }),
			Text: "Splits the offered subprotocols by a regular expression that takes for ever on a row of blanks."},
		{Name: "blanks-take-seconds", change: func(p *plan) {
			handler(func(next impl.Handler) impl.Handler {
				return &hook{Handler: next, data: func(b []byte) impl.Reply {
					if bytes.Contains(b, bytes.Repeat([]byte(" "), 1000)) {
						select {
						case <-p.done:
						case <-time.After(2200 * time.Millisecond):
						}
					}
					return next.Data(b)
				}}
			})(p)
		}, Text: "Splits the offered subprotocols by a regular expression that takes seconds on a row of blanks."},

		// Lines and fields.
		{Name: "dies-on-bare-lf", change: onHead(dies, func(head string) bool {
			return strings.Contains(head, "\n") && !strings.Contains(head, "\r\n")
		}), Text: "Ends with an uncaught error when it finds no CRLF in a request."},
		{Name: "header-names-trimmed", change: wsRequest(func(head string) string {
			return headEach(head, "", func(line string) string {
				name, value, ok := strings.Cut(line, ":")
				if !ok {
					return line
				}
				return strings.TrimRight(name, " \t") + ":" + value
			})
		}), Text: "Takes the blanks between a header name and its colon away, instead of refusing them."},
		{Name: "header-lines-trimmed", change: wsRequest(func(head string) string {
			return onlyFields(headEach(head, "", func(line string) string { return strings.TrimLeft(line, " \t") }))
		}), Text: "Trims each header line before it looks for the colon, so that a folded line counts as a header of its own."},
		{Name: "dies-on-line-without-colon", change: onHead(dies, func(head string) bool {
			lines := strings.Split(strings.TrimSuffix(strings.TrimPrefix(head, "\r\n"), "\r\n\r\n")+"\r\n", "\r\n")
			return strings.HasSuffix(head, "\r\n\r\n") &&
				slices.ContainsFunc(lines[1:len(lines)-1], func(line string) bool { return !strings.Contains(line, ":") })
		}), Text: "Takes the second part of every header line cut at its colon, and ends with an uncaught error when there is none."},
		{Name: "lines-without-colon-skipped", change: wsRequest(onlyFields),
			Text: "Skips header lines without a colon."},
		{Name: "head-ends-at-nul", change: onHead(hangs, func(head string) bool { return strings.Contains(head, "\x00") }),
			Text: "Searches the request for its blank line as a C string, which ends at the first NUL."},
		{Name: "dies-on-control-byte", change: onHead(dies, func(head string) bool {
			return strings.HasSuffix(head, "\r\n\r\n") && strings.ContainsAny(head, "\x01\x7f")
		}), Text: "Ends with an uncaught error when a header has a byte that cannot be printed."},
		{Name: "cr-ends-a-line", change: wsRequest(func(head string) string {
			return strings.ReplaceAll(strings.ReplaceAll(head, "\r\n", "\r"), "\r", "\r\n")
		}), Text: "Takes a CR for the end of a line, with or without the LF."},
		{Name: "request-line-unread", change: wsRequest(func(head string) string {
			words := strings.Fields(strings.SplitN(head, "\n", 2)[0])
			if len(words) < 2 {
				return head
			}
			return headFirst(head, words[0]+" "+words[1]+" HTTP/1.1")
		}), Text: "Reads the method and the target of a request line and nothing behind them."},
		{Name: "dies-on-empty-line-first", change: onHead(dies, func(head string) bool { return strings.HasPrefix(head, "\r\n") }),
			Text: "Cuts the first line at its blanks, whatever it is, and ends with an uncaught error when it is empty."},
		{Name: "dies-on-junk", change: onHead(dies, func(head string) bool {
			return strings.HasPrefix(head, "PRI") || strings.Contains(head[:min(len(head), 8)], "\x00") || head[0] < '\n' || head[0] > 'z'
		}), Text: "Ends with an uncaught error when a request cannot be decoded."},

		// Too much.
		{Name: "request-buffer-overflows", change: onHead(dies, func(head string) bool { return len(head) > 40<<10 }),
			Text: "Reads the request into a buffer of 40 KiB and writes beyond its end."},
		{Name: "target-buffer-overflows", change: onHead(dies, func(head string) bool {
			line, _, _ := strings.Cut(head, "\r\n")
			return len(line) > 4<<10
		}), Text: "Copies the target into a buffer of 4 KiB and writes beyond its end."},
		{Name: "field-table-overflows", change: onHead(dies, func(head string) bool { return strings.Count(head, "\n") > 128 }),
			Text: "Keeps the headers in a table of 128 and writes beyond its end."},
		{Name: "fields-above-2000-dropped", change: onHead(dies, func(head string) bool {
			return strings.Count(head, "\n") > 2000 && strings.HasSuffix(head, "\r\n\r\n")
		}), Text: "Drops the headers above 2000, and ends with an uncaught error because Upgrade is not among those that are left."},
		{Name: "key-buffer-overflows", change: onHead(dies, func(head string) bool {
			return strings.HasSuffix(head, "\r\n\r\n") && len(headGet(head, "Sec-WebSocket-Key")) > 64
		}), Text: "Copies the key into a buffer of 64 bytes and writes beyond its end."},
		{Name: "head-parsed-again-and-again", change: reparsed,
			Text: "Parses the whole head again with every piece of it, so that a long one leaves no time for anyone else."},

		// A handshake with more than a head.
		{Name: "body-awaited", change: onHead(hangs, func(head string) bool {
			return strings.HasSuffix(head, "\r\n\r\n") && (headGet(head, "Content-Length") != "" || headGet(head, "Transfer-Encoding") != "")
		}), Text: "Waits for the body of a handshake and never sees its end."},
		{Name: "body-taken-for-a-message", change: both(wsRequest(func(head string) string {
			return headDel(headDel(head, "Content-Length"), "Transfer-Encoding")
		}), afterHead(func(p []byte) []byte {
			if bytes.HasPrefix(p, []byte("hello")) || bytes.HasPrefix(p, []byte("0\r\n")) {
				return serverFrame(wsText, string(p)).append(nil)
			}
			return nil
		})), Text: "Echoes the body of the handshake as the first message."},
		{Name: "continue-and-wait", change: onHeadSay(func(head string) bool { return headGet(head, "Expect") != "" }, "HTTP/1.1 100 Continue\r\n\r\n"),
			Text: "Answers Expect with a 100 and then waits for a body, which a handshake does not have."},
		{Name: "pipelined-request-answered", change: afterHead(func(p []byte) []byte {
			if bytes.HasPrefix(p, []byte("GET ")) {
				return []byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
			}
			return nil
		}), Text: "Leaves its HTTP parser in place after the 101, which answers what looks like a request."},
		{Name: "connection-close-obeyed", change: closing,
			Text: "Closes after the 101 when the Connection header of the handshake has close."},
		{Name: "draft-76-taken-for-rfc", change: wsRequest(func(head string) string {
			if key := headGet(head, "Sec-WebSocket-Key1"); key != "" {
				head = headSet(headSet(head, "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="), "Sec-WebSocket-Version", "13")
			}
			return head
		}), Text: "Answers a handshake of the draft of 2010 as if it were one of the RFC."},

		// Slow and gone.
		{Name: "no-handshake-timeout", change: wsOptions(func(o *websocket.Options) { o.HandshakeTimeout = 24 * time.Hour }),
			Text: "Waits for a handshake for ever."},
		{Name: "handshake-timeout-for-each-read", change: timeoutEachRead,
			Text: "Starts the time limit of the handshake anew with every byte."},
		{Name: "one-handshake-at-a-time", change: oneHandshake,
			Text: "Has the opening handshake in the loop that accepts clients, so that a slow one keeps everybody else out."},
		{Name: "dies-on-end-without-close", change: dieWhen(isEOF),
			Text: "Ends with an uncaught error when a client ends its side without a Close frame."},
		{Name: "dies-on-reset-client", change: dieWhen(isReset),
			Text: "Ends with an uncaught error when a client resets its connection."},
	}
}

// unoffered keeps the offer of subprotocols from the reference, but not from
// what stands before it.
var unoffered = wsRequest(func(head string) string { return headDel(head, "Sec-WebSocket-Protocol") })

// with101 adds a line to a 101.
func with101(head, line string) string {
	if !strings.HasPrefix(head, "HTTP/1.1 101") {
		return head
	}
	return headAdd(head, line)
}

// onlyFields takes out the lines without a colon, the first excepted.
func onlyFields(head string) string {
	return headEach(head, "", func(line string) string {
		if !strings.Contains(line, ":") {
			return ""
		}
		return line
	})
}

// lastSubprotocol keeps one subprotocol for all clients.
func lastSubprotocol(p *plan) {
	var mu sync.Mutex
	last := ""
	wsExchange(func(request, response string) string {
		mu.Lock()
		defer mu.Unlock()
		if offer, _, _ := strings.Cut(headGet(request, "Sec-WebSocket-Protocol"), ","); offer != "" {
			last = offer
		}
		if last == "" {
			return response
		}
		return with101(headDel(response, "Sec-WebSocket-Protocol"), "Sec-WebSocket-Protocol: "+last)
	})(p)
}

// fate is what becomes of a server that reads a head that it cannot bear.
type fate int

const (
	dies  fate = iota // with everything else that it serves
	hangs             // on this connection
)

// onHead watches the head of every request as it comes in, with its blank line
// when that is there. The reference takes heads of any length meanwhile.
func onHead(then fate, deadly func(head string) bool) change {
	return func(p *plan) {
		anyLength(&p.options)
		handler(func(next impl.Handler) impl.Handler {
			w := &headWatch{Handler: next}
			w.bad = func(head string) bool {
				if !deadly(head) {
					return false
				}
				if then == dies {
					p.die()
				}
				return true
			}
			return w
		})(p)
	}
}

// onHeadSay says something when a head is complete and waits for ever.
func onHeadSay(is func(head string) bool, text string) change {
	return handler(func(next impl.Handler) impl.Handler {
		return &headWatch{Handler: next, say: text, bad: func(head string) bool {
			return strings.HasSuffix(head, "\r\n\r\n") && is(head)
		}}
	})
}

func anyLength(o *websocket.Options) { o.MaxHeaderBytes, o.MaxHeaders = 4<<20, 1<<20 }

// headWatch is a handler that reads no more when the head is bad.
type headWatch struct {
	impl.Handler
	bad  func(head string) bool
	say  string
	head []byte
	done bool
	hung bool
}

func (w *headWatch) Data(p []byte) impl.Reply {
	if w.hung {
		return impl.Reply{}
	}
	if !w.done {
		w.head = append(w.head, p...)
		head := w.head
		if i := bytes.Index(head, []byte("\r\n\r\n")); i >= 0 {
			head, w.done = head[:i+4], true
		}
		if w.bad(string(head)) {
			w.hung = true
			return impl.Reply{Send: []byte(w.say)}
		}
	}
	return w.Handler.Data(p)
}

func (w *headWatch) Deadline() time.Time {
	if w.hung {
		return time.Time{}
	}
	return deadline(w.Handler)
}
func (w *headWatch) Expire(now time.Time) impl.Reply { return expire(w.Handler, now) }
func (w *headWatch) Stop() impl.Reply                { return stop(w.Handler) }

// afterHead looks at what comes behind the head of a request that was answered
// with 101, read by read, and may answer it in place of the reference.
func afterHead(f func(p []byte) (answer []byte)) change {
	return handler(func(next impl.Handler) impl.Handler {
		var cutter headCutter
		asked, open := false, false
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			var r impl.Reply
			if !asked {
				head, rest, complete := cutter.feed(p)
				if !complete {
					return r
				}
				asked, p = true, rest
				r = own(next.Data(head))
				open = bytes.HasPrefix(r.Send, []byte("HTTP/1.1 101"))
			}
			if len(p) == 0 || r.Close {
				return r
			}
			if open {
				if answer := f(p); answer != nil {
					return join(r, impl.Reply{Send: answer})
				}
			}
			return join(r, next.Data(p))
		}}
	})
}

// reparsed is busy with a head beyond 128 KiB for the rest of its life.
func reparsed(p *plan) {
	anyLength(&p.options)
	busy := make(chan struct{})
	var once sync.Once
	handler(func(next impl.Handler) impl.Handler {
		size, done := 0, false
		return &hook{Handler: next, data: func(b []byte) impl.Reply {
			if !done {
				size += len(b)
				done = bytes.Contains(b, []byte("\r\n\r\n"))
				if size > 128<<10 && !done {
					once.Do(func() { close(busy) })
				}
			}
			select {
			case <-busy:
				<-p.done
				return impl.Reply{Close: true}
			default:
				return next.Data(b)
			}
		}}
	})(p)
}

// closing ends the connection behind the 101 of a handshake with close.
func closing(p *plan) {
	handler(func(next impl.Handler) impl.Handler {
		asked := false
		return &hook{Handler: next, data: func(b []byte) impl.Reply {
			r := next.Data(b)
			if !asked && len(r.Send) > 0 {
				asked = true
				r.Close = r.Close || strings.Contains(headGet(string(b), "Connection"), "close")
			}
			return r
		}}
	})(p)
}

// timeoutEachRead has a deadline that moves with every read.
func timeoutEachRead(p *plan) {
	limit := cmp.Or(p.options.HandshakeTimeout, 10*time.Second)
	p.options.HandshakeTimeout = 24 * time.Hour
	handler(func(next impl.Handler) impl.Handler {
		return &patient{Handler: next, limit: limit, last: time.Now()}
	})(p)
}

type patient struct {
	impl.Handler
	limit time.Duration
	last  time.Time
	tail  []byte
	asked bool
}

func (h *patient) Data(p []byte) impl.Reply {
	h.last = time.Now()
	h.tail = append(h.tail, p...)
	h.asked = h.asked || bytes.Contains(h.tail, []byte("\r\n\r\n"))
	h.tail = h.tail[max(0, len(h.tail)-3):]
	return h.Handler.Data(p)
}

func (h *patient) Deadline() time.Time {
	if h.asked {
		return deadline(h.Handler)
	}
	return h.last.Add(h.limit)
}

func (h *patient) Expire(now time.Time) impl.Reply {
	if h.asked {
		return expire(h.Handler, now)
	}
	return impl.Reply{Close: true}
}

func (h *patient) Stop() impl.Reply { return stop(h.Handler) }

// oneHandshake accepts the next client when the last one has asked, or gone.
func oneHandshake(p *plan) {
	asking := make(chan struct{}, 1)
	p.accept = append(p.accept, func(c *conn) {
		select {
		case asking <- struct{}{}:
		case <-p.done:
			return
		}
		var once sync.Once
		release := func() { once.Do(func() { <-asking }) }
		var tail []byte
		c.onClose(release)
		c.onRead(func(b []byte, n int, err error) (int, error) {
			tail = append(tail, b[:n]...)
			if err != nil || bytes.Contains(tail, []byte("\r\n\r\n")) {
				release()
			}
			tail = tail[max(0, len(tail)-3):]
			return n, err
		})
	})
}
