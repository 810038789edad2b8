package websocket

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 §4.2.2 asks for it; nothing rests on its strength
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"conform/specs"
	"conform/specs/wire"
)

// field is one header field, as it goes over the wire.
type field struct{ name, value string }

// request is an opening handshake of a client. Its parts may be anything.
type request struct {
	method, target, version string
	fields                  []field
	lineEnd                 string
	body                    string // behind the blank line
}

// hello is a handshake that every server must accept (RFC 6455 §4.1): one field
// a name, no extension, no subprotocol, no Origin, and a key whose pad bits are
// zero.
func hello(c *specs.Case) *request {
	r := &request{method: "GET", target: path(c), version: "HTTP/1.1", lineEnd: "\r\n"}
	key := "Sec-WebSocket-Key"
	if c.Dialect("opening") == "tutorial-004" && c.Declared("opening") {
		key = "Sec-Websocket-Key"
	}
	r.fields = []field{
		{"Host", authority(c)},
		{"Upgrade", "websocket"},
		{"Connection", "Upgrade"},
		{key, plainKey(c)},
		{"Sec-WebSocket-Version", "13"},
	}
	if p := c.Dialect("credentials"); p != "" {
		r.add("Authorization", basic(p))
	}
	return r
}

// path is what the handshake asks for.
func path(c *specs.Case) string {
	if p := c.Dialect("path"); p != "" {
		return p
	}
	return "/"
}

// authority is the value of Host (RFC 6455 §4.1, item 4).
func authority(c *specs.Case) string { return hostOf(c.Target()) }

func hostOf(t wire.Dialer) string {
	if t.Network == "tcp" {
		if host, port, err := net.SplitHostPort(t.Address); err == nil && (port == "80" && t.TLS == nil || port == "443" && t.TLS != nil) {
			return host
		}
		return t.Address
	}
	return "localhost"
}

// plainKey is a nonce of 16 letters that no encoder trips over, nor over its
// Accept: a server that errs with some keys fails the requirement about keys, and
// not whatever else happens to be asked with one of them.
func plainKey(c *specs.Case) string {
	for {
		key := base64.StdEncoding.EncodeToString([]byte(c.Letters(16)))
		if hash := hashOf(key); !strings.Contains(hash, "\x00") && !strings.ContainsAny(acceptFor(key), "+/") {
			return key
		}
	}
}

// randomKey is a nonce of 16 bytes in base64 (RFC 6455 §4.1, item 7).
func randomKey(c *specs.Case) string {
	return base64.StdEncoding.EncodeToString([]byte(randomBytes(c, 16)))
}

func randomBytes(c *specs.Case, n int) string { return string(c.Bytes(n)) }

// basic is the value of Authorization for USER:PASSWORD (RFC 7617 §2).
func basic(credentials string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

// acceptFor is the value of Sec-WebSocket-Accept (RFC 6455 §4.2.2, item 5.4).
func acceptFor(key string) string {
	return base64.StdEncoding.EncodeToString([]byte(hashOf(key)))
}

func hashOf(key string) string {
	sum := sha1.Sum([]byte(key + guid)) //nolint:gosec
	return string(sum[:])
}

const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// set gives a field its only value, in its place, or adds it.
func (r *request) set(name, value string) *request {
	for i, f := range r.fields {
		if strings.EqualFold(f.name, name) {
			r.fields[i].value = value
			return r
		}
	}
	return r.add(name, value)
}

// add puts a field behind the others.
func (r *request) add(name, value string) *request {
	r.fields = append(r.fields, field{name, value})
	return r
}

// del leaves a field out.
func (r *request) del(name string) *request {
	r.fields = slices.DeleteFunc(r.fields, func(f field) bool { return strings.EqualFold(f.name, name) })
	return r
}

// get is the first value of a field.
func (r *request) get(name string) string { return first(r.fields, name) }

// rename spells the names of all fields in another way.
func (r *request) rename(spell func(string) string) *request {
	for i := range r.fields {
		r.fields[i].name = spell(r.fields[i].name)
	}
	return r
}

// head is the request without what follows the blank line.
func (r *request) head() string {
	var b strings.Builder
	b.WriteString(r.method + " " + r.target)
	if r.version != "" {
		b.WriteString(" " + r.version)
	}
	b.WriteString(r.lineEnd)
	for _, f := range r.fields {
		b.WriteString(f.name)
		if !strings.HasSuffix(f.name, ":") { // a name with a colon of its own says how it is set off
			b.WriteString(":")
			if f.value != "" {
				b.WriteString(" ")
			}
		}
		b.WriteString(f.value + r.lineEnd)
	}
	b.WriteString(r.lineEnd)
	return b.String()
}

func (r *request) String() string { return r.head() + r.body }

func first(fields []field, name string) string {
	if v := values(fields, name); len(v) > 0 {
		return v[0]
	}
	return ""
}

func values(fields []field, name string) (list []string) {
	for _, f := range fields {
		if strings.EqualFold(f.name, name) {
			list = append(list, f.value)
		}
	}
	return list
}

// response is what a server has answered to an opening handshake.
type response struct {
	head     string // as received, with the blank line; what there was of it when it is not whole
	version  string // "HTTP/1.1"
	status   int    // 0 when there was no status line that could be read
	reason   string
	fields   []field
	interim  []int // statuses below 200, other than 101, that came before
	end      wire.Kind
	timedOut bool
	problem  string // what is wrong with its grammar
	body     string // the beginning of what a refusal says
}

// maxHead is the longest head of a response that is read, in bytes.
const maxHead = 64 << 10

// readResponse reads the head of the final response; what follows it stays
// unread. Interim responses other than 101 are skipped (RFC 9110 §15.2).
func readResponse(cl *specs.Client, patience time.Duration) *response {
	var interim []int
	for {
		began := time.Now()
		s := cl.Await(patience, func(p []byte) bool { return headEnd(p) > 0 || len(p) > maxHead })
		n := headEnd(s.Unread)
		if n == 0 {
			n = min(len(s.Unread), maxHead)
		} else if !s.TimedOut {
			cl.Took(time.Since(began))
		}
		r := parseResponse(string(s.Unread[:n]))
		cl.Consume(n)
		r.end, r.timedOut, r.interim = s.End, s.TimedOut, interim
		if headEnd([]byte(r.head)) == 0 {
			r.status = 0
			if r.problem == "" && r.head != "" {
				r.problem = "the head has no end"
			}
		}
		if r.status >= 100 && r.status < 200 && r.status != 101 && len(interim) < 8 {
			interim = append(interim, r.status)
			continue
		}
		if r.status != 101 && r.end == "" {
			// Whether it ends now is known a moment later.
			r.end = cl.Await(0, func([]byte) bool { return false }).End
		}
		return r
	}
}

// headEnd is the length of a head with its blank line; 0 while it is not whole.
// A server that ends its lines in a bare LF is read as well, and judged elsewhere.
func headEnd(p []byte) int {
	for i := 0; i < len(p); i++ {
		if p[i] != '\n' {
			continue
		}
		switch rest := p[i+1:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return i + 2
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return i + 3
		}
	}
	return 0
}

func parseResponse(head string) *response {
	r := &response{head: head}
	lines := strings.Split(strings.ReplaceAll(head, "\r\n", "\n"), "\n")
	parts := strings.SplitN(lines[0], " ", 3)
	if len(parts) < 2 || !strings.HasPrefix(parts[0], "HTTP/") || len(parts[1]) != 3 {
		r.problem = "the status line is no HTTP"
		return r
	}
	r.version = parts[0]
	r.status, _ = strconv.Atoi(parts[1])
	if len(parts) == 3 {
		r.reason = parts[2]
	}
	for _, line := range lines[1:] {
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		switch {
		case !ok:
			r.problem = "a line without a colon: " + wire.Quote([]byte(line), 40)
		case name == "" || strings.ContainsAny(name, " \t"):
			r.problem = "a blank in or behind a field name: " + wire.Quote([]byte(line), 40)
		default:
			r.fields = append(r.fields, field{name, strings.Trim(value, " \t")})
		}
	}
	return r
}

func (r *response) get(name string) string      { return first(r.fields, name) }
func (r *response) values(name string) []string { return values(r.fields, name) }

// tokens is the list in all lines of a field (RFC 9110 §5.3, §5.6.1).
func (r *response) tokens(name string) (list []string) {
	for _, v := range r.values(name) {
		for _, t := range strings.Split(v, ",") {
			if t = strings.Trim(t, " \t"); t != "" {
				list = append(list, t)
			}
		}
	}
	return list
}

// fault says what keeps a 101 from being the answer to a key (RFC 6455 §4.1,
// items 2 to 4 of what the client checks); "" when nothing does.
func (r *response) fault(key string) string {
	switch {
	case r.status != 101:
		return "no 101"
	case r.version != "HTTP/1.1":
		return "a 101 that says " + wire.Quote([]byte(r.version), 20)
	case !strings.EqualFold(r.get("Upgrade"), "websocket"):
		return "a 101 without Upgrade: websocket"
	case !slices.ContainsFunc(r.tokens("Connection"), func(t string) bool { return strings.EqualFold(t, "upgrade") }):
		return "a 101 without Connection: Upgrade"
	}
	return r.acceptFault(key)
}

// acceptFault is fault for the Accept alone.
func (r *response) acceptFault(key string) string {
	switch accepts := r.values("Sec-WebSocket-Accept"); {
	case len(accepts) == 0:
		return "a 101 without Sec-WebSocket-Accept"
	case len(accepts) > 1:
		return "a 101 with more than one Sec-WebSocket-Accept"
	case accepts[0] != acceptFor(key):
		return "a 101 whose Sec-WebSocket-Accept is " + wire.Quote([]byte(accepts[0]), 60) + " and should be " + acceptFor(key)
	}
	return ""
}

// String describes the response in a line.
func (r *response) String() string {
	switch {
	case r.head == "" && len(r.interim) > 0 && r.end == "":
		return fmt.Sprintf("%d, and nothing behind it; the connection is open", r.interim[len(r.interim)-1])
	case r.head == "" && len(r.interim) > 0:
		return fmt.Sprintf("%d, then %s", r.interim[len(r.interim)-1], strings.ToUpper(string(r.end)))
	case r.head == "" && r.end != "":
		return strings.ToUpper(string(r.end)) + " without a response"
	case r.head == "":
		return "nothing; the connection is open"
	case r.status == 0:
		return wire.Quote([]byte(r.head), 120) + ", which is no response"
	}
	if r.body != "" {
		return wire.Quote([]byte(r.head), 400) + " · " + wire.Quote([]byte(r.body), 120)
	}
	return wire.Quote([]byte(r.head), 400)
}
