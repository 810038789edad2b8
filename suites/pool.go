package suites

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"conform/specs"
	"conform/specs/concurrency"
)

// job is one requirement on its way to a verdict.
type job struct {
	spec    specs.Spec
	session *session

	result   specs.Result
	attempts int
	first    time.Time // when the first attempt began
}

// pool executes jobs: first a few, to know whether the target answers at all; then
// those that harm nobody, as many at a time as the target bears, and those with several clients in turn, with the slow ones
// beside them if the target bears that; then the failures among
// them once more, alone; then those that may kill or hang a weak server, alone.
type pool struct {
	jobs    []*job
	workers int
	apart   bool                // see Plan.Apart
	width   *semaphore.Weighted // as many as there are workers
	changed func(done, failed int, running []string)

	mu      sync.Mutex
	running []string
	ended   int
	failed  int
}

// maxLongRetries is how many times in a row a wait that ran out is repeated
// with a longer one to no effect, before the target is known not to be slow. As
// many requirements are executed before all others, to know that of a server that
// meets none.
const maxLongRetries = 3

// retryFactor is how much longer the retry of a wait that ran out waits.
const retryFactor = 4

func newPool(jobs []*job, plan Plan, changed func(done, failed int, running []string)) *pool {
	workers := plan.Jobs
	if plan.Apart {
		workers = 1
	}
	return &pool{jobs: jobs, workers: workers, apart: plan.Apart, width: semaphore.NewWeighted(int64(workers)), changed: changed}
}

// run executes every job. It returns when all are final, which is soon after
// ctx has ended.
func (p *pool) run(ctx context.Context) {
	for _, j := range p.jobs {
		if s := j.session; s.mute || s.serves.Class == specs.Unknown {
			// Of one that is not mute not one client has been served, with all the
			// patience of a retry: there is nothing to wait longer for.
			s.longRetries = maxLongRetries
		}
	}
	rest, unconfirmed := p.soundOut(ctx, p.jobs)
	var slow, together, mute, alone, last []*job
	crowds := map[*session][]*job{}
	for _, j := range rest {
		switch s := j.session; {
		case j.spec.Last:
			last = append(last, j)
		case s.serves.Class == specs.Unknown: // there is nothing to kill
			mute = append(mute, j)
		case j.spec.Perilous:
			alone = append(alone, j)
		case j.spec.Slow && s.serves.Class == specs.Concurrent:
			slow = append(slow, j)
		case s.silent():
			mute = append(mute, j)
		case j.spec.Clients > 1:
			crowds[s] = append(crowds[s], j)
		default:
			together = append(together, j)
		}
	}
	unconfirmed = append(unconfirmed, p.beside(ctx, slow, func() []*job {
		return slices.Concat(p.abreast(ctx, together, p.together), p.waiting(ctx, mute, p.together), p.inTurn(ctx, crowds))
	})...)
	for _, j := range mute {
		if s := j.session; s.serves.Class == specs.Unknown && j.result.Verdict == specs.Pass && j.result.Longest > 0 {
			s.late, s.longRetries = true, 0 // it can be waited for after all
		}
	}
	p.confirmAll(ctx, p.suspects(unconfirmed))
	p.oneByOne(ctx, append(alone, last...))
}

// soundOut executes the first requirements that need no more than a client, before
// all others: if a server meets none of them, however long it is waited for, the
// others need not be waited for longer either. It returns the jobs that are left,
// and those that are not final.
func (p *pool) soundOut(ctx context.Context, jobs []*job) (rest, unconfirmed []*job) {
	var first []*job
	taken := map[*session]int{}
	for _, j := range jobs {
		s := j.session
		if j.spec.Last || j.spec.Perilous || j.spec.Slow || j.spec.Clients > 1 || s.silent() || taken[s] == maxLongRetries {
			rest = append(rest, j)
			continue
		}
		taken[s]++
		first = append(first, j)
	}
	waited := map[*session][]*job{}
	for _, j := range p.abreast(ctx, first, p.together) {
		if s := j.session; j.result.Waited && !j.result.Confirmed && s.dead() == "" {
			waited[s] = append(waited[s], j)
		} else {
			unconfirmed = append(unconfirmed, j)
		}
	}
	for _, jobs := range waited {
		if len(jobs) == maxLongRetries {
			p.confirmSideBySide(ctx, jobs)
		} else {
			unconfirmed = append(unconfirmed, jobs...)
		}
	}
	return rest, unconfirmed
}

// confirmAll executes failed jobs once more. Those that were waited for in vain
// are waited for longer, until that is known to bring nothing.
func (p *pool) confirmAll(ctx context.Context, jobs []*job) {
	var silent []*job
	for len(jobs) > 0 {
		j := jobs[0]
		s := j.session
		batch := sameSilence(jobs)
		switch {
		case s.unserved(j.result):
			p.finish(j)
		case j.result.Waited && s.silent():
			silent = append(silent, j)
		case len(batch) == maxLongRetries && s.longRetries == 0 && !s.late:
			p.confirmSideBySide(ctx, batch)
			jobs = slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool { return slices.Contains(batch, j) })
			continue
		default:
			p.confirm(ctx, j)
		}
		jobs = jobs[1:]
	}
	p.confirmSilent(ctx, silent)
}

// confirmSilent executes once more, side by side, what silent servers were waited
// for in vain.
func (p *pool) confirmSilent(ctx context.Context, jobs []*job) {
	p.waiting(ctx, jobs, func(ctx context.Context, j *job) bool {
		p.confirm(ctx, j)
		return true
	})
}

// sameSilence are the first jobs on the server of the first that were waited for
// in vain, if that one was; as many as it takes to believe it.
func sameSilence(jobs []*job) (batch []*job) {
	if !jobs[0].result.Waited {
		return nil
	}
	for _, j := range jobs {
		if len(batch) < maxLongRetries && j.session == jobs[0].session && j.result.Waited && !j.result.Confirmed {
			batch = append(batch, j)
		}
	}
	return batch
}

// confirmSideBySide waits once more, and longer, for jobs that were waited for in
// vain. Only if every one is in vain again is it believed: a server that is slow
// is slower with several clients, and so each is repeated alone then.
func (p *pool) confirmSideBySide(ctx context.Context, jobs []*job) {
	before := make([]specs.Result, len(jobs))
	for i, j := range jobs {
		before[i] = j.result
	}
	p.waiting(ctx, jobs, func(ctx context.Context, j *job) bool {
		s := j.session
		s.alone.RLock()
		defer s.alone.RUnlock()
		if ctx.Err() == nil && s.dead() == "" {
			p.execute(ctx, j, retryFactor, false)
		}
		return true
	})
	inVain := !slices.ContainsFunc(jobs, func(j *job) bool { return !failed(j.result.Verdict) || !j.result.Waited })
	for i, j := range jobs {
		if failed(j.result.Verdict) && !inVain {
			j.session.late = true
			j.result = before[i]
			p.confirm(ctx, j)
			continue
		}
		p.confirmed(ctx, j, before[i], retryFactor)
	}
}

// oneByOne executes jobs that have to be alone with their server: one after the
// other for each, and side by side on several, if more than one may run at a time.
func (p *pool) oneByOne(ctx context.Context, jobs []*job) {
	servers := map[*session][]*job{}
	for _, j := range jobs {
		s := j.session
		if p.workers == 1 {
			s = nil
		}
		servers[s] = append(servers[s], j)
	}
	var wg sync.WaitGroup
	for _, jobs := range servers {
		wg.Go(func() {
			var silent []*job
			for _, j := range jobs {
				if !p.settle(ctx, j) && !p.alone(ctx, j) {
					silent = append(silent, j)
				}
			}
			p.confirmSilent(ctx, silent)
		})
	}
	wg.Wait()
}

// beside executes slow jobs, which mostly wait, beside all that main does, and
// returns the jobs of both that are not final.
func (p *pool) beside(ctx context.Context, slow []*job, main func() []*job) (rest []*job) {
	open := make([]bool, len(slow))
	var wg sync.WaitGroup
	for i, j := range slow {
		wg.Go(func() { open[i] = !p.settle(ctx, j) && !p.together(ctx, j) })
	}
	others := main()
	wg.Wait()
	for i, j := range slow {
		if open[i] {
			rest = append(rest, j)
		}
	}
	return append(rest, others...)
}

// abreast executes jobs with f, as many at a time as the target bears, and
// returns those that f says are not final, in their order.
func (p *pool) abreast(ctx context.Context, jobs []*job, f func(context.Context, *job) (final bool)) (rest []*job) {
	return p.spread(ctx, jobs, 1, f)
}

// waiting is abreast for jobs that will most likely wait in vain, which keeps
// nobody busy: as many at a time as there is room for, unless the user wants one.
func (p *pool) waiting(ctx context.Context, jobs []*job, f func(context.Context, *job) (final bool)) (rest []*job) {
	slots := int64(0)
	if p.workers == 1 && !p.apart {
		slots = 1
	}
	return p.spread(ctx, jobs, slots, f)
}

// spread is abreast for jobs that take so many of the pool's slots.
func (p *pool) spread(ctx context.Context, jobs []*job, slots int64, f func(context.Context, *job) (final bool)) (rest []*job) {
	open := make([]bool, len(jobs))
	var wg sync.WaitGroup
	for i, j := range jobs {
		weight := min(int64(j.spec.Clients), j.session.width)
		if p.width.Acquire(ctx, slots) != nil || j.session.room.Acquire(ctx, weight) != nil {
			open[i] = !p.settle(ctx, j) // ctx has ended
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			open[i] = !f(ctx, j)
			j.session.room.Release(weight)
			p.width.Release(slots)
		}()
	}
	wg.Wait()
	for i, j := range jobs {
		if open[i] {
			rest = append(rest, j)
		}
	}
	return rest
}

// inTurn executes jobs with several clients, one at a time for each server: on
// a server that lets one client hold up the others they would hold up every
// other case. It returns those that are not final.
func (p *pool) inTurn(ctx context.Context, crowds map[*session][]*job) (rest []*job) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, jobs := range crowds {
		wg.Go(func() {
			for _, j := range jobs {
				if p.settle(ctx, j) || p.together(ctx, j) {
					continue
				}
				mu.Lock()
				rest = append(rest, j)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return rest
}

// settle gives a verdict to a job that need not, or cannot, be executed.
func (p *pool) settle(ctx context.Context, j *job) bool {
	s := j.session
	verdict, reason := specs.Verdict(""), specs.Reason{}
	switch {
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), specs.ErrInterrupted):
		verdict, reason = specs.Skipped, specs.Reason{Code: specs.Interrupted, Message: "the run was interrupted"}
	case ctx.Err() != nil:
		verdict, reason = specs.Blocked, specs.Reason{Code: specs.OutOfTime, Message: context.Cause(ctx).Error()}
	case s.dead() != "":
		verdict, reason = specs.Blocked, specs.Reason{Code: specs.TargetDied, Message: s.dead()}
	case j.spec.Unfit(s.dialer()) != "":
		verdict, reason = specs.Unsupported, specs.Reason{Code: specs.OtherKind, Message: j.spec.Unfit(s.dialer())}
	case s.shut != "" && !slices.Contains(s.gate, j.spec.ID):
		verdict, reason = specs.Blocked, specs.Reason{Code: specs.Missing, Message: s.shut}
	case j.spec.Queues:
	case s.declared > 0 && j.spec.Clients > s.declared:
		verdict, reason = specs.Unsupported, specs.Reason{Code: specs.Declared,
			Message: fmt.Sprintf("needs %d clients at once; the declared class serves %d", j.spec.Clients, s.declared)}
	case j.spec.Clients > s.serves.Bound && (s.serves.Class == specs.Serial || s.serves.Class == specs.Bounded):
		// To serve several clients is what these texts are about; a target
		// that is not meant to can be declared so.
		verdict = specs.Fail
		if j.spec.Level == specs.Should && s.declared == 0 {
			verdict = specs.NonStrict
		}
		reason = specs.Reason{Code: specs.TooFewServed, Hint: keptOut(s.serves.Bound),
			Message:  fmt.Sprintf("the target serves %s; if it is meant to, declare --dialect class=%s", count(s.serves.Bound), class(s.serves.Bound)),
			Expected: []string{fmt.Sprintf("%d clients served at once", j.spec.Clients)}, Received: s.serves.Evidence}
	}
	if verdict == "" {
		return false
	}
	if j.result.Verdict == "" {
		j.first = time.Now()
		j.result = specs.Result{Started: j.first}
	}
	j.result.Verdict, j.result.Reason = verdict, reason
	p.finish(j)
	return true
}

// keptOut is why a server serves so few clients, whatever else a requirement that
// needs more of them is about.
func keptOut(bound int) string {
	if bound == 1 {
		return concurrency.OneAtATime
	}
	return fmt.Sprintf("each of %d threads, processes or places serves a client to its end before it takes the next; %[1]d clients that only stay connected then keep everyone else out", bound)
}

// class is the value of the dialect that declares a bound.
func class(bound int) string {
	if bound == 1 {
		return "serial"
	}
	return fmt.Sprintf("pool:%d", bound)
}

func count(n int) string {
	if n == 1 {
		return "one client at a time"
	}
	return fmt.Sprintf("%d clients at once", n)
}

// together executes a job beside others and says whether the result is final.
func (p *pool) together(ctx context.Context, j *job) (final bool) {
	s := j.session
	s.alone.RLock()
	if p.settle(ctx, j) {
		s.alone.RUnlock()
		return true
	}
	p.execute(ctx, j, 1, s.serves.Class != specs.Unknown)
	s.alone.RUnlock()
	if !failed(j.result.Verdict) {
		p.finish(j)
		return true
	}
	if suspicious(j.result.Reason.Code) {
		p.look(ctx, j)
	}
	return false
}

// look makes sure that the server is still alive after a job has failed. One
// look serves all the jobs that failed before it: each waits for the cases that
// run, and lets none begin.
func (p *pool) look(ctx context.Context, j *job) {
	s := j.session
	s.looking.Lock()
	defer s.looking.Unlock()
	s.mu.Lock()
	fresh := s.healthy.After(j.result.Started.Add(j.result.Duration))
	s.mu.Unlock()
	if fresh || s.dead() != "" {
		return
	}
	during := j.spec.ID
	if !p.single(j) && !j.spec.Perilous {
		during += ", or a case beside it (--jobs 1 tells which)"
	}
	s.alone.Lock()
	defer s.alone.Unlock()
	s.alive(ctx, during, j.result.Reason.Code)
}

// single says whether a job has its server to itself in the concurrent part.
func (p *pool) single(j *job) bool {
	return p.workers == 1 || j.session.width == 1 || j.spec.Clients > 1
}

// suspects blocks what failed, not yet confirmed, on a server that has died
// since: beside other cases it cannot be told any more what each did to it. It
// returns the others.
func (p *pool) suspects(unconfirmed []*job) (rest []*job) {
	for _, j := range unconfirmed {
		s := j.session
		if s.dead() == "" || p.single(j) || !suspicious(j.result.Reason.Code) {
			rest = append(rest, j)
			continue
		}
		first := j.result.Reason
		j.result.Verdict = specs.Blocked
		j.result.Reason = specs.Reason{Code: specs.TargetDied, Sent: first.Sent, Expected: first.Expected, Received: first.Received,
			Message: fmt.Sprintf("failed once (%s), and could not be confirmed: %s", first.Message, s.dead())}
		p.finish(j)
	}
	return rest
}

// confirm executes a failed job once more, alone, and takes the outcome.
func (p *pool) confirm(ctx context.Context, j *job) {
	s := j.session
	switch {
	case ctx.Err() != nil:
		p.settle(ctx, j) // unconfirmed, it does not count
		return
	case s.dead() != "":
		p.finish(j) // the first failure has to do
		return
	case j.result.Confirmed:
		p.finish(j) // the case has done it itself
		return
	}
	factor := 1.0
	if j.result.Waited && !s.silent() { // so nothing else runs now
		factor = retryFactor
	}
	first := j.result
	if first.Waited && !s.silent() || !first.Waited && p.workers == 1 {
		// Nothing else runs now, and what others have left in the server is no doing
		// of this requirement. Where several run at a time, what was said wrong may
		// be the doing of those beside it anyway.
		if s.afresh(ctx, j.spec, first.Waited); s.dead() != "" {
			p.finish(j)
			return
		}
	}
	s.alone.RLock() // others may be confirmed beside it
	p.execute(ctx, j, factor, false)
	s.alone.RUnlock()
	p.confirmed(ctx, j, first, factor)
}

// confirmed makes a job final that was executed once more, so much more patiently.
func (p *pool) confirmed(ctx context.Context, j *job, first specs.Result, factor float64) {
	s := j.session
	again := &j.result
	switch {
	case ctx.Err() != nil:
		p.settle(ctx, j)
		return
	case failed(again.Verdict):
		if factor == retryFactor && again.Waited {
			s.longRetries++
		}
		if suspicious(again.Reason.Code) || j.spec.Perilous {
			p.look(ctx, j)
		}
	default:
		if factor == retryFactor {
			s.longRetries = 0
		}
		if first.Waited && again.Longest > s.timing.Answer {
			again.Verdict = specs.SlowPass
			again.Reason = first.Reason
			again.Reason.Message = fmt.Sprintf("right, but only after %s", again.Longest.Round(10*time.Millisecond))
		}
	}
	p.finish(j)
}

// alone executes a job that may kill or hang the server, and looks at the
// server afterwards. It says whether the result is final: what a silent server was
// waited for in vain is confirmed beside others, since that did it no harm.
func (p *pool) alone(ctx context.Context, j *job) (final bool) {
	s := j.session
	s.alone.Lock()
	p.execute(ctx, j, 1, s.serves.Class != specs.Unknown)
	alive, restarted := s.alive(ctx, j.spec.ID, j.result.Reason.Code)
	s.alone.Unlock()
	if ctx.Err() != nil {
		if failed(j.result.Verdict) {
			p.settle(ctx, j)
			return true
		}
		p.finish(j)
		return true
	}
	switch {
	case failed(j.result.Verdict) && (!alive || restarted) && !(restarted && s.hung && j.result.Waited && !s.silent()):
		p.finish(j) // the server's death confirms it, and no impatience
	case !failed(j.result.Verdict) && (!alive || restarted):
		// Its own requirement was met, but nobody is served any more.
		message := s.dead()
		if restarted {
			message = "after this the server " + s.exits[len(s.exits)-1].Status
		}
		j.result.Verdict = specs.Fail
		j.result.Reason = specs.Reason{Code: specs.TargetDied, Message: message, Hint: j.spec.Cause}
		p.finish(j)
	case !failed(j.result.Verdict) || s.unserved(j.result):
		p.finish(j)
	case j.result.Waited && s.silent():
		return false
	default:
		p.confirm(ctx, j)
	}
	return true
}

// execute runs the case of a job once, so much more patiently; hastily if it is
// confirmed when it fails.
func (p *pool) execute(ctx context.Context, j *job, factor float64, hasty bool) {
	p.mu.Lock()
	p.running = append(p.running, j.spec.ID)
	p.report()
	p.mu.Unlock()
	env := j.session.env()
	env.Timing, env.Hasty = env.Timing.Scale(factor), hasty
	j.result = specs.Run(ctx, j.spec, env)
	if j.attempts++; j.attempts == 1 {
		j.first = j.result.Started
	}
	p.mu.Lock()
	p.running = slices.DeleteFunc(p.running, func(id string) bool { return id == j.spec.ID })
	p.report()
	p.mu.Unlock()
}

func (p *pool) finish(j *job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended++
	if j.result.Verdict == specs.Fail || j.result.Verdict == specs.Error {
		p.failed++
	}
	p.report()
}

// report tells how far the run is. p.mu is held.
func (p *pool) report() {
	if p.changed != nil {
		p.changed(p.ended, p.failed, slices.Clone(p.running))
	}
}

func failed(v specs.Verdict) bool { return v == specs.Fail || v == specs.NonStrict }
