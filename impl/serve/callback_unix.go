//go:build unix

package serve

import (
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"conform/impl"
)

// protocol is an object for each connection, which is called when something
// has happened to it, and never waits: the Protocol of Python's asyncio.
//
// In this shape a server has no loop to be seen, and hardly a state: they are
// the event loop's and the transport's. What is left of the server is what it
// does when something has happened, which is speaker, below.
type protocol interface {
	made(t *transport) // the connection is made: always the first call
	received(p []byte) // bytes have arrived; p is valid for this call
	ended()            // the client has ended its side
	pauseWriting()     // the client does not take what is written
	resumeWriting()    // it has taken everything
	stop()             // the server is shutting down
	lost(err error)    // the connection is gone: always the last call; nil is in good order
}

// callback serves all clients in one loop, which calls an object for each of
// them: made, received, lost.
func callback(s *Server) {
	c := &callbackLoop{server: s, transports: map[*transport]bool{}, buf: make([]byte, readSize)}
	if err := c.run(); err != nil {
		s.fail(err)
	}
}

// callbackLoop is what asyncio.start_server returns.
type callbackLoop struct {
	eventLoop
	server     *Server
	transports map[*transport]bool
	buf        []byte

	orders    *orders
	ending    bool // everything is to be closed
	door      *door
	doorWatch *watch
	doorTimer timer
}

func (c *callbackLoop) run() (err error) {
	if c.orders, err = newOrders(); err != nil {
		return err
	}
	defer c.orders.close()
	c.watch(c.orders.fd, c.ordered, nil).wait(unix.POLLIN)
	if c.door, err = openDoor(c.server); err != nil {
		return err
	}
	c.doorTimer.ring = func(time.Time) { c.open() }
	c.doorWatch = c.watch(c.door.fd, c.accept, nil)
	c.open()
	c.server.join(c.orders)
	defer c.server.leave(c.orders)

	for !c.ending && (!c.server.stopping() || len(c.transports) > 0) {
		if err = c.turn(); err != nil {
			break
		}
	}
	for t := range c.transports {
		t.abort(nil)
	}
	return err
}

// ordered is called when the server is told to end.
func (c *callbackLoop) ordered() {
	part, end := c.orders.take()
	c.ending = end
	c.open() // no more, that is
	if part && !end {
		for t := range c.transports {
			t.protocol.stop()
		}
	}
}

// open waits for clients, unless the door is closed, or for its opening.
func (c *callbackLoop) open() {
	if c.door.open(time.Now()) {
		c.doorWatch.wait(unix.POLLIN)
	} else {
		c.doorWatch.wait(0)
		c.timers.set(&c.doorTimer, c.door.resumes)
	}
}

// accept is called when there is somebody at the door.
func (c *callbackLoop) accept() {
	for range acceptsAtOnce {
		fd, from, ok := c.door.accept()
		if !ok {
			c.open()
			return
		}
		t := &transport{loop: c, fd: fd, from: from, protocol: &speaker{server: c.server, loop: c}}
		c.transports[t] = true
		t.watch = c.watch(fd, t.readable, t.writable)
		t.watch.wait(unix.POLLIN)
		t.timer.ring = t.late
		t.protocol.made(t)
	}
}

// transport is the connection as a protocol sees it: it can be written to at
// any time, and closed; both are done when the client lets it be done.
type transport struct {
	loop     *callbackLoop
	fd       int
	from     unix.Sockaddr
	protocol protocol
	watch    *watch
	timer    timer

	out     []byte // what the client has not taken
	closing bool   // when it has, there is to be a FIN
	sent    bool   // there was
	drained int    // bytes read behind it
	gone    bool
}

// write keeps what cannot be written at once, and asks the protocol to pause.
func (t *transport) write(p []byte) {
	if t.closing || t.gone || len(p) == 0 {
		return
	}
	if len(t.out) > 0 {
		t.out = append(t.out, p...)
		return
	}
	for some := 0; len(p) > 0 && some < writesAtOnce; {
		n, err := write(t.fd, p)
		if err == errWait {
			break
		} else if err != nil {
			t.abort(err)
			return
		}
		p = p[n:]
		some += n
	}
	if len(p) > 0 {
		t.out = append([]byte(nil), p...)
		t.watch.wait(unix.POLLOUT)
		t.patience(t.loop.server.options.WriteTimeout)
		t.protocol.pauseWriting()
	}
}

// close ends the connection when everything is written.
func (t *transport) close() {
	if t.closing || t.gone {
		return
	}
	t.closing = true
	if len(t.out) == 0 {
		t.finish()
	}
}

// finish sends the FIN, and goes on reading: see leave.
func (t *transport) finish() {
	t.sent = true
	_ = unix.Shutdown(t.fd, unix.SHUT_WR) // what fails here fails in the next read as well
	t.watch.wait(unix.POLLIN)
	t.patience(drainTime)
}

// abort ends the connection at once.
func (t *transport) abort(err error) {
	if t.gone {
		return
	}
	t.gone, t.out = true, nil
	t.loop.timers.set(&t.timer, time.Time{})
	t.watch.end()
	unix.Close(t.fd)
	delete(t.loop.transports, t)
	t.loop.door.left()
	t.loop.open()
	t.protocol.lost(err)
}

func (t *transport) readable() {
	n, err := read(t.fd, t.loop.buf)
	switch {
	case err == errWait:
	case t.sent:
		// An error is the client leaving in its own way.
		if t.drained += n; err != nil || t.drained >= drainBytes {
			t.abort(nil)
		}
	case err == io.EOF:
		t.protocol.ended()
		t.close() // nothing can follow, whether the protocol wants to end or not
	case err != nil:
		t.abort(err)
	default:
		t.protocol.received(t.loop.buf[:n])
	}
}

func (t *transport) writable() {
	n, err := write(t.fd, t.out)
	switch {
	case err == errWait:
		return
	case err != nil:
		t.abort(err)
		return
	}
	if t.out = t.out[n:]; len(t.out) > 0 {
		t.patience(t.loop.server.options.WriteTimeout) // the client makes progress
		return
	}
	t.out = nil
	t.patience(0)
	if t.closing {
		t.finish()
		return
	}
	t.watch.wait(unix.POLLIN)
	t.protocol.resumeWriting()
}

// patience sets how long the client may take for what comes next; 0 is any time.
func (t *transport) patience(d time.Duration) {
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d)
	}
	t.loop.timers.set(&t.timer, at)
}

func (t *transport) late(time.Time) {
	if t.sent {
		t.abort(nil)
	} else {
		t.abort(errUnread)
	}
}

// speaker is the protocol: it asks the handler what to say.
type speaker struct {
	server  *Server
	loop    *callbackLoop
	handler impl.Handler

	transport *transport
	timer     timer // rings at the handler's deadline
	paused    bool  // the handler is not called: its last reply is not written
	parting   bool  // it is to be told that the server is shutting down
	over      bool  // it is never called again
}

func (s *speaker) made(t *transport) {
	s.transport = t
	s.timer.ring = s.expire
	defer s.contain()
	s.handler = s.server.newHandler()
	s.reply(s.handler.Open())
}

func (s *speaker) received(p []byte) {
	defer s.contain()
	s.reply(s.handler.Data(p))
}

func (s *speaker) ended() {
	defer s.contain()
	r := s.handler.End()
	r.Close = true
	s.reply(r)
}

// pauseWriting holds the conversation up, so that the client, which does not
// read, is not read from: the transport waits for it to read.
func (s *speaker) pauseWriting() { s.paused = true }

func (s *speaker) resumeWriting() {
	s.paused = false
	s.next()
}

func (s *speaker) stop() {
	s.parting = true
	s.next()
}

func (s *speaker) expire(now time.Time) {
	if timed, ok := s.handler.(impl.Timed); ok && !s.over && !s.paused {
		defer s.contain()
		s.reply(timed.Expire(now))
	}
}

func (s *speaker) lost(err error) {
	s.over = true
	s.loop.timers.set(&s.timer, time.Time{})
	if err != nil {
		s.server.log.Info("the connection broke", "client", address(s.transport.from), "error", err)
	}
}

func (s *speaker) reply(r impl.Reply) {
	s.transport.write(r.Send)
	if r.Close {
		s.over = true
		s.transport.close()
	}
	s.next()
}

// next sees to what the handler wants without being sent anything.
func (s *speaker) next() {
	stopper, stops := s.handler.(impl.Stopper)
	timed, waits := s.handler.(impl.Timed)
	var at time.Time
	switch {
	case s.over || s.paused:
	case s.parting && stops:
		s.parting = false
		defer s.contain()
		s.reply(stopper.Stop())
		return
	case waits:
		at = timed.Deadline()
	}
	s.loop.timers.set(&s.timer, at)
}

// contain is deferred: a handler that panics ends its connection, not the loop.
func (s *speaker) contain() {
	if v := recover(); v != nil {
		s.server.log.Error("the handler panicked", "client", address(s.transport.from), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		s.transport.abort(nil)
	}
}
