package websocket

import (
	"slices"
	"strings"
	"time"

	"conform/specs"
)

// handshakeSubprotocols is the choice of a subprotocol (RFC 6455 §1.9, §4.2.2):
// one that was offered, as it was spelt, or none.
func handshakeSubprotocols() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/handshake/no-subprotocol-unoffered", specs.Must, "RFC 6455 §4.2.2",
			"A 101 names no subprotocol when the client has offered none, whatever another client has offered.",
			func(c *specs.Case) {
				offers(c, nil)
				offers(c, []string{"kit-unknown-1"}, "kit-unknown-1")
				offers(c, nil)
			}, specs.Covers("WS-HS-70"),
			specs.Cause("Sec-WebSocket-Protocol is part of every 101, or that of an earlier client is kept; a client must fail a connection with a subprotocol that it has not asked for")),

		specs.Requirement("websocket/handshake/subprotocol-from-offer", specs.Must, "RFC 6455 §4.2.2",
			"A server that knows none of the offered subprotocols names none of its own.",
			func(c *specs.Case) { offers(c, []string{"kit-unknown-1"}, "kit-unknown-1"); c.StillServes() },
			specs.Covers("WS-HS-71"),
			specs.Cause("the server's own subprotocol is sent, whatever was offered; leave the field out unless a name of the offer is chosen")),

		specs.Requirement("websocket/handshake/one-subprotocol-chosen", specs.Must, "RFC 6455 §4.2.2",
			"Of several offered subprotocols, at most one is named, spelt as in the offer.",
			func(c *specs.Case) {
				offers(c, []string{"a.kit, b.kit, c.kit"}, "a.kit", "b.kit", "c.kit")
				offers(c, []string{"A.kit,b.KIT"}, "A.kit", "b.KIT")
				if p := c.Dialect("subprotocol"); p != "" {
					offers(c, []string{"a.kit, " + p + ",c.kit"}, "a.kit", p, "c.kit")
				}
				c.StillServes()
			}, specs.Covers("WS-HS-72"),
			specs.Cause("the whole list is sent back, or its names are folded to lower case; choose one name and repeat its bytes")),

		specs.Requirement("websocket/handshake/subprotocol-on-second-line", specs.Must, "RFC 6455 §11.3.4",
			"Offers on several lines are one list: a supported subprotocol is found on the second.",
			secondLine, specs.Covers("WS-HS-73"), specs.Needs("subprotocol", "conform-echo"),
			specs.Cause("only the first line of Sec-WebSocket-Protocol is read; join all lines of a field with commas")),

		specs.Requirement("websocket/handshake/subprotocol-case-sensitive", specs.Must, "RFC 6455 §4.2.2",
			"A supported subprotocol that is offered in other letters is not answered in the server's own spelling.",
			otherSpelling, specs.Covers("WS-HS-74"), specs.Needs("subprotocol", "conform-echo"),
			specs.Cause("subprotocols are compared without regard to case; they are compared byte by byte, as a client compares the answer")),

		specs.Requirement("websocket/handshake/empty-subprotocol-offer", specs.Must, "RFC 6455 §4.2.2",
			"An empty Sec-WebSocket-Protocol is not answered with an empty one.",
			func(c *specs.Case) { offers(c, []string{""}); c.StillServes() },
			specs.Covers("WS-HS-75"),
			specs.Cause("the value of the request is copied into the response; the empty string is no subprotocol")),

		specs.Requirement("websocket/handshake/malformed-subprotocol-offer", specs.Robust, "RFC 6455 §4.3",
			"Of an offer that is no list of tokens, at most a token is chosen.",
			malformedOffers, specs.Covers("WS-HS-76"),
			specs.Cause("the offer is cut at commas and the first part is taken as it is; refuse what is no token (RFC 9110 §5.6.2), skip empty elements")),

		specs.Requirement("websocket/handshake/subprotocol-blanks-quick", specs.Robust, "good engineering",
			"An offer with thousands of blanks is dealt with at once.",
			func(c *specs.Case) {
				c.Allow(2 * time.Second) // promptly says how late is too late
				offer := variant{"4000 blanks", func(r *request) { r.add("Sec-WebSocket-Protocol", "b"+strings.Repeat(" ", 4000)+"x") }}
				for range 5 {
					promptly(c, "an offer with 4000 blanks", func() { tryOne(c, offer, accepted(), overwhelmed()) })
					c.StillServes()
				}
			}, specs.Covers("WS-HS-77"), specs.Perilous,
			specs.Cause("the offer is split by a regular expression that tries every blank as a beginning (CVE-2021-32640); cut it at commas and trim the parts")),
	}
}

// supported is the subprotocol that the target is declared to support, which it
// has to choose when it is the only one.
func supported(c *specs.Case) string {
	p := c.Dialect("subprotocol")
	_, a := try(c, set("Sec-WebSocket-Protocol", p))
	judge(a.client, a.sent(), a.reaction, []outcome{chose(p)})
	a.client.Leave()
	return p
}

func secondLine(c *specs.Case) {
	p := supported(c)
	ws, a := try(c, func(r *request) {
		r.add("Sec-WebSocket-Protocol", "kit-unknown-1").add("Sec-WebSocket-Protocol", p)
	})
	judge(a.client, a.sent(), a.reaction, []outcome{
		chose(p), chose("kit-unknown-1").info("the server chooses what it does not know"),
		accepted().nonstrict("no subprotocol is chosen: only the first line is read"),
		refused().nonstrict("refused: only the first line is read"),
	})
	works(ws)
	c.StillServes()
}

func otherSpelling(c *specs.Case) {
	p := supported(c)
	other := strings.ToUpper(p)
	if other == p {
		other = strings.ToLower(p)
	}
	if other == p {
		c.Unsupported("the subprotocol %q has no letters", p)
	}
	tries(c, []variant{{"offered as " + other, func(r *request) { r.add("Sec-WebSocket-Protocol", other) }}},
		chose(""), chose(other), refused(), chose(p).nonstrict("the server compares subprotocols without regard to case"))
}

// chose is a 101 that names this subprotocol, or none for "".
func chose(p string) outcome {
	text := "101 with Sec-WebSocket-Protocol: " + p
	var want []string
	if p == "" {
		text = "101 without Sec-WebSocket-Protocol"
	} else {
		want = []string{p}
	}
	return expecting(text, func(r reaction) bool {
		return r.reply.fault(r.key) == "" && slices.Equal(r.reply.values("Sec-WebSocket-Protocol"), want)
	})
}

// malformedOffers are not what RFC 6455 §4.3 calls 1#token, but for the empty
// element, which a recipient of a list has to skip (RFC 9110 §5.6.1.2).
func malformedOffers(c *specs.Case) {
	asUsual(c)
	for _, o := range []struct {
		offer          string
		tokens, others []string
	}{
		{"foo bar", nil, []string{"foo bar", "foo", "bar"}},
		{"f@o", nil, []string{"f@o"}},
		{"foo,,bar", []string{"foo", "bar"}, nil},
		{"foo, foo", []string{"foo"}, nil},
	} {
		outcomes := []outcome{chose(""), refused()}
		for _, token := range o.tokens {
			outcomes = append(outcomes, chose(token))
		}
		for _, other := range o.others {
			outcomes = append(outcomes, chose(other).nonstrict("what is chosen is no token, or was not offered as one"))
		}
		tryOne(c, variant{"offering " + o.offer, func(r *request) { r.add("Sec-WebSocket-Protocol", o.offer) }}, outcomes...)
		c.StillServes()
	}
}
