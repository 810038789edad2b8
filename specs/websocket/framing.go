package websocket

import (
	"slices"
	"time"

	"conform/specs"
	"conform/specs/websocket/frame"
)

// framing is RFC 6455 §5.2: how a frame is read and written.
func framing() []specs.Spec {
	return slices.Concat(frameLengths(), hostileLengths(), frameSegments(), reservedOpcodes(), reservedBits())
}

// frameLengths is the payload, and the three forms of its length.
func frameLengths() []specs.Spec {
	const mixedForms = "the three forms of the length are confused: up to 125 it stands in 7 bits, up to 65535 in 16 behind a 126, above that in 64 behind a 127, in network byte order"
	return []specs.Spec{
		specs.Requirement("websocket/framing/hello", specs.Must, "RFC 6455 §5.2",
			"The masked \"Hello\" of RFC 6455 §5.7 is read as this text.",
			func(c *specs.Case) {
				ws := openEcho(c)
				ws.Send(frame.New(frame.Text, "Hello").WithKey([4]byte{0x37, 0xFA, 0x21, 0x3D}))
				ws.ExpectText("Hello")
			}, specs.Covers("WS-FR-01"),
			specs.Cause("a frame is read wrongly from the start: two bytes of header, four of key, then the payload")),

		specs.Requirement("websocket/framing/binary-any-byte", specs.Must, "RFC 6455 §5.6",
			"A binary message may hold any byte, and comes back as a binary one.",
			func(c *specs.Case) {
				ws := openEcho(c)
				for _, data := range []string{"\x00\n\r\x1a\x80\xc0\xfe\xff", counted(0, 125), counted(125, 125), counted(0, 256)} {
					ws.Binary(data)
					ws.ExpectBinary(data)
				}
			}, specs.Covers("WS-FR-02"),
			specs.Cause("the payload is taken for a string: it ends at a zero byte, has its line ends changed, is decoded, or comes back as text")),

		specs.Requirement("websocket/framing/empty-messages", specs.Must, "RFC 6455 §5.2",
			"An empty message is a message, text or binary.",
			func(c *specs.Case) {
				ws := openEcho(c)
				for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
					ws.Send(frame.New(op, ""))
					ws.ExpectEmpty(op)
				}
			}, specs.Covers("WS-FR-03"), specs.Cause("a payload of length 0 is taken for no message, or for the end of the connection")),

		specs.Requirement("websocket/framing/lengths-around-126", specs.Must, "RFC 6455 §5.2",
			"Messages of 125 to 128 bytes are read to their last byte.",
			func(c *specs.Case) { echoes(openEcho(c), 125, 126, 127, 128) },
			specs.Covers("WS-FR-04"), specs.Cause(mixedForms)),

		specs.Requirement("websocket/framing/lengths-around-256", specs.Must, "RFC 6455 §5.2",
			"Messages of 255 to 257 bytes are read to their last byte.",
			func(c *specs.Case) { echoes(openEcho(c), 255, 256, 257) },
			specs.Covers("WS-FR-05"), specs.Cause("one byte of the 16-bit length is used, or the two in the wrong order")),

		specs.Requirement("websocket/framing/lengths-around-32768", specs.Must, "RFC 6455 §5.2",
			"Messages of 32767 and 32768 bytes are read to their last byte.",
			func(c *specs.Case) { echoes(openEcho(c), 32767, 32768) },
			specs.Covers("WS-FR-05"), specs.Cause("the 16-bit length is taken for a signed number; it has no sign")),

		specs.Requirement("websocket/framing/lengths-around-65536", specs.Must, "RFC 6455 §5.2",
			"Messages of 65535 to 65537 bytes are read to their last byte.",
			func(c *specs.Case) { echoes(openEcho(c), 65535, 65536, 65537) },
			specs.Covers("WS-FR-06"), specs.Cause(mixedForms)),

		specs.Requirement("websocket/framing/long-message-in-pieces", specs.Must, "RFC 6455 §5.2",
			"A message of 65536 bytes that comes in pieces of 997 is read as a whole.",
			func(c *specs.Case) {
				ws := openEcho(c)
				for _, m := range []message{{op: frame.Text, data: ascii(c, 65536)}, {op: frame.Binary, data: randomBytes(c, 65536)}} {
					ws.dribble(ws.encode(frame.New(m.op, m.data)), 997)
					ws.ExpectMessage(m.op, m.data)
				}
			}, specs.Covers("WS-FR-06"), specs.Cause("what a read does not bring of a payload is not waited for")),

		specs.Requirement("websocket/framing/mebibyte-binary", specs.Must, "RFC 6455 §5.2",
			"A binary message of 1 MiB comes back byte for byte.",
			func(c *specs.Case) {
				ws := openEcho(c)
				data := randomBytes(c, 1<<20)
				ws.Binary(data)
				ws.ExpectBinary(data)
			}, specs.Covers("WS-FR-07"), specs.Cause("a part is lost where a write takes less than it was given; write on until all is written")),

		specs.Requirement("websocket/framing/mebibyte-text", specs.Must, "RFC 6455 §5.2",
			"A text of 1 MiB in UTF-8 comes back byte for byte.",
			func(c *specs.Case) {
				ws := openEcho(c)
				data := anyText(c, 1<<20)
				ws.Text(data)
				ws.ExpectText(data)
			}, specs.Covers("WS-FR-07"), specs.Cause("text is decoded a piece at a time, and a character that lies in two pieces is spoilt")),

		specs.Requirement(ruleMinimal, specs.Must, "RFC 6455 §5.2",
			"Every length that the server writes is in the shortest form that holds it.",
			func(c *specs.Case) {
				talk(c)
				observed(c, ruleMinimal, "7 bits up to 125, 16 bits up to 65535")
			}, specs.Covers("WS-FR-08"), specs.Last, specs.Cause("the server writes one form for every length; a receiver may refuse a longer one than is needed")),

		specs.Requirement(ruleHeader, specs.Must, "RFC 6455 §5.2",
			"The server's frames have opcodes that RFC 6455 defines, and no reserved bit without an extension.",
			func(c *specs.Case) {
				talk(c)
				observed(c, ruleHeader, "RSV1, RSV2 and RSV3 0, and an opcode of 0, 1, 2, 8, 9 or A")
			}, specs.Covers("WS-FR-09", "WS-CTL-11"), specs.Last, specs.Cause("the first byte of a frame is copied from the client's, or built from other constants than those of the RFC")),

		specs.Requirement("websocket/framing/longer-form-16-bit", specs.May, "RFC 6455 §5.2",
			"A text of 5 bytes with a 16-bit length is read as it should be, or fails the connection.",
			func(c *specs.Case) { longerForm(c, frame.New(frame.Text, "Hello").InForm(frame.Bits16)) },
			specs.Covers("WS-FR-10"), specs.Cause(desynchronised)),

		specs.Requirement("websocket/framing/longer-form-64-bit", specs.May, "RFC 6455 §5.2",
			"Texts of 5 and 200 bytes with a 64-bit length are read as they should be, or fail the connection.",
			func(c *specs.Case) {
				longerForm(c, frame.New(frame.Text, "Hello").InForm(frame.Bits64))
				longerForm(c, frame.New(frame.Text, ascii(c, 200)).InForm(frame.Bits64))
			}, specs.Covers("WS-FR-11"), specs.Cause(desynchronised)),

		specs.Requirement("websocket/framing/longer-form-on-ping", specs.May, "RFC 6455 §5.2",
			"A Ping with a 16-bit or 64-bit length is answered as it should be, or fails the connection.",
			func(c *specs.Case) {
				for _, form := range []frame.Form{frame.Bits16, frame.Bits64} {
					ws := open(c)
					ws.Stays()
					ws.Send(frame.New(frame.Ping, "Hello").InForm(form))
					if ws.Expect(ponged("Hello"), refusedForm()) == 0 {
						ws.Stays()
					}
					c.StillServes()
				}
			}, specs.Covers("WS-FR-12"), specs.Cause(desynchronised)),
	}
}

const (
	swallowed      = "the message came back as nothing: empty messages are swallowed"
	desynchronised = "the longer form of the length is skipped or read halfway, so that the rest of it is taken for a key or a payload"
)

// echoes has messages of these sizes sent back, text and binary.
func echoes(ws *conn, sizes ...int) {
	for _, size := range sizes {
		data := ascii(ws.c, size)
		ws.Text(data)
		ws.ExpectText(data)
		data = randomBytes(ws.c, size)
		ws.Binary(data)
		ws.ExpectBinary(data)
	}
}

// longerForm sends a message whose length is in a form that no sender may use
// for it, and that a receiver may understand or refuse.
func longerForm(c *specs.Case, f frame.Frame) {
	ws := openEcho(c)
	ws.Stays()
	ws.Send(f)
	if ws.Expect(echoed(f.Opcode, string(f.Payload)), refusedForm()) == 0 {
		ws.Stays()
	}
	c.StillServes()
}

// refusedForm is the refusal of a length in a longer form than it needs. No
// code is due: 1011 is that of websocketpp.
func refusedForm() outcome {
	return failed(1002, 1011).info("a length in a longer form than it needs is refused")
}

// hostileLengths is lengths that are not allowed, or that nobody means.
func hostileLengths() []specs.Spec {
	const signed = "the length is put into a signed number, or added up without looking for an overflow; compare it with a limit before anything is done with it"
	tooLong := failed(1002, 1008, 1009, 1011)
	patience := silent().nonstrict("a length that the RFC rules out is waited for, without an end")
	hello := frame.New(frame.Binary, "Hello")
	begun := frame.New(frame.Binary, "H").More()
	rest := frame.New(frame.Continuation, "ello!")
	return []specs.Spec{
		specs.Requirement("websocket/framing/length-top-bit-fails", specs.Must, "RFC 6455 §5.2",
			"A 64-bit length whose most significant bit is 1 fails the connection.",
			func(c *specs.Case) { provoke(c, []frame.Frame{hello.Announcing(1<<63 | 5)}, tooLong, patience) },
			specs.Covers("WS-FR-13"), specs.Perilous, specs.Cause(signed+" (CVE-2020-13935: Tomcat went into an endless loop)")),

		specs.Requirement("websocket/framing/length-all-ones-fails", specs.Must, "RFC 6455 §5.2",
			"A 64-bit length with all bits 1 fails the connection, and not the server.",
			func(c *specs.Case) { provoke(c, []frame.Frame{hello.Announcing(1<<64 - 1)}, tooLong, patience) },
			specs.Covers("WS-FR-14"), specs.Perilous, specs.Cause(signed)),

		specs.Requirement("websocket/framing/length-all-ones-in-fragment-fails", specs.Must, "RFC 6455 §5.2",
			"A second fragment whose length has all bits 1 fails the connection, and not the server.",
			func(c *specs.Case) {
				provoke(c, []frame.Frame{begun, rest.Announcing(1<<64 - 1)}, tooLong.streaming(), patience.streaming())
			}, specs.Covers("WS-FR-14"), specs.Perilous, specs.Cause(signed+" (CVE-2020-27813: the sum of two lengths)")),

		specs.Requirement("websocket/framing/length-largest-is-harmless", specs.Robust, "RFC 6455 §10.4",
			"The largest length there is fails the connection or is waited for, and does not harm the server.",
			func(c *specs.Case) { harmless(c, hello.Announcing(1<<63-1)) },
			specs.Covers("WS-FR-15"), specs.Perilous, specs.Cause("memory is set aside for a length as it is announced, not for what comes")),

		specs.Requirement("websocket/framing/length-largest-in-fragment-is-harmless", specs.Robust, "RFC 6455 §10.4",
			"The largest length there is, in a second fragment, does not harm the server.",
			func(c *specs.Case) { harmless(c, begun, rest.Announcing(1<<63-1)) },
			specs.Covers("WS-FR-15"), specs.Perilous, specs.Cause(signed+" (CVE-2020-27813: the sum of two lengths)")),

		specs.Requirement("websocket/framing/length-not-cut-to-32-bits", specs.Must, "RFC 6455 §5.2",
			"A length of 2^32+5 is not taken for 5.",
			func(c *specs.Case) { harmless(c, hello.Announcing(1<<32+5), frame.New(frame.Ping, c.Word())) },
			specs.Covers("WS-FR-16"), specs.Perilous, specs.Cause("the lower half of the 64-bit length is used alone; what follows is then read as frames that nobody has sent")),

		specs.Requirement("websocket/framing/length-not-cut-to-16-bits", specs.Must, "RFC 6455 §5.2",
			"A length of 65541 is not taken for 5.",
			func(c *specs.Case) {
				ws := openEcho(c)
				f := frame.New(frame.Binary, randomBytes(c, 65541))
				p, cut := ws.encode(f), f.HeaderSize()+5
				ws.remark("of which %d bytes, for now", cut)
				ws.SendBytes(p[:cut])
				ws.Withholds(atLeast(c, 500*time.Millisecond), "5 bytes of 65541 have been sent")
				ws.SendBytes(p[cut:])
				ws.ExpectBinary(string(f.Payload))
			}, specs.Covers("WS-FR-17"), specs.Cause("the last two bytes of the 64-bit length are used alone")),
	}
}

// harmless sends frames of which the last is never whole. Nothing of it may
// come back, and a new client is served as usual.
func harmless(c *specs.Case, frames ...frame.Frame) {
	ws := open(c)
	ws.Stays()
	ws.Send(frames...)
	ws.ExpectWithin(3*c.Timing().Quiet, failed(1002, 1008, 1009, 1011).streaming(), waiting().streaming())
	c.StillServes()
}
