package scale

import (
	"sync/atomic"
	"time"

	"conform/specs"
)

// The phases of a scenario.
const (
	ramping int32 = iota
	conversing
	draining
	over
)

func phaseName(p int32) string {
	switch p {
	case ramping:
		return "connecting"
	case conversing:
		return "conversing"
	}
	return "ending"
}

// shared is what the engines and the conductor of a scenario share.
type shared struct {
	options Options
	start   time.Time
	phase   atomic.Int32
	counts  counts
	faults  mishaps
	// forgiving says that answers are cut off by us: none is missing.
	forgiving atomic.Bool
}

func (s *shared) now() time.Duration { return time.Since(s.start) }

// client is one client's side of the conversation, without the socket. There
// are thousands of them: it is kept small.
type client struct {
	pending []byte        // received, and not used yet
	asked   time.Duration // when the last turn was said
	began   time.Duration // when it first tried to connect
	id      int32
	turn    int32 // the last one that was said
	seen    int32 // see specs.Hearing
	right   int32 // answers
	due     bool
	lost    bool
	settled bool
}

// maxPending is how much a client holds of an answer that is not complete. No
// answer of a Talk is a quarter as long.
const maxPending = 64 << 10

// maxUnsent is how much a client holds of what the server does not take.
const maxUnsent = 64 << 10

// worker runs the conversations of some clients, one after the other.
type worker struct {
	*shared
	tally *tally
	h     specs.Hearing
	out   []byte // what the client that was heard last has to send
}

func newWorker(s *shared) *worker { return &worker{shared: s, tally: newTally()} }

// begin opens the conversation of a client that has just connected. What it has
// to send is in out.
func (w *worker) begin(c *client, now time.Duration) bool {
	w.out = w.options.Talk.Say(w.out[:0], int(c.id), 0)
	c.turn, c.due, c.asked = 0, true, now
	return w.feed(c, nil, now)
}

// hear takes what a client has received and judges it. What it has to send then
// is in out. It is false when the conversation has ended in an error.
func (w *worker) hear(c *client, p []byte, now time.Duration) bool {
	w.out = w.out[:0]
	return w.feed(c, p, now)
}

func (w *worker) feed(c *client, p []byte, now time.Duration) bool {
	data := p
	if len(c.pending) > 0 {
		c.pending = append(c.pending, p...)
		data = c.pending
	}
	h := &w.h
	for {
		h.Client, h.Turn, h.Due, h.Data, h.Seen, h.Reply = int(c.id), int(c.turn), c.due, data, int(c.seen), w.out
		w.options.Talk.Hear(h)
		w.out, data, c.seen = h.Reply, data[h.Used:], int32(h.Seen)
		if h.Heard == specs.Failed {
			f := fault{code: h.Code, message: h.Problem, received: data}
			if c.due {
				f.expected = h.Expected
			}
			w.failed(c, f)
			return false
		}
		if h.Heard == specs.Answered {
			w.answered(c, now)
			if len(data) > 0 {
				continue // what came with the answer
			}
		}
		if c.due || !w.next(c, now) || len(data) == 0 {
			break // else something is here already, and it is no answer yet
		}
	}
	switch {
	case len(data) == 0 && cap(c.pending) > 256:
		c.pending = nil
	case len(data) > maxPending:
		w.failed(c, fault{code: specs.Flood, message: "more bytes than any answer has", received: data})
		return false
	default:
		c.pending = append(c.pending[:0], data...)
	}
	return true
}

// answered counts a right answer.
func (w *worker) answered(c *client, now time.Duration) {
	c.due, c.seen = false, 0
	if c.turn == 0 {
		return
	}
	c.right++
	w.counts.right.Add(1)
	if c.turn == 1 {
		record(w.tally.served, now-c.began)
		w.counts.served.Add(1)
		w.settle(c)
		return
	}
	w.counts.waiting.Add(-1)
	record(w.tally.latency, now-c.asked)
}

// settle says that the client need not be waited for before all converse.
func (w *worker) settle(c *client) {
	if !c.settled {
		c.settled = true
		w.counts.settled.Add(1)
	}
}

// next says the next turn of a client, if the last one is answered and it is
// time for it.
func (w *worker) next(c *client, now time.Duration) bool {
	phase := w.phase.Load()
	if c.due || phase >= draining || phase == ramping && c.turn > 0 {
		return false
	}
	c.turn++
	c.due, c.asked = true, now
	if c.turn > 1 {
		w.counts.waiting.Add(1)
	}
	w.out = w.options.Talk.Say(w.out, int(c.id), int(c.turn))
	return true
}

// failed records the error that ends a conversation.
func (w *worker) failed(c *client, f fault) {
	f.client, f.turn = int(c.id), int(c.turn)
	if c.due && f.sent == nil {
		f.sent = w.options.Talk.Say(nil, int(c.id), int(c.turn))
	}
	w.counts.errors.Add(1)
	w.counts.lost.Add(1)
	w.faults.add(f, w.now())
	c.lost = true
	w.leave(c)
}

// leave takes a client out of the count of those that wait.
func (w *worker) leave(c *client) {
	if c.due && c.turn > 1 {
		w.counts.waiting.Add(-1)
	}
	c.due = false
	w.settle(c)
}

// ended judges that the server has ended a connection that we had not.
func (w *worker) ended(c *client, code specs.Code, how string) {
	message := "the server " + how + " before it had answered"
	if !c.due {
		message = "the server " + how + " while nothing was asked of it"
	}
	f := fault{code: code, message: message, received: c.pending}
	if c.due {
		f.expected = w.expected(c)
	}
	w.failed(c, f)
}

// unanswered records that no answer has come at the end.
func (w *worker) unanswered(c *client) {
	if !c.due || w.forgiving.Load() {
		return
	}
	f := fault{code: specs.NoAnswer, client: int(c.id), turn: int(c.turn), received: c.pending, expected: w.expected(c),
		sent: w.options.Talk.Say(nil, int(c.id), int(c.turn)), message: "no answer until the end, " + (w.now() - c.asked).Round(time.Millisecond).String() + " after it was asked"}
	if len(c.pending) > 0 {
		f.code, f.message = specs.PartialAnswer, "a part of the answer, and no more until the end"
	}
	w.counts.errors.Add(1)
	w.faults.add(f, w.now())
	w.leave(c)
}

// expected is what is due to a client.
func (w *worker) expected(c *client) []byte {
	h := specs.Hearing{Client: int(c.id), Turn: int(c.turn), Due: true}
	w.options.Talk.Hear(&h)
	return h.Expected
}

// refused records an attempt to connect that came to nothing.
func (w *worker) refused(c *client, code specs.Code, message string, final bool) {
	w.counts.refused.Add(1)
	if final {
		w.counts.errors.Add(1)
		w.settle(c)
	}
	w.faults.add(fault{code: code, harmless: !final, client: int(c.id), turn: -1, message: message}, w.now())
}
