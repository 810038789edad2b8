package selftest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"conform/specs"
	"conform/suites"
	"conform/suites/report"
	"conform/suites/target"
)

// What fails in a report fails again when it is replayed, in the same way: here
// for a few of the failures that the self-test rests on, drawn anew each time.
// CONFORM_REPLAY names the faults whose failures are all replayed, as globs:
//
//	CONFORM_REPLAY='zen/*,echo/*' go test ./suites/selftest -run Replay -v -timeout 60m
//
// CONFORM_SEED draws the same ones again.
func TestReplay(t *testing.T) {
	o := options()
	few := 10
	if testing.Short() || raceEnabled {
		few = 4
	}
	if globs := os.Getenv("CONFORM_REPLAY"); globs != "" {
		o.Faults, few = strings.Split(globs, ","), 0
	}
	seed := uint64(time.Now().UnixNano() % 1_000_000)
	if given := os.Getenv("CONFORM_SEED"); given != "" {
		if _, err := fmt.Sscan(given, &seed); err != nil {
			t.Fatalf("CONFORM_SEED: %v", err)
		}
	}
	o.Seed = seed
	pairs, err := plan(o)
	if err != nil {
		t.Fatal(err)
	}
	pairs, _ = near(slices.DeleteFunc(pairs, func(p *pair) bool { return p.kind != faulty || few > 0 && (p.spec.Heavy || p.spec.Slow || p.spec.Last) }))
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	t.Logf("seed %d, %d pairs of a fault and a requirement", seed, len(pairs))

	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		taken int
		tally = map[string]int{}
	)
	next := func() *pair {
		mu.Lock()
		defer mu.Unlock()
		if len(pairs) == 0 || few > 0 && taken == few {
			return nil
		}
		p := pairs[0]
		pairs = pairs[1:]
		return p
	}
	for range 12 {
		wg.Go(func() {
			for p := next(); p != nil; p = next() {
				if err := p.run(t.Context(), "127.0.0.1", o.timing(), seed); err != nil {
					t.Error(err)
					return
				}
				if !p.catches() {
					continue
				}
				mu.Lock()
				if few > 0 && taken == few {
					mu.Unlock()
					return
				}
				taken++
				mu.Unlock()
				what, detail := p.replay(t.Context(), o)
				if few > 0 && !p.accepts(what) {
					// A report of something that a busy machine made happen.
					what, detail = p.replay(t.Context(), o)
				}
				mu.Lock()
				tally[what]++
				mu.Unlock()
				name := fmt.Sprintf("%s/%s, %s: %s%s", p.protocol.Name, p.fault.Name, p.spec.ID, what, detail)
				if !p.accepts(what) {
					t.Error(name)
				} else if few > 0 || what != identical {
					t.Log(name)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("of %d failures: %v", taken, tally)
}

const (
	identical = "fails again, as in the report"
	elseplace = "as in the report, but at another place" // of several clients, another one met it first
	elsewhere = "does not fail in a run of its own"
)

// accepts says whether what came of a replay is what should.
func (p *pair) accepts(what string) bool {
	return strings.HasPrefix(what, identical) || p.spec.Clients > 1 && strings.HasSuffix(what, elseplace) ||
		strings.HasPrefix(what, elsewhere) // there is nothing to be replayed
}

// replay runs the spec on the pair's server as conform does, stores the report,
// and runs it again from there on another such server.
func (p *pair) replay(ctx context.Context, o Options) (what, detail string) {
	given := suites.Plan{Protocol: p.protocol.Name, Only: []string{p.spec.ID}, Seed: int64(o.Seed) + 1, Pace: 0.5, Hosted: true}
	if raceEnabled {
		given.Pace = 1
	}
	for key, setting := range dialects(p.protocol.Name, p.spec) {
		given.Dialects = append(given.Dialects, key+"="+setting.Value)
	}
	slices.Sort(given.Dialects)
	switch {
	case p.fault.Datagrams:
	case p.fault.Bound == 1:
		given.Dialects = append(given.Dialects, "class=serial")
	case p.fault.Bound > 1:
		given.Dialects = append(given.Dialects, fmt.Sprintf("class=pool:%d", p.fault.Bound))
	}
	run := func(plan suites.Plan) (*report.Report, error) {
		server, err := p.start("127.0.0.1")
		if err != nil {
			return nil, err
		}
		defer server.Close()
		network := server.Addr().Network()
		plan.Target = &target.Address{Scheme: network, Network: network, Address: server.Addr().String()}
		return suites.Run(ctx, plan, suites.Observer{})
	}
	first, err := run(given)
	if err != nil {
		return "cannot be run", ": " + err.Error()
	}
	before := result(first, p.spec.ID)
	if before.Verdict != specs.Fail && before.Verdict != specs.NonStrict {
		// A run looks the server over first, and may see its dialect.
		return elsewhere + ": " + string(before.Verdict), fmt.Sprintf(" (%s; selftest: %s)", brief(before.Reason), p.reason)
	}
	var stored bytes.Buffer
	if err := report.WriteJSON(&stored, first); err != nil {
		return "cannot be stored", ": " + err.Error()
	}
	read, err := report.ReadJSON(&stored)
	if err != nil {
		return "cannot be read", ": " + err.Error()
	}
	again, before, err := suites.PlanAgain(read, p.spec.ID)
	if err != nil {
		return "cannot be planned again", ": " + err.Error()
	}
	if again.Target == nil || again.Target.String() != first.Target.Address {
		return "is planned for another target", fmt.Sprintf(": %v", again.Target)
	}
	again.Hosted = true
	// Some faults are races: what is seen of them first differs now and then.
	for try := range 3 {
		second, err := run(again)
		if err != nil {
			return "cannot be run again", ": " + err.Error()
		}
		now := result(second, p.spec.ID)
		sentence, _ := suites.Compare(before, now)
		what = strings.TrimPrefix(sentence, p.spec.ID+" ")
		switch {
		case what == identical && now.Verdict != before.Verdict:
			what = "has another verdict"
		case what == identical && try > 0:
			return fmt.Sprintf("%s, at try %d", identical, try+1), detail
		case what == identical:
			return identical, ""
		}
		detail += fmt.Sprintf("\n    then %s %s\n    now  %s %s", before.Verdict, brief(before.Reason), now.Verdict, brief(now.Reason))
		if p.accepts(what) {
			break
		}
	}
	return what, detail
}

func result(r *report.Report, id string) report.Result {
	for _, res := range r.Results {
		if res.ID == id {
			return res
		}
	}
	return report.Result{Verdict: specs.Error, Reason: &report.Reason{Message: r.Summary.Cause}}
}

func brief(r *report.Reason) string {
	if r == nil {
		return "for no reason"
	}
	return fmt.Sprintf("%s: %.200s; expected %.200q, received %.200s, difference %+v", r.Code, r.Message, r.Expected, r.Received, r.FirstDifference)
}
