package suites

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"conform/specs"
	"conform/specs/wire"
	"conform/suites/report"
)

const (
	// profileClients is how many clients are tried at once. Some libraries stop
	// at 40, which the look before the run does not reach.
	profileClients = 100
	// profileWaiting is how many connections are made at most that have to wait.
	profileWaiting = 200
	// profileCount is how long clients are counted. A slow server is not waited
	// for a hundred times.
	profileCount = 1500 * time.Millisecond
	// profileStall is how long a connection may take to be made: a SYN that a
	// full backlog has dropped is repeated after a second, and must not be when
	// it has been given up.
	profileStall = 900 * time.Millisecond
	// profileRecovery is how long a new client may take when all others have
	// left: long enough for one such repetition.
	profileRecovery = 1600 * time.Millisecond
	// profileIdle is how long a server is watched that has nothing to do: in a box
	// its processor time is known in steps of 10 ms.
	profileIdle = 200 * time.Millisecond
	// profileRoom is how much time a run must have left.
	profileRoom = 6 * time.Second
	// lagging is how many more connections may have to come until one that
	// waits is accepted.
	lagging = 8
)

// profile finds out how the clients of each session are served, when everything
// else has ended. What requirements have judged is taken from them. It costs
// nobody a verdict, even if the target dies of it.
func (r *run) profile(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range r.sessions {
		results := map[string]*job{}
		left := ""
		for _, j := range r.jobs {
			if j.session != s {
				continue
			}
			results[j.spec.ID] = j
			if j.spec.Section() != "concurrency" {
				continue
			}
			switch j.result.Reason.Code {
			case specs.Deselected:
				left = "the selection leaves out requirements about several clients"
			case specs.LaterStage:
				left = "requirements about several clients are of a later stage"
			}
		}
		s.profiled = report.Profile{Protocol: s.protocol.Name, LeftOut: left}
		if left == "" {
			s.profiled.LeftOut = s.unprofiled(ctx)
		}
		if s.profiled.LeftOut != "" {
			continue
		}
		one := func() { s.profile(ctx, results) }
		if r.plan.Jobs == 1 {
			one()
		} else {
			wg.Go(one) // each has a server of its own
		}
	}
	wg.Wait()
}

// unprofiled says why nothing can be found out of how clients are served.
func (s *session) unprofiled(ctx context.Context) string {
	end, bounded := ctx.Deadline()
	switch {
	case errors.Is(context.Cause(ctx), specs.ErrInterrupted):
		return "the run was interrupted"
	case ctx.Err() != nil, bounded && time.Until(end) < profileRoom:
		return "the run has no time left for it"
	case s.dead() != "":
		return s.dead()
	case s.address.Datagram():
		return "datagrams have no connections"
	case s.shut != "":
		return s.shut
	case s.serves.Class == specs.Unknown:
		return "not one client was served before the run"
	}
	return ""
}

// profile makes the profile of one session.
func (s *session) profile(ctx context.Context, results map[string]*job) {
	p, result := s.probe(ctx, 0)
	if s.process != nil && result.Verdict == specs.Pass && p.found() && s.serves.Class == specs.Concurrent && !s.exited() && s.restart(ctx) == nil {
		// What it has kept of all the clients of the run may have taken the room.
		if again, second := s.probe(ctx, p.bound); second.Verdict == specs.Pass {
			p, result = again, second
		}
	}
	switch {
	case ctx.Err() != nil:
		s.profiled.LeftOut = s.unprofiled(ctx)
		return
	case result.Verdict != specs.Pass:
		s.profiled.LeftOut = "it failed: " + result.Reason.Message
		return
	}
	facts := append(p.facts, judged(s.protocol.Name, results, p.class == specs.Serial, p.late)...)
	slices.SortStableFunc(facts, func(a, b report.Fact) int {
		return slices.Index(report.FactNames, a.Name) - slices.Index(report.FactNames, b.Name)
	})
	s.profiled.Facts, s.profiled.Timeline = facts, p.timeline
	if p.class != specs.Unknown && s.serves.Class == specs.Concurrent {
		// The requirements were judged by what was known before: only the
		// report says more.
		s.counted = specs.Concurrency{Class: p.class, Bound: p.bound, Evidence: p.evidence}
	}
}

// probe runs one probe. Worn is how many clients were served at once before the
// server was started again, if it was.
func (s *session) probe(ctx context.Context, worn int) (*probe, specs.Result) {
	p := &probe{session: s, began: time.Now(), worn: worn, timeline: []report.Visit{}}
	env := s.env()
	env.Door = nil // nothing else runs, and the probe keeps its distances itself
	q := s.inquiry("profile", p.run)
	q.Clients = profileClients + profileWaiting + 8
	return p, specs.Run(ctx, q, env)
}

// found says whether there is a bound of clients that are served at once.
func (p *probe) found() bool { return p.class == specs.Serial || p.class == specs.Bounded }

// probe counts clients until one has to wait, then connections until none is
// made any more, lets all of them leave, and looks whether a new one is served.
type probe struct {
	session *session
	c       *specs.Case
	began   time.Time
	worn    int // see session.probe

	class    specs.Class
	bound    int
	evidence string
	facts    []report.Fact
	late     bool // clients are accepted only when others connect
	lost     int  // connections that were refused or ended, and the next one was not

	mu       sync.Mutex
	timeline []report.Visit
	here     []visitor // those that have not left
}

// visitor is a client on the timeline.
type visitor struct {
	*specs.Client
	row int
}

func (p *probe) now() float64 { return ms(time.Since(p.began)) }

// note changes a row of the timeline.
func (p *probe) note(v visitor, change func(row *report.Visit, now float64)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.timeline[v.row], p.now())
}

func (p *probe) fact(f report.Fact) {
	f.From = "probe"
	p.facts = append(p.facts, f)
}

// The ways in which a client is not served at once.
const (
	waits   = "waits"
	stalls  = "stalls"
	refuses = "refuses"
	closes  = "closes"
	unable  = "unknown" // conform could not try
)

// connect makes one more connection, without TLS if nobody will talk on it.
func (p *probe) connect(d time.Duration, plain bool) (v visitor, how, why string) {
	v.row = len(p.timeline)
	p.timeline = append(p.timeline, report.Visit{Client: v.row + 1, FromMS: p.now()})
	cl, err := p.c.Attempt(d, func(d *wire.Dialer) {
		if plain {
			d.TLS = nil
		}
	})
	row := &p.timeline[v.row]
	if err == nil {
		v.Client = cl
		row.ConnectedMS = p.now()
		p.here = append(p.here, v)
		return v, "", ""
	}
	why = wire.Cause(err)
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		row.Ended = "stalled"
		if p.session.address.TLS && !plain {
			return v, waits, "no TLS handshake within " + d.String() // the connection may have been made
		}
		return v, stalls, "no connection within " + d.String()
	case errors.Is(err, syscall.EAGAIN): // so Unix sockets say that the backlog is full
		row.Ended = "stalled"
		return v, stalls, why
	case errors.Is(err, syscall.ECONNREFUSED):
		row.Ended = "refused"
		return v, refuses, why
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), p.session.address.TLS && !plain:
		row.Ended = "closed"
		return v, closes, why
	}
	return v, unable, why
}

// ask has one exchange with a client.
func (p *probe) ask(v visitor, patience time.Duration) (how string) {
	p.note(v, func(row *report.Visit, now float64) { row.AskedMS = now })
	_, ok := p.session.served(v.Client, patience)
	if !ok && v.Gone() {
		p.note(v, func(row *report.Visit, _ float64) { row.Ended = "closed" })
		return closes
	}
	if !ok {
		return waits
	}
	p.note(v, func(row *report.Visit, now float64) { row.ServedMS = now })
	return ""
}

// heard waits for a client that has asked and was not served.
func (p *probe) heard(v visitor, patience time.Duration) bool {
	if v.Client == nil || !p.session.heard(v.Client, patience) {
		return false
	}
	p.note(v, func(row *report.Visit, now float64) { row.ServedMS = now })
	return true
}

// leave lets clients leave, side by side: those that wait are heard one after
// the other, and nobody can say when. Meanwhile it does what else is to be done.
func (p *probe) leave(meanwhile func(), all ...visitor) {
	for _, v := range all {
		p.c.Go(func() {
			if p.session.address.TLS && p.timeline[v.row].AskedMS == 0 {
				v.Close() // it never spoke TLS
			} else {
				v.Leave()
			}
			p.note(v, func(row *report.Visit, now float64) { row.LeftMS = now })
		})
	}
	if meanwhile != nil {
		meanwhile()
	}
	p.c.Join()
	p.here = slices.DeleteFunc(p.here, func(v visitor) bool {
		return slices.ContainsFunc(all, func(o visitor) bool { return o.row == v.row })
	})
}

func (p *probe) run(c *specs.Case) {
	p.c, p.class = c, specs.Unknown
	s := p.session
	patience := max(400*time.Millisecond, 10*s.pace)
	served, last, how, why := p.count(patience)
	full := how == ""
	switch {
	case full:
		p.conclude(specs.Concurrent, served, fmt.Sprintf("%d clients were served at once, in %s", served, short(time.Since(p.began))))
		p.fact(report.Fact{Name: report.FactAccepting, Finding: "at-once"})
		p.fact(report.Fact{Name: report.FactBacklog, Finding: "none-waits", Clients: served, Evidence: "each was served before the next one connected"})
	case how == unable:
		p.fact(report.Fact{Name: report.FactServedAtOnce, Finding: "unknown", Evidence: "no further connection could be made: " + why})
	default:
		p.beyond(served, last, how, why, patience)
	}
	n := len(p.here)
	p.leave(nil, p.here...)
	p.recovery(n)
	p.idle()
}

// count connects one client after the other, each staying, until one is not
// served. Where a connection ends with its first exchange, those that stay have
// not said a word, and further ones ask.
func (p *probe) count(patience time.Duration) (served int, last visitor, how, why string) {
	s := p.session
	missed := false
	for time.Since(p.began) < max(profileCount, 20*s.pace) && served < profileClients {
		last, how, why = p.connect(max(profileStall, patience), false)
		if how == "" {
			how = p.ask(last, patience)
		}
		if how == closes && last.Client != nil {
			p.leave(nil, last)
		}
		if (how == closes || how == refuses) && !missed {
			missed = true // one lost connection is no rule
			p.c.Pause(s.timing.Gap)
			continue
		}
		if how != "" {
			return served, last, how, why
		}
		if missed {
			missed = false
			p.lost++
		}
		served++
		if !s.protocol.Once {
			continue
		}
		p.leave(nil, last)
		if served == profileClients {
			break
		}
		p.c.Pause(s.timing.Gap / 4) // in which the server forgets it
		if _, how, why = p.connect(profileStall, false); how != "" {
			return served, visitor{}, how, why
		}
		p.c.Pause(s.timing.Gap / 4) // in which it is accepted
	}
	// Some refuse with a word and an end, and an end is all that an answer is
	// elsewhere.
	for i, v := range p.here {
		if v.Gone() {
			p.note(v, func(row *report.Visit, _ float64) { row.Ended = "closed" })
			return i, visitor{}, closes, "it was answered, and the connection ended"
		}
	}
	return served, visitor{}, "", ""
}

// beyond looks at what becomes of clients that find no room.
func (p *probe) beyond(served int, last visitor, how, why string, patience time.Duration) {
	s := p.session
	made, evidence := 0, why
	waiting := how == waits
	late := false
	if waiting {
		made, how, evidence, late = p.fill(last)
	}
	switch {
	case late && p.next(patience):
		// Nobody had left: it was slow for once, and has room.
		p.fact(report.Fact{Name: report.FactAccepting, Finding: "at-once"})
		p.conclude(specs.Concurrent, served+1, fmt.Sprintf("%d clients were served at once; client %d had to wait for more than %s", served+1, last.row+1, patience))
		p.fact(report.Fact{Name: report.FactBacklog, Finding: "unknown", Evidence: "one client had to wait for a while, though nobody left"})
		return
	case late:
		// It is not full: it has missed that somebody came.
		p.fact(report.Fact{Name: report.FactAccepting, Finding: "late",
			Evidence: fmt.Sprintf("client %d was served only when others connected after it, and nobody had left", last.row+1)})
		p.late = true
		before := report.Fact{Name: report.FactServedAtOnce, Finding: "unknown", Evidence: s.serves.Evidence, From: "preflight"}
		if s.serves.Class == specs.Concurrent { // a bound may have been the same mistake
			before.Finding, before.Clients = string(s.serves.Class), s.serves.Bound
		}
		p.facts = append(p.facts, before)
		p.fact(report.Fact{Name: report.FactBacklog, Finding: "unknown", Evidence: "who waits to be accepted and who is served cannot be told apart"})
		return
	case served == 0:
		p.fact(report.Fact{Name: report.FactServedAtOnce, Finding: "unknown", Evidence: "after the run not one client was served"})
		return
	}
	class := specs.Bounded
	if served == 1 {
		class = specs.Serial
	}
	text := map[string]string{
		waits:   fmt.Sprintf("client %d got no answer within %s", served+1, patience),
		closes:  fmt.Sprintf("the connection of client %d was ended", served+1),
		refuses: fmt.Sprintf("client %d was refused", served+1),
		stalls:  fmt.Sprintf("client %d could not connect", served+1),
	}
	found := text[how]
	if waiting {
		found = text[waits]
	}
	found += fmt.Sprintf(" while %d stayed connected", served)
	if waiting && last.Client != nil {
		p.fact(report.Fact{Name: report.FactAccepting, Finding: "at-once"})
		// The first has room to give.
		began := time.Now()
		p.leave(func() {
			if p.heard(last, s.timing.Answer) {
				found += fmt.Sprintf(", and one %s after the first had begun to leave", short(time.Since(began)))
			} else {
				found += ", nor when the first had left"
			}
		}, p.here[0])
	}
	p.conclude(class, served, found)
	p.fact(report.Fact{Name: report.FactBacklog, Finding: how, Clients: made, Evidence: evidence})
}

// next says whether a further client is served as usual.
func (p *probe) next(patience time.Duration) bool {
	v, how, _ := p.connect(profileStall, false)
	return how == "" && p.ask(v, patience) == ""
}

func (p *probe) conclude(class specs.Class, bound int, evidence string) {
	if s := p.session; s.serves.Class == specs.Concurrent && class != specs.Concurrent && bound < s.serves.Bound {
		evidence += fmt.Sprintf("; before the run %d had been served", s.serves.Bound)
	} else if class == specs.Concurrent && s.serves.Class == specs.Concurrent {
		bound = max(bound, s.serves.Bound) // a slow server is not counted as far again
	}
	if p.worn > 0 && (class == specs.Concurrent || bound > p.worn) {
		evidence += fmt.Sprintf("; before it was started again, with all the clients of the run behind it, %d were: it keeps something of each", p.worn)
	}
	if p.lost > 0 {
		evidence += fmt.Sprintf("; on the way %d connections were ended or refused, and the next ones were not", p.lost)
	}
	p.class, p.bound, p.evidence = class, bound, evidence
	p.fact(report.Fact{Name: report.FactServedAtOnce, Finding: string(class), Clients: bound, Evidence: evidence})
}

// fill makes connections that nobody asks on, behind one that waits for its
// answer, and counts all that wait. late says that it was answered after all.
func (p *probe) fill(waiting visitor) (made int, how, evidence string, late bool) {
	s := p.session
	if waiting.Client != nil {
		made = 1
	}
	first := len(p.here) - made
	for how = waits; made < profileWaiting; made++ {
		if made == lagging {
			p.c.Pause(s.timing.Quiet)
		}
		if p.heard(waiting, 0) {
			return made, how, "", true
		}
		var why string
		if _, how, why = p.connect(profileStall, true); how != "" {
			evidence = fmt.Sprintf("connection %d beyond those that were served: %s", made+1, why)
			break
		}
		how = waits
	}
	if how == waits {
		p.c.Pause(s.timing.Quiet)
		evidence = fmt.Sprintf("%d connections beyond those that were served were made", made)
	}
	if p.heard(waiting, 0) {
		return made, how, "", true
	}
	ended := 0
	for _, v := range p.here[first:] {
		if v.Gone() {
			ended++
			p.note(v, func(row *report.Visit, _ float64) { row.Ended = "closed" })
		}
	}
	if ended > 0 {
		how, evidence = closes, fmt.Sprintf("%d of %d connections beyond those that were served were ended", ended, made)
		made -= ended
	}
	return made, how, evidence, false
}

// recovery looks whether a new client is served when n others have left.
func (p *probe) recovery(n int) {
	s := p.session
	began := time.Now()
	patience := max(profileRecovery, 2*s.timing.Answer)
	fact := report.Fact{Name: report.FactRecovery, Finding: "recovers"}
	v, how, why := p.connect(patience, false)
	for how == refuses && time.Since(began) < patience {
		p.c.Pause(s.timing.Gap) // it may notice that clients have left a little later
		v, how, why = p.connect(patience-time.Since(began), false)
	}
	if how == "" {
		how = p.ask(v, max(patience-time.Since(began), s.timing.Quiet))
	}
	took := time.Since(began)
	switch how {
	case "":
		fact.AfterMS = ms(took)
		fact.Evidence = fmt.Sprintf("a new client was served %s after it began to connect, when %d had left", short(took), n)
	case closes:
		fact.Finding, fact.Evidence = "fails", "the connection of a new client was ended"
	default:
		fact.Finding, fact.Evidence = "fails", fmt.Sprintf("a new client was not served within %s", short(took))
		if why != "" {
			fact.Evidence += ": " + why
		}
	}
	if fact.Finding != "recovers" {
		fact.Evidence += fmt.Sprintf(", when %d had left", n)
		if s.ended(s.timing.Quiet) {
			exited, _ := s.howExited()
			fact.Finding, fact.Evidence = "died", fmt.Sprintf("the server %s when it had %d clients at once", exited, n)
			s.mu.Lock()
			s.exits = append(s.exits, report.Exit{Status: exited, During: "the look at how clients are served", Output: s.process.Output().LastLines(8)})
			s.mu.Unlock()
		} else if how == refuses && s.process == nil {
			fact.Finding = "died"
		}
	}
	p.fact(fact)
	if v.Client != nil {
		p.leave(nil, v)
	}
}

// idle looks whether a server that conform has started rests when nobody is there.
// From outside one that spins looks like one that waits.
func (p *probe) idle() {
	s := p.session
	if s.process == nil {
		return
	}
	p.c.Pause(s.timing.Quiet) // in which it clears up
	before, known := s.process.Busy()
	began := time.Now()
	p.c.Pause(profileIdle)
	after, still := s.process.Busy()
	took := time.Since(began)
	if !known || !still || s.exited() {
		return
	}
	used := after - before
	fact := report.Fact{Name: report.FactIdle, Finding: "rests",
		Evidence: fmt.Sprintf("%s on a processor or waiting for one, within %s, when all clients had left", short(used), short(took))}
	if used >= took/5 { // a busy machine gives it no more
		fact.Finding = "spins"
	}
	p.fact(fact)
}

// ended says whether the started process has ended, or does so within d.
func (s *session) ended(d time.Duration) bool {
	if s.process == nil {
		return false
	}
	select {
	case <-s.process.Exited():
		return true
	case <-time.After(d):
		return false
	}
}

func short(d time.Duration) time.Duration {
	return d.Round(max(10*time.Microsecond, d/1000).Truncate(10 * time.Microsecond))
}

// judgement is a requirement that a fact follows from.
type judgement struct {
	fact string
	name string // of the requirement, without the protocol
	// holder is the number of the client that holds others up, if anybody
	// does: what it fails to hear itself says nothing of them. 0 for none.
	holder int
}

// judgements are in the order in which they are asked: the first that was judged
// decides. Not every protocol has each of them.
var judgements = []judgement{
	{report.FactPartialMessage, "concurrency/partial-message-blocks-nobody", 1},
	{report.FactSilentClient, "concurrency/second-client", 0},
	{report.FactSilentClient, "concurrency/idle-clients", 0},
	{report.FactUnreadAnswers, "concurrency/one-does-not-read", 2},
	{report.FactUnreadAnswers, "limits/client-that-never-reads", 0},
	{report.FactSlowHandshake, "concurrency/stalled-handshake-blocks-nobody", 1},
	{report.FactChurn, "concurrency/churn", 0},
	{report.FactArrivingTogether, "concurrency/arrive-together", 0},
	{report.FactArrivingTogether, "concurrency/burst", 0},
	{report.FactArrivingTogether, "concurrency/burst-of-clients", 0},
}

// judged takes from the requirements what they have found out already. Where one
// client is served at a time, each blocks the others, whatever it does; where
// clients are accepted late, it is not those before them that they wait for.
func judged(protocol string, results map[string]*job, serial, late bool) (facts []report.Fact) {
	for _, source := range judgements {
		id := protocol + "/" + source.name
		j := results[id]
		if j == nil {
			continue
		}
		good, bad, codes := "blocks-nobody", "blocks-others", unserved
		if source.fact == report.FactChurn || source.fact == report.FactArrivingTogether {
			good, bad, codes = "all-served", "some-lost", append(unserved, lost...)
		}
		f := report.Fact{Name: source.fact, Finding: "unknown", From: id, Evidence: j.result.Reason.Message}
		switch v := j.result.Verdict; {
		case serial && bad == "blocks-others" && j.attempts == 0:
			f.Finding, f.Evidence, f.From = bad, "one client is served at a time", "probe"
		case j.attempts == 0:
		case late && failed(v) && bad == "blocks-others":
		case v == specs.Pass || v == specs.SlowPass || v == specs.Info:
			f.Finding = good
		case failed(v) && slices.Contains(codes, j.result.Reason.Code) && (source.holder == 0 || expecting(j.result) != source.holder):
			f.Finding = bad
		}
		i := slices.IndexFunc(facts, func(other report.Fact) bool { return other.Name == source.fact })
		switch {
		case i < 0:
			facts = append(facts, f)
		case facts[i].Finding == "unknown":
			facts[i] = f
		}
	}
	return facts
}

// unserved are the codes of failures that say that somebody was kept waiting;
// lost those that say that somebody was sent away.
var (
	unserved = []specs.Code{specs.NoAnswer, specs.PartialAnswer, specs.NotClosed, specs.NotServing, specs.ConnectFailed}
	lost     = []specs.Code{specs.ClosedEarly, specs.ResetEarly, specs.SendFailed}
)

// expecting is the number of the client of whom something was expected last.
func expecting(r specs.Result) int {
	for _, e := range slices.Backward(r.Transcript) {
		if e.Kind == wire.Expected {
			return e.Conn
		}
	}
	return 0
}
