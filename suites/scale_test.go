package suites_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"conform/impl"
	"conform/impl/echo"
	"conform/impl/zen"
	"conform/specs"
	"conform/suites"
	"conform/suites/report"
	"conform/suites/target"
)

func terminal(t *testing.T, r *report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteScale(&b, r, report.TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestScale(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	r := run(t, suites.Plan{Target: start(t, zen.New, nil), Clients: 120, For: 100 * time.Millisecond})
	g.Expect(r.Summary.ExitCode).To(BeZero())
	g.Expect(r.Summary.Headline).To(Equal("incomplete"), "no requirement was judged")
	g.Expect(r.Run.Complete).To(BeFalse())
	g.Expect(r.Results).To(BeEmpty())
	g.Expect(r.Target.Protocol).To(Equal([]string{"zen"}))
	g.Expect(r.Scale.Protocol).To(Equal("zen"))
	g.Expect([]int{r.Scale.Clients, r.Scale.Served, r.Scale.NeverServed}).To(Equal([]int{120, 120, 0}))
	text := terminal(t, r)
	g.Expect(text).To(ContainSubstring("120 served · 0 never served"))
	g.Expect(text).To(ContainSubstring("\nserved: 120 of 120 clients, "))

	var b bytes.Buffer
	g.Expect(report.WriteJSON(&b, r)).To(Succeed())
	var raw struct {
		Scale map[string]any `json:"scale"`
	}
	g.Expect(json.Unmarshal(b.Bytes(), &raw)).To(Succeed())
	for _, key := range []string{"protocol", "clients", "engine", "connections", "round_trips", "latency_ms", "errors", "recovery", "series", "never_served", "hold_ms"} {
		g.Expect(raw.Scale).To(HaveKey(key))
	}
	again, err := report.ReadJSON(&b)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again.Scale).To(Equal(r.Scale))
}

// Answers that go to others fail the run, and nothing that they hold reaches
// the terminal as it is.
func TestScaleFails(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var mu sync.Mutex
	var held []byte
	n := 0
	swapped := func(p []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		if n++; n < 200 || !bytes.Contains(p, []byte("client ")) {
			return p // the look at the target, and some more
		}
		if held == nil {
			held = bytes.Clone(p)
			return p
		}
		return held
	}
	r := run(t, suites.Plan{Target: start(t, func() impl.Handler { return changed{echo.New(), nil, swapped} }, nil), Clients: 120, For: 200 * time.Millisecond})
	g.Expect(r.Summary.ExitCode).To(Equal(1))
	g.Expect(r.Summary.Headline).To(Equal("nonconformant"))
	text := terminal(t, r)
	g.Expect(text).To(ContainSubstring("✗ misdelivered, "))
	g.Expect(text).To(MatchRegexp(`because   this is the answer to `))
	g.Expect(text).To(MatchRegexp(`(?m)^not all (right|served): `))
}

func TestScaleExec(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	executable, err := os.Executable()
	g.Expect(err).NotTo(HaveOccurred())
	r := run(t, suites.Plan{Exec: "env CONFORM_TEST_SERVER=1 '" + executable + "'", Protocol: "zen", Clients: 60, For: 50 * time.Millisecond})
	g.Expect(r.Summary.ExitCode).To(BeZero(), terminal(t, r))
	g.Expect(r.Scale.Served).To(Equal(60))
}

func TestScaleUnreachable(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	ln.Close()
	r := run(t, suites.Plan{Target: &target.Address{Scheme: "tcp", Network: "tcp", Address: ln.Addr().String()}, Clients: 10})
	g.Expect(r.Summary.ExitCode).To(Equal(3))
	g.Expect(r.Scale).To(BeNil())
}

func TestScaleInterrupted(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	r, err := suites.Run(ctx, suites.Plan{Target: start(t, echo.New, nil), Clients: 60, For: time.Minute, Pace: 0.5},
		suites.Observer{Scale: func(report.ScaleProgress) { cancel(specs.ErrInterrupted) }})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(r.Summary.ExitCode).To(Equal(130))
	g.Expect(r.Scale.RoundTrips.Right).To(BeNumerically(">", 0))
	g.Expect(terminal(t, r)).To(ContainSubstring(", interrupted · "))
}

// The budget of the run binds the scenario too.
func TestScaleOutOfTime(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0") // which nobody accepts from
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { ln.Close() })
	began := time.Now()
	r := run(t, suites.Plan{Target: &target.Address{Scheme: "tcp", Network: "tcp", Address: ln.Addr().String()}, Protocol: "echo",
		Clients: 10, For: 10 * time.Millisecond, Timeout: 2 * time.Second})
	g.Expect(time.Since(began)).To(BeNumerically("<", 15*time.Second))
	g.Expect(r.Summary.ExitCode).NotTo(BeZero())
}

func TestScalePlans(t *testing.T) {
	t.Parallel()
	udp := &target.Address{Scheme: "udp", Network: "udp", Address: "127.0.0.1:1"}
	for want, plan := range map[string]suites.Plan{
		"--clients -1: write a number":             {Clients: -1},
		"--for is how long":                        {For: time.Second},
		"leave out --only":                         {Clients: 5, Only: []string{"zen"}},
		"leave out --only, --skip and --filter":    {Clients: 5, Filter: "must"},
		"does not end within --timeout":            {Clients: 5, For: time.Minute, Timeout: time.Minute},
		"may open":                                 {Clients: 1 << 30},
		"this is pid, whose connections end":       {Clients: 5, Protocol: "pid"},
		"zen, echo, calc, raw, websocket have one": {Clients: 5, Protocol: "sink"},
		"holds connections, and udp has none":      {Clients: 5, Protocol: "raw", Target: udp},
		"class=pool:4 says that no more than 4":    {Clients: 5, Dialects: []string{"class=pool:4"}},
		"class=serial says that no more than 1":    {Clients: 2, Dialects: []string{"class=serial"}},
	} {
		err := plan.Check()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", plan, err, want)
		}
	}
	for _, plan := range []suites.Plan{
		{Clients: 4, Dialects: []string{"class=pool:4"}},
		{Clients: 1, Dialects: []string{"class=serial"}},
		{Clients: 100, Dialects: []string{"class=concurrent"}},
		{Clients: 5, Protocol: "raw"},
	} {
		if err := plan.Check(); err != nil {
			t.Errorf("%+v: %v", plan, err)
		}
	}
}
