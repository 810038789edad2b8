package report

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"conform/specs"
	"conform/suites/report/reporttest"
)

var update = flag.Bool("update", false, "write the golden files")

// only keeps the results with a verdict, and sums up as a run would.
func only(headline string, verdicts ...specs.Verdict) *Report {
	r := sample()
	r.Target.Exits = nil
	var kept []Result
	for _, res := range r.Results {
		for _, v := range verdicts {
			if res.Verdict == v {
				kept = append(kept, res)
			}
		}
	}
	r.Results, r.Summary.Headline, r.Summary.Counts = kept, headline, Count(kept)
	return r
}

func TestTerminal(t *testing.T) {
	strict := sample()
	strict.Run.Strict = true
	one := only("nonconformant", specs.Pass, specs.Fail)
	one.Results = one.Results[:3]
	one.Target = Target{Address: "bundled", Protocol: []string{"zen"}, StartedBy: "conform", Concurrency: Concurrency{Class: "concurrent", Bound: 17}}
	died := only("incomplete", specs.Pass, specs.Blocked)
	died.Summary.Cause = "the target died and did not come back"
	filtered := only("incomplete", specs.Pass, specs.Skipped)
	many := only("nonconformant")
	for i := range 30 {
		res := sample().Results[2]
		res.ID = fmt.Sprintf("zen/framing/number-%d", i+1)
		many.Results = append(many.Results, res)
	}
	long := only("nonconformant", specs.Fail)
	long.Results = long.Results[:1]
	long.Results[0].ID = "zen/framing/" + strings.Repeat("very-", 12) + "long"
	long.Results[0].Reason.Received = fmt.Sprintf("%q", strings.Repeat("0123456789", 300))
	none := only("error")
	none.Summary.Cause = "nothing listens on localhost:1060"
	none.Run.Jobs = 1

	profiled := only("conformant", specs.Pass)
	profiled.Target.Concurrency = profile()
	profiles := only("conformant", specs.Pass)
	profiles.Target.Concurrency = profile()
	profiles.Target.Concurrency.Profile = append(profiles.Target.Concurrency.Profile, others()...)

	for name, tc := range map[string]struct {
		r *Report
		o TerminalOptions
	}{
		"profile":    {profiled, TerminalOptions{}},
		"profiles":   {profiles, TerminalOptions{Verbose: true}},
		"several":    {profiles, TerminalOptions{}},
		"every":      {sample(), TerminalOptions{}},
		"colour":     {sample(), TerminalOptions{Color: true}},
		"verbose":    {sample(), TerminalOptions{Verbose: true}},
		"quiet":      {sample(), TerminalOptions{Quiet: true}},
		"strict":     {strict, TerminalOptions{}},
		"narrow":     {sample(), TerminalOptions{Width: 10}},
		"one":        {one, TerminalOptions{}},
		"conformant": {only("conformant", specs.Pass, specs.Info, specs.SlowPass), TerminalOptions{}},
		"died":       {died, TerminalOptions{}},
		"filtered":   {filtered, TerminalOptions{}},
		"many":       {many, TerminalOptions{}},
		"long":       {long, TerminalOptions{}},
		"none":       {none, TerminalOptions{}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := WriteHeader(&b, tc.r, len(tc.r.Results), tc.o); err != nil {
				t.Fatal(err)
			}
			if err := WriteTerminal(&b, tc.r, tc.o); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), want) {
				t.Errorf("differs from %s; run go test -update and look at the change:\n%s", path, b.String())
			}
			checkLines(t, b.String())
		})
	}
}

var ownColour = regexp.MustCompile("\x1b\\[(0|31|32|33)m")

// checkLines finds what must not reach a terminal.
func checkLines(t *testing.T, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Error("the output is not UTF-8")
	}
	out = ownColour.ReplaceAllString(out, "")
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##") {
			t.Errorf("a CI system takes this for a command: %q", line)
		}
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("character %q in %q", line[i:i+1], line)
		}
	}
}

func TestTerminalIsSafe(t *testing.T) {
	hostileReports(t, 2<<20, func(t *testing.T, r *Report) {
		for _, o := range []TerminalOptions{{}, {Color: true}, {Verbose: true, Width: 60}, {Quiet: true}} {
			var b bytes.Buffer
			if err := WriteHeader(&b, r, 7, o); err != nil {
				t.Fatal(err)
			}
			plain := *r
			plain.Stages = nil
			for _, r := range []*Report{r, &plain} {
				if err := WriteTerminal(&b, r, o); err != nil {
					t.Fatal(err)
				}
			}
			for _, res := range first(r.Results, 1) {
				if err := WriteCard(&b, res, o); err != nil {
					t.Fatal(err)
				}
				b.WriteString(Remark(res) + "\n")
			}
			b.WriteString(Headline(r) + "\n")
			out := b.String()
			if !o.Color && strings.Contains(out, "\x1b") {
				t.Error("there is an escape character without colours")
			}
			checkLines(t, out)
			if b.Len() > 2<<20 {
				t.Errorf("%d bytes of output", b.Len())
			}
		}
	})
}

func TestLinesFit(t *testing.T) {
	for _, width := range []int{60, 80, 100, 132} {
		var b bytes.Buffer
		r := sample()
		WriteHeader(&b, r, 15, TerminalOptions{Width: width})
		WriteTerminal(&b, r, TerminalOptions{Width: width})
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			switch {
			case strings.HasPrefix(line, "    again"), strings.HasPrefix(line, "    by hand"), strings.HasPrefix(line, "nonconformant"), strings.HasPrefix(line, "~"):
				continue // one line each, to be copied or searched for
			}
			if n := columns(line); n > width {
				t.Errorf("%d columns of %d: %q", n, width, line)
			}
		}
	}
}

func TestShorten(t *testing.T) {
	for _, tc := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 10, ""},
		{"abc", 3, "abc"},
		{"a\x1bb", 10, `a\x1bb`},
		{strings.Repeat("a", 30) + strings.Repeat("b", 30), 40, "aaaaaaaaaaaaa … (60 characters) … bbbbbb"},
		{strings.Repeat("é", 60), 40, "ééééééééééééé … (60 characters) … éééééé"},
		{strings.Repeat("界", 60), 40, "界界界界界界 … (60 characters) … 界界界"},
	} {
		if got := shorten(tc.in, tc.limit); got != tc.want {
			t.Errorf("shorten(%q, %d) = %q, want %q", tc.in, tc.limit, got, tc.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want string
	}{
		{"", ""},
		{"one two", "one two"},
		{"one two three four", "one two|three four"},
		{"abcdefghijklmnopqrstuvwxyz", "abcdefghij|klmnopqrst|uvwxyz"},
		{"   indented text", "   indente|d text"},
		{"0123456789 x", "0123456789|x"},
	} {
		if got := strings.Join(wrap(tc.in, 10), "|"); got != tc.want {
			t.Errorf("wrap(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range reporttest.Hostile {
		f.Add(s[:min(len(s), 2000)], 20)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		c := clean(s)
		if i := strings.IndexFunc(c, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 || !utf8.ValidString(c) {
			t.Errorf("clean(%q) = %q", s, c)
		}
		if clean(c) != c {
			t.Errorf("clean(%q) is cleaned again to %q", c, clean(c))
		}
		if strings.Contains(c, "##") {
			t.Errorf("clean(%q) = %q", s, c)
		}
		limit = min(max(limit, 40), 500)
		short := shorten(s, limit)
		if n := columns(short); n > limit {
			t.Errorf("shorten(%q, %d) has %d columns: %q", s, limit, n, short)
		}
		for _, l := range wrap(short, limit/2) {
			if n := columns(l); n > limit/2 {
				t.Errorf("wrap(%q, %d) has a line of %d: %q", short, limit/2, n, l)
			}
		}
	})
}

// A server with too few places fails everything that needs more: one card says
// it for all of them.
func TestTooFewServedIsOneCard(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Results = nil
	for _, name := range []string{"second-client", "four-clients", "one-leaves"} {
		r.Results = append(r.Results, Result{ID: "zen/concurrency/" + name, Protocol: "zen", Section: "concurrency", Level: specs.Must, Verdict: specs.Fail,
			Title: "Title of " + name + ".", Reason: &Reason{Code: specs.TooFewServed, Message: "the target serves one client at a time"}})
	}
	r.Summary.Counts = Count(r.Results)
	var b strings.Builder
	if err := WriteTerminal(&b, r, TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); strings.Count(text, "✗") != 1 || !strings.Contains(text, "    likewise  four-clients, one-leaves\n") {
		t.Errorf("got\n%s", text)
	}
}
