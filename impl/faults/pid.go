package faults

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"conform/impl"
)

// answered changes the one answer of a connection: the number and the message
// are given.
func answered(f func(number, message string) string) change {
	return onAnswer(func(a string) string {
		number, message, _ := strings.Cut(a, ": ")
		return f(number, message)
	})
}

// comesBack changes what comes back of the message.
func comesBack(f func(message string) string) change {
	return answered(func(number, message string) string { return number + ": " + f(message) })
}

// numbers changes the number that connections show.
func numbers(f func(p *plan) func() int) change {
	return func(p *plan) { p.process = f(p) }
}

func pidFaults() []Fault {
	return []Fault{
		// How the answer is written.
		{Name: "no-number", change: answered(func(_, m string) string { return m }), Text: "Sends the message back without a number."},
		{Name: "no-message", change: answered(func(n, _ string) string { return n + ": " }), Text: "Sends the number without the message."},
		{Name: "no-blank", change: answered(func(n, m string) string { return n + ":" + m }), Text: "Leaves the blank behind the colon out."},
		{Name: "two-blanks", change: answered(func(n, m string) string { return n + ":  " + m }), Text: "Writes two blanks behind the colon."},
		{Name: "hexadecimal", change: answered(func(n, m string) string { return "0x" + n + ": " + m }), Text: "Writes the number in hexadecimal digits."},
		{Name: "padded", change: answered(func(n, m string) string { return fmt.Sprintf("%08s: %s", n, m) }), Text: "Fills the number up with zeros."},
		{Name: "negative", change: answered(func(n, m string) string { return "-" + n + ": " + m }), Text: "Shows a negative number."},
		{Name: "worded", change: answered(func(n, m string) string { return "PID " + n + ": " + m }), Text: "Writes a word in front of the number."},
		{Name: "quoted", change: answered(func(n, m string) string { return n + ": b'" + m + "'" }), Text: "Sends back how Python writes the message."},
		{Name: "order-swapped", change: answered(func(n, m string) string { return m + ": " + n }), Text: "Writes the message first and the number behind it."},
		{Name: "taken-apart", change: comesBack(func(m string) string { return m[strings.LastIndex(m, ":")+1:] }),
			Text: "Sends back what stands behind the last colon of the message."},

		// What comes back of the message.
		{Name: "stripped", change: comesBack(strings.TrimSpace), Text: "Strips white space from the message."},
		{Name: "first-line", change: comesBack(func(m string) string { line, _, _ := strings.Cut(m, "\n"); return line }),
			Text: "Sends back the first line of the message, without its end."},
		{Name: "upper-case", change: comesBack(strings.ToUpper), Text: "Sends the message back in capitals."},
		{Name: "as-text", change: comesBack(func(m string) string { return strings.ToValidUTF8(m, "\ufffd") }),
			Text: "Decodes the message as UTF-8 and replaces what is none."},
		{Name: "nul-ends", change: comesBack(func(m string) string { before, _, _ := strings.Cut(m, "\x00"); return before }),
			Text: "Takes the message for a C string that ends at its first NUL."},
		{Name: "format", change: comesBack(func(m string) string { return strings.NewReplacer("%%", "%", "%d", "0", "%s", "").Replace(m) }),
			Text: "Uses the message as the format of a printf."},
		{Name: "cut-at-100", change: comesBack(func(m string) string { return m[:min(len(m), 100)] }), Text: "Sends 100 bytes of the message back."},
		{Name: "cut-at-512", change: comesBack(func(m string) string { return m[:min(len(m), 512)] }), Text: "Sends 512 bytes of the message back."},
		{Name: "answer-of-1024", change: onAnswer(func(a string) string { return a[:min(len(a), 1024)] }),
			Text: "Makes its answer in a buffer of 1024 bytes, number and all."},
		{Name: "long-message-dropped", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				if len(p) > 1024 {
					return impl.Reply{Close: true}
				}
				return next.Data(p)
			}}
		}), Text: "Closes without an answer when a message is longer than its buffer."},
		{Name: "end-of-long-message", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, data: func(p []byte) impl.Reply { return next.Data(p[max(0, len(p)-1024):]) }}
		}), Text: "Sends the last 1024 bytes of a long message back instead of the first."},
		{Name: "quit-unanswered", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				if strings.TrimSpace(string(p)) == "quit" {
					return impl.Reply{Close: true}
				}
				return next.Data(p)
			}}
		}), Text: "Closes at quit without an answer."},

		// When it answers.
		{Name: "greets", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, open: func() impl.Reply { return say("hello\n") }}
		}), Text: "Greets a client before it has sent anything."},
		{Name: "answers-before-a-byte", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, open: func() impl.Reply { return own(next.End()) }}
		}), Text: "Does not wait for the message, and answers none."},
		{Name: "number-before-a-byte", change: func(p *plan) {
			handler(func(next impl.Handler) impl.Handler {
				return &hook{Handler: next,
					open: func() impl.Reply { return say(fmt.Sprintf("%d: ", p.process())) },
					data: func(b []byte) impl.Reply { return impl.Reply{Send: bytes.Clone(b[:min(1024, len(b))]), Close: true} },
					end:  func() impl.Reply { return impl.Reply{Close: true} }}
			})(p)
		}, Text: "Sends the number at once and the message when it has come."},
		{Name: "waits-for-line-end", change: waitsUntil(func(all []byte) bool { return bytes.HasSuffix(all, []byte("\n")) }),
			Text: "Reads a line, so that a message without a line end is not answered."},
		{Name: "waits-for-end", change: waitsUntil(func([]byte) bool { return false }),
			Text: "Reads until the client ends, and answers only then."},
		{Name: "waits-for-full-buffer", change: waitsUntil(func(all []byte) bool { return len(all) >= 1024 }),
			Text: "Waits for 1024 bytes."},
		{Name: "idle-client-given-up", change: idleGivenUp, Text: "Closes a connection on which nothing came for a moment."},

		// How it ends.
		{Name: "stays-open", change: onReply(func(r impl.Reply) impl.Reply { r.Close = false; return r }),
			Text: "Leaves the connection open after its answer."},
		{Name: "answers-again", change: func(p *plan) {
			next := p.handler
			p.handler = func() impl.Handler {
				return &hook{Handler: next(),
					data: func(b []byte) impl.Reply { r := own(next().Data(b)); r.Close = false; return r },
					end:  func() impl.Reply { return impl.Reply{Close: true} }}
			}
		}, Text: "Answers every message of a connection."},
		{Name: "resets-after-answer", change: func(p *plan) {
			p.accept = append(p.accept, func(c *conn) {
				var wrote atomic.Bool // the end may be the server's, and come from anywhere
				write := c.write
				c.write = func(b []byte) (int, error) { wrote.Store(true); return write(b) }
				c.ending = func() {
					if wrote.Load() {
						time.Sleep(2 * time.Millisecond) // the answer has gone
						c.reset()
					}
				}
			})
		}, Text: "Resets the connection after its answer instead of closing it in order."},
		{Name: "empty-message-crashes", Bound: 1, change: both(serial, func(p *plan) {
			handler(func(next impl.Handler) impl.Handler {
				return &hook{Handler: next, end: func() impl.Reply { go p.die(); return impl.Reply{Close: true} }}
			})(p)
		}), Text: "Ends with an uncaught error when a client ends without a message."},
		{Name: "end-answered-in-words", change: atEnd(func(impl.Handler) impl.Reply { return impl.Reply{Send: []byte("no data"), Close: true} }),
			Text: "Answers a client that ends without a message with an error in words."},

		// Whose number it is.
		{Name: "number-by-turns", change: numbers(func(p *plan) func() int {
			var n atomic.Int64
			before := p.process
			base := before()
			return func() int {
				if n.Add(1)%2 == 0 {
					return base
				}
				return before() + 1000
			}
		}), Text: "Has two processes that take turns, where each connection should have its own, or all one."},
		{Name: "number-of-thread", change: numbers(func(*plan) func() int {
			var n atomic.Int64
			return func() int { return 140_000 + int(n.Add(16)) }
		}), Text: "Shows the number of the thread instead of the process."},
		{Name: "number-of-parent", change: numbers(func(*plan) func() int { return func() int { return 4710 } }),
			Text: "Shows the number of the process that accepts, wherever the connection is served."},
		{Name: "number-kept", change: numbers(func(p *plan) func() int {
			before, shown := p.process, 0
			var n atomic.Int64
			return func() int {
				if n.Add(1)%2 == 1 {
					shown = before()
				}
				return shown
			}
		}), Text: "Shows the number of an earlier connection's process to the next one."},
		{Name: "loses-input-of-others", change: func(p *plan) {
			p.listen = func(ln net.Listener) net.Listener {
				return acceptor{ln, func(nc net.Conn) (net.Conn, error) { time.Sleep(2 * time.Millisecond); discard(nc); return nc, nil }}
			}
		}, Text: "Throws away what has come before the connection is accepted."},
	}
}

// waitsUntil answers when enough says so of what has come, or at the end.
func waitsUntil(enough func(all []byte) bool) change {
	return handler(func(next impl.Handler) impl.Handler {
		var all []byte
		return &hook{Handler: next,
			data: func(p []byte) impl.Reply {
				if all = append(all, p...); enough(all) {
					return next.Data(all)
				}
				return impl.Reply{}
			},
			end: func() impl.Reply { return next.Data(all) }}
	})
}
