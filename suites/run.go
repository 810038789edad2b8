package suites

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"conform/specs"
	"conform/specs/wire"
	"conform/suites/report"
	"conform/suites/target"
)

// Observer hears of a run while it goes on. Nil functions are not called.
type Observer struct {
	// Ready is called once, when the target has been looked over and before
	// the first case, with the report so far and the number of requirements.
	Ready func(r *report.Report, requirements int)
	// Progress is called whenever a case begins or ends.
	Progress func(done, failed int, running []string)
	// Scale is called once a second while many clients are held.
	Scale func(report.ScaleProgress)
}

// Run carries out a plan. It returns an error only for a plan that is wrong, a
// *UsageError, or a *target.CommandError of Plan.Start, before any case was executed; whatever happens later, an
// unreachable target and the end of ctx included, is in the report. Cancel ctx
// with specs.ErrInterrupted as its cause when the user ends the run.
func Run(ctx context.Context, plan Plan, o Observer) (*report.Report, error) {
	if err := plan.Check(); err != nil {
		return nil, err
	}
	plan = plan.complete()
	if plan.Jobs == 0 {
		plan.Jobs = DefaultJobs
	}
	if plan.Timeout == 0 {
		plan.Timeout = DefaultTimeout
	}
	if plan.Pace == 0 {
		plan.Pace = 1
	}
	if plan.Seed == 0 {
		plan.Seed = 1 + rand.Int64N(1_000_000)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, plan.Timeout,
		fmt.Errorf("%w: the run had %s (--timeout)", specs.ErrOutOfTime, plan.Timeout))
	defer cancel()

	r := &run{plan: plan, report: &report.Report{
		Schema: report.Schema, Tool: plan.Tool,
		Run: report.Run{Seed: plan.Seed, Started: time.Now(), Jobs: plan.Jobs, Strict: plan.Strict, Pace: plan.Pace,
			Protocol: plan.Protocol, Dialects: plan.Dialects, Insecure: plan.Insecure, CA: plan.CA},
	}}
	defer r.stop()
	err := r.prepare(ctx)
	switch {
	case err != nil:
	case plan.Clients > 0:
		err = r.hold(ctx, o)
	default:
		err = r.execute(ctx, o)
	}
	var usage *UsageError
	var command *target.CommandError
	switch {
	case err == nil:
	case errors.As(err, &usage):
		return nil, err
	case errors.As(err, &command) && plan.Start != nil:
		return nil, err // it is not the user's command
	case errors.As(err, &command):
		return nil, usagef("--exec: %s", err)
	default:
		r.report.Summary.Cause = err.Error()
		r.unreachable = ctx.Err() == nil
	}
	r.conclude(ctx)
	return r.report, nil
}

type run struct {
	plan        Plan
	report      *report.Report
	sessions    []*session
	selected    map[string]bool // by --only and --skip
	jobs        []*job
	closers     []func()
	unreachable bool
	partial     bool // a selection left requirements out
}

func (r *run) stop() {
	for _, c := range r.closers {
		c()
	}
}

// prepare reaches or starts the target and looks it over.
func (r *run) prepare(ctx context.Context) error {
	plan := r.plan
	var err error
	switch {
	case plan.Target != nil:
		err = r.prepareTarget(ctx, *plan.Target)
	case plan.Exec != "" || plan.Start != nil:
		err = r.prepareExec(ctx)
	case plan.Clients > 0:
		err = r.prepareReference(ctx)
	default:
		err = r.prepareBundled()
	}
	if err != nil {
		return err
	}
	// The plan was checked against every protocol; now it is known which.
	plan = plan.fit(r.protocols())
	r.plan = plan
	declared, err := plan.dialects(r.protocols())
	if err != nil {
		return err
	}
	if r.selected == nil {
		if r.selected, err = plan.selection(r.protocols()); err != nil {
			return err
		}
	}
	for _, s := range r.sessions {
		s.explore = specs.Exploration{For: plan.Explore / exploring, Again: plan.Again}
		s.preflight(ctx, plan.Pace, plan.Jobs, declared)
	}
	return nil
}

// protocols lists what is tested.
func (r *run) protocols() (list []specs.Protocol) {
	for _, s := range r.sessions {
		list = append(list, s.protocol)
	}
	return list
}

func (r *run) prepareTarget(ctx context.Context, a target.Address) error {
	r.report.Target = report.Target{Address: a.String(), Transport: a.Scheme, StartedBy: "user"}
	s, err := r.meet(ctx, a)
	if err != nil {
		return err
	}
	r.sessions = []*session{s}
	return nil
}

func (r *run) prepareExec(ctx context.Context) error {
	r.report.Target = report.Target{Address: r.plan.Exec, Transport: "tcp", StartedBy: r.plan.Exec}
	start, scheme := r.plan.Start, cmp.Or(r.plan.Scheme, "tcp")
	if start == nil {
		start = func(ctx context.Context) (Server, error) {
			p, err := target.Start(ctx, target.StartOptions{Command: r.plan.Exec})
			if err != nil {
				return nil, err // not a nil *Process in a Server that is none
			}
			return p, nil
		}
	}
	server, err := start(ctx)
	if err != nil {
		return err
	}
	r.closers = append(r.closers, func() { _ = server.Stop() })
	r.report.Target.Address, r.report.Target.Transport = server.Address(), scheme
	a, err := target.ParseAddress(scheme + "://" + server.Address())
	if err != nil {
		return err
	}
	s, err := r.meetServer(ctx, a, server)
	if err != nil {
		return err
	}
	r.sessions = []*session{s}
	return nil
}

func (r *run) prepareBundled() error {
	r.report.Target = report.Target{Address: "bundled", Transport: "tcp", StartedBy: "conform"}
	protocols := Protocols()
	if r.plan.Protocol != "" {
		p, err := Find(r.plan.Protocol)
		if err != nil {
			return err
		}
		protocols = []specs.Protocol{p}
	}
	declared, err := r.plan.dialects(protocols)
	if err != nil {
		return err
	}
	if r.selected, err = r.plan.selection(protocols); err != nil {
		return err
	}
	for _, p := range protocols {
		if !slices.ContainsFunc(p.Specs(), func(s specs.Spec) bool { return r.selected[s.ID] }) {
			r.partial = true
			continue
		}
		known := Bundled(p.Name)
		for key, value := range declared {
			if _, err := p.Dialect(key); err == nil {
				known[key] = value
			}
		}
		server, err := startReference(p.Name, known)
		if err != nil {
			return err
		}
		r.closers = append(r.closers, func() { server.Close() })
		streams := &session{protocol: p, seed: r.plan.Seed, known: known,
			address: target.Address{Scheme: "tcp", Network: "tcp", Address: server.Addr().String()}}
		r.sessions = append(r.sessions, streams)
		if !p.Datagrams() {
			continue
		}
		// One server over each: every requirement is judged.
		packets, err := startDatagrams(p.Name)
		if err != nil {
			return err
		}
		r.closers = append(r.closers, func() { packets.Close() })
		streams.protocol = p.Over(false)
		r.sessions = append(r.sessions, &session{protocol: p.Over(true), seed: r.plan.Seed, known: known,
			address: target.Address{Scheme: "udp", Network: "udp", Address: packets.Addr().String()}})
	}
	return nil
}

// reachTimeout is how long a target may take to accept the first connection.
const reachTimeout = 2 * time.Second

// meet reaches a running server and finds out what it speaks.
func (r *run) meet(ctx context.Context, a target.Address) (*session, error) {
	return r.meetServer(ctx, a, nil)
}

// meetServer is meet for a server that conform may have started.
func (r *run) meetServer(ctx context.Context, a target.Address, server Server) (*session, error) {
	config, err := r.plan.tls()
	if err != nil {
		return nil, err
	}
	s := &session{address: a, tls: config, seed: r.plan.Seed, process: server}
	d := s.dialer()
	d.Timeout = reachTimeout
	if r.plan.Protocol != "" {
		p, err := Find(r.plan.Protocol)
		if err != nil {
			return nil, err
		}
		s.protocol = p
		// The look whether anybody is there leaves by the protocol's door.
		env := s.env()
		env.Dialer, env.Timing = d, timingFor(0, r.plan.Pace)
		there := false
		reached := specs.Run(ctx, s.inquiry("reach", func(c *specs.Case) {
			client := c.Dial()
			there = !a.Datagram() // whatever it says then, a greeting where none is due too
			switch {
			case a.Datagram():
				// Only an answer, or the system's word that nobody listens,
				// says anything.
				client.Send(p.Question(client))
				if client.Answered(env.Timing.Answer); client.Gone() {
					c.Refute(specs.Reason{Code: specs.ConnectFailed, Received: "connection refused"}, false)
				}
			case p.Greets:
				client.Answered(env.Timing.Quiet)
			}
		}), env)
		// Who resets every connection is there too, and judged for it later.
		there = there || strings.Contains(reached.Reason.Received, "reset by peer")
		if reached.Verdict != specs.Pass && !there {
			return nil, fmt.Errorf("cannot reach %s: %s", a, reason(reached.Reason.Received))
		}
		return s, nil
	}
	var names []string
	for _, p := range Protocols() {
		names = append(names, p.Name)
	}
	detection, err := target.Detect(ctx, d, max(reachTimeout, time.Duration(float64(reachTimeout)*r.plan.Pace)))
	if err != nil {
		return nil, fmt.Errorf("cannot reach %s: %s", a, reason(wire.Cause(err)))
	}
	s.protocol, err = Find(detection.Protocol)
	if err != nil {
		return nil, usagef("%s: %s", a, detection.Unrecognised(names))
	}
	s.detected = detection.Evidence
	return s, nil
}

// reason says in our words what the system said of a connection.
func reason(text string) string {
	switch {
	case strings.Contains(text, "certificate"):
		return text + ": verify it with --ca FILE, or not at all with --insecure"
	case strings.Contains(text, "connection refused"):
		return "connection refused: nothing listens there"
	case strings.Contains(text, "i/o timeout"), strings.Contains(text, "deadline exceeded"):
		return fmt.Sprintf("no answer within %s", reachTimeout)
	}
	return text
}

// execute runs the selected cases, and then the tree over what came of them.
func (r *run) execute(ctx context.Context, o Observer) error {
	chosen := r.selected
	if !r.plan.Hosted {
		var err error
		if chosen, err = choose(r.protocols(), r.selected, r.plan.Filter); err != nil {
			return err
		}
	}
	byID := map[string]*job{}
	var queue []*job
	for _, s := range r.sessions {
		for _, spec := range s.protocol.Specs() {
			j := &job{spec: spec, session: s}
			r.jobs = append(r.jobs, j)
			byID[spec.ID] = j
			if !chosen[spec.ID] {
				r.partial = true
				j.result = specs.Result{Verdict: specs.Skipped, Reason: specs.Reason{Code: specs.Deselected, Message: "left out by the selection"}}
				continue
			}
			queue = append(queue, j)
		}
	}
	if len(queue) == 0 {
		return usagef("the selection matches no requirement: `conform list` shows them with their labels")
	}
	r.describe()
	if o.Ready != nil {
		o.Ready(r.report, len(queue))
	}
	if pool := newPool(queue, r.plan, o.Progress); r.plan.Stage {
		l := stages(queue)
		l.climb(ctx, pool, r.plan.Strict)
		r.report.Stages = l.stages
		r.partial = r.partial || slices.ContainsFunc(l.stages, func(s report.Stage) bool { return s.State == report.StageLater })
	} else {
		pool.run(ctx)
	}
	own := 0
	for _, j := range r.jobs {
		if j.result.Verdict == specs.Fail || j.result.Verdict == specs.Error {
			own++
		}
	}
	failures := own
	if !r.plan.Hosted {
		failures = walk(r.protocols(), r.selected, r.plan.Filter, func(id string) specs.Result { return byID[id].result })
	}
	if o.Progress != nil {
		o.Progress(len(r.jobs), failures, []string{"how clients are served"})
	}
	r.profile(ctx)
	r.describe()
	if own != failures && ctx.Err() == nil {
		return fmt.Errorf("conform and Ginkgo disagree: %d and %d failures; this is a defect of conform", own, failures)
	}
	return nil
}

// describe fills in what was found out about the target.
func (r *run) describe() {
	t := &r.report.Target
	t.Protocol, t.Dialect = nil, map[string]string{}
	for i, s := range r.sessions {
		if !slices.Contains(t.Protocol, s.protocol.Name) {
			t.Protocol = append(t.Protocol, s.protocol.Name)
		}
		t.Detected = s.detected
		for key, setting := range s.dialects {
			if len(r.sessions) > 1 {
				key = s.protocol.Name + "/" + key
			}
			t.Dialect[key] = setting.Value
		}
		t.PaceMS = max(t.PaceMS, ms(s.pace))
		c := s.serves
		if s.counted.Class != "" {
			c = s.counted
		}
		if i == 0 || (c.Bound < t.Concurrency.Bound && !s.address.Datagram()) {
			t.Concurrency = report.Concurrency{Class: string(c.Class), Bound: c.Bound, Evidence: c.Evidence}
		}
	}
	for _, s := range r.sessions {
		if s.profiled.Protocol != "" {
			t.Concurrency.Profile = append(t.Concurrency.Profile, s.profiled)
		}
	}
}

func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// conclude counts the verdicts and says what they amount to.
func (r *run) conclude(ctx context.Context) {
	rep := r.report
	rep.Run.DurationMS = ms(time.Since(rep.Run.Started))
	rep.Summary.Counts = map[specs.Verdict]int{}
	for _, v := range specs.Verdicts {
		rep.Summary.Counts[v] = 0
	}
	rep.Results = []report.Result{}
	judged, notPassed := 0, 0
	for _, j := range r.jobs {
		rep.Results = append(rep.Results, r.result(j))
		v := j.result.Verdict
		rep.Summary.Counts[v]++
		if report.Judged(v) {
			judged++
		}
		if v == specs.Fail || (v == specs.NonStrict && r.plan.Strict) {
			notPassed++
		}
	}
	died := r.unreachable
	for _, s := range r.sessions {
		if cause := s.dead(); cause != "" {
			died = true
			rep.Summary.Cause = cause
		}
		rep.Target.Exits = append(rep.Target.Exits, s.exits...)
		if s.process != nil {
			out := s.wrote.Then(s.process.Output())
			rep.Target.Output = &report.Output{Head: string(out.Head), Tail: string(out.Tail), Dropped: out.Dropped}
		}
	}
	counts := rep.Summary.Counts
	interrupted := errors.Is(context.Cause(ctx), specs.ErrInterrupted)
	outOfTime := ctx.Err() != nil && !interrupted && (counts[specs.Blocked] > 0 || len(r.jobs) == 0)
	rep.Run.Complete = len(r.jobs) > 0 && !r.partial && counts[specs.Blocked] == 0 && counts[specs.Error] == 0 && !interrupted
	switch {
	case interrupted:
		rep.Summary.Headline, rep.Summary.ExitCode, rep.Summary.Cause = "incomplete", 130, "interrupted"
	case died:
		rep.Summary.Headline, rep.Summary.ExitCode = "incomplete", 3
		if notPassed > 0 {
			rep.Summary.Headline = "nonconformant"
		} else if judged == 0 {
			rep.Summary.Headline = "error"
		}
	case counts[specs.Error] > 0 || (rep.Summary.Cause != "" && !outOfTime):
		rep.Summary.Headline, rep.Summary.ExitCode = "error", 4
	case notPassed > 0:
		rep.Summary.Headline, rep.Summary.ExitCode = "nonconformant", 1
	case outOfTime:
		rep.Summary.Headline, rep.Summary.ExitCode = "incomplete", 3
	case judged == 0:
		rep.Summary.Headline, rep.Summary.ExitCode = "incomplete", 2
		rep.Summary.Cause = "nothing that was selected can be judged on this target"
	case !rep.Run.Complete:
		rep.Summary.Headline = "incomplete"
	default:
		rep.Summary.Headline = "conformant"
	}
	if outOfTime && rep.Summary.Cause == "" {
		rep.Summary.Cause = context.Cause(ctx).Error()
	}
	if rep.Scale != nil {
		r.concludeScale(interrupted)
	}
}

func (r *run) result(j *job) report.Result {
	s, res := j.spec, j.result
	out := report.Result{
		ID: s.ID, Protocol: s.Protocol(), Section: s.Section(), Level: s.Level, Clause: s.Clause, Covers: s.Covers, Title: s.Title,
		Verdict: res.Verdict, DurationMS: ms(res.Duration), Attempts: j.attempts, Notes: res.Notes,
		Schedule: res.Schedule, Transcript: events(res.Transcript), Replay: r.replay(s.ID, res.Reason.SeenIn),
	}
	if len(r.jobs) > briefFrom && !failed(res.Verdict) && res.Verdict != specs.Error {
		out.Transcript = brief(out.Transcript)
	}
	if out.Covers == nil {
		out.Covers = []string{}
	}
	if !j.first.IsZero() {
		out.StartedMS = ms(j.first.Sub(r.report.Run.Started))
	}
	if reason := res.Reason; reason.Code != "" {
		out.Reason = &report.Reason{Code: reason.Code, Message: reason.Message, Sent: reason.Sent,
			Expected: reason.Expected, Received: reason.Received, Hint: reason.Hint}
		if reason.SeenIn != s.ID {
			out.Reason.SeenIn = reason.SeenIn
		}
		if d := reason.Diff; d != nil {
			out.Reason.FirstDifference = &report.Difference{Offset: d.Offset, Expected: d.Expected, Received: d.Received}
		}
		if at, ok := r.endpoint(j.session); ok && res.Schedule == nil && reason.SeenIn == "" && failed(res.Verdict) {
			out.Recipe = report.NewRecipe(out.Transcript[:min(reason.Events, len(out.Transcript))], reason.Code, at)
		}
	}
	return out
}

func events(transcript []wire.Event) []report.Event {
	out := []report.Event{}
	for _, e := range transcript {
		event := report.Event{AtMS: ms(e.At), Conn: e.Conn, Event: string(e.Kind), Size: e.Data.Size, Text: e.Text}
		if e.Data.Size > 0 {
			event.Text, event.Head, event.Tail = e.Data.Quote(240), e.Data.Head, e.Data.Tail
			if e.Kind == wire.Stray {
				event.Text += " from " + e.Text
			}
		}
		out = append(out, event)
	}
	return out
}

// endpoint is where a person reaches what was tested; the bundled servers are
// gone when a run has ended.
func (r *run) endpoint(s *session) (report.Endpoint, bool) {
	if r.plan.Target == nil && s.process == nil {
		return report.Endpoint{}, false
	}
	return report.Endpoint{Network: s.address.Network, Address: s.address.Address, TLS: s.address.TLS, Started: s.process != nil}, true
}

const (
	// briefFrom is how many requirements make a run so large that the
	// transcripts of what went well are cut: nobody reads them all, and whole
	// they are tens of megabytes. A run of one requirement shows everything.
	briefFrom = 100
	// briefEvents is how many events are kept of such a transcript.
	briefEvents = 90
	briefText   = 120 // bytes of each
)

// brief cuts a transcript.
func brief(all []report.Event) []report.Event {
	cut := all
	if left := len(all) - briefEvents; left > 0 {
		const first = briefEvents * 2 / 3
		cut = append(all[:first:first], report.Event{AtMS: all[first].AtMS, Event: string(wire.Note),
			Text: fmt.Sprintf("%d events are left out here; run this requirement alone to see them", left)})
		cut = append(cut, all[first+left:]...)
	}
	for i := range cut {
		if len(cut[i].Head) > 0 {
			cut[i].Text = wire.Bytes{Head: cut[i].Head, Tail: cut[i].Tail, Size: cut[i].Size}.Quote(briefText)
		}
		cut[i].Head, cut[i].Tail = nil, nil
	}
	return cut
}

// replay is the command line that runs one requirement again, and the one in whose
// case was seen what is wrong, if that is another one.
func (r *run) replay(id, seenIn string) string {
	args := []string{"conform"}
	switch {
	case r.plan.Target != nil:
		args = append(args, "--target", quoteArg(r.plan.Target.String()))
	case r.plan.Exec != "":
		args = append(args, "--exec", quoteArg(r.plan.Exec))
	}
	if r.plan.Protocol != "" {
		args = append(args, "--protocol", r.plan.Protocol)
	}
	for _, d := range r.plan.Dialects {
		args = append(args, "--dialect", quoteArg(d))
	}
	if r.plan.Insecure {
		args = append(args, "--insecure")
	}
	if r.plan.CA != "" {
		args = append(args, "--ca", quoteArg(r.plan.CA))
	}
	if r.plan.Pace != 1 {
		args = append(args, "--pace", strconv.FormatFloat(r.plan.Pace, 'g', -1, 64))
	}
	args = append(args, "--only", id)
	if seenIn != "" && seenIn != id {
		args = append(args, "--only", seenIn)
	}
	return strings.Join(append(args, "--seed", strconv.FormatInt(r.plan.Seed, 10), "-v"), " ")
}

// quoteArg writes an argument so that a POSIX shell reads it back.
func quoteArg(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:@%+,[]") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
