package scale

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"conform/specs"
)

// goroutines is the engine with a goroutine for each client.
type goroutines struct {
	*shared
	ctx     context.Context // done when connecting is over
	stop    context.CancelFunc
	clients []*visitor
	workers []*locked
	running sync.WaitGroup
	ramped  sync.Once
	gate    gate
	out     sync.Pool // of *[]byte
}

// locked is a worker that several clients take turns with.
type locked struct {
	sync.Mutex
	*worker
}

// visitor is a client and its connection.
type visitor struct {
	mu sync.Mutex // held while the client hears and says something
	client
	conn atomic.Pointer[net.Conn] // nil while there is none
}

// gate is the window that all clients go through.
type gate struct {
	mu     sync.Mutex
	window window
	freed  chan struct{} // closed and replaced when there may be room
	paused time.Duration
	failed int // refusals in a row
}

// workersShared is how many workers the clients share: enough that they rarely
// wait for each other.
const workersShared = 8

// readSize is how much a client reads at once. Each holds as much while it
// waits. A usual answer fits; others take a few reads.
const readSize = 192

func newGoroutines(s *shared) *goroutines {
	e := &goroutines{shared: s, clients: make([]*visitor, s.options.Clients)}
	e.ctx, e.stop = context.WithCancel(context.Background())
	e.gate.window.size, e.gate.freed = firstWindow, make(chan struct{})
	e.out.New = func() any { b := make([]byte, 0, 512); return &b }
	for range workersShared {
		e.workers = append(e.workers, &locked{worker: newWorker(s)})
	}
	return e
}

func (e *goroutines) start() error {
	for i := range e.clients {
		e.clients[i] = &visitor{client: client{id: int32(i)}}
	}
	// Whoever has no goroutine yet needs no stack either.
	e.running.Go(func() {
		for _, v := range e.clients {
			if !e.gate.enter(e.ctx, e.shared) {
				break
			}
			e.running.Go(func() { e.visit(v) })
		}
	})
	return nil
}

func (e *goroutines) kick() {
	phase := e.phase.Load()
	if phase > ramping {
		e.stop()
	}
	switch phase {
	case conversing:
		e.ramped.Do(func() {
			for _, v := range e.clients {
				if v.mu.TryLock() {
					e.prompt(v)
					v.mu.Unlock()
					continue
				}
				// It is about to look at the phase, or has just done so.
				e.running.Go(func() {
					v.mu.Lock()
					defer v.mu.Unlock()
					e.prompt(v)
				})
			}
		})
	case over:
		for _, v := range e.clients {
			v.interrupt()
		}
	}
}

// interrupt ends a read, and a write that nobody takes.
func (v *visitor) interrupt() {
	if nc := v.conn.Load(); nc != nil {
		_ = (*nc).SetDeadline(time.Unix(1, 0))
	}
}

func (e *goroutines) wait() {
	e.running.Wait()
	for _, v := range e.clients {
		w := e.workers[int(v.id)%len(e.workers)]
		if !v.settled && !e.forgiving.Load() {
			message := "not tried: the clients before got no further"
			if v.began > 0 {
				message = "no connection up to the end"
			}
			w.refused(&v.client, specs.ConnectFailed, message, true)
		}
	}
}

func (e *goroutines) each(f func(*client)) {
	for _, v := range e.clients {
		f(&v.client)
	}
}

func (e *goroutines) tallies() (all []*tally) {
	for _, w := range e.workers {
		all = append(all, w.tally)
	}
	return all
}

func (e *goroutines) sources() int { return 1 }

// enter waits for room in the window and takes it.
func (g *gate) enter(ctx context.Context, s *shared) bool {
	for {
		g.mu.Lock()
		pause := g.paused - s.now()
		if pause <= 0 && g.window.free() {
			g.window.used++
			g.mu.Unlock()
			return ctx.Err() == nil
		}
		freed := g.freed
		g.mu.Unlock()
		if pause <= 0 {
			pause = time.Hour
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-freed:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return false
		}
	}
}

// leave frees the room that a client took.
func (g *gate) leave(change func(*window)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.window.used--
	change(&g.window)
	close(g.freed)
	g.freed = make(chan struct{})
}

func (e *goroutines) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: connectTimeout, KeepAliveConfig: net.KeepAliveConfig{Enable: false}, KeepAlive: -1}
	nc, err := d.DialContext(ctx, e.options.Network, e.options.Address)
	if err != nil || e.options.TLS == nil {
		return nc, err
	}
	tc := tls.Client(nc, e.options.TLS)
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := tc.HandshakeContext(ctx); err != nil {
		reset(nc)
		return nil, err
	}
	return tc, nil
}

// visit is the life of a client. It has room in the window.
func (e *goroutines) visit(v *visitor) {
	w := e.workers[int(v.id)%len(e.workers)]
	v.began = max(e.now(), 1)
	if nc := e.connect(w, v); nc != nil {
		// To connect takes a large stack, and to converse a small one: those
		// who converse are many, and begin with a new one.
		e.running.Go(func() { e.converse(w, v, nc) })
	}
}

// converse is the conversation of a client that has connected.
func (e *goroutines) converse(w *locked, v *visitor, nc net.Conn) {
	inside := true // the window
	leave := func(change func(*window)) {
		if inside {
			inside = false
			e.gate.leave(change)
		}
	}
	crowded := time.AfterFunc(moment, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		leave(func(*window) {})
	})
	defer func() {
		if crowded != nil {
			crowded.Stop()
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		leave(func(*window) {})
		reset(nc)
		e.counts.open.Add(-1)
	}()

	v.conn.Store(&nc)
	if e.phase.Load() == over { // and was so before there was anything to interrupt
		v.interrupt()
	}
	v.mu.Lock()
	ok := e.turn(w, v, func(now time.Duration) bool { return w.begin(&v.client, now) })
	v.mu.Unlock()
	in := make([]byte, readSize)
	for ok {
		n, err := nc.Read(in)
		v.mu.Lock()
		if n > 0 && e.phase.Load() == over {
			// It comes because others have gone, and too late to count.
			n, err = 0, os.ErrDeadlineExceeded
		}
		if n > 0 {
			ok = e.turn(w, v, func(now time.Duration) bool { return w.hear(&v.client, in[:n], now) })
			if v.right > 0 && crowded != nil {
				crowded.Stop()
				crowded = nil // whoever stays for long needs no timer
				leave((*window).grow)
			}
		}
		if ok && err != nil {
			ok = false
			e.parted(w, v, err)
		}
		v.mu.Unlock()
	}
}

// connect makes a client's connection, however often it takes.
func (e *goroutines) connect(w *locked, v *visitor) net.Conn {
	for {
		began := e.now()
		nc, err := e.dial(e.ctx)
		now := e.now()
		if err == nil {
			e.counts.opened(now)
			if now-began > delay {
				e.counts.delayed.Add(1)
			}
			w.Lock()
			record(w.tally.connect, now-began)
			w.Unlock()
			e.gate.mu.Lock()
			e.gate.failed, e.gate.paused = 0, 0
			e.gate.mu.Unlock()
			return nc
		}
		e.gate.leave(func(win *window) {
			win.shrink(now)
			e.gate.paused = now + pauseAfter(e.gate.failed)
			e.gate.failed++
		})
		if e.ctx.Err() != nil {
			return nil
		}
		code, message := specs.ConnectFailed, last(err)
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EAGAIN) {
			code, message = specs.Refused, "connection refused"
		}
		w.refused(&v.client, code, message, false)
		if !e.gate.enter(e.ctx, e.shared) {
			return nil
		}
	}
}

// last is the system's own words in a network error.
func last(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// turn lets the worker do something with a client, and sends what comes of it.
// The client is locked.
func (e *goroutines) turn(w *locked, v *visitor, do func(now time.Duration) bool) bool {
	out := e.out.Get().(*[]byte)
	defer e.out.Put(out)
	w.Lock()
	ok := do(e.now())
	*out = append((*out)[:0], w.out...)
	w.Unlock()
	if ok && len(*out) > 0 {
		_, _ = (*v.conn.Load()).Write(*out) // how the connection ended is known to who reads it
	}
	return ok
}

// prompt has a client that waits for all to be there go on. It is locked.
func (e *goroutines) prompt(v *visitor) {
	if v.conn.Load() == nil {
		return
	}
	w := e.workers[int(v.id)%len(e.workers)]
	e.turn(w, v, func(now time.Duration) bool {
		w.out = w.out[:0]
		w.next(&v.client, now)
		return true
	})
}

// parted judges the end of reading.
func (e *goroutines) parted(w *locked, v *visitor, err error) {
	w.Lock()
	defer w.Unlock()
	switch {
	case e.phase.Load() == over && errors.Is(err, os.ErrDeadlineExceeded):
		w.unanswered(&v.client)
	case errors.Is(err, io.EOF):
		w.ended(&v.client, specs.ClosedEarly, "hung up")
	case errors.Is(err, syscall.ECONNRESET):
		w.ended(&v.client, specs.ResetEarly, "reset the connection")
	default:
		w.ended(&v.client, specs.ResetEarly, "broke the connection ("+last(err)+")")
	}
}

// reset closes a connection so that the kernel keeps nothing of it.
func reset(nc net.Conn) {
	inner := nc
	if tc, ok := nc.(*tls.Conn); ok {
		inner = tc.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	inner.Close()
}

// visit has one client served, and says what went wrong.
func visit(ctx context.Context, s *shared) (problem string) {
	w := newWorker(s)
	e := newGoroutines(s)
	defer e.stop()
	nc, err := e.dial(ctx)
	if err != nil {
		return last(err)
	}
	defer reset(nc)
	defer context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })()
	var c client
	ok := w.begin(&c, s.now())
	in := make([]byte, 4<<10)
	for ok && c.right == 0 {
		if len(w.out) > 0 {
			_, _ = nc.Write(w.out)
		}
		n, err := nc.Read(in)
		if n > 0 {
			ok = w.hear(&c, in[:n], s.now())
		} else if err != nil {
			if ctx.Err() != nil {
				return fmt.Sprintf("no answer within %s", s.now().Round(time.Millisecond))
			}
			return "the connection ended: " + last(err)
		}
	}
	if c.right > 0 {
		return ""
	}
	for _, f := range s.faults.list() {
		return f.First.Message
	}
	return "no answer"
}
