//go:build unix && !linux

package serve

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func accept(listener int) (int, unix.Sockaddr, error) {
	// A process that is started meanwhile must not inherit the socket.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, from, err := unix.Accept(listener)
	if err != nil {
		return 0, nil, err
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return 0, nil, err
	}
	return fd, from, nil
}

func receive(fd int, p []byte) (int, error) { return unix.Read(fd, p) }

func send(fd int, p []byte) (int, error) { return unix.Write(fd, p) }
