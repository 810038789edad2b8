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

// streamed has n messages echoed of which so many are under way at a time. Not in
// batches: a server that leaves Nagle's algorithm on would wait for an
// acknowledgement in the midst of each.
func (ws *conn) streamed(n, together int, next func(i int) frame.Frame, due func(i int) message) {
	for sent, i := 0, 0; i < n; i++ {
		var list []frame.Frame
		for ; sent < min(n, i+together); sent++ {
			list = append(list, next(sent))
		}
		ws.SendBytes(masked(ws.c, list))
		want := due(i)
		ws.sent = []string{fmt.Sprintf("message %d of %d, %d of them under way: %s", i+1, n, together, want)}
		ws.ExpectMessage(want.op, want.data)
	}
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

// CatchUp is HasRead without a judgement: a server that has fallen behind is
// given a while.
func (ws *conn) CatchUp() {
	if !pings(ws.c) || ws.close != nil || ws.end != "" {
		return
	}
	ws.Ping("caught up?")
	ws.pump(10*ws.c.Timing().Answer, func() bool { return len(ws.pongs) > 0 || ws.close != nil })
	ws.pongs, ws.sent = nil, nil
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
	needsAnswers(c)
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

// holdings follows what the target holds, where its processes can be seen.
// Elsewhere it judges nothing.
type holdings struct {
	c      *specs.Case
	before specs.Usage
	known  bool
}

// watch notes what the target holds before something is done to it that should
// not make that more.
func watch(c *specs.Case) holdings {
	h := holdings{c: c}
	h.before, h.known = c.Usage()
	return h
}

// MemoryAtMost wants the memory to have grown by no more than so many bytes. If
// it has, it will do so once more when it is looked at again.
func (h holdings) MemoryAtMost(most int64, sent string, otherwise specs.Verdict) {
	if r, grown := h.growth(most, sent); grown {
		h.c.Admit(otherwise, r, false)
	}
}

// NoMemoryFor is MemoryAtMost for what a server has no reason at all to take
// memory for. It may take it once, and have it then.
func (h holdings) NoMemoryFor(sent string) {
	if r, grown := h.growth(64<<20, sent); grown {
		h.c.Measured(specs.NonStrict, r)
	}
}

// growth says whether the memory has grown by more than so many bytes.
func (h holdings) growth(most int64, sent string) (r specs.Reason, tooMuch bool) {
	now, known := h.c.Usage()
	if !h.known || !known {
		return r, false
	}
	grown := now.Memory - h.before.Memory
	h.c.Note("the memory of the target was %s before, and is %s", mebibytes(h.before.Memory), mebibytes(now.Memory))
	return specs.Reason{Code: specs.Assertion, Message: fmt.Sprintf("the memory of the target has grown by %s", mebibytes(grown)), Sent: sent,
		Expected: []string{"at most " + mebibytes(most) + " more than before"},
		Received: fmt.Sprintf("%s, and %s before", mebibytes(now.Memory), mebibytes(h.before.Memory))}, grown > most
}

// fewDescriptors is how many a server may open for itself meanwhile.
const fewDescriptors = 5

// DescriptorsReturn wants the descriptors of clients that have left to be
// closed again. It waits for that, and longer while some are.
func (h holdings) DescriptorsReturn(sent string, otherwise specs.Verdict) {
	if !h.known {
		return
	}
	const idle, most = 6, 35 // times as long as an answer may take
	answer := h.c.Timing().Answer
	began, least := time.Now(), 1<<30
	for fell := began; ; {
		now, known := h.c.Usage()
		if !known {
			return
		}
		if now.Descriptors <= h.before.Descriptors+fewDescriptors {
			return
		}
		if now.Descriptors < least {
			least, fell = now.Descriptors, time.Now()
		}
		if time.Since(fell) > idle*answer || time.Since(began) > most*answer || h.c.Over() {
			break
		}
		h.c.Pause(h.c.Timing().Quiet)
	}
	h.c.Admit(otherwise, specs.Reason{Code: specs.Assertion,
		Message: fmt.Sprintf("the target still has %d descriptors more open than before, %s after the last client has left", least-h.before.Descriptors, time.Since(began).Round(time.Second)),
		Sent:    sent, Expected: []string{fmt.Sprintf("%d, as before, or a few more", h.before.Descriptors)}, Received: fmt.Sprintf("%d open descriptors", least)}, false)
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

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
