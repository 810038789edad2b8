package echo

import "conform/specs"

// many is how thousands of clients talk: each sends lines that name it.
type many struct{ end string }

// lineSize is the length of a line without its end: with it, a usual size for a
// message in comparisons of servers.
const lineSize = 62

func scale(c specs.Crowd) (specs.Talk, error) {
	if c.Dialect("line-ends") == "lf" {
		return many{"\n"}, nil
	}
	return many{"\r\n"}, nil
}

func (many) Say(dst []byte, client, turn int) []byte {
	if turn == 0 {
		return dst // the client speaks first, and only lines
	}
	return append(specs.AppendWho(dst, client, turn, lineSize), "\r\n"...)
}

func (t many) Hear(h *specs.Hearing) {
	expected := h.Expected[:0]
	if h.Turn > 0 {
		expected = append(expected, "Echoed: '"...)
		expected = specs.AppendWho(expected, h.Client, h.Turn, lineSize)
		expected = append(append(expected, '\''), t.end...)
	}
	h.Exactly(expected, specs.Whose)
}
