package websocket_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"conform/impl"
	"conform/impl/serve"
	"conform/impl/websocket"
)

// dial starts a server and shakes hands with it.
func dial(t *testing.T, o websocket.Options) (*serve.Server, net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serve.Start(ln, func() impl.Handler { return websocket.New(o) }, serve.Options{})
	t.Cleanup(func() { s.Close() })
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, request())
	head := make([]byte, len(string(opening(t))))
	if _, err := io.ReadFull(conn, head); err != nil || !strings.HasPrefix(string(head), "HTTP/1.1 101 ") {
		t.Fatalf("got %q, %v", head, err)
	}
	return s, conn
}

func opening(t *testing.T) []byte {
	t.Helper()
	h := websocket.New(websocket.Options{})
	h.Open()
	return h.Data([]byte(request())).Send
}

func TestServed(t *testing.T) {
	t.Parallel()
	_, conn := dial(t, websocket.Options{})
	long := strings.Repeat("x", 1<<20)
	go io.WriteString(conn, client(binaryOp, long)+client(closeOp, ""))
	if got, err := io.ReadAll(conn); err != nil || string(got) != server(binaryOp, long)+server(closeOp, "") {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

func TestServedShutdown(t *testing.T) {
	t.Parallel()
	s, conn := dial(t, websocket.Options{})
	result := make(chan error)
	go func() { result <- s.Shutdown(context.Background()) }()
	want := server(closeOp, closeBody(1001, "the server is shutting down"))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v", got, err)
	}
	io.WriteString(conn, client(text, "ignored")+client(closeOp, closeBody(1001, "")))
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v", rest, err)
	}
	conn.Close()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestServedTimeouts(t *testing.T) {
	t.Parallel()
	_, conn := dial(t, websocket.Options{IdleTimeout: 50 * time.Millisecond, CloseTimeout: 50 * time.Millisecond})
	want := server(closeOp, closeBody(1001, "nothing arrived for 50ms"))
	if got, err := io.ReadAll(conn); err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
}
