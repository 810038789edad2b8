// Package conformtest runs the requirements of a protocol from a Go test, with a
// subtest for each: for programmers who write a server in Go, or start one from
// their tests.
//
//	func TestServer(t *testing.T) {
//		ln, err := net.Listen("tcp", "127.0.0.1:0")
//		if err != nil {
//			t.Fatal(err)
//		}
//		defer ln.Close()
//		go serve(ln) // your server
//		conformtest.Run(t, conformtest.Options{Protocol: "zen", Target: ln.Addr().String()})
//	}
//
// A subtest is named by the ID of its requirement, and go test selects by it
// before anything is run: -run 'TestServer/zen/framing' runs one section, and
// -skip, -short (without what takes more than a second), -failfast and -v mean
// what they always do. A requirement that is not met fails its subtest, with the
// same evidence that conform prints; one that cannot be judged is skipped, with
// the reason. What fails only under Options.Strict is logged.
//
// All requirements are one run, as concurrent as the server bears, so that the
// time of a subtest says nothing; that of the subtest with the protocol's name
// is the time of the run. It ends before the deadline of the test.
//
// Requirements know nothing of this package, and it judges nothing: package
// suites does. It writes no reports either: that is for the conform command.
// Ginkgo's tree of this process is left alone, so that a test binary may have
// Ginkgo suites of its own; it has the flags of Ginkgo v2 in any case, which
// Ginkgo v1 cannot be linked beside.
package conformtest

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"conform/specs"
	"conform/suites"
	"conform/suites/report"
	"conform/suites/target"
)

// Options say what is tested, and by what. Protocol has to be given, and one of
// Target and Exec. Everything means what the flag of conform of the same name
// does.
type Options struct {
	Protocol string // zen, echo, calc, raw, pid, sink or websocket

	Target string // a server that is running: host:port, or a tcp, tls, udp, unix, unixgram, ws or wss URL
	Exec   string // or a command that starts one; {port} and $PORT are where it has to listen

	Dialects   []string // what is declared of the server, as KEY=VALUE: "class=serial"
	Only, Skip []string // globs over IDs, beside those of -run and -skip; a section takes all of it

	Strict   bool    // a SHOULD that is not met fails, too
	Insecure bool    // the certificate of a tls or wss target is not verified
	Pace     float64 // a factor on every wait; 0 is 1

	// Seed is what random input is drawn from. 0 takes the environment variable
	// CONFORM_SEED, or draws one; a failure says which it was.
	Seed int64
}

// Run tests a server, with a subtest for each requirement that the options and
// go test select. It returns when all of them have ended.
func Run(t *testing.T, o Options) {
	t.Helper()
	plan, err := o.plan()
	if err != nil {
		t.Fatalf("conformtest: %s", err)
	}
	requirements, err := plan.Requirements()
	if err != nil {
		t.Fatalf("conformtest: %s", err)
	}
	// The subtests of a group are on the mark when all have been called, and go
	// when the group's function returns: what is selected is known by then.
	t.Run(o.Protocol, func(t *testing.T) {
		t.Helper()
		r := &run{results: map[string]report.Result{}, strict: o.Strict}
		for _, s := range requirements {
			t.Run(strings.TrimPrefix(s.ID, o.Protocol+"/"), func(t *testing.T) {
				t.Helper()
				if s.Slow && testing.Short() {
					t.Skip("takes more than a second, and -short is given")
				}
				r.selected = append(r.selected, s.ID)
				t.Parallel()
				r.tell(t, s)
			})
		}
		r.carryOut(t, plan, len(requirements))
	})
}

// plan is what the options mean, with a seed.
func (o Options) plan() (suites.Plan, error) {
	p := suites.Plan{Exec: o.Exec, Protocol: o.Protocol, Dialects: o.Dialects, Only: o.Only, Skip: o.Skip,
		Strict: o.Strict, Insecure: o.Insecure, Pace: o.Pace, Seed: o.Seed, Hosted: true,
		Tool: report.Tool{Name: "conformtest"}}
	switch {
	case o.Protocol == "":
		return p, fmt.Errorf(`the options name no Protocol, as in Protocol: "zen"`)
	case o.Target == "" && o.Exec == "":
		return p, fmt.Errorf("the options name no server: write the Target that listens, or the command to Exec")
	}
	if o.Target != "" {
		address, err := target.ParseAddress(o.Target)
		if err != nil {
			return p, fmt.Errorf("the Target of the options: %w", err)
		}
		p.Target = &address
	}
	if given := os.Getenv("CONFORM_SEED"); p.Seed == 0 && given != "" {
		seed, err := strconv.ParseInt(given, 10, 64)
		if err != nil || seed < 1 {
			return p, fmt.Errorf("CONFORM_SEED=%q: write a number from 1 on", given)
		}
		p.Seed = seed
	}
	return p, nil
}

// run is one run, and what its subtests wait for.
type run struct {
	selected []string // by go test; complete when the group's function goes on
	results  map[string]report.Result
	strict   bool
	seed     int64
	spoiled  string // why there are no results
}

// margin is how much of the time that is left until the deadline of the test is
// kept for telling what came of the run.
func margin(left time.Duration) time.Duration { return min(max(left/20, time.Second), 10*time.Second) }

// carryOut runs what is selected, and says of the run what no subtest can say.
func (r *run) carryOut(t *testing.T, plan suites.Plan, all int) {
	t.Helper()
	if len(r.selected) == 0 {
		return
	}
	if len(r.selected) < all {
		plan.Only, plan.Skip = r.selected, nil
	}
	r.spoiled = "not run: see the test that it belongs to"
	if end, ok := t.Deadline(); ok {
		left := time.Until(end)
		plan.Timeout = min(suites.DefaultTimeout, left-margin(left)).Round(time.Millisecond)
		if plan.Timeout <= 0 {
			t.Fatalf("conformtest: %s until the deadline of the test is too little for a run: give go test a longer -timeout", left.Round(time.Millisecond))
		}
	}
	header := ""
	done, err := suites.Run(t.Context(), plan, suites.Observer{Ready: func(so *report.Report, requirements int) {
		var b strings.Builder
		_ = report.WriteHeader(&b, so, requirements, report.TerminalOptions{})
		header = b.String()
	}})
	if err != nil {
		t.Fatalf("conformtest: %s", err)
	}
	r.seed = done.Run.Seed
	if header != "" {
		t.Logf("%s%s", header, report.Headline(done))
	}
	for _, res := range done.Results {
		r.results[res.ID] = res
	}
	counts := done.Summary.Counts
	switch {
	case len(done.Results) == 0:
		t.Fatalf("conformtest: %s", report.Headline(done))
	case done.Summary.ExitCode > 2 && done.Summary.Cause != "":
		t.Errorf("conformtest: %s", report.Headline(done)) // the target died, the time was spent
	case counts[specs.Blocked] > 0 && counts[specs.Fail]+counts[specs.Error] == 0:
		t.Errorf("conformtest: %d of the selected requirements could not be judged", counts[specs.Blocked])
	}
}

// tell is the part of a subtest: what came of its requirement.
func (r *run) tell(t *testing.T, s specs.Spec) {
	t.Helper()
	res, ok := r.results[s.ID]
	if !ok {
		t.Skip(r.spoiled)
	}
	res.Replay = r.again(t.Name())
	res.Recipe = nil // the server goes with the test
	var card strings.Builder
	if err := report.WriteCard(&card, res, report.TerminalOptions{Verbose: testing.Verbose()}); err != nil {
		t.Fatal(err)
	}
	switch res.Verdict {
	case specs.Pass:
	case specs.Fail, specs.Error:
		t.Errorf("\n%s", &card)
	case specs.NonStrict:
		if r.strict {
			t.Errorf("\n%s", &card)
			return
		}
		t.Logf("\n%s", &card)
	case specs.Info, specs.SlowPass:
		t.Logf("%s: %s", res.Verdict, report.Remark(res))
	default:
		t.Skipf("%s: %s", res.Verdict, report.Remark(res))
	}
}

// again is the command that runs one subtest with the same input.
func (r *run) again(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return fmt.Sprintf("CONFORM_SEED=%d go test -run '%s' -v", r.seed, strings.ReplaceAll(strings.Join(parts, "/"), "'", `'\''`))
}
