package websocket

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

// limits is what a server has to bear: RFC 6455 §10.4, and what good engineering
// asks for where no text does. What it keeps in memory, and which descriptors it
// has open, is looked at where its processes can be seen, and else only shows in
// what becomes of its clients.
func limits() []specs.Spec {
	return slices.Concat(announced(), declared(), floods(), slowClients(), manyClients(), volumes())
}

// announced is about lengths in headers that never come true.
func announced() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/limits/huge-announced-length", specs.Robust, "RFC 6455 §10.4",
			"A header that announces 1 GiB fails the connection or waits for it, and harms nobody.",
			func(c *specs.Case) {
				ws := open(c)
				ws.Stays()
				held := watch(c)
				ws.Send(huge(c, 1<<30))
				sent := ws.exchange()
				ws.ExpectWithin(3*c.Timing().Quiet, failed(1009, 1008, 1002).streaming(), quiet().streaming())
				held.NoMemoryFor(sent)
				ws.client.Reset() // it would wait long for a Close frame
				c.StillServes()
			}, specs.Perilous, specs.Covers("WS-LIM-01"), specs.Cause(allocatesAnnounced)),

		specs.Requirement("websocket/limits/hundred-huge-announced-lengths", specs.Robust, "RFC 6455 §10.4",
			"A hundred connections that announce 256 MiB each do not keep a new client from being served.",
			func(c *specs.Case) {
				list := crowd(c, 100, "")
				for _, ws := range list {
					ws.Send(huge(c, 256<<20))
				}
				newcomer := open(c)
				newcomer.NotStarved("")
				vanish(list)
				c.StillServes()
			}, specs.Perilous, specs.Clients(101), specs.Heavy, specs.Covers("WS-LIM-02"), specs.Cause(allocatesAnnounced)),
	}
}

const allocatesAnnounced = "memory for a whole frame is taken when its header comes, before a byte of it: check the length against a limit, and grow with what really arrives"

// huge announces a frame of which only 16 bytes come.
func huge(c *specs.Case, length uint64) frame.Frame {
	return frame.New(frame.Binary, randomBytes(c, 16)).Announcing(length)
}

// declared is about the limit that the target is declared to have.
func declared() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/limits/over-the-limit-fails", specs.Must, "RFC 6455 §10.4",
			"A frame of one byte more than the declared limit fails the connection.",
			func(c *specs.Case) {
				size := limit(c) + 1
				ws := open(c)
				ws.Stays()
				sent := ws.stream(fmt.Sprintf("a text of %d bytes", size), inFrames(frame.Text, volume(c, frame.Text, size), size))
				ws.Refuses(size, sent, failed(1009), failed(1008, 1002).info("failed with another code than 1009, which is for messages that are too big"))
				c.StillServes()
			}, specs.Perilous, specs.Covers("WS-LIM-03"), needsLimit,
			specs.Cause("the limit is not enforced, or only on what comes later; compare the announced length with it before anything is read")),

		specs.Requirement("websocket/limits/exactly-the-limit", specs.Robust, "RFC 6455 §10.4",
			"A message of exactly the declared limit comes back: in one frame, in fragments, and compressed.",
			func(c *specs.Case) {
				needsEcho(c)
				size := limit(c)
				for _, how := range []string{"in one frame", "in fragments", "compressed"} {
					var ws *conn
					data := volume(c, frame.Text, size)
					switch how {
					case "compressed":
						// What a compressor makes of it may be much longer than what ours does.
						roomy := func(d *wire.Dialer) { d.Limit = 64 << 20 }
						if ws = openBy(c, roomy, deflates("")); ws.codec == nil {
							c.Note("permessage-deflate is not accepted: not sent compressed")
							continue
						}
						ws.SendCompressed(frame.Text, data)
					case "in fragments":
						ws = openEcho(c)
						ws.Send(inFrames(frame.Text, data, (size+3)/4)...)
					default:
						ws = openEcho(c)
						ws.Text(data)
					}
					ws.pump(long(c, size), func() bool { return len(ws.messages) > 0 || ws.close != nil })
					if !ws.comesBack(frame.Text, data) {
						c.Admit(specs.Info, specs.Reason{Code: specs.WrongBytes, Message: "a message of exactly the declared limit, " + how + ", is refused with 1009",
							Sent: ws.exchange(), Expected: []string{"the message"}, Received: ws.close.String()}, false)
					}
					ws.client.Leave()
				}
			}, specs.Perilous, specs.Covers("WS-LIM-04"), needsLimit,
			specs.Cause("the limit is compared with < where <= is meant, or with the size of the frame, its header included")),

		specs.Requirement("websocket/limits/fragments-over-the-limit-fail", specs.Must, "RFC 6455 §10.4",
			"Fragments that are each below the declared limit, and together above it, fail the connection before twice the limit is taken.",
			func(c *specs.Case) {
				size := limit(c)
				ws := open(c)
				ws.Stays()
				data := volume(c, frame.Text, 2*size)
				list := inFrames(frame.Text, data, max(1, size/4))
				list[len(list)-1].Fin = false
				sent := ws.stream(fmt.Sprintf("a text of %d bytes in %d fragments, without an end", len(data), len(list)), list)
				ws.Refuses(len(data), sent, failed(1009, 1008).streaming(), stays().streaming().nonstrict(endless), silent().streaming().nonstrict(endless))
				c.StillServes()
			}, specs.Perilous, specs.Covers("WS-LIM-05"), needsLimit,
			specs.Cause("the limit is compared with each frame by itself; compare it with the sum of the fragments (CVE-2014-0193)")),
	}
}

const endless = "fragments are gathered without an end"

// needsLimit ties a requirement to the declared limit of a message.
var needsLimit = specs.Needs("max-message", "65536")

// limit is the declared limit of a message, as far as it can be tried.
func limit(c *specs.Case) int {
	n := maxMessage(c)
	if n > 32<<20 {
		c.Unsupported("the declared limit of %d bytes is more than 32 MiB, too much to be tried", n)
	}
	return n
}

// A second is enough for each of these floods on the loopback.
const (
	tinyFragments  = 100_000 // above the limits of those respected servers that have one
	emptyFragments = 200_000
	pingFlood      = 50_000
	unreadPings    = 200_000
)

func floods() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/limits/flood-of-tiny-fragments", specs.Robust, "RFC 6455 §10.4",
			"A message in 100000 fragments of one byte, without an end, fails the connection or is waited for, and harms nobody.",
			func(c *specs.Case) {
				ws := open(c)
				ws.Stays()
				list := inFrames(frame.Text, ascii(c, tinyFragments), 1)
				list[len(list)-1].Fin = false
				held := watch(c)
				ws.pour(fmt.Sprintf("%d × one byte of TEXT FIN=0", len(list)), list)
				sent := ws.exchange()
				ws.ExpectWithin(3*c.Timing().Quiet, failed(1008, 1009, 1002).streaming(), quiet().streaming())
				ws.CatchUp()
				held.MemoryAtMost(64<<20, sent, specs.NonStrict)
				c.Allow(4 * time.Second)
				c.StillServes()
			}, specs.Perilous, specs.Heavy, specs.Covers("WS-LIM-06"),
			specs.Cause("an object is kept for every fragment, or the whole message is copied for each; append to one buffer, and bound it")),

		specs.Requirement("websocket/limits/flood-of-empty-fragments", specs.Robust, "RFC 6455 §10.4",
			"A message that 200000 empty fragments continue fails the connection or is waited for, and other clients are served meanwhile.",
			func(c *specs.Case) {
				other, ws := open(c), open(c)
				ws.Stays()
				list := make([]frame.Frame, emptyFragments)
				for i := range list {
					list[i] = frame.New(frame.Continuation, "").More()
				}
				list[0] = frame.New(frame.Text, "1").More()
				c.Go(func() { ws.pour(fmt.Sprintf("TEXT FIN=0 \"1\" · %d × CONTINUATION FIN=0 empty", len(list)-1), list) })
				other.NotStarved("starved by empty fragments")
				c.Join()
				ws.ExpectWithin(3*c.Timing().Quiet, failed(1008, 1009, 1002).streaming(), quiet().streaming())
				ws.CatchUp()
				c.Allow(9 * time.Second) // it may be at it still, which is no death
				c.StillServes()
			}, specs.Perilous, specs.Clients(2), specs.Heavy, specs.Covers("WS-LIM-07"),
			specs.Cause("frames of one client are handled in a loop that lets nobody else have a turn while there are more")),

		specs.Requirement("websocket/limits/flood-of-pings", specs.Robust, "RFC 6455 §5.5.3",
			"50000 Pings at once are answered, all or some of them in order, or fail the connection, and other clients are served meanwhile.",
			func(c *specs.Case) {
				other, ws := open(c), open(c)
				var list []frame.Frame
				var payloads []string
				for i := range pingFlood {
					payloads = append(payloads, strconv.Itoa(i))
					list = append(list, frame.New(frame.Ping, payloads[i]))
				}
				c.Go(func() { ws.pour(fmt.Sprintf("%d × PING, numbered", pingFlood), list) })
				other.NotStarved("")
				c.Join()
				if pings(c) {
					payloads = append(payloads, ws.AwaitPongs())
					ws.PongsInOrder(payloads)
				}
				if ws.close != nil || ws.end != "" {
					ws.pongs = nil
					ws.ExpectWithin(c.Timing().Quiet, failed(1008, 1009, 1002, 1011))
				} else if missing := len(payloads) - len(ws.pongs); missing > 0 && pings(c) {
					c.Admit(specs.Info, specs.Reason{Code: specs.PartialAnswer, Message: fmt.Sprintf("%d of %d Pings are not answered, as RFC 6455 §5.5.3 allows", missing, len(payloads)),
						Sent: ws.exchange(), Received: fmt.Sprintf("%d Pongs", len(ws.pongs))}, false)
				}
				ws.pongs, ws.sent = nil, nil
				if ws.end == "" {
					ws.Stays()
				}
				c.StillServes()
			}, specs.Perilous, specs.Clients(2), specs.Heavy, specs.Covers("WS-LIM-12"),
			specs.Cause("each Ping starts something that is never waited for, a task or a thread; answer it where it is read")),

		specs.Requirement("websocket/limits/flood-of-unread-pongs", specs.Robust, "RFC 6455 §5.5.2",
			"A client that sends 200000 Pings of 125 bytes and never reads a Pong does not keep a new client from being served.",
			func(c *specs.Case) {
				ws := deaf(c, 16<<10)
				held := watch(c)
				f := frame.New(frame.Ping, ascii(c, 125))
				p := masked(c, slices.Repeat([]frame.Frame{f}, unreadPings))
				ws.say(fmt.Sprintf("%d × %s, and nothing is read", unreadPings, f))
				_ = ws.client.Push(p, 4*c.Timing().Quiet) // it may stop reading, fail the connection, or drop Pongs
				newcomer := open(c)
				newcomer.NotStarved("")
				held.MemoryAtMost(128<<20, ws.exchange(), specs.Info)
				ws.client.Reset()
				c.StillServes()
			}, specs.Perilous, specs.Clients(2), specs.Heavy, specs.Covers("WS-LIM-13"),
			specs.Cause("Pongs are queued without a bound for a client that takes none, until the memory is gone; stop reading from it")),
	}
}

// AwaitPongs sends a last Ping and reads until its Pong has come, or no more
// do. It returns the payload of that Ping.
func (ws *conn) AwaitPongs() string {
	mark := "the last Ping"
	ws.Ping(mark)
	seen := func() bool { return len(ws.pongs) > 0 && ws.pongs[len(ws.pongs)-1] == mark }
	for before := -1; before < len(ws.pongs) && !seen() && ws.close == nil; {
		before = len(ws.pongs)
		ws.pump(patience(ws.c, 0), func() bool { return seen() || len(ws.pongs) >= before+1000 || ws.close != nil })
	}
	return mark
}

// deaf is a client that has stopped to read, and whose kernel takes no more than
// so many bytes.
func deaf(c *specs.Case, buffer int) *conn {
	ws := openBy(c, func(d *wire.Dialer) { d.ReceiveBuffer = buffer })
	ws.Stays()
	ws.brief = true
	ws.client.ReadSlowly(0, 0)
	return ws
}

func slowClients() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/limits/client-that-never-reads", specs.Robust, "good engineering",
			"A client that sends 32 MiB of texts and reads nothing does not keep others from being served.",
			func(c *specs.Case) {
				other := open(c)
				size := largest(c, 64<<10, smallestLimit)
				ws := deaf(c, 16<<10)
				p := masked(c, slices.Repeat([]frame.Frame{frame.New(frame.Text, volume(c, frame.Text, size))}, 32<<20/size))
				ws.say(fmt.Sprintf("%d texts of %d bytes, and nothing is read", 32<<20/size, size))
				held, took := watch(c), false
				c.Go(func() { took = ws.client.Push(p, 20*c.Timing().Answer) == nil })
				c.Pause(4 * c.Timing().Quiet)
				other.NotStarved("")
				newcomer := open(c)
				newcomer.NotStarved("")
				held.MemoryAtMost(128<<20, ws.exchange(), specs.Info)
				ws.client.Reset()
				c.Join()
				if took {
					c.Admit(specs.Info, specs.Reason{Code: specs.Flood, Message: "the server took 32 MiB of messages without their echoes being read: what it does not drop it has to keep",
						Sent: ws.exchange(), Expected: []string{"the server stops reading, or fails the connection"}}, false)
				}
				c.StillServes()
			}, specs.Perilous, specs.Clients(3), specs.Heavy, specs.Covers("WS-LIM-08", "WS-CONC-11"),
			specs.Cause("a write to a client that does not read waits where everyone else waits too; wait for each client apart, and stop reading from one that takes nothing")),

		specs.Requirement("websocket/limits/client-that-reads-late", specs.Must, "RFC 6455 §5.2",
			"A client that has read nothing for a while gets whole frames when it does, to the end.",
			func(c *specs.Case) {
				size := largest(c, 64<<10, smallestLimit)
				const total = 32 << 20
				texts := make([]string, total/size)
				var list []frame.Frame
				data := volume(c, frame.Text, size)
				for i := range texts {
					texts[i] = fmt.Sprintf("%08d", i) + data[8:]
					list = append(list, frame.New(frame.Text, texts[i]))
				}
				p := masked(c, list)
				ws := deaf(c, 16<<10)
				ws.say(fmt.Sprintf("%d numbered texts of %d bytes, before anything is read", len(texts), size))
				c.Go(func() { _ = ws.client.Push(p, patience(c, total)) })
				c.Pause(2 * c.Timing().Quiet)
				ws.client.ReadSlowly(64<<10, 0)
				missing := ws.expectMost(texts, patience(c, total))
				c.Join()
				if missing > 0 {
					c.Admit(specs.Info, specs.Reason{Code: specs.PartialAnswer, Message: fmt.Sprintf("%d of %d messages did not come back: whole ones may be dropped for a client that does not read, if that is documented", missing, len(texts)),
						Sent: ws.exchange(), Expected: []string{"all of them"}}, false)
				}
				ws.sent = nil
				if ws.end == "" && ws.close == nil {
					ws.Stays()
				}
			}, specs.Perilous, specs.Heavy, specs.Covers("WS-LIM-09"), specs.Cause(shortWrites)),

		specs.Requirement("websocket/limits/client-that-reads-slowly", specs.Must, "RFC 6455 §5.2",
			"Long messages come back whole to a client that reads them a little at a time.",
			func(c *specs.Case) {
				size := largest(c, 1<<20, 256<<10, 64<<10, smallestLimit)
				n := 6 << 20 / size
				data := volume(c, frame.Binary, size)
				var list []frame.Frame
				var want []string
				for i := range n {
					want = append(want, fmt.Sprintf("%08d", i)+data[8:])
					list = append(list, frame.New(frame.Binary, want[i]))
				}
				p := masked(c, list)
				ws := deaf(c, 4<<10)
				ws.say(fmt.Sprintf("%d numbered binary messages of %d bytes", n, size))
				c.Go(func() { _ = ws.client.Push(p, patience(c, len(p))) })
				c.Pause(2 * c.Timing().Quiet)
				ws.client.ReadSlowly(1<<10, 10*time.Millisecond)
				c.Pause(4 * c.Timing().Quiet)
				ws.client.ReadSlowly(8<<10, time.Millisecond/8)
				c.Pause(2 * c.Timing().Quiet)
				ws.client.ReadSlowly(64<<10, 0)
				for _, data := range want {
					ws.ExpectBinary(data)
				}
				c.Join()
			}, specs.Perilous, specs.Heavy, specs.Covers("WS-LIM-17"), specs.Cause(shortWrites)),

		specs.Requirement("websocket/limits/slow-frames", specs.Robust, "good engineering",
			"Twenty clients that send a frame byte by byte keep nobody else waiting.",
			func(c *specs.Case) {
				other := open(c)
				slow := crowd(c, 20, "")
				var frames, texts [20]string
				for i := range slow {
					texts[i] = fmt.Sprintf("%d:", i) + ascii(c, 1022)
					frames[i] = masked(c, []frame.Frame{frame.New(frame.Text, texts[i][:1024])})
					slow[i].say("TEXT of 1024 bytes, the first bytes one at a time")
				}
				const drips = 40
				for at := range drips {
					for i, ws := range slow {
						ws.SendBytes(frames[i][at : at+1])
					}
					c.Pause(c.Timing().Gap)
					if at%10 == 9 {
						other.NotStarved("")
					}
				}
				newcomer := open(c)
				newcomer.NotStarved("")
				for i, ws := range slow {
					ws.SendBytes(frames[i][drips:])
				}
				for i, ws := range slow {
					ws.pump(patience(c, 0), func() bool { return len(ws.messages) > 0 || ws.close != nil })
					if len(ws.messages) == 0 && (ws.close != nil || ws.end != "") {
						ws.ExpectWithin(0, failed(1001, 1002, 1008, 1011)) // it was too slow for the server
					} else if isEcho(c) {
						ws.ExpectText(texts[i][:1024])
					}
				}
				part(slow)
			}, specs.Clients(22), specs.Covers("WS-LIM-10"),
			specs.Cause("the server waits in a read for the rest of a frame; read what is there, and keep it with the connection")),

		specs.Requirement("websocket/limits/idle-connection", specs.Robust, "good engineering",
			"A client that has been silent for five seconds after the opening handshake is served.",
			func(c *specs.Case) {
				const idle = 5 * time.Second
				open(c).Stays() // one that speaks is served: no other end is about silence
				began := time.Now()
				ws := open(c)
				ws.pump(idle, func() bool { return ws.close != nil })
				if ws.end != "" || ws.close != nil {
					why := fmt.Sprintf("the server ends a connection that has been idle for %s", time.Since(began).Round(100*time.Millisecond))
					ws.ExpectWithin(0, failed(1000, 1001, 1002, 1008, 1011).info(why))
					return
				}
				if !isEcho(c) {
					ws.Stays()
					return
				}
				text := "after a while: " + c.Word()
				ws.Text(text)
				ws.ExpectText(text)
			}, specs.Slow, specs.Covers("WS-LIM-11"),
			specs.Cause("a deadline that was set for the opening handshake is still in force after it")),
	}
}

const shortWrites = "send writes only a part when the client reads slowly, and the rest is lost: look at how much was written, and go on from there"

// expectMost waits for texts to come back in their order, and says how many did
// not. It reads until the last has come, the server ends, or nothing more comes.
func (ws *conn) expectMost(texts []string, d time.Duration) (missing int) {
	rest, deadline := texts, time.Now().Add(d)
	for len(rest) > 0 {
		timedOut := ws.pump(min(ws.c.Timing().Answer, time.Until(deadline)), func() bool { return len(ws.messages) > 0 || ws.close != nil })
		if len(ws.messages) == 0 {
			if ws.joining != nil || ws.half() {
				ws.c.Refute(specs.Reason{Code: specs.PartialAnswer, Message: "a message broke off", Sent: ws.exchange(),
					Expected: []string{"whole frames"}, Received: ws.reaction().String()}, timedOut)
			}
			return missing + len(rest)
		}
		m := ws.messages[0]
		ws.messages = ws.messages[1:]
		i := slices.Index(rest, m.data)
		if m.op != frame.Text || i < 0 {
			ws.c.Refute(mismatch(ws.exchange(), message{op: frame.Text, data: rest[0]}, m), false)
		}
		missing += i
		rest = rest[i+1:]
	}
	return missing
}

// half says whether a part of a frame has come, and no more.
func (ws *conn) half() bool {
	return len(ws.client.Await(0, func([]byte) bool { return false }).Unread) > 0
}

func manyClients() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/limits/connections-in-a-row", specs.Robust, "good engineering",
			"500 clients, one after the other, are served and leave.",
			func(c *specs.Case) {
				held := seasoned(c)
				for i := range 500 {
					ws := open(c)
					ws.brief = true
					if !isEcho(c) {
						ws.Stays()
					} else {
						text := fmt.Sprintf("client %d: %s", i, c.Word())
						ws.Text(text)
						ws.ExpectText(text)
					}
					ws.client.Leave()
				}
				held.DescriptorsReturn("500 × (an opening handshake, a message, a closing handshake)", specs.NonStrict)
			}, specs.Perilous, specs.Heavy, specs.Covers("WS-LIM-14"),
			specs.Cause("the place or the file descriptor of a client that has left is never freed")),

		specs.Requirement("websocket/limits/connections-dropped-anywhere", specs.Robust, "good engineering",
			"300 connections that are dropped at any stage do not keep a new client from being served.",
			func(c *specs.Case) {
				held := seasoned(c)
				for i := range 300 {
					drop(c, i)
				}
				c.StillServes()
				const sent = "300 connections that are dropped"
				held.DescriptorsReturn(sent, specs.Info)
				held.MemoryAtMost(64<<20, sent, specs.Info)
			}, specs.Perilous, specs.Heavy, specs.Covers("WS-LIM-15"),
			specs.Cause("what belongs to a connection is only freed at the end of a closing handshake; free it however the connection ends")),

		specs.Requirement("websocket/limits/idle-crowd", specs.Robust, "good engineering",
			"500 clients are connected at once, and each is served.",
			func(c *specs.Case) {
				list := crowd(c, 500, "500 clients at once are too many")
				for i, ws := range list {
					if !isEcho(c) {
						ws.Ping(strconv.Itoa(i))
					} else {
						ws.Text(fmt.Sprintf("client %d of many", i))
					}
				}
				for i, ws := range list {
					if !isEcho(c) {
						ws.ExpectPong(strconv.Itoa(i))
					} else {
						ws.ExpectText(fmt.Sprintf("client %d of many", i))
					}
				}
				part(list)
			}, specs.Perilous, specs.Clients(500), specs.Heavy, specs.Covers("WS-LIM-16"),
			specs.Cause("a table of clients has a fixed size; declare --dialect class=pool:N if it is meant to")),
	}
}

// seasoned is watch of a server that has served a client, so that what it opens
// for the first one is open.
func seasoned(c *specs.Case) holdings {
	ws := open(c)
	ws.Stays()
	ws.client.Leave()
	return watch(c)
}

// drop makes a connection and drops it at one of the stages of its life, in
// order or with a reset.
func drop(c *specs.Case, i int) {
	var cl *specs.Client
	if i%5 == 0 {
		req := hello(c).String()
		cl = c.Dial()
		cl.Send(req[:1+c.IntN(len(req)-1)])
	} else {
		ws := open(c)
		cl = ws.client
		switch f := frame.New(frame.Text, ascii(c, 200)); i % 5 {
		case 1: // inside a frame
			p := ws.encode(f)
			ws.SendBytes(p[:1+c.IntN(len(p)-1)])
		case 2: // between fragments
			ws.Send(f.More())
		case 3: // after a Close frame
			ws.Close(1000, "")
		default: // while an answer is due
			ws.Send(f, frame.New(frame.Ping, "are you there?"))
		}
	}
	if c.IntN(2) == 0 {
		cl.Close()
	} else {
		cl.Reset()
	}
}

// volumes is much data on one connection. The counterparts in Autobahn compare
// the length of what comes back; these compare the content.
func volumes() []specs.Spec {
	list := []specs.Spec{
		specs.Requirement("websocket/limits/pipelined-messages", specs.Robust, "RFC 6455 §5.4",
			"10000 texts of one byte, sent without waiting, all come back in order.",
			func(c *specs.Case) {
				const n = 10_000
				ws := openEcho(c)
				var texts []string
				for _, letter := range []byte(ascii(c, n)) {
					texts = append(texts, string(letter))
				}
				var list []frame.Frame
				for _, t := range texts {
					list = append(list, frame.New(frame.Text, t))
				}
				ws.pour("10000 × TEXT of one byte", list)
				timedOut := ws.gathers(n)
				var got strings.Builder
				for _, m := range ws.messages {
					got.WriteString(m.data)
				}
				want := strings.Join(texts, "")
				r := specs.Reason{Code: specs.PartialAnswer, Sent: ws.exchange(), Expected: []string{"10000 messages"}, Received: fmt.Sprintf("%d messages", len(ws.messages))}
				switch i := common(want, got.String()); {
				case i < got.Len():
					r.Code, r.Message = specs.WrongBytes, fmt.Sprintf("message %d is not the one that was sent as such", i)
					c.Refute(r, false)
				case i < n:
					r.Message = fmt.Sprintf("only %d of 10000 messages came back", i)
					c.Admit(specs.NonStrict, r, timedOut)
					ws.messages, ws.sent = nil, nil
					ws.client.Close() // what may still come is late, and not unasked for
					return
				}
				ws.messages, ws.sent = nil, nil
				ws.Stays()
			}, specs.Perilous, specs.Heavy, specs.Covers("WS-LIM-18"),
			specs.Cause("messages that arrive together are dropped, or each is handled by a task of its own, in no order")),

		specs.Requirement("websocket/limits/tiny-and-large-fragments", specs.Robust, "RFC 6455 §5.4",
			"A message of tiny and large fragments by turns, with Pings between them, comes back as it was.",
			func(c *specs.Case) {
				tinyAndLarge(c, 140, false)
				tinyAndLarge(c, 60_000, true)
			}, specs.Perilous, specs.Heavy, specs.Covers("WS-LIM-19"),
			specs.Cause("a pointer into the buffer is kept while the buffer grows and moves (CVE-2017-2922)")),

		specs.Requirement("websocket/limits/thousand-round-trips", specs.Robust, "RFC 6455 §6.2",
			"1000 texts of 1 KiB come back, each before the next is sent.",
			func(c *specs.Case) {
				began := time.Now()
				roundTrips(c, frame.Text, 1024)
				c.Note("1000 echoes of 1 KiB took %s", time.Since(began).Round(time.Millisecond))
			}, specs.Heavy, specs.Covers("WS-LIM-20"), specs.Cause(losesCount)),

		specs.Requirement("websocket/limits/round-trips-of-text", specs.Must, "RFC 6455 §6.2",
			"1000 texts each of 0, 16, 64, 256, 1024 and 4096 bytes come back, six of them under way at a time.",
			func(c *specs.Case) { roundTrips(c, frame.Text, 0, 16, 64, 256, 1024, 4096) },
			specs.Heavy, specs.Covers("WS-LIM-20"), specs.Cause(losesCount)),

		specs.Requirement("websocket/limits/round-trips-of-binary", specs.Must, "RFC 6455 §6.2",
			"1000 binary messages each of 0, 16, 64, 256, 1024 and 4096 bytes come back, six of them under way at a time.",
			func(c *specs.Case) { roundTrips(c, frame.Binary, 0, 16, 64, 256, 1024, 4096) },
			specs.Heavy, specs.Covers("WS-LIM-20"), specs.Cause(losesCount)),

		specs.Requirement("websocket/limits/chopped-writes", specs.Must, "RFC 6455 §5.2",
			"A frame of 1 MiB that arrives in pieces of 64 to 2048 bytes comes back as it was.",
			func(c *specs.Case) {
				size := largest(c, 1<<20, 256<<10, 64<<10, smallestLimit)
				for _, piece := range []int{64, 128, 256, 512, 1024, 2048} {
					chopped(c, frame.Text, size, piece)
					chopped(c, frame.Binary, size, piece)
				}
			}, specs.Heavy, specs.Covers("WS-FR-19"),
			specs.Cause("a read is taken for a frame; read on until the announced length has come")),

		specs.Requirement("websocket/limits/fragments-of-1300-bytes", specs.Must, "RFC 6455 §5.4",
			"A text of 64 KiB in fragments of 1300 bytes comes back as it was.",
			func(c *specs.Case) { comesBackCut(c, frame.Text, 64<<10, 1300) },
			specs.Covers("WS-FRAG-03"), specs.Cause(forgetsFragments)),

		specs.Requirement("websocket/limits/fragments-of-bytes", specs.Must, "RFC 6455 §5.4",
			"Messages in 1000 fragments, of 64 bytes and of 256, come back as they were.",
			func(c *specs.Case) {
				for _, piece := range []int{64, 256} {
					for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
						comesBackCut(c, op, 1000*piece, piece)
					}
				}
			}, specs.Heavy, specs.Covers("WS-FRAG-03"), specs.Cause(forgetsFragments)),

		specs.Requirement("websocket/limits/fragments-of-kibibytes", specs.Must, "RFC 6455 §5.4",
			"Messages of 1000 KiB in fragments of 1, 4 and 16 KiB come back as they were.",
			func(c *specs.Case) {
				for _, piece := range []int{1 << 10, 4 << 10, 16 << 10} {
					for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
						comesBackCut(c, op, 1000<<10, piece)
					}
				}
			}, specs.Perilous, specs.Heavy, specs.Covers("WS-FRAG-03", "WS-FRAG-05"), specs.Cause(forgetsFragments)),

		specs.Requirement("websocket/limits/fragments-by-the-thousand", specs.Must, "RFC 6455 §5.4",
			"Messages of 4 MiB in fragments of 4096, 1024, 256 and 64 bytes come back as they were, or are refused with 1008 or 1009.",
			func(c *specs.Case) {
				// Some servers copy the whole message for each fragment. That makes
				// them slow, and not wrong.
				took := time.Duration(0)
				for _, piece := range []int{4 << 10, 1 << 10, 256, 64} {
					if 4*took > 5*c.Timing().Answer {
						c.Admit(specs.Info, specs.Reason{Code: specs.NoAnswer, Message: fmt.Sprintf("a message in %d fragments takes %s: none in more was sent", 1<<20/piece, took.Round(100*time.Millisecond))}, false)
						return
					}
					for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
						began := time.Now()
						comesBackOrNot(c, op, 4<<20, piece, 16*took)
						if op == frame.Binary {
							took = time.Since(began)
						}
					}
				}
			}, specs.Perilous, specs.Heavy, specs.Covers("WS-FRAG-03", "WS-FRAG-05"), specs.Cause(forgetsFragments)),

		specs.Requirement("websocket/limits/fragments-of-mebibytes", specs.Must, "RFC 6455 §5.4",
			"Messages of 4 MiB in fragments of 16 KiB to 4 MiB come back as they were.",
			func(c *specs.Case) {
				for _, piece := range []int{16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20} {
					for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
						comesBackCut(c, op, 4<<20, piece)
					}
				}
			}, specs.Perilous, specs.Heavy, specs.Covers("WS-FRAG-05"), specs.Cause(forgetsFragments)),
	}
	for _, size := range []int{64, 256, 1 << 10, 4 << 10, 8 << 10, 16 << 10} {
		name, title := fmt.Sprintf("%d-kib", size), fmt.Sprintf("%d KiB", size)
		options := []specs.Option{specs.Covers("WS-FR-06"), specs.Cause(truncates), specs.Heavy}
		if size >= 1<<10 {
			name, title = fmt.Sprintf("%d-mib", size>>10), fmt.Sprintf("%d MiB", size>>10)
			options = []specs.Option{specs.Covers("WS-FR-07"), specs.Cause(truncates), specs.Heavy, specs.Perilous}
		}
		list = append(list, specs.Requirement("websocket/limits/messages-of-"+name, specs.Must, "RFC 6455 §5.2",
			"A text and a binary message of "+title+" in one frame each come back as they were.",
			func(c *specs.Case) {
				for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
					comesBackCut(c, op, size<<10, size<<10)
				}
			}, options...))
	}
	return list
}

const (
	losesCount       = "something is used up with every message, and its end comes after some hundreds"
	forgetsFragments = "the number or the sum of the fragments outgrows what they are kept in"
	truncates        = "a length or a buffer is too small, and the message is cut off; a server that takes no message as long says so with 1009"
)

// comesBackCut has a message of random content echoed that is sent in fragments.
func comesBackCut(c *specs.Case, op frame.Opcode, size, piece int) {
	ws := openEcho(c)
	data := volume(c, op, size)
	list := inFrames(op, data, piece)
	what := fmt.Sprintf("a %s message of %d bytes in one frame", op, size)
	if len(list) > 1 {
		what = fmt.Sprintf("a %s message of %d bytes in %d fragments", op, size, len(list))
	}
	ws.stream(what, list)
	ws.ExpectLong(op, data)
	ws.client.Leave()
}

// comesBackOrNot is comesBackCut in more fragments than every server takes: some
// bound how many a message may have, by default (WS-LIM-06). It is waited for so
// much longer than for its bytes alone.
func comesBackOrNot(c *specs.Case, op frame.Opcode, size, piece int, longer time.Duration) {
	ws := openEcho(c)
	ws.Stays()
	data := volume(c, op, size)
	list := inFrames(op, data, piece)
	what := fmt.Sprintf("a %s message of %d bytes in %d fragments", op, size, len(list))
	ws.stream(what, list)
	ws.pump(longer, func() bool { return len(ws.messages) > 0 || ws.close != nil })
	timedOut := ws.arrives(len(data))
	if len(ws.messages) > 0 {
		ws.ExpectMessage(op, data)
		ws.client.Leave()
		return
	}
	if ws.close != nil && ws.close.CloseCode() == 1003 {
		ws.beyond(op, size)
	}
	if judge(ws.client, ws.exchange(), ws.settle(timedOut), []outcome{echoed(op, data), failed(1008, 1009).streaming()}) == 1 {
		c.Note("the target refuses %s", what)
	}
}

// roundTrips has 1000 messages of each of these sizes echoed, by turns. One of
// each size is under way at a time: the next is sent when it has come back.
func roundTrips(c *specs.Case, op frame.Opcode, sizes ...int) {
	ws := openEcho(c)
	ws.brief = true
	if slices.Contains(sizes, 0) {
		if ws.Send(frame.New(op, "")); !ws.ExpectEmpty(op) {
			sizes = slices.DeleteFunc(sizes, func(n int) bool { return n == 0 }) // once is enough
		}
	}
	data := volume(c, op, 8192)
	var due []string
	ws.streamed(1000*len(sizes), len(sizes), func(i int) frame.Frame {
		n := sizes[i%len(sizes)]
		from := c.IntN(8192 - n)
		text := data[from : from+n]
		if op == frame.Text {
			text = strings.ToValidUTF8(text, "") // the cuts may be inside characters
		}
		due = append(due, text)
		return frame.New(op, text)
	}, func(i int) message { return message{op: op, data: due[i]} })
}

// chopped has a message echoed whose one frame is written in pieces.
func chopped(c *specs.Case, op frame.Opcode, size, piece int) {
	ws := openEcho(c)
	ws.brief = true
	data := volume(c, op, size)
	ws.say(fmt.Sprintf("a %s message of %d bytes in one frame, written %d bytes at a time", op, size, piece))
	p := masked(c, []frame.Frame{frame.New(op, data)})
	for len(p) > 0 && !ws.client.Gone() {
		n := min(piece, len(p))
		ws.SendBytes(p[:n])
		p = p[n:]
	}
	ws.ExpectLong(op, data)
	ws.client.Leave()
}

// tinyAndLarge has a message echoed that consists of a fragment of one byte and
// a large one, fifty times, with a Ping after each pair.
func tinyAndLarge(c *specs.Case, large int, maybeTooLong bool) {
	ws := openEcho(c)
	data := volume(c, frame.Binary, 50*(1+large))
	var list []frame.Frame
	var payloads []string
	for i, rest := 0, data; rest != ""; i++ {
		n := 1
		if i%2 == 1 {
			n = large
		}
		f := frame.New(frame.Continuation, rest[:n])
		if i == 0 {
			f.Opcode = frame.Binary
		}
		rest = rest[n:]
		f.Fin = rest == ""
		list = append(list, f)
		if i%2 == 1 && rest != "" {
			payloads = append(payloads, fmt.Sprintf("after %d", i))
			list = append(list, frame.New(frame.Ping, payloads[len(payloads)-1]))
		}
	}
	ws.stream(fmt.Sprintf("50 × (a fragment of one byte, one of %d, a PING)", large), list)
	if !maybeTooLong {
		ws.ExpectBinary(data)
	} else if !ws.comesBack(frame.Binary, data) {
		c.Note("the target takes no message of %d bytes: it answered CLOSE 1009", len(data))
		ws.pongs = nil
	}
	ws.PongsInOrder(payloads)
	ws.pongs = nil
	ws.client.Leave()
}
