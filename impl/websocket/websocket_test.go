package websocket_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"conform/impl"
	"conform/impl/impltest"
	"conform/impl/websocket"
)

const (
	key    = "dGhlIHNhbXBsZSBub25jZQ==" // RFC 6455 §1.3
	answer = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// request is a handshake that is in order, with changes to its lines: a line
// whose name is there replaces it, "-Name" removes it, "+line" is added.
func request(changes ...string) string {
	lines := []string{"GET /chat HTTP/1.1", "Host: localhost:9", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: " + key, "Sec-WebSocket-Version: 13"}
	for _, c := range changes {
		at := func(name string) int {
			return slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+":") })
		}
		name, _, _ := strings.Cut(c, ":")
		switch {
		case strings.HasPrefix(c, "-"):
			i := at(c[1:])
			lines = slices.Delete(lines, i, i+1)
		case strings.HasPrefix(c, "+"):
			lines = append(lines, c[1:])
		case strings.Contains(c, " HTTP/") || !strings.Contains(c, ":"):
			lines[0] = c
		case at(name) >= 0:
			lines[at(name)] = c
		default:
			lines = append(lines, c)
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// client encodes a masked frame; b0 is its first byte.
func client(b0 byte, payload string) string {
	mask := [4]byte{0x37, 0xfa, 0x21, byte(len(payload))}
	var b bytes.Buffer
	ws.WriteHeader(&b, ws.Header{Masked: true, Mask: mask, Length: int64(len(payload))})
	head := b.Bytes()
	head[0] = b0
	p := []byte(payload)
	ws.Cipher(p, mask, 0)
	return string(head) + string(p)
}

// server encodes a frame as a server has to.
func server(b0 byte, payload string) string {
	b := []byte{b0}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return string(b) + payload
}

const (
	text, binaryOp, ping, pong, closeOp = 0x81, 0x82, 0x89, 0x8a, 0x88
)

func closeBody(code int, reason string) string {
	return string(ws.NewCloseFrameBody(ws.StatusCode(code), reason))
}

// opened makes a handler for which the handshake is done.
func opened(t testing.TB, o websocket.Options, changes ...string) impl.Handler {
	t.Helper()
	h := websocket.New(o)
	h.Open()
	if r := h.Data([]byte(request(changes...))); !strings.HasPrefix(string(r.Send), "HTTP/1.1 101 ") || r.Close {
		t.Fatalf("the handshake failed: %q", r.Send)
	}
	return h
}

// begun is a handler that has been opened already.
type begun struct{ impl.Handler }

func (begun) Open() impl.Reply { return impl.Reply{} }

// talk gives reads to a server for which the handshake is done.
func talk(t testing.TB, o websocket.Options, reads []string, changes ...string) (answers string, closed bool) {
	t.Helper()
	got := impltest.Run(begun{opened(t, o, changes...)}, reads, false)
	return strings.Join(got.Answers, ""), got.Closed
}

// frames decodes what a server sent.
func frames(t testing.TB, sent string) (list []ws.Frame) {
	t.Helper()
	r := strings.NewReader(sent)
	for {
		h, err := ws.ReadHeader(r)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err == nil {
			err = ws.CheckHeader(h, ws.StateClientSide|ws.StateExtended)
		}
		p := make([]byte, h.Length)
		if err == nil {
			_, err = io.ReadFull(r, p)
		}
		if err != nil {
			t.Fatalf("%.80q is no sequence of frames: %v", sent, err)
		}
		list = append(list, ws.Frame{Header: h, Payload: p})
	}
}

// expectFailure wants one Close with code, and the end.
func expectFailure(t testing.TB, name string, r impl.Reply, code ws.StatusCode) {
	t.Helper()
	list := frames(t, string(r.Send))
	if !r.Close || len(list) != 1 || list[0].Header.OpCode != ws.OpClose {
		t.Errorf("%s: got %.80q, closed %v; want a Close and the end", name, r.Send, r.Close)
		return
	}
	got, reason := ws.ParseCloseFrameData(list[0].Payload)
	if got != code || reason == "" {
		t.Errorf("%s: got %d %q, want %d", name, got, reason, code)
	}
}

func TestHandshakes(t *testing.T) {
	t.Parallel()
	pad := strings.Repeat("x", 2000)
	many := func(n int) (lines []string) {
		for i := range n {
			lines = append(lines, fmt.Sprintf("X-%d: y", i))
		}
		return lines
	}
	subprotocols := websocket.Options{Subprotocols: []string{"chat", "kit.echo"}}
	origins := websocket.Options{Origins: []string{"https://app.example", "http://other.example:81"}}
	secret := websocket.Options{Credentials: "kit:secret"}
	path := websocket.Options{Path: "/chat"}
	const proto, ext = "Sec-WebSocket-Protocol: ", "Sec-WebSocket-Extensions: "
	tests := []struct {
		name    string
		o       websocket.Options
		request string
		status  int
		header  string // that the response has; with a minus, one that it has not
	}{
		{"as it should be", websocket.Options{}, request(), 101, "Sec-Websocket-Accept: " + answer},
		{"nothing else offered", subprotocols, request(), 101, "-Sec-Websocket-Protocol"},
		{"no extension offered", subprotocols, request(), 101, "-Sec-Websocket-Extensions"},
		{"no length", websocket.Options{}, request(), 101, "-Content-Length"},
		{"lower-case names", websocket.Options{}, "GET /chat HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: " + key + "\r\nsec-websocket-version: 13\r\n\r\n", 101, "Upgrade: websocket"},
		{"upper-case names", websocket.Options{}, "GET /chat HTTP/1.1\r\nHOST: a\r\nUPGRADE: WEBSOCKET\r\nCONNECTION: uPGRADE\r\nSEC-WEBSOCKET-KEY: " + key + "\r\nSEC-WEBSOCKET-VERSION: 13\r\n\r\n", 101, "Connection: Upgrade"},
		{"connection list", websocket.Options{}, request("Connection: keep-alive, Upgrade"), 101, ""},
		{"connection list without blank", websocket.Options{}, request("Connection: Upgrade,keep-alive"), 101, ""},
		{"connection list with an empty element", websocket.Options{}, request("Connection: ,Upgrade"), 101, ""},
		{"connection on two lines", websocket.Options{}, request("Connection: keep-alive", "+Connection: Upgrade"), 101, ""},
		{"connection on two lines, other order", websocket.Options{}, request("+Connection: keep-alive"), 101, ""},
		{"connection close too", websocket.Options{}, request("Connection: close, Upgrade"), 101, ""},
		{"upgrade list", websocket.Options{}, request("Upgrade: foo, websocket"), 101, ""},
		{"upgrade on two lines", websocket.Options{}, request("+Upgrade: h2c"), 101, ""},
		{"white space around values", websocket.Options{}, request("Upgrade:\twebsocket \t", "Connection:Upgrade", "Sec-WebSocket-Key:   "+key+" "), 101, "Sec-Websocket-Accept: " + answer},
		{"thirty more headers and a large cookie", websocket.Options{}, request(append(many(30), "Cookie: c="+pad, "X-Empty:")...), 101, ""},
		{"query", path, request("GET /chat?a=b&c=%20d HTTP/1.1"), 101, ""},
		{"absolute form", path, request("GET http://localhost:9/chat HTTP/1.1"), 101, ""},
		{"absolute form without a path", websocket.Options{Path: "/"}, request("GET ws://localhost HTTP/1.1"), 101, ""},
		{"path in percent signs", path, request("GET /%63hat HTTP/1.1"), 101, ""},
		{"two slashes", websocket.Options{}, request("GET //chat HTTP/1.1"), 101, ""},
		{"a path of 8 KB", websocket.Options{}, request("GET /" + strings.Repeat(pad, 4) + " HTTP/1.1"), 101, ""},
		{"odd percent signs", websocket.Options{}, request("GET /..%2f%00 HTTP/1.1"), 101, ""},
		{"IPv6 host", websocket.Options{}, request("Host: [::1]:80"), 101, ""},
		{"pad bits in the key", websocket.Options{}, request("Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC=="), 101, "Sec-Websocket-Accept: OfS0wDaT5NoxF2gqm7Zj2YtetzM="},
		{"HTTP/1.2", websocket.Options{}, request("GET /chat HTTP/1.2"), 101, ""},
		{"empty line before", websocket.Options{}, "\r\n" + request(), 101, ""},
		{"length 0", websocket.Options{}, request("Content-Length: 0"), 101, ""},
		{"obs-text in a value", websocket.Options{}, request("X-Kit: \xe9"), 101, ""},

		{"POST", websocket.Options{}, request("POST /chat HTTP/1.1", "Content-Length: 0"), 405, "Allow: GET"},
		{"HEAD", websocket.Options{}, request("HEAD /chat HTTP/1.1"), 405, "Allow: GET"},
		{"FOO", websocket.Options{}, request("FOO /chat HTTP/1.1"), 405, "Allow: GET"},
		{"get", websocket.Options{}, request("get /chat HTTP/1.1"), 405, "Allow: GET"},
		{"HTTP/1.0", websocket.Options{}, request("GET /chat HTTP/1.0"), 505, "Connection: close"},
		{"HTTP/2.0", websocket.Options{}, request("GET /chat HTTP/2.0"), 505, ""},
		{"HTTP/0.9", websocket.Options{}, request("GET /chat HTTP/0.9"), 505, ""},
		{"HTTP/1.10", websocket.Options{}, request("GET /chat HTTP/1.10"), 400, ""},
		{"HTTX/1.1", websocket.Options{}, request("GET /chat HTTX/1.1"), 400, ""},
		{"http/1.1", websocket.Options{}, request("GET /chat http/1.1"), 400, ""},
		{"HTTP/1.1x", websocket.Options{}, request("GET /chat HTTP/1.1x"), 400, ""},
		{"no version", websocket.Options{}, request("GET /chat"), 400, ""},
		{"two blanks", websocket.Options{}, request("GET  /chat HTTP/1.1"), 400, ""},
		{"blank in the target", websocket.Options{}, request("GET /a b HTTP/1.1"), 400, ""},
		{"no target", websocket.Options{}, request("GET  HTTP/1.1"), 400, ""},
		{"relative target", websocket.Options{}, request("GET chat HTTP/1.1"), 400, ""},
		{"asterisk", websocket.Options{}, request("GET * HTTP/1.1"), 400, ""},
		{"authority form", websocket.Options{}, request("GET localhost:9 HTTP/1.1"), 400, ""},
		{"absolute form without a host", websocket.Options{}, request("GET http:///chat HTTP/1.1"), 400, ""},
		{"fragment", websocket.Options{}, request("GET /chat#x HTTP/1.1"), 400, ""},
		{"bad percent sign", websocket.Options{}, request("GET /%zz HTTP/1.1"), 400, ""},
		{"not ASCII", websocket.Options{}, request("GET /\xc3\xa9 HTTP/1.1"), 400, ""},
		{"control byte", websocket.Options{}, request("GET /\x01 HTTP/1.1"), 400, ""},
		{"no Host", websocket.Options{}, request("-Host"), 400, ""},
		{"empty Host", websocket.Options{}, request("Host:"), 400, ""},
		{"two Hosts", websocket.Options{}, request("+Host: other"), 400, ""},
		{"Host with a blank", websocket.Options{}, request("Host: a b"), 400, ""},
		{"Host with a slash", websocket.Options{}, request("Host: a/b"), 400, ""},
		{"no Upgrade", websocket.Options{}, request("-Upgrade"), 426, "Upgrade: websocket"},
		{"Upgrade: h2c", websocket.Options{}, request("Upgrade: h2c"), 426, "Upgrade: websocket"},
		{"Upgrade: websockets", websocket.Options{}, request("Upgrade: websockets"), 426, ""},
		{"Upgrade: xwebsocket", websocket.Options{}, request("Upgrade: xwebsocket"), 426, ""},
		{"no Connection", websocket.Options{}, request("-Connection"), 400, ""},
		{"Connection: keep-alive", websocket.Options{}, request("Connection: keep-alive"), 400, ""},
		{"Connection: not-upgrade", websocket.Options{}, request("Connection: not-upgrade"), 400, ""},
		{"Connection: upgraded", websocket.Options{}, request("Connection: upgraded"), 400, ""},
		{"plain", websocket.Options{}, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426, "Connection: Upgrade, close"},
		{"no key", websocket.Options{}, request("-Sec-WebSocket-Key"), 400, ""},
		{"empty key", websocket.Options{}, request("Sec-WebSocket-Key:"), 400, ""},
		{"key of 15 bytes", websocket.Options{}, request("Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4P"), 400, ""},
		{"key of 17 bytes", websocket.Options{}, request("Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEBE="), 400, ""},
		{"short key", websocket.Options{}, request("Sec-WebSocket-Key: AAAA"), 400, ""},
		{"key without padding", websocket.Options{}, request("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"), 400, ""},
		{"key that is not base64", websocket.Options{}, request("Sec-WebSocket-Key: " + strings.Repeat("!", 24)), 400, ""},
		{"two keys", websocket.Options{}, request("+Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), 400, ""},
		{"a long key", websocket.Options{}, request("Sec-WebSocket-Key: " + strings.Repeat("A", 5000)), 400, ""},
		{"draft 76", websocket.Options{}, request("-Sec-WebSocket-Key", "-Sec-WebSocket-Version", "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5"), 426, ""},
		{"no version header", websocket.Options{}, request("-Sec-WebSocket-Version"), 426, "Sec-Websocket-Version: 13"},
		{"two versions", websocket.Options{}, request("+Sec-WebSocket-Version: 8"), 426, ""},
		{"unknown path", path, request("GET /other HTTP/1.1"), 404, ""},
		{"path with a slash more", path, request("GET /chat/ HTTP/1.1"), 404, ""},
		{"length and body", websocket.Options{}, request("Content-Length: 5") + "hello", 400, "Connection: close"},
		{"chunked", websocket.Options{}, request("Transfer-Encoding: chunked") + "0\r\n\r\n", 400, ""},
		{"two lengths", websocket.Options{}, request("Content-Length: 0", "+Content-Length: 5"), 400, ""},
		{"a signed length", websocket.Options{}, request("Content-Length: +0"), 400, ""},
		{"length list", websocket.Options{}, request("Content-Length: 0, 0"), 400, ""},
		{"length and chunked", websocket.Options{}, request("Content-Length: 0", "Transfer-Encoding: chunked"), 400, ""},
		{"a handshake in the body of another", websocket.Options{}, request("POST /chat HTTP/1.1", fmt.Sprint("Content-Length: ", len(request()))) + request(), 405, "Connection: close"},

		{"blank before the colon", websocket.Options{}, request("X-Foo : bar"), 400, ""},
		{"blank before the colon of Upgrade", websocket.Options{}, request("-Upgrade", "+Upgrade : websocket"), 400, ""},
		{"folded line", websocket.Options{}, request("X-Foo: a\r\n b"), 400, ""},
		{"NUL", websocket.Options{}, request("X-Foo: a\x00b"), 400, ""},
		{"0x01", websocket.Options{}, request("X-Foo: a\x01b"), 400, ""},
		{"DEL", websocket.Options{}, request("X-Foo: a\x7fb"), 400, ""},
		{"lone CR", websocket.Options{}, request("X-Foo: a\rb"), 400, ""},
		{"line without a colon", websocket.Options{}, request("+X-Foo"), 400, ""},
		{"empty name", websocket.Options{}, request("+: x"), 400, ""},
		{"bad byte in a name", websocket.Options{}, request("+X(Foo): x"), 400, ""},
		{"lone LFs", websocket.Options{}, strings.ReplaceAll(request(), "\r\n", "\n"), 400, ""},
		{"two empty lines before", websocket.Options{}, "\r\n\r\n" + request(), 400, ""},
		{"TLS", websocket.Options{}, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, ""},
		{"HTTP/2", websocket.Options{}, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, ""},
		{"PROXY v2", websocket.Options{}, "\r\n\r\n\x00\r\nQUIT\n", 400, ""},
		{"a word", websocket.Options{}, "hello\r\n", 400, ""},
		{"a header of 64 KiB", websocket.Options{}, request("X-Foo: " + strings.Repeat("x", 64<<10)), 431, ""},
		{"a target of 64 KiB", websocket.Options{}, request("GET /" + strings.Repeat("x", 64<<10) + " HTTP/1.1"), 431, ""},
		{"2500 headers", websocket.Options{}, "GET / HTTP/1.1\r\n" + strings.Join(many(2500), "\r\n") + request()[len("GET / HTTP/1.1"):], 431, ""},
		{"the longest request", websocket.Options{MaxHeaderBytes: len(request())}, request(), 101, ""},
		{"one byte longer", websocket.Options{MaxHeaderBytes: len(request()) - 1}, request(), 431, ""},
		{"as many headers as allowed", websocket.Options{MaxHeaders: 5}, request(), 101, ""},
		{"one header more", websocket.Options{MaxHeaders: 4}, request(), 431, ""},
		{"response splitting", websocket.Options{}, request("GET /%0d%0aX-Kit:%201 HTTP/1.1", "Sec-WebSocket-Version: 7"), 426, "-X-Kit"},

		{"unknown subprotocol", subprotocols, request(proto + "kit-unknown-1"), 101, "-Sec-Websocket-Protocol"},
		{"first supported", subprotocols, request(proto + "a.kit, kit.echo, chat"), 101, "Sec-Websocket-Protocol: kit.echo"},
		{"on a second line", subprotocols, request(proto+"a.kit", "+"+proto+"chat"), 101, "Sec-Websocket-Protocol: chat"},
		{"in capitals", subprotocols, request(proto + "CHAT"), 101, "-Sec-Websocket-Protocol"},
		{"empty element", subprotocols, request(proto + "foo,,chat"), 101, "Sec-Websocket-Protocol: chat"},
		{"no subprotocol supported", websocket.Options{}, request(proto + "chat"), 101, "-Sec-Websocket-Protocol"},
		{"empty subprotocol", subprotocols, request(proto), 400, ""},
		{"nothing but commas", subprotocols, request(proto + ", ,"), 400, ""},
		{"subprotocol with a blank", subprotocols, request(proto + "foo bar"), 400, ""},
		{"no token", subprotocols, request(proto + "f@o"), 400, ""},
		{"offered twice", subprotocols, request(proto + "chat, chat"), 400, ""},
		{"4000 blanks", subprotocols, request(proto + "b" + strings.Repeat(" ", 4000) + "x"), 400, ""},

		{"any origin", websocket.Options{}, request("Origin: http://evil.example"), 101, ""},
		{"no origin", origins, request(), 101, ""},
		{"own origin", origins, request("Origin: http://LOCALHOST:9"), 101, ""},
		{"allowed origin", origins, request("Origin: https://app.example"), 101, ""},
		{"allowed origin with its default port", origins, request("Origin: https://app.example:443"), 101, ""},
		{"foreign origin", origins, request("Origin: http://evil.example"), 403, ""},
		{"other scheme", origins, request("Origin: http://app.example"), 403, ""},
		{"other port", origins, request("Origin: http://other.example"), 403, ""},
		{"longer host", origins, request("Origin: https://app.example.evil.example"), 403, ""},
		{"ends in the host", origins, request("Origin: https://evil-app.example"), 403, ""},
		{"null origin", origins, request("Origin: null"), 403, ""},
		{"own host in a path", origins, request("Origin: http://evil/http://localhost:9"), 403, ""},
		{"user in front", origins, request("Origin: https://app.example@evil.example"), 403, ""},

		{"no credentials", secret, request(), 401, `Www-Authenticate: Basic realm="echo", charset="UTF-8"`},
		{"wrong credentials", secret, request("Authorization: Basic a2l0OmZhbHNl"), 401, ""},
		{"not base64", secret, request("Authorization: Basic kit:secret"), 401, ""},
		{"right credentials", secret, request("Authorization: basic a2l0OnNlY3JldA=="), 101, ""},

		{"unknown extension", websocket.Options{}, request(ext + "x-kit-unknown; a=1"), 101, "-Sec-Websocket-Extensions"},
		{"names of objects", websocket.Options{}, request(ext + "constructor, __proto__, toString"), 101, "-Sec-Websocket-Extensions"},
		{"semicolons", websocket.Options{}, request(ext + ";;=,"), 400, ""},
		{"parameter missing", websocket.Options{}, request(ext + "permessage-deflate;"), 400, ""},
		{"no name", websocket.Options{}, request(ext + "a=b"), 400, ""},
		{"quoted name", websocket.Options{}, request(ext + `"q"`), 400, ""},
		{"empty", websocket.Options{}, request(ext), 400, ""},
		{"an extension inside quotes", websocket.Options{}, request(ext + `x; y=",permessage-deflate; client_max_window_bits,"`), 400, ""},
		{"quotes not closed", websocket.Options{}, request(ext + `a; b="` + strings.Repeat(`\c`, 4000)), 400, ""},
		{"many quoted pairs", websocket.Options{}, request(ext + `a; b="` + strings.Repeat(`\c`, 4000) + `"`), 101, "-Sec-Websocket-Extensions"},
		{"switched off", websocket.Options{NoCompression: true}, request(ext + "permessage-deflate"), 101, "-Sec-Websocket-Extensions"},
	}
	for _, v := range []string{"12", "14", "0", "255", "8", "7", "abc", "013", "13.0", "+13", "-13", "", "13, 8", "256"} {
		tests = append(tests, tests[0])
		tt := &tests[len(tests)-1]
		tt.name, tt.request = "version "+v, request("Sec-WebSocket-Version: "+v)
		tt.status, tt.header = 426, "Sec-Websocket-Version: 13"
	}
	for offer, reply := range map[string]string{
		"permessage-deflate":                                                     "permessage-deflate",
		"permessage-deflate; client_max_window_bits":                             "permessage-deflate",
		"permessage-deflate; client_max_window_bits=10":                          "permessage-deflate",
		"permessage-deflate; server_max_window_bits=8":                           "permessage-deflate; server_max_window_bits=8",
		"permessage-deflate; server_max_window_bits=15":                          "permessage-deflate; server_max_window_bits=15",
		`permessage-deflate; server_max_window_bits="10"`:                        "permessage-deflate; server_max_window_bits=10",
		`permessage-deflate; server_max_window_bits="\10"`:                       "permessage-deflate; server_max_window_bits=10",
		"permessage-deflate; server_no_context_takeover":                         "permessage-deflate; server_no_context_takeover",
		"permessage-deflate ;client_no_context_takeover":                         "permessage-deflate; client_no_context_takeover",
		"permessage-deflate; foo, permessage-deflate":                            "permessage-deflate",
		"x-kit-unknown, permessage-deflate":                                      "permessage-deflate",
		"x-kit-unknown\r\n" + ext + "permessage-deflate":                         "permessage-deflate",
		"permessage-deflate; server_max_window_bits = 9 , x":                     "permessage-deflate; server_max_window_bits=9",
		"permessage-deflate; foo":                                                "",
		"permessage-deflate; server_max_window_bits":                             "",
		"permessage-deflate; server_max_window_bits=7":                           "",
		"permessage-deflate; server_max_window_bits=16":                          "",
		"permessage-deflate; server_max_window_bits=0":                           "",
		"permessage-deflate; server_max_window_bits=010":                         "",
		"permessage-deflate; server_max_window_bits=abc":                         "",
		"permessage-deflate; client_max_window_bits=7":                           "",
		"permessage-deflate; client_max_window_bits=16":                          "",
		"permessage-deflate; server_no_context_takeover=1":                       "",
		"permessage-deflate; client_no_context_takeover=true":                    "",
		"permessage-deflate; client_no_context_takeover; x":                      "",
		"permessage-deflate; server_max_window_bits=9; x=y":                      "",
		"permessage-deflate" + strings.Repeat("; client_max_window_bits", 2):     "",
		"permessage-deflate" + strings.Repeat("; server_no_context_takeover", 2): "",
	} {
		tests = append(tests, tests[0])
		tt := &tests[len(tests)-1]
		tt.name, tt.request, tt.header = offer, request(ext+offer), "-Sec-Websocket-Extensions"
		if reply != "" {
			tt.header = "Sec-Websocket-Extensions: " + reply
		}
	}
	for _, tt := range tests {
		h := websocket.New(tt.o)
		if r := h.Open(); len(r.Send) > 0 || r.Close {
			t.Errorf("%s: spoke first: %q", tt.name, r.Send)
		}
		got := h.Data([]byte(tt.request))
		response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(got.Send)), &http.Request{Method: tt.request[:max(0, strings.Index(tt.request, " "))]})
		if err != nil {
			t.Errorf("%s: got %q: %v", tt.name, got.Send, err)
			continue
		}
		if response.StatusCode != tt.status || got.Close != (tt.status != 101) {
			t.Errorf("%s: got %q, closed %v; want %d", tt.name, got.Send, got.Close, tt.status)
		}
		switch name, value, _ := strings.Cut(tt.header, ": "); {
		case name == "":
		case strings.HasPrefix(name, "-"):
			if v, there := response.Header[name[1:]]; there || name == "-Content-Length" && response.ContentLength > 0 {
				t.Errorf("%s: the response has %s: %q", tt.name, name[1:], v)
			}
		case name == "Connection" && response.Close: // which net/http takes away
		case !slices.Equal(response.Header[name], []string{value}):
			t.Errorf("%s: got %s: %q, want %q", tt.name, name, response.Header[name], value)
		}
		if tt.status != 101 {
			body, err := io.ReadAll(response.Body)
			lines := strings.Count(string(body), "\n")
			if err != nil || !response.Close || response.Request.Method != "HEAD" && (lines != 1 || len(body) < 20 || !isASCII(body)) {
				t.Errorf("%s: the response is %q, %v", tt.name, got.Send, err)
			}
		}
	}
}

func isASCII(p []byte) bool {
	return !slices.ContainsFunc(p, func(b byte) bool { return b != '\n' && (b < ' ' || b > '~') })
}

// Whatever the request is, it is answered the same in pieces.
func TestHandshakesInPieces(t *testing.T) {
	t.Parallel()
	for _, input := range []string{
		request(), "\r\n" + request(), request() + client(text, "early") + client(text, "later"), request("Host: a b"),
		request("X: a\rb"), request("HTTX"), request("X\x00: y"), "hello\r\n", "\x16\x03\x01",
	} {
		want := impltest.Run(websocket.New(websocket.Options{}), []string{input}, false)
		for reads := range impltest.Chunkings(input) {
			got := impltest.Run(websocket.New(websocket.Options{}), reads, false)
			if strings.Join(got.Answers, "") != strings.Join(want.Answers, "") || got.Closed != want.Closed {
				t.Fatalf("%q\n got %q, closed %v\nwant %q, closed %v", reads, got.Answers, got.Closed, want.Answers, want.Closed)
			}
		}
	}
}

// A 100 comes before the 101 (RFC 9110 §7.8).
func TestExpectation(t *testing.T) {
	t.Parallel()
	h := websocket.New(websocket.Options{})
	got := string(h.Data([]byte(request("Expect: 100-continue"))).Send)
	if !strings.HasPrefix(got, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 ") {
		t.Errorf("got %q", got)
	}
}

// Nothing is said before the request is complete, and junk is not waited for.
func TestHandshakeMoments(t *testing.T) {
	t.Parallel()
	h := websocket.New(websocket.Options{})
	for _, b := range []byte(request()[:len(request())-1]) {
		if r := h.Data([]byte{b}); len(r.Send) > 0 || r.Close {
			t.Fatalf("answered %q before the end", r.Send)
		}
	}
	for _, junk := range []string{"\x16", "\x00", "GET /chat\r\n", "GET / HTTP/1.1\r\nX\r\n", "GET / HTTP/1.1\n"} {
		if r := websocket.New(websocket.Options{}).Data([]byte(junk)); !r.Close || !strings.HasPrefix(string(r.Send), "HTTP/1.1 400 ") {
			t.Errorf("%q: got %q, closed %v", junk, r.Send, r.Close)
		}
	}
}

func TestEndOfInput(t *testing.T) {
	t.Parallel()
	for _, input := range []string{"", "GET", request(), request() + client(text, "whole")[:3], request() + client(0x01, "part")} {
		got := impltest.Run(websocket.New(websocket.Options{}), []string{input}, true)
		if last := got.Answers[len(got.Answers)-1]; !got.Closed || last != "" {
			t.Errorf("%q: got %q, closed %v", input, got.Answers, got.Closed)
		}
	}
}
