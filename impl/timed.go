package impl

import "time"

// Timed is a Handler that also acts when nothing arrives. It has no clock that
// runs: who calls it asks after each call when it wants to be woken.
type Timed interface {
	Handler
	// Deadline is when Expire is to be called, unless something arrives
	// before; the zero time is never.
	Deadline() time.Time
	// Expire is called, in place of Data or End, when the deadline has
	// passed. It ends the connection or moves the deadline beyond now.
	Expire(now time.Time) Reply
}

// Stopper is a Handler whose protocol has a way to part. Those of others are
// left alone when a server shuts down, until they end or patience does.
type Stopper interface {
	Handler
	// Stop is called at most once, in place of Data or End, when the server
	// is shutting down. The conversation goes on unless the reply closes it.
	Stop() Reply
}
