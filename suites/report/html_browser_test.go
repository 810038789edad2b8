package report

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"conform/suites/report/reporttest"
)

// TestHTMLInABrowser looks at reports as people do: one browser, one page after
// the other.
func TestHTMLInABrowser(t *testing.T) {
	ctx, expect := reporttest.Browser(t)
	show := func(t *testing.T, text, fragment string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "report.html")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		expect(path)
		if err := chromedp.Do(ctx, chromedp.Navigate("file://"+path+fragment)); err != nil {
			t.Fatal(err)
		}
	}
	open := func(t *testing.T, r *Report, fragment string) {
		t.Helper()
		show(t, writtenHTML(t, r), fragment)
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
	media := func(t *testing.T, params emulation.SetEmulatedMediaParams) {
		t.Helper()
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, params); err != nil {
			t.Fatal(err)
		}
	}
	// A page does some things a moment later than it is told to.
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
	const shown = `[...document.querySelectorAll("details.r")].filter(d => d.checkVisibility()).length`
	cards := len(sample().Results) - 1 // one was deselected

	t.Run("filters", func(t *testing.T) {
		open(t, withProfile(), "")
		is(t, shown, cards)
		do(t, chromedp.SendKeys(chromedp.CSS("#f-text"), "split-QUESTION segments"))
		is(t, shown, 1)
		is(t, `document.getElementById("f-shown").textContent`, fmt.Sprintf("1 of %d shown", cards))
		do(t, chromedp.SendKeys(chromedp.CSS("#f-text"), " nowhere"))
		is(t, shown, 0)
		is(t, `document.getElementById("none").checkVisibility()`, true)
		do(t, chromedp.Click(chromedp.CSS(`#filter button[type="reset"]`)))
		is(t, shown, cards)
		do(t, chromedp.Click(chromedp.CSS(`#filter button[data-verdict="fail"]`)))
		is(t, shown, 3)
		do(t, chromedp.Click(chromedp.CSS(`#filter button[data-verdict="info"]`)))
		is(t, shown, 4)
		do(t, chromedp.Click(chromedp.CSS(`#filter button[type="reset"]`)))
		choose := func(id, label string) {
			value(t, fmt.Sprintf(`{ const s = document.getElementById(%q); s.value = [...s.options].find(o => o.textContent === %q).value; s.dispatchEvent(new Event("input", {bubbles: true})) }`, id, label))
		}
		choose("f-section", "framing")
		is(t, shown, 3)
		choose("f-level", "ROBUST")
		is(t, shown, 1)
		is(t, `[...document.querySelectorAll("section.protocol")].filter(d => d.checkVisibility()).length`, 1)
	})

	t.Run("keyboard", func(t *testing.T) {
		open(t, withProfile(), "")
		do(t, chromedp.KeyEvent(kb.Tab))
		is(t, `document.activeElement.className`, "skip")
		const first = `document.getElementById("zen/answers/beautiful")`
		is(t, first+`.open`, false)
		value(t, first+`.querySelector("summary").focus()`)
		do(t, chromedp.KeyEvent(kb.Enter))
		is(t, first+`.open`, true)
		is(t, first+`.querySelector(".exchange").checkVisibility()`, true)
		do(t, chromedp.KeyEvent(kb.Enter))
		is(t, first+`.open`, false)
		// From the map to the card, also when a filter hides it.
		do(t, chromedp.Click(chromedp.CSS(`#filter button[data-verdict="fail"]`)))
		value(t, `document.querySelector('.map a[href="#zen/answers/beautiful"]').dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}))`)
		is(t, first+`.open && `+first+`.checkVisibility()`, true)
	})

	t.Run("copy", func(t *testing.T) {
		open(t, withProfile(), "")
		const card = `document.getElementById("zen/framing/split-question")`
		value(t, `navigator.clipboard.writeText = async (text) => { window.copied = text }`)
		const button = card + `.querySelectorAll(".paste button")[1]`
		is(t, button+`.checkVisibility()`, true)
		value(t, button+`.focus()`)
		do(t, chromedp.KeyEvent(kb.Enter))
		is(t, button+`.textContent`, "copied")
		is(t, `window.copied`, sample().Results[2].Recipe.Command)
		// Where a page may not write to the clipboard, it is at least selected.
		value(t, `navigator.clipboard.writeText = async () => { throw new Error("no") }`)
		value(t, card+`.querySelector(".paste button").click()`)
		is(t, `getSelection().toString().trim()`, sample().Results[2].Replay)
	})

	t.Run("without a script", func(t *testing.T) {
		disable := func(off bool) {
			if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: off}); err != nil {
				t.Fatal(err)
			}
		}
		disable(true)
		defer disable(false)
		open(t, withProfile(), "")
		is(t, `document.getElementById("filter").checkVisibility()`, false)
		is(t, `[...document.querySelectorAll("button")].filter(b => b.checkVisibility()).length`, 0)
		is(t, shown, cards)
		is(t, `[...document.querySelectorAll("details.r.fail")].every(d => d.open && d.querySelector(".evidence").checkVisibility())`, true)
		is(t, `document.querySelectorAll(".causes li.fail").length`, 3)
		// What is closed opens all the same.
		value(t, `document.querySelector('details[id="zen/answers/beautiful"] > summary').click()`)
		is(t, `document.getElementById("zen/answers/beautiful").open`, true)
	})

	t.Run("a link to a card", func(t *testing.T) {
		open(t, withProfile(), "#zen/answers/explicit")
		is(t, `document.getElementById("zen/answers/explicit").open`, true)
	})

	t.Run("phone, dark, print", func(t *testing.T) {
		for _, r := range []*Report{withProfile(), withScale(), many(120, func(i int) bool { return i%20 == 0 })} {
			open(t, r, "")
			light := value(t, `getComputedStyle(document.body).backgroundColor`)
			do(t, chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile))
			value(t, `document.querySelectorAll("details").forEach(d => { d.open = true })`)
			is(t, `document.documentElement.scrollWidth <= innerWidth`, true)
			picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
			if err != nil || len(picture) < 5000 {
				t.Errorf("a picture of %d bytes, %v: there cannot be much on it", len(picture), err)
			}
			do(t, chromedp.ResetViewport())
			media(t, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
			if dark := value(t, `getComputedStyle(document.body).backgroundColor`); dark == light {
				t.Errorf("dark is %v, and so is light", dark)
			}
			media(t, emulation.SetEmulatedMediaParams{Media: "print"})
			is(t, `!document.getElementById("filter") || !document.getElementById("filter").checkVisibility()`, true)
			media(t, emulation.SetEmulatedMediaParams{})
		}
		open(t, withProfile(), "")
		pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF(chromedp.PDFPrintBackground()))
		if err != nil || len(pdf) < 10_000 {
			t.Errorf("%d bytes of PDF, %v", len(pdf), err)
		}
	})

	t.Run("hostile", func(t *testing.T) {
		r := sample()
		payloads := []string{`<script>window.owned = 1</script>`, `"><img src=x onerror="window.owned=1">`, `</style><script>window.owned=1</script>`,
			`javascript:window.owned=1`, `'-alert(1)-'`, `</title><svg onload="window.owned=1">`, `{{.Title}}`, `-->]]></script><script>window.owned=1</script>`}
		for i := range r.Results {
			p := payloads[i%len(payloads)]
			res := &r.Results[i]
			res.ID, res.Title, res.Section, res.Clause, res.Replay = res.ID+p, p, p, p, p
			res.Reason = &Reason{Message: p, Sent: p, Expected: payloads, Received: p, Hint: p}
			for k := range res.Transcript {
				res.Transcript[k].Text, res.Transcript[k].Head = p, []byte(p)
			}
		}
		r.Target.Address, r.Summary.Cause, r.Target.StartedBy = payloads[0], payloads[1], payloads[2]
		open(t, r, "")
		value(t, `document.querySelectorAll("details").forEach(d => { d.open = true })`)
		is(t, `typeof window.owned`, "undefined")
		is(t, shown, len(r.Results))
	})

	t.Run("several targets", func(t *testing.T) {
		m := unlike()
		show(t, writtenMatrix(t, m), "")
		const rows = `[...document.querySelectorAll("tr.r")].filter(d => d.checkVisibility()).length`
		const below = `[...document.querySelectorAll("details.r")].filter(d => d.checkVisibility()).length`
		all := m.Summary.Differ + m.Summary.Agree + m.Summary.Uncompared
		is(t, rows, m.Summary.Differ)
		is(t, `document.getElementById("f-shown").textContent`, fmt.Sprintf("%d of %d shown", all, all))
		// What is folded away comes to light when it is looked for.
		do(t, chromedp.Click(chromedp.CSS(`#filter button[data-verdict="met"]`)))
		is(t, rows+` > 0 && document.querySelector("details.fold").open`, true)
		do(t, chromedp.Click(chromedp.CSS(`#filter button[type="reset"]`)))
		is(t, rows, m.Summary.Differ)
		do(t, chromedp.Click(chromedp.CSS(`#filter button[data-verdict="differ"]`)))
		is(t, `document.querySelector("details.fold").checkVisibility()`, false)
		is(t, below, 4) // two requirements, two targets
		do(t, chromedp.SendKeys(chromedp.CSS("#f-text"), "several SEGMENTS"))
		is(t, rows, 1)
		is(t, below, 2)
		is(t, `[...document.querySelectorAll(".about")].filter(d => d.checkVisibility()).length`, 1)
		// With the keyboard, from a cell to the card with the bytes.
		const cell = `document.querySelector('a[href="#zen/framing/split-question/t1"]')`
		const card = `document.getElementById("zen/framing/split-question/t1")`
		is(t, card+`.open`, false)
		value(t, cell+`.focus()`)
		do(t, chromedp.KeyEvent(kb.Enter))
		is(t, card+`.open && `+card+`.querySelector(".hex").checkVisibility()`, true)
		is(t, `document.activeElement.closest("details").id`, "zen/framing/split-question/t1")
		do(t, chromedp.Click(chromedp.CSS(`#filter button[type="reset"]`)))
		value(t, `{ const s = document.getElementById("f-section"); s.value = [...s.options].find(o => o.textContent === "all of calc").value; s.dispatchEvent(new Event("input", {bubbles: true})) }`)
		is(t, rows+` > 0 && [...document.querySelectorAll("tr.r")].filter(d => d.checkVisibility()).every(d => d.textContent.startsWith("calc/"))`, true)

		light := value(t, `getComputedStyle(document.body).backgroundColor`)
		do(t, chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile))
		value(t, `document.querySelectorAll("details").forEach(d => { d.open = true })`)
		is(t, `document.documentElement.scrollWidth <= innerWidth`, true)
		do(t, chromedp.ResetViewport())
		media(t, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		if dark := value(t, `getComputedStyle(document.body).backgroundColor`); dark == light {
			t.Errorf("dark is %v, and so is light", dark)
		}
		media(t, emulation.SetEmulatedMediaParams{})

		payload := `"><script>window.owned = 1</script><img src=x onerror="window.owned=1">`
		for i := range m.Targets {
			m.Targets[i].Name = payload
			for k := range m.Targets[i].Report.Results {
				res := &m.Targets[i].Report.Results[k]
				res.ID, res.Title, res.Section = res.ID+payload, payload, payload
				res.Reason = &Reason{Message: payload, Received: payload + fmt.Sprint(i)}
			}
		}
		m.Compare()
		show(t, writtenMatrix(t, m), "")
		value(t, `document.querySelectorAll("details").forEach(d => { d.open = true })`)
		is(t, `typeof window.owned`, "undefined")
		is(t, rows+` >= 10`, true)
	})

	t.Run("a large run", func(t *testing.T) {
		open(t, many(1000, func(i int) bool { return i%10 == 0 }), "")
		is(t, shown, 1000)
		took := value(t, `performance.timing.loadEventEnd - performance.timing.navigationStart`)
		t.Logf("loaded within %v ms", took)
		if ms, ok := took.(float64); !ok || ms > 5000 { // under a second on a machine that has nothing else to do
			t.Errorf("it took %v ms", took)
		}
	})
}
