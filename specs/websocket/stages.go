package websocket

import (
	"slices"

	"conform/specs"
	"conform/specs/concurrency"
)

// stages is the order in which the protocol is best learnt: a conversation that
// goes well, then all that a client may do, then what it must not do, and who
// else is there.
func stages() []specs.Stage {
	return slices.Concat([]specs.Stage{
		specs.StageOf("A handshake", "Read an HTTP request to its empty line, and answer 101 with the hash of its key.",
			"handshake/accepted", "handshake/accept-of-sample-key", "handshake/accept-of-any-key", "handshake/101-has-upgrade",
			"handshake/101-has-connection", "handshake/101-has-no-body", "handshake/101-grammar", "handshake/server-does-not-speak-first"),
		specs.StageOf("A first message", "A frame has a header and a masked payload: read one, and answer it with one.",
			"framing/hello", "framing/binary-any-byte", "framing/empty-messages", "framing/lengths-around-126",
			"masking/every-length", "masking/server-frames-unmasked", "closing/close-answered"),
		specs.StageOf("Frames", "Lengths have three forms, a read may end anywhere, and what a frame must not be ends the connection.", "framing", "masking"),
		specs.StageOf("Messages in fragments", "A message may come in many frames, with control frames between them.", "fragmentation"),
		specs.StageOf("Ping and Pong", "Answer each Ping at once, with what it holds.", "control"),
		specs.StageOf("Closing", "Answer a Close, send nothing behind it, and end the connection; a failed one ends, too.", "closing"),
		specs.StageOf("Text is UTF-8", "Check text over the whole message: a character may be cut anywhere.", "text"),
		specs.StageOf("Every handshake", "Accept whatever HTTP allows, and refuse whatever RFC 6455 forbids.", "handshake"),
		specs.StageOf("Extensions", "Negotiate permessage-deflate, and compress as it was agreed.", "extensions", "deflate"),
		specs.StageOf("Limits and security", "Bound what a client can make you keep, and trust nothing that it says.", "limits", "security"),
	}, concurrency.Stages(), []specs.Stage{
		specs.StageOf("All that was sent", "Rules for every frame hold in every conversation of the run."),
	})
}
