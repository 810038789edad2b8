package websocket

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"conform/specs"
	"conform/specs/concurrency"
	"conform/specs/websocket/frame"
)

// concurrent is several clients at once: what servers of every protocol owe
// them, and what a server of frames keeps for each connection apart.
func concurrent() []specs.Spec {
	shared := concurrency.Section("websocket", conversation()).Specs
	shared = slices.DeleteFunc(shared, func(s specs.Spec) bool {
		// Judged here with hundreds of clients, and in limits with floods.
		return slices.Contains([]string{"idle-clients", "burst", "busy-clients"}, s.Name())
	})
	return slices.Concat(shared, apart(), undisturbed(), crowded())
}

// conversation tells the scenarios of all protocols how clients talk here: in
// texts that come back, or in Pings where none do.
func conversation() concurrency.Conversation {
	return concurrency.Conversation{
		Clause: "good engineering", Level: specs.Robust, PartialLevel: specs.Robust, CrowdLevel: specs.Robust,
		Open: func(cl *specs.Client) {
			if cl.Session == nil {
				meet(cl, hello(cl.Case()))
			}
		},
		Ask: func(c *specs.Case, who, turn int) (string, concurrency.Answer) {
			f, answer := ask(c, fmt.Sprintf("client %d, turn %d: %s", who, turn, c.Word()))
			return masked(c, []frame.Frame{f}), answer
		},
		Partial: func(c *specs.Case, who int) (string, string, concurrency.Answer) {
			f, answer := ask(c, fmt.Sprintf("client %d, in pieces: %s", who, c.Word()))
			if at := 1 + c.IntN(len(f.Payload)-1); who%2 == 0 && f.Opcode == frame.Text {
				list := inFrames(frame.Text, string(f.Payload), at)
				return masked(c, list[:1]), masked(c, list[1:]), answer
			}
			p := masked(c, []frame.Frame{f})
			at := 1 + c.IntN(len(p)-1)
			return p[:at], p[at:], answer
		},
		Queue: func(cl *specs.Client, _ int) func() {
			req := hello(cl.Case()) // more than this may not be sent before the 101
			cl.Send(req.String())
			return func() { greeted(cl, req) }
		},
		Silent: func(cl *specs.Client, why string) { cl.Session.(*conn).ExpectNothing(why) },
		Rows: map[string][]string{
			"second-client":                 {"WS-CONC-01"},
			"queued-client":                 {"WS-CONC-15"},
			"one-more-than-the-bound":       {"WS-LIM-16"},
			"four-clients":                  {"WS-CONC-01"},
			"answers-to-the-asker":          {"WS-CONC-01", "WS-CONC-14"},
			"partial-messages-apart":        {"WS-CONC-02", "WS-CONC-03"},
			"partial-message-blocks-nobody": {"WS-CONC-10"},
			"one-leaves":                    {"WS-CONC-12"},
			"one-vanishes":                  {"WS-CONC-12"},
			"churn":                         {"WS-CONC-16"},
			"any-order":                     {"WS-CONC-01", "WS-CONC-02", "WS-CONC-03"},
			"any-order-and-end":             {"WS-CONC-12", "WS-CONC-16"},
		},
	}
}

// ask is a frame with these words, and what must come back.
func ask(c *specs.Case, words string) (frame.Frame, concurrency.Answer) {
	if !isEcho(c) {
		if !pings(c) {
			c.Blocked("needs a Ping or a message that is answered, and the target answers neither")
		}
		f := frame.New(frame.Ping, words)
		return f, func(cl *specs.Client) {
			ws := cl.Session.(*conn)
			ws.say(f.String())
			ws.ExpectPong(words)
		}
	}
	f := frame.New(frame.Text, words)
	return f, func(cl *specs.Client) {
		ws := cl.Session.(*conn)
		ws.say(f.String())
		ws.ExpectText(words)
	}
}

// meet has the opening handshake on a client, which must be accepted.
func meet(cl *specs.Client, req *request) *conn {
	if cl.Case().Dialect("opening") == "none" {
		cl.Case().Blocked("needs a connection after the opening handshake, which the target does not accept")
	}
	cl.Send(req.String())
	return greeted(cl, req)
}

// greeted waits for the answer to an opening handshake that was sent, which must
// be the right 101.
func greeted(cl *specs.Client, req *request) *conn {
	ws, a := hear(cl, req)
	judge(cl, a.sent(), a.reaction, []outcome{accepted()})
	return ws
}

const sharedState = "all connections share it; keep it with the connection"

// apart is what belongs to one connection and must not be seen on another.
func apart() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/concurrency/messages-apart", specs.Must, "RFC 6455 §6.2",
			"Two clients that send 200 numbered messages each, by turns, get back their own, in order.",
			func(c *specs.Case) {
				needsEcho(c)
				var ws [2]*conn
				var texts [2][]string
				for i := range ws {
					ws[i] = openEcho(c)
					for k := range 200 {
						texts[i] = append(texts[i], fmt.Sprintf("client %d, message %d: %s", i, k, c.Word()))
					}
				}
				for k := range 200 {
					ws[0].Text(texts[0][k])
					ws[1].Text(texts[1][k])
				}
				for k := range 200 {
					ws[0].ExpectText(texts[0][k])
					ws[1].ExpectText(texts[1][k])
				}
			}, specs.Clients(2), specs.Covers("WS-CONC-01"),
			specs.Cause("the connection to answer is kept where all clients share it, or every answer goes to everyone as in a chat: run such a server with a path that echoes")),

		specs.Requirement("websocket/concurrency/fragments-apart", specs.Must, "RFC 6455 §5.4",
			"Messages that two clients send in fragments, by turns, are joined for each client apart.",
			func(c *specs.Case) {
				a, b := openEcho(c), openEcho(c)
				a.Send(frame.New(frame.Text, "A1").More())
				a.HasRead()
				b.Send(frame.New(frame.Text, "B1").More())
				b.HasRead()
				a.Send(frame.New(frame.Continuation, "A2"))
				b.Send(frame.New(frame.Continuation, "B2"))
				a.ExpectText("A1A2")
				b.ExpectText("B1B2")
			}, specs.Clients(2), specs.Covers("WS-CONC-02"),
			specs.Cause("the fragments of a message are gathered in a buffer, or its type in a variable, of which there is one: "+sharedState)),

		specs.Requirement("websocket/concurrency/masking-apart", specs.Must, "RFC 6455 §5.3",
			"Frames that two clients send in pieces, by turns and with different masking keys, are unmasked for each client apart.",
			func(c *specs.Case) {
				var list [2]*conn
				var texts, frames [2]string
				for i := range list {
					list[i] = openEcho(c)
					texts[i] = fmt.Sprintf("client %d says ", i) + ascii(c, 30)
					f := frame.New(frame.Text, texts[i]).WithKey([4]byte{byte(0x11 + 0x5A*i), 0x22, byte(0x33 + 0x5A*i), 0x44})
					frames[i] = list[i].encode(f)
				}
				for from := 0; from < len(frames[0]); from += 3 {
					for i, ws := range list {
						ws.SendBytes(frames[i][from:min(from+3, len(frames[i]))])
					}
					c.Pause(c.Timing().Gap)
				}
				for i, ws := range list {
					ws.ExpectText(texts[i])
				}
			}, specs.Clients(2), specs.Covers("WS-CONC-03"),
			specs.Cause("the masking key, or the place in it, is kept in one variable: "+sharedState)),

		specs.Requirement("websocket/concurrency/text-apart", specs.Must, "RFC 6455 §8.1",
			"A character that one client leaves unfinished between two fragments does not spoil the text of another.",
			func(c *specs.Case) {
				a, b := openEcho(c), openEcho(c)
				a.Send(frame.New(frame.Text, "half a character: \xE2\x82").More())
				a.HasRead()
				b.Text("a whole one: €")
				b.ExpectText("a whole one: €")
				a.Send(frame.New(frame.Continuation, "\xAC"))
				a.ExpectText("half a character: €")
			}, specs.Clients(2), specs.Covers("WS-CONC-04"),
			specs.Cause("the state of the UTF-8 decoder is kept in one variable: "+sharedState)),

		specs.Requirement("websocket/concurrency/compression-apart", specs.Must, "RFC 7692 §7.2.2",
			"Compressed messages of two clients, by turns, are inflated and compressed with the context of each client's own.",
			func(c *specs.Case) {
				a, b := openEcho(c, deflates("")), openEcho(c, deflates(""))
				a.needsDeflate()
				b.needsDeflate()
				shared := ascii(c, 300)
				for i := range 8 {
					var texts [2]string
					for k, ws := range []*conn{a, b} {
						texts[k] = fmt.Sprintf("client %d, message %d: ", k, i) + shared[i*10:] + c.Word()
						ws.SendCompressed(frame.Text, texts[k])
					}
					a.ExpectText(texts[0])
					b.ExpectText(texts[1])
				}
			}, specs.Clients(2), specs.Covers("WS-CONC-05"),
			specs.Cause("the window of the inflater or of the compressor is kept in one variable: "+sharedState)),

		specs.Requirement("websocket/concurrency/extensions-apart", specs.Must, "RFC 7692 §5",
			"permessage-deflate is in use on the connection that has negotiated it, and on no other.",
			func(c *specs.Case) {
				a := openEcho(c, deflates(""))
				a.needsDeflate()
				b := openEcho(c)
				c.Check(b.codec == nil, "the response to a client that offers no extension has Sec-WebSocket-Extensions: %s", b.reply.get("Sec-WebSocket-Extensions"))
				for i := range 4 {
					text := fmt.Sprintf("message %d: ", i) + strings.Repeat(c.Word(), 40)
					a.SendCompressed(frame.Text, text)
					b.Text(text)
					a.ExpectText(text)
					m := b.ExpectMessage(frame.Text, text)
					c.Check(!m.compressed, "a message with RSV1 set came to a client that has negotiated no compression")
				}
				b.Send(frame.New(frame.Text, packedHello).WithRSV(frame.RSV1))
				b.ExpectFailed(1002)
				a.SendCompressed(frame.Text, "not failed with the other")
				a.ExpectText("not failed with the other")
				a = openEcho(c, deflates(""))
				a.needsDeflate()
				a.SendCompressed(frame.Text, "still compressed")
				a.ExpectText("still compressed")
			}, specs.Clients(3), specs.Covers("WS-CONC-06"),
			specs.Cause("what was negotiated is kept in one variable: "+sharedState)),

		specs.Requirement("websocket/concurrency/handshakes-apart", specs.Must, "RFC 6455 §4.2.2",
			"A hundred opening handshakes whose bytes come by turns are each answered with the Accept of their own key.",
			func(c *specs.Case) {
				const n, pieces = 100, 6
				var clients [n]*specs.Client
				var requests [n]*request
				for i := range clients {
					clients[i], requests[i] = c.Dial(), hello(c)
				}
				for k := range pieces {
					for i, cl := range clients {
						p := requests[i].String()
						cl.Send(p[k*len(p)/pieces : (k+1)*len(p)/pieces])
					}
					c.Pause(c.Timing().Gap)
				}
				var list []*conn
				for i, cl := range clients {
					list = append(list, greeted(cl, requests[i]))
				}
				for _, ws := range list {
					works(ws)
				}
				part(list)
			}, specs.Perilous, specs.Clients(100), specs.Heavy, specs.Covers("WS-CONC-07"),
			specs.Cause("what has come of a request is gathered in one buffer, or the key is kept in one variable: "+sharedState)),

		specs.Requirement("websocket/concurrency/subprotocols-apart", specs.Must, "RFC 6455 §4.2.2",
			"Of three opening handshakes at once, no response names a subprotocol that another client has offered.",
			func(c *specs.Case) {
				for range 4 {
					threeOffers(c)
				}
			}, specs.Clients(3), specs.Covers("WS-CONC-08"),
			specs.Cause("the offers of a request are kept in one variable: "+sharedState)),

		specs.Requirement("websocket/concurrency/next-client-sees-nothing-old", specs.Robust, "good engineering",
			"A client that connects when another has left with answers due gets its own answers, and nothing else.",
			func(c *specs.Case) {
				for i := range 10 {
					old := open(c)
					old.brief = true
					var list []frame.Frame
					for range 20 {
						list = append(list, frame.New(frame.Text, "for the old one: "+ascii(c, 4000)), frame.New(frame.Ping, "for the old one"))
					}
					old.pour("20 × (a text of 4 KB, a PING)", list)
					if i%2 == 0 {
						old.client.Reset()
					} else {
						old.client.Close()
					}
					ws := open(c)
					ws.Stays()
					if isEcho(c) {
						text := "for the new one: " + c.Word()
						ws.Text(text)
						ws.ExpectText(text)
					}
					ws.ExpectNothingFor(c.Timing().Gap, "it has asked for nothing more")
					ws.client.Leave()
				}
			}, specs.Perilous, specs.Covers("WS-CONC-16"),
			specs.Cause("answers are sent to the number of a descriptor or of a place in a table, which by then belongs to another client")),

		specs.Requirement("websocket/concurrency/pongs-apart", specs.Must, "RFC 6455 §5.5.3",
			"Pings that 50 clients send at once are answered with the payload of each one's own.",
			func(c *specs.Case) {
				list := crowd(c, 50, "")
				for range 4 {
					payloads := make([]string, len(list))
					for i, ws := range list {
						payloads[i] = fmt.Sprintf("client %d: ", i) + randomBytes(c, 40+c.IntN(60))
						ws.Ping(payloads[i])
					}
					for i, ws := range list {
						ws.ExpectPong(payloads[i])
					}
				}
				part(list)
			}, specs.Perilous, specs.Clients(50), specs.Heavy, specs.Covers("WS-CONC-17"),
			specs.Cause("the payload of a Ping is copied into one buffer before it is sent back: "+sharedState)),
	}
}

// threeOffers has three clients make their opening handshakes at once: one
// offers a subprotocol, one none, one another.
func threeOffers(c *specs.Case) {
	offers := [3]string{"a-" + c.Word(), "", "c-" + c.Word()}
	if p := c.Dialect("subprotocol"); p != "" {
		offers[0] = p
	}
	var clients [3]*specs.Client
	var requests [3]*request
	for i := range clients {
		clients[i], requests[i] = c.Dial(), hello(c)
		if offers[i] != "" {
			requests[i].set("Sec-WebSocket-Protocol", offers[i])
		}
	}
	for k := range 2 { // the blank line of each after the fields of all
		for i, cl := range clients {
			p := requests[i].head()
			cut := len(p) - 4
			cl.Send([...]string{p[:cut], p[cut:]}[k])
		}
		c.Pause(c.Timing().Gap)
	}
	for i, cl := range clients {
		outcomes := []outcome{expecting("101 without a subprotocol", func(r reaction) bool {
			return r.reply.fault(r.key) == "" && len(r.reply.values("Sec-WebSocket-Protocol")) == 0
		})}
		if offers[i] != "" {
			outcomes = append(outcomes, refused(), expecting("101 with the subprotocol "+offers[i], func(r reaction) bool {
				return r.reply.fault(r.key) == "" && r.reply.get("Sec-WebSocket-Protocol") == offers[i]
			}))
		}
		ws, a := hear(cl, requests[i])
		judge(cl, a.sent(), a.reaction, outcomes)
		works(ws)
	}
	for _, cl := range clients {
		cl.Leave()
	}
}

// undisturbed is what one client does and others must not feel.
func undisturbed() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/concurrency/stalled-handshake-blocks-nobody", specs.Robust, "good engineering",
			"A client that has sent a part of its opening handshake does not keep others from being served.",
			func(c *specs.Case) {
				holder, req := c.Dial(), hello(c)
				p := req.String()
				cut := 1 + c.IntN(len(p)-1)
				holder.Send(p[:cut])
				c.Pause(c.Timing().Gap)
				newcomer := open(c)
				newcomer.NotStarved("")
				holder.Send(p[cut:])
				greeted(holder, req).Stays()
			}, specs.Clients(2), specs.Covers("WS-CONC-09"),
			specs.Cause("the opening handshake is read where new connections are accepted, so that nobody else is accepted meanwhile")),

		specs.Requirement("websocket/concurrency/stalled-frames-block-nobody", specs.Robust, "good engineering",
			"Clients that stop inside a frame, in its header or in its payload, do not keep others from being served.",
			func(c *specs.Case) {
				const text = "a text of which a part is late"
				first := open(c)
				var holders []*conn
				var rest []string
				for _, cut := range []int{1, 4, 6, 20} { // inside the length, the key, before and inside the payload
					ws := open(c)
					p := ws.encode(frame.New(frame.Text, text))
					ws.SendBytes(p[:cut])
					holders, rest = append(holders, ws), append(rest, p[cut:])
				}
				c.Pause(c.Timing().Gap)
				first.NotStarved("")
				newcomer := open(c)
				newcomer.NotStarved("")
				for i, ws := range holders {
					ws.SendBytes(rest[i])
					if isEcho(c) {
						ws.ExpectText(text)
					}
				}
			}, specs.Clients(6), specs.Covers("WS-CONC-10"),
			specs.Cause("the server waits in a read for the rest of a frame; read what is there, and keep it with the connection")),

		specs.Requirement("websocket/concurrency/failing-neighbours", specs.Must, "RFC 6455 §7.1.7",
			"Clients that break the protocol, close or vanish do not spoil the message that another one is sending.",
			func(c *specs.Case) {
				for _, end := range []func(*conn){
					func(ws *conn) {
						ws.Send(frame.New(frame.Text, "unmasked").Unmasked(), frame.New(3, "reserved").WithRSV(7))
						ws.client.AwaitEnd(c.Timing().Quiet)
					},
					func(ws *conn) { ws.Send(frame.New(frame.Text, "not whole").More()); ws.client.Leave() },
					func(ws *conn) { ws.Send(frame.New(frame.Text, "not whole").More()); ws.client.Close() },
					func(ws *conn) { ws.Send(frame.New(frame.Text, "not whole").More()); ws.client.Reset() },
				} {
					other, ws := openEcho(c), openEcho(c)
					ws.Send(frame.New(frame.Text, "begun, ").More())
					ws.HasRead()
					end(other)
					other.client.Close()
					c.Pause(c.Timing().Gap)
					ws.HasRead()
					ws.Send(frame.New(frame.Continuation, "ended"))
					ws.ExpectText("begun, ended")
					ws.client.Leave()
				}
			}, specs.Perilous, specs.Clients(2), specs.Covers("WS-CONC-12"),
			specs.Cause("what is torn down when a connection ends belongs to all connections, or the error ends the loop that serves them")),

		specs.Requirement("websocket/concurrency/frames-are-not-torn", specs.Must, "RFC 6455 §5.4",
			"While 200 long messages come back, the Pongs to 2000 Pings stand between the frames, and never inside one.",
			func(c *specs.Case) {
				size := largest(c, 64<<10, smallestLimit)
				ws := openEcho(c)
				data := volume(c, frame.Binary, size)
				var list []frame.Frame
				var messages, payloads []string
				for i := range 200 {
					messages = append(messages, fmt.Sprintf("%08d", i)+data[8:])
					list = append(list, frame.New(frame.Binary, messages[i]))
					for range 10 {
						payloads = append(payloads, "ping "+strconv.Itoa(len(payloads)))
						list = append(list, frame.New(frame.Ping, payloads[len(payloads)-1]))
					}
				}
				ws.pour(fmt.Sprintf("200 × (a binary message of %d bytes, 10 PINGs)", size), list)
				for _, m := range messages {
					ws.ExpectBinary(m)
				}
				ws.pump(4*c.Timing().Gap, func() bool { return len(ws.pongs) >= len(payloads) })
				ws.PongsInOrder(payloads)
				ws.pongs, ws.sent = nil, nil
				ws.client.Leave()
			}, specs.Perilous, specs.Heavy, specs.Covers("WS-CONC-13"),
			specs.Cause("Pongs and messages are written by two threads without a lock, or a Pong is written between the parts of a short write")),
	}
}

// crowded is many clients at once.
func crowded() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/concurrency/fifty-busy-clients", specs.Must, "RFC 6455 §5.4",
			"50 clients with 100 messages each, of random sizes, in fragments and with Pings between, get back their own, in order.",
			func(c *specs.Case) {
				needsEcho(c)
				for i, ws := range crowd(c, 50, "") {
					random := rand.New(rand.NewPCG(uint64(c.IntN(1<<31)), uint64(i)))
					data := volume(c, frame.Binary, 4096)
					c.Go(func() { busy(ws, i, random, data) })
				}
				c.Join()
			}, specs.Perilous, specs.Clients(50), specs.Heavy, specs.Covers("WS-CONC-14"),
			specs.Cause("something that belongs to one connection is kept for all of them, or is touched by two threads at a time")),

		specs.Requirement("websocket/concurrency/burst-of-clients", specs.Robust, "good engineering",
			"200 clients that connect all at once are served.",
			func(c *specs.Case) {
				if c.Dialect("opening") == "none" {
					c.Blocked("needs opening handshakes to be accepted")
				}
				for range 200 {
					c.Go(func() {
						cl, req := c.Dial(), hello(c)
						cl.Send(req.String())
						_, a := hear(cl, req)
						const why = "200 clients at once are too many"
						judge(cl, a.sent(), a.reaction, []outcome{accepted(), refused().nonstrict(why), unanswered().nonstrict(why)})
						cl.Close()
					})
				}
				c.Join()
				c.StillServes()
			}, specs.Perilous, specs.Clients(200), specs.Heavy, specs.Covers("WS-CONC-15"),
			specs.Cause("few connections may wait to be accepted, and each is served a while before the next one is")),
	}
}

// busy is one client of many: a hundred messages, a few at a time.
func busy(ws *conn, who int, random *rand.Rand, data string) {
	var payloads []string // of Pings
	for at := 0; at < 100; at += 4 {
		var list []frame.Frame
		var messages []string
		for i := range 4 {
			m := fmt.Sprintf("client %d, message %d: ", who, at+i)
			m += data[:random.IntN(2000)]
			messages = append(messages, m)
			parts := inFrames(frame.Binary, m, 1+random.IntN(len(m)))
			parts = parts[:min(len(parts), 12)] // not thousands of a byte
			if last := &parts[len(parts)-1]; !last.Fin {
				got := 0
				for _, f := range parts[:len(parts)-1] {
					got += len(f.Payload)
				}
				*last = frame.New(frame.Continuation, m[got:])
			}
			if random.IntN(4) == 0 {
				payloads = append(payloads, fmt.Sprintf("client %d, before message %d", who, at+i))
				k := random.IntN(len(parts) + 1)
				parts = slices.Insert(parts, k, frame.New(frame.Ping, payloads[len(payloads)-1]))
			}
			list = append(list, parts...)
		}
		ws.SendBytes(masked(ws.c, list))
		ws.sent = []string{fmt.Sprintf("messages %d to %d of client %d", at, at+3, who)}
		for _, m := range messages {
			ws.ExpectBinary(m)
		}
	}
	ws.PongsInOrder(payloads)
	ws.client.Leave()
}
