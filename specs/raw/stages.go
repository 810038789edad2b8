package raw

import (
	"conform/specs"
	"conform/specs/concurrency"
)

// stages is the order in which the protocol is best learnt: first over streams,
// then over datagrams.
func stages() []specs.Stage {
	return append(append([]specs.Stage{
		specs.StageOf("A first echo", "Accept a connection, read bytes, and write them back.",
			"bytes/hello", "bytes/no-greeting", "bytes/nothing-unasked", "segments/one-byte", "segments/no-line-end"),
		specs.StageOf("Every byte", "Bytes are no text: none has a meaning, and each comes back as it was.", "bytes", "meaning"),
		specs.StageOf("At once, and however long", "Send back what a read has given, do not wait for more, and write until everything is written.", "segments", "lengths"),
		specs.StageOf("A client that ends", "An empty read is the client's end: send what is due, and close.", "end-of-input"),
		specs.StageOf("A client without manners", "An error of one connection ends that connection, and not the server.", "robustness"),
		specs.StageOf("A client that reads slowly", "A write that takes less than it is given, or waits, must lose no byte.", "flow"),
	}, concurrency.Stages()...),
		specs.StageOf("A first datagram", "Send a datagram back to where it came from, as it is.",
			"datagrams/comes-back", "datagrams/one-byte", "datagrams/nothing-unasked", "datagrams/once"),
		specs.StageOf("Every datagram", "Datagrams are apart, may be empty, and have up to 65 507 bytes.", "datagrams"),
		specs.StageOf("Several senders", "Each datagram goes back to its own sender, from the address that it was sent to.", "senders"))
}
