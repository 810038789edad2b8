package report

import (
	"fmt"
	"io"
	"strings"
)

// What is told in full of disagreements: a step summary may have a mebibyte, and a
// character may take nine.
const (
	maxMarkdownOutcomes = 100
	maxMarkdownGroups   = 4
	maxMarkdownText     = 120
)

// writeMatrixMarkdown writes what came of several targets in GitHub Flavored
// Markdown: the targets, a table of what they disagree on, and in what.
func writeMatrixMarkdown(w io.Writer, m *Matrix) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("## %s %s", markdownSign(m.Summary.Headline, m.Summary.ExitCode), markdownText(count(len(m.Targets), "target", "targets"), 60))
	line("")
	line("%s", markdownText(m.text(), 600))
	line("")
	line("| | target | result | exit code |")
	line("|--:|---|---|--:|")
	targets := first(m.Targets, maxMatrixTargets)
	for i, t := range targets {
		line("| %d | %s | %s %s | %d |", i+1, markdownText(strings.Join(append([]string{shorten(t.Name, 200)}, about(t.Report)...), " · "), 400),
			markdownSign(t.Report.Summary.Headline, t.Report.Summary.ExitCode), markdownText(conclusion(&t.Report), 400), t.Report.Summary.ExitCode)
	}
	if n := len(m.Targets) - len(targets); n > 0 {
		line("| | … and %d more | | |", n)
	}
	line("")

	rows := m.rows()
	var differing []*matrixRow
	for _, row := range rows {
		if row.differs() {
			differing = append(differing, row)
		}
	}
	if len(differing) > 0 {
		line("### Where they disagree")
		line("")
		b.WriteString("| requirement | level |")
		for i := range targets {
			fmt.Fprintf(&b, " %d |", i+1)
		}
		line("\n|---|---|%s", strings.Repeat(":-:|", len(targets)))
		section := ""
		for _, row := range first(differing, maxMatrixRows) {
			if here := heading(row.Protocol, row.Section); here != section {
				section = here
				line("| **%s** | |%s", markdownText(here, 120), strings.Repeat(" |", len(targets)))
			}
			fmt.Fprintf(&b, "| %s | %s |", markdownText(row.ID, 120), markdownText(level(Result{Level: row.Level}), 20))
			for i := range targets {
				fmt.Fprintf(&b, " %s |", markdownText(row.Cells[i].word(), 20))
			}
			b.WriteByte('\n')
		}
		if n := len(differing) - maxMatrixRows; n > 0 {
			line("| … and %d more | |%s", n, strings.Repeat(" |", len(targets)))
		}
		line("")
		line("<details open><summary>In what</summary>")
		line("")
		for _, row := range first(differing, maxMarkdownOutcomes) {
			line("- %s: %s", markdownText(row.ID, 120), markdownText(row.Title, 300))
			for _, g := range first(row.groups, maxMarkdownGroups) {
				line("  - %s: %s", markdownText(numbered(g.targets), 100), markdownText(g.text(maxMarkdownText), maxMarkdownText+60))
			}
		}
		if n := len(differing) - maxMarkdownOutcomes; n > 0 {
			line("- … and %d more", n)
		}
		line("")
		line("</details>")
		line("")
	}
	if len(m.Facts) > 0 {
		line("### How clients are served")
		line("")
		for _, f := range first(m.Facts, maxMarkdownRows) {
			var parts []string
			for _, g := range f.groups() {
				parts = append(parts, numbered(g.targets)+": "+g.found.String())
			}
			line("- %s, %s: %s", markdownText(f.Protocol, 40), markdownText(strings.ReplaceAll(f.Name, "-", " "), 60), markdownText(strings.Join(first(parts, maxStrip), " · "), 400))
		}
		line("")
	}
	for _, l := range agreed(rows) {
		line("%s", markdownText(l, 1000))
		line("")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// word is the verdict with its sign, or a dash where it does not apply.
func (c MatrixCell) word() string {
	if c.Verdict == "" {
		return "-"
	}
	sign, _ := mark(c.Verdict)
	return sign + " " + string(c.Verdict)
}
