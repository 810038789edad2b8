//go:build unix

package wire

import "syscall"

// receiveBuffer sets the size of a socket's receive buffer.
func receiveBuffer(fd uintptr, size int) error {
	return syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, size)
}

// segmentSize bounds what a TCP connection puts into one segment, both ways.
func segmentSize(fd uintptr, size int) error {
	return syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, size)
}
