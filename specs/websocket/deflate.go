package websocket

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"conform/specs"
	"conform/specs/websocket/frame"
)

// deflate is permessage-deflate (RFC 7692): what is agreed on, and what may be
// sent then. A target that declines it is not judged by most of this.
func deflate() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/deflate/client-window-unasked", specs.Must, "RFC 7692 §7.1.2.2",
			"client_max_window_bits is not in the response when it was not in the offer.",
			func(c *specs.Case) {
				agreeable(c)
				for _, offer := range []string{"", "server_no_context_takeover", "server_max_window_bits=10"} {
					negotiate(c, deflateOffer(offer), deflated(func(p *params) bool { return !p.declared["client_max_window_bits"] }).as("without client_max_window_bits"),
						declined(), refused())
				}
			}, specs.Covers("WS-DEFLATE-01"),
			specs.Cause("the response names the server's own settings; a client that has not said that it can limit its window must not be asked to")),

		specs.Requirement("websocket/deflate/server-window-answered", specs.Must, "RFC 7692 §7.1.2.1",
			"A limit of the server's window that a client asks for is agreed to or declined, and not passed over.",
			func(c *specs.Case) {
				agreeable(c)
				for _, bits := range []int{9, 10, 12} {
					negotiate(c, deflateOffer(fmt.Sprintf("server_max_window_bits=%d", bits)), within(bits), declined(), refused(), windowPassedOver())
				}
			}, specs.Covers("WS-DEFLATE-02"),
			specs.Cause("the parameters of an offer are not read; decline an offer whose window cannot be kept to, or answer with it")),

		specs.Requirement("websocket/deflate/server-window-kept", specs.Must, "RFC 7692 §7.2.1",
			"What a server sends refers back no farther than the window that it has agreed to.",
			keepsWindow, specs.Covers("WS-DEFLATE-03"),
			specs.Cause("the limit is put into the response, and the compressor is made without it")),

		specs.Requirement("websocket/deflate/smallest-window", specs.Must, "RFC 7692 §7.1.2.1",
			"A server's window of 256 bytes is agreed to or declined, and not made larger.",
			func(c *specs.Case) {
				agreeable(c)
				larger := deflated(func(p *params) bool { return p.declared["server_max_window_bits"] && p.serverBits == 9 }).as("with server_max_window_bits=9")
				broken := expecting("a status of 500 or above", func(r reaction) bool { return r.reply.status >= 500 })
				negotiate(c, deflateOffer("server_max_window_bits=8"), within(8), declined(),
					broken.info("the opening handshake is refused as if the server were broken"), refused(),
					larger.nonstrict("a window of 512 bytes is agreed to in place of 256, as Beast does"), windowPassedOver())
			}, specs.Covers("WS-DEFLATE-04"),
			specs.Cause("zlib has no raw window of 256 bytes and silently takes 512; decline such an offer")),

		specs.Requirement("websocket/deflate/server-forgets", specs.Must, "RFC 7692 §7.1.1.1",
			"A server that agrees to server_no_context_takeover compresses each message by itself.",
			func(c *specs.Case) {
				agreeable(c)
				needsEcho(c)
				for _, offer := range []string{"server_no_context_takeover", "server_no_context_takeover; client_no_context_takeover"} {
					forgets := deflated(func(p *params) bool { return p.serverNoTakeover }).as("with server_no_context_takeover")
					if negotiate(c, deflateOffer(offer), forgets, declined(), refused(),
						deflated(nil).nonstrict("the offer is accepted without saying that the context will be dropped")) != 0 {
						continue
					}
					ws := openEcho(c, deflates(offer))
					data := prose(c, 2000)
					for range 4 {
						ws.SendCompressed(frame.Text, data)
						ws.ExpectText(data)
					}
				}
			}, specs.Covers("WS-DEFLATE-05"),
			specs.Cause("the parameter is put into the response and the compressor is not reset; a client without the history cannot read the second message")),

		specs.Requirement("websocket/deflate/client-forgets", specs.Must, "RFC 7692 §7.1.1.2",
			"A client may compress each message by itself, whether that was agreed on or not.",
			func(c *specs.Case) {
				agreeable(c)
				needsEcho(c)
				for _, offer := range []string{"", "client_no_context_takeover"} {
					ws, _ := try(c, deflates(offer))
					if ws == nil || ws.codec == nil {
						continue // declined, as it may be
					}
					ws.codec.clientNoTakeover = true
					for _, size := range []int{300, 2000, 5, 2000} {
						data := prose(c, size)
						for range 2 {
							ws.SendCompressed(frame.Text, data)
							ws.ExpectText(data)
						}
					}
				}
			}, specs.Covers("WS-DEFLATE-06"), specs.Cause("the inflater of the server relies on a state that not every message continues")),

		specs.Requirement("websocket/deflate/client-window-hint", specs.Must, "RFC 7692 §7.1.2.2",
			"client_max_window_bits in an offer is answered with a value or not at all, and what the client then sends is read.",
			func(c *specs.Case) {
				agreeable(c)
				for _, offer := range []string{"client_max_window_bits", "client_max_window_bits=10"} {
					limited := deflated(func(p *params) bool { return p.clientBits <= 10 || !p.declared["client_max_window_bits"] }).as("with at most the window that was offered")
					others := []outcome{limited, declined(), deflated(nil), accepted().nonstrict("the response has a parameter that RFC 7692 does not know in this form")}
					if strings.Contains(offer, "=") {
						others[2] = deflated(nil).info("the server asks for a larger window than the client has said to use")
					}
					ws, a := try(c, deflates(offer))
					judge(a.client, a.sent(), a.reaction, others)
					if ws.codec == nil || !isEcho(c) {
						continue
					}
					for _, size := range []int{20, 3000, 3000, 8000} {
						data := prose(c, size)
						ws.SendCompressed(frame.Text, data)
						ws.ExpectText(data)
					}
				}
			}, specs.Covers("WS-DEFLATE-07"),
			specs.Cause("the parameter is copied into the response without a value, or the inflater is made with a smaller window than the one that was agreed on")),

		specs.Requirement("websocket/deflate/unknown-parameter-declined", specs.Must, "RFC 7692 §7",
			"An offer with a parameter that permessage-deflate does not have is not accepted.",
			func(c *specs.Case) {
				declines(c, "permessage-deflate; foo", "permessage-deflate; foo=1", "permessage-deflate; server_max_window_bits=10; x_conform")
			},
			specs.Covers("WS-DEFLATE-08"), specs.Cause(readsNoParameters)),

		specs.Requirement("websocket/deflate/invalid-window-declined", specs.Must, "RFC 7692 §7",
			"An offer with a window other than 8 to 15 is not accepted.",
			func(c *specs.Case) {
				var offers []string
				for _, value := range []string{"=7", "=16", "=0", "=010", "=abc", "=", ""} {
					offers = append(offers, "permessage-deflate; server_max_window_bits"+value)
				}
				declines(c, append(offers, "permessage-deflate; client_max_window_bits=7", "permessage-deflate; client_max_window_bits=16")...)
			}, specs.Covers("WS-DEFLATE-09"), specs.Cause(readsNoParameters)),

		specs.Requirement("websocket/deflate/repeated-parameter-declined", specs.Must, "RFC 7692 §7",
			"An offer with the same parameter twice is not accepted.",
			func(c *specs.Case) {
				declines(c, "permessage-deflate; server_no_context_takeover; server_no_context_takeover")
			},
			specs.Covers("WS-DEFLATE-10"), specs.Cause("the parameters are read into a map, in which the second takes the place of the first")),

		specs.Requirement("websocket/deflate/valued-flag-declined", specs.Must, "RFC 7692 §7.1.1.1",
			"An offer with a value for server_no_context_takeover is not accepted.",
			func(c *specs.Case) { declines(c, "permessage-deflate; server_no_context_takeover=1") },
			specs.Covers("WS-DEFLATE-11"), specs.Cause(readsNoParameters)),

		specs.Requirement("websocket/deflate/second-offer", specs.May, "RFC 7692 §5",
			"Of a bad offer and a good one the good one is accepted, or none.",
			func(c *specs.Case) {
				agreeable(c)
				negotiate(c, "permessage-deflate; foo, permessage-deflate", deflated(func(p *params) bool { return true }),
					declined().info("a good offer behind a bad one is not accepted"), refused().info("a good offer behind a bad one is refused"))
				c.StillServes()
			}, specs.Covers("WS-DEFLATE-12"), specs.Cause("the response names a parameter of the offer that was not accepted")),

		specs.Requirement("websocket/deflate/quoted-window", specs.Must, "RFC 6455 §9.1",
			"A window that is given in quotation marks is the same as without them.",
			func(c *specs.Case) {
				agreeable(c)
				negotiate(c, `permessage-deflate; server_max_window_bits="10"`, within(10), declined(), refused(), windowPassedOver())
			}, specs.Covers("WS-DEFLATE-13"), specs.Cause("quoted values are passed over; decline what is not understood")),

		specs.Requirement("websocket/deflate/compressed-text", specs.Must, "RFC 7692 §7.2.2",
			"A compressed text comes back, compressed or not.",
			func(c *specs.Case) { samePacked(c, []string{packedHello}) },
			specs.Covers("WS-DEFLATE-14"), specs.Cause("the four bytes that the sender has removed are not put back before inflating")),

		specs.Requirement("websocket/deflate/uncompressed-text", specs.Must, "RFC 7692 §6",
			"A text without compression comes back on a connection that may compress.",
			func(c *specs.Case) {
				ws := openDeflate(c)
				for _, data := range []string{"Hello", allLengths, prose(c, 3000)} {
					ws.Text(data)
					ws.ExpectText(data)
					ws.SendCompressed(frame.Text, data)
					ws.ExpectText(data)
				}
			}, specs.Covers("WS-DEFLATE-15"), specs.Cause("every message is inflated; only one whose first frame has RSV1 is compressed")),

		specs.Requirement("websocket/deflate/compressed-fragments", specs.Must, "RFC 7692 §6.2",
			"A compressed message comes back however it is cut into frames, also with an empty one at either end.",
			func(c *specs.Case) {
				samePacked(c, bytewise(packedHello), []string{packedHello, ""}, []string{"", packedHello}, []string{packedHello[:3], packedHello[3:]}, []string{"", "", packedHello[:1], "", packedHello[1:], ""})
				ws := openDeflate(c)
				for _, size := range []int{1, 7, 64, 500} {
					data := prose(c, 4000)
					ws.SendCompressed(frame.Text, data, size)
					ws.ExpectText(data)
				}
			}, specs.Covers("WS-DEFLATE-16"), specs.Cause("each frame is inflated by itself; the compressed data is that of the whole message")),

		specs.Requirement("websocket/deflate/rsv1-on-continuation-fails", specs.Must, "RFC 7692 §6.1",
			"RSV1 on a continuation frame fails the connection.",
			func(c *specs.Case) {
				for _, first := range []byte{frame.RSV1, 0} {
					ws := openDeflate(c)
					ws.Stays()
					frames := fragments(frame.Text, "He", "llo")
					if first != 0 {
						frames = fragments(frame.Text, packedHello[:3], packedHello[3:])
					}
					frames[0].RSV, frames[1].RSV = first, frame.RSV1
					ws.Send(frames...)
					ws.Expect(failed(1002).streaming(), echoed(frame.Text, "Hello").nonstrict("the bit is not looked at, as gorilla/websocket does"))
				}
				c.StillServes()
			}, specs.Covers("WS-DEFLATE-17"), specs.Cause("RSV1 is let through wherever compression was agreed on; only the first frame of a message may have it")),

		specs.Requirement("websocket/deflate/rsv1-on-control-fails", specs.Must, "RFC 7692 §6.1",
			"RSV1 on a Ping, a Pong or a Close frame fails the connection.",
			func(c *specs.Case) {
				const why = "the bit is not looked at, as gorilla/websocket does"
				for _, f := range []frame.Frame{frame.New(frame.Ping, "Hello"), frame.New(frame.Ping, packedHello), frame.New(frame.Pong, "Hello"), frame.NewClose(1000, "")} {
					ws := openAgreed(c)
					ws.Stays()
					ws.Send(f.WithRSV(frame.RSV1))
					ws.Expect(failed(1002), ponged(string(f.Payload)).nonstrict(why), closed(1000).nonstrict(why), stays().nonstrict(why))
				}
				c.StillServes()
			}, specs.Covers("WS-DEFLATE-18"), specs.Cause("RSV1 is let through wherever compression was agreed on; control frames are never compressed")),

		specs.Requirement("websocket/deflate/rsv2-and-rsv3-fail", specs.Must, "RFC 6455 §5.2",
			"RSV2 or RSV3 fails the connection although compression gives RSV1 a meaning.",
			func(c *specs.Case) {
				for _, bits := range []byte{frame.RSV2, frame.RSV3, frame.RSV2 | frame.RSV3, frame.RSV1 | frame.RSV2, frame.RSV1 | frame.RSV3, 7} {
					ws := openAgreed(c)
					ws.Stays()
					data := "Hello"
					if bits&frame.RSV1 != 0 {
						data = packedHello
					}
					ws.Send(frame.New(frame.Text, data).WithRSV(bits))
					ws.Expect(failed(1002))
				}
				c.StillServes()
			}, specs.Covers("WS-DEFLATE-19"), specs.Cause("with an extension all three bits are let through")),

		specs.Requirement("websocket/deflate/corrupt-data-fails", specs.Should, "RFC 6455 §10.7",
			"A compressed message that is no DEFLATE data fails the connection.",
			func(c *specs.Case) {
				for _, payload := range []string{
					notDeflate,                         // a block of the reserved type
					"\x00\x05\x00\x00\x00Hello\x00",    // the length of a stored block and its complement do not fit
					farBack(c),                         // a reference to what never was
					"\x04\xff\xff\xff\xff\xff\xff\xff", // code lengths that make no code
				} {
					ws := openAgreed(c)
					ws.Stays()
					ws.SendPacked(frame.Text, payload)
					ws.Expect(failedSomehow(1007, 1002, 1003, 1008, 1010, 1011), closed(1000).nonstrict("the connection is closed as if nothing were wrong"))
				}
				c.StillServes()
			}, specs.Covers("WS-DEFLATE-20"), specs.Cause("an error of the inflater is passed over: what there was of the message is handed on, or nothing happens at all; close with 1007 or 1002")),

		specs.Requirement("websocket/deflate/context-taken-over", specs.Must, "RFC 7692 §7.2.2",
			"A message that refers back into the one before it is inflated.",
			func(c *specs.Case) {
				ws := openDeflate(c)
				data := "fifty-four bytes that a second message will refer to: " + c.Word()
				for range 3 {
					ws.SendCompressed(frame.Text, data)
					ws.ExpectText(data)
				}
				ws.Text("not compressed, and no part of the context")
				ws.ExpectText("not compressed, and no part of the context")
				ws.SendCompressed(frame.Binary, data)
				ws.ExpectBinary(data)
			}, specs.Covers("WS-DEFLATE-21"),
			specs.Cause("the inflater is made anew for each message; keep it, unless client_no_context_takeover is in the response")),

		specs.Requirement("websocket/deflate/final-block", specs.Must, "RFC 7692 §7.2.2",
			"A compressed message whose block has BFINAL set comes back.",
			func(c *specs.Case) {
				ws := openDeflate(c)
				ws.SendPacked(frame.Text, finalHello)
				ws.Expect(echoed(frame.Text, "Hello"), anything().nonstrict("a block with BFINAL set is not understood, as by Beast"))
				c.StillServes()
			}, specs.Covers("WS-DEFLATE-22"), specs.Cause("what follows a final block is taken for an error; the block is the last of its stream, and the four bytes put back behind it mean nothing")),

		specs.Requirement("websocket/deflate/after-final-block", specs.Must, "RFC 7692 §7.2.2",
			"A message with BFINAL set is followed by others on the same connection.",
			func(c *specs.Case) {
				ws := openDeflate(c)
				expect := func(data string) bool {
					return ws.Expect(echoed(frame.Text, data), echoed(frame.Text, "").nonstrict("the message after one with BFINAL comes back empty, as with websockets"),
						anything().nonstrict("the message after one with BFINAL does not come back, as with coder/websocket")) == 0
				}
				for i := range 4 {
					data := "Hello"
					if i < 2 {
						ws.SendPacked(frame.Text, finalHello)
					} else {
						data = prose(c, 500)
						ws.SendCompressed(frame.Text, data)
					}
					if !expect(data) {
						break
					}
				}
				c.StillServes()
			}, specs.Covers("WS-DEFLATE-23"), specs.Cause("an inflater that has seen a final block inflates nothing more; begin a new one, with the window of the old")),

		specs.Requirement("websocket/deflate/blocks-of-any-kind", specs.Must, "RFC 7692 §7.2.1",
			"A message comes back that has stored blocks, several blocks, or a flush inside.",
			func(c *specs.Case) {
				samePacked(c, []string{"\x00\x05\x00\xfa\xffHello\x00"}, // stored
					[]string{"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"}, // a flush between two blocks
					[]string{"\xf2\x48\x05\x28\x27\x27\x1f\x00"},                     // two blocks side by side
					[]string{"\x00\x00\x00\xff\xff" + packedHello},                   // an empty block first
					[]string{packedHello + tail + "\x00"})                            // and last
				ws := openDeflate(c)
				a, b := prose(c, 1500), prose(c, 1500)
				ws.SendPacked(frame.Text, packed(flate.NoCompression, a)+tail+packed(flate.BestCompression, b)+tail+packed(flate.HuffmanOnly, a))
				ws.ExpectText(a + b + a)
			}, specs.Covers("WS-DEFLATE-24"), specs.Cause("the end of a block or a flush is taken for the end of the message; its end is that of its last frame")),

		specs.Requirement("websocket/deflate/empty-message", specs.Must, "RFC 7692 §7.2.3.6",
			"An empty message that is compressed, as one byte, comes back empty.",
			func(c *specs.Case) {
				ws := openDeflate(c)
				for _, op := range []frame.Opcode{frame.Text, frame.Binary, frame.Text} {
					ws.SendPacked(op, "\x00")
					ws.ExpectMessage(op, "")
				}
				ws.SendCompressed(frame.Text, "Hello")
				ws.ExpectText("Hello")
			}, specs.Covers("WS-DEFLATE-25"), specs.Perilous, specs.Cause("nothing comes out of the inflater, and that is taken for an error or for no message")),

		specs.Requirement("websocket/deflate/no-payload", specs.May, "RFC 7692 §7.2.1",
			"A compressed message without a single byte is empty, or fails the connection.",
			func(c *specs.Case) {
				ws := openDeflate(c)
				ws.Stays()
				ws.SendPacked(frame.Text, "")
				ws.Expect(echoed(frame.Text, ""), failedSomehow(append(anyFailure, 1010)...).info("the connection fails: every compressed message has at least a byte"))
				c.StillServes()
			}, specs.Covers("WS-DEFLATE-26"), specs.Cause("the message is lost, or what the inflater made of the one before comes back")),

		specs.Requirement("websocket/deflate/ping-between-fragments", specs.Must, "RFC 6455 §5.4",
			"A Ping between the frames of a compressed message is answered, and the message comes back.",
			func(c *specs.Case) {
				ws := openDeflate(c)
				frames := fragments(frame.Text, packedHello[:3], packedHello[3:])
				frames[0].RSV = frame.RSV1
				ws.Send(frames[0], frame.New(frame.Ping, "between"), frames[1])
				if pings(c) {
					ws.ExpectPong("between")
				}
				ws.ExpectText("Hello")
			}, specs.Covers("WS-DEFLATE-27"), specs.Cause("the state of the message is lost with the control frame, or the Ping is inflated with it")),

		specs.Requirement("websocket/deflate/invalid-text-fails", specs.Must, "RFC 6455 §8.1",
			"A compressed text that inflates to something that is no UTF-8 fails the connection.",
			func(c *specs.Case) {
				for _, data := range []string{"\xff\xfe", "κόσμε\xed\xa0\x80", "cut off \xe2\x82", "\xc0\xaf" + prose(c, 300)} {
					ws := openAgreed(c)
					ws.Stays()
					ws.SendCompressed(frame.Text, data)
					ws.Expect(ws.unsound(data)...)
				}
				c.StillServes()
			}, specs.Covers("WS-DEFLATE-28"), specs.Cause("text is checked as it comes from the wire, or not where it was compressed; check what it inflates to")),

		specs.Requirement(ruleDeflate, specs.Must, "RFC 7692 §7.2.1",
			"What the server compresses has RSV1 on the first frame of the message only, and inflates.",
			func(c *specs.Case) {
				ws := openDeflate(c)
				ws.Stays()
				for _, size := range []int{5, 200, 3000, 3000, 8000} {
					for _, data := range []string{prose(c, size), string(c.Bytes(size))} {
						ws.SendCompressed(frame.Binary, data)
						ws.pump(patience(c, size), func() bool { return len(ws.messages) > 0 || ws.close != nil })
						ws.messages = nil // what came back is judged elsewhere
					}
				}
				if pings(c) {
					ws.Ping("plain")
					ws.pump(patience(c, 0), func() bool { return len(ws.pongs) > 0 || ws.close != nil })
					ws.pongs = nil
				}
				observed(c, ruleDeflate, "RSV1 on the first frame of a compressed message and nowhere else, and a payload that inflates")
			}, specs.Covers("WS-DEFLATE-29"), specs.Last,
			specs.Cause("RSV1 is set on every frame while compression is on, or a message keeps the tail 00 00 FF FF, which the sender removes and the receiver puts back")),

		specs.Requirement("websocket/deflate/many-messages", specs.Must, "RFC 7692 §7.2",
			"Two hundred messages of all sizes and kinds, compressed with the context of those before, come back.",
			func(c *specs.Case) {
				ws := openDeflate(c)
				for i := range 200 {
					size := c.IntN(8193)
					switch i % 4 {
					case 0:
						ws.roundTrip(frame.Text, prose(c, size), 0)
					case 1:
						ws.roundTrip(frame.Binary, string(c.Bytes(size)), 0)
					case 2:
						ws.roundTrip(frame.Binary, picture(c, size), 0)
					case 3:
						ws.roundTrip(frame.Text, ascii(c, size), 1+c.IntN(3000))
					}
				}
			}, specs.Covers("WS-DEFLATE-30"), specs.Cause("the windows of the two sides drift apart: a message is left out of the context, or put into it twice")),

		specs.Requirement("websocket/deflate/every-size", specs.Must, "RFC 7692 §7.2",
			"Messages of 16 bytes to 8 KiB, of every kind of data and in frames of every size, come back compressed under all parameters that are agreed to.",
			func(c *specs.Case) {
				underParameters(c, slices.Concat(serverSets, clientSets), func(ws *conn, made []made) {
					for _, size := range []int{16, 64, 256, 1024, 4096, 8192} {
						for i := range 12 {
							m := made[i%len(made)]
							ws.roundTrip(m.op, m.cut(i, size), 0)
						}
					}
					for i, m := range made {
						ws.roundTrip(m.op, m.cut(i, 8192), 256)
						ws.roundTrip(m.op, m.cut(i+1, 1024), 64<<(i%3))
					}
				})
			},
			specs.Covers("WS-DEFLATE-30", "WS-DEFLATE-16"), specs.Cause("the compressor or the inflater does not keep to the parameters of the response")),

		specs.Requirement("websocket/deflate/large-messages", specs.Must, "RFC 7692 §7.2",
			"Messages of 16 to 128 KiB, of every kind of data, whole and in frames of 256 bytes to 32 KiB, come back compressed under all parameters of the server that are agreed to.",
			func(c *specs.Case) {
				underParameters(c, serverSets, func(ws *conn, made []made) {
					for _, m := range made {
						for i, size := range []int{16 << 10, 32 << 10, 64 << 10, 128 << 10} {
							ws.roundTrip(m.op, m.cut(i, size), 0)
							ws.roundTrip(m.op, m.cut(i+1, size), 256)
						}
						for i, piece := range []int{1 << 10, 4 << 10, 32 << 10} {
							ws.roundTrip(m.op, m.cut(i, 128<<10), piece)
						}
					}
				})
			},
			specs.Covers("WS-DEFLATE-30", "WS-DEFLATE-16"), specs.Heavy, specs.Cause("a message that is longer than the window, or than a buffer of the server, is not inflated to its end")),

		specs.Requirement("websocket/deflate/thousands-of-messages", specs.Must, "RFC 7692 §7.2",
			"A thousand messages each of 16, 64, 256 and 1024 bytes and of every kind of data come back compressed, 25 of them under way at a time, and a thousand of these sizes by turns under all parameters of the server that are agreed to.",
			func(c *specs.Case) {
				sizes := slices.Repeat([]int{16, 64, 256, 1024}, 1000)
				underParameters(c, serverSets, func(ws *conn, made []made) {
					if len(made) == 1 {
						ws.roundTrips(made[0], sizes[:1000])
						return
					}
					for _, m := range made {
						ws.roundTrips(m, sizes)
					}
				})
			}, specs.Covers("WS-DEFLATE-30"), specs.Slow, specs.Heavy,
			specs.Cause("something is used up with every message, or the windows of the two sides drift apart, and it shows after some hundreds")),

		specs.Requirement("websocket/deflate/bomb", specs.Robust, "RFC 6455 §10.4",
			"A message of 64 KiB that inflates to 64 MiB is refused for its size, and the server goes on serving.",
			func(c *specs.Case) {
				ws := openAgreed(c)
				ws.Stays()
				held := watch(c)
				ws.SendPacked(frame.Binary, bomb())
				if sent := ws.exchange(); !ws.answers() {
					ws.Expect(failed(1009, 1008, 1007, 1011))
					if limit := maxMessage(c); limit > 0 {
						held.MemoryAtMost(int64(limit)+64<<20, sent, specs.Info)
					}
				} else {
					c.Admit(specs.Info, specs.Reason{Code: specs.NotSilent, Message: "64 MiB are inflated for a message of 64 KiB: limit the size of a message after inflation",
						Sent: ws.exchange(), Received: "the start of an echo"}, false)
					ws.client.Reset()
				}
				c.StillServes()
			}, specs.Covers("WS-DEFLATE-31"), specs.Perilous,
			specs.Cause("the size of a message is limited on the wire only, if at all; stop inflating at the limit, and close with 1009")),

		specs.Requirement("websocket/deflate/limit-after-inflation", specs.Should, "RFC 6455 §10.4",
			"The limit of a message holds for what it inflates to.",
			func(c *specs.Case) {
				limit := maxMessage(c)
				if limit > 64<<20 {
					c.Unsupported("the limit is declared to be more than 64 MiB, which is too much to try")
				}
				ws := openDeflate(c)
				ws.roundTrip(frame.Text, strings.Repeat("a", min(limit, 64<<10)), 0)
				data := strings.Repeat("a", limit+1)
				ws.SendCompressed(frame.Text, data)
				if ws.answers() {
					r := reaction{messages: []message{{op: frame.Text, data: "…"}}}
					judge(ws.client, ws.exchange(), r, []outcome{failed(1009, 1008), expecting("an echo", func(reaction) bool { return true }).nonstrict("a message is inflated to more than the declared limit")})
					ws.client.Reset()
				} else {
					ws.Expect(failed(1009, 1008))
				}
				c.StillServes()
			}, specs.Covers("WS-DEFLATE-32"), specs.Needs("max-message", "65536"),
			specs.Cause("the size is checked before the message is inflated; check it while inflating")),

		specs.Requirement("websocket/deflate/truncated-data", specs.Robust, "RFC 7692 §7.2.2",
			"A compressed message whose end is missing is not taken for a whole one.",
			func(c *specs.Case) {
				ws := openAgreed(c)
				ws.Stays()
				data := prose(c, 300)
				p := ws.codec.deflate(data)
				ws.SendPacked(frame.Text, p[:len(p)-3])
				// What is put back behind the message may look like a few more characters.
				short := expecting("the start of the text", func(r reaction) bool {
					return r.end == "" && r.close == nil && len(r.messages) == 1 && r.messages[0].data != data && common(data, r.messages[0].data) > 200
				})
				ws.Expect(failedSomehow(append(anyFailure, 1010)...), stays(), short.info("a text whose end is missing is taken for a whole one"))
				c.StillServes()
			}, specs.Covers("WS-DEFLATE-33"), specs.Cause("the inflater is not asked whether it has come to an end")),
	}
}

const (
	readsNoParameters = "the parameters of an offer are not read, as gorilla/websocket does not; decline what is not understood or not allowed"

	packedHello = "\xf2\x48\xcd\xc9\xc9\x07\x00"     // RFC 7692 §7.2.3.1
	finalHello  = "\xf3\x48\xcd\xc9\xc9\x07\x00\x00" // RFC 7692 §7.2.3.4
)

func deflateOffer(parameters string) string {
	r := &request{}
	deflates(parameters)(r)
	return r.get("Sec-WebSocket-Extensions")
}

// agreeable ends the case unless the target accepts permessage-deflate.
func agreeable(c *specs.Case) { openAgreed(c) }

// openAgreed is openDeflate for requirements that need no echo.
func openAgreed(c *specs.Case) *conn {
	ws := open(c, deflates(""))
	if ws.codec == nil {
		ws = open(c, deflates("client_max_window_bits")) // as browsers offer it
	}
	ws.needsDeflate()
	return ws
}

// within is an agreement to a window of the server of at most so many bits.
func within(bits int) outcome {
	return deflated(func(p *params) bool { return p.declared["server_max_window_bits"] && p.serverBits <= bits }).
		as(fmt.Sprintf("with server_max_window_bits=%d or less", bits))
}

func windowPassedOver() outcome {
	return deflated(func(p *params) bool { return !p.declared["server_max_window_bits"] }).as("without server_max_window_bits").
		nonstrict("the limit of the window is passed over, as gorilla/websocket and Jetty do")
}

// declines has offers that RFC 7692 §7 has declined.
func declines(c *specs.Case, offers ...string) {
	agreeable(c)
	for _, offer := range offers {
		negotiate(c, offer, declined(), refused(), accepted().nonstrict("the offer is accepted all the same"))
	}
	c.StillServes()
}

// keepsWindow sends what repeats at a distance beyond the window: it must not
// become shorter.
func keepsWindow(c *specs.Case) {
	agreeable(c)
	needsEcho(c)
	kept := 0
	for _, bits := range []int{8, 9, 10, 12} {
		ws, _ := try(c, deflates(fmt.Sprintf("server_max_window_bits=%d", bits)))
		if ws == nil || ws.codec == nil || !ws.codec.declared["server_max_window_bits"] {
			continue // judged elsewhere
		}
		kept++
		// Half of each byte is chance: it can be made half as long, and no
		// shorter without the window.
		block := hex.EncodeToString(c.Bytes(3 << (ws.codec.serverBits - 2)))
		sizes := []int{}
		for range 3 {
			ws.SendCompressed(frame.Text, block)
			sizes = append(sizes, ws.ExpectMessage(frame.Text, block).size)
		}
		if len(block) <= smallestLimit/2 {
			ws.SendCompressed(frame.Text, block+block)
			sizes = append(sizes, ws.ExpectMessage(frame.Text, block+block).size/2)
		}
		for _, size := range sizes {
			if size*10 < len(block)*4 {
				c.Refute(specs.Reason{Code: specs.WrongBytes, Message: "what is sent refers back farther than the window that was agreed on",
					Sent:     fmt.Sprintf("the same %d random hexadecimal digits again and again, with server_max_window_bits=%d", len(block), ws.codec.serverBits),
					Expected: []string{fmt.Sprintf("about %d bytes each time", len(block)/2)}, Received: fmt.Sprintf("payloads of %v bytes", sizes)}, false)
			}
		}
	}
	if kept == 0 {
		c.Lacks("the target agrees to no limit of its window")
	}
}

// samePacked sends compressed payloads of the text Hello, each in the given
// parts, on one connection.
func samePacked(c *specs.Case, payloads ...[]string) {
	ws := openDeflate(c)
	for _, parts := range payloads {
		ws.SendPacked(frame.Text, parts...)
		ws.ExpectText("Hello")
	}
}

// roundTrip sends a message compressed, in frames of so many bytes if that is
// not 0, and wants it back.
func (ws *conn) roundTrip(op frame.Opcode, data string, pieces int) {
	if pieces > 0 {
		ws.SendCompressed(op, data, pieces)
	} else {
		ws.SendCompressed(op, data)
	}
	ws.ExpectMessage(op, data)
}

// What clients offer in practice: without parameters, with some for the server,
// and with some for themselves.
var (
	serverSets = []string{
		"", "server_no_context_takeover", "server_max_window_bits=9", "server_max_window_bits=15",
		"server_no_context_takeover; server_max_window_bits=9", "server_no_context_takeover; server_max_window_bits=15",
		"server_no_context_takeover; server_max_window_bits=9, permessage-deflate; server_no_context_takeover, permessage-deflate",
	}
	clientSets = []string{"client_max_window_bits", "client_max_window_bits=9", "client_no_context_takeover"}
)

// made is data of one kind, to cut messages from.
type made struct {
	op   frame.Opcode
	data string
}

// cut is a message of n bytes from a place of its own.
func (m made) cut(i, n int) string {
	at := i * 977 % (len(m.data) - n + 1)
	return m.data[at : at+n]
}

// underParameters runs a conversation under each of the offers that the target
// agrees to: with every kind of data under the first, and with JSON, which most
// messages are, under the others.
func underParameters(c *specs.Case, offers []string, talk func(*conn, []made)) {
	agreeable(c)
	needsEcho(c)
	const longest = 160 << 10
	kinds := []made{{frame.Text, prose(c, longest)}, {frame.Binary, picture(c, longest)}, {frame.Binary, speech(c, longest)},
		{frame.Text, markup(c, longest)}, {frame.Binary, document(c, longest)}}
	for _, offer := range offers {
		ws, _ := try(c, deflates(offer))
		if ws == nil || ws.codec == nil {
			continue // declined, as it may be
		}
		talk(ws, kinds)
		kinds = kinds[:1]
	}
}

// roundTrips has messages of these sizes echoed, compressed.
func (ws *conn) roundTrips(m made, sizes []int) {
	ws.brief = true
	ws.streamed(len(sizes), 25, func(i int) frame.Frame {
		return frame.New(m.op, ws.codec.deflate(m.cut(i, sizes[i]))).WithRSV(frame.RSV1)
	}, func(i int) message { return message{op: m.op, data: m.cut(i, sizes[i])} })
}

// prose is a text of n bytes with the redundancy of JSON.
func prose(c *specs.Case, n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, `{"id":%d,"name":"%s","tags":["%s","websocket"],"price":%d.%02d,"stock":true},`, c.IntN(100000), c.Word(), c.Word(), c.IntN(1000), c.IntN(100))
	}
	return b.String()[:n]
}

// picture is n bytes with the redundancy of a bitmap.
func picture(c *specs.Case, n int) string {
	p := c.Bytes(n)
	for i := range p {
		if i > 0 {
			p[i] = p[i-1] + p[i]%5 - 2
		}
	}
	return string(p)
}

// speech is n bytes of a language: words that come back, in no order.
func speech(c *specs.Case, n int) string {
	words := strings.Fields("der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat daß sie nach wird bei " +
		"einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man sein wurde sei Prozent hatte kann gegen vom können schon wenn habe seine")
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(words[c.IntN(len(words))])
		b.WriteByte(" ,."[max(0, c.IntN(12)-9)])
	}
	return b.String()[:n]
}

// markup is a text of n bytes with the redundancy of HTML.
func markup(c *specs.Case, n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "<tr class=\"row-%d\">\n  <td><a href=\"/items/%d\">%s</a></td>\n  <td>%s %s</td>\n</tr>\n", c.IntN(2), c.IntN(100000), c.Word(), c.Word(), c.Word())
	}
	return b.String()[:n]
}

// document is n bytes as in a PDF: a little text around what is compressed
// already.
func document(c *specs.Case, n int) string {
	var b strings.Builder
	for i := 1; b.Len() < n; i++ {
		size := 200 + c.IntN(3000)
		fmt.Fprintf(&b, "%d 0 obj\n<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream\nendobj\n", i, size, c.Bytes(size))
	}
	return b.String()[:n]
}

// packed compresses by itself, at a level.
func packed(level int, data string) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		panic(err) // the levels are constants
	}
	_, _ = io.WriteString(w, data) // into memory
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), tail)
}

// farBack is DEFLATE data that refers to something before its start.
func farBack(c *specs.Case) string {
	data := prose(c, 200)
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, flate.BestCompression, []byte(data))
	if err != nil {
		panic(err) // the level is a constant
	}
	_, _ = io.WriteString(w, data)
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), tail)
}

// bomb inflates to 64 MiB of zeros.
var bomb = sync.OnceValue(func() string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	zeros := make([]byte, 1<<20)
	for range 64 {
		_, _ = w.Write(zeros)
	}
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), tail)
})

// answers says whether a message begins to come back, and reads none of it: it
// may be long.
func (ws *conn) answers() bool {
	for {
		s := ws.client.Await(5*ws.c.Timing().Answer, func(p []byte) bool {
			_, _, ok := frame.ReadHeader(p)
			return ok
		})
		switch f, _, ok := frame.ReadHeader(s.Unread); {
		case !ok:
			return false
		case !f.Opcode.IsControl():
			return true
		case f.Opcode == frame.Close:
			return false
		}
		seen := ws.frames
		ws.pump(patience(ws.c, 0), func() bool { return ws.frames > seen })
		if ws.frames == seen {
			return false
		}
	}
}
