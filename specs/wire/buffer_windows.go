package wire

import "syscall"

// receiveBuffer sets the size of a socket's receive buffer before it connects,
// because the window is agreed on then.
func receiveBuffer(size int) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if controlErr := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(syscall.Handle(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, size)
		}); controlErr != nil {
			return controlErr
		}
		return err
	}
}
