package raw

import "conform/specs"

// many is how thousands of clients talk: each sends bytes that name it.
type many struct{}

// size is a usual one for a message in comparisons of servers.
const size = 64

func (many) Say(dst []byte, client, turn int) []byte {
	if turn == 0 {
		return dst // the client speaks first
	}
	return specs.AppendWho(dst, client, turn, size)
}

func (many) Hear(h *specs.Hearing) {
	expected := h.Expected[:0]
	if h.Turn > 0 {
		expected = specs.AppendWho(expected, h.Client, h.Turn, size)
	}
	h.Exactly(expected, specs.Whose)
}
