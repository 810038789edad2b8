// Package serve runs handlers: it accepts connections and carries bytes
// between them and a handler each, under a concurrency model. For now the
// model is a goroutine for each connection.
//
// It knows no protocol, and of a connection only net.Conn and, where there is
// one, CloseWrite, so that listeners and connections may be wrapped.
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
}

// Server is a listener being served. All methods may be called at any time,
// more than once, and concurrently.
type Server struct {
	listener     net.Listener
	newHandler   func() impl.Handler
	log          *slog.Logger
	writeTimeout time.Duration

	closing chan struct{} // closed when no more connections are wanted
	done    chan struct{} // closed when accept and every connection have ended

	mu          sync.Mutex
	stopped     bool // closing is closed
	parting     bool // connections have been told that the server is shutting down
	aborted     bool // connections are being closed, and new ones with them
	err         error
	connections map[*connection]struct{}
	running     sync.WaitGroup // the connections; grows only while accept runs
}

// Start serves the connections of ln, each at once and with a handler of its
// own from newHandler, until Shutdown or Close. The listener is the server's
// from now on.
func Start(ln net.Listener, newHandler func() impl.Handler, o Options) *Server {
	s := &Server{
		listener:     ln,
		newHandler:   newHandler,
		log:          o.Log,
		writeTimeout: o.WriteTimeout,
		closing:      make(chan struct{}),
		done:         make(chan struct{}),
		connections:  map[*connection]struct{}{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.writeTimeout == 0 {
		s.writeTimeout = DefaultWriteTimeout
	}
	go func() {
		defer close(s.done)
		s.accept()
		s.running.Wait()
	}()
	return s
}

// Addr returns the address of the listener.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Done is closed when the server no longer accepts connections and the last
// one has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err returns why the listener failed, if it did. It says nothing before Done.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Shutdown stops accepting, tells the handlers that want to know it
// (impl.Stopper), and waits for the connections to end by themselves. Those that have not when ctx ends are closed, and ctx's error is
// returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	for _, conn := range s.part() {
		conn.stop()
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

// part returns the open connections the first time that it is called. Those
// that accept still comes by are told to stop when they start.
func (s *Server) part() []*connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parting {
		return nil
	}
	s.parting = true
	return slices.Collect(maps.Keys(s.connections))
}

func (s *Server) abort() {
	s.mu.Lock()
	s.aborted = true
	open := slices.Collect(maps.Keys(s.connections))
	s.mu.Unlock()
	for _, conn := range open {
		conn.Close()
	}
}

// accept starts every connection until the listener is closed. Running out of
// descriptors is a passing state: other clients leave.
func (s *Server) accept() {
	const shortest, longest = 5 * time.Millisecond, time.Second
	pause := shortest
	for {
		conn, err := s.listener.Accept()
		if err == nil {
			pause = shortest
			s.start(conn)
			continue
		}
		select {
		case <-s.closing:
			return
		default:
		}
		if !passing(err) {
			s.log.Error("the listener failed", "error", err)
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
			s.stop()
			return
		}
		s.log.Warn("cannot accept", "error", err, "pause", pause)
		select {
		case <-s.closing:
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, longest)
	}
}

// passing tells the errors of Accept after which it is worth trying again.
func passing(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func (s *Server) start(nc net.Conn) {
	conn := &connection{Conn: nc}
	s.mu.Lock()
	s.connections[conn] = struct{}{}
	aborted, parting := s.aborted, s.parting
	s.mu.Unlock()
	if parting {
		conn.stop()
	}
	s.running.Go(func() {
		defer s.end(conn)
		if !aborted {
			s.serve(conn)
		}
	})
}

func (s *Server) end(conn *connection) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connections, conn)
}
