// Package websocket is an echo server for the WebSocket protocol, RFC 6455
// with permessage-deflate of RFC 7692: a message comes back as one message of
// the same type and content.
//
// It is meant to keep to the letter of both, and to refuse with a sentence
// that says what was wrong and what would be right. It is not meant for
// applications: it has one, and it waits for whole messages.
//
// Frame headers, masks and close codes are those of github.com/gobwas/ws. Its
// opening handshake is not used, because it lets through what RFC 6455 §4.2.1
// refuses (several keys, keys that are not base64, white space before a colon)
// and refuses what has to be understood (lists over several lines).
package websocket

import (
	"bytes"
	"time"

	"github.com/gobwas/ws"

	"conform/impl"
)

// Options are what a server may decide for itself. The zero value serves
// every path, origin and client, compresses, and has no subprotocol.
type Options struct {
	// Path is the only one that is served, without a query; empty is every path.
	Path string
	// Subprotocols are those the server speaks, byte for byte. The first of
	// the client's that is among them is selected, or none.
	Subprotocols []string
	// Origins are allowed in an Origin header, besides the server's own; each
	// is scheme://host or scheme://host:port. Nil allows any.
	Origins []string
	// Credentials are what Basic authentication asks for, as user:password;
	// empty asks for none.
	Credentials string

	// MaxHeaderBytes is how long a request may be, blank line included. 0 is
	// 16384.
	MaxHeaderBytes int
	// MaxHeaders is how many header lines a request may have. 0 is 100.
	MaxHeaders int
	// MaxMessage is how long a message may be, in bytes, after reassembly and
	// inflation. 0 is 32 MiB.
	MaxMessage int

	// HandshakeTimeout is how long a client may take for its request. 0 is 10
	// seconds.
	HandshakeTimeout time.Duration
	// IdleTimeout is how long a client may send nothing at all before the
	// closing handshake is started, with 1001 as for any end that is nobody's
	// fault. 0 is for ever.
	IdleTimeout time.Duration
	// PingInterval is how long after the opening handshake, or after the last
	// answer to a Ping, a Ping is sent. 0 is never.
	PingInterval time.Duration
	// PongTimeout is how long the answer to a Ping may take before the
	// connection is ended, with 1011. 0 is as long as PingInterval.
	PongTimeout time.Duration
	// CloseTimeout is how long a client may take to answer a Close. 0 is 5
	// seconds.
	CloseTimeout time.Duration

	// NoCompression declines permessage-deflate.
	NoCompression bool
	// CloseTrigger is a text message that is not echoed, but makes the server
	// start the closing handshake with 1000. Empty is none.
	CloseTrigger string

	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Bundled are the options of the server that conform itself brings along.
func Bundled() Options {
	return Options{Subprotocols: []string{"conform-echo"}, CloseTrigger: "please close"}
}

func (o Options) withDefaults() Options {
	o.MaxHeaderBytes = or(o.MaxHeaderBytes, 16<<10)
	o.MaxHeaders = or(o.MaxHeaders, 100)
	o.MaxMessage = or(o.MaxMessage, 32<<20)
	o.HandshakeTimeout = or(o.HandshakeTimeout, 10*time.Second)
	o.PongTimeout = or(o.PongTimeout, o.PingInterval)
	o.CloseTimeout = or(o.CloseTimeout, 5*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// phase is how far a connection has come.
type phase int

const (
	opening phase = iota // the request is incomplete
	open
	closing // a Close was sent, the client's is awaited
	ended
)

type handler struct {
	o     Options
	phase phase
	out   bytes.Buffer // what the current call answers
	timers

	head    head // in the opening handshake
	frame   frame
	message message
	deflate *deflate // nil unless negotiated
}

// New returns a handler for one connection. It implements impl.Timed and
// impl.Stopper too. It holds the request or one message, as far as it has
// arrived, and while it answers the echo; how many fragments a message comes
// in does not matter. Compression adds a megabyte when it is first used.
func New(o Options) impl.Handler {
	o = o.withDefaults()
	return &handler{o: o, head: head{maxBytes: o.MaxHeaderBytes, maxLines: o.MaxHeaders}}
}

// Open sends nothing: the client speaks first.
func (h *handler) Open() impl.Reply {
	h.started(h.o.Now())
	return h.reply()
}

// Data answers what p completes: the request, frames, messages.
func (h *handler) Data(p []byte) impl.Reply {
	h.begin()
	h.heard = h.o.Now()
	if h.phase == opening {
		rest, err := h.head.feed(p)
		switch {
		case err != nil:
			h.refuse(err)
		case h.head.complete:
			if h.shake(&h.head.request) {
				h.head = head{}
				h.frames(rest)
			}
		}
	} else {
		h.frames(p)
	}
	return h.reply()
}

// End ends the connection. A client that ends without a Close wants no answer,
// and part of a message is none.
func (h *handler) End() impl.Reply {
	h.begin()
	h.phase = ended
	return h.reply()
}

// Stop starts the closing handshake (RFC 6455 §7.1.2). A client that is still
// in the opening handshake has nothing to close.
func (h *handler) Stop() impl.Reply {
	h.begin()
	switch h.phase {
	case opening:
		h.phase = ended
	case open:
		h.close(ws.StatusGoingAway, "the server is shutting down")
	}
	return h.reply()
}

// spare is the capacity that a buffer keeps when it is not in use.
const spare = 64 << 10

func (h *handler) begin() {
	if h.out.Cap() > spare {
		h.out = bytes.Buffer{}
	}
	h.out.Reset()
}

func (h *handler) reply() impl.Reply {
	return impl.Reply{Send: h.out.Bytes(), Close: h.phase == ended}
}
