package websocket

import (
	"maps"
	"slices"

	"conform/specs"
)

// rows names the rows of the list of requirements, by its groups: the opening
// handshake, masking, framing, fragmentation, control frames, text, closing,
// extensions, compression, limits, security, concurrency.
func rows() []string {
	return slices.Concat(
		specs.Numbered("WS-HS", 1, 24), specs.Numbered("WS-HS", 30, 62), specs.Numbered("WS-HS", 70, 77),
		specs.Numbered("WS-HS", 80, 98), specs.Numbered("WS-HS", 100, 105),
		specs.Numbered("WS-MASK", 1, 17),
		specs.Numbered("WS-FR", 1, 36),
		specs.Numbered("WS-FRAG", 1, 22),
		specs.Numbered("WS-CTL", 1, 18),
		specs.Numbered("WS-UTF8", 1, 20),
		specs.Numbered("WS-CLOSE", 1, 34),
		specs.Numbered("WS-EXT", 1, 10),
		specs.Numbered("WS-DEFLATE", 1, 33),
		specs.Numbered("WS-LIM", 1, 20),
		specs.Numbered("WS-SEC", 1, 15),
		specs.Numbered("WS-CONC", 1, 17),
	)
}

// untestable says of rows why nothing that a client sees can tell whether they
// are kept. Each section knows its own.
func untestable() map[string]string {
	all := map[string]string{}
	for _, section := range []map[string]string{
		untestableControl(),
	} {
		maps.Copy(all, section)
	}
	return all
}

// unseen says what of a row no client sees: it is judged on Linux, of a server
// that conform has started or that listens on the same machine.
func unseen() map[string]string {
	const memory = "how much memory the server takes for it"
	return map[string]string{
		"WS-DEFLATE-31": memory, "WS-LIM-01": memory, "WS-LIM-06": memory, "WS-LIM-08": memory, "WS-LIM-13": memory,
		"WS-LIM-14": "whether the descriptors of clients that have left are closed",
		"WS-LIM-15": "whether the descriptors and the memory of clients that have vanished are released",
	}
}
