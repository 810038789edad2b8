package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"conform/specs"
)

//go:embed html/matrix.html
var htmlMatrixTemplate string

const (
	// maxHTMLCells is how many cells the tables have, and maxHTMLCards how many
	// of them lead to a card.
	maxHTMLCells = 12_000
	maxHTMLCards = 800
	// maxHTMLCell is how much of what was received stands in a cell.
	maxHTMLCell  = 60
	maxHTMLLabel = 24
)

// htmlMatrix is what the template shows of several targets. Every string in it is
// clean.
type htmlMatrix struct {
	Frame
	Targets     []htmlMatrixTarget
	MoreTargets string
	Facts       []htmlMatrixFact
	Legend      string
	Counts      []htmlCount
	Levels      []string
	Protocols   []htmlMatrixProtocol
	Differ      htmlMatrixTable
	Same        htmlMatrixTable
	SameText    string
	Cards       []*htmlMatrixGroup
	Left        string
	Width       int // of the tables, in columns
}

type htmlMatrixTarget struct {
	htmlRun
	N                                     int
	Name, Label, Class, Sign, Text, About string
}

type htmlMatrixFact struct {
	Name  string
	Cells []string
}

// htmlMatrixProtocol is for the filter.
type htmlMatrixProtocol struct {
	Name, Key string
	Sections  []htmlMatrixSection
}

type htmlMatrixSection struct{ Name, Key string }

type htmlMatrixTable struct {
	Page   *htmlMatrix
	Groups []*htmlMatrixGroup
}

// htmlMatrixGroup are rows of one section.
type htmlMatrixGroup struct {
	Name, Key, Protocol string
	Rows                []*htmlMatrixRow
}

type htmlMatrixRow struct {
	Ref                    template.URL
	ID, Title, Level, Kind string
	Cells                  []htmlMatrixCell
	Cards                  []htmlResult
}

type htmlMatrixCell struct {
	Class, Sign, Verdict, Text string
	Ref                        template.URL
}

// The kinds of rows, which the filter goes by.
var htmlKinds = []htmlCount{
	{Class: "differ", Sign: "≠", Name: "disagree"},
	{Class: "unmet", Sign: "✗", Name: "agree, not met"},
	{Class: "met", Sign: "✓", Name: "agree, met"},
	{Class: "alone", Sign: "-", Name: "nothing to compare"},
}

// writeMatrixHTML writes one page for a browser about several targets: where they
// disagree, and a card for each of them there.
func writeMatrixHTML(w io.Writer, m *Matrix) error {
	return WritePage(w, htmlMatrixTemplate, newHTMLMatrix(m))
}

func newHTMLMatrix(m *Matrix) *htmlMatrix {
	p := &htmlMatrix{Frame: reportFrame(m.Tool), Legend: "Targets"}
	p.Differ.Page, p.Same.Page = p, p
	p.head(m)
	shown := min(len(m.Targets), maxMatrixTargets)
	p.Width = 2 + shown
	labels := labels(m)
	for i, t := range m.Targets[:shown] {
		one := htmlMatrixTarget{htmlRun: newHTMLRun(&t.Report), N: i + 1, Name: shorten(cmp.Or(strings.TrimSpace(t.Name), "unknown"), maxValue),
			Label: labels[i], Text: fmt.Sprintf("%s · exit code %d", conclusion(&t.Report), t.Report.Summary.ExitCode), About: strings.Join(about(t.Report), " · ")}
		one.Class, one.Sign = htmlHeadline(t.Report.Summary.Headline)
		p.Targets = append(p.Targets, one)
	}
	if n := len(m.Targets) - shown; n > 0 {
		p.MoreTargets = fmt.Sprintf("%s in the JSON report.", count(n, "more target is", "more targets are"))
	}
	for _, f := range first(m.Facts, maxMatrixRows) {
		fact := htmlMatrixFact{Name: shorten(f.Protocol, 40) + ", " + strings.ReplaceAll(shorten(f.Name, 60), "-", " ")}
		for _, c := range f.Cells[:shown] {
			fact.Cells = append(fact.Cells, c.String())
		}
		p.Facts = append(p.Facts, fact)
	}
	p.rows(m, shown)
	return p
}

// htmlHeadline is how a headline looks.
func htmlHeadline(headline string) (class, sign string) {
	switch headline {
	case "conformant":
		return "pass", "✓"
	case "nonconformant":
		return "fail", "✗"
	}
	return "nonstrict", "!"
}

func (p *htmlMatrix) head(m *Matrix) {
	p.Headline = shorten(cmp.Or(m.Summary.Headline, "error"), 40)
	targets := count(len(m.Targets), "target", "targets")
	p.Address = fmt.Sprintf("%s · exit code %d · %s · seed %d", targets, m.Summary.ExitCode, span(m.Run.DurationMS), m.Run.Seed)
	p.Class, p.Sign = htmlHeadline(m.Summary.Headline)
	s := m.Summary
	all := s.Differ + s.Agree + s.Uncompared
	switch {
	case all == 0:
		p.Meaning = "Nothing was judged of any target."
	case s.Differ == 0 && s.Agree == 0:
		p.Meaning = "There is no requirement on which two targets could be compared."
	case s.Differ == 0:
		p.Meaning = fmt.Sprintf("All targets agree on %s.", count(s.Agree, "requirement", "requirements"))
	default:
		p.Meaning = fmt.Sprintf("Targets disagree on %d of %s. A cell leads to what its target did.", s.Differ, count(s.Differ+s.Agree, "requirement", "requirements"))
	}
	if s.Headline != "conformant" {
		p.Meaning += " The headline is that of the worst target."
	}
	p.Title = p.Headline + " · " + targets
}

// rows makes the tables and the cards that their cells lead to.
func (p *htmlMatrix) rows(m *Matrix, targets int) {
	rows := m.rows()
	budget, cards, cells := htmlEvidence, 0, 0
	told := func(row *matrixRow, res *Result) bool { // a card is worth its place where there is something to look at
		return res != nil && (row.differs() || !Passed(res.Verdict, true)) && (res.Attempts > 0 || res.Reason != nil)
	}
	worth := 1
	for _, row := range rows {
		for _, res := range row.results[:targets] {
			if told(row, res) {
				worth++
			}
		}
	}
	events := max(3, min(12, htmlTranscripts/2/250/min(worth, maxHTMLCards)))
	counts := map[string]int{}
	protocols, sections := map[string]int{}, map[string]htmlMatrixSection{}
	groups := map[string]*htmlMatrixGroup{}
	group := func(list *[]*htmlMatrixGroup, kind string, row *matrixRow) *htmlMatrixGroup {
		protocol := shorten(cmp.Or(row.Protocol, "unknown"), 40)
		at, known := protocols[protocol]
		if !known {
			at = len(p.Protocols)
			protocols[protocol] = at
			p.Protocols = append(p.Protocols, htmlMatrixProtocol{Name: protocol, Key: fmt.Sprintf("p%d", at+1)})
		}
		of := &p.Protocols[at]
		name := strings.ReplaceAll(shorten(cmp.Or(row.Section, "unknown"), 60), "-", " ")
		section, known := sections[protocol+"\n"+name]
		if !known {
			section = htmlMatrixSection{Name: name, Key: fmt.Sprintf("%s-%d", of.Key, len(of.Sections)+1)}
			sections[protocol+"\n"+name] = section
			of.Sections = append(of.Sections, section)
		}
		g := groups[kind+section.Key]
		if g == nil {
			g = &htmlMatrixGroup{Name: protocol + " · " + name, Key: section.Key, Protocol: of.Key}
			groups[kind+section.Key] = g
			*list = append(*list, g)
		}
		return g
	}
	taken := map[string]bool{}
	left := 0
	for i, row := range rows {
		if cells += targets; cells > maxHTMLCells {
			p.Left = fmt.Sprintf("%s left out of the tables: see the JSON report. ", count(len(rows)-i, "requirement is", "requirements are"))
			break
		}
		kind := row.kind()
		counts[kind]++
		one := &htmlMatrixRow{Ref: template.URL(fmt.Sprintf("row%d", i+1)), ID: shorten(row.ID, 120), Title: shorten(row.Title, 200), Level: level(Result{Level: row.Level}), Kind: kind}
		if !slices.Contains(p.Levels, one.Level) && len(p.Levels) < 12 {
			p.Levels = append(p.Levels, one.Level)
		}
		ref := fmt.Sprintf("r%d", i+1)
		if len(row.ID) <= 120 && linkable.MatchString(row.ID) && !taken[row.ID] {
			ref = row.ID
			taken[ref] = true
		}
		for t := range targets {
			cell := htmlMatrixCell{Class: "none"}
			res := row.results[t]
			if res != nil {
				cell.Class, cell.Verdict = htmlClass(*res), shorten(string(res.Verdict), 40)
				cell.Sign, _ = mark(res.Verdict)
				if told(row, res) && cards < maxHTMLCards {
					cards++
					cell.Ref = template.URL(fmt.Sprintf("%s/t%d", ref, t+1))
					if res.Verdict != specs.Pass && res.Verdict != specs.SlowPass {
						cell.Text = shorten(row.Cells[t].evidence(), maxHTMLCell)
						if row.Cells[t].Code == specs.TooFewServed {
							cell.Text = "too few clients at once" // the card says more, and it is in many rows
						}
					}
					card := newHTMLResult(&m.Targets[t].Report, *res, string(cell.Ref), events, &budget)
					card.ID, card.Kind, card.Open = fmt.Sprintf("%d · %s", t+1, p.Targets[t].Label), kind, false
					card.Title = shorten(card.Verdict+" "+row.Cells[t].evidence(), 120)
					one.Cards = append(one.Cards, card)
				} else if told(row, res) {
					left++
				}
			}
			one.Cells = append(one.Cells, cell)
		}
		list, which := &p.Same.Groups, "same"
		if row.differs() {
			list, which = &p.Differ.Groups, "differ"
		}
		g := group(list, which, row)
		g.Rows = append(g.Rows, one)
		if len(one.Cards) > 0 {
			g := group(&p.Cards, "cards", row)
			g.Rows = append(g.Rows, one)
		}
	}
	if left > 0 {
		p.Left += fmt.Sprintf("%s left out: see the JSON report, or the page of one target.", count(left, "card is", "cards are"))
	}
	for _, k := range htmlKinds {
		if k.N = counts[k.Class]; k.N > 0 {
			k.Filter = true
			p.Counts = append(p.Counts, k)
		}
	}
	p.SameText = strings.Join(agreed(rows), " · ")
}

// kind is what the filter knows a row by.
func (row *matrixRow) kind() string {
	switch {
	case row.differs():
		return "differ"
	case row.Differ == uncompared:
		return "alone"
	case slices.ContainsFunc(row.groups, func(g matrixGroup) bool { return g.compare && !Passed(g.cell.Verdict, true) }):
		return "unmet"
	}
	return "met"
}

// labels are short names of the targets, for the head of a column: what all of
// them begin or end with is left out where names are long.
func labels(m *Matrix) (labels []string) {
	long := false
	var names []string
	for _, t := range m.Targets {
		name := t.Name[:min(len(t.Name), 1000)]
		names = append(names, name)
		long = long || utf8.RuneCountInString(name) > maxHTMLLabel
	}
	before, after := 0, 0
	if long && len(names) > 1 {
		before, after = common(names)
	}
	for _, name := range names {
		if before+after < len(name) {
			name = name[before : len(name)-after]
		}
		labels = append(labels, shorten(cmp.Or(strings.TrimSpace(name), "unknown"), maxHTMLLabel))
	}
	return labels
}

// common is how much all names begin and end with, to the last blank or slash.
func common(names []string) (before, after int) {
	a := names[0]
	before, after = len(a), len(a)
	for _, b := range names[1:] {
		n := 0
		for n < before && n < len(b) && a[n] == b[n] {
			n++
		}
		before = n
		n = 0
		for n < after && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
			n++
		}
		after = n
	}
	before = strings.LastIndexAny(a[:before], " /") + 1
	if i := strings.IndexAny(a[len(a)-after:], " /"); i >= 0 {
		after -= i
	} else {
		after = 0
	}
	return before, after
}
