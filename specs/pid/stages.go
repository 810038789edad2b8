package pid

import (
	"conform/specs"
	"conform/specs/concurrency"
)

// stages is the order in which the protocol is best learnt.
func stages() []specs.Stage {
	return append([]specs.Stage{
		specs.StageOf("A first message", "Accept a connection, read a message, send it back behind your process ID, and close.",
			"answers/hello", "answers/no-greeting", "answers/the-number"),
		specs.StageOf("Every message", "Bytes are no text: up to 1024 of them come back as they are.", "answers", "messages"),
		specs.StageOf("The end", "Close in order, and cope with a client that ends first.", "end"),
		specs.StageOf("A client without manners", "An error of one connection ends that connection, and not the server.", "robustness"),
		specs.StageOf("Whose number it is", "One process for all, or one for each connection: the number shows which.", "process"),
	}, concurrency.Stages()...)
}
