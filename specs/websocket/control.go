package websocket

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

// control is RFC 6455 §5.5.2 and §5.5.3: Pings are answered by Pongs.
func control() []specs.Spec { return slices.Concat(pinged(), unusualControl(), keepalive()) }

// pinged is Pings that have to be answered.
func pinged() []specs.Spec {
	const same = "a Pong holds exactly the payload of its Ping, whatever the bytes are"
	return []specs.Spec{
		specs.Requirement("websocket/control/empty-ping", specs.Must, "RFC 6455 §5.5.2",
			"An empty Ping right after the opening handshake is answered by an empty Pong.",
			func(c *specs.Case) {
				ws := openAnyway(c) // where nothing is answered, this is what says so
				ws.Ping("")
				if mute(c) { // it was waited for long before the run
					ws.pump(2*c.Timing().Quiet, func() bool { return len(ws.pongs) > 0 || ws.close != nil })
					if len(ws.pongs) == 0 {
						judge(ws.client, ws.exchange(), ws.reaction(), []outcome{ponged("")})
					}
				}
				ws.ExpectPong("")
			}, specs.Covers("WS-CTL-01"), specs.Cause("Pings are not answered at all; that is the server's duty, not the application's")),

		specs.Requirement("websocket/control/pong-repeats-payload", specs.Must, "RFC 6455 §5.5.3",
			"A Pong has the payload of its Ping, text or not.",
			func(c *specs.Case) {
				pingPong(open(c), "Hello", "\x00\xff\xfe\xfd\x00", c.Word())
			}, specs.Covers("WS-CTL-02"), specs.Cause("Pongs are always empty, or the payload is decoded as text; "+same)),

		specs.Requirement("websocket/control/longest-ping", specs.Must, "RFC 6455 §5.5",
			"Pings of 125 bytes and of one are answered.",
			func(c *specs.Case) {
				pingPong(open(c), randomBytes(c, 125), ascii(c, 1), randomBytes(c, 124))
			}, specs.Covers("WS-CTL-03"), specs.Cause("the payload is cut or padded to a size; "+same)),

		specs.Requirement("websocket/control/ten-pings-in-turn", specs.Must, "RFC 6455 §5.5.2",
			"Ten Pings, each sent after the Pong to the one before, are all answered.",
			func(c *specs.Case) {
				ws := open(c)
				for i := range 10 {
					pingPong(ws, fmt.Sprintf("%d %s", i, c.Word()))
				}
			}, specs.Covers("WS-CTL-07"), specs.Cause("a Ping is answered once for each connection, or the payload of an earlier one is sent")),

		specs.Requirement("websocket/control/ten-pings-at-once", specs.Must, "RFC 6455 §5.5.3",
			"Of ten Pings that come at once some or all are answered, each once and in order, however they are cut.",
			func(c *specs.Case) {
				for _, how := range []chop{inOne, byByte} {
					ws := open(c)
					var payloads []string
					var frames []frame.Frame
					for i := range 10 {
						payloads = append(payloads, fmt.Sprintf("%d %s", i, c.Word()))
						frames = append(frames, frame.New(frame.Ping, payloads[i]))
					}
					ws.SendChopped(how, frames...)
					ws.ExpectPongs(payloads...)
				}
			}, specs.Covers("WS-CTL-06"), specs.Cause("Pongs are sent from a place that the next Ping overwrites")),

		specs.Requirement("websocket/control/ping-byte-by-byte", specs.Must, "RFC 6455 §5.5.2",
			"A Ping of 125 bytes that comes byte by byte is answered.",
			func(c *specs.Case) {
				ws := open(c)
				payload := randomBytes(c, 125)
				ws.SendChopped(byByte, frame.New(frame.Ping, payload))
				ws.ExpectPong(payload)
			}, specs.Covers("WS-CTL-08"), specs.Cause("a read is taken to bring a whole control frame, because it is small")),

		specs.Requirement("websocket/control/pings-between-messages", specs.Must, "RFC 6455 §5.5.2",
			"Pings and messages that come in one segment are answered, each kind in its order.",
			func(c *specs.Case) {
				ws := openEcho(c)
				a, b, p, q := c.Word(), c.Word(), c.Word(), c.Word()
				ws.Send(frame.New(frame.Ping, p), frame.New(frame.Text, a), frame.New(frame.Ping, q), frame.New(frame.Text, b))
				ws.ExpectText(a)
				ws.ExpectText(b)
				ws.ExpectPongs(p, q)
			}, specs.Covers("WS-CTL-10"), specs.Cause("what a read brings behind a control frame is dropped")),

		specs.Requirement("websocket/control/ping-during-echo", specs.Must, "RFC 6455 §5.4",
			"A Ping that comes while a long message is being sent is answered between two frames.",
			func(c *specs.Case) {
				needsEcho(c)
				cl := c.DialWith(func(d *wire.Dialer) { d.ReceiveBuffer = 32 << 10 })
				ws, a := converse(cl, hello(c))
				judge(a.client, a.sent(), a.reaction, []outcome{accepted()})
				cl.ReadSlowly(32<<10, time.Millisecond)
				data, payload := randomBytes(c, 1<<20), c.Word()
				ws.Binary(data)
				cl.Await(patience(c, len(data)), func(p []byte) bool { return len(p) > 0 })
				ws.Ping(payload)
				ws.ExpectBinary(data)
				ws.ExpectPong(payload)
			}, specs.Covers("WS-CTL-12"), specs.Cause("two threads write to one connection, and a Pong gets into the middle of a frame")),

		specs.Requirement("websocket/control/own-pong-for-each-client", specs.Must, "RFC 6455 §5.5.3",
			"Two clients that send Pings at the same time get the Pongs to their own ones, a hundred times.",
			func(c *specs.Case) {
				a, b := open(c), open(c)
				for range 100 {
					p, q := randomBytes(c, c.IntN(126)), randomBytes(c, c.IntN(126))
					a.Ping(p)
					b.Ping(q)
					a.ExpectPong(p)
					b.ExpectPong(q)
				}
			}, specs.Covers("WS-CTL-17"), specs.Clients(2), specs.Cause("the payload of a Ping is kept in a place that all connections share")),

		specs.Requirement("websocket/control/ping-after-idling", specs.Must, "RFC 6455 §5.5.2",
			"A Ping after five idle seconds is answered on a connection that has not sent anything.",
			func(c *specs.Case) {
				ws := open(c)
				ws.pump(5*time.Second, func() bool { return ws.close != nil })
				payload := c.Word()
				ws.Ping(payload)
				ws.Expect(ponged(payload), failed(1000, 1001, 1008).nonstrict("a connection that has sent nothing for five seconds is closed"))
			}, specs.Covers("WS-CTL-18"), specs.Slow, specs.Cause("a read that times out ends the connection; an idle client is no dead one")),
	}
}

// pingPong sends Pings in turn, and has each answered.
func pingPong(ws *conn, payloads ...string) {
	for _, p := range payloads {
		ws.Ping(p)
		ws.ExpectPong(p)
	}
}

// unusualControl is control frames that are not allowed, or need no answer.
func unusualControl() []specs.Spec {
	const tooLong = "the length of a control frame is not looked at; above 125 bytes it fails the connection"
	return []specs.Spec{
		specs.Requirement("websocket/control/ping-of-126-bytes-fails", specs.Must, "RFC 6455 §5.5",
			"A Ping of 126 bytes fails the connection, and is not answered.",
			func(c *specs.Case) {
				provoke(c, []frame.Frame{frame.New(frame.Ping, ascii(c, 126))}, failed(1002, 1009),
					silent().nonstrict("the connection is neither failed nor served"))
			}, specs.Covers("WS-CTL-04"), specs.Cause(tooLong)),

		specs.Requirement("websocket/control/pong-of-126-bytes-fails", specs.Must, "RFC 6455 §5.5",
			"A Pong of 126 bytes fails the connection.",
			func(c *specs.Case) {
				provoke(c, []frame.Frame{frame.New(frame.Pong, ascii(c, 126))}, failed(1002, 1009))
			}, specs.Covers("WS-CTL-05"), specs.Cause(tooLong)),

		specs.Requirement("websocket/control/ping-of-65536-bytes-fails", specs.Must, "RFC 6455 §5.5",
			"A Ping of 65536 bytes fails the connection, and is not answered.",
			func(c *specs.Case) {
				provoke(c, []frame.Frame{frame.New(frame.Ping, ascii(c, 65536))}, failed(1002, 1009))
			}, specs.Covers("WS-CTL-05"), specs.Cause(tooLong)),

		specs.Requirement("websocket/control/unsolicited-pong-ignored", specs.May, "RFC 6455 §5.5.3",
			"A Pong that nobody has asked for is not answered, and the connection goes on to what follows it.",
			func(c *specs.Case) {
				ws := open(c)
				for _, payload := range []string{"", c.Word(), randomBytes(c, 125)} {
					ws.Send(frame.New(frame.Pong, payload))
					if ws.Expect(stays(), gone().nonstrict(pongFatal)) != 0 {
						break
					}
				}
				c.StillServes()
				ws = open(c)
				payload := c.Word()
				ws.Send(frame.New(frame.Pong, ascii(c, 24)), frame.New(frame.Ping, payload))
				ws.Expect(ponged(payload), gone().nonstrict(pongFatal))
				for _, before := range []string{"", ascii(c, 24)} {
					ws = open(c)
					ws.Send(frame.New(frame.Pong, before), frame.NewClose(1000, ""))
					ws.Expect(closed(1000, 0), gone().nonstrict(pongFatal))
				}
			}, specs.Covers("WS-CTL-09"), specs.Cause("a Pong is answered like a Ping, or taken for an answer that is due; drop it")),

		specs.Requirement("websocket/control/ping-behind-close", specs.May, "RFC 6455 §5.5.2",
			"A Ping behind a Close frame may be left without an answer, and the connection closes.",
			func(c *specs.Case) {
				ws := open(c)
				ws.Stays()
				payload := c.Word()
				ws.Send(frame.NewClose(1000, ""), frame.New(frame.Ping, payload))
				timedOut := ws.pump(patience(c, 0), func() bool { return ws.close != nil })
				early := len(ws.pongs)
				r, ends := ws.settle(timedOut), closed(1000, 0).ponging(payload)
				if len(r.pongs) > early {
					ends = ends.info("a Pong comes behind the server's Close frame")
				}
				judge(ws.client, ws.exchange(), r, []outcome{ends})
				c.StillServes()
			}, specs.Covers("WS-CTL-13"), specs.Cause("frames behind a Close frame are read as if it had not come, or keep the connection from closing")),

		specs.Requirement(ruleControl, specs.Must, "RFC 6455 §5.5",
			"The server's control frames are at most 125 bytes long, and not fragmented.",
			func(c *specs.Case) {
				talk(c)
				observed(c, ruleControl, "FIN 1 and a length of at most 125 in every Close, Ping and Pong")
			}, specs.Covers("WS-CTL-11"), specs.Last, specs.Cause("a Pong is written like a message, which may be long and in fragments")),
	}
}

const pongFatal = "an unsolicited Pong ends the connection; it may serve as a sign of life"

// keepalive is Pings of the server, where it is declared to send them.
func keepalive() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/control/dead-client-noticed", specs.Robust, "RFC 6455 §5.5.2",
			"A client that does not answer the server's Pings is given up.",
			func(c *specs.Case) {
				interval, timeout := keepaliveOf(c)
				ws := open(c)
				ws.mute = true
				ws.pump(2*interval+c.Timing().Answer, func() bool { return ws.frames > 0 })
				c.Check(ws.frames > 0, "no Ping came within two intervals of %s", interval)
				ws.ExpectWithin(interval+timeout+c.Timing().Answer, failed(1001, 1002, 1008, 1011),
					waiting().info("the connection stays open although its Pings are not answered"))
				c.StillServes()
			}, specs.Covers("WS-CTL-15"), specs.Slow, specs.Needs("keepalive", "300ms,300ms"),
			specs.Cause("Pings are sent, and whether an answer comes is not looked at")),

		specs.Requirement("websocket/control/living-client-kept", specs.Robust, "RFC 6455 §5.5.2",
			"A client that answers the server's Pings and sends nothing else stays connected.",
			func(c *specs.Case) {
				interval, _ := keepaliveOf(c)
				ws := open(c)
				ws.pump(3*interval, func() bool { return ws.close != nil })
				ws.Expect(stays(), gone().nonstrict("an idle connection is closed although its Pongs come"))
			}, specs.Covers("WS-CTL-16"), specs.Slow, specs.Needs("keepalive", "300ms,300ms"),
			specs.Cause("only messages count as a sign of life; a Pong is one too")),
	}
}

// keepaliveOf is how often the target sends Pings, and how long it waits for a Pong.
func keepaliveOf(c *specs.Case) (interval, timeout time.Duration) {
	a, b, _ := strings.Cut(c.Dialect("keepalive"), ",")
	interval, _ = time.ParseDuration(a)
	timeout, _ = time.ParseDuration(b)
	return interval, timeout
}

// untestableControl is the rows about Pings that say nothing of a server.
func untestableControl() map[string]string {
	return map[string]string{
		"WS-CTL-14": "it allows something to a server and binds the client: conform answers every Ping of the server, and ignores Pongs that it has not asked for",
	}
}
