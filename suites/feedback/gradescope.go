package feedback

import (
	"fmt"
	"io"
	"strings"

	"conform/suites/grade"
	"conform/suites/report"
)

// maxGradescope is what all cards may take together.
const maxGradescope = 1_000_000

type (
	gradescope struct {
		Score      float64          `json:"score"` // goes before the sum of the tests: deductions are in it
		Time       float64          `json:"execution_time,omitempty"`
		Output     string           `json:"output"`
		Format     string           `json:"output_format"`
		TestFormat string           `json:"test_output_format"`
		NameFormat string           `json:"test_name_format"`
		Stdout     string           `json:"stdout_visibility"`
		Tests      []gradescopeTest `json:"tests"`
		Extra      map[string]any   `json:"extra_data"`
	}
	gradescopeTest struct {
		Score      *float64 `json:"score,omitempty"`
		Max        *float64 `json:"max_score,omitempty"`
		Status     string   `json:"status,omitempty"`
		Name       string   `json:"name"`
		Format     string   `json:"name_format"`
		Number     string   `json:"number"`
		Output     string   `json:"output,omitempty"`
		OutFormat  string   `json:"output_format"`
		Tags       []string `json:"tags,omitempty"`
		Visibility string   `json:"visibility"`
	}
)

// writeGradescope writes results.json. Gradescope does the hiding itself, by the
// visibility of each test, and shows a student no total as long as any test is
// hidden from them. The file has the whole score for both audiences: it is what
// goes into the gradebook. For a student's file all hidden lines are one test
// without a name, since the harness hands earlier results to the container in
// which the next submission of that student runs.
//
// All text is plain: "text" is the one format in which nothing means anything.
func writeGradescope(w io.Writer, v *view) error {
	if v.undecided {
		return fmt.Errorf("gradescope: %w", ErrUndecided) // a results.json without a score would be read as one
	}
	now := newView(v.whole, Options{Student, v.options.PastDue})
	later := newView(v.whole, Options{Student, true})
	all := newView(v.whole, Options{Audience: Instructor})
	doc := gradescope{Score: rounded(v.whole.Score), Time: rounded(now.DurationMS / 1000), Format: "text", TestFormat: "text", NameFormat: "text", Stdout: "hidden",
		Tests: []gradescopeTest{},
		Extra: map[string]any{"conform": strings.TrimSpace(report.Plain(v.Tool.Version+" "+v.Tool.Commit, 100)), "rubric": report.Plain(v.Rubric.Digest, 80),
			"submission": report.Plain(v.Submission.Digest, 80), "outcome": report.Plain(string(v.Outcome), 40), "isolation": report.Plain(v.Tier, 40)}}
	if now.Seed != 0 {
		doc.Extra["seed"] = now.Seed
	}
	doc.Output = report.PlainLines(strings.TrimSpace(now.meaning()+"\n"+now.failure()+"\n"+now.output()), 100)
	left := maxGradescope
	add := func(t gradescopeTest) {
		t.Format, t.OutFormat, t.Number = "text", "text", fmt.Sprint(len(doc.Tests)+1)
		doc.Tests = append(doc.Tests, t)
	}
	test := func(from *view, l grade.Line, visibility string) {
		score, most := rounded(l.Points), rounded(l.Max)
		t := gradescopeTest{Score: &score, Max: &most, Status: "failed", Name: title(l), Visibility: visibility}
		if l.Status == grade.Met {
			t.Status = "passed"
		}
		if l.Bonus {
			t.Tags = append(t.Tags, "bonus")
		}
		t.Output = strings.TrimSpace(report.Plain(l.Why, maxText) + "\n\n" + from.evidence(l, &left))
		add(t)
	}
	for _, l := range now.Lines {
		test(now, l, "visible")
	}
	for _, l := range later.Lines {
		if l.Visibility == grade.AfterDue && visible(l, now.options) != grade.Visible {
			test(later, l, "after_due_date")
		}
	}
	var rest grade.Line
	hidden := false
	for _, l := range all.Lines {
		if visible(l, later.options) != grade.Hidden {
			continue
		}
		if !v.options.student() {
			test(all, l, "hidden")
			continue
		}
		hidden = true
		rest.Points += l.Points
		if !l.Bonus {
			rest.Max += l.Max
		}
	}
	if hidden {
		score, most := rounded(rest.Points), rounded(rest.Max)
		add(gradescopeTest{Score: &score, Max: &most, Name: "not shown", Visibility: "hidden"})
	}
	// What they take off tells the total: hidden with it.
	deductions, visibility := now.Deductions, "visible"
	if now.partial && !v.options.student() {
		deductions, visibility = v.whole.Deductions, "hidden"
	}
	if len(deductions) > 0 {
		t := gradescopeTest{Name: "Deductions", Visibility: visibility}
		for _, d := range deductions {
			t.Output += strings.TrimRight(report.Plain(d.Title, 200)+": −"+number(d.Points)+" "+report.Plain(d.Why, 300), " ") + "\n"
		}
		add(t)
	}
	return encode(w, doc, "the result for Gradescope")
}
