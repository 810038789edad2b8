package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"conform/specs"
)

// What the reports of several targets may take of a page.
const (
	maxMatrixTargets = 50
	maxMatrixRows    = 200
	maxStrip         = 12 // targets whose signs stand beside each other
	maxGroups        = 6  // things that are said of one requirement
	maxGroupText     = 200
)

// WriteMatrixTerminal writes what came of several targets: what became of each,
// the requirements on which they disagree and in what, and the headline last.
func WriteMatrixTerminal(w io.Writer, m *Matrix, o TerminalOptions) error {
	p := newPage(o)
	p.targets(m)
	rows := m.rows()
	if !o.Quiet {
		p.disagreements(m, rows)
		p.foundOf(m)
		p.agreements(rows)
	}
	text := m.text()
	at := strings.IndexByte(text, ':')
	p.marked(headlineColour(&Report{Summary: Summary{Headline: m.Summary.Headline}}), text[:at], text[at:])
	if o.Verbose {
		for i, t := range m.Targets {
			p.space()
			p.line(fmt.Sprintf("── %d: %s", i+1, shorten(t.Name, maxValue)))
			if err := p.writeTo(w); err != nil {
				return err
			}
			p.b.Reset()
			write := WriteTerminal
			if t.Report.Scale != nil {
				write = WriteScale
			}
			if err := write(w, &t.Report, o); err != nil {
				return err
			}
		}
	}
	return p.writeTo(w)
}

// text is the headline of all in a line.
func (m *Matrix) text() string {
	failed := 0
	for _, t := range m.Targets {
		if t.Report.Summary.ExitCode != 0 {
			failed++
		}
	}
	s := m.Summary
	all := s.Differ + s.Agree + s.Uncompared
	text := fmt.Sprintf("%s: %s", shorten(cmp.Or(s.Headline, "error"), 40), count(len(m.Targets), "target", "targets"))
	if failed > 0 {
		text += fmt.Sprintf(", %d of them failed", failed)
	}
	return text + fmt.Sprintf(" · they disagree on %d of %s · %s · seed %d", s.Differ, count(all, "requirement", "requirements"), milliseconds(m.Run.DurationMS), m.Run.Seed)
}

// targets writes the key to the numbers, and what became of each target.
func (p *page) targets(m *Matrix) {
	for i, t := range first(m.Targets, maxMatrixTargets) {
		number := fmt.Sprintf("%-4d", i+1)
		p.wrapped(number+strings.Join(append([]string{shorten(t.Name, maxValue)}, about(t.Report)...), " · "), "    ")
		text := fmt.Sprintf("%s · exit code %d", conclusion(&t.Report), t.Report.Summary.ExitCode)
		lines := wrap(text, p.width-4)
		name := lines[0][:cmp.Or(max(0, strings.IndexAny(lines[0], ": ")), len(lines[0]))]
		p.marked(headlineColour(&t.Report), "    "+name, lines[0][len(name):])
		for _, l := range lines[1:] {
			p.line("    " + l)
		}
	}
	if n := len(m.Targets) - maxMatrixTargets; n > 0 {
		p.line(fmt.Sprintf("… and %s: see --report json=matrix.json", count(n, "more target", "more targets")))
	}
	p.space()
}

// about is what was found out of a target, in a few words.
func about(r Report) (parts []string) {
	t := r.Target
	if len(t.Protocol) > 0 {
		parts = append(parts, shorten(strings.Join(first(t.Protocol, 20), ", "), 100))
	}
	if len(t.Dialect) > 0 {
		parts = append(parts, dialect(t))
	}
	switch c := t.Concurrency; {
	case c.Class == string(specs.Serial):
		parts = append(parts, "serves one client at a time")
	case c.Class == string(specs.Bounded):
		parts = append(parts, "serves "+count(c.Bound, "client", "clients")+" at once")
	case c.Class == string(specs.Concurrent) && c.Bound > 0:
		parts = append(parts, fmt.Sprintf("serves at least %s at once", count(c.Bound, "client", "clients")))
	}
	return parts
}

// disagreements writes the rows in which targets differ, by section.
func (p *page) disagreements(m *Matrix, rows []*matrixRow) {
	section, shown, left := "", 0, 0
	few := map[int]bool{} // targets that are said to serve too few clients
	for _, row := range rows {
		if !row.differs() {
			continue
		}
		if shown++; shown > maxMatrixRows {
			left++
			continue
		}
		if here := heading(row.Protocol, row.Section); here != section {
			section = here
			p.space()
			p.line(here)
		}
		p.rowHead(m, row)
		if row.tooFew(few) {
			continue // it was said already
		}
		for _, l := range wrap(shorten(row.Title, maxValue), p.width-2) {
			p.line("  " + l)
		}
		for _, g := range first(row.groups, maxGroups) {
			p.labelled(numbered(g.targets), g.text(maxGroupText), 2)
		}
		if n := len(row.groups) - maxGroups; n > 0 {
			p.labelled("", fmt.Sprintf("… and %d more outcomes", n), 1)
		}
		for _, g := range row.groups {
			if v := g.cell.Verdict; (v == specs.Fail || v == specs.NonStrict || v == specs.Error) && g.result.Replay != "" {
				// One of them is enough, and it is never wrapped.
				p.line(fmt.Sprintf("    %-8s  %s", "again", shorten(g.result.Replay, maxReplay)))
				break
			}
		}
	}
	if left > 0 {
		p.space()
		p.line(fmt.Sprintf("… and %d more: see --report html=matrix.html", left))
	}
	p.space()
}

func heading(protocol, section string) string {
	return shorten(cmp.Or(protocol, "unknown"), 40) + " · " + strings.ReplaceAll(shorten(section, 60), "-", " ")
}

// rowHead is the ID, and at the right edge the level and every target's sign.
func (p *page) rowHead(m *Matrix, row *matrixRow) {
	worst := specs.Pass
	var strip []string
	for i, c := range row.Cells {
		sign := "-"
		if c.Verdict != "" {
			sign, _ = mark(c.Verdict)
		}
		strip = append(strip, fmt.Sprintf("%d%s", i+1, sign))
	}
	for _, g := range row.groups {
		if rank(g.cell.Verdict) > rank(worst) {
			worst = g.cell.Verdict
		}
	}
	right := level(Result{Level: row.Level})
	if len(m.Targets) <= maxStrip {
		right = fmt.Sprintf("%-6s  %s", right, strings.Join(strip, " "))
	}
	sign, c := mark(worst)
	id := shorten(row.ID, p.width-2)
	free := p.width - columns(sign) - 1 - columns(id) - columns(right)
	if free >= 2 {
		p.marked(c, sign, " "+id+strings.Repeat(" ", free)+right)
		return
	}
	p.marked(c, sign, " "+id)
	p.line(strings.Repeat(" ", max(2, p.width-columns(right))) + right)
}

// rank orders verdicts by what they are worth to somebody who looks for trouble.
func rank(v specs.Verdict) int {
	return slices.Index([]specs.Verdict{specs.Pass, specs.SlowPass, specs.Unsupported, specs.Info, specs.Skipped, specs.Blocked, specs.NonStrict, specs.Error, specs.Fail}, v)
}

// tooFew says whether the row says of some targets nothing but that they serve too
// few clients at once, which was said of them before, and of the others that they
// meet it.
func (row *matrixRow) tooFew(said map[int]bool) bool {
	few, nothingElse, before := false, true, true
	for _, g := range row.groups {
		switch {
		case g.cell.Code == specs.TooFewServed:
			few = true
			for _, t := range g.targets {
				before = before && said[t]
				said[t] = true
			}
		case g.cell.Verdict != specs.Pass && g.cell.Verdict != specs.SlowPass && g.cell.Verdict != specs.Unsupported:
			nothingElse = false
		}
	}
	return few && nothingElse && before
}

// text says in a line what these targets did.
func (g matrixGroup) text(limit int) string {
	text := shorten(string(g.cell.Verdict), 40)
	if g.cell.Verdict == specs.Pass || g.cell.Verdict == specs.SlowPass {
		return text
	}
	what := g.cell.evidence()
	if what == "" || g.cell.Verdict == specs.Unsupported && len(g.targets) > 1 { // each may have a reason of its own
		return text
	}
	return text + ": " + shorten(what, limit)
}

// evidence is what came of a requirement that is not simply met: what was
// received, or else what is said of it.
func (c MatrixCell) evidence() string {
	what := c.Received
	if c.Code == specs.TooFewServed || c.Verdict == specs.Unsupported || c.Verdict == specs.Info || what == "" {
		what = cmp.Or(c.Message, what, string(c.Code))
	}
	what, _, _ = strings.Cut(strings.TrimLeft(what, "\n"), "\n")
	return what
}

// numbered lists targets as they are counted by people, with ranges.
func numbered(targets []int) string {
	var parts []string
	for i := 0; i < len(targets); {
		k := i
		for k+1 < len(targets) && targets[k+1] == targets[k]+1 {
			k++
		}
		part := strconv.Itoa(targets[i] + 1)
		switch {
		case k == i+1:
			part += ", " + strconv.Itoa(targets[k]+1)
		case k > i:
			part += "-" + strconv.Itoa(targets[k]+1)
		}
		parts = append(parts, part)
		i = k + 1
	}
	if len(parts) > 20 {
		parts = append(parts[:20], fmt.Sprintf("and more, %d in all", len(targets)))
	}
	return strings.Join(parts, ", ")
}

// foundOf writes the facts about how clients are served that differ.
func (p *page) foundOf(m *Matrix) {
	several := slices.ContainsFunc(m.Facts, func(f MatrixFact) bool { return f.Protocol != m.Facts[0].Protocol })
	for i, f := range first(m.Facts, maxMatrixRows) {
		if i == 0 {
			p.line("how clients are served")
		}
		name := strings.ReplaceAll(shorten(f.Name, 40), "-", " ")
		if several {
			name += " (" + shorten(f.Protocol, 20) + ")"
		}
		var parts []string
		for _, g := range f.groups() {
			parts = append(parts, numbered(g.targets)+": "+g.found.String())
		}
		p.joined(fmt.Sprintf("  %-18s  ", name), first(parts, maxStrip), " · ")
	}
	p.space()
}

type factGroup struct {
	found   MatrixFound
	targets []int
}

// groups are the targets by what was found of them.
func (f MatrixFact) groups() (groups []factGroup) {
	for i, c := range f.Cells {
		if c.Finding == "" {
			continue
		}
		at := slices.IndexFunc(groups, func(g factGroup) bool { return g.found == c })
		if at < 0 {
			at, groups = len(groups), append(groups, factGroup{found: c})
		}
		groups[at].targets = append(groups[at].targets, i)
	}
	return groups
}

// agreements counts what is not shown, and names what nobody meets.
func (p *page) agreements(rows []*matrixRow) {
	for _, line := range agreed(rows) {
		p.wrapped(line, "  ")
	}
	p.space()
}

// agreed says in lines what is folded away: rows on which all agree, and those in
// which there is nothing to compare.
func agreed(rows []*matrixRow) (lines []string) {
	same, alone := 0, 0
	var unmet, aloneUnmet []string
	for _, row := range rows {
		bad := slices.ContainsFunc(row.groups, func(g matrixGroup) bool { return g.compare && !Passed(g.cell.Verdict, true) })
		switch row.Differ {
		case "":
			same++
			if bad {
				unmet = append(unmet, row.ID)
			}
		case uncompared:
			alone++
			if bad {
				aloneUnmet = append(aloneUnmet, row.ID)
			}
		}
	}
	say := func(n int, what string, unmet []string) {
		if n == 0 {
			return
		}
		text := count(n, "requirement", "requirements") + " " + what
		if len(unmet) > 0 {
			text += fmt.Sprintf("; %d of them not met: %s", len(unmet), ids(unmet))
		}
		lines = append(lines, text)
	}
	say(same, "on which all agree", unmet)
	say(alone, "that only one target, or none, has a verdict on", aloneUnmet)
	return lines
}
