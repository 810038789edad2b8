package suites_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"conform/impl"
	"conform/impl/websocket"
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

// A rule for everything that a server sends may be broken in the case of another
// requirement: that one is run again, too.
func TestReplayOfWhatAnotherCaseShows(t *testing.T) {
	t.Parallel()
	const rule, elsewhere = "websocket/framing/server-lengths-minimal", "websocket/framing/lengths-around-256"
	// A text of 256 bytes, and the same with a length of 64 bits.
	const right, wrong = "\x81\x7e\x01\x00", "\x81\x7f\x00\x00\x00\x00\x00\x00\x01\x00"
	address := start(t, func() impl.Handler {
		return changed{websocket.New(websocket.Bundled()), nil, func(p []byte) []byte {
			return bytes.ReplaceAll(p, []byte(right), []byte(wrong))
		}}
	}, nil)
	r := run(t, suites.Plan{Target: address, Protocol: "websocket", Only: []string{rule, elsewhere}})
	before := find(r, rule)
	if before.Verdict != specs.Fail || before.Reason.SeenIn != elsewhere || !strings.Contains(before.Replay, "--only "+elsewhere) {
		t.Fatalf("%s, %+v, %s", before.Verdict, before.Reason, before.Replay)
	}
	plan, before, err := suites.PlanAgain(r, rule)
	if err != nil {
		t.Fatal(err)
	}
	if sentence, again := suites.Compare(before, find(run(t, plan), rule)); !again || !strings.HasSuffix(sentence, "fails again, as in the report") {
		t.Error(sentence)
	}
}
