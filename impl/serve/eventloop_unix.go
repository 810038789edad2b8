//go:build unix

package serve

import (
	"time"

	"golang.org/x/sys/unix"
)

// eventLoop calls functions when sockets are ready, and when it is time. It is
// what a library such as asyncio brings along for model callback. It knows no
// connections. Below it is poll(2), as in model poll.
type eventLoop struct {
	list    []unix.PollFd
	watches []*watch // as list; nil for one that has ended
	ended   bool     // some have
	timers  timers
}

// watch is a socket and who is to be called.
type watch struct {
	loop               *eventLoop
	fd, index          int
	readable, writable func()
}

// watch waits for nothing until it is told to.
func (l *eventLoop) watch(fd int, readable, writable func()) *watch {
	w := &watch{loop: l, fd: fd, index: len(l.list), readable: readable, writable: writable}
	l.list = append(l.list, unix.PollFd{Fd: -1})
	l.watches = append(l.watches, w)
	return w
}

// wait makes the loop wait for these events: POLLIN, POLLOUT, or none, when
// hang-ups are none of its business either.
func (w *watch) wait(events int16) {
	fd := int32(w.fd)
	if events == 0 {
		fd = -1 // poll takes no notice of it
	}
	p := &w.loop.list[w.index]
	p.Fd, p.Events = fd, events
}

// end forgets the socket. The list is put in order after the turn, which may
// be in the middle of it.
func (w *watch) end() {
	w.wait(0)
	w.loop.watches[w.index] = nil
	w.loop.ended = true
}

// turn waits until something happens and makes the calls that are due.
func (l *eventLoop) turn() error {
	if l.ended {
		l.tidy()
	}
	n := len(l.list) // who comes during the turn is asked about in the next
	if _, err := unix.Poll(l.list, timeout(time.Now(), l.timers.next())); err == unix.EINTR {
		n = 0
	} else if err != nil {
		return err
	}
	l.timers.ring(time.Now())
	for i := range n {
		// A call may have changed what this one waits for, or ended it.
		w, got := l.watches[i], l.list[i].Revents
		if got&^(unix.POLLIN|unix.POLLOUT) != 0 {
			// A reset or a hang-up: who waits for anything finds out by trying.
			got = unix.POLLIN | unix.POLLOUT
		}
		if got &= l.list[i].Events; w == nil || got == 0 {
			continue
		}
		if got&unix.POLLIN != 0 {
			w.readable()
		} else {
			w.writable()
		}
	}
	return nil
}

func (l *eventLoop) tidy() {
	kept := 0
	for i, w := range l.watches {
		if w != nil {
			w.index = kept
			l.list[kept], l.watches[kept] = l.list[i], w
			kept++
		}
	}
	clear(l.watches[kept:])
	l.list, l.watches, l.ended = l.list[:kept], l.watches[:kept], false
}
