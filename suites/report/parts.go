package report

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

// What others write that looks like a report, and has to be as safe as one, is
// made of the parts in this file.

// Plain is a text in one line that is safe wherever text is: cleaned, and with
// its middle left out where it takes more than limit columns.
func Plain(s string, limit int) string { return shorten(s, limit) }

// PlainLines is a text of several lines, cleaned, at most limit of them.
func PlainLines(s string, limit int) string { return textLines(s, limit) }

// PlainOutput is what a command wrote, cleaned: its beginning, how much is left
// out, and its end, each at most limit lines.
func PlainOutput(o *Output, limit int) string {
	if o == nil || o.Head+o.Tail == "" {
		return ""
	}
	text := textLines(o.Head, limit)
	if o.Dropped > 0 {
		text += fmt.Sprintf("\n… %d bytes are left out …\n", o.Dropped)
	}
	if o.Tail != "" {
		text += textLines(o.Tail, limit)
	}
	return text
}

// MarkdownText is a text in a line of Markdown that means nothing but itself.
func MarkdownText(s string, limit int) string { return markdownText(s, limit) }

// MarkdownBlock is a text in a block of its own, which nothing in it can end.
func MarkdownBlock(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "text\n" + text + "\n" + fence
}

// EscapeJSON escapes what JSON allows in a string and is better not printed.
func EscapeJSON(data []byte) []byte { return escapeJSON(data) }

// CardText is the evidence of one requirement, as the terminal shows it.
func CardText(res Result) string { return cardText(res) }

// Complete is a copy of the report in which lists that are empty are not null,
// and every verdict is counted.
func Complete(r *Report) *Report { return complete(r) }

// WriteNotice writes a workflow command of GitHub Actions. Nothing in the text
// ends it.
func WriteNotice(w io.Writer, title, text string) error {
	_, err := fmt.Fprintf(w, "::notice title=%s::%s\n", githubProperty(shorten(title, 200)), githubText(text))
	return err
}

// Lines collects lines for a terminal; each is cleaned.
type Lines struct{ p *page }

// NewLines begins a text for a terminal.
func NewLines(o TerminalOptions) Lines { return Lines{newPage(o)} }

// Line adds a line.
func (l Lines) Line(text string) { l.p.line(text) }

// Good adds a line behind a green mark.
func (l Lines) Good(mark, text string) { l.p.marked(green, mark, text) }

// Bad adds a line behind a red mark.
func (l Lines) Bad(mark, text string) { l.p.marked(red, mark, text) }

// Odd adds a line behind a yellow mark.
func (l Lines) Odd(mark, text string) { l.p.marked(yellow, mark, text) }

// Space separates blocks by one empty line.
func (l Lines) Space() { l.p.space() }

// Write writes the text.
func (l Lines) Write(w io.Writer) error { return l.p.writeTo(w) }

// Frame is what is around the contents of every page: its style and script, a
// policy that allows no others, and what it says first and last.
type Frame struct {
	Policy                 string
	CSS                    template.CSS
	JS                     template.JS
	Title, Address         string
	Class, Sign, Headline  string
	Meaning, Cause, Footer string
}

// NewFrame is the frame of a page, which may have more style and script than a
// report has. Whatever else is put into it has to be clean.
func NewFrame(tool Tool, style, script string) Frame {
	style, script = htmlStyle+style, htmlScript+script
	return Frame{
		Policy: "default-src 'none'; style-src " + hashSource(style) + "; script-src " + hashSource(script) + "; base-uri 'none'; form-action 'none'",
		CSS:    template.CSS(style),
		JS:     template.JS(script),
		Footer: shorten(fmt.Sprintf("made by %s %s", cmp.Or(tool.Name, "conform"), strings.TrimSpace(tool.Version+" "+tool.Commit)), maxValue),
	}
}

// reportFrame is that of a page that can be made again.
func reportFrame(tool Tool) Frame {
	f := NewFrame(tool, "", "")
	f.Footer += " · conform report FILE --report html=PATH makes this page again from a JSON report"
	return f
}

// WritePage writes a page by a template, which may use "head", "top" and "foot"
// with a Frame, and "card" with a Card. It writes nothing when that fails.
func WritePage(w io.Writer, text string, data any) error {
	t, err := template.New("page").Parse(strings.TrimSpace(htmlParts) + text)
	if err != nil {
		return fmt.Errorf("the template of the page cannot be read: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return fmt.Errorf("the page cannot be written as HTML: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// Card is one requirement with its evidence, as a page shows it.
type Card = htmlResult

// Cards are the cards of all results, in their order; those that failed are open.
func Cards(r *Report) (cards []Card) {
	refs, budget, events := htmlRefs(r), htmlEvidence, htmlEvents(r)
	open := 0
	for i, res := range r.Results {
		card := newHTMLResult(r, res, refs[i], events, &budget)
		if card.Open {
			open++
			card.Open = open <= maxHTMLOpen
		}
		cards = append(cards, card)
	}
	return cards
}

// Bar is a bar of a chart.
type Bar struct {
	Name  string // below it
	Count int
	Says  string // what it is, for whoever points at it
}

// BarChart draws counts as bars of one width.
func BarChart(id, title, description string, bars []Bar) template.HTML {
	bars = first(bars, maxBars)
	d := &drawing{w: chartLeft + chartWidth + 14, h: chartTop + chartHeight + 30}
	most := 1
	for _, b := range bars {
		most = max(most, b.Count)
	}
	base := chartTop + chartHeight
	for _, t := range ticks(float64(most), 4) {
		if t == math.Trunc(t) {
			y := base - chartHeight*t/float64(most)
			d.line("grid", chartLeft, y, chartLeft+chartWidth, y)
			d.text("s", "end", chartLeft-6, y+4, compact(t))
		}
	}
	w := chartWidth / float64(max(1, len(bars)))
	for i, b := range bars {
		x, h := chartLeft+float64(i)*w, chartHeight*float64(max(0, b.Count))/float64(most)
		fmt.Fprintf(&d.b, `<g><title>%s</title>`, svgText(b.Says))
		d.rect("col", x+1, base-h, w-2, h)
		d.b.WriteString("</g>")
		if b.Count > 0 {
			d.text("s halo", "middle", x+w/2, base-h-4, fmt.Sprint(b.Count))
		}
		d.text("s", "middle", x+w/2, base+16, b.Name)
	}
	d.line("axis", chartLeft, base, chartLeft+chartWidth, base)
	return d.svg("chart-"+id, title, description)
}
