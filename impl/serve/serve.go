package serve

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"conform/impl"
)

// DefaultWriteTimeout is what Options.WriteTimeout is if nothing else is said.
const DefaultWriteTimeout = 30 * time.Second

// Options are what a server may be told beyond its listener and its handler.
type Options struct {
	// Log is told what the server survives: panics of handlers, connections
	// that broke, a listener out of descriptors. Nil means silence.
	Log *slog.Logger

	// WriteTimeout is how long a client may leave an answer unread, not a
	// byte of it taken, before it is dropped. Zero means DefaultWriteTimeout.
	WriteTimeout time.Duration

	// Model is the name of one of Models. Empty means DefaultModel.
	Model string

	// Workers is how many clients the models pool and process serve at once.
	// Zero means 4 for pool and 40 for process; other models have no workers.
	Workers int

	// Child are the arguments with which this program, started once more,
	// calls Inherited with the same handlers. Model process needs them.
	Child []string
}

// Server is a listener being served. All methods may be called at any time,
// more than once, and concurrently.
type Server struct {
	listener   net.Listener
	newHandler func() impl.Handler
	options    Options
	log        *slog.Logger
	buffers    sync.Pool // of *[]byte, readSize long

	closing chan struct{} // closed when no more connections are wanted
	done    chan struct{} // closed when the model has ended

	mu      sync.Mutex
	stopped bool // closing is closed
	parting bool // members have been told that the server is shutting down
	aborted bool // members are being closed, and new ones with them
	err     error
	members map[member]struct{}
}

// member is what a model has to be asked to end: a connection, a process, or a
// loop with all of its connections. Its methods are called from anywhere, and
// wait for nothing.
type member interface {
	stop()        // tell the handlers that the server is shutting down
	Close() error // end at once
}

// Start serves the connections of ln, under a model and with a handler of its
// own from newHandler for each, until Shutdown or Close. The listener is the
// server's from now on. If Options.Check has anything to say, the server is
// done already, and Err says it.
func Start(ln net.Listener, newHandler func() impl.Handler, o Options) *Server {
	s := newServer(newHandler, o)
	s.listener = ln
	if err := o.Check(ln); err != nil {
		s.err = err
		s.stop()
		close(s.done)
		return s
	}
	run := runner(s.options.Model)
	go func() {
		defer close(s.done)
		run(s)
	}()
	return s
}

func newServer(newHandler func() impl.Handler, o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = DefaultWriteTimeout
	}
	if o.Model == "" {
		o.Model = DefaultModel
	}
	return &Server{
		newHandler: newHandler,
		options:    o,
		log:        o.Log,
		closing:    make(chan struct{}),
		done:       make(chan struct{}),
		members:    map[member]struct{}{},
		buffers: sync.Pool{New: func() any {
			b := make([]byte, readSize)
			return &b
		}},
	}
}

// Addr returns the address of the listener.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Done is closed when the server no longer accepts connections and the last
// one has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err returns why the server ended by itself, if it did. It says nothing before
// Done.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Shutdown stops accepting, tells the handlers that want to know it
// (impl.Stopper), and waits for the connections to end by themselves. Those
// that have not when ctx ends are closed, and ctx's error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	for _, m := range s.part() {
		m.stop()
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
	}
	s.abort()
	return ctx.Err()
}

// Close stops accepting and closes every connection as it is. It does not wait
// for handlers that are busy; Done does.
func (s *Server) Close() error {
	err := s.stop()
	s.abort()
	return err
}

// stop ends accept. Only the first call has anything to report.
func (s *Server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	close(s.closing)
	return s.listener.Close()
}

// part returns the members the first time that it is called. Those that still
// join are told to stop when they do.
func (s *Server) part() []member {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parting {
		return nil
	}
	s.parting = true
	return slices.Collect(maps.Keys(s.members))
}

func (s *Server) abort() {
	s.mu.Lock()
	s.aborted = true
	all := slices.Collect(maps.Keys(s.members))
	s.mu.Unlock()
	for _, m := range all {
		m.Close()
	}
}

// join makes m a member, to be told what the server is told, and what it has
// been told already.
func (s *Server) join(m member) {
	s.mu.Lock()
	s.members[m] = struct{}{}
	aborted, parting := s.aborted, s.parting
	s.mu.Unlock()
	switch {
	case aborted:
		m.Close()
	case parting:
		m.stop()
	}
}

func (s *Server) leave(m member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.members, m)
}

// fail makes the server accept no more, for a reason of its own. What fails
// because the listener has been closed meanwhile is no reason.
func (s *Server) fail(err error) {
	if s.stopping() {
		return
	}
	s.log.Error("no more clients can be accepted", "error", err)
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
	s.stop()
}

// stopping tells whether no more connections are wanted.
func (s *Server) stopping() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// Running out of descriptors is a passing state: other clients leave. These
// are how long to wait for it, doubling.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
)

// accept waits for the next connection. It is nil when there will be none.
func (s *Server) accept() net.Conn {
	pause := shortestPause
	for {
		conn, err := s.listener.Accept()
		switch {
		case err == nil:
			return conn
		case s.stopping():
			return nil
		case !passing(err):
			s.fail(err)
			return nil
		}
		s.log.Warn("cannot accept", "error", err, "pause", pause)
		select {
		case <-s.closing:
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// passing tells the errors of accept after which it is worth trying again.
func passing(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
