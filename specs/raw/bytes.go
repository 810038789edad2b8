package raw

import (
	"fmt"

	"conform/specs"
)

// What comes back (tutorial 003: recv, then send).
func bytes() specs.Section {
	return specs.Section{Name: "bytes", Title: "What comes back", Specs: []specs.Spec{
		specs.Requirement("raw/bytes/hello", specs.Must, "tutorial 003",
			"What is sent comes back.",
			each("hello"), specs.Covers("RAW-01")),

		specs.Requirement("raw/bytes/no-greeting", specs.Must, "tutorial 003",
			"The server sends nothing before the first byte.",
			func(c *specs.Case) {
				client := c.Dial()
				client.ExpectSilence("nothing was sent")
				same(client, c.Word())
			}, specs.Covers("RAW-09"),
			specs.Cause("the server greets or prompts; the client speaks first")),

		specs.Requirement("raw/bytes/nothing-unasked", specs.Must, "tutorial 003",
			"Nothing follows what has come back, however long the client is silent.",
			func(c *specs.Case) {
				client := c.Dial()
				for range 3 {
					same(client, c.Word())
					client.ExpectSilence("everything has come back")
				}
			}, specs.Covers("RAW-09"),
			specs.Cause("a prompt, a line end or a sign of life is added; send back what was read and no more")),

		specs.Requirement("raw/bytes/every-byte", specs.Must, "tutorial 003",
			"All 256 values of a byte come back as they are.",
			each(every()), specs.Covers("RAW-01"), specs.Cause(asText)),

		specs.Requirement("raw/bytes/each-byte-alone", specs.Must, "tutorial 003",
			"Each value of a byte comes back when it is sent alone.",
			func(c *specs.Case) {
				client := c.Dial()
				for b := range 256 {
					same(client, string([]byte{byte(b)}))
				}
			}, specs.Covers("RAW-01", "RAW-02"), specs.Cause(asText)),

		specs.Requirement("raw/bytes/line-ends", specs.Must, "tutorial 003",
			"Line ends come back as they were sent, LF, CR and CRLF.",
			each("one\n", "two\r\n", "three\r", "\n", "\r\n", "\r", "a\nb\r\nc\rd\n\r"), specs.Covers("RAW-01"),
			specs.Cause("line ends are translated; open nothing in text mode and send back what was read")),

		specs.Requirement("raw/bytes/blanks", specs.Must, "tutorial 003",
			"White space at the ends comes back.",
			each("  word  ", "\tword\t", " ", "\n word \n"), specs.Covers("RAW-01"),
			specs.Cause("the server strips what it reads; send it back as it is")),

		specs.Requirement("raw/bytes/nul", specs.Must, "tutorial 003",
			"A NUL comes back like any other byte, and what follows it too.",
			each("before\x00after", "\x00", "\x00\x00tail", "head\x00"), specs.Covers("RAW-01"), specs.Cause(cString)),

		specs.Requirement("raw/bytes/not-utf8", specs.Must, "tutorial 003",
			"Bytes that are not UTF-8 come back as they are.",
			each("\xff\xfe", "\xc3\x28", "caf\xe9", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80"), specs.Covers("RAW-01"), specs.Cause(asText)),

		specs.Requirement("raw/bytes/cut-characters", specs.Must, "tutorial 003",
			"A character of several bytes may be cut in two: each half comes back.",
			func(c *specs.Case) {
				client := c.Dial()
				for _, b := range []byte("为什么é😀") {
					same(client, string([]byte{b}))
				}
			}, specs.Covers("RAW-01", "RAW-02"), specs.Cause(asText)),

		specs.Requirement("raw/bytes/formats", specs.Must, "tutorial 003",
			"Percent signs, backslashes and quotes come back as they are.",
			each("100%s %d %% %n", `\n\t\\x41`, `"quoted" 'too'`, "$HOME {0} <&>"), specs.Covers("RAW-01"),
			specs.Cause("what the client sends is used as a format, or escaped; it is data")),

		specs.Requirement("raw/bytes/random", specs.Must, "tutorial 003",
			"Random bytes of random lengths come back.",
			func(c *specs.Case) {
				client := c.Dial()
				for range 24 {
					same(client, string(c.Bytes(1+c.IntN(600))))
				}
			}, specs.Covers("RAW-01")),

		specs.Requirement("raw/bytes/shorter-after-longer", specs.Must, "tutorial 003",
			"A short message that follows a long one comes back alone.",
			func(c *specs.Case) {
				client := c.Dial()
				for n := 400; n > 0; n /= 2 {
					same(client, numbered(n))
				}
				client.ExpectSilence("everything has come back")
			}, specs.Covers("RAW-01"),
			specs.Cause("the whole buffer is sent, with what an earlier read has left in it; send as many bytes as were read")),
	}}
}

// What has a meaning elsewhere, and none here (tutorial 003).
func meaning() specs.Section {
	return specs.Section{Name: "meaning", Title: "No byte has a meaning", Specs: []specs.Spec{
		specs.Requirement("raw/meaning/quit", specs.Must, "tutorial 003",
			`"quit" comes back, and the connection stays.`,
			each("quit\r\n", "quit\n", "quit"), specs.Covers("RAW-04"),
			specs.Cause("the server looks for a word to part with; the client's end is the only one")),

		specs.Requirement("raw/meaning/other-words", specs.Must, "tutorial 003",
			"No other word ends the connection either.",
			each("exit\r\n", "bye\n", "QUIT\r\n", "close", "stop\n", "shutdown\r\n", ".\r\n"), specs.Covers("RAW-04"),
			specs.Cause("the server looks for a word to part with; the client's end is the only one")),

		specs.Requirement("raw/meaning/empty-lines", specs.Must, "tutorial 003",
			"An empty line comes back, and the connection stays.",
			each("\r\n", "\n", "\n\n\n"), specs.Covers("RAW-04", "RAW-01"),
			specs.Cause("an empty line is taken for the client's end; only a read of no bytes is")),

		specs.Requirement("raw/meaning/control-bytes", specs.Must, "tutorial 003",
			"Ctrl-C, Ctrl-D, Ctrl-Z, Backspace and Escape come back, and the connection stays.",
			each("\x03", "\x04", "\x1a", "ab\x08c\x7f", "\x1b[A", "\x11\x13"), specs.Covers("RAW-04", "RAW-01"),
			specs.Cause("control bytes are acted upon as a terminal does; they are data")),

		specs.Requirement("raw/meaning/other-protocols", specs.Must, "tutorial 003",
			"What is a request elsewhere comes back.",
			each("Beautiful is better than?", "1,2\r\n", "GET / HTTP/1.1\r\nHost: example\r\n\r\n", "\xff\xfd\x06", "HELO example\r\n"),
			specs.Covers("RAW-04"),
			specs.Cause("the server speaks another protocol as well; this one has no requests")),

		specs.Requirement("raw/meaning/quit-ends-nobody", specs.Must, "tutorial 003",
			`Words to part with do not keep the server from serving others.`,
			func(c *specs.Case) {
				client := c.Dial()
				for _, word := range []string{"quit\n", "exit\n", "shutdown\n"} {
					same(client, fmt.Sprintf("%s%s", c.Word(), "\n"))
					same(client, word)
				}
				c.StillServes()
			}, specs.Covers("RAW-04", "CONC-10"), specs.Perilous),
	}}
}

// every is all values of a byte, once each.
func every() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}
