package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode"
	"unicode/utf8"

	"conform/specs"
)

// maxJSON bounds the report that ReadJSON takes into memory.
const maxJSON = 256 << 20

// maxTargets bounds how many of them a report of several has.
const maxTargets = 1000

// WriteJSON writes the report as JSON. Lists that are empty are written as [],
// every verdict is counted, and characters that a terminal or a CI system could
// act on are escaped, which changes nothing for a program that reads them.
func WriteJSON(w io.Writer, r *Report) error { return writeJSON(w, complete(r)) }

// writeMatrixJSON writes the reports of several targets as one document.
func writeMatrixJSON(w io.Writer, m *Matrix) error { return writeJSON(w, completeMatrix(m)) }

func writeJSON(w io.Writer, document any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // "<" and "&" are for people to read; no format is made by pasting this one
	e.SetIndent("", "  ")
	if err := e.Encode(document); err != nil {
		return fmt.Errorf("the report cannot be written as JSON: %w", err)
	}
	_, err := w.Write(escapeJSON(b.Bytes()))
	return err
}

// complete is a copy of the report in which nothing that a script relies on is
// missing. The report itself is not changed.
func complete(r *Report) *Report {
	c := *r
	if c.Schema == "" {
		c.Schema = Schema
	}
	c.Target.Protocol = list(c.Target.Protocol)
	c.Target.Dialect = maps.Clone(c.Target.Dialect)
	if c.Target.Dialect == nil {
		c.Target.Dialect = map[string]string{}
	}
	c.Target.Concurrency.Profile = list(slices.Clone(c.Target.Concurrency.Profile))
	for i := range c.Target.Concurrency.Profile {
		p := &c.Target.Concurrency.Profile[i]
		p.Facts, p.Timeline = list(p.Facts), list(p.Timeline)
	}
	c.Summary.Counts = maps.Clone(c.Summary.Counts)
	if c.Summary.Counts == nil {
		c.Summary.Counts = map[specs.Verdict]int{}
	}
	for _, v := range specs.Verdicts {
		c.Summary.Counts[v] += 0
	}
	if c.Scale != nil {
		scale := *c.Scale
		scale.Errors = list(scale.Errors)
		for _, series := range []*[]int64{&scale.Series.Connects, &scale.Series.RoundTrips, &scale.Series.Errors, &scale.Series.Open} {
			*series = list(*series)
		}
		c.Scale = &scale
	}
	c.Stages = slices.Clone(c.Stages)
	for i := range c.Stages {
		c.Stages[i].Requirements = list(c.Stages[i].Requirements)
	}
	c.Results = list(slices.Clone(c.Results))
	for i := range c.Results {
		res := &c.Results[i]
		res.Covers = list(res.Covers)
		res.Transcript = list(res.Transcript)
		if res.Reason != nil {
			reason := *res.Reason
			reason.Expected = list(reason.Expected)
			res.Reason = &reason
		}
		if res.Schedule != nil {
			schedule := *res.Schedule
			schedule.Steps = list(schedule.Steps)
			res.Schedule = &schedule
		}
	}
	return &c
}

// completeMatrix is a copy of the matrix in which the lists are lists.
func completeMatrix(m *Matrix) *Matrix {
	c := *m
	c.Schema = cmp.Or(c.Schema, MatrixSchema)
	c.Targets = list(slices.Clone(c.Targets))
	for i := range c.Targets {
		c.Targets[i].Report = *complete(&c.Targets[i].Report)
	}
	c.Disagreements, c.Facts = list(c.Disagreements), list(c.Facts)
	return &c
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// escapeJSON escapes the characters that JSON allows in a string and that are
// better not printed: DEL, the C1 and bidirectional controls, and the "##" that
// begins a command in some CI logs. Outside of strings there are none of them.
func escapeJSON(data []byte) []byte {
	out := make([]byte, 0, len(data)+len(data)/16)
	hash := false
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == '#' && hash:
			out = append(out, `\u0023`...)
			r = 0
		case r == '\n' || unicode.IsPrint(r):
			out = append(out, data[:size]...)
		case r > 0xffff:
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		hash = r == '#'
		data = data[size:]
	}
	return out
}

// ReadJSON reads a report that WriteJSON wrote. Fields that it does not know
// are left out: a later conform may add some under the same schema.
func ReadJSON(r io.Reader) (*Report, error) {
	report, matrix, err := ReadAny(r)
	if err == nil && matrix != nil {
		err = fmt.Errorf("the report is of several targets: conform report FILE --report 'json={target}.json' writes that of each")
	}
	return report, err
}

// ReadAny reads a report of one target, or of several: one of the two is nil.
func ReadAny(r io.Reader) (*Report, *Matrix, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	if err != nil {
		return nil, nil, fmt.Errorf("the report cannot be read: %w", err)
	}
	if len(data) > maxJSON {
		return nil, nil, fmt.Errorf("the report is larger than %d MiB", maxJSON>>20)
	}
	var head struct {
		Schema *string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, nil, notReport(data, err)
	}
	switch {
	case head.Schema == nil:
		return nil, nil, fmt.Errorf("not a report of conform: it has no schema, %q is expected", Schema)
	case *head.Schema == MatrixSchema:
		var m Matrix
		if err := json.Unmarshal(data, &m); err != nil {
			return nil, nil, notReport(data, err)
		}
		if n := len(m.Targets); n == 0 || n > maxTargets {
			return nil, nil, fmt.Errorf("not a report of conform: it has %d targets, and 1 to %d are read", n, maxTargets)
		}
		// What follows from the reports is made from them.
		m.Compare()
		return nil, completeMatrix(&m), nil
	case *head.Schema != Schema:
		return nil, nil, fmt.Errorf("the schema of the report is %q, not %q", shorten(*head.Schema, 60), Schema)
	}
	var report Report
	if err := json.Unmarshal(data, &report); err != nil {
		return nil, nil, notReport(data, err)
	}
	return complete(&report), nil, nil
}

// notReport says in one line what is wrong, and where.
func notReport(data []byte, err error) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("not a report of conform: it is empty")
	}
	var offset int64 = -1
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	}
	what, where := err.Error(), ""
	if kind != nil { // its own text speaks of Go types
		what = fmt.Sprintf("%s cannot be of the kind %s", cmp.Or(kind.Field, "the report"), kind.Value)
	}
	if offset >= 0 {
		where = fmt.Sprintf("line %d: ", 1+bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n")))
	}
	return fmt.Errorf("not a report of conform: %s%s", where, shorten(what, 200))
}
