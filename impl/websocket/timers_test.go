package websocket_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"conform/impl"
	"conform/impl/websocket"
)

// clock is a time that passes when it is told to.
type clock struct{ now time.Time }

func (c *clock) after(d time.Duration) time.Time {
	c.now = c.now.Add(d)
	return c.now
}

func timed(o websocket.Options) (*clock, impl.Timed, impl.Stopper) {
	c := &clock{now: time.Unix(1000, 0)}
	o.Now = func() time.Time { return c.now }
	h := websocket.New(o)
	h.Open()
	return c, h.(impl.Timed), h.(impl.Stopper)
}

// expectDue wants the deadline to be so far off, and nothing to happen sooner.
func expectDue(t *testing.T, c *clock, h impl.Timed, d time.Duration) {
	t.Helper()
	if got := h.Deadline(); !got.Equal(c.now.Add(d)) {
		t.Fatalf("the deadline is in %v, want %v", got.Sub(c.now), d)
	}
	if r := h.Expire(c.now.Add(d - 1)); len(r.Send) > 0 || r.Close {
		t.Fatalf("too early: %q", r.Send)
	}
}

func expectReply(t *testing.T, r impl.Reply, want string, closed bool) {
	t.Helper()
	if !strings.HasPrefix(string(r.Send), want) || want == "" && len(r.Send) > 0 || r.Close != closed {
		t.Fatalf("got %q, closed %v; want %q, %v", r.Send, r.Close, want, closed)
	}
}

func TestHandshakeTimeout(t *testing.T) {
	t.Parallel()
	c, h, _ := timed(websocket.Options{})
	expectDue(t, c, h, 10*time.Second)
	c.after(9 * time.Second)
	expectReply(t, h.Data([]byte("GET ")), "", false)
	expectDue(t, c, h, time.Second)
	expectReply(t, h.Expire(c.after(time.Second)), "HTTP/1.1 408 ", true)

	_, h, _ = timed(websocket.Options{})
	h.Data([]byte(request()))
	if due := h.Deadline(); !due.IsZero() {
		t.Error("there is a deadline after the handshake:", due)
	}
}

func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	c, h, _ := timed(websocket.Options{IdleTimeout: 10 * time.Second})
	h.Data([]byte(request()))
	expectDue(t, c, h, 10*time.Second)
	c.after(6 * time.Second)
	h.Data([]byte(client(text, "Hello")[:3]))
	expectDue(t, c, h, 10*time.Second)
	expectReply(t, h.Expire(c.after(10*time.Second)), server(closeOp, closeBody(1001, "nothing arrived for 10s")), false)
	// The rest of the frame, and one more, are of no interest any more.
	expectReply(t, h.Data([]byte(client(text, "Hello")[3:]+client(ping, "x"))), "", false)
	expectDue(t, c, h, 5*time.Second)
	expectReply(t, h.Data([]byte(client(closeOp, closeBody(1001, "")))), "", true)
}

func TestCloseTimeout(t *testing.T) {
	t.Parallel()
	c, h, _ := timed(websocket.Options{CloseTrigger: "please close", CloseTimeout: time.Second})
	h.Data([]byte(request()))
	expectReply(t, h.Data([]byte(client(0x01, "please ")+client(0x80, "close")+client(text, "x"))), server(closeOp, closeBody(1000, "")), false)
	c.after(time.Second / 2)
	expectReply(t, h.Data([]byte(client(0x02, "x")+client(ping, "")+client(0x80, "y"))), "", false)
	expectDue(t, c, h, time.Second/2)
	expectReply(t, h.Expire(c.after(time.Second/2)), "", true)

	// Whatever else is wrong, there is only one Close.
	for _, in := range []string{client(closeOp, "\x00"), client(0x80, "x"), "\x81\x00", client(closeOp, ""), client(0xf1, "x")} {
		_, h, _ := timed(websocket.Options{CloseTrigger: "please close"})
		h.Data([]byte(request()))
		h.Data([]byte(client(text, "please close")))
		expectReply(t, h.Data([]byte(in)), "", true)
	}
}

func TestKeepalive(t *testing.T) {
	t.Parallel()
	c, h, _ := timed(websocket.Options{PingInterval: 20 * time.Second, PongTimeout: 5 * time.Second})
	h.Data([]byte(request()))
	for range 3 {
		expectDue(t, c, h, 20*time.Second)
		r := h.Expire(c.after(20 * time.Second))
		expectReply(t, r, "\x89", false)
		payload := string(r.Send[2:])
		expectDue(t, c, h, 5*time.Second)
		c.after(time.Second)
		h.Data([]byte(client(pong, "another") + client(text, "x")))
		expectDue(t, c, h, 4*time.Second)
		expectReply(t, h.Data([]byte(client(pong, payload))), "", false)
	}
	h.Expire(c.after(20 * time.Second))
	expectFailure(t, "no Pong", h.Expire(c.after(5*time.Second)), ws.StatusInternalServerError)
}

func TestStop(t *testing.T) {
	t.Parallel()
	_, _, s := timed(websocket.Options{})
	expectReply(t, s.Stop(), "", true)

	c, h, s := timed(websocket.Options{})
	h.Data([]byte(request() + client(0x01, "part")))
	expectReply(t, s.Stop(), server(closeOp, closeBody(1001, "the server is shutting down")), false)
	expectDue(t, c, h, 5*time.Second)
	expectReply(t, h.Data([]byte(client(0x80, "rest"))), "", false)
	expectReply(t, h.Data([]byte(client(closeOp, closeBody(1000, "")))), "", true)

	_, h, s = timed(websocket.Options{CloseTrigger: "please close"})
	h.Data([]byte(request() + client(text, "please close")))
	expectReply(t, s.Stop(), "", false)
	expectReply(t, h.End(), "", true)
}
