package raw

import (
	"time"

	"conform/specs"
)

// Nothing is waited for (tutorial 003: each read is sent back at once).
func segments() specs.Section {
	return specs.Section{Name: "segments", Title: "Nothing is waited for", Specs: []specs.Spec{
		specs.Requirement("raw/segments/one-byte", specs.Must, "tutorial 003",
			"A single byte comes back before anything else is sent.",
			each("a", "\n", "b"), specs.Covers("RAW-02"), specs.Cause(linewise)),

		specs.Requirement("raw/segments/no-line-end", specs.Must, "tutorial 003",
			"Bytes without a line end come back at once.",
			func(c *specs.Case) {
				client := c.Dial()
				same(client, "no line")
				same(client, " end yet")
				same(client, "\n")
			}, specs.Covers("RAW-02"), specs.Cause(linewise)),

		specs.Requirement("raw/segments/part-of-a-line", specs.Must, "tutorial 003",
			"What follows a line end in the same segment comes back with it.",
			each("a line\nand more", "\nx", "1\n2\n3"), specs.Covers("RAW-02"), specs.Cause(linewise)),

		specs.Requirement("raw/segments/byte-by-byte", specs.Must, "tutorial 003",
			"What is sent byte by byte comes back in order.",
			func(c *specs.Case) {
				client, word := c.Dial(), c.Word()+" "+c.Word()
				client.SendByteByByte(word)
				client.Expect(word)
				client.ExpectSilence("everything has come back")
			}, specs.Covers("RAW-01", "RAW-02"), specs.Cause(linewise)),

		specs.Requirement("raw/segments/without-waiting", specs.Must, "tutorial 003",
			"Segments that follow each other without waiting all come back, in order.",
			func(c *specs.Case) {
				client := c.Dial()
				same(client, c.Word())
				all := ""
				for range 48 {
					part := string(c.Bytes(1 + c.IntN(200)))
					client.Send(part)
					all += part
				}
				client.Expect(all)
			}, specs.Covers("RAW-01"),
			specs.Cause("what arrives while an answer is sent gets lost or overtakes it; read and send in turn")),

		specs.Requirement("raw/segments/many-turns", specs.Must, "tutorial 003",
			"A client may send as often as it likes.",
			func(c *specs.Case) {
				client := c.Dial()
				for range 100 {
					same(client, c.Word())
				}
			}, specs.Covers("RAW-01"),
			specs.Cause("the server stops after so many messages; it goes on until the client ends")),
	}}
}

// How much comes back (tutorial 003: the servers read 1024 bytes at a time).
func lengths() specs.Section {
	long := func(name string, level specs.Level, title string, sizes ...int) specs.Spec {
		return specs.Requirement("raw/lengths/"+name, level, "tutorial 003", title,
			func(c *specs.Case) {
				client := c.Dial()
				same(client, c.Word())
				for _, n := range sizes {
					client.Send(numbered(n))
					client.Expect(numbered(n))
				}
				same(client, c.Word())
			}, specs.Covers("RAW-03"), specs.Cause(oneRead))
	}
	s := specs.Section{Name: "lengths", Title: "However long it is, it comes back", Specs: []specs.Spec{
		long("a-read", specs.Must, "1023, 1024 and 1025 bytes come back, the size of the tutorial's reads.", 1023, 1024, 1025),
		long("usual-buffers", specs.Must, "A byte less and more than the usual sizes of buffers come back.",
			127, 128, 255, 256, 257, 511, 512, 513, 2048, 2049, 4095, 4096, 4097, 8191, 8192, 8193),
		long("64-kilobytes", specs.Must, "65 535, 65 536 and 65 537 bytes come back.", 65_535, 65_536, 65_537),
		long("100-000", specs.Must, "100 000 bytes come back.", 100_000),
		long("one-mebibyte", specs.Must, "One mebibyte comes back to a client that reads meanwhile.", 1<<20),
	}}
	s.Specs[4].Perilous = true
	s.Specs = append(s.Specs, specs.Requirement("raw/lengths/random", specs.Must, "tutorial 003",
		"Random bytes of any length up to 20 000 come back, one after the other.",
		func(c *specs.Case) {
			client := c.Dial()
			for range 12 {
				same(client, string(c.Bytes(1+c.IntN(20_000))))
			}
		}, specs.Covers("RAW-01", "RAW-03"), specs.Cause(oneRead)))
	return s
}

// What happens when the client ends its side (tutorial 003: recv returns
// nothing, the connection is closed).
func endOfInput() specs.Section {
	return specs.Section{Name: "end-of-input", Title: "What happens when the client ends", Specs: []specs.Spec{
		specs.Requirement("raw/end-of-input/bytes-then-eof", specs.Must, "tutorial 003",
			"What was sent before the client's EOF comes back.",
			func(c *specs.Case) {
				client := c.Dial()
				client.SendAndEnd("abc")
				client.Expect("abc")
				c.StillServes()
			}, specs.Covers("RAW-05"),
			specs.Cause("EOF is acted on before the bytes that came with it; send them back first")),

		specs.Requirement("raw/end-of-input/much-then-eof", specs.Must, "tutorial 003",
			"100 000 bytes that were sent before the client's EOF all come back.",
			func(c *specs.Case) {
				client := c.Dial()
				same(client, c.Word())
				client.SendAndEnd(numbered(100_000))
				client.Expect(numbered(100_000))
				c.StillServes()
			}, specs.Covers("RAW-05", "RAW-03"),
			specs.Cause("the connection is closed with bytes still to be sent; send them, then close")),

		specs.Requirement("raw/end-of-input/nothing-sent", specs.Must, "tutorial 003",
			"A client that ends without a byte gets none, and the server goes on serving.",
			func(c *specs.Case) {
				client := c.Dial()
				client.HalfClose()
				client.ExpectOneOf(specs.FIN(), stillOpen())
				c.StillServes()
			}, specs.Covers("RAW-09", "CONC-10"),
			specs.Cause("an empty read is taken for a message; it means that the client has ended")),

		specs.Requirement("raw/end-of-input/nothing-after", specs.Must, "tutorial 003",
			"When everything has come back, the client's EOF adds no byte.",
			func(c *specs.Case) {
				client := c.Dial()
				same(client, c.Word())
				client.HalfClose()
				client.ExpectOneOf(specs.FIN(), stillOpen())
				c.StillServes()
			}, specs.Covers("RAW-09", "RAW-05")),

		specs.Requirement("raw/end-of-input/closes", specs.Should, "tutorial 003",
			"The server ends its side when the client has ended.",
			func(c *specs.Case) {
				client := c.Dial()
				same(client, c.Word())
				client.HalfClose()
				client.ExpectFIN()
			}, specs.Covers("RAW-06"),
			specs.Cause("a read of no bytes is the client's end; close the connection then, or the loop spins on it for ever")),

		specs.Requirement("raw/end-of-input/last-bytes-then-closes", specs.Should, "tutorial 003",
			"The last bytes, which came with the client's EOF, are followed by the server's.",
			func(c *specs.Case) {
				client := c.Dial()
				same(client, c.Word())
				client.SendAndEnd("the last bytes")
				client.ExpectOneOf(specs.Exactly("the last bytes").ThenFIN())
			}, specs.Covers("RAW-05", "RAW-06")),

		specs.Requirement("raw/end-of-input/gone-with-bytes-due", specs.Must, "tutorial 003",
			"A client that leaves before its bytes have come back does not keep others from being served.",
			func(c *specs.Case) {
				client := c.Dial()
				same(client, c.Word())
				client.Send("abc")
				client.HalfClose()
				client.Close()
				c.StillServes()
			}, specs.Covers("CONC-10"), specs.Perilous,
			specs.Cause("the error of writing to a client that has left is not caught; close that connection and go on")),
	}}
}

// stillOpen allows a server not to end its side: that is judged by
// raw/end-of-input/closes alone.
func stillOpen() specs.Outcome {
	return specs.Silence().Info("the server does not end its side when the client has ended")
}

// What happens while the client does not read (tutorial 003: send).
func flow() specs.Section {
	return specs.Section{Name: "flow", Title: "Clients that read slowly", Specs: []specs.Spec{
		specs.Requirement("raw/flow/reads-late", specs.Should, "tutorial 003",
			"A client that sends all that is taken of it before it reads anything, up to 5 MiB, gets every byte.",
			func(c *specs.Case) {
				client, bytes, read := unread(c, stalling, 2<<20)
				defer read()
				// Slower than most servers send, so that it comes to a halt
				// more than once.
				client.ReadSlowly(16<<10, time.Millisecond/5)
				client.Expect(bytes)
				read()
				c.Join()
				same(client, c.Word())
			}, specs.Covers("RAW-07", "RAW-03"), specs.Perilous, specs.Heavy, specs.Cause(partSent)),

		specs.Requirement("raw/flow/reads-late-then-eof", specs.Should, "tutorial 003",
			"Nor is a byte lost when such a client has ended its side before it reads.",
			func(c *specs.Case) {
				client, bytes, read := unread(c, 256<<10, 0)
				defer read()
				client.HalfClose()
				read()
				client.Expect(bytes)
				c.Join()
			}, specs.Covers("RAW-05", "RAW-07"), specs.Perilous,
			specs.Cause("the connection is closed with bytes still to be sent; send them, then close")),

		specs.Requirement("raw/flow/reads-in-small-pieces", specs.Should, "tutorial 003",
			"A client that reads slowly, a little at a time, gets every byte.",
			func(c *specs.Case) {
				client := c.Dial()
				same(client, c.Word())
				client.ReadSlowly(4096, time.Millisecond)
				defer client.ReadSlowly(64<<10, 0)
				client.Send(numbered(200_000))
				client.Expect(numbered(200_000))
				same(client, c.Word())
			}, specs.Covers("RAW-07"), specs.Perilous, specs.Cause(partSent)),

		specs.Requirement("raw/flow/leaves-without-reading", specs.Should, "tutorial 003",
			"A client that leaves with all of its bytes unread does not keep others from being served.",
			func(c *specs.Case) {
				client, _, _ := unread(c, 256<<10, 0)
				client.Close() // with bytes unread, so that it is a reset
				c.StillServes()
			}, specs.Covers("RAW-08", "CONC-10"), specs.Perilous, specs.Cause(uncaughtReset)),
	}}
}

// crowds are the scenarios with several clients that no other protocol has.
func crowds() []specs.Spec {
	return []specs.Spec{
		specs.Requirement("raw/concurrency/bytes-by-turns", specs.Must, "tutorial 003",
			"What several clients send byte by byte, by turns, is kept apart.",
			func(c *specs.Case) {
				var clients [4]*specs.Client
				var words [4]string
				for i := range clients {
					clients[i], words[i] = c.Dial(), c.Word()
				}
				for at := range 6 { // as long as any word is
					for i, client := range clients {
						client.Send(words[i][at : at+1])
					}
				}
				for i, client := range clients {
					client.Expect(words[i][:6])
				}
				clients[0].ExpectSilence("everything has come back")
			}, specs.Clients(4), specs.Covers("CONC-04", "CONC-06", "CONC-09"),
			specs.Cause("all clients share one buffer, or one variable for the connection to answer")),
	}
}

// What a server survives (tutorial 003).
func robustness() specs.Section {
	return specs.Section{Name: "robustness", Title: "What a server survives", Specs: []specs.Spec{
		specs.Requirement("raw/robustness/many-short-visits", specs.Must, "tutorial 003",
			"Clients that connect and leave at once, or after a few bytes, use nothing up.",
			func(c *specs.Case) {
				for i := range 24 {
					client := c.Dial()
					if i%2 == 1 {
						same(client, c.Word())
					}
					client.Leave()
				}
				c.StillServes()
			}, specs.Covers("CONC-05", "CONC-10"), specs.Perilous,
			specs.Cause("a connection that ends is never closed, or its worker never returns")),

		specs.Requirement("raw/robustness/reset-after-an-echo", specs.Should, "tutorial 003",
			"A client's reset does not keep others from being served.",
			func(c *specs.Case) {
				client := c.Dial()
				same(client, c.Word())
				client.ExpectSilence("everything has come back")
				client.Reset()
				c.StillServes()
			}, specs.Covers("RAW-08", "CONC-10"), specs.Perilous, specs.Cause(uncaughtReset)),

		specs.Requirement("raw/robustness/reset-with-bytes-due", specs.Should, "tutorial 003",
			"A reset before the bytes could come back, or were read, does not keep others from being served.",
			func(c *specs.Case) {
				// How far the server is when the reset comes is chance, but for the
				// last time.
				for round := range 4 {
					client := c.Dial()
					same(client, c.Word())
					client.Send("abc")
					if round == 3 {
						client.Await(c.Timing().Answer, func(unread []byte) bool { return len(unread) > 0 })
					}
					client.Reset()
					c.StillServes()
				}
			}, specs.Covers("RAW-08", "CONC-10"), specs.Perilous, specs.Cause(uncaughtReset)),

		specs.Requirement("raw/robustness/reset-before-a-byte", specs.Should, "tutorial 003",
			"A reset of a connection that was never used does not keep others from being served.",
			func(c *specs.Case) {
				client := c.Dial()
				client.ExpectSilence("nothing was sent")
				client.Reset()
				c.StillServes()
			}, specs.Covers("RAW-08", "CONC-10"), specs.Perilous, specs.Cause(uncaughtReset)),
	}}
}

const uncaughtReset = "the error that reading or writing a reset connection raises ends the program; close that connection and go on"
