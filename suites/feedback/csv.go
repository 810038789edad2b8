package feedback

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"conform/suites/report"
)

// maxCell is what a cell of the class's table may take, in columns.
const maxCell = 500

// writeCSV writes a row for each submission. What is not graded yet has no
// score: an empty cell is no zero.
func writeCSV(w io.Writer, s *summary) error {
	out := csv.NewWriter(w)
	header := []string{"name", "digest", "outcome", "owner", "cause", "score", "max", "submitted", "deducted", "deductions", "seconds", "isolation"}
	for _, l := range s.Lines {
		header = append(header, cell(l.ID))
	}
	rows := [][]string{header}
	for _, r := range s.Submissions {
		g := r.grade
		var owner, cause, score, submitted string
		if c := r.Cause; c != nil {
			owner, cause = string(c.Owner), c.Code
			if c.Message != "" {
				cause = strings.TrimPrefix(cause+": "+c.Message, ": ")
			}
		}
		if r.Score != nil {
			score = number(*r.Score)
		}
		if t := g.Submission.Submitted; t != nil {
			submitted = t.UTC().Format("2006-01-02 15:04:05")
		}
		var why []string
		for _, d := range g.Deductions {
			why = append(why, strings.TrimSuffix(d.Title+": "+d.Why, ": "))
		}
		cells := []string{cell(r.Name), cell(r.Digest), cell(string(r.Outcome)), cell(owner), cell(cause), score, number(r.Max), submitted,
			number(r.Deducted), cell(strings.Join(why, "; ")), strconv.FormatFloat(max(0, r.DurationMS)/1000, 'f', 3, 64), cell(r.Tier)}
		for _, l := range s.Lines {
			points, counted := r.Points[l.ID]
			text := ""
			if counted {
				text = number(points)
			}
			cells = append(cells, text)
		}
		rows = append(rows, cells)
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("the table cannot be written: %w", err)
	}
	return nil
}

// cell is a text in a table. A spreadsheet takes it for a formula when it begins
// with one of a few characters; an apostrophe before it keeps it a text.
func cell(s string) string {
	s = report.Plain(s, maxCell)
	if first := strings.TrimLeft(s, " \u00a0\u3000"); first != "" && strings.ContainsRune("=+-@|%＝＋－＠\t\r\n", []rune(first)[0]) {
		return "'" + s
	}
	if strings.HasPrefix(strings.TrimLeft(s, " "), "::") { // for a log of a CI system, a command
		return "'" + s
	}
	return s
}
