package websocket

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// shake answers a request: with 101, after which frames follow, or with a
// refusal.
func (h *handler) shake(r *request) (ok bool) {
	protocol, extension, err := h.judge(r)
	if err != nil {
		h.refuse(err)
		return false
	}
	if strings.EqualFold(r.list("expect"), "100-continue") {
		// RFC 9110 §7.8: before the 101, if the client asks for both.
		h.out.WriteString("HTTP/1.1 100 Continue\r\n\r\n")
	}
	h.out.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
	fmt.Fprintf(&h.out, "Sec-WebSocket-Accept: %s\r\n", accept(r.fields["sec-websocket-key"][0]))
	if protocol != "" {
		fmt.Fprintf(&h.out, "Sec-WebSocket-Protocol: %s\r\n", protocol)
	}
	if extension != nil {
		fmt.Fprintf(&h.out, "Sec-WebSocket-Extensions: %s\r\n", extension)
		h.deflate = newDeflate(*extension)
	}
	h.out.WriteString("\r\n")
	h.phase = open
	h.ponged = h.heard
	return true
}

// accept answers a key as the client wrote it, whatever it decodes to.
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// refuse answers with something else than 101 and ends the connection, so that
// nothing behind the request can be mistaken for another one.
func (h *handler) refuse(r *refusal) {
	fmt.Fprintf(&h.out, "HTTP/1.1 %d %s\r\n", r.status, http.StatusText(r.status))
	connection := "close"
	if slices.ContainsFunc(r.headers, func(line string) bool { return strings.HasPrefix(line, "Upgrade:") }) {
		connection = "Upgrade, close" // RFC 9110 §7.8 wants Upgrade named there
	}
	for _, line := range append(r.headers, "Connection: "+connection, "Content-Type: text/plain; charset=utf-8",
		fmt.Sprint("Content-Length: ", len(r.text)+1)) {
		h.out.WriteString(line + "\r\n")
	}
	h.out.WriteString("\r\n")
	if h.head.request.method != http.MethodHead {
		h.out.WriteString(r.text + "\n")
	}
	h.phase = ended
}

// judge reads a request by RFC 6455 §4.2.1.
func (h *handler) judge(r *request) (protocol string, extension *agreement, err *refusal) {
	for _, check := range []func(*request) *refusal{checkHTTP, h.checkPolicy, checkUpgrade} {
		if err := check(r); err != nil {
			return "", nil, err
		}
	}
	if protocol, err = h.subprotocol(r); err != nil {
		return "", nil, err
	}
	offers, err := parseOffers(r)
	if err != nil {
		return "", nil, err
	}
	if !h.o.NoCompression {
		extension = agree(offers)
	}
	return protocol, extension, nil
}

// checkHTTP is what makes a good request without a body.
func checkHTTP(r *request) *refusal {
	switch {
	case r.version < "HTTP/1.1" || r.version > "HTTP/1.9":
		return &refusal{status: 505, text: "the request is in " + r.version + "; WebSocket needs HTTP/1.1"}
	case r.method != http.MethodGet:
		return &refusal{status: 405, headers: []string{"Allow: GET"},
			text: "the method is " + quote(r.method) + "; WebSocket begins with GET"}
	case strings.Contains(r.target, "#"):
		return badRequest("the target %s has a fragment; leave it out", quote(r.target))
	case targetURL(r) == nil:
		return badRequest("the target %s is no path; it has to begin with a slash", quote(r.target))
	case len(r.fields["host"]) != 1 || !validHost(r.fields["host"][0]):
		return badRequest("the Host header is %s; there has to be one, with host or host:port", quote(r.list("host")))
	// A request that claims a body is one that two readers can end in
	// different places (RFC 9112 §11.2). A handshake has none.
	case r.has("transfer-encoding") || r.has("content-length") && r.list("content-length") != "0":
		return badRequest("the request announces a body; a handshake has none")
	}
	return nil
}

// targetURL is nil unless the target has one of the forms that a GET may have
// here (RFC 9112 §3.2).
func targetURL(r *request) *url.URL {
	u, err := url.ParseRequestURI(r.target)
	if err != nil {
		return nil
	}
	if strings.HasPrefix(r.target, "/") {
		// ParseRequestURI takes what follows two slashes for a host.
		return &url.URL{Path: pathOf(r.target)}
	}
	if !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) || !validHost(u.Host) || u.User != nil {
		return nil
	}
	return &url.URL{Path: or(u.Path, "/")}
}

func pathOf(target string) string {
	path, _, _ := strings.Cut(target, "?")
	if decoded, err := url.PathUnescape(path); err == nil {
		return decoded
	}
	return path
}

var hostForm = regexp.MustCompile(`^([A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+(:[0-9]*)?$|^\[[0-9A-Fa-f:.]+\](:[0-9]*)?$`)

func validHost(host string) bool { return hostForm.MatchString(host) }

// checkPolicy is what this server has decided for itself.
func (h *handler) checkPolicy(r *request) *refusal {
	if h.o.Path != "" && targetURL(r).Path != h.o.Path {
		return &refusal{status: 404, text: "the path of " + quote(r.target) + " is not served here"}
	}
	if h.o.Credentials != "" {
		scheme, code, _ := strings.Cut(r.list("authorization"), " ")
		given, err := base64.StdEncoding.DecodeString(strings.Trim(code, " "))
		if !strings.EqualFold(scheme, "basic") || err != nil || string(given) != h.o.Credentials {
			return &refusal{status: 401, headers: []string{`WWW-Authenticate: Basic realm="echo", charset="UTF-8"`},
				text: "the request has no valid Authorization header; Basic is needed"}
		}
	}
	if h.o.Origins != nil && r.has("origin") && !h.allowed(r) {
		return &refusal{status: 403, text: "the origin " + quote(r.list("origin")) + " is not allowed here"}
	}
	return nil
}

// allowed compares whole origins: one that merely begins or ends like an
// allowed one is somebody else's.
func (h *handler) allowed(r *request) bool {
	got, ok := parseOrigin(r.list("origin"))
	if !ok {
		return false
	}
	own, _ := parseOrigin("http://" + r.fields["host"][0])
	return got == own || slices.ContainsFunc(h.o.Origins, func(s string) bool {
		o, ok := parseOrigin(s)
		return ok && o == got
	})
}

type origin struct{ scheme, host, port string }

var defaultPorts = map[string]string{"http": "80", "https": "443"}

func parseOrigin(s string) (o origin, ok bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Scheme+"://"+u.Host != strings.ToLower(u.Scheme)+s[len(u.Scheme):] || !validHost(u.Host) {
		return o, false
	}
	return origin{u.Scheme, strings.ToLower(u.Hostname()), or(u.Port(), defaultPorts[u.Scheme])}, true
}

// checkUpgrade is what makes a request a WebSocket handshake.
func checkUpgrade(r *request) *refusal {
	upgrade := []string{"Upgrade: websocket", "Sec-WebSocket-Version: 13"}
	switch {
	case !r.hasToken("upgrade", "websocket"):
		return &refusal{status: 426, headers: upgrade, text: "the request does not ask for WebSocket; it needs Upgrade: websocket"}
	case !r.hasToken("connection", "upgrade"):
		return badRequest("the Connection header is %s; it has to name Upgrade", quote(r.list("connection")))
	case !slices.Equal(r.fields["sec-websocket-version"], []string{"13"}):
		return &refusal{status: 426, headers: upgrade,
			text: "Sec-WebSocket-Version is " + quote(r.list("sec-websocket-version")) + "; it has to be 13"}
	case len(r.fields["sec-websocket-key"]) != 1 || !validKey(r.fields["sec-websocket-key"][0]):
		return badRequest("Sec-WebSocket-Key is %s; there has to be one, base64 of 16 bytes", quote(r.list("sec-websocket-key")))
	}
	return nil
}

// validKey lets pad bits be anything: the key in RFC 6455 §4.1 itself had some
// until erratum 3150.
func validKey(key string) bool {
	decoded, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(decoded) == 16
}

// subprotocol selects the first of the client's that the server speaks.
func (h *handler) subprotocol(r *request) (selected string, err *refusal) {
	if !r.has("sec-websocket-protocol") {
		return "", nil
	}
	seen := map[string]bool{}
	for name := range strings.SplitSeq(r.list("sec-websocket-protocol"), ",") {
		switch name = strings.Trim(name, " \t"); {
		case name == "": // RFC 9110 §5.6.1.2: an empty element of a list is none
		case !isToken(name):
			return "", badRequest("the subprotocol %s is no token; separate several by commas", quote(name))
		case seen[name]:
			return "", badRequest("the subprotocol %s is offered twice; offer each once", quote(name))
		case selected == "" && slices.Contains(h.o.Subprotocols, name):
			selected = name
		}
		seen[name] = true
	}
	if len(seen) == 1 && seen[""] {
		return "", badRequest("Sec-WebSocket-Protocol is empty; name a subprotocol or leave the header out")
	}
	return selected, nil
}
