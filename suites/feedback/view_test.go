package feedback

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"conform/specs"
	"conform/suites/grade"
	"conform/suites/report"
)

// canaries puts a word of its own into everything that belongs to a line, and
// into what is measured over all lines.
func canaries(g grade.Grade) (grade.Grade, map[string]string) {
	words := map[string]string{} // to what it is
	word := func(what string) string {
		w := fmt.Sprintf("canary%02dbird", len(words))
		words[w] = what
		return w
	}
	g.Report.Results = append([]report.Result(nil), g.Report.Results...)
	for i := range g.Lines {
		l := &g.Lines[i]
		if l.Visibility == grade.Visible {
			continue
		}
		of := func(what string) string { return string(l.Visibility) + " " + what }
		l.Why = word(of("why"))
		if l.Visibility != grade.ResultOnly {
			l.ID, l.Title = word(of("ID")), word(of("title"))
		}
		for k := range l.Judged {
			j := &l.Judged[k]
			for n := range g.Report.Results {
				res := &g.Report.Results[n]
				if res.ID != j.ID {
					continue
				}
				res.ID = "zen/x/" + word(of("requirement"))
				res.Title, res.Clause, res.Section = word(of("requirement's title")), word(of("clause")), word(of("section"))
				res.Covers, res.Notes, res.Replay = []string{word(of("covers"))}, []string{word(of("note"))}, word(of("replay"))
				res.Recipe = &report.Recipe{Command: word(of("recipe")), Note: word(of("recipe note"))}
				res.Reason = &report.Reason{Code: specs.Code(word(of("code"))), Message: word(of("message")), Sent: word(of("sent")), Expected: []string{word(of("expected"))},
					Received: word(of("received")), Hint: word(of("hint")), FirstDifference: &report.Difference{Expected: word(of("due")), Received: word(of("came"))}}
				res.Transcript = []report.Event{{Conn: 1, Event: "sent", Text: word(of("event")), Head: []byte(word(of("bytes")))}}
				j.ID, j.Title, j.Code = res.ID, res.Title, res.Reason.Code
			}
		}
	}
	// What is said elsewhere of what is kept back.
	secret := g.Lines[len(g.Lines)-1]
	g.Lines[1].Status, g.Lines[1].Why = grade.Waiting, "waits for «"+strings.ToUpper(secret.Title)+"»"
	g.Cause = &grade.Cause{Code: "target-died", Owner: grade.OfSubmission, Message: "it died in " + secret.Judged[0].ID, Output: []string{word("last output")}}
	g.Deductions = []grade.Deduction{{Title: "late", Points: 2.125, Why: "an eighth of " + word("total")}}
	r := g.Report
	r.Summary.Cause = word("cause")
	r.Target.Detected, r.Target.Dialect = "a question", map[string]string{"x": word("dialect")}
	r.Target.Output = &report.Output{Head: word("output"), Tail: word("output's tail")}
	r.Target.Exits = []report.Exit{{Status: word("exit"), During: secret.Judged[0].ID, Output: []string{word("last words")}}}
	r.Target.Concurrency = report.Concurrency{Class: "serial", Bound: 1, Evidence: word("evidence"), Profile: []report.Profile{{Protocol: "zen", Facts: []report.Fact{{Name: "x", Evidence: word("fact"), From: secret.Judged[0].ID}}}}}
	r.Run.Dialects = []string{word("declared")}
	words[fmt.Sprint(seed)] = "seed"
	g.Manual[0].Guide = word("guide")
	return g, words
}

// Nothing that a student may not see is in any output for students, in whatever
// form; and all of it is in what instructors get.
func TestStudentsDoNotSeeWhatIsKeptBack(t *testing.T) {
	t.Parallel()
	for _, past := range []bool{false, true} {
		g, words := canaries(sample())
		for _, f := range Formats() {
			if f.Class {
				continue
			}
			text := strings.ToLower(write(t, f.Name, g, Options{PastDue: past})) + write(t, f.Name, g, Options{PastDue: past})
			if len(text) < 40 {
				t.Errorf("%s: %q is not much", f.Name, text)
			}
			for word, what := range words {
				after := strings.HasPrefix(what, string(grade.AfterDue))
				found := strings.Contains(text, word) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(word)))
				if found && !(after && (past || f.Name == "gradescope")) {
					t.Errorf("%s, past due %t, shows a student the %s", f.Name, past, what)
				}
				if f.Name == "json" && after && past && !found {
					t.Errorf("%s keeps the %s back past the due date", f.Name, what)
				}
			}
			if strings.Contains(text, "2.125") {
				t.Errorf("%s: the deduction tells the total", f.Name)
			}
			if f.Name != "classroom-notices" && !strings.Contains(text, "Right answers") && !strings.Contains(text, "zen/answers/beautiful") {
				t.Errorf("%s does not show what is visible", f.Name)
			}
		}
	}
	g, words := canaries(sample())
	text := write(t, "json", g, Options{Audience: Instructor})
	for word, what := range words {
		if !strings.Contains(text, word) && !strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(word))) {
			t.Errorf("an instructor does not see the %s", what)
		}
	}
}

// In Gradescope, what is shown after the due date is there, and marked so.
func TestGradescopeKeepsBackByItself(t *testing.T) {
	t.Parallel()
	g, words := canaries(sample())
	var doc gradescope
	if err := json.Unmarshal([]byte(write(t, "gradescope", g, Options{})), &doc); err != nil {
		t.Fatal(err)
	}
	for i := range doc.Tests {
		if doc.Tests[i].Visibility == "after_due_date" {
			doc.Tests[i] = gradescopeTest{}
		}
	}
	rest, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	for word, what := range words {
		if bytes.Contains(rest, []byte(word)) {
			t.Errorf("the %s is in a test that is shown before the due date", what)
		}
	}
}

func TestView(t *testing.T) {
	t.Parallel()
	ids := func(g grade.Grade) string {
		var all []string
		for _, l := range g.Lines {
			all = append(all, fmt.Sprintf("%s:%d", l.ID, len(l.Judged)))
		}
		return strings.Join(all, " ")
	}
	for _, tc := range []struct {
		o          Options
		lines      string
		score, max float64
		results    int
	}{
		{Options{}, "answers:2 extra:1 framing:0", 10, 15, 3},
		{Options{PastDue: true}, "answers:2 extra:1 framing:0 later:1", 15, 20, 4},
		{Options{Audience: Instructor}, "answers:2 extra:1 framing:1 later:1 secret:1", 13, 25, 6},
	} {
		g := View(sample(), tc.o)
		if ids(g) != tc.lines || g.Score != tc.score || g.Max != tc.max || len(g.Report.Results) != tc.results {
			t.Errorf("%+v: %s, %g of %g, %d results", tc.o, ids(g), g.Score, g.Max, len(g.Report.Results))
		}
	}
	// A grade whose lines are all in view is what it is, for students too.
	g := View(open(), Options{})
	if g.Score != 13 || g.Max != 25 || g.Seed != seed || g.Deductions[0].Points != 2 {
		t.Errorf("%+v", g)
	}
	// With a line of which only the result is shown the total is whole.
	only := sample()
	only.Lines = only.Lines[:3]
	if g := View(only, Options{}); g.Score != 13 || g.Deductions[0].Points != 2 || g.Seed != 0 || g.DurationMS != 0 {
		t.Errorf("%+v", g)
	}
	// The run alone tells nothing either: it failed by what is hidden.
	met := sample()
	met.Report.Results[1].Verdict = specs.Pass
	if s := View(met, Options{}).Report.Summary; s.Headline != "incomplete" || s.ExitCode != 0 || s.Counts[specs.Fail] != 0 {
		t.Errorf("%+v", s)
	}
	// A requirement that is judged in the open and under cover has no evidence.
	both := sample()
	both.Lines[4].Judged = both.Lines[0].Judged[1:2]
	v := newView(both, Options{})
	if len(v.Report.Results) != 2 || strings.Contains(v.cards(v.Lines[0], 9), "Ugly") {
		t.Errorf("%s", v.cards(v.Lines[0], 9))
	}
	// What nobody has heard of is hidden.
	odd := sample()
	odd.Lines[0].Visibility = "maybe"
	if g := View(odd, Options{PastDue: true}); g.Lines[0].ID == "answers" {
		t.Error("a line of an unknown visibility is shown")
	}
	// The grade itself is left alone.
	original := sample()
	before := fmt.Sprintf("%+v", original)
	_ = View(original, Options{})
	if after := fmt.Sprintf("%+v", original); after != before {
		t.Error("the grade was changed")
	}
}

// A server that ended while it was tested, as by running out of memory: no
// exchange with it says so.
func TestHowAServerEndedIsSaid(t *testing.T) {
	t.Parallel()
	g := sample()
	for i := range g.Lines {
		g.Lines[i].Visibility = grade.Visible
	}
	exit := report.Exit{Status: "was ended: it used more than its 64 MiB of memory"}
	for _, c := range []struct {
		exits []report.Exit
		want  string
	}{
		{nil, ""},
		{[]report.Exit{exit}, "Its server ended while it was tested: it was ended: it used more than its 64 MiB of memory."},
		{[]report.Exit{exit, exit}, "Its server ended while it was tested, 2 times, at first: it was ended: it used more than its 64 MiB of memory."},
	} {
		g.Report.Target.Exits = c.exits
		for _, format := range []string{"markdown", "html", "gradescope"} {
			var b bytes.Buffer
			if err := Write(format, &b, g, Options{}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(b.String(), "server ended while"); got != (c.want != "") || !strings.Contains(strings.ReplaceAll(b.String(), "\\:", ":"), c.want) {
				t.Errorf("%s: %s lacks %q", format, b.String()[:min(b.Len(), 2000)], c.want)
			}
		}
	}
}
