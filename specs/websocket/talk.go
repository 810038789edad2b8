package websocket

import (
	"conform/specs"
	"conform/specs/websocket/frame"
)

// talk has a conversation in which a server sends frames of every kind, so that
// what is wrong with them is observed. It judges nothing, and ends the case if
// the server has not sent a single frame.
func talk(c *specs.Case) {
	ws := open(c)
	answered := func() bool { return len(ws.messages)+len(ws.pongs) > 0 || ws.close != nil }
	say := func(f frame.Frame) {
		ws.messages, ws.pongs = nil, nil
		ws.Send(f)
		ws.pump(patience(c, len(f.Payload)), answered)
	}
	if pings(c) {
		for _, payload := range []string{"", "ping", randomBytes(c, 125)} {
			say(frame.New(frame.Ping, payload))
		}
	}
	if c.Dialect("echo") != "no" {
		for _, size := range []int{0, 1, 125, 126, 127, 4096} {
			say(frame.New(frame.Text, ascii(c, size)))
			say(frame.New(frame.Binary, randomBytes(c, size)))
		}
	}
	ws.Close(1000, "bye")
	ws.pump(patience(c, 0), func() bool { return false })
	ws.messages, ws.pongs = nil, nil
	if ws.frames == 0 {
		c.Blocked("the server has not sent a single frame")
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
