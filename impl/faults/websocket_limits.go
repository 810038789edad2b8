package faults

import (
	"bytes"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"conform/impl"
)

// websocketLimitsFaults are those that show in volume, in floods, and with
// clients that are slow or many.
func websocketLimitsFaults() []Fault {
	const limits = "websocket/limits/"
	return []Fault{
		// What is announced, and what is declared.
		{Name: "dies-on-huge-announcement", change: wsDying(func(_ *wsState, f wsFrame) bool { return f.huge }),
			Load: limits + "hundred-huge-announced-lengths",
			Text: "Takes memory for a whole frame when its header comes, and ends, out of memory, when the header announces a gigabyte."},
		{Name: "huge-announcements-add-up", change: hugeAddUp,
			Load: limits + "hundred-huge-announced-lengths",
			Text: "Reserves what each client announces, which is no trouble for one of them, and ends when fifty have announced 256 MiB."},
		{Name: "takes-announced-memory", change: takesAnnounced,
			Text: "Takes memory for a whole frame when its header comes, and survives that where there is enough of it: a hundred megabytes here, for a gigabyte."},
		{Name: "no-message-limit", change: func(p *plan) { p.options.MaxMessage = 1 << 30 },
			Text: "Takes messages of any length, whatever limit it claims to have."},
		{Name: "limit-for-each-fragment", change: func(p *plan) {
			most := claimed(p)
			p.options.MaxMessage = 1 << 30
			wsIn(func(s *wsState, f wsFrame) []wsFrame {
				if f.huge || len(f.payload) > most {
					s.Say(wsCloseFrame(1009, ""))
					s.Hangup()
					return nil
				}
				return []wsFrame{f}
			})(p)
		}, Text: "Compares the limit with each frame, and never with the message that the fragments add up to."},
		{Name: "long-messages-cut", change: func(p *plan) {
			most := claimed(p)
			p.options.MaxMessage = 1 << 30
			wsOut(func(_ *wsState, f wsFrame) []wsFrame {
				if !f.control() && len(f.payload) > most {
					f.payload, f.form = f.payload[:most], 0
				}
				return []wsFrame{f}
			})(p)
		}, Text: "Cuts a message that is longer than its limit, and echoes what is left."},
		{Name: "too-big-closes-with-1000", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose && bytes.HasPrefix(f.payload, []byte{1009 >> 8, 1009 & 0xff}) {
				f.payload = []byte{1000 >> 8, 1000 & 0xff}
			}
			return []wsFrame{f}
		}), Text: "Closes with 1000, as if all were well, when a message is too long."},
		{Name: "last-byte-of-full-pages-lost", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if n := len(f.payload); !f.control() && f.rsv == 0 && n > 0 && n%4096 == 0 {
				f.payload, f.form = f.payload[:n-1], 0
			}
			return []wsFrame{f}
		}), Load: limits + "{messages-of-*,fragments-of-{ki,me}bibytes,chopped-writes}",
			Text: "Takes a page of 4096 bytes more only when a message does not fit, and keeps the last byte for a NUL: messages that fill their pages lose it."},

		// Floods.
		{Name: "hundred-fragments-at-most", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if s.n = fragmentsSoFar(s.n, f); s.n > 100 {
				s.Say(wsCloseFrame(1008, ""))
				s.Hangup()
				return nil
			}
			return []wsFrame{f}
		}), Load: limits + "fragments-of-{bytes,kibibytes}",
			Text: "Has room for a hundred fragments of a message, and refuses one that comes in more."},
		{Name: "dies-of-fragments", change: wsDying(func(s *wsState, f wsFrame) bool {
			s.n = fragmentsSoFar(s.n, f)
			return s.n > 50_000
		}), Load: limits + "flood-of-tiny-fragments",
			Text: "Keeps an object for each fragment of a message, and ends, out of memory, when there are fifty thousand."},
		{Name: "fragments-counted-in-16-bits", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if s.n = fragmentsSoFar(s.n, f); s.n > 65_535 && !f.control() {
				return nil
			}
			return []wsFrame{f}
		}), Load: limits + "{flood-of-tiny-fragments,fragments-by-the-thousand}",
			Text: "Counts the fragments of a message in 16 bits, and loses those from the 65536th on."},
		{Name: "keeps-a-kilobyte-of-each-fragment", change: keepsFragments,
			Load: limits + "flood-of-tiny-fragments",
			Text: "Keeps an object of a kilobyte for each fragment of a message, however short that is."},
		{Name: "spins-on-empty-fragments", change: spinning,
			Load: limits + "flood-of-empty-fragments",
			Text: "Reads on, without giving anybody else a turn, while what it has read is an empty fragment."},
		{Name: "dies-of-pings", change: wsDying(func(s *wsState, f wsFrame) bool {
			if f.op == wsPing {
				s.n++
			}
			return s.n > 30_000
		}), Load: limits + "flood-of-*",
			Text: "Starts a task for each Ping, and ends, out of memory, when one client has sent thirty thousand."},
		{Name: "floods-lose-messages", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if !f.control() && s.inRead > 200 {
				return nil
			}
			return []wsFrame{f}
		}), Load: limits + "pipelined-messages",
			Text: "Has a queue for two hundred frames, and drops the messages that one read brings beyond that."},

		// Clients that are slow.
		{Name: "write-blocks-all", change: writeBlocksAll,
			Load: limits + "{client-that-never-reads,flood-of-unread-pongs}",
			Text: "Writes in the loop that serves everybody, and waits there for a client that does not read."},
		{Name: "dies-on-write-timeout", change: diesOnWriteTimeout,
			Load: limits + "{client-that-*,flood-of-unread-pongs}",
			Text: "Ends with an uncaught timeout when a client takes nothing for a while of what it is sent."},
		{Name: "short-writes-ignored", change: shortWrites,
			Load: limits + "client-that-reads-*",
			Text: "Takes what it writes to a client that reads slowly for written, and does not look at how much of it was."},
		{Name: "partial-frame-blocks-all", change: partialFrameBlocksAll,
			Text: "Waits in a read for the rest of one client's frame, while everyone else waits for it."},
		{Name: "idle-client-forgotten", change: idleForgotten,
			Text: "Forgets a client that says nothing for three seconds, without closing its connection."},

		// Clients that are many.
		{Name: "places-never-freed", change: func(p *plan) {
			places := make(chan struct{}, 250)
			p.listen = placing(p, places)
		}, Load: limits + "{connections-*,idle-crowd}",
			Text: "Has a table for 250 clients, and never frees the place of one that has left."},
		{Name: "descriptors-never-closed", change: neverCloses,
			Load: limits + "connections-in-a-row",
			Text: "Opens something for each client, such as a file to log to, and never closes it."},
		{Name: "places-freed-by-close-frames", change: freedByClose,
			Load: limits + "connections-dropped-anywhere",
			Text: "Frees what belongs to a connection when a Close frame comes, and never when it ends in another way."},
		{Name: "table-of-128-clients", change: func(p *plan) { p.limit = 128 },
			Load: limits + "idle-crowd",
			Text: "Serves 128 clients at once, and lets any more wait without a word."},

		// Much that is right by itself.
		{Name: "buffer-moves", change: bufferMoves,
			Load: limits + "{tiny-and-large-fragments,fragments-of-*}",
			Text: "Keeps a pointer to the first fragment of a message while the buffer grows beyond 64 KiB and moves."},
		{Name: "five-hundred-messages-then-none", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if !f.control() && f.fin {
				s.n++
			}
			if s.n > 500 && !f.control() {
				return nil
			}
			return []wsFrame{f}
		}), Load: limits + "{thousand-round-trips,round-trips-of-*,pipelined-messages}",
			Text: "Answers five hundred messages of a client and then no more."},
	}
}

// claimed is the limit of a message that a server claims to have: that of the
// reference, if nobody has set another.
func claimed(p *plan) int {
	if p.options.MaxMessage == 0 {
		return 32 << 20
	}
	return p.options.MaxMessage
}

// wsDying ends the server at the first frame for which f says so.
func wsDying(f func(*wsState, wsFrame) bool) change {
	return func(p *plan) {
		wsIn(func(s *wsState, fr wsFrame) []wsFrame {
			if f(s, fr) {
				p.die()
				return nil
			}
			return []wsFrame{fr}
		})(p)
	}
}

func hugeAddUp(p *plan) {
	var announced atomic.Int32
	wsDying(func(_ *wsState, f wsFrame) bool { return f.huge && announced.Add(1) > 50 })(p)
}

// takesAnnounced keeps the memory for as long as the connection lasts.
func takesAnnounced(p *plan) {
	wsEach(func() change {
		var kept [][]byte
		return wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.huge && len(kept) == 0 {
				kept = append(kept, p.held.take(100<<20))
			}
			return []wsFrame{f}
		})
	})(p)
}

func keepsFragments(p *plan) {
	wsEach(func() change {
		var kept [][]byte
		return wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsContinuation {
				kept = append(kept, p.held.take(1<<10))
			}
			return []wsFrame{f}
		})
	})(p)
}

// neverCloses opens a file for each client until the server ends.
func neverCloses(p *plan) {
	p.accept = append(p.accept, func(*conn) {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return // there are no more
		}
		p.held.descriptors.Add(1)
		go func() {
			<-p.done
			f.Close()
		}()
	})
}

// fragmentsSoFar counts the fragments of the client's message.
func fragmentsSoFar(n int, f wsFrame) int {
	switch {
	case f.control():
		return n
	case f.op != wsContinuation:
		return 1
	}
	return n + 1
}

// spinning keeps everyone's input waiting once a client has sent a thousand
// empty fragments in a row.
func spinning(p *plan) {
	var spins atomic.Bool
	wsIn(func(s *wsState, f wsFrame) []wsFrame {
		if f.control() {
			return []wsFrame{f}
		}
		if s.n++; f.op != wsContinuation || len(f.payload) > 0 {
			s.n = 0
		}
		if s.n > 1000 {
			spins.Store(true)
			<-p.done
		}
		return []wsFrame{f}
	})(p)
	handler(func(next impl.Handler) impl.Handler {
		return &hook{Handler: next, data: func(b []byte) impl.Reply {
			if spins.Load() {
				<-p.done
			}
			return next.Data(b)
		}}
	})(p)
}

// writeBlocksAll lets nobody's input be handled while a write waits.
func writeBlocksAll(p *plan) {
	var loop sync.Mutex
	p.accept = append(p.accept, func(c *conn) {
		write := c.write
		c.write = func(b []byte) (int, error) {
			loop.Lock()
			defer loop.Unlock()
			return write(b)
		}
		c.onRead(func(_ []byte, n int, err error) (int, error) {
			loop.Lock()
			defer loop.Unlock()
			return n, err
		})
	})
}

func diesOnWriteTimeout(p *plan) {
	p.accept = append(p.accept, func(c *conn) {
		write := c.write
		c.write = func(b []byte) (int, error) {
			c.SetWriteDeadline(time.Now().Add(120 * time.Millisecond))
			n, err := write(b)
			if isTimeout(err) {
				p.die()
			}
			return n, err
		}
	})
}

// shortWrites gives the kernel a moment to take what it can: that is as much as
// a socket that does not block takes.
func shortWrites(p *plan) {
	p.accept = append(p.accept, func(c *conn) {
		write := c.write
		c.write = func(b []byte) (int, error) {
			c.SetWriteDeadline(time.Now().Add(2 * time.Millisecond))
			n, err := write(b)
			if isTimeout(err) {
				return len(b), nil
			}
			return n, err
		}
	})
}

// wsSniff shows the frames of a connection as they are completed, and whether
// one is incomplete after a read.
func wsSniff(c *conn, complete func(wsFrame), read func(partial bool)) {
	var request headCutter
	var decoder wsDecoder
	decoder.most = 64 << 20
	asked := false
	c.onRead(func(b []byte, n int, err error) (int, error) {
		p := b[:n]
		if !asked && n > 0 {
			_, p, asked = request.feed(bytes.Clone(p))
		}
		if asked {
			decoder.feed(p, func(f wsFrame) (bool, bool) { complete(f); return false, true }, nil)
			read(len(decoder.buf) > 0 && err == nil)
		}
		return n, err
	})
}

// partialFrameBlocksAll gives everyone else's reads a wait while a frame is
// incomplete.
func partialFrameBlocksAll(p *plan) {
	reading := make(chan struct{}, 1) // held while a frame is incomplete
	p.accept = append(p.accept, func(c *conn) {
		var mine atomic.Bool
		release := func() {
			if mine.CompareAndSwap(true, false) {
				<-reading
			}
		}
		c.onRead(func(_ []byte, n int, err error) (int, error) {
			if n == 0 || mine.Load() {
				return n, err
			}
			select {
			case reading <- struct{}{}:
				mine.Store(true)
				return n, err
			case <-p.done:
				return 0, net.ErrClosed
			}
		})
		asked := false
		wsSniff(c, func(wsFrame) {}, func(partial bool) {
			if asked = true; !partial {
				release()
			}
		})
		c.onRead(func(_ []byte, n int, err error) (int, error) {
			if !asked || err != nil {
				release() // a request may wait as it likes
			}
			return n, err
		})
		c.onClose(release)
	})
}

func idleForgotten(p *plan) {
	p.accept = append(p.accept, func(c *conn) {
		last := time.Now()
		c.onRead(func(_ []byte, n int, err error) (int, error) {
			if err == nil && time.Since(last) > 3*time.Second {
				<-p.done
				return 0, net.ErrClosed
			}
			last = time.Now()
			return n, err
		})
	})
}

// placing accepts clients while there are places.
func placing(p *plan, places chan struct{}) func(net.Listener) net.Listener {
	return func(ln net.Listener) net.Listener {
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

func freedByClose(p *plan) {
	places := make(chan struct{}, 80)
	p.listen = placing(p, places)
	p.accept = append(p.accept, func(c *conn) {
		wsSniff(c, func(f wsFrame) {
			if f.op == wsClose {
				<-places
			}
		}, func(bool) {})
	})
}

// bufferMoves spoils the start of the echo of a message in fragments that has
// outgrown a first buffer.
func bufferMoves(p *plan) {
	wsBoth(func(s *wsState, f wsFrame) []wsFrame {
		s.n = fragmentsSoFar(s.n, f)
		return []wsFrame{f}
	}, func(s *wsState, f wsFrame) []wsFrame {
		if !f.control() && f.rsv == 0 && s.n > 1 && len(f.payload) > 64<<10 {
			f.payload[0] ^= 0xff
		}
		return []wsFrame{f}
	})(p)
}
