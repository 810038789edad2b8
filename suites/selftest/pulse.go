package selftest

import (
	"sync"
	"time"
)

// pulse notices when this process, or the whole machine, did not get on for a
// while: a wait that ran out meanwhile says nothing of a server, and silence
// that was listened to meanwhile says nothing either.
type pulse struct {
	mu     sync.Mutex
	last   time.Time // of the last beat
	stalls []stall
	stop   chan struct{}
}

type stall struct {
	end  time.Time
	long time.Duration
}

const (
	beat = 5 * time.Millisecond
	// noted is from when on a late beat counts as a stall at all.
	noted = 20 * time.Millisecond
)

func newPulse() *pulse {
	p := &pulse{last: time.Now(), stop: make(chan struct{})}
	go func() {
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
			}
			p.mu.Lock()
			now := time.Now()
			if late := now.Sub(p.last) - beat; late > noted {
				p.stalls = append(p.stalls, stall{end: now, long: late})
			}
			p.last = now
			p.mu.Unlock()
		}
	}()
	return p
}

// longest is the longest stall since a moment, one that still lasts included.
func (p *pulse) longest(since time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := time.Since(p.last) - beat
	for i := len(p.stalls) - 1; i >= 0 && p.stalls[i].end.After(since); i-- {
		most = max(most, p.stalls[i].long)
	}
	return most
}
