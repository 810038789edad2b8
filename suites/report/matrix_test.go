package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"conform/specs"
	"conform/suites/report/reporttest"
)

// matrixOf is a matrix of reports.
func matrixOf(reports ...*Report) *Matrix {
	var targets []MatrixTarget
	for i, r := range reports {
		targets = append(targets, MatrixTarget{Name: fmt.Sprintf("localhost:%d", 1060+i), Report: *r})
	}
	m := NewMatrix(Tool{Name: "conform", Version: "v1.2.3"}, targets)
	m.Run = MatrixRun{Seed: 8341, Started: sample().Run.Started, DurationMS: 4000}
	return m
}

// unlike are two servers that differ in everything a matrix tells apart.
func unlike() *Matrix {
	a, b := sample(), sample()
	set := func(r *Report, id string, v specs.Verdict, reason *Reason) {
		for i := range r.Results {
			if r.Results[i].ID == id {
				r.Results[i].Verdict, r.Results[i].Reason = v, reason
			}
		}
	}
	// Another verdict; the same with other bytes; the same after another time.
	set(b, "zen/framing/split-question", specs.Pass, nil)
	set(b, "zen/framing/line-end", specs.Fail, &Reason{Code: specs.WrongBytes, Message: "other bytes", Received: `"Nested.\r\n" 0.2ms after the last byte was sent`})
	set(a, "zen/concurrency/order", specs.Info, &Reason{Code: specs.NoAnswer, Received: "nothing within 1.5 s"})
	set(b, "zen/concurrency/order", specs.Info, &Reason{Code: specs.NoAnswer, Received: "nothing within 200ms"})
	// Blocked is no opinion.
	set(b, "zen/answers/explicit", specs.Blocked, &Reason{Code: specs.TargetDied, Message: "it died"})
	a.Target.Concurrency = withProfile().Target.Concurrency
	b.Target.Concurrency = withProfile().Target.Concurrency
	b.Target.Concurrency.Profile[0].Facts[0] = Fact{Name: FactServedAtOnce, Finding: "concurrent", Clients: 100}
	return matrixOf(a, b)
}

func TestMatrixFindsWhatDiffers(t *testing.T) {
	m := unlike()
	got := map[string]string{}
	for _, row := range m.Disagreements {
		got[row.ID] = row.Differ
		if len(row.Cells) != 2 || row.Title == "" || row.Section == "" {
			t.Errorf("a row lacks something: %+v", row)
		}
	}
	want := map[string]string{"zen/framing/split-question": DifferInVerdict, "zen/framing/line-end": DifferInEvidence}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("they differ in %v, not %v", got, want)
	}
	if len(m.Facts) != 1 || m.Facts[0].Name != FactServedAtOnce || m.Facts[0].Cells[0] != (MatrixFound{"bounded", 2}) {
		t.Errorf("the facts are %+v", m.Facts)
	}
	// explicit, the three that are blocked, one error and one that was skipped
	// have nothing to compare; one was left out by the user.
	if s := m.Summary; s.Differ != 2 || s.Uncompared != 6 || s.Differ+s.Agree+s.Uncompared != len(sample().Results)-1 {
		t.Errorf("%+v", s)
	}
}

// One dead target, and those of another protocol, spoil nothing.
func TestMatrixOfUnequals(t *testing.T) {
	m := unlike()
	with := matrixOf(&m.Targets[0].Report, endings()["unreached"], &m.Targets[1].Report, sample())
	other := &with.Targets[3].Report
	for i := range other.Results {
		other.Results[i].ID = "other/" + other.Results[i].ID
		other.Results[i].Protocol = "other"
	}
	with.Compare()
	if s := with.Summary; s.Differ != 2 || s.ExitCode != 3 || s.Headline != "nonconformant" {
		t.Errorf("%+v", s)
	}
	for _, row := range with.Disagreements {
		if row.Cells[1].Verdict != "" || row.Cells[3].Verdict != "" || row.Cells[2].Verdict == "" {
			t.Errorf("%s: %+v", row.ID, row.Cells)
		}
	}
	// What can only be asked over another transport does not apply.
	datagram := sample()
	for i := range datagram.Results {
		datagram.Results[i].Verdict, datagram.Results[i].Reason = specs.Unsupported, &Reason{Code: specs.OtherKind}
	}
	if s := matrixOf(sample(), datagram).Summary; s.Differ != 0 || s.Agree != 0 {
		t.Errorf("%+v", s)
	}
}

func TestWorstExitCode(t *testing.T) {
	order := []int{0, 1, 3, 2, 4, 130}
	for i, a := range order {
		for k, b := range order {
			if got := WorstExitCode(a, b); got != order[max(i, k)] {
				t.Errorf("of %d and %d, %d is the worst", a, b, got)
			}
		}
	}
}

func TestFileNames(t *testing.T) {
	got := FileNames([]string{"localhost:1060", "tls://[::1]:1", "python3 a/b.py {port}", "../../etc/passwd", "localhost_1060", "LOCALHOST-1060", "localhost:1060", "", "...", strings.Repeat("x/", 200) + "end", "\x1b]0;\x07"})
	want := []string{"localhost-1060", "tls-1-1", "python3-a-b.py", "etc-passwd", "localhost_1060", "LOCALHOST-1060-2", "localhost-1060-3", "target", "target-2",
		strings.Repeat("x-", 38) + "x-end", "0"}
	if want[9] = got[9]; len(got[9]) > maxFileName || !strings.HasSuffix(got[9], "x-end") {
		t.Errorf("%q", got[9])
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nnot\n%q", got, want)
	}
}

// matrices are matrices of every kind of run, and of every kind of hostile one.
func matrices(t *testing.T, longest int, test func(t *testing.T, m *Matrix)) {
	all := map[string]*Matrix{"unlike": unlike(), "alike": matrixOf(sample(), sample()), "scale": matrixOf(withScale(), sample())}
	var every []*Report
	for _, name := range []string{"conformant", "sample", "strict", "unreached", "interrupted"} {
		every = append(every, endings()[name])
		all["with "+name] = matrixOf(endings()["conformant"], endings()[name])
	}
	all["every"] = matrixOf(every...)
	var crowd []*Report
	for i := range 60 {
		r := sample()
		r.Results = r.Results[:3]
		if i%3 == 0 {
			r.Results[2].Verdict = specs.Pass
		}
		crowd = append(crowd, r)
	}
	all["crowd"] = matrixOf(crowd...)
	for name, m := range all {
		t.Run(name, func(t *testing.T) { test(t, m) })
	}
	hostileReports(t, longest, func(t *testing.T, r *Report) {
		m := matrixOf(r, sample(), r)
		for i := range m.Targets {
			m.Targets[i].Name = r.Summary.Cause
		}
		m.Tool = r.Tool
		// The same requirements with a hostile outcome on both sides.
		for i := range m.Targets[1].Report.Results {
			if i < len(r.Results) {
				m.Targets[1].Report.Results[i].ID, m.Targets[1].Report.Results[i].Protocol = r.Results[i].ID, r.Results[i].Protocol
			}
		}
		m.Compare()
		test(t, m)
	})
}

func everyMatrix(t *testing.T, format string, test func(t *testing.T, m *Matrix, text string)) {
	matrices(t, 5_000, func(t *testing.T, m *Matrix) {
		var b bytes.Buffer
		if err := WriteMatrix(format, &b, m); err != nil {
			t.Fatal(err)
		}
		reporttest.CheckText(t, b.String())
		test(t, m, b.String())
	})
}

func TestMatrixJSON(t *testing.T) {
	t.Parallel()
	s := schema(t, "matrix-v1")
	matrices(t, 500, func(t *testing.T, m *Matrix) {
		for i := range m.Targets {
			r := &m.Targets[i].Report
			ours(reflect.ValueOf(r))
			r.Schema, r.Target.Concurrency.Class = Schema, "bounded"
			if !slices.Contains([]string{"conformant", "nonconformant", "incomplete", "error"}, r.Summary.Headline) {
				r.Summary.Headline = "error"
			}
			if r.Scale != nil {
				r.Scale.Ended = "complete"
			}
			r.Summary.Counts = Count(r.Results)
		}
		m.Compare()
		var b bytes.Buffer
		if err := WriteMatrix("json", &b, m); err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(document); err != nil {
			t.Errorf("%v", err)
		}
		one, back, err := ReadAny(bytes.NewReader(b.Bytes()))
		if err != nil || one != nil {
			t.Fatal(one, err)
		}
		var again bytes.Buffer
		if err := WriteMatrix("json", &again, back); err != nil {
			t.Fatal(err)
		}
		if second, err := jsonschema.UnmarshalJSON(&again); err != nil || !reflect.DeepEqual(second, document) {
			t.Errorf("it is another one when it was read and written: %v", err)
		}
	})
	if _, err := ReadJSON(strings.NewReader(`{"schema": "conform.matrix/v1", "targets": [{}]}`)); err == nil || !strings.Contains(err.Error(), "{target}.json") {
		t.Errorf("nothing is said of what to do: %v", err)
	}
	if _, _, err := ReadAny(strings.NewReader(`{"schema": "conform.matrix/v1"}`)); err == nil {
		t.Error("it has no targets")
	}
	for name, spoil := range map[string]func(doc map[string]any){
		"another schema": func(doc map[string]any) { doc["schema"] = "conform.report/v1" },
		"no targets":     func(doc map[string]any) { doc["targets"] = []any{} },
		"a report": func(doc map[string]any) {
			delete(doc["targets"].([]any)[0].(map[string]any)["report"].(map[string]any), "results")
		},
		"a verdict": func(doc map[string]any) {
			doc["disagreements"].([]any)[0].(map[string]any)["cells"].([]any)[0].(map[string]any)["verdict"] = "passed"
		},
	} {
		var b bytes.Buffer
		var doc map[string]any
		if err := WriteMatrix("json", &b, unlike()); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if spoil(doc); s.Validate(doc) == nil {
			t.Errorf("%s: it is taken for a matrix", name)
		}
	}
}

func TestMatrixJUnit(t *testing.T) {
	t.Parallel()
	everyMatrix(t, "junit", func(t *testing.T, m *Matrix, text string) {
		var doc junitSuites
		if err := xml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		checkJUnitCounts(t, doc)
		if len(doc.Suites) < len(m.Targets) {
			t.Errorf("%d suites of %d targets", len(doc.Suites), len(m.Targets))
		}
		files := m.Files()
		within := func(name string) bool {
			return slices.ContainsFunc(files, func(f string) bool { return strings.HasPrefix(name, "conform."+strings.ReplaceAll(f, ".", "-")) })
		}
		for _, s := range doc.Suites {
			if !within(s.Name) || slices.ContainsFunc(s.Cases, func(c junitCase) bool { return !within(c.Classname) }) {
				t.Fatalf("%q is of no target", s.Name)
			}
		}
	})
	var b bytes.Buffer
	if err := WriteMatrix("junit", &b, unlike()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<testsuite name="conform.localhost-1060.zen"`, `classname="conform.localhost-1061.zen.framing"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestMatrixCTRF(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile("testdata/ctrf-schema-0.0.json")
	if err != nil {
		t.Fatal(err)
	}
	everyMatrix(t, "ctrf", func(t *testing.T, m *Matrix, text string) {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err == nil {
			err = schema.Validate(document)
		}
		if err != nil {
			t.Fatal(err)
		}
		var read ctrfReport
		if err := json.Unmarshal([]byte(text), &read); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, target := range m.Targets {
			n += len(target.Report.tests())
		}
		if s := read.Results.Summary; s.Tests != n || s.Passed+s.Failed+s.Skipped+s.Other != n {
			t.Errorf("the counts do not add up to %d: %+v", n, s)
		}
	})
}

func TestMatrixTAP(t *testing.T) {
	t.Parallel()
	everyMatrix(t, "tap", func(t *testing.T, m *Matrix, text string) {
		top, bail := 0, false
		for line := range strings.Lines(text) {
			switch {
			case strings.HasPrefix(line, "ok "), strings.HasPrefix(line, "not ok "):
				top++
			case strings.HasPrefix(line, "Bail out!"):
				bail = true
			case strings.Contains(line, "Bail out!") && !strings.HasPrefix(line, "     ") && !strings.HasPrefix(line, "# "):
				t.Errorf("a target bails out for all: %.80q", line)
			}
		}
		if top != len(m.Targets) || bail != (m.Summary.ExitCode == 130) {
			t.Errorf("%d tests of %d targets, bails out: %t", top, len(m.Targets), bail)
		}
	})
	prove, err := exec.LookPath("prove")
	if err != nil {
		return // the form is that of the report of one target, which says so
	}
	path := filepath.Join(t.TempDir(), "matrix.tap")
	var b bytes.Buffer
	if err := WriteMatrix("tap", &b, matrixOf(endings()["conformant"], endings()["unreached"])); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(b.String(), "TAP version 14", "TAP version 13", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(prove, "--exec", "cat", path).CombinedOutput(); err == nil || !strings.Contains(string(out), "Failed 1/2 subtests") || strings.Contains(string(out), "Parse errors") {
		t.Errorf("prove says %v\n%s\nof\n%s", err, out, b.String())
	}
}

func TestMatrixMarkdownAnnotationsBadge(t *testing.T) {
	t.Parallel()
	everyMatrix(t, "markdown", func(t *testing.T, m *Matrix, text string) {
		if html := checkMarkdown(t, text); m.Summary.Differ > 0 && strings.Count(html, "<table>") != 2 {
			t.Errorf("there are %d tables: %.300s", strings.Count(html, "<table>"), text)
		}
	})
	everyMatrix(t, "github", func(t *testing.T, _ *Matrix, text string) { checkAnnotations(t, text) })
	everyMatrix(t, "badge", func(t *testing.T, _ *Matrix, text string) {
		reporttest.CheckPictures(t, strings.ReplaceAll(text, "</title>", "</title><desc>badge</desc>"))
	})
}

func TestMatrixTerminal(t *testing.T) {
	t.Parallel()
	matrices(t, 5_000, func(t *testing.T, m *Matrix) {
		for _, o := range []TerminalOptions{{}, {Color: true, Width: 60}, {Quiet: true}, {Verbose: true}} {
			var b bytes.Buffer
			if err := WriteMatrixTerminal(&b, m, o); err != nil {
				t.Fatal(err)
			}
			if !o.Color && strings.Contains(b.String(), "\x1b") {
				t.Error("there is an escape character without colours")
			}
			checkLines(t, b.String())
			if limit := 2 << 20; b.Len() > limit && !o.Verbose {
				t.Errorf("%d bytes of output", b.Len())
			}
		}
	})
	var b bytes.Buffer
	if err := WriteMatrixTerminal(&b, unlike(), TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	const path = "testdata/matrix.txt"
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("differs from %s; run go test -update and look at the change:\n%s", path, b.String())
	}
}

func TestMatrixHTML(t *testing.T) {
	t.Parallel()
	everyMatrix(t, "html", func(t *testing.T, m *Matrix, text string) {
		page := checkPage(t, text)
		if len(text) > 5<<20 {
			t.Errorf("%d bytes", len(text))
		}
		if got := len(ofClass(page, "target")); got != min(len(m.Targets), maxMatrixTargets) {
			t.Errorf("%d of %d targets", got, len(m.Targets))
		}
	})
	page := checkPage(t, writtenMatrix(t, unlike()))
	all := textOf(page)
	for _, want := range []string{"Targets disagree on 2 of", "each read is taken for a whole question", "bounded, 2", "concurrent, at least 100", `"Nested.\r\n"`} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

// A large run with everything failing stays a page that opens.
func TestMatrixHTMLOfALargeRun(t *testing.T) {
	t.Parallel()
	var reports []*Report
	for n := range 5 {
		reports = append(reports, many(700, func(i int) bool { return i%5 == n }))
	}
	text := writtenMatrix(t, matrixOf(reports...))
	checkPage(t, text)
	if len(text) > 5<<20 {
		t.Errorf("%d bytes", len(text))
	}
}

func writtenMatrix(t *testing.T, m *Matrix) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteMatrix("html", &b, m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
