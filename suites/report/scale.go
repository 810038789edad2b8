package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"conform/specs"
)

// Scale is what came of holding many clients at once. All times are in
// milliseconds.
type Scale struct {
	Protocol   string  `json:"protocol"`
	Clients    int     `json:"clients"` // as asked for
	Engine     string  `json:"engine"`  // "event loop" or "goroutines"
	ForMS      float64 `json:"for_ms"`  // how long they were to converse, as asked for
	DurationMS float64 `json:"duration_ms"`
	// Ended says what ended it: complete; no client left; interrupted; out of time.
	Ended string `json:"ended"`

	// RampMS passed until every client had been served once or nothing more
	// came of waiting; then all conversed for HoldMS.
	RampMS float64 `json:"ramp_ms"`
	HoldMS float64 `json:"hold_ms"`

	Connections ScaleConnections `json:"connections"`
	Served      int              `json:"served"`       // clients that got at least one right answer
	NeverServed int              `json:"never_served"` // those that got none
	RoundTrips  ScaleRoundTrips  `json:"round_trips"`
	// ServedAfter is from the first attempt to connect to the first answer,
	// Latency from a message to its answer while all clients conversed.
	ServedAfter Distribution `json:"served_after_ms"`
	Latency     Distribution `json:"latency_ms"`
	Errors      []ScaleError `json:"errors"`
	Recovery    *Recovery    `json:"recovery,omitempty"` // absent when it was not tried
	Series      Series       `json:"series"`
}

// ScaleConnections counts connections.
type ScaleConnections struct {
	Made      int          `json:"made"`
	Refused   int          `json:"refused"`     // attempts, most of which were repeated
	Delayed   int          `json:"delayed"`     // took so long that the first attempt must have been dropped: the backlog was full
	Lost      int          `json:"lost"`        // ended before we ended them, by the server or for an error
	PerSecond float64      `json:"per_second"`  // until the last one was made
	Time      Distribution `json:"connect_ms"`  //
	Sources   int          `json:"sources"`     // addresses of ours that they came from
	MostOpen  int          `json:"most_open"`   // at once
	NeverMade int          `json:"never_made"`  // clients that never got a connection
	OpenAtEnd int          `json:"open_at_end"` // open when the time was up
}

// ScaleRoundTrips counts right answers.
type ScaleRoundTrips struct {
	Right     int64   `json:"right"`      // in all
	Held      int64   `json:"held"`       // while all clients conversed
	PerSecond float64 `json:"per_second"` // of those
	// Least and Most are those of one client that stayed: how fair it was.
	Least int64 `json:"least"`
	Most  int64 `json:"most"`
}

// Distribution is a histogram of times in milliseconds.
type Distribution struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
	// Buckets counts times up to each bound, for a picture: the bounds grow by
	// about a fifth, and empty ones are left out.
	Buckets []Bucket `json:"buckets,omitempty"`
}

// Bucket counts times that are longer than the bound before and at most To.
type Bucket struct {
	To    float64 `json:"to"`
	Count int64   `json:"count"`
}

// ScaleError is one kind of error, with the first example.
type ScaleError struct {
	Code  specs.Code `json:"code"`
	Count int64      `json:"count"`
	// Harmless says that this alone spoils nothing: a refused connection that
	// was repeated.
	Harmless bool         `json:"harmless,omitempty"`
	First    ScaleExample `json:"first"`
}

// ScaleExample is the first error of its kind. Bytes are quoted.
type ScaleExample struct {
	Client   int     `json:"client"` // from 0
	Turn     int     `json:"turn"`   // 0 is the opening, -1 before the connection was made
	AtMS     float64 `json:"at_ms"`
	Message  string  `json:"message"`
	Sent     string  `json:"sent,omitempty"`
	Expected string  `json:"expected,omitempty"`
	Received string  `json:"received,omitempty"`
}

// Recovery says whether a new client is served when all others are gone.
type Recovery struct {
	Served  bool    `json:"served"`
	AfterMS float64 `json:"after_ms"` // since the others had gone
	Problem string  `json:"problem,omitempty"`
}

// Series is what happened in each interval: the n-th value is about the time
// from n to n+1 times IntervalMS. Open is at the end of it.
type Series struct {
	IntervalMS float64 `json:"interval_ms"`
	Connects   []int64 `json:"connects"`
	RoundTrips []int64 `json:"round_trips"`
	Errors     []int64 `json:"errors"`
	Open       []int64 `json:"open"`
}

// ScaleProgress is the state of a scenario while it goes on.
type ScaleProgress struct {
	ElapsedMS  float64
	Clients    int
	Phase      string // connecting, conversing, ending
	Open       int64
	Served     int64
	RoundTrips int64
	PerSecond  float64 // round trips, since the last state
	Errors     int64
}

// String is the state in a line.
func (p ScaleProgress) String() string {
	parts := []string{
		fmt.Sprintf("%.0f s", p.ElapsedMS/1000), p.Phase,
		fmt.Sprintf("%s of %s connected", grouped(p.Open), count64(int64(p.Clients), "client", "clients")),
		grouped(p.Served) + " served",
		fmt.Sprintf("%s, %s a second", count64(p.RoundTrips, "round trip", "round trips"), grouped(int64(p.PerSecond))),
	}
	if p.Errors > 0 {
		parts = append(parts, count64(p.Errors, "error", "errors"))
	}
	return strings.Join(parts, " · ")
}

// OK says whether every client was served, every answer was right, and the
// target serves on.
func (s *Scale) OK() bool {
	for _, e := range s.Errors {
		if !e.Harmless {
			return false
		}
	}
	return s.NeverServed == 0 && (s.Recovery == nil || s.Recovery.Served)
}

// result is the scenario as one result, for formats that know nothing else.
func (s *Scale) result() Result {
	res := Result{ID: s.Protocol + "/scale/all-clients-served", Protocol: s.Protocol, Section: "scale", Level: specs.Robust, Clause: "--clients",
		Title:      fmt.Sprintf("%s are served at once, each with its own answers.", count64(int64(s.Clients), "client", "clients")),
		Verdict:    specs.Pass,
		DurationMS: s.DurationMS, Attempts: 1}
	if !s.OK() {
		res.Verdict = specs.Fail
		res.Reason = &Reason{Code: specs.NotServing, Message: s.headline()}
		for _, e := range s.Errors {
			if !e.Harmless {
				res.Reason.Code, res.Reason.Sent, res.Reason.Received = e.Code, e.First.Sent, e.First.Received
				if e.First.Expected != "" {
					res.Reason.Expected = []string{e.First.Expected}
				}
				break
			}
		}
	}
	return res
}

// WriteScale writes what came of the scenario, the verdict last.
func WriteScale(w io.Writer, r *Report, o TerminalOptions) error {
	p := newPage(o)
	s := r.Scale
	if !o.Quiet {
		p.line("")
		p.scale(s)
		for _, e := range s.Errors {
			p.space()
			p.scaleError(e)
		}
		p.space()
		p.exits(r)
	}
	p.scaleHeadline(r)
	return p.writeTo(w)
}

func (p *page) scale(s *Scale) {
	row := func(label string, parts ...string) { p.joined(fmt.Sprintf("%-13s  ", label), parts, " · ") }
	c := s.Connections
	row("connections", fmt.Sprintf("%s made, %s a second", grouped(int64(c.Made)), grouped(int64(c.PerSecond))),
		fmt.Sprintf("%s refused", grouped(int64(c.Refused))), fmt.Sprintf("%s delayed", grouped(int64(c.Delayed))), fmt.Sprintf("%s lost", grouped(int64(c.Lost))),
		fmt.Sprintf("at most %s at once", grouped(int64(c.MostOpen))))
	clients := []string{fmt.Sprintf("%s served", grouped(int64(s.Served))), fmt.Sprintf("%s never served", grouped(int64(s.NeverServed)))}
	if s.Served > 0 {
		clients = append(clients, fmt.Sprintf("at the latest after %s", span(s.ServedAfter.Max)))
	}
	row("clients", clients...)
	trips := []string{fmt.Sprintf("%s right", grouped(s.RoundTrips.Right))}
	if s.HoldMS > 0 {
		trips = append(trips, fmt.Sprintf("%s a second for %s", grouped(int64(s.RoundTrips.PerSecond)), span(s.HoldMS)))
	}
	if s.RoundTrips.Most > 0 {
		trips = append(trips, fmt.Sprintf("%s to %s for each client", grouped(s.RoundTrips.Least), grouped(s.RoundTrips.Most)))
	}
	row("round trips", trips...)
	if l := s.Latency; l.Count > 0 {
		row("answer time", "p50 "+span(l.P50), "p90 "+span(l.P90), "p99 "+span(l.P99), "p99.9 "+span(l.P999), "max "+span(l.Max))
	}
	switch {
	case s.Recovery == nil:
	case s.Recovery.Served:
		row("afterwards", "a new client is served, after "+span(s.Recovery.AfterMS))
	default:
		row("afterwards", "a new client is not served: "+shorten(s.Recovery.Problem, maxValue))
	}
}

func (p *page) scaleError(e ScaleError) {
	sign, c := mark(specs.Fail)
	if e.Harmless {
		sign, c = mark(specs.NonStrict)
	}
	f := e.First
	where := fmt.Sprintf("client %d", f.Client)
	switch {
	case f.Turn == 0:
		where += ", at its opening"
	case f.Turn > 0:
		where += fmt.Sprintf(", turn %d", f.Turn)
	}
	p.marked(c, sign, fmt.Sprintf(" %s, %s; the first: %s, after %s", shorten(string(e.Code), 40), count64(e.Count, "time", "times"), where, span(f.AtMS)))
	for _, l := range []struct{ label, text string }{{"sent", f.Sent}, {"expected", f.Expected}, {"received", f.Received}, {"because", f.Message}} {
		if l.text != "" {
			p.labelled(l.label, l.text, maxMessage)
		}
	}
}

// scaleHeadline says in one line what it amounts to.
func (p *page) scaleHeadline(r *Report) {
	s := r.Scale
	verdict, c := "served", green
	switch {
	case !s.OK() && s.NeverServed > 0:
		verdict, c = "not all served", red
	case !s.OK():
		verdict, c = "not all right", red
	case s.Ended != "complete":
		verdict, c = "incomplete", yellow
	}
	p.marked(c, verdict, fmt.Sprintf(": %s · %s · seed %d", s.headline(), span(r.Run.DurationMS), r.Run.Seed))
}

// headline counts what matters.
func (s *Scale) headline() string {
	what := []string{fmt.Sprintf("%s of %s", grouped(int64(s.Served)), count64(int64(s.Clients), "client", "clients")),
		count64(s.RoundTrips.Right, "right answer", "right answers")}
	for _, e := range s.Errors {
		if !e.Harmless {
			what = append(what, fmt.Sprintf("%s %s", grouped(e.Count), shorten(string(e.Code), 40)))
		}
	}
	if s.Recovery != nil && !s.Recovery.Served {
		what = append(what, "no recovery")
	}
	if s.Ended != "complete" {
		what = append(what, s.Ended)
	}
	return strings.Join(what, ", ")
}

// span makes a time readable, to two figures or more.
func span(ms float64) string {
	if ms >= 100 && ms < 1000 {
		return fmt.Sprintf("%.0f ms", ms)
	}
	return milliseconds(ms)
}

func count64(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped writes a number with its thousands apart.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + " " + digits[at:]
	}
	return digits
}
