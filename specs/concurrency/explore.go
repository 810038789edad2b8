package concurrency

import (
	"math"
	"slices"
	"time"

	"conform/specs"
	"conform/specs/wire"
)

// orders are the requirements that are proven by random interleavings of what
// several clients do: the other scenarios look for a known mistake, these for
// one that nobody has thought of.
func (m Conversation) orders(id func(name string) string) []specs.Spec {
	return []specs.Spec{
		specs.Requirement(id("any-order"), specs.Must, m.Clause,
			"In whatever order clients connect, speak and leave, each is answered as if it were alone.",
			func(c *specs.Case) { explorer{m: m, c: c, schedules: 16}.explore() },
			specs.Clients(mostActors+1), specs.Queues, specs.Explores, specs.Covers("CONC-04", "CONC-05", "CONC-09"),
			specs.Cause("something that belongs to one client is kept where others reach it, or is mixed up when their messages overlap")),
		specs.Requirement(id("any-order-and-end"), specs.Robust, m.Clause,
			"In whatever order clients speak, vanish and come back, those that stay are answered as if they were alone.",
			func(c *specs.Case) {
				if why := c.Observed(outOfOrder); len(why) > 0 {
					c.Blocked("%s", why[0].Text)
				}
				explorer{m: m, c: c, schedules: 8, abrupt: true}.explore()
			},
			specs.Clients(mostActors+1), specs.Queues, specs.Explores, specs.Perilous, specs.Last, specs.Covers("CONC-05", "CONC-10"),
			specs.Cause("what is cleared up, or forgotten, when a client vanishes belongs to another one")),
	}
}

const (
	// mostActors is how many clients a schedule has at most, and mostMessages
	// how many messages each of them.
	mostActors, mostMessages = 4, 6
	// settled is how patient an attempt is that only makes a schedule smaller,
	// as a share of how long an answer may take: most failures are silence.
	settled = 0.2
	// certain is how patient one is that decides, where answers are missing: a busy
	// machine is late too.
	certain = 4
	// mostRuns is how often a schedule is played to see how often it fails, and
	// mostShrinking how long it takes at most to make it small.
	mostRuns      = 60
	mostShrinking = 5 * time.Second

	// outOfOrder is what has been observed when clients that vanish would only
	// show the same once more.
	outOfOrder = "answers depend on the order in which clients speak"
)

// message is what a client may say: bytes, where they may be cut, and the answer.
type message struct {
	text   string
	cuts   []int
	answer Answer
}

// messages writes down what the clients of a schedule may say. It follows from
// the case's random source alone, whatever they do with it later.
func (m Conversation) messages(c *specs.Case, actors int, whole bool) [][]message {
	all := make([][]message, actors)
	for i := range all {
		for turn := range mostMessages {
			var next message
			if m.Partial != nil && !whole && c.IntN(2) == 0 {
				head, tail, answer := m.Partial(c, i+turn) // neighbours in time differ, as those in place do
				next = message{text: head + tail, cuts: []int{len(head)}, answer: answer}
				if n := len(head); n > 1 && c.IntN(2) == 0 {
					next.cuts = []int{1 + c.IntN(n-1), n}
				}
			} else {
				text, answer := m.Ask(c, i, turn)
				next = message{text: text, answer: answer}
			}
			all[i] = append(all[i], next)
		}
	}
	return all
}

// schedule draws what the clients do with their messages.
func (m Conversation) schedule(c *specs.Case, all [][]message, abrupt bool) (steps []specs.Step) {
	type actor struct {
		on      bool
		message int // the next one, from 0
		piece   int // of it, that comes next
	}
	actors := make([]actor, len(all))
	send := func(i int) {
		a := &actors[i]
		say := all[i][a.message]
		step := specs.Step{Client: i + 1, Do: specs.Sends, Message: a.message + 1, To: len(say.text)}
		if a.piece > 0 {
			step.From = say.cuts[a.piece-1]
		}
		if a.piece < len(say.cuts) {
			step.To = say.cuts[a.piece]
			a.piece++
		} else {
			a.piece = 0
			a.message++
			step.Hears = c.IntN(2) == 0
		}
		a.on = !(m.Once && step.Hears)
		steps = append(steps, step)
	}
	act := func(i int, do specs.Action) {
		a := &actors[i]
		if a.piece > 0 {
			a.piece = 0
			a.message++
		}
		a.on = do == specs.Connects
		steps = append(steps, specs.Step{Client: i + 1, Do: do})
	}
	silent := 2 // of 8
	if m.Partial == nil {
		silent = 4 // who says nothing yet is all that can be mixed up
	}
	for range 10 + c.IntN(16) {
		i := c.IntN(len(actors))
		a, chance := &actors[i], c.IntN(8)
		vanish := []specs.Action{specs.Closes, specs.Resets}[c.IntN(2)]
		switch {
		case a.on && abrupt && chance < 2:
			act(i, vanish)
		case a.piece > 0:
			send(i)
		case a.on && (chance < 2 || abrupt && chance == 2):
			act(i, specs.Leaves)
		case a.message == len(all[i]):
		case !a.on && chance < silent:
			act(i, specs.Connects)
		default:
			send(i)
		}
	}
	for _, i := range c.Order(len(actors)) {
		for actors[i].piece > 0 {
			send(i)
		}
	}
	return steps
}

// play has clients do what a schedule says, and expects of the server what it
// owes each of them. step is called before each step.
func (m Conversation) play(c *specs.Case, all [][]message, steps []specs.Step, step func(i int)) {
	clients, due := make([]*specs.Client, len(all)), make([]Answer, len(all))
	inside := make([]bool, len(all)) // a message
	hear := func(i int) {
		if answer := due[i]; answer != nil {
			due[i] = nil
			answer(clients[i])
			if m.Once {
				clients[i] = nil
			}
		}
	}
	for n, s := range steps {
		step(n)
		i := s.Client - 1
		if s.Do == specs.Connects || s.Do == specs.Sends {
			hear(i)
			if clients[i] == nil {
				if clients[i] = m.dial(c); !m.Once { // else there was a pause already
					c.Pause(c.Timing().Gap / 2)
				}
			}
		}
		client := clients[i]
		inside[i] = s.Do == specs.Sends && !s.Ends
		switch s.Do {
		case specs.Sends:
			say := all[i][s.Message-1]
			client.Send(say.text[s.From:s.To])
			if s.Ends {
				due[i] = say.answer
			}
			if s.Hears {
				hear(i)
			} else {
				c.Pause(c.Timing().Gap / 2) // so that the order of the steps is the order of arrival
			}
		case specs.Leaves:
			if hear(i); clients[i] != nil {
				client.NothingLeftOver()
				client.Leave()
			}
			clients[i] = nil
		case specs.Closes, specs.Resets:
			if due[i], clients[i] = nil, nil; client == nil {
				continue
			}
			if s.Do == specs.Resets {
				client.Reset()
			} else {
				client.Close()
			}
			c.Pause(c.Timing().Gap / 2)
		}
	}
	step(len(steps))
	for i := range clients {
		hear(i)
	}
	// What a client says by way of farewell would be taken for the rest of its
	// message, and answered.
	breakOff := func() {
		for i, client := range clients {
			if client != nil && inside[i] {
				client.Close()
				clients[i] = nil
			}
		}
	}
	if serves := c.Serves(); serves.Class == specs.Concurrent || serves.Bound > len(all) {
		// Beside the others, so that what comes to one that has not asked shows.
		m.ask(c, m.dial(c), len(all), 0)
		breakOff()
		return
	}
	breakOff()
	for _, client := range clients {
		if client != nil {
			client.NothingLeftOver()
			client.Leave()
		}
	}
	m.ask(c, m.dial(c), len(all), 0)
}

// explorer looks for a schedule that a server fails.
type explorer struct {
	m         Conversation
	c         *specs.Case
	schedules int  // that are tried when no time is given
	abrupt    bool // clients vanish too
	whole     bool // no message is cut
}

// attempt is one run of a schedule.
type attempt struct {
	result specs.Result
	steps  []specs.Step
	last   int // the step that it came to; len(steps) when all were done
}

func (a attempt) failed() bool {
	return a.result.Verdict == specs.Fail || a.result.Verdict == specs.NonStrict
}

// done are the steps that were gone through.
func (a attempt) done() []specs.Step { return a.steps[:min(a.last+1, len(a.steps))] }

// run plays schedule number n, or in its place the steps that were made from it.
func (e explorer) run(n int, steps []specs.Step, patience float64) attempt {
	var a attempt
	a.result = e.c.Try(n, patience, func(c *specs.Case) {
		all := e.m.messages(c, actors(c), e.whole)
		if a.steps = steps; steps == nil {
			a.steps = e.m.schedule(c, all, e.abrupt)
		}
		for i := range a.steps {
			if !complete(&a.steps[i], all) {
				c.Blocked("step %d of the schedule is none of those that this target can be put through", i+1)
			}
		}
		e.m.play(c, all, a.steps, func(i int) { a.last = i })
	})
	return a
}

// complete gives a step the text of what it sends, and says whether there is such
// a text: a schedule may come from a file, and from a server of another class.
func complete(s *specs.Step, all [][]message) bool {
	if s.Client < 1 || s.Client > len(all) {
		return false
	}
	if s.Do != specs.Sends {
		return true
	}
	if s.Message < 1 || s.Message > len(all[s.Client-1]) {
		return false
	}
	text := all[s.Client-1][s.Message-1].text
	if s.From < 0 || s.From > s.To || s.To > len(text) {
		return false
	}
	s.Text, s.Ends = wire.Quote([]byte(text[s.From:s.To]), 80), s.To == len(text)
	return true
}

// actors is how many clients a schedule has.
func actors(c *specs.Case) int {
	if serves := c.Serves(); serves.Class != specs.Concurrent {
		return min(mostActors, max(1, serves.Bound))
	}
	return mostActors
}

// blocks says whether a partial message keeps everybody else waiting. That is
// judged by a requirement of its own: here it would hide all the rest.
func (e explorer) blocks() bool {
	if e.m.Partial == nil || actors(e.c) == 1 {
		return false
	}
	for _, patience := range []float64{settled, 1} { // what is busy now and then blocks nobody
		r := e.c.Try(0, patience, func(c *specs.Case) {
			holder, other := e.m.dial(c), e.m.dial(c)
			head, tail, answer := e.m.Partial(c, 0)
			holder.Send(head)
			e.m.ask(c, other, 1, 0)
			holder.Send(tail)
			answer(holder)
		})
		if r.Verdict != specs.Fail || r.Reason.Code != specs.NoAnswer {
			return false
		}
	}
	return true
}

func (e explorer) explore() {
	budget, again := e.c.Exploration()
	if again != nil {
		e.again(*again)
		return
	}
	if e.whole = e.blocks(); e.whole {
		e.c.Note("messages were not cut, because a part of one keeps everybody else waiting")
	}
	schedules := e.schedules
	began := time.Now()
	tried, steps := 0, 0
	for n := 1; budget > 0 && time.Since(began) < budget || budget == 0 && n <= schedules; n++ {
		a := e.run(n, nil, 1)
		switch {
		case a.failed():
			e.report(n, a)
		case a.result.Verdict != specs.Pass && a.result.Verdict != specs.Info:
			e.c.Adopt(a.result, false) // nothing that more of them would change
		}
		tried, steps = n, steps+len(a.steps)
	}
	e.c.Note("%d schedules with %d steps", tried, steps)
}

// again plays a schedule that an earlier run has found, as often as it may take
// to fail.
func (e explorer) again(s specs.Schedule) {
	e.whole = s.Whole
	runs := tries(s.Failed, s.Runs)
	for n := 1; n <= runs; n++ {
		if a := e.run(s.Number, slices.Clone(s.Steps), 1); a.failed() {
			s.Failed, s.Runs = 1, n
			a.result.Schedule = &s
			e.c.Adopt(a.result, true)
		} else if a.result.Verdict != specs.Pass && a.result.Verdict != specs.Info {
			e.c.Adopt(a.result, false)
		}
	}
	e.c.Note("the schedule was played %d times", runs)
}

// tries is how often a schedule has to be played to fail almost certainly.
func tries(failed, runs int) int {
	if failed == runs {
		return 1
	}
	return min(mostRuns, int(math.Ceil(4*float64(runs)/float64(max(1, failed)))))
}

// report makes a schedule that has failed as small as it gets, and fails the
// case by it.
func (e explorer) report(n int, found attempt) {
	s := specs.Schedule{Number: n, Whole: e.whole, Found: len(found.steps), Failed: 1, Runs: 1}
	found.steps = found.done()
	shown := found
	small := shrinker{explorer: e, number: n, end: time.Now().Add(mostShrinking)}.shrink(found)
	counts := false
	if small.failed > 0 {
		// Once more with all patience: this is what is shown. One that fails
		// now and then is counted.
		patience := 1.0
		if found.result.Waited {
			patience = certain
		}
		failed, runs := 0, 0
		for end := time.Now().Add(mostShrinking); runs < mostRuns && failed < 3 && !e.c.Over() && time.Now().Before(end); {
			runs++
			if a := e.run(n, slices.Clone(small.steps), patience); a.failed() {
				failed++
				shown = a
			}
			if !small.rare && failed > 0 {
				break
			}
		}
		if failed > 0 {
			s.Failed, s.Runs = failed, runs
		}
		// What is right with all patience is only late, and tried again.
		counts = failed > 0 || patience == 1
	}
	if !e.abrupt && counts { // seen once it may be a mishap, and is tried again
		e.c.Tally(outOfOrder, "the server fails already when no client vanishes")
	}
	s.Steps, s.Then = shown.done(), shown.last == len(shown.steps)
	shown.result.Schedule = &s
	if small.runs == 0 {
		shown.result.Reason.Message += "; nobody is served any more, so that the schedule cannot be made smaller"
	}
	e.c.Adopt(shown.result, counts)
}
