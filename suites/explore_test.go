package suites_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"conform/impl"
	"conform/impl/echo"
	"conform/specs"
	"conform/suites"
	"conform/suites/report"
)

// shared is one handler for all connections: what they send runs together.
type shared struct {
	impl.Handler
	mu *sync.Mutex
}

func (s shared) Data(p []byte) impl.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.Handler.Data(p)
	return impl.Reply{Send: bytes.Clone(r.Send), Close: r.Close}
}

func (s shared) End() impl.Reply { return impl.Reply{Close: true} }

const anyOrder = "echo/concurrency/any-order"

// Not in parallel, as the next: in which order a server gets what is sent, other tests beside it change.
func TestAnOrderThatFailsIsMadeSmallAndPlayedAgain(t *testing.T) {
	one := shared{echo.New(), new(sync.Mutex)}
	plan := suites.Plan{Target: start(t, func() impl.Handler { return one }, nil), Protocol: "echo", Only: []string{anyOrder}, Seed: 7}
	r := run(t, plan)
	got := find(r, anyOrder)
	if got.Verdict != specs.Fail || got.Schedule == nil || got.Attempts != 1 {
		t.Fatalf("got %s, schedule %v, %d attempts", got.Verdict, got.Schedule, got.Attempts)
	}
	if s := got.Schedule; len(s.Steps) == 0 || len(s.Steps) > 6 || s.Found < len(s.Steps) || s.Failed != s.Runs {
		t.Errorf("got %+v", s)
	}

	again := find(run(t, plan), anyOrder)
	if !reflect.DeepEqual(got.Schedule.Steps, again.Schedule.Steps) {
		t.Errorf("the same seed gives\n%v, and then\n%v", got.Schedule.Steps, again.Schedule.Steps)
	}

	stored, err := report.ReadJSON(strings.NewReader(asJSON(t, r)))
	if err != nil {
		t.Fatal(err)
	}
	replay, before, err := suites.PlanAgain(stored, anyOrder)
	if err != nil {
		t.Fatal(err)
	}
	now := find(run(t, replay), anyOrder)
	if sentence, failed := suites.Compare(before, now); !failed || !strings.HasSuffix(sentence, "fails again, as in the report") {
		t.Errorf("got %q", sentence)
	}
	if !reflect.DeepEqual(now.Schedule.Steps, got.Schedule.Steps) {
		t.Errorf("played again were\n%v instead of\n%v", now.Schedule.Steps, got.Schedule.Steps)
	}
	// On a right server the same schedule passes.
	replay.Target = start(t, echo.New, nil)
	now = find(run(t, replay), anyOrder)
	if sentence, failed := suites.Compare(before, now); failed || !strings.HasSuffix(sentence, "passes now") {
		t.Errorf("got %q", sentence)
	}
}

func asJSON(t *testing.T, r *report.Report) string {
	t.Helper()
	var b strings.Builder
	if err := report.WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// An answer that is lost now and then makes a schedule that fails now and then.
func TestAnOrderThatFailsSometimesIsMadeSmallToo(t *testing.T) {
	var mu sync.Mutex
	answers := 0
	address := start(t, func() impl.Handler {
		return changed{echo.New(), nil, func(b []byte) []byte {
			mu.Lock()
			defer mu.Unlock()
			if answers++; len(b) > 0 && answers%17 == 0 {
				return nil
			}
			return b
		}}
	}, nil)
	r := run(t, suites.Plan{Target: address, Protocol: "echo", Dialects: []string{"line-ends=crlf"}, Only: []string{anyOrder}, Seed: 7, Pace: 0.2})
	got := find(r, anyOrder)
	if got.Verdict != specs.Fail || got.Schedule == nil {
		t.Fatalf("got %s %v", got.Verdict, got.Reason)
	}
	if s := got.Schedule; len(s.Steps) > 6 || s.Failed == 0 || s.Failed >= s.Runs {
		t.Errorf("got %d steps, %d failures in %d runs", len(s.Steps), s.Failed, s.Runs)
	}
	if !strings.Contains(got.Schedule.Tally(), " runs") {
		t.Errorf("got %q", got.Schedule.Tally())
	}
}

func TestAPlanAgainIsChecked(t *testing.T) {
	t.Parallel()
	r := &report.Report{Target: report.Target{Address: "127.0.0.1:1", StartedBy: "user"}, Results: []report.Result{
		{ID: "echo/quit/with-lf", Verdict: specs.Fail}, {ID: anyOrder, Verdict: specs.Skipped}}}
	if _, _, err := suites.PlanAgain(r, "echo/quit/none"); err == nil || !strings.Contains(err.Error(), "echo/quit/with-lf") {
		t.Errorf("got %v", err)
	}
	if _, _, err := suites.PlanAgain(r, anyOrder); err == nil || !strings.Contains(err.Error(), "skipped") {
		t.Errorf("got %v", err)
	}
	if p, _, err := suites.PlanAgain(r, "echo/quit/with-lf"); err != nil || p.Target == nil || p.Target.Address != "127.0.0.1:1" {
		t.Errorf("got %+v, %v", p, err)
	}
	// A schedule of another target, or one that somebody has written.
	for _, step := range []specs.Step{{Client: 9, Do: specs.Connects}, {Client: 1, Do: specs.Sends, Message: 99}, {Client: 1, Do: specs.Sends, Message: 1, From: 5, To: 2}} {
		bad := run(t, suites.Plan{Protocol: "echo", Only: []string{anyOrder},
			Again: map[string]specs.Schedule{anyOrder: {Number: 1, Steps: []specs.Step{step}, Failed: 1, Runs: 1}}})
		if got := find(bad, anyOrder); got.Verdict != specs.Blocked {
			t.Errorf("%v: got %s %v", step, got.Verdict, got.Reason)
		}
	}
}

func TestAFewSchedulesAreTriedUnlessMoreAreAskedFor(t *testing.T) {
	t.Parallel()
	r := run(t, suites.Plan{Protocol: "echo", Only: []string{anyOrder}})
	if got := find(r, anyOrder); got.Verdict != specs.Pass || !strings.Contains(strings.Join(got.Notes, " "), "16 schedules with ") {
		t.Errorf("got %s %v", got.Verdict, got.Notes)
	}
	for _, p := range []suites.Plan{{Explore: -1}, {Explore: 1, Clients: 5}, {Explore: 1e12}} {
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), "--explore") {
			t.Errorf("%+v: got %v", p, err)
		}
	}
}

// busy is a handler that is as late as a server on a busy machine, until a moment.
type busy struct {
	impl.Handler
	until *atomic.Int64 // Unix nanoseconds; 0 for not at all
}

func (b busy) Data(p []byte) impl.Reply {
	if time.Now().UnixNano() < b.until.Load() {
		time.Sleep(400 * time.Millisecond) // longer than an answer is waited for at first
	}
	return b.Handler.Data(p)
}

// A server that answers every schedule rightly, if late, has no wrong order.
func TestAnOrderThatIsOnlyAnsweredLateDoesNotFail(t *testing.T) {
	t.Parallel()
	var until atomic.Int64
	var begin sync.Once
	r, err := suites.Run(t.Context(), suites.Plan{
		Target:   start(t, func() impl.Handler { return busy{echo.New(), &until} }, nil),
		Protocol: "echo", Only: []string{anyOrder}, Seed: 7, Pace: 0.5,
	}, suites.Observer{
		// From when the requirement is tested to when the schedule is small, and somewhat longer.
		Progress: func(_, _ int, running []string) {
			if slices.Contains(running, anyOrder) {
				begin.Do(func() { until.Store(time.Now().Add(9 * time.Second).UnixNano()) })
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := find(r, anyOrder); got.Verdict != specs.Pass || !strings.Contains(strings.Join(got.Notes, " "), "16 schedules with ") {
		t.Errorf("got %s %v", got.Verdict, got.Notes)
	}
	for _, p := range []suites.Plan{{Explore: -1}, {Explore: 1, Clients: 5}, {Explore: 1e12}} {
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), "--explore") {
			t.Errorf("%+v: got %v", p, err)
		}
	}
}
