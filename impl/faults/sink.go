package faults

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"conform/impl"
)

// said is what a sink says of a read, which is something it should not.
func said(f func(read string) impl.Reply) change {
	return handler(func(next impl.Handler) impl.Handler {
		return &hook{Handler: next, data: func(p []byte) impl.Reply { return f(string(p)) }}
	})
}

func sinkFaults() []Fault {
	ends := impl.Reply{Close: true}
	none := impl.Reply{}
	when := func(is bool, r impl.Reply) impl.Reply {
		if is {
			return r
		}
		return none
	}
	return []Fault{
		// What is said.
		{Name: "greets", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, open: func() impl.Reply { return say("welcome\n") }}
		}), Text: "Greets a client."},
		{Name: "echoes", change: said(func(s string) impl.Reply { return say(s) }), Text: "Sends back what it reads."},
		{Name: "echoes-lines", change: said(func(s string) impl.Reply { return when(strings.HasSuffix(s, "\n"), say(s)) }), Text: "Sends lines back."},
		{Name: "acknowledges", change: said(func(string) impl.Reply { return say("ok\n") }), Text: "Confirms whatever it reads."},
		{Name: "nul-for-each-read", change: said(func(string) impl.Reply { return say("\x00") }), Text: "Answers each read with a NUL."},
		{Name: "answers-questions", change: said(func(s string) impl.Reply { return when(strings.Contains(s, "?"), say("Ugly.")) }),
			Text: "Answers what ends in a question mark."},
		{Name: "answers-requests", change: said(func(s string) impl.Reply {
			return when(strings.Contains(s, "GET "), say("HTTP/1.1 400 Bad Request\r\n\r\n"))
		}), Text: "Answers a request of HTTP as a web server does."},
		{Name: "says-goodbye", change: atEnd(func(impl.Handler) impl.Reply { return impl.Reply{Send: []byte("bye\n"), Close: true} }),
			Text: "Says goodbye when the client has ended."},
		{Name: "counts-at-the-end", change: handler(func(next impl.Handler) impl.Handler {
			n := 0
			return &hook{Handler: next,
				data: func(p []byte) impl.Reply { n += len(p); return none },
				end: func() impl.Reply {
					if n == 0 {
						return ends
					}
					return impl.Reply{Send: fmt.Appendf(nil, "%d bytes\n", n), Close: true}
				}}
		}), Text: "Says at the end how many bytes it has read, if any."},
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
		{Name: "reminds-of-silence", change: connection(func(p *plan, c *conn) {
			go func() {
				select {
				case <-p.done:
				case <-time.After(250 * time.Millisecond):
					c.Conn.Write([]byte("still there?\n"))
				}
			}()
		}), Text: "Asks a client that has been there for a quarter of a second whether it is."},

		// What ends a connection.
		{Name: "closes-after-first-read", change: said(func(string) impl.Reply { return ends }), Text: "Closes after its first read."},
		{Name: "quit-closes", change: said(func(s string) impl.Reply { return when(hasLine(s, "quit"), ends) }), Text: "Closes at quit."},
		{Name: "empty-line-closes", change: said(func(s string) impl.Reply { return when(hasLine(s, ""), ends) }),
			Text: "Takes an empty line for the end of the client."},
		{Name: "ctrl-d-closes", change: said(func(s string) impl.Reply { return when(strings.Contains(s, "\x04"), ends) }), Text: "Closes at Ctrl-D."},
		{Name: "nul-closes", change: said(func(s string) impl.Reply { return when(strings.HasPrefix(s, "\x00"), ends) }),
			Text: "Takes a NUL for a read of nothing, which is what an empty C string looks like."},
		{Name: "thirty-reads-then-closes", change: handler(func(next impl.Handler) impl.Handler {
			n := 0
			return &hook{Handler: next, data: func([]byte) impl.Reply { n++; return when(n > 30, ends) }}
		}), Text: "Closes after thirty reads."},
		{Name: "closes-after-50k", change: quota(50_000), Text: "Closes a connection that has sent fifty thousand bytes."},
		{Name: "closes-after-two-megabytes", Load: "sink/draining/four-mebibytes", change: quota(2 << 20), Text: "Closes a connection that has sent two megabytes."},
		{Name: "idle-client-given-up", change: idleGivenUp, Text: "Closes a connection on which nothing came for a moment."},
		{Name: "quit-ends-server", Bound: 1, change: both(serial, func(p *plan) {
			said(func(s string) impl.Reply {
				if hasLine(s, "quit") || hasLine(s, "shutdown") {
					go p.die()
				}
				return none
			})(p)
		}), Text: "Ends the whole program at quit or shutdown."},

		// What happens at the client's end.
		{Name: "never-closes-unused", change: connection(func(p *plan, c *conn) {
			heard := false
			c.onRead(func(_ []byte, n int, err error) (int, error) {
				if heard = heard || n > 0; isEOF(err) && !heard {
					<-p.done
				}
				return n, err
			})
		}), Text: "Does not close a connection on which nothing has ever come."},
		{Name: "one-read-for-each-event", change: oneReadPerEvent,
			Text: "Waits for events that tell only of news, and reads 1024 bytes for each: the rest, or the end, lies there."},
		{Name: "closes-the-latest", change: closesTheLatest,
			Text: "Closes the connection that came last when a client ends, whichever that was."},
		{Name: "closes-with-the-next", change: closesWithTheNext,
			Text: "Closes a connection only when the next client has come, as a garbage collector might."},
		{Name: "closes-late", change: connection(func(p *plan, c *conn) {
			c.onRead(func(_ []byte, n int, err error) (int, error) {
				if isEOF(err) {
					select {
					case <-time.After(3 * time.Second):
					case <-p.done:
					}
				}
				return n, err
			})
		}), Text: "Takes three seconds to notice that a client has ended."},

		// What is read.
		{Name: "reads-once", change: stopsAfter(1), Text: "Reads once, and never again."},
		{Name: "stops-after-a-megabyte", Load: "sink/draining/four-mebibytes", change: stopsAfter(1_000_000), Text: "Stops reading when it has read a million bytes."},
		{Name: "stops-after-30k", change: stopsAfter(30_000), Text: "Stops reading when its buffer of thirty thousand bytes is full."},
		{Name: "stops-after-300k", change: stopsAfter(300_000), Text: "Stops reading when it has read three hundred thousand bytes."},
	}
}

// hasLine says whether one of the lines of a read is this: a client's pauses
// between them are no promise that each is read apart.
func hasLine(read, line string) bool {
	return slices.Contains(strings.Split(strings.TrimSuffix(strings.ReplaceAll(read, "\r", ""), "\n"), "\n"), line)
}

// quota closes a connection that has sent too much.
func quota(limit int) change {
	return handler(func(next impl.Handler) impl.Handler {
		n := 0
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			n += len(p)
			return impl.Reply{Close: n > limit}
		}}
	})
}

// stopsAfter does not read any more when so many bytes have come.
func stopsAfter(limit int) change {
	return connection(func(p *plan, c *conn) {
		total := 0
		read := c.read
		c.read = func(b []byte) (int, error) {
			if total >= limit {
				<-p.done
				return 0, net.ErrClosed
			}
			n, err := read(b)
			total += n
			return n, err
		}
	})
}

// closesTheLatest closes the connection that came last in place of the one that
// has ended.
func closesTheLatest(p *plan) {
	var r room
	p.accept = append(p.accept, func(c *conn) {
		r.enter(c)
		c.onRead(func(_ []byte, n int, err error) (int, error) {
			if isEOF(err) {
				if all := r.all(); len(all) > 0 && all[len(all)-1] != c {
					all[len(all)-1].Close()
					<-p.done
				}
			}
			return n, err
		})
	})
}

// closesWithTheNext holds every end back until another client comes.
func closesWithTheNext(p *plan) {
	next := make(chan chan struct{}, 1)
	next <- make(chan struct{})
	p.accept = append(p.accept, func(c *conn) {
		close(<-next)
		mine := make(chan struct{})
		next <- mine
		c.onRead(func(b []byte, n int, err error) (int, error) {
			if isEOF(err) {
				select {
				case <-mine:
				case <-p.done:
				}
			}
			return n, err
		})
	})
}
