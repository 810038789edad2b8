package websocket

import (
	"conform/specs"
	"conform/specs/websocket/frame"
)

// masking is RFC 6455 §5.1 and §5.3: a client masks, a server never does.
func masking() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/masking/unmasked-text-fails", specs.Must, "RFC 6455 §5.1",
			"An unmasked text frame fails the connection.",
			func(c *specs.Case) { unmasked(c, frame.New(frame.Text, "Hello")) },
			specs.Covers("WS-MASK-01"), specs.Cause(noMaskCheck)),

		specs.Requirement("websocket/masking/unmasked-binary-fails", specs.Must, "RFC 6455 §5.1",
			"An unmasked binary frame fails the connection.",
			func(c *specs.Case) { unmasked(c, frame.New(frame.Binary, randomBytes(c, 16))) },
			specs.Covers("WS-MASK-02"), specs.Cause(noMaskCheck)),

		specs.Requirement("websocket/masking/unmasked-empty-text-fails", specs.Must, "RFC 6455 §5.1",
			"An unmasked frame without a payload fails the connection.",
			func(c *specs.Case) { unmasked(c, frame.New(frame.Text, "")) },
			specs.Covers("WS-MASK-03"), specs.Cause("the MASK bit is looked at only where there is something to unmask")),

		specs.Requirement("websocket/masking/unmasked-ping-fails", specs.Must, "RFC 6455 §5.1",
			"An unmasked Ping fails the connection, and is not answered.",
			func(c *specs.Case) { unmasked(c, frame.New(frame.Ping, "abcd")) },
			specs.Covers("WS-MASK-04"), specs.Cause("the MASK bit is looked at in data frames only; it is due in every frame of a client")),

		specs.Requirement("websocket/masking/unmasked-close-fails", specs.Must, "RFC 6455 §5.1",
			"An unmasked Close frame ends the connection.",
			func(c *specs.Case) {
				unmasked(c, frame.NewClose(1000, ""), closed(1000).info("the unmasked Close frame was answered like a masked one"))
			}, specs.Covers("WS-MASK-05"), specs.Cause("an unmasked Close frame is dropped; whatever a server thinks of it, the connection ends")),

		specs.Requirement("websocket/masking/unmasked-pong-fails", specs.Must, "RFC 6455 §5.1",
			"An unmasked Pong fails the connection.",
			func(c *specs.Case) {
				unmasked(c, frame.New(frame.Pong, ""), stays().nonstrict("the MASK bit of a frame that needs no answer is not looked at"))
			}, specs.Covers("WS-MASK-06"), specs.Cause("Pongs are dropped before the MASK bit is looked at")),

		specs.Requirement("websocket/masking/unmasked-continuation-fails", specs.Must, "RFC 6455 §5.1",
			"An unmasked last fragment of a masked message fails the connection.",
			func(c *specs.Case) {
				f := fragments(frame.Text, "mas", "ked")
				provoke(c, []frame.Frame{f[0], f[1].Unmasked()}, failed(1002, 1003, 1008).streaming(), misread().streaming().nonstrict(maskUnchecked))
			}, specs.Covers("WS-MASK-07"), specs.Cause("the MASK bit is looked at in the first frame of a message only")),

		specs.Requirement("websocket/masking/unmasked-later-text-fails", specs.Must, "RFC 6455 §5.1",
			"An unmasked frame fails the connection after masked ones too.",
			func(c *specs.Case) {
				ws := openEcho(c)
				for range 2 {
					data := c.Word()
					ws.Text(data)
					ws.ExpectText(data)
				}
				ws.Send(frame.New(frame.Text, c.Word()).Unmasked())
				ws.Expect(failed(1002, 1003, 1008), misread().nonstrict(maskUnchecked))
				c.StillServes()
			}, specs.Covers("WS-MASK-08"), specs.Cause("the MASK bit is looked at in the first frame of a connection only")),

		specs.Requirement("websocket/masking/nothing-after-unmasked", specs.Must, "RFC 6455 §7.1.7",
			"A Ping behind an unmasked frame is not answered any more.",
			func(c *specs.Case) {
				provoke(c, []frame.Frame{frame.New(frame.Text, "Hello").Unmasked(), frame.New(frame.Ping, c.Word())},
					failed(1002, 1003, 1008), misread().nonstrict(maskUnchecked))
			}, specs.Covers("WS-MASK-09"), specs.Cause("the bad frame is skipped, and what follows it is read; what follows an error is not looked at")),

		specs.Requirement("websocket/masking/every-length", specs.Must, "RFC 6455 §5.3",
			"A payload of any length is unmasked to its last byte.",
			func(c *specs.Case) {
				ws := openEcho(c)
				ws.Binary("")
				ws.ExpectEmpty(frame.Binary)
				for size := 1; size < 71; size++ {
					data := counted(c.IntN(256), size)
					ws.Binary(data)
					ws.ExpectBinary(data)
				}
			}, specs.Covers("WS-MASK-10"),
			specs.Cause("payloads are unmasked a word at a time, and the bytes that do not fill a word are left as they are, or get the wrong byte of the key")),

		specs.Requirement("websocket/masking/telling-keys", specs.Must, "RFC 6455 §5.3",
			"A payload is unmasked with any key: zeros, ones, and patterns of both.",
			func(c *specs.Case) {
				ws := openEcho(c)
				for _, key := range [][4]byte{{}, {0xFF, 0xFF, 0xFF, 0xFF}, {0x00, 0xFF, 0x00, 0xFF}, {0x80, 0x80, 0x80, 0x80}, {1, 2, 3, 4}} {
					data := ascii(c, 41)
					ws.Send(frame.New(frame.Text, data).WithKey(key))
					ws.ExpectText(data)
				}
			}, specs.Covers("WS-MASK-11"),
			specs.Cause("the bytes of the key are taken for signed or for text, or in the order of the machine; a key is four bytes, and any four will do")),

		specs.Requirement("websocket/masking/key-of-each-frame", specs.Must, "RFC 6455 §5.3",
			"Every frame is unmasked with its own key, fragments of one message too.",
			func(c *specs.Case) {
				keys := [][4]byte{{0x37, 0xFA, 0x21, 0x3D}, {0xC5, 0x0B, 0x9E, 0x72}, {0x18, 0x64, 0xD3, 0xAF}}
				ws := openEcho(c)
				var words []string
				var frames []frame.Frame
				for _, key := range keys {
					words = append(words, ascii(c, 23))
					frames = append(frames, frame.New(frame.Text, words[len(words)-1]).WithKey(key))
				}
				ws.Send(frames...)
				for _, data := range words {
					ws.ExpectText(data)
				}
				f := fragments(frame.Text, words[0], words[1])
				ws.Send(f[0].WithKey(keys[1]), f[1].WithKey(keys[2]))
				ws.ExpectText(words[0] + words[1])
			}, specs.Covers("WS-MASK-12"), specs.Cause("the key of the first frame is used for the next ones, or the position in the key goes on from one frame to the next")),

		specs.Requirement("websocket/masking/across-reads", specs.Must, "RFC 6455 §5.3",
			"A payload that comes in pieces of 1, 2, 3, 5, 7 and more bytes is unmasked as a whole.",
			func(c *specs.Case) {
				ws := openEcho(c)
				data := ascii(c, 40)
				ws.SendPieces(c.Timing().Gap, []frame.Frame{frame.New(frame.Text, data)}, 6, 7, 9, 12, 17, 24, 35)
				ws.ExpectText(data)
			}, specs.Covers("WS-MASK-13"), specs.Cause("unmasking begins at the first byte of the key with every read; the position goes on through the frame")),

		specs.Requirement("websocket/masking/key-in-two-pieces", specs.Must, "RFC 6455 §5.2",
			"A masking key that comes in two pieces is read as a whole, behind a length of 7 or 16 bits.",
			func(c *specs.Case) {
				ws := openEcho(c)
				cutKey(ws, frame.New(frame.Binary, randomBytes(c, 11)))
				cutKey(ws, frame.New(frame.Binary, randomBytes(c, 301)))
			}, specs.Covers("WS-MASK-14"), specs.Cause(shortRead)),

		specs.Requirement("websocket/masking/key-in-two-pieces-64-bit", specs.Must, "RFC 6455 §5.2",
			"A masking key that comes in two pieces is read as a whole, behind a length of 64 bits.",
			func(c *specs.Case) {
				cutKey(openEcho(c), frame.New(frame.Binary, randomBytes(c, 65537)))
			}, specs.Covers("WS-MASK-14"), specs.Cause(shortRead)),

		specs.Requirement("websocket/masking/long-behind-short", specs.Must, "RFC 6455 §5.3",
			"A long frame behind one of 1, 2 or 3 bytes is unmasked as it should, wherever it lies in memory.",
			func(c *specs.Case) {
				ws := openEcho(c)
				long := randomBytes(c, 70001)
				for size := 1; size <= 3; size++ {
					short := ascii(c, size)
					ws.Send(frame.New(frame.Text, short), frame.New(frame.Binary, long))
					ws.ExpectText(short)
					ws.ExpectBinary(long)
				}
			}, specs.Covers("WS-MASK-15"), specs.Cause("the payload is unmasked in words that begin at an even address, not at its first byte: byte i is XORed with byte i mod 4 of the key")),

		specs.Requirement("websocket/masking/ping-is-unmasked", specs.Must, "RFC 6455 §5.3",
			"The payload of a masked Ping is unmasked before it is sent back.",
			func(c *specs.Case) {
				ws := open(c)
				payload := ascii(c, 19)
				ws.Send(frame.New(frame.Ping, payload).WithKey([4]byte{0x37, 0xFA, 0x21, 0x3D}))
				ws.ExpectPong(payload)
			}, specs.Covers("WS-MASK-17"), specs.Cause("control frames are not unmasked; their payload is masked like any other")),

		specs.Requirement("websocket/masking/close-is-unmasked", specs.Must, "RFC 6455 §5.3",
			"The payload of a masked Close frame is unmasked before its code is read.",
			func(c *specs.Case) {
				ws := open(c)
				ws.Stays()
				ws.Send(frame.NewClose(1000, "").WithKey([4]byte{0x37, 0xFA, 0x21, 0x3D}))
				ws.ExpectClosed(1000, 0)
			}, specs.Covers("WS-MASK-17"), specs.Cause("the code of a Close frame is read, or sent back, as it stands under its mask")),

		specs.Requirement(ruleUnmasked, specs.Must, "RFC 6455 §5.1",
			"No frame of the server is masked.",
			func(c *specs.Case) {
				talk(c)
				observed(c, ruleUnmasked, unmaskedFrames)
			}, specs.Covers("WS-MASK-16", "WS-CTL-11"), specs.Last,
			specs.Cause("the server masks what it sends, as a client has to, or sends back the bytes that it was sent; clients close on a masked frame")),
	}
}

const (
	unmaskedFrames = "the MASK bit 0 in every frame of the server"
	noMaskCheck    = "the MASK bit is not looked at; a server closes the connection on any frame without it, with 1002 or without a word"
	maskUnchecked  = "the connection is neither failed nor served, as uWebSockets leaves it"
	shortRead      = "a read is taken to bring all of the header; read on until there is as much as the header needs"
)

// unmasked sends a frame without a mask, which must fail the connection.
func unmasked(c *specs.Case, f frame.Frame, others ...outcome) {
	outcomes := append([]outcome{failed(1002, 1003, 1008)}, others...)
	provoke(c, []frame.Frame{f.Unmasked()}, append(outcomes, misread().nonstrict(maskUnchecked))...)
}

// counted is n bytes that count up.
func counted(from, n int) string {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(from + i)
	}
	return string(p)
}

// cutKey sends a message three times, each cut at another place in the key.
func cutKey(ws *conn, f frame.Frame) {
	key := f.HeaderSize() - 4
	for cut := key + 1; cut < key+4; cut++ {
		ws.SendPieces(ws.c.Timing().Gap, []frame.Frame{f}, cut)
		ws.ExpectMessage(f.Opcode, string(f.Payload))
	}
}
