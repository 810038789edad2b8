package websocket

import "conform/specs"

// handshakeRefusals is what a server must not accept (RFC 6455 §4.2.1).
func handshakeRefusals() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/handshake/post-refused", specs.Must, "RFC 6455 §4.2.1",
			"A handshake with the method POST is refused.",
			func(c *specs.Case) {
				refuses(c, "POST", func(r *request) { r.method = "POST"; r.add("Content-Length", "0") })
			}, specs.Covers("WS-HS-30"), specs.Cause("the method is not looked at; only GET opens a WebSocket")),

		specs.Requirement("websocket/handshake/no-upgrade-refused", specs.Must, "RFC 6455 §4.2.1",
			"A handshake without an Upgrade header is refused, or answered as ordinary HTTP.",
			func(c *specs.Case) {
				refuses(c, "without Upgrade", without("Upgrade"), accepted().nonstrict("accepted, as uWebSockets does"))
			}, specs.Covers("WS-HS-38"), specs.Cause("a Sec-WebSocket-Key alone is taken for a handshake")),
	}
}
