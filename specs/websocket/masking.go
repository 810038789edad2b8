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
