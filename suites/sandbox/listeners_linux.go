package sandbox

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"conform/suites/target"
)

// listeners are the sockets that listen in this network namespace, which are
// all the submission's. The kernel is asked for just these: to read
// /proc/net/tcp it looks through every place that a connection of the whole
// machine could have, which takes milliseconds, and is the fallback.
func listeners(network string) ([]netip.AddrPort, error) {
	protocol, state := uint8(unix.IPPROTO_TCP), uint32(1<<10) // TCP_LISTEN
	if network == "udp" {
		protocol, state = unix.IPPROTO_UDP, 1<<7 // TCP_CLOSE, which is a socket without a peer
	}
	var places []netip.AddrPort
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		some, err := diagnose(family, protocol, state)
		if err != nil {
			return target.Listeners(network)
		}
		places = append(places, some...)
	}
	return places, nil
}

// The structures of linux/inet_diag.h; ports and addresses are as on the wire.
type (
	diagSocket struct {
		port, peerPort [2]byte
		address, peer  [16]byte
		_              uint32
		_              [2]uint32
	}
	diagRequest struct {
		unix.NlMsghdr
		family, protocol, _, _ uint8
		states                 uint32
		_                      diagSocket
	}
	diagAnswer struct {
		family, _, _, _ uint8
		socket          diagSocket
	}
)

// diagByFamily is SOCK_DIAG_BY_FAMILY.
const diagByFamily = 20

// diagnose asks for sockets in certain states.
func diagnose(family, protocol uint8, states uint32) (places []netip.AddrPort, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 2}); err != nil {
		return nil, err
	}
	request := diagRequest{family: family, protocol: protocol, states: states}
	request.Len, request.Type, request.Flags = uint32(unsafe.Sizeof(request)), diagByFamily, unix.NLM_F_REQUEST|unix.NLM_F_DUMP
	text := unsafe.Slice((*byte)(unsafe.Pointer(&request)), unsafe.Sizeof(request))
	if err := unix.Sendto(fd, text, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	buffer := make([]byte, 32<<10)
	for {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for rest := buffer[:n]; len(rest) >= unix.SizeofNlMsghdr; {
			length, kind := int(binary.NativeEndian.Uint32(rest)), binary.NativeEndian.Uint16(rest[4:])
			if length < unix.SizeofNlMsghdr || length > len(rest) {
				return nil, unix.EBADMSG
			}
			body := rest[unix.SizeofNlMsghdr:length]
			rest = rest[min((length+3)&^3, len(rest)):]
			switch {
			case kind == unix.NLMSG_DONE:
				return places, nil
			case kind == unix.NLMSG_ERROR || len(body) < int(unsafe.Sizeof(diagAnswer{})):
				return nil, unix.EPROTONOSUPPORT
			case len(places) >= 1024:
				return places, nil
			}
			answer := (*diagAnswer)(unsafe.Pointer(&body[0]))
			address := netip.AddrFrom16(answer.socket.address)
			if answer.family == unix.AF_INET {
				address = netip.AddrFrom4([4]byte(answer.socket.address[:4]))
			}
			places = append(places, netip.AddrPortFrom(address, binary.BigEndian.Uint16(answer.socket.port[:])))
		}
	}
}
