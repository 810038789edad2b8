package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Profile is how a target serves the clients of one protocol: facts, none of
// which is a verdict.
type Profile struct {
	Protocol string  `json:"protocol"`
	LeftOut  string  `json:"left_out,omitempty"` // why there are no facts; empty when there are
	Facts    []Fact  `json:"facts"`              // in the order of FactNames
	Timeline []Visit `json:"timeline"`           // of the clients that were counted, in the order in which they came
}

// Fact is one thing that was found out. Its name is one of FactNames, and the
// findings of each are a closed set too:
//
//	served-at-once     serial, bounded, concurrent (at least so many), unknown
//	accepting          at-once; late: a client is accepted only when others connect
//	partial-message    a client that has sent a part of a message:         blocks-nobody, blocks-others, unknown
//	silent-client      a client that has not said anything:                blocks-nobody, blocks-others, unknown
//	unread-answers     a client that does not read what it is sent:        blocks-nobody, blocks-others, unknown
//	slow-handshake     a client that is in the midst of its handshake:     blocks-nobody, blocks-others, unknown
//	churn              clients that connect while others leave:            all-served, some-lost, unknown
//	arriving-together  clients that connect at the same moment:            all-served, some-lost, unknown
//	backlog            connections beyond those that are served:           none-waits (all that were tried are
//	                   served), or Clients of them are made and wait, and then: waits (no end was found), stalls
//	                   (no answer to the next), refuses, closes (the next is accepted and ended); unknown
//	recovery           a new client when all of them have left:            recovers, fails, died
//	idle               the started server while nobody asks anything:      rests, spins (it takes a processor)
//
// A fact that makes no sense for a protocol, or that no requirement of it and no
// probe is about, is left out.
type Fact struct {
	Name     string  `json:"name"`
	Finding  string  `json:"finding"`
	Clients  int     `json:"clients,omitempty"`  // of served-at-once and backlog
	AfterMS  float64 `json:"after_ms,omitempty"` // of recovery: from the begin of connecting to the answer
	Evidence string  `json:"evidence,omitempty"`
	From     string  `json:"from"` // the ID of the requirement that has judged it, "preflight" or "probe"
}

// FactNames are the names of facts, in the order in which they are told.
var FactNames = []string{FactServedAtOnce, FactAccepting, FactPartialMessage, FactSilentClient, FactUnreadAnswers, FactSlowHandshake,
	FactChurn, FactArrivingTogether, FactBacklog, FactRecovery, FactIdle}

const (
	FactServedAtOnce     = "served-at-once"
	FactAccepting        = "accepting"
	FactPartialMessage   = "partial-message"
	FactSilentClient     = "silent-client"
	FactUnreadAnswers    = "unread-answers"
	FactSlowHandshake    = "slow-handshake"
	FactChurn            = "churn"
	FactArrivingTogether = "arriving-together"
	FactBacklog          = "backlog"
	FactRecovery         = "recovery"
	FactIdle             = "idle"
)

// Visit is one client of the timeline. Times are milliseconds since the count
// began; one that is 0 has not come, but for FromMS.
type Visit struct {
	Client      int     `json:"client"`                 // from 1
	FromMS      float64 `json:"from_ms"`                // it began to connect
	ConnectedMS float64 `json:"connected_ms,omitempty"` // the connection was made
	AskedMS     float64 `json:"asked_ms,omitempty"`     // it began to ask; one that never does is only connected
	ServedMS    float64 `json:"served_ms,omitempty"`    // it had its answer
	LeftMS      float64 `json:"left_ms,omitempty"`      // it left
	Ended       string  `json:"ended,omitempty"`        // by the target: refused, stalled (the attempt was given up) or closed
}

// end is when the last client of the timeline did something, in ms.
func (p Profile) end() float64 {
	end := 0.001
	for _, v := range p.Timeline {
		for _, t := range []float64{v.FromMS, v.ConnectedMS, v.AskedMS, v.ServedMS, v.LeftMS} {
			if t > end && t < 1e12 {
				end = t
			}
		}
	}
	return end
}

// visitSpan is a part of a visit: idle, waits or served.
type visitSpan struct {
	class    string
	from, to float64
}

// spans are the parts of a visit from when the connection was made.
func (v Visit) spans(end float64) []visitSpan {
	gone := cmp.Or(v.LeftMS, end)
	switch {
	case v.ConnectedMS == 0:
		return nil
	case v.AskedMS == 0:
		return []visitSpan{{"idle", v.ConnectedMS, gone}}
	case v.ServedMS == 0:
		return []visitSpan{{"idle", v.ConnectedMS, v.AskedMS}, {"waits", v.AskedMS, gone}}
	}
	return []visitSpan{{"waits", v.AskedMS, v.ServedMS}, {"served", v.ServedMS, gone}}
}

const (
	firstVisitLines = 8 // of a timeline in letters
	lastVisitLines  = 3
)

// timeline draws in letters who was served when, a line for each client.
func (p *page) timeline(profile Profile) {
	visits := profile.Timeline
	if len(visits) < 2 {
		return
	}
	const left = 14
	end, width := profile.end(), min(p.width, 116)-left-12
	at := func(ms float64) int { return left + min(width-1, int(float64(width)*max(0, min(1, ms/end)))) }
	p.line(fmt.Sprintf("%*s0%*s", left, "", width-1, clock(end)))
	for i, v := range visits {
		if len(visits) > firstVisitLines+lastVisitLines+1 && i >= firstVisitLines && i < len(visits)-lastVisitLines {
			if i == firstVisitLines {
				p.line(fmt.Sprintf("%*s… %d more clients …", left, "", len(visits)-firstVisitLines-lastVisitLines))
			}
			continue
		}
		line := newCells(left + width + 12)
		line.put(0, fmt.Sprintf("%*s", left-2, fmt.Sprintf("client %d", v.Client)))
		for _, s := range v.spans(end) {
			for x := at(s.from); x <= at(s.to); x++ {
				line.put(x, map[string]string{"idle": "─", "waits": "·", "served": "━"}[s.class])
			}
		}
		if v.ServedMS > 0 {
			line.put(at(v.ServedMS), "○")
		}
		if v.Ended != "" {
			line.put(at(cmp.Or(v.LeftMS, end)), "✗ "+shorten(v.Ended, 10))
		}
		p.line(line.String())
	}
	p.line(fmt.Sprintf("%*s· waits for an answer   ○ answer   ━ served, stays connected   ─ does not ask", left, ""))
}

// Fact finds a fact by its name.
func (p Profile) Fact(name string) (Fact, bool) {
	i := slices.IndexFunc(p.Facts, func(f Fact) bool { return f.Name == name })
	if i < 0 {
		return Fact{}, false
	}
	return p.Facts[i], true
}

// found is the finding of a fact; empty when there is none.
func (p Profile) found(name string) string {
	f, _ := p.Fact(name)
	return f.Finding
}

// text says what matters of a profile, in parts for one line.
func (p Profile) text() (parts []string) {
	serial := p.found(FactServedAtOnce) == "serial"
	for _, f := range p.Facts {
		add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
		switch f.Name + " " + f.Finding {
		case "served-at-once serial":
			add("one at a time")
		case "served-at-once bounded":
			add("%d at once", f.Clients)
		case "served-at-once concurrent":
			add("at least %d at once", f.Clients)
		case "accepting late":
			add("some are accepted only when others connect")
		case "churn all-served":
			add("none is lost while others leave")
		case "churn some-lost":
			add("some are lost while others leave")
		case "arriving-together some-lost":
			add("not all are served that arrive together")
		case "backlog waits":
			add("at least %d more can wait", f.Clients)
		case "backlog stalls":
			add("%d more can wait, then connects stall", f.Clients)
		case "backlog refuses":
			if f.Clients == 0 {
				add("more are refused")
			} else {
				add("%d more can wait, then they are refused", f.Clients)
			}
		case "backlog closes":
			if f.Clients == 0 {
				add("more are closed at once")
			} else {
				add("%d more can wait, then they are closed", f.Clients)
			}
		case "recovery recovers":
			add("recovers in %s", milliseconds(f.AfterMS))
		case "recovery fails":
			add("does not recover")
		case "idle spins":
			add("it takes a processor while nobody asks anything")
		case "recovery died":
			add("dies of many clients")
		}
		if f.Name == FactServedAtOnce && !serial { // where one is served at a time, everything blocks
			if who := p.who("blocks-others"); who != "" {
				add("%s blocks the others", who)
			}
			if who := p.who("blocks-nobody"); who != "" {
				add("%s blocks nobody", who)
			}
		}
	}
	return parts
}

// who names the clients of whom something was found.
func (p Profile) who(finding string) string {
	var all []string
	for _, w := range []struct{ name, text string }{{FactPartialMessage, "a partial message"}, {FactSilentClient, "a silent client"},
		{FactUnreadAnswers, "one that does not read"}, {FactSlowHandshake, "a slow handshake"}} {
		if p.found(w.name) == finding {
			all = append(all, w.text)
		}
	}
	if n := len(all); n > 1 {
		return strings.Join(all[:n-1], ", ") + " or " + all[n-1]
	}
	return strings.Join(all, "")
}

// clients writes the profiles: the only one, or all for those who want to know.
func (p *page) clients(r *Report) {
	profiles := r.Target.Concurrency.Profile
	with := 0
	for _, profile := range profiles {
		if profile.LeftOut == "" {
			with++
		}
	}
	if with > 1 && !p.verbose {
		return
	}
	wrote := false
	for _, profile := range first(profiles, maxCards) {
		parts := profile.text()
		if profile.LeftOut != "" {
			parts = []string{"not looked at: " + shorten(profile.LeftOut, maxValue)}
		}
		if len(parts) == 0 || (profile.LeftOut != "" && !p.verbose) {
			continue
		}
		label := "clients  "
		if len(profiles) > 1 {
			label = "clients of " + shorten(profile.Protocol, 20) + "  "
		}
		p.joined(label, parts, " · ")
		if p.verbose {
			p.timeline(profile)
		}
		wrote = true
	}
	if wrote {
		p.space()
	}
}

// properties are the facts as names and values.
func (p Profile) properties() (all []junitProperty) {
	for _, f := range first(p.Facts, maxXMLFacts) {
		value := f.Finding
		switch {
		case f.Clients > 0:
			value += fmt.Sprintf(" %d", f.Clients)
		case f.AfterMS > 0:
			value += " " + milliseconds(f.AfterMS)
		}
		all = append(all, junitProperty{"concurrency." + shorten(f.Name, 40), shorten(value, maxXMLValue)})
	}
	return all
}

// maxXMLFacts is more than there are, unless somebody has made a report up.
const maxXMLFacts = 40
