package pid

import (
	"fmt"
	"strings"

	"conform/specs"
)

// What the answer is (tutorial 002: "%s: %s", current_process_id, data).
func answers() specs.Section {
	return specs.Section{Name: "answers", Title: "What the answer is", Specs: []specs.Spec{
		specs.Requirement("pid/answers/hello", specs.Must, clause,
			"A message comes back behind a number, a colon and a blank, and the connection ends.",
			each("Hello echo server!"), specs.Covers("PID-01", "PID-02"),
			specs.Cause("the number of the process is missing, or written otherwise")),

		specs.Requirement("pid/answers/no-greeting", specs.Must, clause,
			"The server sends nothing before the message, and waits for it.",
			func(c *specs.Case) {
				client := c.Dial()
				client.ExpectSilence("nothing was sent")
				ask(client, c.Word())
			}, specs.Covers("PID-03"),
			specs.Cause("the server greets, or answers before it has read; the client speaks first")),

		specs.Requirement("pid/answers/waits-for-the-message", specs.Must, clause,
			"However long the message keeps the server waiting, it comes back.",
			func(c *specs.Case) {
				client := c.Dial()
				for range 3 {
					client.ExpectSilence("nothing was sent")
				}
				ask(client, c.Word())
			}, specs.Covers("PID-03"),
			specs.Cause("a client that is silent for a moment is given up")),

		specs.Requirement("pid/answers/the-number", specs.Must, clause,
			"The number is written in decimal digits, with neither sign nor zeros in front, each time.",
			func(c *specs.Case) {
				for range 4 {
					ask(c.Dial(), c.Word())
				}
			}, specs.Covers("PID-01"),
			specs.Cause("something else than the number of the process is shown, or in another form")),

		specs.Requirement("pid/answers/message-with-a-number", specs.Must, clause,
			"A message that looks like an answer comes back like any other.",
			each("4711: hello", ": ", ":", "1"), specs.Covers("PID-01"),
			specs.Cause("the message is taken apart; it is data")),

		specs.Requirement("pid/answers/no-line-end", specs.Must, clause,
			"A message without a line end is answered at once, and none is added.",
			each("no line end"), specs.Covers("PID-01"),
			specs.Cause("the server reads a line; read once, and answer what has come")),

		specs.Requirement("pid/answers/line-ends", specs.Must, clause,
			"Line ends of the message come back as they are.",
			each("hello\r\n", "hello\n", "\n", "one\ntwo\r\n"), specs.Covers("PID-01", "PID-04"),
			specs.Cause("the message is stripped, or cut at its first line end; send back what was read")),

		specs.Requirement("pid/answers/blanks", specs.Must, clause,
			"White space at the ends of the message comes back.",
			each("  word", "word  ", "\t", " "), specs.Covers("PID-01", "PID-04"),
			specs.Cause("the message is stripped; send it back as it is")),

		specs.Requirement("pid/answers/quit", specs.Must, clause,
			"No word has a meaning: each comes back.",
			each("quit", "quit\r\n", "exit\n", "Beautiful is better than?", "1,2\r\n", "GET / HTTP/1.1\r\n\r\n"), specs.Covers("PID-01"),
			specs.Cause("the server looks for a word; every message is answered alike")),
	}}
}

// What a message may be made of, and how long it may be (tutorial 002: one
// recv(1024)).
func messages() specs.Section {
	return specs.Section{Name: "messages", Title: "What a message may be", Specs: []specs.Spec{
		specs.Requirement("pid/messages/one-byte", specs.Must, clause,
			"A message of one byte is answered.",
			each("a", "\x00", "\xff"), specs.Covers("PID-01", "PID-04")),

		specs.Requirement("pid/messages/every-byte", specs.Must, clause,
			"A message may hold all 256 values of a byte.",
			func(c *specs.Case) {
				all := make([]byte, 256)
				for i := range all {
					all[i] = byte(i)
				}
				ask(c.Dial(), string(all))
			}, specs.Covers("PID-04"), specs.Cause(decoded)),

		specs.Requirement("pid/messages/nul", specs.Must, clause,
			"A NUL does not end a message.",
			each("before\x00after", "\x00\x00end"), specs.Covers("PID-04"),
			specs.Cause("the message is treated as a C string; send back as many bytes as were read")),

		specs.Requirement("pid/messages/not-utf8", specs.Must, clause,
			"Bytes that are not UTF-8, and characters that are not ASCII, come back as they are.",
			each("\xff\xfe", "caf\xe9", "中文 é", "cut \xe4\xb8"), specs.Covers("PID-04"), specs.Cause(decoded)),

		specs.Requirement("pid/messages/formats", specs.Must, clause,
			"Percent signs, backslashes and quotes come back as they are.",
			each("\x00\xff%s%d\n", "100%% %n", `\n "quoted" {0}`), specs.Covers("PID-04", "PID-01"),
			specs.Cause("the message is used as a format; it is data")),

		specs.Requirement("pid/messages/random", specs.Must, clause,
			"Random bytes come back.",
			func(c *specs.Case) {
				for range 6 {
					ask(c.Dial(), string(c.Bytes(1+c.IntN(500))))
				}
			}, specs.Covers("PID-04")),

		specs.Requirement("pid/messages/up-to-1024-bytes", specs.Must, clause,
			"Messages of up to 1024 bytes come back whole.",
			func(c *specs.Case) {
				for _, n := range []int{127, 128, 255, 256, 511, 512, 513, 1023, 1024} {
					ask(c.Dial(), string(c.Bytes(n)))
				}
			}, specs.Covers("PID-04"),
			specs.Cause("the buffer that the message is read into, or the answer is made in, is too small")),

		specs.Requirement("pid/messages/longer", specs.May, clause,
			"Of a longer message the first 1024 bytes come back at least; the rest may be cut.",
			func(c *specs.Case) {
				for _, n := range []int{1025, 4000} {
					longer(c, numbered(n))
				}
			}, specs.Covers("PID-04"), specs.Perilous,
			specs.Cause("what is too long is answered with less than fits, or with other bytes")),

		specs.Requirement("pid/messages/the-first-only", specs.Must, clause,
			"What follows the answer to the first message gets none.",
			func(c *specs.Case) {
				client := c.Dial()
				word := c.Word()
				client.Send(word)
				client.ExpectOneOf(echoed(word))
				client.Offer(c.Word())
				client.ExpectEnd()
				client.Leave()
				ask(c.Dial(), c.Word())
			}, specs.Covers("PID-02", "PID-01"),
			specs.Cause("the server goes on reading after its answer; it closes")),
	}}
}

// longer judges the answer to a message of more than 1024 bytes. It is read
// until the server ends: in order, or with the reset that bytes make which were
// never read.
func longer(c *specs.Case, message string) {
	client := c.Dial()
	client.Send(message)
	s := client.Await(c.Timing().Answer, func([]byte) bool { return false })
	got := string(s.Unread)
	client.Consume(len(got))
	number, echo, found := strings.Cut(got, ": ")
	reason := specs.Reason{Code: specs.WrongBytes, Sent: fmt.Sprintf("%d bytes", len(message)),
		Expected: []string{`a number, then ": " and at least 1024 bytes of the message, then FIN or RST`},
		Received: fmt.Sprintf("%d bytes", len(got))}
	switch {
	case s.TimedOut:
		reason.Code, reason.Message = specs.NotClosed, "the connection was not ended"
		if got == "" {
			reason.Code, reason.Message = specs.NoAnswer, "no answer"
		}
	case !found || number == "" || strings.Trim(number, "0123456789") != "":
		reason.Message = "the answer does not begin with a number and a colon"
	case !strings.HasPrefix(message, echo):
		reason.Message = "what comes back is not the beginning of the message"
	case len(echo) < 1024:
		reason.Message = fmt.Sprintf("only %d bytes of the message come back", len(echo))
	default:
		client.Leave()
		c.Note("of %d bytes %d come back", len(message), len(echo))
		return
	}
	c.Refute(reason, s.TimedOut)
}

// numbered is n bytes in which no two places are alike.
func numbered(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%04x ", i)
	}
	return b.String()[:n]
}

const decoded = "the message is decoded as text on its way; read, join and send bytes"

// How the connection ends (tutorial 002: handle returns after one answer).
func end() specs.Section {
	return specs.Section{Name: "end", Title: "How the connection ends", Specs: []specs.Spec{
		specs.Requirement("pid/end/closes", specs.Must, clause,
			"The server ends its side in order, at once after its answer.",
			func(c *specs.Case) {
				client := c.Dial()
				word := c.Word()
				client.Send(word)
				client.ExpectOneOf(specs.Exactly(": " + word).AfterNumber())
				client.ExpectFIN()
			}, specs.Covers("PID-02"),
			specs.Cause("the server waits for another message, or resets the connection; it closes after one answer")),

		specs.Requirement("pid/end/message-then-eof", specs.Must, clause,
			"A message that is followed at once by the client's EOF is answered.",
			func(c *specs.Case) {
				client := c.Dial()
				client.SendAndEnd("abc")
				client.ExpectOneOf(echoed("abc"))
				c.StillServes()
			}, specs.Covers("PID-01", "PID-02"), specs.Perilous,
			specs.Cause("EOF is acted on before the message that came with it; answer first")),

		specs.Requirement("pid/end/nothing-sent", specs.May, clause,
			"A client that ends without a byte gets the number and an empty message, or nothing.",
			func(c *specs.Case) {
				client := c.Dial()
				client.HalfClose()
				client.ExpectOneOf(echoed(""), specs.FIN().Info("an empty message is not answered"))
				c.StillServes()
			}, specs.Covers("PID-07", "PID-03", "CONC-10"), specs.Perilous,
			specs.Cause("an empty read is not provided for; it means that the client has ended")),
	}}
}

// Whose number it is (tutorial 002: ForkingMixIn, or ThreadingMixIn).
func process() specs.Section {
	const detour = "the number is made up, kept from an earlier client, or that of another process; ask the system for it when the answer is made"
	return specs.Section{Name: "process", Title: "Whose number it is", Specs: []specs.Spec{
		specs.Requirement("pid/process/one-or-each", specs.May, clause,
			"All connections show the same number, or each one of its own.",
			func(c *specs.Case) {
				if numbers := overlapping(c); distinct(numbers) == 1 {
					c.Note("one process serves all connections")
				} else {
					c.Check(distinct(numbers) == len(numbers), "some connections show the same number and some do not: %s", strings.Join(numbers, ", "))
					c.Note("each connection is served by a process of its own")
				}
			}, specs.Clients(2), specs.Covers("PID-05", "PID-06"), specs.Cause(detour)),

		specs.Requirement("pid/process/each-its-own", specs.Must, clause,
			"Where each connection has a process of its own, connections that overlap show different numbers, and so do later ones.",
			func(c *specs.Case) {
				belongs(c, "forking")
				numbers := overlapping(c)
				c.Check(distinct(numbers) == len(numbers), "two connections show the same number: %s", strings.Join(numbers, ", "))
			}, specs.Clients(2), specs.InDialect("process", "forking"), specs.Covers("PID-05"),
			specs.Cause("the number is asked for once, before the fork, or it is the parent's")),

		specs.Requirement("pid/process/the-same", specs.Must, clause,
			"Where one process serves all connections, all show the same number.",
			func(c *specs.Case) {
				belongs(c, "threading")
				numbers := overlapping(c)
				c.Check(distinct(numbers) == 1, "connections show different numbers: %s", strings.Join(numbers, ", "))
			}, specs.Clients(2), specs.InDialect("process", "threading"), specs.Covers("PID-06"),
			specs.Cause("the number of a thread is shown, or of the connection; ask for that of the process")),
	}}
}

// belongs ends the body on a target that has been seen to be of another dialect.
func belongs(c *specs.Case, value string) {
	if seen := c.Dialect("process"); seen != value {
		if seen == "" {
			seen = "neither"
		}
		c.Unsupported("belongs to the dialect process=%s; %s was seen", value, seen)
	}
}

// overlapping returns the numbers of connections that overlap, and of some that
// follow each other.
func overlapping(c *specs.Case) (numbers []string) {
	for range 2 {
		first, second := c.Dial(), c.Dial()
		second.ExpectSilence("nothing was sent")
		numbers = append(numbers, ask(first, c.Word()), ask(second, c.Word()))
	}
	return append(numbers, ask(c.Dial(), c.Word()), ask(c.Dial(), c.Word()))
}

func distinct(numbers []string) int {
	set := map[string]bool{}
	for _, n := range numbers {
		set[n] = true
	}
	return len(set)
}

// What a server survives. Both of the tutorial's do.
func robustness() specs.Section {
	return specs.Section{Name: "robustness", Title: "What a server survives", Specs: []specs.Spec{
		specs.Requirement("pid/robustness/many-short-visits", specs.Must, clause,
			"Clients that come and go, with or without a message, use nothing up.",
			func(c *specs.Case) {
				for i := range 24 {
					client := c.Dial()
					if i%2 == 1 {
						ask(client, c.Word())
					}
					client.Leave()
				}
				c.StillServes()
			}, specs.Covers("CONC-04", "CONC-05", "CONC-10"), specs.Perilous,
			specs.Cause("a connection that ends is never closed, or its worker never returns")),

		specs.Requirement("pid/robustness/reset-when-idle", specs.Must, clause,
			"A client's reset before a message does not keep others from being served.",
			func(c *specs.Case) {
				ask(c.Dial(), c.Word())
				client := c.Dial()
				client.Reset()
				c.StillServes()
			}, specs.Covers("CONC-10"), specs.Perilous, specs.Cause(uncaughtReset)),

		specs.Requirement("pid/robustness/reset-with-an-answer-due", specs.Must, clause,
			"A reset before the answer could be sent does not keep others from being served.",
			func(c *specs.Case) {
				ask(c.Dial(), c.Word())
				client := c.Dial()
				client.Send("abc")
				client.Reset()
				c.StillServes()
			}, specs.Covers("CONC-10"), specs.Perilous, specs.Cause(uncaughtReset)),

		specs.Requirement("pid/robustness/gone-without-a-word", specs.Must, clause,
			"A client that leaves without a message does not keep others from being served.",
			func(c *specs.Case) {
				ask(c.Dial(), c.Word())
				client := c.Dial()
				client.Close()
				c.StillServes()
			}, specs.Covers("CONC-10"), specs.Perilous,
			specs.Cause("the error of writing to a client that has left is not caught; close that connection and go on")),
	}}
}

const uncaughtReset = "the error that reading or writing a reset connection raises ends the program; close that connection and go on"
