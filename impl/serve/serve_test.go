package serve_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"conform/impl"
	"conform/impl/serve"
	"conform/impl/zen"
)

// patience is when a test gives up; nothing waits for it to pass.
const patience = 20 * time.Second

func listen(t *testing.T, network string) net.Listener {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func start(t *testing.T, ln net.Listener, newHandler func() impl.Handler, o serve.Options) *serve.Server {
	t.Helper()
	s := serve.Start(ln, newHandler, o)
	t.Cleanup(func() {
		s.Close()
		wait(t, s.Done())
	})
	return s
}

func wait(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("waited in vain")
	}
}

// shutdown expects every connection to end without being made to.
func shutdown(t *testing.T, s *serve.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error("a connection did not end:", err)
	}
}

// client is a connection that fails its test instead of returning errors.
type client struct {
	net.Conn
	t *testing.T
}

func dial(t *testing.T, s *serve.Server) client {
	t.Helper()
	conn, err := net.Dial(s.Addr().Network(), s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return client{conn, t}
}

func (c client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c client) expect(want string) {
	c.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	if string(got[:n]) != want {
		c.t.Fatalf("got %q (%v), want %q", got[:n], err, want)
	}
}

// expectEnd expects want and a FIN.
func (c client) expectEnd(want string) {
	c.t.Helper()
	got, err := io.ReadAll(c)
	if string(got) != want || err != nil {
		c.t.Fatalf("got %.90q and %v, want %q and a FIN", got, err, want)
	}
}

func (c client) closeWrite() {
	c.t.Helper()
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}

func (c client) reset() {
	c.Conn.(*net.TCPConn).SetLinger(0)
	c.Close()
}

const welcome = "<welcome: starting in sum mode>\n"

func TestConversation(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		s := p.start(t, "calc")
		c := dial(t, s)
		c.expect(welcome)
		c.send("1,")
		c.send("2\nprod")
		c.expect("Sum of input integers: '3'\r\n")
		c.send("uct\n4,5\n")
		c.expect("<switching to product mode>\r\nProduct of input integers: '20'\r\n")
		c.send("quit\n")
		c.expectEnd("connection closed\r\n")
	})
}

func TestHalfClose(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		s := p.start(t, "calc")
		c := dial(t, s)
		c.send("1,2\n3,4")
		c.closeWrite()
		c.expectEnd(welcome + "Sum of input integers: '3'\r\nSum of input integers: '7'\r\n")
	})
}

// Input behind the end must not turn the FIN into a reset.
func TestInputBehindQuit(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		s := p.start(t, "echo")
		c := dial(t, s)
		c.send("quit\n" + strings.Repeat("x", 1<<20))
		c.expectEnd("connection closed\r\n")
	})
}

// The FIN comes before the server has seen the client's, and the connection
// does not stay for a client that never sends one.
func TestQuitDoesNotWaitForTheClient(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for _, p := range models() { // all at once, because each takes the time of draining
		s := p.start(t, "echo")
		c := dial(t, s)
		c.send("quit\n")
		c.expectEnd("connection closed\r\n")
		all.Go(func() { shutdown(t, s) })
	}
	all.Wait()
}

func TestManyClients(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		s := p.start(t, "zen")
		var clients []client
		for range min(100, p.clients) {
			c := dial(t, s)
			c.send("Simple is better ")
			clients = append(clients, c)
		}
		for i := len(clients) - 1; i >= 0; i-- {
			clients[i].send("than?")
			clients[i].expect("Complex.")
		}
	})
}

// Who comes beyond what a model serves at once is served when another leaves.
func TestClientsBeyondTheBoundWait(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		if p.model == "process" {
			p.options.Workers, p.clients = 3, 3
		} else if p.clients > 4 {
			t.Skip("this model has no bound")
		}
		s := p.start(t, "calc")
		var clients []client
		for range p.clients {
			c := dial(t, s)
			c.expect(welcome)
			clients = append(clients, c)
		}
		next := dial(t, s)
		next.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := next.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%d clients are served: %d, %v", p.clients+1, n, err)
		}
		next.SetReadDeadline(time.Now().Add(patience))
		clients[0].Close()
		next.expect(welcome)
	})
}

func TestResetEndsOneConnection(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		s := p.start(t, "calc")
		var other client
		if p.clients > 1 {
			other = dial(t, s)
			other.expect(welcome)
		}

		dial(t, s).reset()
		c := dial(t, s)
		c.expect(welcome)
		c.send("1,")
		c.reset()
		c = dial(t, s)
		c.send(strings.Repeat("1,2\n", 1000))
		c.reset()

		if p.clients == 1 {
			other = dial(t, s)
			other.expect(welcome)
		}
		other.send("1,2\n")
		other.expect("Sum of input integers: '3'\r\n")
		other.send("quit\n")
		other.expectEnd("connection closed\r\n")
		other.Close()
		shutdown(t, s)
	})
}

// stall sends until the server no longer reads, because it waits for the
// client to read.
func stall(c client) (sent int) {
	for {
		c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := c.Write(pattern(sent, 1<<20))
		sent += n
		if err != nil {
			c.SetWriteDeadline(time.Now().Add(patience))
			return sent
		}
	}
}

// pattern is a part of an endless text in which every place looks different
// from those near it. It has no ASCII.
func pattern(from, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = 0x80 | byte((from+i)*(from+i)/97)
	}
	return p
}

func TestClientThatDoesNotReadBlocksOnlyItself(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		if p.clients == 1 {
			t.Skip("one client at a time")
		}
		s := p.start(t, "waking")
		stall(dial(t, s))
		c := dial(t, s)
		c.send("hello")
		c.expect("hello")
	})
}

// A client that reads late gets everything all the same.
func TestStalledClientGoesOn(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		s := p.start(t, "waking")
		c := dial(t, s)
		sent := stall(c)
		c.closeWrite()
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, pattern(0, sent)) {
			t.Errorf("%d bytes are not the %d that were sent: %v", len(got), sent, err)
		}
	})
}

// A reply that is longer than what fits between server and client, to a client
// that reads only later.
func TestLongReply(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		s := p.start(t, "echo")
		c := dial(t, s)
		const n = 1 << 20
		c.send(strings.Repeat("\xff", n) + "\n") // six bytes for each
		time.Sleep(50 * time.Millisecond)        // for the server to get stuck; if it has not, the test is only easier
		c.expect("Echoed: '" + strings.Repeat("\\udcff", n) + "'\r\n")
	})
}

func TestClientThatDoesNotReadIsDropped(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		p.options.WriteTimeout = 100 * time.Millisecond
		s := p.start(t, "waking")
		c := dial(t, s)
		for {
			if _, err := c.Write(pattern(0, 1<<20)); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("still connected")
			} else if err != nil {
				break
			}
		}
		shutdown(t, s)
	})
}

// A client that always has more to say gets no more than its turn.
func TestFloodStarvesNobody(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		if p.clients == 1 {
			t.Skip("one client at a time")
		}
		s := p.start(t, "echo")
		for range 2 {
			flood := dial(t, s)
			go io.Copy(io.Discard, flood)
			go func() {
				lines := strings.Repeat("flood\n", 10000)
				for {
					if _, err := io.WriteString(flood, lines); err != nil {
						return
					}
				}
			}()
		}
		for range 5 {
			c := dial(t, s)
			for range 5 {
				c.send("a\n")
				c.expect("Echoed: 'a'\r\n")
			}
			c.Close()
		}
	})
}

func TestShutdownLetsConversationsEnd(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		s := p.start(t, "calc")
		c := dial(t, s)
		c.expect(welcome)
		result := make(chan error)
		go func() { result <- s.Shutdown(context.Background()) }()
		waitUntilRefused(t, s)
		c.send("1,2\nquit\n")
		c.expectEnd("Sum of input integers: '3'\r\nconnection closed\r\n")
		c.Close()
		if err := <-result; err != nil {
			t.Error(err)
		}
		wait(t, s.Done())
		shutdown(t, s) // the second time
		if err := s.Err(); err != nil {
			t.Error("not a failure of the listener:", err)
		}
	})
}

func waitUntilRefused(t *testing.T, s *serve.Server) {
	t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		conn, err := net.Dial(s.Addr().Network(), s.Addr().String())
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Fatal("the server still accepts")
}

func TestShutdownClosesWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		s := p.start(t, "calc")
		c := dial(t, s)
		c.expect(welcome)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		c.expectEnd("")
		wait(t, s.Done())
	})
}

func TestCloseAtOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		for range 20 {
			s := p.start(t, "calc")
			s.Close()
			wait(t, s.Done())
			if err := s.Err(); err != nil {
				t.Error("not a failure:", err)
			}
		}
	})
}

func TestShutdownOfAnIdleServer(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		shutdown(t, p.start(t, "calc"))
	})
}

// scripted is a handler made of a function.
type scripted struct {
	data func(p []byte) impl.Reply
}

func (s scripted) Open() impl.Reply         { return impl.Reply{} }
func (s scripted) Data(p []byte) impl.Reply { return s.data(p) }
func (s scripted) End() impl.Reply          { return impl.Reply{} }

func TestCloseDoesNotWaitForHandlers(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		entered, release := make(chan struct{}), make(chan struct{})
		s := p.startHandler(t, func() impl.Handler {
			return scripted{func([]byte) impl.Reply {
				close(entered)
				<-release
				return impl.Reply{}
			}}
		})
		dial(t, s).send("x")
		<-entered
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		select {
		case <-s.Done():
			t.Error("done while a handler is busy")
		default:
		}
		close(release)
		wait(t, s.Done())
		if err := s.Close(); err != nil {
			t.Error("the second time:", err)
		}
	})
}

// panicking dies of "die", and of its client's end.
type panicking struct{}

func (panicking) Open() impl.Reply { return impl.Reply{} }
func (panicking) End() impl.Reply  { panic("at the end") }

func (panicking) Data(p []byte) impl.Reply {
	if string(p) == "die" {
		panic("as told")
	}
	return impl.Reply{Send: []byte("alive")}
}

func TestPanicEndsOneConnection(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		var log syncBuilder
		p.options.Log = slog.New(slog.NewTextHandler(&log, nil))
		s := p.start(t, "panicking")
		alive := func(c client) {
			c.send("?")
			c.expect("alive")
		}
		var other client
		if p.clients > 1 {
			other = dial(t, s)
			alive(other)
		}
		c := dial(t, s)
		c.send("die")
		c.expectEnd("")
		if p.clients > 1 {
			alive(other)
		}
		c = dial(t, s)
		alive(c)
		c.closeWrite()
		c.expectEnd("")
		if p.model == "process" {
			return // it is the child's to tell
		}
		if text := log.String(); !strings.Contains(text, "as told") || !strings.Contains(text, "serve_test.go") {
			t.Errorf("the log does not show the panic and where it was: %q", text)
		}
	})
}

// stillborn dies before anything is said.
type stillborn struct{ panicking }

func (stillborn) Open() impl.Reply { panic("at once") }

func TestPanicAtOnce(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		s := p.start(t, "stillborn")
		dial(t, s).expectEnd("")
		dial(t, s).expectEnd("")
	})
}

// gone dies when it is told to part.
type gone struct{ panicking }

func (gone) Stop() impl.Reply { panic("parting") }

func TestPanicWhenTheServerStops(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		s := p.start(t, "gone")
		c := dial(t, s)
		c.send("?")
		c.expect("alive")
		shutdown(t, s)
		c.expectEnd("")
	})
}

type syncBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuilder) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuilder) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestNothingIsCalledAfterClose(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		var calls atomic.Int32
		s := p.startHandler(t, func() impl.Handler {
			return scripted{func([]byte) impl.Reply {
				calls.Add(1)
				return impl.Reply{Send: []byte("bye"), Close: true}
			}}
		})
		c := dial(t, s)
		c.send("a")
		c.expect("bye")
		c.send("b")
		c.closeWrite()
		c.expectEnd("")
		c.Close()
		shutdown(t, s)
		if n := calls.Load(); n != 1 {
			t.Errorf("called %d times", n)
		}
	})
}

// failing is a listener whose Accept fails a few times first.
type failing struct {
	net.Listener
	mu     sync.Mutex
	errors []error
}

func (f *failing) Accept() (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.errors) > 0 {
		err := f.errors[0]
		f.errors = f.errors[1:]
		return nil, &net.OpError{Op: "accept", Err: err}
	}
	return f.Listener.Accept()
}

func TestAcceptGoesOnAfterPassingErrors(t *testing.T) {
	t.Parallel()
	ln := &failing{Listener: listen(t, "tcp"), errors: []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED}}
	s := start(t, ln, zen.New, serve.Options{})
	c := dial(t, s)
	c.send("Simple is better than?")
	c.expect("Complex.")
}

func TestAcceptEndsWithItsListener(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	s := start(t, &failing{Listener: listen(t, "tcp"), errors: []error{broken}}, zen.New, serve.Options{})
	wait(t, s.Done())
	if err := s.Err(); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

// bare hides everything of a connection but net.Conn, as a wrapper may, and
// cannot be compared.
type bare struct {
	net.Conn
	_ []int
}

type bareListener struct{ net.Listener }

func (b bareListener) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return bare{Conn: conn}, nil
}

func TestWrappedConnections(t *testing.T) {
	t.Parallel()
	s := start(t, bareListener{listen(t, "tcp")}, newCalc, serve.Options{})
	c := dial(t, s)
	c.send("1,2\nquit\n")
	c.expectEnd(welcome + "Sum of input integers: '3'\r\nconnection closed\r\n")
	c = dial(t, s)
	c.send("1,2\n")
	c.closeWrite()
	c.expectEnd(welcome + "Sum of input integers: '3'\r\n")
}
