package serve_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"conform/impl"
)

// waking is a handler that says when it was woken or stopped.
type waking struct {
	scripted
	due    time.Time
	period time.Duration
	last   int // the Expire that closes
	woken  int
}

func (w *waking) Open() impl.Reply {
	if w.period > 0 {
		w.due = time.Now().Add(w.period)
	}
	return impl.Reply{}
}

func (w *waking) Deadline() time.Time { return w.due }

func (w *waking) Expire(now time.Time) impl.Reply {
	if now.Before(w.due) {
		return impl.Reply{Send: []byte("too early"), Close: true}
	}
	w.woken++
	w.due = now.Add(w.period)
	return impl.Reply{Send: []byte("tick"), Close: w.woken == w.last}
}

func (w *waking) Stop() impl.Reply {
	w.due = time.Time{}
	return impl.Reply{Send: []byte("stop")}
}

func newWaking(period time.Duration, last int) func() impl.Handler {
	return func() impl.Handler {
		return &waking{period: period, last: last, scripted: scripted{func(p []byte) impl.Reply {
			return impl.Reply{Send: p, Close: string(p) == "bye"}
		}}}
	}
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		dial(t, p.start(t, "ticking")).expectEnd("tickticktick")
	})
}

// What arrives all the time does not put a deadline off.
func TestDeadlineOfBusyClient(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		s := p.start(t, "ticking")
		c := dial(t, s)
		var done atomic.Bool
		go func() {
			for !done.Load() {
				c.Write([]byte(" "))
				time.Sleep(time.Millisecond)
			}
		}()
		got, err := io.ReadAll(c)
		done.Store(true)
		if text := strings.ReplaceAll(string(got), " ", ""); text != "tickticktick" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestShutdownStopsHandlers(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		s := p.start(t, "waking")
		idle := dial(t, s)
		busy := idle
		if p.clients > 1 {
			busy = dial(t, s)
		}
		for _, c := range []client{idle, busy} {
			c.send("hello")
			c.expect("hello")
		}
		result := make(chan error)
		go func() { result <- s.Shutdown(context.Background()) }()
		idle.expect("stop")
		if busy != idle {
			busy.expect("stop")
		}
		// The conversation goes on, and nobody is told twice.
		busy.send("still")
		busy.expect("still")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error("the second time:", err)
		}
		for _, c := range []client{idle, busy} {
			c.Close()
		}
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

// Who does not read when the server shuts down is told when it does.
func TestShutdownStopsHandlersThatWrite(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		s := p.start(t, "waking")
		c := dial(t, s)
		sent := stall(c)
		go s.Shutdown(t.Context())
		waitUntilRefused(t, s)
		got := make([]byte, sent+len("stop"))
		n, err := io.ReadFull(c, got)
		if err != nil || !bytes.Equal(bytes.Replace(got, []byte("stop"), nil, 1), pattern(0, sent)) {
			t.Errorf("sent %d bytes, got %d with %d stops: %v", sent, n, bytes.Count(got, []byte("stop")), err)
		}
		c.closeWrite()
		c.expectEnd("")
	})
}

func TestShutdownLeavesTheLastWordsAlone(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		s := p.start(t, "waking")
		c := dial(t, s)
		c.send("bye")
		c.expect("bye")
		result := make(chan error)
		go func() { result <- s.Shutdown(context.Background()) }()
		waitUntilRefused(t, s)
		c.expectEnd("")
		c.Close()
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

// Close is abrupt: no handler is told.
func TestCloseStopsNothing(t *testing.T) {
	t.Parallel()
	everyModel(t, func(t *testing.T, p place) {
		s := p.start(t, "waking")
		c := dial(t, s)
		c.send("hello")
		c.expect("hello")
		s.Close()
		c.expectEnd("")
	})
}
