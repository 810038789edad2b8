package faults

import (
	"bytes"
	"strings"
	"time"

	"conform/impl"
	"conform/impl/websocket"
)

// The tools for faulty WebSocket servers. Each makes a change that stands
// between the client and the reference: wsRequest and wsResponse rewrite the
// heads of the opening handshake, wsIn and wsOut the frames behind it,
// wsOptions the reference itself. With both they go together; the change that
// is made last stands next to the client.

// wsOptions is the reference with other options.
func wsOptions(f func(o *websocket.Options)) change {
	return func(p *plan) { f(&p.options) }
}

// wsRequest rewrites the head of every request before the reference sees it.
// A head is given to f when it is complete, blank line included, in LF alone
// too; what cannot be one goes through. What f returns is all that the
// reference sees of it.
func wsRequest(f func(head string) string) change {
	return handler(func(next impl.Handler) impl.Handler {
		var cutter headCutter
		done := false
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			if !done {
				var head []byte
				head, p, done = cutter.feed(p)
				switch {
				case !done:
					return impl.Reply{}
				case cutter.failed:
					p = append(head, p...)
				default:
					p = append([]byte(f(string(head))), p...)
				}
			}
			if len(p) == 0 {
				return impl.Reply{}
			}
			return next.Data(p)
		}}
	})
}

// wsResponse rewrites the head of every response, but for one that says 100.
func wsResponse(f func(head string) string) change {
	return handler(func(next impl.Handler) impl.Handler {
		var cutter headCutter
		done := false
		return &wsTap{Handler: next, filter: func(r impl.Reply) impl.Reply {
			p := r.Send
			r.Send = nil
			for !done && len(p) > 0 {
				head, rest, complete := cutter.feed(p)
				if !complete {
					return r
				}
				p = rest
				cutter = headCutter{}
				if interim(head) {
					r.Send = append(r.Send, head...)
					continue
				}
				done = true
				r.Send = append(r.Send, f(string(head))...)
			}
			r.Send = append(r.Send, p...)
			return r
		}}
	})
}

func interim(head []byte) bool { return bytes.HasPrefix(head, []byte("HTTP/1.1 100")) }

// headCutter collects a head up to its blank line.
type headCutter struct {
	buf    []byte
	failed bool // it is none
}

// feed returns the whole head, and what is behind it, when it is complete.
func (c *headCutter) feed(p []byte) (head, rest []byte, complete bool) {
	const most = 64 << 10
	from := max(0, len(c.buf)-3)
	c.buf = append(c.buf, p...)
	for i := from; i < len(c.buf); i++ {
		if c.buf[i] != '\n' {
			continue
		}
		if tail := c.buf[:i]; bytes.HasSuffix(tail, []byte("\n")) || bytes.HasSuffix(tail, []byte("\n\r")) {
			return c.buf[: i+1 : i+1], bytes.Clone(c.buf[i+1:]), true
		}
	}
	if b := c.buf[0]; len(c.buf) > most || b > '~' || b < ' ' && b != '\r' && b != '\n' {
		c.failed = true
		return c.buf, nil, true
	}
	return nil, nil, false
}

// headGet returns the value of the first line of a head with that name.
func headGet(head, name string) string {
	value := ""
	headEach(head, name, func(line string) string {
		if value == "" {
			_, v, _ := strings.Cut(line, ":")
			value = strings.TrimSpace(v)
		}
		return line
	})
	return value
}

// headSet gives the lines with that name another value, or adds one.
func headSet(head, name, value string) string {
	there := false
	head = headEach(head, name, func(string) string { there = true; return name + ": " + value })
	if !there {
		head = headAdd(head, name+": "+value)
	}
	return head
}

// headDel takes out the lines with that name.
func headDel(head, name string) string {
	return headEach(head, name, func(string) string { return "" })
}

// headAdd adds a line behind the others.
func headAdd(head, line string) string {
	return strings.TrimSuffix(strings.TrimSuffix(head, "\n"), "\r") + line + "\r\n\r\n"
}

// headFirst replaces the first line.
func headFirst(head, line string) string {
	_, rest, _ := strings.Cut(head, "\n")
	return line + "\r\n" + rest
}

// headEach replaces the lines with that name, in any case; an empty name is
// every line but the first, an empty line is taken out.
func headEach(head, name string, f func(line string) string) string {
	lines := strings.SplitAfter(head, "\n")
	for i := 1; i < len(lines); i++ {
		line := strings.TrimRight(lines[i], "\r\n")
		got, _, _ := strings.Cut(line, ":")
		if line == "" || name != "" && !strings.EqualFold(strings.TrimRight(got, " \t"), name) {
			continue
		}
		if changed := f(line); changed == "" {
			lines[i] = ""
		} else {
			lines[i] = changed + lines[i][len(line):]
		}
	}
	return strings.Join(lines, "")
}

// wsState is what a change keeps of one connection. The tools set what they
// name; n and kept are for the fault, and what else one needs may be added.
type wsState struct {
	request, response string // the heads, of a 101 only

	message byte // opcode of the client's message that the frame belongs to; of its begin, if it is a continuation
	echo    byte // the same of the server's
	inRead  int  // how many frames the read has completed before this one
	inside  bool // the client's message has begun before this frame, and has no end yet

	n    int
	kept []byte

	reply impl.Reply // of the current call
}

// Say sends frames to the client, behind what was answered so far.
func (s *wsState) Say(frames ...wsFrame) {
	for _, f := range frames {
		s.SayRaw(f.append(nil))
	}
}

// SayRaw sends bytes to the client.
func (s *wsState) SayRaw(p []byte) {
	if !s.reply.Close {
		s.reply.Send = append(s.reply.Send, p...)
	}
}

// Hangup ends the connection behind what was said.
func (s *wsState) Hangup() { s.reply.Close = true }

// wsFrames is a way of changing frames: it gets one and returns those that go
// on in its place.
type wsFrames func(s *wsState, fr wsFrame) []wsFrame

// wsIn changes the client's frames, each when it is complete, after a
// handshake that succeeded. Frames go to the reference masked or not as their
// fields say, so that a mask that is missing is still noticed. f may answer the
// client itself by s.Say, s.SayRaw and s.Hangup. Of a frame that announces
// more than 1 MiB, f sees the header; see wsFrame.huge.
func wsIn(f wsFrames) change { return wsBoth(f, nil) }

// wsOut changes the frames that the reference sends, but not those that s.Say
// does.
func wsOut(f wsFrames) change { return wsBoth(nil, f) }

// wsBoth is wsIn and wsOut with one state.
func wsBoth(in, out wsFrames) change {
	return handler(func(next impl.Handler) impl.Handler {
		t := &wsFrameTap{next: next, in: in, out: out,
			client: wsDecoder{most: 1 << 20}, server: wsDecoder{most: 64 << 20}}
		return &wsTap{Handler: next, data: t.data, filter: func(r impl.Reply) impl.Reply {
			t.begin()
			t.take(r)
			return t.s.reply
		}}
	})
}

// wsFrameTap stands between the client and next.
type wsFrameTap struct {
	next    impl.Handler
	in, out wsFrames
	s       wsState

	asked, answered bool // the heads are complete
	open            bool // by a 101
	partial         bool // the client's message has no end yet
	request         headCutter
	response        headCutter
	client, server  wsDecoder
}

// begin makes room for another reply.
func (t *wsFrameTap) begin() { t.s.reply, t.s.inRead = impl.Reply{}, 0 }

func (t *wsFrameTap) data(p []byte) impl.Reply {
	t.begin()
	if !t.asked {
		before := len(t.request.buf)
		head, rest, complete := t.request.feed(p)
		if !complete {
			t.pass(p)
			return t.s.reply
		}
		t.asked = true
		t.s.request = string(head)
		t.pass(p[:len(head)-before])
		p = rest
	}
	if t.open && t.in != nil {
		t.client.feed(p, t.received, t.passes)
	} else {
		t.pass(p)
	}
	return t.s.reply
}

func (t *wsFrameTap) received(f wsFrame) (huge, more bool) {
	if f.op == wsText || f.op == wsBinary {
		t.s.message = f.op
	}
	t.s.inside = t.partial
	if !f.control() {
		t.partial = !f.fin
	}
	for _, f := range t.in(&t.s, f) {
		if huge = huge || f.huge; !f.huge {
			t.pass(f.append(nil))
		}
	}
	t.s.inRead++
	return huge, !t.s.reply.Close
}

func (t *wsFrameTap) passes(p []byte) (more bool) {
	t.pass(p)
	return !t.s.reply.Close
}

// pass gives bytes to the reference.
func (t *wsFrameTap) pass(p []byte) {
	if len(p) > 0 && !t.s.reply.Close {
		t.take(t.next.Data(p))
	}
}

// take takes what the reference answers.
func (t *wsFrameTap) take(r impl.Reply) {
	if len(r.Send) > 0 {
		t.sent(r.Send)
	}
	if r.Close {
		t.s.Hangup()
	}
}

func (t *wsFrameTap) sent(p []byte) {
	for !t.answered && len(p) > 0 {
		before := len(t.response.buf)
		head, rest, complete := t.response.feed(p)
		if !complete {
			t.s.SayRaw(p)
			return
		}
		t.s.SayRaw(p[:len(head)-before])
		p = rest
		t.response = headCutter{}
		if interim(head) {
			continue
		}
		t.answered = true
		if _, rest, _ := bytes.Cut(head, []byte(" ")); bytes.HasPrefix(rest, []byte("101")) {
			t.open = true
			t.s.response = string(head)
		}
	}
	if !t.open || t.out == nil {
		t.s.SayRaw(p)
		return
	}
	t.server.feed(p, t.sends, func(p []byte) bool { t.s.SayRaw(p); return true })
}

func (t *wsFrameTap) sends(f wsFrame) (huge, more bool) {
	if f.op == wsText || f.op == wsBinary {
		t.s.echo = f.op
	}
	for _, f := range t.out(&t.s, f) {
		if huge = huge || f.huge; !f.huge {
			t.s.Say(f)
		}
	}
	return huge, true
}

// wsTap is a handler whose replies go through filter, whatever they reply to.
type wsTap struct {
	impl.Handler
	data   func(p []byte) impl.Reply // if not nil, instead of Handler's and the filter
	filter func(r impl.Reply) impl.Reply
}

func (t *wsTap) Open() impl.Reply { return t.filter(t.Handler.Open()) }

func (t *wsTap) Data(p []byte) impl.Reply {
	if t.data != nil {
		return t.data(p)
	}
	return t.filter(t.Handler.Data(p))
}

func (t *wsTap) End() impl.Reply                 { return t.filter(t.Handler.End()) }
func (t *wsTap) Deadline() time.Time             { return deadline(t.Handler) }
func (t *wsTap) Expire(now time.Time) impl.Reply { return t.filter(expire(t.Handler, now)) }
func (t *wsTap) Stop() impl.Reply                { return t.filter(stop(t.Handler)) }
