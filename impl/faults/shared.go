package faults

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"conform/impl"
)

// traits are what the shared faults know of a protocol.
type traits struct {
	end      byte   // the last byte of a message
	question string // a message with an answer
}

// shared are the faults that servers of every protocol have.
func shared(t traits) []Fault {
	return []Fault{
		// How clients are taken.
		{Name: "serial", change: serial,
			Text: "Serves a client to its end before it accepts the next, so that one idle client keeps everyone else out."},
		{Name: "three-at-once", change: func(p *plan) { p.limit = 3 },
			Text: "Serves three clients at once, and the fourth waits although it claims to serve any number."},
		{Name: "worker-never-returns", Bound: 4, change: workerNeverReturns,
			Text: "Has four workers, and one that has served a client does not take the next one."},
		{Name: "refuses-when-busy", Bound: 1, change: busy(func(c net.Conn) { c.Close() }),
			Text: "Hangs up on a client that connects while another is served, instead of letting it wait."},
		{Name: "loses-early-input", Bound: 1, change: busy(discard),
			Text: "Throws away what a client has sent while it was waiting for its turn."},
		{Name: "one-client-then-exit", Bound: 1, change: both(serial, connection(func(p *plan, c *conn) { c.onClose(p.die) })),
			Text: "Ends after its first client: accept is not in a loop."},
		{Name: "ten-clients-then-none", change: tenClients,
			Text: "Serves ten clients in its life and then no more, because a client's place in a table is never freed."},
		{Name: "silent-visitor-keeps-place", change: silentVisitor,
			Text: "Never frees the place of a client that leaves without a message, and has only eight places."},

		// What is kept where.
		{Name: "one-buffer-for-all", change: oneHandler,
			Text: "Keeps one buffer and one state for all clients, so that their messages and modes run together."},
		{Name: "buffer-outlives-client", Bound: 1, change: both(serial, reusedHandler),
			Text: "Gives the buffer and the state of a client that has left, unfinished message and all, to the next one."},
		{Name: "answers-the-latest", change: toLatest,
			Text: "Keeps the connection to answer in one variable, so that every answer goes to the client that connected last."},
		{Name: "broadcasts", change: toAll,
			Text: "Sends every answer to all clients, like a chat room."},
		{Name: "partial-message-blocks-all", change: blocking(t.end),
			Text: "Waits in a read for the rest of one client's message, while everyone else waits for it."},

		// What ends the program.
		{Name: "dies-on-reset", Bound: 1, change: both(serial, dieWhen(isReset)),
			Text: "Ends with an uncaught error when a client resets its connection."},
		{Name: "dies-on-eof", Bound: 1, change: both(serial, dieWhen(isEOF)),
			Text: "Ends with an uncaught error when a client closes its connection."},
		{Name: "dies-on-partial-message", Bound: 1, change: both(serial, dieInMessage(t.end)),
			Text: "Ends with an uncaught error when a client leaves in the middle of a message."},
		{Name: "dies-on-broken-pipe", Bound: 1, change: both(serial, diesOnBrokenPipe),
			Text: "Ends with an uncaught error when it writes to a client that has left."},
		{Name: "dies-on-long-message", Bound: 1, change: both(serial, diesOnLong(t.end)),
			Text: "Ends, out of memory, when a client sends more than half a megabyte without an end of message."},
		{Name: "event-loop-dies-with-a-client", change: connection(func(p *plan, c *conn) {
			c.slow()
			c.onRead(func(_ []byte, n int, err error) (int, error) {
				if isEOF(err) || isReset(err) {
					p.die()
				}
				return n, err
			})
			write := c.write
			c.write = func(b []byte) (int, error) {
				n, err := write(b)
				if isReset(err) {
					p.die()
				}
				return n, err
			}
		}), Text: "Serves many clients in one loop, and an end or error of one of them, uncaught, ends it for all."},
		{Name: "one-leaves-all-leave", change: oneLeaves,
			Text: "Closes every connection when one client leaves."},
		{Name: "hangs-on-eof", Bound: 1, change: both(serial, connection(func(p *plan, c *conn) {
			c.onRead(func(_ []byte, n int, err error) (int, error) {
				if isEOF(err) {
					<-p.done
				}
				return n, err
			})
		})), Text: "Takes the empty read at a client's end for input and loops on it for ever, so that nobody else is served."},
		{Name: "never-closes", change: connection(func(p *plan, c *conn) {
			c.onRead(func(_ []byte, n int, err error) (int, error) {
				if err != nil && !isTimeout(err) {
					<-p.done
				}
				return n, err
			})
		}), Text: "Does not close its side when a client has ended."},

		// What happens when the client ends.
		{Name: "resets-at-eof", change: connection(func(_ *plan, c *conn) {
			c.onRead(func(_ []byte, n int, err error) (int, error) {
				if isEOF(err) {
					c.reset()
				}
				return n, err
			})
		}), Text: "Resets the connection when the client has ended, instead of closing it in order."},
		{Name: "eof-before-question", change: eofFirst,
			Text: "Looks for the client's end first, and drops the message that came with it."},

		// What is sent.
		{Name: "prompts", change: onAnswer(func(a string) string { return a + "> " }),
			Text: "Sends a prompt after each answer."},
		{Name: "nul-appended", change: onAnswer(func(a string) string { return a + "\x00" }),
			Text: "Sends the NUL that ends a C string along with each answer."},
		{Name: "newline-appended", change: onAnswer(func(a string) string { return a + "\n" }),
			Text: "Sends one more line end after each answer."},
		{Name: "answers-twice", change: onAnswer(func(a string) string { return a + a }),
			Text: "Sends each answer twice."},
		{Name: "answer-cut-at-16", change: onAnswer(func(a string) string { return a[:min(len(a), 16)] }),
			Text: "Sends at most sixteen bytes of an answer, the size of a buffer."},
		{Name: "closes-after-one-answer", change: onReply(func(r impl.Reply) impl.Reply {
			r.Close = r.Close || len(r.Send) > 0
			return r
		}), Text: "Closes the connection after one answer instead of reading the next message."},
		{Name: "twenty-answers-then-none", change: twentyAnswers,
			Text: "Gives a client twenty answers and then no more."},
		{Name: "buffer-of-1024", change: bounded(t.end, 1024),
			Text: "Keeps at most 1024 bytes of a message and drops the rest, its end included."},
		{Name: "buffer-of-8192", change: bounded(t.end, 8192),
			Text: "Keeps at most 8192 bytes of a message and drops the rest, its end included."},
		{Name: "hangs-up-on-non-utf8", change: connection(func(_ *plan, c *conn) {
			c.onRead(func(p []byte, n int, err error) (int, error) {
				if !utf8.Valid(p[:n]) {
					c.Close()
					return 0, net.ErrClosed
				}
				return n, err
			})
		}), Text: "Decodes each read as UTF-8, and hangs up on bytes that are none, or on a character that was cut in two."},
		{Name: "dies-on-non-utf8", Bound: 1, change: both(serial, connection(func(p *plan, c *conn) {
			c.onRead(func(b []byte, n int, err error) (int, error) {
				if !utf8.Valid(b[:n]) {
					p.die()
				}
				return n, err
			})
		})), Text: "Ends with an uncaught decoding error when a client sends bytes that are not UTF-8."},
	}
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// isReset takes every failed read for a reset but an end of our own making.
func isReset(err error) bool {
	return err != nil && !isEOF(err) && !errors.Is(err, net.ErrClosed) && !isTimeout(err)
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

func dieWhen(deadly func(error) bool) change {
	return connection(func(p *plan, c *conn) {
		var left atomic.Bool
		c.ending = func() { left.Store(true) }
		c.onRead(func(_ []byte, n int, err error) (int, error) {
			// After the server's own goodbye the client's end is no surprise.
			if !left.Load() && deadly(err) {
				p.die()
			}
			return n, err
		})
	})
}

func dieInMessage(end byte) change {
	return connection(func(p *plan, c *conn) {
		last := end
		c.onRead(func(b []byte, n int, err error) (int, error) {
			if n > 0 {
				last = b[n-1]
			}
			if last != end && (isEOF(err) || isReset(err)) {
				p.die()
			}
			return n, err
		})
	})
}

// diesOnBrokenPipe writes line by line and not too fast, so that a client that
// leaves at once has left before the last line.
func diesOnBrokenPipe(p *plan) {
	p.accept = append(p.accept, func(c *conn) {
		write := c.write
		c.write = func(b []byte) (int, error) {
			for done := 0; done < len(b); {
				n := 0
				for n = done; n < len(b) && b[n] != '\n' && b[n] != '.'; n++ {
				}
				n = min(n+1, len(b))
				time.Sleep(2 * time.Millisecond)
				if _, err := write(b[done:n]); err != nil {
					p.die()
					return done, err
				}
				done = n
			}
			return len(b), nil
		}
	})
}

func diesOnLong(end byte) change {
	return connection(func(p *plan, c *conn) {
		size := 0
		c.onRead(func(b []byte, n int, err error) (int, error) {
			size += n
			if n > 0 && b[n-1] == end {
				size = 0
			}
			if size > 512<<10 {
				p.die()
			}
			return n, err
		})
	})
}

func workerNeverReturns(p *plan) {
	workers := make(chan struct{}, 4)
	// Taken in the order in which clients have come: who is read first is chance.
	p.accept = append(p.accept, func(*conn) {
		select {
		case workers <- struct{}{}:
		case <-p.done:
		}
	})
}

func tenClients(p *plan) {
	places := make(chan struct{}, 10)
	p.listen = func(ln net.Listener) net.Listener {
		return acceptor{ln, func(nc net.Conn) (net.Conn, error) {
			select {
			case places <- struct{}{}:
				return nc, nil
			case <-p.done:
				nc.Close()
				return nil, net.ErrClosed
			}
		}}
	}
}

func silentVisitor(p *plan) {
	var mu sync.Mutex
	lost := 0
	p.accept = append(p.accept, func(c *conn) {
		heard := false
		read := c.read
		c.read = func(b []byte) (int, error) {
			mu.Lock()
			full := lost >= 8
			mu.Unlock()
			if full {
				<-p.done
			}
			n, err := read(b)
			if heard = heard || n > 0; !heard && err != nil {
				mu.Lock()
				lost++
				mu.Unlock()
			}
			return n, err
		}
	})
}

// acceptor is a listener that treats what it has accepted.
type acceptor struct {
	net.Listener
	treat func(net.Conn) (net.Conn, error)
}

func (a acceptor) Accept() (net.Conn, error) {
	nc, err := a.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return a.treat(nc)
}

// busy is a server for one client at a time that does something to those that
// have to wait: longer than a client that has just left takes to be forgotten.
func busy(do func(net.Conn)) change {
	return func(p *plan) {
		free := make(chan struct{}, 1)
		free <- struct{}{}
		p.listen = func(ln net.Listener) net.Listener {
			return acceptor{ln, func(nc net.Conn) (net.Conn, error) {
				select {
				case <-free:
					return nc, nil
				case <-p.done:
					nc.Close()
					return nil, net.ErrClosed
				case <-time.After(head):
				}
				do(nc)
				select {
				case <-free:
					return nc, nil
				case <-p.done:
					nc.Close()
					return nil, net.ErrClosed
				}
			}}
		}
		p.accept = append(p.accept, func(c *conn) { c.onClose(func() { free <- struct{}{} }) })
	}
}

// discard reads what has arrived.
func discard(nc net.Conn) {
	nc.SetReadDeadline(time.Now().Add(time.Millisecond))
	io.Copy(io.Discard, nc)
	nc.SetReadDeadline(time.Time{})
}

// oneHandler gives every connection the same handler.
func oneHandler(p *plan) {
	p.accept = append(p.accept, (*conn).late)
	var mu sync.Mutex
	one := p.handler()
	locked := func(f func() impl.Reply) impl.Reply {
		mu.Lock()
		defer mu.Unlock()
		return own(f()) // a copy, before the next client comes
	}
	p.handler = func() impl.Handler {
		return &hook{
			open: func() impl.Reply { return locked(one.Open) },
			data: func(b []byte) impl.Reply { return locked(func() impl.Reply { return one.Data(b) }) },
			end:  func() impl.Reply { return impl.Reply{Close: true} },
		}
	}
}

// reusedHandler gives the handler of a client that has left to the next one.
func reusedHandler(p *plan) {
	var mu sync.Mutex
	var idle []impl.Handler
	next := p.handler
	p.handler = func() impl.Handler {
		mu.Lock()
		defer mu.Unlock()
		var h impl.Handler
		if n := len(idle); n > 0 {
			h, idle = idle[n-1], idle[:n-1]
		} else {
			h = next()
		}
		keep := func() {
			mu.Lock()
			defer mu.Unlock()
			idle = append(idle, h)
		}
		return &hook{Handler: h,
			data: func(b []byte) impl.Reply {
				r := h.Data(b)
				if r.Close {
					keep()
				}
				return r
			},
			end: func() impl.Reply {
				keep()
				return impl.Reply{Close: true}
			}}
	}
}

// room is the connections that are open, the latest one last.
type room struct {
	mu    sync.Mutex
	conns []*conn
}

func (r *room) enter(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, c)
	c.onClose(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if i := slices.Index(r.conns, c); i >= 0 {
			r.conns = slices.Delete(r.conns, i, i+1)
		}
	})
}

func (r *room) all() []*conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.conns)
}

func toLatest(p *plan) {
	var r room
	p.accept = append(p.accept, func(c *conn) {
		c.slow()
		r.enter(c)
		c.onClose(func() { time.Sleep(2 * head) }) // nobody is told that the latest has left
		greeted := false
		write := c.write
		c.write = func(b []byte) (int, error) {
			if all := r.all(); greeted && len(all) > 0 && all[len(all)-1] != c {
				return all[len(all)-1].Conn.Write(b)
			}
			return write(b)
		}
		// What is written before the first read is a greeting.
		c.onRead(func(_ []byte, n int, err error) (int, error) { greeted = true; return n, err })
	})
}

func toAll(p *plan) {
	var r room
	p.accept = append(p.accept, func(c *conn) {
		c.slow()
		r.enter(c)
		heard := false
		write := c.write
		c.onRead(func(_ []byte, n int, err error) (int, error) {
			heard = true
			if err != nil {
				time.Sleep(head) // for those who come meanwhile to hear the last answer
			}
			return n, err
		})
		c.write = func(b []byte) (int, error) {
			if heard {
				for _, other := range r.all() {
					if other != c {
						other.Conn.Write(b)
					}
				}
			}
			return write(b)
		}
	})
}

func oneLeaves(p *plan) {
	var r room
	p.accept = append(p.accept, func(c *conn) {
		c.late()
		r.enter(c)
		c.ending = func() {
			time.Sleep(head) // for those who come meanwhile
			for _, other := range r.all() {
				if other != c {
					other.Conn.Close()
				}
			}
		}
	})
}

// blocking gives everyone else's reads a wait while a message is incomplete.
func blocking(end byte) change {
	return func(p *plan) {
		reading := make(chan struct{}, 1) // held from the first byte of a message to its last
		p.accept = append(p.accept, func(c *conn) {
			var mu sync.Mutex
			mine := false
			release := func() {
				mu.Lock()
				defer mu.Unlock()
				if mine {
					mine = false
					<-reading
				}
			}
			c.onClose(release)
			c.onRead(func(b []byte, n int, err error) (int, error) {
				if n > 0 {
					mu.Lock()
					held := mine
					mu.Unlock()
					if !held {
						select {
						case reading <- struct{}{}:
						case <-p.done:
							return 0, net.ErrClosed
						}
						mu.Lock()
						mine = true
						mu.Unlock()
					}
					if b[n-1] == end {
						release()
					}
				}
				if err != nil {
					release()
				}
				return n, err
			})
		})
	}
}

// eofFirst waits a moment for a client's end that comes right behind a message.
func eofFirst(p *plan) {
	p.accept = append(p.accept, func(c *conn) {
		read := c.read
		c.read = func(b []byte) (int, error) {
			n, err := read(b)
			if err != nil || n == len(b) {
				return n, err
			}
			c.SetReadDeadline(time.Now().Add(15 * time.Millisecond))
			more, err := read(b[n:])
			c.SetReadDeadline(time.Time{})
			if isEOF(err) {
				return 0, io.EOF
			}
			if isTimeout(err) {
				err = nil
			}
			return n + more, err
		}
	})
}

func twentyAnswers(p *plan) {
	handler(func(next impl.Handler) impl.Handler {
		n := 0
		return &hook{Handler: next, data: func(b []byte) impl.Reply {
			r := next.Data(b)
			if len(r.Send) > 0 {
				n++
			}
			if n > 20 {
				r.Send = nil
			}
			return r
		}}
	})(p)
}

// bounded drops what a message has beyond size bytes.
func bounded(end byte, size int) change {
	return handler(func(next impl.Handler) impl.Handler {
		kept := 0
		return &hook{Handler: next, data: func(b []byte) impl.Reply {
			var keep []byte
			for _, x := range b {
				if kept < size {
					keep = append(keep, x)
				}
				if kept++; x == end {
					kept = 0
				}
			}
			if len(keep) == 0 {
				return impl.Reply{}
			}
			return next.Data(keep)
		}}
	})
}
