package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"conform/specs"
)

// Stage is a step in the order in which a protocol is learnt, and what came of it.
type Stage struct {
	Protocol     string     `json:"protocol"`
	Number       int        `json:"number"` // from 1, of those of which something was asked
	Title        string     `json:"title"`
	Learn        string     `json:"learn"`
	State        StageState `json:"state"`
	Requirements []string   `json:"requirements"` // their IDs
}

// StageState says what came of a stage.
type StageState string

const (
	StageMet   StageState = "met"
	StageUnmet StageState = "unmet" // something of it failed, or could not be judged in the end
	StageLater StageState = "later" // not run: an earlier one is unmet
	StageNone  StageState = "none"  // nothing of it can be judged on this target
)

// unmet is the stage at which a run ended; nil if it came past all of them.
func unmet(r *Report) *Stage {
	if i := slices.IndexFunc(r.Stages, func(s Stage) bool { return s.State == StageUnmet }); i >= 0 {
		return &r.Stages[i]
	}
	return nil
}

// maxStages bounds what a stored report can fill the screen with.
const maxStages = 40

// rung is a stage as reports show it. Its title is clean.
type rung struct {
	Number            int
	Sign, Title, Text string
	Class             specs.Verdict // that it looks like
}

// rungs are the stages of a run, and what came of them in a few words.
func rungs(r *Report) (list []rung) {
	verdicts := map[string]Result{}
	for _, res := range r.Results {
		verdicts[res.ID] = res
	}
	for _, s := range first(r.Stages, maxStages) {
		var results []Result
		bad := 0
		for _, id := range s.Requirements {
			if res, ok := verdicts[id]; ok {
				results = append(results, res)
				if !Passed(res.Verdict, r.Run.Strict) {
					bad++
				}
			}
		}
		one := rung{Number: s.Number, Sign: "-", Title: shorten(s.Title, 40), Text: "does not apply to this target", Class: specs.Unsupported}
		counts := Count(results)
		switch s.State {
		case StageMet:
			one.Sign, one.Class, one.Text = "✓", specs.Pass, fmt.Sprintf("%d met", counts[specs.Pass]+counts[specs.SlowPass])
			for _, v := range []specs.Verdict{specs.NonStrict, specs.Info, specs.Unsupported} {
				if counts[v] > 0 {
					one.Text += ", " + tally(counts[v], v)
				}
			}
		case StageUnmet:
			one.Sign, one.Class, one.Text = "✗", specs.Fail, fmt.Sprintf("%d of %d not met", bad, len(results))
			if bad == 0 {
				one.Text = "not judged to its end"
			}
		case StageLater:
			one.Sign, one.Class, one.Text = "·", specs.Skipped, fmt.Sprintf("%s, not yet", count(len(results), "requirement", "requirements"))
		}
		list = append(list, one)
	}
	return list
}

// upward says what comes next on the ladder, if there is one.
func upward(r *Report) string {
	if len(r.Stages) == 0 {
		return ""
	}
	if at := unmet(r); at != nil {
		return fmt.Sprintf("next: stage %d of %d, %s. %s", at.Number, len(r.Stages), shorten(at.Title, 80), shorten(at.Learn, maxValue))
	}
	return fmt.Sprintf("all %d stages are met", len(r.Stages))
}

// stages writes the ladder, and what comes next.
func (p *page) stages(r *Report) {
	list := rungs(r)
	longest := 0
	for _, s := range list {
		longest = max(longest, columns(s.Title))
	}
	colours := map[specs.Verdict]colour{specs.Pass: green, specs.Fail: red}
	for _, s := range list {
		lines := wrap(s.Text, p.width-longest-9)
		p.marked(colours[s.Class], s.Sign, fmt.Sprintf(" %2d  %s%s   %s", s.Number, s.Title, strings.Repeat(" ", longest-columns(s.Title)), lines[0]))
		for _, l := range lines[1:] {
			p.line(strings.Repeat(" ", longest+9) + l)
		}
	}
	p.space()
	p.wrapped(upward(r), "      ")
}

// WriteStages lists requirements in the order in which their protocols are
// learnt.
func WriteStages(w io.Writer, list []Requirement, protocols []specs.Protocol) error {
	var b strings.Builder
	for _, p := range protocols {
		for i, s := range p.Stages {
			heading := fmt.Sprintf("%s · stage %d of %d · %s\n  %s\n", p.Name, i+1, len(p.Stages), s.Title, s.Learn)
			for _, r := range list {
				if r.Protocol != p.Name || r.Stage != i+1 {
					continue
				}
				if heading != "" {
					if b.Len() > 0 {
						b.WriteString("\n")
					}
					b.WriteString(heading)
					heading = ""
				}
				fmt.Fprintf(&b, "    %-44s %-7s %s\n", r.ID, strings.ToUpper(string(r.Level)), r.Title)
			}
		}
	}
	fmt.Fprintf(&b, "\n%s; conform --target … --stage runs them in this order, up to the first stage that is not met\n", count(len(list), "requirement", "requirements"))
	_, err := io.WriteString(w, b.String())
	return err
}
