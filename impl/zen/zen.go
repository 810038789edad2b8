// Package zen answers the questions of tutorial 000: a client sends a question
// that ends in a question mark and gets an answer that ends in a full stop.
// There is no greeting, no line and no way to quit.
//
// It knows only its own state; connections are impl/serve's.
package zen

import (
	"bytes"

	"conform/fixtures"
	"conform/impl"
)

type handler struct {
	aphorisms []fixtures.Aphorism
	message   []byte // the beginning of the message so far, at most limit bytes
	limit     int
}

// New returns a handler for one connection. Its memory does not depend on what
// it is sent.
func New() impl.Handler {
	h := &handler{aphorisms: fixtures.Aphorisms()}
	for _, a := range h.aphorisms {
		// One byte more than a question, so that a message that only begins
		// like one is not taken for it.
		h.limit = max(h.limit, len(a.Question)+1)
	}
	return h
}

// Open sends nothing: a client of tutorial 000 speaks first.
func (h *handler) Open() impl.Reply { return impl.Reply{} }

// Data answers when a read ends in a question mark. That, and not each
// question mark, is where the programs of tutorial 000 see the end of a
// message: two questions that arrive in one read are one unknown question.
func (h *handler) Data(p []byte) impl.Reply {
	room := h.limit - len(h.message)
	h.message = append(h.message, p[:min(room, len(p))]...)
	if !bytes.HasSuffix(p, []byte("?")) {
		return impl.Reply{}
	}
	answer := h.answer()
	h.message = h.message[:0]
	return impl.Reply{Send: []byte(answer)}
}

// End sends nothing, also after half a question, which nothing can complete.
func (h *handler) End() impl.Reply { return impl.Reply{Close: true} }

func (h *handler) answer() string {
	for _, a := range h.aphorisms {
		if string(h.message) == a.Question {
			return a.Answer
		}
	}
	return fixtures.UnknownAphorism
}
