package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"conform/specs"
	"conform/suites/report/reporttest"
)

// endings are runs that ended in other ways than the sample.
func endings() map[string]*Report {
	all := map[string]*Report{"sample": sample()}
	strict := sample()
	strict.Run.Strict = true
	all["strict"] = strict
	unreached := sample()
	unreached.Results = nil
	unreached.Summary = Summary{Headline: "error", ExitCode: 3, Cause: "cannot reach localhost:1060: connection refused"}
	all["unreached"] = unreached
	interrupted := sample()
	interrupted.Results = interrupted.Results[:3]
	interrupted.Results[2].Verdict = specs.Skipped
	interrupted.Summary = Summary{Headline: "incomplete", ExitCode: 130, Cause: "interrupted"}
	all["interrupted"] = interrupted
	conformant := sample()
	conformant.Results = conformant.Results[:2]
	conformant.Summary = Summary{Headline: "conformant"}
	conformant.Summary.Counts = Count(conformant.Results)
	all["conformant"] = conformant
	return all
}

// everyReport gives a format every kind of run, and every kind of hostile one.
func everyReport(t *testing.T, format string, test func(t *testing.T, r *Report, text string)) {
	one := func(t *testing.T, r *Report) {
		var b bytes.Buffer
		if err := Write(format, &b, r); err != nil {
			t.Fatal(err)
		}
		reporttest.CheckText(t, b.String())
		test(t, r, b.String())
	}
	for name, r := range endings() {
		t.Run(name, func(t *testing.T) { one(t, r) })
	}
	hostileReports(t, 2<<20, one)
}

func TestCTRFKeepsToItsSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/ctrf-schema-0.0.json")
	if err != nil {
		t.Fatal(err)
	}
	everyReport(t, "ctrf", func(t *testing.T, r *Report, text string) {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(document); err != nil {
			t.Errorf("%s", err)
		}
		var read ctrfReport
		if err := json.Unmarshal([]byte(text), &read); err != nil {
			t.Fatal(err)
		}
		if s := read.Results.Summary; s.Tests != len(read.Results.Tests) || s.Passed+s.Failed+s.Skipped+s.Pending+s.Other != s.Tests {
			t.Errorf("the counts do not add up: %+v", s)
		}
	})
}

// prove is the consumer of TAP that comes with Perl.
func TestTAPIsReadByProve(t *testing.T) {
	prove, err := exec.LookPath("prove")
	if err != nil {
		t.Skip("there is no prove here: TAP is only looked at, not read by a consumer")
	}
	for name, r := range endings() {
		path := filepath.Join(t.TempDir(), name+".tap")
		var b bytes.Buffer
		if err := WriteTAP(&b, r); err != nil {
			t.Fatal(err)
		}
		// The version of prove that is common knows 13 and what 14 has of it.
		text := strings.Replace(b.String(), "TAP version 14", "TAP version 13", 1)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(prove, "--exec", "cat", path).CombinedOutput()
		if good := name == "conformant"; (err == nil) != good || name != "unreached" && strings.Contains(string(out), "Parse errors") {
			t.Errorf("%s: prove says %v\n%s\nof\n%s", name, err, out, text)
		}
	}
}

func TestTAP(t *testing.T) {
	everyReport(t, "tap", func(t *testing.T, r *Report, text string) {
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if lines[0] != "TAP version 14" {
			t.Errorf("the first line is %q", lines[0])
		}
		tests, block := 0, false
		for _, l := range lines[1:] {
			trimmed := strings.TrimSpace(l)
			switch {
			case strings.HasPrefix(l, "      ---"):
				block = true
			case strings.HasPrefix(l, "      ..."):
				block = false
			case block:
				if !strings.HasPrefix(l, "      ") {
					t.Errorf("not inside of its block: %q", l)
				}
			case strings.HasPrefix(l, "    ok "), strings.HasPrefix(l, "    not ok "):
				tests++
				if i := strings.Index(l, " # "); i >= 0 && !strings.HasPrefix(l[i:], " # SKIP ") {
					t.Errorf("a directive of its own: %q", l)
				}
			case strings.HasPrefix(l, "ok "), strings.HasPrefix(l, "not ok "), strings.HasPrefix(l, "# "), strings.HasPrefix(l, "Bail out! "),
				strings.HasPrefix(trimmed, "1.."):
			default:
				t.Errorf("not TAP: %.80q", l)
			}
		}
		if tests != len(r.Results) && r.Scale == nil {
			t.Errorf("%d tests of %d", tests, len(r.Results))
		}
	})
}

// A target can neither begin a command nor end one.
func TestGitHubCommands(t *testing.T) {
	everyReport(t, "github", func(t *testing.T, _ *Report, text string) { checkAnnotations(t, text) })
}

func checkAnnotations(t *testing.T, text string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > maxAnnotations {
		t.Errorf("%d annotations", len(lines))
	}
	for _, l := range lines {
		kind, rest, ok := strings.Cut(strings.TrimPrefix(l, "::"), " title=")
		if !ok || !strings.HasPrefix(l, "::") || kind != "error" && kind != "notice" {
			t.Errorf("not an annotation of ours: %.80q", l)
			continue
		}
		title, _, ok := strings.Cut(rest, "::")
		if !ok || strings.ContainsAny(title, ":,\r\n") {
			t.Errorf("the title ends elsewhere: %.80q", l)
		}
		if strings.Contains(l, "##[") {
			t.Errorf("a command in the middle: %.80q", l)
		}
	}
}

// What a target has sent is text in Markdown: no element that it could bring
// about is in the HTML that is made of it.
func TestMarkdownMeansNothingButText(t *testing.T) {
	everyReport(t, "markdown", func(t *testing.T, _ *Report, text string) { checkMarkdown(t, text) })
	var b bytes.Buffer
	if err := WriteMarkdown(&b, sample()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## ❌ localhost\\:1060", "| zen/framing |  | 3 |  |", "### zen/framing/split-question", "```text\n✗ zen/framing/split-question"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

// checkMarkdown looks at what a text is made into, and returns that.
func checkMarkdown(t *testing.T, text string) string {
	t.Helper()
	if len(text) > 1<<20 {
		t.Errorf("%d bytes: a step summary may have a mebibyte", len(text))
	}
	var html bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(text), &html); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img", "<a ", "<del", "<em", "<input"} {
		if strings.Contains(strings.ToLower(html.String()), bad) {
			t.Errorf("%s came out of it", bad)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("a CI system takes this for a command: %.80q", line)
		}
	}
	return html.String()
}

func TestBadgeIsAPicture(t *testing.T) {
	everyReport(t, "badge", func(t *testing.T, r *Report, text string) {
		d := xml.NewDecoder(strings.NewReader(text))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if len(text) > 2000 {
			t.Errorf("%d bytes", len(text))
		}
	})
	for _, headline := range []string{"conformant", "nonconformant", "incomplete", "error"} {
		var b bytes.Buffer
		if err := WriteBadge(&b, &Report{Summary: Summary{Headline: headline}}); err != nil || !strings.Contains(b.String(), fmt.Sprintf("conform: %s<", headline)) {
			t.Errorf("%s: %v %s", headline, err, b.String())
		}
	}
}
