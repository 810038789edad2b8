package websocket

import (
	"conform/specs"
	"conform/specs/websocket/frame"
)

// talk has a conversation in which a server sends frames of every kind, so that
// what is wrong with them is observed. It judges nothing, but for a server that
// has no frame of its own to judge: one that is silent, or sends back the bytes
// that it was sent.
func talk(c *specs.Case) {
	ws := open(c)
	answered := func() bool { return len(ws.messages)+len(ws.pongs) > 0 || ws.close != nil }
	silent := false
	say := func(f frame.Frame) {
		if silent {
			return
		}
		ws.messages, ws.pongs = nil, nil
		ws.Send(f)
		silent = ws.pump(patience(c, len(f.Payload)), answered) && ws.frames == 0
	}
	if pings(c) {
		for _, payload := range []string{"", "ping", randomBytes(c, 125)} {
			say(frame.New(frame.Ping, payload))
		}
	}
	if isEcho(c) {
		for _, size := range []int{0, 1, 125, 126, 127, 4096} {
			say(frame.New(frame.Text, ascii(c, size)))
			say(frame.New(frame.Binary, randomBytes(c, size)))
		}
	}
	ws.Close(1000, "bye")
	ws.pump(patience(c, 0), func() bool { return false })
	ws.messages, ws.pongs = nil, nil
	switch {
	case ws.frames == 0:
		judge(ws.client, ws.exchange(), ws.settle(true), []outcome{expecting("frames that answer some of it", func(reaction) bool { return false })})
	case ws.frames == ws.masked:
		observed(c, ruleUnmasked, unmaskedFrames)
	}
}

// ascii is a random text of n bytes of ASCII, no two parts of which are alike.
func ascii(c *specs.Case, n int) string {
	p := c.Bytes(n)
	for i := range p {
		p[i] = ' ' + p[i]%95
	}
	return string(p)
}
