package zen

import (
	"strings"

	"conform/specs"
)

// What a question may be made of, and how long it may be (tutorial 000 §2: any
// bytes up to the question mark).
func messages() specs.Section {
	return specs.Section{Name: "messages", Title: "What a question may be made of", Specs: []specs.Spec{
		specs.Requirement("zen/messages/any-byte", specs.Must, "tutorial 000 §2",
			"A question may hold any byte, NUL, control bytes and 0xFF among them.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("\x00\xff\xfe?")
				client.Expect(unknown)
				every := make([]byte, 0, 256)
				for b := range 256 {
					if b != '?' {
						every = append(every, byte(b))
					}
				}
				client.Send(string(every) + "?")
				client.Expect(unknown)
				client.Send("Beautiful is better than?")
				client.Expect("Ugly.")
			}, specs.Covers("ZEN-13"),
			specs.Cause("the message is decoded as text, or treated as a C string; compare bytes")),

		specs.Requirement("zen/messages/not-ascii", specs.Must, "tutorial 000 §2",
			"A question in another script is unknown, like any other.",
			answered("为什么?", unknown), specs.Covers("ZEN-13")),

		specs.Requirement("zen/messages/nul-is-not-an-end", specs.Must, "tutorial 000 §2",
			"A NUL does not end a question: what precedes it is not looked up alone.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Beautiful is better than?\x00?")
				client.ExpectOneOf(specs.Exactly(unknown),
					specs.Exactly("Ugly."+unknown).Info("every question mark ends a question"))
			}, specs.Covers("ZEN-13"),
			specs.Cause("the message is treated as a C string; compare all of its bytes")),

		specs.Requirement("zen/messages/longer-than-a-read", specs.Must, "tutorial 000 §2",
			"A question of 10 000 bytes is answered once.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send(strings.Repeat("x", 10_000) + "?")
				client.Expect(unknown)
				client.ExpectSilence("one question has one answer")
				client.Send("Beautiful is better than?")
				client.Expect("Ugly.")
			}, specs.Covers("ZEN-13"),
			specs.Cause("only the first read of a long question is looked at")),

		specs.Requirement("zen/messages/one-mebibyte", specs.Should, "tutorial 000 §2",
			"A question of one mebibyte is answered once.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send(strings.Repeat("x", 1<<20) + "?")
				client.Expect(unknown)
				client.Send("Beautiful is better than?")
				client.Expect("Ugly.")
			}, specs.Covers("ZEN-13"), specs.Perilous,
			specs.Cause("the length of a message is bounded; the text sets no bound")),
	}}
}
