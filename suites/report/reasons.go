package report

import (
	"fmt"
	"io"
	"strings"

	"conform/specs"
)

// WriteMeaning shows what a reason code means to somebody who has met it.
func WriteMeaning(w io.Writer, m specs.Meaning, o TerminalOptions) error {
	p := newPage(o)
	p.line(string(m.Code))
	p.wrapped("  "+m.Text, "  ")
	p.space()
	p.line("  Most often:")
	for _, cause := range m.Causes {
		p.wrapped("    · "+cause, "      ")
	}
	p.space()
	if m.Right != "" {
		p.labelled("right", m.Right, maxValue)
	} else {
		p.labelled("do", m.Do, maxValue)
	}
	return p.writeTo(w)
}

// WriteMeanings is docs/reasons.md.
func WriteMeanings(w io.Writer, all []specs.Meaning) error {
	var b strings.Builder
	b.WriteString(`# What the reason codes mean

A result that is not a plain pass has a reason, and the reason has a code: ` + "`reason.code`" + ` in the JSON report, ` + "`reason`" + ` in a
baseline. It says what was seen, and not why: the likely cause of one failure is in its report. ` + "`conform explain CODE`" + `
shows what is said here of one code.

This page is written by ` + "`go test ./suites -run Pages -update`" + ` from specs/codes.go.
`)
	for _, m := range all {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\nMost often:\n\n", m.Code, m.Text)
		for _, cause := range m.Causes {
			fmt.Fprintf(&b, "- %s\n", cause)
		}
		if m.Right != "" {
			fmt.Fprintf(&b, "\nA right server: %s\n", lower(m.Right))
		} else {
			fmt.Fprintf(&b, "\nWhat to do: %s\n", lower(m.Do))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// lower begins a sentence that goes on behind a colon.
func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }
