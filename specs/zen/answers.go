package zen

import (
	"conform/fixtures"
	"conform/specs"
)

// Which question gets which answer (tutorial 000 §2, the table of aphorisms).
func answers() specs.Section {
	return specs.Section{Name: "answers", Title: "Which question gets which answer", Specs: []specs.Spec{
		specs.Requirement("zen/answers/beautiful", specs.Must, "tutorial 000 §2",
			`"Beautiful is better than?" is answered "Ugly."`,
			answered("Beautiful is better than?", "Ugly."), specs.Covers("ZEN-01")),

		specs.Requirement("zen/answers/explicit", specs.Must, "tutorial 000 §2",
			`"Explicit is better than?" is answered "Implicit."`,
			answered("Explicit is better than?", "Implicit."), specs.Covers("ZEN-02")),

		specs.Requirement("zen/answers/simple", specs.Must, "tutorial 000 §2",
			`"Simple is better than?" is answered "Complex."`,
			answered("Simple is better than?", "Complex."), specs.Covers("ZEN-03")),

		specs.Requirement("zen/answers/unknown-question", specs.Must, "tutorial 000 §2",
			`A question that is none of the three is answered "Error: unknown aphorism."`,
			func(c *specs.Case) {
				client := c.Dial()
				for range 3 {
					client.Send(c.Word() + " is better than?")
					client.Expect(unknown)
				}
			}, specs.Covers("ZEN-04")),

		specs.Requirement("zen/answers/question-mark-alone", specs.Must, "tutorial 000 §2",
			`"?" alone is a question, and an unknown one.`,
			answered("?", unknown), specs.Covers("ZEN-04"),
			specs.Cause("an empty question is dropped or crashes the parser; look the message up as it is")),

		specs.Requirement("zen/answers/case-matters", specs.Must, "tutorial 000 §2",
			"A known question in other case is unknown.",
			answered("beautiful is better than?", unknown), specs.Covers("ZEN-04"),
			specs.Cause("the question is folded to one case before it is looked up; compare the bytes")),

		specs.Requirement("zen/answers/blanks-matter", specs.Must, "tutorial 000 §2",
			"A known question with a blank before it, or before its question mark, is unknown.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send(" Beautiful is better than?")
				client.Expect(unknown)
				client.Send("Beautiful is better than ?")
				client.Expect(unknown)
			}, specs.Covers("ZEN-04"),
			specs.Cause("white space is stripped from the question; compare the bytes")),

		specs.Requirement("zen/answers/whole-question-matters", specs.Must, "tutorial 000 §2",
			"A question that only contains, begins or ends with a known one is unknown.",
			func(c *specs.Case) {
				client := c.Dial()
				for _, q := range []string{"Why Simple is better than?", "Simple is better than complex?", "than?", "S?"} {
					client.Send(q)
					client.Expect(unknown)
				}
			}, specs.Covers("ZEN-04"),
			specs.Cause("the question is searched for instead of compared whole")),

		specs.Requirement("zen/answers/nothing-added", specs.Must, "tutorial 000 §2",
			"An answer ends with its full stop: no line end and no other byte follows.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Simple is better than?")
				client.Expect("Complex.")
				client.ExpectSilence("an answer ends with its full stop")
				client.Send("Why?")
				client.Expect(unknown)
				client.ExpectSilence("an answer ends with its full stop")
			}, specs.Covers("ZEN-06"),
			specs.Cause("the answer is written with a line end or a NUL; write exactly its bytes")),

		specs.Requirement("zen/answers/connection-stays-open", specs.Must, "tutorial 000 §2",
			"After an answer, to a known or an unknown question, the connection stays open for the next one.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Why?")
				client.Expect(unknown)
				client.ExpectSilence("the connection stays open")
				client.Send("Beautiful is better than?")
				client.Expect("Ugly.")
				client.ExpectSilence("the connection stays open")
				client.Send("Explicit is better than?")
				client.Expect("Implicit.")
			}, specs.Covers("ZEN-07"),
			specs.Cause("the connection is closed after one answer; read the next question in a loop until the client ends")),

		specs.Requirement("zen/answers/same-question-again", specs.Must, "tutorial 000 §2",
			"A question asked again gets the same answer again.",
			func(c *specs.Case) {
				client := c.Dial()
				for range 3 {
					client.Send("Explicit is better than?")
					client.Expect("Implicit.")
				}
			}, specs.Covers("ZEN-07")),

		specs.Requirement("zen/answers/long-conversation", specs.Must, "tutorial 000 §2",
			"Any number of questions is answered on one connection, each in its turn.",
			func(c *specs.Case) {
				client, known := c.Dial(), fixtures.Aphorisms()
				for range 100 {
					if i := c.IntN(len(known) + 1); i < len(known) {
						client.Send(known[i].Question)
						client.Expect(known[i].Answer)
					} else {
						client.Send(c.Word() + "?")
						client.Expect(unknown)
					}
				}
			}, specs.Covers("ZEN-07"),
			specs.Cause("something of an earlier question is kept, or the number of questions is bounded")),

		specs.Requirement("zen/answers/fresh-connection", specs.Must, "tutorial 000 §2",
			"What one client left unfinished is not part of the next client's question.",
			func(c *specs.Case) {
				first := c.Dial()
				first.Send("Why? ")
				first.Answered(c.Timing().Quiet)
				first.Send("Beautiful is")
				first.Leave()
				second := c.Dial()
				second.Send("Beautiful is better than?")
				second.Expect("Ugly.")
			}, specs.Covers("CONC-05"),
			specs.Cause("the buffer outlives its connection; make it anew for each one")),
	}}
}

// answered is the body of a requirement that is one exchange.
func answered(question, answer string) func(*specs.Case) {
	return func(c *specs.Case) {
		client := c.Dial()
		client.Send(question)
		client.Expect(answer)
	}
}
