package zen

import (
	"time"

	"conform/specs"
)

// What a server survives. All of the tutorial's servers do, so it binds.
func robustness() specs.Section {
	return specs.Section{Name: "robustness", Title: "What a server survives", Specs: []specs.Spec{
		specs.Requirement("zen/robustness/reset-when-idle", specs.Must, "tutorial 000 §3–5",
			"A client's reset does not keep others from being served.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("Beautiful is better than?")
				client.Expect("Ugly.")
				client.Reset()
				c.StillServes()
			}, specs.Covers("ZEN-14", "CONC-10"), specs.Perilous, specs.Cause(uncaughtReset)),

		specs.Requirement("zen/robustness/reset-in-a-question", specs.Must, "tutorial 000 §3–5",
			"A reset in the middle of a question does not keep others from being served.",
			func(c *specs.Case) {
				// To some a reset behind bytes that they have not read yet is an ordinary
				// end: when they read is chance, so that the last one gives them the time.
				for _, pause := range []time.Duration{0, c.Timing().Gap, c.Timing().Quiet} {
					client := c.Dial()
					client.Send("Simple is better than?")
					client.Expect("Complex.")
					client.Send("Beau")
					c.Pause(pause)
					client.Reset()
					c.StillServes()
				}
			}, specs.Covers("ZEN-14", "CONC-10"), specs.Perilous, specs.Cause(uncaughtReset)),

		specs.Requirement("zen/robustness/reset-with-an-answer-due", specs.Must, "tutorial 000 §3–5",
			"A reset before the answer could be sent, or was read, does not keep others from being served.",
			func(c *specs.Case) {
				// How far the server is when the reset comes is chance, but for the
				// last time.
				for round := range 4 {
					client := c.Dial()
					client.Send("Explicit is better than?")
					client.Expect("Implicit.")
					client.Send("Beautiful is better than?")
					if round == 3 {
						client.Await(c.Timing().Answer, func(unread []byte) bool { return len(unread) > 0 })
					}
					client.Reset()
					c.StillServes()
				}
			}, specs.Covers("ZEN-14", "CONC-10"), specs.Perilous, specs.Cause(uncaughtReset)),

		specs.Requirement("zen/robustness/many-short-visits", specs.Must, "tutorial 000 §3–5",
			"Clients that connect and leave at once, or after half a question, use nothing up.",
			func(c *specs.Case) {
				for i := range 24 {
					client := c.Dial()
					if i%2 == 1 {
						client.Send("Beau")
					}
					client.Leave()
				}
				c.StillServes()
			}, specs.Covers("CONC-10"), specs.Perilous,
			specs.Cause("a connection that ends early is never closed, or its worker never returns")),
	}}
}

const uncaughtReset = "the error that reading or writing a reset connection raises ends the program; close that connection and go on"
