package baseline_test

import (
	"strings"
	"testing"
	"time"

	"conform/specs"
	"conform/suites/baseline"
	"conform/suites/report"
)

func sample() *report.Report {
	r := &report.Report{Summary: report.Summary{Headline: "nonconformant", ExitCode: 1}}
	add := func(id string, v specs.Verdict, code specs.Code) {
		res := report.Result{ID: id, Verdict: v}
		if code != "" {
			res.Reason = &report.Reason{Code: code}
		}
		r.Results = append(r.Results, res)
	}
	add("zen/answers/simple", specs.Fail, specs.WrongBytes)
	add("zen/answers/explicit", specs.Pass, "")
	add("zen/framing/split-question", specs.Fail, specs.NoAnswer)
	add("zen/framing/line-end", specs.NonStrict, specs.ExtraBytes)
	add("zen/robustness/not-text", specs.Skipped, "")
	return r
}

func read(t *testing.T, text string) baseline.Baseline {
	t.Helper()
	b, err := baseline.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var today = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestApply(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text   string
		strict bool
		exit   int
		known  string // of the results, in order, joined
		stale  int
	}{
		"nothing known":   {"known: []", false, 1, "||||", 0},
		"all known":       {"known: [{id: zen/answers/simple}, {id: zen/framing/split-question}]", false, 0, "expected-fail||expected-fail||", 0},
		"glob":            {"known: [{id: 'zen/*/*'}]", false, 0, "expected-fail||expected-fail||", 0},
		"one is new":      {"known: [{id: zen/answers/simple}]", false, 1, "expected-fail||||", 0},
		"one passes":      {"known: [{id: 'zen/{answers/s,framing/s}*'}, {id: zen/answers/explicit}]", false, 1, "expected-fail|unexpected-pass|expected-fail||", 0},
		"stale glob":      {"known: [{id: zen/answers/simple}, {id: 'zen/framing/s*'}, {id: 'zen/answers/e*'}]", false, 1, "expected-fail||expected-fail||", 1},
		"not run":         {"known: [{id: zen/answers/simple}, {id: 'zen/framing/s*'}, {id: zen/robustness/not-text}, {id: 'zen/robustness/*'}]", false, 0, "expected-fail||expected-fail||", 0},
		"right reason":    {"known: [{id: zen/answers/simple, reason: wrong-bytes}, {id: 'zen/framing/s*'}]", false, 0, "expected-fail||expected-fail||", 0},
		"another reason":  {"known: [{id: zen/answers/simple, reason: no-answer}, {id: 'zen/framing/s*'}]", false, 1, "||expected-fail||", 0},
		"still known":     {"known: [{id: zen/answers/simple, expires: 2026-11-21}, {id: 'zen/framing/s*'}]", false, 0, "expected-fail||expected-fail||", 0},
		"expired":         {"known: [{id: zen/answers/simple, expires: 2026-11-20}, {id: 'zen/framing/s*'}]", false, 1, "||expected-fail||", 0},
		"strict":          {"known: [{id: zen/answers/simple}, {id: 'zen/framing/s*'}]", true, 1, "expected-fail||expected-fail||", 0},
		"strict, known":   {"known: [{id: zen/answers/simple}, {id: 'zen/framing/*'}]", true, 0, "expected-fail||expected-fail|expected-fail|", 0},
		"passes, lenient": {"known: [{id: 'zen/*/s*'}, {id: zen/framing/line-end}]", false, 1, "expected-fail||expected-fail|unexpected-pass|", 0},
	} {
		r := sample()
		r.Run.Strict = tc.strict
		read(t, tc.text).Apply(r, today)
		var known []string
		for _, res := range r.Results {
			as := ""
			if res.Known != nil {
				as = res.Known.As
			}
			known = append(known, as)
		}
		if got := strings.Join(known, "|"); got != tc.known || r.Summary.ExitCode != tc.exit || len(r.Summary.Baseline.Stale) != tc.stale {
			t.Errorf("%s: %s, exit code %d, stale %q; want %s, %d, %d", name, got, r.Summary.ExitCode, r.Summary.Baseline.Stale, tc.known, tc.exit, tc.stale)
		}
	}
	// A target that is gone is no known failure.
	r := sample()
	r.Summary.ExitCode = 3
	read(t, "known: [{id: 'zen/*/*'}]").Apply(r, today)
	if r.Summary.ExitCode != 3 {
		t.Errorf("exit code %d", r.Summary.ExitCode)
	}
}

func TestWhatIsWrittenIsKnown(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := baseline.Of(sample()).Write(&b); err != nil {
		t.Fatal(err)
	}
	r := sample()
	read(t, b.String()).Apply(r, today)
	if s := r.Summary; s.ExitCode != 0 || s.Baseline.ExpectedFail != 2 || s.Baseline.UnexpectedPass != 0 {
		t.Errorf("got %+v of\n%s", s, b.String())
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"known:\n- id: a/b\n  resaon: no-answer": `[3:3] unknown field "resaon"`,
		"known:\n- note: x":                      "entry 1 of known has no id",
		"known:\n- id: '['":                      `"[" is not a glob`,
		"known:\n- id: a\n  expires: tomorrow":   `"tomorrow" is no date`,
		"known:\n- id: a\n  reason: no-anser":    `there is no reason "no-anser"`,
		"known: 3":                               "[1:8]",
		"a: [":                                   "[1:",
	} {
		if _, err := baseline.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if err := read(t, "known: [{id: 'zen/nothing/*'}]").Check([]string{"zen/answers/simple"}); err == nil || !strings.Contains(err.Error(), `"zen/nothing/*" matches no requirement`) {
		t.Errorf("got %v", err)
	}
	if err := read(t, "known: [{id: 'zen/answers/*'}]").Check([]string{"zen/answers/simple"}); err != nil {
		t.Error(err)
	}
	if _, err := baseline.Read(strings.NewReader("")); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}
