package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// datagramSize is the largest datagram that is read whole: those of UDP
	// have at most 65 507 bytes, those of a Unix socket what the system's
	// buffers allow, 208 KiB on Linux.
	datagramSize = 256 << 10

	// sendPatience is how long a full socket may keep everybody waiting before
	// its owner loses a datagram. Only a Unix socket has such a sender.
	sendPatience = 500 * time.Millisecond
)

// PacketServer is a socket for datagrams being served. All methods may be
// called at any time, more than once, and concurrently.
type PacketServer struct {
	pc     net.PacketConn
	answer func(datagram []byte) []byte
	log    *slog.Logger

	once    sync.Once
	closing chan struct{} // closed when the server is to end
	done    chan struct{} // closed when it has
	err     error         // why the socket failed; not before done
}

// StartPacket answers each datagram that arrives on pc, to its sender and in
// the order of arrival, until Shutdown or Close. The socket is the server's from
// now on. answer gets a datagram that it must not keep; what it returns is sent,
// an empty answer too, and nil sends nothing.
func StartPacket(pc net.PacketConn, answer func(datagram []byte) []byte, o Options) *PacketServer {
	s := &PacketServer{pc: pc, answer: answer, log: o.Log, closing: make(chan struct{}), done: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	go func() {
		defer close(s.done)
		s.serve()
	}()
	return s
}

// Addr returns the address of the socket.
func (s *PacketServer) Addr() net.Addr { return s.pc.LocalAddr() }

// Done is closed when the server has ended.
func (s *PacketServer) Done() <-chan struct{} { return s.done }

// Err returns why the socket failed, if it did. It says nothing before Done.
func (s *PacketServer) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Shutdown closes the socket, once the datagram at hand is answered: there are
// no conversations to wait for.
func (s *PacketServer) Shutdown(ctx context.Context) error {
	s.once.Do(func() { close(s.closing) })
	s.pc.SetReadDeadline(past)
	defer s.Close()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close closes the socket. It does not wait for an answer that is being made.
func (s *PacketServer) Close() error {
	s.once.Do(func() { close(s.closing) })
	err := s.pc.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *PacketServer) serve() {
	const shortest, longest = 5 * time.Millisecond, time.Second
	pause := shortest
	buf := make([]byte, datagramSize)
	for {
		n, from, err := s.pc.ReadFrom(buf)
		select {
		case <-s.closing:
			return
		default:
		}
		switch {
		case err == nil:
			pause = shortest
			s.reply(buf[:n], from)
			continue
		case errors.Is(err, net.ErrClosed):
			s.err = err
			return
		}
		// What one client does comes back as an error of the socket on some
		// systems, and concerns nobody else.
		s.log.Warn("cannot read", "error", err, "pause", pause)
		select {
		case <-s.closing:
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, longest)
	}
}

// reply answers one datagram. Whatever is in it concerns only its sender.
func (s *PacketServer) reply(datagram []byte, from net.Addr) {
	log := s.log.With("client", from)
	defer func() {
		if v := recover(); v != nil {
			log.Error("the answer panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	p := s.answer(datagram)
	if p == nil {
		return
	}
	if from == nil || from.String() == "" {
		log.Info("no answer: the sender's socket has no name")
		return
	}
	s.pc.SetWriteDeadline(time.Now().Add(sendPatience))
	if _, err := s.pc.WriteTo(p, from); err != nil {
		log.Info("the answer is lost", "error", err)
	}
}
