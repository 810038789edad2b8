// Package frame writes and reads the frames of RFC 6455 §5.2 with all their
// evidence: what no correct endpoint sends can be written, and what a reader of
// frames usually hides (the form of the length, reserved bits, a set mask) can
// be read.
//
// It does not judge and knows no connection: package websocket does.
package frame

import (
	"encoding/binary"
	"fmt"
	"strings"

	"conform/specs/wire"
)

// Opcode says what a frame is (RFC 6455 §11.8).
type Opcode byte

const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// IsControl says whether the opcode is one of a control frame, reserved ones
// included (RFC 6455 §5.5).
func (o Opcode) IsControl() bool { return o&0x8 != 0 }

// Known says whether the RFC defines the opcode.
func (o Opcode) Known() bool { return o <= Binary || o >= Close && o <= Pong }

func (o Opcode) String() string {
	switch o {
	case Continuation:
		return "CONTINUATION"
	case Text:
		return "TEXT"
	case Binary:
		return "BINARY"
	case Close:
		return "CLOSE"
	case Ping:
		return "PING"
	case Pong:
		return "PONG"
	}
	return fmt.Sprintf("OPCODE %X", byte(o))
}

// The reserved bits, as they stand in RSV.
const (
	RSV1 = 4
	RSV2 = 2
	RSV3 = 1
)

// Form is how the length is written.
type Form int

const (
	Shortest Form = iota // the shortest that holds it, as a sender must (RFC 6455 §5.2)
	Bits7
	Bits16
	Bits64
)

func (f Form) String() string { return [...]string{"shortest", "7-bit", "16-bit", "64-bit"}[f] }

// Frame is one frame. The zero value is an empty, unmasked continuation with
// FIN clear.
type Frame struct {
	Fin     bool
	RSV     byte // RSV1, RSV2 and RSV3, added
	Opcode  Opcode
	Masked  bool
	Key     [4]byte // the masking key, if Masked
	Fixed   bool    // Key is to be used as it is, and not drawn at random
	Form    Form    // of a frame that was read: never Shortest
	Length  uint64  // the announced length, if it is not that of Payload, or of a frame that was read
	Lies    bool    // Length is to be announced
	Payload []byte  // unmasked
}

// New makes a frame as a client sends it: final, and masked.
func New(o Opcode, payload string) Frame {
	return Frame{Fin: true, Opcode: o, Masked: true, Payload: []byte(payload)}
}

// NewClose makes a Close frame with a body (RFC 6455 §5.5.1).
func NewClose(code int, reason string) Frame {
	return New(Close, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

// More clears FIN: more fragments of the message follow.
func (f Frame) More() Frame { f.Fin = false; return f }

// WithRSV sets reserved bits.
func (f Frame) WithRSV(bits byte) Frame { f.RSV = bits; return f }

// Unmasked leaves the mask out.
func (f Frame) Unmasked() Frame { f.Masked = false; return f }

// WithKey fixes the masking key.
func (f Frame) WithKey(key [4]byte) Frame { f.Key, f.Fixed = key, true; return f }

// InForm writes the length in a form that is not the shortest.
func (f Frame) InForm(form Form) Frame { f.Form = form; return f }

// Announcing writes a length that is not that of the payload.
func (f Frame) Announcing(length uint64) Frame { f.Length, f.Lies = length, true; return f }

// Append writes the frame behind dst.
func (f Frame) Append(dst []byte) []byte {
	b0 := f.RSV<<4 | byte(f.Opcode)
	if f.Fin {
		b0 |= 0x80
	}
	length := uint64(len(f.Payload))
	if f.Lies {
		length = f.Length
	}
	form := f.Form
	if form == Shortest {
		form = shortest(length)
	}
	var mask byte
	if f.Masked {
		mask = 0x80
	}
	switch form {
	case Bits7:
		dst = append(dst, b0, mask|byte(length))
	case Bits16:
		dst = binary.BigEndian.AppendUint16(append(dst, b0, mask|126), uint16(length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, b0, mask|127), length)
	}
	if !f.Masked {
		return append(dst, f.Payload...)
	}
	dst = append(dst, f.Key[:]...)
	from := len(dst)
	dst = append(dst, f.Payload...)
	for i := range dst[from:] {
		dst[from+i] ^= f.Key[i&3]
	}
	return dst
}

// Bytes is the frame as it goes over the wire.
func (f Frame) Bytes() string { return string(f.Append(nil)) }

// HeaderSize is how many bytes stand before the payload.
func (f Frame) HeaderSize() int {
	g := f
	g.Length, g.Lies, g.Payload = max(f.Length, uint64(len(f.Payload))), true, nil
	return len(g.Append(nil))
}

func shortest(length uint64) Form {
	switch {
	case length <= 125:
		return Bits7
	case length <= 0xFFFF:
		return Bits16
	}
	return Bits64
}

// Minimal says whether the length of a frame that was read is in the shortest form.
func (f Frame) Minimal() bool { return f.Form == shortest(f.Length) }

// ReadHeader reads what stands before the payload, and says how many bytes that
// is; ok is false while it is not complete.
func ReadHeader(p []byte) (f Frame, size int, ok bool) {
	if len(p) < 2 {
		return f, 0, false
	}
	f.Fin, f.RSV, f.Opcode, f.Masked = p[0]&0x80 != 0, p[0]>>4&7, Opcode(p[0]&0xF), p[1]&0x80 != 0
	size = 2
	switch n := p[1] & 0x7F; n {
	case 126:
		if len(p) < 4 {
			return f, 0, false
		}
		f.Form, f.Length, size = Bits16, uint64(binary.BigEndian.Uint16(p[2:])), 4
	case 127:
		if len(p) < 10 {
			return f, 0, false
		}
		f.Form, f.Length, size = Bits64, binary.BigEndian.Uint64(p[2:]), 10
	default:
		f.Form, f.Length = Bits7, uint64(n)
	}
	if f.Masked {
		if len(p) < size+4 {
			return f, 0, false
		}
		copy(f.Key[:], p[size:])
		size += 4
	}
	return f, size, true
}

// Read reads a whole frame from the start of p, and says how many bytes it is;
// ok is false while it is not complete. The payload is a copy.
func Read(p []byte) (f Frame, size int, ok bool) {
	f, size, ok = ReadHeader(p)
	if !ok || f.Length > uint64(len(p)-size) {
		return f, 0, false
	}
	f.Payload = append([]byte(nil), p[size:size+int(f.Length)]...)
	if f.Masked {
		for i := range f.Payload {
			f.Payload[i] ^= f.Key[i&3]
		}
	}
	return f, size + int(f.Length), true
}

// CloseCode is the code in the body of a Close frame: 0 for an empty body, -1
// for one of a single byte.
func (f Frame) CloseCode() int {
	switch len(f.Payload) {
	case 0:
		return 0
	case 1:
		return -1
	}
	return int(binary.BigEndian.Uint16(f.Payload))
}

// CloseReason is the text behind the code.
func (f Frame) CloseReason() string {
	if len(f.Payload) < 2 {
		return ""
	}
	return string(f.Payload[2:])
}

// shown is how much of a payload is described, in bytes.
const shown = 64

// String describes the frame in one line, whatever its bytes are. Masking is
// left out: what is normal depends on who has sent it.
func (f Frame) String() string {
	parts := []string{f.Opcode.String()}
	if !f.Fin {
		parts = append(parts, "FIN=0")
	}
	for i, name := range []string{"RSV3", "RSV2", "RSV1"} {
		if f.RSV&(1<<i) != 0 {
			parts = append(parts, name)
		}
	}
	if f.Form != Shortest && f.Form != shortest(f.announced()) {
		parts = append(parts, f.Form.String()+" length")
	}
	if f.announced() != uint64(len(f.Payload)) {
		parts = append(parts, fmt.Sprintf("announcing %d bytes", f.announced()))
	}
	switch {
	case f.Opcode == Close && f.RSV == 0 && len(f.Payload) >= 2:
		parts = append(parts, fmt.Sprint(f.CloseCode()))
		if reason := f.CloseReason(); reason != "" {
			parts = append(parts, wire.Quote([]byte(reason), shown))
		}
	case len(f.Payload) == 0:
		parts = append(parts, "empty")
	default:
		if len(f.Payload) > shown {
			parts = append(parts, fmt.Sprintf("%d bytes", len(f.Payload)))
		}
		parts = append(parts, wire.Quote(f.Payload, shown))
	}
	return strings.Join(parts, " ")
}

func (f Frame) announced() uint64 {
	if f.Lies || f.Length > uint64(len(f.Payload)) {
		return f.Length
	}
	return uint64(len(f.Payload))
}
