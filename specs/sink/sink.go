// Package sink is the standard of the sink (tutorial 003) in executable form: a
// server that reads whatever comes, never says a word, and ends when its client
// has.
//
// That end is all that shows that a client is served, so every requirement comes
// to it; before it, silence on an open connection shows that the server did
// nothing else.
//
// There is no conversation for --clients: it compares answers, and here there
// is none.
package sink

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"conform/specs"
	"conform/specs/concurrency"
	"conform/specs/wire"
)

const clause = "tutorial 003"

//go:embed intro.md
var intro string

// Protocol returns the standard, in the order in which it is best read.
func Protocol() specs.Protocol {
	p := specs.Protocol{
		Name:       "sink",
		Source:     "tutorial 003",
		Intro:      intro,
		Stages:     stages(),
		Rows:       slices.Concat(specs.Numbered("SINK", 1, 6), concurrency.Rows()),
		Untestable: untestable(),
		Once:       true,
		Served: func(cl *specs.Client, patience time.Duration) bool {
			cl.HalfClose()
			return cl.AwaitEnd(patience)
		},
		Hello: hello,
		Leave: func(cl *specs.Client) {
			cl.HalfClose()
			cl.AwaitEnd(cl.Timing().Leave)
		},
	}
	several := concurrency.Section(p.Name, conversation())
	for i := range several.Specs {
		body := several.Specs[i].Body
		several.Specs[i].Body = func(c *specs.Case) {
			body(c)
			c.StillServes() // an end alone may be anybody's
		}
	}
	p.Sections = []specs.Section{silence(), endOfInput(), draining(), several, robustness()}
	return p
}

// untestable says of rows why no requirement covers them.
func untestable() map[string]string {
	rows := concurrency.Untestable()
	rows["CONC-07"] = "a sink says nothing that a client could leave unread"
	return rows
}

// conversation tells the concurrency scenarios how clients talk.
func conversation() concurrency.Conversation {
	return concurrency.Conversation{
		Clause:       clause,
		Mute:         true,
		Once:         true,
		Open:         func(*specs.Client) {},
		PartialLevel: specs.Must,
		CrowdLevel:   specs.Should,
		Pipelined:    specs.Must,
		Long: func(c *specs.Case, length int) (string, concurrency.Answer) {
			return string(c.Bytes(length)), nil
		},
		TogetherLevel: specs.Should,
		VanishLevel:   specs.Should, // as the list has it of resets
		Ask: func(c *specs.Case, client, turn int) (string, concurrency.Answer) {
			return "", ends
		},
		Queue: func(cl *specs.Client, who int) func() {
			cl.Send(cl.Case().Word())
			return func() { apart(cl) }
		},
		Partial: func(c *specs.Case, client int) (string, string, concurrency.Answer) {
			return c.Word(), c.Word() + "\n", apart
		},
	}
}

// apart ends the client's side when what it sent has been read, or should have
// been: some servers miss an end that comes along with bytes, which is judged by
// sink/end-of-input/bytes-with-eof alone.
func apart(cl *specs.Client) {
	cl.Case().Pause(cl.Timing().Quiet)
	ends(cl)
}

// ends ends the client's side and expects the server's in answer.
func ends(cl *specs.Client) {
	open(cl)
	cl.HalfClose()
	cl.ExpectFIN()
}

// open makes sure that the server has not ended before its client.
func open(cl *specs.Client) {
	if cl.Gone() {
		cl.ExpectSilence("only the client's end ends the connection") // and fails
	}
}

// quiet is the body of a requirement that nothing of this gets an answer, or
// ends the connection.
func quiet(messages ...string) func(*specs.Case) {
	return func(c *specs.Case) {
		client := c.Dial()
		client.ExpectSilence("nothing was sent")
		for _, m := range messages {
			client.Send(m)
			c.Pause(c.Timing().Gap)
		}
		client.ExpectSilence("a sink answers nothing")
		ends(client)
		control(c)
	}
}

// hello shows that a client is served: it is not answered, and not left before
// it ends.
func hello(cl *specs.Client) {
	cl.Send("hello\r\n")
	cl.ExpectSilence("a sink answers nothing")
	ends(cl)
}

// control shows that the server tells a client's end from its silence: one that
// is silent stays connected until it ends.
func control(c *specs.Case) {
	hello(c.Dial())
}

// What a server says: nothing (tutorial 003: recv and print).
func silence() specs.Section {
	return specs.Section{Name: "silence", Title: "Not a byte is said", Specs: []specs.Spec{
		specs.Requirement("sink/silence/no-greeting", specs.Must, clause,
			"The server sends nothing when a client connects.",
			quiet(), specs.Covers("SINK-01", "SINK-04"),
			specs.Cause("the server greets or prompts; it never says anything")),

		specs.Requirement("sink/silence/a-line", specs.Must, clause,
			"A line gets no answer.",
			quiet("hello\r\n"), specs.Covers("SINK-01", "SINK-04"),
			specs.Cause("the server confirms or echoes what it has read; it never says anything")),

		specs.Requirement("sink/silence/part-of-a-line", specs.Must, clause,
			"Bytes without a line end get no answer.",
			quiet("a", "bc"), specs.Covers("SINK-01")),

		specs.Requirement("sink/silence/words", specs.Must, clause,
			"No word has a meaning: none is answered, and none ends the connection.",
			quiet("quit\r\n", "exit\n", "quit", "\r\n", "\n", "\x04", "shutdown\n"), specs.Covers("SINK-01", "SINK-04"),
			specs.Cause("the server looks for a word to part with; the client's end is the only one")),

		specs.Requirement("sink/silence/other-protocols", specs.Must, clause,
			"What is a request elsewhere gets no answer.",
			quiet("Beautiful is better than?", "1,2\r\n", "GET / HTTP/1.1\r\nHost: example\r\n\r\n"), specs.Covers("SINK-01"),
			specs.Cause("the server speaks another protocol as well")),

		specs.Requirement("sink/silence/any-byte", specs.Must, clause,
			"Any byte is read: NUL, control bytes, and what is not UTF-8.",
			func(c *specs.Case) {
				all := make([]byte, 256)
				for i := range all {
					all[i] = byte(i)
				}
				quiet("\x00", "\xff\xfe", "cut \xe4\xb8", string(all), string(c.Bytes(300)))(c)
			}, specs.Covers("SINK-01", "SINK-04"),
			specs.Cause("the bytes are decoded as text, and the error ends the connection or the program")),

		specs.Requirement("sink/silence/many-messages", specs.Must, clause,
			"Many messages on one connection get no answer, and do not end it.",
			func(c *specs.Case) {
				var many []string
				for range 40 {
					many = append(many, c.Word()+"\n")
				}
				quiet(many...)(c)
			}, specs.Covers("SINK-01", "SINK-04"),
			specs.Cause("the server answers, or ends, after so many messages")),

		specs.Requirement("sink/silence/stays-open", specs.Must, clause,
			"A client that is silent stays connected.",
			func(c *specs.Case) {
				client := c.Dial()
				for range 4 {
					client.ExpectSilence("nothing was sent")
				}
				client.Send(c.Word())
				for range 4 {
					client.ExpectSilence("a sink answers nothing")
				}
				ends(client)
				control(c)
			}, specs.Covers("SINK-04"),
			specs.Cause("a client that is silent is given up; only its end ends the connection")),
	}}
}

// What happens when the client ends its side (tutorial 003: recv returns
// nothing, the connection is closed).
func endOfInput() specs.Section {
	// some sends bytes and ends in the same moment.
	some := func(n int) func(*specs.Case) {
		return func(c *specs.Case) {
			client := c.Dial()
			client.SendAndEnd(numbered(n))
			client.ExpectFIN()
			control(c)
		}
	}
	return specs.Section{Name: "end-of-input", Title: "What happens when the client ends", Specs: []specs.Spec{
		specs.Requirement("sink/end-of-input/nothing-sent", specs.Must, clause,
			"A client that ends without a byte is answered by the server's end.",
			func(c *specs.Case) {
				client := c.Dial()
				client.ExpectSilence("nothing was sent")
				ends(client)
				control(c)
			}, specs.Covers("SINK-02"), specs.Cause(unclosed)),

		specs.Requirement("sink/end-of-input/at-once", specs.Must, clause,
			"So is one that ends as soon as it is connected.",
			func(c *specs.Case) {
				ends(c.Dial())
				control(c)
			}, specs.Covers("SINK-02"), specs.Cause(unclosed)),

		specs.Requirement("sink/end-of-input/bytes-then-eof", specs.Must, clause,
			"A client that ends when its bytes have been read is answered by the server's end, and by no byte.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("abc")
				client.ExpectSilence("a sink answers nothing")
				ends(client)
				control(c)
			}, specs.Covers("SINK-02", "SINK-01"), specs.Cause(unclosed)),

		specs.Requirement("sink/end-of-input/bytes-with-eof", specs.Should, clause,
			"So is one whose bytes and end come together.",
			some(3), specs.Covers("SINK-03"), specs.Cause(oneRead)),

		specs.Requirement("sink/end-of-input/more-than-a-read", specs.Should, clause,
			"So is one that has sent more than a read takes, 1024 bytes, some time before its end.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send(numbered(5000))
				client.ExpectSilence("a sink answers nothing")
				ends(client)
				control(c)
			}, specs.Covers("SINK-03"), specs.Cause(oneRead)),

		specs.Requirement("sink/end-of-input/more-than-a-read-with-eof", specs.Should, clause,
			"So is one that has sent more than a read takes just before its end.",
			some(5000), specs.Covers("SINK-03"), specs.Cause(oneRead)),

		specs.Requirement("sink/end-of-input/in-pieces", specs.Must, clause,
			"So is one that has sent its bytes one by one.",
			func(c *specs.Case) {
				client := c.Dial()
				client.SendByteByByte(c.Word())
				client.ExpectSilence("a sink answers nothing")
				ends(client)
				control(c)
			}, specs.Covers("SINK-02"), specs.Cause(unclosed)),
	}}
}

// That everything is read (tutorial 003: recv in a loop).
func draining() specs.Section {
	drained := func(name string, n int, title string, options ...specs.Option) specs.Spec {
		return specs.Requirement("sink/draining/"+name, specs.Should, clause, title,
			func(c *specs.Case) {
				client := c.Dial()
				pour(client, n)
				client.ExpectSilence("a sink answers nothing")
				client.HalfClose()
				// It may take its time to read what the systems hold.
				client.Await(c.Timing().Answer*time.Duration(n>>20), func(unread []byte) bool { return len(unread) > 0 })
				client.ExpectFIN()
				control(c)
			}, append(options, specs.Covers("SINK-05", "SINK-03"), specs.Perilous, specs.Cause(oneRead))...)
	}
	return specs.Section{Name: "draining", Title: "Everything is read", Specs: []specs.Spec{
		drained("64-kilobytes", 64<<10, "65 536 bytes at once are read to the last."),
		drained("one-mebibyte", 1<<20, "One mebibyte at once is read to the last."),
		drained("four-mebibytes", 4<<20, "Four mebibytes are taken without a halt, and read to the last.", specs.Heavy),
		specs.Requirement("sink/draining/again-and-again", specs.Should, clause,
			"A connection takes bytes again and again, with pauses, and not one is answered.",
			func(c *specs.Case) {
				client := c.Dial()
				for range 3 {
					pour(client, 200_000)
					client.ExpectSilence("a sink answers nothing")
				}
				ends(client)
				control(c)
			}, specs.Covers("SINK-05", "SINK-01"), specs.Perilous, specs.Cause(oneRead)),
	}}
}

// pour sends bytes to a server that may stop reading.
func pour(cl *specs.Client, n int) {
	c := cl.Case()
	const piece = 64 << 10
	for sent, bytes := 0, numbered(n); sent < n; sent += piece {
		if err := cl.Push(bytes[sent:min(n, sent+piece)], c.Timing().Answer); err != nil {
			why := wire.Cause(err)
			c.Refute(specs.Reason{Code: specs.SendFailed, Message: fmt.Sprintf("the server stopped reading after some %d bytes: %s", sent, why),
				Sent: fmt.Sprintf("%d bytes", sent), Expected: []string{fmt.Sprintf("%d bytes are read", n)}, Received: "nothing is taken any more: " + why},
				strings.Contains(why, "timeout"))
		}
	}
}

// numbered is n bytes in which no two places are alike, so that a report shows
// what came where.
func numbered(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, n+8)
	for i := 0; len(b) < n; i++ {
		for shift := 24; shift >= 0; shift -= 4 {
			b = append(b, digits[i>>shift&15])
		}
		b = append(b, ' ')
	}
	return string(b[:n])
}

// What a server survives (tutorial 003).
func robustness() specs.Section {
	return specs.Section{Name: "robustness", Title: "What a server survives", Specs: []specs.Spec{
		specs.Requirement("sink/robustness/many-short-visits", specs.Must, clause,
			"Clients that connect and leave at once, or after a few bytes, use nothing up.",
			func(c *specs.Case) {
				for i := range 24 {
					client := c.Dial()
					if i%2 == 1 {
						client.Send(c.Word())
					} else {
						ends(client)
					}
					client.Leave()
				}
				c.StillServes()
			}, specs.Covers("CONC-05", "CONC-10"), specs.Perilous,
			specs.Cause("a connection that ends is never closed, or its worker never returns")),

		specs.Requirement("sink/robustness/gone-without-a-word", specs.Must, clause,
			"A client that closes at once, without waiting for anything, does not keep others from being served.",
			func(c *specs.Case) {
				control(c)
				for range 3 {
					client := c.Dial()
					client.Send(c.Word())
					client.Close()
				}
				c.StillServes()
			}, specs.Covers("CONC-10"), specs.Perilous),

		specs.Requirement("sink/robustness/reset-when-idle", specs.Should, clause,
			"A client's reset does not keep others from being served.",
			func(c *specs.Case) {
				control(c)
				client := c.Dial()
				client.ExpectSilence("nothing was sent")
				client.Reset()
				c.StillServes()
			}, specs.Covers("SINK-06", "CONC-10"), specs.Perilous, specs.Cause(uncaughtReset)),

		specs.Requirement("sink/robustness/reset-after-bytes", specs.Should, clause,
			"A reset after some bytes does not keep others from being served.",
			func(c *specs.Case) {
				control(c)
				client := c.Dial()
				client.Send(c.Word())
				client.ExpectSilence("a sink answers nothing")
				client.Reset()
				c.StillServes()
			}, specs.Covers("SINK-06", "CONC-10"), specs.Perilous, specs.Cause(uncaughtReset)),
	}}
}

const (
	unclosed      = "a read of no bytes is the client's end; close the connection then, or the loop spins on it for ever"
	oneRead       = "one read is made each time that the socket gets ready, and the rest, or the end that came with it, waits for an event that does not come; read until there is nothing left"
	uncaughtReset = "the error that reading a reset connection raises ends the program; close that connection and go on"
)
