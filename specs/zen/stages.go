package zen

import (
	"conform/specs"
	"conform/specs/concurrency"
)

// stages is the order in which the protocol is best learnt.
func stages() []specs.Stage {
	return append([]specs.Stage{
		specs.StageOf("A first question", "Accept a connection, read a question, and write its answer, with nothing before or behind it.",
			"answers/beautiful", "answers/explicit", "answers/simple", "framing/no-greeting"),
		specs.StageOf("Every question", "Look a question up exactly as it came, say so when it is unknown, and stay for the next one.", "answers"),
		specs.StageOf("Questions in pieces", "TCP has no messages: collect bytes until the question mark has come.", "framing"),
		specs.StageOf("Any bytes", "A question is bytes, of any value and any length, and no text.", "messages"),
		specs.StageOf("A client that ends", "An empty read is the client's end: answer what is whole, and close.", "end-of-input"),
		specs.StageOf("A client without manners", "An error of one connection ends that connection, and not the server.", "robustness"),
	}, concurrency.Stages()...)
}
