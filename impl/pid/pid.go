// Package pid answers once (tutorial 002): the first message of a client comes
// back behind the number of the process that has read it, and the connection
// ends.
//
// It knows only its own state; connections are impl/serve's, and whose number it
// shows is its caller's to say.
package pid

import (
	"strconv"

	"conform/impl"
)

// Most is how many bytes of a message come back, as the tutorial's server reads
// them. What is beyond is lost.
const Most = 1024

type handler struct {
	process int
}

// New returns a handler for one connection, in the process of that number.
func New(process int) impl.Handler { return &handler{process: process} }

// Open sends nothing: a client speaks first.
func (h *handler) Open() impl.Reply { return impl.Reply{} }

// Data answers the first read, which is the message, and closes.
func (h *handler) Data(p []byte) impl.Reply {
	answer := strconv.AppendInt(nil, int64(h.process), 10)
	answer = append(answer, ": "...)
	return impl.Reply{Send: append(answer, p[:min(len(p), Most)]...), Close: true}
}

// End answers the empty message of a client that has ended without one.
func (h *handler) End() impl.Reply { return h.Data(nil) }
