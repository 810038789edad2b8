package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"conform/suites/target"
)

// Tier says how much a box keeps apart.
type Tier string

const (
	// Basic is a process group, an environment of its own and what limits a
	// shell can set. The program sees the grader's files and network.
	Basic Tier = "basic"
	// Namespaced is a box of its own on Linux: processes, network, files and
	// users. Memory is watched, not bounded: a spike may pass unseen.
	Namespaced Tier = "namespaced"
	// Strict is Namespaced with the kernel's own accounts (cgroup v2) of
	// memory, processes and processor time.
	Strict Tier = "strict"
)

// Tiers are all there are, the weakest first.
var Tiers = []Tier{Basic, Namespaced, Strict}

// ParseTier reads the name of a tier.
func ParseTier(name string) (Tier, error) {
	if t := Tier(name); slices.Contains(Tiers, t) {
		return t, nil
	}
	return "", fmt.Errorf("there is no tier %q: write strict, namespaced or basic", name)
}

// Meets says whether a tier is at least as good as another.
func (t Tier) Meets(required Tier) bool {
	return slices.Index(Tiers, t) >= slices.Index(Tiers, required)
}

// Limits bound what a program may use, all its processes together unless it
// says otherwise. A zero field is the default in brackets.
type Limits struct {
	CPU       time.Duration `json:"cpu"`        // processor time [1 min]
	Wall      time.Duration `json:"wall"`       // since the start [10 min]
	Memory    int64         `json:"memory"`     // resident, in bytes [512 MiB]
	Processes int           `json:"processes"`  // and threads [128]
	OpenFiles int           `json:"open_files"` // of one process [512]
	Disk      int64         `json:"disk"`       // what it writes anywhere, in bytes [64 MiB]
}

func (l Limits) complete() Limits {
	if l.CPU <= 0 {
		l.CPU = time.Minute
	}
	if l.Wall <= 0 {
		l.Wall = 10 * time.Minute
	}
	if l.Memory <= 0 {
		l.Memory = 512 << 20
	}
	if l.Processes <= 0 {
		l.Processes = 128
	}
	if l.OpenFiles <= 0 {
		l.OpenFiles = 512
	}
	if l.Disk <= 0 {
		l.Disk = 64 << 20
	}
	return l
}

// Options say what a box is to run.
type Options struct {
	// Dir is the folder of the submission, a copy that belongs to this
	// submission alone. The program finds it, writable, where it runs; in a
	// box that is /submission. It may be given another owner, if we are root.
	Dir string
	// Command is the program with its arguments; for a line of shell it is
	// sh -c and the line. A name without / is looked up in the PATH of Env.
	Command []string
	// Env is the whole environment, NAME=value, beside PATH, HOME, TMPDIR, LANG
	// and PWD, which it goes before. Nothing of ours is in it.
	Env []string
	// Show are files and folders of this machine that the program may read
	// besides /usr and a few of /etc, such as the compilers in /opt. Programs in
	// them, or in a bin of theirs, are in its PATH.
	Show []string
	// Keep writes through to Dir, for a build. Otherwise what the program
	// writes there is gone with the box, and each start finds Dir as it was.
	Keep   bool
	Limits Limits
	// Tier is what is used; empty is the best there is. It is an error if this
	// machine cannot do it.
	Tier Tier

	withoutLandlock bool // as on an older kernel, for tests
}

// End is why a program no longer runs.
type End string

const (
	Exited         End = "exited"         // by itself, with a code
	Signalled      End = "signalled"      // by a signal that is none of ours, such as its own crash
	OutOfMemory    End = "memory"         // over Limits.Memory
	OutOfCPU       End = "cpu"            // over Limits.CPU
	OutOfTime      End = "wall"           // over Limits.Wall
	OutOfProcesses End = "processes"      // at Limits.Processes
	DiskFull       End = "disk"           // it ended, or was ended, with its disk space used up
	Stopped        End = "stopped"        // by Stop, or with the context
	Infrastructure End = "infrastructure" // the box itself failed, which is nobody's fault inside
)

// Result is what became of a program.
type Result struct {
	Tier   Tier              `json:"tier"`
	End    End               `json:"end"`
	Reason string            `json:"reason"`         // one line, safe to print: "exited with code 1"
	Status target.ExitStatus `json:"status"`         // of the started process; when it was ended, what that did to it
	Left   []string          `json:"left,omitempty"` // names of processes that it left behind when it exited by itself; safe to print
	Usage  Usage             `json:"usage"`
	Output target.Output     `json:"-"`
}

// Usage is what a program used, as far as the tier can tell.
type Usage struct {
	Wall      time.Duration `json:"wall"`
	CPU       time.Duration `json:"cpu"`
	Memory    int64         `json:"memory"`    // the most at once, in bytes; 0 is unknown
	Processes int           `json:"processes"` // and threads, the most at once that was seen; 0 is unknown
	Disk      int64         `json:"disk"`      // at the end, in bytes; 0 is unknown
}

// engine is what a tier has to offer. Its methods may be called from any
// goroutine, also when the program has ended.
type engine interface {
	dial(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error)
	listenPacket(network string) (net.PacketConn, error)
	listens(network string) ([]netip.AddrPort, error)
	used() (Usage, bool)
	output() target.Output
	done() <-chan struct{}
	result() Result // once done is closed
	end(why End)    // begins the end, and does not wait
}

// Box runs one program.
type Box struct {
	e    engine
	tier Tier
}

// endLimit is how long the end of a box may take. It takes milliseconds.
const endLimit = 10 * time.Second

// Start starts a program. That it runs does not mean that it listens: see
// Await. When ctx ends the box does. An error that the submission is to blame
// for, a command that cannot be run, is a *target.CommandError; any other is
// not its fault.
func Start(ctx context.Context, o Options) (*Box, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	e, err := start(ctx, o)
	if err != nil {
		return nil, err
	}
	b := &Box{e: e, tier: o.Tier}
	go func() {
		wall := time.NewTimer(o.Limits.Wall)
		defer wall.Stop()
		select {
		case <-e.done():
		case <-wall.C:
			e.end(OutOfTime)
		case <-ctx.Done():
			e.end(Stopped)
		}
	}()
	return b, nil
}

// Run runs a program to its end, for what is not a server, such as a build.
func Run(ctx context.Context, o Options) (Result, error) {
	b, err := Start(ctx, o)
	if err != nil {
		return Result{}, err
	}
	<-b.Done()
	return b.Result(), nil
}

func (o Options) complete() (Options, error) {
	if len(o.Command) == 0 || o.Command[0] == "" {
		return o, &target.CommandError{Reason: "is empty: write the program with its arguments"}
	}
	if strings.ContainsRune(strings.Join(o.Command, "")+strings.Join(o.Env, ""), 0) {
		return o, &target.CommandError{Command: o.Command[0], Reason: "has a NUL byte"}
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() || o.Dir == "" {
		return o, fmt.Errorf("%q is not a folder to run a submission in", o.Dir)
	}
	if o.Dir, err = filepath.EvalSymlinks(dir); err != nil {
		return o, err
	}
	o.Limits = o.Limits.complete()
	o.Show = slices.Clone(o.Show)
	for i, path := range o.Show {
		if o.Show[i], err = Showable(path); err != nil {
			return o, err
		}
	}
	if o.Tier == "" {
		o.Tier = Probe().Tier
	} else if !slices.Contains(Tiers, o.Tier) {
		_, err := ParseTier(string(o.Tier))
		return o, err
	}
	return o, nil
}

// Tier is what the box is made with.
func (b *Box) Tier() Tier { return b.tier }

// Dial connects to the program, in the box's own network: tcp and udp by an IP
// address (localhost is 127.0.0.1), unix by a path as the program sees it. The
// errors are those of net.Dial. In tier basic it is net.Dial.
func (b *Box) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return b.DialWith(ctx, &net.Dialer{}, network, address)
}

// DialWith is Dial with a deadline, timeout and control function of the
// caller's; nothing else in d counts. It makes a Box a wire.Network.
func (b *Box) DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	return b.e.dial(ctx, d, network, address)
}

// ListenPacket makes a socket for datagrams (udp4 or udp6) in the box's
// network, for a client that hears everybody.
func (b *Box) ListenPacket(network string) (net.PacketConn, error) { return b.e.listenPacket(network) }

// Listens is where the program's sockets listen, over tcp or udp. In tier basic
// it is not known.
func (b *Box) Listens(network string) ([]netip.AddrPort, error) { return b.e.listens(network) }

// Output is what the program has written so far: the head and the tail.
func (b *Box) Output() target.Output { return b.e.output() }

// Usage is what the program has used so far, and whether that is known.
func (b *Box) Usage() (Usage, bool) { return b.e.used() }

// Done is closed when nothing of the program is left.
func (b *Box) Done() <-chan struct{} { return b.e.done() }

// Result is what became of the program; it waits for that.
func (b *Box) Result() Result {
	<-b.e.done()
	r := b.e.result()
	r.Tier, r.Output = b.tier, b.e.output()
	return r
}

// Stop ends the program and all that it started, at once: nothing of it is to be
// kept. It may be called again.
func (b *Box) Stop() error {
	b.e.end(Stopped)
	select {
	case <-b.e.done():
		return nil
	case <-time.After(endLimit):
		return errors.New("the box could not be ended: its processes do not die, which is a fault of this machine")
	}
}

const (
	firstPoll   = 2 * time.Millisecond
	slowestPoll = 25 * time.Millisecond
)

// Await waits until the program listens at address, an IP address and port,
// over tcp or udp, without connecting: a fragile server may not survive a
// connection that says nothing. The error says what the program does instead:
// it has ended, listens elsewhere, or not at all, with its last lines. It is the
// cause of ctx if that ends first. In tier basic it connects.
func (b *Box) Await(ctx context.Context, network, address string, patience time.Duration) error {
	want, err := endpoint(address)
	if err != nil {
		return err
	}
	tooLate := time.NewTimer(patience)
	defer tooLate.Stop()
	pause := firstPoll
	poll := time.NewTimer(0)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-b.Done():
			r := b.Result()
			if r.End == Infrastructure {
				return errors.New(r.Reason)
			}
			return unready(EndedEarly, fmt.Sprintf("%s before it listened on %s", r.Reason, want), r.Output)
		case <-tooLate.C:
			places, _ := b.Listens(network)
			code, message := elsewhere(want, places, patience)
			return unready(code, message, b.Output())
		case <-poll.C:
		}
		if b.tier == Basic && network == "tcp" {
			if c, err := net.DialTimeout(network, want.String(), slowestPoll); err == nil {
				return c.Close()
			}
		}
		places, err := b.Listens(network)
		if err == nil && slices.ContainsFunc(places, func(p netip.AddrPort) bool { return p.Port() == want.Port() && reaches(want.Addr(), p.Addr()) }) {
			return nil
		}
		poll.Reset(pause)
		pause = min(pause*3/2, slowestPoll)
	}
}

// elsewhere says what is wrong with where a program listens.
func elsewhere(want netip.AddrPort, places []netip.AddrPort, patience time.Duration) (code, message string) {
	if len(places) == 0 {
		return NotListening, fmt.Sprintf("listens on no port, expected %d, within %v", want.Port(), patience)
	}
	var all []string
	for _, p := range places[:min(len(places), 4)] {
		if p.Port() == want.Port() {
			return WrongInterface, fmt.Sprintf("listens on %s only, which is not reached at %s: listen on all addresses, or on that one", p, want)
		}
		all = append(all, strconv.Itoa(int(p.Port())))
	}
	slices.Sort(all)
	return WrongPort, fmt.Sprintf("listens on %s, expected %d", strings.Join(slices.Compact(all), ", "), want.Port())
}

// shownLines is how many lines of output an error quotes.
const shownLines = 10

// reaches says whether a connection to host arrives at a socket bound to bound.
func reaches(host, bound netip.Addr) bool {
	bound = bound.Unmap()
	if bound.IsUnspecified() {
		return bound.Is6() || host.Is4()
	}
	return bound == host.Unmap()
}

// endpoint reads an address that needs no name service: a box has none.
func endpoint(address string) (netip.AddrPort, error) {
	if port, ok := strings.CutPrefix(address, "localhost:"); ok {
		address = "127.0.0.1:" + port
	}
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return a, fmt.Errorf("%q is no address in a box: write an IP address and a port, as in 127.0.0.1:8080", address)
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}

// reasonFor is the line of a Result.
func reasonFor(end End, status target.ExitStatus, l Limits) string {
	switch end {
	case OutOfMemory:
		return fmt.Sprintf("was ended: it used more than its %s of memory", size(l.Memory))
	case OutOfCPU:
		return fmt.Sprintf("was ended: it used up its %v of processor time", l.CPU)
	case OutOfTime:
		return fmt.Sprintf("was ended: it ran for more than %v", l.Wall)
	case OutOfProcesses:
		if status.Signal != syscall.SIGKILL {
			return fmt.Sprintf("reached its limit of %d processes and threads and %s", l.Processes, was(status))
		}
		return fmt.Sprintf("was ended: it reached its limit of %d processes and threads", l.Processes)
	case DiskFull:
		return fmt.Sprintf("used up its %s of disk space, or what goes into it of files and folders, and %s", size(l.Disk), was(status))
	case Stopped:
		return "was stopped"
	case Infrastructure:
		return "was lost: its box failed"
	}
	return was(status)
}

func was(status target.ExitStatus) string {
	if status.Signal != 0 {
		return "was " + status.String()
	}
	return status.String()
}

func size(n int64) string {
	if n >= 1<<20 {
		return strconv.FormatInt(n>>20, 10) + " MiB"
	}
	return strconv.FormatInt(n>>10, 10) + " KiB"
}

// environment is the whole environment of a program. No name is in it twice:
// which one counts then would be up to the reader.
func environment(o Options, dir, home, tmp string) []string {
	env := []string{"PATH=" + searchPath(o.Show),
		"HOME=" + home, "TMPDIR=" + tmp, "LANG=C.UTF-8", "PWD=" + dir}
	for _, path := range o.Show {
		if isGoCache(path) {
			env = append(env, "GOCACHE="+path)
			break
		}
	}
	for _, given := range o.Env {
		name, _, _ := strings.Cut(given, "=")
		env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		env = append(env, given)
	}
	return env
}
