package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"conform/specs"
)

// WriteTAP writes the report as TAP, the Test Anything Protocol, version 14: a
// subtest for each section, and the evidence of a failure in its YAML block. A
// run that did not come to its own end bails out.
func WriteTAP(w io.Writer, r *Report) error {
	var b strings.Builder
	b.WriteString("TAP version 14\n")
	if len(r.tests()) == 0 {
		fmt.Fprintf(&b, "Bail out! %s\n", tapText(cmp.Or(r.Summary.Cause, "nothing was run"), maxXMLMessage))
		_, err := io.WriteString(w, b.String())
		return err
	}
	tapSections(&b, r)
	fmt.Fprintf(&b, "# %s\n", tapText(headline(r), 400))
	if code := r.Summary.ExitCode; code > 2 {
		fmt.Fprintf(&b, "Bail out! %s\n", tapText(cmp.Or(r.Summary.Cause, r.Summary.Headline), maxXMLMessage))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeMatrixTAP writes a subtest for each target. Nothing bails out but an
// interruption: a target that died says nothing of the others.
func writeMatrixTAP(w io.Writer, m *Matrix) error {
	var b strings.Builder
	fmt.Fprintf(&b, "TAP version 14\n1..%d\n", len(m.Targets))
	for i, t := range m.Targets {
		name := tapText(t.Name, 200)
		fmt.Fprintf(&b, "# Subtest: %s\n", name)
		var inner strings.Builder
		if len(t.Report.tests()) > 0 {
			tapSections(&inner, &t.Report)
		} else {
			fmt.Fprintf(&inner, "1..0 # SKIP %s\n", tapText(cmp.Or(t.Report.Summary.Cause, "nothing was run"), maxXMLMessage))
		}
		for line := range strings.Lines(inner.String()) {
			b.WriteString("    " + line)
		}
		ok := "ok"
		if t.Report.Summary.ExitCode != 0 {
			ok = "not ok"
		}
		fmt.Fprintf(&b, "%s %d - %s\n# %s\n", ok, i+1, name, tapText(conclusion(&t.Report), 400))
	}
	fmt.Fprintf(&b, "# %s\n", tapText(m.text(), 400))
	if m.Summary.ExitCode == 130 {
		b.WriteString("Bail out! interrupted\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// tapSections writes a subtest for each section of a run.
func tapSections(b *strings.Builder, r *Report) {
	results := r.tests()
	var sections [][]Result
	for _, res := range results {
		if n := len(sections); n > 0 && sections[n-1][0].Protocol == res.Protocol && sections[n-1][0].Section == res.Section {
			sections[n-1] = append(sections[n-1], res)
			continue
		}
		sections = append(sections, []Result{res})
	}
	fmt.Fprintf(b, "1..%d\n", len(sections))
	for i, section := range sections {
		name := tapText(section[0].Protocol+"/"+section[0].Section, 200)
		fmt.Fprintf(b, "# Subtest: %s\n    1..%d\n", name, len(section))
		good := true
		for j, res := range section {
			s := status(r, res)
			ok := "ok"
			if s == statusFailed || s == statusError {
				ok, good = "not ok", false
			}
			fmt.Fprintf(b, "    %s %d - %s", ok, j+1, tapText(res.ID, 200))
			if s == statusSkipped {
				fmt.Fprintf(b, " # SKIP %s", tapText(cmp.Or(remark(res), string(res.Verdict)), 200))
			}
			b.WriteByte('\n')
			if s == statusFailed || s == statusError || res.Verdict == specs.NonStrict {
				b.WriteString("      ---\n")
				fmt.Fprintf(b, "      level: %s\n      verdict: %s\n      evidence: |\n", yamlWord(string(res.Level)), yamlWord(string(res.Verdict)))
				for _, line := range strings.Split(strings.TrimRight(cardText(res), "\n"), "\n") {
					// The block's indentation is that of its first line.
					fmt.Fprintf(b, "        %s\n", line)
				}
				b.WriteString("      ...\n")
			}
		}
		ok := "ok"
		if !good {
			ok = "not ok"
		}
		fmt.Fprintf(b, "%s %d - %s\n", ok, i+1, name)
	}
}

// tapText is a text in a line of TAP, where a hash begins a directive.
func tapText(s string, limit int) string {
	return strings.NewReplacer(`\`, `\\`, "#", `\#`).Replace(shorten(s, limit))
}

// yamlWord is a word of ours; whatever else a stored report may hold in its
// place is quoted.
func yamlWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == "" {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(shorten(s, 100)) + `"`
}
