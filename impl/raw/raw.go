// Package raw sends every byte back (tutorial 003): there is no message, no
// greeting, and no byte has a meaning. Over datagrams, which tutorial 002 names,
// each comes back whole.
//
// It knows nothing of connections; they are impl/serve's.
package raw

import "conform/impl"

type handler struct {
	echo []byte // the bytes of the last read
}

// New returns a handler for one connection. It holds one read.
func New() impl.Handler { return &handler{} }

// Open sends nothing: a client speaks first.
func (h *handler) Open() impl.Reply { return impl.Reply{} }

// Data sends back what has come, as it is. Nothing is waited for: a single byte
// comes back alone.
func (h *handler) Data(p []byte) impl.Reply {
	h.echo = append(h.echo[:0], p...)
	return impl.Reply{Send: h.echo}
}

// End only closes: what came before it has been sent back.
func (h *handler) End() impl.Reply { return impl.Reply{Close: true} }

// Answer is the answer to a datagram, an empty one too: itself.
func Answer(datagram []byte) []byte { return datagram }
