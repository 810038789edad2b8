package feedback

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"conform/suites/grade"
	"conform/suites/report"
	"conform/suites/report/reporttest"
)

func TestGradescopeIsAsDocumented(t *testing.T) {
	t.Parallel()
	s := compiled(t, "testdata/gradescope.schema.json")
	every(t, "gradescope", func(t *testing.T, g grade.Grade, o Options, text string) {
		if text == "" {
			return // undecided
		}
		keeps(t, s, text)
		reporttest.CheckText(t, text)
		var doc gradescope
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Score != rounded(g.Score) {
			t.Errorf("the score is %g, not %g: it goes into the gradebook", doc.Score, g.Score)
		}
		for _, test := range doc.Tests {
			if test.Format != "text" || test.OutFormat != "text" {
				t.Errorf("%s is in %s, %s", test.Name, test.Format, test.OutFormat)
			}
		}
	})
	read := func(o Options) (doc gradescope) {
		if err := json.Unmarshal([]byte(write(t, "gradescope", sample(), o)), &doc); err != nil {
			t.Fatal(err)
		}
		return doc
	}
	list := func(doc gradescope) string {
		var all []string
		for _, test := range doc.Tests {
			line := test.Number + " " + test.Name + " " + test.Status + " " + test.Visibility
			if test.Score != nil {
				line += " " + number(*test.Score) + "/" + number(*test.Max)
			}
			all = append(all, line)
		}
		return strings.Join(all, "\n")
	}
	for o, want := range map[Options]string{
		{}: `1 Right answers failed visible 8/10
2 More than asked passed visible 2/2
3 Framing failed visible 0/5
4 For later passed after_due_date 5/5
5 not shown  hidden 0/5`,
		{PastDue: true}: `1 Right answers failed visible 8/10
2 More than asked passed visible 2/2
3 Framing failed visible 0/5
4 For later passed visible 5/5
5 not shown  hidden 0/5`,
		{Audience: Instructor}: `1 Right answers failed visible 8/10
2 More than asked passed visible 2/2
3 Framing failed visible 0/5
4 For later passed after_due_date 5/5
5 Under cover failed hidden 0/5
6 Deductions  hidden`,
	} {
		if got := list(read(o)); got != want {
			t.Errorf("%+v:\n%s\nnot\n%s", o, got, want)
		}
	}
	doc := read(Options{})
	if !strings.Contains(doc.Tests[0].Output, "✗ zen/answers/explicit") || doc.Tests[2].Output != "" || doc.Stdout != "hidden" || doc.Time != 0 {
		t.Errorf("%+v", doc)
	}
	if _, seeded := doc.Extra["seed"]; seeded {
		t.Error("the seed is in a file that a student's next submission can read")
	}
	if err := json.Unmarshal([]byte(write(t, "gradescope", open(), Options{})), &doc); err != nil {
		t.Fatal(err)
	}
	if last := doc.Tests[len(doc.Tests)-1]; last.Name != "Deductions" || last.Visibility != "visible" || !strings.Contains(last.Output, "late: −2") || doc.Time != 4.3215 {
		t.Errorf("%+v", doc)
	}
}

func TestClassroomIsAsDocumented(t *testing.T) {
	t.Parallel()
	s := compiled(t, "testdata/classroom.schema.json")
	every(t, "classroom", func(t *testing.T, g grade.Grade, o Options, text string) {
		if text == "" {
			return // undecided
		}
		keeps(t, s, text)
		var doc classroom
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		sum := 0.0 // as the reporter counts
		for _, test := range doc.Tests {
			sum += test.Score
			plain(t, test.Message)
			plain(t, test.Name)
		}
		if v := View(g, o); sum != rounded(v.Score) {
			t.Errorf("the tests add up to %g, and the score is %g", sum, v.Score)
		}
	})
	// The reporter shows the sum with all the digits that binary fractions give it.
	var doc classroom
	for _, points := range [][]float64{{33.33, 33.33, 0.1, 5}, {0.1, 0.2}, {0.7, 0.1, 99.99}, {1000.01, 0.03, 0.0001}, {1.1, 2.2, 3.3, -0.6}, {0.3}, {0.1, 0.1, 0.1, -0.3}} {
		g := open()
		g.Lines, g.Deductions, g.Score = nil, nil, 0
		for _, p := range points {
			g.Score += p
			if p < 0 {
				g.Deductions = []grade.Deduction{{Title: "late", Points: -p}}
				continue
			}
			g.Lines = append(g.Lines, grade.Line{ID: "x", Visibility: grade.Visible, Status: grade.Met, Points: p, Max: p})
		}
		g.Score = rounded(g.Score)
		if err := json.Unmarshal([]byte(write(t, "classroom", g, Options{})), &doc); err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, test := range doc.Tests {
			sum += test.Score
		}
		if sum != g.Score || len(doc.Tests) != len(points) {
			t.Errorf("%v: %v add up to %v, and not %v", points, doc.Tests, sum, g.Score)
		}
	}
	doc = classroom{}
	if err := json.Unmarshal([]byte(write(t, "classroom", unbuilt(), Options{})), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Status != "fail" || doc.Max != 15 || !strings.Contains(doc.Tests[0].Message, "make ended with code 2") {
		t.Errorf("%+v", doc)
	}
	every(t, "classroom-notices", func(t *testing.T, _ grade.Grade, _ Options, text string) {
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "::notice title=Autograding complete::Points ") && !strings.HasPrefix(line, `::notice title=Autograding report::{"totalPoints":`) {
				t.Errorf("%q", line)
			}
		}
	})
	want := "::notice title=Autograding complete::Points 13/25\n::notice title=Autograding report::{\"totalPoints\":13,\"maxPoints\":25}\n"
	if got := write(t, "classroom-notices", open(), Options{}); got != want {
		t.Errorf("%q", got)
	}
}

func TestPrairieLearnIsAsDocumented(t *testing.T) {
	t.Parallel()
	s := compiled(t, "testdata/prairielearn.schema.json")
	every(t, "prairielearn", func(t *testing.T, _ grade.Grade, _ Options, text string) {
		keeps(t, s, text)
		reporttest.CheckText(t, text)
	})
	var doc prairieLearn
	if err := json.Unmarshal([]byte(write(t, "prairielearn", open(), Options{})), &doc); err != nil {
		t.Fatal(err)
	}
	if *doc.Score != 0.52 || len(doc.Tests) != 6 || doc.Tests[5].Points != -2 || doc.Tests[1].Description != "bonus, at most 2" || !strings.Contains(doc.Tests[0].Output, "Ugly") {
		t.Errorf("%+v", doc)
	}
	got, most := 0.0, 0.0
	for _, test := range doc.Tests {
		got, most = got+test.Points, most+test.Max
	}
	if got != 13 || most != 25 { // the element shows both sums beside the score
		t.Errorf("the page says %g/%g beside 52%%", got, most)
	}
	more := open()
	more.Score = 30 // with a bonus
	if err := json.Unmarshal([]byte(write(t, "prairielearn", more, Options{})), &doc); err != nil || *doc.Score != 1 {
		t.Errorf("%v %+v", err, doc)
	}
	// However much failed, the file has less than a megabyte.
	many := open()
	for i := range 200 {
		l := many.Lines[0]
		l.Judged = nil
		for k := range 20 {
			j := many.Lines[0].Judged[1]
			res := many.Report.Results[1]
			res.ID = strings.Repeat("x", i%7) + string(rune('a'+k)) + j.ID
			res.Reason = &report.Reason{Message: strings.Repeat("\x00\"", 3000), Received: strings.Repeat("\\", 3000)}
			j.ID = res.ID
			many.Report.Results = append(many.Report.Results, res)
			l.Judged = append(l.Judged, j)
		}
		many.Lines = append(many.Lines, l)
	}
	for format, most := range map[string]int{"prairielearn": 1_000_000, "classroom": 700_000, "autolab": 1_000_000, "gradescope": 4_000_000} { // classroom grows by a third in base64
		n := len(write(t, format, many, Options{}))
		t.Logf("%s: %d bytes", format, n)
		if n > most {
			t.Errorf("%s: %d bytes", format, n)
		}
	}
}

func TestAutolabIsAsDocumented(t *testing.T) {
	t.Parallel()
	result, presentation := compiled(t, "testdata/autolab.schema.json#/$defs/autoresult"), compiled(t, "testdata/autolab.schema.json#/$defs/presentation")
	every(t, "autolab", func(t *testing.T, g grade.Grade, o Options, text string) {
		plain(t, text)
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		n := len(lines)
		if len(View(g, o).Lines) == 0 {
			return
		}
		keeps(t, result, lines[n-1])
		keeps(t, presentation, lines[n-2])
		for _, l := range lines[:n-2] {
			if strings.HasPrefix(strings.TrimSpace(l), "{") && json.Valid([]byte(l)) {
				t.Errorf("this could be taken for scores: %.80q", l)
			}
		}
		var doc struct{ Scores map[string]*float64 }
		if err := json.Unmarshal([]byte(lines[n-1]), &doc); err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for problem, x := range doc.Scores {
			if (x == nil) != (g.Outcome == grade.Undecided) {
				t.Errorf("%s: %v", problem, x)
			} else if x != nil {
				sum += *x
			}
		}
		if v := View(g, o); math.Abs(sum-v.Score) > 1e-9 {
			t.Errorf("the problems add up to %g, and the score is %g", sum, v.Score)
		}
	})
	text := strings.TrimSpace(write(t, "autolab", open(), Options{}))
	if want := `{"scores":{"answers":8,"deductions":-2,"extra":2,"framing":0,"later":5,"secret":0}}`; !strings.HasSuffix(text, "\n"+want) {
		t.Errorf("%s", text)
	}
	if want := `"_order":["Right answers","More than asked","Framing","For later","Under cover"]`; !strings.Contains(text, want) || !strings.Contains(text, `"_scores_order":["answers","extra","framing","later","secret","deductions"]`) {
		t.Errorf("not in the order of the rubric: %s", text)
	}
	// What Autolab takes for no scores is 0 for every problem.
	text = strings.TrimSpace(write(t, "autolab", undecided(), Options{}))
	if want := `{"scores":{"answers":null,"extra":null,"framing":null}}`; !strings.HasSuffix(text, "\n"+want) {
		t.Errorf("%s", text)
	}
	odd := open()
	odd.Lines[0].Title, odd.Lines[1].Title, odd.Lines[1].ID = "_order", "_order", "a:b"
	text = strings.TrimSpace(write(t, "autolab", odd, Options{}))
	if !strings.Contains(text, `"_order":[" _order"," _order (a b)",`) || !strings.Contains(text, `"a b":2`) {
		t.Errorf("%s", text)
	}
}
