package specs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/onsi/gomega"

	"conform/specs/wire"
)

// Env is what a case is executed against.
type Env struct {
	Protocol Protocol
	Dialer   wire.Dialer
	Timing   Timing
	Dialects map[string]Setting
	Serves   Concurrency
	Seed     uint64
	// Observed collects what cases see of rules that hold for everything that
	// a server sends; nil where nobody asks.
	Observed *Observations
	// Door is held while a connection is made or ended, if it is given. Some
	// servers drop a new connection while another one ends: that is for the
	// scenarios about it, and must not spoil every other case.
	Door sync.Locker
	// Explore says how much of the orders in which clients may speak is tried.
	Explore Exploration
	// Usage is what the target holds, if its processes can be seen; nil if not.
	Usage func() (held Usage, known bool)
	// Hasty says that what fails will be run again before it counts: what is
	// expected is waited for a quarter as long.
	Hasty bool
}

// Usage is what the processes of a target hold.
type Usage struct {
	Memory      int64 // resident, in bytes
	Descriptors int   // open
}

// Setting is the value of a dialect, and whether the user declared it or it
// was only seen.
type Setting struct {
	Value    string
	Declared bool
}

// Concurrency is what is known of how a target serves several clients.
type Concurrency struct {
	Class    Class
	Bound    int    // how many clients were found to be served at once; for Concurrent, at least
	Evidence string // how that was found
}

// ClassBound reads a class as it is declared, serial, pool:N or concurrent: how many
// clients it serves at once, which for the last is more than anybody asks for.
func ClassBound(class string) (bound int, ok bool) {
	switch n, pool := strings.CutPrefix(class, "pool:"); {
	case class == "serial":
		return 1, true
	case class == "concurrent":
		return 1 << 30, true
	case pool:
		bound, err := strconv.Atoi(n)
		return bound, err == nil && bound > 0
	}
	return 0, false
}

// Class is a way of serving several clients.
type Class string

const (
	Serial     Class = "serial"     // one client at a time, the others wait
	Bounded    Class = "bounded"    // Bound clients at a time, the others wait
	Concurrent Class = "concurrent" // as many as were tried
	Unknown    Class = "unknown"    // not one client was served
)

// Timing holds the waits of a case. They follow the pace of the target.
type Timing struct {
	Answer time.Duration // for an answer that is due
	Quiet  time.Duration // in which silence counts as silence
	Gap    time.Duration // between the segments of one message
	Leave  time.Duration // for the server's end when a client leaves; short where it was seen not to come
}

// Scale multiplies every wait.
func (t Timing) Scale(f float64) Timing {
	scale := func(d time.Duration) time.Duration { return time.Duration(float64(d) * f) }
	return Timing{Answer: scale(t.Answer), Quiet: scale(t.Quiet), Gap: scale(t.Gap), Leave: scale(t.Leave)}
}

// The causes with which the context of a run is cancelled.
var (
	ErrInterrupted = errors.New("interrupted by the user")
	ErrOutOfTime   = errors.New("the time budget is spent")
)

// Case is one execution of a spec. It has its own connections, transcript,
// clock, random source and Gomega; it shares nothing with other cases. Its
// methods end the body when the target does not do what was expected.
type Case struct {
	gomega.Gomega // c.Expect(x).To(...), for conditions that are not about bytes

	ctx        context.Context
	env        Env
	spec       Spec
	transcript *wire.Transcript

	mu      sync.Mutex
	rand    *rand.Rand // seeded from the seed of the run and the ID of the spec
	clients []*Client
	outcome Result // so far
	wg      sync.WaitGroup
	stopped bool // something ended the body, or a part of it
	ended   bool // the result is frozen
}

// stop is thrown to leave a body; the outcome is already recorded.
type stop struct{}

// grace is how long a body may go on after its context has ended.
const grace = time.Second

// Run executes a spec once and says what came of it. It never panics, leaves no
// connection open, and returns soon after ctx has ended.
func Run(ctx context.Context, spec Spec, env Env) Result {
	h := fnv.New64a()
	h.Write([]byte(spec.ID))
	c := &Case{
		rand:       rand.New(rand.NewPCG(env.Seed, h.Sum64())),
		ctx:        ctx,
		env:        env,
		spec:       spec,
		transcript: wire.NewTranscript(),
		outcome:    Result{Verdict: Pass, Started: time.Now()},
	}
	c.Gomega = gomega.NewGomega(func(message string, _ ...int) {
		c.fail(Reason{Code: Assertion, Message: message}, false)
	})
	if why := spec.Unfit(env.Dialer); why != "" {
		c.outcome.Verdict, c.outcome.Reason = Unsupported, Reason{Code: OtherKind, Message: why}
		return c.outcome
	}
	if s, known := env.Dialects[spec.DialectKey]; known && s.Declared && s.Value != spec.DialectValue {
		c.outcome.Verdict = Unsupported
		c.outcome.Reason = Reason{Code: Declared, Message: fmt.Sprintf("belongs to the dialect %s=%s; declared is %s", spec.DialectKey, spec.DialectValue, s.Value)}
		return c.outcome
	}

	for _, n := range spec.Needs {
		if !env.Dialects[n.Key].Declared {
			c.outcome.Verdict = Unsupported
			c.outcome.Reason = Reason{Code: Declared, Message: fmt.Sprintf("nobody can see this from outside: declare it with --dialect %s=…, as in %s=%s", n.Key, n.Key, n.Example)}
			return c.outcome
		}
	}

	done := make(chan struct{})
	go func() {
		defer close(done)
		c.guard(func() {
			spec.Body(c)
			c.Join()
			c.nothingLeftOver()
		})
		c.leaveAll()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		select {
		case <-done:
		case <-time.After(grace):
			c.record(Error, Reason{Code: KitFault, Message: "the spec went on after its context had ended"}, false)
		}
	}
	return c.result()
}

// guard runs f, keeps a panic inside and records it.
func (c *Case) guard(f func()) {
	defer func() {
		switch r := recover().(type) {
		case nil, stop:
		default:
			c.record(Error, Reason{Code: KitFault, Message: fmt.Sprintf("panic: %v\n%s", r, debug.Stack())}, false)
		}
	}()
	f()
}

// result freezes the outcome.
func (c *Case) result() Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.outcome.Duration = time.Since(c.outcome.Started)
	if c.outcome.Transcript == nil {
		c.outcome.Transcript = c.transcript.Events()
	}
	return c.outcome
}

var severity = map[Verdict]int{Pass: 0, Info: 1, NonStrict: 2, Unsupported: 3, Blocked: 4, Skipped: 4, Fail: 5, Error: 6}

// record takes a verdict unless a graver one is there already.
func (c *Case) record(v Verdict, r Reason, waited bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || severity[v] <= severity[c.outcome.Verdict] {
		return
	}
	r.Events = c.transcript.Len()
	c.outcome.Verdict, c.outcome.Reason, c.outcome.Waited, c.outcome.Confirmed = v, r, waited, false
}

// fail records that the requirement is not met, at the price that its level
// sets, and leaves the body.
func (c *Case) fail(r Reason, waited bool) {
	if r.Hint == "" {
		r.Hint = c.spec.Cause
	}
	verdict := Fail
	if c.spec.Level == Should && !c.declared(c.spec.DialectKey, c.spec.DialectValue) {
		verdict = NonStrict
	}
	if c.ctx.Err() != nil {
		// The wait was cut short: nothing can be held against the target.
		switch cause := context.Cause(c.ctx); {
		case errors.Is(cause, ErrInterrupted):
			verdict, r = Skipped, Reason{Code: Interrupted, Message: cause.Error()}
		default:
			verdict, r = Blocked, Reason{Code: OutOfTime, Message: cause.Error()}
		}
		waited = false
	}
	c.record(verdict, r, waited)
	c.stop()
}

// stop leaves the body, or the part of it that runs on this goroutine.
func (c *Case) stop() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	panic(stop{})
}

// took notes how long an expectation took to be met.
func (c *Case) took(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.outcome.Longest = max(c.outcome.Longest, d)
	}
}

func (c *Case) declared(key, value string) bool {
	s, ok := c.env.Dialects[key]
	return key != "" && ok && s.Declared && s.Value == value
}

// IntN is a random number from 0 to n-1, the same for the same seed and spec.
func (c *Case) IntN(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rand.IntN(n)
}

// Order is the numbers from 0 to n-1 in a random order.
func (c *Case) Order(n int) []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rand.Perm(n)
}

// Bytes is n random bytes.
func (c *Case) Bytes(n int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := make([]byte, 0, n+7)
	for len(p) < n {
		p = binary.LittleEndian.AppendUint64(p, c.rand.Uint64())
	}
	return p[:n]
}

// Word is a random word of 6 to 12 small letters: too many for a server to know
// them beforehand.
func (c *Case) Word() string { return c.Letters(6 + c.IntN(7)) }

// Letters is n random small letters.
func (c *Case) Letters(n int) string {
	letters := make([]byte, n)
	for i := range letters {
		letters[i] = byte('a' + c.IntN(26))
	}
	return string(letters)
}

// Check ends the body unless the condition holds.
func (c *Case) Check(ok bool, format string, args ...any) {
	if !ok {
		c.Failf(format, args...)
	}
}

// Failf ends the body: a condition of the spec's own does not hold.
func (c *Case) Failf(format string, args ...any) {
	c.fail(Reason{Code: Assertion, Message: fmt.Sprintf(format, args...)}, false)
}

// Unsupported ends the body: the requirement is not about this target, by what
// it is declared to be or by how it was found to serve.
func (c *Case) Unsupported(format string, args ...any) {
	c.record(Unsupported, Reason{Code: Declared, Message: fmt.Sprintf(format, args...)}, false)
	c.stop()
}

// Lacks ends the body: the target lacks a feature that it is free to lack. That
// breaks nothing, and whoever asks for the feature can tell that it is not there.
func (c *Case) Lacks(format string, args ...any) {
	c.record(Unsupported, Reason{Code: Missing, Message: fmt.Sprintf(format, args...)}, false)
	c.stop()
}

// Blocked ends the body: something that the requirement needs is not there, and
// the target has not been declared to lack it.
func (c *Case) Blocked(format string, args ...any) {
	c.record(Blocked, Reason{Code: Missing, Message: fmt.Sprintf(format, args...)}, false)
	c.stop()
}

// Refute ends the body: the requirement is not met, for the reason given. That
// costs what the level says. waited tells that the verdict rests on a wait that
// ran out.
func (c *Case) Refute(r Reason, waited bool) { c.fail(r, waited) }

// Admit records an outcome that costs less than a failure, NonStrict or Info,
// and goes on.
func (c *Case) Admit(v Verdict, r Reason, waited bool) {
	c.record(v, r, waited)
	c.Note("%s", r.Message)
}

// Measured is Admit for what cannot be seen a second time, such as memory that a
// server takes once and then has: it counts as it is.
func (c *Case) Measured(v Verdict, r Reason) {
	if r.Hint == "" {
		r.Hint = c.spec.Cause
	}
	c.Admit(v, r, false)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcome.Confirmed = c.outcome.Verdict == v
}

// Try runs a body as a case of its own on the same target, and says what came of
// it. What is random in it follows from the seed of the run and from number.
// Answers are waited for patience times as long as in this case.
func (c *Case) Try(number int, patience float64, body func(*Case)) Result {
	spec, env := c.spec, c.env
	spec.Body = body
	env.Seed = env.Seed*0x9E3779B97F4A7C15 + uint64(number)
	env.Timing.Answer, env.Hasty = time.Duration(float64(env.Timing.Answer)*patience), false
	return Run(c.ctx, spec, env)
}

// Adopt ends the body with what came of a case that it has tried. Confirmed says
// that it was tried often enough for a failure to count.
func (c *Case) Adopt(r Result, confirmed bool) {
	c.mu.Lock()
	if !c.ended && severity[r.Verdict] > severity[c.outcome.Verdict] {
		c.outcome.Verdict, c.outcome.Reason, c.outcome.Waited = r.Verdict, r.Reason, r.Waited
		c.outcome.Transcript, c.outcome.Schedule, c.outcome.Confirmed = r.Transcript, r.Schedule, confirmed
	}
	c.mu.Unlock()
	c.stop()
}

// Exploration says how long to go on with new schedules, and which one to play
// again instead; nil for none.
func (c *Case) Exploration() (budget time.Duration, again *Schedule) {
	if s, ok := c.env.Explore.Again[c.spec.ID]; ok {
		return 0, &s
	}
	return c.env.Explore.For, nil
}

// Over says that the run has to end: nothing more may be tried.
func (c *Case) Over() bool { return c.ctx.Err() != nil }

// Observe records something that a server has sent against a rule that holds
// for all that it sends. The requirement that states the rule judges it, when
// all other cases have ended.
func (c *Case) Observe(rule, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.transcript.Add(0, wire.Note, text)
	c.observations().add(rule, Observation{ID: c.spec.ID, Text: text})
}

// Tally counts something that is no violation and that a requirement which runs
// last sums up.
func (c *Case) Tally(what, format string, args ...any) {
	c.observations().add(what, Observation{ID: c.spec.ID, Text: fmt.Sprintf(format, args...)})
}

// Observed is what has been observed of a rule so far, in all cases of the run.
func (c *Case) Observed(rule string) []Observation { return c.observations().of(rule) }

func (c *Case) observations() *Observations {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.env.Observed == nil {
		c.env.Observed = &Observations{}
	}
	return c.env.Observed
}

// Note records an observation that no verdict depends on.
func (c *Case) Note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.transcript.Add(0, wire.Note, text)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.outcome.Notes = append(c.outcome.Notes, text)
	}
}

// Dialect is the value of a dialect, declared or seen; "" when neither.
func (c *Case) Dialect(key string) string { return c.env.Dialects[key].Value }

// Declared says whether the user has declared this dialect, whatever the value.
func (c *Case) Declared(key string) bool { return c.env.Dialects[key].Declared }

// Target is how the target is reached.
func (c *Case) Target() wire.Dialer { return c.env.Dialer }

// Pause waits, unless the case has to end.
func (c *Case) Pause(d time.Duration) { c.pause(d) }

// Timing is the waits in force.
func (c *Case) Timing() Timing { return c.env.Timing }

// Serves is what is known of how the target serves several clients.
func (c *Case) Serves() Concurrency { return c.env.Serves }

// Usage is what the target holds now, and whether that can be seen: what runs
// on another machine, or as somebody else, shows only what it answers.
func (c *Case) Usage() (held Usage, known bool) {
	if c.env.Usage == nil {
		return Usage{}, false
	}
	return c.env.Usage()
}

// Dial connects a new client. A connection that cannot be made fails the case.
func (c *Case) Dial() *Client { return c.DialWith() }

// DialTogether connects n new clients at the same moment.
func (c *Case) DialTogether(n int) []*Client {
	c.within(n)
	conns, errs := make([]*wire.Conn, n), make([]error, n)
	c.door(func() {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { conns[i], errs[i] = c.env.Dialer.Dial(c.ctx, c.transcript) })
		}
		wg.Wait()
	})
	var clients []*Client
	for _, conn := range conns {
		if conn != nil {
			clients = append(clients, c.client(conn))
		}
	}
	for _, err := range errs {
		c.connected(err)
	}
	return clients
}

// within makes sure that a spec declares the connections that it opens.
func (c *Case) within(n int) {
	c.mu.Lock()
	for _, cl := range c.clients {
		if !cl.left.Load() && !cl.conn.Gone() {
			n++
		}
	}
	c.mu.Unlock()
	if n > c.spec.Clients {
		c.record(Error, Reason{Code: KitFault, Message: fmt.Sprintf("the spec opens more than the %d connections that it declares with Clients", c.spec.Clients)}, false)
		c.stop()
	}
}

// connected ends the body when a connection could not be made.
func (c *Case) connected(err error) {
	if err != nil {
		why := wire.Cause(err)
		c.fail(Reason{Code: ConnectFailed, Message: "no connection could be made: " + why, Expected: []string{"a connection"}, Received: why}, false)
	}
}

func (c *Case) client(conn *wire.Conn) *Client {
	client := &Client{c: c, conn: conn}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients = append(c.clients, client)
	return client
}

// DialWith connects a new client in a way of its own.
func (c *Case) DialWith(options ...func(*wire.Dialer)) *Client {
	c.within(1)
	var conn *wire.Conn
	var err error
	dialer := c.env.Dialer
	for _, o := range options {
		o(&dialer)
	}
	c.door(func() {
		conn, err = dialer.Dial(c.ctx, c.transcript)
		if c.env.Door != nil {
			// A queue of five is common, and a SYN that finds it full is
			// only repeated after a second.
			pause := c.env.Timing.Gap / 8
			if c.env.Protocol.Once {
				// No exchange shows that it was accepted, and some servers
				// take only one of two that come before they look.
				pause = c.env.Timing.Gap
			}
			c.pause(pause)
		}
	})
	c.connected(err)
	return c.client(conn)
}

// Attempt connects a new client if that can be done within d, and says what the
// system said if it cannot. It judges nothing, and leaves no time to anybody.
func (c *Case) Attempt(d time.Duration, options ...func(*wire.Dialer)) (*Client, error) {
	c.within(1)
	dialer := c.env.Dialer
	dialer.Timeout = d
	for _, o := range options {
		o(&dialer)
	}
	conn, err := dialer.Dial(c.ctx, c.transcript)
	if err != nil {
		return nil, err
	}
	return c.client(conn), nil
}

// Afresh ends the connections of a spec that declares no more than one, so that
// it may make the next.
func (c *Case) Afresh() {
	if c.spec.Clients == 1 {
		c.leaveAll()
	}
}

// StillServes is the control that ends a provocation: the other clients of the
// case leave, and a new one must be served as usual.
func (c *Case) StillServes() {
	provocation := c.provocation()
	c.leaveAll()
	c.transcript.Add(0, wire.Note, "control: a new client must be served")
	c.mu.Lock()
	before := c.outcome
	c.mu.Unlock()
	defer func() {
		if r := recover(); r != nil {
			c.mu.Lock()
			if o := &c.outcome; o.Verdict != before.Verdict && (o.Verdict == Fail || o.Verdict == NonStrict) {
				o.Reason.Message = "a new client is not served afterwards: " + o.Reason.Message
				o.Reason.Code, o.Reason.Sent = NotServing, provocation
			}
			c.mu.Unlock()
			panic(r)
		}
	}()
	client := c.Dial()
	c.env.Protocol.Hello(client)
	client.Leave()
}

// Abreast lets connections be made and ended while others are, as real clients
// do: see Env.Door. It is for a spec that runs alone, and is called before
// anything goes on beside the body.
func (c *Case) Abreast() { c.env.Door = nil }

// Allow lets every answer from now on take so much longer. Nothing may go on beside
// the body.
func (c *Case) Allow(d time.Duration) { c.env.Timing.Answer += d }

// door runs what makes or ends a connection.
func (c *Case) door(f func()) {
	if d := c.env.Door; d != nil {
		d.Lock()
		defer d.Unlock()
	}
	f()
}

// provocation is what the last client sent, and how it left.
func (c *Case) provocation() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.clients) == 0 {
		return "nothing"
	}
	last := c.clients[len(c.clients)-1]
	var own []wire.Event
	for _, e := range c.transcript.Events() {
		if e.Conn == last.conn.ID {
			own = append(own, e)
		}
	}
	return sentText(own)
}

// Go runs f beside the body. Whatever ends it early ends the case in Join.
func (c *Case) Go(f func()) {
	c.wg.Add(1)
	go func() {
		defer c.wg.Done()
		c.guard(f)
	}()
}

// Join waits for everything started with Go, and ends the body if any of it
// has failed.
func (c *Case) Join() {
	c.wg.Wait()
	c.mu.Lock()
	stopped := c.stopped
	c.mu.Unlock()
	if stopped {
		panic(stop{})
	}
}

// nothingLeftOver fails when a connection holds bytes that nobody expected. What
// a server adds with a write of its own is given the time to arrive.
func (c *Case) nothingLeftOver() {
	if slices.ContainsFunc(c.clients, func(cl *Client) bool { return cl.answered && !cl.Gone() && !cl.Datagrams() }) {
		c.pause(c.env.Timing.Gap)
	}
	for _, cl := range c.clients {
		cl.NothingLeftOver()
	}
}

// leaveAll ends every connection of the case, quietly where that is possible.
func (c *Case) leaveAll() {
	c.mu.Lock()
	clients := append([]*Client(nil), c.clients...)
	c.mu.Unlock()
	for _, cl := range clients {
		cl.Leave()
	}
}
