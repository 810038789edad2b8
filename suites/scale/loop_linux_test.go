//go:build linux && (amd64 || arm64)

package scale

import (
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	implecho "conform/impl/echo"
)

// When the local ports are used up, clients come from other addresses of the
// loopback.
func TestPortsRunOut(t *testing.T) {
	t.Parallel()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, ipLocalPortRange, 40000|40099<<16)
	unix.Close(fd)
	if err != nil {
		t.Skip("needs Linux 6.3: ", err)
	}
	g := NewWithT(t)
	r := hold(t, served(t, implecho.New), "echo", Options{Clients: 300, Engine: EventLoop, ports: [2]uint16{40000, 40099}})
	g.Expect(r.OK()).To(BeTrue(), "%+v", r.Errors)
	g.Expect(r.Connections.Sources).To(BeNumerically(">=", 3))
}
