package report

import (
	"fmt"
	"strings"
)

const (
	textLeft    = 14 // columns before the first lifeline: the times
	textLaneGap = 6
	textRoom    = 40 // columns that a message needs at least
)

// textDrawing is an exchange in letters: a column for each connection and one for
// the server. Where there are more connections than columns, all share one, and
// each line says whose it is.
type textDrawing struct {
	page   *page
	lanes  []int       // nil when they share one
	place  map[int]int // column of a lifeline
	open   map[int]bool
	last   int // column of the last lifeline
	server int
}

// picture draws an exchange as the HTML report does.
func (p *page) picture(res Result) {
	if len(res.Transcript) == 0 {
		return
	}
	steps := exchange(res.Transcript)
	conns := map[int]bool{}
	for _, s := range steps {
		if s.Conn > 0 {
			conns[s.Conn] = true
		}
	}
	pic := newPicture(steps, locate(res), max(1, len(conns)), maxTranscript)
	d := &textDrawing{page: p, place: map[int]int{}, open: map[int]bool{}, last: textLeft, server: min(p.width, 116) - 4}
	if most := max(1, (d.server-textLeft-textRoom)/textLaneGap+1); len(pic.lanes) <= most {
		d.lanes = pic.lanes
		for i, conn := range pic.lanes {
			d.place[conn] = textLeft + i*textLaneGap
			d.last = d.place[conn]
		}
	}
	if len(conns) == 0 { // remarks, and nothing to draw
		d.server = p.width
	} else {
		d.heads(len(conns))
	}
	for i, row := range pic.rows {
		switch {
		case row.shape == rowPass && i+1 < len(pic.rows) && pic.rows[i+1].shape == rowQuiet:
			// The silence says so itself.
		case row.shape == rowPass, row.shape == rowGap:
			d.passes(row.text)
		default:
			d.row(row)
		}
	}
}

// heads writes what the columns are.
func (d *textDrawing) heads(conns int) {
	line := newCells(d.server + 4)
	switch {
	case conns == 1:
		line.put(textLeft-3, "client")
	case d.lanes == nil:
		line.put(textLeft-3, "clients")
	default:
		for conn, at := range d.place {
			line.put(at, fmt.Sprintf("#%d", conn))
		}
	}
	line.put(d.server-2, "server")
	d.page.line(line.String())
}

// cells is a line that is filled out of order.
type cells []string

func newCells(n int) cells {
	line := make(cells, n)
	for i := range line {
		line[i] = " "
	}
	return line
}

// put writes clean text from a column on; what takes two columns takes two
// cells.
func (c cells) put(at int, text string) {
	for _, r := range text {
		n := runeColumns(r)
		switch {
		case at >= len(c):
			return
		case n == 0 && at > 0:
			c[at-1] += string(r)
		default:
			c[at] = string(r)
			if n == 2 && at+1 < len(c) {
				c[at+1] = ""
			}
		}
		at += n
	}
}

func (c cells) String() string { return strings.Join(c, "") }

// lifelines begins a line.
func (d *textDrawing) lifelines(sign string) cells {
	line := newCells(d.server + 1)
	if d.server == d.page.width { // nobody is there
		return line
	}
	if d.lanes == nil {
		line.put(textLeft, sign)
	}
	for conn, at := range d.place {
		if d.open[conn] {
			line.put(at, sign)
		}
	}
	line.put(d.server, sign)
	return line
}

func (d *textDrawing) passes(text string) {
	line := d.lifelines("·")
	line.put(d.last+3, beginning(text, d.server-d.last-4))
	d.page.line(line.String())
}

// row draws one event, on as many lines as its text takes.
func (d *textDrawing) row(r pictureRow) {
	at, ok := d.place[r.conn]
	if !ok {
		at = d.last
	}
	if r.conn > 0 {
		d.open[r.conn] = true // whatever is not seen to begin has begun
	}
	whose := ""
	if r.conn > 0 && (d.lanes == nil || len(d.lanes) > 1 && (r.shape == rowAside || r.shape == rowQuiet)) {
		whose = fmt.Sprintf("#%d ", r.conn)
	}
	if r.bad {
		whose = "✗ " + whose
	}
	time := fmt.Sprintf("%*s", textLeft-2, clock(r.atMS))
	switch r.shape {
	case rowArrow, rowCut:
		d.message(r, at, time, whose)
	case rowClosed:
		line := d.lifelines("│")
		line.put(0, time)
		line.put(at, "┴")
		line.put(d.last+3, whose+"closed")
		d.page.line(line.String())
		d.open[r.conn] = false
	default:
		d.lines(time, whose+r.text)
	}
}

// message draws an arrow with its text in it, and the bytes below where they do
// not fit, or where the text is what they mean.
func (d *textDrawing) message(r pictureRow, at int, time, whose string) {
	from, to := at, d.server
	if !r.toServer {
		from, to = to, from
	}
	line := d.lifelines("│")
	line.put(0, time)
	left, right := min(from, to)+1, max(from, to)-1
	for i := left; i <= right; i++ {
		line.put(i, "─")
	}
	room := d.server - d.last - 8
	text, detail := clean(whose+r.text), r.detail
	switch {
	case columns(text) > room && r.bytes && detail == "":
		text, detail = strings.TrimSpace(clean(whose+strings.TrimPrefix(r.much, " · "))), r.text
	case columns(text) > room:
		short, _, _ := strings.Cut(r.text, ": ")
		text, detail = beginning(clean(whose+short), room), r.text
		if r.detail != "" {
			detail += " " + r.detail
		}
	}
	// The text is where the message starts, or the eye would have to look for it.
	start := d.last + 4
	if !r.toServer {
		start = d.server - 3 - columns(text)
	}
	line.put(start-1, " "+text+" ")
	head := map[bool]string{true: "→", false: "←"}[r.toServer]
	tip := right
	if !r.toServer {
		tip = left
	}
	if r.shape == rowCut {
		head = "╳"
		if r.half {
			tip = (left + right) / 2
			if r.toServer { // but past its text
				tip = max(tip, start+columns(text)+1)
			} else {
				tip = min(tip, start-3)
			}
			for i := left; i <= right; i++ {
				if r.toServer && i > tip || !r.toServer && i < tip && i > d.last {
					line.put(i, " ")
				}
			}
		}
	}
	if r.stray {
		line.put(d.server, "─")
	}
	line.put(tip, head)
	d.page.line(line.String())
	if detail != "" {
		d.lines("", detail)
	}
}

// lines writes text between the last lifeline and that of the server.
func (d *textDrawing) lines(time, text string) {
	for i, l := range wrap(shorten(text, maxValue), d.server-d.last-6) {
		line := d.lifelines("│")
		if i == 0 {
			line.put(0, time)
		}
		line.put(d.last+3, l)
		d.page.line(line.String())
	}
}
