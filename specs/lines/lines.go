// Package lines holds the requirements that the two line protocols of tutorial
// 001, echo and calc, have in common: what a line is, how a client leaves, and
// what a server survives. Each is written once, and becomes a requirement of
// both through a small model.
package lines

import (
	"strings"

	"conform/specs"
)

// Model is what differs between the protocols.
type Model struct {
	Protocol string
	Rows     Rows

	// Dial connects a client and takes the greeting, if there is one.
	Dial func(*specs.Case) *specs.Client
	// Ask gives a line without its end, and the answer to it.
	Ask func(*specs.Case) (line, answer string)
	// Answer is the answer to a line that is no command and no valid input
	// but its own text.
	Answer func(c *specs.Case, line string) string
	// KeptCR is what a line that holds a CR may be answered, by a server to
	// which a CR alone is no line end.
	KeptCR func(c *specs.Case, line string) []string
	// Pipelined is what it is worth that all the lines of one segment are
	// answered without more input.
	Pipelined specs.Level
}

// Rows names the rows of the protocol's list that the shared requirements judge.
type Rows struct {
	LineEnds, Joining, Pipelining, LoneCR, Quit, CaseAndBlanks, AtEOF, AfterEOF, Survives []string
}

// Closed is the answer to quit (tutorial 001).
func Closed(c *specs.Case) string { return "connection closed" + End(c) }

// End is the line end of answers: CRLF, unless the target was seen or declared
// to use another.
func End(c *specs.Case) string {
	if c.Dialect("line-ends") == "lf" {
		return "\n"
	}
	return "\r\n"
}

// Leave is the protocols' own door. Some servers hang for ever when a client
// ends without quit, and some only look at one line for each time they are
// woken, so that a second push is needed.
func Leave(cl *specs.Client) {
	if cl.MidLine() {
		cl.Offer("\n")
	}
	cl.Offer("quit\r\n")
	if cl.AwaitEnd(cl.Timing().Leave) {
		return
	}
	cl.HalfClose()
	cl.AwaitEnd(2 * cl.Timing().Leave)
}

func (m Model) id(section, name string) string { return m.Protocol + "/" + section + "/" + name }

// exchange sends one line with the given end and expects its answer.
func (m Model) exchange(c *specs.Case, client *specs.Client, end string) {
	line, answer := m.Ask(c)
	client.Send(line + end)
	client.Expect(answer)
}

// Framing is the requirements on what a line is.
func (m Model) Framing() []specs.Spec {
	return []specs.Spec{
		specs.Requirement(m.id("framing", "lf"), specs.Must, "tutorial 001, example 1 and 3",
			"A line may end in LF.",
			func(c *specs.Case) { m.exchange(c, m.Dial(c), "\n") },
			specs.Covers(m.Rows.LineEnds...),
			specs.Cause("the server waits for CRLF; LF alone ends a line as well")),

		specs.Requirement(m.id("framing", "crlf"), specs.Must, "tutorial 001, example 1 and 3",
			"A line may end in CRLF, and the CR is not part of it.",
			func(c *specs.Case) { m.exchange(c, m.Dial(c), "\r\n") },
			specs.Covers(m.Rows.LineEnds...),
			specs.Cause("only LF is cut off, and CR stays in the line")),

		specs.Requirement(m.id("framing", "mixed-line-ends"), specs.Must, "tutorial 001, example 1 and 3",
			"LF and CRLF may alternate on one connection.",
			func(c *specs.Case) {
				client := m.Dial(c)
				for _, end := range []string{"\n", "\r\n", "\r\n", "\n", "\r\n"} {
					m.exchange(c, client, end)
				}
			}, specs.Covers(m.Rows.LineEnds...)),

		specs.Requirement(m.id("framing", "crlf-in-two-segments"), specs.Must, "tutorial 001, example 1 and 3",
			"A CRLF that arrives in two segments ends one line, not two.",
			func(c *specs.Case) {
				client := m.Dial(c)
				for range 3 { // on a busy machine two segments may be read as one
					line, answer := m.Ask(c)
					client.SendSegments(line+"\r", "\n")
					client.Expect(answer)
				}
				client.ExpectSilence("one line has one answer")
				m.exchange(c, client, "\r\n")
			}, specs.Covers(m.Rows.LineEnds...),
			specs.Cause("the LF of a CRLF that was cut in two is taken for an empty line")),

		specs.Requirement(m.id("framing", "lone-cr"), specs.May, "tutorial 001, example 1 and 3",
			"A CR alone ends a line, at the latest when the next byte has come; or it is part of the line.",
			func(c *specs.Case) {
				client := m.Dial(c)
				line, answer := m.Ask(c)
				client.SendSegments(line+"\r", "x\n")
				outcomes := []specs.Outcome{specs.Exactly(answer),
					specs.Exactly(m.Answer(c, line+"x")).Info("a CR inside a line is dropped")}
				for _, kept := range m.KeptCR(c, line+"\rx") {
					outcomes = append(outcomes, specs.Exactly(kept).Info("a CR alone does not end a line"))
				}
				client.ExpectOneOf(outcomes...)
				client.Anything("the second line may have to wait for more input")
			}, specs.Covers(m.Rows.LoneCR...)),

		specs.Requirement(m.id("framing", "quiet-until-the-line-ends"), specs.Must, "tutorial 001, example 1 and 3",
			"A line that arrives in several segments is answered once, after its end.",
			func(c *specs.Case) {
				client := m.Dial(c)
				line, answer := m.Ask(c)
				cut := 1 + c.IntN(len(line)-1)
				client.Send(line[:cut])
				client.ExpectSilence("the line has not ended")
				client.Send(line[cut:])
				client.ExpectSilence("the line has not ended")
				client.Send("\r\n")
				client.Expect(answer)
			}, specs.Covers(m.Rows.Joining...), specs.Cause(eachRead)),

		specs.Requirement(m.id("framing", "split-anywhere"), specs.Must, "tutorial 001, example 1 and 3",
			"A line may be cut at any byte, its line end included.",
			func(c *specs.Case) {
				client := m.Dial(c)
				line, answer := m.Ask(c)
				line += "\r\n"
				for cut := len(line) - 1; cut > 0; cut-- { // the line end first: what it adds shows in the next answer
					client.SendSegments(line[:cut], line[cut:])
					client.Expect(answer)
				}
			}, specs.Covers(m.Rows.Joining...), specs.Cause(eachRead)),

		specs.Requirement(m.id("framing", "byte-by-byte"), specs.Must, "tutorial 001, example 1 and 3",
			"A line may come one byte at a time.",
			func(c *specs.Case) {
				client := m.Dial(c)
				for _, end := range []string{"\r\n", "\n"} { // so that what follows the first answer shows
					line, answer := m.Ask(c)
					client.SendByteByByte(line + end)
					client.Expect(answer)
				}
			}, specs.Covers(m.Rows.Joining...), specs.Cause(eachRead)),

		specs.Requirement(m.id("framing", "line-and-a-half"), specs.Must, "tutorial 001, example 1 and 3",
			"What follows a line end in the same segment begins the next line.",
			func(c *specs.Case) {
				client := m.Dial(c)
				first, firstAnswer := m.Ask(c)
				second, secondAnswer := m.Ask(c)
				client.Send(first + "\n" + second[:1])
				client.Expect(firstAnswer)
				client.ExpectSilence("the second line has not ended")
				client.Send(second[1:] + "\n")
				client.Expect(secondAnswer)
			}, specs.Covers(m.Rows.Joining...),
			specs.Cause("what follows the line end in a read is thrown away; keep it for the next line")),

		specs.Requirement(m.id("framing", "several-lines-at-once"), m.Pipelined, "tutorial 001, example 1 and 3",
			"Several lines in one segment are all answered, in order.",
			func(c *specs.Case) {
				client := m.Dial(c)
				var sent, expected strings.Builder
				for range 5 {
					line, answer := m.Ask(c)
					sent.WriteString(line + "\r\n")
					expected.WriteString(answer)
				}
				client.Send(sent.String())
				client.Expect(expected.String())
			}, specs.Covers(m.Rows.Pipelining...),
			specs.Cause("one line is read for each time that input arrives, or only the first line of a read is looked at; answer every line that is there")),

		specs.Requirement(m.id("framing", "line-of-4096"), specs.Must, "tutorial 001, example 1 and 3",
			"A line that is longer than a usual read is one line.",
			func(c *specs.Case) {
				client := m.Dial(c)
				for _, n := range []int{1023, 1024, 4096, 9000} {
					line := strings.Repeat("x", n)
					client.Send(line + "\r\n")
					client.Expect(m.Answer(c, line))
				}
				m.exchange(c, client, "\r\n")
			}, specs.Covers(m.Rows.Joining...),
			specs.Cause("a line ends where a read ends, or a fixed buffer cuts it")),
	}
}

const eachRead = "each read is taken for a whole line; collect bytes until a line end has come"

// Quit is the requirements on how a client leaves.
func (m Model) Quit() []specs.Spec {
	quit := func(line string) func(*specs.Case) {
		return func(c *specs.Case) {
			client := m.Dial(c)
			m.exchange(c, client, "\r\n")
			client.Send(line)
			client.ExpectOneOf(specs.Exactly(Closed(c)).ThenFIN())
			c.StillServes()
		}
	}
	notQuit := func(line string) func(*specs.Case) {
		return func(c *specs.Case) {
			client := m.Dial(c)
			client.Send(line + "\r\n")
			client.Expect(m.Answer(c, line))
			m.exchange(c, client, "\r\n")
		}
	}
	return []specs.Spec{
		specs.Requirement(m.id("quit", "answered-and-closed"), specs.Must, "tutorial 001, example 1 and 3",
			`"quit" is answered "connection closed", and the connection is closed.`,
			quit("quit\r\n"), specs.Covers(m.Rows.Quit...),
			specs.Cause("the connection is closed without the answer, or not closed after it")),

		specs.Requirement(m.id("quit", "with-lf"), specs.Must, "tutorial 001, example 1 and 3",
			`"quit" may end in LF alone.`,
			quit("quit\n"), specs.Covers(append(m.Rows.LineEnds, m.Rows.Quit...)...)),

		specs.Requirement(m.id("quit", "first-word"), specs.Must, "tutorial 001, example 1 and 3",
			`"quit" may be the first line.`,
			func(c *specs.Case) {
				client := m.Dial(c)
				client.Send("quit\r\n")
				client.ExpectOneOf(specs.Exactly(Closed(c)).ThenFIN())
			}, specs.Covers(m.Rows.Quit...)),

		specs.Requirement(m.id("quit", "in-pieces"), specs.Must, "tutorial 001, example 1 and 3",
			`"quit" may come one byte at a time.`,
			func(c *specs.Case) {
				client := m.Dial(c)
				client.SendByteByByte("quit\r\n")
				client.ExpectOneOf(specs.Exactly(Closed(c)).ThenFIN())
			}, specs.Covers(append(m.Rows.Joining, m.Rows.Quit...)...), specs.Cause(eachRead)),

		specs.Requirement(m.id("quit", "input-behind-it"), specs.Must, "tutorial 001, example 1 and 3",
			`Lines behind "quit" are not answered, and do not turn the end into a reset.`,
			func(c *specs.Case) {
				client := m.Dial(c)
				first, _ := m.Ask(c)
				second, _ := m.Ask(c)
				client.Send("quit\r\n" + first + "\r\n" + second + "\r\n")
				client.ExpectOneOf(specs.Exactly(Closed(c)).ThenFIN())
			}, specs.Covers(m.Rows.Quit...),
			specs.Cause("the lines of a read are all answered before the end is acted on, or the socket is closed with input unread")),

		specs.Requirement(m.id("quit", "much-input-behind-it"), specs.May, "tutorial 001, example 1 and 3",
			`Much input behind "quit" does not keep the answer from arriving; the end may then be a reset.`,
			func(c *specs.Case) {
				client := m.Dial(c)
				line, _ := m.Ask(c)
				client.Send("quit\r\n" + strings.Repeat(line+"\r\n", 64<<10/len(line)))
				client.ExpectOneOf(specs.Exactly(Closed(c)).ThenFIN(),
					specs.Exactly(Closed(c)).ThenEnd().Info("input that was not read turns the end into a reset"))
				c.StillServes()
			}, specs.Covers(m.Rows.Quit...), specs.Perilous),

		specs.Requirement(m.id("quit", "upper-case"), specs.Must, "tutorial 001, example 1 and 3",
			`"QUIT" is a line like any other.`,
			notQuit("QUIT"), specs.Covers(m.Rows.CaseAndBlanks...),
			specs.Cause("the line is folded to one case before it is compared")),

		specs.Requirement(m.id("quit", "with-a-word-behind"), specs.Must, "tutorial 001, example 1 and 3",
			`"quit now" is a line like any other.`,
			notQuit("quit now"), specs.Covers(m.Rows.CaseAndBlanks...),
			specs.Cause("only the beginning of the line, or its first word, is compared")),

		specs.Requirement(m.id("quit", "inside-a-line"), specs.Must, "tutorial 001, example 1 and 3",
			`A line that only contains "quit" is a line like any other.`,
			notQuit("do not quit"), specs.Covers(m.Rows.CaseAndBlanks...),
			specs.Cause("the line is searched for quit instead of compared whole")),

		specs.Requirement(m.id("quit", "blanks-behind"), specs.Should, "tutorial 001, rstrip in the listing",
			`Blanks and tabs behind "quit" do not matter.`,
			func(c *specs.Case) {
				client := m.Dial(c)
				client.Send("quit  \t \r\n")
				client.ExpectOneOf(specs.Exactly(Closed(c)).ThenFIN())
			}, specs.Covers(m.Rows.CaseAndBlanks...)),

		specs.Requirement(m.id("quit", "blank-before"), specs.Should, "tutorial 001, rstrip in the listing",
			`" quit" is a line like any other: white space is only stripped on the right.`,
			notQuit(" quit"), specs.Covers(m.Rows.CaseAndBlanks...),
			specs.Cause("white space is stripped on both sides")),

		specs.Requirement(m.id("quit", "reconnect"), specs.Must, "tutorial 001, example 1 and 3",
			"Clients may come and leave by quit any number of times.",
			func(c *specs.Case) {
				for range 12 {
					client := m.Dial(c)
					m.exchange(c, client, "\r\n")
					client.Send("quit\r\n")
					client.ExpectOneOf(specs.Exactly(Closed(c)).ThenFIN())
					client.Leave() // a server may wait for the client's end
				}
			}, specs.Covers(append(m.Rows.Quit, "CONC-05")...),
			specs.Cause("something is used up by each connection")),
	}
}

// EndOfInput is the requirements on a client that ends without quit. The
// tutorial's first programs spin for ever then, so they come last.
func (m Model) EndOfInput() []specs.Spec {
	return []specs.Spec{
		specs.Requirement(m.id("end-of-input", "quit-without-line-end"), specs.Should, "tutorial 001, example 1 and 3",
			`"quit" without a line end is a line at the client's EOF.`,
			func(c *specs.Case) {
				client := m.Dial(c)
				client.Send("quit")
				client.HalfClose()
				client.ExpectOneOf(specs.Exactly(Closed(c)).ThenFIN())
			}, specs.Covers(m.Rows.AtEOF...), specs.Perilous),

		specs.Requirement(m.id("end-of-input", "next-client-is-served"), specs.Robust, "tutorial 001, example 6",
			"A client that ends without quit does not keep the next from being served.",
			func(c *specs.Case) {
				client := m.Dial(c)
				m.exchange(c, client, "\r\n")
				client.HalfClose()
				client.Anything("what a server does at an end without quit is judged elsewhere")
				c.StillServes()
			}, specs.Covers(append(m.Rows.AfterEOF, "CONC-10")...), specs.Perilous,
			specs.Cause("an empty read is taken for an empty line and the loop spins for ever; an empty read is the end of the client")),

		specs.Requirement(m.id("end-of-input", "closes"), specs.Should, "tutorial 001, example 6",
			"The server ends its side when the client has ended without quit.",
			func(c *specs.Case) {
				client := m.Dial(c)
				m.exchange(c, client, "\r\n")
				client.HalfClose()
				client.ExpectFIN()
			}, specs.Covers(m.Rows.AfterEOF...), specs.Perilous,
			specs.Cause("the end of the client is not noticed, or its connection is never closed")),

		specs.Requirement(m.id("end-of-input", "line-then-eof"), specs.Must, "tutorial 001, example 1 and 3",
			"A line followed at once by the client's EOF is answered.",
			func(c *specs.Case) {
				client := m.Dial(c)
				line, answer := m.Ask(c)
				client.Send(line + "\r\n")
				client.HalfClose()
				client.Expect(answer)
			}, specs.Covers(m.Rows.AfterEOF...), specs.Perilous,
			specs.Cause("EOF is acted on before the line that came with it; answer first")),

		specs.Requirement(m.id("end-of-input", "unterminated-line"), specs.Should, "tutorial 001, readline in the listing",
			"The last line is a line although only the client's EOF ends it.",
			func(c *specs.Case) {
				client := m.Dial(c)
				line, answer := m.Ask(c)
				client.Send(line)
				client.HalfClose()
				client.Expect(answer)
			}, specs.Covers(m.Rows.AtEOF...), specs.Perilous,
			specs.Cause("what is in the buffer at EOF is thrown away")),

		specs.Requirement(m.id("end-of-input", "gone-in-a-line"), specs.Robust, "tutorial 001, example 6",
			"A client that leaves in the middle of a line does not keep the next from being served.",
			func(c *specs.Case) {
				client := m.Dial(c)
				m.exchange(c, client, "\r\n")
				line, _ := m.Ask(c)
				client.Send(line[:1])
				client.Close()
				c.StillServes()
			}, specs.Covers(append(m.Rows.AfterEOF, "CONC-10")...), specs.Perilous,
			specs.Cause("the server waits for the rest of a line that will never come")),

		specs.Requirement(m.id("end-of-input", "short-visits"), specs.Robust, "tutorial 001, example 6",
			"Clients that connect and leave without a word use nothing up.",
			func(c *specs.Case) {
				for range 24 {
					client := m.Dial(c)
					client.Close()
				}
				c.StillServes()
			}, specs.Covers(append(m.Rows.AfterEOF, "CONC-10")...), specs.Perilous,
			specs.Cause("a connection that ends early is never closed, or its worker never returns")),
	}
}

// Robustness is the requirements on what a server survives. All of the
// tutorial's programs die of some of it.
func (m Model) Robustness() []specs.Spec {
	survives := func(provoke func(*specs.Case, *specs.Client)) func(*specs.Case) {
		return func(c *specs.Case) {
			client := m.Dial(c)
			m.exchange(c, client, "\r\n")
			provoke(c, client)
			c.StillServes()
		}
	}
	covers := specs.Covers(append(m.Rows.Survives, "CONC-10")...)
	return []specs.Spec{
		specs.Requirement(m.id("robustness", "telnet-negotiation"), specs.Robust, "RFC 854",
			"A client's telnet negotiation does not keep others from being served.",
			survives(func(c *specs.Case, client *specs.Client) {
				client.Send("\xff\xfb\x01\r\n")
				client.Anything("the answer to bytes that are no text is free")
			}), covers, specs.Perilous, specs.Cause(uncaughtUTF8)),

		specs.Requirement(m.id("robustness", "invalid-utf-8"), specs.Robust, "tutorial 001, example 6",
			"A line that is not valid UTF-8 does not keep others from being served.",
			survives(func(c *specs.Case, client *specs.Client) {
				client.Send("\xff\xfe\xc0\x80\xed\xa0\x80\r\n")
				client.Anything("the answer to bytes that are no text is free")
			}), covers, specs.Perilous, specs.Cause(uncaughtUTF8)),

		specs.Requirement(m.id("robustness", "invalid-utf-8-behind-a-line"), specs.Robust, "tutorial 001, example 6",
			"Invalid UTF-8 right behind a good line does not keep others from being served.",
			survives(func(c *specs.Case, client *specs.Client) {
				line, _ := m.Ask(c)
				client.Send(line + "\n\xff\n")
				client.Anything("the answer to bytes that are no text is free")
			}), covers, specs.Perilous, specs.Cause(uncaughtUTF8)),

		specs.Requirement(m.id("robustness", "endless-line"), specs.Robust, "good engineering",
			"A line of four mebibytes, with no end, does not keep others from being served.",
			survives(func(c *specs.Case, client *specs.Client) {
				client.Send(strings.Repeat("x", 4<<20))
				client.Anything("the line may be refused, and the connection closed")
				client.Close()
			}), covers, specs.Perilous),

		specs.Requirement(m.id("robustness", "reset-when-idle"), specs.Robust, "tutorial 001, example 6",
			"A client's reset does not keep others from being served.",
			survives(func(c *specs.Case, client *specs.Client) { client.Reset() }),
			covers, specs.Perilous, specs.Cause(uncaughtReset)),

		specs.Requirement(m.id("robustness", "reset-in-a-line"), specs.Robust, "tutorial 001, example 6",
			"A reset in the middle of a line does not keep others from being served.",
			survives(func(c *specs.Case, client *specs.Client) {
				line, _ := m.Ask(c)
				client.Send(line[:1])
				client.Reset()
				c.StillServes()
				// To some a reset behind bytes that they have not read yet is an ordinary
				// end: when they read is chance, so that this one gives them the time.
				client = m.Dial(c)
				m.exchange(c, client, "\r\n")
				client.Send(line[:1])
				c.Pause(c.Timing().Quiet)
				client.Reset()
			}), covers, specs.Perilous, specs.Cause(uncaughtReset)),

		specs.Requirement(m.id("robustness", "reset-with-answers-due"), specs.Robust, "tutorial 001, example 6",
			"A reset before the answers could be sent, or were read, does not keep others from being served.",
			survives(func(c *specs.Case, client *specs.Client) {
				// How far the server is when the reset comes is chance, but for the
				// last time.
				for range 3 {
					line, _ := m.Ask(c)
					client.Send(strings.Repeat(line+"\r\n", 20))
					client.Reset()
					c.StillServes()
					client = m.Dial(c)
					m.exchange(c, client, "\r\n")
				}
				line, _ := m.Ask(c)
				client.Send(strings.Repeat(line+"\r\n", 20))
				client.Await(c.Timing().Answer, func(unread []byte) bool { return len(unread) > 0 })
				client.Reset()
			}), covers, specs.Perilous, specs.Cause(uncaughtReset)),

		specs.Requirement(m.id("robustness", "gone-with-answers-due"), specs.Robust, "tutorial 001, example 6",
			"A client that leaves while answers are due to it does not keep others from being served.",
			survives(func(c *specs.Case, client *specs.Client) {
				line, _ := m.Ask(c)
				client.Send(strings.Repeat(line+"\r\n", 200))
				client.Close()
			}), covers, specs.Perilous,
			specs.Cause("the error that writing to a closed connection raises (broken pipe) ends the program")),
	}
}

const (
	uncaughtReset = "the error that reading or writing a reset connection raises ends the program; close that connection and go on"
	uncaughtUTF8  = "the error that decoding raises is not caught; answer with an error or close that connection, and go on"
)
