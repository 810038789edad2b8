// Package faults holds the reference servers with one small, named fault each:
// what students' servers really do wrong. They prove that the kit sees it, and
// each Text says what there is to learn.
//
// A fault is a change to the plan of a correct server: to its handlers, to its
// connections, or to the way in which it takes clients. It shows every time,
// not by chance.
package faults

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"conform/impl"
	"conform/impl/calc"
	"conform/impl/echo"
	"conform/impl/pid"
	"conform/impl/raw"
	"conform/impl/serve"
	"conform/impl/sink"
	"conform/impl/websocket"
	"conform/impl/zen"
)

// Fault is one defect of a server.
type Fault struct {
	Protocol string // empty for a degenerate server, which has none
	Name     string
	Text     string // what a server with this fault does, in one sentence

	// Bound is how many clients the server claims to serve at once; 0 is any
	// number. A server that claims one is serial, and rightly so.
	Bound int

	// Sections of the protocol's standard that the fault is about: the
	// self-test begins with their specs. Empty is all.
	Sections []string

	// Load is a glob over the IDs of the heavy specs that have to do with the
	// fault: the self-test runs no others against it. Empty is none.
	Load string

	// Datagrams says that it is a server of datagrams: StartPacket starts it.
	Datagrams bool
	// Keeps is a protocol that a degenerate server happens to keep to.
	Keeps string

	packets packetChange
	change  change
	start   func(net.Listener) *Server // for servers that are not built on a handler
}

// change is a fault as a change to the plan of a correct server.
type change func(*plan)

// plan is a correct server before it starts. It is made anew for each server,
// so that what a change keeps between connections is not shared with others.
type plan struct {
	handler func() impl.Handler // makes the handler of each connection
	accept  []func(*conn)       // called with each new connection, to set its hooks
	limit   int                 // connections that are served at once; 0 is any number
	listen  func(net.Listener) net.Listener
	options websocket.Options // what the handler is made with, if it is WebSocket's
	process func() int        // the number that the next connection shows, if it is pid's
	held    *held             // what it holds that the reference does not

	die  func()          // ends the whole server, as an uncaught error does
	done <-chan struct{} // closed when the server is closed: who hangs, hangs until then
}

// Server is a server that runs.
type Server struct {
	done   chan struct{} // closed by Close
	once   sync.Once
	addr   net.Addr
	ready  chan struct{} // closed when close is set
	close  func()
	ended  chan struct{} // closed when the server has ended, by itself or not
	ending sync.Once
	held   held
}

// held is what a fault keeps of the memory and the descriptors of its process,
// counted: the process itself has other things to keep as well.
type held struct{ memory, descriptors atomic.Int64 }

// take is memory that is really there: each page of it is written to.
func (h *held) take(n int) []byte {
	p := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		p[i] = 1
	}
	h.memory.Add(int64(n))
	return p
}

// Held is how much memory, in bytes, and how many descriptors the fault keeps.
func (s *Server) Held() (memory int64, descriptors int) {
	return s.held.memory.Load(), int(s.held.descriptors.Load())
}

func newServer(ln net.Listener) *Server {
	return &Server{done: make(chan struct{}), ready: make(chan struct{}), ended: make(chan struct{}), addr: ln.Addr()}
}

// Addr returns the address of the listener.
func (s *Server) Addr() net.Addr { return s.addr }

// Close ends the server and every connection. It does not wait for them.
func (s *Server) Close() error {
	s.once.Do(func() { close(s.done) })
	s.die()
	return nil
}

// die ends the server from within: its listener first, so that nobody is
// served after the death.
func (s *Server) die() {
	<-s.ready
	s.close()
	s.ending.Do(func() { close(s.ended) })
}

// Done is closed when the server has ended: by its fault, or by Close.
func (s *Server) Done() <-chan struct{} { return s.ended }

// Shutdown closes the server: one with a fault has no manners to keep.
func (s *Server) Shutdown(context.Context) error { return s.Close() }

// Start serves ln with the fault. The listener is the server's from now on.
func (f Fault) Start(ln net.Listener) *Server {
	if f.start != nil {
		return f.start(ln)
	}
	s := newServer(ln)
	p := newPlan(f.Protocol)
	p.die, p.done, p.held = s.die, s.done, &s.held
	f.change(p)
	inner := serve.Start(newListener(ln, p), func() impl.Handler { return p.handler() }, serve.Options{})
	s.close = func() { inner.Close() }
	close(s.ready)
	return s
}

// SetUp returns the fault in a WebSocket server with other options. What the
// fault itself is about comes after it.
func (f Fault) SetUp(set func(*websocket.Options)) Fault {
	if inner := f.change; inner != nil {
		f.change = func(p *plan) {
			set(&p.options)
			inner(p)
		}
	}
	return f
}

// Forking returns the fault in a server of pid that serves each connection in a
// process of its own, as far as anybody can see. What the fault itself is about
// comes after it.
func (f Fault) Forking() Fault {
	if inner := f.change; inner != nil {
		f.change = func(p *plan) {
			var next atomic.Int64
			p.process = func() int { return 20_000 + int(next.Add(1)) }
			inner(p)
		}
	}
	return f
}

// newPlan returns the plan of a correct server.
func newPlan(protocol string) *plan {
	p := &plan{options: websocket.Bundled()}
	switch protocol {
	case "zen":
		p.handler = zen.New
	case "echo":
		p.handler = echo.New
	case "raw":
		p.handler = raw.New
		p.accept = append(p.accept, (*conn).small)
	case "pid":
		p.process = func() int { return 4711 }
		p.handler = func() impl.Handler { return pid.New(p.process()) }
	case "sink":
		p.handler = sink.New
	case "websocket":
		p.handler = func() impl.Handler { return websocket.New(p.options) }
	default:
		p.handler = func() impl.Handler { return calc.New(calc.Options{}) }
	}
	return p
}

// For lists the faults of a protocol.
func For(protocol string) []Fault {
	var list []Fault
	switch protocol {
	case "zen":
		list = append(zenFaults(), without(common(traits{end: '?', question: "Beautiful is better than?"}), answerFaults...)...)
	case "echo":
		list = append(echoFaults(), lineFaults()...)
		list = append(list, common(traits{end: '\n', question: "hello\r\n"})...)
	case "calc":
		list = append(calcFaults(), lineFaults()...)
		list = append(list, common(traits{end: '\n', question: "1,2\r\n"})...)
	case "raw":
		list = append(rawFaults(), without(common(traits{end: '\n', question: "hello"}), messageFaults...)...)
		list = append(list, datagramFaults()...)
	case "pid":
		list = append(pidFaults(), without(common(traits{end: '\n', question: "hello"}), append([]string{
			"closes-after-one-answer", "twenty-answers-then-none", "dies-on-long-message", "resets-at-eof", "busy-client-first", "accepts-when-idle"},
			slices.Concat(messageFaults, answerFaults)...)...)...)
	case "sink":
		list = append(sinkFaults(), without(common(traits{end: '\n', question: "hello"}), append([]string{
			"answers-the-latest", "broadcasts", "dies-on-broken-pipe", "eof-before-question", "prompts", "nul-appended", "newline-appended",
			"answers-twice", "answer-cut-at-16", "closes-after-one-answer", "twenty-answers-then-none", "loses-early-input"},
			slices.Concat(messageFaults, answerFaults)...)...)...)
	case "websocket":
		list = websocketFaults()
	}
	list = append(list, orderFaults(protocol)...)
	for i := range list {
		list[i].Protocol = protocol
	}
	return list
}

// messageFaults are about messages that have a beginning and an end, and that a
// handler keeps until they are whole.
var messageFaults = []string{"one-buffer-for-all", "buffer-outlives-client", "partial-message-blocks-all", "dies-on-partial-message",
	"buffer-of-1024", "buffer-of-8192", "waits-for-the-rest"}

// without leaves faults out that a protocol cannot have.
func without(list []Fault, names ...string) []Fault {
	return slices.DeleteFunc(list, func(f Fault) bool { return slices.Contains(names, f.Name) })
}

// Reference is the server without a fault that the faults of a protocol are
// made from.
func Reference(protocol string) Fault {
	return Fault{Protocol: protocol, Name: "reference", Text: "Has no fault.", change: func(*plan) {}}
}
