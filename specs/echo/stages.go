package echo

import (
	"conform/specs"
	"conform/specs/concurrency"
)

// stages is the order in which the protocol is best learnt.
func stages() []specs.Stage {
	return append([]specs.Stage{
		specs.StageOf("A first line", "Accept a connection, read a line, and write it back in quotes.",
			"answers/line", "answers/any-word", "answers/no-greeting", "answers/nothing-added", "framing/lf", "framing/crlf"),
		specs.StageOf("Every line", "Answer line after line on one connection: empty ones, and whatever they say.", "answers"),
		specs.StageOf("Lines in pieces", "TCP has no lines: collect bytes until a line end has come, and keep what stands behind it.", "framing"),
		specs.StageOf("Quit", "One line is a command: answer it, and close without losing the answer.", "quit"),
		specs.StageOf("A client that ends", "An empty read is the client's end: answer what is whole, and close.", "end-of-input"),
		specs.StageOf("White space and quotes", "The text is stripped on the right, and written as Python's repr writes it.", "blanks", "quoting"),
		specs.StageOf("A client without manners", "An error of one connection, bytes that are no text among them, ends that connection, and not the server.", "robustness"),
	}, concurrency.Stages()...)
}
