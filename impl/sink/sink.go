// Package sink reads everything and never says a word (tutorial 003). When its
// client has ended, it ends too.
//
// It has no state at all; connections are impl/serve's.
package sink

import "conform/impl"

type handler struct{}

// New returns a handler for one connection.
func New() impl.Handler { return handler{} }

func (handler) Open() impl.Reply       { return impl.Reply{} }
func (handler) Data([]byte) impl.Reply { return impl.Reply{} }
func (handler) End() impl.Reply        { return impl.Reply{Close: true} }
