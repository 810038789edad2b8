//go:build linux && (amd64 || arm64)

package scale

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"conform/specs"
)

const haveEventLoop = true

// resolve finds the addresses of a target.
func resolve(ctx context.Context, address string) ([]netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: %w", port, err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var all []netip.AddrPort
	for _, ip := range ips {
		all = append(all, netip.AddrPortFrom(ip.Unmap(), uint16(number)))
	}
	return all, nil
}

// eventLoops are a few loops that share the clients.
type eventLoops struct {
	*shared
	loops     []*loop
	running   sync.WaitGroup
	addresses []netip.AddrPort
	address   atomic.Int32 // the one in use: the first that a connection could be made to
	source    atomic.Int32 // the loopback address that clients come from: 127.0.0.1+n; 0 leaves it to the system
}

// clientsPerLoop are so few that a second loop is not worth its while.
const clientsPerLoop = 64

func newEventLoops(s *shared, addresses []netip.AddrPort) *eventLoops {
	n := min(max(runtime.GOMAXPROCS(0)/2, 1), 8, (s.options.Clients+clientsPerLoop-1)/clientsPerLoop)
	e := &eventLoops{shared: s, addresses: addresses}
	for i := range n {
		from, to := s.options.Clients*i/n, s.options.Clients*(i+1)/n
		l := &loop{worker: newWorker(s), all: e, sockets: make([]socket, to-from), window: window{size: max(firstWindow/n, 1)}, share: n,
			events: make([]unix.EpollEvent, 256), in: make([]byte, 64<<10), epoll: -1, wake: -1}
		for j := range l.sockets {
			l.sockets[j].client.id, l.sockets[j].fd = int32(from+j), -1
		}
		e.loops = append(e.loops, l)
	}
	return e
}

func (e *eventLoops) start() error {
	for _, l := range e.loops {
		if err := l.open(); err != nil {
			for _, l := range e.loops {
				l.close()
			}
			return err
		}
	}
	for _, l := range e.loops {
		e.running.Go(l.run)
	}
	return nil
}

func (e *eventLoops) kick() {
	one := binary.NativeEndian.AppendUint64(nil, 1)
	for _, l := range e.loops {
		_, _ = unix.Write(l.wake, one) // what fails is a counter that is full: it is awake
	}
}

func (e *eventLoops) wait() {
	e.running.Wait()
	for _, l := range e.loops {
		l.close()
	}
}

func (e *eventLoops) each(f func(*client)) {
	for _, l := range e.loops {
		for i := range l.sockets {
			f(&l.sockets[i].client)
		}
	}
}

func (e *eventLoops) tallies() (all []*tally) {
	for _, l := range e.loops {
		all = append(all, l.tally)
	}
	return all
}

func (e *eventLoops) sources() int { return max(int(e.source.Load()), 1) }

type socketState uint8

const (
	untried socketState = iota
	connecting
	connected
	gone
)

// socket is a client and its connection.
type socket struct {
	client
	unsent []byte
	since  time.Duration // when it began to connect, or was connected
	fd     int32
	state  socketState
	slot   bool // it counts in the window
	writes bool // it waits until it can write
	mute   bool // writing has failed; what can be read is still judged
}

// loop is one event loop with its clients. All of it runs in one goroutine.
type loop struct {
	*worker
	all         *eventLoops
	sockets     []socket
	epoll, wake int
	events      []unix.EpollEvent
	in          []byte
	entered     int32 // the phase that it is in
	fruitless   int   // looks in a row at which nothing had come

	window   window
	share    int     // how many loops share what the server bears
	tried    int     // the sockets that have tried to connect at least once
	again    []int32 // those that have to try again
	flight   []int32 // those in the window, and some that have left it
	swept    time.Duration
	paused   time.Duration // until when nobody connects
	refusals int           // in a row
}

func (l *loop) open() error {
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: -1})
}

func (l *loop) close() {
	for _, fd := range []int{l.epoll, l.wake} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func (l *loop) run() {
	for {
		now := l.now()
		if phase := l.phase.Load(); phase != l.entered {
			l.enter(phase)
			if phase == over {
				return
			}
		}
		idle := time.Second
		if l.entered == ramping {
			l.connectMore(now)
			if len(l.flight)+len(l.again) > 0 || l.tried < len(l.sockets) {
				idle = sweepEvery
			}
		}
		for i := range l.events[:l.poll(idle)] {
			e := &l.events[i]
			if e.Fd < 0 {
				var b [8]byte
				_, _ = unix.Read(l.wake, b[:])
				continue
			}
			l.handle(&l.sockets[e.Fd], e.Events)
		}
	}
}

// poll waits for events. It waits a millisecond at a time without telling the
// scheduler, as all reads and writes are made, which cannot block: a thread that
// is known to wait is relieved of its processor after 20 µs, and this, and the
// watch that the runtime then keeps, costs more than a round trip. For the
// others it is as if we had computed for as long. Where nothing comes for a
// while, waiting is cheap enough to be done in the open.
func (l *loop) poll(idle time.Duration) int {
	if l.fruitless < maxFruitless {
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])), uintptr(len(l.events)), 1, 0, 0)
		if errno == 0 && n > 0 {
			l.fruitless = 0
			return int(n)
		}
		l.fruitless++
		runtime.Gosched()
		return 0
	}
	n, err := unix.EpollWait(l.epoll, l.events, int(idle/time.Millisecond))
	if err != nil || n <= 0 { // EINTR
		return 0
	}
	l.fruitless = 0
	return n
}

// maxFruitless is how many milliseconds in a row nothing may come.
const maxFruitless = 100

func receive(fd int32, p []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

func send(fd int32, p []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

// enter makes the clients follow the phase.
func (l *loop) enter(phase int32) {
	if l.entered == ramping {
		l.abandon()
	}
	l.entered = phase
	switch phase {
	case conversing:
		for i := range l.sockets {
			s := &l.sockets[i]
			if s.state != connected {
				continue
			}
			l.out = l.out[:0]
			if l.next(&s.client, l.now()) {
				l.send(s)
			}
		}
	case over:
		for i := range l.sockets {
			s := &l.sockets[i]
			if s.state == connected && !s.due && !l.forgiving.Load() {
				l.read(s, 0) // whether anything came behind the last answer
			}
			if s.state == connected {
				l.unanswered(&s.client)
				l.hangUp(s)
			}
		}
	}
}

// abandon gives up those who have no connection yet.
func (l *loop) abandon() {
	for i := range l.sockets {
		s := &l.sockets[i]
		switch {
		case s.state != untried && s.state != connecting:
			continue
		case l.forgiving.Load():
		case s.state == connecting:
			l.refused(&s.client, specs.ConnectFailed, "no connection within "+(l.now()-s.since).Round(time.Millisecond).String(), true)
		case s.began > 0:
			l.refused(&s.client, specs.Refused, "connection refused, up to the end", true)
		default:
			l.refused(&s.client, specs.ConnectFailed, "not tried: the clients before got no further", true)
		}
		l.hangUp(s)
	}
	l.again, l.flight = nil, nil
}

// sweepEvery is how often the clients on their way are looked over.
const sweepEvery = 5 * time.Millisecond

func (l *loop) connectMore(now time.Duration) {
	if now-l.swept >= sweepEvery {
		l.swept = now
		l.sweep(now)
	}
	for now >= l.paused && l.window.free() {
		switch {
		case len(l.again) > 0:
			i := l.again[0]
			l.again = l.again[1:]
			l.connect(i, now)
		case l.tried < len(l.sockets):
			l.tried++
			l.connect(int32(l.tried-1), now)
		default:
			return
		}
	}
}

// sweep looks over the clients on their way.
func (l *loop) sweep(now time.Duration) {
	still := l.flight[:0]
	for _, i := range l.flight {
		s := &l.sockets[i]
		age := now - s.since
		switch {
		case !s.slot:
			continue
		case s.state == connected && age > moment:
			l.release(s)
			continue
		case s.state == connecting && age > connectTimeout:
			l.again = append(l.again, i)
			l.hangUp(s)
			s.state = untried
			l.refused(&s.client, specs.ConnectFailed, "no connection within "+connectTimeout.String(), false)
			continue
		case s.state == connecting && age > delay:
			l.window.shrink(now)
		}
		still = append(still, i)
	}
	l.flight = still
}

func (l *loop) release(s *socket) {
	if s.slot {
		s.slot = false
		l.window.used--
	}
}

func (l *loop) connect(i int32, now time.Duration) {
	s := &l.sockets[i]
	if s.began == 0 {
		s.began = max(now, 1)
	}
	fd, err := l.dial()
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		l.notConnected(s, i, err, now)
		return
	}
	s.fd, s.state, s.since, s.slot = int32(fd), connecting, now, true
	l.window.used++
	l.flight = append(l.flight, i)
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT, Fd: i})
}

// dial begins to connect. The descriptor is good with EINPROGRESS too.
func (l *loop) dial() (int, error) {
	for {
		source := l.all.source.Load()
		fd, err := l.dialFrom(source)
		if !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fd, err
		}
		// The ports of this address are used up. The loopback has more
		// addresses, each with as many.
		if to := l.target(); !to.Addr().Is4() || !to.Addr().IsLoopback() || source >= maxSources {
			return -1, err
		}
		l.all.source.CompareAndSwap(source, max(source, 1)+1)
	}
}

// maxSources is how many addresses of the loopback clients may come from.
const maxSources = 200

func (l *loop) target() netip.AddrPort {
	return l.all.addresses[int(l.all.address.Load())%len(l.all.addresses)]
}

func (l *loop) dialFrom(source int32) (fd int, err error) {
	to := l.target()
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer func() {
		if err != nil && err != unix.EINPROGRESS {
			unix.Close(fd)
		}
	}()
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if p := l.options.ports; p[1] > 0 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, ipLocalPortRange, int(p[0])|int(p[1])<<16); err != nil {
			return -1, err
		}
	}
	if source > 1 {
		// The port is chosen by connect, which knows the other side and may
		// take one that is in use towards somebody else.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return -1, err
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(source)}}); err != nil {
			return -1, err
		}
	}
	if family == unix.AF_INET6 {
		return fd, unix.Connect(fd, &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16(), ZoneId: zone(to.Addr().Zone())})
	}
	return fd, unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
}

// ipLocalPortRange is IP_LOCAL_PORT_RANGE of Linux 6.3.
const ipLocalPortRange = 51

func zone(name string) uint32 {
	if i, err := net.InterfaceByName(name); err == nil {
		return uint32(i.Index)
	}
	n, _ := strconv.ParseUint(name, 10, 32)
	return uint32(n)
}

// notConnected has a client try again later.
func (l *loop) notConnected(s *socket, i int32, err error, now time.Duration) {
	code, message := specs.ConnectFailed, err.Error()
	if errors.Is(err, unix.ECONNREFUSED) {
		code, message = specs.Refused, "connection refused"
	}
	l.hangUp(s)
	s.state = untried
	if len(l.all.addresses) > 1 && l.counts.made.Load() == 0 {
		l.all.address.Add(1) // a name may stand for an address at which nobody listens
	}
	l.refused(&s.client, code, message, false)
	l.again = append(l.again, i)
	l.window.shrink(now)
	l.paused = now + pauseAfter(l.refusals)
	l.refusals++
}

func (l *loop) handle(s *socket, events uint32) {
	switch s.state {
	case connecting:
		l.connected(s)
	case connected:
		if events&unix.EPOLLOUT != 0 && s.writes {
			l.out = l.out[:0]
			l.send(s)
		}
		if s.state == connected && events&^unix.EPOLLOUT != 0 {
			l.read(s, events)
		}
	}
}

// connected has learnt that connecting has ended, one way or the other.
func (l *loop) connected(s *socket) {
	now := l.now()
	index := s.id - l.sockets[0].id
	errno, err := unix.GetsockoptInt(int(s.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = syscall.Errno(errno)
	}
	if err != nil {
		l.notConnected(s, index, err, now)
		return
	}
	took := now - s.since
	record(l.tally.connect, took)
	if took > delay {
		l.counts.delayed.Add(1)
	}
	l.counts.opened(now)
	l.refusals, l.paused = 0, 0
	s.state, s.since = connected, now
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, int(s.fd), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: index})
	if !l.begin(&s.client, now) {
		l.hangUp(s)
		return
	}
	l.send(s)
}

// read takes what has come, at most a buffer of it, so that others have their
// turn.
func (l *loop) read(s *socket, events uint32) {
	n, errno := receive(s.fd, l.in)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
			l.ended(&s.client, specs.ResetEarly, "broke the connection")
			l.hangUp(s)
		}
	case errno == unix.ECONNRESET:
		l.ended(&s.client, specs.ResetEarly, "reset the connection")
		l.hangUp(s)
	case errno != 0:
		l.ended(&s.client, specs.ResetEarly, "broke the connection ("+errno.Error()+")")
		l.hangUp(s)
	case n == 0:
		l.ended(&s.client, specs.ClosedEarly, "hung up")
		l.hangUp(s)
	case !l.hear(&s.client, l.in[:n], l.now()):
		l.hangUp(s)
	default:
		if len(l.out) > 0 {
			l.send(s)
		}
		if s.slot && s.right > 0 {
			l.release(s)
			if l.window.size < maxWindow/l.share {
				l.window.grow()
			}
		}
	}
}

// send sends out, behind what the server did not take before.
func (l *loop) send(s *socket) {
	if s.mute || len(l.out)+len(s.unsent) == 0 {
		return
	}
	p := l.out
	if len(s.unsent) > 0 {
		s.unsent = append(s.unsent, p...)
		p = s.unsent
	}
	n, errno := send(s.fd, p)
	switch {
	case errno == 0:
		p = p[n:]
	case errno != unix.EAGAIN && errno != unix.EINTR && errno != unix.ENOBUFS:
		// How the connection has ended is known to who reads it to its end.
		s.mute, p = true, nil
	}
	if len(p) > maxUnsent {
		l.failed(&s.client, fault{code: specs.SendFailed, message: fmt.Sprintf("the server sends on, and has left %d bytes for it untaken", len(p))})
		l.hangUp(s)
		return
	}
	if len(p) == 0 {
		s.unsent = nil
	} else {
		s.unsent = append(s.unsent[:0], p...)
	}
	if waits := len(s.unsent) > 0; waits != s.writes {
		s.writes = waits
		events := uint32(unix.EPOLLIN)
		if waits {
			events |= unix.EPOLLOUT
		}
		_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, int(s.fd), &unix.EpollEvent{Events: events, Fd: s.id - l.sockets[0].id})
	}
}

// hangUp closes a connection with a reset, so that the kernel keeps nothing of
// it. Whatever was due has been read, or is no longer waited for.
func (l *loop) hangUp(s *socket) {
	l.release(s)
	if s.fd >= 0 {
		_ = unix.SetsockoptLinger(int(s.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		unix.Close(int(s.fd))
		s.fd = -1
	}
	if s.state == connected {
		l.counts.open.Add(-1)
	}
	s.state, s.unsent, s.pending = gone, nil, nil
}
