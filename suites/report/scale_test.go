package report_test

import (
	"bytes"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"conform/specs"
	"conform/suites/report"
)

func scaleReport() *report.Report {
	return &report.Report{Target: report.Target{Address: "127.0.0.1:7", Protocol: []string{"echo"}},
		Run: report.Run{Seed: 7, DurationMS: 4321},
		Scale: &report.Scale{Protocol: "echo", Clients: 12345, Ended: "complete", Served: 12345, HoldMS: 3000,
			Connections: report.ScaleConnections{Made: 12345, Refused: 3, PerSecond: 9876, MostOpen: 12345},
			RoundTrips:  report.ScaleRoundTrips{Right: 1234567, PerSecond: 45678, Least: 99, Most: 1001},
			ServedAfter: report.Distribution{Count: 12345, Max: 42},
			Latency:     report.Distribution{Count: 9, P50: 0.25, P90: 3, P99: 123.4, P999: 999.9, Max: 1234},
			Errors: []report.ScaleError{{Code: specs.Refused, Count: 3, Harmless: true,
				First: report.ScaleExample{Client: 5, Turn: -1, AtMS: 12, Message: "connection refused"}}},
			Recovery: &report.Recovery{Served: true, AfterMS: 0.5}}}
}

func written(t *testing.T, r *report.Report, o report.TerminalOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteScale(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriteScale(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(written(t, scaleReport(), report.TerminalOptions{})).To(Equal(`
connections    12 345 made, 9 876 a second · 3 refused · 0 delayed · 0 lost · at most 12 345 at once
clients        12 345 served · 0 never served · at the latest after 42 ms
round trips    1 234 567 right · 45 678 a second for 3.0 s · 99 to 1 001 for each client
answer time    p50 0.25 ms · p90 3 ms · p99 123 ms · p99.9 1000 ms · max 1.2 s
afterwards     a new client is served, after 0.5 ms

~ refused, 3 times; the first: client 5, after 12 ms
    because   connection refused

served: 12 345 of 12 345 clients, 1 234 567 right answers · 4.3 s · seed 7
`))
	g.Expect(strings.Count(written(t, scaleReport(), report.TerminalOptions{Quiet: true}), "\n")).To(Equal(1))
}

func TestWriteScaleFailed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	r := scaleReport()
	r.Scale.Served, r.Scale.NeverServed = 12340, 5
	r.Scale.Errors = append(r.Scale.Errors, report.ScaleError{Code: specs.WrongBytes, Count: 1, First: report.ScaleExample{Client: 1, Turn: 2, Sent: `"a"`, Expected: `"b"`,
		Received: "\x1b]0;x\a", Message: "not the answer that is due"}})
	r.Scale.Recovery = &report.Recovery{Problem: "\x1b[2J"}
	text := written(t, r, report.TerminalOptions{Color: true})
	g.Expect(text).To(ContainSubstring("\n\x1b[31m✗\x1b[0m wrong-bytes, 1 time; the first: client 1, turn 2, after 0 ms\n"))
	g.Expect(text).To(ContainSubstring("\x1b[31mnot all served\x1b[0m: 12 340 of 12 345 clients, 1 234 567 right answers, 1 wrong-bytes, no recovery"))
	g.Expect(text).To(ContainSubstring(`\x1b[2J`))
	g.Expect(text).NotTo(ContainSubstring("\x1b[2J"))
	g.Expect(text).NotTo(ContainSubstring("\x1b]"))

	var b bytes.Buffer
	g.Expect(report.WriteJUnit(&b, r)).To(Succeed())
	g.Expect(b.String()).To(ContainSubstring(`<testsuite name="conform.echo" tests="1" failures="1"`))
	b.Reset()
	g.Expect(report.WriteJUnit(&b, scaleReport())).To(Succeed())
	g.Expect(b.String()).To(ContainSubstring(`tests="1" failures="0"`))
}

func TestScaleProgress(t *testing.T) {
	t.Parallel()
	p := report.ScaleProgress{ElapsedMS: 2040, Clients: 1000, Phase: "conversing", Open: 999, Served: 1000, RoundTrips: 54321, PerSecond: 27000.4, Errors: 1}
	NewWithT(t).Expect(p.String()).To(Equal("2 s · conversing · 999 of 1 000 clients connected · 1 000 served · 54 321 round trips, 27 000 a second · 1 error"))
}
