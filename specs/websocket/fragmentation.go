package websocket

import (
	"slices"
	"strings"
	"time"

	"conform/specs"
	"conform/specs/websocket/frame"
)

// fragmentation is RFC 6455 §5.4: messages in several frames.
func fragmentation() []specs.Spec {
	return slices.Concat(wellFragmented(), misfragmented())
}

// wellFragmented is messages in fragments, as they may come.
func wellFragmented() []specs.Spec {
	const oneFrame = "every frame is taken for a message: a message ends with the frame that has FIN set, and its type is the opcode of the first one"
	return []specs.Spec{
		specs.Requirement("websocket/fragmentation/two-fragments", specs.Must, "RFC 6455 §5.4",
			"A text in two fragments comes back whole, however they are cut.",
			func(c *specs.Case) {
				ws := openEcho(c)
				for _, how := range chops {
					a, b := c.Word(), c.Word()
					ws.SendChopped(how, fragments(frame.Text, a, b)...)
					ws.ExpectText(a + b)
				}
			}, specs.Covers("WS-FRAG-01"), specs.Cause(oneFrame)),

		specs.Requirement("websocket/fragmentation/type-of-first-fragment", specs.Must, "RFC 6455 §5.4",
			"A binary message in three fragments comes back as a binary one, although it could be text.",
			func(c *specs.Case) { joins(openEcho(c), frame.Binary, c.Word(), c.Word(), c.Word()) },
			specs.Covers("WS-FRAG-02"), specs.Cause("the type is guessed from the content, or taken from the last frame, whose opcode is 0; it is the opcode of the first one")),

		specs.Requirement("websocket/fragmentation/hundred-fragments", specs.Must, "RFC 6455 §5.4",
			"A text in a hundred fragments of one byte comes back whole.",
			func(c *specs.Case) { joins(openEcho(c), frame.Text, strings.Split(ascii(c, 100), "")...) },
			specs.Covers("WS-FRAG-03"), specs.Cause("a message is expected to have two or three fragments")),

		specs.Requirement("websocket/fragmentation/empty-fragments", specs.Must, "RFC 6455 §5.4",
			"An empty fragment may be the first, one in the middle, or the last.",
			func(c *specs.Case) {
				ws := openEcho(c)
				joins(ws, frame.Text, "", c.Word())
				joins(ws, frame.Text, c.Word(), "", c.Word())
				joins(ws, frame.Text, c.Word(), "")
				joins(ws, frame.Text, "", c.Word(), "")
			}, specs.Covers("WS-FRAG-04"), specs.Cause("an empty payload is taken for nothing: FIN and opcode count without one")),

		specs.Requirement("websocket/fragmentation/only-empty-fragments", specs.Must, "RFC 6455 §5.4",
			"Three empty fragments are one empty message.",
			func(c *specs.Case) {
				ws := openEcho(c)
				ws.Send(fragments(frame.Text, "", "", "")...)
				ws.ExpectEmpty(frame.Text)
				joins(ws, frame.Binary, c.Word(), c.Word())
			}, specs.Covers("WS-FRAG-04"), specs.Cause("whether a message is under way is told by the bytes that are collected; an empty one is under way too")),

		specs.Requirement("websocket/fragmentation/every-form-of-length", specs.Must, "RFC 6455 §5.4",
			"Fragments of 125, 126, 65535, 65536, 0 and 1 bytes are one message.",
			func(c *specs.Case) {
				var parts []string
				for _, size := range []int{125, 126, 65535, 65536, 0, 1} {
					parts = append(parts, randomBytes(c, size))
				}
				joins(openEcho(c), frame.Binary, parts...)
			}, specs.Covers("WS-FRAG-05"), specs.Cause("a buffer of the size of the first fragment, or of a fixed size, is used for the whole message")),

		specs.Requirement("websocket/fragmentation/ping-between-fragments", specs.Must, "RFC 6455 §5.4",
			"A Ping between two fragments is answered, and does not touch the message, however the frames are cut.",
			func(c *specs.Case) {
				ws := openEcho(c)
				for _, how := range chops {
					a, b, payload := c.Word(), c.Word(), c.Word()
					f := fragments(frame.Text, a, b)
					ws.SendChopped(how, f[0], frame.New(frame.Ping, payload), f[1])
					ws.ExpectPong(payload)
					ws.ExpectText(a + b)
				}
			}, specs.Covers("WS-FRAG-06"), specs.Cause(polluted)),

		specs.Requirement("websocket/fragmentation/ping-answered-inside-message", specs.Should, "RFC 6455 §5.5.2",
			"A Ping between two fragments is answered before the last one has come.",
			func(c *specs.Case) {
				ws := openEcho(c)
				for _, how := range []chop{inOne, byFrame} {
					all := []string{c.Word(), c.Word(), c.Word(), c.Word(), c.Word()}
					f, whole := fragments(frame.Text, all...), strings.Join(all, "")
					for i := 0; i < 4; i += 2 {
						payload := c.Word()
						ws.SendChopped(how, f[i], f[i+1], frame.New(frame.Ping, payload))
						answered := func() bool { return len(ws.pongs) > 0 || ws.close != nil }
						if ws.pump(patience(c, 0), answered) {
							pongsLater(ws, payload, f[i+2:], whole)
							return
						}
						ws.ExpectPong(payload)
					}
					ws.Send(f[4])
					ws.ExpectText(whole)
				}
			}, specs.Covers("WS-FRAG-07"), specs.Cause("control frames are kept until the message is whole; answer them at once")),

		specs.Requirement("websocket/fragmentation/control-frames-cut-between-fragments", specs.Must, "RFC 6455 §5.4",
			"A Ping and a Pong that come in pieces between two fragments do not get into the message.",
			func(c *specs.Case) {
				ws := openEcho(c)
				a, b, payload := ascii(c, 20), ascii(c, 30), randomBytes(c, 125)
				f := fragments(frame.Text, a, b)
				frames := []frame.Frame{f[0], frame.New(frame.Ping, payload), frame.New(frame.Pong, ascii(c, 60)), f[1]}
				ping := len(f[0].Bytes())
				pong := ping + len(frames[1].Bytes())
				last := pong + len(frames[2].Bytes())
				ws.SendPieces(c.Timing().Gap, frames, ping+1, ping+6+50, ping+6+90, pong+4, pong+6+30, last, last+3)
				ws.ExpectPong(payload)
				ws.ExpectText(a + b)
			}, specs.Covers("WS-FRAG-08"), specs.Cause(polluted)),

		specs.Requirement("websocket/fragmentation/by-turns", specs.Must, "RFC 6455 §5.4",
			"Fragmented messages and whole ones of either type may follow each other.",
			func(c *specs.Case) {
				ws := openEcho(c)
				a, b, d := []string{c.Word(), c.Word()}, c.Word(), []string{c.Word(), c.Word(), c.Word()}
				ws.Send(slices.Concat(fragments(frame.Text, a...), fragments(frame.Binary, b), fragments(frame.Text, d...), fragments(frame.Binary, a...))...)
				ws.ExpectText(strings.Join(a, ""))
				ws.ExpectBinary(b)
				ws.ExpectText(strings.Join(d, ""))
				ws.ExpectBinary(strings.Join(a, ""))
			}, specs.Covers("WS-FRAG-14"), specs.Cause("type or content of a fragmented message are kept when it is over")),

		specs.Requirement("websocket/fragmentation/whole-only-at-fin", specs.Must, "RFC 6455 §5.4",
			"A message is whole with the fragment that has FIN set, not when no more comes for a while.",
			func(c *specs.Case) {
				ws := openEcho(c)
				f := fragments(frame.Text, "abc", "def", "ghi")
				for _, part := range f[:2] {
					ws.Send(part)
					ws.Withholds(atLeast(c, time.Second), "no fragment with FIN has been sent")
				}
				ws.Send(f[2])
				ws.ExpectText("abcdefghi")
			}, specs.Covers("WS-FRAG-15"), specs.Slow, specs.Cause("FIN is not looked at, and each fragment is answered as if it were a message; or what has come is taken for all of it when a read times out")),

		specs.Requirement("websocket/fragmentation/headers-and-payloads-apart", specs.Must, "RFC 6455 §5.4",
			"Fragments may be cut between header and payload, and in a header.",
			func(c *specs.Case) {
				ws := openEcho(c)
				a, b := ascii(c, 40), ascii(c, 200)
				frames := fragments(frame.Text, a, b)
				next := len(frames[0].Bytes())
				ws.SendPieces(c.Timing().Gap, frames, frames[0].HeaderSize(), next, next+3, next+frames[1].HeaderSize())
				ws.ExpectText(a + b)
			}, specs.Covers("WS-FRAG-21"), specs.Cause(shortRead)),

		specs.Requirement(ruleFragments, specs.Must, "RFC 6455 §5.4",
			"The server's fragments are in order: a first frame, continuations, and no other message between them.",
			func(c *specs.Case) {
				talk(c)
				observed(c, ruleFragments, "an opcode other than 0 in the first frame of a message, 0 in the others, FIN in the last")
			}, specs.Covers("WS-FRAG-22"), specs.Last, specs.Cause("the opcode of a message is repeated in its fragments, or two threads write fragments of two messages to one connection")),
	}
}

const polluted = "the payload of a control frame is added to the message, or ends it; a control frame may stand between two fragments and is no part of the message"

// joins sends a message in fragments, in one segment, and has it come back whole.
func joins(ws *conn, op frame.Opcode, parts ...string) {
	ws.Send(fragments(op, parts...)...)
	ws.ExpectMessage(op, strings.Join(parts, ""))
}

// pongsLater ends a message that a Ping was sent inside of and not answered.
func pongsLater(ws *conn, payload string, rest []frame.Frame, whole string) {
	sent := ws.exchange()
	ws.Send(rest...)
	ws.ExpectPong(payload)
	ws.c.Admit(specs.Info, specs.Reason{Code: specs.NoAnswer, Message: "the Ping was answered only when the message was whole", Sent: sent,
		Expected: []string{ponged(payload).String()}, Received: "nothing, until the last fragment was sent"}, true)
	ws.ExpectText(whole)
}

// misfragmented is frames in an order that they must not come in.
func misfragmented() []specs.Spec {
	const orphaned = "a continuation is taken for a message of its own, or kept for one that never began; without a first fragment it fails the connection with 1002"
	const nested = "a new message is begun inside another one, which is forgotten or joined with it; until FIN has come only continuations and control frames may follow"
	const whole = "FIN is not looked at in control frames; they are never fragmented, and one that is fails the connection"
	return []specs.Spec{
		specs.Requirement("websocket/fragmentation/lone-continuation-fails", specs.Must, "RFC 6455 §5.4",
			"A continuation with FIN that continues nothing fails the connection, first of all or later.",
			func(c *specs.Case) { orphan(c, frame.New(frame.Continuation, c.Word())) },
			specs.Covers("WS-FRAG-09"), specs.Cause(orphaned)),

		specs.Requirement("websocket/fragmentation/lone-continuation-without-fin-fails", specs.Must, "RFC 6455 §5.4",
			"A continuation without FIN that continues nothing fails the connection, first of all or later.",
			func(c *specs.Case) { orphan(c, frame.New(frame.Continuation, c.Word()).More()) },
			specs.Covers("WS-FRAG-10"), specs.Cause(orphaned)),

		specs.Requirement("websocket/fragmentation/continuation-after-message-fails", specs.Must, "RFC 6455 §5.4",
			"A continuation behind a fragmented message that is over fails the connection.",
			func(c *specs.Case) {
				ws := openEcho(c)
				joins(ws, frame.Text, c.Word(), c.Word())
				ws.Send(frame.New(frame.Continuation, c.Word()))
				ws.Expect(failed(1002))
				c.StillServes()
			}, specs.Covers("WS-FRAG-11"), specs.Cause("that a message is over is not noted: the next continuation is taken for a part of it")),

		specs.Requirement("websocket/fragmentation/nothing-after-continuation", specs.Must, "RFC 6455 §7.1.7",
			"A message behind a continuation that continues nothing is not answered any more.",
			func(c *specs.Case) {
				needsEcho(c)
				for _, bad := range []frame.Frame{frame.New(frame.Continuation, c.Word()), frame.New(frame.Continuation, c.Word()).More()} {
					for _, next := range [][]string{{c.Word()}, {c.Word(), c.Word()}} {
						a, b := c.Word(), c.Word()
						frames := append(fragments(frame.Text, a, b), bad)
						provoke(c, append(frames, fragments(frame.Text, next...)...), failed(1002).after(text(a+b)))
					}
				}
			}, specs.Covers("WS-FRAG-11"), specs.Cause(readsOn)),

		specs.Requirement("websocket/fragmentation/text-inside-text-fails", specs.Must, "RFC 6455 §5.4",
			"A text frame inside a fragmented text fails the connection.",
			func(c *specs.Case) {
				provoke(c, []frame.Frame{frame.New(frame.Text, c.Word()).More(), frame.New(frame.Text, c.Word())}, failed(1002).streaming())
			}, specs.Covers("WS-FRAG-12"), specs.Cause(nested)),

		specs.Requirement("websocket/fragmentation/other-type-inside-message-fails", specs.Must, "RFC 6455 §5.4",
			"A binary frame inside a fragmented text fails the connection, and the other way round.",
			func(c *specs.Case) {
				provoke(c, []frame.Frame{frame.New(frame.Text, c.Word()).More(), frame.New(frame.Binary, c.Word())}, failed(1002).streaming())
				provoke(c, []frame.Frame{frame.New(frame.Binary, c.Word()).More(), frame.New(frame.Text, c.Word()).More()}, failed(1002).streaming())
			}, specs.Covers("WS-FRAG-13"), specs.Cause(nested)),

		specs.Requirement("websocket/fragmentation/fragmented-ping-fails", specs.Must, "RFC 6455 §5.5",
			"A Ping without FIN fails the connection, with a continuation behind it and without.",
			func(c *specs.Case) {
				ping := frame.New(frame.Ping, c.Word()).More()
				ignored := silent().nonstrict("the connection is neither failed nor served")
				provoke(c, []frame.Frame{ping}, failed(1002), ignored)
				provoke(c, []frame.Frame{ping, frame.New(frame.Continuation, c.Word())}, failed(1002), ignored)
			}, specs.Covers("WS-FRAG-16"), specs.Cause(whole)),

		specs.Requirement("websocket/fragmentation/fragmented-pong-fails", specs.Must, "RFC 6455 §5.5",
			"A Pong without FIN fails the connection, with a continuation behind it and without.",
			func(c *specs.Case) {
				pong := frame.New(frame.Pong, c.Word()).More()
				provoke(c, []frame.Frame{pong}, failed(1002), stays().nonstrict("FIN of a frame that needs no answer is not looked at"))
				provoke(c, []frame.Frame{pong, frame.New(frame.Continuation, c.Word())}, failed(1002))
			}, specs.Covers("WS-FRAG-17"), specs.Cause(whole)),

		specs.Requirement("websocket/fragmentation/fragmented-close-fails", specs.Must, "RFC 6455 §5.5",
			"A Close frame without FIN fails the connection: it is no closing handshake.",
			func(c *specs.Case) {
				provoke(c, []frame.Frame{frame.NewClose(1000, "").More()}, failed(1002), closed(1000).nonstrict("FIN of a Close frame is not looked at"))
			}, specs.Covers("WS-FRAG-18"), specs.Cause(whole)),

		specs.Requirement("websocket/fragmentation/close-inside-message", specs.Must, "RFC 6455 §5.5.1",
			"A Close frame inside a message closes the connection, and the part of the message is dropped.",
			func(c *specs.Case) {
				f := fragments(frame.Text, c.Word(), c.Word())
				provoke(c, []frame.Frame{f[0], frame.NewClose(1000, "")}, closed(1000, 1001, 1002, 0).streaming())
				provoke(c, []frame.Frame{f[0], frame.NewClose(1000, ""), f[1]}, closed(1000, 1001, 1002, 0).streaming())
			}, specs.Covers("WS-FRAG-19"), specs.Cause("a Close frame is kept until the message is whole, or sends off the part of it that has come")),

		specs.Requirement("websocket/fragmentation/part-and-the-end", specs.Robust, "RFC 6455 §5.4",
			"The fragments of a client that ends before the last one are no message.",
			func(c *specs.Case) {
				ws := open(c)
				ws.Stays()
				part := c.Word()
				ws.Send(frame.New(frame.Text, part).More())
				ws.client.HalfClose()
				ws.ExpectWithin(patience(c, 0), gone().streaming(), waiting().streaming().nonstrict(stillOpen),
					expecting("the part as a message", func(r reaction) bool { return len(r.messages) == 1 && r.messages[0].is(frame.Text, part) }).
						nonstrict("the part comes back as if it were whole, as from coder/websocket"))
				c.StillServes()
			}, specs.Covers("WS-FRAG-20"), specs.Cause("the end of the stream is taken for the end of the message; what has come without FIN is dropped")),

		specs.Requirement("websocket/fragmentation/part-of-another-client", specs.Robust, "good engineering",
			"A fragment whose client has gone is not continued by another client.",
			func(c *specs.Case) {
				for i, ended := 0, true; ended && i < 20; i++ {
					ws := open(c)
					ws.Send(frame.New(frame.Text, c.Word()).More())
					ws.client.HalfClose()
					ended = !ws.pump(patience(c, 0), func() bool { return false })
				}
				ws := open(c)
				ws.Send(frame.New(frame.Continuation, c.Word()))
				ws.Expect(failed(1002))
				c.StillServes()
			}, specs.Covers("WS-FRAG-20"), specs.Cause("the fragments of a message are kept in a place that all connections share")),
	}
}

// orphan sends a continuation that continues nothing: as the very first frame,
// and before a text that is cut in every way, or in fragments.
func orphan(c *specs.Case, f frame.Frame) {
	ws := open(c)
	ws.Send(f)
	ws.Expect(failed(1002))
	c.StillServes()
	for _, how := range chops {
		ws = open(c)
		ws.Stays()
		ws.SendChopped(how, f, frame.New(frame.Text, c.Word()))
		ws.Expect(failed(1002))
		c.StillServes()
	}
	begun := append([]frame.Frame{f}, fragments(frame.Text, c.Word(), c.Word())...)
	provoke(c, append(begun, begun...), failed(1002))
}
