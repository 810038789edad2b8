package report

import (
	"fmt"
	"io"
	"strings"

	"conform/specs"
)

// maxAnnotations is how many annotations of a kind GitHub shows of one step.
const maxAnnotations = 10

// WriteGitHub writes workflow commands of GitHub Actions: an annotation for each
// of the first failures, and one with the result of all. What a target has sent
// can neither end a command nor begin one.
func WriteGitHub(w io.Writer, r *Report) error {
	var b strings.Builder
	command := func(kind, title, text string) {
		fmt.Fprintf(&b, "::%s title=%s::%s\n", kind, githubProperty(title), githubText(text))
	}
	results := r.tests()
	shown, left := 0, 0
	for _, res := range results {
		if s := status(r, res); s != statusFailed && (s != statusError || res.Verdict == specs.Blocked) {
			continue
		}
		// One place is kept for what is said of the run as a whole.
		if shown++; shown >= maxAnnotations {
			left++
			continue
		}
		text := cardText(res)
		if first, rest, ok := strings.Cut(text, "\n"); ok && strings.Contains(first, res.ID) {
			text = rest
		}
		command("error", shorten(res.ID, 200), strings.TrimRight(text, "\n"))
	}
	text := headline(r)
	if left > 0 {
		text += fmt.Sprintf("\n%d more failures are in the other reports", left)
	}
	if r.Summary.Cause != "" {
		text += "\n" + shorten(r.Summary.Cause, maxXMLMessage)
	}
	kind := "notice"
	if r.Summary.ExitCode != 0 {
		kind = "error"
	}
	command(kind, "conform: "+shorten(r.Target.Address, 200), text)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeMatrixGitHub writes an annotation for each target, and one with the result
// of all; what fails is named, and shown in the other reports.
func writeMatrixGitHub(w io.Writer, m *Matrix) error {
	var b strings.Builder
	command := func(code int, title, text string) {
		kind := "notice"
		if code != 0 {
			kind = "error"
		}
		fmt.Fprintf(&b, "::%s title=%s::%s\n", kind, githubProperty(title), githubText(text))
	}
	for _, t := range first(m.Targets, maxAnnotations-1) {
		text := headline(&t.Report)
		if t.Report.Summary.Cause != "" {
			text += "\n" + shorten(t.Report.Summary.Cause, maxXMLMessage)
		}
		var failed []string
		for _, res := range t.Report.tests() {
			if status(&t.Report, res) == statusFailed {
				failed = append(failed, res.ID)
			}
		}
		if len(failed) > 0 {
			text += "\n" + ids(failed)
		}
		command(t.Report.Summary.ExitCode, "conform: "+shorten(t.Name, 200), text)
	}
	text := m.text()
	if n := len(m.Targets) - maxAnnotations + 1; n > 0 {
		text += fmt.Sprintf("\n%s in the other reports", count(n, "more target is", "more targets are"))
	}
	command(m.Summary.ExitCode, "conform: "+count(len(m.Targets), "target", "targets"), text)
	_, err := io.WriteString(w, b.String())
	return err
}

// githubText escapes what stands behind a command: its lines are cleaned
// already, and a line break in it is written as %0A.
func githubText(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// githubProperty escapes the value of a property.
func githubProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
