package serve_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"conform/impl"
	"conform/impl/serve"
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
	everyNetwork(t, func(t *testing.T, network string) {
		s := start(t, listen(t, network), newWaking(20*time.Millisecond, 3), serve.Options{})
		dial(t, s).expectEnd("tickticktick")
	})
}

// What arrives all the time does not put a deadline off.
func TestDeadlineOfBusyClient(t *testing.T) {
	t.Parallel()
	s := start(t, listen(t, "tcp"), func() impl.Handler {
		return &waking{period: 50 * time.Millisecond, last: 1, scripted: scripted{func([]byte) impl.Reply { return impl.Reply{} }}}
	}, serve.Options{})
	c := dial(t, s)
	var done atomic.Bool
	go func() {
		for !done.Load() {
			c.Write([]byte("x"))
			time.Sleep(time.Millisecond)
		}
	}()
	c.expectEnd("tick")
	done.Store(true)
}

func TestShutdownStopsHandlers(t *testing.T) {
	t.Parallel()
	everyNetwork(t, func(t *testing.T, network string) {
		s := start(t, listen(t, network), newWaking(0, 0), serve.Options{})
		idle, busy := dial(t, s), dial(t, s)
		for _, c := range []client{idle, busy} {
			c.send("hello")
			c.expect("hello")
		}
		result := make(chan error)
		go func() { result <- s.Shutdown(context.Background()) }()
		for _, c := range []client{idle, busy} {
			c.expect("stop")
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

func TestShutdownLeavesTheLastWordsAlone(t *testing.T) {
	t.Parallel()
	s := start(t, listen(t, "tcp"), newWaking(0, 0), serve.Options{})
	c := dial(t, s)
	c.send("bye")
	c.expect("bye")
	shutdown(t, s)
	c.expectEnd("")
}

// Close is abrupt: no handler is told.
func TestCloseStopsNothing(t *testing.T) {
	t.Parallel()
	s := start(t, listen(t, "tcp"), newWaking(0, 0), serve.Options{})
	c := dial(t, s)
	c.send("hello")
	c.expect("hello")
	s.Close()
	c.expectEnd("")
}
