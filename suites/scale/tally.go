package scale

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"conform/specs"
	"conform/specs/wire"
	"conform/suites/report"
)

// counts are read while the engines write them.
type counts struct {
	made     atomic.Int64 // connections
	open     atomic.Int64 // connections now
	mostOpen atomic.Int64
	served   atomic.Int64 // clients that got an answer to a message
	settled  atomic.Int64 // clients that were served or are given up
	right    atomic.Int64 // answers to messages
	waiting  atomic.Int64 // clients that were served, and to which an answer is due
	lost     atomic.Int64
	refused  atomic.Int64 // attempts to connect
	delayed  atomic.Int64
	errors   atomic.Int64 // harmless ones excepted
	lastMade atomic.Int64 // when the last connection was made, since the start
}

func (c *counts) opened(at time.Duration) {
	c.made.Add(1)
	c.lastMade.Store(int64(at))
	n := c.open.Add(1)
	for {
		most := c.mostOpen.Load()
		if n <= most || c.mostOpen.CompareAndSwap(most, n) {
			return
		}
	}
}

// tally is what one worker collects on the side.
type tally struct {
	connect, served, latency *hdrhistogram.Histogram // in microseconds
}

// longest is the longest time that is told from longer ones.
const longest = time.Hour

func newTally() *tally {
	h := func() *hdrhistogram.Histogram {
		return hdrhistogram.New(1, int64(longest/time.Microsecond), 2)
	}
	return &tally{h(), h(), h()}
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(int64(min(max(d, 0), longest-time.Second) / time.Microsecond))
}

func (t *tally) add(from *tally) {
	t.connect.Merge(from.connect)
	t.served.Merge(from.served)
	t.latency.Merge(from.latency)
}

func distribution(h *hdrhistogram.Histogram) report.Distribution {
	milliseconds := func(microseconds int64) float64 { return float64(microseconds) / 1000 }
	d := report.Distribution{Count: h.TotalCount()}
	if d.Count == 0 {
		return d
	}
	quantile := func(q float64) float64 { return milliseconds(min(h.ValueAtQuantile(q), h.Max())) }
	d.P50, d.P90, d.P99, d.P999, d.Max = quantile(50), quantile(90), quantile(99), quantile(99.9), milliseconds(h.Max())
	bound := int64(10)
	for _, bar := range h.Distribution() {
		if bar.Count == 0 {
			continue
		}
		for bound < bar.To {
			bound += max(bound/5, 1)
		}
		if n := len(d.Buckets); n > 0 && d.Buckets[n-1].To == milliseconds(bound) {
			d.Buckets[n-1].Count += bar.Count
			continue
		}
		d.Buckets = append(d.Buckets, report.Bucket{To: milliseconds(bound), Count: bar.Count})
	}
	return d
}

// mishaps collects errors by their kind. They are rare, or the run is in ruins.
type mishaps struct {
	mu    sync.Mutex
	order []specs.Code
	kinds map[specs.Code]*report.ScaleError
}

// fault is an error as the engines see it, in bytes.
type fault struct {
	code           specs.Code
	harmless       bool
	client, turn   int
	message        string
	sent, expected []byte
	received       []byte
}

// shown is how many bytes of a message an example shows.
const shown = 200

func (f *mishaps) add(e fault, at time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kinds == nil {
		f.kinds = map[specs.Code]*report.ScaleError{}
	}
	if known := f.kinds[e.code]; known != nil {
		known.Count++
		known.Harmless = known.Harmless && e.harmless
		return
	}
	quote := func(p []byte) string {
		if len(p) == 0 {
			return ""
		}
		return wire.Quote(p, shown)
	}
	f.kinds[e.code] = &report.ScaleError{Code: e.code, Count: 1, Harmless: e.harmless, First: report.ScaleExample{
		Client: e.client, Turn: e.turn, AtMS: ms(at), Message: e.message,
		Sent: quote(e.sent), Expected: quote(e.expected), Received: quote(e.received)}}
	f.order = append(f.order, e.code)
}

func (f *mishaps) list() []report.ScaleError {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := []report.ScaleError{}
	for _, code := range f.order {
		all = append(all, *f.kinds[code])
	}
	return all
}

func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
