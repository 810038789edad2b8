package websocket

import (
	"fmt"
	"regexp"
	"strings"
)

// refusal is why a request is not answered with 101.
type refusal struct {
	status  int
	headers []string // beyond those of every refusal
	text    string   // what was wrong and what would be right, in one line
}

func (r *refusal) Error() string { return r.text }

func badRequest(format string, args ...any) *refusal {
	return &refusal{status: 400, text: fmt.Sprintf(format, args...)}
}

// request is a complete request without a body.
type request struct {
	method, target, version string
	fields                  map[string][]string // by lower-case name, in the order of arrival
}

// list is what the lines of a header say together: repeated lines of a list
// are one list (RFC 9110 §5.3).
func (r *request) list(name string) string { return strings.Join(r.fields[name], ",") }

// has tells whether the header is there at all.
func (r *request) has(name string) bool { return len(r.fields[name]) > 0 }

// hasToken tells whether a list of tokens has one, in any case.
func (r *request) hasToken(name, token string) bool {
	for element := range strings.SplitSeq(r.list(name), ",") {
		if strings.EqualFold(strings.Trim(element, " \t"), token) {
			return true
		}
	}
	return false
}

// head collects a request (RFC 9112 §2 to §5). Each line is judged when it is
// complete, and the bytes of the first at once, so that a client that speaks
// something else is not kept waiting.
//
// What a recipient may forgive (lone LFs, folded lines, several blanks) is
// refused: in it requests are hidden.
type head struct {
	maxBytes, maxLines int

	buf      []byte
	seen     int  // how much of buf has been looked at
	start    int  // of the line that is incomplete
	lines    int  // complete ones with something in them
	blank    bool // an empty line came before the first
	complete bool
	request  request
}

// feed takes more of the request. When it is complete, rest is what came
// behind it.
func (h *head) feed(p []byte) (rest []byte, err *refusal) {
	// The bound holds for a read of any size.
	room := min(len(p), h.maxBytes+1-len(h.buf))
	h.buf = append(h.buf, p[:room]...)
	for ; h.seen < len(h.buf); h.seen++ {
		i, b := h.seen, h.buf[h.seen]
		afterCR := i > h.start && h.buf[i-1] == '\r'
		switch {
		case i >= h.maxBytes:
			return nil, &refusal{status: 431, text: fmt.Sprintf("the request is longer than %d bytes", h.maxBytes)}
		case b == '\n' && !afterCR:
			return nil, badRequest("a line ends in LF alone; end it in CR LF")
		case b == '\n':
			if err := h.line(string(h.buf[h.start : i-1])); err != nil {
				return nil, err
			}
			h.start = i + 1
			if h.complete {
				return p[room-(len(h.buf)-i-1):], nil
			}
		case afterCR:
			return nil, badRequest("a CR stands alone in line %d; a line ends in CR LF", h.lines+1)
		case h.lines == 0 && b != '\r' && (b < ' ' || b > '~'):
			return nil, badRequest("the first line has the byte 0x%02x and is no request; begin with GET", b)
		}
	}
	return nil, nil
}

// line takes a line without its end.
func (h *head) line(text string) *refusal {
	switch {
	case text == "" && h.lines == 0:
		// RFC 9112 §2.2: one empty line before a request is to be ignored.
		if h.blank {
			return badRequest("empty lines come before the request; begin with GET")
		}
		h.blank = true
		return nil
	case text == "":
		h.complete = true
		return nil
	}
	h.lines++
	switch {
	case h.lines == 1:
		return h.request.first(text)
	case h.lines-1 > h.maxLines:
		return &refusal{status: 431, text: fmt.Sprintf("the request has more than %d header lines", h.maxLines)}
	default:
		return h.request.field(text)
	}
}

var versionForm = regexp.MustCompile(`^HTTP/[0-9]\.[0-9]$`)

// first takes the request line.
func (r *request) first(line string) *refusal {
	parts := strings.Split(line, " ")
	if len(parts) != 3 || !isToken(parts[0]) || parts[1] == "" || !versionForm.MatchString(parts[2]) {
		return badRequest("the first line is %s; it has to be GET, a path and HTTP/1.1 with one blank between them", quote(line))
	}
	r.method, r.target, r.version = parts[0], parts[1], parts[2]
	r.fields = map[string][]string{}
	return nil
}

// field takes a header line.
func (r *request) field(line string) *refusal {
	if line[0] == ' ' || line[0] == '\t' {
		return badRequest("the header line %s begins with white space; write every header on one line", quote(line))
	}
	name, value, ok := strings.Cut(line, ":")
	switch {
	case !ok:
		return badRequest("the header line %s has no colon; write Name: value", quote(line))
	case !isToken(name):
		return badRequest("the header name %s is no token; nothing may stand between it and the colon", quote(name))
	}
	value = strings.Trim(value, " \t")
	for i := range len(value) {
		if b := value[i]; b < ' ' && b != '\t' || b == 0x7f {
			return badRequest("the header %s has the control byte 0x%02x in its value", quote(name), b)
		}
	}
	name = strings.ToLower(name)
	r.fields[name] = append(r.fields[name], value)
	return nil
}

// quote shows some of what the client sent, in ASCII.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return fmt.Sprintf("%+q and so on", s[:most])
	}
	return fmt.Sprintf("%+q", s)
}

// isToken tells whether s is a token of RFC 9110 §5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0
}
