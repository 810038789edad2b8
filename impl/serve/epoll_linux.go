package serve

import (
	"time"

	"golang.org/x/sys/unix"
)

// epoll serves all clients in one loop. The kernel keeps the list of sockets,
// and tells each time only what has changed.
//
// Edge-triggered, it tells a change once. Whoever stops reading while there is
// more will not be told of the rest: not of the second client of two that came
// together, not of the bytes beyond the buffer, not of the FIN behind them. So
// the loop remembers who is ready, from the edge until there is no more, and
// goes round those in turns: one that always has more to say gets as much of the
// loop as any other. That there is no more is what EAGAIN says, and what a read
// says that gives less than it could, which spares a call for each message.
// Behind such a read there may be a FIN, which EPOLLRDHUP tells of: then it is
// read to the end.
//
// Room to write is news only to a connection that waits for it. It asks for
// EPOLLOUT when a write has said EAGAIN; to ask again is to be told again, so
// that room which has come meanwhile is not missed.
func epoll(s *Server) {
	l := &epollLoop{server: s, talks: map[int32]*epollTalk{}, buf: make([]byte, readSize)}
	if err := l.run(); err != nil {
		s.fail(err)
	}
}

type epollLoop struct {
	server *Server
	fd     int // of the epoll itself
	orders *orders
	door   *door
	knocks bool // somebody is at the door, as far as is known
	talks  map[int32]*epollTalk
	ready  []*epollTalk
	spare  []*epollTalk // the list of the last round, to be used again
	timers timers
	buf    []byte
}

type epollTalk struct {
	*talk
	timer timer
	ready bool // from an edge until there is no more; it is in the loop's list
	end   bool // behind what is left to read there is an end
	out   bool // EPOLLOUT is asked for
}

// edges are what is always asked for of a connection.
const edges = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET

// stepsAtOnce is how much one connection may do before it is another's turn.
const stepsAtOnce = 4

func (l *epollLoop) run() (err error) {
	if l.orders, err = newOrders(); err != nil {
		return err
	}
	defer l.orders.close()
	l.server.join(l.orders)
	defer l.server.leave(l.orders)
	if l.door, err = openDoor(l.server); err != nil {
		return err
	}
	if l.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	defer unix.Close(l.fd)
	if err := l.watch(unix.EPOLL_CTL_ADD, l.orders.fd, unix.EPOLLIN); err != nil {
		return err
	}
	if err := l.watch(unix.EPOLL_CTL_ADD, l.door.fd, unix.EPOLLIN|unix.EPOLLET); err != nil {
		return err
	}
	defer func() {
		for _, t := range l.talks {
			t.close()
		}
	}()

	parted, ordered := false, true
	events := make([]unix.EpollEvent, 256)
	for {
		part, end := false, false
		if ordered {
			ordered = false
			part, end = l.orders.take()
		}
		if part && !parted {
			parted = true
			for _, t := range l.talks {
				t.stop()
				l.after(t)
			}
		}
		if end || l.server.stopping() && len(l.talks) == 0 {
			return nil
		}

		n, err := unix.EpollWait(l.fd, events, l.patience(time.Now()))
		if err != nil && err != unix.EINTR {
			return err
		}
		// Remember first, act then: what acts may close a socket, whose number
		// the next client gets, while news of the old one are still to be read.
		for _, e := range events[:max(n, 0)] {
			switch e.Fd {
			case int32(l.orders.fd):
				ordered = true
			case int32(l.door.fd):
				l.knocks = true
			default:
				// Whether it is EPOLLIN, OUT, ERR or HUP: the talk finds out
				// when it does what it wanted to do.
				if t := l.talks[e.Fd]; t != nil {
					t.end = t.end || e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
					l.wake(t)
				}
			}
		}
		now := time.Now()
		l.timers.ring(now)
		l.round()
		l.accept(now)
	}
}

// patience is how long the loop may wait for news, as EpollWait counts.
func (l *epollLoop) patience(now time.Time) int {
	due := l.timers.next()
	switch {
	case len(l.ready) > 0, l.knocks && l.door.open(now):
		return 0
	case l.knocks:
		due = earlier(due, l.door.resumes)
	}
	return timeout(now, due)
}

func (l *epollLoop) wake(t *epollTalk) {
	if !t.ready {
		t.ready = true
		l.ready = append(l.ready, t)
	}
}

// round gives everyone who is ready a turn.
func (l *epollLoop) round() {
	all := l.ready
	l.ready = l.spare[:0]
	for _, t := range all {
		t.ready = false
		wait := false
		for i := 0; i < stepsAtOnce && !wait && t.phase != over; i++ {
			wait = t.step(l.buf) || t.short && !t.end
		}
		if !wait && t.phase != over {
			l.wake(t)
		}
		l.after(t)
	}
	clear(all)
	l.spare = all
}

// accept takes those at the door, until the kernel says that there is nobody.
func (l *epollLoop) accept(now time.Time) {
	for range acceptsAtOnce {
		if !l.knocks || !l.door.open(now) {
			return
		}
		fd, from, ok := l.door.accept()
		if !ok {
			// Nobody, or no descriptor for somebody, who still knocks then.
			l.knocks = !l.door.resumes.IsZero()
			return
		}
		t := &epollTalk{talk: l.server.newTalk(fd, from)}
		t.timer.ring = func(now time.Time) {
			t.expire(now)
			l.after(t)
		}
		l.talks[int32(fd)] = t
		// What has arrived before is an edge as well.
		if err := l.watch(unix.EPOLL_CTL_ADD, fd, edges); err != nil {
			t.broke(err)
		}
		l.after(t)
	}
}

// after puts down what a talk waits for now, or that it is over.
func (l *epollLoop) after(t *epollTalk) {
	if t.phase != over && t.writing() != t.out {
		t.out = !t.out
		events := uint32(edges)
		if t.out {
			events |= unix.EPOLLOUT
		}
		if err := l.watch(unix.EPOLL_CTL_MOD, t.fd, events); err != nil {
			t.broke(err)
		}
	}
	if t.phase != over {
		l.timers.set(&t.timer, t.due)
		return
	}
	l.timers.set(&t.timer, time.Time{})
	if l.talks[int32(t.fd)] == t {
		delete(l.talks, int32(t.fd))
		t.close() // which also ends the watch
		l.door.left()
	}
}

func (l *epollLoop) watch(op, fd int, events uint32) error {
	return unix.EpollCtl(l.fd, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}
