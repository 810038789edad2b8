package feedback

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"conform/specs"
	"conform/suites/grade"
	"conform/suites/report"
	"conform/suites/report/reporttest"
)

const seed = 834183418341

// sample is a grade with a line of each visibility, of which the first lost
// some points and the others were missed.
func sample() grade.Grade {
	due := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	g := grade.Grade{
		Schema: grade.Schema, Tool: report.Tool{Name: "conform", Version: "v1.2.3", Commit: "0123abc"},
		Submission: grade.Submission{Name: "ada.zip", Digest: strings.Repeat("ad", 32), Submitted: &due},
		Rubric:     grade.Reference{Title: "Servers, part 1", Digest: strings.Repeat("be", 32)},
		Seed:       seed, Tier: "namespaced", Started: due.Add(time.Hour), DurationMS: 4321.5,
		Outcome: grade.Graded, Score: 13, Max: 25,
		Deductions: []grade.Deduction{{Title: "late", Points: 2, Why: "4 hours late: 2 points"}},
		Manual:     []grade.Manual{{ID: "style", Title: "Style", Max: 5, Guide: "look for global variables"}},
		Build: &grade.Process{Command: "make", Status: "exited with code 0", DurationMS: 700,
			Output: &report.Output{Head: "cc -o server server.c\n", Tail: "done\n", Dropped: 7}},
		Report: &report.Report{Schema: report.Schema, Target: report.Target{Address: "./server {port}", Transport: "tcp", Protocol: []string{"zen"}, StartedBy: "./server {port}"},
			Run: report.Run{Seed: seed, Started: due, DurationMS: 3000, Jobs: 4, Pace: 1}, Summary: report.Summary{Headline: "nonconformant", ExitCode: 1}},
	}
	line := func(id, title string, v grade.Visibility, s grade.Status, points, most float64) {
		g.Lines = append(g.Lines, grade.Line{ID: id, Title: title, Visibility: v, Status: s, Points: points, Max: most})
	}
	judged := func(id, title string, met bool) *report.Result {
		l := &g.Lines[len(g.Lines)-1]
		j := grade.Judged{ID: id, Title: title, Verdict: specs.Pass, Owner: grade.OfSubmission, Share: 1, Met: met, Draws: 3, Passed: 3}
		parts := strings.Split(id, "/")
		r := report.Result{ID: id, Title: title, Protocol: parts[0], Section: parts[1], Level: specs.Must, Clause: "tutorial 000 §1", Verdict: specs.Pass, Attempts: 1, DurationMS: 3,
			Transcript: []report.Event{{AtMS: 1, Conn: 1, Event: "sent", Size: 3, Head: []byte("hi?")}, {AtMS: 2, Conn: 1, Event: "received", Size: 4, Head: []byte("no\r\n")}},
			Replay:     fmt.Sprintf("conform --exec './server {port}' --only %s --seed %d -v", id, seed)}
		if !met {
			j.Verdict, j.Code, j.Passed, r.Verdict = specs.Fail, specs.WrongBytes, 1, specs.Fail
			r.Reason = &report.Reason{Code: specs.WrongBytes, Message: "other bytes", Sent: `"hi?"`, Expected: []string{`"Ugly."`}, Received: `"no\r\n"`, Hint: "the table of answers lacks it"}
		}
		l.Judged = append(l.Judged, j)
		g.Report.Results = append(g.Report.Results, r)
		return &g.Report.Results[len(g.Report.Results)-1]
	}
	line("answers", "Right answers", grade.Visible, grade.Partly, 8, 10)
	g.Lines[0].Why = "1 of 2 requirements is not met"
	judged("zen/answers/beautiful", "Beautiful is better than ugly.", true)
	judged("zen/answers/explicit", "Explicit is better than implicit.", false)
	line("extra", "More than asked", grade.Visible, grade.Met, 2, 2)
	g.Lines[1].Bonus = true
	judged("zen/answers/question-mark-alone", "A question mark alone is a question.", true)
	line("framing", "Framing", grade.ResultOnly, grade.Unmet, 0, 5)
	judged("zen/framing/split-question", "A question may come in pieces.", false)
	line("later", "For later", grade.AfterDue, grade.Met, 5, 5)
	judged("zen/robustness/not-text", "Bytes that are no text do no harm.", true)
	line("secret", "Under cover", grade.Hidden, grade.Unmet, 0, 5)
	judged("zen/concurrency/second-client", "A second client is served.", false)
	g.Report.Summary.Counts = report.Count(g.Report.Results)
	return g
}

// undecided is a sample that is to be graded again.
func undecided() grade.Grade {
	g := sample()
	g.Outcome, g.Score = grade.Undecided, 0
	g.Cause = &grade.Cause{Code: "worker-lost", Owner: grade.OfInfrastructure, Message: "the machine went away"}
	for i := range g.Lines {
		g.Lines[i].Status, g.Lines[i].Points, g.Lines[i].Why = grade.Uncounted, 0, ""
	}
	return g
}

// unbuilt is a sample that could not be built.
func unbuilt() grade.Grade {
	g := sample()
	g.Outcome, g.Score, g.Report, g.Deductions = grade.BuildFailed, 0, nil, nil
	g.Cause = &grade.Cause{Code: "build-failed", Owner: grade.OfSubmission, Message: "make ended with code 2", Hint: "build it where nothing is installed"}
	g.Build.Status, g.Build.Output = "exited with code 2", &report.Output{Head: "cc -o server server.c\nserver.c:3: error: expected ';'\n"}
	for i := range g.Lines {
		g.Lines[i].Status, g.Lines[i].Points = grade.Unmet, 0
		for k := range g.Lines[i].Judged {
			j := &g.Lines[i].Judged[k]
			j.Verdict, j.Code, j.Met, j.Draws, j.Passed = specs.Blocked, "", false, 0, 0
		}
	}
	return g
}

// open is a sample of which nothing is kept back.
func open() grade.Grade {
	g := sample()
	for i := range g.Lines {
		g.Lines[i].Visibility = grade.Visible
	}
	return g
}

// endings are grades that came out in every way.
func endings() map[string]grade.Grade {
	waiting := sample()
	waiting.Lines[0].Status, waiting.Lines[0].Why = grade.Waiting, "waits for Under cover"
	return map[string]grade.Grade{"sample": sample(), "undecided": undecided(), "unbuilt": unbuilt(), "open": open(), "waiting": waiting, "nothing": {Outcome: grade.Graded}}
}

// audiences are all for whom something may be written.
var audiences = []Options{{}, {Audience: Student, PastDue: true}, {Audience: Instructor}}

// write gives an output; one that cannot say "undecided" is "".
func write(t *testing.T, format string, g grade.Grade, o Options) string {
	t.Helper()
	var b bytes.Buffer
	err := Write(format, &b, g, o)
	if errors.Is(err, ErrUndecided) {
		if b.Len() > 0 || Decided(g) {
			t.Errorf("%s: %v, after %d bytes", format, err, b.Len())
		}
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	if format == "classroom" {
		data, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(b.String(), "\n"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return b.String()
}

// every gives a format every ending for every audience, and every hostile one.
func every(t *testing.T, format string, test func(t *testing.T, g grade.Grade, o Options, text string)) {
	for _, o := range audiences {
		for name, g := range endings() {
			t.Run(fmt.Sprintf("%s %s %t", name, o.Audience, o.PastDue), func(t *testing.T) { test(t, g, o, write(t, format, g, o)) })
		}
		hostileGrades(t, func(t *testing.T, g grade.Grade) { test(t, g, o, write(t, format, g, o)) })
	}
}

// hostileGrades are samples in which every string is a hostile one, but for the
// words that decide what is shown.
func hostileGrades(t *testing.T, test func(t *testing.T, g grade.Grade)) {
	for name, s := range reporttest.Hostile {
		s = s[:min(len(s), 4000)]
		for which, original := range map[string]func() grade.Grade{"graded": open, "unbuilt": unbuilt} {
			t.Run(name+" "+which, func(t *testing.T) { test(t, harmed(original(), s)) })
		}
	}
}

// harmed is a grade with a string in all places where one could be brought in.
func harmed(g grade.Grade, s string) grade.Grade {
	was := g
	was.Lines = append([]grade.Line(nil), g.Lines...)
	reporttest.Fill(reflect.ValueOf(&g).Elem(), s, false)
	g.Schema, g.Outcome = grade.Schema, was.Outcome
	for i := range was.Lines {
		g.Lines[i].Visibility, g.Lines[i].Status = was.Lines[i].Visibility, was.Lines[i].Status
		for k := range g.Lines[i].Judged {
			if g.Lines[i].Judged[k].Verdict == "" {
				g.Lines[i].Judged[k].Verdict = specs.Fail
			}
			g.Lines[i].Judged[k].Owner, g.Lines[i].Judged[k].Code = grade.OfSubmission, specs.WrongBytes
		}
	}
	if g.Report != nil {
		g.Report.Schema, g.Report.Summary.Headline, g.Report.Target.Concurrency.Class = report.Schema, "nonconformant", ""
		g.Report.Summary.Counts, g.Report.Summary.Baseline, g.Report.Scale = nil, nil, nil
		for i := range g.Report.Stages {
			g.Report.Stages[i].State = report.StageMet
		}
		for i := range g.Report.Results {
			res := &g.Report.Results[i]
			res.Known, res.Schedule, res.Level = nil, nil, specs.Must
			if res.Verdict == "" {
				res.Verdict = specs.Fail
			}
			if res.Reason != nil {
				res.Reason.Code = specs.WrongBytes
			}
		}
	}
	if g.Cause != nil {
		g.Cause.Owner = grade.OfSubmission
	}
	return g
}

func compiled(t *testing.T, path string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, name := range []string{"report-v1", "grade", "class", "grade-diff"} {
		document, err := readSchema("../../docs/schema/" + name + ".schema.json")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(document.(map[string]any)["$id"].(string), document); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keeps(t *testing.T, s *jsonschema.Schema, text string) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %.200q", err, text)
	}
	if err := s.Validate(document); err != nil {
		t.Errorf("%v", err)
	}
}

// plain looks for what is dangerous wherever text is shown.
func plain(t *testing.T, text string) {
	t.Helper()
	reporttest.CheckText(t, text)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("a CI system takes this for a command: %.80q", line)
		}
	}
	if strings.Contains(text, "##[") {
		t.Error("a command in the middle of a line")
	}
}

func TestJSONKeepsToItsSchema(t *testing.T) {
	t.Parallel()
	s := compiled(t, "urn:conform:schema:grade:v1")
	every(t, "json", func(t *testing.T, g grade.Grade, o Options, text string) {
		if g.Tier == "" { // nothing at all
			return
		}
		keeps(t, s, text)
		reporttest.CheckText(t, text)
	})
}

func TestTheSchemaRefusesWhatIsNoGrade(t *testing.T) {
	t.Parallel()
	s := compiled(t, "urn:conform:schema:grade:v1")
	for name, spoil := range map[string]func(doc map[string]any){
		"schema":     func(doc map[string]any) { doc["schema"] = "conform.grade/v2" },
		"outcome":    func(doc map[string]any) { doc["outcome"] = "zero" },
		"null lines": func(doc map[string]any) { doc["lines"] = nil },
		"negative":   func(doc map[string]any) { doc["score"] = -1 },
		"verdict": func(doc map[string]any) {
			doc["lines"].([]any)[0].(map[string]any)["judged"].([]any)[0].(map[string]any)["verdict"] = "ok"
		},
		"report": func(doc map[string]any) { delete(doc["report"].(map[string]any), "run") },
	} {
		var doc map[string]any
		if err := json.Unmarshal([]byte(write(t, "json", sample(), Options{Audience: Instructor})), &doc); err != nil {
			t.Fatal(err)
		}
		spoil(doc)
		if s.Validate(doc) == nil {
			t.Errorf("%s: it is taken for a grade", name)
		}
	}
}

func TestReadJSON(t *testing.T) {
	t.Parallel()
	text := write(t, "json", sample(), Options{Audience: Instructor})
	g, err := ReadJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if again := write(t, "json", g, Options{Audience: Instructor}); again != text {
		t.Error("what was read is not what was written")
	}
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":       {" \n", "it is empty"},
		"no JSON":       {"{\n\"schema\": oops", "line 2"},
		"no schema":     {"{}", "it has no schema"},
		"a report":      {`{"schema": "conform.report/v1"}`, `the schema of the grade is "conform.report/v1"`},
		"a student's":   {write(t, "json", sample(), Options{}), "written for a student"},
		"a kind":        {strings.Replace(text, `"score": 13`, `"score": "13"`, 1), "score cannot be of the kind string"},
		"an outcome":    {strings.Replace(text, `"outcome": "graded"`, `"outcome": "gr\u001b[2J"`, 1), `outcome is "gr\\x1b[2J"`},
		"a status":      {strings.Replace(text, `"status": "partly"`, `"status": "fine"`, 1), "lines[0].status"},
		"a visibility":  {strings.Replace(text, `"visibility": "hidden"`, `"visibility": "no"`, 1), "lines[4].visibility"},
		"less than 0":   {strings.Replace(text, `"score": 13`, `"score": -13`, 1), "score -13 of 25"},
		"half of it":    {text[:len(text)/2], "line "},
		"no lines":      {`{"schema":"conform.grade/v1","outcome":"graded"}`, "it has no lines"},
		"more than one": {text + text, "line "},
	} {
		if _, err := ReadJSON(strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, not %q", name, err, tc.want)
		}
	}
}

func TestMarkdownMeansNothingButText(t *testing.T) {
	t.Parallel()
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM))
	every(t, "markdown", func(t *testing.T, _ grade.Grade, _ Options, text string) {
		plain(t, text)
		if len(text) > 65_000 {
			t.Errorf("%d bytes: a comment has at most 65 536 characters", len(text))
		}
		var html bytes.Buffer
		if err := markdown.Convert([]byte(text), &html); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"<script", "<img", "<a ", "<del", "<em", "<input"} {
			if strings.Contains(strings.ToLower(html.String()), bad) {
				t.Errorf("%s came out of it", bad)
			}
		}
	})
	text := write(t, "markdown", open(), Options{})
	for _, want := range []string{"## ❌ ada.zip: 13 of 25 points", "| Right answers | 8 | 10 | 1 of 2 requirements is not met |", "| late | −2 |", "✗ zen/answers/explicit", `expected  "Ugly."`, "the table of answers lacks it"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

func TestJUnitAndCTRF(t *testing.T) {
	t.Parallel()
	every(t, "junit", func(t *testing.T, g grade.Grade, o Options, text string) {
		plain(t, text)
		var doc struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Suites   []struct {
				Cases []struct {
					Name string `xml:"name,attr"`
				} `xml:"testcase"`
			} `xml:"testsuite"`
		}
		if err := xml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		if g.Outcome == grade.Undecided && doc.Errors == 0 {
			t.Error("there is no error in it: it looks as if the submission had failed")
		}
		if g.Outcome == grade.BuildFailed && (doc.Errors > 0 || doc.Failures != doc.Tests) {
			t.Errorf("%d failures and %d errors in %d tests of what was not built", doc.Failures, doc.Errors, doc.Tests)
		}
	})
	s := compiled(t, "../report/testdata/ctrf-schema-0.0.json")
	every(t, "ctrf", func(t *testing.T, g grade.Grade, o Options, text string) {
		keeps(t, s, text)
		reporttest.CheckText(t, text)
	})
	var doc struct {
		Results struct {
			Tests []struct {
				Name, Status string
				Suite        []string
			}
			Extra struct{ Score, Max float64 }
		}
	}
	if err := json.Unmarshal([]byte(write(t, "ctrf", sample(), Options{Audience: Student, PastDue: true})), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range doc.Results.Tests {
		got = append(got, c.Suite[0]+": "+c.Name+" "+c.Status)
	}
	want := []string{"answers: zen/answers/beautiful passed", "answers: zen/answers/explicit failed", "extra: zen/answers/question-mark-alone passed", "framing: Framing failed", "later: zen/robustness/not-text passed"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q\nnot %q", got, want)
	}
	if doc.Results.Extra.Score != 15 || doc.Results.Extra.Max != 20 {
		t.Errorf("%+v", doc.Results.Extra)
	}
}

// What the submission owns fails, what others own is an error, and what was not
// asked of it is neither: in tests, in the evidence, and in what is said of a
// class.
func TestOwners(t *testing.T) {
	t.Parallel()
	g := open()
	l := &g.Lines[0]
	l.Judged = nil
	g.Report.Results = nil
	for _, j := range []grade.Judged{
		{ID: "x/met/strictly", Verdict: specs.NonStrict, Met: true},
		{ID: "x/lost/strictly", Verdict: specs.NonStrict, Owner: grade.OfSubmission},
		{ID: "x/lost/died", Verdict: specs.Blocked, Owner: grade.OfSubmission, Code: specs.TargetDied},
		{ID: "x/lost/missing", Verdict: specs.Unsupported, Owner: grade.OfSubmission, Code: specs.Missing},
		{ID: "x/lost/once", Verdict: specs.Fail, Owner: grade.OfSubmission, Draws: 3, Passed: 2},
		{ID: "x/out/dialect", Verdict: specs.Unsupported, Owner: grade.OfRubric, Code: specs.Declared},
	} {
		l.Judged = append(l.Judged, j)
		g.Report.Results = append(g.Report.Results, report.Result{ID: j.ID, Protocol: "x", Section: "y", Verdict: j.Verdict, Reason: &report.Reason{Code: j.Code, Message: "because of it"}})
	}
	last := &g.Report.Results[4] // the run that is kept is of another draw
	last.Verdict, last.Reason, last.Transcript, last.Replay = specs.Pass, nil, []report.Event{{Event: "sent", Text: "right"}}, "conform --seed 1"
	got := map[string]string{}
	for _, o := range []grade.Owner{grade.OfInfrastructure, grade.OfRubric} {
		one := g
		one.Lines = append([]grade.Line(nil), g.Lines...)
		one.Lines[1].Judged = []grade.Judged{{ID: "x/open/" + string(o), Verdict: specs.Blocked, Owner: o}}
		var doc struct {
			Results struct {
				Tests []struct{ Name, Status string }
			}
		}
		if err := json.Unmarshal([]byte(write(t, "ctrf", one, Options{})), &doc); err != nil {
			t.Fatal(err)
		}
		for _, c := range doc.Results.Tests {
			if strings.HasPrefix(c.Name, "x/") {
				got[c.Name] = c.Status
			}
		}
	}
	want := map[string]string{"x/met/strictly": "passed", "x/lost/strictly": "failed", "x/lost/died": "failed", "x/lost/missing": "failed", "x/lost/once": "failed",
		"x/out/dialect": "skipped", "x/open/infrastructure": "other", "x/open/rubric": "other"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	text := newView(g, Options{}).cards(*l, 99)
	for _, in := range []string{"x/lost/strictly", "x/lost/died", "x/lost/missing", "x/lost/once", "met 2 of 3 times"} {
		if !strings.Contains(text, in) {
			t.Errorf("%s is not in the evidence", in)
		}
	}
	if strings.Contains(text, "x/out") || strings.Contains(text, "x/met") {
		t.Errorf("%s", text)
	}
	if page := write(t, "html", g, Options{}); !strings.Contains(page, "met in the run that is kept, and not with other input") || strings.Contains(page, "conform --seed 1<") {
		t.Error("a run in which it was met is shown for one in which it was not")
	}
	if f, ok := faultOf(g); ok {
		t.Errorf("%+v", f)
	}
}

// Of what was not graded by fault of a machine, no output makes a zero.
func TestUndecidedIsNoZero(t *testing.T) {
	t.Parallel()
	hiddenLine := sample() // what could not be counted is a line that the student does not see
	hiddenLine.Lines[4].Status = grade.Uncounted
	for _, g := range []grade.Grade{undecided(), hiddenLine} {
		for _, o := range audiences {
			for _, f := range []string{"gradescope", "classroom", "classroom-notices"} {
				if err := Write(f, io.Discard, g, o); !errors.Is(err, ErrUndecided) {
					t.Errorf("%s: %v", f, err)
				}
			}
			var prairie map[string]any
			if err := json.Unmarshal([]byte(write(t, "prairielearn", g, o)), &prairie); err != nil {
				t.Fatal(err)
			}
			if _, scored := prairie["score"]; scored || prairie["gradable"] != false {
				t.Errorf("%v", prairie)
			}
			lines := strings.Split(strings.TrimSpace(write(t, "autolab", g, o)), "\n")
			var autolab struct{ Scores map[string]any }
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &autolab); err != nil || len(autolab.Scores) == 0 {
				t.Errorf("%v: Autolab finds no scores, and gives 0 for everything: %q", err, lines[len(lines)-1])
			}
			for problem, points := range autolab.Scores {
				if points != nil {
					t.Errorf("Autolab reads %v for %s", points, problem)
				}
			}
			for _, f := range []string{"html", "markdown", "autolab"} {
				if text := write(t, f, g, o); !strings.Contains(text, "not graded yet") || strings.Contains(text, "0 of 25") {
					t.Errorf("%s does not say that it is not graded yet", f)
				}
			}
		}
	}
}

func TestUnknownFormats(t *testing.T) {
	t.Parallel()
	if err := Write("csv", io.Discard, sample(), Options{}); err == nil || !strings.Contains(err.Error(), `there is no format "csv" of a submission: write one of autolab, classroom,`) {
		t.Errorf("%v", err)
	}
	if err := WriteClass("html\x1b", io.Discard, Class{}); err == nil || !strings.Contains(err.Error(), `of a class: write one of class-html, class-json, csv`) || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
	page, err := os.ReadFile("../../docs/grading-outputs.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Formats() {
		if f.For == "" || !strings.Contains(string(page), "`"+f.Name+"`") {
			t.Errorf("%s is for nothing, or not in docs/grading-outputs.md", f.Name)
		}
	}
}

func readSchema(path string) (any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(data))
}
