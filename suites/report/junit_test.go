package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"conform/specs"
	"conform/suites/report/reporttest"
)

func writeJUnit(t *testing.T, r *Report) (junitSuites, string) {
	t.Helper()
	var b bytes.Buffer
	if err := WriteJUnit(&b, r); err != nil {
		t.Fatal(err)
	}
	var doc junitSuites
	if err := xml.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc, b.String()
}

func TestJUnitVerdicts(t *testing.T) {
	for _, strict := range []bool{false, true} {
		for _, v := range append([]specs.Verdict{"unheard-of"}, specs.Verdicts...) {
			r := sample()
			r.Run.Strict = strict
			r.Results = r.Results[2:3]
			r.Results[0].Verdict = v
			doc, _ := writeJUnit(t, r)
			c := doc.Suites[0].Cases[0]
			got := "passed"
			for name, o := range map[string]*junitOutcome{"failure": c.Failure, "error": c.Error, "skipped": c.Skipped} {
				if o != nil {
					got = name
					if o.Message == "" {
						t.Errorf("%s: no message", v)
					}
					if name == "failure" && o.Type != string(specs.NotSilent) {
						t.Errorf("%s: type %q", v, o.Type)
					}
				}
			}
			want := map[specs.Verdict]string{specs.Fail: "failure", specs.Error: "error", specs.Blocked: "error", "unheard-of": "error", specs.Skipped: "skipped", specs.Unsupported: "skipped"}[v]
			if v == specs.NonStrict && strict {
				want = "failure"
			}
			if want == "" {
				want = "passed"
			}
			if got != want {
				t.Errorf("%s, strict %t: %s, want %s", v, strict, got, want)
			}
			if want == "passed" && v != specs.Pass && (c.SystemOut == nil || !strings.Contains(c.SystemOut.Text, string(v)+": bytes where nothing was due")) {
				t.Errorf("%s: no remark in system-out: %+v", v, c.SystemOut)
			}
		}
	}
}

func TestJUnitContent(t *testing.T) {
	r := sample()
	r.Summary.Cause = "the target died"
	doc, text := writeJUnit(t, r)
	checkJUnitCounts(t, doc)
	if doc.Time != "1.912500" || doc.Timestamp != "2026-03-01T12:00:00" {
		t.Errorf("time %s, timestamp %s", doc.Time, doc.Timestamp)
	}
	zen := doc.Suites[0]
	if zen.Name != "conform.zen" || zen.Time != "0.012250" || doc.Suites[1].Name != "conform.calc" || doc.Suites[1].Time != "0.000000" {
		t.Errorf("suite %s %s, %s %s", zen.Name, zen.Time, doc.Suites[1].Name, doc.Suites[1].Time)
	}
	properties := map[string]string{}
	for _, p := range zen.Properties {
		properties[p.Name] = p.Value
	}
	for name, want := range map[string]string{"target": "localhost:1060", "protocol": "zen", "dialect": "calc/label=integers", "seed": "8341", "tool": "conform v1.2.3", "concurrency": "bounded", "cause": "the target died"} {
		if properties[name] != want {
			t.Errorf("property %s is %q, want %q", name, properties[name], want)
		}
	}
	if zen.SystemErr == nil || !strings.Contains(zen.SystemErr.Text, "the target died") {
		t.Error("the cause is not in system-err")
	}
	c := zen.Cases[2]
	if c.Name != "zen/framing/split-question" || c.Classname != "conform.zen.framing" || c.Time != "0.012250" {
		t.Errorf("testcase %+v", c)
	}
	for _, want := range []string{"✗ zen/framing/split-question", `sent      "Simple is better " · 30ms · "than?"`, `expected  "Complex."`, "received", "cause", "again     conform --target"} {
		if !strings.Contains(c.Failure.Body, want) {
			t.Errorf("there is no %s in %s", want, c.Failure.Body)
		}
	}
	if strings.Contains(text, "&#xA;") {
		t.Error("line breaks are escaped")
	}
}

func TestJUnitWithoutResults(t *testing.T) {
	for _, protocols := range [][]string{nil, {"zen"}} {
		r := &Report{Target: Target{Protocol: protocols}, Summary: Summary{Cause: "nothing listens there"}}
		doc, _ := writeJUnit(t, r)
		checkJUnitCounts(t, doc)
		if len(doc.Suites) != 1 || doc.Tests != 0 || doc.Suites[0].SystemErr == nil {
			t.Errorf("%+v", doc)
		}
	}
}

func checkJUnitCounts(t *testing.T, doc junitSuites) {
	t.Helper()
	var all junitCounts
	for _, s := range doc.Suites {
		var c junitCounts
		for _, tc := range s.Cases {
			c.Tests++
			outcomes := 0
			if tc.Failure != nil {
				c.Failures++
				outcomes++
			}
			if tc.Error != nil {
				c.Errors++
				outcomes++
			}
			if tc.Skipped != nil {
				c.Skipped++
				outcomes++
			}
			if outcomes > 1 {
				t.Errorf("%s has %d outcomes", tc.Name, outcomes)
			}
			if !regexp.MustCompile(`^\d+\.\d+$`).MatchString(tc.Time) {
				t.Errorf("time %q", tc.Time)
			}
		}
		if c.Tests != s.Tests || c.Failures != s.Failures || c.Errors != s.Errors || c.Skipped != s.Skipped {
			t.Errorf("suite %s says %+v and has %+v", s.Name, s.junitCounts, c)
		}
		if f, err := strconv.ParseFloat(s.Time, 64); err != nil || f < 0 {
			t.Errorf("time %q", s.Time)
		}
		all.Tests += c.Tests
		all.Failures += c.Failures
		all.Errors += c.Errors
		all.Skipped += c.Skipped
	}
	if all.Tests != doc.Tests || all.Failures != doc.Failures || all.Errors != doc.Errors || all.Skipped != doc.Skipped {
		t.Errorf("the document says %+v and has %+v", doc.junitCounts, all)
	}
}

func TestJUnitIsSafe(t *testing.T) {
	hostileReports(t, 2<<20, func(t *testing.T, r *Report) {
		doc, text := writeJUnit(t, r)
		checkJUnitCounts(t, doc)
		if len(text) > 2<<20 {
			t.Errorf("%d bytes", len(text))
		}
		d := xml.NewDecoder(strings.NewReader(text))
		d.Strict = true
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			switch token := token.(type) {
			case xml.CharData:
				reporttest.CheckText(t, string(token))
			case xml.StartElement:
				for _, a := range token.Attr {
					reporttest.CheckText(t, a.Value)
				}
			}
		}
		reporttest.CheckText(t, text)
		if strings.Contains(text, "##") {
			t.Error("a CI system takes ##[ for a command")
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(strings.TrimSpace(line), "::") {
				t.Errorf("a CI system takes this for a command: %q", line)
			}
		}
	})
}
