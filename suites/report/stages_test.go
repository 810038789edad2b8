package report

import (
	"strings"
	"testing"

	"conform/specs"
)

// The ladder is the end of what a person reads, and fits into the terminal.
func TestStagesAreShown(t *testing.T) {
	r := sample()
	later := &Reason{Code: specs.LaterStage, Message: "not yet: stage 3 of 4, Questions in pieces, comes first"}
	for i := range r.Results {
		if r.Results[i].Protocol == "calc" {
			r.Results[i].Verdict, r.Results[i].Reason = specs.Skipped, later
		}
	}
	r.Stages = []Stage{
		{Protocol: "zen", Number: 1, Title: "A first question", Learn: "Answer.", State: StageMet, Requirements: []string{"zen/answers/beautiful", "zen/concurrency/order"}},
		{Protocol: "zen", Number: 2, Title: "Nothing", Learn: "Nothing.", State: StageNone, Requirements: []string{"zen/answers/none"}},
		{Protocol: "zen", Number: 3, Title: "Questions in pieces", Learn: "TCP has no messages.", State: StageUnmet, Requirements: []string{"zen/framing/split-question", "zen/framing/line-end", "zen/answers/explicit"}},
		{Protocol: "calc", Number: 4, Title: "Sums, of whatever there may be", Learn: "Add.", State: StageLater, Requirements: []string{"calc/sums/one", "calc/sums/two"}},
	}
	for _, width := range []int{60, 100} {
		var b strings.Builder
		if err := WriteTerminal(&b, r, TerminalOptions{Quiet: true, Width: width}); err != nil {
			t.Fatal(err)
		}
		const want = `✓  1  A first question                 1 met, 1 info
-  2  Nothing                          does not apply to this target
✗  3  Questions in pieces              2 of 3 not met
·  4  Sums, of whatever there may be   2 requirements, not yet

next: stage 3 of 4, Questions in pieces. TCP has no messages.
`
		if out := b.String(); width == 100 && !strings.HasPrefix(out, want) || !strings.Contains(out, "stage 3 of 4, 9 of 15 requirements run") {
			t.Errorf("got\n%s\nwant\n%s", out, want)
		}
		for line := range strings.Lines(b.String()) {
			if line = strings.TrimSuffix(line, "\n"); columns(line) > width && !strings.HasPrefix(line, "nonconformant") {
				t.Errorf("wider than %d columns: %q", width, line)
			}
		}
	}
	var page, text strings.Builder
	if err := WriteHTML(&page, r); err != nil {
		t.Fatal(err)
	}
	if err := WriteMarkdown(&text, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<li value="3" class="fail"><span class="sign" aria-hidden="true">✗</span> <b>Questions in pieces</b> <span>2 of 3 not met</span></li>`,
		`<p>next: stage 3 of 4, Questions in pieces. TCP has no messages.</p>`} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, want := range []string{"| ✗ | 3. Questions in pieces | 2 of 3 not met |\n", "\nnext\\: stage 3 of 4, Questions in pieces. TCP has no messages.\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("got\n%s\nwant %s", text.String(), want)
		}
	}
	r.Stages = r.Stages[:2]
	var b strings.Builder
	if err := WriteTerminal(&b, r, TerminalOptions{Quiet: true}); err != nil || !strings.Contains(b.String(), "\nall 2 stages are met\n") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}
