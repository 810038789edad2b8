package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"conform/specs"
)

// drawing is an SVG picture. Text gets into it through text and its title only,
// which clean and escape it; everything else is numbers and names of ours.
type drawing struct {
	b    strings.Builder
	w, h float64
}

// num writes a coordinate. A report may have been made up: what is no number,
// or far away, stays within reach.
func num(v float64) string {
	if math.IsNaN(v) {
		v = 0
	}
	v = max(-1e5, min(1e5, v))
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&d.b, `<path class="%s" d="M%s %sL%s %s"/>`, class, num(x1), num(y1), num(x2), num(y2))
}

func (d *drawing) rect(class string, x, y, w, h float64) {
	fmt.Fprintf(&d.b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, num(x), num(y), num(max(0, w)), num(max(0, h)))
}

func (d *drawing) text(class, anchor string, x, y float64, text string) {
	if anchor != "" {
		anchor = ` text-anchor="` + anchor + `"`
	}
	if class != "" {
		class = ` class="` + class + `"`
	}
	fmt.Fprintf(&d.b, `<text%s%s x="%s" y="%s">%s</text>`, class, anchor, num(x), num(y), svgText(text))
}

func svgText(s string) string { return template.HTMLEscapeString(clean(s)) }

// arrow is a line with a head at its end.
func (d *drawing) arrow(class string, x1, x2, y float64) {
	way := 1.0
	if x2 < x1 {
		way = -1
	}
	d.line("a "+class, x1, y, x2-way*6, y)
	fmt.Fprintf(&d.b, `<path class="h %s" d="M%s %sl%s -4v8z"/>`, class, num(x2), num(y), num(-way*8))
}

func (d *drawing) cross(class string, x, y float64) {
	fmt.Fprintf(&d.b, `<path class="a %s" d="M%s %sl8 8m0 -8l-8 8"/>`, class, num(x-4), num(y-4))
}

// svg ends the picture. Its id has to be the only one of its kind in the page.
func (d *drawing) svg(id, title, description string) template.HTML {
	role := fmt.Sprintf(`role="img" aria-labelledby="%[1]s-t %[1]s-d"`, template.HTMLEscapeString(id))
	return d.wrap(role, fmt.Sprintf(` id="%s-t"`, template.HTMLEscapeString(id)), fmt.Sprintf(` id="%s-d"`, template.HTMLEscapeString(id)), title, description)
}

func (d *drawing) wrap(attributes, titleID, descID, title, description string) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]s" height="%[2]s" viewBox="0 0 %[1]s %[2]s" %[3]s><title%[4]s>%[6]s</title><desc%[5]s>%[7]s</desc>%[8]s</svg>`,
		num(d.w), num(d.h), attributes, titleID, descID, svgText(title), svgText(description), d.b.String()))
}

// countsBar shows the verdicts in proportion.
func countsBar(counts []htmlCount) template.HTML {
	total, said := 0, []string{}
	for _, c := range counts {
		total += c.N
		said = append(said, fmt.Sprintf("%d %s", c.N, c.Name))
	}
	d := &drawing{w: 1000, h: 8}
	x := 0.0
	for _, c := range counts {
		w := 1000 * float64(c.N) / float64(max(1, total))
		class := "f-" + c.Class
		if c.Class == "pass" {
			class = "served" // the full colour, so that the bar is read from afar
		}
		d.rect(class, x, 0, max(2, w-1.5), 8)
		x += w
	}
	return d.wrap(`class="bar" preserveAspectRatio="none" role="img"`, "", "", "verdicts", strings.Join(said, ", "))
}

// requirementMap is a square for each requirement of a section: coloured, and
// signed where something is to be said of it.
func requirementMap(name string, results []htmlResult) template.HTML {
	const size, row = 15, 20
	n := len(results)
	d := &drawing{w: float64(min(n, row) * size), h: float64((n + row - 1) / row * size)}
	bad := 0
	for i, res := range results {
		x, y := float64(i%row*size), float64(i/row*size)
		// Whoever goes from link to link with the keyboard wants what failed;
		// all the others are found below, as cards.
		tab := ` tabindex="-1"`
		if res.Class == string(specs.Fail) {
			tab = ""
			bad++
		}
		fmt.Fprintf(&d.b, `<a href="#%s"%s><title>%s: %s</title>`, template.HTMLEscapeString(string(res.Ref)), tab, svgText(res.ID), svgText(res.Verdict))
		d.rect("f-"+res.Class, x+1, y+1, size-2.5, size-2.5)
		if res.Class != string(specs.Pass) {
			class := "g"
			if res.Class == string(specs.Fail) {
				class = "g fail"
			}
			sign := res.Sign
			if res.Class == string(specs.SlowPass) {
				sign = "s"
			}
			d.text(class, "", x+size/2-.3, y+size-4, sign)
		}
		d.b.WriteString("</a>")
	}
	return d.wrap(`role="group"`, "", "", name, fmt.Sprintf("%s, %d failed", count(n, "requirement", "requirements"), bad))
}

const (
	maxLanes   = 5
	maxDrawn   = 40
	laneGap    = 94.0
	messageGap = 400.0 // between the last lane and the server: where the text is
)

// sequence draws an exchange: a lifeline for each connection and one for the
// server, time going down. It is not to scale; long times are written between.
func sequence(id, name string, steps []step, at place) template.HTML {
	p := newPicture(steps, at, maxLanes, maxDrawn)
	const leftEdge, top = 104.0, 30.0
	lane := func(conn int) float64 {
		return leftEdge + laneGap*float64(max(0, slices.Index(p.lanes, conn)))
	}
	last := leftEdge + laneGap*float64(max(0, len(p.lanes)-1))
	server := last + messageGap
	d := &drawing{w: server + 50}
	middle := (last + server) / 2

	// The lifelines lie below everything, but how long they are is known last.
	body := &drawing{}
	y := top + 8
	for _, row := range p.rows {
		switch row.shape {
		case rowGap:
			body.text("i halo", "middle", middle, y+14, row.text)
			y += 24
		case rowPass:
			for _, x := range append(laneXs(p.lanes, lane), server) {
				body.line("paper", x, y+4, x, y+20)
				body.line("quiet", x, y+5, x, y+20)
			}
			body.text("i halo", "middle", middle, y+16, row.text)
			y += 26
		default:
			y = body.row(row, lane(row.conn), server, middle, y)
		}
	}
	d.h = y + 14
	for _, conn := range p.lanes {
		x := lane(conn)
		label := fmt.Sprintf("connection %d", conn) // its clients may be numbered in another way
		if len(p.lanes) == 1 {
			label = "client"
		}
		d.text("k", "middle", x, 16, label)
		d.line("lane", x, 24, x, d.h-4)
	}
	d.text("k", "middle", server, 16, "server")
	d.line("lane", server, 24, server, d.h-4)
	d.b.WriteString(body.b.String())
	if p.others > 0 {
		d.text("i", "", 2, d.h-1, fmt.Sprintf("%s not drawn", count(p.others, "other connection is", "other connections are")))
		d.h += 6
	}
	return d.svg("seq-"+id, "Sequence diagram of "+shorten(name, 120), p.said())
}

func laneXs(lanes []int, x func(int) float64) (all []float64) {
	for _, l := range lanes {
		all = append(all, x(l))
	}
	return all
}

// row draws one event below y, and says how far it went.
func (d *drawing) row(r pictureRow, x, server, middle, y float64) float64 {
	const fit, quoted = 60, 56 // letters that there is room for, of text and of bytes
	class, tone, text := r.class, r.tone, r.text
	if r.bad {
		tone += " bad"
	}
	mid := y + 20
	switch r.shape {
	case rowArrow, rowCut:
		limit := fit
		if r.bytes {
			limit = quoted
		}
		if r.bad {
			class = "bad"
			limit -= 3
		}
		text = beginning(text, limit-len(r.much)) + r.much
		if r.bad {
			text = "✗ " + text
		}
		d.text(strings.TrimSpace(tone+" halo"), "middle", middle, mid-5, text)
		d.text("s", "end", 66, mid+4, clock(r.atMS))
		from, to, near := x, server, 6.0
		if !r.toServer {
			from, to, near = server, x, -6
		}
		if r.stray {
			from += 30
		}
		switch {
		case r.shape == rowArrow:
			d.arrow(class, from, to, mid)
		case r.half: // it did not get there
			d.line("a cut", from, mid, middle+10*near, mid)
			d.cross("cut", middle+10*near, mid)
		default:
			d.line("a cut", from, mid, to-near, mid)
			d.cross("cut", to-near, mid)
		}
		return y + 31
	case rowClosed:
		d.line("a thin", x-6, y+14, x+6, y+14)
		d.text("s", "end", 66, y+18, clock(r.atMS))
		d.text("s halo", "", x+12, y+18, text)
		return y + 22
	case rowQuiet:
		d.line("quiet", x, y+1, x, y+18)
	}
	if r.bad {
		tone, text = "bad", "✗ "+text
	}
	d.text("s", "end", 66, y+14, clock(r.atMS))
	d.text(tone+" halo", "", x+8, y+14, beginning(text, fit))
	return y + 20
}

// beginning is as much of a text as fits. What identifies a message in a
// picture is how it begins.
func beginning(s string, limit int) string {
	whole := len(s) <= 4*limit
	if !whole {
		s = s[:4*limit]
	}
	s = trimPartialRune(s, !whole)
	if whole && columns(s) <= limit {
		return s
	}
	return firstColumns(s, limit-1) + "…"
}

// clock is a time on the clock of a case: the differences matter.
func clock(ms float64) string {
	switch {
	case !(ms >= 0 && ms < 1e12):
		return "?"
	case ms < 1:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1e5:
		return grouped(int64(math.Round(ms))) + " ms"
	}
	return grouped(int64(ms/1000)) + " s"
}

// ticks are round numbers from 0 to most, about n of them.
func ticks(most float64, n int) (all []float64) {
	if !(most > 0) || math.IsInf(most, 0) {
		return []float64{0}
	}
	step := math.Pow(10, math.Floor(math.Log10(most/float64(n))))
	for _, f := range []float64{1, 2, 5, 10} {
		if most/(step*f) <= float64(n) {
			step *= f
			break
		}
	}
	for i := 0; i <= 2*n && float64(i)*step <= most*1.0001; i++ {
		all = append(all, float64(i)*step)
	}
	return all
}
