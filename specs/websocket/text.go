package websocket

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"conform/specs"
	"conform/specs/websocket/frame"
)

// textMessages is RFC 6455 §5.6 and §8.1: a text message is UTF-8 from its
// first byte to its last, and one that is not fails the connection.
func textMessages() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/text/valid-echoed", specs.Must, "RFC 6455 §5.6",
			"A text outside ASCII comes back byte for byte.",
			func(c *specs.Case) {
				sameText(c, unicodeText, "κόσμε", "κ", "κ\u1f79", "κ\u1f79σ", "κ\u1f79σμ", "κ\u1f79σμε", "日本語", "𝄞 𐍈 😀",
					"hello$world", "hello¢world", "hello€world", "hello𤭢world") // one character of each length
			},
			specs.Covers("WS-UTF8-01"),
			specs.Cause("the payload is decoded or encoded as Latin-1 or ASCII somewhere on its way; a text is UTF-8 on both sides")),

		specs.Requirement("websocket/text/split-between-code-points", specs.Must, "RFC 6455 §5.6",
			"A text in fragments that are UTF-8 by themselves comes back whole.",
			func(c *specs.Case) {
				ws := openEcho(c)
				for i := range unicodeText {
					ws.fragments(unicodeText[:i], unicodeText[i:])
				}
				ws.fragments(strings.Split(unicodeText, "")...)
			}, specs.Covers("WS-UTF8-02"), specs.Cause("continuation frames of a text are refused, or lost")),

		specs.Requirement("websocket/text/split-inside-code-points", specs.Must, "RFC 6455 §5.6",
			"A text whose fragments end inside of a character comes back whole.",
			func(c *specs.Case) {
				ws := openEcho(c)
				for i := range allLengths {
					ws.fragments(allLengths[:i], allLengths[i:])
				}
				ws.fragments(bytewise(allLengths)...)
				ws.fragments(bytewise(unicodeText)...)
				ws.fragments(bytewise("κ\u1f79σμε")...)
			}, specs.Covers("WS-UTF8-02"), specs.Cause(checksFrames)),

		specs.Requirement("websocket/text/read-inside-code-points", specs.Must, "RFC 6455 §5.6",
			"A text that arrives in segments which end inside of a character comes back whole.",
			func(c *specs.Case) {
				ws := openEcho(c)
				f := frame.New(frame.Text, allLengths)
				for i := 1; i < len(allLengths); i++ {
					ws.SendPieces(c.Timing().Gap, []frame.Frame{f}, f.HeaderSize()+i)
					ws.ExpectText(allLengths)
				}
			}, specs.Covers("WS-UTF8-03"),
			specs.Cause("every read is decoded by itself; TCP cuts where it likes, so collect the bytes of the message first, or decode with a state that is kept between reads")),

		specs.Requirement("websocket/text/first-and-last-code-points", specs.Must, "RFC 3629 §3",
			"The first and the last characters of each length in UTF-8 come back.",
			func(c *specs.Case) {
				points := []string{"\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\U00010000", "\U0010ffff"}
				specials := []string{"\ufff9", "\ufffa", "\ufffb", "\ufffc"}
				points = append(points, specials...)
				sameText(c, append(points, strings.Join(points, ""), "\U0003ffff\U00040000\U000fffff\U00100000")...)
			}, specs.Covers("WS-UTF8-04"),
			specs.Cause("the limits of the decoder are wrong by one, or a NUL ends the text; U+0000 to U+10FFFF without the surrogates is valid")),

		specs.Requirement("websocket/text/noncharacters", specs.Must, "RFC 3629 §3",
			"Code points that will never be characters, as U+FFFE, are valid and come back.",
			func(c *specs.Case) {
				var points []string
				for plane := rune(0); plane <= 16; plane++ {
					points = append(points, string(plane<<16|0xfffe), string(plane<<16|0xffff))
				}
				all := strings.Join(points, "")
				for r := rune(0xfdd0); r <= 0xfdef; r++ {
					all += string(r)
				}
				sameText(c, append(points, all)...)
			}, specs.Covers("WS-UTF8-05"),
			specs.Cause("noncharacters are refused or replaced; UTF-8 encodes every code point except the surrogates")),

		specs.Requirement("websocket/text/byte-order-mark-kept", specs.Should, "RFC 3629 §6",
			"A text that begins with U+FEFF comes back with it.",
			func(c *specs.Case) {
				for _, data := range []string{"\ufeffbyte order", "\ufeff", "\ufeff\ufefftwo"} {
					ws := openEcho(c)
					ws.Text(data)
					ws.Expect(echoed(frame.Text, data),
						echoed(frame.Text, strings.TrimPrefix(data, "\ufeff")).nonstrict("the first three bytes, U+FEFF, are taken away"))
				}
			}, specs.Covers("WS-UTF8-06"),
			specs.Cause("the decoder takes U+FEFF for a signature and removes it (utf-8-sig, TextDecoder without ignoreBOM); in a message it is a character like any other")),

		specs.Requirement("websocket/text/not-normalised", specs.Must, "RFC 6455 §5.6",
			"Combining characters, joiners, right-to-left text and line ends come back as they were sent.",
			func(c *specs.Case) {
				sameText(c, "cafe\u0301 and caf\u00e9", "\u212b \u00c5 A\u030a", "ﬁ \u2126", "👩\u200d💻 👨\u200d👩\u200d👧\u200d👦", "\u202eשלום\u202c مرحبا",
					"one\rtwo\nthree\r\nfour\r", "\n", "\r", " blanks \t", "a\x00b\x00", "\u0085\u2028\u2029\u00a0\u200b")
			}, specs.Covers("WS-UTF8-07"),
			specs.Cause("the text is normalised, trimmed or written with other line ends; send the bytes that came")),

		specs.Requirement("websocket/text/stray-bytes-fail", specs.Must, "RFC 6455 §8.1",
			"A text with a byte that begins no character, or only continues one, fails the connection.",
			func(c *specs.Case) {
				texts := []string{"\xff", "\xfe", "\x80", "\xbf", "\xc0", "\xf5", "\xc1", "\xf7", "\xf8", "\xfb", "\xfc", "\xfd", "\xfe\xfe\xff\xff"}
				for n := 2; n <= 7; n++ {
					texts = append(texts, strings.Repeat("\x80\xbf", 4)[:n])
				}
				texts = append(texts, run(0x80, 0xbf, ""), run(0xc0, 0xdf, " "), run(0xe0, 0xef, " "), run(0xf0, 0xf6, " "), run(0xf8, 0xfa, " "), run(0xfc, 0xfc, " "))
				rejects(c, append(texts, "κόσμε\xffκόσμε", "plain text\x80", "\xc2plain text")...)
			}, specs.Covers("WS-UTF8-08"), specs.Cause(checksNothing)),

		specs.Requirement("websocket/text/overlong-forms-fail", specs.Must, "RFC 3629 §3",
			"A character written in more bytes than it needs fails the connection.",
			func(c *specs.Case) {
				rejects(c, "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf", // the solidus
					"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf", // the largest
					"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80", // NUL
					"κόσμε\xe0\x9f\xbfκόσμε")
			}, specs.Covers("WS-UTF8-09"),
			specs.Cause("the decoder does not look whether a shorter form exists, or NUL may be C0 80 as in Java's modified UTF-8; each character has one valid form, the shortest")),

		specs.Requirement("websocket/text/surrogates-fail", specs.Must, "RFC 3629 §3",
			"A surrogate, alone or as one of a pair, fails the connection.",
			func(c *specs.Case) {
				texts := []string{"κόσμε\xed\xa0\x80edited"}
				high := []string{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf"}
				low := []string{"\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"}
				texts = append(append(texts, high...), low...)
				for _, h := range high {
					texts = append(texts, h+low[0], h+low[2])
				}
				rejects(c, texts...)
			}, specs.Covers("WS-UTF8-10"),
			specs.Cause("surrogates are let through, as CESU-8 and some decoders do; ED is followed by 80 to 9F only")),

		specs.Requirement("websocket/text/beyond-unicode-fails", specs.Must, "RFC 3629 §3",
			"A code point above U+10FFFF, and a form of five or six bytes, fails the connection.",
			func(c *specs.Case) {
				rejects(c, "\xf4\x90\x80\x80", "\xf7\xbf\xbf\xbf", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfb\xbf\xbf\xbf\xbf",
					"\xfc\x84\x80\x80\x80\x80", "\xfd\xbf\xbf\xbf\xbf\xbf", "κόσμε\xf4\x90\x80\x80edited")
			}, specs.Covers("WS-UTF8-11"),
			specs.Cause("the decoder follows the older definition of UTF-8; F4 8F BF BF is the last character")),

		specs.Requirement("websocket/text/cut-off-fails", specs.Must, "RFC 6455 §8.1",
			"A text that ends inside of a character fails the connection.",
			func(c *specs.Case) {
				shortened := []string{"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80", // the first of each length, without its last byte
					"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf"} // the last of each
				texts := append(shortened, strings.Join(shortened, ""), "\xe2\x82", "\xf0\x9f\x98", "\xc3", "\xf0\x9f", "\xe2", "\xf0")
				for i := range "κ\u1f79σμε" {
					if prefix := "κ\u1f79σμε"[:i+1]; !utf8.ValidString(prefix) {
						texts = append(texts, prefix)
					}
				}
				rejects(c, append(texts, "κ\xe1\xbd")...)
			}, specs.Covers("WS-UTF8-12"),
			specs.Cause("the decoder waits for the rest of the last character; at the end of a message there is none, and what is unfinished is invalid")),

		specs.Requirement("websocket/text/invalid-when-joined-fails", specs.Must, "RFC 6455 §8.1",
			"A text whose fragments do not join to UTF-8 fails the connection by its last fragment.",
			func(c *specs.Case) {
				rejectsJoined(c, []string{"a\xe2", "\x28\xa1"}, []string{"a\xe2", "ok"}, []string{"ok", "\xf4", "\x90", "\x80\x80"}, []string{"κόσμε", "\xf4\x90\x80\x80", "edited"},
					bytewise("κ\u1f79σμε\xed\xa0\x80edited"), []string{"\xe2", "\x82", "\xe2\x82\xac"})
			}, specs.Covers("WS-UTF8-13"),
			specs.Cause("a character that a fragment leaves unfinished is forgiven; keep the state of the decoder from fragment to fragment, and look at it when the message ends")),

		specs.Requirement("websocket/text/cut-off-before-empty-fragment-fails", specs.Must, "RFC 6455 §8.1",
			"A text that ends inside of a character fails the connection also when its last fragment is empty.",
			func(c *specs.Case) {
				rejectsJoined(c, []string{"\xe2\x82", ""}, []string{"ok \xf0\x9f\x98", "", ""}, []string{"", "\xc3", ""})
			}, specs.Covers("WS-UTF8-12", "WS-UTF8-13"),
			specs.Cause("whether the text is finished is asked where bytes are decoded, and an empty fragment has none; ask when the message ends")),

		specs.Requirement("websocket/text/invalid-fragment-fails", specs.May, "RFC 6455 §8.1",
			"An invalid fragment fails the connection at once or when its message ends.",
			func(c *specs.Case) {
				for _, parts := range inThree {
					ws := open(c)
					ws.Stays()
					f := fragments(frame.Text, parts[:]...)
					ws.Send(f[0])
					c.Pause(c.Timing().Gap)
					ws.Send(f[1])
					ws.meanwhile("the fragment is only looked at when its message has ended")
					ws.Send(f[2])
					ws.Expect(ws.unsound(strings.Join(parts[:], ""))...)
				}
				c.StillServes()
			}, specs.Covers("WS-UTF8-14"),
			specs.Cause("only the first fragment of a text is looked at, or none")),

		specs.Requirement("websocket/text/invalid-start-of-frame-fails", specs.May, "RFC 6455 §8.1",
			"A text frame that is invalid at its start or in the middle fails the connection at once or when the frame ends.",
			func(c *specs.Case) {
				for _, parts := range append(slices.Clone(inThree), [3]string{"\xf4\x90\x80\x80", ascii(c, 20), ascii(c, 180)}) {
					ws := open(c)
					ws.Stays()
					data := strings.Join(parts[:], "")
					p := ws.encode(frame.New(frame.Text, data))
					rest := len(p) - len(parts[2])
					ws.remark("cut behind %s", places([]int{rest - len(parts[1]), rest}))
					ws.SendBytes(p[:rest-len(parts[1])])
					c.Pause(c.Timing().Gap)
					ws.SendBytes(p[rest-len(parts[1]) : rest])
					ws.meanwhile("the frame is only looked at when all of it has come")
					ws.SendBytes(p[rest:])
					ws.Expect(ws.unsound(data)...)
				}
				c.StillServes()
			}, specs.Covers("WS-UTF8-15"), specs.Cause(checksNothing)),

		specs.Requirement("websocket/text/binary-and-ping-not-checked", specs.Must, "RFC 6455 §5.6",
			"Bytes that are no UTF-8 come back in binary messages and in Pongs.",
			func(c *specs.Case) {
				ws := open(c)
				for _, data := range []string{"\xff", "\xfe", "\x80", "\xbf", "\xc0", "\xf5", // stray bytes
					"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xc0\x80", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", // overlong forms
					"\xed\xa0\x80", "\xed\xbf\xbf", "\xed\xa0\x80\xed\xb0\x80", // surrogates
					"\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80", // beyond Unicode
					"\xe2\x82", "\xf0\x9f\x98", "\xc3"} { // cut off
					if pings(c) {
						ws.Ping(data)
						ws.ExpectPong(data)
					}
					if isEcho(c) {
						ws.Binary(data)
						ws.ExpectBinary(data)
					}
				}
				ws.Stays()
			}, specs.Covers("WS-UTF8-16"),
			specs.Cause("every payload is decoded as text; only text messages and the reasons of Close frames are text")),

		specs.Requirement("websocket/text/ping-inside-code-point", specs.Must, "RFC 6455 §5.4",
			"A Ping between two halves of a character is answered and does not spoil the text.",
			func(c *specs.Case) {
				ws := openEcho(c)
				data := "κόσμε"
				ws.Send(frame.New(frame.Text, data[:3]).More(), frame.New(frame.Ping, "\xff"), frame.New(frame.Continuation, data[3:]))
				if pings(c) {
					ws.ExpectPong("\xff")
				}
				ws.ExpectText(data)
			}, specs.Covers("WS-UTF8-17"),
			specs.Cause("the payload of the Ping goes through the decoder of the text that it interrupts")),

		specs.Requirement("websocket/text/message-after-message-checked", specs.Must, "RFC 6455 §8.1",
			"A text that begins with a continuation byte fails the connection whatever text came before it.",
			func(c *specs.Case) {
				for _, first := range []string{"valid", allLengths, "κ"} {
					ws := openEcho(c)
					ws.Text(first)
					ws.ExpectText(first)
					ws.Text("\x80")
					ws.Expect(ws.unsound("\x80")...)
				}
				c.StillServes()
			}, specs.Covers("WS-UTF8-18"),
			specs.Cause("the state of the decoder is not set back for a new message, or only the first message is checked")),

		specs.Requirement("websocket/text/one-bad-byte-in-many-fails", specs.Must, "RFC 6455 §8.1",
			"A long text with a single bad byte fails the connection, wherever the byte is.",
			func(c *specs.Case) {
				size := largestEcho(c, 64<<10, 8<<10, 1<<10)
				for _, at := range []int{0, 15, 16, 63, size/2 - 1, size - 2, size - 1} {
					ws := open(c)
					ws.Stays()
					data := []byte(ascii(c, size))
					data[at] = 0xbf
					ws.Text(string(data))
					ws.Expect(ws.unsound(string(data))...)
				}
				c.StillServes()
			}, specs.Covers("WS-UTF8-19"),
			specs.Cause("only a part of a long text is checked: the first block, whole blocks, or what one read has brought")),

		specs.Requirement(ruleUTF8, specs.Must, "RFC 6455 §5.6",
			"Every text message of the server is UTF-8.",
			func(c *specs.Case) {
				if isEcho(c) {
					ws := open(c)
					ws.Stays()
					for _, data := range []string{allLengths, strings.Repeat(allLengths, 50), strings.Repeat("😀", 1500)} {
						ws.Text(data)
						ws.pump(patience(c, 0), func() bool { return len(ws.messages) > 0 || ws.close != nil })
						ws.messages = nil // how it came back is judged elsewhere
					}
				}
				talk(c)
				observed(c, ruleUTF8, "text messages that are UTF-8 once their fragments are joined")
			}, specs.Covers("WS-UTF8-20"), specs.Last,
			specs.Cause("bytes in another encoding, or a character cut in half, are sent as text; send what is not text as binary")),
	}
}

const (
	checksNothing = "text is handed on without being checked; decode it strictly and close with 1007 when that fails"
	checksFrames  = "every fragment is decoded by itself; a character may begin in one fragment and end in the next, so keep the state of the decoder, or decode the joined message"

	unicodeText = "Hello-µ@ßöäüàá-UTF-8!!"
	allLengths  = "aß€😀zé漢𝄞!" // characters of one to four bytes
)

// inThree is texts in three parts, of which the second makes them invalid: as a
// whole character that is none, or by its first byte that cannot follow.
var inThree = [][3]string{{"valid ", "\xff", " end"}, {"κ\u1f79σμε", "\xf4\x90\x80\x80", "edited"}, {"κ\u1f79σμε\xf4", "\x90", "\x80\x80edited"}}

// sameText sends texts that must come back as they are.
func sameText(c *specs.Case, texts ...string) {
	ws := openEcho(c)
	for _, data := range texts {
		ws.Text(data)
		ws.ExpectText(data)
	}
}

// fragments sends a text in fragments, and waits for it to come back.
func (ws *conn) fragments(parts ...string) {
	ws.Send(fragments(frame.Text, parts...)...)
	ws.ExpectText(strings.Join(parts, ""))
}

// bytewise is a text cut at every byte.
func bytewise(s string) []string {
	parts := make([]string, len(s))
	for i := range parts {
		parts[i] = s[i : i+1]
	}
	return parts
}

// run is every byte from first to last, each followed by something.
func run(first, last byte, after string) string {
	var b strings.Builder
	for i := int(first); i <= int(last); i++ {
		b.WriteByte(byte(i))
		b.WriteString(after)
	}
	return b.String()
}

// rejects sends texts that are no UTF-8, each on a connection of its own, which
// must fail.
func rejects(c *specs.Case, texts ...string) {
	for _, data := range texts {
		ws := open(c)
		ws.Stays()
		ws.Text(data)
		ws.Expect(ws.unsound(data)...)
	}
	c.StillServes()
}

// rejectsJoined sends texts in fragments that do not join to UTF-8, each on a
// connection of its own, which must fail.
func rejectsJoined(c *specs.Case, texts ...[]string) {
	for _, parts := range texts {
		ws := open(c)
		ws.Stays()
		ws.Send(fragments(frame.Text, parts...)...)
		ws.Expect(ws.unsound(strings.Join(parts, ""))...)
	}
	c.StillServes()
}

// unsound is what may become of a text that is no UTF-8: the connection fails,
// by the end of the message. A server that echoes a message while it comes may
// have sent the start of it. One that is declared to leave the check to the
// application is let off, for an application that does not make it.
func (ws *conn) unsound(data string) []outcome {
	fails := failed(1007, 1002, 1003)
	match := fails.match
	fails.match = func(r reaction) bool {
		if r.partial && ws.joining != nil && !ws.joining.compressed && strings.HasPrefix(data, string(ws.joined)) {
			r.partial = false
		}
		return match(r)
	}
	if ws.c.Dialect("utf8") != "delegated" {
		return []outcome{fails}
	}
	const why = "the check is left to the application, as declared, and the application does not make it"
	return []outcome{
		fails,
		echoed(frame.Text, data).nonstrict(why),
		expecting("the text with U+FFFD in place of what is invalid", func(r reaction) bool {
			return r.end == "" && r.close == nil && len(r.messages) == 1 && strings.ContainsRune(r.messages[0].data, utf8.RuneError)
		}).nonstrict(why),
		stays().nonstrict(why),
	}
}

// meanwhile waits for a failure that may come now or later, and records when it
// is left for later.
func (ws *conn) meanwhile(why string) {
	ws.pump(3*ws.c.Timing().Quiet, func() bool { return ws.close != nil })
	if ws.close == nil && ws.end == "" {
		ws.c.Admit(specs.Info, specs.Reason{Code: specs.NotClosed, Message: why, Sent: ws.exchange(), Received: "nothing yet; the connection is open"}, false)
	}
}

// largestEcho finds the first of several sizes of a message that the target
// takes and sends back: some refuse long ones, with 1009 or without a word.
func largestEcho(c *specs.Case, sizes ...int) int {
	for _, size := range sizes {
		ws := openEcho(c)
		data := ascii(c, size)
		ws.Text(data)
		last := size == sizes[len(sizes)-1] || size <= max(smallestLimit, maxMessage(c))
		if !last {
			ws.pump(patience(c, size), func() bool { return len(ws.messages) > 0 || ws.close != nil })
			if len(ws.messages) == 0 && (ws.close == nil || ws.close.CloseCode() == 1009) {
				c.Note("%s is taken for too long", fmt.Sprintf("a message of %d bytes", size))
				continue
			}
		}
		ws.ExpectText(data)
		return size
	}
	return 0
}
