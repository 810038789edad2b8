// Package calc is the standard of the calculator (tutorial 001, examples 3 and
// 6) in executable form: a line of integers is answered with their sum or their
// product, as the connection's mode says; sum, product and quit are commands.
package calc

import (
	_ "embed"
	"fmt"
	"math/big"
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
		Name:       "calc",
		Source:     "tutorial 001, examples 3 and 6",
		Intro:      intro,
		Stages:     stages(),
		Greets:     true,
		Rows:       append(specs.Numbered("CALC", 1, 15), concurrency.Rows()...),
		Untestable: concurrency.Untestable(),
		Question:   func(*specs.Client) string { return "1,2\r\n" },
		Hello: func(cl *specs.Client) {
			cl.ExpectOneOf(specs.Exactly("<welcome: starting in sum mode>\n"), specs.Exactly("<welcome: starting in sum mode>\r\n"))
			cl.Send("1,2\r\n")
			var answers []specs.Outcome
			for _, label := range []string{"integers", "numbers"} {
				for _, end := range []string{"\r\n", "\n"} {
					answers = append(answers, specs.Exactly("Sum of input "+label+": '3'"+end))
				}
			}
			cl.ExpectOneOf(answers...)
		},
		Leave: lines.Leave,
		Scale: scale,
		Dialects: []specs.Dialect{
			{Key: "label", Values: []string{"integers", "numbers"}, Detect: detectLabel,
				Text: "whether answers say «Sum of input integers» (example 6) or «Sum of input numbers» (example 3)"},
			{Key: "line-ends", Values: []string{"mixed", "crlf", "lf"}, Detect: detectLineEnds,
				Text: "the line ends of answers: in the tutorial LF after the greeting and ERROR and CRLF after all else (mixed)"},
			{Key: "integers", Values: []string{"python-int", "ascii"},
				Text: "whether an integer is what Python's int() takes, with _ between digits and the digits of every script, or ASCII digits only"},
		},
	}
	m := model()
	p.Sections = []specs.Section{
		greeting(), modes(), sums(), numbers(), errors(),
		{Name: "framing", Title: "What a line is", Specs: m.Framing()},
		{Name: "quit", Title: "How a client leaves", Specs: m.Quit()},
		{Name: "end-of-input", Title: "What happens when the client ends without quit", Specs: m.EndOfInput()},
		{Name: "robustness", Title: "What a server survives", Specs: append(beyondTheSources(), m.Robustness()...)},
		concurrency.Section(p.Name, conversation()),
	}
	return p
}

// The line ends of the two lines that the tutorial ends in LF alone.
func shortEnd(c *specs.Case) string {
	if c.Dialect("line-ends") == "crlf" {
		return "\r\n"
	}
	return "\n"
}

func welcome(c *specs.Case) string { return "<welcome: starting in sum mode>" + shortEnd(c) }

func failure(c *specs.Case) string {
	return "ERROR. Enter only integers separated by commas" + shortEnd(c)
}

func switching(c *specs.Case, mode string) string {
	return "<switching to " + mode + " mode>" + lines.End(c)
}

// result is an answer in the label that the target uses.
func result(c *specs.Case, mode, number string) string {
	label := c.Dialect("label")
	if label == "" {
		label = "integers"
	}
	return mode + " of input " + label + ": '" + number + "'" + lines.End(c)
}

func sum(c *specs.Case, number string) string     { return result(c, "Sum", number) }
func product(c *specs.Case, number string) string { return result(c, "Product", number) }

// dial connects a client and takes the greeting.
func dial(c *specs.Case) *specs.Client {
	client := c.Dial()
	client.Expect(welcome(c))
	return client
}

// list draws a line of integers and says what they add up and multiply to.
func list(c *specs.Case, size, digits int) (line, total, times string) {
	s, p := new(big.Int), big.NewInt(1)
	var items []string
	for range size {
		item := []byte{byte('1' + c.IntN(9))}
		for range c.IntN(digits) {
			item = append(item, byte('0'+c.IntN(10)))
		}
		text := string(item)
		if c.IntN(3) == 0 {
			text = "-" + text
		}
		n, ok := new(big.Int).SetString(text, 10)
		if !ok {
			panic("not a number: " + text)
		}
		s.Add(s, n)
		p.Mul(p, n)
		items = append(items, text)
	}
	return strings.Join(items, ","), s.String(), p.String()
}

func model() lines.Model {
	return lines.Model{
		Protocol: "calc",
		Rows: lines.Rows{
			LineEnds: []string{"CALC-11"}, LoneCR: []string{"CALC-11"}, Joining: []string{"CALC-11"}, Pipelining: []string{"CALC-13"},
			Quit: []string{"CALC-10"}, CaseAndBlanks: []string{"CALC-09"}, AtEOF: []string{"CALC-14"}, AfterEOF: []string{"CALC-14"}, Survives: []string{"CALC-15"},
		},
		Dial: dial,
		Ask: func(c *specs.Case) (string, string) {
			line, total, _ := list(c, 2+c.IntN(3), 4)
			return line, sum(c, total)
		},
		Answer:    func(c *specs.Case, _ string) string { return failure(c) },
		KeptCR:    func(c *specs.Case, _ string) []string { return []string{failure(c)} },
		Pipelined: specs.Should,
	}
}

func conversation() concurrency.Conversation {
	return concurrency.Conversation{
		Clause:       "tutorial 001, example 6",
		Open:         func(cl *specs.Client) { cl.Expect(welcome(cl.Case())) },
		PartialLevel: specs.Should,
		CrowdLevel:   specs.Should,
		Pipelined:    specs.Should,
		Long: func(c *specs.Case, length int) (string, concurrency.Answer) {
			digits := make([]byte, length)
			for i := range digits {
				digits[i] = byte('1' + c.IntN(9))
			}
			return string(digits) + "\r\n", concurrency.Exactly(sum(c, string(digits)))
		},
		Ask: func(c *specs.Case, client, turn int) (string, concurrency.Answer) {
			line, total, _ := list(c, 3, 5)
			return line + "\r\n", concurrency.Exactly(sum(c, total))
		},
		Partial: func(c *specs.Case, client int) (string, string, concurrency.Answer) {
			line, total, _ := list(c, 3, 5)
			cut := 1 + c.IntN(len(line)-1)
			return line[:cut], line[cut:] + "\r\n", concurrency.Exactly(sum(c, total))
		},
		State: func(c *specs.Case) concurrency.State {
			return concurrency.State{
				Change: "product\r\n", Changed: switching(c, "product"),
				Probe: "5,7\r\n", Fresh: sum(c, "12"), After: product(c, "35"),
			}
		},
		StateTitle: "product",
	}
}

// observe has a short exchange without judging it.
func observe(c *specs.Case, messages ...string) []string {
	client := c.Dial()
	greeting, _ := client.Answered(c.Timing().Answer)
	seen := []string{greeting}
	for _, m := range messages {
		client.Send(m)
		answer, _ := client.Answered(c.Timing().Answer)
		seen = append(seen, answer)
	}
	client.Leave()
	return seen
}

func detectLabel(c *specs.Case) string {
	answer := observe(c, "1,2\r\n")[1]
	for _, label := range []string{"integers", "numbers"} {
		if strings.Contains(answer, fmt.Sprintf("input %s:", label)) {
			return label
		}
	}
	return ""
}

func detectLineEnds(c *specs.Case) string {
	seen := observe(c, "1,2\r\n", "x\r\n")
	crlf, lf := 0, 0
	for _, s := range seen {
		switch {
		case strings.HasSuffix(s, "\r\n"):
			crlf++
		case strings.HasSuffix(s, "\n"):
			lf++
		}
	}
	switch len(seen) {
	case crlf:
		return "crlf"
	case lf:
		return "lf"
	}
	return "mixed"
}
