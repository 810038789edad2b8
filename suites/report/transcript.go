package report

import (
	"conform/specs/wire"
)

// shownEvent is how many bytes of an event are quoted when it brings no text.
const shownEvent = 160

// happened says what an event was: an arrow for the direction, → from us and
// ← from the target, and the bytes or what took place. An arrow in front of a
// bare word is an end: "← FIN".
func happened(e Event) (arrow, text string) {
	text = e.Text
	switch wire.Kind(e.Event) {
	case wire.Sent:
		return "→", eventBytes(e)
	case wire.Received:
		return "←", eventBytes(e)
	case wire.Stray:
		return "←", with("from elsewhere", text)
	case wire.FIN:
		return "←", with("FIN", text)
	case wire.RST:
		return "←", with("RST", text)
	case wire.HalfClosed:
		return "→", with("FIN", text)
	case wire.WasReset:
		return "→", with("RST", text)
	case wire.SendFailed:
		return "→", with("the send failed", text)
	case wire.Broken:
		return "←", with("the connection broke", text)
	case wire.Connected:
		return "·", with("connected", text)
	case wire.ConnectFailed:
		return "·", with("no connection", text)
	case wire.Closed:
		return "·", with("closed", text)
	case wire.Quiet:
		return "·", with("nothing came for", text)
	case wire.Expected:
		return "·", with("expected", text)
	case wire.Note:
		return "·", text
	case wire.Decoded:
		return "=", text
	}
	return "·", with(e.Event, text)
}

func with(what, text string) string {
	if text == "" {
		return what
	}
	return what + " " + text
}

func eventBytes(e Event) string {
	if e.Text != "" {
		return e.Text
	}
	size := max(e.Size, int64(len(e.Head)+len(e.Tail)))
	return wire.Bytes{Head: e.Head, Tail: e.Tail, Size: size}.Quote(shownEvent)
}
