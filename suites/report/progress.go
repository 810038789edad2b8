package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// ProgressOptions says how the state of a run is shown while it goes on.
type ProgressOptions struct {
	Terminal bool          // one line, rewritten in place
	Color    bool          //
	Every    time.Duration // between plain lines when it is no terminal; 0 is 10 s
	Width    int           // columns of the terminal; 0 is 80
	Failed   string        // what is said of those that failed; empty is "failed"
	Since    time.Time     // when it began; zero is now
}

// Progress shows how far a run has come. A run that is over soon shows nothing.
type Progress struct {
	w     io.Writer
	total int
	o     ProgressOptions
	start time.Time
	stop  chan struct{}
	ended chan struct{}
	once  sync.Once

	mu           sync.Mutex
	done, failed int
	running      []string
}

const (
	progressDelay = 500 * time.Millisecond // before the first line on a terminal
	progressFirst = 5 * time.Second        // before the first line elsewhere
	progressPace  = 100 * time.Millisecond // between two states on a terminal
)

// NewProgress starts the display of a run of total requirements, or, when it is
// 0, of the look at a target before its requirements are known. Until Stop has
// returned, nothing else may be written to w.
func NewProgress(w io.Writer, total int, o ProgressOptions) *Progress {
	o.Every = max(cmp.Or(o.Every, 10*time.Second), time.Millisecond)
	o.Failed = cmp.Or(o.Failed, "failed")
	o.Width = max(cmp.Or(o.Width, 80), 20)
	p := &Progress{w: w, total: total, o: o, start: cmp.Or(o.Since, time.Now()), stop: make(chan struct{}), ended: make(chan struct{})}
	go p.show()
	return p
}

// Update tells how many requirements are done, how many of these failed, and
// which are being tested now.
func (p *Progress) Update(done, failed int, running []string) {
	running = append([]string(nil), running...)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.failed, p.running = done, failed, running
}

// Stop ends the display and clears its line. It may be called more than once.
func (p *Progress) Stop() {
	p.once.Do(func() { close(p.stop) })
	<-p.ended
}

func (p *Progress) show() {
	defer close(p.ended)
	wait, every := progressFirst, p.o.Every
	if p.o.Terminal {
		wait, every = progressDelay, progressPace
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	shown := false
	for {
		select {
		case <-p.stop:
			if shown && p.o.Terminal {
				io.WriteString(p.w, "\r\x1b[K")
			}
			return
		case <-timer.C:
		}
		if p.o.Terminal {
			// One column less than there are: some terminals scroll when
			// the last one is written.
			io.WriteString(p.w, "\r\x1b[K"+p.state(p.o.Width-1))
		} else {
			io.WriteString(p.w, p.state(200)+"\n")
		}
		shown = true
		timer.Reset(every)
	}
}

// state is the line. What does not fit is left out of the list of what is
// being tested, so that the numbers stay.
func (p *Progress) state(width int) string {
	p.mu.Lock()
	done, failed, running := p.done, p.failed, p.running
	p.mu.Unlock()

	before := fmt.Sprintf("%d/%d", done, p.total)
	if p.total == 0 {
		before = "looking"
	}
	failures := ""
	if failed > 0 {
		failures = fmt.Sprintf("%d %s", failed, p.o.Failed)
	}
	after := fmt.Sprintf("%.1f s", time.Since(p.start).Seconds())

	room := width - columns(before) - columns(" · ")*2 - columns(after)
	if failures != "" {
		room -= columns(failures) + columns(" · ")
	}
	name := ""
	if len(running) > 0 {
		more := ""
		if n := len(running) - 1; n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		if room > 10+len(more) {
			name = firstColumns(shortID(running[0], room-len(more)), room-len(more)) + more
		}
	}
	if room < 0 {
		return firstColumns(before+" · "+after, width) // a very narrow terminal
	}
	if p.o.Color && failures != "" {
		failures = fmt.Sprintf("\x1b[%dm%s\x1b[0m", red, failures)
	}
	var parts []string
	for _, part := range []string{before, failures, name, after} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " · ")
}

// shortID cuts an ID at its end: its start says where it belongs.
func shortID(id string, room int) string {
	c := clean(id[:min(len(id), 8*room)])
	if columns(c) <= room {
		return c
	}
	return firstColumns(c, room-1) + "…"
}
