package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"conform/impl/faults"
	"conform/impl/serve"
	"conform/specs"
	"conform/suites"
	"conform/suites/report"
	"conform/suites/sandbox"
	"conform/suites/target"
)

func init() {
	sandbox.Hostile["reference"] = func(args []string) {
		handler, err := suites.Handler(args[0], nil)
		if err != nil {
			panic(err)
		}
		if args[1] == "udp" {
			answer, err := suites.Answer(args[0])
			if err != nil {
				panic(err)
			}
			pc, err := net.ListenPacket("udp", args[2])
			if err != nil {
				panic(err)
			}
			<-serve.StartPacket(pc, answer, serve.Options{}).Done()
		}
		l, err := net.Listen("tcp", args[2])
		if err != nil {
			panic(err)
		}
		<-serve.Start(l, handler, serve.Options{}).Done()
	}
}

// Every requirement has the same verdict on a server in a box, at a fixed port,
// as on one that is started with --exec.
func TestSuitesInABox(t *testing.T) {
	sandbox.NeedsBoxes(t)
	// All 515 requirements of the three agree; that takes half a minute, so some
	// of each kind stand for them: CONFORM_TEST_ALL=1 tries all.
	for protocol, only := range map[string][]string{"zen": {"zen/framing", "zen/answers"}, "echo": {"echo/framing", "echo/quit"}, "websocket": {"websocket/closing", "websocket/fragmentation"}} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			plan := suites.Plan{Protocol: protocol, Seed: 1, Jobs: 8, Only: only}
			if os.Getenv("CONFORM_TEST_ALL") != "" {
				plan.Only = nil
			}
			outside := plan
			outside.Exec = os.Args[0] + " hostile reference " + protocol + " tcp {host}:{port}"
			inside := plan
			inside.Start = func(ctx context.Context) (suites.Server, error) {
				o := sandbox.In(t, "reference", protocol, "tcp", "{host}:{port}")
				o.Limits = sandbox.Limits{OpenFiles: 1024}
				return server(sandbox.Serve(ctx, sandbox.ServeOptions{Options: o, Port: 8080}))
			}
			a, b := runPlan(t, outside), runPlan(t, inside)
			if b.Target.Address != "127.0.0.1:8080" {
				t.Errorf("it is tested at %s", b.Target.Address)
			}
			t.Logf("%d requirements, outside in %.1f s, in a box in %.1f s", len(a.Results), a.Run.DurationMS/1000, b.Run.DurationMS/1000)
			want := map[string]specs.Verdict{}
			for _, r := range a.Results {
				want[r.ID] = r.Verdict
			}
			for _, r := range b.Results {
				if r.Verdict != want[r.ID] {
					t.Errorf("%s: %s in a box, %s outside: %+v", r.ID, r.Verdict, want[r.ID], r.Reason)
				}
			}
		})
	}
}

// The same over datagrams, with sockets that hear everybody.
func TestDatagramsInABox(t *testing.T) {
	sandbox.NeedsBoxes(t)
	answer, err := suites.Answer("raw")
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	outside := serve.StartPacket(pc, answer, serve.Options{})
	defer outside.Close()
	at, err := target.ParseAddress("udp://" + outside.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a := runPlan(t, suites.Plan{Protocol: "raw", Seed: 1, Target: &at})
	b := runPlan(t, suites.Plan{Protocol: "raw", Seed: 1, Scheme: "udp", Start: func(ctx context.Context) (suites.Server, error) {
		return server(sandbox.Serve(ctx, sandbox.ServeOptions{Options: sandbox.In(t, "reference", "raw", "udp", "{host}:{port}"), Network: "udp"}))
	}})
	judged := 0
	for i, r := range b.Results {
		if r.Verdict != a.Results[i].Verdict {
			t.Errorf("%s: %s in a box, %s outside: %+v", r.ID, r.Verdict, a.Results[i].Verdict, r.Reason)
		}
		if r.Verdict == specs.Pass {
			judged++
		}
	}
	if judged == 0 {
		t.Error("nothing passes")
	}
}

// server keeps a nil *sandbox.Server from being a suites.Server.
func server(s *sandbox.Server, err error) (suites.Server, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func runPlan(t *testing.T, plan suites.Plan) *report.Report {
	t.Helper()
	r, err := suites.Run(t.Context(), plan, suites.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Results) == 0 {
		t.Fatalf("%s: %s", r.Summary.Headline, r.Summary.Cause)
	}
	return r
}

// A submission that is killed by what it is asked, or by its limits, is started
// again for the next requirement, and the report says why it ended.
func TestRestartAfterDeath(t *testing.T) {
	sandbox.NeedsBoxes(t)
	plan := suites.Plan{Protocol: "zen", Seed: 1, Only: []string{"zen/framing", "zen/answers"}, Start: func(ctx context.Context) (suites.Server, error) {
		o := sandbox.In(t, "dies", "127.0.0.1:8080")
		return server(sandbox.Serve(ctx, sandbox.ServeOptions{Options: o, Port: 8080}))
	}}
	r := runPlan(t, plan)
	if len(r.Target.Exits) == 0 || r.Target.Exits[0].Status != "exited with code 7" {
		t.Errorf("%+v", r.Target.Exits)
	}
	if c := r.Summary.Counts; c[specs.Pass] < 10 || c[specs.Blocked] > 0 {
		t.Errorf("%v: %s", c, r.Summary.Cause)
	}
}

// What an earlier client has left in a server is not laid at the door of the next: a
// failure is confirmed on a server that nobody was served by before. What either has
// written is in the report.
func TestConfirmedAfresh(t *testing.T) {
	sandbox.NeedsBoxes(t)
	plan := suites.Plan{Protocol: "calc", Seed: 1, Jobs: 1, Only: []string{"calc/modes/*", "calc/sums/session", "calc/concurrency/state-*"}, Start: func(ctx context.Context) (suites.Server, error) {
		o := sandbox.In(t, "one-mode", "127.0.0.1:8080")
		return server(sandbox.Serve(ctx, sandbox.ServeOptions{Options: o, Port: 8080}))
	}}
	r := runPlan(t, plan)
	again := 0
	for _, res := range r.Results {
		if about := strings.HasPrefix(res.ID, "calc/concurrency/state-"); (res.Verdict == specs.Fail) != about {
			t.Errorf("%s: %s %+v", res.ID, res.Verdict, res.Reason)
		}
		if res.Verdict == specs.Pass && res.Attempts > 1 {
			again++
		}
	}
	if again == 0 {
		t.Error("no requirement has met what another has left")
	}
	if n := strings.Count(r.Target.Output.Head, "one mode for all"); n < again || len(r.Target.Exits) > 0 {
		t.Errorf("%d starts in %q, exits %+v", n, r.Target.Output.Head, r.Target.Exits)
	}
}

// A server that is busy for so long that it is started again has not died: it is
// waited for longer before that counts, as any other that is slow.
func TestBusyIsNotDead(t *testing.T) {
	sandbox.NeedsBoxes(t)
	plan := suites.Plan{Protocol: "zen", Seed: 1, Pace: 0.5, Only: []string{"zen/end-of-input/partial-question-then-gone"}, Start: func(ctx context.Context) (suites.Server, error) {
		o := sandbox.In(t, "naps", "127.0.0.1:8080")
		return server(sandbox.Serve(ctx, sandbox.ServeOptions{Options: o, Port: 8080}))
	}}
	r := runPlan(t, plan)
	for _, res := range r.Results {
		if res.Verdict != specs.Skipped {
			t.Logf("%s: %s, started again: %t", res.ID, res.Verdict, len(r.Target.Exits) > 0)
		}
	}
	if c := r.Summary.Counts; c[specs.SlowPass]+c[specs.Pass] != 1 { // on a busy machine it is not even slow
		t.Errorf("%v, exits %+v", c, r.Target.Exits)
	}
}

// napping ends a connection that ends within a question with a nap that nobody is
// served in.
type napping struct {
	net.Conn
	awake *sync.Mutex
	last  byte
}

func (c *napping) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.last = p[n-1]
	}
	if c.awake.Lock(); err != nil && c.last != '?' && c.last != 0 {
		c.last = 0
		time.Sleep(1500 * time.Millisecond)
	}
	c.awake.Unlock()
	return n, err
}

type nappers struct {
	net.Listener
	awake sync.Mutex
}

func (l *nappers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &napping{Conn: c, awake: &l.awake}, err
}

func init() {
	sandbox.Hostile["naps"] = func(args []string) {
		handler, err := suites.Handler("zen", nil)
		if err != nil {
			panic(err)
		}
		l, err := net.Listen("tcp", args[0])
		if err != nil {
			panic(err)
		}
		<-serve.Start(&nappers{Listener: l}, handler, serve.Options{}).Done()
	}
	sandbox.Hostile["one-mode"] = func(args []string) {
		all := faults.For("calc")
		fault := all[slices.IndexFunc(all, func(f faults.Fault) bool { return f.Name == "one-buffer-for-all" })]
		l, err := net.Listen("tcp", args[0])
		if err != nil {
			panic(err)
		}
		fmt.Println("one mode for all")
		<-fault.Start(l).Done()
	}
	// It serves some connections and then exits.
	sandbox.Hostile["dies"] = func(args []string) {
		handler, err := suites.Handler("zen", nil)
		if err != nil {
			panic(err)
		}
		l, err := net.Listen("tcp", args[0])
		if err != nil {
			panic(err)
		}
		serve.Start(&mortal{Listener: l, left: 30}, handler, serve.Options{})
		select {}
	}
}

type mortal struct {
	net.Listener
	left int
}

func (m *mortal) Accept() (net.Conn, error) {
	if m.left--; m.left < 0 {
		fmt.Println("that was enough")
		os.Exit(7)
	}
	return m.Listener.Accept()
}

// A command that cannot be run is the submission's fault, and said as such.
func TestCommandErrorOfAPlan(t *testing.T) {
	sandbox.NeedsBoxes(t)
	_, err := suites.Run(t.Context(), suites.Plan{Protocol: "zen", Start: func(ctx context.Context) (suites.Server, error) {
		return server(sandbox.Serve(ctx, sandbox.ServeOptions{Options: sandbox.Options{Dir: t.TempDir(), Tier: sandbox.Namespaced, Command: []string{"./none"}}}))
	}}, suites.Observer{})
	var command *target.CommandError
	if !errors.As(err, &command) {
		t.Errorf("%v", err)
	}
	r, err := suites.Run(t.Context(), suites.Plan{Protocol: "zen", Start: func(ctx context.Context) (suites.Server, error) {
		o := sandbox.Options{Dir: t.TempDir(), Tier: sandbox.Namespaced, Command: []string{"sleep", "60"}}
		return server(sandbox.Serve(ctx, sandbox.ServeOptions{Options: o, Ready: 200 * time.Millisecond}))
	}}, suites.Observer{})
	if err != nil || r.Summary.ExitCode != 3 || !strings.Contains(r.Summary.Cause, "listens on no port, expected 8080") {
		t.Errorf("%v, %+v", err, r)
	}
}
