package suites_test

import (
	"context"
	"strings"
	"testing"

	"conform/specs"
	"conform/suites"
	"conform/suites/report"
)

// How much had come by then is a matter of the moment; what came is not.
func TestCompare(t *testing.T) {
	t.Parallel()
	failure := func(code specs.Code, expected string, d *report.Difference) report.Result {
		return report.Result{ID: "x", Verdict: specs.Fail, Reason: &report.Reason{Code: code, Expected: []string{expected}, FirstDifference: d}}
	}
	difference := func(offset int, received string) *report.Difference {
		return &report.Difference{Offset: offset, Expected: `"Ugly."`, Received: received}
	}
	pass := report.Result{ID: "x", Verdict: specs.Pass}
	for _, c := range []struct {
		before, now report.Result
		want        string
		again       bool
	}{
		{failure(specs.NoAnswer, "a", nil), failure(specs.NoAnswer, "a", nil), "fails again, as in the report", true},
		{failure(specs.WrongBytes, "a", difference(0, `"..."`)), failure(specs.WrongBytes, "a", difference(0, `"......" … (69 bytes) … "..."`)), "fails again, as in the report", true},
		{failure(specs.WrongBytes, "a", difference(0, `"ugly."`)), failure(specs.WrongBytes, "a", difference(0, `"uglier."`)), "fails again, with wrong-bytes as in the report, but at another place", true},
		{failure(specs.WrongBytes, "a", difference(0, `"..."`)), failure(specs.WrongBytes, "a", difference(1, `"..."`)), "fails again, with wrong-bytes as in the report, but at another place", true},
		{failure(specs.WrongBytes, "a", difference(0, `"..."`)), failure(specs.WrongBytes, "a", difference(0, "")), "fails again, with wrong-bytes as in the report, but at another place", true},
		{failure(specs.NoAnswer, "a", nil), failure(specs.NoAnswer, "b", nil), "fails again, with no-answer as in the report, but at another place", true},
		{failure(specs.ResetEarly, "a", nil), failure(specs.ClosedEarly, "a", nil), "fails again, in another way: with closed-early, and with reset-early in the report", true},
		{failure(specs.NoAnswer, "a", nil), pass, "passes now", false},
		{pass, failure(specs.NoAnswer, "a", nil), "fails now; in the report it was pass", true},
	} {
		if got, again := suites.Compare(c.before, c.now); got != "x "+c.want || again != c.again {
			t.Errorf("%q, %v; want %q, %v", got, again, c.want, c.again)
		}
	}
}

// A server that greets where it must not is there, and is judged, when its
// protocol is named.
func TestAGreetingIsNoAbsence(t *testing.T) {
	t.Parallel()
	r, err := suites.Run(context.Background(), suites.Plan{Target: faulty(t, "zen", "greets"), Protocol: "zen", Only: []string{"zen/framing/no-greeting"}}, suites.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	if res := find(r, "zen/framing/no-greeting"); res.Verdict != specs.Fail || r.Summary.ExitCode != 1 || strings.Contains(r.Summary.Cause, "cannot reach") {
		t.Errorf("%s, exit code %d, %s", res.Verdict, r.Summary.ExitCode, r.Summary.Cause)
	}
}
