package websocket

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"conform/specs"
)

// handshakeGrammar is the opening handshake as an HTTP message (RFC 9112), and
// what comes in its place: junk, floods, clients that are slow or gone.
func handshakeGrammar() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/handshake/bare-lf-lines", specs.May, "RFC 9112 §2.2",
			"A handshake whose lines end in a bare LF is accepted or refused.",
			func(c *specs.Case) {
				tries(c, []variant{{"lines end in LF", func(r *request) { r.lineEnd = "\n" }}},
					accepted().info("a bare LF ends a line here"), refused(), unanswered().info("the server waits for a CRLF"))
			}, specs.Covers("WS-HS-80"),
			specs.Cause("the lines are cut at CR or at two bytes without looking at them; a server may take LF for a line end or answer 400")),

		specs.Requirement("websocket/handshake/blank-before-colon-refused", specs.Must, "RFC 9112 §5.1",
			"A blank between a field name and its colon is refused.",
			func(c *specs.Case) {
				tries(c, []variant{
					{"X-Kit : a", func(r *request) { r.add("X-Kit :", " a") }},
					{"Upgrade : websocket", func(r *request) { r.del("Upgrade").add("Upgrade :", " websocket") }},
				}, refused(), accepted().nonstrict("accepted, as gobwas, tornado and others do"),
					unanswered().nonstrict("left without an answer, as libwebsockets does"))
			}, specs.Covers("WS-HS-81"),
			specs.Cause("the name is trimmed before it is looked at; proxies that do not trim see another message, so answer 400")),

		specs.Requirement("websocket/handshake/folded-value", specs.Must, "RFC 9112 §5.2",
			"A folded field value is refused, or its line ends are read as blanks.",
			func(c *specs.Case) {
				tries(c, []variant{
					{"a folded value", func(r *request) { r.add("X-Kit", "a\r\n b") }},
					{"a value folded by a tab", func(r *request) { r.before("X-Kit", "a\r\n\tb") }},
				}, accepted().info("folded values are read"), refused(),
					unanswered().nonstrict("left without an answer, as libwebsockets does"))
			}, specs.Covers("WS-HS-82"),
			specs.Cause("the second line has no colon and breaks the parser; answer 400, or join it to the line before")),

		specs.Requirement("websocket/handshake/folded-line-is-no-field", specs.Must, "RFC 9112 §5.2",
			"The second line of a folded value is not read as a field of its own.",
			func(c *specs.Case) { hides(c, "\r\n ", refused(), unanswered().info("left without an answer")) },
			specs.Covers("WS-HS-82"),
			specs.Cause("lines are trimmed before they are cut at the colon; a line that begins with a blank continues the one before")),

		specs.Requirement("websocket/handshake/control-characters-in-value", specs.Robust, "RFC 9110 §5.5",
			"A handshake with NUL, 0x01 or DEL in a field value is refused or accepted, and does no harm.",
			func(c *specs.Case) {
				nul := accepted().info("accepted: a NUL must be refused or replaced by a blank, which cannot be seen")
				tries(c, []variant{{"NUL in a value", func(r *request) { r.add("X-Kit", "a\x00b") }}}, nul, refused())
				tries(c, []variant{
					{"0x01 in a value", func(r *request) { r.add("X-Kit", "a\x01b") }},
					{"DEL in a value", func(r *request) { r.add("X-Kit", "a\x7fb") }},
				}, accepted(), refused())
			}, specs.Covers("WS-HS-83"),
			specs.Cause("the request is handled as a C string and ends at the NUL; answer 400, or keep its length")),

		specs.Requirement("websocket/handshake/bare-cr-is-no-line-end", specs.Must, "RFC 9112 §2.2",
			"A CR without LF ends no line: what follows it is not read as a field.",
			func(c *specs.Case) {
				tries(c, []variant{{"a bare CR in a value", func(r *request) { r.add("X-Kit", "a\rb") }}}, accepted(), refused())
				hides(c, "\r", refused(), unanswered().info("left without an answer"),
					switched().nonstrict("a bare CR ends a line here, as in Autobahn"))
			}, specs.Covers("WS-HS-84"),
			specs.Cause("the head is cut at CR, or by a function that knows every kind of line end; cut it at CRLF and refuse a CR that stands alone")),

		specs.Requirement("websocket/handshake/line-without-colon-refused", specs.Must, "RFC 6455 §4.2.1",
			"A header line without a colon is refused.",
			func(c *specs.Case) {
				tries(c, []variant{
					{"a line without a colon", func(r *request) { r.fields = append(r.fields, field{"X-Kit\r\nX-Other:", " 1"}) }},
				}, refused(), accepted().nonstrict("the line is skipped, as libwebsockets and Autobahn do"))
			}, specs.Covers("WS-HS-85"),
			specs.Cause("lines that cannot be cut at a colon are skipped; a request that does not match the grammar is answered with 400")),

		specs.Requirement("websocket/handshake/malformed-request-line-refused", specs.Must, "RFC 6455 §4.2.1",
			"A request line without a version, with a blank in its target or with a version in small letters is refused.",
			malformedRequestLines, specs.Covers("WS-HS-86"),
			specs.Cause("the request line is cut at blanks and only the parts of interest are looked at; it is a method, a target and HTTP/1.1, and nothing else")),

		specs.Requirement("websocket/handshake/empty-line-before-request", specs.Should, "RFC 9112 §2.2",
			"An empty line before the request line is skipped.",
			func(c *specs.Case) {
				tries(c, []variant{{"CRLF before the request line", func(r *request) { r.method = "\r\n" + r.method }}},
					accepted(), refused().info("it is refused"), unanswered().info("it is left without an answer"))
			}, specs.Covers("WS-HS-87"),
			specs.Cause("the first line is taken for the request line, whatever it is; skip one empty line")),

		specs.Requirement("websocket/handshake/junk-instead-of-http", specs.Robust, "good engineering",
			"What is no HTTP/1.1 (a TLS ClientHello, random bytes, HTTP/2, a PROXY header) is not accepted and does no harm.",
			junk, specs.Covers("WS-HS-88"), specs.Perilous,
			specs.Cause("the server relies on finding blanks, colons and line ends, and dies of what has none; check every index, and answer 400 or close")),

		specs.Requirement("websocket/handshake/64-kib-header", specs.Robust, "RFC 9110 §5.4",
			"A handshake with a field of 64 KiB is refused or accepted, and does no harm.",
			func(c *specs.Case) {
				tries(c, []variant{{"a field of 64 KiB", func(r *request) { r.add("X-Kit", strings.Repeat("k", 64<<10)) }}},
					accepted().info("64 KiB are accepted"), overwhelmed(), unanswered().nonstrict("left without an answer, where a 431 is due"))
			}, specs.Covers("WS-HS-89"), specs.Perilous, specs.Cause(fixedBuffer)),

		specs.Requirement("websocket/handshake/64-kib-target", specs.Robust, "RFC 9112 §3",
			"A handshake with a request target of 64 KiB is refused or accepted, and does no harm.",
			func(c *specs.Case) {
				tries(c, []variant{{"a target of 64 KiB", func(r *request) { r.target += "?" + strings.Repeat("k", 64<<10) }}},
					accepted().info("64 KiB are accepted"), overwhelmed(), unanswered().nonstrict("left without an answer, where a 414 is due"))
			}, specs.Covers("WS-HS-89"), specs.Perilous, specs.Cause(fixedBuffer)),

		specs.Requirement("websocket/handshake/200-headers", specs.Robust, "good engineering",
			"A handshake with 200 more fields is refused or accepted.",
			func(c *specs.Case) {
				tries(c, []variant{{"200 more fields", func(r *request) { extraFields(r, 200) }}},
					accepted(), overwhelmed().info("the server takes fewer than 200 fields"))
			}, specs.Covers("WS-HS-90"), specs.Cause("the fields are kept in an array of fixed size; refuse what does not fit with 431")),

		specs.Requirement("websocket/handshake/2500-headers", specs.Robust, "good engineering",
			"A handshake with 2500 more fields, before those that matter or behind them, does no harm.",
			func(c *specs.Case) {
				tries(c, []variant{
					{"2500 fields before the others", func(r *request) {
						own := r.fields
						r.fields = nil
						extraFields(r, 2500)
						r.fields = append(r.fields, own...)
					}},
					{"2500 fields behind the others", func(r *request) { extraFields(r, 2500) }},
				}, accepted(), overwhelmed())
			}, specs.Covers("WS-HS-91"), specs.Perilous,
			specs.Cause("the HTTP library drops fields above a maximum, and Upgrade is used without looking whether it is there (CVE-2024-37890); check it, and answer 400 or 431")),

		specs.Requirement("websocket/handshake/endless-head", specs.Robust, "good engineering",
			"A head of a mebibyte that has no end keeps no other client waiting.",
			endlessHead, specs.Covers("WS-HS-92"), specs.Clients(2), specs.Perilous,
			specs.Cause("the whole head is parsed again with every piece (CVE-2023-43669), or one client is served at a time; bound the head and go on where the last piece ended")),

		specs.Requirement("websocket/handshake/body-on-get", specs.Robust, "RFC 9112 §6.3",
			"The body of a handshake that has one is not taken for frames, or the handshake is refused.",
			func(c *specs.Case) {
				withBody(c, "Content-Length: 5", func(r *request) { r.add("Content-Length", "5").body = "hello" })
			}, specs.Covers("WS-HS-93"),
			specs.Cause("Content-Length is not looked at; read the body before the first frame, or refuse the request")),

		specs.Requirement("websocket/handshake/chunked-body-on-get", specs.Robust, "RFC 9112 §6.1",
			"A handshake with a chunked body is refused, or accepted and served.",
			func(c *specs.Case) {
				withBody(c, "an empty chunked body", func(r *request) { r.add("Transfer-Encoding", "chunked").body = "0\r\n\r\n" },
					unanswered().info("it is left without an answer"))
			}, specs.Covers("WS-HS-94"),
			specs.Cause("the server waits for a body that it never reads; read it or refuse the request")),

		specs.Requirement("websocket/handshake/ambiguous-length-refused", specs.Must, "RFC 9112 §6.3",
			"A handshake with two lengths, or with a length and chunks, is refused, and the connection is closed.",
			ambiguousLengths, specs.Covers("WS-HS-95"),
			specs.Cause("one of the lengths is taken, where a proxy in between may take the other; answer 400 and close")),

		specs.Requirement("websocket/handshake/expect-100-continue", specs.May, "RFC 9110 §7.8",
			"A handshake with Expect: 100-continue is accepted, with or without a 100 before the 101.",
			func(c *specs.Case) {
				right := accepted()
				mayPart(c, variant{"Expect: 100-continue", func(r *request) { r.add("Expect", "100-continue") }},
					expecting("100, then "+right.text, func(r reaction) bool { return right.match(r) && slices.Contains(r.reply.interim, 100) }),
					right.info("no 100 comes before the 101: RFC 9110 §7.8 wants it, §10.1.1 lets it be left out where there is no content"))
			}, specs.Covers("WS-HS-96"),
			specs.Cause("the server waits for a body; a handshake has none")),

		specs.Requirement("websocket/handshake/no-http-after-101", specs.Must, "RFC 9110 §7.8",
			"A second request right behind the handshake is not answered: after the 101 there is no HTTP.",
			func(c *specs.Case) {
				asUsual(c)
				second := "GET / HTTP/1.1\r\nHost: " + authority(c) + "\r\nX-Kit: " + strings.Repeat("k", 80) + "\r\n\r\n"
				ws := tryRaw(c, "a second request behind it", func(r *request) { r.body = second }, accepted(), refused())
				if ws != nil {
					ws.sent = []string{"a second request behind the handshake"}
					ws.ExpectNoHTTP()
					ws.Expect(failed(1002, 1003, 1008), stays(), silent().info("neither failed nor served"))
				}
				c.StillServes()
			}, specs.Covers("WS-HS-97"),
			specs.Cause("the HTTP parser goes on reading after the 101; hand over the connection, and the bytes that were read already, to the reader of frames")),

		specs.Requirement("websocket/handshake/connection-close-upgrade", specs.May, "RFC 9112 §9.6",
			"A handshake with Connection: close, Upgrade is accepted or refused.",
			func(c *specs.Case) {
				mayPart(c, variant{"Connection: close, Upgrade", set("Connection", "close, Upgrade")}, accepted())
			}, specs.Covers("WS-HS-98"),
			specs.Cause("the connection is closed after the 101; close is about the HTTP connection, which ends with the upgrade")),

		specs.Requirement("websocket/handshake/silent-client-ended", specs.Robust, "RFC 9112 §9.5",
			"A client that connects and says nothing holds nobody up, and is parted with in time.",
			func(c *specs.Case) { idles(c, "", "") },
			specs.Covers("WS-HS-100"), specs.Clients(2), specs.Slow,
			specs.Cause("there is no limit to the time that a handshake may take, or one client is served at a time; end connections without a request after some seconds")),

		specs.Requirement("websocket/handshake/dripping-client-ended", specs.Robust, "RFC 9112 §9.5",
			"A client that sends its handshake byte by byte, for ever, holds nobody up and is parted with in time.",
			func(c *specs.Case) {
				idles(c, "GET "+path(c), " HTTP/1.1\r\nHost: "+authority(c)+"\r\nX-Kit: "+strings.Repeat("k", 4000))
			}, specs.Covers("WS-HS-101"), specs.Clients(2), specs.Slow,
			specs.Cause("each byte starts the time limit anew, or one client is served at a time; limit the time for the whole handshake")),

		specs.Requirement("websocket/handshake/handshake-then-fin", specs.Robust, "good engineering",
			"A client that ends its side right after the handshake is parted with.",
			handshakeThenFIN, specs.Covers("WS-HS-102"),
			specs.Cause("the end of a connection is not noticed; a read of no bytes is the end, so close")),

		specs.Requirement("websocket/handshake/resets-mid-handshake", specs.Robust, "good engineering",
			"Clients that reset their connection in the middle of the handshake do no harm.",
			func(c *specs.Case) {
				asUsual(c)
				for i := range 50 {
					req := hello(c).String()
					cl := c.Dial()
					if n := c.IntN(len(req) + 1); i%10 == 0 {
						cl.Send(req)
					} else if n > 0 {
						cl.Send(req[:n])
					}
					cl.Reset()
				}
				c.StillServes()
			}, specs.Covers("WS-HS-103"), specs.Perilous,
			specs.Cause("an error while reading or writing ends the server (an exception, SIGPIPE); it ends that connection only")),

		specs.Requirement("websocket/handshake/long-keys", specs.Robust, "RFC 6455 §4.2.1",
			"A Sec-WebSocket-Key of 128 or of 5000 characters is refused, or its Accept is right.",
			func(c *specs.Case) {
				var list []variant
				for _, n := range []int{128, 5000} {
					list = append(list, variant{fmt.Sprintf("a key of %d characters", n), set("Sec-WebSocket-Key", strings.Repeat("kitA", n/4))})
				}
				tries(c, list, overwhelmed(), accepted().info("the length of the key is not looked at"))
			}, specs.Covers("WS-HS-104"), specs.Perilous,
			specs.Cause("the key is copied into a buffer of fixed size; a key has 24 characters, refuse others with 400")),

		specs.Requirement("websocket/handshake/draft-76-refused", specs.May, "RFC 6455 §4.2.1",
			"A handshake of the draft of 2010 with two keys is not answered as one of the RFC.",
			func(c *specs.Case) {
				tries(c, []variant{{"draft 76", draft76}}, refused(), unanswered(),
					expecting("a 101 of the draft, without Sec-WebSocket-Accept", func(r reaction) bool {
						return r.reply.status == 101 && len(r.reply.values("Sec-WebSocket-Accept")) == 0
					}),
					switched().nonstrict("a 101 with an Accept of a key that was not sent"))
			}, specs.Covers("WS-HS-105"),
			specs.Cause("Sec-WebSocket-Key is not asked for; without it, and a version of 13, there is no handshake")),
	}
}

const fixedBuffer = "the request is read into a buffer of fixed size without looking where it ends; refuse what does not fit with 431 or 414"

// tryRaw is tryOne for a connection that need not be usable: the caller judges.
func tryRaw(c *specs.Case, what string, mod func(*request), outcomes ...outcome) *conn {
	ws, a := try(c, mod)
	a.what = what
	judge(a.client, a.sent(), a.reaction, outcomes)
	return ws
}

func extraFields(r *request, n int) {
	for i := range n {
		r.add(fmt.Sprintf("X-Kit-%d", i), "1")
	}
}

func malformedRequestLines(c *specs.Case) {
	silence := unanswered().info("it is left without an answer")
	lax := switched().nonstrict("accepted, as ws on Node.js and libwebsockets do")
	http09 := expecting("an answer as in HTTP/0.9", func(r reaction) bool { return r.reply.head != "" && r.reply.status == 0 })
	tries(c, []variant{{"no version", func(r *request) { r.version = "" }}}, refused(), http09, silence, lax)
	tries(c, []variant{{"two blanks", func(r *request) { r.target = " " + r.target }}}, refused(), silence,
		accepted().info("runs of blanks are read as one, as RFC 9112 §3 allows"))
	tries(c, []variant{
		{"a blank in the target", func(r *request) { r.target += "a b" }},
		{"http/1.1", func(r *request) { r.version = "http/1.1" }},
	}, refused(), silence, lax)
}

func junk(c *specs.Case) {
	asUsual(c)
	for _, j := range []struct{ what, bytes string }{
		{"a TLS ClientHello", "\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + randomBytes(c, 32) +
			"\x00\x00\x04\x13\x01\xc0\x2f\x01\x00"},
		{"512 random bytes", randomBytes(c, 512)},
		{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"},
		{"a PROXY header, version 2", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\xc3\x50\x00\x50"},
	} {
		a := says(c, j.what, j.bytes, briefly(c))
		judge(a.client, a.sent(), a.reaction, []outcome{notSwitched()})
		c.StillServes()
	}
}

// endlessHead sends a mebibyte in pieces of 1 byte to 1 KiB, as long as the
// server takes it.
func endlessHead(c *specs.Case) {
	const size = 1 << 20
	asUsual(c)
	cl := c.Dial()
	cl.Send(strings.TrimSuffix(hello(c).head(), "\r\n"))
	var lines strings.Builder
	for lines.Len() < size {
		fmt.Fprintf(&lines, "X-Kit-%d: %s\r\n", lines.Len(), strings.Repeat("k", c.IntN(1000)))
	}
	head, sent, next := lines.String()[:size], 0, 1
	for sent < size && !cl.Gone() {
		n := min(1+c.IntN(1<<10), size-sent)
		if sent < 64 {
			n = 1
		}
		if !push(cl, head[sent:sent+n]) {
			break
		}
		if sent += n; sent >= next*size/4 {
			others(c, "while a head of a mebibyte comes in", true)
			next++
		}
	}
	reply := readResponse(cl, briefly(c))
	a := attempt{client: cl, request: head, what: fmt.Sprintf("%d bytes of a head without an end", sent), reaction: reaction{reply: reply}}
	judge(cl, a.sent(), a.reaction, []outcome{notSwitched()})
	others(c, "after a head of a mebibyte that has no end", true)
	c.StillServes()
}

// others is a client that must be served while another one is at something.
func others(c *specs.Case, while string, lenient bool) {
	ws, a := try(c)
	a.what = while
	outcomes := []outcome{accepted()}
	if lenient {
		outcomes = append(outcomes, unanswered().nonstrict("other clients are not served meanwhile"))
	}
	judge(a.client, a.sent(), a.reaction, outcomes)
	works(ws)
	a.client.Leave()
}

// withBody has a handshake with a body.
func withBody(c *specs.Case, what string, mod func(*request), others ...outcome) {
	asUsual(c)
	if ws := tryRaw(c, what, mod, append([]outcome{accepted(), refused()}, others...)...); ws != nil {
		ws.sent = []string{"a handshake with " + what}
		ws.ExpectNoHTTP()
		ws.Expect(stays(), failed(1002, 1003, 1008).info("the body is read as frames, as ws does"),
			silent().info("the connection is neither failed nor served"))
	}
	c.StillServes()
}

func ambiguousLengths(c *specs.Case) {
	asUsual(c)
	for _, s := range []variant{
		{"two lengths", func(r *request) { r.add("Content-Length", "5").add("Content-Length", "6").body = "hello!" }},
		{"a length and chunks", func(r *request) { r.add("Content-Length", "5").add("Transfer-Encoding", "chunked").body = "0\r\n\r\n" }},
	} {
		ws, a := try(c, s.mod)
		a.what = s.what
		refusal := refused()
		judge(a.client, a.sent(), a.reaction, []outcome{refusal, accepted().info("accepted: the lengths are not looked at")})
		if ws == nil && !a.client.AwaitEnd(patience(c, 0)) {
			c.Admit(specs.Info, specs.Reason{Code: specs.NotClosed, Message: "the connection is kept open after the refusal",
				Sent: a.sent(), Expected: []string{refusal.String() + ", then the end of the connection"}, Received: a.reaction.String()}, true)
		}
		c.StillServes()
	}
}

// idles opens a connection that sends something and then drips bytes, while
// others are served. When the target is declared to part with such a client in
// time, that is judged, else only a moment is spent on it.
func idles(c *specs.Case, start, drip string) {
	limit := duration(c, "handshake-timeout")
	step, end := c.Timing().Quiet, 5*c.Timing().Quiet
	if limit > 0 {
		step, end = time.Second, limit+patience(c, 0)
	}
	asUsual(c)
	cl := c.Dial()
	if start != "" {
		cl.Send(start)
	}
	for spent := time.Duration(0); spent < end && !cl.AwaitEnd(min(step, end-spent)); spent += step {
		if drip != "" {
			cl.Send(drip[:1])
			drip = drip[1:]
		}
		others(c, "while another one has not sent its handshake", false)
	}
	ended := cl.AwaitEnd(0)
	c.StillServes()
	switch {
	case ended:
	case limit > 0:
		c.Admit(specs.NonStrict, specs.Reason{Code: specs.NotClosed, Message: fmt.Sprintf("the connection is open after %s; declared is handshake-timeout=%s", end, limit),
			Sent: "a handshake that never ends", Expected: []string{"FIN or RST, perhaps behind a 408"}, Received: "nothing; the connection stayed open"}, true)
	default:
		c.Admit(specs.Info, specs.Reason{Code: specs.NotClosed, Message: "other clients are served meanwhile; declare --dialect handshake-timeout=DURATION to have the end of the connection judged",
			Sent: "a handshake that never ends", Received: "nothing; the connection stayed open for " + end.String()}, false)
	}
}

func handshakeThenFIN(c *specs.Case) {
	asUsual(c)
	req := hello(c)
	cl := c.Dial()
	cl.Send(req.String())
	cl.HalfClose()
	ws, a := hear(cl, req)
	a.what = "then FIN"
	if judge(cl, a.sent(), a.reaction, []outcome{accepted(), refused(), unanswered().info("the end is not noticed: no answer, on an open connection")}) == 0 {
		ws.sent, ws.noClose = []string{"a handshake, then FIN"}, true
		ended := expecting("the end of the connection, after a Close frame or not", func(r reaction) bool { return r.end != "" && !r.answered() })
		open := expecting("an open connection", func(r reaction) bool { return r.end == "" && !r.answered() }).info("the connection is still open")
		ended.patient = true
		ws.Expect(ended, open)
	}
	c.StillServes()
}

// draft76 is the handshake of draft-hixie-thewebsocketprotocol-76: the numbers
// in two keys, and 8 bytes behind the blank line.
func draft76(r *request) {
	r.del("Sec-WebSocket-Key").del("Sec-WebSocket-Version").set("Upgrade", "WebSocket")
	r.add("Origin", "http://"+r.get("Host"))
	r.add("Sec-WebSocket-Key1", "4 @1  46546xW%0l 1 5").add("Sec-WebSocket-Key2", "12998 5 Y3 1  .P00")
	r.body = "^n:ds[4U"
}
