package faults

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"strings"
	"sync"

	"conform/impl"
	"conform/impl/websocket"
)

// websocketSecurityFaults are mistakes that an attacker can use.
func websocketSecurityFaults() []Fault {
	return []Fault{
		// Who may come in.
		{Name: "origin-unread", change: wsOptions(func(o *websocket.Options) { o.Origins = nil }),
			Text: "Accepts handshakes of any origin, although only its own is allowed."},
		{Name: "origin-contains-host", change: wsRequest(func(head string) string {
			host, _, _ := strings.Cut(headGet(head, "Host"), ":")
			if strings.Contains(headGet(head, "Origin"), host) {
				head = headDel(head, "Origin")
			}
			return head
		}), Text: "Allows every origin in which the name of its host occurs."},
		{Name: "origin-ends-in-host", change: wsRequest(func(head string) string {
			if strings.HasSuffix(headGet(head, "Origin"), headGet(head, "Host")) {
				head = headDel(head, "Origin")
			}
			return head
		}), Text: "Allows every origin that ends like its host."},
		{Name: "origin-begins-with-host", change: wsRequest(func(head string) string {
			host, _, _ := strings.Cut(headGet(head, "Host"), ":")
			if strings.HasPrefix(headGet(head, "Origin"), "http://"+host) {
				head = headDel(head, "Origin")
			}
			return head
		}), Text: "Allows every origin that begins like its host."},
		{Name: "origin-null-allowed", change: wsRequest(func(head string) string {
			if headGet(head, "Origin") == "null" {
				head = headDel(head, "Origin")
			}
			return head
		}), Text: "Takes the origin null, which any sandboxed page has, for no origin."},
		{Name: "dies-on-origin-with-port", change: onHead(dies, func(head string) bool {
			return strings.HasSuffix(head, "\r\n\r\n") && strings.Count(headGet(head, "Origin"), ":") > 1
		}), Text: "Cuts the Origin in two at its colon, and ends with an uncaught error when there is a port too."},
		{Name: "credentials-unread", change: wsOptions(func(o *websocket.Options) { o.Credentials = "" }),
			Text: "Asks for credentials with other requests, but not with a handshake."},
		{Name: "password-unread", change: func(p *plan) {
			wsRequest(func(head string) string {
				scheme, code, _ := strings.Cut(headGet(head, "Authorization"), " ")
				given, _ := base64.StdEncoding.DecodeString(code)
				user, _, _ := strings.Cut(p.options.Credentials, ":")
				if strings.HasPrefix(string(given), user+":") {
					head = headSet(head, "Authorization", scheme+" "+base64.StdEncoding.EncodeToString([]byte(p.options.Credentials)))
				}
				return head
			})(p)
		}, Text: "Compares the name of the user and not the password."},
		{Name: "401-without-challenge", change: wsResponse(func(head string) string { return headDel(head, "WWW-Authenticate") }),
			Text: "Answers 401 without WWW-Authenticate, so that a client does not learn what is asked for."},

		// What comes back.
		{Name: "subprotocol-decoded-into-response", change: both(unoffered, wsExchange(func(request, response string) string {
			offer, _, _ := strings.Cut(headGet(request, "Sec-WebSocket-Protocol"), ",")
			if decoded, err := url.PathUnescape(offer); err == nil && offer != "" {
				response = with101(response, "Sec-WebSocket-Protocol: "+decoded)
			}
			return response
		})), Text: "Decodes what the client offers and puts it into the response, line ends and all."},
		{Name: "target-decoded-into-response", change: wsExchange(func(request, response string) string {
			words := strings.SplitN(request, " ", 3)
			if decoded, err := url.PathUnescape(words[min(1, len(words)-1)]); err == nil {
				response = headAdd(response, "Content-Location: "+decoded)
			}
			return response
		}), Text: "Puts the decoded target into a header of the response, line ends and all."},
		{Name: "key-copied-into-response", change: wsExchange(func(request, response string) string {
			return headAdd(response, "X-Received-Key: "+headGet(request, "Sec-WebSocket-Key"))
		}), Text: "Puts the key as it came into a header of the response, CRs and all."},

		// HTTP in the wrong place.
		{Name: "http-parser-stays", change: afterHead(func(p []byte) []byte {
			if bytes.Contains(p, []byte(" HTTP/1.1\r\n")) {
				return []byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
			}
			return nil
		}), Text: "Answers whatever looks like an HTTP request, on an established connection and inside of frames."},
		{Name: "post-body-is-next-request", change: bodiesKept(func(string) bool { return true }),
			Text: "Refuses a POST without reading its body, which it then takes for the next request."},
		{Name: "odd-length-is-none", change: bodiesKept(func(head string) bool {
			return strings.Contains(headGet(head, "Content-Length"), "+")
		}), Text: "Takes a Content-Length with a sign for 0, so that the body becomes the next request."},
		{Name: "list-of-lengths-is-none", change: bodiesKept(func(head string) bool {
			return strings.Contains(headGet(head, "Content-Length"), ",")
		}), Text: "Takes a list of two lengths for 0, so that the body becomes the next request."},
		{Name: "chunks-before-length", change: bodiesKept(func(head string) bool {
			return headGet(head, "Transfer-Encoding") != ""
		}), Text: "Reads the chunks where there is a length too, and goes on with what is behind them."},
		{Name: "tunnels-after-refusal", change: both(wsRequest(func(head string) string {
			return headSet(head, "Sec-WebSocket-Version", "13")
		}), wsExchange(func(request, response string) string {
			if headGet(request, "Sec-WebSocket-Version") == "13" {
				return response
			}
			return "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n"
		})), Text: "Refuses a handshake with 426 and then reads frames all the same."},

		// Frames.
		{Name: "pong-of-announced-length", change: overRead,
			Text: "Answers a Ping by the length that it announces, with what stands in memory behind what has come."},
		{Name: "dies-on-reserved-opcode", change: func(p *plan) {
			wsIn(func(s *wsState, f wsFrame) []wsFrame {
				if f.op&7 > 2 {
					p.die()
					s.Hangup()
				}
				return []wsFrame{f}
			})(p)
		}, Text: "Looks the opcode up in a table and ends with an uncaught error when it is not there."},
		{Name: "dies-on-huge-length", change: func(p *plan) {
			wsIn(func(s *wsState, f wsFrame) []wsFrame {
				if f.huge {
					p.die()
					s.Hangup()
				}
				return []wsFrame{f}
			})(p)
		}, Text: "Allocates what a frame announces, and ends when that is more than there is."},
		{Name: "bad-frames-skipped", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.rsv != 0 || f.op&7 > 2 {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Skips frames with reserved bits or opcodes and goes on with the next."},
		{Name: "fragments-kept-for-the-next", change: fragmentsKept,
			Text: "Collects fragments in one buffer for all clients, so that those of a failed connection come out on another."},

		// Too much.
		{Name: "dies-on-odd-path", change: onHead(dies, func(head string) bool {
			line, _, _ := strings.Cut(head, "\r\n")
			return strings.Contains(line, "%00") || strings.Contains(line, "\xff")
		}), Text: "Decodes the path, and ends with an uncaught error when that is no UTF-8 or has a NUL."},
		{Name: "subprotocols-compared-with-each-other", change: onHead(hangs, func(head string) bool {
			return strings.HasSuffix(head, "\r\n\r\n") && strings.Count(headGet(head, "Sec-WebSocket-Protocol"), ",") > 100
		}), Text: "Compares the offered subprotocols with each other, which takes for ever when there are hundreds."},
	}
}

// bodiesKept refuses a POST and takes what is behind its head for a request.
func bodiesKept(is func(head string) bool) change {
	return handler(func(next impl.Handler) impl.Handler {
		var cutter headCutter
		asked := false
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			if asked {
				return next.Data(p)
			}
			head, rest, complete := cutter.feed(p)
			if !complete {
				return impl.Reply{}
			}
			asked = true
			if !bytes.HasPrefix(head, []byte("POST ")) || !is(string(head)) {
				return next.Data(append(head, rest...))
			}
			r := say("HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n")
			if rest = bytes.TrimPrefix(rest, []byte("0\r\n\r\n")); len(rest) > 0 {
				r = join(r, next.Data(rest))
			}
			return r
		}}
	})
}

// overRead answers a Ping whose payload has not come as if it had.
func overRead(p *plan) {
	afterHead(func(p []byte) []byte {
		f, size, length, ok := decodeHeader(p)
		if !ok || f.op != wsPing || length > 125 || uint64(len(p)-size) >= length {
			return nil
		}
		memory := "-----BEGIN PRIVATE KEY-----" + strings.Repeat("A", 125)
		return serverFrame(wsPong, memory[:length]).append(nil)
	})(p)
}

// fragmentsKept puts what is left of a message before the next one, whoever
// sends that.
func fragmentsKept(p *plan) {
	var mu sync.Mutex
	var kept []byte
	wsIn(func(_ *wsState, f wsFrame) []wsFrame {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case f.control() || f.rsv != 0 || f.op > wsBinary:
		case !f.fin:
			kept = append(kept, f.payload...)
			if f.op == wsContinuation {
				return nil
			}
			f.payload = nil
		case f.op == wsContinuation || f.op == wsText:
			f.payload = append(kept, f.payload...)
			kept = nil
		}
		return []wsFrame{f}
	})(p)
}
