package serve_test

import (
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
	"conform/impl/calc"
	"conform/impl/echo"
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

func newCalc() impl.Handler { return calc.New(calc.Options{}) }

const welcome = "<welcome: starting in sum mode>\n"

func everyNetwork(t *testing.T, test func(t *testing.T, network string)) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			test(t, network)
		})
	}
}

func TestConversation(t *testing.T) {
	t.Parallel()
	everyNetwork(t, func(t *testing.T, network string) {
		s := start(t, listen(t, network), newCalc, serve.Options{})
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
	everyNetwork(t, func(t *testing.T, network string) {
		s := start(t, listen(t, network), newCalc, serve.Options{})
		c := dial(t, s)
		c.send("1,2\n3,4")
		c.closeWrite()
		c.expectEnd(welcome + "Sum of input integers: '3'\r\nSum of input integers: '7'\r\n")
	})
}

// Input behind the end must not turn the FIN into a reset.
func TestInputBehindQuit(t *testing.T) {
	t.Parallel()
	everyNetwork(t, func(t *testing.T, network string) {
		s := start(t, listen(t, network), echo.New, serve.Options{})
		c := dial(t, s)
		c.send("quit\n" + strings.Repeat("x", 1<<20))
		c.expectEnd("connection closed\r\n")
	})
}

// The FIN comes before the server has seen the client's, and the connection
// does not stay for a client that never sends one.
func TestQuitDoesNotWaitForTheClient(t *testing.T) {
	t.Parallel()
	s := start(t, listen(t, "tcp"), echo.New, serve.Options{})
	c := dial(t, s)
	c.send("quit\n")
	c.expectEnd("connection closed\r\n")
	shutdown(t, s)
}

func TestManyClients(t *testing.T) {
	t.Parallel()
	s := start(t, listen(t, "tcp"), zen.New, serve.Options{})
	var clients []client
	for range 100 {
		c := dial(t, s)
		c.send("Simple is better ")
		clients = append(clients, c)
	}
	for i := len(clients) - 1; i >= 0; i-- {
		clients[i].send("than?")
		clients[i].expect("Complex.")
	}
}

func TestResetEndsOneConnection(t *testing.T) {
	t.Parallel()
	s := start(t, listen(t, "tcp"), newCalc, serve.Options{})
	other := dial(t, s)
	other.expect(welcome)

	dial(t, s).reset()
	c := dial(t, s)
	c.expect(welcome)
	c.send("1,")
	c.reset()
	c = dial(t, s)
	c.send(strings.Repeat("1,2\n", 1000))
	c.reset()

	other.send("1,2\n")
	other.expect("Sum of input integers: '3'\r\n")
	other.send("quit\n")
	other.expectEnd("connection closed\r\n")
	other.Close()
	shutdown(t, s)
}

// A line whose answer is six times as long: few of them fill every buffer
// between a server and a client that does not read.
var longAnswer = strings.Repeat("\xff", 1<<20) + "\n"

func TestClientThatDoesNotReadBlocksOnlyItself(t *testing.T) {
	t.Parallel()
	everyNetwork(t, func(t *testing.T, network string) {
		s := start(t, listen(t, network), echo.New, serve.Options{})
		stalled := dial(t, s)
		for {
			stalled.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			if _, err := io.WriteString(stalled, longAnswer); err != nil {
				break // the server no longer reads: it waits for the client to
			}
		}
		c := dial(t, s)
		c.send("a\nquit\n")
		c.expectEnd("Echoed: 'a'\r\nconnection closed\r\n")
	})
}

func TestClientThatDoesNotReadIsDropped(t *testing.T) {
	t.Parallel()
	everyNetwork(t, func(t *testing.T, network string) {
		s := start(t, listen(t, network), echo.New, serve.Options{WriteTimeout: 100 * time.Millisecond})
		c := dial(t, s)
		for {
			if _, err := io.WriteString(c, longAnswer); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("still connected")
			} else if err != nil {
				break
			}
		}
		shutdown(t, s)
	})
}

func TestShutdownLetsConversationsEnd(t *testing.T) {
	t.Parallel()
	s := start(t, listen(t, "tcp"), newCalc, serve.Options{})
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
}

func waitUntilRefused(t *testing.T, s *serve.Server) {
	t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Fatal("the server still accepts")
}

func TestShutdownClosesWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	s := start(t, listen(t, "tcp"), newCalc, serve.Options{})
	c := dial(t, s)
	c.expect(welcome)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	c.expectEnd("")
	wait(t, s.Done())
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
	entered, release := make(chan struct{}), make(chan struct{})
	s := start(t, listen(t, "tcp"), func() impl.Handler {
		return scripted{func([]byte) impl.Reply {
			close(entered)
			<-release
			return impl.Reply{}
		}}
	}, serve.Options{})
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
}

func TestPanicEndsOneConnection(t *testing.T) {
	t.Parallel()
	var log syncBuilder
	s := start(t, listen(t, "tcp"), func() impl.Handler {
		return scripted{func(p []byte) impl.Reply {
			if string(p) == "die" {
				panic("as told")
			}
			return impl.Reply{Send: []byte("alive")}
		}}
	}, serve.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	other := dial(t, s)
	other.send("?")
	other.expect("alive")
	c := dial(t, s)
	c.send("die")
	c.expectEnd("")
	other.send("?")
	other.expect("alive")
	if text := log.String(); !strings.Contains(text, "as told") || !strings.Contains(text, "serve_test.go") {
		t.Errorf("the log does not show the panic and where it was: %q", text)
	}
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
	var calls atomic.Int32
	s := start(t, listen(t, "tcp"), func() impl.Handler {
		return scripted{func([]byte) impl.Reply {
			calls.Add(1)
			return impl.Reply{Send: []byte("bye"), Close: true}
		}}
	}, serve.Options{})
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
