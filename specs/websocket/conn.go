package websocket

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

// message is a data message, reassembled and inflated.
type message struct {
	op         frame.Opcode // Text or Binary
	data       string
	frames     int  // how many it came in
	compressed bool // it came compressed (RFC 7692)
	masked     bool // a frame of it was
	size       int  // of its payload on the wire, in bytes
}

func text(data string) message { return message{op: frame.Text, data: data} }

// is says whether a message is this one. One that came masked is none: a client
// must fail the connection because of it (RFC 6455 §5.1).
func (m message) is(op frame.Opcode, data string) bool {
	return m.op == op && m.data == data && !m.masked
}

func (m message) String() string {
	if m.masked {
		m.masked = false
		return m.String() + ", masked"
	}
	if len(m.data) > 64 {
		return fmt.Sprintf("%s message of %d bytes, %s", m.op, len(m.data), wire.Quote([]byte(m.data), 64))
	}
	return fmt.Sprintf("%s message %s", m.op, wire.Quote([]byte(m.data), 64))
}

// conn is a client's connection after the opening handshake. It reads frames,
// answers Pings, joins fragments, inflates, and observes the rules that hold
// for everything that a server sends.
type conn struct {
	client *specs.Client
	c      *specs.Case
	reply  *response
	codec  *codec // nil unless permessage-deflate was agreed on

	brief     bool   // what comes is not described frame by frame: there is too much of it
	mute      bool   // Pings are not answered
	noClose   bool   // a Close frame of the server is not answered
	emptyPing bool   // a Ping without a payload was sent, and not answered yet
	invalid   bool   // invalid UTF-8 was sent as text: an echo of it is no news
	closing   bool   // we have sent a Close frame
	begun     bool   // the server has sent one before us
	sentCode  int    // the code of that Close frame
	outgoing  []byte // the text that we have sent fragments of; nil if there is none

	sent     []string // what was sent in this exchange, described
	settled  bool     // the exchange has ended well: what is sent next begins another
	messages []message
	pongs    []string
	close    *frame.Frame
	closes   int // Close frames that came
	frames   int // that have come, of every kind
	masked   int // of these, which no server may send
	joining  *message
	joined   []byte // the payload of joining so far
	end      wire.Kind
}

// open makes a connection and its opening handshake, changed by mods. When that
// is refused, the case ends.
func open(c *specs.Case, mods ...func(*request)) *conn {
	needsAnswers(c)
	return openAnyway(c, mods...)
}

// needsAnswers ends a case of which nothing can be told when the target is mute.
func needsAnswers(c *specs.Case) {
	if mute(c) {
		c.Blocked("the target answers nothing after the opening handshake: neither a Ping nor a message")
	}
}

// openAnyway is open for the requirements that say what every server answers.
func openAnyway(c *specs.Case, mods ...func(*request)) *conn {
	if c.Dialect("opening") == "none" {
		c.Blocked("needs a connection after the opening handshake, which the target does not accept")
	}
	ws, r := try(c, mods...)
	if ws == nil {
		judge(r.client, r.sent(), r.reaction, []outcome{accepted()})
	}
	return ws
}

// isEcho says whether messages of the server are answers, as far as is known. What
// an application that is no echo says, a greeting or whatever else it has to tell,
// is its own business: it answers nothing, and breaks no silence.
func isEcho(c *specs.Case) bool { return c.Dialect("echo") != "no" }

// mute says whether the target was seen to answer nothing after the opening
// handshake, so that nothing can be told of it.
func mute(c *specs.Case) bool {
	return !isEcho(c) && c.Dialect("pong") == "no"
}

// shut says why the target cannot be judged beyond the opening handshake.
func shut(c *specs.Case) string {
	switch c.Dialect("opening") {
	case "none":
		return "no opening handshake at " + path(c) + " is answered with a right 101"
	case "tutorial-004":
		if !c.Declared("opening") {
			return "the target accepts an opening handshake only if the key is in Sec-Websocket-Key, spelt so: declare --dialect opening=tutorial-004 to have the rest judged"
		}
	}
	return ""
}

// barred is shut, and what is judged all the same: that no 101 comes, which is
// one failure, or what is wrong with the one that does.
func barred(c *specs.Case) (why string, but []string) {
	if why = shut(c); why == "" {
		return "", nil
	}
	if c.Dialect("opening") == "none" {
		_, a := try(c)
		if a.client.Leave(); a.reaction.reply.status == 101 {
			return why, about101
		}
	}
	return why, about101[:1]
}

// attempt is what came of an opening handshake.
type attempt struct {
	client   *specs.Client
	method   string
	request  string
	what     string // is wrong with it, in a word or two
	reaction reaction
}

// sent describes the request.
func (a attempt) sent() string {
	s := wire.Quote([]byte(a.request), 400)
	if a.what != "" {
		s += " (" + a.what + ")"
	}
	return s
}

// try makes a connection and its opening handshake; the conn is nil when that
// is not accepted. In a requirement about one client the one before leaves.
func try(c *specs.Case, mods ...func(*request)) (*conn, attempt) {
	c.Afresh()
	req := hello(c)
	for _, mod := range mods {
		mod(req)
	}
	return converse(c.Dial(), req)
}

// converse has the opening handshake on a client that is connected.
func converse(cl *specs.Client, req *request) (*conn, attempt) {
	cl.Send(req.String())
	return hear(cl, req)
}

// hear reads the answer to an opening handshake that was sent. A refusal is
// read with its body.
func hear(cl *specs.Client, req *request) (*conn, attempt) {
	c := cl.Case()
	reply := readResponse(cl, patience(c, 0))
	a := attempt{client: cl, method: req.method, request: req.String(),
		reaction: reaction{reply: reply, key: strings.Trim(req.get("Sec-WebSocket-Key"), " \t"), waited: reply.timedOut}}
	observeReply(c, reply)
	if reply.status >= 200 {
		if problem := readBody(cl, req.method, reply); problem != "" {
			c.Observe(ruleRefusal, "%s: %s", problem, reply)
		}
	}
	if reply.fault(a.reaction.key) != "" {
		return nil, a
	}
	return upgrade(cl, reply), a
}

// upgrade is a client whose opening handshake has been accepted.
func upgrade(cl *specs.Client, reply *response) *conn {
	ws := &conn{client: cl, c: cl.Case(), reply: reply}
	cl.Session = ws
	if p, err := agreed(reply); err == nil && p != nil {
		ws.codec = newCodec(*p)
	}
	if n := len(ws.c.Observed(seenGreeting)); n > 0 && isEcho(ws.c) {
		ws.pump(patience(ws.c, 0), func() bool { return len(ws.messages) >= n || ws.close != nil })
		ws.messages = ws.messages[min(n, len(ws.messages)):]
	}
	return ws
}

// openEcho is open for requirements that need messages to come back.
func openEcho(c *specs.Case, mods ...func(*request)) *conn {
	needsEcho(c)
	return open(c, mods...)
}

func needsEcho(c *specs.Case) {
	if isEcho(c) {
		return
	}
	if c.Declared("echo") {
		c.Unsupported("needs messages that come back; declared is echo=no")
	}
	c.Blocked("needs messages that come back, and none did: name the path of an echo (ws://host/path), or declare --dialect echo=no if there is none")
}

// Sending.

// Send sends frames in one segment. Masking keys that are not fixed are random.
func (ws *conn) Send(frames ...frame.Frame) { ws.SendBytes(ws.encode(frames...)) }

// encode draws the masking keys of frames and describes them in the transcript.
func (ws *conn) encode(frames ...frame.Frame) string {
	var p []byte
	for _, f := range frames {
		if f.Masked && !f.Fixed {
			copy(f.Key[:], randomBytes(ws.c, 4))
		}
		p = f.Append(p)
		ws.describe(f)
	}
	return string(p)
}

func (ws *conn) describe(f frame.Frame) {
	d := f.String()
	if !f.Masked {
		d += " (unmasked)"
	}
	if ws.settled {
		ws.sent, ws.settled = nil, false
	}
	ws.sent = append(ws.sent, d)
	ws.client.Decoded("→ %s", d)
	if f.Opcode == frame.Close {
		ws.closing, ws.sentCode = true, f.CloseCode()
		ws.invalid = ws.invalid || !utf8.ValidString(f.CloseReason())
	}
	if f.Opcode == frame.Ping && len(f.Payload) == 0 {
		ws.emptyPing = true
	}
	ws.follow(f)
}

// follow notes whether what we send as text is UTF-8. What a compressed one is
// only who compresses it knows.
func (ws *conn) follow(f frame.Frame) {
	switch {
	case f.Opcode == frame.Text && f.RSV == 0:
		ws.outgoing = append([]byte{}, f.Payload...)
	case f.Opcode == frame.Continuation && ws.outgoing != nil:
		ws.outgoing = append(ws.outgoing, f.Payload...)
	default:
		return
	}
	if f.Fin {
		ws.invalid = ws.invalid || !utf8.Valid(ws.outgoing)
		ws.outgoing = nil
	}
}

// SendBytes sends bytes in one segment.
func (ws *conn) SendBytes(p string) { ws.client.Send(p) }

// SendPieces sends frames cut at the given offsets of their bytes, with a pause
// before each piece but the first.
func (ws *conn) SendPieces(pause time.Duration, frames []frame.Frame, cuts ...int) {
	p := ws.encode(frames...)
	if len(frames) > 1 {
		ws.remark("all of it cut behind %s", places(cuts))
	} else {
		ws.remark("cut behind %s", places(cuts))
	}
	from := 0
	for i, cut := range append(cuts, len(p)) {
		if i > 0 {
			ws.c.Pause(pause)
		}
		if from < cut {
			ws.client.Send(p[from:cut])
		}
		from = cut
	}
}

// places names offsets, the first ones of many.
func places(cuts []int) string {
	const most = 8
	list := make([]string, 0, most)
	for _, cut := range cuts[:min(len(cuts), most)] {
		list = append(list, strconv.Itoa(cut))
	}
	text := "byte " + strings.Join(list, ", ")
	if len(cuts) > most {
		text += ", …"
	}
	return text
}

// remark adds to the description of what was sent last how it goes over the wire.
func (ws *conn) remark(format string, args ...any) {
	if last := len(ws.sent) - 1; last >= 0 {
		ws.sent[last] += " (" + fmt.Sprintf(format, args...) + ")"
	}
}

// Text sends a text message in one frame.
func (ws *conn) Text(data string) { ws.Send(frame.New(frame.Text, data)) }

// Binary sends a binary message in one frame.
func (ws *conn) Binary(data string) { ws.Send(frame.New(frame.Binary, data)) }

// Ping sends a Ping.
func (ws *conn) Ping(payload string) { ws.Send(frame.New(frame.Ping, payload)) }

// Close sends a Close frame with a code and a reason; the code 0 makes it empty.
func (ws *conn) Close(code int, reason string) {
	if code == 0 {
		ws.Send(frame.New(frame.Close, ""))
		return
	}
	ws.Send(frame.NewClose(code, reason))
}

// Reading.

// pump reads frames until enough says so after one of them, the server ends, or
// d has passed; it says whether the time ran out.
func (ws *conn) pump(d time.Duration, enough func() bool) (timedOut bool) {
	deadline := time.Now().Add(d)
	for {
		if enough() || ws.end != "" {
			return false
		}
		s := ws.client.Await(time.Until(deadline), func(p []byte) bool {
			f, size, ok := frame.ReadHeader(p)
			return ok && f.Length <= uint64(len(p)-size)
		})
		f, n, ok := frame.Read(s.Unread)
		if !ok {
			ws.end = s.End
			if s.Flooded {
				ws.c.Refute(specs.Reason{Code: specs.Flood, Message: "more bytes than any answer could have", Sent: ws.exchange(),
					Received: wire.Quote(s.Unread, 120)}, false)
			}
			return s.TimedOut
		}
		ws.client.Consume(n)
		ws.take(f)
	}
}

// exchange describes what was sent since the last expectation.
func (ws *conn) exchange() string {
	list := ws.sent
	if len(list) > 8 {
		list = append(append(list[:4:4], fmt.Sprintf("… (%d more)", len(list)-7)), list[len(list)-3:]...)
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, " · ")
}

// take deals with one frame of the server.
func (ws *conn) take(f frame.Frame) {
	ws.frames++
	if f.Masked {
		ws.masked++
	}
	if !ws.brief {
		ws.client.Decoded("← %s", f)
	}
	ws.observe(f)
	if f.Opcode.IsControl() {
		switch f.Opcode {
		case frame.Ping:
			// A masked one is what we have sent, sent back: an answer would be
			// sent back as well, and pass for a Pong.
			if !ws.mute && !ws.closing && !f.Masked {
				ws.pong(f)
			}
		case frame.Pong:
			// One that nobody asked for, as some servers send to keep a
			// connection alive, is empty (RFC 6455 §5.5.3).
			if len(f.Payload) > 0 || ws.emptyPing {
				ws.pongs = append(ws.pongs, string(f.Payload))
			}
		case frame.Close:
			ws.closes++
			if ws.close == nil {
				ws.close, ws.begun = &f, !ws.closing
				if ws.begun && !ws.noClose {
					// As RFC 6455 §5.5.1 wants it, with the same code: a
					// server may wait for it before it ends.
					ws.quietly(frame.New(frame.Close, string(f.Payload[:min(2, len(f.Payload))])))
				}
			}
		}
		return
	}
	if f.Opcode != frame.Continuation || ws.joining == nil {
		op := f.Opcode
		if op != frame.Text {
			op = frame.Binary
		}
		ws.joining, ws.joined = &message{op: op, compressed: f.RSV&frame.RSV1 != 0}, nil
	}
	m := ws.joining
	ws.joined = append(ws.joined, f.Payload...)
	m.frames++
	m.masked = m.masked || f.Masked
	if !f.Fin {
		return
	}
	m.data = string(ws.joined)
	ws.joining, ws.joined = nil, nil
	m.size = len(m.data)
	if m.compressed && ws.codec != nil {
		data, err := ws.codec.inflate(m.data)
		if err != nil {
			ws.c.Observe(ruleDeflate, "a compressed message does not inflate: %s", err)
		}
		m.data = data
	}
	if m.op == frame.Text && !ws.invalid && !utf8.ValidString(m.data) {
		ws.c.Observe(ruleUTF8, "%s is no UTF-8", m)
	}
	if isEcho(ws.c) {
		ws.messages = append(ws.messages, *m)
	}
}

// quietly sends a frame that no exchange is about.
func (ws *conn) quietly(f frame.Frame) {
	copy(f.Key[:], randomBytes(ws.c, 4))
	if f.Opcode == frame.Close {
		ws.closing, ws.sentCode = true, f.CloseCode()
	}
	ws.client.Decoded("→ %s", f)
	ws.client.Send(f.Bytes())
}

// pong answers a Ping (RFC 6455 §5.5.2).
func (ws *conn) pong(f frame.Frame) { ws.quietly(frame.New(frame.Pong, string(f.Payload))) }

// Expectations.

// ExpectMessage waits for the next message, which must have this type and
// content. Pongs and fragments may come in any order between (RFC 6455 §5.4).
// A target whose limit is smaller says so with 1009, and is not judged.
func (ws *conn) ExpectMessage(op frame.Opcode, data string) message {
	began := time.Now()
	timedOut := ws.pump(patience(ws.c, len(data)), func() bool { return len(ws.messages) > 0 || ws.close != nil })
	if len(ws.messages) == 0 {
		ws.beyond(op, len(data))
		r := ws.settle(timedOut)
		judge(ws.client, ws.exchange(), r, []outcome{echoed(op, data)})
	}
	m := ws.messages[0]
	ws.messages = ws.messages[1:]
	if !m.is(op, data) {
		ws.c.Refute(mismatch(ws.exchange(), message{op: op, data: data}, m), false)
	}
	ws.client.Took(time.Since(began))
	ws.settled = len(ws.messages) == 0
	return m
}

// mismatch is the evidence for a message other than the expected one.
func mismatch(sent string, want, got message) specs.Reason {
	r := specs.Reason{Code: specs.WrongBytes, Message: "another message than the one that was sent came back", Sent: sent,
		Expected: []string{want.String()}, Received: got.String()}
	switch n := common(want.data, got.data); {
	case got.masked:
		r.Message = "the message came masked, which makes a client fail the connection"
		r.Hint = "frames of a server are not masked; one that sends back the bytes it has received sends the mask too"
	case want.data == got.data:
		r.Message = fmt.Sprintf("the message came back as %s", got.op)
		r.Hint = "the type of a message is the opcode of its first frame"
	default:
		r.Diff = &specs.Difference{Offset: n, Expected: wire.Quote([]byte(want.data[n:]), 24), Received: wire.Quote([]byte(got.data[n:]), 24)}
		if n == len(got.data) {
			r.Diff.Received = ""
		}
		if n == len(want.data) {
			r.Diff.Expected = ""
		}
	}
	return r
}

func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// beyond ends the case when the server has refused a message because of its
// size or, if it is binary, its type: that is its right, unless it is declared
// to take as much.
func (ws *conn) beyond(op frame.Opcode, size int) {
	if ws.close == nil && ws.end == "" {
		return
	}
	code := 0 // a connection may fail without a Close frame, or with an empty one
	if ws.close != nil {
		code = ws.close.CloseCode()
	}
	limit := maxMessage(ws.c)
	switch {
	case code == 0 && limit > 0 && size > limit:
		ws.c.Lacks("the target takes no message of %d bytes: more than max-message=%d, as declared, ends the connection", size, limit)
	case code == 1009 && size > smallestLimit && size > limit:
		ws.c.Lacks("the target takes no message of %d bytes: it answered CLOSE 1009", size)
	case code == 1003 && op == frame.Binary:
		ws.c.Lacks("the target takes no binary messages: it answered CLOSE 1003")
	}
}

// smallestLimit is the largest message that every respected server takes by
// default, in bytes.
const smallestLimit = 8 << 10

// ExpectText waits for the next message, which must be this text.
func (ws *conn) ExpectText(data string) { ws.ExpectMessage(frame.Text, data) }

// ExpectBinary waits for the next message, which must be these bytes.
func (ws *conn) ExpectBinary(data string) { ws.ExpectMessage(frame.Binary, data) }

// ExpectEmpty is ExpectMessage for an empty one, which some applications swallow;
// it says whether it came.
func (ws *conn) ExpectEmpty(op frame.Opcode) bool {
	return ws.Expect(echoed(op, ""), stays().nonstrict(swallowed)) == 0
}

// ExpectPong waits for the next Pong, which must have this payload. Messages
// may come before it.
func (ws *conn) ExpectPong(payload string) {
	began := time.Now()
	timedOut := ws.pump(ws.client.Patience(0), func() bool { return len(ws.pongs) > 0 || ws.close != nil })
	if len(ws.pongs) == 0 || ws.pongs[0] != payload {
		judge(ws.client, ws.exchange(), ws.settle(timedOut), []outcome{ponged(payload)})
	}
	ws.pongs = ws.pongs[1:]
	if payload == "" {
		ws.emptyPing = false
	}
	ws.client.Took(time.Since(began))
	ws.settled = true
}

// Stays proves that the connection is still usable: a Ping with a payload of
// its own is answered, or a message where the target answers no Pings.
func (ws *conn) Stays() {
	switch mark := ws.fence(); {
	case mark == "":
		ws.c.Blocked("needs a Ping or a message that is answered, and the target answers neither")
	case pings(ws.c):
		ws.ExpectPong(mark)
	default:
		ws.ExpectText(mark)
	}
}

// pings says whether the target answers Pings, as far as is known.
func pings(c *specs.Case) bool { return c.Dialect("pong") != "no" }

// fence sends something that is answered by every server that still serves the
// connection: a Ping, or a message where Pings are not answered. It returns
// what the answer says; "" when the target answers neither.
func (ws *conn) fence() string {
	mark := "mark-" + ws.c.Word()
	switch {
	case pings(ws.c):
		ws.Ping(mark)
	case isEcho(ws.c):
		ws.Text(mark)
	default:
		return ""
	}
	return mark
}

// Expect waits for the reaction to what was sent and takes the verdict of the
// outcome that it is; it returns the index of that outcome.
func (ws *conn) Expect(outcomes ...outcome) int {
	patient := slices.ContainsFunc(outcomes, func(o outcome) bool { return o.patient })
	misread := slices.ContainsFunc(outcomes, func(o outcome) bool { return o.misread })
	began := time.Now()
	decided := func() bool {
		r := ws.reaction()
		return ws.close != nil || misread && r.answered() && !r.partial || slices.ContainsFunc(outcomes, func(o outcome) bool {
			return (r.answered() || r.close != nil) && !r.partial && o.match(r)
		})
	}
	wait := patience(ws.c, 0)
	if !patient && !misread && !slices.ContainsFunc(outcomes, func(o outcome) bool { return o.answer && o.verdict == specs.Pass }) {
		wait = 2 * ws.c.Timing().Quiet
	}
	timedOut := ws.pump(wait, decided)
	r := ws.settle(timedOut)
	if timedOut && !patient && r.close == nil {
		// It has not failed the connection. Whether it goes on with it shows
		// at once; otherwise it gets the time that an answer may take.
		sent, settled, before := ws.sent, ws.settled, len(ws.messages)
		ws.invalid = ws.invalid || misread // what comes back of it may be the half of a frame
		mark := ws.fence()
		ws.sent, ws.settled = sent, settled
		passed := func() bool {
			return slices.Contains(ws.pongs, mark) ||
				slices.ContainsFunc(ws.messages[before:], func(m message) bool { return m.is(frame.Text, mark) })
		}
		waited := ws.pump(patience(ws.c, 0), func() bool { return passed() || ws.close != nil })
		usable := passed()
		ws.pongs = slices.DeleteFunc(ws.pongs, func(p string) bool { return p == mark })
		ws.messages = slices.DeleteFunc(ws.messages, func(m message) bool { return m.is(frame.Text, mark) })
		if usable || !misread {
			r = ws.settle(waited)
			r.usable = usable
		}
	}
	if !r.waited {
		ws.client.Took(time.Since(began))
	}
	outcomes = append(outcomes, ws.unfitting(r, outcomes)...)
	i := judge(ws.client, ws.exchange(), r, outcomes)
	ws.countFailure(r, outcomes[i])
	ws.messages, ws.pongs, ws.sent = nil, nil, nil
	return i
}

// settle waits for the end of the TCP connection where a Close frame says that
// it is due, and is the reaction so far.
func (ws *conn) settle(timedOut bool) reaction {
	if ws.close == nil || ws.end != "" {
		r := ws.reaction()
		r.waited = timedOut
		return r
	}
	wait, began := 2*patience(ws.c, 0), time.Now()
	known := len(ws.c.Observed(seenLateEnd)) > 0
	if known {
		wait = ws.c.Timing().Quiet
	}
	timedOut = ws.pump(wait, func() bool { return false })
	if ws.end != "" && time.Since(began) > lateEnd {
		ws.c.Tally(seenLateEnd, "%s after the Close frame", time.Since(began).Round(10*time.Millisecond))
	}
	r := ws.reaction()
	r.waited = timedOut
	if r.end == "" && known {
		r.end, r.waited = late, false
	}
	return r
}

// late is the end of the TCP connection behind a Close frame, when the target
// was seen to take long for it. That it comes at all, and in time, is judged by
// requirements of its own; to wait for it everywhere would take minutes.
const late wire.Kind = "late"

// lateEnd is how long after a Close frame an end is late.
const lateEnd = time.Second

func (ws *conn) reaction() reaction {
	return reaction{messages: ws.messages, partial: ws.joining != nil && isEcho(ws.c), torn: ws.torn(), pongs: ws.pongs, close: ws.close, end: ws.end}
}

// ExpectClosed is the end of a closing handshake that we have begun: a Close
// frame with one of the codes, 0 for an empty one, then the end.
func (ws *conn) ExpectClosed(codes ...int) { ws.Expect(closed(codes...)) }

// ExpectFailed waits for the connection to fail: see failed.
func (ws *conn) ExpectFailed(codes ...int) { ws.Expect(failed(codes...)) }

// ExpectNothing proves that no message, Pong or end comes for the quiet window.
func (ws *conn) ExpectNothing(why string) {
	ws.ExpectNothingFor(ws.c.Timing().Quiet, why)
}

// ExpectNothingFor is ExpectNothing with a window of its own.
func (ws *conn) ExpectNothingFor(d time.Duration, why string) {
	ws.pump(d, func() bool { return len(ws.messages) > 0 || len(ws.pongs) > 0 || ws.close != nil })
	if len(ws.messages) > 0 || len(ws.pongs) > 0 || ws.close != nil || ws.end != "" {
		judge(ws.client, ws.exchange(), ws.reaction(), []outcome{expecting("nothing: "+why, func(reaction) bool { return false })})
	}
}

// LeftOver ends a connection that is still open with a closing handshake, and
// fails the case for a message that nobody has asked for. The closing handshake
// itself is judged by the requirements about it.
func (ws *conn) LeftOver() {
	if ws.end == "" && !ws.client.Gone() {
		first := ws.close == nil && !ws.closing
		if first {
			ws.quietly(frame.NewClose(1000, ""))
		}
		ws.pump(ws.c.Timing().Leave, func() bool { return ws.close != nil })
		ws.pump(ws.c.Timing().Leave, func() bool { return false })
		if first {
			ws.countEnd()
		}
	}
	if len(ws.messages) > 0 {
		ws.c.Refute(specs.Reason{Code: specs.ExtraBytes, Message: "a message came that nobody has asked for",
			Sent: ws.exchange(), Expected: []string{"nothing more"}, Received: ws.reaction().String()}, false)
	}
}

// provoke is the shape of a requirement about something that must fail the
// connection: it works before, frames are sent in one segment, what follows is
// one of the outcomes, and a new client is served as usual.
func provoke(c *specs.Case, frames []frame.Frame, outcomes ...outcome) {
	ws := open(c)
	ws.Stays()
	ws.Send(frames...)
	ws.Expect(outcomes...)
	c.StillServes()
}
