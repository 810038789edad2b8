package websocket

import (
	"conform/specs"
	"conform/specs/websocket/frame"
)

// reservedOpcodes is the ten opcodes that RFC 6455 §5.2 gives no meaning.
func reservedOpcodes() []specs.Spec {
	const unknown = "an unknown opcode is taken for text, or dropped; it fails the connection with 1002"
	return []specs.Spec{
		specs.Requirement("websocket/framing/reserved-data-opcodes-fail", specs.Must, "RFC 6455 §5.2",
			"The reserved opcodes 3 to 7 fail the connection, with a payload and without.",
			func(c *specs.Case) {
				for op := frame.Opcode(3); op <= 7; op++ {
					provoke(c, []frame.Frame{frame.New(op, "")}, failed(1002, 1003))
					provoke(c, []frame.Frame{frame.New(op, c.Word())}, failed(1002, 1003))
				}
			}, specs.Covers("WS-FR-22"), specs.Cause(unknown)),

		specs.Requirement("websocket/framing/reserved-control-opcodes-fail", specs.Must, "RFC 6455 §5.2",
			"The reserved opcodes B to F fail the connection, with a payload and without.",
			func(c *specs.Case) {
				for op := frame.Opcode(0xB); op <= 0xF; op++ {
					provoke(c, []frame.Frame{frame.New(op, "")}, failed(1002))
					provoke(c, []frame.Frame{frame.New(op, c.Word())}, failed(1002))
				}
			}, specs.Covers("WS-FR-23"), specs.Cause(unknown)),

		specs.Requirement("websocket/framing/reserved-opcode-in-fragments-fails", specs.Must, "RFC 6455 §5.2",
			"The reserved opcode 3 fails the connection as a fragment too, and between the fragments of a text.",
			func(c *specs.Case) {
				f := fragments(frame.Text, "one ", "two")
				provoke(c, []frame.Frame{f[0], frame.New(3, c.Word()), f[1]}, failed(1002, 1003).streaming())
				provoke(c, []frame.Frame{frame.New(3, c.Word()).More()}, failed(1002, 1003).streaming())
			}, specs.Covers("WS-FR-24"), specs.Cause("while a message is fragmented, whatever is no control frame is taken for its continuation")),

		specs.Requirement("websocket/framing/nothing-after-reserved-opcode", specs.Must, "RFC 6455 §7.1.7",
			"A Ping behind a frame with a reserved opcode is not answered any more, however the frames are cut.",
			func(c *specs.Case) {
				needsEcho(c)
				for _, how := range chops {
					for _, op := range []frame.Opcode{5, 6, 7} {
						afterError(c, how, unknownFrame(c, op), failed(1002, 1003))
						afterError(c, how, unknownFrame(c, op+8), failed(1002))
					}
				}
			}, specs.Covers("WS-FR-22", "WS-FR-23"), specs.Cause(readsOn)),
	}
}

// reservedBits is RSV1, RSV2 and RSV3 where no extension gives them a meaning.
func reservedBits() []specs.Spec {
	const ignored = "the reserved bits are masked out and forgotten; each of them fails the connection, in every kind of frame"
	bits := []byte{frame.RSV1, frame.RSV2, frame.RSV3}
	return []specs.Spec{
		specs.Requirement("websocket/framing/rsv1-on-text-fails", specs.Must, "RFC 6455 §5.2",
			"RSV1 on a text frame fails the connection when no extension was agreed on.",
			func(c *specs.Case) {
				provoke(c, []frame.Frame{frame.New(frame.Text, c.Word()).WithRSV(frame.RSV1)}, failed(1002))
			}, specs.Covers("WS-FR-25"), specs.Cause("RSV1 is taken for compression that nobody has agreed on, or is not looked at")),

		specs.Requirement("websocket/framing/rsv-on-data-fails", specs.Must, "RFC 6455 §5.2",
			"RSV2, RSV3 and any mixture with them fail the connection, on text and binary frames.",
			func(c *specs.Case) {
				for _, rsv := range []byte{frame.RSV2, frame.RSV3, frame.RSV2 | frame.RSV3, frame.RSV1 | frame.RSV3, frame.RSV1 | frame.RSV2, 7} {
					provoke(c, []frame.Frame{frame.New(frame.Text, c.Word()).WithRSV(rsv)}, failed(1002))
					provoke(c, []frame.Frame{frame.New(frame.Binary, randomBytes(c, 16)).WithRSV(rsv)}, failed(1002))
				}
			}, specs.Covers("WS-FR-26"), specs.Cause(ignored)),

		specs.Requirement("websocket/framing/rsv-on-ping-fails", specs.Must, "RFC 6455 §5.2",
			"RSV1, RSV2 or RSV3 on a Ping fails the connection, and the Ping is not answered.",
			func(c *specs.Case) {
				for _, rsv := range bits {
					provoke(c, []frame.Frame{frame.New(frame.Ping, c.Word()).WithRSV(rsv)}, failed(1002))
				}
			}, specs.Covers("WS-FR-27"), specs.Cause("the reserved bits are looked at in data frames only")),

		specs.Requirement("websocket/framing/rsv-on-pong-fails", specs.Must, "RFC 6455 §5.2",
			"RSV2 on a Pong fails the connection.",
			func(c *specs.Case) {
				provoke(c, []frame.Frame{frame.New(frame.Pong, c.Word()).WithRSV(frame.RSV2)}, failed(1002),
					stays().nonstrict("the reserved bits of a frame that needs no answer are not looked at"))
			}, specs.Covers("WS-FR-28"), specs.Cause("Pongs are dropped before their reserved bits are looked at")),

		specs.Requirement("websocket/framing/rsv-on-close-fails", specs.Must, "RFC 6455 §5.2",
			"Reserved bits on a Close frame fail the connection: it is no closing handshake.",
			func(c *specs.Case) {
				ignored := closed(1000).nonstrict("the reserved bits of a Close frame are not looked at")
				for _, rsv := range []byte{7, frame.RSV1} {
					provoke(c, []frame.Frame{frame.NewClose(1000, "").WithRSV(rsv)}, failed(1002), ignored)
				}
				provoke(c, []frame.Frame{frame.New(frame.Close, "").WithRSV(7)}, failed(1002), ignored)
			}, specs.Covers("WS-FR-29"), specs.Cause(ignored)),

		specs.Requirement("websocket/framing/rsv-on-continuation-fails", specs.Must, "RFC 6455 §5.2",
			"RSV1, RSV2 or RSV3 on the last fragment of a message fails the connection.",
			func(c *specs.Case) {
				for _, rsv := range bits {
					f := fragments(frame.Text, c.Word(), c.Word())
					provoke(c, []frame.Frame{f[0], f[1].WithRSV(rsv)}, failed(1002).streaming())
				}
			}, specs.Covers("WS-FR-30"), specs.Cause("the reserved bits are looked at in the first frame of a message only")),

		specs.Requirement("websocket/framing/nothing-after-rsv", specs.Must, "RFC 6455 §7.1.7",
			"A message and a Ping behind a frame with a reserved bit are not answered any more, however the frames are cut.",
			func(c *specs.Case) {
				needsEcho(c)
				for _, how := range chops {
					for _, rsv := range append(bits[:3:3], frame.RSV2|frame.RSV3) {
						afterError(c, how, frame.New(frame.Text, c.Word()).WithRSV(rsv), failed(1002))
					}
				}
			}, specs.Covers("WS-FR-31"), specs.Cause(readsOn)),
	}
}

const readsOn = "the bad frame is skipped, and what follows it is read; what follows an error is not looked at"

// unknownFrame is a frame with a reserved opcode: those of 5 and D are empty.
func unknownFrame(c *specs.Case, op frame.Opcode) frame.Frame {
	if op&7 == 5 {
		return frame.New(op, "")
	}
	return frame.New(op, c.Word())
}

// afterError sends a message, a frame that fails the connection, and a Ping.
// The message may be answered, the Ping may not.
func afterError(c *specs.Case, how chop, bad frame.Frame, fails outcome) {
	ws := open(c)
	ws.Stays()
	data := c.Word()
	ws.SendChopped(how, frame.New(frame.Text, data), bad, frame.New(frame.Ping, c.Word()))
	ws.Expect(fails.behind(text(data)), fails.info("the message before the error is not answered"))
	c.StillServes()
}
