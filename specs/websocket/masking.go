package websocket

import (
	"conform/specs"
	"conform/specs/websocket/frame"
)

// masking is RFC 6455 §5.1 and §5.3: a client masks, a server never does.
func masking() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/masking/unmasked-text-fails", specs.Must, "RFC 6455 §5.1",
			"An unmasked text frame fails the connection.",
			func(c *specs.Case) {
				provoke(c, []frame.Frame{frame.New(frame.Text, "Hello").Unmasked()}, failed(1002, 1003, 1008),
					silent().nonstrict("the connection is neither failed nor served, as uWebSockets leaves it"))
			}, specs.Covers("WS-MASK-01"), specs.Cause(noMaskCheck)),

		specs.Requirement(ruleUnmasked, specs.Must, "RFC 6455 §5.1",
			"No frame of the server is masked.",
			func(c *specs.Case) {
				talk(c)
				observed(c, ruleUnmasked, "the MASK bit 0 in every frame of the server")
			}, specs.Covers("WS-MASK-16"), specs.Last,
			specs.Cause("the server masks what it sends, as a client has to")),
	}
}

const noMaskCheck = "the MASK bit is not looked at; a server closes the connection on any frame without it, with 1002 or without a word"

// talk has a conversation in which a server sends frames of every kind, so that
// what is wrong with them is observed.
func talk(c *specs.Case) {
	ws := open(c)
	if pings(c) {
		for _, payload := range []string{"", "ping", randomBytes(c, 125)} {
			ws.Ping(payload)
			ws.ExpectPong(payload)
		}
	}
	if c.Dialect("echo") != "no" {
		for _, size := range []int{0, 1, 125, 126, 127, 4096} {
			data := ascii(c, size)
			ws.Text(data)
			ws.ExpectText(data)
			data = randomBytes(c, size)
			ws.Binary(data)
			ws.ExpectBinary(data)
		}
	}
	ws.Close(1000, "")
	ws.ExpectClosed(1000, 0)
}

// ascii is a random text of n bytes of ASCII, no two parts of which are alike.
func ascii(c *specs.Case, n int) string {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(' ' + c.IntN(95))
	}
	return string(p)
}
