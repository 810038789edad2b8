package sandbox

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A socket belongs for ever to the network that it was made in. So init only
// makes it; it is handed over, and connected from here: waiting, giving up and
// the errors are our own affair, and init never waits for the submission.

// dial connects within the box.
func (b *boxed) dial(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	if d.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.Timeout)
		defer cancel()
	}
	if !d.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, d.Deadline)
		defer cancel()
	}
	var c net.Conn
	var err error
	var to net.Addr
	switch network {
	case "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6":
		var a netip.AddrPort
		if a, err = endpoint(address); err != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Err: err}
		}
		if to = net.Addr(net.TCPAddrFromAddrPort(a)); strings.HasPrefix(network, "udp") {
			to = net.UDPAddrFromAddrPort(a)
		}
		c, err = b.dialInternet(ctx, d, network, a)
	case "unix":
		to = &net.UnixAddr{Net: network, Name: address}
		c, err = b.dialUnix(ctx, address)
	default:
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError(network)}
	}
	if err == nil {
		return c, nil
	}
	if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
		if err = os.ErrDeadlineExceeded; errors.Is(ctx.Err(), context.Canceled) {
			err = errors.New("operation was canceled")
		}
	}
	if errors.Is(err, errGone) {
		// Nothing listens there any more: so it is said of a server that has ended.
		err = os.NewSyscallError("connect", unix.ECONNREFUSED)
	}
	return nil, &net.OpError{Op: "dial", Net: network, Addr: to, Err: err}
}

// socket is one of the box's network.
func (b *boxed) socket(network string, six bool) (*os.File, error) {
	m := message{Op: "socket", Family: unix.AF_INET, Type: unix.SOCK_STREAM}
	if six {
		m.Family = unix.AF_INET6
	}
	if strings.HasPrefix(network, "udp") {
		m.Type = unix.SOCK_DGRAM
	}
	a, err := b.question(m)
	if err != nil {
		return nil, err
	}
	if a.fd < 0 {
		return nil, errors.New("the box's init gave no socket")
	}
	unix.CloseOnExec(a.fd)
	if err := unix.SetNonblock(a.fd, true); err != nil {
		unix.Close(a.fd)
		return nil, err
	}
	return os.NewFile(uintptr(a.fd), "socket"), nil
}

func (b *boxed) dialInternet(ctx context.Context, d *net.Dialer, network string, to netip.AddrPort) (net.Conn, error) {
	file, err := b.socket(network, to.Addr().Is6())
	if err != nil {
		return nil, err
	}
	defer file.Close() // what is returned is another descriptor
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	if d.Control != nil {
		family := map[bool]string{false: "4", true: "6"}[to.Addr().Is6()]
		if err := d.Control(strings.TrimRight(network, "46")+family, to.String(), raw); err != nil {
			return nil, err
		}
	}
	var connectErr error
	if err := raw.Control(func(fd uintptr) {
		for {
			if connectErr = unix.Connect(int(fd), sockaddr(to)); !errors.Is(connectErr, unix.EINTR) {
				return
			}
		}
	}); err != nil {
		return nil, err
	}
	switch {
	case connectErr == nil:
	case errors.Is(connectErr, unix.EINPROGRESS):
		if err := connected(ctx, file); err != nil {
			return nil, err
		}
	default:
		return nil, os.NewSyscallError("connect", connectErr)
	}
	return net.FileConn(file)
}

// connected waits until a connection is made.
func connected(ctx context.Context, file *os.File) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := file.SetDeadline(deadline); err != nil {
			return err
		}
	}
	defer context.AfterFunc(ctx, func() { _ = file.SetDeadline(time.Unix(1, 0)) })()
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Write(func(fd uintptr) bool {
		if _, err := unix.Getpeername(int(fd)); err == nil {
			return true
		}
		errno, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		switch {
		case err != nil:
			result = err
		case errno != 0:
			result = os.NewSyscallError("connect", unix.Errno(errno))
		default:
			return false
		}
		return true
	})
	return errors.Join(err, result)
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

// dialUnix connects to a path in the box. Init looks it up, in the box's file
// system, and we connect to what it has found.
func (b *boxed) dialUnix(ctx context.Context, path string) (net.Conn, error) {
	if !strings.HasPrefix(path, "/") {
		path = boxDir + "/" + path
	}
	a, err := b.question(message{Op: "path", Path: path})
	if err != nil {
		if errno := unix.Errno(0); errors.As(err, &errno) {
			err = os.NewSyscallError("connect", errno)
		}
		return nil, err
	}
	if a.fd < 0 {
		return nil, errors.New("the box's init gave no descriptor")
	}
	defer unix.Close(a.fd)
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", "/proc/self/fd/"+strconv.Itoa(a.fd))
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err // what the path here is helps nobody
	}
	return c, err
}

func (b *boxed) listenPacket(network string) (net.PacketConn, error) {
	file, err := b.socket("udp", network == "udp6")
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	defer file.Close()
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	any := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	if network == "udp6" {
		any = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	var bindErr error
	if err := raw.Control(func(fd uintptr) { bindErr = unix.Bind(int(fd), sockaddr(any)) }); err != nil {
		return nil, err
	}
	if bindErr != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: os.NewSyscallError("bind", bindErr)}
	}
	return net.FilePacketConn(file)
}
