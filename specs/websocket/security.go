package websocket

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

// security is RFC 6455 §10, and what attackers have done to servers since.
func security() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/security/foreign-origin", specs.May, "RFC 6455 §10.2",
			"A handshake of a foreign origin is refused where origins are checked.",
			foreignOrigin, specs.Covers("WS-SEC-01"),
			specs.Cause("Origin is not looked at: any page in a browser can speak to the server with the cookies of its user; answer 403 to origins that are not known")),

		specs.Requirement("websocket/security/same-origin-accepted", specs.Robust, "RFC 6455 §10.2",
			"A handshake of the server's own origin is accepted.",
			func(c *specs.Case) {
				tries(c, []variant{{"from its own origin", set("Origin", scheme(c)+authority(c))}},
					accepted(), refused().info("even its own origin is refused"))
			}, specs.Covers("WS-SEC-02"),
			specs.Cause("Origin is compared with Host without taking scheme and port apart; a browser sends it with every handshake")),

		specs.Requirement("websocket/security/lookalike-origins-refused", specs.Must, "RFC 6455 §10.2",
			"Origins that only resemble the allowed one are refused where origins are checked.",
			lookalikes, specs.Covers("WS-SEC-03"), specs.Needs("origin", "checked"),
			specs.Cause("the origin is searched for the name of the host; compare scheme, host and port as a whole, and refuse null")),

		specs.Requirement("websocket/security/no-header-injection", specs.Robust, "RFC 9110 §5.5",
			"Nothing that a handshake says can add a field to the response.",
			noInjection, specs.Covers("WS-SEC-04"),
			specs.Cause("a value of the request is decoded or copied into the response with its line ends; only a token that was checked goes back")),

		specs.Requirement("websocket/security/http-after-upgrade-fails", specs.Must, "RFC 6455 §5.1",
			"An HTTP request on an established connection fails it, and is never answered with HTTP.",
			func(c *specs.Case) {
				ws := open(c)
				works(ws)
				// Longer than the frame that its first bytes announce.
				request := "GET / HTTP/1.1\r\nHost: x\r\nX-Kit: " + strings.Repeat("k", 80) + "\r\n\r\n"
				ws.sent = []string{wire.Quote([]byte(request), 60)}
				ws.SendBytes(request)
				ws.ExpectNoHTTP()
				ws.Expect(failed(1002, 1003, 1008), silent().nonstrict("the connection is neither failed nor served"))
				c.StillServes()
			}, specs.Covers("WS-SEC-05"),
			specs.Cause("the HTTP parser is still in charge after the 101; 0x47 is a fragment with RSV1 and a reserved opcode, without a mask")),

		specs.Requirement("websocket/security/http-inside-mask", specs.Must, "RFC 6455 §5.3",
			"A frame whose masked bytes spell an HTTP request is nothing but a message.",
			httpInMask, specs.Covers("WS-SEC-06"),
			specs.Cause("bytes are looked at before they are unmasked; only the length in the header says what belongs to a frame")),

		specs.Requirement("websocket/security/handshake-in-body-ignored", specs.Must, "RFC 9112 §6.3",
			"A handshake in the body of another request is not answered.",
			func(c *specs.Case) {
				inner := hello(c).String()
				smuggles(c, "a handshake in the body of a POST", fmt.Sprintf("Content-Length: %d\r\n", len(inner)), inner)
			}, specs.Covers("WS-SEC-07"),
			specs.Cause("the body is left unread and taken for the next request; read it, or close the connection")),

		specs.Requirement("websocket/security/handshake-in-ambiguous-body-ignored", specs.Must, "RFC 9112 §6.3",
			"A handshake in a body whose length is ambiguous or no number is not answered.",
			func(c *specs.Case) {
				lax := switched().nonstrict("the handshake in the body was answered, as net/http and uvicorn do")
				inner := hello(c).String()
				n := len(inner)
				smuggles(c, "chunks and a length", fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n", n+5), "0\r\n\r\n"+inner, lax)
				smuggles(c, "a length with a plus", fmt.Sprintf("Content-Length: +%d\r\n", n), inner, lax)
				smuggles(c, "a list of two lengths", fmt.Sprintf("Content-Length: %d, %d\r\n", n, n), inner, lax)
			}, specs.Covers("WS-SEC-08"),
			specs.Cause("one of two lengths wins, or a length that is no number counts as 0; answer 400 and close")),

		specs.Requirement("websocket/security/no-tunnel-after-refusal", specs.Robust, "RFC 6455 §4.2.2",
			"After a refused handshake the connection speaks no frames.",
			noTunnel, specs.Covers("WS-SEC-09"),
			specs.Cause("the refusal is sent, and the reader of frames started all the same; go on with HTTP, or close")),

		specs.Requirement("websocket/security/ping-over-read", specs.Robust, "RFC 6455 §5.5.2",
			"A Ping that announces more than it has is not answered.",
			func(c *specs.Case) {
				ws := open(c)
				works(ws)
				ws.Send(frame.New(frame.Ping, "k").Announcing(125))
				ws.client.HalfClose()
				o := failed(1000, 1001, 1002, 1011)
				o.patient = true
				ws.Expect(o, silent().info("the connection is still open"))
				c.StillServes()
			}, specs.Covers("WS-SEC-10"),
			specs.Cause("the Pong is made from the announced length and holds memory of the server; answer when the whole frame has come")),

		specs.Requirement("websocket/security/serves-after-provocations", specs.Robust, "good engineering",
			"After each of a series of provocations a new client is served.",
			provocations, specs.Covers("WS-SEC-11"), specs.Perilous,
			specs.Cause("an error on one connection ends the process, or its place is never given free; handle it where it belongs, and close that connection only")),

		specs.Requirement("websocket/security/odd-paths", specs.Robust, "RFC 9112 §3.2",
			"A path of 8 KiB, with %00, with ..%2f or with bytes above 127 is refused or accepted, and does no harm.",
			func(c *specs.Case) {
				var list []variant
				for what, suffix := range map[string]string{"a path of 8 KiB": strings.Repeat("k", 8<<10), "%00": "%00kit",
					"..%2f": "..%2f..%2f..%2fetc%2fpasswd", "bytes above 127": "\xc3\xa4\xff\xfe"} {
					list = append(list, variant{what, func(r *request) { r.target = strings.TrimSuffix(r.target, "/") + "/" + suffix }})
				}
				slices.SortFunc(list, func(a, b variant) int { return strings.Compare(a.what, b.what) })
				asUsual(c)
				for _, v := range list {
					// Some look for the path when they have accepted, and close.
					tryRaw(c, v.what, v.mod, accepted(), overwhelmed())
					c.StillServes()
				}
			}, specs.Covers("WS-SEC-12"), specs.Perilous,
			specs.Cause("the path is copied into a buffer of fixed size, or decoding it throws; answer 404, 400 or 414")),

		specs.Requirement("websocket/security/500-subprotocols", specs.Robust, "RFC 6455 §4.2.2",
			"Of 500 offered subprotocols at most one is chosen, at once.",
			func(c *specs.Case) {
				list := make([]string, 500)
				for i := range list {
					list[i] = fmt.Sprintf("kit-%d", i)
				}
				c.Allow(2 * time.Second) // promptly says how late is too late
				promptly(c, "an offer of 500 subprotocols", func() { offers(c, []string{strings.Join(list, ", ")}, list...) })
				c.StillServes()
			}, specs.Covers("WS-SEC-13"),
			specs.Cause("the list is sent back, or compared in a way that takes longer with every name; stop at the first match")),

		specs.Requirement("websocket/security/credentials-required", specs.May, "RFC 6455 §4.2.2",
			"A handshake without the right credentials is refused where they are required.",
			credentials, specs.Covers("WS-SEC-14"), specs.Needs("credentials", "user:password"),
			specs.Cause("only other requests are checked; a handshake is a GET, so check Authorization before the 101")),

		specs.Requirement("websocket/security/no-echo-after-violation", specs.Must, "RFC 6455 §7.1.7",
			"What follows a violation is never delivered, and nothing of it reaches another connection.",
			noEchoAfterViolation, specs.Covers("WS-SEC-15"),
			specs.Cause("the frame is dropped and reading goes on, or the buffer of a failed connection is used again; after an error nothing more is read")),
	}
}

func scheme(c *specs.Case) string {
	if c.Target().TLS != nil {
		return "https://"
	}
	return "http://"
}

func foreignOrigin(c *specs.Case) {
	outcomes := []outcome{refused(), accepted().info("origins are not checked")}
	switch c.Dialect("origin") {
	case "checked":
		outcomes = outcomes[:1]
	case "any":
		outcomes[1] = accepted()
	}
	tries(c, []variant{{"from http://evil.example", set("Origin", "http://evil.example")}}, outcomes...)
}

func lookalikes(c *specs.Case) {
	if c.Dialect("origin") != "checked" {
		c.Unsupported("the target is declared not to check origins")
	}
	host, port := authority(c), ""
	if h, p, err := net.SplitHostPort(host); err == nil {
		host, port = h, ":"+p
	}
	var list []variant
	for _, origin := range []string{scheme(c) + "evil-" + host + port, scheme(c) + host + ".evil.example",
		scheme(c) + host + ".evil.example" + port, "null"} {
		list = append(list, variant{"from " + origin, set("Origin", origin)})
	}
	tries(c, list, refused())
}

// injected is a field of ours at the beginning of a line, whatever ends lines.
var injected = regexp.MustCompile(`(?i)[\r\n]X-Kit[ \t]*:`)

func noInjection(c *specs.Case) {
	asUsual(c)
	for _, brk := range []string{"%0d%0a", "\r"} {
		evil := brk + "X-Kit: 1"
		for _, s := range []variant{
			{"in the subprotocol", func(r *request) { r.add("Sec-WebSocket-Protocol", "kit"+evil) }},
			{"in the target", func(r *request) { r.target += "?kit=" + strings.ReplaceAll(evil, " ", "") }},
			{"in the path", func(r *request) { r.target += "kit" + strings.ReplaceAll(evil, " ", "") }},
			{"in the key", func(r *request) { r.set("Sec-WebSocket-Key", r.get("Sec-WebSocket-Key")+evil) }},
		} {
			_, a := try(c, s.mod)
			a.what = "a field " + s.what
			if r := a.reaction.reply; injected.MatchString(r.head) {
				c.Refute(specs.Reason{Code: specs.WrongBytes, Message: "a line of the response begins with what a value of the request holds: X-Kit", Sent: a.sent(),
					Expected: []string{"any response that has no field X-Kit, or none"}, Received: r.String()}, false)
			}
			c.StillServes()
		}
	}
}

// httpInMask chooses masking keys so that an HTTP request goes over the wire.
func httpInMask(c *specs.Case) {
	ws := openEcho(c)
	const spelt = "GET /kit HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	for _, s := range []struct {
		key  [4]byte
		wire string
	}{
		{[4]byte([]byte(randomBytes(c, 4))), spelt},
		{[4]byte([]byte(spelt[:4])), spelt[4:]}, // the key is the beginning of it
	} {
		f := frame.New(frame.Binary, s.wire).WithKey(s.key)
		for i := range f.Payload {
			f.Payload[i] ^= s.key[i&3]
		}
		ws.Send(f)
		ws.ExpectBinary(string(f.Payload))
	}
	works(ws)
}

// smuggles sends a POST whose body is a handshake. Only what answers the POST
// may come.
func smuggles(c *specs.Case, what, length, body string, others ...outcome) {
	asUsual(c)
	a := says(c, what, "POST "+path(c)+" HTTP/1.1\r\nHost: "+authority(c)+"\r\n"+length+"\r\n"+body, patience(c, 0))
	if a.reaction.reply.status != 101 {
		// Another response may follow, behind the body of the first.
		s := a.client.Await(briefly(c), func(p []byte) bool { return strings.Contains(string(p), "HTTP/1.1 101") })
		if _, second, found := strings.Cut(string(s.Unread), "HTTP/1.1 101"); found {
			a.reaction.reply = parseResponse("HTTP/1.1 101" + second)
		}
	}
	judge(a.client, a.sent(), a.reaction, append([]outcome{notSwitched()}, others...))
	c.StillServes()
}

// noTunnel has a handshake refused and then sends frames, at once or behind
// another request.
func noTunnel(c *specs.Case) {
	asUsual(c)
	for _, between := range []string{"", "GET / HTTP/1.1\r\nHost: " + authority(c) + "\r\n\r\n"} {
		_, a := try(c, set("Sec-WebSocket-Version", "14"))
		a.what = "version 14"
		if a.reaction.reply.status == 101 {
			a.client.Leave()
			_, a = try(c, without("Sec-WebSocket-Key"))
			a.what = "without a key"
			judge(a.client, a.sent(), a.reaction, []outcome{refused(), unanswered()})
		}
		if a.client.Drain(c.Timing().Quiet) {
			c.StillServes()
			continue
		}
		if between != "" {
			a.client.Send(between)
			a.client.Drain(c.Timing().Quiet)
		}
		mark := "mark-" + c.Word()
		a.client.Offer(frame.New(frame.Ping, mark).Bytes() + frame.New(frame.Text, mark).Bytes())
		frames := []string{frame.New(frame.Pong, mark).Unmasked().Bytes(), frame.New(frame.Text, mark).Unmasked().Bytes()}
		answered := func(p []byte) bool {
			return slices.ContainsFunc(frames, func(f string) bool { return strings.Contains(string(p), f) })
		}
		if s := a.client.Await(briefly(c), answered); answered(s.Unread) {
			c.Refute(specs.Reason{Code: specs.WrongBytes, Message: "frames are answered although the handshake was refused", Sent: a.sent() + ", then a Ping and a Text frame",
				Expected: []string{"HTTP, or the end of the connection"}, Received: wire.Quote(s.Unread, 200)}, false)
		}
		c.StillServes()
	}
}

// provocations are of every kind: refused, malformed, broken off, violating.
func provocations(c *specs.Case) {
	asUsual(c)
	frames := func(list ...frame.Frame) func() {
		return func() { open(c).Send(list...) }
	}
	for _, provoke := range []func(){
		func() { try(c, set("Sec-WebSocket-Version", "14")) },
		func() { try(c, without("Sec-WebSocket-Key")) },
		func() { try(c, func(r *request) { r.method = "FOO" }) },
		func() { says(c, "no HTTP", "\x00\xff: \r\n\r\n", c.Timing().Gap) },
		func() { c.Dial().Reset() },
		func() { cl := c.Dial(); cl.Send(hello(c).String()[:40]); cl.Reset() },
		func() { cl := c.Dial(); cl.Send(hello(c).String()); cl.Reset() },
		frames(frame.New(frame.Text, "unmasked").Unmasked()),
		frames(frame.New(0x3, "reserved")),
		frames(frame.New(frame.Ping, "fragmented").More()),
		frames(frame.New(frame.Continuation, "of nothing")),
		frames(frame.New(frame.Text, "\xff\xfe")),
		frames(frame.New(frame.Text, "reserved").WithRSV(frame.RSV2)),
		frames(frame.New(frame.Binary, "short").Announcing(1 << 63)),
		frames(frame.New(frame.Close, "k")),
		frames(frame.NewClose(1005, "")),
		func() {
			ws := open(c)
			ws.Send(frame.New(frame.Text, "broken off").Announcing(1000))
			ws.client.Reset()
		},
		func() {
			ws := open(c)
			ws.Send(frame.New(frame.Text, "no end").More())
			ws.client.HalfClose()
		},
	} {
		provoke()
		c.StillServes()
	}
}

func credentials(c *specs.Case) {
	right := c.Dialect("credentials")
	asUsual(c)
	unauthorized := func(name string, asks bool) outcome {
		return expecting(name, func(r reaction) bool {
			return r.reply.status == 401 && len(r.reply.values("WWW-Authenticate")) > 0 == asks
		})
	}
	tries(c, []variant{
		{"no credentials", without("Authorization")},
		{"a wrong password", set("Authorization", basic(right+"-"+c.Word()))},
	}, unauthorized("401 with WWW-Authenticate", true),
		unauthorized("401", false).nonstrict("a 401 without WWW-Authenticate: RFC 9110 §15.5.2"),
		refused().info("it is refused, but not with 401"))
}

// noEchoAfterViolation sends a text right behind each of several violations,
// most of them in the middle of a message.
func noEchoAfterViolation(c *specs.Case) {
	needsEcho(c)
	asUsual(c)
	unechoed := expecting("a Close frame or the end of the connection, and no message", func(r reaction) bool {
		return (r.end != "" || r.close != nil) && len(r.messages) == 0
	})
	quiet := expecting("no message, on a connection that serves nothing any more", func(r reaction) bool { return len(r.messages) == 0 })
	begun := frame.New(frame.Text, "begun-"+c.Word()).More()
	for _, violation := range [][]frame.Frame{
		{frame.New(frame.Text, "reserved").WithRSV(frame.RSV2)},
		{frame.New(0x3, "reserved")},
		{frame.New(0xB, "reserved")},
		{frame.New(frame.Continuation, "of nothing")},
		{begun, frame.New(frame.Text, "in between")},
		{begun, frame.New(frame.Ping, "fragmented").More()},
		{begun, frame.New(frame.Ping, strings.Repeat("k", 126))},
		{begun, frame.New(frame.Continuation, "reserved").WithRSV(frame.RSV3)},
	} {
		ws := open(c)
		ws.Send(append(violation, frame.New(frame.Text, "after-"+c.Word()))...)
		waited := ws.pump(patience(c, 0), func() bool { return ws.close != nil || len(ws.messages) > 0 })
		ws.pump(c.Timing().Quiet, func() bool { return len(ws.messages) > 0 })
		r := ws.reaction()
		r.waited = waited
		judge(ws.client, ws.exchange(), r, []outcome{unechoed, quiet.nonstrict("the connection is neither failed nor served")})
		ws.client.Leave()
		other, data := open(c), "other-"+c.Word()
		other.Text(data)
		other.ExpectText(data)
		other.client.Leave()
	}
}
