package feedback

import (
	"fmt"
	"io"
	"strings"

	"conform/suites/grade"
	"conform/suites/report"
)

// What a comment may take: GitHub's has at most 65 536 characters.
const (
	maxMarkdown      = 60_000
	maxMarkdownCards = 10
)

// writeMarkdown writes the grade in GitHub Flavored Markdown.
func writeMarkdown(w io.Writer, v *view) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	mark := "❌"
	switch {
	case v.undecided:
		mark = "⚠️"
	case v.Score >= v.Max:
		mark = "✅"
	}
	line("## %s %s: %s", mark, report.MarkdownText(v.name(), 200), report.MarkdownText(v.headline(), 200))
	line("")
	line("%s", report.MarkdownText(v.meaning(), maxText))
	if text := v.failure(); text != "" {
		line("")
		line("**%s**", report.MarkdownText(text, maxText))
	}
	if v.Cause != nil && v.Cause.Hint != "" {
		line("")
		line("%s", report.MarkdownText(v.Cause.Hint, maxText))
	}
	line("")
	if text := v.output(); text != "" {
		line("%s", report.MarkdownBlock(unlike(text)))
		line("")
	}
	line("| | part | points | of | why |")
	line("|---|---|--:|--:|---|")
	for _, l := range v.Lines[:min(len(v.Lines), 100)] {
		points := number(l.Points)
		if l.Status == grade.Uncounted {
			points = ""
		}
		name := report.MarkdownText(title(l), 200)
		if l.Bonus {
			name += " (bonus)"
		}
		_, s := sign(l.Status)
		line("| %s | %s | %s | %s | %s |", report.MarkdownText(s, 4), name, points, number(l.Max), report.MarkdownText(l.Why, 300))
	}
	for _, d := range v.Deductions[:min(len(v.Deductions), 100)] {
		line("| | %s | −%s | | %s |", report.MarkdownText(d.Title, 200), number(d.Points), report.MarkdownText(d.Why, 300))
	}
	line("")
	left := 0
	shown := 0
	for _, l := range v.Lines {
		for _, j := range v.judged(l) {
			if !lost(j) {
				continue
			}
			res, _ := v.result(j)
			block := report.MarkdownBlock(strings.TrimRight(report.CardText(res), "\n"))
			if shown++; shown > maxMarkdownCards || b.Len()+len(block) > maxMarkdown {
				left++
				continue
			}
			line("<details><summary>%s</summary>", report.MarkdownText(j.ID, 120))
			line("")
			line("%s", block)
			line("")
			line("</details>")
			line("")
		}
	}
	if left > 0 {
		line("… and %s not met.", count(left, "more requirement is", "more requirements are"))
	}
	text := b.String()
	if len(text) > maxMarkdown { // by the table alone
		text = strings.ToValidUTF8(text[:strings.LastIndexByte(text[:maxMarkdown], '\n')+1], "") + "\n… the rest is left out.\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// unlike is a text of several lines none of which is taken for a command by a CI
// system.
func unlike(text string) string {
	lines := report.NewLines(report.TerminalOptions{})
	for line := range strings.Lines(text) {
		lines.Line(strings.TrimRight(line, "\n"))
	}
	var b strings.Builder
	_ = lines.Write(&b) // a strings.Builder takes everything
	return strings.TrimRight(b.String(), "\n")
}
