package feedback

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"conform/specs"
	"conform/suites/grade"
	"conform/suites/report"
	"conform/suites/report/reporttest"
)

func writeClass(t *testing.T, format string, c Class) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteClass(format, &b, c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// large is a class of n submissions with lines of several requirements each.
func large(n, lines int) Class {
	c := Class{Title: "Servers, part 1"}
	for i := range n {
		g := open()
		g.Submission.Name = fmt.Sprintf("student-%04d", i)
		g.Report, g.Lines, g.Score, g.Max, g.Deductions = nil, nil, 0, float64(10*lines), nil
		g.DurationMS = float64(1000 + i*37%5000)
		for k := range lines {
			l := grade.Line{ID: fmt.Sprintf("part-%d", k), Title: fmt.Sprintf("Part %d of the rubric", k+1), Max: 10, Visibility: grade.Visible, Status: grade.Unmet}
			for j := range 8 {
				met := (i*7+k*3+j*5)%10 < 7
				one := grade.Judged{ID: fmt.Sprintf("zen/part-%d/requirement-%d", k, j), Title: "A server does what a server of this kind does.", Verdict: specs.Pass, Met: met, Draws: 3, Passed: 3}
				if !met {
					one.Verdict, one.Code, one.Passed = specs.Fail, specs.WrongBytes, 0
				} else {
					l.Points += 1.25
				}
				l.Judged = append(l.Judged, one)
			}
			if l.Points > 0 {
				l.Status = grade.Partly
			}
			g.Score += l.Points
			g.Lines = append(g.Lines, l)
		}
		switch i % 50 {
		case 7:
			g = unbuilt()
		case 9:
			g = undecided()
		}
		g.Submission.Name = fmt.Sprintf("student-%04d", i)
		c.Entries = append(c.Entries, Entry{Grade: g, Page: fmt.Sprintf("feedback/student-%04d.html", i)})
	}
	return c
}

func TestClassJSON(t *testing.T) {
	t.Parallel()
	s := compiled(t, "urn:conform:schema:class:v1")
	for _, c := range []Class{{}, class("ada", 13.0, "grace", -1.0), large(60, 3)} {
		keeps(t, s, writeClass(t, "class-json", c))
	}
	hostileGrades(t, func(t *testing.T, g grade.Grade) {
		text := writeClass(t, "class-json", Class{Title: g.Tier, Entries: []Entry{{Grade: g, Page: g.Tier}}})
		keeps(t, s, text)
		reporttest.CheckText(t, text)
	})
}

func TestClassCounts(t *testing.T) {
	t.Parallel()
	// Ten submissions: the better five meet "good", nobody meets "never", and
	// "upside" is met by the worse ones.
	c := Class{}
	for i := range 10 {
		g := grade.Grade{Outcome: grade.Graded, Score: float64(i), Max: 10, DurationMS: float64(100 * i), Submission: grade.Submission{Name: fmt.Sprint("s", i)},
			Lines: []grade.Line{{ID: "l", Title: "L", Max: 10, Points: float64(i), Status: grade.Partly}}}
		for id, met := range map[string]bool{"good": i >= 5, "never": false, "upside": i < 5} {
			j := grade.Judged{ID: id, Verdict: specs.Pass, Met: met, Draws: 2, Passed: 2}
			if !met {
				j.Verdict, j.Passed = specs.Fail, 0
			}
			if id == "never" && i == 3 {
				j.Passed = 1
			}
			g.Lines[0].Judged = append(g.Lines[0].Judged, j)
		}
		c.Entries = append(c.Entries, Entry{Grade: g})
	}
	zero := unbuilt() // counts as a score, and says nothing of requirements
	c.Entries = append(c.Entries, Entry{Grade: zero}, Entry{Grade: undecided()})
	var s summary
	if err := json.Unmarshal([]byte(writeClass(t, "class-json", c)), &s); err != nil {
		t.Fatal(err)
	}
	items := map[string]string{}
	for _, it := range s.Items {
		items[it.ID] = fmt.Sprintf("%d/%d %g %g", it.Missed, it.Judged, it.Facility, *it.Discrimination)
	}
	if want := map[string]string{"good": "5/10 0.5 1", "never": "10/10 0 0", "upside": "5/10 0.5 -1"}; !reflect.DeepEqual(items, want) || s.Items[0].ID != "never" {
		t.Errorf("%v", items)
	}
	if s.Scores.Count != 11 || s.Scores.Median != 4 || s.Scores.Least != 0 || s.Scores.Most != 9 || s.Scores.Mean != 4.0909 {
		t.Errorf("%+v", s.Scores)
	}
	if s.Histogram[0].Count != 2 || s.Histogram[9].Count != 1 || s.Histogram[10].Count != 0 {
		t.Errorf("%+v", s.Histogram)
	}
	if len(s.Flaky) != 1 || s.Flaky[0].ID != "never" || s.Flaky[0].Submission != "s3" || len(s.Faults) != 1 || s.Faults[0].Code != "worker-lost" || s.Slowest[0].DurationMS != 4321.5 {
		t.Errorf("%+v %+v %+v", s.Flaky, s.Faults, s.Slowest)
	}
	if s.Outcomes["graded"] != 10 || s.Outcomes["build-failed"] != 1 || s.Outcomes["undecided"] != 1 {
		t.Errorf("%v", s.Outcomes)
	}
	if last := s.Submissions[11]; last.Score != nil {
		t.Errorf("%+v", last)
	}
}

func TestLinksLeadNowhereElse(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"": "", "a.html": "./a.html", "x/y.html": "./x/y.html", "/etc/passwd": "./etc/passwd", "../x": "", "a/../../b": "", "javascript:alert(1)": "./javascript:alert%281%29",
		"//evil.example/x": "./evil.example/x", `\\evil\x`: "./evil/x", "a b#c?d": "./a%20b%23c%3Fd", "\x00\u202e": "./%00%E2%80%AE", strings.Repeat("x", 600): "", ".": "", "a..b": "./a%2E%2Eb",
	} {
		if got := relative(path); got != want {
			t.Errorf("%q: %q, not %q", path, got, want)
		}
	}
}

// checkPage looks over a page of ours.
func checkPage(t *testing.T, text, script string) *html.Node {
	t.Helper()
	f := report.NewFrame(report.Tool{}, pageStyle, script)
	return reporttest.CheckPage(t, text, string(f.CSS), string(f.JS))
}

// Whatever a submission sends, prints or is called, the pages consist of what
// their templates have.
func TestPagesAreOnlyTheirOwn(t *testing.T) {
	t.Parallel()
	every(t, "html", func(t *testing.T, g grade.Grade, o Options, text string) {
		checkPage(t, text, "")
		if len(text) > 5<<20 {
			t.Errorf("%d bytes", len(text))
		}
	})
	for _, c := range []Class{{}, class("ada", 13.0, "grace", -1.0), large(60, 3)} {
		checkPage(t, writeClass(t, "class-html", c), classScript)
	}
	hostileGrades(t, func(t *testing.T, g grade.Grade) {
		c := Class{Title: g.Tier}
		for _, one := range []grade.Grade{g, harmed(undecided(), g.Tier), open()} {
			c.Entries = append(c.Entries, Entry{Grade: one, Page: g.Tier})
		}
		checkPage(t, writeClass(t, "class-html", c), classScript)
	})
}

func TestFeedbackPage(t *testing.T) {
	t.Parallel()
	text := write(t, "html", open(), Options{})
	for _, want := range []string{"13 of 25 points", "Right answers", "1 of 2 requirements is not met", "Sequence diagram of zen/answers/explicit", "the table of answers lacks it",
		"met 1 of 3 times, each time with other input", "−2", "4 hours late", "cc -o server server.c", "7 bytes are left out", "up to 5"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if text := write(t, "html", unbuilt(), Options{}); !strings.Contains(text, "expected &#39;;&#39;") || !strings.Contains(text, "make ended with code 2") {
		t.Error("what the build wrote is missing")
	}
	if strings.Contains(text, "global variables") || !strings.Contains(write(t, "html", open(), Options{Audience: Instructor}), "global variables") {
		t.Error("the guide is for instructors")
	}
	// A link of a class page leads to the line.
	page := writeClass(t, "class-html", Class{Entries: []Entry{{Grade: open(), Page: "ada.html"}}})
	if !strings.Contains(page, `href="./ada.html#line-answers"`) || !strings.Contains(text, `id="line-answers"`) {
		t.Error("a cell does not lead to its line")
	}
}

// TestPagesInABrowser looks at pages as people do.
func TestPagesInABrowser(t *testing.T) {
	ctx, expect := reporttest.Browser(t)
	visit := func(t *testing.T, text string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "page.html")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		expect(path)
		if err := chromedp.Do(ctx, chromedp.Navigate("file://"+path)); err != nil {
			t.Fatal(err)
		}
	}
	do := func(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, actions...); err != nil {
			t.Fatal(err)
		}
	}
	value := func(t *testing.T, expression string) any {
		t.Helper()
		result, err := chromedp.Run(ctx, chromedp.Evaluate[any](expression))
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		return result
	}
	is := func(t *testing.T, expression string, want any) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); ; {
			got := value(t, expression)
			if fmt.Sprint(got) == fmt.Sprint(want) {
				return
			}
			if time.Now().After(end) {
				t.Errorf("%s is %v, not %v", expression, got, want)
				return
			}
			do(t, chromedp.Sleep(10*time.Millisecond))
		}
	}

	t.Run("feedback", func(t *testing.T) {
		visit(t, write(t, "html", open(), Options{}))
		is(t, `document.querySelectorAll("details.r").length`, 6)
		is(t, `document.querySelectorAll("details.r[open] figure.sequence svg").length`, 3)
		value(t, `document.querySelector('.next a').click()`)
		is(t, `location.hash`, "#zen/answers/explicit")
		do(t, chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile))
		value(t, `document.querySelectorAll("details").forEach(d => { d.open = true })`)
		is(t, `document.documentElement.scrollWidth <= innerWidth`, true)
		do(t, chromedp.ResetViewport())
	})

	t.Run("a class of 500", func(t *testing.T) {
		text := writeClass(t, "class-html", large(500, 12))
		t.Logf("%.2f MB", float64(len(text))/1e6)
		if len(text) > 5e6 {
			t.Errorf("%d bytes", len(text))
		}
		visit(t, text)
		const shown = `[...document.querySelectorAll("#rows tbody tr")].filter(r => r.checkVisibility()).length`
		is(t, shown, 500)
		took := value(t, `performance.timing.loadEventEnd - performance.timing.navigationStart`)
		t.Logf("loaded within %v ms", took)
		if ms, ok := took.(float64); !ok || ms > 2500 { // 0.2 s on a machine that has nothing else to do
			t.Errorf("it took %v ms", took)
		}
		// What takes long is to lay the table out: not before somebody looks at it,
		// and then at once.
		const laid = `document.querySelector("#rows td").checkVisibility({contentVisibilityAuto: true})`
		is(t, laid, false)
		value(t, `window.seen = new Promise(done => { const began = performance.now(); document.getElementById("submissions").scrollIntoView(); requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))) })`)
		is(t, laid, true)
		value(t, `window.seen.then(ms => { window.ms = ms })`)
		is(t, `typeof window.ms`, "number")
		t.Logf("scrolled to within %v ms", value(t, `window.ms`))
		is(t, `document.getElementById("whole").getBoundingClientRect().height > 5000`, true)
		do(t, chromedp.SendKeys(chromedp.CSS("#rows-text"), "STUDENT-004"))
		is(t, shown, 10)
		is(t, `document.getElementById("rows-shown").textContent`, "10 of 500 shown")
		do(t, chromedp.Click(chromedp.CSS(`#rows-filter button[type="reset"]`)))
		is(t, shown, 500)
		value(t, `{ const s = document.getElementById("rows-outcome"); s.value = "undecided"; s.dispatchEvent(new Event("input", {bubbles: true})) }`)
		is(t, shown, 10)
		do(t, chromedp.Click(chromedp.CSS(`#rows-filter button[type="reset"]`)))
		// By score: what has none comes last, both ways.
		const scores = `[...document.querySelectorAll("#rows tbody tr")].map(r => r.cells[2].textContent)`
		for _, way := range []string{"ascending", "descending"} {
			value(t, `document.querySelector("#rows thead th:nth-child(3) button").click()`)
			is(t, `document.querySelector("#rows thead th:nth-child(3)").getAttribute("aria-sort")`, way)
			sign := map[string]string{"ascending": "<=", "descending": ">="}[way]
			is(t, fmt.Sprintf(`{ const all = %s, some = all.filter(x => x !== "").map(Number); all.slice(some.length).every(x => x === "") && some.every((x, i) => i === 0 || some[i-1] %s x) }`, scores, sign), true)
		}
		do(t, chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile))
		is(t, `document.documentElement.scrollWidth <= innerWidth`, true)
		do(t, chromedp.ResetViewport())
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
			t.Fatal(err)
		}
		is(t, `document.getElementById("rows-filter").checkVisibility()`, false)
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{}); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("hostile", func(t *testing.T) {
		for _, p := range []string{`<script>window.owned = 1</script>`, `"><img src=x onerror="window.owned=1">`, `</style><script>window.owned=1</script>`, `javascript:window.owned=1`, `{{.Title}}`} {
			g := harmed(open(), p)
			visit(t, write(t, "html", g, Options{Audience: Instructor}))
			value(t, `document.querySelectorAll("details").forEach(d => { d.open = true })`)
			is(t, `typeof window.owned`, "undefined")
			visit(t, writeClass(t, "class-html", Class{Title: p, Entries: []Entry{{Grade: g, Page: p}, {Grade: harmed(undecided(), p), Page: p}}}))
			is(t, `[...document.querySelectorAll("a[href]")].filter(a => a.protocol !== "file:").length`, 0)
			is(t, `typeof window.owned`, "undefined")
		}
	})
}
