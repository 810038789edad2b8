package websocket

import (
	"crypto/sha1" //nolint:gosec // see acceptFor
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

// about101 are the requirements that say what is wrong with a 101.
var about101 = []string{
	"websocket/handshake/accepted",
	"websocket/handshake/accept-of-sample-key",
	"websocket/handshake/accept-of-any-key",
	"websocket/handshake/101-has-upgrade",
	"websocket/handshake/101-has-connection",
	"websocket/handshake/101-has-no-body",
	"websocket/handshake/101-grammar",
}

// handshake is what a server must accept, and what its 101 must say.
func handshake() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/handshake/accepted", specs.Must, "RFC 6455 §4.2.2",
			"A valid opening handshake is answered with the status line HTTP/1.1 101, and opens a connection.",
			func(c *specs.Case) {
				_, a := try(c)
				if r := a.reaction; r.reply.status != 101 || r.reply.version != "HTTP/1.1" {
					hint := r.reply.obstacle()
					if c.Dialect("opening") == "tutorial-004" { // seen before the run
						hint = "the names of headers are compared letter by letter: the key is found only when it is in Sec-Websocket-Key, spelt so; any case has to do"
					}
					if hint != "" {
						c.Refute(specs.Reason{Code: r.code(), Message: r.message(), Sent: a.sent(), Expected: []string{"HTTP/1.1 101"}, Received: r.String(), Hint: hint}, r.waited)
					}
				}
				judge(a.client, a.sent(), a.reaction, []outcome{expecting("HTTP/1.1 101", func(r reaction) bool {
					return r.reply.status == 101 && r.reply.version == "HTTP/1.1"
				})})
				goesOn(a)
				if mute(c) {
					endures(a)
				}
			}, specs.Covers("WS-HS-01"),
			specs.Cause("the path, the Host or a header that the server wants is not what a client sends by default: name the path as in ws://host:port/path")),

		specs.Requirement("websocket/handshake/accept-of-sample-key", specs.Must, "RFC 6455 §4.2.2",
			"The Accept of the sample key of RFC 6455 is s3pPLMBiTxaQ9kYGzzhZRbK+xOo=.",
			func(c *specs.Case) { accepts101(c, "dGhlIHNhbXBsZSBub25jZQ==") },
			specs.Covers("WS-HS-02"),
			specs.Cause("the SHA-1 is taken of the decoded key, or its hexadecimal form is encoded; take it of the text of the key and the GUID, and encode the 20 bytes")),

		specs.Requirement("websocket/handshake/accept-of-any-key", specs.Must, "RFC 6455 §4.2.2",
			"The Accept of every key is the base64 form of the SHA-1 of its text and the GUID.",
			func(c *specs.Case) {
				for _, key := range keys(c) {
					accepts101(c, key)
				}
			}, specs.Covers("WS-HS-03"),
			specs.Cause("the key or the hash passes through a C string, an alphabet for URLs or a decoder for forms, so that zero bytes, + or / are lost")),

		specs.Requirement("websocket/handshake/101-has-upgrade", specs.Must, "RFC 6455 §4.2.2",
			"The 101 has the field Upgrade with the value websocket, in any case.",
			func(c *specs.Case) {
				says101(c, "Upgrade: websocket", func(r *response) string {
					if got := strings.Join(r.values("Upgrade"), ", "); !strings.EqualFold(got, "websocket") {
						return "the Upgrade of the 101 is " + wire.Quote([]byte(got), 60)
					}
					return ""
				})
			}, specs.Covers("WS-HS-04"),
			specs.Cause("the field is left out, or copied from a request that asked for more; clients end the connection then")),

		specs.Requirement("websocket/handshake/101-has-connection", specs.Must, "RFC 6455 §4.2.2",
			"The 101 has the token upgrade, in any case, in its field Connection.",
			func(c *specs.Case) {
				says101(c, "Connection: Upgrade", func(r *response) string {
					if !hasToken(r.tokens("Connection"), "upgrade") {
						return "the Connection of the 101 is " + wire.Quote([]byte(strings.Join(r.values("Connection"), ", ")), 60)
					}
					return ""
				})
			}, specs.Covers("WS-HS-05"),
			specs.Cause("the field is left out, or says keep-alive or close as other responses do; clients end the connection then")),

		specs.Requirement("websocket/handshake/101-has-no-body", specs.Must, "RFC 9110 §8.6",
			"The 101 has neither Content-Length nor Transfer-Encoding, and nothing but frames follows its blank line.",
			func(c *specs.Case) {
				r := says101(c, "neither Content-Length nor Transfer-Encoding", func(r *response) string {
					for _, name := range []string{"Transfer-Encoding", "Content-Length"} {
						if v := r.values(name); len(v) > 0 && (len(v) > 1 || name != "Content-Length" || v[0] != "0") {
							return "the 101 has " + name + ": " + strings.Join(v, ", ")
						}
					}
					return ""
				}, framesFollow)
				if len(r.values("Content-Length")) > 0 {
					c.Admit(specs.NonStrict, specs.Reason{Code: specs.WrongBytes, Message: "the 101 has Content-Length: 0, which browsers tolerate",
						Expected: []string{"neither Content-Length nor Transfer-Encoding"}, Received: r.String()}, false)
				}
			}, specs.Covers("WS-HS-06"),
			specs.Cause("the 101 goes through the code for ordinary responses, which adds a length or a body")),

		specs.Requirement("websocket/handshake/101-grammar", specs.Must, "RFC 9112 §2.1",
			"Every line of the 101 ends in CRLF, is a name, a colon and a value, and an empty one ends the head.",
			func(c *specs.Case) {
				r := says101(c, "lines that end in CRLF, each a name with no blank before the colon", grammar101)
				if strings.Count(r.head, "\n") != strings.Count(r.head, "\r\n") {
					c.Admit(specs.NonStrict, specs.Reason{Code: specs.WrongBytes, Message: "lines of the 101 end in a bare LF, which lenient clients read",
						Expected: []string{"lines that end in CRLF"}, Received: r.String()}, false)
				}
			}, specs.Covers("WS-HS-07"),
			specs.Cause("the head is printed with \\n, or without the space behind 101, or a field is folded; write \\r\\n after each line")),

		specs.Requirement("websocket/handshake/header-names-any-case", specs.Must, "RFC 9110 §5.1",
			"The names of header fields are recognised in lower case, upper case and any mixture.",
			func(c *specs.Case) {
				for _, spell := range []func(string) string{strings.ToLower, strings.ToUpper, mixedCase} {
					accepts(c, "", func(r *request) { r.rename(spell) })
				}
			}, specs.Covers("WS-HS-08"),
			specs.Cause("header names are compared byte by byte; compare them without regard to case")),

		specs.Requirement("websocket/handshake/upgrade-any-case", specs.Must, "RFC 6455 §4.2.1",
			"Upgrade: WebSocket and WEBSOCKET are as good as websocket.",
			func(c *specs.Case) {
				for _, v := range []string{"WebSocket", "WEBSOCKET"} {
					accepts(c, "", set("Upgrade", v))
				}
			}, specs.Covers("WS-HS-09"),
			specs.Cause("the value is compared byte by byte; compare it without regard to case")),

		specs.Requirement("websocket/handshake/connection-any-case", specs.Must, "RFC 6455 §4.2.1",
			"Connection: uPGRADE is as good as Upgrade.",
			func(c *specs.Case) { accepts(c, "", set("Connection", "uPGRADE")) },
			specs.Covers("WS-HS-10"),
			specs.Cause("the token is compared byte by byte; compare it without regard to case")),

		specs.Requirement("websocket/handshake/connection-list", specs.Must, "RFC 6455 §4.2.1",
			"Upgrade is found in a list in Connection, as in keep-alive, Upgrade, with blanks and without.",
			func(c *specs.Case) {
				for _, v := range []string{"keep-alive, Upgrade", "Upgrade,keep-alive"} {
					accepts(c, "", set("Connection", v))
				}
			}, specs.Covers("WS-HS-11"),
			specs.Cause("the whole value is compared with Upgrade, so that Firefox is refused; take the list apart at its commas")),

		specs.Requirement("websocket/handshake/connection-on-two-lines", specs.Must, "RFC 9110 §5.2",
			"Two lines Connection, one with keep-alive and one with Upgrade, are one list in both orders.",
			func(c *specs.Case) {
				for _, v := range [][2]string{{"keep-alive", "Upgrade"}, {"Upgrade", "keep-alive"}} {
					accepts(c, "only one of the lines is read, as in gobwas/ws, Boost.Beast and tungstenite",
						func(r *request) { r.set("Connection", v[0]).add("Connection", v[1]) })
				}
			}, specs.Covers("WS-HS-12"),
			specs.Cause("fields are kept in a map in which the last or the first line wins; join the values of repeated lines with commas")),

		specs.Requirement("websocket/handshake/upgrade-list", specs.May, "RFC 9110 §7.8",
			"A handshake with Upgrade: foo, websocket is accepted or refused.",
			func(c *specs.Case) {
				acceptsOrRefuses(c, "the list is not taken apart", set("Upgrade", "foo, websocket"))
			},
			specs.Covers("WS-HS-13"),
			specs.Cause("a list in Upgrade is not expected and ends the server")),

		specs.Requirement("websocket/handshake/blanks-around-values", specs.Must, "RFC 9112 §5.1",
			"Blanks and tabs around values, or none at all, make no difference, and are no part of the key.",
			func(c *specs.Case) {
				for _, f := range []field{
					{"Upgrade:", "\twebsocket \t"},
					{"Connection:", "Upgrade"},
					{"Sec-WebSocket-Key", "  " + plainKey(c)},
				} {
					accepts(c, "", func(r *request) {
						for i := range r.fields {
							if strings.EqualFold(r.fields[i].name, strings.TrimSuffix(f.name, ":")) {
								r.fields[i] = f
							}
						}
					})
				}
				const behind = " \t"
				key := plainKey(c)
				accepting(c, []func(*request){set("Sec-WebSocket-Key", key+behind)}, expecting("101 with the Accept of the key and the blanks behind it", func(r reaction) bool {
					return r.reply.status == 101 && r.reply.get("Sec-WebSocket-Accept") == acceptFor(key+behind)
				}).nonstrict("the blanks behind the key are hashed with it, as by aiohttp and libwebsockets"))
			}, specs.Covers("WS-HS-14"),
			specs.Cause("fields are cut at a colon and one blank; trim blanks and tabs off both ends of the value")),

		specs.Requirement("websocket/handshake/headers-in-any-order", specs.Must, "RFC 6455 §4.2.1",
			"The header fields may come in any order, Host last included.",
			func(c *specs.Case) {
				accepts(c, "", func(r *request) {
					for i, j := 0, len(r.fields)-1; i < j; i, j = i+1, j-1 {
						r.fields[i], r.fields[j] = r.fields[j], r.fields[i]
					}
				})
			}, specs.Covers("WS-HS-15"),
			specs.Cause("fields are read at fixed lines; look them up by name")),

		specs.Requirement("websocket/handshake/other-headers-ignored", specs.Must, "RFC 6455 §4.2.1",
			"User-Agent, Pragma, Accept-Language, unknown and empty fields do not matter, wherever they stand.",
			func(c *specs.Case) { accepts(c, "", likeABrowser) }, specs.Covers("WS-HS-16"),
			specs.Cause("an empty value or an unknown name counts as an error, or fields are read at fixed lines")),

		specs.Requirement("websocket/handshake/cookie-of-two-kilobytes", specs.Must, "RFC 6455 §4.2.1",
			"Two kilobytes of Cookie do not keep a handshake from being accepted.",
			func(c *specs.Case) {
				accepts(c, "refused, as by the websocket stream of Boost.Beast, which reads no more than 1536 bytes", likeABrowser,
					func(r *request) { r.set("Cookie", "session="+strings.Repeat(c.Word(), 2048)[:2040]) })
			}, specs.Covers("WS-HS-16"),
			specs.Cause("the request is read into a buffer of 1 or 2 KiB; browsers send the cookies of the site, so take 8 KiB or more")),

		specs.Requirement("websocket/handshake/query", specs.Must, "RFC 6455 §4.2.1",
			"A query in the request target does not keep a handshake from being accepted.",
			func(c *specs.Case) {
				needsOpening(c)
				ws, a := try(c, func(r *request) { r.target += query(r.target, "a=b&c=%20d") })
				judge(a.client, a.sent(), a.reaction, []outcome{accepted(),
					expecting("404", func(r reaction) bool { return r.reply.status == 404 }).info("the application does not know the path with a query"),
					refused().nonstrict("refused because of a query")})
				works(ws)
			}, specs.Covers("WS-HS-17"),
			specs.Cause("the whole target is compared with the path; cut it at the question mark")),

		specs.Requirement("websocket/handshake/absolute-target", specs.Must, "RFC 9112 §3.2.2",
			"A request target in absolute form, http://host:port/path, is accepted.",
			func(c *specs.Case) {
				accepts(c, "refused, as uWebSockets does", func(r *request) {
					scheme := "http://"
					if c.Target().TLS != nil {
						scheme = "https://"
					}
					r.target = scheme + authority(c) + r.target
				})
			}, specs.Covers("WS-HS-18"),
			specs.Cause("the target is taken for a path without looking; servers have to take both forms")),

		specs.Requirement("websocket/handshake/byte-by-byte", specs.Must, "RFC 9112 §2.2",
			"A handshake that comes one byte at a time is accepted, and not before its last byte.",
			func(c *specs.Case) {
				req := hello(c)
				cuts := make([]int, len(req.String())-1)
				for i := range cuts {
					cuts[i] = i + 1
				}
				// More patience is for the answer: a server may have little for the request.
				acceptsInPieces(c, req, min(c.Timing().Gap/2, 5*time.Millisecond), cuts...)
			}, specs.Covers("WS-HS-19"), specs.Cause(oneRead)),

		specs.Requirement("websocket/handshake/split-in-final-line-ends", specs.Must, "RFC 9112 §2.2",
			"A handshake cut inside its last four bytes, CRLF CRLF, is accepted, and not before the last of them.",
			func(c *specs.Case) {
				for cut := 3; cut > 0; cut-- {
					req := hello(c)
					acceptsInPieces(c, req, max(200*time.Millisecond, 2*c.Timing().Quiet), len(req.String())-cut)
				}
			}, specs.Covers("WS-HS-20"),
			specs.Cause("the blank line is looked for in each piece by itself; look for it in all that has come so far")),

		specs.Requirement("websocket/handshake/split-anywhere", specs.Must, "RFC 9112 §2.2",
			"A handshake in two segments, cut in the request line, in a name or in the key, is accepted.",
			func(c *specs.Case) {
				for _, part := range []string{"GET /", "WebSocket-Version", ""} {
					req := hello(c)
					if part == "" {
						part = req.get("Sec-WebSocket-Key")
					}
					acceptsInPieces(c, req, max(300*time.Millisecond, 2*c.Timing().Quiet), strings.Index(req.String(), part)+len(part)/2)
				}
			}, specs.Covers("WS-HS-21"), specs.Cause(oneRead)),

		specs.Requirement("websocket/handshake/early-frame", specs.Robust, "RFC 6455 §4.1",
			"A frame in the same segment as the handshake is answered or dropped, and the connection works, or it fails the connection.",
			func(c *specs.Case) {
				needsEcho(c)
				needsOpening(c)
				data := "early " + c.Word()
				if ws := early(c, frame.New(frame.Text, data), 0); ws != nil {
					if ws.Expect(echoed(frame.Text, data), stays().info("what comes before the 101 is dropped, as uWebSockets and gobwas/ws do"),
						over().info("the connection fails: a client has to wait for the 101")) < 2 {
						works(ws)
					}
				}
				c.StillServes()
			}, specs.Covers("WS-HS-22"),
			specs.Cause("what was read behind the head is thrown away in part, so that the next frame is read from its middle; keep all of it for the reader of frames")),

		specs.Requirement("websocket/handshake/early-half-frame", specs.Robust, "RFC 6455 §4.1",
			"Half a frame in the same segment as the handshake, and the rest after the 101, is answered, or dropped, or fails the connection.",
			func(c *specs.Case) {
				needsEcho(c)
				needsOpening(c)
				data := "early " + c.Word()
				// The second half has reserved bits set if it is read as a frame.
				f := frame.New(frame.Text, data).WithKey([4]byte{0x91, 0x91, 0x91, 0x91})
				half := f.HeaderSize() + len(data)/2
				if ws := early(c, f, half); ws != nil {
					ws.SendBytes(f.Bytes()[half:])
					ws.Expect(echoed(frame.Text, data), over().info("the connection fails, as with uWebSockets and gobwas/ws"),
						stays().info("the frame is dropped"), silent().info("the half that came early is dropped"))
				}
				c.StillServes()
			}, specs.Covers("WS-HS-23"),
			specs.Cause("what was read behind the head is lost to the reader of frames; keep it")),

		specs.Requirement("websocket/handshake/server-does-not-speak-first", specs.Must, "RFC 6455 §4.2.2",
			"No byte comes before the request is whole, and the first ones after it are a status line.",
			func(c *specs.Case) {
				cl := c.Dial()
				wait := max(500*time.Millisecond, 3*c.Timing().Quiet)
				if limit := duration(c, "handshake-timeout"); limit > 0 {
					wait = min(wait, limit/2)
				}
				tooEarly(cl, wait, "nothing")
				_, a := converse(cl, hello(c))
				judge(cl, a.sent(), a.reaction, []outcome{switched()})
				goesOn(a)
			}, specs.Covers("WS-HS-24"),
			specs.Cause("the server greets its clients, or answers when it has accepted the connection and before it has read the request")),
	}
}

// obstacle says why this is no 101, or what the user has to name or declare to
// get one; "" when nobody knows.
func (r *response) obstacle() string {
	switch status := r.status; {
	case r.head == "" && r.end == "":
		return "the end of the request is not found, or one of its headers: read to the empty line, know headers in any case, and answer HTTP/1.1 101 Switching Protocols"
	case r.head == "":
		return "the request ends the connection, or the server: look for an error that nobody caught, or a header that is not found"
	case status == 0:
		return "something else stands where the status line is due: nothing comes before HTTP/1.1 101 Switching Protocols"
	case status == 101:
		return "write HTTP/1.1 in the status line, whatever the request says"
	case len(r.values("Sec-WebSocket-Accept")) > 0:
		return "there is an Accept, and not the status that goes with it: write HTTP/1.1 101 Switching Protocols"
	case status == 401:
		return "the server wants credentials: declare them with --dialect credentials=USER:PASSWORD, or test it without that check"
	case status == 403:
		return "the server does not let this client in, which sends neither Origin nor Cookie: test it with that policy off"
	case status == 404:
		return "WebSocket is not spoken at this path: name the one where it is, as in ws://host:port/path"
	case status >= 300 && status < 400:
		return "the server redirects its client: name the address in Location, as in ws://host:port/path"
	}
	return ""
}

const oneRead = "one read is taken for the whole request; read until the blank line has come, however many reads that takes"

// mixedCase is sEc-wEbSoCkEt-KeY.
func mixedCase(s string) string {
	b := []byte(strings.ToLower(s))
	for i := 1; i < len(b); i += 2 {
		b[i] = strings.ToUpper(string(b[i]))[0]
	}
	return string(b)
}

// likeABrowser adds fields that browsers send, an unknown one and an empty one.
func likeABrowser(r *request) {
	own := r.fields
	r.fields = append([]field{own[0], {"User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"}, {"Pragma", "no-cache"}, {"X-Kit", "1"}, {"X-Empty", ""}}, own[1:]...)
	r.add("Accept-Language", "en-US,en;q=0.5")
}

// keys are 16 keys that wrong encoders trip over, most of them random.
func keys(c *specs.Case) []string {
	list := []string{"AAAAAAAAAAAAAAAAAAAAAA==", "/////////////////////w=="}
	for _, trips := range []func(key string) bool{
		func(key string) bool { return strings.Contains(key, "+") },
		func(key string) bool { return strings.Contains(key, "/") },
		func(key string) bool { return strings.Contains(acceptFor(key), "+") },
		func(key string) bool { return strings.Contains(acceptFor(key), "/") },
		func(key string) bool { return strings.Contains(hashOf(key), "\x00") },
		func(key string) bool { return strings.HasPrefix(hashOf(key), "\x00") },
	} {
		key := randomKey(c)
		for !trips(key) {
			key = randomKey(c)
		}
		list = append(list, key)
	}
	for len(list) < 16 {
		list = append(list, randomKey(c))
	}
	return list
}

func hasToken(list []string, token string) bool {
	for _, t := range list {
		if strings.EqualFold(t, token) {
			return true
		}
	}
	return false
}

// query is a query in a form that can be put behind a target.
func query(target, q string) string {
	if strings.Contains(target, "?") {
		return "&" + q
	}
	return "?" + q
}

// grammar101 says what is wrong with the lines of a head.
func grammar101(r *response) string {
	status, _, _ := strings.Cut(r.head, "\n")
	switch {
	case r.problem != "":
		return r.problem
	case !strings.HasPrefix(status, r.version+" 101 "):
		return "the status line of the 101 lacks the space before the reason, which is due even when that is empty"
	case strings.Contains(strings.ReplaceAll(r.head, "\r\n", ""), "\r"):
		return "a CR in the head of the 101 is not followed by LF"
	}
	for _, f := range r.fields {
		if validToken(f.name) != nil {
			return "the name of a field is no token: " + wire.Quote([]byte(f.name), 40)
		}
	}
	return ""
}

// accepts101 has a handshake with a key that is answered with a 101 and the right
// Accept, whatever else is in it; unlike accepts, it judges the target even if it
// has accepted no handshake so far.
func accepts101(c *specs.Case, key string) {
	_, a := try(c, set("Sec-WebSocket-Key", key))
	judge(a.client, a.sent(), a.reaction, []outcome{switched()})
	if r := a.reaction.reply; r.acceptFault(key) != "" {
		c.Refute(specs.Reason{Code: specs.WrongBytes, Message: r.acceptFault(key), Sent: a.sent(), Expected: []string{"101 with Sec-WebSocket-Accept: " + acceptFor(key)},
			Received: r.String(), Hint: mistaken(key, r.get("Sec-WebSocket-Accept"))}, false)
	}
	goesOn(a)
}

// mistaken says which of the usual mistakes makes this Accept of a key; "" when
// it is none of them.
func mistaken(key, accept string) string {
	hash := func(text string) string {
		sum := sha1.Sum([]byte(text)) //nolint:gosec // as in acceptFor
		return string(sum[:])
	}
	in64 := func(hash string) string { return base64.StdEncoding.EncodeToString([]byte(hash)) }
	decoded, _ := base64.StdEncoding.DecodeString(key)
	right := hashOf(key)
	text, _, _ := strings.Cut(right, "\x00")
	for _, m := range []struct{ accept, cause string }{
		{acceptFor("dGhlIHNhbXBsZSBub25jZQ=="), "the Accept is that of the sample in RFC 6455, whatever the key is; make it from the key of the request"},
		{key, "the key is sent back as it came; send the base64 form of the SHA-1 of the key and the GUID"},
		{in64(hash(key)), "the GUID is left out; hash the key and, right behind it, " + guid},
		{in64(hash(guid + key)), "the GUID stands before the key; it comes behind it"},
		{in64(hash(key + strings.ToLower(guid))), "the GUID is in lower case; it is " + guid},
		{in64(hash(string(decoded) + guid)), "the key is decoded before it is hashed; hash its text, 24 characters"},
		{in64(hash(" " + key + guid)), "the blank before the key is hashed with it; trim the value"},
		{in64(hash(key + "\r" + guid)), "the CR behind the key is hashed with it; a line ends in CR LF"},
		{in64(hash(key + "\r\n" + guid)), "the line end behind the key is hashed with it; trim the value"},
		{in64(hash(key + guid + "\n")), "a line end behind the GUID is hashed with it"},
		{in64(hash(key + guid + "\x00")), "the NUL behind the GUID is hashed with it: the length is that of an array, and not that of its text"},
		{in64(text), "the hash is taken for a C string, which ends at its first zero byte; it has 20 bytes, whatever they are"},
		{in64(fmt.Sprintf("%x", right)), "the hexadecimal form of the SHA-1 is encoded; encode its 20 bytes"},
		{fmt.Sprintf("%x", right), "the SHA-1 is sent in hexadecimal; send the base64 form of its 20 bytes"},
		{base64.URLEncoding.EncodeToString([]byte(right)), "the hash is encoded in the alphabet for URLs; the one with + and / is wanted"},
		{base64.RawStdEncoding.EncodeToString([]byte(right)), "the padding is left out; the Accept has 28 characters and ends in ="},
	} {
		if accept == m.accept && accept != "" {
			return m.cause
		}
	}
	return ""
}

// says101 has a handshake that is answered with a 101, and fails the case for
// what is wrong with that, or with what comes behind it.
func says101(c *specs.Case, due string, wrong func(*response) string, behind ...func(attempt)) *response {
	_, a := try(c)
	judge(a.client, a.sent(), a.reaction, []outcome{switched()})
	r := a.reaction.reply
	if problem := wrong(r); problem != "" {
		c.Refute(specs.Reason{Code: specs.WrongBytes, Message: problem, Sent: a.sent(),
			Expected: []string{"101 with " + due}, Received: r.String()}, false)
	}
	for _, look := range behind {
		look(a)
	}
	goesOn(a)
	return r
}

// goesOn proves that a connection is served after its 101, even a wrong one,
// where the target shows that in any way: one that is not served has not been
// accepted.
func goesOn(a attempt) {
	ws, ok := a.client.Session.(*conn)
	if !ok {
		ws = upgrade(a.client, a.reaction.reply)
	}
	works(ws)
}

// endures proves that a 101 is not the last thing that a server says, where
// nothing that is asked shows it: no end comes without a Close frame.
func endures(a attempt) {
	ws := a.client.Session.(*conn)
	ws.pump(2*ws.c.Timing().Quiet, func() bool { return false })
	if ws.end != "" && ws.close == nil {
		ws.c.Refute(specs.Reason{Code: specs.ClosedEarly, Message: "the connection ends behind the 101, without a Close frame", Sent: a.sent(),
			Expected: []string{"HTTP/1.1 101, and an open connection"}, Received: a.reaction.String() + ", then " + strings.ToUpper(string(ws.end)),
			Hint: "the 101 is answered as other requests are, and the connection closed behind it, or nothing reads from it any more; keep it, and read frames"}, false)
	}
}

// framesFollow fails the case for bytes behind a 101 that begin no frame of a
// server that has agreed to no extension.
func framesFollow(a attempt) {
	c := a.client.Case()
	s := a.client.Await(c.Timing().Quiet, func(p []byte) bool { return len(p) > 0 })
	if len(s.Unread) == 0 {
		return
	}
	if op := frame.Opcode(s.Unread[0] & 0xF); s.Unread[0]&0x70 != 0 || !op.Known() {
		c.Refute(specs.Reason{Code: specs.ExtraBytes, Message: "what follows the blank line of the 101 is no frame: " + wire.Quote(s.Unread, 40), Sent: a.sent(),
			Expected: []string{"101, and frames behind its blank line"}, Received: a.reaction.String() + " · " + wire.Quote(s.Unread, 120)}, false)
	}
}

// needsOpening keeps a requirement about a variant of the handshake from being
// judged on a target that does not accept the plain one.
func needsOpening(c *specs.Case) {
	if c.Dialect("opening") == "none" {
		c.Blocked("needs an opening handshake that the target accepts, and it accepts none")
	}
}

// works proves that a connection is served after its opening handshake, where
// the target shows that in any way. It takes no conn for an answer.
func works(ws *conn) {
	if ws != nil && !mute(ws.c) {
		ws.Stays()
	}
}

// worksAfter is works, with the request in the evidence.
func (ws *conn) worksAfter(a attempt) {
	if ws != nil {
		ws.sent = []string{a.sent()}
	}
	works(ws)
}

// accepts has an opening handshake that must be accepted, and that leads to a
// connection that works. A reason makes a refusal nonstrict: it says which
// respected servers refuse it, or why.
func accepts(c *specs.Case, nonstrict string, mods ...func(*request)) *conn {
	if nonstrict != "" {
		return accepting(c, mods, refused().nonstrict(nonstrict))
	}
	return accepting(c, mods)
}

// acceptsOrRefuses has an opening handshake that may be accepted or refused.
func acceptsOrRefuses(c *specs.Case, info string, mods ...func(*request)) {
	accepting(c, mods, refused().info(info), unanswered().nonstrict(noAnswerEither))
	c.StillServes()
}

func accepting(c *specs.Case, mods []func(*request), others ...outcome) *conn {
	needsOpening(c)
	ws, a := try(c, mods...)
	judge(a.client, a.sent(), a.reaction, append([]outcome{accepted()}, others...))
	if ws == nil {
		a.client.Leave()
	}
	ws.worksAfter(a)
	return ws
}

// acceptsInPieces has an opening handshake that is sent cut at the given
// offsets, with a pause at each of them, and that must be accepted when it is
// whole and not before.
func acceptsInPieces(c *specs.Case, req *request, pause time.Duration, cuts ...int) {
	needsOpening(c)
	c.Afresh()
	cl := c.Dial()
	p, from := req.String(), 0
	// On a busy machine every pause may be longer than it was meant to be: what
	// would come too late comes along with the rest.
	began, limit := time.Now(), duration(c, "handshake-timeout")/2
	if limit > 0 {
		pause = min(pause, limit)
	}
	for _, cut := range cuts {
		if limit > 0 && time.Since(began) > limit {
			break
		}
		cl.Send(p[from:cut])
		tooEarly(cl, pause, wire.Quote([]byte(p[:cut]), 400)+", which is not the whole request")
		from = cut
	}
	cl.Send(p[from:])
	ws, a := hear(cl, req)
	if a.what = "one byte at a time"; len(cuts) == 1 {
		a.what = fmt.Sprintf("cut behind %s for %s", wire.Quote([]byte(p[max(0, from-12):from]), 40), pause)
	}
	judge(cl, a.sent(), a.reaction, []outcome{accepted()})
	works(ws)
}

// tooEarly fails the case if a byte or the end comes within d, before all of a
// request has been sent.
func tooEarly(cl *specs.Client, d time.Duration, sent string) {
	s := cl.Await(d, func(p []byte) bool { return len(p) > 0 })
	r := specs.Reason{Sent: sent, Expected: []string{"nothing, until the request is whole"}}
	switch {
	case len(s.Unread) > 0:
		r.Code, r.Message, r.Received = specs.NotSilent, "bytes came before the request was whole", wire.Quote(s.Unread, 240)
	case s.End != "":
		r.Code, r.Message, r.Received = specs.ClosedEarly, "the connection ended before the request was whole", strings.ToUpper(string(s.End))
	default:
		return
	}
	cl.Case().Refute(r, false)
}

// early has an opening handshake with the first bytes of a frame behind it, all
// of them if first is 0; the conn is nil if it is refused, which is recorded.
func early(c *specs.Case, f frame.Frame, first int) *conn {
	if !f.Fixed {
		copy(f.Key[:], randomBytes(c, 4))
	}
	body := f.Bytes()
	if first > 0 {
		body = body[:first]
	}
	ws, a := try(c, func(r *request) { r.body = body })
	a.what = "and the beginning of " + f.String()
	judge(a.client, a.sent(), a.reaction, []outcome{accepted(), refused().info("a handshake with something behind it is refused")})
	if ws != nil {
		ws.sent = append(ws.sent, "the opening handshake and "+f.String())
	}
	return ws
}

// over is the end of a connection, in any way but with what is no Close frame.
func over() outcome {
	return expecting("the connection fails", func(r reaction) bool {
		return r.end != "" && !r.answered() && (r.close == nil || r.close.Fin && r.close.RSV == 0 && r.close.Length <= 125)
	})
}

// refuses has an opening handshake that must be refused, between two that must
// not. what says in a word or two what is wrong with it. Outcomes other than the
// refusal may be added.
func refuses(c *specs.Case, what string, mod func(*request), others ...outcome) {
	refusesAll(c, []variant{{what, mod}}, others...)
}

// unmannerly is the cause of what is neither a 101 nor a refusal: whatever is
// wrong with a request, it is answered, and in HTTP.
func (r reaction) unmannerly() string {
	switch {
	case r.reply.head == "" && r.reply.end == "":
		return "the request is dropped without an answer, and the client waits for ever; answer it with 400, or whatever fits, and close"
	case r.reply.head != "" && r.reply.status == 0:
		return "the request is refused in another way than that of HTTP; answer it with HTTP/1.1 400 Bad Request and an empty line, and close"
	}
	return ""
}

// variant is a way in which an opening handshake is not as it should be.
type variant struct {
	what string
	mod  func(*request)
}

// refusesAll is refuses for several handshakes, each on a connection of its own.
// Where accepting one is allowed, the connection has to work.
func refusesAll(c *specs.Case, variants []variant, others ...outcome) {
	openAnyway(c)
	outcomes := append([]outcome{refused()}, others...)
	for _, v := range variants {
		ws, a := try(c, v.mod)
		a.what, a.reaction.hint = v.what, a.reaction.unmannerly()
		if i := judge(a.client, a.sent(), a.reaction, outcomes); outcomes[i].verdict != specs.NonStrict {
			ws.worksAfter(a)
		}
	}
	c.StillServes()
}

// with are variants of a handshake, one for each value of a field.
func with(name string, values ...string) (list []variant) {
	for _, v := range values {
		list = append(list, variant{name + ": " + v, set(name, v)})
	}
	return list
}

// set gives a field of the handshake another value.
func set(name, value string) func(*request) { return func(r *request) { r.set(name, value) } }

// without leaves a field of the handshake out.
func without(name string) func(*request) { return func(r *request) { r.del(name) } }
