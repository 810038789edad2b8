package suites_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"conform/impl"
	"conform/impl/zen"
	"conform/specs"
	"conform/suites"
	"conform/suites/report"
)

// several selects what the profile needs, and nothing else.
var several = []string{"*/concurrency"}

// house counts the clients of a listener, and lets a rule decide of each new one.
type house struct {
	net.Listener
	// enter is asked with the number of those inside, the new one included, and
	// may end, hold or keep the connection.
	enter func(conn net.Conn, inside int) net.Conn

	mu     sync.Mutex
	inside int
	most   int
}

func (h *house) Accept() (net.Conn, error) {
	for {
		conn, err := h.Listener.Accept()
		if err != nil {
			return nil, err
		}
		h.mu.Lock()
		h.inside++
		h.most = max(h.most, h.inside)
		n := h.inside
		h.mu.Unlock()
		var once sync.Once
		counted := &guest{Conn: conn, left: func() {
			once.Do(func() {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.inside--
			})
		}}
		if conn := h.enter(counted, n); conn != nil {
			return conn, nil
		}
	}
}

type guest struct {
	net.Conn
	left func()
}

func (g *guest) CloseWrite() error { return g.Conn.(*net.TCPConn).CloseWrite() }

func (g *guest) Close() error {
	defer g.left()
	return g.Conn.Close()
}

func wrapped(enter func(conn net.Conn, inside int) net.Conn) func(net.Listener) net.Listener {
	return func(ln net.Listener) net.Listener { return &house{Listener: ln, enter: enter} }
}

// unlocked is a listener that is closed while n clients are inside.
type unlocked struct {
	house
	address string
	n       int
	free    chan bool
	closed  chan bool
}

func refusing(n int) func(net.Listener) net.Listener {
	return func(ln net.Listener) net.Listener {
		u := &unlocked{address: ln.Addr().String(), n: n, free: make(chan bool, 1), closed: make(chan bool)}
		u.Listener = ln
		return u
	}
}

func (u *unlocked) Accept() (net.Conn, error) {
	u.mu.Lock()
	full := u.inside >= u.n
	u.mu.Unlock()
	if full {
		u.Listener.Close()
		select {
		case <-u.free:
		case <-u.closed:
			return nil, net.ErrClosed
		}
		ln, err := net.Listen("tcp", u.address)
		if err != nil {
			return nil, err
		}
		u.Listener = ln
	}
	conn, err := u.Listener.Accept()
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.inside++
	var once sync.Once
	return &guest{Conn: conn, left: func() {
		once.Do(func() {
			u.mu.Lock()
			defer u.mu.Unlock()
			if u.inside--; u.inside == u.n-1 {
				select {
				case u.free <- true:
				default:
				}
			}
		})
	}}, nil
}

func (u *unlocked) Close() error {
	close(u.closed)
	return u.Listener.Close()
}

// facts are the findings of the only profile, with their numbers.
func facts(t *testing.T, r *report.Report) map[string]string {
	t.Helper()
	if len(r.Target.Concurrency.Profile) != 1 {
		t.Fatalf("profiles: %+v", r.Target.Concurrency.Profile)
	}
	p := r.Target.Concurrency.Profile[0]
	if p.LeftOut != "" {
		t.Fatalf("left out: %s", p.LeftOut)
	}
	all := map[string]string{}
	for _, f := range p.Facts {
		all[f.Name] = f.Finding
		if f.Clients > 0 {
			all[f.Name] += fmt.Sprintf(" %d", f.Clients)
		}
	}
	return all
}

func TestHowClientsAreServedIsFoundOut(t *testing.T) {
	t.Parallel()
	certificate, ca := loopbackCertificate(t)
	for name, tc := range map[string]struct {
		wrap  func(net.Listener) net.Listener
		class string
		bound int
		want  map[string]string
	}{
		"all": {nil, "concurrent", 100, map[string]string{"served-at-once": "concurrent 100", "accepting": "at-once", "backlog": "none-waits 100",
			"silent-client": "blocks-nobody", "partial-message": "blocks-nobody", "recovery": "recovers"}},
		"one": {limit(1), "serial", 1, map[string]string{"served-at-once": "serial 1", "accepting": "at-once", "backlog": "waits 200",
			"silent-client": "blocks-others", "partial-message": "blocks-others", "recovery": "recovers"}},
		"five": {limit(5), "bounded", 5, map[string]string{"served-at-once": "bounded 5", "backlog": "waits 200",
			"silent-client": "blocks-nobody", "partial-message": "blocks-nobody", "recovery": "recovers"}},
		"five, over TLS": {func(ln net.Listener) net.Listener {
			return tls.NewListener(limit(5)(ln), &tls.Config{Certificates: []tls.Certificate{certificate}})
		}, "bounded", 5, map[string]string{"served-at-once": "bounded 5", "backlog": "waits 200", "silent-client": "blocks-nobody", "recovery": "recovers"}},
		"forty": {limit(40), "bounded", 40, map[string]string{"served-at-once": "bounded 40", "backlog": "waits 200",
			"silent-client": "blocks-nobody", "recovery": "recovers"}},
		"forty, and ends the others": {wrapped(func(conn net.Conn, inside int) net.Conn {
			if inside > 40 {
				conn.Close()
				return nil
			}
			return conn
		}), "bounded", 40, map[string]string{"served-at-once": "bounded 40", "backlog": "closes", "recovery": "recovers"}},
		"forty, and ends the others with a word": {wrapped(func(conn net.Conn, inside int) net.Conn {
			if inside > 40 {
				conn.Write([]byte("Too many."))
				conn.(*guest).CloseWrite()
				go func() {
					conn.Read(make([]byte, 100)) // or what the client says would be answered by a reset
					conn.Close()
				}()
				return nil
			}
			return conn
		}), "bounded", 40, map[string]string{"served-at-once": "bounded 40", "backlog": "closes", "recovery": "recovers"}},
		"forty, and refuses the others": {refusing(40), "bounded", 40, map[string]string{"served-at-once": "bounded 40", "backlog": "refuses", "recovery": "recovers"}},
		"never again after sixty": {func(ln net.Listener) net.Listener {
			h := &house{Listener: ln}
			h.enter = func(conn net.Conn, inside int) net.Conn {
				h.mu.Lock()
				defer h.mu.Unlock()
				if h.most > 60 {
					t.Cleanup(func() { conn.Close() })
					return nil
				}
				return conn
			}
			return h
		}, "bounded", 60, map[string]string{"served-at-once": "bounded 60", "backlog": "waits 200", "recovery": "fails"}},
		"all, but one has to wait": {func(ln net.Listener) net.Listener {
			var once sync.Once
			return wrapped(func(conn net.Conn, inside int) net.Conn {
				if inside == 30 {
					once.Do(func() { time.Sleep(480 * time.Millisecond) }) // the defect itself, a little longer than anybody is waited for
				}
				return conn
			})(ln)
		}, "concurrent", 30, map[string]string{"served-at-once": "concurrent 30", "accepting": "at-once", "backlog": "unknown", "recovery": "recovers"}},
		"one behind after sixty": {func(ln net.Listener) net.Listener {
			var held net.Conn
			h := &house{Listener: ln}
			h.enter = func(conn net.Conn, inside int) net.Conn {
				h.mu.Lock()
				defer h.mu.Unlock()
				if h.most <= 60 {
					return conn
				}
				old := held
				held = conn
				return old
			}
			return h
		}, "concurrent", 17, map[string]string{"served-at-once": "concurrent 17", "accepting": "late", "backlog": "unknown", "recovery": "fails"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := suites.Plan{Target: start(t, zen.New, tc.wrap), Protocol: "zen", Only: several}
			if tc.bound == 30 {
				plan.Pace = 1
			}
			if strings.HasSuffix(name, "TLS") {
				plan.Target.Scheme, plan.Target.TLS, plan.CA = "tls", true, ca
			}
			r := run(t, plan)
			got := facts(t, r)
			for fact, want := range tc.want {
				if got[fact] != want {
					t.Errorf("%s is %q, not %q", fact, got[fact], want)
				}
			}
			if c := r.Target.Concurrency; c.Class != tc.class || c.Bound != tc.bound {
				t.Errorf("taken for %s %d, not %s %d: %s", c.Class, c.Bound, tc.class, tc.bound, c.Evidence)
			}
			for _, res := range r.Results {
				// Whatever the requirement is about, it is not why this server serves so few.
				if res.Reason != nil && res.Reason.Code == specs.TooFewServed && !strings.Contains(res.Reason.Hint, "only stay") {
					t.Errorf("%s fails for another cause: %s", res.ID, res.Reason.Hint)
				}
				if (res.Verdict == specs.Fail && res.Reason.Code != specs.TooFewServed) || res.Verdict == specs.Blocked || res.Verdict == specs.Error {
					t.Errorf("%s is %s: %v", res.ID, res.Verdict, res.Reason)
				}
			}
			checkTimeline(t, r.Target.Concurrency.Profile[0])
			if t.Failed() {
				t.Logf("%+v", r.Target.Concurrency.Profile[0].Facts)
			}
		})
	}
}

// checkTimeline makes sure that a picture can be made of a timeline.
func checkTimeline(t *testing.T, p report.Profile) {
	t.Helper()
	at, served := 0, 0
	for i, v := range p.Timeline {
		last := v.FromMS
		for _, next := range []float64{v.ConnectedMS, v.AskedMS, v.ServedMS, v.LeftMS} {
			if next == 0 {
				continue
			}
			if next < last {
				t.Errorf("client %d goes back in time: %+v", v.Client, v)
			}
			last = next
		}
		if v.Client != i+1 || (v.ConnectedMS > 0) == (v.Ended == "refused" || v.Ended == "stalled") || (v.ConnectedMS > 0 && v.LeftMS == 0) {
			t.Errorf("row %d: %+v", i, v)
		}
		if v.ServedMS > 0 {
			served++
		}
		at = max(at, i)
	}
	if f, _ := p.Fact(report.FactServedAtOnce); f.From == "probe" && served < f.Clients {
		t.Errorf("%d clients were served on the timeline; the fact is %d", served, f.Clients)
	}
}

func TestWhoOnlyConnectsIsCounted(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"pid", "sink"} {
		for _, tc := range []struct {
			wrap func(net.Listener) net.Listener
			want map[string]string
		}{
			{nil, map[string]string{"served-at-once": "concurrent 100", "backlog": "none-waits 100", "recovery": "recovers"}},
			{limit(40), map[string]string{"served-at-once": "bounded 40", "backlog": "waits 200", "recovery": "recovers"}},
			{wrapped(func(conn net.Conn, inside int) net.Conn {
				if inside > 40 {
					conn.Close()
					return nil
				}
				return conn
			}), map[string]string{"served-at-once": "bounded 40", "backlog": "closes", "recovery": "recovers"}},
		} {
			t.Run(protocol+" "+tc.want["served-at-once"]+" "+tc.want["backlog"], func(t *testing.T) {
				t.Parallel()
				handler, err := suites.Handler(protocol, nil)
				if err != nil {
					t.Fatal(err)
				}
				r := run(t, suites.Plan{Target: start(t, handler, tc.wrap), Protocol: protocol, Only: several})
				got := facts(t, r)
				for fact, want := range tc.want {
					if got[fact] != want {
						t.Errorf("%s is %q, not %q: %+v", fact, got[fact], want, r.Target.Concurrency.Profile[0].Facts)
					}
				}
				checkTimeline(t, r.Target.Concurrency.Profile[0])
			})
		}
	}
}

func TestAPartThatIsLostBlocksNobody(t *testing.T) {
	t.Parallel()
	// A server that never answers a question in pieces fails the requirement of
	// a partial message, and holds up nobody.
	address := start(t, func() impl.Handler { return &whole{} }, nil)
	r := run(t, suites.Plan{Target: address, Protocol: "zen", Only: several})
	if res := find(r, "zen/concurrency/partial-message-blocks-nobody"); res.Verdict != specs.Fail {
		t.Errorf("%s %v", res.Verdict, res.Reason)
	}
	if got := facts(t, r)["partial-message"]; got != "unknown" {
		t.Errorf("a partial message: %s", got)
	}
}

// whole answers a question that comes in one piece, and no other.
type whole struct {
	question []byte
	pieces   int
}

func (*whole) Open() impl.Reply { return impl.Reply{} }

func (w *whole) Data(p []byte) (r impl.Reply) {
	w.question, w.pieces = append(w.question, p...), w.pieces+1
	if !strings.HasSuffix(string(w.question), "?") {
		return r
	}
	if w.pieces == 1 {
		r = zen.New().Data(w.question)
	}
	w.question, w.pieces = nil, 0
	return r
}

func (*whole) End() impl.Reply { return impl.Reply{Close: true} }

func TestADeclaredClassDoesNotHideWhatIsFound(t *testing.T) {
	t.Parallel()
	r := run(t, suites.Plan{Target: start(t, zen.New, limit(5)), Protocol: "zen", Only: several, Dialects: []string{"class=serial"}})
	if got := facts(t, r); got["served-at-once"] != "bounded 5" || got["silent-client"] != "unknown" {
		t.Errorf("found %v", got)
	}
	if bad := not(r, specs.Pass, specs.Unsupported, specs.Skipped); bad != nil {
		t.Error(strings.Join(bad, "\n"))
	}
}

func TestAProfileIsLeftOut(t *testing.T) {
	t.Parallel()
	address := start(t, zen.New, nil)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(specs.ErrInterrupted)
	for _, tc := range []struct {
		why  string
		ctx  context.Context
		plan suites.Plan
	}{
		{"the selection leaves out", context.Background(), suites.Plan{Target: address, Protocol: "zen", Only: []string{"zen/answers"}}},
		{"the selection leaves out", context.Background(), suites.Plan{Target: address, Protocol: "zen", Skip: []string{"zen/concurrency/one-leaves"}}},
		{"the selection leaves out", context.Background(), suites.Plan{Target: address, Protocol: "zen", Filter: "!concurrent"}},
		{"the run has no time left", context.Background(), suites.Plan{Target: address, Protocol: "zen", Only: several, Timeout: 5e9}},
		{"the run was interrupted", ctx, suites.Plan{Target: address, Protocol: "zen", Only: several}},
	} {
		r, err := suites.Run(tc.ctx, tc.plan, suites.Observer{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Target.Concurrency.Profile {
			if !strings.Contains(p.LeftOut, tc.why) || p.Facts != nil || p.Timeline != nil {
				t.Errorf("%s: %+v", tc.why, p)
			}
		}
		if len(r.Target.Concurrency.Profile) == 0 && tc.ctx.Err() == nil {
			t.Errorf("%s: nothing is said", tc.why)
		}
	}
}

func TestEachProtocolOfTheBundledImplementationHasAProfile(t *testing.T) {
	t.Parallel()
	r := run(t, suites.Plan{Only: []string{"zen/concurrency", "pid/concurrency", "raw"}})
	g := NewWithT(t)
	profiles := r.Target.Concurrency.Profile
	g.Expect(profiles).To(HaveLen(4))
	for i, want := range []struct{ protocol, left string }{{"zen", ""}, {"raw", ""}, {"raw", "datagrams have no connections"}, {"pid", ""}} {
		g.Expect(profiles[i].Protocol).To(Equal(want.protocol))
		g.Expect(profiles[i].LeftOut).To(Equal(want.left))
	}
	f, _ := profiles[1].Fact(report.FactUnreadAnswers)
	g.Expect(f).To(Equal(report.Fact{Name: "unread-answers", Finding: "blocks-nobody", From: "raw/concurrency/one-does-not-read"}))
	g.Expect(r.Target.Concurrency.Bound).To(Equal(100))
	g.Expect(r.Summary.ExitCode).To(Equal(0), "%v", not(r, specs.Pass, specs.Skipped, specs.Unsupported, specs.Info))
}

func TestATargetThatDiesOfManyClientsCostsNoVerdict(t *testing.T) {
	t.Setenv("CONFORM_TEST_SERVER", "crowd")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, suites.Plan{Exec: fmt.Sprintf("'%s'", exe), Protocol: "zen", Only: several})
	g := NewWithT(t)
	g.Expect(facts(t, r)).To(HaveKeyWithValue("recovery", "died"))
	g.Expect(facts(t, r)).To(HaveKeyWithValue("served-at-once", "bounded 59"))
	g.Expect(not(r, specs.Pass, specs.Skipped, specs.Unsupported)).To(BeEmpty())
	g.Expect(r.Summary.ExitCode).To(Equal(0))
	g.Expect(r.Target.Exits).To(HaveLen(1))
	g.Expect(r.Target.Exits[0].Status).To(Equal("exited with code 9"))
	g.Expect(r.Target.Exits[0].During).To(Equal("the look at how clients are served"))
}
