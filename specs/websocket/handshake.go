package websocket

import (
	"strings"
	"time"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

// handshake is what a server must accept, and what its 101 must say.
func handshake() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/handshake/accepted", specs.Must, "RFC 6455 §4.2.2",
			"A valid opening handshake is answered with the status line HTTP/1.1 101.",
			func(c *specs.Case) {
				_, a := try(c)
				if r := a.reaction; r.reply.status != 101 && c.Dialect("opening") == "tutorial-004" { // seen before the run
					c.Refute(specs.Reason{Code: r.code(), Message: r.message(), Sent: a.sent(), Expected: []string{"HTTP/1.1 101"}, Received: r.String(),
						Hint: "the names of headers are compared letter by letter: the key is found only when it is in Sec-Websocket-Key, spelt so; any case has to do"}, r.waited)
				}
				judge(a.client, a.sent(), a.reaction, []outcome{expecting("HTTP/1.1 101", func(r reaction) bool {
					return r.reply.status == 101 && r.reply.version == "HTTP/1.1"
				})})
				goesOn(a)
			}, specs.Covers("WS-HS-01"),
			specs.Cause("the path, the Host or a header that the server wants is not what a client sends by default: name the path as in ws://host:port/path")),

		specs.Requirement("websocket/handshake/accept-of-sample-key", specs.Must, "RFC 6455 §4.2.2",
			"The Accept of the sample key of RFC 6455 is s3pPLMBiTxaQ9kYGzzhZRbK+xOo=.",
			func(c *specs.Case) { accepted101(c, set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")) },
			specs.Covers("WS-HS-02"),
			specs.Cause("the SHA-1 is taken of the decoded key, or its hexadecimal form is encoded; take it of the text of the key and the GUID, and encode the 20 bytes")),

		specs.Requirement("websocket/handshake/accept-of-any-key", specs.Must, "RFC 6455 §4.2.2",
			"The Accept of every key is the base64 form of the SHA-1 of its text and the GUID.",
			func(c *specs.Case) {
				for _, key := range keys(c) {
					accepted101(c, set("Sec-WebSocket-Key", key))
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
				})
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
				accepts(c, "", func(r *request) {
					for i, f := range r.fields {
						switch strings.ToLower(f.name) {
						case "upgrade":
							r.fields[i] = field{"Upgrade:", "\twebsocket \t"}
						case "connection":
							r.fields[i] = field{"Connection:", "Upgrade"}
						case "sec-websocket-key":
							r.fields[i].value = "  " + f.value
						}
					}
				})
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
					expecting("another 4xx", func(r reaction) bool { return r.reply.status/100 == 4 }).nonstrict("refused because of a query")})
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
					acceptsInPieces(c, req, 2*c.Timing().Quiet, len(req.String())-cut)
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
					acceptsInPieces(c, req, 2*c.Timing().Quiet, strings.Index(req.String(), part)+len(part)/2)
				}
			}, specs.Covers("WS-HS-21"), specs.Cause(oneRead)),

		specs.Requirement("websocket/handshake/early-frame", specs.Robust, "RFC 6455 §4.1",
			"A frame in the same segment as the handshake is answered or dropped, and the connection works.",
			func(c *specs.Case) {
				needsEcho(c)
				needsOpening(c)
				data := "early " + c.Word()
				if ws := early(c, frame.New(frame.Text, data), 0); ws != nil {
					ws.Expect(echoed(frame.Text, data), stays().info("what comes before the 101 is dropped, as uWebSockets and gobwas/ws do"))
					works(ws)
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
				tooEarly(cl, 3*c.Timing().Quiet, "nothing")
				_, a := converse(cl, hello(c))
				judge(cl, a.sent(), a.reaction, []outcome{switched()})
				goesOn(a)
			}, specs.Covers("WS-HS-24"),
			specs.Cause("the server greets its clients, or answers when it has accepted the connection and before it has read the request")),
	}
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
	for _, must := range []string{"+", "/", "+", "/"} {
		key := randomKey(c)
		for !strings.Contains(key, must) {
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
	case !strings.HasPrefix(status, "HTTP/1.1 101 "):
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

// accepted101 has a handshake that is answered with a right 101; unlike accepts,
// it judges the target even if it has accepted no handshake so far.
func accepted101(c *specs.Case, mods ...func(*request)) {
	_, a := try(c, mods...)
	judge(a.client, a.sent(), a.reaction, []outcome{accepted()})
	goesOn(a)
}

// says101 has a handshake that is answered with a 101, and fails the case for
// what is wrong with that.
func says101(c *specs.Case, due string, wrong func(*response) string) *response {
	_, a := try(c)
	judge(a.client, a.sent(), a.reaction, []outcome{switched()})
	r := a.reaction.reply
	if problem := wrong(r); problem != "" {
		c.Refute(specs.Reason{Code: specs.WrongBytes, Message: problem, Sent: a.sent(),
			Expected: []string{"101 with " + due}, Received: r.String()}, false)
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
	works(ws)
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
		a.what = v.what
		if i := judge(a.client, a.sent(), a.reaction, outcomes); outcomes[i].verdict != specs.NonStrict {
			works(ws)
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
