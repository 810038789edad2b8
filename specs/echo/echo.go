// Package echo is the standard of the line echo (tutorial 001, example 1) in
// executable form: every line comes back as "Echoed: " and its text in quotes,
// and "quit" ends the connection.
package echo

import (
	_ "embed"
	"strings"

	"conform/specs"
	"conform/specs/concurrency"
	"conform/specs/lines"
)

//go:embed intro.md
var intro string

// Protocol returns the standard, in the order in which it is best read.
func Protocol() specs.Protocol {
	p := specs.Protocol{
		Name:       "echo",
		Source:     "tutorial 001, example 1",
		Intro:      intro,
		Stages:     stages(),
		Rows:       append(specs.Numbered("ECHO", 1, 12), concurrency.Rows()...),
		Untestable: concurrency.Untestable(),
		Question:   func(*specs.Client) string { return "hello\r\n" },
		Hello: func(cl *specs.Client) {
			cl.Send("hello\r\n")
			cl.ExpectOneOf(specs.Exactly("Echoed: 'hello'\r\n"), specs.Exactly("Echoed: 'hello'\n"))
		},
		Leave: lines.Leave,
		Scale: scale,
		Dialects: []specs.Dialect{
			{Key: "line-ends", Values: []string{"crlf", "lf"}, Detect: detectLineEnds,
				Text: "the line end of answers: CRLF in the tutorial, LF by mistake or by choice"},
			{Key: "quoting", Values: []string{"ascii-repr", "plain"},
				Text: "whether the echoed text is quoted as Python's ascii() does it, or put between single quotes as it is"},
		},
	}
	m := model()
	p.Sections = []specs.Section{
		answers(), blanks(), quoting(),
		{Name: "framing", Title: "What a line is", Specs: append(m.Framing(), longLine())},
		{Name: "quit", Title: "How a client leaves", Specs: m.Quit()},
		{Name: "end-of-input", Title: "What happens when the client ends without quit", Specs: m.EndOfInput()},
		{Name: "robustness", Title: "What a server survives", Specs: m.Robustness()},
		concurrency.Section(p.Name, conversation()),
	}
	return p
}

// echoed is the answer to a plain line.
func echoed(c *specs.Case, text string) string { return "Echoed: '" + text + "'" + lines.End(c) }

func model() lines.Model {
	return lines.Model{
		Protocol: "echo",
		Rows: lines.Rows{
			LineEnds: []string{"ECHO-04"}, LoneCR: []string{"ECHO-04"}, Joining: []string{"ECHO-05"}, Pipelining: []string{"ECHO-09"},
			Quit: []string{"ECHO-03"}, CaseAndBlanks: []string{"ECHO-06"}, AtEOF: []string{"ECHO-11"}, AfterEOF: []string{"ECHO-12"}, Survives: []string{"ECHO-12"},
		},
		Dial: (*specs.Case).Dial,
		Ask: func(c *specs.Case) (string, string) {
			word := c.Word()
			return word, echoed(c, word)
		},
		Answer: echoed,
		KeptCR: func(c *specs.Case, line string) []string {
			return []string{echoed(c, strings.ReplaceAll(line, "\r", `\r`)), echoed(c, line)}
		},
		Pipelined: specs.Must,
	}
}

func conversation() concurrency.Conversation {
	return concurrency.Conversation{
		Clause:       "tutorial 001, example 6",
		Open:         func(*specs.Client) {},
		PartialLevel: specs.Should,
		CrowdLevel:   specs.Should,
		Pipelined:    specs.Must,
		Long: func(c *specs.Case, length int) (string, concurrency.Answer) {
			text := c.Letters(length)
			return text + "\r\n", concurrency.Exactly(echoed(c, text))
		},
		Ask: func(c *specs.Case, client, turn int) (string, concurrency.Answer) {
			word := c.Word()
			return word + "\r\n", concurrency.Exactly(echoed(c, word))
		},
		Partial: func(c *specs.Case, client int) (string, string, concurrency.Answer) {
			word := c.Word()
			cut := 1 + c.IntN(len(word)-1)
			return word[:cut], word[cut:] + "\r\n", concurrency.Exactly(echoed(c, word))
		},
	}
}

// detectLineEnds sees how an answer ends, without judging it.
func detectLineEnds(c *specs.Case) string {
	client := c.Dial()
	client.Send("hello\r\n")
	answer, _ := client.Answered(c.Timing().Answer)
	client.Leave()
	switch {
	case strings.HasSuffix(answer, "\r\n"):
		return "crlf"
	case strings.HasSuffix(answer, "\n"):
		return "lf"
	}
	return ""
}
