package sink

import (
	"conform/specs"
	"conform/specs/concurrency"
)

// stages is the order in which the protocol is best learnt.
func stages() []specs.Stage {
	return append([]specs.Stage{
		specs.StageOf("A silent server", "Accept a connection, read, and say nothing.", "silence"),
		specs.StageOf("A client that ends", "An empty read is the client's end: close then, and not before.", "end-of-input"),
		specs.StageOf("Everything is read", "Read on until the end, however much comes.", "draining"),
		specs.StageOf("A client without manners", "An error of one connection ends that connection, and not the server.", "robustness"),
	}, concurrency.Stages()...)
}
