package wire

import (
	"errors"
	"syscall"
)

// receiveBuffer sets the size of a socket's receive buffer.
func receiveBuffer(fd uintptr, size int) error {
	return syscall.SetsockoptInt(syscall.Handle(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, size)
}

// segmentSize bounds what a TCP connection puts into one segment, which Windows
// leaves to nobody.
func segmentSize(uintptr, int) error { return errors.ErrUnsupported }
