package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"conform/suites/target"
)

// ServeOptions say where a server in a box has to listen. In each word of the
// command {port} and {host} are replaced, and PORT is in its environment.
type ServeOptions struct {
	Options
	Network string        // "tcp", which "" means, or "udp"
	Host    string        // the IP address to listen on; "" is 127.0.0.1
	Port    int           // 0 picks one; any number of boxes may have the same, but not in tier basic
	Ready   time.Duration // how long it may take to listen; 0 is 10 s
}

// boxPort is where a server listens in a box when nothing else is asked for.
const boxPort = 8080

// errStopped is what becomes of a restart after the end.
var errStopped = errors.New("the server was stopped")

// Server is a program that listens, in a box. It can be started again, from the
// files that it was first started from. Its methods may be called from any
// goroutine.
type Server struct {
	o    ServeOptions
	at   string
	life sync.Mutex // held while it is started, restarted or stopped

	// In tier basic a server is a target as --exec starts it, which sees to it
	// that what answers on the port is its own: in a box nobody else could.
	process *target.Process
	home    string

	mu      sync.Mutex
	box     *Box
	stopped bool
}

// Serve starts a server and waits until it listens. The error is a
// *target.CommandError when the command cannot be run; otherwise it says what
// the server did instead, followed by its last lines.
func Serve(ctx context.Context, o ServeOptions) (*Server, error) {
	var err error
	if o.Options, err = o.complete(); err != nil {
		return nil, err
	}
	if o.Network == "" {
		o.Network = "tcp"
	}
	if o.Host == "" || o.Host == "localhost" {
		o.Host = "127.0.0.1"
	}
	if o.Ready <= 0 {
		o.Ready = 10 * time.Second
	}
	if _, err := netip.ParseAddr(o.Host); err != nil {
		return nil, fmt.Errorf("cannot start a server on host %q: write an IP address, as in 127.0.0.1", o.Host)
	}
	if o.Port < 0 || o.Port > 65535 || o.Network != "tcp" && o.Network != "udp" {
		return nil, fmt.Errorf("cannot start a server on %s port %d: write tcp or udp, and a number from 1 to 65535, or 0 to pick one", o.Network, o.Port)
	}
	s := &Server{o: o}
	if o.Tier == Basic {
		if err := s.startProcess(ctx); err != nil {
			return nil, err
		}
		return s, nil
	}
	if s.o.Port == 0 {
		s.o.Port = boxPort
	}
	port := strconv.Itoa(s.o.Port)
	s.at = net.JoinHostPort(o.Host, port)
	replace := strings.NewReplacer("{port}", port, "{host}", o.Host)
	s.o.Command = slices.Clone(o.Command)
	for i, word := range s.o.Command {
		s.o.Command[i] = replace.Replace(word)
	}
	s.o.Env = append([]string{"PORT=" + port}, o.Env...)
	s.life.Lock()
	defer s.life.Unlock()
	if err := s.launch(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// launch makes a box and waits until the server listens. s.life is held. The box
// outlives ctx.
func (s *Server) launch(ctx context.Context) error {
	box, err := Start(context.WithoutCancel(ctx), s.o.Options)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.box = box
	s.mu.Unlock()
	if err := box.Await(ctx, s.o.Network, s.at, s.o.Ready); err != nil {
		return errors.Join(err, box.Stop())
	}
	return nil
}

func (s *Server) startProcess(ctx context.Context) (err error) {
	if s.home, err = os.MkdirTemp("", "conform-home-"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = RemoveAll(s.home)
		}
	}()
	env := environment(s.o.Options, s.o.Dir, s.home, s.home)
	words, err := limited(s.o.Options, env)
	if err != nil {
		return err
	}
	s.process, err = target.Start(ctx, target.StartOptions{Command: strings.Join(s.o.Command, " "), Words: words, Host: s.o.Host, Port: s.o.Port,
		Network: s.o.Network, Ready: s.o.Ready, Env: env, OnlyEnv: true, Dir: s.o.Dir})
	return err
}

func (s *Server) current() *Box {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.box
}

// Tier is what the server is boxed with.
func (s *Server) Tier() Tier { return s.o.Tier }

// Boxed says whether the server has a network of its own: whatever becomes of it,
// its port is free at once when it is started again.
func (s *Server) Boxed() bool { return s.process == nil }

// Address is where the server listens, as host:port. In a box that is an
// address of the box's own network, for DialWith.
func (s *Server) Address() string {
	if s.process != nil {
		return s.process.Address()
	}
	return s.at
}

// DialWith connects to the server in its box: see Box.DialWith.
func (s *Server) DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	if s.process != nil {
		return d.DialContext(ctx, network, address)
	}
	return s.current().DialWith(ctx, d, network, address)
}

// ListenPacket makes a socket for datagrams: see Box.ListenPacket.
func (s *Server) ListenPacket(network string) (net.PacketConn, error) {
	if s.process != nil {
		return net.ListenPacket(network, ":0")
	}
	return s.current().ListenPacket(network)
}

// Exited is closed when the server has ended. Restart begins anew.
func (s *Server) Exited() <-chan struct{} {
	if s.process != nil {
		return s.process.Exited()
	}
	return s.current().Done()
}

// ExitStatus says how the server exited, and whether it has.
func (s *Server) ExitStatus() (target.ExitStatus, bool) {
	if s.process != nil {
		return s.process.ExitStatus()
	}
	select {
	case <-s.current().Done():
		return s.current().Result().Status, true
	default:
		return target.ExitStatus{}, false
	}
}

// Ended says why the server has ended, in the words of Result.Reason, and
// whether it has.
func (s *Server) Ended() (string, bool) {
	if s.process != nil {
		status, ended := s.process.ExitStatus()
		return was(status), ended
	}
	select {
	case <-s.current().Done():
		return s.current().Result().Reason, true
	default:
		return "", false
	}
}

// Busy is how much processor time the server has used since it was started.
func (s *Server) Busy() (time.Duration, bool) {
	if s.process != nil {
		return s.process.Busy()
	}
	used, ok := s.current().Usage()
	return used.CPU, ok
}

// Usage is what the server holds; not known in a box, whose processes have
// numbers of their own.
func (s *Server) Usage() (target.Usage, bool) {
	if s.process != nil {
		return s.process.Usage()
	}
	return target.Usage{}, false
}

// Output is what the server has written. Restart begins anew.
func (s *Server) Output() target.Output {
	if s.process != nil {
		return s.process.Output()
	}
	return s.current().Output()
}

// Restart ends the server and starts it again, in a new box.
func (s *Server) Restart(ctx context.Context) error {
	if s.process != nil {
		return s.process.Restart(ctx)
	}
	s.life.Lock()
	defer s.life.Unlock()
	s.mu.Lock()
	stopped := s.stopped
	s.mu.Unlock()
	if stopped {
		return errStopped
	}
	if err := s.current().Stop(); err != nil {
		return err
	}
	return s.launch(ctx)
}

// Stop ends the server and all that it started. It may be called again.
func (s *Server) Stop() error {
	if s.process != nil {
		return errors.Join(s.process.Stop(), RemoveAll(s.home))
	}
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	_ = s.current().Stop() // also what Restart is waiting for
	s.life.Lock()
	defer s.life.Unlock()
	return s.current().Stop()
}

// Result is what became of the server, since it was last started; it waits for
// that. In tier basic no more is known than how it exited.
func (s *Server) Result() Result {
	if s.process == nil {
		return s.current().Result()
	}
	<-s.process.Exited()
	status, _ := s.process.ExitStatus()
	r := Result{Tier: Basic, End: Exited, Status: status, Output: s.process.Output()}
	if status.Signal != 0 {
		r.End = Signalled
	}
	r.Reason = reasonFor(r.End, status, s.o.Limits)
	return r
}
