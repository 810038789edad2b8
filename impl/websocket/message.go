package websocket

import (
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// message is the client's message that is incomplete.
type message struct {
	begun    bool
	op       ws.OpCode
	deflated bool
	data     []byte // unmasked, and not yet inflated
	text     validator
}

func (m *message) begin(f ws.Header) {
	*m = message{begun: true, op: f.OpCode, deflated: f.Rsv&rsv1 != 0, data: m.data[:0]}
}

// empty keeps the buffer, unless it is large.
func (m *message) empty() {
	if m.data = m.data[:0]; cap(m.data) > spare {
		m.data = nil
	}
}

const notUTF8 = "a text message is not UTF-8"

// collect takes more of the message. Text is judged byte for byte, so that
// nobody has to wait for the end of a message that is invalid already (RFC
// 6455 §8.1).
func (h *handler) collect(p []byte, mask [4]byte, offset int) {
	m := &h.message
	m.data = append(m.data, p...)
	fresh := m.data[len(m.data)-len(p):]
	ws.Cipher(fresh, mask, offset)
	if m.op == ws.OpText && !m.deflated && !m.text.feed(fresh) {
		h.fail(ws.StatusInvalidFramePayloadData, notUTF8)
	}
}

// messageEnds echoes.
func (h *handler) messageEnds() {
	m := &h.message
	m.begun = false
	content := m.data
	if m.deflated {
		inflated, err := h.deflate.inflate(m.data, h.o.MaxMessage)
		switch {
		case err == errTooBig:
			h.tooBig()
			return
		case err != nil:
			h.fail(ws.StatusInvalidFramePayloadData, "a compressed message cannot be inflated")
			return
		case m.op == ws.OpText && !m.text.feed(inflated):
			h.fail(ws.StatusInvalidFramePayloadData, notUTF8)
			return
		}
		content = inflated
	}
	switch {
	case m.op == ws.OpText && !m.text.complete():
		h.fail(ws.StatusInvalidFramePayloadData, notUTF8)
	case m.op == ws.OpText && h.o.CloseTrigger != "" && string(content) == h.o.CloseTrigger:
		h.close(ws.StatusNormalClosure, "")
	case h.deflate != nil:
		h.send(m.op, rsv1, h.deflate.deflate(content))
	default:
		h.send(m.op, 0, content)
	}
	m.empty()
}

// validator tells whether bytes that arrive in pieces are UTF-8. Its zero
// value has seen none.
type validator struct {
	rest [utf8.UTFMax]byte // a character that is incomplete, and could be valid
	n    int
}

// feed is false as soon as no continuation can make the text valid.
func (v *validator) feed(p []byte) bool {
	for ; v.n > 0 && len(p) > 0; p = p[1:] {
		v.rest[v.n] = p[0]
		v.n++
		if utf8.FullRune(v.rest[:v.n]) { // or can never become one
			if !utf8.Valid(v.rest[:v.n]) {
				return false
			}
			v.n = 0
		}
	}
	whole := len(p)
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if tail := p[len(p)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				whole -= i
			}
			break
		}
	}
	if !utf8.Valid(p[:whole]) {
		return false
	}
	v.n += copy(v.rest[v.n:], p[whole:])
	return true
}

// complete tells whether the text may end here.
func (v *validator) complete() bool { return v.n == 0 }
