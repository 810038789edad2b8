//go:build unix

package serve

import (
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// orders are what a loop is told by others while it waits for sockets. They
// come with a byte through a pipe, which is one more descriptor to wait for.
type orders struct {
	fd int // readable when there are news

	mu     sync.Mutex
	in     int // the other end of the pipe; -1 when the loop has ended
	part   bool
	ending bool
}

func newOrders() (*orders, error) {
	// A process that is started meanwhile must not inherit the pipe.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		return nil, os.NewSyscallError("pipe", err)
	}
	for _, fd := range p {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			unix.Close(p[0])
			unix.Close(p[1])
			return nil, os.NewSyscallError("fcntl", err)
		}
	}
	return &orders{fd: p[0], in: p[1]}, nil
}

// stop and Close make a loop a member of its server.
func (o *orders) stop() { o.give(&o.part) }

func (o *orders) Close() error {
	o.give(&o.ending)
	return nil
}

func (o *orders) give(order *bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	*order = true
	if o.in >= 0 {
		_, _ = unix.Write(o.in, []byte{0}) // a pipe that is full is as good
	}
}

// take returns what the loop has been told so far.
func (o *orders) take() (part, end bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var news [16]byte
	for {
		if n, _ := unix.Read(o.fd, news[:]); n < len(news) {
			break
		}
	}
	return o.part, o.ending
}

// close is for the loop, when it has ended.
func (o *orders) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	unix.Close(o.fd)
	unix.Close(o.in)
	o.in = -1
}
