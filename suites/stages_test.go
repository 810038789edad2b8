package suites_test

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"

	"conform/impl/faults"
	"conform/specs"
	"conform/suites"
	"conform/suites/report"
	"conform/suites/target"
)

// Every requirement is in one stage, each stage has some, and what a stage is
// made of is there.
func TestStagesTakeEverything(t *testing.T) {
	t.Parallel()
	for _, p := range suites.Protocols() {
		members := make([]int, len(p.Stages))
		for _, s := range p.Specs() {
			if i := p.Stage(s); i < 0 {
				t.Errorf("%s is in no stage: give its section one in specs/%s/stages.go", s.ID, p.Name)
			} else {
				members[i]++
			}
		}
		for i, stage := range p.Stages {
			if members[i] == 0 {
				t.Errorf("%s: stage %q has no requirement", p.Name, stage.Title)
			}
			if stage.Title == "" || len(stage.Title) > 40 || !strings.HasSuffix(stage.Learn, ".") {
				t.Errorf("%s: stage %q (%q) needs a short title, and a sentence", p.Name, stage.Title, stage.Learn)
			}
			for _, of := range stage.Of {
				if !slices.ContainsFunc(p.Specs(), func(s specs.Spec) bool { return s.Section() == of || s.Section()+"/"+s.Name() == of }) {
					t.Errorf("%s: stage %q is made of %s, which is not there", p.Name, stage.Title, of)
				}
			}
		}
	}
}

// states is a letter for each stage: met, unmet, later, none.
func states(r *report.Report) string {
	text := ""
	for _, s := range r.Stages {
		text += string(s.State[:1])
	}
	return text
}

func TestStages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, protocol, fault string
		plan                  suites.Plan
		states, headline      string
		code                  int
	}{
		{"the first stage", "zen", "lower-case-answers", suites.Plan{}, "ullllllll", "nonconformant", 1},
		{"a stage in the middle", "zen", "line-end-ends-too", suites.Plan{}, "mmullllll", "nonconformant", 1},
		{"a dead target", "zen", "dies-on-reset", suites.Plan{Only: []string{"zen/{answers,robustness,concurrency}"}}, "mmulll", "nonconformant", 3},
		{"what serves one client", "zen", "serial", suites.Plan{Only: []string{"zen/{answers,concurrency}"}}, "mmull", "nonconformant", 1},
		{"what says so", "zen", "serial", suites.Plan{Only: []string{"zen/{answers/simple,concurrency/second-client,concurrency/churn}"}, Dialects: []string{"class=serial"}}, "mnm", "incomplete", 0},
		{"a SHOULD", "zen", "resets-at-eof", suites.Plan{Only: []string{"zen/{answers/simple,end-of-input/closes,robustness/reset-when-idle}"}}, "mmm", "incomplete", 0},
		{"a SHOULD that binds", "zen", "resets-at-eof", suites.Plan{Strict: true, Only: []string{"zen/{answers/simple,end-of-input/closes,robustness/reset-when-idle}"}}, "mul", "nonconformant", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.plan.Target, c.plan.Protocol, c.plan.Stage = faulty(t, c.protocol, c.fault), c.protocol, true
			r := run(t, c.plan)
			if got := states(r); got != c.states || r.Summary.Headline != c.headline || r.Summary.ExitCode != c.code {
				t.Errorf("%s, %s, %d: want %s, %s, %d: %v", got, r.Summary.Headline, r.Summary.ExitCode, c.states, c.headline, c.code, not(r, specs.Pass, specs.Skipped))
			}
			for _, s := range r.Stages {
				for _, id := range s.Requirements {
					res := find(r, id)
					later := res.Reason != nil && res.Reason.Code == specs.LaterStage
					if later != (s.State == report.StageLater) || later && (res.Verdict != specs.Skipped || len(res.Transcript) > 0) {
						t.Errorf("%s of a stage that is %s: %s, %v", id, s.State, res.Verdict, res.Reason)
					}
				}
			}
		})
	}
}

// Over datagrams, what is about connections is no stage.
func TestStagesOverDatagrams(t *testing.T) {
	t.Parallel()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := faults.DatagramReference("raw").StartPacket(pc)
	t.Cleanup(func() { server.Close() })
	r := run(t, suites.Plan{Target: &target.Address{Scheme: "udp", Network: "udp", Address: pc.LocalAddr().String()}, Stage: true})
	if got := states(r); got != "mmm" || r.Summary.Headline != "conformant" || r.Stages[0].Number != 1 {
		text, _ := json.Marshal(r.Stages)
		t.Errorf("%s, %s: %s", got, r.Summary.Headline, text)
	}
}

// A run that is interrupted says so of everything that it had not come to.
func TestStagesInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(context.Background())
	r, err := suites.Run(ctx, suites.Plan{Protocol: "zen", Stage: true}, suites.Observer{Ready: func(*report.Report, int) { cancel(specs.ErrInterrupted) }})
	if err != nil {
		t.Fatal(err)
	}
	if last := r.Results[len(r.Results)-1]; states(r) != "uuuuuuuuu" || r.Summary.ExitCode != 130 || last.Reason.Code != specs.Interrupted {
		t.Errorf("%s, %d, %v", states(r), r.Summary.ExitCode, last.Reason)
	}
}
