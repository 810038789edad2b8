package zen

import (
	"conform/fixtures"
	"conform/specs"
)

// many is how thousands of clients talk: each asks the known questions and an
// unknown one by turns, neighbours different ones.
type many struct{}

func (many) Say(dst []byte, client, turn int) []byte {
	if turn == 0 {
		return dst // the client speaks first, and only asks
	}
	question, _ := exchange(client, turn)
	return append(dst, question...)
}

func (many) Hear(h *specs.Hearing) {
	answer := ""
	if h.Turn > 0 {
		_, answer = exchange(h.Client, h.Turn)
	}
	h.Expected = append(h.Expected[:0], answer...)
	h.Exactly(h.Expected, nil)
}

var aphorisms = fixtures.Aphorisms()

func exchange(client, turn int) (question, answer string) {
	i := (client + turn) % (len(aphorisms) + 1)
	if i == len(aphorisms) {
		return "Who is better than all?", unknown
	}
	return aphorisms[i].Question, aphorisms[i].Answer
}
