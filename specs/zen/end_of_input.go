package zen

import "conform/specs"

// What happens when the client ends its side (tutorial 000 §2: recv_until
// raises, the conversation is closed, the server goes on).
func endOfInput() specs.Section {
	return specs.Section{Name: "end-of-input", Title: "What happens when the client ends", Specs: []specs.Spec{
		specs.Requirement("zen/end-of-input/question-then-eof", specs.Must, "tutorial 000 §2",
			"A whole question followed at once by the client's EOF is answered.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Beautiful is better than?")
				client.HalfClose()
				client.Expect("Ugly.")
				c.StillServes()
			}, specs.Covers("ZEN-11"), specs.Perilous,
			specs.Cause("EOF is acted on before the question that came with it; answer first")),

		specs.Requirement("zen/end-of-input/unknown-question-then-eof", specs.Must, "tutorial 000 §2",
			"An unknown question followed at once by the client's EOF is answered.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Why?")
				client.HalfClose()
				client.Expect(unknown)
				c.StillServes()
			}, specs.Covers("ZEN-11"), specs.Perilous),

		specs.Requirement("zen/end-of-input/partial-question", specs.Must, "tutorial 000 §2, client -e",
			"A partial question at the client's EOF gets no answer, and the server goes on serving.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Simple is better than?")
				client.Expect("Complex.")
				client.Send("Beautiful is better than")
				client.HalfClose()
				client.ExpectOneOf(specs.Ended(), stillOpen())
				c.StillServes()
			}, specs.Covers("ZEN-10"), specs.Perilous,
			specs.Cause("what is in the buffer at EOF is answered as if it were a question")),

		specs.Requirement("zen/end-of-input/partial-question-then-gone", specs.Must, "tutorial 000 §2, client -e",
			"A client that leaves in the middle of a question does not keep others from being served.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Explicit is better than?")
				client.Expect("Implicit.")
				client.Send("Beautiful is better than")
				client.Close()
				c.StillServes()
			}, specs.Covers("ZEN-10", "CONC-10"), specs.Perilous,
			specs.Cause("the error that an early end raises is not caught; close that connection and go on")),

		specs.Requirement("zen/end-of-input/nothing-sent", specs.Must, "tutorial 000 §2",
			"A client that ends without a byte gets none, and the server goes on serving.",
			func(c *specs.Case) {
				client := c.Dial()
				client.HalfClose()
				client.ExpectOneOf(specs.Ended(), stillOpen())
				c.StillServes()
			}, specs.Covers("CONC-10", "ZEN-05"), specs.Perilous,
			specs.Cause("an empty read is taken for a question, or spins for ever; it means that the client has ended")),

		specs.Requirement("zen/end-of-input/closes", specs.Should, "tutorial 000 §2",
			"The server ends its side when the client has ended.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Beautiful is better than?")
				client.Expect("Ugly.")
				client.HalfClose()
				client.ExpectFIN()
			}, specs.Covers("ZEN-12"), specs.Perilous,
			specs.Cause("the connection is dropped without being closed; close it when a read returns nothing")),

		specs.Requirement("zen/end-of-input/answers-then-closes", specs.Should, "tutorial 000 §2",
			"The answer to a question that came with the client's EOF is followed by the server's.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Simple is better than?")
				client.HalfClose()
				client.ExpectOneOf(specs.Exactly("Complex.").ThenFIN())
			}, specs.Covers("ZEN-11", "ZEN-12"), specs.Perilous),
	}}
}

// stillOpen allows a server not to end its side: that is judged by
// zen/end-of-input/closes alone.
func stillOpen() specs.Outcome {
	return specs.Silence().Info("the server does not end its side when the client has ended")
}
