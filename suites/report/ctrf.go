package report

import (
	"encoding/json"
	"io"
	"math"
	"strings"

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
	start := r.Run.Started.UnixMilli()
	doc := ctrfReport{Format: "CTRF", Version: "0.0.0", Generated: "conform", Results: ctrfResults{
		Tool:    ctrfTool{Name: "conform", Version: shorten(r.Tool.Version, maxXMLValue)},
		Summary: ctrfSummary{Start: start, Stop: start + whole(r.Run.DurationMS)},
		Tests:   []ctrfTest{},
		Extra: map[string]any{"target": shorten(r.Target.Address, maxXMLValue), "seed": r.Run.Seed,
			"headline": shorten(r.Summary.Headline, maxXMLValue), "exitCode": r.Summary.ExitCode},
	}}
	if r.Summary.Cause != "" {
		doc.Results.Extra["cause"] = shorten(r.Summary.Cause, maxXMLValue)
	}
	results := r.tests()
	sum := &doc.Results.Summary
	for _, res := range results {
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
			sum.Passed++
		case statusFailed:
			t.Status = "failed"
			sum.Failed++
		case statusSkipped:
			t.Status = "skipped"
			sum.Skipped++
		default:
			t.Status = "other"
			sum.Other++
		}
		if res.Reason != nil {
			t.Message = shorten(remark(res), maxXMLMessage)
		}
		if t.Status == "failed" || res.Verdict == specs.Error {
			t.Trace = cardText(res)
		}
		doc.Results.Tests = append(doc.Results.Tests, t)
	}
	sum.Tests = len(doc.Results.Tests)
	data, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(escapeJSON(data), '\n'))
	return err
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
