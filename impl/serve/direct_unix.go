//go:build unix

package serve

import (
	"net"
	"os"
	"sync"
	"syscall"
)

// direct is a socket of package net's, without what Read and Write of net.Conn
// ask for ahead of time: a buffer to wait with, and a time to give up.
type direct struct {
	raw     syscall.RawConn
	buffers *sync.Pool

	in  *[]byte // what the last read has got
	out []byte  // what is to be written
	n   int
	err error
	// These are d.receive and d.send, made once and not for each call.
	receives func(fd uintptr) bool
	sends    func(fd uintptr)
}

// newDirect is nil for a connection that has something around the socket.
func newDirect(nc net.Conn, buffers *sync.Pool) *direct {
	var raw syscall.RawConn
	var err error
	switch c := nc.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		raw, err = c.SyscallConn()
	}
	if raw == nil || err != nil {
		return nil
	}
	d := &direct{raw: raw, buffers: buffers}
	d.receives, d.sends = d.receive, d.send
	return d
}

// read waits for bytes, as Server.read.
func (d *direct) read() (buf *[]byte, n int, err error) {
	if err := d.raw.Read(d.receives); err != nil {
		return nil, 0, err // of waiting
	}
	buf, d.in = d.in, nil
	return buf, d.n, d.err
}

// receive is called when it may be worth trying, and tells whether it was.
func (d *direct) receive(fd uintptr) bool {
	buf := d.buffers.Get().(*[]byte)
	d.n, d.err = read(int(fd), *buf)
	if d.n > 0 {
		d.in = buf
		return true
	}
	d.buffers.Put(buf)
	if d.err == errWait {
		return false
	}
	if errno, ok := d.err.(syscall.Errno); ok {
		d.err = os.NewSyscallError("read", errno)
	}
	return true
}

// write writes what can be written without waiting.
func (d *direct) write(p []byte) (n int, err error) {
	for n < len(p) {
		d.out = p[n:]
		err := d.raw.Control(d.sends)
		d.out = nil
		switch {
		case err != nil:
			return n, err
		case d.err == errWait:
			return n, nil
		case d.err != nil:
			return n, os.NewSyscallError("write", d.err)
		}
		n += d.n
	}
	return n, nil
}

func (d *direct) send(fd uintptr) { d.n, d.err = write(int(fd), d.out) }
