package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"strings"
)

// profiles show how clients are served: a picture and what it says.
func (p *htmlPage) profiles(r *Report) {
	for i, profile := range first(r.Target.Concurrency.Profile, maxCards) {
		shown := htmlProfile{Name: shorten(profile.Protocol, 40), Open: profile.remarkable(), Line: shorten(strings.Join(profile.text(), " · "), maxValue)}
		if profile.LeftOut != "" {
			shown.Line = "not looked at: " + shorten(profile.LeftOut, maxValue)
			shown.Open = false
		}
		if len(profile.Timeline) > 0 {
			shown.SVG = timeline(fmt.Sprintf("clients-%d", i+1), profile)
		}
		for _, f := range first(profile.Facts, maxXMLFacts) {
			small := shorten(f.Evidence, 200)
			if from := shorten(f.From, 100); strings.Contains(from, "/") {
				small = strings.TrimPrefix(small+"; judged by "+from, "; ")
			}
			shown.Facts = append(shown.Facts, htmlText{Name: shorten(strings.ReplaceAll(f.Name, "-", " "), 40), Text: f.words(), Small: small})
		}
		p.Profiles = append(p.Profiles, shown)
	}
}

// remarkable says whether there is more to see than that all are served.
func (p Profile) remarkable() bool {
	for _, f := range p.Facts {
		switch f.Finding {
		case "serial", "bounded", "late", "blocks-others", "some-lost", "fails", "died", "spins":
			return true
		}
	}
	return false
}

// words are a fact for people.
func (f Fact) words() string {
	switch f.Name + " " + f.Finding {
	case "served-at-once serial":
		return "one client at a time"
	case "served-at-once bounded":
		return fmt.Sprintf("%d, and no more", f.Clients)
	case "served-at-once concurrent":
		return fmt.Sprintf("at least %d", f.Clients)
	case "accepting late":
		return "some clients are accepted only when others connect"
	case "accepting at-once":
		return "at once"
	case "backlog none-waits":
		return "nobody had to wait"
	case "backlog waits":
		return fmt.Sprintf("at least %d connections are made and wait", f.Clients)
	case "backlog stalls":
		return fmt.Sprintf("%d connections wait, the next is not answered", f.Clients)
	case "backlog refuses":
		return fmt.Sprintf("%d connections wait, the next is refused", f.Clients)
	case "backlog closes":
		return fmt.Sprintf("%d connections wait, the next is closed", f.Clients)
	case "recovery recovers":
		return "a new client is served after " + milliseconds(f.AfterMS)
	case "recovery fails":
		return "a new client is not served when all others have left"
	case "recovery died":
		return "it died of many clients"
	case "idle rests":
		return "takes no processor while nobody asks"
	case "idle spins":
		return "takes a processor while nobody asks"
	}
	return shorten(strings.ReplaceAll(f.Finding, "-", " "), 80)
}

// Rows of a timeline: the first and the last, when there are too many.
const (
	firstVisits = 26
	lastVisits  = 8
)

// timeline draws who connected, asked, was served and left when, a row for each
// client: where one is served after the other, the rows are steps; where all are
// served at once, they are a block.
func timeline(id string, p Profile) template.HTML {
	end := p.end()
	const left, width, right, top = 68.0, 550.0, 16.0, 40.0
	row := 13.0
	if len(p.Timeline) > 24 {
		row = 9
	}
	x := func(ms float64) float64 { return left + width*max(0, min(1, ms/end)) }
	d := &drawing{w: left + width + right}

	lx := left
	for _, l := range []struct {
		class, text string
		w           float64
	}{{"waits", "waits for an answer", 118}, {"served", "served, stays connected", 138}, {"idle", "connected, does not ask", 140}} {
		d.rect(l.class, lx, 4, 14, 9)
		d.text("s", "", lx+18, 12, l.text)
		lx += l.w + 18
	}
	d.text("s", "", lx, 12, "○ answer")

	rows := len(p.Timeline)
	if rows > firstVisits+lastVisits+1 {
		rows = firstVisits + lastVisits + 2
	}
	bottom := top + float64(rows)*row + 4
	for _, t := range ticks(end, 6) {
		d.line("grid", x(t), top-6, x(t), bottom)
		d.text("s", "middle", x(t), top-10, ticked(t))
	}
	y := top
	served, waited := 0, 0
	for i, v := range p.Timeline {
		if v.ServedMS > 0 {
			served++
		} else if v.AskedMS > 0 {
			waited++
		}
		if len(p.Timeline) > firstVisits+lastVisits+1 && i >= firstVisits && i < len(p.Timeline)-lastVisits {
			if i == firstVisits {
				d.text("i halo", "", left+4, y+row+3, fmt.Sprintf("… %d more clients …", len(p.Timeline)-firstVisits-lastVisits))
				y += 2 * row
			}
			continue
		}
		if row > 10 || i%5 == 0 && i < len(p.Timeline)-2 || i == len(p.Timeline)-1 {
			d.text("s", "end", left-6, y+row-2, fmt.Sprintf("client %d", v.Client))
		}
		gone := cmp.Or(v.LeftMS, end)
		h := row - 3
		mid := y + 1 + h/2
		d.line("a thin", x(v.FromMS), mid, x(cmp.Or(v.ConnectedMS, gone)), mid)
		for _, s := range v.spans(end) {
			d.rect(s.class, x(s.from), y+1, max(1.2, x(s.to)-x(s.from)), h)
		}
		if v.ConnectedMS > 0 && v.AskedMS > 0 && v.ServedMS > 0 {
			fmt.Fprintf(&d.b, `<circle class="answer" cx="%s" cy="%s" r="%s"/>`, num(x(v.ServedMS)), num(mid), num(min(3, h/2)))
		}
		if v.Ended != "" {
			d.cross("cut", x(gone), mid)
			d.text("bad halo", "", min(x(gone)+7, left+width-60), y+row-2, shorten(v.Ended, 20))
		}
		y += row
	}
	d.h = bottom + 4
	said := fmt.Sprintf("%s over %s: %d served, %d asked and got no answer. %s.", count(len(p.Timeline), "client", "clients"), span(end), served, waited, shorten(strings.Join(p.text(), ", "), 300))
	return d.svg(id, "Timeline of the clients of "+shorten(p.Protocol, 40), said)
}

// ticked is a time on an axis.
func ticked(ms float64) string {
	switch {
	case ms == 0:
		return "0"
	case ms >= 1000 && ms < 1e9:
		return trimNumber(ms/1000) + " s"
	}
	return trimNumber(ms) + " ms"
}

func trimNumber(v float64) string {
	if v >= 10 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", math.Round(v*1000)/1000)
}
