package websocket

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

// The rules that hold for everything that a server sends. Each is the ID of the
// requirement that judges it, which runs last; every other case observes them.
const (
	ruleUnmasked   = "websocket/masking/server-frames-unmasked"
	ruleMinimal    = "websocket/framing/server-lengths-minimal"
	ruleHeader     = "websocket/framing/server-frames-well-formed"
	ruleFragments  = "websocket/fragmentation/server-fragments-in-order"
	ruleControl    = "websocket/control/server-control-frames"
	ruleAfterClose = "websocket/closing/nothing-after-close"
	ruleCloseBody  = "websocket/closing/server-close-body"
	ruleClientCode = "websocket/closing/server-does-not-send-1010"
	ruleUTF8       = "websocket/text/server-text-is-utf8"
	ruleDeflate    = "websocket/deflate/server-frames"
	ruleRefusal    = "websocket/handshake/refusal-is-http"
	rule426        = "websocket/handshake/426-has-upgrade"
	rule405        = "websocket/handshake/405-has-allow"
)

// Counted, not judged by themselves.
const (
	seenNoClose   = "failures without a Close frame"
	seenWithClose = "failures with a Close frame"
	seenReset     = "clean closes that end in RST"
	seenFIN       = "clean closes that end in FIN"
	seenLateEnd   = "ends of the TCP connection more than a second after the Close frame"
	seenWrongCode = "failures with another code than the one for the error"
	seenTwice     = "Close frames after the first"
	seenLate      = "Pings and Pongs after the Close frame"
	seenGreeting  = "messages of the server behind the opening handshake"
)

// observe notes what is wrong with a frame of the server by itself, and with
// its place among the others.
func (ws *conn) observe(f frame.Frame) {
	c := ws.c
	if f.Masked {
		c.Observe(ruleUnmasked, "%s is masked", f)
	}
	if !f.Minimal() {
		c.Observe(ruleMinimal, "%s of %d bytes has a %s length", f.Opcode, f.Length, f.Form)
	}
	switch {
	case !f.Opcode.Known():
		c.Observe(ruleHeader, "%s has a reserved opcode", f)
	case f.RSV&^frame.RSV1 != 0, f.RSV != 0 && ws.codec == nil:
		c.Observe(ruleHeader, "%s has reserved bits set that no extension gives a meaning", f)
	case f.RSV != 0 && (f.Opcode.IsControl() || f.Opcode == frame.Continuation):
		c.Observe(ruleDeflate, "%s has RSV1 set, which only the first frame of a message may", f)
	}
	switch {
	case !f.Opcode.IsControl():
		switch {
		case f.Opcode == frame.Continuation && ws.joining == nil:
			c.Observe(ruleFragments, "%s continues no message", f)
		case f.Opcode != frame.Continuation && ws.joining != nil:
			c.Observe(ruleFragments, "%s begins a message inside another", f)
		}
	case !f.Fin:
		c.Observe(ruleControl, "%s is fragmented", f)
	case f.Length > 125:
		c.Observe(ruleControl, "%s is longer than 125 bytes", f)
	}
	switch {
	case ws.closes == 0:
	case f.Opcode == frame.Close:
		c.Tally(seenTwice, "%s comes after a Close frame", f)
	case f.Opcode.IsControl() && f.Opcode.Known():
		c.Tally(seenLate, "%s comes after a Close frame", f)
	default:
		c.Observe(ruleAfterClose, "%s comes after a Close frame", f)
	}
	if f.Opcode != frame.Close {
		return
	}
	switch code := f.CloseCode(); {
	case code == -1 && ws.closing && ws.sentCode == -1: // judged where it was sent
	case code == -1:
		c.Observe(ruleCloseBody, "a Close frame with a body of one byte")
	case code == 0 && len(f.Payload) > 0, code > 0 && !ws.sendable(code):
		c.Observe(ruleCloseBody, "%s has a code that must not be sent", f)
	case !utf8.ValidString(f.CloseReason()) && !ws.invalid:
		c.Observe(ruleCloseBody, "%s has a reason that is no UTF-8", f)
	case code == 1010 && !(ws.closing && ws.sentCode == code):
		c.Observe(ruleClientCode, "%s: only clients send 1010", f)
	}
}

// sendable says whether a server may send a close code: one that the registry
// of the edition defines, one for libraries and applications, or one that it
// repeats after us and that was registered later or is above those (RFC 6455
// §7.4).
func (ws *conn) sendable(code int) bool {
	repeated := ws.closing && ws.sentCode == code && (code >= 1012 && code <= 1014 || code >= 5000)
	return registered(ws.c, code) || code >= 3000 && code <= 4999 || repeated
}

// unfitting is the outcome of a connection that had to fail, and did with a code
// that says something else. The end is a MUST, the fitting code a SHOULD (RFC
// 6455 §7.1.7). An answer to a Close frame of ours is no such end: it may be that
// of a server that has seen nothing wrong.
func (ws *conn) unfitting(r reaction, outcomes []outcome) []outcome {
	i := slices.IndexFunc(outcomes, func(o outcome) bool { return o.fitting != 0 })
	if i < 0 || !ws.begun || r.end == "" || r.answered() || !ws.sendable(r.closeCode()) {
		return nil
	}
	o := expecting("the connection fails with another code", func(reaction) bool { return true }).
		nonstrict(fmt.Sprintf("the connection fails with %d, which does not say why: a fitting code is asked for", r.closeCode()))
	o.fitting = outcomes[i].fitting
	return []outcome{o}
}

// countFailure keeps the numbers that are recorded of failed connections.
func (ws *conn) countFailure(r reaction, o outcome) {
	switch {
	case o.fitting == 0:
	case r.close == nil && r.end != "":
		ws.c.Tally(seenNoClose, "%s without a Close frame", strings.ToUpper(string(r.end)))
	case r.close != nil && r.close.CloseCode() >= 1002 && r.close.CloseCode() <= 1011:
		ws.c.Tally(seenWithClose, "%s", r.close)
	}
	if r.close != nil && o.fitting > 0 && len(r.close.Payload) > 0 && r.closeCode() != o.fitting {
		ws.c.Tally(seenWrongCode, "CLOSE %d where %d fits", r.closeCode(), o.fitting)
	}
}

// countEnd keeps the numbers of how connections end after a closing handshake
// that we have begun and behind whose Close frame we have sent nothing.
func (ws *conn) countEnd() {
	switch {
	case ws.close == nil || ws.sentCode != 1000:
	case ws.end == wire.FIN:
		ws.c.Tally(seenFIN, "FIN")
	case ws.end == wire.RST:
		ws.c.Tally(seenReset, "RST")
	}
}

// observeReply notes what is wrong with a refusal (RFC 9110 §15.5.6, §15.5.22).
func observeReply(c *specs.Case, r *response) {
	if r.status == 0 || r.status == 101 {
		return
	}
	if r.problem != "" {
		c.Observe(ruleRefusal, "%s: %s", r.problem, r)
	}
	if r.status == 426 && len(r.values("Upgrade")) == 0 {
		c.Observe(rule426, "%s", r)
	}
	if r.status == 405 && len(r.values("Allow")) == 0 {
		c.Observe(rule405, "%s", r)
	}
}

// observed fails the case for what has been observed of its rule, in this case
// or in any other of the run.
func observed(c *specs.Case, rule, due string) {
	if r, seen := violation(c, rule, due); seen {
		c.Refute(r, false)
	}
}

// violation is what has been observed of a rule, if anything.
func violation(c *specs.Case, rule, due string) (r specs.Reason, found bool) {
	seen := c.Observed(rule)
	if len(seen) == 0 {
		return r, false
	}
	where := map[string]bool{}
	for _, s := range seen {
		where[s.ID] = true
	}
	r = specs.Reason{Code: specs.Violation, Message: seen[0].Text, Expected: []string{due}, Received: seen[0].Text,
		Sent: "what " + seen[0].ID + " sends", SeenIn: seen[0].ID}
	if len(where) > 1 {
		r.Message += ", and the like in " + strings.TrimSpace(plural(len(where)-1, "other requirement"))
	}
	return r, true
}
