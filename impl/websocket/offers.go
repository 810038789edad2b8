package websocket

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// offer is one element of Sec-WebSocket-Extensions (RFC 6455 §9.1).
type offer struct {
	name   string
	params []param
}

type param struct {
	name, value string
	valued      bool // there is an equals sign
}

// parseOffers is strict, as §9.1 says: what does not follow the grammar fails
// the handshake, what does but is not understood is only declined.
func parseOffers(r *request) ([]offer, *refusal) {
	const name = "sec-websocket-extensions"
	if !r.has(name) {
		return nil, nil
	}
	s := offerScanner{rest: r.list(name)}
	var offers []offer
	for {
		s.blanks()
		if s.rest != "" && s.rest[0] != ',' {
			offers = append(offers, s.offer())
		}
		s.blanks()
		if s.failed || s.rest == "" {
			break
		}
		s.expect(',')
	}
	if s.failed || len(offers) == 0 {
		return nil, badRequest("Sec-WebSocket-Extensions is malformed at %s; write name; param=value, name", quote(s.rest))
	}
	return offers, nil
}

type offerScanner struct {
	rest   string
	failed bool
}

func (s *offerScanner) blanks() { s.rest = strings.TrimLeft(s.rest, " \t") }

func (s *offerScanner) next(b byte) bool {
	if s.rest == "" || s.rest[0] != b {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *offerScanner) expect(b byte) {
	if !s.next(b) {
		s.failed = true
	}
}

func (s *offerScanner) token() string {
	n := 0
	for n < len(s.rest) && isTokenByte(s.rest[n]) {
		n++
	}
	if n == 0 {
		s.failed = true
	}
	token := s.rest[:n]
	s.rest = s.rest[n:]
	return token
}

func (s *offerScanner) offer() (o offer) {
	o.name = s.token()
	for s.blanks(); !s.failed && s.next(';'); s.blanks() {
		s.blanks()
		p := param{name: s.token()}
		if s.blanks(); s.next('=') {
			s.blanks()
			p.valued = true
			p.value = s.value()
		}
		o.params = append(o.params, p)
	}
	return o
}

// value is a token, or a quoted string that is one without its quotes.
func (s *offerScanner) value() string {
	if !s.next('"') {
		return s.token()
	}
	var value strings.Builder
	for !s.next('"') {
		s.next('\\')
		if s.rest == "" {
			s.failed = true
			return ""
		}
		value.WriteByte(s.rest[0])
		s.rest = s.rest[1:]
	}
	if !isToken(value.String()) {
		s.failed = true
	}
	return value.String()
}

// agreement is what permessage-deflate is used with (RFC 7692 §7.1).
type agreement struct {
	serverResets, clientResets bool // no context is taken over
	serverBits                 int  // log2 of the window, if the client limits it; otherwise 0
}

// String is the answer to the offer. The client's limit for its own window is
// not answered: it needs none, since every window fits the reader.
func (a *agreement) String() string {
	s := "permessage-deflate"
	if a.serverResets {
		s += "; server_no_context_takeover"
	}
	if a.clientResets {
		s += "; client_no_context_takeover"
	}
	if a.serverBits > 0 {
		s += fmt.Sprintf("; server_max_window_bits=%d", a.serverBits)
	}
	return s
}

// agree answers the first acceptable offer; nil if there is none.
func agree(offers []offer) *agreement {
	for _, o := range offers {
		if a := o.agree(); a != nil {
			return a
		}
	}
	return nil
}

var windowBits = regexp.MustCompile(`^([89]|1[0-5])$`)

// agree declines, by RFC 7692 §7, what has unknown, repeated or invalid
// parameters. The parser of gobwas/ws/wsflate is not used: it takes 010 for 10
// and a repeated client_max_window_bits, and its negotiation knows one answer.
func (o offer) agree() *agreement {
	if o.name != "permessage-deflate" {
		return nil
	}
	var a agreement
	seen := map[string]bool{}
	for _, p := range o.params {
		if seen[p.name] {
			return nil
		}
		seen[p.name] = true
		valid := false
		switch p.name {
		case "server_no_context_takeover":
			valid, a.serverResets = !p.valued, true
		case "client_no_context_takeover":
			valid, a.clientResets = !p.valued, true
		case "server_max_window_bits":
			valid = windowBits.MatchString(p.value)
			a.serverBits, _ = strconv.Atoi(p.value)
		case "client_max_window_bits":
			valid = !p.valued || windowBits.MatchString(p.value)
		}
		if !valid {
			return nil
		}
	}
	return &a
}
