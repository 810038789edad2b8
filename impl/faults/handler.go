package faults

import (
	"bytes"
	"time"

	"conform/impl"
)

// hook is a handler of which some methods are replaced.
type hook struct {
	impl.Handler
	open func() impl.Reply
	data func(p []byte) impl.Reply
	end  func() impl.Reply
}

func (h *hook) Open() impl.Reply {
	if h.open != nil {
		return h.open()
	}
	return h.Handler.Open()
}

func (h *hook) Data(p []byte) impl.Reply {
	if h.data != nil {
		return h.data(p)
	}
	return h.Handler.Data(p)
}

func (h *hook) End() impl.Reply {
	if h.end != nil {
		return h.end()
	}
	return h.Handler.End()
}

// A handler that is wrapped keeps its deadlines and its way to part.

func (h *hook) Deadline() time.Time             { return deadline(h.Handler) }
func (h *hook) Expire(now time.Time) impl.Reply { return expire(h.Handler, now) }
func (h *hook) Stop() impl.Reply                { return stop(h.Handler) }

func deadline(h impl.Handler) time.Time {
	if timed, ok := h.(impl.Timed); ok {
		return timed.Deadline()
	}
	return time.Time{}
}

func expire(h impl.Handler, now time.Time) impl.Reply {
	if timed, ok := h.(impl.Timed); ok {
		return timed.Expire(now)
	}
	return impl.Reply{}
}

func stop(h impl.Handler) impl.Reply {
	if stopper, ok := h.(impl.Stopper); ok {
		return stopper.Stop()
	}
	return impl.Reply{}
}

// handler wraps the handler of every connection.
func handler(wrap func(next impl.Handler) impl.Handler) change {
	return func(p *plan) {
		next := p.handler
		p.handler = func() impl.Handler { return wrap(next()) }
	}
}

// connection sets the hooks of every connection.
func connection(set func(p *plan, c *conn)) change {
	return func(p *plan) { p.accept = append(p.accept, func(c *conn) { set(p, c) }) }
}

// serial is a server that serves one client at a time.
func serial(p *plan) { p.limit = 1 }

// both makes two changes that are one fault only together.
func both(a, b change) change { return func(p *plan) { a(p); b(p) } }

// onInput changes what each read has brought.
func onInput(f func(p []byte) []byte) change {
	return handler(func(next impl.Handler) impl.Handler {
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			if p = f(bytes.Clone(p)); len(p) == 0 {
				return impl.Reply{}
			}
			return next.Data(p)
		}}
	})
}

// onReply changes every reply but that at the opening.
func onReply(f func(impl.Reply) impl.Reply) change {
	return handler(func(next impl.Handler) impl.Handler {
		return &hook{Handler: next,
			data: func(p []byte) impl.Reply { return f(next.Data(p)) },
			end:  func() impl.Reply { return f(next.End()) }}
	})
}

// onAnswer changes every answer that is sent.
func onAnswer(f func(answer string) string) change {
	return onReply(func(r impl.Reply) impl.Reply {
		if len(r.Send) > 0 {
			r.Send = []byte(f(string(r.Send)))
		}
		return r
	})
}

// atEnd replaces what happens when the client ends its side.
func atEnd(f func(next impl.Handler) impl.Reply) change {
	return handler(func(next impl.Handler) impl.Handler {
		return &hook{Handler: next, end: func() impl.Reply { return f(next) }}
	})
}

// say is a reply that sends text.
func say(text string) impl.Reply { return impl.Reply{Send: []byte(text)} }

// join appends b to a, whose bytes must be its own.
func join(a, b impl.Reply) impl.Reply {
	return impl.Reply{Send: append(a.Send, b.Send...), Close: a.Close || b.Close}
}

// own is r with a copy of its bytes, which outlives the next call of the
// handler that it came from.
func own(r impl.Reply) impl.Reply {
	r.Send = bytes.Clone(r.Send)
	return r
}

// around applies a change to one handler.
func around(next impl.Handler, c change) impl.Handler {
	p := &plan{handler: func() impl.Handler { return next }}
	c(p)
	return p.handler()
}
