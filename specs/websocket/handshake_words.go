package websocket

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

// tries has each of the handshakes on a connection of its own, with a client
// that is served as usual before the first and after each of them. A connection
// that is accepted has to be usable.
func tries(c *specs.Case, list []variant, outcomes ...outcome) {
	asUsual(c)
	for _, s := range list {
		tryOne(c, s, outcomes...)
		c.StillServes()
	}
}

// asUsual is a client that is served as usual, and leaves.
func asUsual(c *specs.Case) {
	ws := open(c)
	works(ws)
	ws.client.Leave()
}

// tryOne has one handshake and judges it. It is nil when that is not accepted.
func tryOne(c *specs.Case, s variant, outcomes ...outcome) *conn {
	ws, a := try(c, s.mod)
	a.what = s.what
	judge(a.client, a.sent(), a.reaction, outcomes)
	ws.worksAfter(a)
	return ws
}

// mayPart has a handshake that says something about the HTTP connection, and may
// be refused. Once accepted it should lead to a connection that lasts.
func mayPart(c *specs.Case, s variant, taken ...outcome) {
	asUsual(c)
	if ws := tryRaw(c, s.what, s.mod, append(taken, refused().info("it is refused"))...); ws != nil && !mute(c) {
		mark := ws.fence()
		ws.Expect(ponged(mark), echoed(frame.Text, mark), ended().nonstrict("the connection ends behind the 101, as in Jetty"))
	}
	c.StillServes()
}

// says sends bytes that are no valid opening handshake and reads what is
// answered within a wait.
func says(c *specs.Case, what, bytes string, wait time.Duration) attempt {
	cl := c.Dial()
	cl.Send(bytes)
	reply := readResponse(cl, wait)
	observeReply(c, reply)
	return attempt{client: cl, request: bytes, what: what, reaction: reaction{reply: reply, waited: reply.timedOut}}
}

// briefly is a wait for a reaction to something that need not be answered.
func briefly(c *specs.Case) time.Duration { return 2 * c.Timing().Quiet }

// push sends a piece and says whether the target still takes what it is sent.
func push(cl *specs.Client, piece string) bool {
	began := time.Now()
	cl.Send(piece)
	return !cl.Gone() && time.Since(began) < cl.Timing().Quiet
}

// promptly has what an attacker may make costly take no more than two seconds,
// or twenty times as long as what is usual does just before it.
func promptly(c *specs.Case, sent string, costly func()) {
	began := time.Now()
	asUsual(c)
	limit := max(2*time.Second, 20*time.Since(began))
	began = time.Now()
	costly()
	if took := time.Since(began); took > limit {
		c.Refute(specs.Reason{Code: specs.NoAnswer, Message: fmt.Sprintf("it took %s, for which a few milliseconds are enough", took.Round(10*time.Millisecond)),
			Sent: sent, Expected: []string{"an answer within " + limit.Round(10*time.Millisecond).String()}, Received: "an answer after " + took.Round(10*time.Millisecond).String()}, false)
	}
}

// notSwitched is anything but a 101: a refusal, silence, the end of the
// connection, or what is no HTTP at all.
func notSwitched() outcome {
	return expecting("anything but a 101", func(r reaction) bool { return r.reply.status != 101 })
}

// overwhelmed is a refusal of more than the server takes: its response may be
// cut off by the reset that unread bytes lead to.
func overwhelmed() outcome {
	o := refused()
	match := o.match
	o.match = func(r reaction) bool { return match(r) || r.reply.status != 101 && r.reply.end != "" }
	return o
}

// before puts a field before all the others.
func (r *request) before(name, value string) *request {
	r.fields = append([]field{{name, value}}, r.fields...)
	return r
}

// hides has handshakes in which a field that they need is no field of its own,
// but stands inside the value of another one, behind glue. A 101 is what says
// that it was read as one; where the target needs no such field, nothing does.
func hides(c *specs.Case, glue string, outcomes ...outcome) {
	asUsual(c)
	for _, name := range []string{"Upgrade", "Sec-WebSocket-Key"} {
		_, a := try(c, without(name))
		if a.client.Leave(); a.reaction.reply.status == 101 {
			c.Note("a handshake without %s is accepted: whether a hidden one is read cannot be seen", name)
			continue
		}
		_, a = try(c, func(r *request) {
			value := r.get(name)
			r.del(name).add("X-Kit", "a"+glue+name+": "+value)
		})
		a.what = name + " hidden in the value of X-Kit"
		judge(a.client, a.sent(), a.reaction, outcomes)
		c.StillServes()
	}
}

// statusLine is the beginning of an HTTP response.
var statusLine = regexp.MustCompile(`HTTP/\d\.\d \d\d\d`)

// ExpectNoHTTP fails the case when an HTTP response comes after the opening
// handshake. It consumes nothing.
func (ws *conn) ExpectNoHTTP() {
	s := ws.client.Await(briefly(ws.c), func(p []byte) bool { return statusLine.Match(p) })
	if statusLine.Match(s.Unread) {
		ws.c.Refute(specs.Reason{Code: specs.WrongBytes, Message: "an HTTP response came on a connection that is a WebSocket",
			Sent: ws.exchange(), Expected: []string{"frames, or the end of the connection"}, Received: wire.Quote(s.Unread, 120)}, false)
	}
}

// offers has a handshake that offers subprotocols, a line of the field for each
// string, and judges what is chosen: nothing, or one of those that are allowed.
// A refusal is no failure: RFC 6455 leaves it to the server (§4.2.2, item 4).
func offers(c *specs.Case, lines []string, allowed ...string) {
	ws, a := try(c, func(r *request) {
		for _, line := range lines {
			r.add("Sec-WebSocket-Protocol", line)
		}
	})
	defer func() { a.client.Leave() }()
	refusal := refused()
	if len(lines) == 0 {
		refusal = accepted()
	}
	judge(a.client, a.sent(), a.reaction, []outcome{accepted(), refusal})
	if ws == nil {
		return
	}
	list := ws.reply.values("Sec-WebSocket-Protocol")
	expected := []string{"a 101 without Sec-WebSocket-Protocol"}
	for _, p := range allowed {
		expected = append(expected, "a 101 with Sec-WebSocket-Protocol: "+p)
	}
	reason := specs.Reason{Code: specs.WrongBytes, Sent: a.sent(), Received: ws.reply.String(), Expected: expected}
	switch {
	case len(list) == 0:
	case len(list) > 1:
		reason.Message = "the 101 has more than one Sec-WebSocket-Protocol"
	case list[0] == "":
		reason.Message = "the 101 has an empty Sec-WebSocket-Protocol"
	case !slices.Contains(allowed, list[0]):
		reason.Message = fmt.Sprintf("the 101 names the subprotocol %s, which was not offered", wire.Quote([]byte(list[0]), 60))
		if len(lines) > 0 && strings.Contains(list[0], ",") {
			reason.Message = "the 101 names a list of subprotocols and not one of them"
		}
	}
	if reason.Message != "" {
		c.Refute(reason, false)
	}
	works(ws)
}
