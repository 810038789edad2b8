package faults

import (
	"net"
	"slices"
	"sync"
	"time"
)

// common are the faults that servers of every protocol have.
func common(t traits) []Fault { return append(shared(t), crowdFaults(t)...) }

// crowdFaults are those of servers that lose a client among many, or let one
// keep others waiting: what programs with one loop for all get wrong.
func crowdFaults(t traits) []Fault {
	return []Fault{
		// Who gets lost.
		{Name: "stale-descriptor", change: staleDescriptor, Text: staleDescriptorText},
		{Name: "place-freed-late", change: placeFreedLate,
			Text: "Has forty places, and sweeps up those of clients that have left only now and then, so that newcomers find none."},
		{Name: "one-accept-for-each-event", change: oneAcceptPerEvent,
			Text: "Waits for events that tell only of news, and accepts one connection for each: one that came with it has to wait."},
		{Name: "eight-in-the-queue", change: eightInTheQueue,
			Text: "Hangs up on all but eight of the clients that wait to be accepted at one moment."},
		{Name: "table-of-sixteen", change: tableOfSixteen(func(_ []*conn, newcomer *conn) { newcomer.Close() }),
			Text: "Has a table of sixteen clients, and hangs up on one that finds it full."},
		{Name: "oldest-makes-room", change: tableOfSixteen(func(all []*conn, _ *conn) { all[0].Close() }),
			Text: "Has a table of sixteen clients, and hangs up on the one that came first when another comes."},
		{Name: "sixteen-at-once", change: func(p *plan) { p.limit = 16 },
			Text: "Serves sixteen clients at once, and the next waits although it claims to serve any number."},
		{Name: "first-message-before-next-accept", change: firstMessageFirst,
			Text: "Waits for a new client's first message before it accepts the next one."},

		// Who keeps others waiting.
		{Name: "busy-client-first", Load: hurry, change: busyClientFirst,
			Text: "Serves a client as long as it has something to say before it looks at the others."},
		{Name: "accepts-when-idle", Load: hurry, change: acceptsWhenIdle,
			Text: "Accepts a new client only when none of the others has anything to say."},
		{Name: "waits-for-the-rest", change: waitsForTheRest(t.end),
			Text: "Waits a moment for the rest of one client's message, again after each piece of it, while everyone else waits."},
		{Name: "slow-client-holds-all", Load: reading, change: slowHoldsAll,
			Text: "Waits in send() for one client to read, while everyone else waits for it."},
		{Name: "one-queue-of-answers", Load: reading, change: oneQueue,
			Text: "Puts all answers into one queue, so that those behind the answer to a client that does not read have to wait."},

		// What a client that reads late gets.
		{Name: "send-result-ignored", Load: reading, change: connection(func(_ *plan, c *conn) {
			c.write = func(b []byte) (int, error) {
				c.SetWriteDeadline(time.Now().Add(time.Millisecond))
				_, err := c.Conn.Write(b)
				c.SetWriteDeadline(time.Time{})
				if isTimeout(err) {
					err = nil
				}
				return len(b), err
			}
		}), Text: "Does not look at how many bytes send() has taken, and loses those that it has not."},
		{Name: "slow-client-dropped", Load: reading, change: connection(func(_ *plan, c *conn) {
			c.write = func(b []byte) (int, error) {
				c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
				n, err := c.Conn.Write(b)
				if isTimeout(err) {
					err = net.ErrClosed
				}
				return n, err
			}
		}), Text: "Drops a client to which it cannot send at once."},
	}
}

// The heavy specs about clients that read slowly, and about those that do not
// pause.
const (
	reading = "*/{flow,concurrency}/{reads-late,one-does-not-read}"
	hurry   = "*/concurrency/busy-clients"
)

const staleDescriptorText = "Closes the descriptor of a client that has left without unregistering it, and drops the new client that gets its number."

// answerFaults are about answers that fill a buffer.
var answerFaults = []string{"slow-client-holds-all", "one-queue-of-answers", "send-result-ignored", "slow-client-dropped"}

// staleDescriptor looks at a new client for a turn of the loop before it takes
// it, and drops it when another one's connection ends in that turn.
func staleDescriptor(p *plan) {
	var mu sync.Mutex
	ends := 0
	ended := func() int {
		mu.Lock()
		defer mu.Unlock()
		return ends
	}
	p.listen = func(ln net.Listener) net.Listener {
		return acceptor{ln, func(nc net.Conn) (net.Conn, error) {
			before := ended()
			time.Sleep(head / 8)
			if ended() != before {
				nc.Close()
			}
			return nc, nil
		}}
	}
	p.accept = append(p.accept, func(c *conn) {
		ending := c.ending
		c.ending = func() {
			mu.Lock()
			ends++
			mu.Unlock()
			ending()
		}
	})
}

// placeFreedLate hangs up on clients that find no place.
func placeFreedLate(p *plan) {
	var mu sync.Mutex
	taken := 0
	p.accept = append(p.accept, func(c *conn) {
		mu.Lock()
		defer mu.Unlock()
		if taken == 40 {
			c.Close()
			return
		}
		taken++
		c.onClose(func() {
			time.AfterFunc(10*time.Second, func() {
				mu.Lock()
				defer mu.Unlock()
				taken--
			})
		})
	})
}

// eightInTheQueue takes those that come within a moment together.
func eightInTheQueue(p *plan) {
	p.listen = func(ln net.Listener) net.Listener {
		var last time.Time
		waiting := 0
		return acceptor{ln, func(nc net.Conn) (net.Conn, error) {
			if now := time.Now(); now.Sub(last) > head {
				last, waiting = now, 0
			}
			if waiting++; waiting > 8 {
				nc.Close()
			}
			return nc, nil
		}}
	}
}

// tableOfSixteen does something when a seventeenth client comes.
func tableOfSixteen(full func(all []*conn, newcomer *conn)) change {
	return func(p *plan) {
		var r room
		p.accept = append(p.accept, func(c *conn) {
			r.enter(c)
			if all := r.all(); len(all) > 16 {
				full(all, c)
			}
		})
	}
}

// firstMessageFirst accepts a client when the one before it has spoken or left.
func firstMessageFirst(p *plan) {
	spoken := make(chan struct{}, 1)
	spoken <- struct{}{}
	p.listen = func(ln net.Listener) net.Listener {
		return edges{ln, func() (net.Conn, error) {
			select {
			case <-spoken:
			case <-p.done:
				return nil, net.ErrClosed
			}
			return ln.Accept()
		}}
	}
	p.accept = append(p.accept, func(c *conn) {
		var once sync.Once
		speaks := func() { once.Do(func() { spoken <- struct{}{} }) }
		c.onClose(speaks)
		c.onRead(func(_ []byte, n int, err error) (int, error) { speaks(); return n, err })
	})
}

// attention is what a server with one loop has only once: while one client
// holds it, the others wait.
type attention struct {
	p    *plan
	held chan struct{}
}

func newAttention(p *plan) *attention { return &attention{p, make(chan struct{}, 1)} }

// take waits for it, and says whether it got it before the server ended.
func (a *attention) take() bool {
	select {
	case a.held <- struct{}{}:
		return true
	case <-a.p.done:
		return false
	}
}

// holder is how one client holds the attention.
type holder struct {
	a     *attention
	mu    sync.Mutex
	mine  bool
	timer *time.Timer
}

// hold takes the attention unless the client has it, for so long at most.
func (h *holder) hold(most time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mine && !h.timer.Stop() {
		h.mine = false // it is being let go
	}
	if !h.mine {
		if !h.a.take() {
			return false
		}
		h.mine = true
	}
	h.timer = time.AfterFunc(most, func() { <-h.a.held })
	return true
}

// release lets it go.
func (h *holder) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mine && h.timer.Stop() {
		<-h.a.held
	}
	h.mine = false
}

// turnedAway is how long a client has to be silent for the others to get their
// turn: longer than one that speaks without a pause ever is.
const turnedAway = 10 * head

func busyClientFirst(p *plan) {
	a := newAttention(p)
	p.accept = append(p.accept, func(c *conn) {
		h := &holder{a: a}
		c.onClose(h.release)
		c.onRead(func(_ []byte, n int, err error) (int, error) {
			if !h.hold(turnedAway) {
				return 0, net.ErrClosed
			}
			if err != nil {
				h.release()
			}
			return n, err
		})
	})
}

func acceptsWhenIdle(p *plan) {
	var mu sync.Mutex
	var heard time.Time
	p.listen = func(ln net.Listener) net.Listener {
		return acceptor{ln, func(nc net.Conn) (net.Conn, error) {
			for {
				mu.Lock()
				rest := turnedAway - time.Since(heard)
				mu.Unlock()
				if rest <= 0 {
					return nc, nil
				}
				select {
				case <-time.After(rest):
				case <-p.done:
					nc.Close()
					return nil, net.ErrClosed
				}
			}
		}}
	}
	p.accept = append(p.accept, func(c *conn) {
		c.onRead(func(_ []byte, n int, err error) (int, error) {
			if n > 0 {
				mu.Lock()
				heard = time.Now()
				mu.Unlock()
			}
			return n, err
		})
	})
}

// waitsForTheRest holds everybody up while a message is incomplete, for a while
// after each piece of it.
func waitsForTheRest(end byte) change {
	return func(p *plan) {
		a := newAttention(p)
		p.accept = append(p.accept, func(c *conn) {
			h := &holder{a: a}
			c.onClose(h.release)
			c.onRead(func(b []byte, n int, err error) (int, error) {
				if !h.hold(turnedAway) {
					return 0, net.ErrClosed
				}
				if err != nil || n > 0 && b[n-1] == end {
					h.release()
				}
				return n, err
			})
		})
	}
}

// oneQueue gives every answer to one writer, which writes one after the other.
func oneQueue(p *plan) {
	type answer struct {
		to   *conn
		text []byte
		done chan error
	}
	queue := make(chan answer)
	go func() {
		for {
			select {
			case a := <-queue:
				_, err := a.to.Conn.Write(a.text)
				a.done <- err
			case <-p.done:
				return
			}
		}
	}()
	p.accept = append(p.accept, func(c *conn) {
		c.write = func(b []byte) (int, error) {
			a := answer{c, slices.Clone(b), make(chan error, 1)}
			select {
			case queue <- a:
			case <-p.done:
				return 0, net.ErrClosed
			}
			select {
			case err := <-a.done:
				return len(b), err
			case <-p.done:
				return 0, net.ErrClosed
			}
		}
	})
}
