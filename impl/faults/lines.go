package faults

import (
	"bytes"
	"strings"
	"sync/atomic"

	"conform/impl"
	"conform/impl/line"
)

// lineFaults are those that echo and calc have in common.
func lineFaults() []Fault {
	return []Fault{
		// What a line is.
		{Name: "crlf-only", change: cut(atCRLF, nil),
			Text: "Waits for CRLF: a line that ends in LF alone has no end."},
		{Name: "cr-and-lf-both-end", change: cut(atEither, nil),
			Text: "Takes CR for one line end and LF for another, so that a CRLF ends two lines."},
		{Name: "crlf-cut-in-two", change: cut(atEachRead, nil),
			Text: "Takes the LF of a CRLF that was cut in two for an empty line."},
		{Name: "read-is-a-line", change: onInput(func(p []byte) []byte {
			return []byte(strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(string(bytes.TrimRight(p, "\r\n"))) + "\n")
		}), Text: "Takes each read for one whole line."},
		{Name: "first-line-of-a-read", change: cut(func(p []byte) ([]string, []byte) {
			if found, rest := universal(p); len(found) == 0 {
				return nil, rest
			} else {
				return found[:1], nil
			}
		}, nil), Text: "Answers the first line of a read and drops what follows it."},
		{Name: "rest-of-read-lost", change: cut(func(p []byte) ([]string, []byte) {
			found, rest := universal(p)
			if len(found) > 0 {
				rest = nil
			}
			return found, rest
		}, nil), Text: "Drops what follows the last line end of a read instead of keeping it for the next line."},
		{Name: "nothing-kept-between-reads", change: cut(func(p []byte) ([]string, []byte) {
			found, _ := universal(p)
			return found, nil
		}, nil), Text: "Forgets the beginning of a line when its end comes with a later read."},
		{Name: "one-line-for-each-read", change: oneLinePerRead,
			Text: "Answers one line each time that input arrives, and leaves further ones lying until more comes."},
		{Name: "last-line-answered-first", change: cut(func(p []byte) ([]string, []byte) {
			found, rest := universal(p)
			for i, j := 0, len(found)-1; i < j; i, j = i+1, j-1 {
				found[i], found[j] = found[j], found[i]
			}
			return found, rest
		}, nil), Text: "Answers the lines of one read from the last to the first."},
		{Name: "tail-dropped-at-eof", change: atEnd(func(impl.Handler) impl.Reply { return impl.Reply{Close: true} }),
			Text: "Throws away a last line that only the client's end terminates."},
		{Name: "closes-on-empty-line", change: eachLine(func(text string, next answer) impl.Reply {
			if text == "" {
				return impl.Reply{Close: true}
			}
			return next(text)
		}), Text: "Takes an empty line for the end of the client and hangs up."},
		{Name: "skips-empty-lines", change: eachLine(func(text string, next answer) impl.Reply {
			if text == "" {
				return impl.Reply{}
			}
			return next(text)
		}), Text: "Does not answer an empty line."},
		{Name: "cr-is-text", change: onInput(func(p []byte) []byte { return bytes.ReplaceAll(p, []byte("\r"), []byte("x")) }),
			Text: "Takes CR for an ordinary character of the line."},
		{Name: "earlier-lines-kept", change: earlierKept,
			Text: "Does not clear the buffer after an answer, so that each line begins with all earlier ones."},
		{Name: "c-string", change: eachLine(func(text string, next answer) impl.Reply {
			before, _, _ := strings.Cut(text, "\x00")
			return next(before)
		}), Text: "Takes a line for a C string that ends at its first NUL."},

		// How a client leaves.
		{Name: "quit-prefix", change: quitWhen(func(s string) bool { return strings.HasPrefix(s, "quit") }),
			Text: "Quits on every line that begins with quit."},
		{Name: "quit-anywhere", change: quitWhen(func(s string) bool { return strings.Contains(s, "quit") }),
			Text: "Quits on every line that contains quit."},
		{Name: "quit-any-case", change: quitWhen(func(s string) bool { return strings.EqualFold(s, "quit") }),
			Text: "Quits on QUIT in upper case too."},
		{Name: "quit-stripped", change: quitWhen(func(s string) bool { return strings.TrimSpace(s) == "quit" }),
			Text: "Quits although a blank stands before the word."},
		{Name: "quit-unanswered", change: onQuit(func(r impl.Reply) impl.Reply { return impl.Reply{Close: true} }),
			Text: "Closes the connection on quit without a word."},
		{Name: "quit-not-closed", change: onQuit(func(r impl.Reply) impl.Reply { r.Close = false; return r }),
			Text: "Answers quit and leaves the connection open."},
		{Name: "quit-unknown", change: eachLine(func(text string, next answer) impl.Reply {
			if text == "quit" {
				return next("quit ?")
			}
			return next(text)
		}), Text: "Does not know quit and answers it like any other line."},
		{Name: "quit-ends-server", Bound: 1, change: both(serial, func(p *plan) {
			p.accept = append(p.accept, func(c *conn) {
				left := false
				write := c.write
				c.write = func(b []byte) (int, error) {
					left = left || bytes.Contains(b, []byte("connection closed"))
					return write(b)
				}
				c.onRead(func(_ []byte, n int, err error) (int, error) {
					if left {
						p.die()
					}
					return n, err
				})
			})
		}), Text: "Ends the whole program on quit instead of the one connection."},
		{Name: "quit-resets", change: func(p *plan) {
			p.accept = append(p.accept, func(c *conn) {
				var left atomic.Bool // the end may be the server's, and come from anywhere
				write := c.write
				c.write = func(b []byte) (int, error) {
					if bytes.Contains(b, []byte("connection closed")) {
						left.Store(true)
					}
					return write(b)
				}
				c.ending = func() {
					if left.Load() {
						c.reset()
					}
				}
			})
		}, Text: "Resets the connection after quit instead of closing it in order."},
		{Name: "quit-with-input-unread", change: unreadAtQuit,
			Text: "Closes the connection on quit with input unread, which makes the kernel send a reset."},
		{Name: "lines-behind-quit-answered", change: cutUntil(false, universal, func(text string, next answer) impl.Reply {
			if text == "quit" {
				return impl.Reply{Send: []byte("connection closed\r\n"), Close: true}
			}
			return next(text)
		}), Text: "Answers the lines that came along behind quit before it closes."},
	}
}

// answer is what a correct server answers to a line.
type answer func(text string) impl.Reply

// eachLine gives every line, cut rightly and stripped on the right, to f.
func eachLine(f func(text string, next answer) impl.Reply) change {
	return handler(func(next impl.Handler) impl.Handler {
		lines := line.New(2 << 20)
		feed := func(text string) impl.Reply { return own(next.Data([]byte(text + "\n"))) }
		return &hook{Handler: next,
			data: func(p []byte) (r impl.Reply) {
				for text, err := range lines.Feed(p) {
					if err != nil {
						continue
					}
					r = join(r, f(string(text), feed))
					if r.Close {
						return r
					}
				}
				return r
			},
			end: func() (r impl.Reply) {
				for text, err := range lines.End() {
					if err == nil {
						r = join(r, f(string(text), feed))
					}
				}
				r.Close = true
				return r
			}}
	})
}

// cut replaces the way in which input is cut into lines: from what has come
// it takes lines and leaves a rest. What is left at the client's end is a line.
// Without f the lines are answered rightly.
func cut(split func(p []byte) (found []string, rest []byte), f func(text string, next answer) impl.Reply) change {
	return cutUntil(true, split, f)
}

// cutUntil cuts like cut, and without stop answers what comes along behind a
// line that closes the connection.
func cutUntil(stop bool, split func(p []byte) (found []string, rest []byte), f func(text string, next answer) impl.Reply) change {
	if f == nil {
		f = func(text string, next answer) impl.Reply { return next(text) }
	}
	return handler(func(next impl.Handler) impl.Handler {
		var rest []byte
		feed := func(text string) impl.Reply { return own(next.Data([]byte(text + "\n"))) }
		return &hook{Handler: next,
			data: func(p []byte) (r impl.Reply) {
				long := len(rest) > 64<<10
				rest = append(rest, p...)
				if long && !bytes.ContainsAny(p, "\r\n") {
					return r // not searched again and again
				}
				var found []string
				if found, rest = split(rest); len(rest) > 0 {
					rest = bytes.Clone(rest)
				}
				for _, text := range found {
					r = join(r, f(text, feed))
					if r.Close && stop {
						return r
					}
				}
				return r
			},
			end: func() (r impl.Reply) {
				if len(rest) > 0 {
					r = f(strings.TrimRight(string(rest), "\r\n"), feed)
				}
				r.Close = true
				return r
			}}
	})
}

// universal cuts rightly: at LF, CR and CRLF. A CR at the very end waits for
// the LF that may follow.
func universal(p []byte) (found []string, rest []byte) {
	for {
		i := bytes.IndexAny(p, "\r\n")
		if i < 0 || (p[i] == '\r' && i+1 == len(p)) {
			return found, p
		}
		found = append(found, string(p[:i]))
		if p[i] == '\r' && p[i+1] == '\n' {
			i++
		}
		p = p[i+1:]
	}
}

// atLF, atCRLF, atEither and atEachRead cut wrongly.
func atLF(p []byte) (found []string, rest []byte) {
	for {
		before, after, ok := bytes.Cut(p, []byte("\n"))
		if !ok {
			return found, p
		}
		found, p = append(found, string(before)), after
	}
}

func atCRLF(p []byte) (found []string, rest []byte) {
	for {
		before, after, ok := bytes.Cut(p, []byte("\r\n"))
		if !ok {
			return found, p
		}
		found, p = append(found, string(before)), after
	}
}

func atEither(p []byte) (found []string, rest []byte) {
	for {
		i := bytes.IndexAny(p, "\r\n")
		if i < 0 {
			return found, p
		}
		found, p = append(found, string(p[:i])), p[i+1:]
	}
}

func atEachRead(p []byte) (found []string, rest []byte) {
	found, rest = universal(p)
	if n := len(rest); n > 0 && rest[n-1] == '\r' {
		return append(found, string(rest[:n-1])), nil
	}
	return found, rest
}

func oneLinePerRead(p *plan) {
	handler(func(next impl.Handler) impl.Handler {
		var rest []byte
		return &hook{Handler: next,
			data: func(b []byte) impl.Reply {
				long := len(rest) > 64<<10
				rest = append(rest, b...)
				if long && !bytes.ContainsAny(b, "\r\n") {
					return impl.Reply{}
				}
				i := bytes.IndexAny(rest, "\r\n")
				if i < 0 || (rest[i] == '\r' && i+1 == len(rest)) {
					return impl.Reply{}
				}
				if rest[i] == '\r' && rest[i+1] == '\n' {
					i++
				}
				first := rest[:i+1]
				rest = bytes.Clone(rest[i+1:])
				return next.Data(first)
			},
			end: func() impl.Reply {
				r := impl.Reply{}
				if len(rest) > 0 {
					r = own(next.Data(rest))
				}
				if !r.Close {
					r = join(r, next.End())
				}
				return r
			}}
	})(p)
}

func earlierKept(p *plan) {
	handler(func(next impl.Handler) impl.Handler {
		earlier := ""
		return around(next, eachLine(func(text string, next answer) impl.Reply {
			if text == "quit" {
				return next(text)
			}
			if len(earlier) < 1<<20 {
				earlier += text
			}
			return next(earlier)
		}))
	})(p)
}

// quitWhen quits on other lines than quit too.
func quitWhen(quits func(text string) bool) change {
	return eachLine(func(text string, next answer) impl.Reply {
		if quits(text) {
			text = "quit"
		}
		return next(text)
	})
}

// onQuit changes the answer to quit.
func onQuit(f func(impl.Reply) impl.Reply) change {
	return eachLine(func(text string, next answer) impl.Reply {
		if text == "quit" {
			return f(next(text))
		}
		return next(text)
	})
}

// unreadAtQuit reads the first bytes of a connection by fours, so that what
// follows a quit there is still unread, and then closes without reading it.
func unreadAtQuit(p *plan) {
	p.accept = append(p.accept, func(c *conn) {
		got := 0
		read := c.read
		c.read = func(b []byte) (int, error) {
			if got < 64 {
				b = b[:min(4, len(b))]
			}
			n, err := read(b)
			got += n
			return n, err
		}
		c.ending = func() { c.Conn.Close() }
	})
}
