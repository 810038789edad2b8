// Package feedback makes of grades what people and course systems are given: a
// page, a comment, the result files of course systems, and for a class a table, a
// page and filled-in gradebooks.
//
// Every format is a function of a grade and a writer. What a student may not see
// is taken out once, by View, before any format sees it. Nothing here counts
// points or runs anything: grade does the one, and whoever calls this the other.
package feedback

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"conform/suites/grade"
	"conform/suites/report"
)

// Audience says who is to read an output.
type Audience string

const (
	Student    Audience = "student"
	Instructor Audience = "instructor"
)

// Options say for whom an output is. The zero value is the careful one: a
// student before the due date.
type Options struct {
	Audience Audience // empty is Student
	PastDue  bool     // the due date is past: lines that are shown after it are shown
}

func (o Options) student() bool { return o.Audience != Instructor }

// ErrUndecided is what writing a format fails with that has no way of saying "not
// graded yet" but a missing file. Nothing was written: take away the file of an
// earlier run, and end in a way that the course system takes for a failure of its
// grader.
var ErrUndecided = errors.New("the submission is not graded yet, and this format cannot say so: write no file")

// Format is a format that Write or WriteClass knows.
type Format struct {
	Name  string
	Class bool   // of a class, not of a submission
	For   string // what it is for, in a few words
}

var submissionFormats = []struct {
	Format
	write func(io.Writer, *view) error
}{
	{Format{"json", false, "programs, and grade diff: conform.grade/v1"}, writeJSON},
	{Format{"html", false, "a page for the student, with the bytes of each failure"}, writeHTML},
	{Format{"markdown", false, "a comment, or the summary of a CI step"}, writeMarkdown},
	{Format{"gradescope", false, "Gradescope: results/results.json"}, writeGradescope},
	{Format{"classroom", false, "GitHub Classroom: the result of a runner, in base64"}, writeClassroom},
	{Format{"classroom-notices", false, "GitHub Classroom: the two notices that it reads the points from"}, writeClassroomNotices},
	{Format{"prairielearn", false, "PrairieLearn: results/results.json"}, writePrairieLearn},
	{Format{"autolab", false, "Autolab: standard output, with the scores in its last line"}, writeAutolab},
	{Format{"junit", false, "Artemis, GitLab, Jenkins"}, writeJUnit},
	{Format{"ctrf", false, "actions and services that read CTRF"}, writeCTRF},
}

var classFormats = []struct {
	Format
	write func(io.Writer, *summary) error
}{
	{Format{"csv", true, "a spreadsheet: a row for each submission"}, writeCSV},
	{Format{"class-html", true, "a page about the class"}, writeClassHTML},
	{Format{"class-json", true, "programs: conform.class/v1"}, writeClassJSON},
}

// Formats lists the formats of a submission, and then those of a class.
func Formats() (all []Format) {
	for _, f := range submissionFormats {
		all = append(all, f.Format)
	}
	for _, f := range classFormats {
		all = append(all, f.Format)
	}
	return all
}

// Write writes a grade in the named format.
func Write(format string, w io.Writer, g grade.Grade, o Options) error {
	for _, f := range submissionFormats {
		if f.Name == format {
			return f.write(w, newView(g, o))
		}
	}
	return unknown(format, false)
}

// WriteClass writes the grades of a class in the named format. It is for
// instructors: everything is in it.
func WriteClass(format string, w io.Writer, c Class) error {
	for _, f := range classFormats {
		if f.Name == format {
			return f.write(w, summarize(c))
		}
	}
	return unknown(format, true)
}

func unknown(format string, class bool) error {
	of := "a submission"
	if class {
		of = "a class"
	}
	var names []string
	for _, f := range Formats() {
		if f.Class == class {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return fmt.Errorf("there is no format %q of %s: write one of %s", report.Plain(format, 60), of, strings.Join(names, ", "))
}

// rounded is a number of points without the dust of binary fractions.
func rounded(points float64) float64 {
	if math.IsNaN(points) || math.IsInf(points, 0) {
		return 0
	}
	return math.Round(points*1e4) / 1e4
}

// number writes points as people and spreadsheets do: with a dot, and never an
// exponent.
func number(points float64) string {
	return strconv.FormatFloat(rounded(max(-1e12, min(1e12, points))), 'f', -1, 64)
}

// outOf is "8 of 10 points".
func outOf(points, of float64) string {
	if rounded(of) == 1 {
		return number(points) + " of 1 point"
	}
	return number(points) + " of " + number(of) + " points"
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
