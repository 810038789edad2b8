//go:build unix

package serve

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"conform/impl"
)

// talk is one connection of the loops poll and epoll. What a goroutine knows
// by the line that it waits in, a talk has to write down: how far it has come,
// and what it waits for. None of its methods waits.
type talk struct {
	server  *Server
	fd      int
	from    unix.Sockaddr
	handler impl.Handler

	phase   phase
	out     []byte    // what the client has not taken of the last reply
	parting bool      // the handler is to be told that the server is shutting down
	short   bool      // the last step has read less than it could: there was no more
	drained int       // bytes read in vain
	due     time.Time // when to call expire; zero is never
}

type phase int

const (
	talking  phase = iota
	leaving        // the handler has had its last call, and its last words are being written
	draining       // they are, and a FIN; what the client still sends is thrown away
	over           // the loop is to call close
)

func (s *Server) newTalk(fd int, from unix.Sockaddr) *talk {
	t := &talk{server: s, fd: fd, from: from}
	t.open()
	return t
}

func (t *talk) open() {
	defer t.contain()
	t.handler = t.server.newHandler()
	t.reply(t.handler.Open())
}

func (t *talk) close() { unix.Close(t.fd) }

// writing tells what the talk waits for: to write the rest of a reply, or to
// read. It is never both: who does not read is not read from.
func (t *talk) writing() bool { return len(t.out) > 0 }

// step does what comes next, a limited amount of it, and tells whether that
// has to wait for the socket. buf is for what is read.
func (t *talk) step(buf []byte) (wait bool) {
	defer t.contain()
	t.short = false
	if t.writing() {
		return t.flush(false)
	}
	n, err := read(t.fd, buf)
	t.short = n < len(buf)
	switch {
	case err == errWait:
		return true
	case t.phase == draining:
		// An error is the client leaving in its own way.
		if t.drained += n; err != nil || t.drained >= drainBytes {
			t.phase = over
		}
		return false
	case err == io.EOF:
		// Nothing can follow, so the connection ends here whether the reply
		// asks for it or not.
		r := t.handler.End()
		r.Close = true
		return t.reply(r)
	case err != nil:
		t.broke(err)
		return false
	}
	return t.reply(t.handler.Data(buf[:n]))
}

// reply does what the handler wants done. The bytes are valid until the next
// call of the handler, and there is none before they are written: so they need
// not be copied, and are all that the connection holds.
func (t *talk) reply(r impl.Reply) (wait bool) {
	t.out = r.Send
	if r.Close {
		t.phase = leaving
	}
	return t.flush(true)
}

// writesAtOnce is how much is written to one client before it is another's
// turn, in bytes. A client may read as fast as we write.
const writesAtOnce = 4 * writeSize

// flush writes, and does what follows when everything is written. first is
// whether nothing of the reply was written before.
func (t *talk) flush(first bool) (wait bool) {
	for some := 0; t.writing(); {
		n, err := write(t.fd, t.out)
		some += n
		t.out = t.out[n:]
		switch {
		case err != nil && err != errWait:
			t.broke(err)
			return false
		case err == nil && (some < writesAtOnce || !t.writing()):
			continue
		case first || some > 0: // the client makes progress
			t.due = time.Now().Add(t.server.options.WriteTimeout)
		}
		return err == errWait
	}
	if t.phase == leaving {
		// What fails here fails in the next read as well.
		_ = unix.Shutdown(t.fd, unix.SHUT_WR)
		t.phase = draining
		t.due = time.Now().Add(drainTime)
		return false
	}
	if t.parting {
		t.parting = false
		if stopper, ok := t.handler.(impl.Stopper); ok {
			return t.reply(stopper.Stop())
		}
	}
	t.due = time.Time{}
	if timed, ok := t.handler.(impl.Timed); ok {
		t.due = timed.Deadline()
	}
	return false
}

// expire does what is due at now, if anything is.
func (t *talk) expire(now time.Time) {
	defer t.contain()
	switch {
	case t.due.IsZero() || now.Before(t.due) || t.phase == over:
	case t.writing():
		t.broke(errUnread)
	case t.phase == draining:
		t.phase = over
	default:
		// Only handlers with deadlines are due.
		t.reply(t.handler.(impl.Timed).Expire(now))
	}
}

// stop tells the handler that the server is shutting down, as soon as it may
// be called.
func (t *talk) stop() {
	defer t.contain()
	if t.phase != talking {
		return
	}
	t.parting = true
	if !t.writing() {
		t.flush(true)
	}
}

func (t *talk) broke(err error) {
	t.out, t.phase = nil, over
	t.server.log.Info("the connection broke", "client", address(t.from), "error", err)
}

// contain is deferred: a handler that panics ends its connection, not the loop.
func (t *talk) contain() {
	if v := recover(); v != nil {
		t.out, t.phase = nil, over
		t.server.log.Error("the handler panicked", "client", address(t.from), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
}

// errUnread is how a connection breaks whose client reads nothing.
var errUnread = errors.New("the client took nothing of an answer for too long")
