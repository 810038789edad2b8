package websocket

import (
	"bytes"
	"strconv"
	"strings"

	"conform/specs"
)

// readBody reads what follows the head of a refusal and says what is wrong with
// how it is framed (RFC 9112 §6.3); "" when nothing is. It waits for a body
// that the head announces, unless others were seen not to come.
func readBody(cl *specs.Client, method string, r *response) (problem string) {
	c := cl.Case()
	patience := patience(c, 0)
	if len(c.Observed(ruleRefusal)) > 0 {
		patience = c.Timing().Quiet
	}
	size, chunked, problem := r.framing(method)
	whole := func(p []byte) bool { return len(p) >= size }
	if chunked {
		whole = func(p []byte) bool { n, broken := chunkedSize(p); return n > 0 || broken }
	}
	s := cl.Await(patience, whole)
	defer func() { cl.Consume(len(s.Unread)) }()
	r.body = string(s.Unread[:min(len(s.Unread), 200)]) // why it refuses, if it says so
	if s.End != "" {
		r.end = s.End
	}
	broken := false
	if chunked {
		size, broken = chunkedSize(s.Unread)
	}
	switch {
	case problem != "":
		return problem
	case broken:
		return "the chunks of the body have no right sizes"
	case chunked && size == 0, len(s.Unread) < size:
		return "the body is shorter than it is said to be"
	case len(s.Unread) > size && r.end == "" && r.persists(method):
		// Whether it goes on is known when it has not ended a moment later.
		if s = cl.Await(c.Timing().Quiet, func([]byte) bool { return false }); s.End != "" {
			r.end = s.End
			return ""
		}
		return "bytes follow the body, on a connection that goes on"
	}
	return ""
}

// framing says how long the body is, or that it comes in chunks, and what is
// wrong with how the head puts that. A body that the end of the connection ends
// has the size 0.
func (r *response) framing(method string) (size int, chunked bool, problem string) {
	lengths, codings := r.values("Content-Length"), r.tokens("Transfer-Encoding")
	if r.version != "HTTP/1.1" && r.version != "HTTP/1.0" {
		problem = "its version is " + r.version
	}
	switch {
	case len(codings) > 0 && len(lengths) > 0:
		problem = "it has both Transfer-Encoding and Content-Length"
	case len(lengths) > 0:
		n, err := strconv.ParseUint(lengths[0], 10, 31)
		if err != nil || len(lengths) > 1 {
			return 0, false, "its Content-Length is " + strings.Join(lengths, ", ")
		}
		size = int(n)
	}
	if method == "HEAD" || r.status == 204 || r.status == 304 {
		return 0, false, problem
	}
	if n := len(codings); n > 0 && strings.EqualFold(codings[n-1], "chunked") {
		return 0, true, problem
	}
	return size, false, problem
}

// persists says whether the connection may go on after a refusal: its body ends
// by itself, and nothing says that the connection is to be closed (RFC 9112
// §9.3).
func (r *response) persists(method string) bool {
	connection := r.tokens("Connection")
	_, chunked, _ := r.framing(method)
	ends := chunked || len(r.values("Content-Length")) > 0 || method == "HEAD" || r.status == 204 || r.status == 304
	return ends && !hasToken(connection, "close") && (r.version != "HTTP/1.0" || hasToken(connection, "keep-alive"))
}

// chunkedSize is the length of a body in chunks, with its trailer; 0 while it is
// not whole (RFC 9112 §7.1).
func chunkedSize(p []byte) (n int, broken bool) {
	for {
		line := bytes.IndexByte(p[n:], '\n')
		if line < 0 {
			return 0, len(p)-n > 1<<10
		}
		text, _, _ := strings.Cut(strings.TrimRight(string(p[n:n+line]), "\r"), ";")
		size, err := strconv.ParseUint(strings.TrimSpace(text), 16, 31)
		if err != nil {
			return 0, true
		}
		n += line + 1
		if size == 0 {
			break
		}
		n += int(size) + 2
		if n > len(p) {
			return 0, false
		}
		if string(p[n-2:n]) != "\r\n" {
			return 0, true
		}
	}
	if bytes.HasPrefix(p[n:], []byte("\r\n")) {
		return n + 2, false
	}
	if end := bytes.Index(p[n:], []byte("\r\n\r\n")); end >= 0 {
		return n + end + 4, false
	}
	return 0, false
}
