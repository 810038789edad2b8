package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"conform/specs/wire"
)

// picture is an exchange that is ready to be drawn: what goes from whom to whom,
// in which order. The HTML report draws it as SVG, the terminal in letters.
type picture struct {
	lanes  []int // connections that have a lifeline
	others int   // how many have none, and are not drawn
	rows   []pictureRow
	shown  []*step // what the rows are made from; nil for what is left out
}

type rowShape int

const (
	rowArrow  rowShape = iota // from a client to the server, or back
	rowCut                    // an arrow that ends in a cross
	rowAside                  // a remark beside a lifeline
	rowQuiet                  // nothing comes
	rowClosed                 // a lifeline ends
	rowPass                   // time passes
	rowGap                    // events are left out
)

type pictureRow struct {
	shape    rowShape
	conn     int
	atMS     float64
	text     string
	detail   string // the bytes, where text says what they mean
	much     string // how many they are, if that is worth a word
	class    string // of an arrow
	tone     string // of the text
	toServer bool
	half     bool // a cut that does not reach the other side
	stray    bool // it comes from elsewhere
	bytes    bool
	bad      bool // this is where it went wrong
}

const longGap = 20.0 // ms that are worth a word

// newPicture takes at most most lanes and limit events of an exchange, those
// around the place where it went wrong among them.
func newPicture(steps []step, at place, most, limit int) *picture {
	p := &picture{}
	p.lanes, p.others = chooseLanes(steps, at, most)
	kept := slices.DeleteFunc(slices.Clone(steps), func(s step) bool { return s.Conn > 0 && !slices.Contains(p.lanes, s.Conn) })
	left := 0
	p.shown, left = around(kept, at, limit)
	before := math.NaN()
	gap := false
	for _, s := range p.shown {
		if s == nil {
			if !gap {
				p.rows = append(p.rows, pictureRow{shape: rowGap, text: fmt.Sprintf("… %s left out …", count(left, "event is", "events are"))})
			}
			gap, before = true, math.NaN()
			continue
		}
		if passed := s.AtMS - before; passed >= longGap {
			p.rows = append(p.rows, pictureRow{shape: rowPass, text: clock(passed) + " pass"})
		}
		before = s.AtMS
		p.rows = append(p.rows, newRow(s, at))
	}
	return p
}

func newRow(s *step, at place) pictureRow {
	r := pictureRow{conn: s.Conn, atMS: s.AtMS, text: s.label(), bad: s.index == at.event, shape: rowArrow}
	if len(s.frames) > 0 {
		r.detail = eventBytes(s.Event)
	}
	if isBytes(s.Event) && (s.Size >= 40 || len(s.frames) > 0) {
		r.much = fmt.Sprintf(" · %s B", grouped(s.Size))
	}
	switch wire.Kind(s.Event.Event) {
	case wire.Connected:
		r.class, r.tone, r.toServer, r.text = "thin", "s", true, "connects"
	case wire.ConnectFailed:
		r.shape, r.toServer = rowCut, true
	case wire.Sent:
		r.class, r.tone, r.toServer, r.bytes = "out", "m", true, true
	case wire.Received:
		r.class, r.tone, r.bytes = "in", "m", true
	case wire.Stray:
		r.class, r.tone, r.bytes, r.stray = "end", "m", true, true
	case wire.FIN:
		r.class, r.tone, r.text = "end", "w", "FIN: the server ends its side"
	case wire.HalfClosed:
		r.class, r.tone, r.toServer, r.text = "end", "w", true, "FIN: the client ends its side"
	case wire.RST:
		r.shape, r.tone, r.text = rowCut, "bad", "RST: the server resets the connection"
	case wire.WasReset:
		r.shape, r.toServer, r.text = rowCut, true, "RST: the client resets the connection"
	case wire.SendFailed:
		r.shape, r.tone, r.toServer, r.half = rowCut, "bad", true, true
	case wire.Broken:
		r.shape, r.tone, r.half = rowCut, "bad", true
	case wire.Quiet:
		r.shape, r.tone, r.text = rowQuiet, "w", "silence: "+r.text
	case wire.Closed:
		r.shape, r.text = rowClosed, "closed"
	default:
		r.shape, r.tone = rowAside, "i"
		if r.bad && wire.Kind(s.Event.Event) == wire.Expected {
			r.text = "was due here, and did not come: " + s.Text
		}
	}
	return r
}

// chooseLanes takes the connections that are drawn: where it went wrong, and
// those that were used last.
func chooseLanes(steps []step, at place, most int) (lanes []int, others int) {
	seen := map[int]bool{}
	for _, s := range steps {
		if s.Conn > 0 {
			seen[s.Conn] = true
		}
		if s.index == at.event && s.Conn > 0 {
			lanes = append(lanes, s.Conn)
		}
	}
	for _, s := range slices.Backward(steps) {
		if len(lanes) >= most {
			break
		}
		if s.Conn > 0 && !slices.Contains(lanes, s.Conn) {
			lanes = append(lanes, s.Conn)
		}
	}
	slices.Sort(lanes)
	return lanes, len(seen) - len(lanes)
}

// said tells a picture in words.
func (p *picture) said() string {
	var b strings.Builder
	for _, s := range first(p.shown, 14) {
		if s == nil {
			b.WriteString("Some events are left out. ")
			continue
		}
		who := "The client"
		arrow, _ := happened(s.Event)
		switch arrow {
		case "←":
			who = "The server"
		case "·", "=":
			who = "Then"
		}
		fmt.Fprintf(&b, "%s: %s. ", who, shorten(s.label(), 60))
	}
	if n := len(p.shown) - 14; n > 0 {
		fmt.Fprintf(&b, "And %d more.", n)
	}
	return strings.TrimSpace(b.String())
}
