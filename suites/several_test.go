package suites_test

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"conform/impl"
	"conform/impl/calc"
	"conform/impl/faults"
	"conform/impl/zen"
	"conform/specs"
	"conform/suites"
	"conform/suites/report"
	"conform/suites/target"
)

func quiet(int) suites.Observer { return suites.Observer{} }

// faulty starts a server with a fault.
func faulty(t *testing.T, protocol, name string) *target.Address {
	t.Helper()
	for _, f := range faults.For(protocol) {
		if f.Name == name {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := f.Start(ln)
			t.Cleanup(func() { server.Close() })
			return &target.Address{Scheme: "tcp", Network: "tcp", Address: ln.Addr().String()}
		}
	}
	t.Fatalf("there is no fault %s", name)
	return nil
}

// A target that is dead, one that never answers, one that floods and one of another
// protocol spoil nothing: of the others is said what is said of each alone.
func TestSeveralTargets(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	dead.Close()
	speaking := func(speak func(net.Conn)) *target.Address {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		g.Expect(err).NotTo(HaveOccurred())
		t.Cleanup(func() { ln.Close() })
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				t.Cleanup(func() { conn.Close() })
				go speak(conn)
			}
		}()
		return &target.Address{Scheme: "tcp", Network: "tcp", Address: ln.Addr().String()}
	}
	flood := bytes.Repeat([]byte("::error::\x1b[2J\n"), 1000)
	targets := []*target.Address{
		start(t, zen.New, nil),
		{Scheme: "tcp", Network: "tcp", Address: dead.Addr().String()},
		speaking(func(net.Conn) {}),
		faulty(t, "zen", "line-end-ends-too"),
		speaking(func(conn net.Conn) {
			for {
				if _, err := conn.Write(flood); err != nil {
					return
				}
			}
		}),
		start(t, func() impl.Handler { return calc.New(calc.Options{}) }, nil),
		faulty(t, "zen", "newline-appended"),
	}
	var plans []suites.Plan
	for _, a := range targets {
		plans = append(plans, suites.Plan{Target: a, Pace: 0.5, Only: []string{"zen/framing", "zen/answers/simple", "calc/sums/one-integer"}, Dialects: []string{"label=integers"}})
	}
	m, err := suites.RunSeveral(t.Context(), plans, quiet)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(m.Targets).To(HaveLen(len(plans)))

	var codes []int
	for i, one := range m.Targets {
		codes = append(codes, one.Report.Summary.ExitCode)
		g.Expect(one.Name).To(Equal(targets[i].String()))
		g.Expect(one.Report.Run.Seed).To(Equal(m.Run.Seed))
	}
	g.Expect(codes).To(Equal([]int{0, 3, 2, 1, 2, 0, 1}))
	g.Expect(m.Summary.ExitCode).To(Equal(2))
	g.Expect(m.Summary.Headline).To(Equal("nonconformant"))
	for _, i := range []int{0, 3, 6} {
		plan := plans[i]
		plan.Only, plan.Dialects, plan.Seed = plan.Only[:2], nil, m.Run.Seed
		alone := run(t, plan)
		for k, res := range alone.Results {
			g.Expect(m.Targets[i].Report.Results[k].Verdict).To(Equal(res.Verdict), res.ID)
		}
	}

	differ := map[string][]specs.Verdict{}
	for _, row := range m.Disagreements {
		differ[row.ID] = []specs.Verdict{row.Cells[0].Verdict, row.Cells[3].Verdict, row.Cells[6].Verdict}
		for _, i := range []int{1, 2, 4, 5} {
			g.Expect(row.Cells[i]).To(BeZero(), row.ID)
		}
	}
	g.Expect(differ).To(HaveKeyWithValue("zen/framing/line-end-is-not-an-end", []specs.Verdict{specs.Pass, specs.Fail, specs.Fail}))
	g.Expect(differ).To(HaveKeyWithValue("zen/answers/simple", []specs.Verdict{specs.Pass, specs.Pass, specs.Fail}))
}

// An interruption ends what runs and what was to run; what was done stays.
func TestSeveralTargetsInterrupted(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	plan := suites.Plan{Target: start(t, zen.New, nil), Only: []string{"zen/answers"}, Protocol: "zen"}
	m, err := suites.RunSeveral(ctx, []suites.Plan{plan, plan, plan}, func(i int) suites.Observer {
		return suites.Observer{Ready: func(*report.Report, int) {
			if i == 1 {
				cancel(specs.ErrInterrupted)
			}
		}}
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(m.Targets).To(HaveLen(3))
	g.Expect(m.Targets[0].Report.Summary.ExitCode).To(Equal(0))
	g.Expect(m.Targets[1].Report.Summary.ExitCode).To(Equal(130))
	g.Expect(m.Targets[2].Report.Summary.ExitCode).To(Equal(130))
	g.Expect(m.Summary.ExitCode).To(Equal(130))
	g.Expect(m.Targets[0].Report.Summary.Counts[specs.Pass]).To(Equal(13))
}

// A plan that is wrong for all of them is found before any is touched.
func TestSeveralTargetsWithAWrongPlan(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	touched := start(t, zen.New, func(ln net.Listener) net.Listener { return never{ln, t} })
	_, err := suites.RunSeveral(t.Context(), []suites.Plan{{Target: touched, Timeout: time.Minute}, {Target: touched, Only: []string{"zen/nothing"}}}, quiet)
	g.Expect(err).To(MatchError(ContainSubstring("matches no requirement")))
}

// never is a listener that nobody may connect to.
type never struct {
	net.Listener
	t *testing.T
}

func (n never) Accept() (net.Conn, error) {
	conn, err := n.Listener.Accept()
	if err == nil {
		n.t.Error("it was touched")
	}
	return conn, err
}
