package scale

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"time"

	"conform/specs"
	"conform/suites/report"
)

// Engine names a way of holding clients.
type Engine string

const (
	Best       Engine = ""           // the event loop where it can be had
	EventLoop  Engine = "event loop" // plain TCP on Linux
	Goroutines Engine = "goroutines"
)

// Options say what is held at what.
type Options struct {
	Network, Address string      // tcp or unix
	TLS              *tls.Config // nil for none
	Talk             specs.Talk
	Clients          int
	For              time.Duration // how long all converse
	// Patience is how long nothing may come of waiting before it ends.
	Patience time.Duration
	Engine   Engine
	// Progress hears of the state once a second; nil for nobody.
	Progress func(report.ScaleProgress)

	ports [2]uint16 // the local ports to use, for tests; zero for the system's
}

// DefaultFor is how long so many clients converse if nobody says: long enough
// for percentiles that mean something.
func DefaultFor(clients int) time.Duration {
	switch {
	case clients < 100:
		return time.Second
	case clients < 1000:
		return 2 * time.Second
	case clients < 5000:
		return 3 * time.Second
	}
	return 5 * time.Second
}

// engine holds the clients. Its workers run until the phase is over.
type engine interface {
	start() error
	// kick makes the clients see that the phase has changed.
	kick()
	// wait waits until the phase is over and every connection is closed.
	// Afterwards the clients and tallies stand still.
	wait()
	each(func(*client))
	tallies() []*tally
	sources() int
}

// Run holds the clients and says what came of it. The error is one of the
// environment, such as a limit on open files, found before anything was opened.
// Cancel ctx with specs.ErrInterrupted as its cause when the user ends the run.
func Run(ctx context.Context, o Options) (*report.Scale, error) {
	if o.Clients < 1 {
		return nil, fmt.Errorf("%d clients: at least one is needed", o.Clients)
	}
	if err := Room(o.Clients); err != nil {
		return nil, err
	}
	if o.Engine == Best {
		o.Engine = Goroutines
		if haveEventLoop && o.Network == "tcp" && o.TLS == nil {
			o.Engine = EventLoop
		}
	}
	s := &shared{options: o, start: time.Now()}
	var e engine
	if o.Engine == EventLoop {
		addresses, err := resolve(ctx, o.Address)
		if err != nil {
			return nil, err
		}
		e = newEventLoops(s, addresses)
	} else {
		e = newGoroutines(s)
	}
	if err := e.start(); err != nil {
		return nil, err
	}
	c := &conductor{shared: s, engine: e, result: &report.Scale{Clients: o.Clients, Engine: string(o.Engine), ForMS: ms(o.For), Ended: "complete"}}
	c.interval, c.sampled = firstInterval, s.start
	c.conduct(ctx)
	return c.result, nil
}

// conductor leads the engine through the phases.
type conductor struct {
	*shared
	engine engine
	result *report.Scale

	interval            time.Duration // of the series
	sampled             time.Time
	made, right, errors int64 // when last sampled
	progressed          time.Time
	progressRight       int64
}

const (
	tick          = 5 * time.Millisecond
	firstInterval = 100 * time.Millisecond
	maxIntervals  = 600
)

func (c *conductor) conduct(ctx context.Context) {
	r, n := c.result, &c.counts
	c.progressed = c.start
	ticker := time.NewTicker(tick)
	defer ticker.Stop()

	// await waits until something is so, until limit has passed, or until
	// nothing more comes.
	await := func(limit time.Duration, sum func() int64, done func() bool) {
		began := time.Now()
		last, moved := sum(), began
		for ctx.Err() == nil && !done() {
			now := time.Now()
			if current := sum(); current != last {
				last, moved = current, now
			}
			if now.Sub(began) >= limit || now.Sub(moved) >= c.options.Patience && limit == forever {
				return
			}
			select {
			case <-ctx.Done():
			case now := <-ticker.C:
				c.observe(now)
			}
		}
	}
	settling := func() int64 { return n.made.Load() + n.served.Load() + n.settled.Load() }
	answers := func() int64 { return n.right.Load() + n.errors.Load() }

	await(forever, settling, func() bool { return n.settled.Load() >= int64(c.options.Clients) })
	r.RampMS = ms(c.now())
	if n.served.Load() > 0 && ctx.Err() == nil {
		before, began := n.right.Load(), time.Now()
		c.enter(conversing)
		await(c.options.For, answers, func() bool { return n.open.Load() == 0 })
		held := time.Since(began)
		r.HoldMS, r.RoundTrips.Held = ms(held), n.right.Load()-before
		r.RoundTrips.PerSecond = round(float64(r.RoundTrips.Held) / held.Seconds())
	}
	if n.open.Load() == 0 && ctx.Err() == nil {
		r.Ended = "no client left"
	}
	r.Connections.OpenAtEnd = int(n.open.Load())
	if ctx.Err() == nil {
		c.enter(draining)
		await(forever, answers, func() bool { return n.waiting.Load() == 0 })
	}
	if ctx.Err() != nil {
		r.Ended = "out of time"
		if errors.Is(context.Cause(ctx), specs.ErrInterrupted) {
			r.Ended = "interrupted"
		}
		c.forgiving.Store(true)
	}
	c.enter(over)
	c.engine.wait()
	c.sample(time.Now())
	c.conclude()
	if ctx.Err() == nil {
		r.Recovery = c.recovery(ctx)
	}
	r.DurationMS = ms(c.now())
}

const forever = time.Duration(math.MaxInt64)

func (c *conductor) enter(phase int32) {
	c.phase.Store(phase)
	c.engine.kick()
}

// observe is called at every tick.
func (c *conductor) observe(now time.Time) {
	if now.Sub(c.sampled) >= c.interval {
		c.sample(now)
	}
	if since := now.Sub(c.progressed); since >= time.Second && c.options.Progress != nil {
		n := &c.counts
		right := n.right.Load()
		c.options.Progress(report.ScaleProgress{ElapsedMS: ms(now.Sub(c.start)), Clients: c.options.Clients, Phase: phaseName(c.phase.Load()),
			Open: n.open.Load(), Served: n.served.Load(), RoundTrips: right, PerSecond: float64(right-c.progressRight) / since.Seconds(), Errors: n.errors.Load()})
		c.progressed, c.progressRight = now, right
	}
}

// sample adds a point to the series. When there are too many, two become one.
func (c *conductor) sample(now time.Time) {
	series, n := &c.result.Series, &c.counts
	made, right, failures := n.made.Load(), n.right.Load(), n.errors.Load()
	series.Connects = append(series.Connects, made-c.made)
	series.RoundTrips = append(series.RoundTrips, right-c.right)
	series.Errors = append(series.Errors, failures-c.errors)
	series.Open = append(series.Open, n.open.Load())
	c.made, c.right, c.errors = made, right, failures
	c.sampled = c.sampled.Add(c.interval)
	if now.Sub(c.sampled) > c.interval { // a late tick: the sums stay right
		c.sampled = now
	}
	if len(series.Open) < maxIntervals {
		return
	}
	half := len(series.Open) / 2
	for i := range half {
		for _, sums := range [][]int64{series.Connects, series.RoundTrips, series.Errors} {
			sums[i] = sums[2*i] + sums[2*i+1]
		}
		series.Open[i] = series.Open[2*i+1]
	}
	series.Connects, series.RoundTrips, series.Errors, series.Open = series.Connects[:half], series.RoundTrips[:half], series.Errors[:half], series.Open[:half]
	c.interval *= 2
}

// conclude fills in what the engine has collected.
func (c *conductor) conclude() {
	r, n := c.result, &c.counts
	all := newTally()
	for _, t := range c.engine.tallies() {
		all.add(t)
	}
	r.ServedAfter, r.Latency = distribution(all.served), distribution(all.latency)
	r.Series.IntervalMS = ms(c.interval)
	made := int(n.made.Load())
	r.Connections.Made, r.Connections.NeverMade = made, c.options.Clients-made
	r.Connections.Refused, r.Connections.Delayed = int(n.refused.Load()), int(n.delayed.Load())
	r.Connections.Lost, r.Connections.MostOpen = int(n.lost.Load()), int(n.mostOpen.Load())
	r.Connections.Time, r.Connections.Sources = distribution(all.connect), c.engine.sources()
	if last := time.Duration(n.lastMade.Load()); last > 0 {
		r.Connections.PerSecond = round(float64(made) / last.Seconds())
	}
	r.Served = int(n.served.Load())
	r.NeverServed = c.options.Clients - r.Served
	r.RoundTrips.Right = n.right.Load()
	first := true
	c.engine.each(func(cl *client) {
		right := int64(cl.right)
		if right == 0 || cl.lost {
			return
		}
		if first || right < r.RoundTrips.Least {
			r.RoundTrips.Least = right
		}
		r.RoundTrips.Most = max(r.RoundTrips.Most, right)
		first = false
	})
	r.Errors = c.faults.list()
}

func round(x float64) float64 {
	if x < 1000 {
		return math.Round(10*x) / 10
	}
	return math.Round(x)
}

// recovery has one more client served, now that the others have gone.
func (c *conductor) recovery(ctx context.Context) *report.Recovery {
	ctx, cancel := context.WithTimeout(ctx, c.options.Patience)
	defer cancel()
	began := time.Now()
	s := &shared{options: c.options, start: began}
	s.options.Clients = 1
	var problem string
	for {
		found := visit(ctx, s)
		if problem == "" || ctx.Err() == nil || found == "" {
			problem = found // not what only the end of our patience brought about
		}
		if found == "" || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	return &report.Recovery{Served: problem == "", AfterMS: ms(time.Since(began)), Problem: problem}
}
