package websocket

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"conform/specs"
	"conform/specs/websocket/frame"
)

// many is how thousands of clients talk: an opening handshake, then texts that
// name the client and come back, or Pings where texts do not. No extension is
// offered. What a server may do besides is borne: it may cut the answer into
// fragments and send Pings and Pongs anywhere.
type many struct {
	before, after string // the handshake, without the key
	opcode        frame.Opcode
	seed          uint64
}

const (
	payloadSize = 64
	// maxManyHead is the longest response that is waited for, in bytes.
	maxManyHead = 16 << 10
)

func scale(c specs.Crowd) (specs.Talk, error) {
	t := many{opcode: frame.Text, seed: c.Seed}
	switch {
	case c.Dialect("opening") == "none":
		return nil, errors.New("the target accepted no opening handshake: name the path in --target ws://host:port/path, or the credentials with --dialect credentials=USER:PASSWORD")
	case c.Dialect("echo") == "no" && c.Dialect("pong") == "no":
		return nil, errors.New("the target answers neither messages nor Pings, so that nobody can tell whether it serves its clients")
	case c.Dialect("echo") == "no":
		t.opcode = frame.Ping
	}
	target, key := "/", "Sec-WebSocket-Key"
	if p := c.Dialect("path"); p != "" {
		target = p
	}
	if c.Dialect("opening") == "tutorial-004" {
		key = "Sec-Websocket-Key"
	}
	t.before = "GET " + target + " HTTP/1.1\r\nHost: " + hostOf(c.Target) + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + key + ": "
	t.after = "\r\nSec-WebSocket-Version: 13\r\n"
	if p := c.Dialect("credentials"); p != "" {
		t.after += "Authorization: " + basic(p) + "\r\n"
	}
	t.after += "\r\n"
	return t, nil
}

// mix is a step of splitmix64: enough for keys that nobody can guess from the
// last one, and that are the same again with the same seed.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (t many) random(client, turn int) uint64 {
	return mix(mix(t.seed^uint64(client)<<32) ^ uint64(turn))
}

// appendKey appends the nonce of a client's handshake.
func (t many) appendKey(dst []byte, client int) []byte {
	var nonce [16]byte
	binary.BigEndian.PutUint64(nonce[:], t.random(client, -1))
	binary.BigEndian.PutUint64(nonce[8:], t.random(client, -2))
	return base64.StdEncoding.AppendEncode(dst, nonce[:])
}

func (t many) Say(dst []byte, client, turn int) []byte {
	if turn == 0 {
		dst = append(dst, t.before...)
		dst = t.appendKey(dst, client)
		return append(dst, t.after...)
	}
	key := uint32(t.random(client, turn))
	dst = append(dst, 0x80|byte(t.opcode), 0x80|payloadSize)
	dst = binary.LittleEndian.AppendUint32(dst, key)
	from := len(dst)
	dst = specs.AppendWho(dst, client, turn, payloadSize)
	mask(dst[from:], key)
	return dst
}

// mask masks in words of eight bytes.
func mask(p []byte, key uint32) {
	wide := uint64(key)<<32 | uint64(key)
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^wide)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= byte(key >> (8 * i))
	}
}

func (t many) Hear(h *specs.Hearing) {
	h.Heard, h.Used = specs.Waiting, 0
	if h.Turn == 0 && h.Due {
		t.welcome(h)
		return
	}
	expected := h.Expected[:0]
	if h.Due {
		expected = specs.AppendWho(expected, h.Client, h.Turn, payloadSize)
	}
	h.Expected = expected
	// What comes nearly always is one whole, final frame.
	if p := h.Data; h.Due && len(p) >= 2+payloadSize && p[0] == 0x81 && p[1] == payloadSize && t.opcode == frame.Text &&
		bytes.Equal(p[2:2+payloadSize], expected) {
		h.Heard, h.Used = specs.Answered, 2+payloadSize
		return
	}
	t.frames(h)
}

// welcome judges the response to the handshake.
func (t many) welcome(h *specs.Hearing) {
	h.Expected = append(h.Expected[:0], "HTTP/1.1 101 Switching Protocols\r\n"...)
	var r *response
	for r == nil {
		data := h.Data[h.Used:]
		n := headEnd(data)
		if n == 0 {
			if got := data[:min(len(data), len("HTTP/"))]; !strings.HasPrefix("HTTP/", string(got)) {
				h.Fail(specs.WrongBytes, "not an answer in HTTP")
			} else if len(data) > maxManyHead {
				h.Fail(specs.Flood, "%d bytes, and the head of the response has no end", len(data))
			}
			return
		}
		h.Used += n
		r = parseResponse(string(data[:n]))
		if r.status >= 100 && r.status < 200 && r.status != 101 {
			r = nil // an interim response (RFC 9110 §15.2)
		}
	}
	switch {
	case r.problem != "":
		h.Fail(specs.WrongBytes, "%s", r.problem)
	case r.status != 101:
		h.Fail(specs.WrongBytes, "the handshake was refused with status %d", r.status)
	case r.fault(string(t.appendKey(nil, h.Client))) != "":
		h.Fail(specs.WrongBytes, "%s", r.fault(string(t.appendKey(nil, h.Client))))
	case r.get("Sec-WebSocket-Extensions") != "" || r.get("Sec-WebSocket-Protocol") != "":
		h.Fail(specs.WrongBytes, "an extension or a subprotocol that was not offered")
	default:
		h.Heard = specs.Answered
	}
}

// frames judges what is not one whole answer: pieces, fragments, control
// frames, and what is wrong.
func (t many) frames(h *specs.Hearing) {
	data, expected := h.Data, h.Expected
	matched, inside := 0, false // of the message that data begins with
	for at := 0; ; {
		f, size, ok := frame.ReadHeader(data[at:])
		if !ok {
			return
		}
		switch {
		case f.Masked:
			h.Fail(specs.Violation, "a masked frame; a server must not mask (RFC 6455 §5.1)")
			return
		case f.RSV != 0:
			h.Fail(specs.Violation, "a reserved bit is set, and no extension was agreed on (RFC 6455 §5.2)")
			return
		case !f.Opcode.Known():
			h.Fail(specs.Violation, "a frame with the reserved %s (RFC 6455 §5.2)", f.Opcode)
			return
		case !f.Minimal():
			h.Fail(specs.Violation, "a length that is not in its shortest form (RFC 6455 §5.2)")
			return
		case f.Opcode.IsControl() && (!f.Fin || f.Length > 125):
			h.Fail(specs.Violation, "a control frame that is fragmented or too long (RFC 6455 §5.5)")
			return
		}
		next := f.Opcode
		if aside, known := t.aside(h, f, data[at+size:]); !next.IsControl() && !inside && (aside || !known) {
			if f.Length > uint64(len(data)-at-size) {
				return
			}
			at += size + int(f.Length)
			h.Used, h.Seen = h.Used+at, 0
			data, at = data[at:], 0
			continue
		}
		if !next.IsControl() {
			if t.judgeData(h, f, inside, matched); h.Heard == specs.Failed {
				return
			}
		}
		available := data[at+size:]
		whole := f.Length <= uint64(len(available))
		payload := available[:min(f.Length, uint64(len(available)))]
		if !next.IsControl() && !bytes.Equal(payload, expected[matched:matched+len(payload)]) {
			h.Wrong(data[at+size:], specs.Whose)
			return
		}
		if !whole {
			return
		}
		at += size + len(payload)
		switch next {
		case frame.Ping:
			if at > h.Seen {
				h.Reply = t.appendPong(h.Reply, payload)
			}
		case frame.Close:
			f.Payload = slices.Clone(payload)
			h.Fail(specs.ClosedEarly, "the server sent %s", f)
			return
		case frame.Pong:
			if h.Due && t.opcode == frame.Ping {
				if bytes.Equal(payload, expected) {
					h.Heard, h.Used, h.Seen = specs.Answered, h.Used+at, 0
				} else {
					h.Wrong(payload, specs.Whose)
				}
				return
			}
		default:
			matched, inside = matched+len(payload), true
			if f.Fin {
				if matched != len(expected) {
					h.Wrong(payload, specs.Whose)
					return
				}
				h.Heard, h.Used, h.Seen = specs.Answered, h.Used+at, 0
				return
			}
		}
		if inside {
			h.Seen = max(h.Seen, at)
		} else { // nothing before this is needed again
			h.Used, h.Seen = h.Used+at, 0
			data, at = data[at:], 0
		}
	}
}

// aside says whether a message is none of ours, once that is known: what an
// application that is no echo says is its own business, and so is what an echo
// greets its clients with.
func (t many) aside(h *specs.Hearing, f frame.Frame, payload []byte) (aside, known bool) {
	const ours = "client "
	if t.opcode == frame.Ping || h.Turn != 1 {
		return t.opcode == frame.Ping || h.Turn == 0, true
	}
	start := payload[:min(len(payload), len(ours), int(min(f.Length, 1<<10)))]
	return !strings.HasPrefix(ours, string(start)), len(start) == len(ours) || f.Length <= uint64(len(start))
}

// judgeData judges the header of a frame that carries a part of a message.
func (t many) judgeData(h *specs.Hearing, f frame.Frame, inside bool, matched int) {
	switch {
	case !h.Due || t.opcode == frame.Ping:
		h.Fail(specs.NotSilent, "a message, and none was due")
	case inside != (f.Opcode == frame.Continuation):
		h.Fail(specs.Violation, "%s where the fragments of a message are not in order (RFC 6455 §5.4)", f.Opcode)
	case f.Opcode == frame.Binary:
		h.Fail(specs.WrongBytes, "a binary message for a text")
	case f.Length > uint64(len(h.Expected)-matched):
		h.Wrong(h.Data, specs.Whose)
		if h.Code == specs.WrongBytes {
			h.Problem = "a message that is longer than the one that was sent"
		}
	}
}

func (t many) appendPong(dst, payload []byte) []byte {
	key := uint32(mix(t.seed ^ uint64(len(dst))))
	dst = append(dst, 0x80|byte(frame.Pong), 0x80|byte(len(payload)))
	dst = binary.LittleEndian.AppendUint32(dst, key)
	from := len(dst)
	dst = append(dst, payload...)
	mask(dst[from:], key)
	return dst
}
