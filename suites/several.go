package suites

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"conform/suites/report"
)

// RunSeveral carries out plans that differ in their target, and compares what
// came of them. Every plan is checked before any is carried out, and all have the
// seed of the first, so that every target gets the same bytes. A target that
// nothing can be asked of has a report that says so.
//
// They run one after the other. Side by side they would be done sooner, as they
// mostly wait: four in 21 s instead of 36 s, on two cores. But then a target answers
// up to ten times as late, and every wait follows from that, as does what is taken
// for silence; one that floods would have a say in the verdicts of others.
func RunSeveral(ctx context.Context, plans []Plan, observe func(i int) Observer) (*report.Matrix, error) {
	var targets []report.MatrixTarget
	began := time.Now()
	seed := plans[0].Seed
	if seed == 0 {
		seed = 1 + rand.Int64N(1_000_000)
	}
	for _, p := range plans {
		if err := p.Check(); err != nil {
			return nil, err
		}
	}
	for i, p := range plans {
		p.Seed, p.Several = seed, true
		r, err := Run(ctx, p, observe(i))
		var usage *UsageError
		switch {
		case errors.As(err, &usage):
			r = p.unfit(err)
		case err != nil:
			return nil, err
		}
		targets = append(targets, report.MatrixTarget{Name: p.TargetName(), Report: *r})
	}
	m := report.NewMatrix(plans[0].Tool, targets)
	m.Run = report.MatrixRun{Seed: seed, Started: began, DurationMS: ms(time.Since(began))}
	return m, nil
}

// TargetName is how a target is written on the command line.
func (p Plan) TargetName() string {
	switch {
	case p.Target != nil:
		return p.Target.String()
	case p.Exec != "":
		return p.Exec
	}
	return "the bundled implementation"
}

// unfit is the report of a target for which the plan turned out to be wrong.
func (p Plan) unfit(why error) *report.Report {
	r := &report.Report{
		Schema: report.Schema, Tool: p.Tool,
		Target:  report.Target{Address: p.TargetName(), StartedBy: "user", Transport: "tcp"},
		Run:     report.Run{Seed: p.Seed, Started: time.Now(), Jobs: p.Jobs, Strict: p.Strict, Pace: p.Pace, Protocol: p.Protocol, Dialects: p.Dialects, Insecure: p.Insecure, CA: p.CA},
		Summary: report.Summary{Headline: "error", ExitCode: 2, Cause: why.Error(), Counts: report.Count(nil)},
		Results: []report.Result{},
	}
	if p.Exec != "" {
		r.Target.StartedBy = p.Exec
	}
	if p.Target != nil {
		r.Target.Transport = p.Target.Scheme
	}
	return r
}
