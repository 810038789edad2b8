// Package zen is the standard of the zen protocol (tutorial 000) in executable
// form: a client asks questions that end in "?", and the server answers each
// with one sentence, without a greeting and without a line end.
//
// A message ends where a read ends with "?": all of the tutorial's servers
// frame by the read, so that only a client that waits for each answer knows
// how many it gets. The requirements hold on to that.
package zen

import (
	"conform/specs"
	"conform/specs/concurrency"
	_ "embed"
)

const unknown = "Error: unknown aphorism."

//go:embed intro.md
var intro string

// Protocol returns the standard, in the order in which it is best read.
func Protocol() specs.Protocol {
	p := specs.Protocol{
		Name:       "zen",
		Source:     "tutorial 000",
		Intro:      intro,
		Stages:     stages(),
		Rows:       append(specs.Numbered("ZEN", 1, 15), concurrency.Rows()...),
		Untestable: untestable(),
		Question:   func(*specs.Client) string { return "Beautiful is better than?" }, // what is unknown has requirements of its own
		Scale:      func(specs.Crowd) (specs.Talk, error) { return many{}, nil },
		Hello: func(cl *specs.Client) {
			cl.Send("Beautiful is better than?")
			cl.Expect("Ugly.")
			cl.Send("Simple is better than?")
			cl.Expect("Complex.")
		},
		// The protocol has no word for leaving: the client ends its side,
		// and most servers then end theirs.
		Leave: func(cl *specs.Client) {
			cl.HalfClose()
			cl.AwaitEnd(cl.Timing().Leave)
		},
	}
	p.Sections = []specs.Section{answers(), framing(), messages(), endOfInput(), robustness(),
		concurrency.Section(p.Name, conversation())}
	return p
}

// untestable says of rows why no requirement covers them.
func untestable() map[string]string {
	rows := concurrency.Untestable()
	rows["CONC-07"] = "a client has to wait for each answer, and the longest has 24 bytes: all that it may leave unread fits into any buffer"
	return rows
}

// conversation tells the concurrency scenarios how clients talk.
func conversation() concurrency.Conversation {
	known := [][2]string{
		{"Beautiful is better than?", "Ugly."},
		{"Explicit is better than?", "Implicit."},
		{"Simple is better than?", "Complex."},
	}
	return concurrency.Conversation{
		Clause: "tutorial 000 §3–5",
		Open:   func(*specs.Client) {},
		Ask: func(c *specs.Case, client, turn int) (string, concurrency.Answer) {
			// Neighbours ask different things, so that a swapped answer shows.
			qa := known[(client+turn)%len(known)]
			return qa[0], concurrency.Exactly(qa[1])
		},
		PartialLevel: specs.Must,
		CrowdLevel:   specs.Should,
		Long: func(c *specs.Case, length int) (string, concurrency.Answer) {
			return c.Letters(length-1) + "?", concurrency.Exactly(unknown)
		},
		Partial: func(c *specs.Case, client int) (string, string, concurrency.Answer) {
			qa := known[client%len(known)]
			cut := 1 + c.IntN(len(qa[0])-1)
			return qa[0][:cut], qa[0][cut:], concurrency.Exactly(qa[1])
		},
	}
}
