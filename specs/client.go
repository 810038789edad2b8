package specs

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"conform/specs/wire"
)

// Client is one recorded connection of a case, with the verbs that requirements
// are written in. A verb that begins with Expect ends the case when the target
// does something else.
type Client struct {
	c    *Case
	conn *wire.Conn

	// Session is what a protocol with messages of its own keeps with the
	// connection; nil for protocols of plain bytes.
	Session Session

	exchange int         // index in the transcript at which the current exchange began
	answered bool        // the last expectation was met, and nothing was sent since
	answer   string      // the bytes that met it
	left     atomic.Bool // by our own doing: what is unread no longer matters
}

// Session reads the messages of a protocol from a connection.
type Session interface {
	// LeftOver is called when the body has ended well: it fails the case for
	// what the server has sent and nobody has asked for.
	LeftOver()
}

// Await waits until enough says so of what is unread, the target ends, or d has
// passed, and consumes nothing. It judges nothing.
func (cl *Client) Await(d time.Duration, enough func(unread []byte) bool) wire.State {
	return cl.conn.Await(cl.c.ctx, d, enough)
}

// Consume takes the first n unread bytes away.
func (cl *Client) Consume(n int) { cl.conn.Consume(n) }

// ReadSlowly makes every later read at most chunk bytes long, after a pause; a
// chunk of 0 stops reading until the next call.
func (cl *Client) ReadSlowly(chunk int, pause time.Duration) { cl.conn.ReadSlowly(chunk, pause) }

// Gone says whether we have left or the target has ended the connection.
func (cl *Client) Gone() bool { return cl.left.Load() || cl.conn.Gone() }

// ID is the number of the connection in its case.
func (cl *Client) ID() int { return cl.conn.ID }

// Decoded records what the bytes that were sent or received last mean.
func (cl *Client) Decoded(format string, args ...any) {
	cl.c.transcript.Add(cl.conn.ID, wire.Decoded, fmt.Sprintf(format, args...))
}

// Took notes how long an expectation took to be met.
func (cl *Client) Took(d time.Duration) { cl.c.took(d) }

// Case is the case that the client belongs to.
func (cl *Client) Case() *Case { return cl.c }

// Timing is the waits in force.
func (cl *Client) Timing() Timing { return cl.c.env.Timing }

// Send sends bytes in one segment.
func (cl *Client) Send(bytes string) { cl.send([]byte(bytes)) }

// SendSegments sends a message in several segments, with a gap between them
// that is long enough to be read apart.
func (cl *Client) SendSegments(segments ...string) {
	for i, s := range segments {
		if i > 0 {
			cl.c.pause(cl.c.env.Timing.Gap)
		}
		if cl.Send(s); cl.conn.Gone() {
			return // the expectation that follows says how it ended
		}
	}
}

// SendByteByByte sends a message one byte a segment, with gaps.
func (cl *Client) SendByteByByte(message string) {
	segments := make([]string, len(message))
	for i := range segments {
		segments[i] = message[i : i+1]
	}
	cl.SendSegments(segments...)
}

func (cl *Client) send(p []byte) {
	cl.next()
	// An error is not the end: what was sent before it may have been answered.
	_ = cl.conn.Send(p, cl.wait(len(p)))
}

// next begins an exchange. What came since the last answer belongs to none.
func (cl *Client) next() {
	if !cl.answered || cl.left.Load() {
		return
	}
	if s := cl.conn.State(); s.Came() {
		cl.extra(s)
	}
	cl.answered, cl.exchange = false, cl.c.transcript.Len()
}

// NothingLeftOver fails the case for what the server has sent to a client that is
// connected, and that nobody has asked for. Every case ends with it.
func (cl *Client) NothingLeftOver() {
	switch s := cl.conn.State(); {
	case cl.left.Load():
	case cl.Session != nil:
		cl.Session.LeftOver()
	case s.Came():
		cl.extra(s)
	}
}

// extra fails the case for bytes that follow a right answer.
func (cl *Client) extra(s wire.State) {
	if !cl.answered {
		cl.fail(NotSilent, cl.unit()+" where nothing was due", []string{"nothing"}, s, nil, false)
	}
	if cl.Datagrams() {
		cl.extraDatagram(s)
	}
	r := cl.reason(ExtraBytes, "bytes follow the answer", []string{wire.Quote([]byte(cl.answer), shownBytes) + ", and nothing more"}, s)
	shown := s
	shown.Unread = append([]byte(cl.answer), s.Unread...)
	r.Received = cl.received(shown)
	r.Diff = &Difference{Offset: len(cl.answer), Received: wire.Quote(s.Unread, 24)}
	switch extra := string(s.Unread); {
	case strings.Trim(extra, "\r\n") == "":
		r.Hint = "a line end is written after the answer; the answer ends with its last byte"
	case strings.Trim(extra, "\x00") == "":
		r.Hint = "a NUL is written after the answer: the string is sent with its terminator"
	case extra == cl.answer:
		r.Hint = "the answer is written twice"
	}
	cl.c.fail(r, false)
}

// wait is how long an answer may take, or to send that much: longer for a message
// of megabytes.
func (cl *Client) wait(size int) time.Duration {
	return cl.c.env.Timing.Answer + time.Duration(size/(256<<10))*time.Second
}

// Patience is how long what is expected, of so many bytes, may take before the case
// fails: less where it will be run again.
func (cl *Client) Patience(size int) time.Duration {
	if cl.c.env.Hasty {
		return cl.wait(size) - cl.c.env.Timing.Answer*3/4
	}
	return cl.wait(size)
}

// HalfClose ends our side (FIN) and goes on listening.
func (cl *Client) HalfClose() {
	cl.next()
	_ = cl.conn.HalfClose()
}

// SendAndEnd sends bytes and ends our side in the same moment, and goes on
// listening.
func (cl *Client) SendAndEnd(bytes string) {
	cl.next()
	_ = cl.conn.SendAndEnd([]byte(bytes), cl.wait(len(bytes)))
}

// Close leaves without a word: a FIN, if all that came was read.
func (cl *Client) Close() { cl.end(cl.conn.Close) }

// Reset ends the connection with a reset (RST).
func (cl *Client) Reset() { cl.end(cl.conn.Reset) }

// Leave ends the connection by the protocol's own door, and waits for the end.
func (cl *Client) Leave() {
	cl.end(func() {
		if cl.c.env.Protocol.Leave != nil && cl.conn.Open() && !cl.Datagrams() {
			cl.c.env.Protocol.Leave(cl)
		}
		cl.conn.Close()
	})
}

func (cl *Client) end(how func()) {
	if !cl.left.CompareAndSwap(false, true) {
		return
	}
	cl.c.door(func() {
		how()
		if cl.c.env.Door != nil {
			cl.c.pause(cl.c.env.Timing.Gap / 2) // in which the server forgets the connection
		}
	})
}

// Offer sends bytes whose fate does not matter.
func (cl *Client) Offer(bytes string) { _ = cl.conn.Send([]byte(bytes), cl.c.env.Timing.Quiet) }

// Push sends bytes to a target that may stop reading, and says what kept it from
// taking them all within d, if anything did.
func (cl *Client) Push(bytes string, d time.Duration) error { return cl.conn.Send([]byte(bytes), d) }

// MidLine says whether the last byte sent does not end a line.
func (cl *Client) MidLine() bool { return cl.conn.MidMessage('\n') }

// Drain reads and drops whatever comes until the target has been quiet for d or
// has ended, for at most twenty times as long, and says whether it has ended.
func (cl *Client) Drain(d time.Duration) (ended bool) {
	end := time.Now().Add(20 * d)
	for {
		s := cl.conn.Await(cl.c.ctx, d, cl.came)
		cl.conn.Consume(len(s.Unread))
		if s.End != "" {
			return true
		}
		if s.TimedOut || s.Flooded || time.Now().After(end) {
			return false
		}
	}
}

// AwaitEnd reads and drops whatever comes until the target has ended or d has
// passed, and says whether it has ended.
func (cl *Client) AwaitEnd(d time.Duration) bool {
	s := cl.conn.Await(cl.c.ctx, d, func([]byte) bool { return false })
	cl.conn.Consume(len(s.Unread))
	return s.End != ""
}

// Anything takes what comes, or nothing, or an end: the requirement leaves the
// answer free.
func (cl *Client) Anything(why string) {
	cl.c.transcript.Add(cl.conn.ID, wire.Expected, "anything: "+why)
	cl.Drain(cl.c.env.Timing.Quiet)
}

// Answered waits for any byte at all and takes all that have come; it says
// whether there was one. It judges nothing.
func (cl *Client) Answered(d time.Duration) (string, bool) {
	s := cl.conn.Await(cl.c.ctx, d, cl.came)
	text := string(s.Unread)
	cl.conn.Consume(len(s.Unread))
	return text, s.Came()
}

// came says whether anything is there to be read: bytes, or an empty datagram.
func (cl *Client) came(unread []byte) bool { return len(unread) > 0 || cl.conn.State().Waiting > 0 }

// Answer is the bytes that met the last expectation.
func (cl *Client) Answer() string { return cl.answer }

// Expect waits for exactly these bytes. What follows them is for the next
// expectation; at the end of the case nothing may be left over.
func (cl *Client) Expect(bytes string) { cl.ExpectOneOf(Exactly(bytes)) }

// ExpectFIN waits for the orderly end of the connection, with no byte before it.
func (cl *Client) ExpectFIN() { cl.ExpectOneOf(FIN()) }

// ExpectRST waits for a reset of the connection, with no byte before it.
func (cl *Client) ExpectRST() { cl.ExpectOneOf(RST()) }

// ExpectEnd waits for the end of the connection, however it comes, with no byte
// before it.
func (cl *Client) ExpectEnd() { cl.ExpectOneOf(Ended()) }

// ExpectOneOf waits for the first of several outcomes and takes its verdict. It
// returns the index of the outcome that came.
func (cl *Client) ExpectOneOf(outcomes ...Outcome) int {
	var expected []string
	longest := 0
	for _, o := range outcomes {
		expected = append(expected, o.String())
		longest = max(longest, len(o.bytes))
	}
	cl.c.transcript.Add(cl.conn.ID, wire.Expected, strings.Join(expected, " or "))

	decided := func(s wire.State) (index int, done bool) {
		open, best := false, -1
		for i, o := range outcomes {
			switch o.match(s) {
			case possible:
				open = true
			case met:
				if best < 0 || len(o.bytes) > len(outcomes[best].bytes) {
					best = i
				}
			}
		}
		return best, !open || s.TimedOut || s.End != ""
	}
	began := time.Now()
	s := cl.await(longest, func(unread []byte) bool {
		_, done := decided(wire.State{Unread: unread})
		return done
	})
	if !s.TimedOut {
		cl.c.took(time.Since(began))
	}
	index, _ := decided(s)
	if index < 0 {
		code, message := diagnose(s, longest, cl.Patience(longest))
		var diff *Difference
		if len(outcomes) > 0 {
			diff = difference(closest(outcomes, s.Unread).like(s.Unread), s.Unread)
		}
		// Bytes that are wrong are so whatever comes after them: whether the end
		// was there already when they were looked at is chance.
		if diff != nil && diff.Received != "" && longest > 0 && code != Flood {
			code, message = WrongBytes, "other bytes than the expected ones"
		}
		cl.fail(code, message, expected, s, diff, s.TimedOut)
	}
	o := outcomes[index]
	cl.answered, cl.answer = true, o.like(s.Unread)
	cl.conn.Consume(len(cl.answer))
	if o.verdict != Pass {
		if o.verdict == Info && cl.c.declared(cl.c.spec.DialectKey, cl.c.spec.DialectValue) {
			cl.fail(WrongBytes, "the declared dialect does not allow this: "+o.why, expected[:1], s, nil, s.TimedOut)
		}
		cl.c.record(o.verdict, cl.reason(WrongBytes, o.why, expected, s), s.TimedOut)
		cl.c.Note("%s", o.why)
	}
	return index
}

// await waits for an answer of some size: once a long one has begun, for no
// longer than an answer takes after each part of it, so that one that breaks off
// is not waited for in vain.
func (cl *Client) await(size int, enough func(unread []byte) bool) wire.State {
	wait, once := cl.Patience(size), cl.Patience(0)
	if wait == once {
		return cl.conn.Await(cl.c.ctx, wait, enough)
	}
	had := len(cl.conn.State().Unread)
	if had > 0 {
		wait = once
	}
	for end := time.Now().Add(cl.Patience(size)); ; wait = once {
		done := false
		s := cl.conn.Await(cl.c.ctx, min(wait, time.Until(end)), func(unread []byte) bool {
			done = enough(unread)
			return done || len(unread) > had
		})
		if done || s.TimedOut || s.End != "" || s.Flooded {
			return s
		}
		had = len(s.Unread)
	}
}

// ExpectSilence proves that nothing comes, and that the connection stays open,
// for the quiet window.
func (cl *Client) ExpectSilence(why string) {
	cl.c.transcript.Add(cl.conn.ID, wire.Expected, "silence: "+why)
	window := cl.c.env.Timing.Quiet
	s := cl.conn.Await(cl.c.ctx, window, cl.came)
	expected := []string{"silence: " + why}
	switch {
	case s.Came() && cl.answered:
		cl.extra(s)
	case s.Came():
		cl.fail(NotSilent, cl.unit()+" where nothing was due", expected, s, nil, false)
	case s.End != "":
		code, message := diagnose(s, 1, window)
		cl.fail(code, message, expected, s, nil, false)
	case cl.c.ctx.Err() != nil:
		cl.fail(OutOfTime, "", expected, s, nil, false)
	}
	cl.c.transcript.Add(cl.conn.ID, wire.Quiet, took(window))
}

// diagnose names the way in which an answer was missed.
func diagnose(s wire.State, want int, waited time.Duration) (Code, string) {
	some := len(s.Unread) > 0
	switch {
	case s.Flooded:
		return Flood, "more bytes than any answer could have"
	case s.End == wire.FIN && some && len(s.Unread) < want:
		return ClosedEarly, "the connection was closed in the middle of the answer"
	case s.End == wire.FIN && !some && want > 0:
		return ClosedEarly, "the connection was closed without an answer"
	case s.End == wire.FIN && !some:
		return FINNotReset, "the connection was closed in order where a reset was due"
	case s.End == wire.RST && want == 0 && !some:
		return ResetNotFIN, "the connection was reset where an orderly end was due"
	case s.End == wire.RST && some && len(s.Unread) < want:
		return ResetEarly, "the connection was reset in the middle of the answer"
	case s.End == wire.RST && !some:
		return ResetEarly, "the connection was reset without an answer"
	case s.TimedOut && !some && want > 0:
		return NoAnswer, fmt.Sprintf("no answer within %s; the connection is open", took(waited))
	case s.TimedOut && some && len(s.Unread) < want:
		return PartialAnswer, fmt.Sprintf("a part of the answer, then nothing for the rest of %s", took(waited))
	case s.TimedOut:
		return NotClosed, fmt.Sprintf("the connection is still open after %s", took(waited))
	case want == 0:
		return ExtraBytes, "bytes where only the end of the connection was due"
	default:
		return WrongBytes, "other bytes than the expected ones"
	}
}

// closest picks the outcome that shares the longest start with what came.
func closest(outcomes []Outcome, got []byte) Outcome {
	best, length := outcomes[0], -1
	for _, o := range outcomes {
		if n := common(o.like(got), got); n > length {
			best, length = o, n
		}
	}
	return best
}

func common(want string, got []byte) int {
	n := 0
	for n < len(want) && n < len(got) && want[n] == got[n] {
		n++
	}
	return n
}

func difference(want string, got []byte) *Difference {
	n := common(want, got)
	if len(got) == 0 || (n == len(want) && n == len(got)) {
		return nil
	}
	d := &Difference{Offset: n}
	if n < len(want) {
		d.Expected = wire.Quote([]byte(want[n:]), 24)
	}
	if n < len(got) {
		d.Received = wire.Quote(got[n:], 24)
	}
	return d
}

func (cl *Client) fail(code Code, message string, expected []string, s wire.State, diff *Difference, waited bool) {
	r := cl.reason(code, message, expected, s)
	r.Diff = diff
	if diff != nil {
		r.Hint = likely(expected, s.Unread, diff)
	}
	cl.c.fail(r, waited)
}

// likely recognises the mistakes that show in the bytes themselves.
func likely(expected []string, got []byte, d *Difference) string {
	if len(expected) != 1 {
		return ""
	}
	want, err := strconv.Unquote(strings.TrimSuffix(expected[0], ", then FIN"))
	if err != nil {
		return ""
	}
	text := string(got)
	switch {
	case strings.TrimRight(text, "\r\n") == strings.TrimRight(want, "\r\n"):
		return fmt.Sprintf("only the line end differs: %q is due, %q came", lineEnd(want), lineEnd(text))
	case strings.EqualFold(text, want):
		return "only upper and lower case differ"
	case bytes.HasPrefix(got, []byte(want)):
		return "the answer is right, but bytes follow it"
	case strings.TrimSpace(text) == strings.TrimSpace(want):
		return "only white space at the ends differs"
	}
	return ""
}

func lineEnd(s string) string { return s[len(strings.TrimRight(s, "\r\n")):] }

// reason gathers the evidence of the current exchange of this connection.
func (cl *Client) reason(code Code, message string, expected []string, s wire.State) Reason {
	return Reason{Code: code, Message: message, Expected: expected, Sent: sentText(cl.events()), Received: cl.received(s)}
}

func (cl *Client) received(s wire.State) string { return receivedText(cl.events(), s) }

// events is what happened on this connection since the exchange began.
func (cl *Client) events() []wire.Event {
	var own []wire.Event
	events := cl.c.transcript.Events()
	for _, e := range events[min(cl.exchange, len(events)):] {
		if e.Conn == cl.conn.ID {
			own = append(own, e)
		}
	}
	return own
}

const shownBytes = 240

func sentText(events []wire.Event) string {
	ends := map[wire.Kind]string{wire.HalfClosed: "FIN", wire.Closed: "close", wire.WasReset: "RST"}
	var sent []wire.Event
	for _, e := range events {
		if _, end := ends[e.Kind]; end || e.Kind == wire.Sent {
			sent = append(sent, e)
		}
	}
	var parts []string
	if n := len(sent); n > 6 { // a message in many pieces reads better whole
		var all []byte
		segments, last := 0, sent[0].At
		for _, e := range sent {
			if e.Kind == wire.Sent {
				all = append(all, e.Data.Head...)
				segments, last = segments+1, e.At
			} else {
				parts = append(parts, ends[e.Kind])
			}
		}
		whole := fmt.Sprintf("%s in %d segments over %s", wire.Quote(all, shownBytes), segments, took(last-sent[0].At))
		return strings.Join(append([]string{whole}, parts...), " · ")
	}
	for i, e := range sent {
		if i > 0 {
			if gap := e.At - sent[i-1].At; gap >= 2*time.Millisecond {
				parts = append(parts, took(gap))
			}
		}
		if end, ok := ends[e.Kind]; ok {
			parts = append(parts, end)
		} else {
			parts = append(parts, e.Data.Quote(shownBytes))
		}
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, " · ")
}

func receivedText(events []wire.Event, s wire.State) string {
	text := "nothing"
	if len(s.Unread) > 0 {
		text = wire.Quote(s.Unread, shownBytes)
	}
	var lastSent, firstByte, end time.Duration = -1, -1, -1
	sends, before := 0, 0
	for _, e := range events {
		switch e.Kind {
		case wire.Sent, wire.HalfClosed:
			sends++
			if firstByte < 0 {
				lastSent, before = e.At, sends
			}
		case wire.Received:
			if firstByte < 0 {
				firstByte = e.At
			}
		case wire.FIN, wire.RST, wire.Broken:
			end = e.At
		}
	}
	if len(s.Unread) > 0 && firstByte >= 0 && lastSent >= 0 {
		text += fmt.Sprintf(" %s after ", took(firstByte-lastSent))
		if before < sends {
			text += fmt.Sprintf("segment %d", before)
		} else {
			text += "the last byte was sent"
		}
	}
	switch s.End {
	case "":
		if s.TimedOut {
			text += ", and the connection stayed open"
		}
	case wire.Broken:
		text += ", then the connection broke"
	default:
		text += ", then " + strings.ToUpper(string(s.End))
		switch {
		case end < 0 || lastSent < 0 || len(s.Unread) > 0:
		case end < lastSent:
			text += ", before all was sent"
		default:
			text += fmt.Sprintf(" %s after the last byte was sent", took(end-lastSent))
		}
	}
	return text
}

// took makes a duration readable: "1.25 s", "30 ms", "0.11 ms".
func took(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case d >= time.Second:
		return fmt.Sprintf("%.4g s", d.Seconds())
	case ms >= 10:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.2g ms", ms)
	}
}

// pause waits, unless the case has to end.
func (c *Case) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-c.ctx.Done():
	}
}
