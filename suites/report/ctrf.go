package report

import (
	"encoding/json"
	"io"
	"math"
	"strings"
	"time"

	"conform/specs"
)

// The names of CTRF, the Common Test Report Format (ctrf.io), version 0.0.0.
type (
	ctrfReport struct {
		Format    string      `json:"reportFormat"`
		Version   string      `json:"specVersion"`
		Generated string      `json:"generatedBy"`
		Results   ctrfResults `json:"results"`
	}
	ctrfResults struct {
		Tool    ctrfTool       `json:"tool"`
		Summary ctrfSummary    `json:"summary"`
		Tests   []ctrfTest     `json:"tests"`
		Extra   map[string]any `json:"extra"`
	}
	ctrfTool struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	ctrfSummary struct {
		Tests   int   `json:"tests"`
		Passed  int   `json:"passed"`
		Failed  int   `json:"failed"`
		Pending int   `json:"pending"`
		Skipped int   `json:"skipped"`
		Other   int   `json:"other"`
		Start   int64 `json:"start"` // ms since 1970
		Stop    int64 `json:"stop"`
	}
	ctrfTest struct {
		Name      string            `json:"name"`
		Status    string            `json:"status"`
		Duration  int64             `json:"duration"` // ms
		Start     int64             `json:"start,omitempty"`
		Stop      int64             `json:"stop,omitempty"`
		Suite     []string          `json:"suite"`
		Message   string            `json:"message,omitempty"`
		Trace     string            `json:"trace,omitempty"`
		RawStatus string            `json:"rawStatus"`
		Tags      []string          `json:"tags"`
		Retries   int               `json:"retries,omitempty"`
		Stdout    []string          `json:"stdout,omitempty"`
		Labels    map[string]string `json:"labels"`
	}
)

// WriteCTRF writes the report in the Common Test Report Format, which services
// and actions read that compare runs. What CTRF has no status for is "other":
// the target's faults are "failed", and nothing else is.
func WriteCTRF(w io.Writer, r *Report) error {
	extra := map[string]any{"target": shorten(r.Target.Address, maxXMLValue), "seed": r.Run.Seed,
		"headline": shorten(r.Summary.Headline, maxXMLValue), "exitCode": r.Summary.ExitCode}
	if r.Summary.Cause != "" {
		extra["cause"] = shorten(r.Summary.Cause, maxXMLValue)
	}
	return writeCTRF(w, r.Tool, r.Run.Started, r.Run.DurationMS, ctrfTests(r), extra)
}

// writeMatrixCTRF writes the tests of every target. The target is in their names,
// by which consumers know them, and is their outermost suite.
func writeMatrixCTRF(w io.Writer, m *Matrix) error {
	tests, targets := []ctrfTest{}, []map[string]any{}
	for i, name := range m.Files() {
		r := &m.Targets[i].Report
		for _, t := range ctrfTests(r) {
			t.Name, t.Suite = name+": "+t.Name, append([]string{name}, t.Suite...)
			tests = append(tests, t)
		}
		targets = append(targets, map[string]any{"suite": name, "target": shorten(m.Targets[i].Name, maxXMLValue), "cause": shorten(r.Summary.Cause, maxXMLValue),
			"headline": shorten(r.Summary.Headline, maxXMLValue), "exitCode": r.Summary.ExitCode})
	}
	return writeCTRF(w, m.Tool, m.Run.Started, m.Run.DurationMS, tests, map[string]any{"targets": targets, "seed": m.Run.Seed,
		"headline": shorten(m.Summary.Headline, maxXMLValue), "exitCode": m.Summary.ExitCode, "differ": m.Summary.Differ})
}

func writeCTRF(w io.Writer, tool Tool, started time.Time, durationMS float64, tests []ctrfTest, extra map[string]any) error {
	start := started.UnixMilli()
	doc := ctrfReport{Format: "CTRF", Version: "0.0.0", Generated: "conform", Results: ctrfResults{
		Tool:    ctrfTool{Name: "conform", Version: shorten(tool.Version, maxXMLValue)},
		Summary: ctrfSummary{Start: start, Stop: start + whole(durationMS), Tests: len(tests)},
		Tests:   tests, Extra: extra,
	}}
	sum := &doc.Results.Summary
	for _, t := range tests {
		switch t.Status {
		case "passed":
			sum.Passed++
		case "failed":
			sum.Failed++
		case "skipped":
			sum.Skipped++
		default:
			sum.Other++
		}
	}
	data, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(escapeJSON(data), '\n'))
	return err
}

// ctrfTests are the tests of one target.
func ctrfTests(r *Report) []ctrfTest {
	start, tests := r.Run.Started.UnixMilli(), []ctrfTest{}
	for _, res := range r.tests() {
		t := ctrfTest{Name: shorten(res.ID, maxXMLMessage), Duration: whole(res.DurationMS),
			Suite: []string{shorten(res.Protocol, 100), shorten(res.Section, 100)}, RawStatus: shorten(string(res.Verdict), 100),
			Tags:   []string{shorten(string(res.Level), 100)},
			Labels: map[string]string{"clause": shorten(res.Clause, maxXMLValue), "covers": shorten(strings.Join(first(res.Covers, 100), " "), maxXMLValue)},
		}
		if res.Attempts > 0 {
			t.Start = start + whole(res.StartedMS)
			t.Stop = t.Start + t.Duration
			t.Retries = res.Attempts - 1
		}
		switch status(r, res) {
		case statusPassed:
			t.Status = "passed"
		case statusFailed:
			t.Status = "failed"
		case statusSkipped:
			t.Status = "skipped"
		default:
			t.Status = "other"
		}
		if res.Reason != nil {
			t.Message = shorten(remark(res), maxXMLMessage)
		}
		if t.Status == "failed" || res.Verdict == specs.Error {
			t.Trace = cardText(res)
		}
		tests = append(tests, t)
	}
	return tests
}

// whole is a time in whole milliseconds, which are all that CTRF has.
func whole(ms float64) int64 {
	if !(ms > 0) || ms > math.MaxInt32 {
		return 0
	}
	return int64(math.Round(ms))
}

// cardText is the evidence of one requirement, as the terminal shows it.
func cardText(res Result) string {
	page := newPage(TerminalOptions{Width: xmlWidth, Verbose: true})
	page.card(res)
	return page.b.String()
}
