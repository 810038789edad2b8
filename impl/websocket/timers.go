package websocket

import (
	"strconv"
	"time"

	"github.com/gobwas/ws"

	"conform/impl"
)

// timers are the times that count for a connection, all by the clock of the
// options.
type timers struct {
	begun  time.Time // when the connection was made
	heard  time.Time // when the client last sent anything
	pinged time.Time // when the Ping that is unanswered was sent; zero if none is
	ponged time.Time // when the last Ping was answered, or the handshake done
	closed time.Time // when our Close was sent
	pings  int
}

func (t *timers) started(now time.Time) { t.begun, t.heard = now, now }

// Deadline is when the client, or the next Ping, is due.
func (h *handler) Deadline() (due time.Time) {
	earlier := func(from time.Time, d time.Duration) {
		if t := from.Add(d); d > 0 && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	switch h.phase {
	case opening:
		earlier(h.begun, h.o.HandshakeTimeout)
	case open:
		earlier(h.heard, h.o.IdleTimeout)
		earlier(h.pingDue())
	case closing:
		earlier(h.closed, h.o.CloseTimeout)
	}
	return due
}

// pingDue is when a Ping or the answer to one is due.
func (h *handler) pingDue() (from time.Time, d time.Duration) {
	switch {
	case h.o.PingInterval <= 0:
		return h.ponged, 0
	case h.pinged.IsZero():
		return h.ponged, h.o.PingInterval
	default:
		return h.pinged, h.o.PongTimeout
	}
}

// Expire does what is due.
func (h *handler) Expire(now time.Time) impl.Reply {
	h.begin()
	if due := h.Deadline(); due.IsZero() || now.Before(due) {
		return h.reply()
	}
	switch h.phase {
	case opening:
		h.refuse(&refusal{status: 408, text: "the request did not end within " + h.o.HandshakeTimeout.String() +
			"; a blank line ends it"})
	case open:
		h.late(now)
	case closing:
		h.phase = ended // the client owes a Close, and nobody waits for ever
	}
	return h.reply()
}

// late pings, or closes because of silence.
func (h *handler) late(now time.Time) {
	if d := h.o.IdleTimeout; d > 0 && !now.Before(h.heard.Add(d)) {
		h.close(ws.StatusGoingAway, "nothing arrived for "+d.String())
		return
	}
	if !h.pinged.IsZero() {
		// Whoever does not answer a Ping will not answer a Close either.
		h.fail(ws.StatusInternalServerError, "no Pong within "+h.o.PongTimeout.String())
		return
	}
	h.pings++
	h.pinged = now
	h.send(ws.OpPing, 0, h.pingPayload())
}

func (h *handler) pingPayload() []byte { return strconv.AppendInt(nil, int64(h.pings), 10) }

// pong takes the answer to our Ping; any other Pong is news of no interest
// (RFC 6455 §5.5.3).
func (h *handler) pong(payload []byte) {
	if !h.pinged.IsZero() && string(payload) == string(h.pingPayload()) {
		h.pinged = time.Time{}
		h.ponged = h.heard
	}
}
