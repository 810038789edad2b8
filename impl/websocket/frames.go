package websocket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// frame is the client's frame that is incomplete.
type frame struct {
	head    [ws.MaxHeaderSize]byte
	have    int // bytes of head
	inside  bool
	header  ws.Header // valid if inside
	done    int       // bytes of the payload that have arrived
	control []byte    // the payload of a control frame, at most 125 bytes
}

const rsv1 = 4 // as gobwas/ws counts: RSV1 is the highest of three bits

// frames takes what arrives after the handshake. What follows a violation or a
// Close is not looked at (RFC 6455 §7.1.7).
func (h *handler) frames(p []byte) {
	f := &h.frame
	for h.phase != ended {
		if !f.inside {
			if p = h.header(p); !f.inside {
				return // incomplete, or wrong
			}
		}
		n := int(min(int64(len(p)), f.header.Length-int64(f.done)))
		h.payload(p[:n])
		f.done += n
		p = p[n:]
		if h.phase == ended || int64(f.done) < f.header.Length {
			return
		}
		f.inside = false
		h.frameEnds()
	}
}

// header takes bytes until the header is complete, and judges it before
// anything of the payload is.
func (h *handler) header(p []byte) (rest []byte) {
	f := &h.frame
	size := func() int {
		if f.have < 2 {
			return 2
		}
		n := 2
		switch f.head[1] & 0x7f {
		case 126:
			n += 2
		case 127:
			n += 8
		}
		if f.head[1]&0x80 != 0 {
			n += 4
		}
		return n
	}
	for f.have < size() {
		if len(p) == 0 {
			return nil
		}
		n := copy(f.head[f.have:size()], p)
		f.have += n
		p = p[n:]
	}
	var scratch [ws.MaxHeaderSize]byte
	header, err := ws.ReadHeaderBuffer(bytes.NewReader(f.head[:f.have]), scratch[:])
	f.have = 0
	if err != nil {
		// The only one: the highest bit of a 64-bit length (§5.2).
		h.fail(ws.StatusProtocolError, "the highest bit of a 64-bit length is set")
		return nil
	}
	if h.judgeHeader(header) {
		f.header, f.inside, f.done = header, true, 0
		f.control = f.control[:0]
	}
	return p
}

// judgeHeader fails the connection for what RFC 6455 §5 and RFC 7692 §6 forbid.
// Lengths in longer forms than needed are accepted: that rule binds senders.
func (h *handler) judgeHeader(f ws.Header) bool {
	state := ws.StateServerSide
	if h.message.begun {
		state = state.Set(ws.StateFragmented)
	}
	if h.deflate != nil {
		// For gobwas/ws, an extension allows all three bits everywhere; what
		// this one allows is below.
		state = state.Set(ws.StateExtended)
	}
	if err := ws.CheckHeader(f, state); err != nil {
		h.fail(ws.StatusProtocolError, err.Error())
		return false
	}
	first := f.OpCode == ws.OpText || f.OpCode == ws.OpBinary
	switch {
	case f.Rsv&^rsv1 != 0:
		h.fail(ws.StatusProtocolError, "RSV2 or RSV3 is set, and no extension uses them")
	case f.Rsv != 0 && !first:
		h.fail(ws.StatusProtocolError, "RSV1 is set on a frame that does not begin a message")
	case f.OpCode.IsControl() || h.phase == closing:
		return true
	default:
		return h.judgeLength(f, f.Rsv != 0 || !first && h.message.deflated)
	}
	return false
}

// judgeLength fails the connection when a message is going to be too long. A
// deflated one may be a little longer than what it inflates to.
func (h *handler) judgeLength(f ws.Header, deflated bool) bool {
	most := h.o.MaxMessage
	if deflated {
		most += most/8 + 1024
	}
	if f.Length > int64(most-len(h.message.data)) {
		h.tooBig()
		return false
	}
	return true
}

func (h *handler) tooBig() {
	h.fail(ws.StatusMessageTooBig, fmt.Sprintf("a message may have %d bytes", h.o.MaxMessage))
}

// payload takes some of a frame's payload.
func (h *handler) payload(p []byte) {
	f := &h.frame
	switch {
	case f.header.OpCode.IsControl():
		f.control = append(f.control, p...)
		ws.Cipher(f.control[f.done:], f.header.Mask, f.done)
	case h.phase == closing:
		// Nobody is going to see it (§5.5.1).
	default:
		if f.done == 0 && f.header.OpCode != ws.OpContinuation {
			h.message.begin(f.header)
		}
		h.collect(p, f.header.Mask, f.done)
	}
}

func (h *handler) frameEnds() {
	f := &h.frame
	switch op := f.header.OpCode; {
	case op == ws.OpClose:
		h.closeArrived(f.control)
	case h.phase == closing:
		if !op.IsControl() {
			// The order of fragments is still judged.
			h.message.begun = !f.header.Fin
		}
	case op == ws.OpPing:
		h.send(ws.OpPong, 0, f.control)
	case op == ws.OpPong:
		h.pong(f.control)
	case f.header.Fin:
		h.messageEnds()
	}
}

// send writes one whole frame, in the shortest form.
func (h *handler) send(op ws.OpCode, rsv byte, payload []byte) {
	// A bytes.Buffer takes everything, and a slice has a length.
	_ = ws.WriteHeader(&h.out, ws.Header{Fin: true, Rsv: rsv, OpCode: op, Length: int64(len(payload))})
	h.out.Write(payload)
}

// fail ends the connection because of code (§7.1.7). After a Close of ours
// there is nothing more to say.
func (h *handler) fail(code ws.StatusCode, reason string) {
	if h.phase != closing {
		h.send(ws.OpClose, 0, ws.NewCloseFrameBody(code, reason))
	}
	h.phase = ended
	h.message = message{}
}

// close starts the closing handshake (§7.1.2).
func (h *handler) close(code ws.StatusCode, reason string) {
	h.send(ws.OpClose, 0, ws.NewCloseFrameBody(code, reason))
	h.phase = closing
	h.closed = h.o.Now()
	h.message.data = nil
}

// closeArrived ends the connection, after an answer unless we closed first.
func (h *handler) closeArrived(body []byte) {
	switch {
	case h.phase == closing:
	case len(body) == 0:
		h.send(ws.OpClose, 0, nil)
	case len(body) == 1:
		h.fail(ws.StatusProtocolError, "a Close has a body of one byte; a code has two")
	default:
		code := ws.StatusCode(binary.BigEndian.Uint16(body))
		switch {
		case !validCode(code):
			h.fail(ws.StatusProtocolError, fmt.Sprintf("%d is no code for a Close", code))
		case !utf8.Valid(body[2:]):
			h.fail(ws.StatusInvalidFramePayloadData, "the reason of a Close is not UTF-8")
		case code == ws.StatusMandatoryExt:
			// §7.4.1: a server does not use 1010.
			h.send(ws.OpClose, 0, ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))
		default:
			h.send(ws.OpClose, 0, ws.NewCloseFrameBody(code, ""))
		}
	}
	h.phase = ended
}

// validCode tells which codes may be sent (§7.4). ws.CheckCloseFrameData is
// not used: it refuses 1012 to 1014, which were registered later, and accepts
// what is above 4999.
func validCode(code ws.StatusCode) bool {
	switch {
	case code.In(ws.StatusRangeApplication), code.In(ws.StatusRangePrivate), 1012 <= code && code <= 1014:
		return true
	default:
		return code.IsProtocolDefined() && !code.IsProtocolReserved() && code != ws.StatusNoMeaningYet
	}
}
