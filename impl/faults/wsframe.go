package faults

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// The opcodes of RFC 6455 §5.2.
const (
	wsContinuation = 0x0
	wsText         = 0x1
	wsBinary       = 0x2
	wsClose        = 0x8
	wsPing         = 0x9
	wsPong         = 0xa
)

// wsFrame is a frame, right or wrong. Encoding is not checked: what a field
// says is what is sent.
type wsFrame struct {
	fin    bool
	rsv    byte // RSV1 is 4, RSV2 is 2, RSV3 is 1
	op     byte
	masked bool
	key    [4]byte

	form    int   // bits of the length, 7, 16 or 64; the next that is large enough is used, 0 for the shortest
	extra   int64 // what the length in the header differs by from that of the payload
	swapped bool  // the bytes of the length are in the wrong order

	payload []byte // without its mask
	raw     []byte // if not nil, this is sent and nothing else

	// Of a client's frame: where reads ended inside it, in bytes from the
	// beginning of its payload; negative in its header.
	cuts []int
	// huge is a frame that is too long to wait for. It has no payload here;
	// passed on it goes through as it comes, otherwise it is dropped.
	huge bool
}

// clientFrame is a frame as a client sends it.
func clientFrame(op byte, payload string) wsFrame {
	return wsFrame{fin: true, op: op, masked: true, key: [4]byte{'k', 'e', 'y', '!'}, payload: []byte(payload)}
}

// serverFrame is a frame as a server sends it.
func serverFrame(op byte, payload string) wsFrame {
	return wsFrame{fin: true, op: op, payload: []byte(payload)}
}

// wsCloseFrame is the Close of a server.
func wsCloseFrame(code uint16, reason string) wsFrame {
	return serverFrame(wsClose, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

func (f wsFrame) control() bool { return f.op >= 8 }

func (f wsFrame) append(dst []byte) []byte {
	if f.raw != nil {
		return append(dst, f.raw...)
	}
	b0 := f.rsv&7<<4 | f.op&15
	if f.fin {
		b0 |= 0x80
	}
	b1 := byte(0)
	if f.masked {
		b1 = 0x80
	}
	length := uint64(int64(len(f.payload)) + f.extra)
	var order binary.AppendByteOrder = binary.BigEndian
	if f.swapped {
		order = binary.LittleEndian
	}
	switch {
	case f.form <= 7 && length < 126:
		dst = append(dst, b0, b1|byte(length))
	case f.form <= 16 && length < 1<<16:
		dst = order.AppendUint16(append(dst, b0, b1|126), uint16(length))
	default:
		dst = order.AppendUint64(append(dst, b0, b1|127), length)
	}
	if f.masked {
		dst = append(dst, f.key[:]...)
	}
	dst = append(dst, f.payload...)
	if f.masked {
		ws.Cipher(dst[len(dst)-len(f.payload):], f.key, 0)
	}
	return dst
}

// wsDecoder cuts bytes into frames.
type wsDecoder struct {
	most uint64 // the longest payload that is waited for; a longer frame is huge

	buf  []byte
	cuts []int  // in buf, where reads have ended
	rest uint64 // of a huge frame, what has not arrived
	pass bool   // whether that is passed on
}

// feed gives each the frames that p completes, and keep the bytes of huge
// frames that it has returned true for. Both return false to end it.
func (d *wsDecoder) feed(p []byte, each func(wsFrame) (pass, more bool), keep func([]byte) bool) {
	if d.rest == 0 && len(d.buf) > 0 {
		d.cuts = append(d.cuts, len(d.buf))
	}
	for {
		if d.rest > 0 {
			n := min(uint64(len(p)), d.rest)
			d.rest -= n
			if d.pass && n > 0 && !keep(p[:n]) {
				return
			}
			p = p[n:]
			if d.rest > 0 {
				return
			}
		}
		d.buf = append(d.buf, p...)
		p = nil
		f, head, length, ok := decodeHeader(d.buf)
		if !ok {
			return
		}
		if length > d.most {
			f.huge = true
			pass, more := each(f)
			header, behind := d.buf[:head], d.buf[head:]
			d.buf, d.cuts, d.rest, d.pass = nil, nil, length, pass
			if !more || pass && !keep(header) {
				return
			}
			p = behind
			continue
		}
		size := head + int(length)
		if len(d.buf) < size {
			return
		}
		f.payload = append([]byte{}, d.buf[head:size]...)
		if f.masked {
			ws.Cipher(f.payload, f.key, 0)
		}
		for _, at := range d.cuts {
			f.cuts = append(f.cuts, at-head)
		}
		d.buf, d.cuts = append([]byte(nil), d.buf[size:]...), nil
		if _, more := each(f); !more {
			return
		}
	}
}

// decodeHeader reads a header, if it is complete.
func decodeHeader(p []byte) (f wsFrame, size int, length uint64, ok bool) {
	if len(p) < 2 {
		return f, 0, 0, false
	}
	f = wsFrame{fin: p[0]&0x80 != 0, rsv: p[0] >> 4 & 7, op: p[0] & 15, masked: p[1]&0x80 != 0, form: 7}
	size, length = 2, uint64(p[1]&0x7f)
	switch length {
	case 126:
		f.form, size = 16, 4
	case 127:
		f.form, size = 64, 10
	}
	whole := size
	if f.masked {
		whole += 4
	}
	if len(p) < whole {
		return f, 0, 0, false
	}
	switch f.form {
	case 16:
		length = uint64(binary.BigEndian.Uint16(p[2:]))
	case 64:
		length = binary.BigEndian.Uint64(p[2:])
	}
	if f.masked {
		copy(f.key[:], p[size:])
	}
	return f, whole, length, true
}
