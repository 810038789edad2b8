// Package pid is the standard of the one-shot echo with a process ID (tutorial
// 002) in executable form: the first message of a client comes back behind the
// number of the process that has read it and ": ", and the connection ends.
//
// The message is what the server's first read brings: at most 1024 bytes. A
// message that comes in pieces is nothing that can be asked for.
//
// There is no conversation for --clients: those are held while they go on
// asking, and here the first answer is the end of a connection. Clients that
// come and go one after the other would measure something else.
package pid

import (
	_ "embed"
	"strings"

	"conform/specs"
	"conform/specs/concurrency"
)

const clause = "tutorial 002"

//go:embed intro.md
var intro string

// Protocol returns the standard, in the order in which it is best read.
func Protocol() specs.Protocol {
	p := specs.Protocol{
		Name:       "pid",
		Source:     "tutorial 002",
		Intro:      intro,
		Stages:     stages(),
		Rows:       append(specs.Numbered("PID", 1, 8), concurrency.Rows()...),
		Untestable: untestable(),
		Once:       true,
		Question:   func(*specs.Client) string { return "hello" },
		Hello:      func(cl *specs.Client) { ask(cl, "Hello echo server!") },
		// Who has not asked is answered at the end of input; most servers
		// then end their side.
		Leave: func(cl *specs.Client) {
			cl.HalfClose()
			cl.AwaitEnd(cl.Timing().Leave)
		},
		Dialects: []specs.Dialect{
			{Key: "process", Values: []string{"forking", "threading"}, Detect: detectProcess,
				Text: "whether each connection is served by a process of its own, whose number differs, or all by one"},
		},
	}
	several := concurrency.Section(p.Name, conversation())
	for i := range several.Specs {
		if s := &several.Specs[i]; s.Name() == "second-client" {
			s.Covers = append(s.Covers, "PID-08")
		}
	}
	p.Sections = []specs.Section{answers(), messages(), end(), process(), several, robustness()}
	return p
}

// untestable says of rows why no requirement covers them.
func untestable() map[string]string {
	rows := concurrency.Untestable()
	rows["CONC-06"] = "no message can be incomplete: the first bytes that are read are all of it"
	rows["CONC-07"] = "a client gets one answer, of about a thousand bytes: all that it may leave unread fits into any buffer"
	return rows
}

// conversation tells the concurrency scenarios how clients talk.
func conversation() concurrency.Conversation {
	return concurrency.Conversation{
		Clause:     clause,
		Once:       true,
		CrowdLevel: specs.Should,
		Open:       func(*specs.Client) {},
		Ask: func(c *specs.Case, client, turn int) (string, concurrency.Answer) {
			word := c.Word()
			return word, func(cl *specs.Client) {
				cl.ExpectOneOf(echoed(word))
				cl.Leave()
			}
		},
	}
}

// echoed is the whole answer to a message: the number of a process, the message,
// and the end.
func echoed(message string) specs.Outcome {
	return specs.Exactly(": " + message).AfterNumber().ThenFIN()
}

// ask has the one exchange of a connection, leaves, and returns the number of the
// process that it showed.
func ask(cl *specs.Client, message string) (number string) {
	cl.Send(message)
	cl.ExpectOneOf(echoed(message))
	cl.Leave() // a server may wait for it before it takes the next client
	number, _, _ = strings.Cut(cl.Answer(), ":")
	return number
}

// each is the body of a requirement that some messages come back, each on a
// connection of its own.
func each(messages ...string) func(*specs.Case) {
	return func(c *specs.Case) {
		for _, m := range messages {
			ask(c.Dial(), m)
		}
	}
}

// detectProcess compares the numbers of three connections.
func detectProcess(c *specs.Case) string {
	seen := map[string]bool{}
	for range 3 {
		client := c.Dial()
		client.Send("hello")
		whole := client.Await(c.Timing().Answer, func([]byte) bool { return false }) // to the server's end
		number, rest, _ := strings.Cut(string(whole.Unread), ":")
		client.Leave()
		if rest != " hello" {
			return ""
		}
		seen[number] = true
	}
	if len(seen) == 1 {
		return "threading"
	}
	return "forking"
}
