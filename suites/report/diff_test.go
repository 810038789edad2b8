package report

import (
	"reflect"
	"strings"
	"testing"

	"conform/specs"
	"conform/suites/report/reporttest"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	result := func(id string, v specs.Verdict, code specs.Code) Result {
		res := Result{ID: id, Verdict: v}
		if code != "" {
			res.Reason = &Reason{Code: code, Message: "because of " + string(code)}
		}
		return res
	}
	before := &Report{Results: []Result{
		result("a/same", specs.Pass, ""), result("a/broken", specs.Pass, ""), result("a/mended", specs.Fail, specs.NoAnswer),
		result("a/otherwise", specs.Fail, specs.NoAnswer), result("a/slower", specs.Pass, ""), result("a/gone", specs.Pass, ""), result("a/left-out", specs.Fail, specs.NoAnswer)}}
	after := &Report{Results: []Result{
		result("a/same", specs.Pass, ""), result("a/broken", specs.Fail, specs.WrongBytes), result("a/mended", specs.Pass, ""),
		result("a/otherwise", specs.Fail, specs.WrongBytes), result("a/slower", specs.SlowPass, ""), result("a/new", specs.Pass, ""), result("a/new-and-broken", specs.Fail, ""),
		result("a/left-out", specs.Skipped, specs.Deselected)}}
	got := Diff(before, after)
	want := []Change{
		{"a/broken", specs.Pass, specs.Fail, Broken, "because of wrong-bytes"},
		{"a/mended", specs.Fail, specs.Pass, Mended, ""},
		{"a/otherwise", specs.Fail, specs.Fail, Differs, "because of wrong-bytes"},
		{"a/slower", specs.Pass, specs.SlowPass, Differs, ""},
		{"a/new", "", specs.Pass, Appeared, ""},
		{"a/new-and-broken", "", specs.Fail, Broken, ""},
		{"a/left-out", specs.Fail, specs.Skipped, Vanished, ""},
		{"a/gone", specs.Pass, "", Vanished, ""},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	var b strings.Builder
	if err := WriteDiff(&b, got, TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); !strings.HasPrefix(text, "✗ a/broken  pass → fail  because of wrong-bytes\n") || !strings.HasSuffix(text, "\n2 broken, 2 vanished, 2 differs, 1 mended, 1 appeared\n") {
		t.Errorf("got\n%s", text)
	}
	b.Reset()
	if err := WriteDiff(&b, Diff(after, after), TerminalOptions{}); err != nil || b.String() != "nothing differs\n" {
		t.Errorf("%v, %q", err, b.String())
	}
	// A requirement is worth as much as its run says.
	strict := &Report{Run: Run{Strict: true}, Results: []Result{result("a/same", specs.NonStrict, "")}}
	if got := Diff(before, strict); got[0].Kind != Broken {
		t.Errorf("got %+v", got[0])
	}
}

func TestDiffIsSafe(t *testing.T) {
	hostileReports(t, 2<<20, func(t *testing.T, r *Report) {
		var b strings.Builder
		if err := WriteDiff(&b, Diff(sample(), r), TerminalOptions{}); err != nil {
			t.Fatal(err)
		}
		reporttest.CheckText(t, b.String())
		if b.Len() > 200_000 {
			t.Errorf("%d bytes", b.Len())
		}
	})
}
