package websocket

import (
	"fmt"
	"slices"
	"time"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

// A chop is a way of cutting frames into segments.
type chop int

const (
	inOne   chop = iota // all of them in one
	byFrame             // one for each
	byByte              // one for each byte
)

// chops are the ways in which the frames of an exchange may arrive: TCP keeps
// no boundaries, so that no way may matter.
var chops = []chop{inOne, byFrame, byByte}

// SendChopped sends frames, cut in one of the ways. It stops when the server
// has ended the connection.
func (ws *conn) SendChopped(how chop, frames ...frame.Frame) {
	switch how {
	case inOne:
		ws.Send(frames...)
	case byFrame:
		for i, f := range frames {
			if i > 0 {
				ws.c.Pause(ws.c.Timing().Gap)
			}
			if ws.client.Gone() {
				return
			}
			ws.Send(f)
		}
		ws.remark("each frame in a segment of its own")
	case byByte:
		ws.dribble(ws.encode(frames...), 1)
	}
}

// dribble sends bytes in pieces of a size, with a short pause between them.
func (ws *conn) dribble(p string, size int) {
	if size == 1 {
		ws.remark("byte by byte")
	} else {
		ws.remark("in pieces of %d bytes", size)
	}
	for len(p) > 0 && !ws.client.Gone() {
		n := min(size, len(p))
		ws.SendBytes(p[:n])
		p = p[n:]
		ws.c.Pause(ws.c.Timing().Gap / 8)
	}
}

// atLeast is a pause of the length that a requirement names, or longer for a
// target that is slow.
func atLeast(c *specs.Case, d time.Duration) time.Duration { return max(d, 3*c.Timing().Quiet) }

// SendStream sends bytes that need not be frames, and knows those that are: a
// server may answer them.
func (ws *conn) SendStream(p string) {
	ws.invalid = true
	for rest := []byte(p); !ws.closing; {
		f, n, ok := frame.Read(rest)
		if !ok {
			break
		}
		ws.describe(f)
		rest = rest[n:]
	}
	ws.SendBytes(p)
}

// fragments are the frames of one message.
func fragments(op frame.Opcode, parts ...string) []frame.Frame {
	var list []frame.Frame
	for i, part := range parts {
		f := frame.New(op, part)
		if i > 0 {
			f.Opcode = frame.Continuation
		}
		f.Fin = i == len(parts)-1
		list = append(list, f)
	}
	return list
}

// Withholds proves that for a while no message is whole and no Pong comes. The
// end of the connection is left to the next expectation.
func (ws *conn) Withholds(d time.Duration, why string) {
	ws.pump(d, func() bool { return len(ws.messages) > 0 || len(ws.pongs) > 0 || ws.close != nil })
	if len(ws.messages) > 0 || len(ws.pongs) > 0 {
		judge(ws.client, ws.exchange(), ws.reaction(), []outcome{expecting("no answer yet: "+why, func(reaction) bool { return false })})
	}
}

// ExpectWithin is Expect where silence is an answer that is allowed: nothing is
// sent after it.
func (ws *conn) ExpectWithin(d time.Duration, outcomes ...outcome) {
	timedOut := ws.pump(d, func() bool { return len(ws.messages) > 0 || len(ws.pongs) > 0 || ws.close != nil })
	r := ws.settle(timedOut)
	i := judge(ws.client, ws.exchange(), r, outcomes)
	ws.countFailure(r, outcomes[i])
	ws.messages, ws.pongs, ws.sent = nil, nil, nil
}

// ExpectPongs waits for the answers to Pings that were sent at once. A server
// may answer some of them only (RFC 6455 §5.5.3), each once and in order. They
// are all there when one that is sent later is answered; it is not sent before
// there was time for the others, because some servers drop a Ping while another
// waits for its Pong.
func (ws *conn) ExpectPongs(payloads ...string) {
	timedOut := ws.pump(ws.client.Patience(0), func() bool { return len(ws.pongs) > 0 || ws.close != nil })
	if !timedOut {
		ws.pump(2*ws.c.Timing().Quiet, func() bool { return len(ws.pongs) >= len(payloads) || ws.close != nil })
		sent, mark := ws.sent, "mark-"+ws.c.Word()
		ws.Ping(mark)
		ws.sent = sent
		timedOut = ws.pump(ws.client.Patience(0), func() bool { return slices.Contains(ws.pongs, mark) || ws.close != nil })
		if i := slices.Index(ws.pongs, mark); i >= 0 {
			ws.pongs = ws.pongs[:i]
		} else {
			judge(ws.client, ws.exchange(), ws.settle(timedOut), []outcome{expecting("PONGs, and one for the PING that is sent next", func(reaction) bool { return false })})
		}
	}
	r := ws.settle(timedOut)
	open := func(r reaction) bool { return r.end == "" && r.close == nil }
	judge(ws.client, ws.exchange(), r, []outcome{
		expecting("a PONG for each PING, in order", func(r reaction) bool { return open(r) && slices.Equal(r.pongs, payloads) }),
		expecting("a PONG for some of them, in order", func(r reaction) bool {
			return open(r) && len(r.pongs) > 0 && subsequence(r.pongs, payloads)
		}).info("some of the Pings that came at once are not answered, as libwebsockets does"),
	})
	ws.pongs, ws.sent = nil, nil
}

// subsequence says whether a list can be had by leaving items out of another.
func subsequence(list, of []string) bool {
	for _, item := range of {
		if len(list) > 0 && list[0] == item {
			list = list[1:]
		}
	}
	return len(list) == 0
}

// gone is the end of the connection, with any Close frame that may be sent, or
// none, before it.
func gone() outcome {
	return expecting("a Close frame or none, then FIN or RST", func(r reaction) bool {
		if r.end == "" || r.answered() {
			return false
		}
		if r.close == nil {
			return true
		}
		code := r.close.CloseCode()
		return code == 0 || code >= 1000 && !slices.Contains([]int{1004, 1005, 1006, 1015}, code)
	})
}

// behind demands messages, in this order, before the outcome.
func (o outcome) behind(messages ...message) outcome {
	match := o.match
	o.match = func(r reaction) bool {
		for _, m := range messages {
			if len(r.messages) == 0 || !r.messages[0].is(m.op, m.data) {
				return false
			}
			r.messages = r.messages[1:]
		}
		return match(r)
	}
	return o
}

// ponging allows one Pong before the outcome.
func (o outcome) ponging(payload string) outcome {
	match := o.match
	o.match = func(r reaction) bool {
		if slices.Equal(r.pongs, []string{payload}) {
			r.pongs = nil
		}
		return match(r)
	}
	return o
}

// streaming allows the beginning of a message without its end: a server may
// send back what has come of a message before the rest has.
func (o outcome) streaming() outcome {
	match := o.match
	o.match = func(r reaction) bool {
		r.partial = false
		return match(r)
	}
	return o
}

// torn describes what has come of a frame that is not whole; "" when there is
// nothing of it.
func (ws *conn) torn() string {
	s := ws.client.Await(0, func([]byte) bool { return true })
	if len(s.Unread) == 0 {
		return ""
	}
	f, size, ok := frame.ReadHeader(s.Unread)
	switch {
	case !ok:
		return "a part of a frame, " + wire.Quote(s.Unread, 20)
	case f.Length <= uint64(len(s.Unread)-size):
		return "" // it is whole, and not read yet
	}
	return fmt.Sprintf("%d bytes of a %s that announces %d, %s", len(s.Unread)-size, f.Opcode, f.Length, wire.Quote(s.Unread, 20))
}

// anyText is a random text of n bytes, of characters of every length.
func anyText(c *specs.Case, n int) string {
	p := make([]byte, 0, n)
	for len(p) < n {
		switch left := n - len(p); c.IntN(min(4, left)) {
		case 0:
			p = append(p, byte(' '+c.IntN(95)))
		case 1:
			p = append(p, string(rune(0xA0+c.IntN(0x700)))...)
		case 2:
			p = append(p, string(rune(0x1000+c.IntN(0xC000)))...)
		case 3:
			p = append(p, string(rune(0x1F300+c.IntN(0x400)))...)
		}
	}
	return string(p)
}
