package grade_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"conform/specs"
	"conform/suites"
	"conform/suites/grade"
	"conform/suites/report"
)

func read(t require, text string) *grade.Rubric {
	t.Helper()
	r, err := grade.Read(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return r
}

func check(t require, text string) *grade.Scheme {
	t.Helper()
	s, err := read(t, text).Check(suites.Catalogue())
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

// require is what testing.T and rapid.T have in common.
type require interface {
	Helper()
	Fatalf(format string, args ...any)
}

// of makes a run of verdicts: "fail", or with a code, "blocked missing". What is
// not named has passed; "" leaves it out of the run.
func of(s *grade.Scheme, verdicts map[string]string) *report.Report {
	r := &report.Report{Schema: report.Schema, Target: report.Target{Concurrency: report.Concurrency{Class: "concurrent", Bound: 17}}}
	for _, id := range s.IDs() {
		res := report.Result{ID: id, Verdict: specs.Pass}
		if text, ok := verdicts[id]; ok {
			if text == "" {
				continue
			}
			verdict, code, _ := strings.Cut(text, " ")
			res.Verdict = specs.Verdict(verdict)
			if code != "" {
				res.Reason = &report.Reason{Code: specs.Code(code), Message: "because of " + code + "\x1b[31m"}
			}
		}
		r.Results = append(r.Results, res)
	}
	return r
}

// Three lines of three requirements each.
const three = `title: T
protocol: zen
submission: {start: './server {port}'}
groups:
- {id: a, points: 10, requirements: ['zen/answers/{beautiful,explicit,simple}']}
- {id: b, points: 20, credit: all-or-nothing, requirements: ['zen/framing/{no-greeting,split-question,byte-by-byte}']}
- {id: c, points: 30, credit: staged, requirements: [zen/messages/any-byte, zen/messages/not-ascii, zen/messages/nul-is-not-an-end]}
`

func TestScore(t *testing.T) {
	t.Parallel()
	const (
		beautiful = "zen/answers/beautiful"
		explicit  = "zen/answers/explicit"
		simple    = "zen/answers/simple"
		split     = "zen/framing/split-question"
		anyByte   = "zen/messages/any-byte"
		notASCII  = "zen/messages/not-ascii"
		nul       = "zen/messages/nul-is-not-an-end"
	)
	type verdicts = map[string]string
	for name, tc := range map[string]struct {
		more string // of the rubric
		runs []verdicts
		want string // status and points of each line, then the score of the maximum, then the outcome
		why  string // part of all that is said
	}{
		"all":                       {"", []verdicts{{}}, "met 10, met 20, met 30: 60 of 60 graded", ""},
		"one of three":              {"", []verdicts{{simple: "fail wrong-bytes"}}, "partly 6.67, met 20, met 30: 56.67 of 60 graded", "not met: zen/answers/simple (wrong-bytes)"},
		"two of three":              {"", []verdicts{{simple: "fail", explicit: "fail"}}, "partly 3.33, met 20, met 30: 53.33 of 60 graded", ""},
		"all or nothing":            {"", []verdicts{{split: "fail"}}, "met 10, unmet 0, met 30: 40 of 60 graded", ""},
		"first step":                {"", []verdicts{{anyByte: "fail"}}, "met 10, met 20, unmet 0: 30 of 60 graded", "later steps do not count"},
		"last step":                 {"", []verdicts{{nul: "fail"}}, "met 10, met 20, partly 20: 50 of 60 graded", ""},
		"whole points":              {"rounding: 0", []verdicts{{simple: "fail"}}, "partly 7, met 20, met 30: 57 of 60 graded", ""},
		"lenient":                   {"", []verdicts{{simple: "nonstrict", explicit: "info", beautiful: "slow no-answer"}}, "met 10, met 20, met 30: 60 of 60 graded", "right, but slow: zen/answers/beautiful"},
		"strict":                    {"strict: true", []verdicts{{simple: "nonstrict"}}, "partly 6.67, met 20, met 30: 56.67 of 60 graded", ""},
		"lacks":                     {"", []verdicts{{simple: "unsupported missing"}}, "partly 6.67, met 20, met 30: 56.67 of 60 graded", ""},
		"not about it":              {"", []verdicts{{simple: "unsupported declared", explicit: "fail"}}, "partly 5, met 20, met 30: 55 of 60 graded", ""},
		"died":                      {"", []verdicts{{simple: "fail", explicit: "blocked target-died"}}, "partly 3.33, met 20, met 30: 53.33 of 60 graded", "1 requirement could not be judged, because because of target-died\uFFFD[31m"},
		"kit failed":                {"", []verdicts{{simple: "error kit-fault"}}, "uncounted 0, met 20, met 30: 50 of 60 undecided rubric", ""},
		"kit failed, no matter":     {"", []verdicts{{split: "error kit-fault", "zen/framing/no-greeting": "fail"}}, "met 10, unmet 0, met 30: 40 of 60 graded", ""},
		"later step, no matter":     {"", []verdicts{{anyByte: "fail", nul: "error kit-fault"}}, "met 10, met 20, unmet 0: 30 of 60 graded", ""},
		"earlier step":              {"", []verdicts{{anyByte: "error kit-fault", nul: "fail"}}, "met 10, met 20, uncounted 0: 30 of 60 undecided rubric", ""},
		"interrupted":               {"", []verdicts{{simple: "skipped interrupted"}}, "uncounted 0, met 20, met 30: 50 of 60 undecided infrastructure", ""},
		"out of time":               {"", []verdicts{{simple: "blocked out-of-time"}}, "uncounted 0, met 20, met 30: 50 of 60 undecided infrastructure", ""},
		"no result":                 {"", []verdicts{{simple: ""}}, "uncounted 0, met 20, met 30: 50 of 60 undecided infrastructure", ""},
		"no run":                    {"", nil, "uncounted 0, uncounted 0, uncounted 0: 0 of 60 undecided infrastructure", ""},
		"a draw is missing":         {"draws: 2", []verdicts{{}}, "uncounted 0, uncounted 0, uncounted 0: 0 of 60 undecided infrastructure", ""},
		"worst draw":                {"draws: 3", []verdicts{{}, {simple: "fail wrong-bytes"}, {}}, "partly 6.67, met 20, met 30: 56.67 of 60 graded", "zen/answers/simple (wrong-bytes) in 1 of 3 draws"},
		"wrong once, unknown twice": {"draws: 3", []verdicts{{split: "error kit-fault"}, {split: "fail"}, {split: "blocked out-of-time"}}, "met 10, unmet 0, met 30: 40 of 60 graded", ""},
		"right once, unknown once":  {"draws: 2", []verdicts{{}, {split: "error kit-fault"}}, "met 10, uncounted 0, met 30: 40 of 60 undecided rubric", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := check(t, three+tc.more)
			var runs []*report.Report
			for _, v := range tc.runs {
				runs = append(runs, of(s, v))
			}
			g := s.Score(runs, grade.Facts{})
			if got := told(g); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			said := ""
			for _, l := range g.Lines {
				said += l.Why + "\n"
			}
			if !strings.Contains(said, tc.why) {
				t.Errorf("%q is not said, but\n%s", tc.why, said)
			}
			adds(t, g)
		})
	}
}

func told(g grade.Grade) string {
	var lines []string
	for _, l := range g.Lines {
		lines = append(lines, fmt.Sprintf("%s %v", l.Status, l.Points))
	}
	text := fmt.Sprintf("%s: %v of %v %s", strings.Join(lines, ", "), g.Score, g.Max, g.Outcome)
	if g.Cause != nil {
		text += " " + string(g.Cause.Owner)
	}
	return text
}

// adds fails unless the total is the sum of what is shown, to the last digit.
func adds(t require, g grade.Grade) {
	t.Helper()
	sum := 0.0
	for _, l := range g.Lines {
		sum += math.Round(l.Points * 10_000)
		share := 0.0
		for _, j := range l.Judged {
			share += math.Round(j.Share * 10_000)
		}
		if share != 0 && share != math.Round(l.Max*10_000) {
			t.Fatalf("the shares of %s add up to %v, not to %v", l.ID, share/10_000, l.Max)
		}
	}
	for _, d := range g.Deductions {
		sum -= math.Round(d.Points * 10_000)
	}
	if sum/10_000 != g.Score {
		t.Fatalf("the score is %v, and the lines less the deductions are %v", g.Score, sum/10_000)
	}
}

func TestNeedsBonusAndLateness(t *testing.T) {
	t.Parallel()
	s := check(t, `title: T
protocol: zen
submission: {start: './server {port}'}
bonus_cap: 5
lateness:
  due: 2026-11-21T12:00:00Z
  grace: 10m
  cap: 6
  table: [{after: 0s, factor: 0.9}, {after: 24h, factor: 0.5}]
manual: [{id: style, points: 10, guide: Is it read with ease?}]
groups:
- {id: a, points: 10, requirements: [zen/answers/beautiful, zen/answers/explicit]}
- {id: b, points: 10.5, needs: [a], requirements: [zen/answers/simple]}
- {id: c, points: 4, needs: [b], bonus: true, requirements: [zen/framing/no-greeting]}
- {id: d, points: 4, bonus: true, class: 'pool:4', requirements: [zen/concurrency/queued-client]}
`)
	due := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	graded := func(after time.Duration, v map[string]string, more func(*report.Report)) grade.Grade {
		at := due.Add(after)
		run := of(s, v)
		if more != nil {
			more(run)
		}
		g := s.Score([]*report.Report{run}, grade.Facts{Submission: grade.Submission{Submitted: &at}})
		adds(t, g)
		return g
	}
	serial := func(r *report.Report) { r.Target.Concurrency = report.Concurrency{Class: "serial", Bound: 1} }
	for name, tc := range map[string]struct {
		g          grade.Grade
		want       string
		deductions string
	}{
		"in time":        {graded(10*time.Minute, nil, nil), "met 10, met 10.5, met 4, met 4: 25.5 of 20.5 graded", "3 Bonus above the most there is: all bonus lines together add at most 5 points"},
		"late":           {graded(2*time.Hour, nil, serial), "met 10, met 10.5, met 4, unmet 0: 22.05 of 20.5 graded", "2.45 Late: 2 h late: −10 %, at most 6 points"},
		"capped":         {graded(25*time.Hour, nil, serial), "met 10, met 10.5, met 4, unmet 0: 18.5 of 20.5 graded", "6 Late: 1 d 1 h late: −50 %, at most 6 points"},
		"waiting":        {graded(0, map[string]string{"zen/answers/explicit": "fail"}, serial), "partly 5, waiting 0, waiting 0, unmet 0: 5 of 20.5 graded", ""},
		"waiting, open":  {graded(0, map[string]string{"zen/answers/explicit": "error"}, serial), "uncounted 0, uncounted 0, uncounted 0, unmet 0: 0 of 20.5 undecided rubric", ""},
		"open, no mater": {graded(0, map[string]string{"zen/answers/explicit": "fail", "zen/answers/simple": "error"}, serial), "partly 5, waiting 0, waiting 0, unmet 0: 5 of 20.5 graded", ""},
	} {
		var deductions []string
		for _, d := range tc.g.Deductions {
			deductions = append(deductions, fmt.Sprintf("%v %s: %s", d.Points, d.Title, d.Why))
		}
		if got := told(tc.g); got != tc.want || strings.Join(deductions, "; ") != tc.deductions {
			t.Errorf("%s: got  %s, less %q\nwant %s, less %q", name, got, deductions, tc.want, tc.deductions)
		}
	}
	if g := graded(0, nil, serial); g.Lines[3].Why != "needs a server of the class pool:4; this one was found to serve one client at a time" {
		t.Errorf("said %q", g.Lines[3].Why)
	}
	unknown := func(r *report.Report) { r.Target.Concurrency = report.Concurrency{Class: "unknown"} }
	if g := graded(0, map[string]string{"zen/concurrency/queued-client": "fail"}, unknown); g.Lines[3].Status != grade.Unmet {
		t.Errorf("serves nobody, and is %s", g.Lines[3].Status)
	}
	all := map[string]string{}
	for _, id := range s.IDs() {
		all[id] = "blocked out-of-time"
	}
	if g := graded(0, all, unknown); g.Lines[3].Status != grade.Uncounted {
		t.Errorf("had no time to serve anybody, and is %s", g.Lines[3].Status)
	}
	if g := graded(0, nil, nil); len(g.Manual) != 1 || g.Manual[0].Max != 10 {
		t.Errorf("manual %+v", g.Manual)
	}
	// An extension goes before the date of the rubric.
	at, extended := due.Add(25*time.Hour), due.Add(48*time.Hour)
	if g := s.Score([]*report.Report{of(s, nil)}, grade.Facts{Submission: grade.Submission{Submitted: &at}, Due: &extended}); g.Score != 25.5 {
		t.Errorf("%v points with an extension", g.Score)
	}
}

// What never came to a run costs points only if the submission owns it.
func TestWithoutARun(t *testing.T) {
	t.Parallel()
	s := check(t, three)
	for _, tc := range []struct {
		outcome grade.Outcome
		owner   grade.Owner
		want    string
	}{
		{grade.BuildFailed, grade.OfSubmission, "unmet 0, unmet 0, unmet 0: 0 of 60 build-failed submission"},
		{grade.NotStarted, grade.OfSubmission, "unmet 0, unmet 0, unmet 0: 0 of 60 not-started submission"},
		{grade.NotStarted, grade.OfInfrastructure, "uncounted 0, uncounted 0, uncounted 0: 0 of 60 undecided infrastructure"},
		{grade.BuildFailed, grade.OfRubric, "uncounted 0, uncounted 0, uncounted 0: 0 of 60 undecided rubric"},
	} {
		g := s.Score(nil, grade.Facts{Outcome: tc.outcome, Cause: &grade.Cause{Code: "x", Owner: tc.owner, Message: "it is so"}})
		if got := told(g); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
		if j := g.Lines[0].Judged[0]; j.Draws != 0 || j.Met || j.Owner != tc.owner {
			t.Errorf("judged as %+v", j)
		}
	}
}

func TestOverrun(t *testing.T) {
	t.Parallel()
	s := check(t, three)
	run := []*report.Report{of(s, map[string]string{"zen/answers/simple": "blocked out-of-time"})}
	if got := told(s.Score(run, grade.Facts{Overrun: grade.OfSubmission})); got != "partly 6.67, met 20, met 30: 56.67 of 60 graded" {
		t.Error(got)
	}
	if got := told(s.Score(run, grade.Facts{Overrun: grade.OfRubric})); got != "uncounted 0, met 20, met 30: 50 of 60 undecided rubric" {
		t.Error(got)
	}
}

func TestSeeds(t *testing.T) {
	t.Parallel()
	seeds := grade.Seeds(8341, 20)
	if seeds[0] != 8341 || !slices.Equal(grade.Seeds(8341, 3), seeds[:3]) {
		t.Errorf("%d", seeds)
	}
	other := grade.Seeds(8342, 20)
	seen := map[int64]bool{}
	for _, seed := range append(seeds, other...) {
		if seed < 1 || seen[seed] {
			t.Errorf("%d is no seed, or there twice", seed)
		}
		seen[seed] = true
	}
}

// sample draws a rubric as text, group by group, so that they can be reordered.
type sample struct {
	head   string
	groups []string
}

func (s sample) text(order []int) string {
	text := s.head + "groups:\n"
	for _, i := range order {
		text += s.groups[i]
	}
	return text
}

var sections = []string{"answers", "framing", "messages", "end-of-input", "robustness", "concurrency"}

func drawSample(t *rapid.T) sample {
	yes := rapid.Bool()
	s := sample{head: fmt.Sprintf("title: T\nprotocol: zen\nsubmission: {start: x}\nstrict: %t\ndraws: %d\n", yes.Draw(t, "strict"), rapid.IntRange(1, 3).Draw(t, "draws"))}
	n := rapid.IntRange(1, len(sections)).Draw(t, "groups")
	bonus := false
	for i := range n {
		credit := rapid.SampledFrom([]string{"proportional", "all-or-nothing", "staged"}).Draw(t, "credit")
		globs := fmt.Sprintf("zen/%s", sections[i])
		if credit == "staged" {
			globs = fmt.Sprintf("'zen/%s/{*g*,many*}', zen/%s", sections[i], sections[i])
		}
		g := fmt.Sprintf("- id: g%d\n  points: %d.%02d\n  credit: %s\n  requirements: [%s]\n  visibility: %s\n", i,
			rapid.IntRange(1, 40).Draw(t, "points"), rapid.IntRange(0, 99).Draw(t, "hundredths"), credit, globs,
			rapid.SampledFrom([]string{"visible", "result-only", "after-due", "hidden"}).Draw(t, "visibility"))
		if i > 0 && yes.Draw(t, "bonus") {
			g += "  bonus: true\n"
			bonus = true
		}
		if credit == "proportional" && yes.Draw(t, "weights") {
			g += fmt.Sprintf("  weights: {'zen/%s/*a*': %d.5}\n", sections[i], rapid.IntRange(0, 9).Draw(t, "weight"))
		}
		if i > 0 && yes.Draw(t, "needs") {
			g += fmt.Sprintf("  needs: [g%d]\n", rapid.IntRange(0, i-1).Draw(t, "need"))
		}
		if sections[i] == "concurrency" {
			g += "  class: pool:4\n"
		}
		s.groups = append(s.groups, g)
	}
	if bonus && yes.Draw(t, "capped") {
		s.head += "bonus_cap: 7.25\n"
	}
	if yes.Draw(t, "lateness") {
		s.head += "lateness: {due: 2026-11-21T12:00:00Z, table: [{after: 0s, factor: 0.87}, {after: 1h, minus: 13.3}]}\n"
	}
	return s
}

var verdictTexts = []string{"pass", "pass", "pass", "info", "slow no-answer", "nonstrict", "fail wrong-bytes", "fail", "unsupported missing", "blocked target-died", "blocked missing"}
var unknownTexts = []string{"error kit-fault", "skipped interrupted", "blocked out-of-time", ""}

func drawVerdicts(t *rapid.T, s *grade.Scheme, texts []string) []map[string]string {
	var draws []map[string]string
	for range s.Rubric.Draws {
		v := map[string]string{}
		for _, id := range s.IDs() {
			v[id] = rapid.SampledFrom(texts).Draw(t, id)
		}
		draws = append(draws, v)
	}
	return draws
}

func runs(s *grade.Scheme, verdicts []map[string]string, class string) (list []*report.Report) {
	for _, v := range verdicts {
		r := of(s, v)
		r.Target.Concurrency = report.Concurrency{Class: class, Bound: 1}
		list = append(list, r)
	}
	return list
}

func drawFacts(t *rapid.T) grade.Facts {
	at := time.Date(2026, 11, 21, 11, 30, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 180).Draw(t, "minutes")) * time.Minute)
	return grade.Facts{Seed: 7, Submission: grade.Submission{Submitted: &at}}
}

// gradeSchema is the published schema of grades.
var gradeSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	file, err := os.Open("../../docs/schema/report-v1.schema.json")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	document, err := jsonschema.UnmarshalJSON(file)
	if err == nil {
		err = c.AddResource("urn:conform:schema:report:v1", document)
	}
	if err != nil {
		return nil, err
	}
	return c.Compile("../../docs/schema/grade.schema.json")
})

// keeps fails unless a grade keeps to the schema of grades.
func keeps(t require, g grade.Grade) {
	t.Helper()
	schema, err := gradeSchema()
	if err != nil {
		t.Fatalf("%v", err)
	}
	g.Report = nil // it has a schema of its own, and is none here
	data, err := json.Marshal(g)
	if err != nil {
		t.Fatalf("%v", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err == nil {
		err = schema.Validate(document)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
}

func scores(t require, g grade.Grade) {
	t.Helper()
	adds(t, g)
	keeps(t, g)
	bonus := 0.0
	for _, l := range g.Lines {
		if l.Points < 0 || l.Points > l.Max {
			t.Fatalf("%s has %v of %v points", l.ID, l.Points, l.Max)
		}
		if l.Bonus {
			bonus += l.Max
		}
		if (l.Status == grade.Met) != (l.Points == l.Max) && l.Status != grade.Partly {
			t.Fatalf("%s is %s with %v of %v points", l.ID, l.Status, l.Points, l.Max)
		}
	}
	if g.Score < 0 || g.Score > g.Max+bonus+1e-9 {
		t.Fatalf("%v of %v points, with at most %v of bonus", g.Score, g.Max, bonus)
	}
}

// Whatever the rubric and the verdicts: the total is within its bounds and is
// the sum of what is shown; the same input has the same score; neither the order
// of the groups nor their visibility changes it.
func TestScoresAreSound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := drawSample(t)
		order := make([]int, len(text.groups))
		for i := range order {
			order[i] = i
		}
		s := check(t, text.text(order))
		verdicts := drawVerdicts(t, s, append(slices.Clone(verdictTexts), unknownTexts...))
		class := rapid.SampledFrom([]string{"concurrent", "serial"}).Draw(t, "class")
		facts := drawFacts(t)
		g := s.Score(runs(s, verdicts, class), facts)
		scores(t, g)
		if again := s.Score(runs(s, verdicts, class), facts); !reflect.DeepEqual(g, again) {
			t.Fatalf("the same again is not the same:\n%s\n%s", told(g), told(again))
		}

		other := check(t, text.text(rapid.Permutation(order).Draw(t, "order")))
		moved := other.Score(runs(other, verdicts, class), facts)
		if moved.Score != g.Score || moved.Outcome != g.Outcome || moved.Max != g.Max {
			t.Fatalf("in another order: %s, not %s", told(moved), told(g))
		}
		seen := text
		seen.groups = slices.Clone(text.groups)
		for i := range seen.groups {
			seen.groups[i] = strings.NewReplacer("result-only", "hidden", "after-due", "visible", "visible\n", "hidden\n").Replace(seen.groups[i])
		}
		other = check(t, seen.text(order))
		if shown := other.Score(runs(other, verdicts, class), facts); told(shown) != told(g) {
			t.Fatalf("with another visibility: %s, not %s", told(shown), told(g))
		}
	})
}

// A requirement more that is met never lowers the score; one that nobody knows
// of never scores less than one that is not met, nor more than one that is.
func TestScoresAreMonotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := drawSample(t)
		order := make([]int, len(text.groups))
		for i := range order {
			order[i] = i
		}
		s := check(t, text.text(order))
		texts := append(slices.Clone(verdictTexts), "unsupported declared")
		verdicts := drawVerdicts(t, s, texts)
		facts := drawFacts(t)
		g := s.Score(runs(s, verdicts, "concurrent"), facts)

		id := rapid.SampledFrom(s.IDs()).Draw(t, "better")
		with := func(v string) grade.Grade {
			changed := []map[string]string{}
			for _, draw := range verdicts {
				draw = maps.Clone(draw)
				draw[id] = v
				changed = append(changed, draw)
			}
			return s.Score(runs(s, changed, "concurrent"), facts)
		}
		worst, unknown, best := with("fail"), with("error kit-fault"), with("pass")
		if worst.Score > best.Score {
			t.Fatalf("%s met: %s; not met: %s", id, told(best), told(worst))
		}
		if !strings.HasPrefix(verdicts[0][id], "unsupported declared") && s.Rubric.Draws == 1 && (g.Score < worst.Score || g.Score > best.Score) && g.Outcome == grade.Graded {
			t.Fatalf("%s as %s: %s; between %s and %s", id, verdicts[0][id], told(g), told(worst), told(best))
		}
		if unknown.Outcome == grade.Graded && (unknown.Score != worst.Score || unknown.Score != best.Score) {
			t.Fatalf("%s unknown is graded %s, and it matters: %s or %s", id, told(unknown), told(worst), told(best))
		}
		if unknown.Outcome == grade.Undecided && worst.Outcome == grade.Graded && reflect.DeepEqual(statuses(worst), statuses(best)) && worst.Score == best.Score {
			t.Fatalf("%s unknown is undecided, and it does not matter: %s", id, told(worst))
		}
	})
}

func statuses(g grade.Grade) (list []string) {
	for _, l := range g.Lines {
		list = append(list, fmt.Sprint(l.Status, l.Points))
	}
	return list
}
