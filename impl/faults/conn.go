package faults

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// conn is an accepted connection with hooks in the places where faults are.
type conn struct {
	net.Conn
	read   func(p []byte) (int, error)
	write  func(p []byte) (int, error)
	ending func() // before the server's side ends, in whatever way, or when the client's has; once
	closed func() // after Close; once

	ended, shut atomic.Bool // not sync.Once: a hook may end the server, and with it this connection
}

func newConn(nc net.Conn) *conn {
	return &conn{Conn: nc, read: nc.Read, write: nc.Write, ending: func() {}, closed: func() {}}
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.read(p)
	if err != nil && !isTimeout(err) { // a deadline is the server's own, and ends nothing
		c.ends()
	}
	return n, err
}

func (c *conn) ends() {
	if c.ended.CompareAndSwap(false, true) {
		c.ending()
	}
}

func (c *conn) Write(p []byte) (int, error) { return c.write(p) }

// CloseWrite ends the server's side with a FIN.
func (c *conn) CloseWrite() error {
	c.ends()
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}

func (c *conn) Close() error {
	c.ends()
	err := c.Conn.Close()
	if c.shut.CompareAndSwap(false, true) {
		c.closed()
	}
	return err
}

// reset ends the connection with an RST.
func (c *conn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}

// small gives the connection small buffers, so that a client that does not read
// is felt soon.
func (c *conn) small() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(64 << 10)
		_ = tcp.SetReadBuffer(64 << 10)
	}
}

// onRead puts f behind every read.
func (c *conn) onRead(f func(p []byte, n int, err error) (int, error)) {
	read := c.read
	c.read = func(p []byte) (int, error) {
		n, err := read(p)
		return f(p, n, err)
	}
}

// onClose puts f before what else happens after Close.
func (c *conn) onClose(f func()) {
	closed := c.closed
	c.closed = func() { f(); closed() }
}

// head is how much sooner than anything that follows an event is handled. In a
// program with one thread that order is fixed, among goroutines it has to be
// made; otherwise some faults would show by chance.
const head = 20 * time.Millisecond

// late holds up the first words of a client, so that what others did before it
// came is handled first, and what that does to the newcomer shows.
func (c *conn) late() {
	first := true
	c.onRead(func(p []byte, n int, err error) (int, error) {
		if n > 0 && first {
			first = false
			time.Sleep(2 * head)
		}
		return n, err
	})
}

// slow holds up all words of a client, so that one that comes meanwhile is
// there when they are answered; its own words come later still.
func (c *conn) slow() {
	first := true
	c.onRead(func(p []byte, n int, err error) (int, error) {
		if n > 0 {
			time.Sleep(head)
			if first {
				time.Sleep(2 * head)
			}
			first = false
		}
		return n, err
	})
}

// listener takes clients as the plan says.
type listener struct {
	net.Listener
	p      *plan
	slots  chan struct{} // one for each client that may be served now; nil for any number
	closed chan struct{}
	once   sync.Once
}

func newListener(ln net.Listener, p *plan) net.Listener {
	if p.listen != nil {
		ln = p.listen(ln)
	}
	l := &listener{Listener: ln, p: p, closed: make(chan struct{})}
	if p.limit > 0 {
		l.slots = make(chan struct{}, p.limit)
	}
	return l
}

func (l *listener) Accept() (net.Conn, error) {
	if l.slots != nil {
		select {
		case l.slots <- struct{}{}:
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := newConn(nc)
	if l.slots != nil {
		c.closed = func() { <-l.slots }
	}
	for _, set := range l.p.accept {
		set(c)
	}
	return c, nil
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
