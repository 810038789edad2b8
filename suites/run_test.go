package suites_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"conform/impl"
	"conform/impl/faults"
	"conform/impl/serve"
	"conform/impl/zen"
	"conform/specs"
	"conform/suites"
	"conform/suites/report"
	"conform/suites/target"
)

// The test binary can be a server of its own: see serverProcess.
func TestMain(m *testing.M) {
	if os.Getenv("CONFORM_TEST_SERVER") != "" {
		serverProcess()
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "inherited" {
		inheritedProcess(os.Args[2])
		return
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // or each child lasts a second longer under the race detector
	if !raceEnabled {
		// Nearly all of these tests wait. Ginkgo ends a run that was given go test -parallel, and does not see this.
		if err := flag.Lookup("test.parallel").Value.Set("4"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// serverProcess is zen, and dies of a NUL in a question or, as a crowd, of the
// sixtieth client at once. One that spins never rests.
func serverProcess() {
	ln, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if os.Getenv("CONFORM_TEST_SERVER") == "crowd" {
		ln = &house{Listener: ln, enter: func(conn net.Conn, inside int) net.Conn {
			if inside == 60 {
				os.Exit(9)
			}
			return conn
		}}
	}
	if os.Getenv("CONFORM_TEST_SERVER") == "spins" {
		go func() {
			for {
				runtime.Gosched()
			}
		}()
	}
	server := serve.Start(ln, func() impl.Handler {
		return changed{zen.New(), func(p []byte) []byte {
			if slices.Contains(p, 0) {
				fmt.Println("cannot decode NUL")
				os.Exit(7)
			}
			return p
		}, nil}
	}, serve.Options{})
	<-server.Done()
}

// changed is a handler with a change to its input or its output.
type changed struct {
	impl.Handler
	in  func([]byte) []byte
	out func([]byte) []byte
}

func (c changed) Data(p []byte) impl.Reply {
	if c.in != nil {
		p = c.in(p)
	}
	r := c.Handler.Data(p)
	if c.out != nil && len(r.Send) > 0 {
		r.Send = c.out(r.Send)
	}
	return r
}

func (c changed) End() impl.Reply {
	r := c.Handler.End()
	if c.out != nil && len(r.Send) > 0 {
		r.Send = c.out(r.Send)
	}
	return r
}

func start(t *testing.T, handler func() impl.Handler, wrap func(net.Listener) net.Listener) *target.Address {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := &target.Address{Scheme: "tcp", Network: "tcp", Address: ln.Addr().String()}
	if wrap != nil {
		ln = wrap(ln)
	}
	server := serve.Start(ln, handler, serve.Options{})
	t.Cleanup(func() { server.Close() })
	return address
}

func run(t *testing.T, plan suites.Plan) *report.Report {
	t.Helper()
	if plan.Pace == 0 {
		plan.Pace = 0.5 // what is tested here answers at once
	}
	r, err := suites.Run(context.Background(), plan, suites.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func find(r *report.Report, id string) report.Result {
	for _, res := range r.Results {
		if res.ID == id {
			return res
		}
	}
	return report.Result{}
}

// not lists the results that are not of these verdicts.
func not(r *report.Report, verdicts ...specs.Verdict) (all []string) {
	for _, res := range r.Results {
		if !slices.Contains(verdicts, res.Verdict) {
			all = append(all, fmt.Sprintf("%s %s %v", res.ID, res.Verdict, res.Reason))
		}
	}
	return all
}

func TestReferenceIsConformantUnderStrict(t *testing.T) {
	t.Parallel()
	plan, headline := suites.Plan{Strict: true}, "conformant"
	allowed := []specs.Verdict{specs.Pass, specs.Info, specs.Unsupported}
	if raceEnabled {
		// Many megabytes take the race detector a minute, and take the paths that a few bytes take.
		for _, p := range suites.Protocols() {
			for _, s := range p.Specs() {
				if s.Heavy {
					plan.Skip = append(plan.Skip, s.ID)
				}
			}
		}
		headline, allowed = "incomplete", append(allowed, specs.Skipped)
	}
	r := run(t, plan)
	if bad := not(r, allowed...); bad != nil || r.Summary.Headline != headline || r.Summary.ExitCode != 0 {
		t.Errorf("%s, exit %d: %s", r.Summary.Headline, r.Summary.ExitCode, strings.Join(bad, "\n"))
	}
	if again := run(t, suites.Plan{Protocol: "zen", Seed: r.Run.Seed}); again.Summary.Headline != "conformant" {
		t.Errorf("a second run in the same process: %+v", again.Summary)
	}
}

func TestAFailureIsReportedWithItsEvidence(t *testing.T) {
	t.Parallel()
	address := start(t, func() impl.Handler {
		return changed{zen.New(), nil, func(b []byte) []byte { return []byte(strings.Replace(string(b), "Complex.", "Complex!", 1)) }}
	}, nil)
	r := run(t, suites.Plan{Target: address, Seed: 5})
	g := NewWithT(t)
	g.Expect(r.Summary.Headline).To(Equal("nonconformant"))
	g.Expect(r.Summary.ExitCode).To(Equal(1))
	g.Expect(r.Target.Protocol).To(Equal([]string{"zen"}))
	g.Expect(r.Target.Detected).To(Equal("answered a question"))
	res := find(r, "zen/answers/simple")
	g.Expect(res.Verdict).To(Equal(specs.Fail))
	g.Expect(res.Attempts).To(Equal(2), "a failure is confirmed alone")
	g.Expect(res.Reason.Code).To(Equal(specs.WrongBytes))
	g.Expect(res.Reason.Expected).To(Equal([]string{`"Complex."`}))
	g.Expect(*res.Reason.FirstDifference).To(Equal(report.Difference{Offset: 7, Expected: `"."`, Received: `"!"`}))
	g.Expect(res.Transcript).NotTo(BeEmpty())
	g.Expect(res.Replay).To(Equal("conform --target " + address.String() + " --pace 0.5 --only zen/answers/simple --seed 5 -v"))
	g.Expect(find(r, "zen/answers/explicit").Verdict).To(Equal(specs.Pass))
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	for _, protocol := range []string{"", "calc"} {
		began := time.Now()
		r := run(t, suites.Plan{Target: &target.Address{Scheme: "tcp", Network: "tcp", Address: ln.Addr().String()}, Protocol: protocol})
		if r.Summary.ExitCode != 3 || r.Summary.Headline != "error" || !strings.Contains(r.Summary.Cause, "connection refused") || strings.Contains(r.Summary.Cause, "\n") {
			t.Errorf("got %+v", r.Summary)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("took %s", took)
		}
	}
}

// mortal is the listener of a server that dies when a client resets its
// connection after half a question.
type mortal struct {
	net.Listener
	died chan bool // closed then
	once sync.Once
}

func (m *mortal) Accept() (net.Conn, error) {
	conn, err := m.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &watched{TCPConn: conn.(*net.TCPConn), m: m}, nil
}

type watched struct {
	*net.TCPConn
	m    *mortal
	half bool
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.TCPConn.Read(p)
	if errors.Is(err, syscall.ECONNRESET) && w.half {
		w.m.once.Do(func() { close(w.m.died) })
	}
	w.half = n > 0 && p[n-1] != '?'
	return n, err
}

func TestATargetThatDiesGivesOneCauseAndACompleteReport(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	died := make(chan bool)
	server := serve.Start(&mortal{Listener: ln, died: died}, zen.New, serve.Options{})
	t.Cleanup(func() { server.Close() })
	go func() {
		<-died
		server.Close()
	}()
	r := run(t, suites.Plan{Target: &target.Address{Scheme: "tcp", Network: "tcp", Address: ln.Addr().String()}})
	g := NewWithT(t)
	g.Expect(r.Summary.ExitCode).To(Equal(3))
	g.Expect(r.Results).To(HaveLen(len(mustFind(t, "zen").Specs())))
	g.Expect(r.Summary.Cause).To(ContainSubstring("zen/robustness/reset-in-a-question"))
	g.Expect(r.Summary.Counts[specs.Fail]).To(Equal(1), "%v", not(r, specs.Pass, specs.Info, specs.Blocked))
	g.Expect(r.Summary.Counts[specs.Blocked]).To(BeNumerically(">", 0))
	g.Expect(r.Run.Complete).To(BeFalse())
	for _, res := range r.Results {
		if res.Verdict == specs.Blocked {
			g.Expect(res.Reason.Code).To(Equal(specs.TargetDied))
		}
	}
}

func TestWhoKilledTheTargetIsToldWithOneJob(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		jobs    int
		verdict specs.Verdict // of the requirement that sends a NUL first
		cause   string
	}{
		{1, specs.Fail, "stopped serving during zen/messages/any-byte: "},
		{16, specs.Blocked, "(--jobs 1 tells which)"},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ready := make(chan bool)
		var server *serve.Server
		server = serve.Start(ln, func() impl.Handler {
			return changed{zen.New(), func(p []byte) []byte {
				if slices.Contains(p, 0) {
					<-ready
					server.Close()
				}
				return p
			}, nil}
		}, serve.Options{})
		close(ready)
		t.Cleanup(func() { server.Close() })
		r := run(t, suites.Plan{Target: &target.Address{Scheme: "tcp", Network: "tcp", Address: ln.Addr().String()}, Jobs: tc.jobs})
		if r.Summary.ExitCode != 3 || !strings.Contains(r.Summary.Cause, tc.cause) {
			t.Errorf("%d jobs: exit %d, cause %s", tc.jobs, r.Summary.ExitCode, r.Summary.Cause)
		}
		if got := find(r, "zen/messages/any-byte"); got.Verdict != tc.verdict {
			t.Errorf("%d jobs: %s %v, want %s", tc.jobs, got.Verdict, got.Reason, tc.verdict)
		}
	}
}

// A server that is busy for a while has not died of it.
func TestABusyTargetIsWaitedFor(t *testing.T) {
	t.Parallel()
	var busy sync.Mutex
	var once sync.Once
	address := start(t, func() impl.Handler {
		return changed{zen.New(), func(p []byte) []byte {
			busy.Lock()
			defer busy.Unlock()
			if slices.Contains(p, 0) {
				once.Do(func() { time.Sleep(4 * time.Second) })
			}
			return p
		}, nil}
	}, nil)
	r := run(t, suites.Plan{Target: address, Protocol: "zen", Jobs: 1, Only: []string{"zen/messages"}})
	if bad := not(r, specs.Pass, specs.Skipped); bad != nil || r.Summary.ExitCode != 0 {
		t.Errorf("exit %d: %s", r.Summary.ExitCode, strings.Join(bad, "\n"))
	}
}

func mustFind(t *testing.T, name string) specs.Protocol {
	t.Helper()
	p, err := suites.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAServerThatDiesIsStartedAgainAndCharged(t *testing.T) {
	t.Setenv("CONFORM_TEST_SERVER", "1")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, suites.Plan{Exec: fmt.Sprintf("'%s'", exe)})
	g := NewWithT(t)
	g.Expect(r.Summary.ExitCode).To(Equal(1), "%+v", r.Summary)
	var failed []string
	for _, res := range r.Results {
		if res.Verdict == specs.Fail {
			failed = append(failed, res.ID)
		}
	}
	g.Expect(failed).To(ConsistOf("zen/messages/any-byte", "zen/messages/nul-is-not-an-end"))
	g.Expect(not(r, specs.Pass, specs.Info, specs.Fail, specs.Unsupported)).To(BeEmpty())
	g.Expect(r.Target.Exits).NotTo(BeEmpty())
	g.Expect(r.Target.Exits[0].Status).To(Equal("exited with code 7"))
	g.Expect(strings.Join(r.Target.Exits[0].Output, "\n")).To(ContainSubstring("cannot decode NUL"))
	if conn, err := net.Dial("tcp", r.Target.Address); err == nil {
		conn.Close()
		t.Error("the server is still there")
	}
}

// limited lets n connections be accepted and open at a time.
type limited struct {
	net.Listener
	slots chan bool
}

func limit(n int) func(net.Listener) net.Listener {
	return func(ln net.Listener) net.Listener { return limited{ln, make(chan bool, n)} }
}

func (l limited) Accept() (net.Conn, error) {
	l.slots <- true
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &slotted{Conn: conn, slots: l.slots}, nil
}

type slotted struct {
	net.Conn
	slots  chan bool
	closed atomic.Bool
}

func (s *slotted) CloseWrite() error { return s.Conn.(*net.TCPConn).CloseWrite() }

func (s *slotted) Close() error {
	if s.closed.CompareAndSwap(false, true) {
		defer func() { <-s.slots }()
	}
	return s.Conn.Close()
}

func TestClassesAreRecognised(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		slots    int
		dialects []string
		class    string
		bound    int
		second   specs.Verdict // zen/concurrency/second-client
		five     specs.Verdict // zen/concurrency/one-more-than-the-bound
	}{
		{1, nil, "serial", 1, specs.Fail, specs.Unsupported},
		{1, []string{"class=serial"}, "serial", 1, specs.Unsupported, specs.Unsupported},
		{1, []string{"class=concurrent"}, "serial", 1, specs.Fail, specs.Unsupported},
		{4, nil, "bounded", 4, specs.Pass, specs.Pass},
		{100, []string{"class=pool:4"}, "concurrent", 17, specs.Pass, specs.Pass},
		{100, nil, "concurrent", 17, specs.Pass, specs.Unsupported},
	} {
		address := start(t, zen.New, limit(tc.slots))
		r := run(t, suites.Plan{Target: address, Dialects: tc.dialects, Only: []string{"zen/concurrency/{second-client,queued-client,one-more-than-the-bound}", "zen/answers/long-conversation"}})
		c := r.Target.Concurrency
		if c.Class != tc.class || c.Bound != tc.bound {
			t.Errorf("%d slots: got %+v, want %s %d", tc.slots, c, tc.class, tc.bound)
		}
		for id, want := range map[string]specs.Verdict{
			"zen/concurrency/second-client":           tc.second,
			"zen/concurrency/one-more-than-the-bound": tc.five,
			"zen/concurrency/queued-client":           specs.Pass,
			"zen/answers/long-conversation":           specs.Pass,
		} {
			if got := find(r, id); got.Verdict != want {
				t.Errorf("%d slots %v: %s is %s %v, want %s", tc.slots, tc.dialects, id, got.Verdict, got.Reason, want)
			}
		}
	}
}

func TestAnswersThatAreOnlyLateAreSlow(t *testing.T) {
	t.Parallel()
	address := start(t, func() impl.Handler {
		return changed{zen.New(), nil, func(b []byte) []byte {
			if string(b) == "Complex." {
				time.Sleep(1200 * time.Millisecond) // the defect itself: an answer after the first wait of 500 ms, within the second of 2 s
			}
			return b
		}}
	}, nil)
	r := run(t, suites.Plan{Target: address, Protocol: "zen", Only: []string{"zen/answers/simple", "zen/answers/explicit"}})
	if res := find(r, "zen/answers/simple"); res.Verdict != specs.SlowPass || res.Attempts != 2 {
		t.Errorf("got %s after %d attempts: %v", res.Verdict, res.Attempts, res.Reason)
	}
	if r.Summary.ExitCode != 0 {
		t.Errorf("exit %d", r.Summary.ExitCode)
	}
}

func TestAFailureThatIsNotConfirmedDoesNotCount(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	address := start(t, func() impl.Handler {
		return changed{zen.New(), nil, func(b []byte) []byte {
			if string(b) == "Complex." && asked.Add(1) == 1 {
				return []byte("Complex!")
			}
			return b
		}}
	}, nil)
	r := run(t, suites.Plan{Target: address, Protocol: "zen", Only: []string{"zen/answers/simple"}})
	if res := find(r, "zen/answers/simple"); res.Verdict != specs.Pass || res.Attempts != 2 {
		t.Errorf("got %s after %d attempts: %v", res.Verdict, res.Attempts, res.Reason)
	}
}

func TestTheRunEndsWhenItHasTo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cause   error
		timeout time.Duration
		exit    int
		verdict specs.Verdict
	}{
		"interrupted": {specs.ErrInterrupted, time.Minute, 130, specs.Skipped},
		"out of time": {nil, 900 * time.Millisecond, 3, specs.Blocked},
	} {
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		began := time.Now()
		// A server that answers the first question only.
		address := start(t, func() impl.Handler {
			return changed{zen.New(), nil, func(b []byte) []byte { return nil }}
		}, nil)
		r, err := suites.Run(ctx, suites.Plan{Target: address, Protocol: "zen", Timeout: tc.timeout, Pace: 0.5}, suites.Observer{
			Ready: func(*report.Report, int) {
				if tc.cause != nil {
					cancel(tc.cause)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Summary.ExitCode != tc.exit || time.Since(began) > 20*time.Second {
			t.Errorf("%s: %+v after %s", name, r.Summary, time.Since(began))
		}
		if tc.cause != nil && len(r.Results) != len(mustFind(t, "zen").Specs()) {
			t.Errorf("%s: %d results", name, len(r.Results))
		}
		if r.Summary.Headline != "incomplete" && r.Summary.Headline != "error" {
			t.Errorf("%s: headline %s", name, r.Summary.Headline)
		}
	}
}

func TestSelection(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		plan suites.Plan
		want []string
	}{
		{suites.Plan{Only: []string{"zen/answers/simple"}}, []string{"zen/answers/simple"}},
		{suites.Plan{Only: []string{"zen/answers"}, Skip: []string{"zen/answers/[a-r]*", "zen/answers/same*", "zen/answers/{un,wh}*"}}, []string{"zen/answers/simple"}},
		{suites.Plan{Only: []string{"zen/answers/simple", "calc/sums/any"}, Skip: []string{"calc"}}, []string{"zen/answers/simple"}},
		{suites.Plan{Filter: "may && framing && zen"}, []string{"zen/framing/two-questions-at-once", "zen/framing/question-then-line-end"}},
	} {
		r := run(t, tc.plan)
		var ran []string
		for _, res := range r.Results {
			if res.Verdict != specs.Skipped {
				ran = append(ran, res.ID)
			}
		}
		if !slices.Equal(ran, tc.want) {
			t.Errorf("%+v: ran %v, want %v", tc.plan, ran, tc.want)
		}
		if r.Summary.Headline != "incomplete" || r.Summary.ExitCode != 0 {
			t.Errorf("a filtered run says %s, exit %d", r.Summary.Headline, r.Summary.ExitCode)
		}
	}
}

func TestAPlanThatIsWrongIsRefused(t *testing.T) {
	t.Parallel()
	address := &target.Address{Scheme: "tcp", Network: "tcp", Address: "127.0.0.1:1"}
	never := func(context.Context) (suites.Server, error) { return nil, errors.New("it was started") }
	for want, plan := range map[string]suites.Plan{
		`unknown protocol "zenn"`:                     {Protocol: "zenn"},
		`--target and --exec exclude each other`:      {Target: address, Exec: "x"},
		`--only "zen/nothing" matches no requirement`: {Only: []string{"zen/nothing"}},
		`--skip "calc" matches no requirement of zen`: {Protocol: "zen", Skip: []string{"calc"}},
		`--only "zen/[" is not a glob`:                {Only: []string{"zen/["}},
		`--filter "zen &&"`:                           {Filter: "zen &&"},
		`the selection matches no requirement`:        {Filter: "zen && echo"},
		`--dialect "label"`:                           {Dialects: []string{"label"}},
		`dialect label has no value "roman"`:          {Protocol: "calc", Dialects: []string{"label=roman"}},
		`zen has no dialect "label"`:                  {Protocol: "zen", Dialects: []string{"label=numbers"}},
		`--dialect taste=sweet: no protocol has it`:   {Dialects: []string{"taste=sweet"}},
		`--dialect class=pool:0`:                      {Dialects: []string{"class=pool:0"}},
		`--exec: `:                                    {Exec: "/does/not/exist"},
		`cannot be spoken to over "ws"`:               {Start: never, Scheme: "ws"},
		`cannot be spoken to over "tls"`:              {Scheme: "tls"},
		`zen is not spoken over datagrams`:            {Protocol: "zen", Start: never, Scheme: "udp"},
		`--clients makes connections of its own`:      {Protocol: "zen", Start: never, Clients: 10},
	} {
		_, err := suites.Run(context.Background(), plan, suites.Observer{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: got %v, want one line with %s", plan, err, want)
		}
	}
}

func TestADialectIsDetected(t *testing.T) {
	t.Parallel()
	for _, label := range []string{"integers", "numbers"} {
		address := start(t, func() impl.Handler {
			h, err := suites.Handler("calc", nil)
			if err != nil {
				panic(err)
			}
			return changed{h(), nil, func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), "integers:", label+":")) }}
		}, nil)
		r := run(t, suites.Plan{Target: address, Only: []string{"calc/sums"}})
		if r.Target.Dialect["label"] != label || r.Target.Dialect["line-ends"] != "mixed" {
			t.Errorf("seen %v, want %s", r.Target.Dialect, label)
		}
		if bad := not(r, specs.Pass, specs.Skipped); bad != nil {
			t.Errorf("%s: %s", label, strings.Join(bad, "\n"))
		}
	}
}

func TestUniformLineEndsAreOneRemarkNotManyFailures(t *testing.T) {
	t.Parallel()
	address := start(t, func() impl.Handler {
		h, _ := suites.Handler("echo", nil)
		return changed{h(), nil, func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), "\r\n", "\n")) }}
	}, nil)
	r := run(t, suites.Plan{Target: address})
	if bad := not(r, specs.Pass, specs.Info, specs.Unsupported); len(bad) != 1 || find(r, "echo/answers/line-end").Verdict != specs.NonStrict {
		t.Errorf("got %s", strings.Join(bad, "\n"))
	}
}

// plainEcho is a right server that is written otherwise than ours: only LF ends
// a line, and the text is put between quotes as it is.
type plainEcho struct{ text []byte }

func (*plainEcho) Open() impl.Reply { return impl.Reply{} }

func (e *plainEcho) Data(p []byte) (r impl.Reply) {
	e.text = append(e.text, p...)
	for {
		line, rest, found := strings.Cut(string(e.text), "\n")
		if !found {
			return r
		}
		e.text = []byte(rest)
		if line = strings.TrimRight(line, " \t\r"); line == "quit" {
			r.Send, r.Close = append(r.Send, "connection closed\r\n"...), true
			return r
		}
		r.Send = append(r.Send, "Echoed: '"+line+"'\r\n"...)
	}
}

func (*plainEcho) End() impl.Reply { return impl.Reply{Close: true} }

func TestAPlainlyQuotingEchoFailsNothing(t *testing.T) {
	t.Parallel()
	address := start(t, func() impl.Handler { return &plainEcho{} }, nil)
	r := run(t, suites.Plan{Target: address})
	if bad := not(r, specs.Pass, specs.Info, specs.NonStrict, specs.Unsupported); bad != nil || r.Summary.ExitCode != 0 {
		t.Errorf("exit %d: %s", r.Summary.ExitCode, strings.Join(bad, "\n"))
	}
	r = run(t, suites.Plan{Target: address, Dialects: []string{"quoting=plain"}, Only: []string{"echo/quoting"}})
	if bad := not(r, specs.Unsupported, specs.Skipped, specs.Info); bad != nil {
		t.Errorf("declared plain: %s", strings.Join(bad, "\n"))
	}
}

func TestTheLedgersAreInOrder(t *testing.T) {
	t.Parallel()
	for _, p := range suites.Protocols() {
		if len(p.Rows) == 0 || slices.ContainsFunc(p.Sections, func(s specs.Section) bool { return len(s.Specs) == 0 }) {
			continue // it was not put down in a list, or is being written
		}
		for _, mistake := range p.Mistakes() {
			t.Errorf("%s: %s", p.Name, mistake)
		}
		for _, s := range p.Specs() {
			if len(s.Covers) == 0 {
				t.Errorf("%s covers no row", s.ID)
			}
		}
	}
}

func TestIDsAreWellFormed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range suites.Protocols() {
		for _, section := range p.Sections {
			for _, s := range section.Specs {
				if seen[s.ID] {
					t.Errorf("%s is there twice", s.ID)
				}
				seen[s.ID] = true
				if want := p.Name + "/" + section.Name + "/" + s.Name(); s.ID != want || strings.Trim(s.ID, "abcdefghijklmnopqrstuvwxyz0123456789-/") != "" {
					t.Errorf("%s stands where %s belongs", s.ID, want)
				}
				if !strings.HasSuffix(s.Title, ".") && !strings.HasSuffix(s.Title, `"`) {
					t.Errorf("%s: the title is no sentence: %s", s.ID, s.Title)
				}
				if s.Clause == "" || s.Body == nil {
					t.Errorf("%s has no clause or no body", s.ID)
				}
			}
		}
	}
}

// Whoever takes connections is judged, each time, however they end: one that
// speaks first, and one that resets them all before or behind the first look.
func TestWhoTakesConnectionsIsReached(t *testing.T) {
	t.Parallel()
	servers := map[string]faults.Fault{}
	for _, f := range append(faults.For("zen"), faults.Degenerate()...) {
		if f.Name == "greets" || f.Name == "resets" {
			servers[f.Name] = f
		}
	}
	for name, f := range servers {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := f.Start(ln)
		defer server.Close()
		address, err := target.ParseAddress(ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			r, err := suites.Run(t.Context(), suites.Plan{Protocol: "zen", Target: &address, Only: []string{"zen/framing/no-greeting"}}, suites.Observer{})
			if err != nil || len(r.Results) == 0 {
				t.Errorf("%s: %v, %s", name, err, r.Summary.Cause)
				break
			}
		}
	}
	if len(servers) != 2 {
		t.Errorf("%d servers", len(servers))
	}
}

// Apart, no requirement runs beside another; only what a silent server is asked does.
func TestApart(t *testing.T) {
	t.Parallel()
	beside := func(r *report.Report) (n int) {
		for i, a := range r.Results {
			for _, b := range r.Results[i+1:] {
				judged := a.Attempts > 0 && b.Attempts > 0
				if judged && a.StartedMS < b.StartedMS+b.DurationMS && b.StartedMS < a.StartedMS+a.DurationMS {
					n++
				}
			}
		}
		return n
	}
	plan := suites.Plan{Protocol: "zen", Apart: true, Only: []string{"zen/answers", "zen/concurrency/{second-client,burst}"}}
	plan.Target = start(t, zen.New, nil)
	if r := run(t, plan); beside(r) > 0 || r.Summary.Counts[specs.Pass] < 10 {
		t.Errorf("%d ran beside another: %v", beside(r), r.Summary.Counts)
	}
	plan.Target = start(t, func() impl.Handler { return mute{} }, nil)
	if r := run(t, plan); beside(r) < 10 || r.Summary.Counts[specs.Pass] > 0 {
		t.Errorf("only %d ran beside another: %v", beside(r), r.Summary.Counts)
	}
	plan.Jobs, plan.Apart, plan.Only = 1, false, []string{"zen/answers/{beautiful,explicit,simple,unknown-question}"}
	if r := run(t, plan); beside(r) > 0 {
		t.Errorf("%d ran beside another, and the user wanted one at a time", beside(r))
	}
}

// mute answers nothing.
type mute struct{}

func (mute) Open() impl.Reply       { return impl.Reply{} }
func (mute) Data([]byte) impl.Reply { return impl.Reply{} }
func (mute) End() impl.Reply        { return impl.Reply{} }
