package serve_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"conform/impl"
	"conform/impl/calc"
	"conform/impl/echo"
	"conform/impl/serve"
	"conform/impl/websocket"
	"conform/impl/zen"
)

// The test binary is also the program that model process starts, and that of
// TestNoFilesLeft.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "inherited" {
		patience, err := time.ParseDuration(os.Args[3])
		if err == nil {
			err = serve.Inherited(context.Background(), handlers()[os.Args[2]], serve.Options{WriteTimeout: patience})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "short-of-files" {
		if err := serveShortOfFiles(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // or each child lasts a second longer under the race detector
	os.Exit(m.Run())
}

func newCalc() impl.Handler { return calc.New(calc.Options{}) }

// handlers have names, so that a process can be started with one.
func handlers() map[string]func() impl.Handler {
	return map[string]func() impl.Handler{
		"zen":       zen.New,
		"echo":      echo.New,
		"calc":      newCalc,
		"websocket": func() impl.Handler { return websocket.New(websocket.Options{}) },
		"hasty":     func() impl.Handler { return websocket.New(websocket.Options{HandshakeTimeout: 50 * time.Millisecond}) },
		"ticking":   newWaking(20*time.Millisecond, 3),
		"waking":    newWaking(0, 0),
		"panicking": func() impl.Handler { return panicking{} },
		"stillborn": func() impl.Handler { return stillborn{} },
		"gone":      func() impl.Handler { return gone{} },
	}
}

// place is what a behaviour is tested in.
type place struct {
	model   string
	network string
	clients int // how many are served at once
	options serve.Options
}

func (p place) start(t *testing.T, handler string) *serve.Server {
	t.Helper()
	o := p.options
	o.Model = p.model
	if p.model == "process" {
		o.Child = []string{"inherited", handler, o.WriteTimeout.String()}
	}
	return start(t, listen(t, p.network), handlers()[handler], o)
}

// startHandler is for handlers that share something with the test.
func (p place) startHandler(t *testing.T, newHandler func() impl.Handler) *serve.Server {
	t.Helper()
	if p.model == "process" {
		t.Skip("a process shares nothing")
	}
	p.options.Model = p.model
	return start(t, listen(t, p.network), newHandler, p.options)
}

// models are those of this system, each with the number of clients that it
// serves at once.
func models() (all []place) {
	for _, m := range serve.Models() {
		if !m.Available() {
			continue
		}
		p := place{model: m.Name, network: "tcp", clients: 1 << 20}
		switch {
		case m.Name == "serial":
			p.clients = 1
		case m.Workers > 0:
			p.clients = m.Workers
		}
		all = append(all, p)
	}
	return all
}

// everyModel tests a behaviour in every model.
func everyModel(t *testing.T, test func(t *testing.T, p place)) {
	for _, p := range models() {
		t.Run(p.model, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// everywhere tests it in every model, over TCP and Unix sockets.
func everywhere(t *testing.T, test func(t *testing.T, p place)) {
	everyModel(t, test)
	for _, p := range models() {
		p.network = "unix"
		t.Run(p.model+"-unix", func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

func TestModelsHere(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range models() {
		names = append(names, p.model)
	}
	want := []string{"serial", "goroutine", "pool"}
	switch runtime.GOOS {
	case "linux":
		want = append(want, "poll", "epoll", "callback", "process")
	case "windows", "plan9", "js", "wasip1":
	default:
		want = append(want, "poll", "callback", "process")
	}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func TestWhatCannotBeServed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		o       serve.Options
		wrapped bool
		err     string // empty: it can
	}{
		{serve.Options{Model: "magic"}, false, `unknown model "magic": known are serial, goroutine, pool, poll (Unix systems), epoll (Linux), callback`},
		{serve.Options{Workers: 3}, false, "model goroutine has no workers: pool and process have"},
		{serve.Options{Model: "pool", Workers: -1}, false, "write a number from 1 on"},
		{serve.Options{Model: "pool", Workers: 1}, true, ""},
		{serve.Options{Model: "serial"}, true, ""},
		{serve.Options{Model: "goroutine"}, true, ""},
		{serve.Options{Model: "epoll"}, true, "this listener (*tls.listener) has something around them, such as TLS: serial, goroutine and pool serve it"},
		{serve.Options{Model: "poll"}, true, "serial, goroutine and pool serve it"},
		{serve.Options{Model: "callback"}, true, "serial, goroutine and pool serve it"},
		{serve.Options{Model: "process", Child: []string{"x"}}, true, "serial, goroutine and pool serve it"},
		{serve.Options{Model: "process"}, false, "Options.Child"},
	} {
		if !slices.ContainsFunc(serve.Models(), func(m serve.Model) bool { return m.Name == tc.o.Model && m.Available() }) && tc.o.Model != "magic" && tc.o.Model != "" {
			tc.err = "exists on"
		}
		ln := listen(t, "tcp")
		if tc.wrapped {
			ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{{}}})
		}
		s := serve.Start(ln, zen.New, tc.o)
		if tc.err == "" {
			s.Close()
		}
		wait(t, s.Done())
		switch err := s.Err(); {
		case tc.err == "" && err != nil:
			t.Errorf("%+v: %v", tc.o, err)
		case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
			t.Errorf("%+v: got %v, want an error with %q", tc.o, err, tc.err)
		}
		if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
			t.Errorf("%+v: the listener is still open", tc.o)
		}
	}
}

const upgrade = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

func (c client) upgrade() {
	c.t.Helper()
	c.send(upgrade)
	c.expect("HTTP/1.1 101 Switching Protocols\r\n")
	for head := ""; !strings.HasSuffix(head, "\r\n\r\n"); {
		var b [1]byte
		if _, err := c.Read(b[:]); err != nil {
			c.t.Fatal(err)
		}
		head += string(b[:])
	}
}

// hello is a masked text frame, with a mask of zeros.
const hello = "\x81\x85\x00\x00\x00\x00hello"

func TestWebSocket(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		s := p.start(t, "websocket")
		c := dial(t, s)
		c.upgrade()
		for i := range hello {
			c.send(hello[i : i+1])
		}
		c.expect("\x81\x05hello")
		// A message of many reads, whose echo is one reply of many writes.
		long := strings.Repeat("x", 4<<20)
		go io.WriteString(c, "\x82\xff\x00\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00"+long)
		c.expect("\x82\x7f\x00\x00\x00\x00\x00\x40\x00\x00" + long)
		result := make(chan error)
		go func() { result <- s.Shutdown(context.Background()) }()
		const going = "\x88\x1d\x03\xe9the server is shutting down"
		c.expect(going)
		c.send("\x88\x82\x00\x00\x00\x00\x03\xe9")
		c.expectEnd("")
		c.Close()
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

func TestWebSocketHandshakeTimeout(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		s := p.start(t, "hasty")
		c := dial(t, s)
		c.send("GET / HT")
		c.expect("HTTP/1.1 408 ")
	})
}
