package report

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"

	"conform/specs"
	"conform/specs/wire"
)

const (
	hexRow   = 16
	maxHex   = 12 * hexRow // bytes of an event that are dumped from its start
	maxFrame = 24          // frames that are named beside the bytes that hold them
)

// htmlEvent is a row of the table of an exchange.
type htmlEvent struct {
	Class, Time, Conn, Arrow, Text string
	Frames, Fields                 []string
	Hex                            template.HTML
}

// step is an event with what its bytes mean: a frame that is sent is decoded
// before its bytes are, and one that arrives after them.
type step struct {
	Event
	index  int // in the transcript
	frames []string
	fields []string // the same of a WebSocket, field by field
}

// exchange puts the meanings of bytes where the bytes are.
func exchange(events []Event) []step {
	var steps []step
	waiting := map[int][]string{} // frames that will be sent, by connection
	last := map[int]int{}         // the step of what arrived last, by connection
	for i, e := range events {
		switch wire.Kind(e.Event) {
		case wire.Decoded:
			text := shorten(e.Text, 100)
			if out, ok := strings.CutPrefix(text, "→ "); ok && followedBySent(events[i+1:], e.Conn) {
				waiting[e.Conn] = append(waiting[e.Conn], out)
				continue
			}
			if in, ok := strings.CutPrefix(text, "← "); ok {
				if at, ok := last[e.Conn]; ok {
					steps[at].frames = append(steps[at].frames, in)
					continue
				}
			}
		case wire.Sent:
			steps = append(steps, step{Event: e, index: i, frames: waiting[e.Conn]})
			delete(waiting, e.Conn)
			continue
		case wire.Received:
			last[e.Conn] = len(steps)
		}
		steps = append(steps, step{Event: e, index: i})
	}
	return steps
}

// followedBySent says whether the next bytes of a connection are sent ones.
func followedBySent(events []Event, conn int) bool {
	for _, e := range first(events, 64) {
		if e.Conn != conn {
			continue
		}
		switch wire.Kind(e.Event) {
		case wire.Sent:
			return true
		case wire.Decoded, wire.Expected, wire.Note:
		default:
			return false
		}
	}
	return false
}

// place is where it went wrong: in which event of the transcript, and at which
// of its bytes; or, when nothing came, what was due.
type place struct {
	event int // -1 when it is not known
	byte  int // -1 when the event as a whole is meant
}

// locate finds the first byte that differs in the transcript. The evidence has
// it in the quoted form only; where it cannot be told, nothing is marked.
func locate(res Result) place {
	nowhere := place{-1, -1}
	r := res.Reason
	if r == nil {
		return nowhere
	}
	due := -1
	for i, e := range res.Transcript {
		if wire.Kind(e.Event) == wire.Expected && e.Text != "" && (slices.Contains(r.Expected, e.Text) || e.Text == strings.Join(r.Expected, " or ")) {
			due = i
		}
	}
	came, _, ok := unquotePrefix(r.Received)
	offset := 0
	if r.FirstDifference != nil {
		offset = r.FirstDifference.Offset
	}
	wrong := r.FirstDifference != nil || r.Code == specs.NotSilent || r.Code == specs.ExtraBytes
	if ok && came != "" && wrong && offset >= 0 {
		if due >= 0 { // what came after it, or had come before
			conn := res.Transcript[due].Conn
			if at, ok := find(res.Transcript, due+1, len(res.Transcript), conn, came, offset, false); ok {
				return at
			}
			if at, ok := find(res.Transcript, 0, due, conn, came, offset, true); ok {
				return at
			}
		} else {
			for conn := range 9 {
				if at, ok := find(res.Transcript, 0, len(res.Transcript), conn, came, offset, true); ok {
					return at
				}
			}
		}
	}
	if at, ok := locateFrame(res.Transcript, r.Received); ok && !wrongEnd(r.Code) {
		return at
	}
	switch r.Code {
	case specs.NoAnswer, specs.PartialAnswer, specs.ClosedEarly, specs.ResetEarly, specs.NotClosed, specs.ResetNotFIN, specs.FINNotReset, specs.NotServing:
		return place{due, -1}
	}
	return nowhere
}

// wrongEnd says whether it was not what came that was wrong.
func wrongEnd(c specs.Code) bool {
	switch c {
	case specs.NoAnswer, specs.ClosedEarly, specs.ResetEarly, specs.NotClosed, specs.ResetNotFIN, specs.FINNotReset, specs.NotServing:
		return true
	}
	return false
}

// locateFrame finds what arrived by its meaning, if the evidence begins with it.
func locateFrame(events []Event, received string) (place, bool) {
	what, _, _ := strings.Cut(received, "; ")
	what, _, _ = strings.Cut(what, ", then ")
	what = strings.Replace(what, " message ", " ", 1)
	if what == "" || len(what) > shownEvent {
		return place{}, false
	}
	for _, s := range exchange(events) {
		if slices.Contains(s.frames, clean(what)) && wire.Kind(s.Event.Event) == wire.Received {
			return place{s.index, -1}, true
		}
	}
	return place{}, false
}

// find looks for bytes in what arrived on a connection, and says in which event
// the offset in them is.
func find(events []Event, from, to, conn int, needle string, offset int, last bool) (place, bool) {
	type piece struct{ event, start int }
	var pieces []piece
	var stream []byte
	for i := from; i < to; i++ {
		e := events[i]
		if e.Conn != conn || wire.Kind(e.Event) != wire.Received {
			continue
		}
		pieces = append(pieces, piece{i, len(stream)})
		stream = append(stream, e.Head...)
		if len(e.Tail) > 0 || len(stream) > 1<<20 {
			break
		}
	}
	at := bytes.Index(stream, []byte(needle))
	if last {
		at = bytes.LastIndex(stream, []byte(needle))
	}
	if at < 0 {
		return place{}, false
	}
	at += offset
	for i := len(pieces) - 1; i >= 0; i-- {
		p := pieces[i]
		size := len(stream) - p.start
		if i+1 < len(pieces) {
			size = pieces[i+1].start - p.start
		}
		if at >= p.start && at < p.start+size {
			return place{p.event, at - p.start}, true
		}
	}
	if n := len(pieces); n > 0 && at == len(stream) { // the end came there
		return place{pieces[n-1].event, -1}, true
	}
	return place{}, false
}

// unquotePrefix reads the quoted bytes that a text begins with.
func unquotePrefix(text string) (value, quoted string, ok bool) {
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil || quoted[0] != '"' {
		return "", "", false
	}
	value, err = strconv.Unquote(quoted)
	return value, quoted, err == nil
}

// splitQuoted cuts a quoted text at an offset of the bytes that it stands for:
// before it, what follows up to the closing quote, and the rest.
func splitQuoted(text string, offset int) (before, from, rest string, ok bool) {
	value, quoted, ok := unquotePrefix(text)
	if !ok || offset < 0 || offset >= len(value) {
		return "", "", "", false
	}
	before = strconv.Quote(value[:offset])
	before = before[:len(before)-1]
	if !strings.HasPrefix(quoted, before) {
		return "", "", "", false // in the middle of a character
	}
	return before, quoted[len(before) : len(quoted)-1], text[len(quoted)-1:], true
}

// exchangeRows are at most limit events as rows, those around the place where
// it went wrong among them. In full their bytes are dumped.
func exchangeRows(steps []step, at place, limit int, full bool) (rows []htmlEvent, left int) {
	shown, left := around(steps, at, limit)
	gap := false
	for _, s := range shown {
		if s == nil {
			if !gap {
				rows = append(rows, htmlEvent{Class: "n", Text: fmt.Sprintf("… %s left out …", count(left, "event is", "events are"))})
			}
			gap = true
			continue
		}
		arrow, text := happened(s.Event)
		row := htmlEvent{Time: clock(s.AtMS), Arrow: arrow, Text: shorten(text, maxValue), Class: rowClass(s.Event)}
		if !full {
			row.Text = shorten(text, shownEvent)
		}
		if s.Conn > 0 {
			row.Conn = fmt.Sprintf("#%d", s.Conn)
		}
		row.Frames = first(s.frames, maxFrame)
		if n := len(s.frames) - maxFrame; n > 0 {
			row.Frames = append(slices.Clone(row.Frames), fmt.Sprintf("… %d more", n))
		}
		marked := -1
		if s.index == at.event {
			row.Class += " here"
			marked = at.byte
		}
		if full {
			row.Fields = s.fields
		}
		if full && isBytes(s.Event) && len(s.Head)+len(s.Tail) > 0 {
			row.Hex = hexDump(s.Event, marked)
		}
		rows = append(rows, row)
	}
	return rows, left
}

func isBytes(e Event) bool {
	switch wire.Kind(e.Event) {
	case wire.Sent, wire.Received, wire.Stray:
		return true
	}
	return false
}

func rowClass(e Event) string {
	switch wire.Kind(e.Event) {
	case wire.Sent:
		return "out"
	case wire.Received, wire.Stray:
		return "in"
	case wire.FIN, wire.RST, wire.HalfClosed, wire.WasReset, wire.SendFailed, wire.Broken, wire.ConnectFailed, wire.Quiet:
		return "end"
	}
	return "n"
}

// around takes at most limit steps: the first ones, and the last, or those
// around the place where it went wrong. A nil stands for what is left out.
func around(steps []step, at place, limit int) (shown []*step, left int) {
	limit = max(limit, 4)
	if len(steps) <= limit {
		for i := range steps {
			shown = append(shown, &steps[i])
		}
		return shown, 0
	}
	head := limit / 4
	from := len(steps) - (limit - head)
	if i := slices.IndexFunc(steps, func(s step) bool { return s.index == at.event }); i >= 0 && i < from+2 {
		from = max(head, i-limit/2)
	}
	to := from + limit - head
	for i := range steps {
		switch {
		case i < head, i >= from && i < to:
			shown = append(shown, &steps[i])
		case i == head, i == to:
			shown = append(shown, nil)
		}
	}
	return shown, len(steps) - limit
}

// hexDump shows bytes as numbers and as text, side by side.
func hexDump(e Event, marked int) template.HTML {
	var b strings.Builder
	start := 0
	if marked >= maxHex { // the rows around it
		start = marked/hexRow*hexRow - 2*hexRow
	}
	shown := e.Head[min(start, len(e.Head)):min(len(e.Head), start+maxHex)]
	if start > 0 {
		fmt.Fprintf(&b, "… %d bytes …\n", start)
	}
	dump(&b, shown, int64(start), marked)
	size := max(e.Size, int64(len(e.Head)+len(e.Tail)))
	if tail := e.Tail[max(0, len(e.Tail)-2*hexRow):]; len(tail) > 0 {
		fmt.Fprintf(&b, "… %d bytes …\n", max(0, size-int64(start+len(shown)+len(tail))))
		dump(&b, tail, max(0, size-int64(len(tail))), -1)
	} else if rest := size - int64(start+len(shown)); rest > 0 {
		fmt.Fprintf(&b, "… %d bytes …\n", rest)
	}
	return template.HTML(strings.TrimSuffix(b.String(), "\n"))
}

func dump(b *strings.Builder, data []byte, at int64, marked int) {
	for start := 0; start < len(data); start += hexRow {
		row := data[start:min(len(data), start+hexRow)]
		fmt.Fprintf(b, "%04x  ", at+int64(start))
		here := -1
		if m := int64(marked) - at - int64(start); marked >= 0 && m >= 0 && m < int64(len(row)) {
			here = int(m)
		}
		b.WriteString("<b>")
		for i := range hexRow {
			switch {
			case i >= len(row):
				b.WriteString("  ")
			case i == here:
				fmt.Fprintf(b, "<mark>%02x</mark>", row[i])
			default:
				fmt.Fprintf(b, "%02x", row[i])
			}
			b.WriteByte(' ')
			if i == hexRow/2-1 {
				b.WriteByte(' ')
			}
		}
		b.WriteString("</b> ")
		for i, c := range row {
			text := "·"
			if c >= 0x20 && c < 0x7f {
				text = template.HTMLEscapeString(string(rune(c)))
			}
			if c == '#' && i > 0 && row[i-1] == '#' {
				text = "·" // no CI system sees a command, wherever this page is printed
			}
			if i == here {
				text = "<mark>" + text + "</mark>"
			}
			b.WriteString(text)
		}
		b.WriteByte('\n')
	}
}

// label is what a step is called in a picture.
func (s step) label() string {
	if len(s.frames) > 0 {
		text := strings.Join(first(s.frames, 4), ", ")
		if n := len(s.frames) - 4; n > 0 {
			text += fmt.Sprintf(", … %d more", n)
		}
		return text
	}
	_, text := happened(s.Event)
	return cmp.Or(text, s.Event.Event)
}
