//go:build unix

package serve

import (
	"container/heap"
	"time"
)

// timer is a call that is to be made at a time, by a loop.
type timer struct {
	at    time.Time // zero: it is not set
	index int       // in the heap, while it is set
	ring  func(now time.Time)
}

// timers are those that are set, the next one first: a binary heap, so that to
// set one costs little however many there are.
type timers struct{ list timerHeap }

// set moves t, or unsets it with the zero time.
func (ts *timers) set(t *timer, at time.Time) {
	was := t.at
	t.at = at
	switch {
	case was.Equal(at):
	case was.IsZero():
		heap.Push(&ts.list, t)
	case at.IsZero():
		heap.Remove(&ts.list, t.index)
	default:
		heap.Fix(&ts.list, t.index)
	}
}

// next is when to ring; zero is never.
func (ts *timers) next() time.Time {
	if len(ts.list) == 0 {
		return time.Time{}
	}
	return ts.list[0].at
}

// ring calls what is due, each once.
func (ts *timers) ring(now time.Time) {
	var due []*timer
	for len(ts.list) > 0 && !now.Before(ts.list[0].at) {
		t := ts.list[0]
		ts.set(t, time.Time{})
		due = append(due, t)
	}
	for _, t := range due {
		t.ring(now)
	}
}

type timerHeap []*timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return t
}
