package websocket

import (
	"fmt"
	"slices"
	"strings"

	"conform/specs"
)

// extensions is RFC 6455 §9.1: which extensions a server agrees to.
func extensions() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/extensions/none-unasked", specs.Must, "RFC 6455 §9",
			"A client that offers no extension is given none.",
			func(c *specs.Case) {
				ws, a := try(c)
				judge(a.client, a.sent(), a.reaction, []outcome{declined()})
				ws.Stays()
			}, specs.Covers("WS-EXT-01"),
			specs.Cause("Sec-WebSocket-Extensions is a part of every 101; it belongs into one only as the answer to an offer")),

		specs.Requirement("websocket/extensions/unknown-declined", specs.Must, "RFC 6455 §9.1",
			"An extension that does not exist is declined by leaving it out of the 101.",
			func(c *specs.Case) {
				for _, offer := range []string{"x-conform-unknown; a=1", "x-conform-unknown", "x-conform-unknown; a=1, x-conform-other"} {
					negotiate(c, offer, declined(), refused().nonstrict("the opening handshake is refused for an extension that need not be taken"))
				}
			}, specs.Covers("WS-EXT-02"), specs.Cause("the offer is copied into the response; name only the extensions that are in use from now on")),

		specs.Requirement("websocket/extensions/malformed-refused", specs.Must, "RFC 6455 §9.1",
			"An offer that keeps to no grammar is not accepted.",
			func(c *specs.Case) {
				for _, offer := range []string{";;=,", "permessage-deflate;", "a=b", `"q"`} {
					negotiate(c, offer, refused(), declined().info("the opening handshake is accepted as if nothing had been offered"),
						deflated(nil).nonstrict("an offer with a semicolon too many is accepted"))
				}
				c.StillServes()
			}, specs.Covers("WS-EXT-03"), specs.Cause("the offer is searched for a name, or copied into the response; parse it, and refuse the handshake with 400 when that fails")),

		specs.Requirement("websocket/extensions/names-of-objects", specs.Robust, "good engineering",
			"Extensions that are called like what every JavaScript object has are unknown like any other.",
			func(c *specs.Case) {
				for _, name := range []string{"constructor", "__proto__", "toString", "hasOwnProperty"} {
					negotiate(c, name, declined(), refused())
					negotiate(c, "permessage-deflate; "+name, declined(), refused(),
						deflated(nil).nonstrict("permessage-deflate is accepted with a parameter that it does not have"))
				}
				c.StillServes()
			}, specs.Covers("WS-EXT-04"), specs.Cause("offers are looked up in an ordinary object; use one without a prototype, or a Map")),

		specs.Requirement("websocket/extensions/quoted-offer-is-no-offer", specs.Must, "RFC 6455 §9.1",
			"What stands between quotation marks is the value of a parameter and no offer.",
			func(c *specs.Case) {
				negotiate(c, `x; y=",permessage-deflate; client_max_window_bits,"`, declined(), refused(),
					deflated(nil).nonstrict("an offer is found inside of a quoted string"))
				c.StillServes()
			}, specs.Covers("WS-EXT-05"), specs.Cause("the value is split at commas and semicolons without regard to quotation marks")),

		specs.Requirement("websocket/extensions/long-quoted-strings", specs.Robust, "good engineering",
			"A long quoted string, closed or not, is parsed in no time.",
			func(c *specs.Case) {
				quoted := `a; b="` + strings.Repeat(`\c`, 4000)
				for _, offer := range []string{quoted, quoted + `"`, quoted + `" x`} {
					negotiate(c, offer, declined(), refused())
				}
				c.StillServes()
			}, specs.Covers("WS-EXT-06"), specs.Perilous,
			specs.Cause("the grammar is a regular expression that goes back and forth over its input (CVE-2020-7662, CVE-2020-7663); parse from left to right")),

		specs.Requirement("websocket/extensions/several-lines-are-one-list", specs.Must, "RFC 6455 §9.1",
			"Offers on two lines are negotiated like the same offers on one.",
			func(c *specs.Case) {
				result := func(lines ...string) string {
					ws, a := try(c, func(r *request) {
						for _, line := range lines {
							r.add("Sec-WebSocket-Extensions", line)
						}
					})
					i := judge(a.client, a.sent(), a.reaction, []outcome{declined(), deflated(nil), refused().nonstrict("the opening handshake is refused for an extension that need not be taken")})
					if ws != nil {
						ws.Stays()
					}
					return [...]string{"no extension", "permessage-deflate", "a refusal"}[i]
				}
				for _, lines := range [][]string{{"x-conform-unknown", "permessage-deflate"}, {"permessage-deflate", "x-conform-unknown"}} {
					one, two := result(strings.Join(lines, ", ")), result(lines...)
					if one != two {
						c.Admit(specs.NonStrict, specs.Reason{Code: specs.Assertion, Message: "only one of several lines of Sec-WebSocket-Extensions is read",
							Sent: fmt.Sprintf("%q on two lines", lines), Expected: []string{one + ", as for one line"}, Received: two}, false)
					}
				}
				// A server may answer on several lines as well: they are joined.
			}, specs.Covers("WS-EXT-07", "WS-EXT-08"), specs.Cause("only the first or the last line of the field is read; join all lines with commas before parsing")),

		specs.Requirement("websocket/extensions/deflate-response", specs.Must, "RFC 7692 §7.1",
			"permessage-deflate is accepted with nothing but its four parameters, each once and with a value that it may have.",
			func(c *specs.Case) {
				for _, offer := range []string{"permessage-deflate", "permessage-deflate; client_max_window_bits", "permessage-deflate, x-conform-unknown", "x-conform-unknown, permessage-deflate"} {
					ws, a := try(c, set("Sec-WebSocket-Extensions", offer))
					judge(a.client, a.sent(), a.reaction, []outcome{declined(), deflated(nil)})
					ws.Stays()
				}
			}, specs.Covers("WS-EXT-09"), specs.Cause("the offer is copied into the response, or the response is written without regard to the grammar")),

		specs.Requirement("websocket/extensions/thousand-offers", specs.Robust, "good engineering",
			"A thousand offers are answered like any request: taken, or refused as too many.",
			func(c *specs.Case) {
				const offer = "permessage-deflate; server_max_window_bits=9"
				line := strings.Join(slices.Repeat([]string{offer}, 8192/(len(offer)+2)), ", ")
				_, a := try(c, func(r *request) {
					for n := 0; n < 1000; n += strings.Count(line, "=") {
						r.add("Sec-WebSocket-Extensions", line)
					}
				})
				a.what = "1000 offers"
				waits := expecting("no response", func(r reaction) bool { return r.reply.head == "" && r.reply.end == "" })
				judge(a.client, a.sent(), a.reaction, []outcome{accepted(), refused(), waits.nonstrict("the request is not answered in time")})
				c.StillServes()
			}, specs.Covers("WS-EXT-10"), specs.Perilous,
			specs.Cause("the offers are compared with each other, or the length of a request is not limited")),
	}
}

// negotiate has an opening handshake with an offer of extensions, and takes the
// verdict of the outcome. A connection that it makes has to work.
func negotiate(c *specs.Case, offer string, outcomes ...outcome) int {
	ws, a := try(c, set("Sec-WebSocket-Extensions", offer))
	a.what = "offer " + offer
	if len(offer) > 80 {
		a.what = fmt.Sprintf("an offer of %d bytes", len(offer))
	}
	i := judge(a.client, a.sent(), a.reaction, outcomes)
	if ws != nil {
		ws.Stays()
	} else {
		a.client.Leave() // with the body of the refusal
	}
	return i
}

// declined is a right 101 that agrees to no extension.
func declined() outcome {
	return expecting("101 without Sec-WebSocket-Extensions", func(r reaction) bool {
		return r.reply.fault(r.key) == "" && len(r.reply.values("Sec-WebSocket-Extensions")) == 0
	})
}

// deflated is a right 101 that agrees to permessage-deflate with parameters that
// are allowed, and that allow says so of, if it is given.
func deflated(allow func(*params) bool) outcome {
	return expecting("101 with permessage-deflate", func(r reaction) bool {
		if r.reply.fault(r.key) != "" {
			return false
		}
		p, err := agreed(r.reply)
		return err == nil && p != nil && (allow == nil || allow(p))
	})
}

// as says what the parameters have to be.
func (o outcome) as(text string) outcome { o.text += " " + text; return o }
