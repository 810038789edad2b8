package report

import (
	"fmt"
	"io"
	"strings"

	"conform/specs"
)

const (
	// maxMarkdown is how many failures are shown in full: a step summary may
	// have a mebibyte, and a comment much less.
	maxMarkdown = 25
	// maxMarkdownRows is how many of the others are named.
	maxMarkdownRows = 100
)

// WriteMarkdown writes the report for people, in GitHub Flavored Markdown: what
// came of the run, a table of the sections, and the evidence of the failures. It
// is made to be appended to the summary of a CI step.
func WriteMarkdown(w io.Writer, r *Report) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }

	line("## %s %s", markdownSign(r.Summary.Headline, r.Summary.ExitCode), markdownText(strings.TrimSpace(r.Target.Address), 200))
	line("")
	line("%s", markdownText(headline(r), 600))
	if r.Summary.Cause != "" {
		line("")
		line("**%s**", markdownText(r.Summary.Cause, 600))
	}
	line("")
	markdownStages(line, r)
	if len(r.Results) > 0 {
		markdownSections(line, r)
	}

	results := r.tests()
	var failed, minor []Result
	for _, res := range results {
		switch s := status(r, res); {
		case s == statusFailed, s == statusError && res.Verdict != specs.Blocked:
			failed = append(failed, res)
		case res.Verdict == specs.NonStrict, res.Verdict == specs.Blocked:
			minor = append(minor, res)
		}
	}
	for _, res := range first(failed, maxMarkdown) {
		line("### %s", markdownText(res.ID, 200))
		line("")
		line("%s", markdownText(res.Title, 600))
		line("")
		line("%s", MarkdownBlock(strings.TrimRight(cardText(res), "\n")))
		line("")
	}
	if n := len(failed) - maxMarkdown; n > 0 {
		line("… and %s.", count(n, "more failure", "more failures"))
		line("")
	}
	if len(minor) > 0 {
		line("<details><summary>%s</summary>", markdownText(count(len(minor), "requirement is nonstrict or blocked", "requirements are nonstrict or blocked"), 100))
		line("")
		line("| requirement | level | verdict | because |")
		line("|---|---|---|---|")
		for _, res := range first(minor, maxMarkdownRows) {
			line("| %s | %s | %s | %s |", markdownText(res.ID, 120), markdownText(level(res), 20), markdownText(string(res.Verdict), 20), markdownText(remark(res), 160))
		}
		if n := len(minor) - maxMarkdownRows; n > 0 {
			line("| … and %d more | | | |", n)
		}
		line("")
		line("</details>")
		line("")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdownStages draws the ladder of a run in stages.
func markdownStages(line func(string, ...any), r *Report) {
	if len(r.Stages) == 0 {
		return
	}
	line("| | stage | |")
	line("|---|---|---|")
	for _, s := range rungs(r) {
		line("| %s | %d. %s | %s |", s.Sign, s.Number, markdownText(s.Title, 60), markdownText(s.Text, 120))
	}
	line("")
	line("%s", markdownText(upward(r), 600))
	line("")
}

// markdownSign is the sign before a result.
func markdownSign(headline string, code int) string {
	switch {
	case headline == "conformant":
		return "✅"
	case code == 0:
		return "⚠️"
	}
	return "❌"
}

// markdownSections writes the table of the sections with their counts.
func markdownSections(line func(string, ...any), r *Report) {
	line("| section | met | failed | other |")
	line("|---|--:|--:|--:|")
	type row struct{ met, failed, other int }
	rows, order := map[string]*row{}, []string{}
	for _, res := range r.Results {
		if res.Verdict == specs.Skipped {
			continue
		}
		name := res.Protocol + "/" + res.Section
		if rows[name] == nil {
			rows[name] = &row{}
			order = append(order, name)
		}
		switch status(r, res) {
		case statusPassed:
			rows[name].met++
		case statusFailed:
			rows[name].failed++
		default:
			rows[name].other++
		}
	}
	for _, name := range first(order, maxMarkdownRows) {
		n := rows[name]
		line("| %s | %s | %s | %s |", markdownText(name, 120), some(n.met), some(n.failed), some(n.other))
	}
	line("")
}

func some(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// markdownText is a text in a line of Markdown that means nothing but itself:
// no link, no image, no HTML, no mention of anybody, no end of a table's cell.
func markdownText(s string, limit int) string {
	var b strings.Builder
	for _, r := range shorten(s, limit) {
		switch {
		case r == '@':
			b.WriteString("@<!-- -->") // so that nobody is told
		case r == '<' || r == '>' || r == '&':
			fmt.Fprintf(&b, "&#%d;", r)
		case strings.ContainsRune("\\`*_{}[]()#+!|~$:", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
