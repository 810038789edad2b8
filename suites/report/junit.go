package report

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"conform/specs"
)

// What one value may take in the XML, in columns. Consumers keep these files
// in memory, and show a message in one line of a table.
const (
	maxXMLMessage = 500
	maxXMLValue   = 1000
	xmlWidth      = 100
)

type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		Name    string   `xml:"name,attr"`
		junitCounts
		Suites []junitSuite `xml:"testsuite"`
	}
	junitCounts struct {
		Tests     int    `xml:"tests,attr"`
		Failures  int    `xml:"failures,attr"`
		Errors    int    `xml:"errors,attr"`
		Skipped   int    `xml:"skipped,attr"`
		Time      string `xml:"time,attr"`
		Timestamp string `xml:"timestamp,attr"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCounts
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		SystemErr  *junitText      `xml:"system-err"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name       string          `xml:"name,attr"`
		Classname  string          `xml:"classname,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Skipped    *junitOutcome   `xml:"skipped"`
		Error      *junitOutcome   `xml:"error"`
		Failure    *junitOutcome   `xml:"failure"`
		SystemOut  *junitText      `xml:"system-out"`
	}
	junitOutcome struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Body    string `xml:",chardata"`
	}
	junitText struct {
		Text string `xml:",chardata"`
	}
)

// WriteJUnit writes the report as JUnit XML, one testsuite for each protocol.
// There is no standard for it; this is what GitLab, Jenkins and GitHub actions
// all read: the suite repeated in the classname, true seconds, failure for what
// is the target's and error for what is not.
func WriteJUnit(w io.Writer, r *Report) error {
	return writeJUnitSuites(w, junitSuitesOf(r), r.Run.DurationMS, r.Run.Started)
}

// writeMatrixJUnit writes the suites of every target. The target is in the names
// of the suite and of the class: consumers know a test by these.
func writeMatrixJUnit(w io.Writer, m *Matrix) error {
	var suites []junitSuite
	for i, file := range m.Files() {
		within := func(name string) string {
			return "conform." + strings.ReplaceAll(file, ".", "-") + strings.TrimPrefix(name, "conform")
		}
		for _, suite := range junitSuitesOf(&m.Targets[i].Report) {
			suite.Name = within(suite.Name)
			for k := range suite.Cases {
				suite.Cases[k].Classname = within(suite.Cases[k].Classname)
			}
			suites = append(suites, suite)
		}
	}
	return writeJUnitSuites(w, suites, m.Run.DurationMS, m.Run.Started)
}

// junitSuitesOf are the suites of one target, one for each protocol.
func junitSuitesOf(r *Report) (suites []junitSuite) {
	for _, protocol := range junitProtocols(r) {
		var results []Result
		for _, res := range r.Results {
			if res.Protocol == protocol {
				results = append(results, res)
			}
		}
		if r.Scale != nil {
			results = append(results, r.Scale.result())
		}
		suites = append(suites, junitSuiteOf(r, protocol, results))
	}
	return suites
}

func writeJUnitSuites(w io.Writer, suites []junitSuite, durationMS float64, started time.Time) error {
	doc := junitSuites{Name: "conform", Suites: suites}
	for _, suite := range suites {
		doc.Tests += suite.Tests
		doc.Failures += suite.Failures
		doc.Errors += suite.Errors
		doc.Skipped += suite.Skipped
	}
	// The cases run side by side: the suites' times may add up to more.
	doc.Time = seconds(durationMS)
	doc.Timestamp = timestamp(started)

	body, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	// No attribute holds a line break, so these are all in texts, where a
	// plain one is the same and can be read. "##" begins a command in some CI
	// logs; inside a document it can only be in a text or in a value.
	body = bytes.ReplaceAll(body, []byte("&#xA;"), []byte("\n"))
	body = bytes.ReplaceAll(body, []byte("##"), []byte("#&#35;"))
	_, err = w.Write([]byte(xml.Header + string(body) + "\n"))
	return err
}

// junitProtocols lists the protocols that have results, and those that have
// none: what ended the run must be said even when nothing was judged.
func junitProtocols(r *Report) []string {
	var protocols []string
	seen := map[string]bool{}
	add := func(p string) {
		if !seen[p] {
			seen[p] = true
			protocols = append(protocols, p)
		}
	}
	for _, res := range r.Results {
		add(res.Protocol)
	}
	for _, p := range r.Target.Protocol {
		add(p)
	}
	if len(protocols) == 0 {
		add("")
	}
	return protocols
}

func junitSuiteOf(r *Report, protocol string, results []Result) junitSuite {
	s := junitSuite{Name: classname(protocol, "")}
	value := func(name, v string) {
		if v != "" {
			s.Properties = append(s.Properties, junitProperty{name, shorten(v, maxXMLValue)})
		}
	}
	value("target", r.Target.Address)
	value("transport", r.Target.Transport)
	value("protocol", protocol)
	value("dialect", dialect(r.Target))
	value("concurrency", r.Target.Concurrency.Class)
	for _, p := range r.Target.Concurrency.Profile {
		if p.Protocol == protocol && p.LeftOut == "" {
			s.Properties = append(s.Properties, p.properties()...)
		}
	}
	if r.Run.Seed != 0 { // it is kept back otherwise
		value("seed", strconv.FormatInt(r.Run.Seed, 10))
	}
	value("strict", strconv.FormatBool(r.Run.Strict))
	value("tool", strings.TrimSpace(r.Tool.Name+" "+r.Tool.Version))
	value("commit", r.Tool.Commit)
	value("headline", r.Summary.Headline)
	if r.Summary.Cause != "" {
		value("cause", r.Summary.Cause)
		s.SystemErr = &junitText{shorten(r.Summary.Cause, maxXMLValue) + "\n"}
	}

	// The time of the suite is from its first start to its last end.
	start, end := math.Inf(1), 0.0
	for _, res := range results {
		c := junitCaseOf(r, res)
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
		s.Cases = append(s.Cases, c)
		if res.Attempts > 0 || res.DurationMS > 0 {
			start = min(start, res.StartedMS)
			end = max(end, res.StartedMS+res.DurationMS)
		}
	}
	if start > end || math.IsNaN(start) || math.IsNaN(end) {
		start, end = 0, 0
	}
	s.Tests = len(s.Cases)
	s.Time = seconds(end - start)
	s.Timestamp = timestamp(r.Run.Started.Add(time.Duration(start * float64(time.Millisecond))))
	return s
}

func junitCaseOf(r *Report, res Result) junitCase {
	c := junitCase{
		Name:      shorten(res.ID, maxXMLMessage),
		Classname: classname(res.Protocol, res.Section),
		Time:      seconds(res.DurationMS),
		Properties: []junitProperty{
			{"level", shorten(string(res.Level), maxXMLValue)},
			{"clause", shorten(res.Clause, maxXMLValue)},
			{"verdict", shorten(string(res.Verdict), maxXMLValue)},
		},
	}
	if len(res.Covers) > 0 {
		c.Properties = append(c.Properties, junitProperty{"covers", shorten(strings.Join(first(res.Covers, 100), " "), maxXMLValue)})
	}
	outcome := &junitOutcome{Message: shorten(cmp.Or(remark(res), res.Title), maxXMLMessage)}
	if res.Reason != nil {
		outcome.Type = shorten(string(res.Reason.Code), maxXMLMessage)
	}
	evidence := false
	switch status(r, res) {
	case statusFailed:
		c.Failure, evidence = outcome, true
	case statusPassed:
	case statusSkipped:
		outcome.Type = "" // of a skipped testcase only the message is read
		c.Skipped = outcome
	default:
		c.Error, evidence = outcome, res.Verdict != specs.Blocked
	}
	var out string
	if evidence {
		outcome.Body = "\n" + cardText(res)
		page := newPage(TerminalOptions{Width: xmlWidth})
		page.picture(res)
		out = page.b.String()
	} else if c.Skipped == nil && c.Error == nil {
		out = remarks(res)
	}
	if out != "" {
		c.SystemOut = &junitText{"\n" + out}
	}
	return c
}

// remarks is what is worth saying of a requirement that did not fail.
func remarks(res Result) string {
	page := newPage(TerminalOptions{Width: xmlWidth})
	if res.Verdict != specs.Pass {
		text := string(res.Verdict)
		if m := remark(res); m != "" {
			text += ": " + m
		}
		page.line(shorten(text, maxXMLMessage))
	}
	if res.Attempts > 1 {
		page.line(count(res.Attempts, "attempt", "attempts"))
	}
	for _, n := range first(res.Notes, maxOutcomes) {
		page.line(shorten(n, maxXMLMessage))
	}
	return page.b.String()
}

// classname is dotted, as consumers take it apart at the dots.
func classname(protocol, section string) string {
	name := "conform"
	for _, part := range []string{protocol, section} {
		if part != "" {
			name += "." + strings.ReplaceAll(shorten(part, 100), "/", ".")
		}
	}
	return name
}

// seconds is a decimal number with a dot and never an exponent, which is all
// that consumers read.
func seconds(ms float64) string {
	if !(ms > 0) || math.IsInf(ms, 0) {
		ms = 0
	}
	return strconv.FormatFloat(ms/1000, 'f', 6, 64)
}

// timestamp is in UTC and has no zone: the schema that Ant published, which
// some consumers still check, allows none.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }
