package scale

import "time"

// window bounds how many clients are on their way at once: those that connect,
// and those that have connected and not been served for a moment. It follows
// what the server bears, as TCP's own does: it grows with each client that is
// served, and shrinks when a connection is refused or delayed, which is what a
// full backlog does.
type window struct {
	size, used int
	shrunk     time.Duration // when it last shrank
}

const (
	firstWindow = 16
	// maxWindow is what an ordinary backlog holds. More clients on their way
	// at once make connecting no faster.
	maxWindow = 128
	// moment is how long a connection that is not served counts: the next
	// server may serve one client at a time, and is to hold all the same.
	moment = 20 * time.Millisecond
	// delay is how long a connection takes only if its first attempt was
	// dropped: the kernel repeats it after a second.
	delay = 900 * time.Millisecond
	// connectTimeout lets the kernel repeat an attempt twice.
	connectTimeout = 4 * time.Second
	// firstPause and longestPause bound the pause before a refused connection
	// is tried again.
	firstPause   = 5 * time.Millisecond
	longestPause = 500 * time.Millisecond
)

func (w *window) free() bool { return w.used < w.size }

func (w *window) grow() { w.size = min(w.size+1, maxWindow) }

// shrink halves the window, once for what happens at the same time.
func (w *window) shrink(now time.Duration) {
	if now-w.shrunk >= moment {
		w.size, w.shrunk = max(w.size/2, 1), now
	}
}

func pauseAfter(attempts int) time.Duration {
	return min(firstPause<<min(attempts, 10), longestPause)
}
