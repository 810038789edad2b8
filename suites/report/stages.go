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

// stages writes the ladder, and what comes next.
func (p *page) stages(r *Report) {
	verdicts := map[string]Result{}
	for _, res := range r.Results {
		verdicts[res.ID] = res
	}
	shown := first(r.Stages, maxStages)
	longest := 0
	for _, s := range shown {
		longest = max(longest, columns(shorten(s.Title, 40)))
	}
	for _, s := range shown {
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
		sign, c, text := "-", plain, "does not apply to this target"
		counts := Count(results)
		switch s.State {
		case StageMet:
			sign, c, text = "✓", green, fmt.Sprintf("%d met", counts[specs.Pass]+counts[specs.SlowPass])
			for _, v := range []specs.Verdict{specs.NonStrict, specs.Info, specs.Unsupported} {
				if counts[v] > 0 {
					text += ", " + tally(counts[v], v)
				}
			}
		case StageUnmet:
			sign, c, text = "✗", red, fmt.Sprintf("%d of %d not met", bad, len(results))
			if bad == 0 {
				text = "not judged to its end"
			}
		case StageLater:
			sign, text = "·", fmt.Sprintf("%s, not yet", count(len(results), "requirement", "requirements"))
		}
		title := shorten(s.Title, 40)
		lines := wrap(text, p.width-longest-9)
		p.marked(c, sign, fmt.Sprintf(" %2d  %s%s   %s", s.Number, title, strings.Repeat(" ", longest-columns(title)), lines[0]))
		for _, l := range lines[1:] {
			p.line(strings.Repeat(" ", longest+9) + l)
		}
	}
	p.space()
	if at := unmet(r); at != nil {
		p.wrapped(fmt.Sprintf("next: stage %d of %d, %s. %s", at.Number, len(r.Stages), shorten(at.Title, 80), shorten(at.Learn, maxValue)), "      ")
	} else {
		p.line(fmt.Sprintf("all %d stages are met", len(r.Stages)))
	}
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
