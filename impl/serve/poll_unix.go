//go:build unix

package serve

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// poll serves all clients in one loop. Each turn it writes down every socket
// with what its connection waits for, asks the kernel which of them are ready,
// and does one thing for each of those.
//
// poll(2) is level-triggered: it tells what is ready, however often it is
// asked. What is left over in one turn is told again in the next, so that a
// turn may do as little as it likes for one client, and every client gets its
// turn. The price is a list as long as there are clients, each time, of which
// the kernel looks at every entry.
func poll(s *Server) {
	orders, err := newOrders()
	if err != nil {
		s.fail(err)
		return
	}
	defer orders.close()
	s.join(orders)
	defer s.leave(orders)
	door, err := openDoor(s)
	if err != nil {
		s.fail(err)
		return
	}

	var talks []*talk
	defer func() {
		for _, t := range talks {
			t.close()
		}
	}()
	parted, ordered := false, true
	buf := make([]byte, readSize)
	var list []unix.PollFd // orders, door, then the talks
	for {
		part, end := false, false
		if ordered {
			part, end = orders.take()
		}
		if part && !parted {
			parted = true
			for _, t := range talks {
				t.stop()
			}
		}
		talks = slices.DeleteFunc(talks, func(t *talk) bool {
			if t.phase == over {
				t.close()
				door.left()
			}
			return t.phase == over
		})
		if end || s.stopping() && len(talks) == 0 {
			return
		}

		// Who waits for what, and until when?
		now := time.Now()
		list = append(list[:0], unix.PollFd{Fd: int32(orders.fd), Events: unix.POLLIN}, unix.PollFd{Fd: -1, Events: unix.POLLIN})
		due := door.resumes
		if door.open(now) {
			list[1].Fd = int32(door.fd)
		}
		for _, t := range talks {
			events := int16(unix.POLLIN)
			if t.writing() {
				events = unix.POLLOUT
			}
			list = append(list, unix.PollFd{Fd: int32(t.fd), Events: events})
			due = earlier(due, t.due)
		}

		if _, err := unix.Poll(list, timeout(now, due)); err != nil && err != unix.EINTR {
			s.fail(err)
			return
		}

		ordered = list[0].Revents != 0
		// Resets and hang-ups are told unasked, and show when the talk does
		// what it wanted to do.
		now = time.Now()
		for i, t := range talks {
			t.expire(now)
			if t.phase != over && list[2+i].Revents != 0 {
				t.step(buf)
			}
		}
		if list[1].Revents == 0 {
			continue
		}
		for range acceptsAtOnce {
			fd, from, ok := door.accept()
			if !ok {
				break
			}
			talks = append(talks, s.newTalk(fd, from))
		}
	}
}
