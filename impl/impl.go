// Package impl defines what a reference server is: the server's side of one
// connection, written as a state machine that does no I/O, so that every
// concurrency model in impl/serve can run the same handler.
//
// The protocols themselves are in impl/zen, impl/echo, impl/calc, impl/raw,
// impl/pid, impl/sink and impl/websocket. Nothing here knows that it is going to be tested.
package impl

// Handler is the server's side of one connection. Its methods are called one
// after the other, never concurrently, in the order Open, Data (any number of
// times), End (at most once). After a Reply with Close set, none is called.
// What a handler may do besides is in Timed and Stopper.
//
// A handler holds a bounded amount of memory however much it is sent.
type Handler interface {
	// Open is called when the connection is made, before anything is read.
	Open() Reply
	// Data takes the bytes of one read, at least one. It must not keep p.
	Data(p []byte) Reply
	// End is called when the client has ended its side (FIN).
	End() Reply
}

// Reply is what a handler wants done, in this order.
type Reply struct {
	Send  []byte // bytes for the client; valid until the next call of the handler
	Close bool   // then end the connection with a FIN
}
