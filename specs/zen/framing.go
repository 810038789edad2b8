package zen

import "conform/specs"

// Where a question begins and ends (tutorial 000 §2, recv_until).
func framing() specs.Section {
	return specs.Section{Name: "framing", Title: "Where a question begins and ends", Specs: []specs.Spec{
		specs.Requirement("zen/framing/no-greeting", specs.Must, "tutorial 000 §2",
			"The server sends nothing before the first question.",
			func(c *specs.Case) {
				client := c.Dial()
				client.ExpectSilence("nothing was asked")
				client.Send("Beautiful is better than?")
				client.Expect("Ugly.")
			}, specs.Covers("ZEN-05"),
			specs.Cause("the server greets or prompts; the client speaks first")),

		specs.Requirement("zen/framing/split-question", specs.Must, "tutorial 000 §2",
			"A question that arrives in several segments is answered once, after its last byte.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Simple is better ")
				client.ExpectSilence("a partial question has no answer")
				client.Send("than?")
				client.Expect("Complex.")
			}, specs.Covers("ZEN-05", "ZEN-08"), specs.Cause(eachRead)),

		specs.Requirement("zen/framing/question-mark-alone-in-its-segment", specs.Must, "tutorial 000 §2",
			"A question whose question mark comes in a segment of its own is answered when that has come.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Beautiful is better than")
				client.ExpectSilence("a partial question has no answer")
				client.Send("?")
				client.Expect("Ugly.")
			}, specs.Covers("ZEN-08"), specs.Cause(eachRead)),

		specs.Requirement("zen/framing/split-anywhere", specs.Must, "tutorial 000 §2",
			"A question may be cut at any byte.",
			func(c *specs.Case) {
				client, question := c.Dial(), "Explicit is better than?"
				for cut := 1; cut < len(question); cut++ {
					client.SendSegments(question[:cut], question[cut:])
					client.Expect("Implicit.")
				}
			}, specs.Covers("ZEN-08"), specs.Cause(eachRead)),

		specs.Requirement("zen/framing/byte-by-byte", specs.Must, "tutorial 000 §2",
			"A question may come one byte at a time.",
			func(c *specs.Case) {
				client := c.Dial()
				client.SendByteByByte("Beautiful is better than?")
				client.Expect("Ugly.")
				client.SendByteByByte(c.Word() + "?")
				client.Expect(unknown)
			}, specs.Covers("ZEN-08"), specs.Cause(eachRead)),

		specs.Requirement("zen/framing/line-end-is-not-an-end", specs.Must, "tutorial 000 §2",
			"A line end or a blank does not end a question; only the question mark does.",
			func(c *specs.Case) {
				client := c.Dial()
				for _, notAnEnd := range []string{"\n", "\r\n", " ", "."} {
					client.Send("Beautiful is better than" + notAnEnd)
					client.ExpectSilence("no question mark has come")
					client.Send("?")
					client.Expect(unknown)
				}
			}, specs.Covers("ZEN-09"),
			specs.Cause("the server reads lines; read until a read ends in a question mark")),

		specs.Requirement("zen/framing/bytes-after-the-answer", specs.Must, "tutorial 000 §2",
			"What is sent after an answer belongs to the next question, a line end too.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Beautiful is better than?")
				client.Expect("Ugly.")
				client.Send("\n")
				client.ExpectSilence("a line end is not a question")
				client.Send("Explicit is better than?")
				client.Expect(unknown)
				client.Send("Explicit is better than?")
				client.Expect("Implicit.")
			}, specs.Covers("ZEN-09"),
			specs.Cause("a line end is answered as a question of its own, or skipped; it is the first byte of the next question")),

		specs.Requirement("zen/framing/two-questions-at-once", specs.May, "tutorial 000 §2",
			"Two questions in one segment are one unknown question, or two; the next one is answered rightly either way.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Beautiful is better than?Explicit is better than?")
				client.ExpectOneOf(
					specs.Exactly(unknown).Info("two questions that are read together are one unknown question"),
					specs.Exactly("Ugly.Implicit.").Info("every question mark ends a question"))
				client.ExpectSilence("both questions are answered")
				client.Send("Simple is better than?")
				client.Expect("Complex.")
			}, specs.Covers("ZEN-15"),
			specs.Cause("what follows the first question mark is lost, or answered twice")),

		specs.Requirement("zen/framing/question-then-line-end", specs.May, "tutorial 000 §2",
			"A question and a line end in one segment wait for the next question mark, or the question is answered at its own.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Beautiful is better than?\n")
				if answer, ok := client.Answered(c.Timing().Quiet); ok {
					c.Check(answer == "Ugly.", "the only answer that may come here is %q; %q came", "Ugly.", answer)
					c.Note("every question mark ends a question")
				} else {
					c.Note("a question ends where a read ends")
				}
				client.Send("Explicit is better than?")
				client.Expect(unknown) // the line end is its first byte
				client.Send("Explicit is better than?")
				client.Expect("Implicit.")
			}, specs.Covers("ZEN-09", "ZEN-15")),
	}}
}

const eachRead = "each read is taken for a whole question; collect bytes until a read ends in a question mark"
