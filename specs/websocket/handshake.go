package websocket

import (
	"strings"

	"conform/specs"
)

// handshake is what a server must accept, and what its 101 must say.
func handshake() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("websocket/handshake/accepted", specs.Must, "RFC 6455 §4.2.2",
			"A valid opening handshake is answered with 101.",
			func(c *specs.Case) {
				_, a := try(c)
				judge(a.client, a.sent(), a.reaction, []outcome{switched()})
			}, specs.Covers("WS-HS-01"),
			specs.Cause("the path, the Host or a header that the server wants is not what a client sends by default: name the path as in ws://host:port/path")),

		specs.Requirement("websocket/handshake/accept-of-sample-key", specs.Must, "RFC 6455 §4.2.2",
			"The Accept of the sample key of RFC 6455 is s3pPLMBiTxaQ9kYGzzhZRbK+xOo=.",
			func(c *specs.Case) { accepts(c, "", set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")) },
			specs.Covers("WS-HS-02"),
			specs.Cause("the SHA-1 is taken of the decoded key, or its hexadecimal form is encoded; take it of the text of the key and the GUID, and encode the 20 bytes")),

		specs.Requirement("websocket/handshake/header-names-any-case", specs.Must, "RFC 9110 §5.1",
			"The names of header fields are recognised in lower case, upper case and any mixture.",
			func(c *specs.Case) {
				for _, spell := range []func(string) string{strings.ToLower, strings.ToUpper, mixedCase} {
					accepts(c, "", func(r *request) { r.rename(spell) })
				}
			}, specs.Covers("WS-HS-08"),
			specs.Cause("header names are compared byte by byte; compare them without regard to case")),
	}
}

// mixedCase is sEc-wEbSoCkEt-KeY.
func mixedCase(s string) string {
	b := []byte(strings.ToLower(s))
	for i := 1; i < len(b); i += 2 {
		b[i] = strings.ToUpper(string(b[i]))[0]
	}
	return string(b)
}

// accepts has an opening handshake that must be accepted. A reason makes a
// refusal nonstrict: it says which respected servers refuse it, or why.
func accepts(c *specs.Case, nonstrict string, mods ...func(*request)) *conn {
	ws, a := try(c, mods...)
	outcomes := []outcome{accepted()}
	if nonstrict != "" {
		outcomes = append(outcomes, refused().nonstrict(nonstrict))
	}
	judge(a.client, a.sent(), a.reaction, outcomes)
	return ws
}

// refuses has an opening handshake that must be refused, between two that must
// not. what says in a word or two what is wrong with it. Outcomes other than the
// refusal may be added.
func refuses(c *specs.Case, what string, mod func(*request), others ...outcome) {
	open(c)
	_, a := try(c, mod)
	a.what = what
	judge(a.client, a.sent(), a.reaction, append([]outcome{refused()}, others...))
	c.StillServes()
}

// set gives a field of the handshake another value.
func set(name, value string) func(*request) { return func(r *request) { r.set(name, value) } }

// without leaves a field of the handshake out.
func without(name string) func(*request) { return func(r *request) { r.del(name) } }
