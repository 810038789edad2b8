package suites

import (
	"context"
	"fmt"
	"slices"

	"conform/specs"
	"conform/suites/report"
)

// ladder is the part of a run that goes up the stages of its protocols.
type ladder struct {
	stages []report.Stage
	jobs   [][]*job // of each stage
	aside  []*job   // that are not about this target: over streams, those about datagrams
}

// stages puts the jobs of a run into the order in which they are learnt. A stage
// of which nothing is asked is left out.
func stages(queue []*job) *ladder {
	l := &ladder{}
	var protocols []specs.Protocol
	for _, j := range queue {
		if !slices.ContainsFunc(protocols, func(p specs.Protocol) bool { return p.Name == j.session.protocol.Name }) {
			protocols = append(protocols, j.session.protocol)
		}
	}
	for _, p := range protocols {
		for i, s := range p.Stages {
			stage := report.Stage{Protocol: p.Name, Title: s.Title, Learn: s.Learn, State: report.StageLater}
			var jobs []*job
			for _, j := range queue {
				if j.session.protocol.Name != p.Name || p.Stage(j.spec) != i {
					continue
				}
				if j.spec.Unfit(dialer(j.session.address, j.session.tls)) != "" {
					l.aside = append(l.aside, j)
					continue
				}
				jobs = append(jobs, j)
				stage.Requirements = append(stage.Requirements, j.spec.ID)
			}
			if jobs != nil {
				stage.Number = len(l.stages) + 1
				l.stages, l.jobs = append(l.stages, stage), append(l.jobs, jobs)
			}
		}
	}
	return l
}

// climb executes one stage after the other, and leaves what follows the first
// that is not met.
func (l *ladder) climb(ctx context.Context, p *pool, strict bool) {
	p.jobs = l.aside
	p.run(ctx)
	for i := range l.stages {
		p.jobs = l.jobs[i]
		p.run(ctx)
		stage := &l.stages[i]
		if stage.State = met(l.jobs[i], strict); stage.State != report.StageUnmet || ctx.Err() != nil {
			continue // and when the time is over, each says so itself
		}
		for _, rest := range l.jobs[i+1:] {
			for _, j := range rest {
				j.result = specs.Result{Verdict: specs.Skipped, Reason: specs.Reason{Code: specs.LaterStage,
					Message: fmt.Sprintf("not yet: stage %d of %d, %s, comes first", stage.Number, len(l.stages), stage.Title)}}
			}
		}
		return
	}
}

// met is the state of a stage whose jobs have their verdicts.
func met(jobs []*job, strict bool) report.StageState {
	state := report.StageNone
	for _, j := range jobs {
		switch v := j.result.Verdict; {
		case !report.Passed(v, strict), v == specs.Skipped:
			return report.StageUnmet
		case report.Judged(v):
			state = report.StageMet
		}
	}
	return state
}
