// Package baseline reads and writes the list of failures that are known of a
// target, so that a run fails only for what is new. It is about verdicts of a
// report, not about how they come.
package baseline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/goccy/go-yaml"

	"conform/specs"
	"conform/suites/report"
)

// Baseline is a list of known failures.
type Baseline struct {
	Known []Entry `yaml:"known"`
}

// Entry is one known failure, or several.
type Entry struct {
	ID      string     `yaml:"id"`                // an ID, or a glob over IDs
	Reason  specs.Code `yaml:"reason,omitempty"`  // the code that it must fail with; any if empty
	Note    string     `yaml:"note,omitempty"`    // why it is accepted
	Expires string     `yaml:"expires,omitempty"` // the last day on which it is, YYYY-MM-DD; for ever if empty
}

// maxSize bounds the file that Read takes, in bytes.
const maxSize = 4 << 20

// Read reads a baseline. Errors name the line and the column, and what is wrong
// there.
func Read(r io.Reader) (Baseline, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return Baseline{}, err
	}
	if len(data) > maxSize {
		return Baseline{}, fmt.Errorf("the baseline is longer than %d bytes", maxSize)
	}
	var b Baseline
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&b); err != nil && !errors.Is(err, io.EOF) {
		return Baseline{}, errors.New(strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	for i, e := range b.Known {
		switch {
		case e.ID == "":
			return Baseline{}, fmt.Errorf("entry %d of known has no id: write an ID or a glob, as in id: zen/framing/*", i+1)
		case !doublestar.ValidatePattern(e.ID):
			return Baseline{}, fmt.Errorf("entry %d of known: %q is not a glob", i+1, e.ID)
		}
		if _, known := specs.MeaningOf(e.Reason); e.Reason != "" && !known {
			return Baseline{}, fmt.Errorf("entry %d of known, %s: there is no reason %q: write the code that a JSON report has, such as no-answer", i+1, e.ID, e.Reason)
		}
		if e.Expires != "" {
			if _, err := time.Parse(time.DateOnly, e.Expires); err != nil {
				return Baseline{}, fmt.Errorf("entry %d of known, %s: expires: %q is no date: write as in 2027-01-31", i+1, e.ID, e.Expires)
			}
		}
	}
	return b, nil
}

// Of is the baseline that takes every failure of a report as known.
func Of(r *report.Report) (b Baseline) {
	for _, res := range r.Results {
		if failed(r, res) {
			e := Entry{ID: res.ID}
			if res.Reason != nil {
				e.Reason = res.Reason.Code
			}
			b.Known = append(b.Known, e)
		}
	}
	return b
}

// Write writes a baseline that Read reads.
func (b Baseline) Write(w io.Writer) error {
	if b.Known == nil {
		b.Known = []Entry{}
	}
	data, err := yaml.Marshal(b)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "# Failures that are known of a target: conform --baseline FILE fails only for others,\n"+
		"# and for those of these that do not fail any more. note and expires may be added.\n%s", data)
	return err
}

// Check finds entries that match none of the requirements with these IDs.
func (b Baseline) Check(ids []string) error {
	for _, e := range b.Known {
		if !slices.ContainsFunc(ids, func(id string) bool { return doublestar.MatchUnvalidated(e.ID, id) }) {
			return fmt.Errorf("%q matches no requirement: take it out, or conform list shows what it may be called now", e.ID)
		}
	}
	return nil
}

// failed says whether a result fails the run.
func failed(r *report.Report, res report.Result) bool {
	return res.Verdict == specs.Fail || res.Verdict == specs.NonStrict && r.Run.Strict
}

// Apply marks the results of a report that the baseline speaks of, and draws the
// conclusion: known failures fail nothing, and known failures that are none any
// more do. Those that expired before today do not count.
func (b Baseline) Apply(r *report.Report, today time.Time) {
	day := today.Format(time.DateOnly)
	sum := &report.BaselineSummary{}
	failures := 0
	for i := range r.Results {
		res := &r.Results[i]
		fails := failed(r, *res)
		at := slices.IndexFunc(b.Known, func(e Entry) bool { return doublestar.MatchUnvalidated(e.ID, res.ID) })
		mark := ""
		switch {
		case at < 0:
		case b.Known[at].Expires != "" && b.Known[at].Expires < day:
			if fails {
				res.Known = &report.Known{Note: fmt.Sprintf("known until %s", b.Known[at].Expires)}
			}
		case fails && res.Reason != nil && b.Known[at].Reason != "" && b.Known[at].Reason != res.Reason.Code:
			res.Known = &report.Known{Note: fmt.Sprintf("known to fail with %s", b.Known[at].Reason)}
		case fails:
			mark = report.ExpectedFail
			sum.ExpectedFail++
		case report.Judged(res.Verdict) && !strings.ContainsAny(b.Known[at].ID, "*?[{"):
			// A glob speaks of those that fail among what it matches.
			mark = report.UnexpectedPass
			sum.UnexpectedPass++
		}
		if mark != "" {
			res.Known = &report.Known{As: mark, Note: b.Known[at].Note}
		}
		if fails && mark == "" {
			failures++
		}
	}
	for _, e := range b.Known {
		if strings.ContainsAny(e.ID, "*?[{") && !slices.ContainsFunc(r.Results, func(res report.Result) bool {
			return doublestar.MatchUnvalidated(e.ID, res.ID) && (failed(r, res) || !report.Judged(res.Verdict))
		}) {
			sum.Stale = append(sum.Stale, e.ID)
		}
	}
	r.Summary.Baseline = sum
	switch code := &r.Summary.ExitCode; {
	case *code == 1 && failures == 0 && sum.UnexpectedPass == 0 && len(sum.Stale) == 0:
		*code = 0
	case *code == 0 && sum.UnexpectedPass+len(sum.Stale) > 0:
		*code = 1
	}
}
