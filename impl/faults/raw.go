package faults

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"time"

	"conform/impl"
)

// reads changes what is sent back of each read.
func reads(f func(read string) string) change {
	return handler(func(next impl.Handler) impl.Handler {
		return &hook{Handler: next, data: func(p []byte) impl.Reply { return say(f(string(p))) }}
	})
}

// closesAt sends a read back and closes when it is one that it should not close at.
func closesAt(is func(read string) bool) change {
	return handler(func(next impl.Handler) impl.Handler {
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			r := next.Data(p)
			r.Close = is(string(p))
			return r
		}}
	})
}

// collected sends what has come back only when enough says so of it; at the end,
// all of it.
func collected(enough func(all []byte) (send int)) change {
	return handler(func(next impl.Handler) impl.Handler {
		var all []byte
		return &hook{Handler: next,
			data: func(p []byte) impl.Reply {
				all = append(all, p...)
				n := enough(all)
				r := say(string(all[:n]))
				all = bytes.Clone(all[n:])
				return r
			},
			end: func() impl.Reply { return impl.Reply{Send: all, Close: true} }}
	})
}

func sevenBits(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] &= 0x7f
	}
	return string(b)
}

func rawFaults() []Fault {
	replaced := func(old, new string) change {
		return reads(func(s string) string { return strings.ReplaceAll(s, old, new) })
	}
	word := func(words ...string) func(string) bool {
		return func(s string) bool {
			for _, w := range words {
				if strings.TrimSpace(s) == w {
					return true
				}
			}
			return false
		}
	}
	return []Fault{
		// What comes back.
		{Name: "upper-case", change: reads(strings.ToUpper), Text: "Sends letters back in capitals."},
		{Name: "seven-bits", change: reads(sevenBits), Text: "Clears the top bit of each byte."},
		{Name: "nul-ends", change: reads(func(s string) string { before, _, _ := strings.Cut(s, "\x00"); return before }),
			Text: "Takes what it has read for a C string, and sends it back up to its first NUL."},
		{Name: "nul-dropped", change: replaced("\x00", ""), Text: "Drops NUL bytes."},
		{Name: "as-text", change: reads(func(s string) string { return strings.ToValidUTF8(s, "\ufffd") }),
			Text: "Decodes each read as UTF-8, and replaces what is none."},
		{Name: "not-ascii-dropped", change: reads(func(s string) string {
			return strings.Map(func(r rune) rune {
				if r > 0x7f {
					return -1
				}
				return r
			}, s)
		}), Text: "Drops what is not ASCII."},
		{Name: "cr-dropped", change: replaced("\r", ""), Text: "Drops CR, as reading in text mode does."},
		{Name: "lf-to-crlf", change: replaced("\n", "\r\n"), Text: "Writes each LF as CRLF, as writing in text mode does."},
		{Name: "stripped", change: reads(strings.TrimSpace), Text: "Strips white space from what it reads."},
		{Name: "line-end-stripped", change: reads(func(s string) string { return strings.TrimRight(s, "\r\n") }),
			Text: "Cuts the line end off what it reads."},
		{Name: "format", change: reads(func(s string) string { return strings.NewReplacer("%%", "%", "%d", "0", "%s", "").Replace(s) }),
			Text: "Uses what it reads as the format of a printf."},
		{Name: "escaped", change: reads(func(s string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) }),
			Text: "Escapes backslashes and quotes."},
		{Name: "erases", change: reads(func(s string) string { return strings.ReplaceAll(s, "b\x08", "") }),
			Text: "Acts on Backspace as a terminal does."},
		{Name: "telnet", change: replaced("\xff", ""), Text: "Takes 0xFF for the beginning of a Telnet command, and swallows it."},
		{Name: "bytes-swapped", change: reads(func(s string) string {
			b := []byte(s)
			for i := 0; i+1 < len(b); i += 2 {
				b[i], b[i+1] = b[i+1], b[i]
			}
			return string(b)
		}), Text: "Swaps the bytes of each pair, as between machines of different byte order."},
		{Name: "reversed", change: reads(func(s string) string {
			b := []byte(s)
			for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
				b[i], b[j] = b[j], b[i]
			}
			return string(b)
		}), Text: "Sends each read back from its end to its beginning."},
		{Name: "bytes-doubled", change: reads(func(s string) string {
			var b strings.Builder
			for i := range len(s) {
				b.WriteByte(s[i])
				b.WriteByte(s[i])
			}
			return b.String()
		}), Text: "Sends each byte back twice."},
		{Name: "last-byte-lost", change: reads(func(s string) string { return s[:len(s)-1] }), Text: "Sends one byte less than it has read."},
		{Name: "labelled", change: reads(func(s string) string { return "Echoed: " + s }), Text: "Writes a label in front of what it sends back."},
		{Name: "quoted", change: reads(func(s string) string { return "b'" + s + "'" }), Text: "Sends back how Python writes the bytes."},
		{Name: "acknowledges", change: reads(func(string) string { return "ok" }), Text: "Confirms what has come instead of sending it back."},
		{Name: "whole-buffer", change: reads(func(s string) string { return s + strings.Repeat("\x00", max(0, 1024-len(s))) }),
			Text: "Sends its whole buffer of 1024 bytes, however little was read."},
		{Name: "stale-tail", change: handler(func(next impl.Handler) impl.Handler {
			var buf []byte
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				if len(p) > len(buf) {
					buf = append(buf, make([]byte, len(p)-len(buf))...)
				}
				copy(buf, p)
				return say(string(buf))
			}}
		}), Text: "Sends its buffer as far as it was ever filled, with what an earlier read has left in it."},
		{Name: "greets", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, open: func() impl.Reply { return say("welcome\r\n") }}
		}), Text: "Greets a client before it has sent anything."},
		{Name: "signs-of-life", change: connection(func(p *plan, c *conn) {
			go func() {
				for {
					select {
					case <-p.done:
						return
					case <-time.After(60 * time.Millisecond):
					}
					if _, err := c.Conn.Write([]byte{0}); err != nil {
						return
					}
				}
			}()
		}), Text: "Sends a NUL now and then, to see whether the client is there."},
		{Name: "idle-client-given-up", change: idleGivenUp, Text: "Closes a connection on which nothing came for a moment."},

		// What has a meaning.
		{Name: "quit-closes", change: closesAt(word("quit")), Text: "Closes the connection at quit."},
		{Name: "exit-closes", change: closesAt(word("exit", "bye", "close", "QUIT", "stop", ".")), Text: "Closes the connection at exit, bye and other words."},
		{Name: "quit-swallowed", change: reads(func(s string) string {
			if strings.TrimSpace(s) == "quit" {
				return "connection closed\r\n"
			}
			return s
		}), Text: "Answers quit as other servers of the tutorials do."},
		{Name: "shutdown-ends-server", Bound: 1, change: both(serial, func(p *plan) {
			reads(func(s string) string {
				if strings.TrimSpace(s) == "shutdown" || strings.TrimSpace(s) == "quit" {
					go p.die() // it has to answer itself
				}
				return s
			})(p)
		}), Text: "Ends the whole program at quit or shutdown."},
		{Name: "empty-line-closes", change: closesAt(func(s string) bool { return strings.Trim(s, "\r\n") == "" }),
			Text: "Takes an empty line for the end of the client."},
		{Name: "ctrl-d-closes", change: closesAt(func(s string) bool { return strings.ContainsAny(s, "\x03\x04\x1a") }),
			Text: "Takes Ctrl-C, Ctrl-D or Ctrl-Z for the end of the client."},
		{Name: "answers-requests", change: reads(func(s string) string {
			if strings.HasPrefix(s, "GET ") {
				return "HTTP/1.1 400 Bad Request\r\n\r\n"
			}
			return s
		}), Text: "Answers a request of HTTP as a web server does."},

		// What is waited for.
		{Name: "lines-only", change: collected(func(all []byte) int { return bytes.LastIndexByte(all, '\n') + 1 }),
			Text: "Reads lines, so that nothing comes back before a line end."},
		{Name: "full-buffers-only", change: collected(func(all []byte) int { return len(all) / 1024 * 1024 }),
			Text: "Waits for 1024 bytes, so that a short message never comes back."},
		{Name: "two-bytes-at-least", change: collected(func(all []byte) int {
			if len(all) < 2 {
				return 0
			}
			return len(all)
		}), Text: "Does not send a single byte back before another has come."},
		{Name: "one-read-behind", change: handler(func(next impl.Handler) impl.Handler {
			last := ""
			return &hook{Handler: next,
				data: func(p []byte) impl.Reply { r := say(last); last = string(p); return r },
				end:  func() impl.Reply { return impl.Reply{Send: []byte(last), Close: true} }}
		}), Text: "Sends back what has come when something else comes."},
		{Name: "only-at-the-end", change: collected(func([]byte) int { return 0 }), Text: "Collects everything and sends it back when the client ends."},

		// How much comes back.
		{Name: "first-read-of-1024", change: reads(func(s string) string { return s[:min(len(s), 1024)] }),
			Text: "Sends back 1024 bytes of what has arrived, and loses the rest."},
		{Name: "first-read-of-512", change: reads(func(s string) string { return s[:min(len(s), 512)] }),
			Text: "Sends back 512 bytes of what has arrived, and loses the rest."},
		{Name: "off-by-one-at-1024", change: reads(func(s string) string {
			if len(s) == 1024 {
				return s[:1023]
			}
			return s
		}), Text: "Loses the last byte of a read that just fills its buffer."},
		{Name: "after-64k-none", change: atMost(64<<10, false), Text: "Sends 65 536 bytes back on a connection, and then no more."},
		{Name: "after-500k-closes", change: atMost(500_000, true), Text: "Closes a connection that has sent half a megabyte."},
		{Name: "halves-swapped", change: reads(func(s string) string {
			if len(s) > 4096 {
				return s[len(s)/2:] + s[:len(s)/2]
			}
			return s
		}), Text: "Sends a long read back by two workers, of which the second overtakes the first."},
		{Name: "once-only", change: handler(func(next impl.Handler) impl.Handler {
			done := false
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				if done {
					return impl.Reply{}
				}
				done = true
				return next.Data(p)
			}}
		}), Text: "Sends the first message back and ignores the rest."},
		{Name: "one-read-for-each-event", change: oneReadPerEvent,
			Text: "Waits for events that tell only of news, and reads 1024 bytes for each: the rest, or the end, lies there."},

		// Clients that read slowly.
		{Name: "tail-lost-at-eof", change: func(p *plan) {
			p.accept = append(p.accept, func(c *conn) {
				// A server with a queue for each client, which it throws away
				// when the client ends.
				queue := make(chan []byte, 4096)
				gone := make(chan struct{})
				var once sync.Once
				quit := func() { once.Do(func() { close(gone) }) }
				c.onClose(quit)
				go func() {
					for {
						select {
						case b := <-queue:
							select {
							case <-gone:
								return
							default:
							}
							time.Sleep(2 * time.Millisecond)
							c.Conn.Write(b)
						case <-gone:
							return
						}
					}
				}()
				c.write = func(b []byte) (int, error) {
					select {
					case queue <- bytes.Clone(b):
						return len(b), nil
					case <-gone:
						return 0, net.ErrClosed
					}
				}
				c.onRead(func(_ []byte, n int, err error) (int, error) {
					if err != nil {
						quit()
					}
					return n, err
				})
			})
		}, Text: "Keeps what is to be sent in a queue, and throws it away when the client has ended."},
	}
}

// atMost ends the echo of a connection after so many bytes.
func atMost(limit int, closes bool) change {
	return handler(func(next impl.Handler) impl.Handler {
		n := 0
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			room := max(0, limit-n)
			n += len(p)
			return impl.Reply{Send: bytes.Clone(p[:min(room, len(p))]), Close: closes && n > limit}
		}}
	})
}

// idleGivenUp closes connections that are silent for longer than it takes to
// speak again.
func idleGivenUp(p *plan) {
	connection(func(_ *plan, c *conn) {
		read := c.read
		c.read = func(b []byte) (int, error) {
			c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			n, err := read(b)
			if isTimeout(err) {
				c.Close()
				err = net.ErrClosed
			}
			return n, err
		}
	})(p)
}

// slowHoldsAll lets one client at a time be written to, and nobody be read from
// meanwhile.
func slowHoldsAll(p *plan) {
	loop := make(chan struct{}, 1)
	turn := func() (done func(), ok bool) {
		select {
		case loop <- struct{}{}:
			return func() { <-loop }, true
		case <-p.done:
			return nil, false
		}
	}
	p.accept = append(p.accept, func(c *conn) {
		write := c.write
		c.write = func(b []byte) (int, error) {
			done, ok := turn()
			if !ok {
				return 0, net.ErrClosed
			}
			defer done()
			return write(b)
		}
	})
}

// oneReadPerEvent reads once for each time that something arrives. What came
// along is read at the next event, and an end that came along is never seen.
func oneReadPerEvent(p *plan) {
	p.accept = append(p.accept, func(c *conn) {
		var left []byte
		missed := false // the end came along with something that was not read then
		read := c.read
		c.read = func(b []byte) (int, error) {
			if missed {
				<-p.done
				return 0, net.ErrClosed
			}
			buf := make([]byte, 64<<10)
			n, err := read(buf)
			if err != nil {
				if len(left) > 0 {
					<-p.done // bytes are left: that read brings them, not the end
				}
				return 0, err
			}
			for { // all that has come until now is one event
				c.SetReadDeadline(time.Now().Add(head / 4))
				more, err := read(buf[n:])
				n += more
				if err == nil && n < len(buf) {
					continue
				}
				missed = isEOF(err)
				break
			}
			c.SetReadDeadline(time.Time{})
			left = append(left, buf[:n]...)
			n = copy(b, left[:min(len(left), 1024)])
			left = bytes.Clone(left[n:])
			return n, nil
		}
	})
}

// oneAcceptPerEvent accepts one of the connections that arrive within a moment;
// each of the others waits for one more event.
func oneAcceptPerEvent(p *plan) {
	p.listen = func(ln net.Listener) net.Listener {
		arrived := make(chan net.Conn, 64)
		failed := make(chan error, 1)
		go func() {
			for {
				nc, err := ln.Accept()
				if err != nil {
					failed <- err
					return
				}
				arrived <- nc
			}
		}()
		var backlog []net.Conn
		return edges{ln, func() (net.Conn, error) {
			select {
			case nc := <-arrived:
				backlog = append(backlog, nc)
			case err := <-failed:
				for _, nc := range backlog {
					nc.Close()
				}
				return nil, err
			}
			for settled := false; !settled; {
				select {
				case nc := <-arrived:
					backlog = append(backlog, nc)
				case <-time.After(head / 10):
					settled = true
				}
			}
			first := backlog[0]
			backlog = backlog[1:]
			return first, nil
		}}
	}
}

// edges is a listener with another way to accept.
type edges struct {
	net.Listener
	accept func() (net.Conn, error)
}

func (e edges) Accept() (net.Conn, error) { return e.accept() }
