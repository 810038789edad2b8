//go:build unix

package serve

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The calls of the event loops on non-blocking sockets. None of them waits:
// what cannot be done at once is errWait.

const errWait = unix.EAGAIN

// read returns at least one byte or an error; io.EOF is the client's FIN.
func read(fd int, p []byte) (int, error) {
	for {
		n, err := receive(fd, p)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// write returns how much of p the kernel has taken, at least one byte, or an
// error.
func write(fd int, p []byte) (int, error) {
	for {
		n, err := send(fd, p[:min(writeSize, len(p))])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		default:
			return n, nil
		}
	}
}

// door is the listening socket of an event loop.
type door struct {
	server  *Server
	raw     syscall.RawConn
	fd      int // to wait for; -1 when there is nothing to wait for
	tcp     bool
	pause   time.Duration // how long the current pause is
	resumes time.Time     // when it ends; zero if there is none
}

func openDoor(s *Server) (*door, error) {
	d := &door{server: s}
	_, d.tcp = s.listener.(*net.TCPListener)
	conn, ok := s.listener.(syscall.Conn)
	if !ok {
		return nil, errors.New("the listener has no descriptor") // Check has seen that it has
	}
	var err error
	if d.raw, err = conn.SyscallConn(); err != nil {
		return nil, err
	}
	return d, d.raw.Control(func(fd uintptr) { d.fd = int(fd) })
}

// accept returns a non-blocking socket, or that there is none for now.
func (d *door) accept() (fd int, from unix.Sockaddr, ok bool) {
	for {
		// Control keeps the listener from being closed meanwhile, after which
		// the number might be another's.
		var err error
		closed := d.raw.Control(func(listener uintptr) { fd, from, err = accept(int(listener)) })
		switch {
		case closed != nil:
			d.fd = -1
		case err == nil:
			d.pause = 0
			if d.tcp {
				// As package net does. What fails here shows in the first read.
				_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
				_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
			}
			return fd, from, true
		case err == unix.EINTR, err == unix.ECONNABORTED:
			continue
		case err == errWait:
		case d.server.stopping():
			d.fd = -1
		case passing(err):
			d.rest(err)
		default:
			d.fd = -1
			d.server.fail(os.NewSyscallError("accept", err))
		}
		return 0, nil, false
	}
}

// rest stops accepting for a while. A loop that went on would be told at once
// that there is somebody to accept, and spin.
func (d *door) rest(err error) {
	d.pause = min(max(2*d.pause, shortestPause), longestPause)
	d.resumes = time.Now().Add(d.pause)
	d.server.log.Warn("cannot accept", "error", err, "pause", d.pause)
}

// open tells whether it is worth waiting for clients, or accepting one.
func (d *door) open(now time.Time) bool {
	if d.server.stopping() {
		d.fd = -1
	}
	if d.fd >= 0 && !now.Before(d.resumes) {
		d.resumes = time.Time{}
		return true
	}
	return false
}

// left says that a connection has ended: what was missing may be there.
func (d *door) left() { d.resumes = time.Time{} }

// acceptsAtOnce is how many clients a loop accepts before it turns to those
// that it has.
const acceptsAtOnce = 64

// timeout is how long a loop may wait for something to happen, in
// milliseconds. It is never short of the time, so that nothing turns in vain.
func timeout(now, due time.Time) int {
	if due.IsZero() {
		return -1
	}
	const day = 24 * time.Hour
	return int((min(max(due.Sub(now), 0), day) + time.Millisecond - 1) / time.Millisecond)
}

// earlier returns the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func address(from unix.Sockaddr) string {
	switch a := from.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port)).String()
	case *unix.SockaddrUnix:
		return a.Name
	}
	return ""
}
