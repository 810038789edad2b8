package feedback

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"conform/suites/grade"
	"conform/suites/report"
	"conform/suites/report/reporttest"
)

// graded is a sample of this name, with points of its first line taken off.
func graded(name string, off float64) grade.Grade {
	g := open()
	g.Submission.Name = name
	g.Score -= off
	g.Lines[0].Points -= off
	return g
}

func TestDiff(t *testing.T) {
	t.Parallel()
	lost := undecided()
	lost.Submission.Name = "lost"
	swapped := graded("swapped", 1)
	swapped.Score += 1
	swapped.Lines[2].Points, swapped.Lines[2].Status = 1, grade.Partly
	other := graded("rubric", 0)
	other.Rubric.Digest = "other"
	other.Max = 30
	found := lost
	found.Submission.Name = "found"
	still := lost
	still.Submission.Name = "still"
	before := []grade.Grade{graded("same", 0), graded("few", 0), graded("up", 3), graded("many", 0), graded("lost", 0), graded("gone", 0), graded("swapped", 0), graded("rubric", 0), found, still}
	after := []grade.Grade{graded("same", 0), graded("few", 1), graded("up", 0), graded("many", 5), lost, graded("new", 0), swapped, other, graded("found", 0), still}
	changes := Diff(before, after)
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprintf("%s %s %s, %d lines", c.Kind, c.Name, c.text(), len(c.Lines)))
	}
	want := `dropped many 13 → 8 of 25 (−5), 1 lines
dropped few 13 → 12 of 25 (−1), 1 lines
lost lost 13 → no score of 25, 5 lines
vanished gone 13 → not there of 25, 0 lines
differs rubric 13 → 13 of 30, 0 lines
differs swapped 13 → 13 of 25, 2 lines
decided found no score → 13 of 25, 5 lines
raised up 10 → 13 of 25 (+3), 1 lines
appeared new not there → 13 of 25, 0 lines`
	if strings.Join(got, "\n") != want {
		t.Errorf("%s\nnot\n%s", strings.Join(got, "\n"), want)
	}
	if !Worse(changes) || Worse(changes[4:]) || Worse(nil) {
		t.Error("worse is what has fewer points, or no score any more")
	}
	var b bytes.Buffer
	if err := WriteDiff(&b, changes, report.TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"✗ many  13 → 8 of 25 (−5)\n    Right answers  8 → 3: 1 of 2 requirements is not met", "another rubric, of 25 before", "2 dropped, 1 lost, 1 vanished, 2 differs, 1 decided, 1 raised, 1 appeared\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := WriteDiff(&b, nil, report.TerminalOptions{}); err != nil || b.String() != "no grade differs\n" {
		t.Errorf("%v %q", err, b.String())
	}
	s := compiled(t, "urn:conform:schema:grade-diff:v1")
	for _, all := range [][]Change{changes, nil} {
		b.Reset()
		if err := WriteDiffJSON(&b, all); err != nil {
			t.Fatal(err)
		}
		keeps(t, s, b.String())
	}
}

// Names and reasons in a difference are text, whatever is in them.
func TestDiffIsSafe(t *testing.T) {
	t.Parallel()
	for name, h := range reporttest.Hostile {
		h = h[:min(len(h), 20_000)]
		before := []grade.Grade{harmed(open(), h)}
		worse := harmed(open(), h)
		worse.Score, worse.Lines[0].Points = 1, 1
		if len(before[0].Lines) > 1 {
			worse.Lines = worse.Lines[:1]
		}
		changes := Diff(before, []grade.Grade{worse})
		for _, write := range []func(*bytes.Buffer) error{
			func(b *bytes.Buffer) error { return WriteDiff(b, changes, report.TerminalOptions{}) },
			func(b *bytes.Buffer) error { return WriteDiffMarkdown(b, changes) },
			func(b *bytes.Buffer) error { return WriteDiffJSON(b, changes) },
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			if b.Len() < 50 || len(changes) != 1 {
				t.Errorf("%s: %q", name, b.String())
			}
			if !strings.HasPrefix(b.String(), "{") {
				plain(t, b.String())
			}
			reporttest.CheckText(t, b.String())
		}
	}
}
