package feedback

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"conform/suites/grade"
	"conform/suites/report"
)

// maxJSON bounds the grade that ReadJSON takes into memory.
const maxJSON = 256 << 20

// document is the JSON of a grade: the grade, and for whom it is.
type document struct {
	grade.Grade
	Audience Audience `json:"audience"`
	Partial  bool     `json:"partial,omitempty"`
}

func writeJSON(w io.Writer, v *view) error {
	d := document{Grade: complete(v.Grade), Audience: Instructor, Partial: v.partial}
	if v.options.student() {
		d.Audience = Student
	}
	return encode(w, d, "the grade")
}

// encode writes a value as JSON, with what could harm escaped.
func encode(w io.Writer, value any, what string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		return fmt.Errorf("%s cannot be written as JSON: %w", what, err)
	}
	_, err := w.Write(report.EscapeJSON(b.Bytes()))
	return err
}

// complete is a copy of a grade in which no list is null.
func complete(g grade.Grade) grade.Grade {
	g.Schema = grade.Schema
	g.Lines = list(slices.Clone(g.Lines))
	for i := range g.Lines {
		g.Lines[i].Judged = list(g.Lines[i].Judged)
	}
	g.Deductions, g.Manual = list(g.Deductions), list(g.Manual)
	if g.Report != nil {
		g.Report = report.Complete(g.Report)
	}
	return g
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// ReadJSON reads a grade that was written for instructors. Fields that it does
// not know are left out: a later conform may add some under the same schema.
func ReadJSON(r io.Reader) (grade.Grade, error) {
	var none grade.Grade
	data, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	if err != nil {
		return none, fmt.Errorf("the grade cannot be read: %w", err)
	}
	if len(data) > maxJSON {
		return none, fmt.Errorf("the grade is larger than %d MiB", maxJSON>>20)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return none, errors.New("not a grade of conform: it is empty")
	}
	var head struct {
		Schema   *string  `json:"schema"`
		Audience Audience `json:"audience"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return none, notGrade(data, err)
	}
	switch {
	case head.Schema == nil:
		return none, fmt.Errorf("not a grade of conform: it has no schema, %q is expected", grade.Schema)
	case *head.Schema != grade.Schema:
		return none, fmt.Errorf("the schema of the grade is %q, not %q", report.Plain(*head.Schema, 60), grade.Schema)
	case head.Audience == Student:
		return none, errors.New("this grade was written for a student, and what students do not see is not in it: read the instructor's")
	}
	var g grade.Grade
	if err := json.Unmarshal(data, &g); err != nil {
		return none, notGrade(data, err)
	}
	if err := sane(g); err != nil {
		return none, fmt.Errorf("not a grade of conform: %w", err)
	}
	return complete(g), nil
}

// sane finds what no conform has written: words that mean nothing, and points
// that nobody could have got.
func sane(g grade.Grade) error {
	switch g.Outcome {
	case grade.Graded, grade.Unreadable, grade.BuildFailed, grade.NotStarted, grade.Undecided:
	default:
		return fmt.Errorf("outcome is %q", report.Plain(string(g.Outcome), 60))
	}
	if g.Lines == nil {
		return errors.New("it has no lines")
	}
	for i, l := range g.Lines {
		switch l.Status {
		case grade.Met, grade.Partly, grade.Unmet, grade.Waiting, grade.Uncounted:
		default:
			return fmt.Errorf("lines[%d].status is %q", i, report.Plain(string(l.Status), 60))
		}
		switch l.Visibility {
		case grade.Visible, grade.ResultOnly, grade.AfterDue, grade.Hidden:
		default:
			return fmt.Errorf("lines[%d].visibility is %q", i, report.Plain(string(l.Visibility), 60))
		}
	}
	if g.Score < 0 || g.Max < 0 || math.Abs(g.Score) > 1e9 || math.Abs(g.Max) > 1e9 {
		return fmt.Errorf("score %g of %g", g.Score, g.Max)
	}
	return nil
}

// notGrade says in one line what is wrong, and where.
func notGrade(data []byte, err error) error {
	var offset int64
	what := err.Error()
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
		what = fmt.Sprintf("%s cannot be of the kind %s", kind.Field, kind.Value)
	}
	return fmt.Errorf("not a grade of conform: line %d: %s", 1+bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n")), report.Plain(what, 200))
}
