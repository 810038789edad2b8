package echo

import (
	"strings"

	"conform/specs"
	"conform/specs/lines"
)

const (
	listing    = "tutorial 001, example 1"
	transcript = "tutorial 001, the session with example 1"
)

// What a line comes back as.
func answers() specs.Section {
	return specs.Section{Name: "answers", Title: "What a line comes back as", Specs: []specs.Spec{
		specs.Requirement("echo/answers/line", specs.Must, transcript,
			`A line comes back as "Echoed: ", the line in single quotes, and a line end.`,
			echo("1,2"), specs.Covers("ECHO-01")),

		specs.Requirement("echo/answers/any-word", specs.Must, transcript,
			"Whatever plain words a line holds, they come back unchanged.",
			func(c *specs.Case) {
				client := c.Dial()
				for range 5 {
					text := c.Word() + " " + c.Word() + "." + c.Word()
					client.Send(text + "\r\n")
					client.Expect(echoed(c, text))
				}
			}, specs.Covers("ECHO-01"),
			specs.Cause("the line is cut at a blank, or the answer is fixed")),

		specs.Requirement("echo/answers/line-end", specs.Should, listing,
			"An answer ends in CRLF.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("hello\r\n")
				client.Expect("Echoed: 'hello'\r\n")
				client.Send("quit\r\n")
				client.ExpectOneOf(specs.Exactly("connection closed\r\n").ThenFIN())
			}, specs.InDialect("line-ends", "crlf"), specs.Covers("ECHO-01"),
			specs.Cause(`answers end in "\n"; write "\r\n"`)),

		specs.Requirement("echo/answers/no-greeting", specs.Must, transcript,
			"The server sends nothing before the first line.",
			func(c *specs.Case) {
				client := c.Dial()
				client.ExpectSilence("nothing was sent")
				client.Send("hello\r\n")
				client.Expect(echoed(c, "hello"))
			}, specs.Covers("ECHO-02"), specs.Cause("the server greets or prompts; the client speaks first")),

		specs.Requirement("echo/answers/nothing-added", specs.Must, transcript,
			"Nothing follows an answer.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("hello\r\n")
				client.Expect(echoed(c, "hello"))
				client.ExpectSilence("the answer has ended")
				client.Send("again\r\n")
				client.Expect(echoed(c, "again"))
			}, specs.Covers("ECHO-01"), specs.Cause("a prompt, a NUL or a second line end follows the answer")),

		specs.Requirement("echo/answers/empty-line", specs.Must, listing,
			"An empty line comes back as empty quotes.",
			func(c *specs.Case) {
				client := c.Dial()
				for _, line := range []string{"\r\n", "\n", "\r\n"} {
					client.Send(line)
					client.Expect(echoed(c, ""))
				}
				client.ExpectSilence("one line has one answer")
			}, specs.Covers("ECHO-07"),
			specs.Cause("an empty line is skipped, or taken for the end of the client")),

		specs.Requirement("echo/answers/no-command-but-quit", specs.Must, listing,
			"Only quit is a command: the calculator's sum and product are echoed.",
			func(c *specs.Case) {
				client := c.Dial()
				for _, line := range []string{"product", "2,3", "sum", "exit", "help"} {
					client.Send(line + "\r\n")
					client.Expect(echoed(c, line))
				}
			}, specs.Covers("ECHO-01")),

		specs.Requirement("echo/answers/case-kept", specs.Must, listing,
			"Upper and lower case come back as they were.",
			echo("MiXeD Case"), specs.Covers("ECHO-01")),

		specs.Requirement("echo/answers/punctuation", specs.Must, listing,
			"Printable ASCII that needs no quoting comes back unchanged, % and braces too.",
			echo("%s %d {} {0} $HOME `x` <b>&amp;</b> ~!@#^*()_+-=[];:,./?|"), specs.Covers("ECHO-01"),
			specs.Cause("the line is used as a format; pass it as an argument")),

		specs.Requirement("echo/answers/long-conversation", specs.Must, transcript,
			"Any number of lines is echoed on one connection, each in its turn.",
			func(c *specs.Case) {
				client := c.Dial()
				for range 100 {
					word := c.Word()
					client.Send(word + "\r\n")
					client.Expect(echoed(c, word))
				}
			}, specs.Covers("ECHO-01"), specs.Cause("something of an earlier line is kept, or the connection is closed after an answer")),
	}}
}

// echo is the body of a requirement on one plain line.
func echo(text string) func(*specs.Case) {
	return func(c *specs.Case) {
		client := c.Dial()
		client.Send(text + "\r\n")
		client.Expect(echoed(c, text))
	}
}

// What happens to white space at the ends of a line.
func blanks() specs.Section {
	stripped := func(tails ...string) func(*specs.Case) {
		return func(c *specs.Case) {
			client := c.Dial()
			for _, tail := range tails {
				client.Send("1,2" + tail + "\r\n")
				client.Expect(echoed(c, "1,2"))
			}
		}
	}
	const rstrip = "tutorial 001, rstrip in the listing"
	return specs.Section{Name: "blanks", Title: "White space at the ends of a line", Specs: []specs.Spec{
		specs.Requirement("echo/blanks/stripped-on-the-right", specs.Should, rstrip,
			"Blanks and tabs at the end of a line are dropped.",
			stripped("  ", "\t", " \t "), specs.Covers("ECHO-06")),

		specs.Requirement("echo/blanks/kept-on-the-left", specs.Should, rstrip,
			"Blanks at the start of a line are kept.",
			echo("  1,2"), specs.Covers("ECHO-06"), specs.Cause("white space is stripped on both sides")),

		specs.Requirement("echo/blanks/kept-inside", specs.Must, rstrip,
			"Blanks inside a line are kept as they are.",
			echo("a  b   c"), specs.Covers("ECHO-06"), specs.Cause("the line is split into words and joined again")),

		specs.Requirement("echo/blanks/only-blanks", specs.Should, rstrip,
			"A line of blanks comes back as empty quotes.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Send("   \r\n")
				client.Expect(echoed(c, ""))
			}, specs.Covers("ECHO-06", "ECHO-07")),

		specs.Requirement("echo/blanks/other-ascii", specs.Should, rstrip,
			"Vertical tab, form feed and the separators U+001C to U+001F count as white space.",
			stripped("\v\f", "\x1c", "\x1d\x1e\x1f"), specs.InDialect("quoting", "ascii-repr"), specs.Covers("ECHO-06")),

		specs.Requirement("echo/blanks/unicode", specs.Should, rstrip,
			"White space of Unicode counts too: next line, no-break space, line separator, ideographic space.",
			stripped("\u0085", "\u00a0", "\u2028", "\u3000"), specs.InDialect("quoting", "ascii-repr"), specs.Covers("ECHO-06")),
	}}
}

// How the echoed text is quoted: as Python's ascii() does it.
func quoting() specs.Section {
	const clause = "tutorial 001, %a in the listing"
	quoted := func(line, repr string) func(*specs.Case) {
		return func(c *specs.Case) {
			client := c.Dial()
			client.Send(line + "\r\n")
			client.Expect("Echoed: " + repr + lines.End(c))
		}
	}
	spec := func(name, title, line, repr string) specs.Spec {
		return specs.Requirement("echo/quoting/"+name, specs.Should, clause, title,
			quoted(line, repr), specs.InDialect("quoting", "ascii-repr"), specs.Covers("ECHO-08"),
			specs.Cause("the text is put between quotes as it is; the tutorial quotes it as Python's ascii() does"))
	}
	return specs.Section{Name: "quoting", Title: "How the text is quoted", Specs: []specs.Spec{
		specs.Requirement("echo/quoting/character-in-two-segments", specs.Should, clause,
			"A character of several bytes that is cut in two is one character.",
			func(c *specs.Case) {
				client := c.Dial()
				for range 3 { // on a busy machine two segments may be read as one
					client.SendSegments("\xc3", "\xa9\r\n")
					client.ExpectOneOf(specs.Exactly(`Echoed: '\xe9'`+lines.End(c)),
						specs.Exactly("Echoed: 'é'"+lines.End(c)).Info("the text is quoted as it is"))
				}
				client.Send("again\r\n")
				client.Expect(echoed(c, "again"))
			}, specs.Covers("ECHO-05", "ECHO-08"),
			specs.Cause("each read is decoded by itself; decode the whole line")),
		spec("single-quote", "A text with a single quote is put between double quotes.", `it's`, `"it's"`),
		spec("double-quotes", "Double quotes need no escape between single quotes.", `say "x"`, `'say "x"'`),
		spec("both-quotes", "With both kinds, the single quote is escaped.", `it's "x"`, `'it\'s "x"'`),
		spec("backslash", "A backslash is doubled.", `a\b`, `'a\\b'`),
		spec("tab", `A tab becomes \t.`, "a\tb", `'a\tb'`),
		spec("control-characters", `Other control characters and DEL become \x and two hexadecimal digits.`, "a\x00\x1b\x7fb", `'a\x00\x1b\x7fb'`),
		spec("latin-1", `U+0080 to U+00FF become \x and two hexadecimal digits.`, "é", `'\xe9'`),
		spec("bmp", `Up to U+FFFF, other characters become \u and four hexadecimal digits.`, "中文", `'\u4e2d\u6587'`),
		spec("beyond-the-bmp", `Above, \U and eight hexadecimal digits.`, "😀", `'\U0001f600'`),
		spec("byte-order-mark", "A byte order mark is a character like others.", "\ufeff1,2", `'\ufeff1,2'`),
		spec("white-space-inside", "White space of Unicode inside a line is escaped, not stripped.", "1\u2028,2", `'1\u2028,2'`),
	}}
}

func longLine() specs.Spec {
	return specs.Requirement("echo/framing/one-mebibyte", specs.Should, listing,
		"A line of one mebibyte is echoed whole.",
		// Made when it runs: a listing of the requirements needs no mebibyte.
		func(c *specs.Case) { echo(strings.Repeat("x", 1<<20))(c) }, specs.Perilous, specs.Covers("ECHO-10"),
		specs.Cause("the length of a line is bounded; the text sets no bound"))
}
