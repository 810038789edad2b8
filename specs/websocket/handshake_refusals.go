package websocket

import (
	"slices"
	"strings"

	"conform/specs"
	"conform/specs/wire"
)

// handshakeRefusals is what a server must not accept (RFC 6455 §4.2.1), and
// what its refusals must be.
func handshakeRefusals() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/handshake/post-refused", specs.Must, "RFC 6455 §4.2.1",
			"A handshake with the method POST is refused.",
			func(c *specs.Case) {
				refuses(c, "POST", func(r *request) { r.method = "POST"; r.add("Content-Length", "0") },
					unanswered().info(noAnswerEither))
			}, specs.Covers("WS-HS-30"), specs.Cause(noMethodCheck)),

		specs.Requirement("websocket/handshake/other-methods-refused", specs.Must, "RFC 6455 §4.2.1",
			"A handshake with the method HEAD, PUT, OPTIONS or FOO is refused.",
			func(c *specs.Case) {
				refusesAll(c, methods("HEAD", "PUT", "OPTIONS", "FOO"), unanswered().nonstrict(noAnswerEither))
			},
			specs.Covers("WS-HS-31"), specs.Cause(noMethodCheck)),

		specs.Requirement("websocket/handshake/lower-case-method-refused", specs.Must, "RFC 9110 §9.1",
			"A handshake with the method get, in lower case, is refused.",
			func(c *specs.Case) {
				refusesAll(c, methods("get"), accepted().nonstrict("accepted, as ASP.NET Core does"), unanswered().nonstrict(noAnswerEither))
			}, specs.Covers("WS-HS-31"),
			specs.Cause("the method is compared without regard to case; methods are the one part of the request line where case matters")),

		specs.Requirement("websocket/handshake/http-1-0-refused", specs.Must, "RFC 6455 §4.2.1",
			"A handshake with the version HTTP/1.0 is refused.",
			func(c *specs.Case) {
				refusesAll(c, versions("HTTP/1.0"), acceptedInAnyVersion().nonstrict("accepted, as ws and gorilla/websocket do"))
			}, specs.Covers("WS-HS-32"),
			specs.Cause("the version is not looked at; Upgrade means nothing in HTTP/1.0")),

		specs.Requirement("websocket/handshake/http-1-2", specs.Should, "RFC 9110 §6.2",
			"A handshake with the version HTTP/1.2 is treated as one with HTTP/1.1, or refused.",
			func(c *specs.Case) {
				acceptsOrRefuses(c, "a later minor version is refused", func(r *request) { r.version = "HTTP/1.2" })
			}, specs.Covers("WS-HS-33"), specs.Cause(versionTrips)),

		specs.Requirement("websocket/handshake/http-2-0", specs.May, "RFC 9112 §2.3",
			"A handshake with the version HTTP/2.0 in its request line is refused or accepted.",
			func(c *specs.Case) {
				refusesAll(c, versions("HTTP/2.0"), accepted().info("accepted, as ws does"),
					acceptedInAnyVersion().nonstrict("the 101 claims to be HTTP/2.0, as that of aiohttp"), unanswered().info(noAnswerEither))
			}, specs.Covers("WS-HS-34"), specs.Cause(versionTrips)),

		specs.Requirement("websocket/handshake/wrong-versions-refused", specs.Must, "RFC 9112 §2.3",
			"A handshake with HTTP/0.9, HTTP/1.10 or HTTX/1.1 for its version is refused.",
			func(c *specs.Case) {
				refusesAll(c, versions("HTTP/0.9", "HTTP/1.10", "HTTX/1.1"),
					acceptedInAnyVersion().nonstrict("accepted, as Node.js, h11, aiohttp and libwebsockets accept HTTP/0.9"), unanswered().info(noAnswerEither))
			}, specs.Covers("WS-HS-34"),
			specs.Cause("the version is not looked at, or only its first characters are; compare all of it with HTTP/1.1")),

		specs.Requirement("websocket/handshake/no-host-refused", specs.Must, "RFC 9112 §3.2",
			"A handshake without Host is refused, best with 400.",
			func(c *specs.Case) {
				refuses(c, "without Host", without("Host"), accepted().nonstrict("accepted, as ws and websockets do, which leave Host to others"))
			}, specs.Covers("WS-HS-35"),
			specs.Cause("Host is not looked at because nothing uses it; HTTP/1.1 obliges every server to refuse a request without it")),

		specs.Requirement("websocket/handshake/two-hosts-refused", specs.Must, "RFC 9112 §3.2",
			"A handshake with two different Host fields is refused, best with 400.",
			func(c *specs.Case) {
				refuses(c, "two Hosts", func(r *request) { r.add("Host", "conform.invalid") },
					accepted().nonstrict("accepted, as ws, websockets, gobwas/ws and Boost.Beast do"))
			}, specs.Covers("WS-HS-36"),
			specs.Cause("the first or the last Host wins, and a proxy in front may have looked at the other one")),

		specs.Requirement("websocket/handshake/wrong-host-refused", specs.Must, "RFC 9112 §3.2",
			"A handshake with a Host that is no host, as a b or a/b, is refused.",
			func(c *specs.Case) {
				refusesAll(c, with("Host", "a b", "a/b"), accepted().info("the value of Host is not looked at, as in most libraries"))
			}, specs.Covers("WS-HS-37"),
			specs.Cause("the value of Host is not looked at; net/http of Go refuses what cannot be a host")),

		specs.Requirement("websocket/handshake/no-upgrade-refused", specs.Must, "RFC 6455 §4.2.1",
			"A handshake without an Upgrade header is refused, or answered as ordinary HTTP.",
			func(c *specs.Case) {
				refuses(c, "without Upgrade", without("Upgrade"), accepted().nonstrict(notLookedAt), unanswered().nonstrict(noAnswerEither))
			}, specs.Covers("WS-HS-38"), specs.Cause("a Sec-WebSocket-Key alone is taken for a handshake")),

		specs.Requirement("websocket/handshake/other-upgrade-refused", specs.Must, "RFC 6455 §4.2.1",
			"A handshake that asks for an upgrade to h2c or foo is refused, or answered as ordinary HTTP.",
			func(c *specs.Case) {
				refusesAll(c, with("Upgrade", "h2c", "foo"), expecting("101 with Upgrade: h2c", func(r reaction) bool {
					return r.reply.status == 101 && strings.EqualFold(r.reply.get("Upgrade"), "h2c") && len(r.reply.values("Sec-WebSocket-Accept")) == 0
				}).info("the target switches to HTTP/2, as Hypercorn does"), accepted().nonstrict(notLookedAt), unanswered().nonstrict(noAnswerEither))
			}, specs.Covers("WS-HS-39"), specs.Cause("an Upgrade field is looked for, and not what it says")),

		specs.Requirement("websocket/handshake/no-connection-refused", specs.Must, "RFC 6455 §4.2.1",
			"A handshake without a Connection header is refused, or answered as ordinary HTTP.",
			func(c *specs.Case) {
				refuses(c, "without Connection", without("Connection"), accepted().nonstrict(notLookedAt), unanswered().nonstrict(noAnswerEither))
			}, specs.Covers("WS-HS-40"), specs.Cause(noConnectionCheck)),

		specs.Requirement("websocket/handshake/keep-alive-refused", specs.Must, "RFC 6455 §4.2.1",
			"A handshake with nothing but keep-alive in Connection is refused, or answered as ordinary HTTP.",
			func(c *specs.Case) {
				refusesAll(c, with("Connection", "keep-alive"), accepted().nonstrict(notLookedAt), unanswered().nonstrict(noAnswerEither))
			}, specs.Covers("WS-HS-41"), specs.Cause(noConnectionCheck)),

		specs.Requirement("websocket/handshake/upgrade-inside-a-token-refused", specs.Must, "RFC 6455 §4.2.1",
			"A Connection of not-upgrade or upgraded does not have the token upgrade, and is refused.",
			func(c *specs.Case) {
				refusesAll(c, with("Connection", "not-upgrade", "upgraded"), accepted().nonstrict(notLookedAt), unanswered().nonstrict(noAnswerEither))
			}, specs.Covers("WS-HS-42"),
			specs.Cause("upgrade is looked for anywhere in the value; take the list apart at its commas and compare whole tokens")),

		specs.Requirement("websocket/handshake/websocket-inside-a-token-refused", specs.Must, "RFC 6455 §4.2.1",
			"An Upgrade of websockets or xwebsocket is not websocket, and is refused.",
			func(c *specs.Case) {
				refusesAll(c, with("Upgrade", "websockets", "xwebsocket"), accepted().nonstrict(notLookedAt), unanswered().nonstrict(noAnswerEither))
			}, specs.Covers("WS-HS-43"),
			specs.Cause("websocket is looked for anywhere in the value; compare the whole of it")),

		specs.Requirement("websocket/handshake/no-key-refused", specs.Must, "RFC 6455 §4.2.1",
			"A handshake without Sec-WebSocket-Key is refused.",
			func(c *specs.Case) {
				refuses(c, "without Sec-WebSocket-Key", without("Sec-WebSocket-Key"),
					expecting("101 without Sec-WebSocket-Accept", func(r reaction) bool {
						return r.reply.status == 101 && len(r.reply.values("Sec-WebSocket-Accept")) == 0
					}).nonstrict("accepted as a handshake of a draft that had no Accept"))
			}, specs.Covers("WS-HS-44"),
			specs.Cause("a key that is not there is taken for an empty one")),

		specs.Requirement("websocket/handshake/empty-key-refused", specs.Must, "RFC 6455 §4.2.1",
			"A handshake with an empty Sec-WebSocket-Key is refused.",
			func(c *specs.Case) {
				refusesAll(c, with("Sec-WebSocket-Key", ""), accepted().nonstrict("accepted, as Boost.Beast does"))
			}, specs.Covers("WS-HS-45"), specs.Cause(noKeyCheck)),

		specs.Requirement("websocket/handshake/key-of-wrong-length", specs.Must, "RFC 6455 §4.2.1",
			"A key of 15, 17 or 3 bytes is refused, or answered with the Accept of its text.",
			func(c *specs.Case) {
				refusesAll(c, with("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4P", "AQIDBAUGBwgJCgsMDQ4PEBE=", "AAAA"), accepted().info(keyNotDecoded))
			}, specs.Covers("WS-HS-46"), specs.Cause(noKeyCheck)),

		specs.Requirement("websocket/handshake/key-outside-base64", specs.Must, "RFC 6455 §4.2.1",
			"A key of 24 exclamation marks is refused, or answered with the Accept of its text.",
			func(c *specs.Case) {
				refusesAll(c, with("Sec-WebSocket-Key", strings.Repeat("!", 24)), accepted().info(keyNotDecoded))
			}, specs.Covers("WS-HS-47"), specs.Cause(noKeyCheck)),

		specs.Requirement("websocket/handshake/key-with-pad-bits", specs.May, "RFC 6455 §4.2.2",
			"A key whose unused bits are not zero is refused, or answered with the Accept of its text as it came.",
			func(c *specs.Case) {
				acceptsOrRefuses(c, "the unused bits of the key have to be zero", set("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEC=="))
			}, specs.Covers("WS-HS-48"),
			specs.Cause("the key is decoded and encoded again before it is hashed; hash the text that came")),

		specs.Requirement("websocket/handshake/two-keys", specs.Robust, "RFC 6455 §11.3.1",
			"A handshake with two different keys is refused, or answered with the Accept of one of them.",
			func(c *specs.Case) {
				one, other := plainKey(c), plainKey(c)
				refuses(c, "two keys", func(r *request) { r.set("Sec-WebSocket-Key", one).add("Sec-WebSocket-Key", other) },
					expecting("101 with the Accept of either key", func(r reaction) bool {
						return r.reply.fault(one) == "" || r.reply.fault(other) == ""
					}).info("accepted, as gorilla/websocket, gobwas/ws, uWebSockets and Boost.Beast do"),
					expecting("101 with the Accept of both, joined with a comma", func(r reaction) bool {
						return r.reply.fault(one+", "+other) == "" || r.reply.fault(one+","+other) == ""
					}).nonstrict("the Accept is that of neither key but of the joined list, as with Deno, faye, Tornado and wsproto"))
			}, specs.Covers("WS-HS-49"),
			specs.Cause("the values of repeated lines are joined before they are hashed; refuse a second key")),

		specs.Requirement("websocket/handshake/no-version-refused", specs.Must, "RFC 6455 §4.2.1",
			"A handshake without Sec-WebSocket-Version is refused.",
			func(c *specs.Case) {
				refuses(c, "without Sec-WebSocket-Version", without("Sec-WebSocket-Version"),
					accepted().nonstrict("accepted, as uWebSockets and libwebsockets do"),
					ofDraft75().nonstrict("answered as a handshake of draft 75, as websocket-driver of Ruby does"))
			}, specs.Covers("WS-HS-50"), specs.Cause("the version is only looked at when it is there, or not at all")),

		specs.Requirement("websocket/handshake/unknown-versions-refused", specs.Must, "RFC 6455 §4.4",
			"A handshake with Sec-WebSocket-Version 12, 14, 0 or 255 is refused.",
			func(c *specs.Case) {
				refusesAll(c, with("Sec-WebSocket-Version", "12", "14", "0", "255"),
					accepted().nonstrict("accepted, as uWebSockets and libwebsockets do"))
			}, specs.Covers("WS-HS-51"),
			specs.Cause("the version is not looked at, or compared with < or >; the one of RFC 6455 is 13")),

		specs.Requirement("websocket/handshake/refusal-names-version", specs.Must, "RFC 6455 §4.4",
			"The refusal of version 14 names the versions that the server speaks, 13 among them, in Sec-WebSocket-Version.",
			func(c *specs.Case) {
				works(openAnyway(c))
				refusesOnly(c, "version 14", set("Sec-WebSocket-Version", "14"),
					expecting("a refusal with Sec-WebSocket-Version: 13", func(r reaction) bool {
						return r.reply.status >= 200 && slices.Contains(r.reply.tokens("Sec-WebSocket-Version"), "13")
					}),
					expecting("a refusal without it", func(r reaction) bool { return r.reply.status >= 200 }).
						nonstrict("the refusal does not name version 13, as that of websockets does not"),
					expecting("the end without a response", func(r reaction) bool { return r.reply.head == "" && r.reply.end != "" }).
						info("the connection ends without a word, so that the client cannot know which version is wanted"),
					accepted().nonstrict("version 14 is accepted, as by uWebSockets"))
				c.StillServes()
			}, specs.Covers("WS-HS-52"),
			specs.Cause("the version is refused like any other error; add Sec-WebSocket-Version: 13 to a 400 or 426")),

		specs.Requirement("websocket/handshake/draft-versions", specs.May, "RFC 6455 §4.4",
			"A handshake with Sec-WebSocket-Version 8 or 7 is refused, or accepted by a server that speaks those drafts.",
			func(c *specs.Case) {
				refusesAll(c, with("Sec-WebSocket-Version", "8", "7"), accepted().info("a draft of the protocol is spoken, as by ws"))
			}, specs.Covers("WS-HS-53"), specs.Cause("an old version ends the server instead of the handshake")),

		specs.Requirement("websocket/handshake/misspelt-versions-refused", specs.Must, "RFC 6455 §4.2.1",
			"A Sec-WebSocket-Version that is not spelt 13, as 013 or an empty one, is refused.",
			func(c *specs.Case) {
				refusesAll(c, with("Sec-WebSocket-Version", "abc", "013", "13.0", "+13", "-13", "", "13, 8", "256"),
					accepted().info("the version is read as a number or as a list, as in ws and gorilla/websocket, or not at all"))
			}, specs.Covers("WS-HS-54"),
			specs.Cause("the version is turned into a number by a lenient parser; compare its text with 13")),

		specs.Requirement("websocket/handshake/two-versions", specs.Robust, "RFC 6455 §11.3.5",
			"A handshake with two lines Sec-WebSocket-Version, 13 and 8, is accepted or refused.",
			func(c *specs.Case) {
				acceptsOrRefuses(c, "a second version is refused", func(r *request) { r.add("Sec-WebSocket-Version", "8") })
			}, specs.Covers("WS-HS-55"), specs.Cause("a repeated field ends the server instead of the handshake")),

		specs.Requirement("websocket/handshake/plain-get-refused", specs.Must, "RFC 6455 §4.2.1",
			"A GET with nothing but Host does not open a WebSocket.",
			func(c *specs.Case) { refuses(c, "nothing but Host", plain, unanswered().info(noAnswerEither)) },
			specs.Covers("WS-HS-56"), specs.Cause("every request is answered with a 101")),

		specs.Requirement("websocket/handshake/after-refusal", specs.Robust, "RFC 9112 §9.3",
			"After a refusal the connection ends, or serves another request as HTTP.",
			func(c *specs.Case) {
				_, a := refusesOnly(c, "version 14", set("Sec-WebSocket-Version", "14"), refused(), accepted())
				if a.reaction.reply.status == 101 {
					c.Unsupported("the target accepts version 14, so that there is no refusal")
				}
				if !a.client.Gone() {
					second := hello(c)
					plain(second)
					a.client.Send(second.String())
					r := readResponse(a.client, patience(c, 0))
					judge(a.client, a.sent()+", then "+attempt{request: second.String()}.sent(), reaction{reply: r, waited: r.timedOut}, []outcome{
						refused(), unanswered().nonstrict("the connection is neither closed nor served, as by Hypercorn, and by gobwas/ws where the application does not close it")})
					readBody(a.client, second.method, r)
				}
				c.StillServes()
			}, specs.Covers("WS-HS-60"),
			specs.Cause("a connection whose handshake was refused is handed to the reader of frames all the same; close it after the refusal")),

		specs.Requirement("websocket/handshake/second-try", specs.Must, "RFC 6455 §4.4",
			"A client whose version was refused is accepted with version 13 on its next connection.",
			func(c *specs.Case) {
				refusesOnly(c, "version 14", set("Sec-WebSocket-Version", "14"), refused(), accepted().nonstrict("version 14 is accepted, as by uWebSockets"))
				accepts(c, "")
			}, specs.Covers("WS-HS-61"), specs.Cause("a refusal ends more than its connection")),

		specs.Requirement("websocket/handshake/unserved-path-refused", specs.Must, "RFC 6455 §4.2.2",
			"A handshake for a path at which WebSocket is not spoken is refused, best with 404.",
			func(c *specs.Case) {
				refuses(c, "an unserved path", func(r *request) { r.target = c.Dialect("unserved-path") })
			}, specs.Covers("WS-HS-62"), specs.Needs("unserved-path", "/unserved"),
			specs.Cause("the path of the request is not looked at")),

		specs.Requirement(rule426, specs.Must, "RFC 9110 §15.5.22",
			"A 426 says in Upgrade which protocol is wanted.",
			func(c *specs.Case) {
				works(openAnyway(c))
				for _, v := range []variant{{"version 14", set("Sec-WebSocket-Version", "14")}, {"nothing but Host", plain}} {
					_, a := refusesOnly(c, v.what, v.mod, refused(), accepted(), unanswered())
					r := a.reaction.reply
					if r.status == 426 && len(r.values("Upgrade")) > 0 && !slices.ContainsFunc(r.tokens("Upgrade"), isWebSocket) {
						c.Refute(specs.Reason{Code: specs.WrongBytes, Message: "the Upgrade of a 426 does not name websocket", Sent: a.sent(),
							Expected: []string{"Upgrade: websocket"}, Received: r.String()}, false)
					}
				}
				if r, seen := violation(c, rule426, "Upgrade: websocket in every 426"); seen {
					r.Message = "a 426 has no Upgrade, as that of Tomcat has not"
					c.Admit(specs.Info, r, false)
				}
			}, specs.Covers("WS-HS-57"), specs.Last,
			specs.Cause("the status 426 is sent without the field that goes with it; add Upgrade: websocket")),

		specs.Requirement(rule405, specs.Must, "RFC 9110 §15.5.6",
			"A 405 says in Allow which methods are.",
			func(c *specs.Case) {
				works(openAnyway(c))
				for _, v := range methods("POST", "PUT") {
					_, a := refusesOnly(c, v.what, v.mod, refused(), accepted(), unanswered())
					r := a.reaction.reply
					if r.status == 405 && slices.Contains(r.tokens("Allow"), v.what) {
						c.Refute(specs.Reason{Code: specs.WrongBytes, Message: "the Allow of a 405 names the very method that was refused", Sent: a.sent(),
							Expected: []string{"Allow: GET"}, Received: r.String()}, false)
					}
				}
				if r, seen := violation(c, rule405, "Allow: GET in every 405"); seen {
					r.Message = "a 405 has no Allow, as those of most libraries have not"
					c.Admit(specs.Info, r, false)
				}
			}, specs.Covers("WS-HS-58"), specs.Last,
			specs.Cause("the status 405 is sent without the field that goes with it; add Allow: GET")),

		specs.Requirement(ruleRefusal, specs.Must, "RFC 9112 §6.3",
			"Every refusal is a response of HTTP/1.1 whose body ends where its head says, or with the connection.",
			func(c *specs.Case) {
				works(openAnyway(c))
				for _, v := range append(methods("POST", "HEAD"), variant{"version 14", set("Sec-WebSocket-Version", "14")},
					variant{"without Sec-WebSocket-Key", without("Sec-WebSocket-Key")}, variant{"nothing but Host", plain}) {
					_, a := refusesOnly(c, v.what, v.mod, refused(), switched(), unanswered())
					observeEnd(a)
					observeStray(a)
				}
				if r, seen := violation(c, ruleRefusal, "a head, and a body that Content-Length, chunks or the end of the connection delimit"); seen {
					c.Admit(specs.NonStrict, r, false)
				}
			}, specs.Covers("WS-HS-59"), specs.Last,
			specs.Cause("an error text is written behind the head without Content-Length, and the connection stays open, so that clients wait for its end")),
	}
}

const (
	noMethodCheck     = "the method is not looked at; only GET opens a WebSocket"
	noConnectionCheck = "the field Connection is not looked at; without the token upgrade in it, Upgrade is not meant for this server"
	noKeyCheck        = "whatever the key is, it is hashed; refuse what is not the base64 form of 16 bytes"
	versionTrips      = "the version is parsed in a way that ends the server, or an answer that is neither 101 nor a refusal"
	noAnswerEither    = "there is no answer at all, where a 400 would tell the client why"
	keyNotDecoded     = "the key is not decoded, as in most libraries"
	notLookedAt       = "accepted, as uWebSockets does, and aiohttp, Bun and gws in part"
)

// refusesOnly has an opening handshake with one of the outcomes, and leaves the
// connection as it is.
func refusesOnly(c *specs.Case, what string, mod func(*request), outcomes ...outcome) (*conn, attempt) {
	ws, a := try(c, mod)
	a.what, a.reaction.hint = what, a.reaction.unmannerly()
	judge(a.client, a.sent(), a.reaction, outcomes)
	return ws, a
}

// observeEnd notes a refusal that announces the end of the connection, or a
// body that only the end delimits, if the end does not come (RFC 9112 §9.6).
func observeEnd(a attempt) {
	r := a.reaction.reply
	if r.status < 200 || r.persists(a.method) || a.client.Gone() {
		return
	}
	if c := a.client.Case(); !a.client.AwaitEnd(2 * patience(c, 0)) {
		c.Observe(ruleRefusal, "the end of the connection is due, and it stays open: %s", r)
	}
}

// observeStray notes bytes that come behind the body of a refusal on a
// connection that goes on, where a client takes them for the next response.
func observeStray(a attempt) {
	r := a.reaction.reply
	if r.status < 200 || !r.persists(a.method) || a.client.Gone() {
		return
	}
	c := a.client.Case()
	if s := a.client.Await(c.Timing().Quiet, func([]byte) bool { return false }); s.End == "" && len(s.Unread) > 0 {
		c.Observe(ruleRefusal, "%s follows the body, on a connection that goes on: %s", wire.Quote(s.Unread, 40), r)
		a.client.Consume(len(s.Unread))
	}
}

// acceptedInAnyVersion is a right 101, but for its version, which is copied from
// the request.
func acceptedInAnyVersion() outcome {
	return expecting("101 with the right Sec-WebSocket-Accept, in any version", func(r reaction) bool {
		reply := *r.reply
		reply.version = "HTTP/1.1"
		return reply.fault(r.key) == ""
	})
}

// ofDraft75 is a 101 of the draft of 2009, which has neither a version nor a
// key, and names its own address.
func ofDraft75() outcome {
	return expecting("a 101 of draft 75, with WebSocket-Location", func(r reaction) bool {
		return r.reply.status == 101 && len(r.reply.values("WebSocket-Location")) > 0 && len(r.reply.values("Sec-WebSocket-Accept")) == 0
	})
}

// methods are variants of a handshake with other methods.
func methods(names ...string) (list []variant) {
	for _, name := range names {
		list = append(list, variant{name, func(r *request) { r.method = name }})
	}
	return list
}

// versions are variants of a handshake with other versions of HTTP.
func versions(names ...string) (list []variant) {
	for _, name := range names {
		list = append(list, variant{name, func(r *request) { r.version = name }})
	}
	return list
}

// plain is a request that asks for no WebSocket.
func plain(r *request) {
	r.fields = slices.DeleteFunc(r.fields, func(f field) bool { return f.name != "Host" })
}

// isWebSocket says whether a protocol in Upgrade is WebSocket, in any version.
func isWebSocket(protocol string) bool {
	name, _, _ := strings.Cut(protocol, "/")
	return strings.EqualFold(name, "websocket")
}
