// Package selftest runs the specs against servers with one fault each, and
// says which spec catches which fault: a fault that no spec catches is a hole
// in the kit, and a spec that catches none proves nothing.
//
// Each pair has a server of its own in this process, so that what one breaks
// is not held against another, and short waits, because those servers answer
// at once or not at all.
package selftest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"conform/impl/faults"
	"conform/impl/websocket"
	"conform/specs"
	"conform/specs/wire"
	"conform/suites"
)

// Options say how much is run, and how. The zero value runs everything.
type Options struct {
	// Globs; none is all. A fault matches by its name or protocol/name, a
	// degenerate server by degenerate/name.
	Protocols, Faults, Specs []string

	// Full runs every spec against every fault. Otherwise a fault that is about
	// certain sections meets their specs first, and the others only if none of
	// those catches it, or if they would catch nothing at all.
	Full bool

	Width    int                   // pairs at a time; 0 is DefaultWidth
	Timing   specs.Timing          // zero is DefaultTiming
	Seed     uint64                // of the random input
	Progress func(done, total int) // called after each pair, not concurrently
}

func (o Options) timing() specs.Timing {
	if o.Timing == (specs.Timing{}) {
		return DefaultTiming()
	}
	return o.Timing
}

// DefaultWidth is how many pairs run at a time: nearly all of them wait.
const DefaultWidth = 128

// DefaultTiming is the shortest that has been seen to give the same matrix on
// a busy machine of two cores.
func DefaultTiming() specs.Timing {
	return specs.Timing{Answer: 600 * time.Millisecond, Quiet: 100 * time.Millisecond, Gap: 8 * time.Millisecond, Leave: 100 * time.Millisecond}
}

// patience is how long a pair may take before something is wrong with the kit.
const patience = 60 * time.Second

// dialects is what would be detected of the reference servers, or declared.
func dialects(protocol string, spec specs.Spec) map[string]specs.Setting {
	switch protocol {
	case "websocket":
		settings := map[string]specs.Setting{}
		for key, value := range setUp(spec) {
			settings[key] = specs.Setting{Value: value, Declared: true}
		}
		return settings
	case "pid":
		if spec.DialectKey == "process" {
			return map[string]specs.Setting{"process": {Value: spec.DialectValue}}
		}
		return map[string]specs.Setting{"process": {Value: "threading"}}
	case "echo":
		return map[string]specs.Setting{"line-ends": {Value: "crlf"}}
	case "calc":
		return map[string]specs.Setting{"line-ends": {Value: "mixed"}, "label": {Value: "integers"}}
	}
	return nil
}

// setUp is what the WebSocket servers are set up by for one spec: as the bundled
// one, with messages that do not cost a megabyte each, and as the spec needs it.
func setUp(spec specs.Spec) map[string]string {
	dialects := suites.Bundled("websocket")
	if !spec.Heavy {
		dialects["max-message"] = "1048576"
	}
	for _, n := range spec.Needs {
		dialects[n.Key] = n.Example
	}
	return dialects
}

// kind is what a pair's server is.
type kind int

const (
	faulty kind = iota
	reference
	degenerate
)

// pair is one spec to be run against one server.
type pair struct {
	protocol specs.Protocol
	spec     specs.Spec
	kind     kind
	fault    faults.Fault
	verdict  specs.Verdict
	reason   specs.Reason
	began    time.Time
	waited   bool // the verdict rests on a wait that ran out
}

// Run executes every selected spec against the reference server, every
// selected fault and every degenerate server. The error is about the options
// or the environment; gaps are in the Matrix.
func Run(ctx context.Context, o Options) (*Matrix, error) {
	began := time.Now()
	all, err := plan(o)
	if err != nil {
		return nil, err
	}
	pairs, rest := all, []*pair(nil)
	if !o.Full {
		pairs, rest = near(all)
	}
	if err := execute(ctx, o, pairs); err != nil {
		return nil, err
	}
	if rest = needed(pairs, rest, len(o.Faults) > 0); len(rest) > 0 {
		if err := execute(ctx, o, rest); err != nil {
			return nil, err
		}
		pairs = append(pairs, rest...)
	}
	// A fault that nobody has caught gets a second look with few others beside
	// it: on a crowded machine two segments may arrive as one. That the specs which
	// were selected catch few is no gap.
	if len(o.Specs) == 0 {
		calm := o
		calm.Width, calm.Progress = 8, nil
		if err := execute(ctx, calm, uncaught(pairs)); err != nil {
			return nil, err
		}
	}
	for _, p := range pairs {
		if p.kind == faulty || p.passes() == (p.kind == reference) {
			continue
		}
		// As in any run, a failure counts when it is confirmed, alone and
		// with more patience: the pairs crowd the machine. So does the success
		// of a server that does nothing right: its end may have come late.
		if err := p.run(ctx, host(0), o.timing().Scale(4), o.Seed); err != nil {
			return nil, err
		}
	}
	m := newMatrix(o, pairs)
	m.Duration = time.Since(began)
	return m, nil
}

// near divides pairs into those whose spec stands in a section that the fault is
// about, and the rest.
func near(all []*pair) (pairs, rest []*pair) {
	for _, p := range all {
		if p.kind != faulty || len(p.fault.Sections) == 0 || slices.Contains(p.fault.Sections, p.spec.Section()) {
			pairs = append(pairs, p)
		} else {
			rest = append(rest, p)
		}
	}
	return pairs, rest
}

// uncaught are the pairs of the faults that no spec has caught.
func uncaught(pairs []*pair) (list []*pair) {
	caught := map[string]bool{}
	for _, p := range pairs {
		caught[p.key()] = caught[p.key()] || p.kind == faulty && p.catches()
	}
	for _, p := range pairs {
		if p.kind == faulty && !caught[p.key()] {
			list = append(list, p)
		}
	}
	return list
}

// needed are those of the rest whose fault no spec has caught, or, unless the
// faults were selected, whose spec has caught none.
func needed(done, rest []*pair, selected bool) []*pair {
	caught, catches := map[string]bool{}, map[string]bool{}
	for _, p := range done {
		if p.kind == faulty && p.catches() {
			caught[p.key()], catches[p.spec.ID] = true, true
		}
	}
	return slices.DeleteFunc(rest, func(p *pair) bool { return caught[p.key()] && (selected || catches[p.spec.ID]) })
}

// Catches returns the faults that a spec catches, in the order of faults.For.
func Catches(ctx context.Context, specID string) ([]faults.Fault, error) {
	return catches(ctx, specID, Options{})
}

func catches(ctx context.Context, specID string, o Options) ([]faults.Fault, error) {
	o.Specs = []string{specID}
	pairs, err := plan(o)
	if err != nil {
		return nil, err
	}
	pairs, rest := near(slices.DeleteFunc(pairs, func(p *pair) bool { return p.kind != faulty }))
	if err := execute(ctx, o, pairs); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(pairs, (*pair).catches) && len(rest) > 0 {
		if err := execute(ctx, o, rest); err != nil {
			return nil, err
		}
		pairs = append(pairs, rest...)
	}
	var caught []faults.Fault
	for _, p := range pairs {
		if p.catches() {
			caught = append(caught, p.fault)
		}
	}
	return caught, nil
}

// plan lists the selected pairs. A pattern that selects nothing is an error.
func plan(o Options) ([]*pair, error) {
	for _, globs := range [][]string{o.Protocols, o.Faults, o.Specs} {
		for _, g := range globs {
			if !doublestar.ValidatePattern(g) {
				return nil, fmt.Errorf("%q is not a pattern: see the rules of doublestar", g)
			}
		}
	}
	used := map[string]bool{}
	selects := func(globs []string, names ...string) bool {
		found := len(globs) == 0
		for _, g := range globs {
			for _, name := range names {
				if doublestar.MatchUnvalidated(g, name) {
					used[g], found = true, true
				}
			}
		}
		return found
	}
	var pairs []*pair
	for _, p := range suites.Protocols() {
		if !selects(o.Protocols, p.Name) {
			continue
		}
		var faulted []faults.Fault
		for _, f := range faults.For(p.Name) {
			if selects(o.Faults, f.Name, p.Name+"/"+f.Name) {
				faulted = append(faulted, f)
			}
		}
		var nothings []faults.Fault
		for _, f := range faults.Degenerate() {
			if selects(o.Faults, "degenerate/"+f.Name) {
				nothings = append(nothings, f)
			}
		}
		if len(faulted)+len(nothings) == 0 {
			continue
		}
		for _, s := range p.Specs() {
			if !selects(o.Specs, s.ID) {
				continue
			}
			pairs = append(pairs, &pair{protocol: p, spec: s, kind: reference, fault: rightServer(p, s)})
			for _, f := range nothings {
				if f.Datagrams != s.Datagrams || f.Keeps == p.Name {
					continue
				}
				pairs = append(pairs, &pair{protocol: p, spec: s, kind: degenerate, fault: f})
			}
			for _, f := range faulted {
				if f.Datagrams != s.Datagrams || (s.Heavy || s.Explores) && !doublestar.MatchUnvalidated(f.Load, s.ID) {
					continue
				}
				if f.Bound == 0 || s.Clients <= f.Bound || s.Queues {
					pairs = append(pairs, &pair{protocol: p, spec: s, kind: faulty, fault: f})
				}
			}
		}
	}
	for _, globs := range [][]string{o.Protocols, o.Faults, o.Specs} {
		for _, g := range globs {
			if !used[g] {
				return nil, fmt.Errorf("nothing matches %q", g)
			}
		}
	}
	return pairs, nil
}

// rightServer is the server without a fault for a spec.
func rightServer(p specs.Protocol, s specs.Spec) faults.Fault {
	if s.Datagrams {
		return faults.DatagramReference(p.Name)
	}
	return faults.Reference(p.Name)
}

// execute runs the pairs in bounded pools: those that mostly wait, and then
// those that make the machine work.
func execute(ctx context.Context, o Options, pairs []*pair) error {
	width := o.Width
	if width <= 0 {
		width = DefaultWidth
	}
	var light, heavy []*pair
	for _, p := range pairs {
		if p.spec.Heavy && p.kind != degenerate {
			heavy = append(heavy, p)
		} else {
			light = append(light, p)
		}
	}
	done := func(n int) {
		if o.Progress != nil {
			o.Progress(n, len(pairs))
		}
	}
	if err := abreast(ctx, o, width, light, done); err != nil {
		return err
	}
	return abreast(ctx, o, min(width, heavyWidth), heavy, func(n int) { done(len(light) + n) })
}

// heavyWidth is how many pairs run at a time that make the machine work.
const heavyWidth = 2

// abreast runs pairs, so many at a time. ended is called after each with how
// many have, not concurrently.
func abreast(ctx context.Context, o Options, width int, pairs []*pair, ended func(n int)) error {
	timing := o.timing()
	// Shuffled, so that pairs that wait and pairs that work run side by side.
	order := rand.New(rand.NewPCG(1, 2)).Perm(len(pairs))
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		done  int
		first error
	)
	beats := newPulse()
	defer close(beats.stop)
	places := make(chan struct{}, width)
	for _, i := range order {
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-places }()
			err := pairs[i].run(ctx, host(i), timing, o.Seed)
			for range attempts - 1 {
				if err != nil || ctx.Err() != nil || !pairs[i].spoiled(beats, timing) {
					break
				}
				err = pairs[i].run(ctx, host(i), timing, o.Seed)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil && first == nil {
				first = err
			}
			done++
			ended(done)
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return first
}

// run executes the pair's spec on a fresh server.
func (p *pair) run(ctx context.Context, host string, timing specs.Timing, seed uint64) error {
	server, err := p.start(host)
	if err != nil {
		return fmt.Errorf("no server can be started: %w", err)
	}
	defer server.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r := specs.Run(ctx, p.spec, specs.Env{
		Protocol: p.protocol,
		Dialer:   wire.Dialer{Network: server.Addr().Network(), Address: server.Addr().String(), Timeout: 2 * time.Second},
		Timing:   timing,
		Dialects: dialects(p.protocol.Name, p.spec),
		Serves:   p.serves(),
		Seed:     seed,
		Usage: func() (specs.Usage, bool) {
			memory, descriptors := server.Held()
			return specs.Usage{Memory: memory, Descriptors: descriptors}, true
		},
	})
	p.verdict, p.reason, p.began, p.waited = r.Verdict, r.Reason, r.Started, r.Waited || r.Reason.Code == specs.ConnectFailed
	return nil
}

// start starts the pair's server on a port of its own.
func (p *pair) start(host string) (*faults.Server, error) {
	fault, address := p.fault, net.JoinHostPort(host, "0")
	if fault.Datagrams {
		pc, err := net.ListenPacket("udp", address)
		if err != nil {
			return nil, err
		}
		return fault.StartPacket(pc), nil
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	switch {
	case p.protocol.Name == "websocket":
		fault = fault.SetUp(func(o *websocket.Options) { suites.Configure(o, setUp(p.spec)) })
	case p.spec.DialectValue == "forking":
		fault = fault.Forking()
	}
	return fault.Start(ln), nil
}

// attempts is how often a pair is run at most while the machine stalls.
const attempts = 6

// spoiled says that the verdict is not to be trusted, because this process did
// not get on: for so long that an answer came too late, or that something said
// into a silence may have been missed. What a fault leads to is anybody's guess;
// that a right server passes and one that does nothing right does not is what was
// due, and no stall brings it about.
func (p *pair) spoiled(beats *pulse, timing specs.Timing) bool {
	if p.kind == reference && p.passes() || p.kind == degenerate && p.catches() {
		return false
	}
	most := beats.longest(p.began)
	if p.waited {
		return most > timing.Answer/4
	}
	return most > timing.Quiet/2
}

// serves is what would be found out of how the server serves several clients.
func (p *pair) serves() specs.Concurrency {
	switch {
	case p.kind == degenerate:
		// A bound, so that the spec that needs one has something to say.
		return specs.Concurrency{Class: specs.Bounded, Bound: 4, Evidence: "assumed"}
	case p.fault.Bound == 1:
		return specs.Concurrency{Class: specs.Serial, Bound: 1, Evidence: "claimed by the server"}
	case p.fault.Bound > 1:
		return specs.Concurrency{Class: specs.Bounded, Bound: p.fault.Bound, Evidence: "claimed by the server"}
	default:
		return specs.Concurrency{Class: specs.Concurrent, Bound: 17, Evidence: "claimed by the server"}
	}
}

// catches says whether the spec sees that something is wrong.
func (p *pair) catches() bool { return p.verdict == specs.Fail || p.verdict == specs.NonStrict }

// passes says whether the spec finds nothing wrong.
func (p *pair) passes() bool {
	return slices.Contains([]specs.Verdict{specs.Pass, specs.Info, specs.SlowPass, specs.Unsupported}, p.verdict)
}

// key names the fault among those of all protocols.
func (p *pair) key() string { return strings.Join([]string{p.protocol.Name, p.fault.Name}, "/") }

// host is the address that the i-th server listens on. Tens of thousands of
// servers leave so many ports of one address in TIME_WAIT that to find a free
// one takes longer than all the rest; Linux has more than one address to give.
func host(i int) string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	return fmt.Sprintf("127.0.%d.%d", 1+i/200%200, 1+i%200)
}
