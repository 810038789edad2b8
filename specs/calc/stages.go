package calc

import (
	"conform/specs"
	"conform/specs/concurrency"
)

// stages is the order in which the protocol is best learnt.
func stages() []specs.Stage {
	return append([]specs.Stage{
		specs.StageOf("A greeting and a sum", "Greet a client before it speaks, read a line of integers, and answer their sum.",
			"greeting", "sums/one-integer", "sums/same-integers", "sums/nothing-added"),
		specs.StageOf("Two modes", "A line may be a command: each connection remembers its mode.", "modes"),
		specs.StageOf("Every line of integers", "Signs, blanks and any number of items, line after line.", "sums"),
		specs.StageOf("What is no line of integers", "Check every item before computing: what is wrong is answered ERROR, and changes nothing.", "errors"),
		specs.StageOf("Lines in pieces", "TCP has no lines: collect bytes until a line end has come, and keep what stands behind it.", "framing"),
		specs.StageOf("Large numbers", "Integers have no largest one: compute exactly, however long they are.", "numbers"),
		specs.StageOf("Quit", "Answer the last command, and close without losing the answer.", "quit"),
		specs.StageOf("A client that ends", "An empty read is the client's end: answer what is whole, and close.", "end-of-input"),
		specs.StageOf("A client without manners", "An error of one connection, bytes that are no text among them, ends that connection, and not the server.", "robustness"),
	}, concurrency.Stages()...)
}
