package feedback

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"conform/suites/grade"
	"conform/suites/report"
)

// DiffSchema names the version of the JSON of a difference.
const DiffSchema = "conform.grade-diff/v1"

// Change is what has become of one submission between two gradings.
type Change struct {
	Name   string       `json:"name"`
	Kind   ChangeKind   `json:"kind"`
	Before *float64     `json:"before"` // null where there was no score
	After  *float64     `json:"after"`
	By     float64      `json:"by"` // After less Before, where there are both
	Max    float64      `json:"max"`
	Lines  []LineChange `json:"lines"`
	Why    string       `json:"why,omitempty"` // what is worth knowing, such as another rubric
}

// LineChange is what has become of a line.
type LineChange struct {
	ID     string       `json:"id"`
	Title  string       `json:"title"`
	Before *float64     `json:"before"` // null where it was not there, or not counted
	After  *float64     `json:"after"`
	Was    grade.Status `json:"was,omitempty"`
	Is     grade.Status `json:"is,omitempty"`
	Why    string       `json:"why,omitempty"` // what the new grade says of it
}

// ChangeKind says what a change is worth.
type ChangeKind string

const (
	Dropped  ChangeKind = "dropped"  // fewer points
	Lost     ChangeKind = "lost"     // there was a score, and now it is undecided
	Vanished ChangeKind = "vanished" // was only in the old grading
	Differs  ChangeKind = "differs"  // the same score, from other lines or of another maximum
	Settled  ChangeKind = "decided"  // has a score now
	Raised   ChangeKind = "raised"   // more points
	Appeared ChangeKind = "appeared" // is only in the new grading
)

// kinds are in the order in which they are shown: what is worst first.
var kinds = []struct {
	kind ChangeKind
	sign string
}{{Dropped, "✗"}, {Lost, "!"}, {Vanished, "-"}, {Differs, "~"}, {Settled, "✓"}, {Raised, "✓"}, {Appeared, "+"}}

// Worse says whether somebody has less than before: fewer points, or no score.
// Like conform diff, a command that shows changes exits 1 for these only.
func Worse(changes []Change) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.Kind == Dropped || c.Kind == Lost || c.Kind == Vanished })
}

// Diff lists whose grade differs between two gradings, drops first, the largest
// at the top. Submissions are the same when their names are.
func Diff(before, after []grade.Grade) (changes []Change) {
	old := map[string][]grade.Grade{}
	for _, g := range before {
		old[g.Submission.Name] = append(old[g.Submission.Name], g)
	}
	for _, is := range after {
		all := old[is.Submission.Name]
		if len(all) == 0 {
			changes = append(changes, Change{Name: is.Submission.Name, Kind: Appeared, After: score(is), Max: rounded(is.Max), Lines: []LineChange{}})
			continue
		}
		old[is.Submission.Name] = all[1:]
		if c, differs := change(all[0], is); differs {
			changes = append(changes, c)
		}
	}
	for _, was := range before {
		if left := old[was.Submission.Name]; len(left) > 0 {
			old[was.Submission.Name] = left[1:]
			changes = append(changes, Change{Name: was.Submission.Name, Kind: Vanished, Before: score(was), Max: rounded(was.Max), Lines: []LineChange{}})
		}
	}
	place := func(k ChangeKind) int {
		for i, x := range kinds {
			if x.kind == k {
				return i
			}
		}
		return len(kinds)
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(place(a.Kind), place(b.Kind)), cmp.Compare(-abs(a.By), -abs(b.By)), strings.Compare(a.Name, b.Name))
	})
	return changes
}

func abs(x float64) float64 { return max(x, -x) }

func score(g grade.Grade) *float64 {
	if !Decided(g) {
		return nil
	}
	s := rounded(g.Score)
	return &s
}

func change(was, is grade.Grade) (Change, bool) {
	c := Change{Name: is.Submission.Name, Before: score(was), After: score(is), Max: rounded(is.Max), Lines: lineChanges(was, is)}
	var why []string
	if was.Rubric.Digest != is.Rubric.Digest {
		why = append(why, "another rubric")
	}
	if was.Submission.Digest != is.Submission.Digest {
		why = append(why, "other files")
	}
	if rounded(was.Max) != rounded(is.Max) {
		why = append(why, "of "+number(was.Max)+" before")
	}
	if was.Outcome != is.Outcome {
		why = append(why, string(was.Outcome)+" before, "+string(is.Outcome)+" now")
	}
	c.Why = strings.Join(why, ", ")
	switch {
	case c.Before == nil && c.After == nil:
		return c, false
	case c.After == nil:
		c.Kind = Lost
	case c.Before == nil:
		c.Kind = Settled
	default:
		c.By = rounded(*c.After - *c.Before)
		switch {
		case c.By < 0:
			c.Kind = Dropped
		case c.By > 0:
			c.Kind = Raised
		case len(c.Lines) > 0 || rounded(was.Max) != rounded(is.Max) || was.Outcome != is.Outcome:
			c.Kind = Differs
		default:
			return c, false
		}
	}
	return c, true
}

func lineChanges(was, is grade.Grade) []LineChange {
	changes := []LineChange{}
	points := func(l grade.Line) *float64 {
		if l.Status == grade.Uncounted {
			return nil
		}
		p := rounded(l.Points)
		return &p
	}
	same := func(a, b *float64) bool { return a == b || a != nil && b != nil && *a == *b }
	old := map[string]grade.Line{}
	for _, l := range was.Lines {
		old[l.ID] = l
	}
	for _, l := range is.Lines {
		before, known := old[l.ID]
		delete(old, l.ID)
		c := LineChange{ID: l.ID, Title: l.Title, After: points(l), Is: l.Status, Why: l.Why}
		if known {
			c.Before, c.Was = points(before), before.Status
			if same(c.Before, c.After) && c.Was == c.Is {
				continue
			}
		}
		changes = append(changes, c)
	}
	for _, l := range was.Lines {
		if _, left := old[l.ID]; left {
			changes = append(changes, LineChange{ID: l.ID, Title: l.Title, Before: points(l), Was: l.Status})
		}
	}
	return changes
}

// shown is a score, or what is said where there is none.
func shown(score *float64, none string) string {
	if score == nil {
		return none
	}
	return number(*score)
}

func signed(by float64) string {
	if by < 0 {
		return "−" + number(-by)
	}
	return "+" + number(by)
}

// text is a change without its lines.
func (c Change) text() string {
	none := "no score"
	before, after := shown(c.Before, none), shown(c.After, none)
	if c.Kind == Appeared {
		before = "not there"
	}
	if c.Kind == Vanished {
		after = "not there"
	}
	text := before + " → " + after
	if c.Max > 0 {
		text += " of " + number(c.Max)
	}
	if c.By != 0 {
		text += " (" + signed(c.By) + ")"
	}
	return text
}

func (l LineChange) text() string {
	text := shown(l.Before, "none") + " → " + shown(l.After, "none")
	if l.Why != "" {
		text += ": " + report.Plain(l.Why, 160)
	}
	return text
}

// tally counts changes by kind.
func tally(changes []Change) string {
	var parts []string
	for _, k := range kinds {
		n := 0
		for _, c := range changes {
			if c.Kind == k.kind {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, k.kind))
		}
	}
	if len(parts) == 0 {
		return "no grade differs"
	}
	return strings.Join(parts, ", ")
}

// WriteDiff writes the changes for a terminal.
func WriteDiff(w io.Writer, changes []Change, o report.TerminalOptions) error {
	l := report.NewLines(o)
	for _, c := range changes {
		text := " " + called(c.Name) + "  " + c.text()
		if c.Why != "" {
			text += "  " + report.Plain(c.Why, 160)
		}
		for _, k := range kinds {
			if k.kind != c.Kind {
				continue
			}
			switch c.Kind {
			case Dropped, Lost, Vanished:
				l.Bad(k.sign, text)
			case Raised, Settled:
				l.Good(k.sign, text)
			default:
				l.Odd(k.sign, text)
			}
		}
		for _, line := range c.Lines[:min(len(c.Lines), 20)] {
			l.Line("    " + report.Plain(cmp.Or(line.Title, line.ID), 60) + "  " + line.text())
		}
	}
	if len(changes) > 0 {
		l.Space()
	}
	l.Line(tally(changes))
	return l.Write(w)
}

// WriteDiffMarkdown writes the changes as a table.
func WriteDiffMarkdown(w io.Writer, changes []Change) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## Regrade: %s\n\n", report.MarkdownText(tally(changes), 200))
	if len(changes) > 0 {
		b.WriteString("| submission | | score | lines |\n|---|---|---|---|\n")
	}
	for i, c := range changes {
		if i == 500 {
			fmt.Fprintf(&b, "| … and %d more | | | |\n", len(changes)-i)
			break
		}
		var lines []string
		for _, l := range c.Lines[:min(len(c.Lines), 10)] {
			lines = append(lines, report.MarkdownText(report.Plain(cmp.Or(l.Title, l.ID), 60)+" "+shown(l.Before, "none")+" → "+shown(l.After, "none"), 120))
		}
		if c.Why != "" {
			lines = append(lines, report.MarkdownText(c.Why, 160))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", report.MarkdownText(called(c.Name), 120), c.Kind, report.MarkdownText(c.text(), 100), strings.Join(lines, "<br>"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteDiffJSON writes the changes as conform.grade-diff/v1.
func WriteDiffJSON(w io.Writer, changes []Change) error {
	return encode(w, map[string]any{"schema": DiffSchema, "changes": list(changes)}, "the difference")
}
