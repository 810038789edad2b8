package websocket

import (
	"slices"
	"time"

	"conform/specs"
	"conform/specs/websocket/frame"
)

// frameSegments is frames in a stream of bytes, which has no boundaries: RFC
// 6455 §6.2.
func frameSegments() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/framing/header-in-two-pieces", specs.Must, "RFC 6455 §6.2",
			"A header that comes in two pieces is read as a whole, with a length of 7 or 16 bits.",
			func(c *specs.Case) {
				ws := openEcho(c)
				cutHeader(ws, frame.New(frame.Text, ascii(c, 7)))
				cutHeader(ws, frame.New(frame.Text, ascii(c, 300)))
			}, specs.Covers("WS-FR-18"), specs.Cause(shortRead)),

		specs.Requirement("websocket/framing/header-in-two-pieces-64-bit", specs.Must, "RFC 6455 §6.2",
			"A header that comes in two pieces is read as a whole, with a length of 64 bits.",
			func(c *specs.Case) { cutHeader(openEcho(c), frame.New(frame.Text, ascii(c, 65537))) },
			specs.Covers("WS-FR-18"), specs.Cause(shortRead)),

		specs.Requirement("websocket/framing/byte-by-byte", specs.Must, "RFC 6455 §6.2",
			"A frame that comes byte by byte is read as a whole.",
			func(c *specs.Case) {
				ws := openEcho(c)
				data := ascii(c, 300-8)
				ws.SendChopped(byByte, frame.New(frame.Text, data))
				ws.ExpectText(data)
			}, specs.Covers("WS-FR-19"), specs.Cause("a read is taken for a frame; collect what comes until there is as much as the length says")),

		specs.Requirement("websocket/framing/twenty-frames-at-once", specs.Must, "RFC 6455 §6.2",
			"Twenty messages that come in one segment are answered one by one.",
			func(c *specs.Case) {
				var messages []message
				for i := range 20 {
					size := 1 + c.IntN(125)
					if i%4 == 3 {
						size = 126 + c.IntN(200)
					}
					messages = append(messages, anyMessage(c, i, size))
				}
				echoesAll(c, messages)
			}, specs.Covers("WS-FR-20"), specs.Cause("what a read brings behind the first frame is dropped; keep it, and read on in it")),

		specs.Requirement("websocket/framing/one-and-a-half-frames", specs.Must, "RFC 6455 §6.2",
			"One and a half frames, and later the rest and another one, are three messages.",
			func(c *specs.Case) {
				ws := openEcho(c)
				var data []string
				var frames []frame.Frame
				for i := range 3 {
					data = append(data, ascii(c, 30+10*i))
					frames = append(frames, frame.New(frame.Text, data[i]))
				}
				half := len(frames[0].Bytes()) + len(frames[1].Bytes())/2
				ws.SendPieces(atLeast(c, 300*time.Millisecond), frames, half)
				for _, d := range data {
					ws.ExpectText(d)
				}
			}, specs.Covers("WS-FR-21"), specs.Cause("the beginning of a frame behind another one is dropped, or not joined with what comes later")),

		specs.Requirement("websocket/framing/two-hundred-in-order", specs.Must, "RFC 6455 §6.2",
			"Two hundred messages that are sent without waiting come back in order, with their types.",
			func(c *specs.Case) {
				smallest := 0
				ws := openEcho(c)
				ws.Text("")
				if !ws.ExpectEmpty(frame.Text) {
					smallest = 1
				}
				var messages []message
				for i := range 200 {
					size := c.IntN(301)
					if i < 4 {
						size = []int{0, 0, 300, 300}[i]
					}
					messages = append(messages, anyMessage(c, i, max(size, smallest)))
				}
				echoesAll(c, messages)
			}, specs.Covers("WS-FR-34"), specs.Cause("each message is handled by a thread of its own, and whichever is first answers first")),

		specs.Requirement("websocket/framing/thousand-empty-messages", specs.Robust, "good engineering",
			"A thousand empty messages at once are all answered.",
			func(c *specs.Case) {
				const many = 1000
				ws := openEcho(c)
				ws.Send(slices.Repeat([]frame.Frame{frame.New(frame.Text, "")}, many)...)
				timedOut := ws.gathers(many)
				empty := slices.Repeat([]message{text("")}, many)
				all := expecting("1000 empty TEXT messages", func(r reaction) bool {
					return r.end == "" && r.close == nil && slices.EqualFunc(r.messages, empty, func(a, b message) bool { return a.is(b.op, b.data) })
				})
				none := expecting("nothing", func(r reaction) bool { return r.end == "" && !r.answered() })
				judge(ws.client, ws.exchange(), ws.settle(timedOut), []outcome{all,
					failed(1008, 1009).after(empty...).info("the connection fails on so many empty messages"), none.nonstrict(swallowed)})
				if ws.messages = nil; ws.end == "" {
					ws.Stays()
				}
				c.StillServes()
			}, specs.Covers("WS-FR-35"), specs.Cause("every message costs something that is not given back before the next one")),

		specs.Requirement("websocket/framing/half-a-frame-and-the-end", specs.Robust, "RFC 6455 §6.2",
			"A connection that the client ends in the middle of a frame ends, and the part is no message.",
			func(c *specs.Case) {
				ws := open(c)
				ws.Stays()
				p := ws.encode(frame.New(frame.Text, ascii(c, 40)))
				ws.remark("of which 26 bytes, and then FIN")
				ws.SendBytes(p[:6+20])
				ws.client.HalfClose()
				ws.ExpectWithin(patience(c, 0), gone().streaming(), waiting().streaming().nonstrict(stillOpen))
				c.StillServes()
			}, specs.Covers("WS-FR-33"), specs.Cause("the end of the stream is taken for the end of the frame, or goes unnoticed while the rest of a frame is waited for")),

		specs.Requirement("websocket/framing/ping-waits-for-its-end", specs.Robust, "RFC 6455 §5.2",
			"A Ping that announces 100 bytes is not answered before they have come.",
			func(c *specs.Case) {
				ws := open(c)
				payload := ascii(c, 100)
				p := ws.encode(frame.New(frame.Ping, payload))
				ws.remark("of which 20 bytes, for now")
				ws.SendBytes(p[:6+14])
				ws.ExpectNothingFor(atLeast(c, time.Second), "14 bytes of 100 have been sent")
				ws.SendBytes(p[6+14:])
				ws.ExpectPong(payload)
			}, specs.Covers("WS-FR-32"), specs.Slow, specs.Cause("the announced length is believed: memory that the client has not sent goes back to it")),

		specs.Requirement("websocket/framing/survives-garbage", specs.Must, "RFC 6455 §10.7",
			"Thirty clients that send random bytes after the opening handshake do not harm the server.",
			func(c *specs.Case) {
				for range 30 {
					survives(c, randomBytes(c, 1+c.IntN(400)))
				}
			}, specs.Covers("WS-FR-36"), specs.Perilous, specs.Cause(unchecked)),

		specs.Requirement("websocket/framing/survives-flipped-bits", specs.Must, "RFC 6455 §10.7",
			"Fifty clients whose frames have a few bits wrong do not harm the server.",
			func(c *specs.Case) {
				for range 50 {
					survives(c, flipped(c))
				}
			}, specs.Covers("WS-FR-36"), specs.Perilous, specs.Cause(unchecked)),
	}
}

const stillOpen = "the connection stays open although the client has ended it"

const unchecked = "an exception in the thread of one client ends the server: whatever a client sends, only its own connection may fail"

// anyMessage is a text or a binary message, by turns.
func anyMessage(c *specs.Case, i, size int) message {
	if i%2 == 0 {
		return text(ascii(c, size))
	}
	return message{op: frame.Binary, data: randomBytes(c, size)}
}

// echoesAll sends messages in one segment, and has them come back in order.
func echoesAll(c *specs.Case, messages []message) {
	ws := openEcho(c)
	var frames []frame.Frame
	for _, m := range messages {
		frames = append(frames, frame.New(m.op, m.data))
	}
	ws.Send(frames...)
	for _, m := range messages {
		ws.ExpectMessage(m.op, m.data)
	}
}

// cutHeader sends a message once for each place in its header, cut there.
func cutHeader(ws *conn, f frame.Frame) {
	for cut := 1; cut <= f.HeaderSize(); cut++ {
		ws.SendPieces(ws.c.Timing().Gap, []frame.Frame{f}, cut)
		ws.ExpectMessage(f.Opcode, string(f.Payload))
	}
}

// survives sends a stream of bytes on a new connection and ends it. Whatever
// comes of it, a new client is served as usual.
func survives(c *specs.Case, stream string) {
	ws := open(c)
	ws.mute, ws.noClose = true, true
	ws.SendStream(stream)
	ws.client.HalfClose()
	// What random bytes ask for is chance; the frames that answer them are not.
	ws.pump(c.Timing().Quiet, func() bool { return false })
	c.StillServes()
}

// flipped is frames of every kind with one to four bits of them wrong, every
// other one in the first bytes of a frame.
func flipped(c *specs.Case) string {
	frames := append(fragments(frame.Text, c.Word(), c.Word()), frame.New(frame.Ping, c.Word()), frame.New(frame.Binary, randomBytes(c, 130)),
		frame.New(frame.Pong, ""), frame.New(frame.Text, ascii(c, 20)))
	var p []byte
	var starts []int
	for _, f := range frames {
		copy(f.Key[:], randomBytes(c, 4))
		starts = append(starts, len(p))
		p = f.Append(p)
	}
	for i := range 1 + c.IntN(4) {
		at := c.IntN(len(p))
		if i%2 == 0 {
			at = starts[c.IntN(len(starts))] + c.IntN(2)
		}
		p[at] ^= 1 << c.IntN(8)
	}
	return string(p)
}
