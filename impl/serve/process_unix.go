//go:build unix

package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"

	"conform/impl"
)

// process serves each client in a process of its own. The parent accepts, and
// starts this program once more with the accepted socket as an open file; the
// child, which is in Inherited, serves that one client and exits.
//
// Nothing is shared: whatever becomes of one process, the others and the
// parent go on. A runtime with several threads cannot fork and just go on in
// the child, as a C server would, so the child begins as a new program; that
// costs milliseconds. Because a process is dear there is a bound, and who
// comes beyond it waits in the backlog.
//
// Every child is waited for, so that none stays as a zombie. Each has a pipe
// from the parent as its standard input: a byte tells it that the server is
// shutting down, and the end of it that there is no parent any more.
func process(s *Server) {
	slots := make(chan struct{}, cmp.Or(s.options.Workers, defaultProcesses))
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case slots <- struct{}{}:
		case <-s.closing:
			return
		}
		conn := s.accept()
		if conn == nil {
			return
		}
		client := conn.RemoteAddr()
		c, err := s.startChild(conn)
		conn.Close() // the child has it
		if err != nil {
			s.log.Error("cannot start a process for a client", "client", client, "error", err)
			<-slots
			continue
		}
		running.Go(func() {
			defer func() { <-slots }()
			s.join(c)
			defer s.leave(c)
			if err := c.cmd.Wait(); err != nil && !c.killed() {
				s.log.Error("the process of a client failed", "client", client, "error", err)
			}
		})
	}
}

// inherited is the number of the client's socket in a child.
const inherited = 3

// child is a process that serves a client.
type child struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser

	mu     sync.Mutex
	closed bool
}

func (s *Server) startChild(conn net.Conn) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	socket, ok := conn.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, errors.New("the connection has no descriptor") // Check has seen that it has
	}
	file, err := socket.File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cmd := &exec.Cmd{
		Path:       program,
		Args:       append([]string{os.Args[0]}, s.options.Child...),
		ExtraFiles: []*os.File{file},
		Stdout:     os.Stdout, // whatever it has to say is ours
		Stderr:     os.Stderr,
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		pipe.Close()
		return nil, err
	}
	return &child{cmd: cmd, pipe: pipe}, nil
}

func (c *child) stop() {
	_, _ = c.pipe.Write([]byte{0}) // one that has just exited has stopped
}

// Close does not ask: the handler of the child may be busy for ever.
func (c *child) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	return c.cmd.Process.Kill()
}

func (c *child) killed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Inherited is the child's part of model process: it serves the connection
// that it was started with to its end. The handler is told that the server is
// shutting down when the parent says so, or when ctx ends. Of the options, Log
// and WriteTimeout count.
func Inherited(ctx context.Context, newHandler func() impl.Handler, o Options) error {
	file := os.NewFile(inherited, "the client's socket")
	nc, err := net.FileConn(file)
	file.Close()
	if err != nil {
		return fmt.Errorf("file %d is not a connection: only model process starts a program this way: %w", inherited, err)
	}
	s := newServer(newHandler, o)
	conn := s.newConnection(nc)
	stop := sync.OnceFunc(conn.stop)
	defer context.AfterFunc(ctx, stop)()
	go func() {
		var order [1]byte
		for {
			if n, err := os.Stdin.Read(order[:]); n > 0 {
				stop()
			} else if err != nil {
				conn.Close() // there is no parent any more
				return
			}
		}
	}()
	s.converseWith(conn)
	return nil
}
