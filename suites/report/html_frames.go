package report

import (
	"bytes"
	"fmt"
	"strings"

	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

const (
	maxFields  = 8  // frames of an event that are taken apart
	maxPayload = 96 // bytes of a payload that are shown
)

// flow is one direction of a WebSocket connection.
type flow struct {
	opened bool   // the opening handshake is over
	lost   bool   // nothing can be said of what follows: bytes were not kept, or it is no WebSocket
	rest   []byte // the beginning of a frame
}

// takeApart adds to the bytes of WebSocket connections the frames in them, field
// by field. A frame stands where its last byte is.
func takeApart(steps []step) {
	type direction struct {
		conn int
		kind wire.Kind
	}
	flows := map[direction]*flow{}
	for i := range steps {
		s := &steps[i]
		kind := wire.Kind(s.Event.Event)
		if kind != wire.Sent && kind != wire.Received {
			continue
		}
		key := direction{s.Conn, kind}
		f := flows[key]
		if f == nil {
			f = &flow{}
			flows[key] = f
		}
		s.fields = f.read(s.Event, kind)
		if f.lost && !f.opened && kind == wire.Received { // refused: what is sent means nothing either
			flows[direction{s.Conn, wire.Sent}] = &flow{lost: true}
		}
	}
}

func (f *flow) read(e Event, kind wire.Kind) (fields []string) {
	if f.lost {
		return nil
	}
	f.rest = append(f.rest, e.Head...)
	if !f.opened {
		head, rest, ok := bytes.Cut(f.rest, []byte("\r\n\r\n"))
		if !ok {
			f.lost = len(f.rest) > 1<<16
			return nil
		}
		if kind == wire.Received && !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) {
			f.lost = true
			return nil
		}
		f.opened, f.rest = true, bytes.Clone(rest)
	}
	for len(f.rest) > 0 {
		read, size, ok := frame.Read(f.rest)
		if !ok {
			break
		}
		f.rest = f.rest[size:]
		switch {
		case len(fields) < maxFields:
			fields = append(fields, fieldsOf(read))
		case len(fields) == maxFields:
			fields = append(fields, "… and more frames")
		}
	}
	if len(e.Tail) > 0 { // there is a gap behind the head
		if h, _, ok := frame.ReadHeader(f.rest); ok && len(fields) < maxFields {
			fields = append(fields, fieldsOf(h)+" …")
		}
		f.lost = true
	}
	return fields
}

// fieldsOf names the fields of a frame in the order in which they are sent.
func fieldsOf(f frame.Frame) string {
	bit := func(set bool) int {
		if set {
			return 1
		}
		return 0
	}
	parts := []string{fmt.Sprintf("FIN %d", bit(f.Fin)), fmt.Sprintf("RSV %03b", f.RSV), fmt.Sprintf("opcode %X %s", byte(f.Opcode), f.Opcode),
		fmt.Sprintf("MASK %d", bit(f.Masked)), fmt.Sprintf("length %d", f.Length)}
	if !f.Minimal() {
		parts[4] += fmt.Sprintf(" in %s, which is not the shortest form", f.Form)
	}
	if f.Masked {
		parts = append(parts, fmt.Sprintf("key % x", f.Key))
	}
	if f.Opcode == frame.Close && len(f.Payload) >= 2 {
		parts = append(parts, fmt.Sprintf("code %d", f.CloseCode()), "reason "+wire.Quote([]byte(f.CloseReason()), maxPayload))
	} else if len(f.Payload) > 0 {
		parts = append(parts, "payload "+wire.Quote(f.Payload, maxPayload))
	}
	return clean(strings.Join(parts, " · "))
}
