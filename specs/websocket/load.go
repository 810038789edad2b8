package websocket

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

// What requirements about volume and load are written in.

// volume is a message of n bytes in which no two places are alike, made fast: a
// random block over and over, each time with its number. A text is UTF-8 with
// characters of one to four bytes.
func volume(c *specs.Case, op frame.Opcode, n int) string {
	random := rand.New(rand.NewPCG(uint64(c.IntN(1<<31)), 1))
	block := make([]byte, 0, 4096)
	for len(block) < cap(block)-16 {
		switch k := random.IntN(64); {
		case op != frame.Text:
			block = append(block, byte(random.IntN(256)))
		case k < 4:
			block = utf8.AppendRune(block, [...]rune{'é', 'ß', '€', '😀'}[k])
		default:
			block = append(block, byte(' '+random.IntN(95)))
		}
	}
	var b strings.Builder
	b.Grow(n + len(block))
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%08x", i)
		b.Write(block)
	}
	if op != frame.Text {
		return b.String()[:n]
	}
	cut := n // not inside a character
	for !utf8.RuneStart(b.String()[cut]) {
		cut--
	}
	return b.String()[:cut] + strings.Repeat("x", n-cut)
}

// masked gives frames random masking keys and joins their bytes.
func masked(c *specs.Case, frames []frame.Frame) string {
	random := rand.New(rand.NewPCG(uint64(c.IntN(1<<31)), 2))
	var p []byte
	for _, f := range frames {
		if f.Masked && !f.Fixed {
			for i := range f.Key {
				f.Key[i] = byte(random.IntN(256))
			}
		}
		p = f.Append(p)
	}
	return string(p)
}

// pour sends many frames without describing each.
func (ws *conn) pour(what string, frames []frame.Frame) {
	ws.brief = true
	ws.say(what)
	ws.SendBytes(masked(ws.c, frames))
}

// stream is pour for what the server may refuse before it has read all of it:
// the sending goes on while the answer is awaited. Until all is sent, which sent
// tells, nothing else may be.
func (ws *conn) stream(what string, frames []frame.Frame) (sent func() bool) {
	ws.brief, ws.noClose, ws.mute = true, true, true // an answer would have to wait for what is being sent
	ws.say(what)
	p := masked(ws.c, frames)
	var done atomic.Bool
	ws.c.Go(func() {
		_ = ws.client.Push(p, patience(ws.c, len(p)))
		done.Store(true)
	})
	return done.Load
}

// Refuses waits until a message that is too long has been sent, or has failed the
// connection, and for as long again as it may take to read it.
func (ws *conn) Refuses(size int, sent func() bool, outcomes ...outcome) {
	failed := func() bool { return ws.close != nil }
	for end := time.Now().Add(patience(ws.c, size)); !sent() && !failed() && ws.end == "" && time.Now().Before(end); {
		ws.pump(ws.c.Timing().Gap, failed)
	}
	ws.pump(long(ws.c, size), failed)
	ws.Expect(outcomes...)
}

// long is how long a message of megabytes may take to come back once the first
// of it has, or all of it was sent.
func long(c *specs.Case, size int) time.Duration {
	answer := c.Timing().Answer
	return answer + time.Duration(size/(2<<20))*min(max(answer, time.Second), 4*time.Second)
}

// say describes what is sent.
func (ws *conn) say(what string) {
	if ws.settled {
		ws.sent, ws.settled = nil, false
	}
	ws.sent = append(ws.sent, what)
	ws.client.Decoded("→ %s", what)
}

// inFrames is a message in frames of at most size bytes.
func inFrames(op frame.Opcode, data string, size int) []frame.Frame {
	return fragments(op, cut(data, size)...)
}

// comesBack waits for a long message that must come back, and says whether it
// did; it did not when it was refused with 1009, as too long.
func (ws *conn) comesBack(op frame.Opcode, data string) bool {
	began := time.Now()
	timedOut := ws.arrives(len(data))
	if len(ws.messages) == 0 && ws.close != nil && ws.close.CloseCode() == 1009 {
		return false
	}
	if len(ws.messages) == 0 {
		ws.beyond(op, len(data))
		judge(ws.client, ws.exchange(), ws.settle(timedOut), []outcome{echoed(op, data)})
	}
	ws.ExpectMessage(op, data)
	ws.client.Took(time.Since(began))
	return true
}

// arrives waits for a message of so many bytes, and longer while more of it
// comes; it says whether the time ran out.
func (ws *conn) arrives(size int) (timedOut bool) {
	come := func() int { return len(ws.joined) + len(ws.client.Await(0, func([]byte) bool { return true }).Unread) }
	for before := -1; before < come(); {
		before = come()
		timedOut = ws.pump(long(ws.c, size), func() bool { return len(ws.messages) > 0 || ws.close != nil })
		if !timedOut {
			break
		}
	}
	return timedOut
}

// gathers waits for so many messages, and longer while more of them come; it says
// whether the time ran out.
func (ws *conn) gathers(n int) (timedOut bool) {
	end := time.Now().Add(20 * patience(ws.c, 0))
	for before := -1; before < len(ws.messages) && time.Now().Before(end); {
		before = len(ws.messages)
		timedOut = ws.pump(patience(ws.c, 0), func() bool { return len(ws.messages) >= n || ws.close != nil })
		if !timedOut {
			break
		}
	}
	return timedOut
}

// ExpectLong is ExpectMessage for a long one.
func (ws *conn) ExpectLong(op frame.Opcode, data string) {
	if !ws.comesBack(op, data) {
		ws.beyond(op, len(data))
		judge(ws.client, ws.exchange(), ws.settle(false), []outcome{echoed(op, data)})
	}
}

// largest is the first of some sizes, which fall, that the target takes in a
// text message. The last one it has to take.
func largest(c *specs.Case, sizes ...int) int {
	for _, size := range sizes[:len(sizes)-1] {
		ws := openEcho(c)
		ws.brief = true
		data := volume(c, frame.Text, size)
		ws.stream(fmt.Sprintf("a text of %d bytes", size), inFrames(frame.Text, data, size))
		took := ws.comesBack(frame.Text, data)
		ws.client.Leave()
		if took {
			return size
		}
		c.Note("the target takes no message of %d bytes: smaller ones are sent", size)
	}
	return sizes[len(sizes)-1]
}

// quiet is no reaction so far, on a connection that is open.
func quiet() outcome {
	return expecting("nothing, on an open connection", func(r reaction) bool { return r.end == "" && r.close == nil && !r.answered() })
}

// starvation is what is wrong when one client keeps another waiting.
const starvation = "while one client is busy, another one is not served"

// NotStarved proves that a client beside another one is served in the time that
// an answer takes. A reason makes it nonstrict that it is not.
func (ws *conn) NotStarved(nonstrict string) {
	began := time.Now()
	mark := ws.fence()
	seen := func() bool {
		return slices.Contains(ws.pongs, mark) || slices.ContainsFunc(ws.messages, func(m message) bool { return m.is(frame.Text, mark) })
	}
	timedOut := ws.pump(patience(ws.c, 0), func() bool { return seen() || ws.close != nil })
	if mark == "" || seen() {
		ws.messages, ws.pongs, ws.sent = nil, nil, nil
		ws.client.Took(time.Since(began))
		return
	}
	r := ws.settle(timedOut)
	reason := specs.Reason{Code: r.code(), Message: starvation, Sent: ws.exchange(), Expected: []string{"an answer"}, Received: r.String()}
	if nonstrict == "" {
		ws.c.Refute(reason, timedOut)
	}
	reason.Message += ": " + nonstrict
	ws.c.Admit(specs.NonStrict, reason, timedOut)
	ws.messages, ws.pongs, ws.sent = nil, nil, nil
}

// HasRead waits until the server has read what was sent: a Ping behind it, inside
// a message or not, is answered. Where Pings are not, it gives it a moment.
func (ws *conn) HasRead() {
	if !pings(ws.c) {
		ws.c.Pause(ws.c.Timing().Gap)
		return
	}
	mark := "read-" + ws.c.Word()
	ws.Ping(mark)
	ws.ExpectPong(mark)
}

// openBy is open over a connection that is made in a way of its own.
func openBy(c *specs.Case, how func(*wire.Dialer), mods ...func(*request)) *conn {
	if c.Dialect("opening") == "none" {
		c.Blocked("needs a connection after the opening handshake, which the target does not accept")
	}
	c.Afresh()
	req := hello(c)
	for _, mod := range mods {
		mod(req)
	}
	ws, a := converse(c.DialWith(how), req)
	if ws == nil {
		judge(a.client, a.sent(), a.reaction, []outcome{accepted()})
	}
	return ws
}

// crowd is n connections with their opening handshakes. A reason makes a refusal
// nonstrict; the crowd is then smaller.
func crowd(c *specs.Case, n int, nonstrict string) (list []*conn) {
	if c.Dialect("opening") == "none" {
		c.Blocked("needs connections after the opening handshake, which the target does not accept")
	}
	for range n {
		ws, a := try(c)
		outcomes := []outcome{accepted()}
		if nonstrict != "" {
			outcomes = append(outcomes, refused().nonstrict(nonstrict), unanswered().nonstrict(nonstrict))
		}
		if judge(a.client, a.sent(), a.reaction, outcomes) > 0 {
			a.client.Close()
			break // the ones after it would be refused as well
		}
		ws.brief = true
		list = append(list, ws)
	}
	return list
}

// part ends many connections at once by closing handshakes.
func part(list []*conn) {
	for _, ws := range list {
		if ws.end == "" && ws.close == nil && !ws.closing && !ws.client.Gone() {
			ws.quietly(frame.NewClose(1000, ""))
		}
	}
	if len(list) == 0 {
		return
	}
	c := list[0].c
	for _, ws := range list { // at once: a server that does not answer would be waited for as often as there are clients
		c.Go(func() {
			ws.LeftOver()
			ws.client.Close()
		})
	}
	c.Join()
}

// vanish ends many connections at once without a word.
func vanish(list []*conn) {
	for _, ws := range list {
		ws.client.Reset()
	}
}

// PongsInOrder fails the case unless the Pongs that have come are those of some
// of the Pings, in their order: a server may leave all but the newest unanswered
// (RFC 6455 §5.5.3).
func (ws *conn) PongsInOrder(payloads []string) {
	if subsequence(ws.pongs, payloads) {
		return
	}
	ws.c.Refute(specs.Reason{Code: specs.WrongBytes, Message: "a Pong came that answers no Ping, or comes too late or twice", Sent: ws.exchange(),
		Expected: []string{"the payloads of Pings, in their order"}, Received: reaction{pongs: ws.pongs}.String()}, false)
}
