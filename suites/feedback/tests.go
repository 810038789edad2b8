package feedback

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"conform/specs"
	"conform/suites/grade"
	"conform/suites/report"
)

// asTests is a grade for tools that know only tests: a suite for each line of the
// rubric, and in it a test for each requirement with its evidence. A line of
// which no requirement is shown, or was judged, is one test.
func (v *view) asTests() *report.Report {
	r := &report.Report{Schema: report.Schema, Tool: v.Tool, Target: report.Target{Address: v.name()}}
	r.Run.Seed, r.Run.Started, r.Run.DurationMS = v.Seed, v.Started, v.DurationMS
	if v.Report != nil {
		r.Run.Strict = v.Report.Run.Strict
	}
	r.Summary.Headline = string(v.Outcome) + ": " + v.headline()
	if v.undecided {
		r.Summary.Headline, r.Summary.Cause = v.headline(), v.failure()
	}
	for i, l := range v.Lines {
		key := l.ID
		if key == "" {
			key = fmt.Sprintf("line-%d", i+1)
		}
		judged := len(r.Results)
		for _, j := range v.judged(l) {
			res, _ := v.result(j)
			res.Protocol = key
			// Tests fail by the submission's doing, and by nobody else's.
			switch {
			case j.Met && !report.Passed(res.Verdict, r.Run.Strict):
				res.Verdict = specs.Pass
			case j.Met, leftOut(j):
			case j.Owner == grade.OfSubmission:
				res.Verdict = specs.Fail
			default:
				res.Verdict = specs.Error
			}
			r.Results = append(r.Results, res)
		}
		if len(r.Results) > judged && l.Status != grade.Uncounted {
			continue
		}
		res := report.Result{ID: title(l), Title: title(l), Protocol: key, Verdict: specs.Fail, Reason: &report.Reason{Message: says(l)}}
		if text := v.failure(); text != "" && l.Status != grade.Met {
			res.Reason.Message += "\n" + text
		}
		switch {
		case l.Status == grade.Uncounted, v.Outcome == grade.Undecided:
			res.Verdict, res.Reason.Code = specs.Error, specs.KitFault
			res.Reason.Message = "not graded yet, through no fault of the submission"
		case l.Status == grade.Met:
			res.Verdict, res.Reason = specs.Pass, nil
		case l.Status == grade.Waiting:
			res.Verdict = specs.Blocked
		}
		r.Results = append(r.Results, res)
	}
	r.Summary.Counts = report.Count(r.Results)
	return r
}

func writeJUnit(w io.Writer, v *view) error { return report.WriteJUnit(w, v.asTests()) }

// writeCTRF writes the tests with the score, which CTRF has no place for but
// "extra".
func writeCTRF(w io.Writer, v *view) error {
	var b bytes.Buffer
	if err := report.WriteCTRF(&b, v.asTests()); err != nil {
		return err
	}
	d := json.NewDecoder(&b)
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		return fmt.Errorf("the CTRF report cannot be read again: %w", err)
	}
	results, _ := doc["results"].(map[string]any)
	extra := map[string]any{"submission": v.name(), "outcome": report.Plain(string(v.Outcome), 40), "max": rounded(v.Max)}
	if !v.undecided {
		extra["score"] = rounded(v.Score)
	}
	if v.partial {
		extra["partial"] = true
	}
	if v.Seed != 0 {
		extra["seed"] = v.Seed
	}
	var lines []map[string]any
	for _, l := range v.Lines {
		line := map[string]any{"id": report.Plain(l.ID, 200), "title": title(l), "max": rounded(l.Max), "status": report.Plain(string(l.Status), 40)}
		if l.Status != grade.Uncounted {
			line["points"] = rounded(l.Points)
		}
		lines = append(lines, line)
	}
	extra["lines"] = list(lines)
	if results != nil {
		results["extra"] = extra
	}
	return encode(w, doc, "the CTRF report")
}
