package serve

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"conform/impl"
)

const (
	// readSize is the largest read in bytes. Protocols whose messages end
	// where a read ends depend on it: a larger one misreads them less often.
	readSize = 16 << 10

	// writeSize is how many bytes are given to one Write, so that a slow
	// client is seen to make progress.
	writeSize = 64 << 10

	// drainBytes and drainTime bound how much a client may still send after
	// the answer that ended the conversation. Draining holds no memory, so it
	// is time that matters.
	drainBytes = 4 << 20
	drainTime  = time.Second
)

// A connection being served.
type connection struct {
	net.Conn
	direct *direct // nil if there is nothing but net.Conn

	mu       sync.Mutex
	wakes    time.Time // the read deadline that is set
	stopping bool      // the handler is to be told that the server is shutting down
	leaving  bool      // the conversation is over
}

// past is a deadline that interrupts a read at once.
var past = time.Unix(1, 0)

// stop makes the connection's handler part from its client. It interrupts the
// read that the connection most probably waits in.
func (c *connection) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.leaving {
		c.stopping, c.wakes = true, past
		c.SetReadDeadline(past)
	}
}

// wake sets the time at which the next read gives up. It must not undo the
// interruption by stop, hence the lock.
func (c *connection) wake(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopping && at != c.wakes {
		c.wakes = at
		c.SetReadDeadline(at)
	}
}

// stopped tells, once, that stop was called.
func (c *connection) stopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	stopping := c.stopping
	c.stopping = false
	return stopping
}

// ends says that the conversation is over, so that nothing interrupts what is
// read from now on.
func (c *connection) ends() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaving = true
}

// serve runs one connection to its end, waiting wherever it has to: what calls
// it does nothing else meanwhile.
func (s *Server) serve(nc net.Conn) {
	conn := s.newConnection(nc)
	s.join(conn)
	defer s.leave(conn)
	s.converseWith(conn)
}

func (s *Server) newConnection(nc net.Conn) *connection {
	return &connection{Conn: nc, direct: newDirect(nc, &s.buffers)}
}

// converseWith ends with the connection closed. Whatever happens in it stays in it.
func (s *Server) converseWith(conn *connection) {
	defer conn.Close()
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("the handler panicked", "client", conn.RemoteAddr(), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	if err := s.converse(conn, s.newHandler()); err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Info("the connection broke", "client", conn.RemoteAddr(), "error", err)
	}
}

// converse returns nil when the conversation has ended in good order.
func (s *Server) converse(conn *connection, h impl.Handler) error {
	if ended, err := s.reply(conn, h.Open()); ended || err != nil {
		return err
	}
	timed, _ := h.(impl.Timed)
	stopper, _ := h.(impl.Stopper)
	for {
		var deadline time.Time
		if timed != nil {
			deadline = timed.Deadline()
		}
		conn.wake(deadline) // if it fails, so does the read
		buf, n, err := s.read(conn)
		if n > 0 {
			r := h.Data((*buf)[:n])
			s.buffers.Put(buf) // the handler has kept nothing of it
			if ended, err := s.reply(conn, r); ended || err != nil {
				return err
			}
		}
		var r impl.Reply
		switch {
		case err == nil:
			continue
		case errors.Is(err, io.EOF):
			// Nothing can follow, so the connection ends here whether the
			// reply asks for it or not.
			r = h.End()
			r.Close = true
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case conn.stopped():
			if stopper != nil {
				r = stopper.Stop()
			}
		case timed != nil:
			r = timed.Expire(time.Now())
		default:
			return err
		}
		if ended, err := s.reply(conn, r); ended || err != nil {
			return err
		}
	}
}

// read waits for bytes from the client. They are in the first n bytes of a
// buffer, to be given back to s.buffers; if n is 0 there is none. Where the
// socket can be had, no buffer is held while there is nothing to put into it:
// it would be most of what an idle connection takes.
func (s *Server) read(conn *connection) (buf *[]byte, n int, err error) {
	if conn.direct != nil {
		return conn.direct.read()
	}
	buf = s.buffers.Get().(*[]byte)
	if n, err = conn.Read(*buf); n == 0 {
		s.buffers.Put(buf)
	}
	return buf, n, err
}

// reply does what a handler wants done and tells whether that ended the
// conversation.
func (s *Server) reply(conn *connection, r impl.Reply) (ended bool, err error) {
	if err := s.write(conn, r.Send); err != nil {
		return false, err
	}
	if r.Close {
		conn.ends()
		leave(conn.Conn)
	}
	return r.Close, nil
}

// write gives up only when the client has taken nothing for WriteTimeout: a
// slow one is none of our business, and only who serves it waits.
func (s *Server) write(conn *connection, p []byte) error {
	if conn.direct != nil {
		// Nearly always the kernel takes all of it, and there is nothing to
		// wait for and no time to look at.
		n, err := conn.direct.write(p)
		if err != nil {
			return err
		}
		p = p[n:]
	}
	for len(p) > 0 {
		if err := conn.SetWriteDeadline(time.Now().Add(s.options.WriteTimeout)); err != nil {
			return err
		}
		n, err := conn.Write(p[:min(writeSize, len(p))])
		p = p[n:]
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
	}
	return nil
}

// leave ends the server's side with a FIN and reads what the client still
// sends. Closing at once would make the kernel answer unread input with a
// reset, which can cost the client the last answer.
func leave(conn net.Conn) {
	patience := drainTime
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		// The client sees no end before Close, so that waiting for its own
		// would be idle: take only what has already arrived.
		patience = 20 * time.Millisecond
	}
	if conn.SetReadDeadline(time.Now().Add(patience)) != nil {
		return
	}
	// An error is the client leaving in its own way.
	_, _ = io.CopyN(io.Discard, conn, drainBytes)
}
