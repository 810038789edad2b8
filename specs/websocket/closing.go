package websocket

import (
	"fmt"
	"strings"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

// closing is RFC 6455 §5.5.1 and §7: the closing handshake, the codes, and what
// becomes of a connection that has failed.
func closing() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/closing/close-answered", specs.Must, "RFC 6455 §5.5.1",
			"A Close frame is answered with a Close frame, and then the TCP connection ends.",
			func(c *specs.Case) {
				ws := open(c)
				ws.Stays()
				ws.Close(1000, "")
				ws.Expect(closed(1000, 0), ended().nonstrict("the TCP connection ends without the Close frame that is due"))
				ws.countEnd()
			}, specs.Covers("WS-CLOSE-01"), specs.Cause("the server hangs up, or takes no notice; it sends a Close frame back with the same code and closes the socket")),

		specs.Requirement("websocket/closing/empty-close-answered", specs.Must, "RFC 6455 §5.5.1",
			"A Close frame without a code is answered with one that has no code, or 1000.",
			func(c *specs.Case) { answersClose(c, frame.New(frame.Close, ""), closed(0, 1000)) },
			specs.Covers("WS-CLOSE-02"),
			specs.Cause("1005 is sent, or read from a body that is not there; 1005 is only what a library tells its application")),

		specs.Requirement("websocket/closing/reason-allowed", specs.Must, "RFC 6455 §5.5.1",
			"A Close frame with a reason, of up to 123 bytes, is answered like one without.",
			func(c *specs.Case) {
				for _, reason := range []string{"bye", strings.Repeat("é", 61) + "!"} {
					answersClose(c, frame.NewClose(1000, reason), closed(1000, 0))
				}
			}, specs.Covers("WS-CLOSE-03"), specs.Cause("the body is compared with the two bytes of a code, or read into a buffer that is too small; it may have 125 bytes")),

		specs.Requirement("websocket/closing/defined-codes-answered", specs.Must, "RFC 6455 §7.4.1",
			"Every close code that RFC 6455 lets an endpoint send is taken and answered.",
			func(c *specs.Case) { answersCodes(c, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011) },
			specs.Covers("WS-CLOSE-04"), specs.Cause("codes other than 1000 are taken for errors; they say why the client leaves, and are answered like any Close")),

		specs.Requirement("websocket/closing/private-codes-answered", specs.Must, "RFC 6455 §7.4.2",
			"Close codes of libraries and applications, 3000 to 4999, are taken and answered.",
			func(c *specs.Case) { answersCodes(c, 3000, 3999, 4000, 4999) },
			specs.Covers("WS-CLOSE-05"), specs.Cause("only the codes that RFC 6455 defines are let through; 3000 to 4999 are free for use")),

		specs.Requirement("websocket/closing/codes-registered-later", specs.May, "RFC 6455 §11.7",
			"The close codes 1012 to 1014, which were registered later, are answered or refused.",
			func(c *specs.Case) {
				for _, code := range []int{1012, 1013, 1014} {
					refused := failed(1002, 1007, 1008)
					if registered(c, code) {
						refused = refused.info("the code is refused: the server knows the registry of 2011 only")
					}
					answersClose(c, frame.NewClose(code, ""), closed(code, 1000, 0), refused)
				}
			}, specs.Covers("WS-CLOSE-06"), specs.Cause("the connection is left open for a code that the server does not know")),

		specs.Requirement("websocket/closing/unsendable-codes-refused", specs.Must, "RFC 6455 §7.4.1",
			"A close code that must not be sent is not taken: 1005, 1006, 1015, and what is reserved or unassigned.",
			func(c *specs.Case) {
				for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999} {
					f := frame.NewClose(code, "")
					answersClose(c, f, failed(1002, 1007, 1008), closed(1000).info("the code is not looked at: it is answered with 1000"))
				}
				c.StillServes()
			}, specs.Covers("WS-CLOSE-07"), specs.Cause("the body of the Close frame is sent back unseen; check the code before, and answer 1002 when it is none that may be sent")),

		specs.Requirement("websocket/closing/codes-above-4999", specs.May, "RFC 6455 §7.4.2",
			"A close code above 4999 is refused or answered.",
			func(c *specs.Case) {
				for _, code := range []int{5000, 65535} {
					answersClose(c, frame.NewClose(code, ""), failed(1002, 1007, 1008), closed(1000),
						closed(code).info("a code above those that RFC 6455 gives a use to is sent back"))
				}
				c.StillServes()
			}, specs.Covers("WS-CLOSE-08"), specs.Cause("the connection is left open for a code that the server does not know")),

		specs.Requirement("websocket/closing/one-byte-body-fails", specs.Must, "RFC 6455 §5.5.1",
			"A Close frame with a body of one byte, which is no code, fails the connection.",
			func(c *specs.Case) {
				for _, body := range []string{"\x03", "\xe8", "\x00"} {
					back := expecting("the same byte back", func(r reaction) bool { return r.end != "" && r.close != nil && string(r.close.Payload) == body })
					answersClose(c, frame.New(frame.Close, body), closed(0).info("the body is taken for none"), failed(1002, 1007, 1008),
						back.nonstrict("the body is sent back unseen, as libwebsockets does"))
				}
				c.StillServes()
			}, specs.Covers("WS-CLOSE-09"), specs.Cause("two bytes are read wherever there is a body; check its length first, and close with 1002")),

		specs.Requirement("websocket/closing/reason-not-utf8-fails", specs.Must, "RFC 6455 §8.1",
			"A Close frame whose reason is no UTF-8 fails the connection.",
			func(c *specs.Case) {
				for _, reason := range []string{"\xff\xfe", "bye \xe2\x82", "\xed\xa0\x80", "Hello\xce\xba\xe1\xbd\xb9\xed\xa0\x80edited"} {
					answersClose(c, frame.NewClose(1000, reason), failed(1007, 1002),
						closed(1000).nonstrict("the reason is not looked at, as coder/websocket does"))
				}
				c.StillServes()
			}, specs.Covers("WS-CLOSE-10"), specs.Cause("the reason is handed on, or sent back, without being decoded; check it as any text, and answer 1007")),

		specs.Requirement("websocket/closing/long-close-fails", specs.Must, "RFC 6455 §5.5",
			"A Close frame of 126 bytes, one more than control frames have, fails the connection.",
			func(c *specs.Case) {
				answersClose(c, frame.NewClose(1000, ascii(c, 124)), failed(1002, 1009),
					closed(1000).nonstrict("the length of the control frame is not looked at"))
				c.StillServes()
			}, specs.Covers("WS-CLOSE-11"), specs.Cause("the length of a Close frame is not limited; no control frame has more than 125 bytes")),

		specs.Requirement("websocket/closing/server-ends-tcp", specs.Must, "RFC 6455 §5.5.1",
			"After the closing handshake the server ends the TCP connection, and does not wait for the client to do it.",
			func(c *specs.Case) {
				ws := open(c)
				ws.Stays()
				ws.Close(1000, "")
				if ws.pump(patience(c, 0), func() bool { return ws.close != nil }); ws.close == nil && ws.end == "" {
					judge(ws.client, ws.exchange(), ws.settle(true), []outcome{closed(1000, 0)})
				}
				if ws.pump(patience(c, 0), func() bool { return false }) {
					timedOut := ws.pump(2*patience(c, 0), func() bool { return false })
					r := ws.reaction()
					r.waited = timedOut
					judge(ws.client, ws.exchange(), r, []outcome{expecting("FIN or RST", func(r reaction) bool { return r.end != "" }).
						info("the TCP connection outlives the closing handshake by more than a second")})
				}
			}, specs.Covers("WS-CLOSE-12"), specs.Cause("the socket is left for the client to close; the server has to close first, so that the address waits on its side")),

		specs.Requirement(ruleAfterClose, specs.Must, "RFC 6455 §5.5.1",
			"Nothing follows a Close frame of the server.",
			func(c *specs.Case) {
				if isEcho(c) {
					ws := open(c)
					ws.Stays()
					ws.Send(frame.New(frame.Text, "one"), frame.New(frame.Text, "two"), frame.NewClose(1000, ""), frame.New(frame.Text, "three"), frame.NewClose(1000, ""))
					ws.pump(patience(c, 0), func() bool { return false })
					ws.messages = nil // which of them come back is judged elsewhere
				}
				talk(c)
				observed(c, ruleAfterClose, "no data behind a Close frame")
				aggregate(c, seenTwice, specs.NonStrict, "a second Close frame is sent")
				aggregate(c, seenLate, specs.Info, "Pings or Pongs are sent behind the Close frame, where nobody has to read them")
			}, specs.Covers("WS-CLOSE-13"), specs.Last,
			specs.Cause("what waits to be sent is sent behind the Close frame; drop it, or send it before")),

		specs.Requirement("websocket/closing/data-after-close-ignored", specs.Must, "RFC 6455 §5.5.1",
			"A message behind the client's Close frame is not answered.",
			func(c *specs.Case) {
				for _, pause := range []bool{false, true} {
					ws := openEcho(c)
					if f := frame.NewClose(1000, ""); pause {
						ws.SendPieces(2*c.Timing().Quiet, []frame.Frame{f, frame.New(frame.Text, "too late")}, len(f.Bytes()))
					} else {
						ws.Send(f, frame.New(frame.Text, "too late"))
					}
					ws.Expect(closed(1000, 0))
				}
			}, specs.Covers("WS-CLOSE-14"), specs.Cause("the loop over what has arrived goes on after a Close frame")),

		specs.Requirement("websocket/closing/data-before-close", specs.May, "RFC 6455 §5.5.1",
			"A message right before a Close frame, in one segment with it, is echoed before the answer to the Close or not at all.",
			func(c *specs.Case) {
				ws := openEcho(c)
				data := "last words " + c.Word()
				ws.Send(frame.New(frame.Text, data), frame.NewClose(1000, ""))
				ws.Expect(closed(1000, 0).info("the last message before a Close is lost"), closed(1000, 0).after(text(data)))
			}, specs.Covers("WS-CLOSE-15"), specs.Cause("the echo is sent behind the Close frame, or the Close frame is lost")),

		specs.Requirement("websocket/closing/echo-then-close", specs.Must, "RFC 6455 §5.5.1",
			"A conversation ends with a closing handshake.",
			func(c *specs.Case) {
				ws := openEcho(c)
				for _, size := range []int{5, 200} {
					data := ascii(c, size)
					ws.Text(data)
					ws.ExpectText(data)
				}
				ws.Close(1000, "")
				ws.ExpectClosed(1000, 0)
				ws.countEnd()
			}, specs.Covers("WS-CLOSE-16"), specs.Cause("a Close frame is answered only where it is the first frame, or as a message")),

		specs.Requirement("websocket/closing/second-close-ignored", specs.Must, "RFC 6455 §5.5.1",
			"Two Close frames are answered with one.",
			func(c *specs.Case) {
				for _, second := range []frame.Frame{frame.NewClose(1000, ""), frame.New(frame.Close, "")} {
					ws := open(c)
					ws.Stays()
					ws.Send(frame.NewClose(1000, ""), second)
					ws.Expect(ws.twice(closed(1000, 0)).nonstrict("each Close frame is answered"), closed(1000, 0))
				}
			}, specs.Covers("WS-CLOSE-17"), specs.Cause("the loop over what has arrived goes on after a Close frame; note that the closing handshake has begun")),

		specs.Requirement(ruleCloseBody, specs.Must, "RFC 6455 §5.5.1",
			"The Close frames of the server have a code that may be sent and a reason that is UTF-8, or nothing.",
			func(c *specs.Case) {
				quarrel(c, false)
				talk(c)
				observed(c, ruleCloseBody, "an empty body, or a code that may be sent and a reason in UTF-8")
			}, specs.Covers("WS-CLOSE-18"), specs.Last,
			specs.Cause("the code is written in the byte order of the machine, or 1005 or 1006, which stand for the lack of a code, is put into a frame")),

		specs.Requirement(ruleClientCode, specs.Should, "RFC 6455 §7.4.1",
			"The server does not send 1010, which is a client's code.",
			func(c *specs.Case) {
				quarrel(c, true)
				aggregate(c, ruleClientCode, specs.Info, "1010 is sent, which only clients have a use for")
			}, specs.Covers("WS-CLOSE-19"), specs.Last,
			specs.Cause("an error of an extension is answered with 1010; a server that needs an extension refuses the opening handshake")),

		specs.Requirement("websocket/closing/failure-ends-tcp", specs.Must, "RFC 6455 §7.1.7",
			"A failed connection ends although the client neither answers the Close frame nor leaves.",
			func(c *specs.Case) {
				var all []*conn
				for _, wrong := range violations() {
					ws := open(c)
					ws.noClose = true
					ws.Stays()
					ws.Send(wrong...)
					all = append(all, ws)
				}
				for _, ws := range all { // they wait at the same time
					timedOut := ws.pump(5*patience(c, 0)/2, func() bool { return false })
					r := ws.reaction()
					r.waited = timedOut
					judge(ws.client, ws.exchange(), r, []outcome{expecting("FIN or RST", func(r reaction) bool { return r.end != "" })})
					ws.messages = nil // whether it is served any longer is judged elsewhere
				}
				c.StillServes()
			}, specs.Covers("WS-CLOSE-20"), specs.Clients(len(violations())), specs.Cause("the server waits for an answer to its Close frame before it closes the socket; after an error it closes at once, or soon")),

		specs.Requirement("websocket/closing/nothing-served-after-failure", specs.Must, "RFC 6455 §7.1.7",
			"What follows an error on a failed connection is not answered.",
			func(c *specs.Case) {
				for _, wrong := range violations() {
					ws := open(c)
					ws.noClose = true
					ws.Stays()
					ws.Send(wrong...)
					ws.pump(patience(c, 0), func() bool { return ws.close != nil })
					ws.Send(frame.New(frame.Ping, "too late"), frame.New(frame.Text, "too late"))
					ws.pump(2*c.Timing().Quiet, func() bool { return ws.reaction().answered() })
					judge(ws.client, ws.exchange(), ws.reaction(), []outcome{expecting("a Close frame or the end of the connection, and no answer", func(r reaction) bool {
						return (r.close != nil || r.end != "") && !r.answered()
					})})
				}
				c.StillServes()
			}, specs.Covers("WS-CLOSE-21"), specs.Cause("the server sends a Close frame and goes on serving; after an error nothing of the client is looked at any more")),

		specs.Requirement("websocket/closing/fin-without-close", specs.Robust, "RFC 6455 §7.1.4",
			"A client that ends its side without a Close frame is let go.",
			func(c *specs.Case) {
				ws := open(c)
				ws.Stays()
				ws.client.HalfClose()
				ws.Expect(letGo(),
					waiting().nonstrict("the connection stays half-closed, and is lost to the server"))
				c.StillServes()
			}, specs.Covers("WS-CLOSE-22"), specs.Cause("the end of the stream is not noticed, or ends only the reading; close the socket")),

		specs.Requirement("websocket/closing/ping-then-fin", specs.Robust, "RFC 6455 §7.1.1",
			"A client that sends a Ping and ends its side is let go, after the Pong or without it.",
			func(c *specs.Case) {
				ws := open(c)
				ws.Stays()
				ws.Ping("last")
				ws.client.HalfClose()
				timedOut := ws.pump(patience(c, 0), func() bool { return ws.close != nil })
				r := ws.settle(timedOut)
				if len(r.pongs) == 1 && r.pongs[0] == "last" {
					r.pongs = nil
				}
				ws.pongs = nil
				judge(ws.client, ws.exchange(), r, []outcome{letGo(),
					silent().nonstrict("the connection stays half-closed, and is lost to the server")})
				c.StillServes()
			}, specs.Covers("WS-CLOSE-23"), specs.Cause("the end of the stream is not noticed while something is being answered")),

		specs.Requirement("websocket/closing/close-then-fin", specs.Must, "RFC 6455 §5.5.1",
			"A client that sends a Close frame and ends its side at once is let go.",
			func(c *specs.Case) {
				unanswered := ended().info("the connection ends without a Close frame")
				ws := open(c)
				ws.Stays()
				ws.Close(1000, "")
				ws.client.HalfClose()
				ws.Expect(closed(1000, 0), unanswered)
				ws = open(c)
				ws.Stays()
				ws.client.SendAndEnd(ws.encode(frame.NewClose(1000, "")))
				ws.Expect(closed(1000, 0), unanswered)
				c.StillServes()
			}, specs.Covers("WS-CLOSE-24"), specs.Cause("the end of the stream is handled before what has arrived, or not at all")),

		specs.Requirement("websocket/closing/resets-survived", specs.Robust, "good engineering",
			"Clients that reset their connections, at rest, inside of a frame or while they are answered, disturb nobody.",
			func(c *specs.Case) {
				bystander := open(c)
				bystander.Stays()
				partial := frame.New(frame.Text, ascii(c, 500)).Bytes()[:300]
				long := ascii(c, 64<<10)
				for range 50 {
					open(c).client.Reset()
					ws := open(c)
					ws.SendBytes(partial)
					ws.client.Reset()
					ws = open(c)
					ws.client.ReadSlowly(0, 0)
					ws.Text(long)
					c.Pause(c.Timing().Gap / 2)
					ws.client.Reset()
				}
				bystander.Stays()
				c.StillServes()
			}, specs.Covers("WS-CLOSE-25"), specs.Clients(2), specs.Perilous,
			specs.Cause("an error while writing ends the whole server: SIGPIPE, or an exception that nobody catches; it ends one connection")),

		specs.Requirement("websocket/closing/close-during-echo", specs.May, "RFC 6455 §5.5.1",
			"A Close frame that arrives while a long message is being sent back is answered at the end of a frame.",
			func(c *specs.Case) {
				data := ascii(c, largestEcho(c, 1<<20, 256<<10, 64<<10, 8<<10))
				ws := openSmall(c)
				ws.client.ReadSlowly(32<<10, c.Timing().Gap/4)
				ws.Send(frame.New(frame.Text, data), frame.New(frame.Text, "Hello"), frame.NewClose(1000, ""))
				ws.pump(patience(c, len(data)), func() bool { return ws.close != nil })
				r := ws.settle(false)
				rest := len(ws.client.Await(0, func([]byte) bool { return true }).Unread)
				judge(ws.client, ws.exchange(), r, []outcome{expecting("the echoes or the start of them in whole frames, then CLOSE 1000 or an empty one, then FIN or RST", func(r reaction) bool {
					if r.partial && strings.HasPrefix(data, string(ws.joined)) && len(r.messages) == 0 {
						r.partial = false
					}
					return rest == 0 && closed(1000, 0).after(text(data), text("Hello")).match(r)
				})})
				ws.messages = nil
			}, specs.Covers("WS-CLOSE-26"), specs.Cause("the Close frame is written into the middle of another frame, or the socket is closed while some of it still waits to be sent")),

		specs.Requirement("websocket/closing/server-begins", specs.Must, "RFC 6455 §7.1.2",
			"A closing handshake that the server begins is completed when the client answers.",
			func(c *specs.Case) {
				ws := open(c)
				ws.Text(c.Dialect("close-trigger"))
				ws.Expect(ws.closedByServer())
			}, specs.Covers("WS-CLOSE-27"), specs.Needs("close-trigger", "please close"),
			specs.Cause("the server does not notice the answer to its Close frame, or sends none; it closes the socket when the answer has come")),

		specs.Requirement("websocket/closing/server-close-unanswered", specs.Robust, "RFC 6455 §7.1.1",
			"A connection that the server has closed ends in the end although the client does not answer.",
			func(c *specs.Case) {
				ws := open(c)
				ws.noClose = true
				ws.Text(c.Dialect("close-trigger"))
				// Servers wait for 5 to 30 seconds: a failure is confirmed with four times this.
				ws.pump(patience(c, 0), func() bool { return ws.close != nil })
				timedOut := ws.pump(9*patience(c, 0), func() bool { return false })
				r := ws.reaction()
				r.waited = timedOut
				stuck := expecting("a Close frame, and the connection stays open", func(r reaction) bool { return r.close != nil && r.end == "" })
				judge(ws.client, ws.exchange(), r, []outcome{ws.closedByServer(), stuck.nonstrict("the server waits without end for an answer to its Close frame")})
				ws.messages = nil
			}, specs.Covers("WS-CLOSE-28"), specs.Needs("close-trigger", "please close"), specs.Slow,
			specs.Cause("there is no limit to the wait for the client's Close frame")),

		specs.Requirement("websocket/closing/simultaneous", specs.Must, "RFC 6455 §5.5.1",
			"When both sides begin the closing handshake at once, each sends one Close frame.",
			func(c *specs.Case) {
				ws := open(c)
				ws.Send(frame.New(frame.Text, c.Dialect("close-trigger")), frame.NewClose(1000, ""))
				ws.Expect(ws.twice(ws.closedByServer()).nonstrict("the client's Close frame is answered although one was sent already"), ws.closedByServer())
			}, specs.Covers("WS-CLOSE-29"), specs.Needs("close-trigger", "please close"),
			specs.Cause("a Close frame is answered although the server has sent its own; whoever has sent one only waits")),

		specs.Requirement("websocket/closing/failure-sends-close", specs.Should, "RFC 6455 §7.1.7",
			"A failed connection ends with a Close frame that says why.",
			func(c *specs.Case) {
				quarrel(c, false)
				if n, m := len(c.Observed(seenNoClose)), len(c.Observed(seenWithClose)); n > 0 {
					aggregate(c, seenNoClose, specs.Info, fmt.Sprintf("%d of %d failures end without a Close frame", n, n+m))
				}
			}, specs.Covers("WS-CLOSE-30"), specs.Last,
			specs.Cause("the socket is closed without a word; a Close frame before it tells the client why")),

		specs.Requirement("websocket/closing/failure-codes-fit", specs.Should, "RFC 6455 §7.4.1",
			"The code of a failure fits the error: 1002, 1003, 1007 or 1009.",
			func(c *specs.Case) {
				quarrel(c, false)
				aggregate(c, seenWrongCode, specs.Info, "other codes are sent than the one for the error")
			}, specs.Covers("WS-CLOSE-31"), specs.Last,
			specs.Cause("every error is reported with the same code; clients tell a bad message from one that is too big by it")),

		specs.Requirement("websocket/closing/clean-end-is-fin", specs.Should, "RFC 6455 §7.1.1",
			"A closing handshake is followed by an orderly end of the TCP connection.",
			func(c *specs.Case) {
				for range 3 {
					ws := open(c)
					ws.Stays()
					ws.Close(1000, "")
					ws.Expect(closed(1000, 0), ended())
					ws.countEnd()
				}
				if n, m := len(c.Observed(seenReset)), len(c.Observed(seenFIN)); n > 0 {
					aggregate(c, seenReset, specs.Info, fmt.Sprintf("%d of %d closing handshakes end in RST", n, n+m))
				}
			}, specs.Covers("WS-CLOSE-32"), specs.Last,
			specs.Cause("the socket is closed with bytes unread in it, or with SO_LINGER 0")),

		specs.Requirement("websocket/closing/close-in-pieces", specs.Must, "RFC 6455 §5.5.1",
			"A Close frame that arrives in pieces is answered when it is whole.",
			func(c *specs.Case) {
				f := frame.NewClose(1000, "bye")
				size := len(f.Bytes())
				every := make([]int, 0, size)
				for i := 1; i < size; i++ {
					every = append(every, i)
					ws := open(c)
					ws.SendPieces(c.Timing().Gap, []frame.Frame{f}, i)
					ws.ExpectClosed(1000, 0)
				}
				ws := open(c)
				ws.SendPieces(c.Timing().Quiet/2, []frame.Frame{f}, every...)
				ws.ExpectClosed(1000, 0)
			}, specs.Covers("WS-CLOSE-33"), specs.Cause("a read is taken for a frame; collect bytes until the frame is whole")),

		specs.Requirement("websocket/closing/close-without-reading", specs.Robust, "good engineering",
			"A client that sends a Close frame and reads nothing holds up no other, and is let go.",
			func(c *specs.Case) {
				needsEcho(c)
				ws := openSmall(c)
				ws.client.ReadSlowly(0, 0)
				for range 16 {
					ws.Text(ascii(c, 4<<10))
				}
				ws.Close(1000, "")
				c.Pause(2 * c.Timing().Quiet)
				other := open(c)
				other.Stays()
				other.Close(1000, "")
				other.ExpectClosed(1000, 0)
				ws.client.ReadSlowly(64<<10, 0)
				timedOut := ws.pump(2*patience(c, 0), func() bool { return false })
				r := ws.reaction()
				r.waited, r.messages = timedOut, nil
				stuck := expecting("the connection stays open", func(r reaction) bool { return r.end == "" })
				judge(ws.client, ws.exchange(), r, []outcome{expecting("FIN or RST", func(r reaction) bool { return r.end != "" }), stuck.info("the connection is kept for a client that has closed it")})
				ws.messages = nil
				c.StillServes()
			}, specs.Covers("WS-CLOSE-34"), specs.Clients(2), specs.Perilous,
			specs.Cause("one write that waits for a slow client stops the server; and a connection that is being closed needs a limit of time")),
	}
}

// anyFailure is the codes that a failed connection may end with, whatever the
// error was.
var anyFailure = []int{1002, 1003, 1007, 1008, 1009, 1011}

// letGo is the end of a connection whose client has left without a Close frame.
func letGo() outcome {
	o := failed(1000, 1001, 1002)
	o.text, o.fitting = "FIN or RST, and before it at most CLOSE 1000, CLOSE 1001 or CLOSE 1002", 0
	return o
}

// answersClose has a connection that the client ends with a Close frame.
func answersClose(c *specs.Case, f frame.Frame, outcomes ...outcome) {
	ws := open(c)
	ws.Stays()
	ws.Send(f)
	ws.Expect(outcomes...)
	ws.countEnd()
}

// answersCodes has closing handshakes with codes that every server takes.
func answersCodes(c *specs.Case, codes ...int) {
	for _, code := range codes {
		answersClose(c, frame.NewClose(code, ""), closed(code, 1000, 0), closed(1002).nonstrict("the code is refused"))
	}
}

// twice is an outcome with more than one Close frame.
func (ws *conn) twice(o outcome) outcome {
	once := o.match
	o.text += ", twice"
	o.match = func(r reaction) bool { return ws.closes > 1 && once(r) }
	return o
}

// closedByServer is a closing handshake that the server has begun, with any code
// that may be sent; what the application says before is its own business.
func (ws *conn) closedByServer() outcome {
	return expecting("a Close frame with any code that may be sent, or none, then FIN or RST", func(r reaction) bool {
		return r.end != "" && !r.partial && r.close != nil && (len(r.close.Payload) == 0 || ws.sendable(r.closeCode()))
	})
}

// violations are what every server has to fail a connection for, whatever else
// it can do: each in as few frames as show it.
func violations() [][]frame.Frame {
	return [][]frame.Frame{
		{frame.New(0x3, "reserved")},
		{frame.New(0xB, "reserved")},
		{frame.New(frame.Text, "rsv").WithRSV(frame.RSV2)},
		{frame.New(frame.Ping, "part").More(), frame.New(frame.Continuation, "rest")},
		{frame.New(frame.Continuation, "of nothing")},
		{frame.New(frame.Ping, strings.Repeat("x", 126))},
	}
}

// quarrel fails connections in several ways, so that how a server does it is
// observed. Compressed adds what is wrong with compression.
func quarrel(c *specs.Case, compressed bool) {
	for _, wrong := range violations() {
		ws := open(c)
		ws.Stays()
		ws.Send(wrong...)
		timedOut := ws.pump(patience(c, 0), func() bool { return ws.close != nil })
		r := ws.reaction()
		r.waited = timedOut
		o := expecting("a Close frame, or the end of the connection", func(r reaction) bool { return r.close != nil || r.end != "" })
		judge(ws.client, ws.exchange(), r, []outcome{o})
		o.fitting = 1002
		ws.countFailure(r, o)
	}
	if !compressed {
		return
	}
	if ws := open(c, deflates("")); ws.codec != nil {
		ws.Send(frame.New(frame.Text, notDeflate).WithRSV(frame.RSV1))
		ws.pump(patience(c, 0), func() bool { return ws.close != nil })
		ws.messages = nil // how it ends is judged elsewhere
	}
}

// notDeflate is no DEFLATE data: its first block has the reserved type.
const notDeflate = "\xff\xff\xff\xff\xff"

// aggregate records what all cases of the run have seen of something that is
// not worth a failure.
func aggregate(c *specs.Case, what string, v specs.Verdict, why string) {
	seen := c.Observed(what)
	if len(seen) == 0 {
		return
	}
	c.Admit(v, specs.Reason{Code: specs.Violation, Message: why, Sent: "what " + seen[0].ID + " sends", SeenIn: seen[0].ID, Received: seen[0].Text,
		Expected: []string{"none of it in the whole run"}}, false)
}

// openSmall is openEcho with a small buffer for what arrives, so that a client
// that reads slowly is felt by the server.
func openSmall(c *specs.Case) *conn {
	needsEcho(c)
	return openBy(c, func(d *wire.Dialer) { d.ReceiveBuffer = 16 << 10 })
}
