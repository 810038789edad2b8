package target

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"mvdan.cc/sh/v3/shell"
)

const (
	defaultReady = 10 * time.Second
	// grace is how long a server has to end by itself once it is told to.
	grace = 2 * time.Second
	// undying is how long Stop waits for what SIGKILL does not end, such as a
	// process in an uninterruptible system call. It covers the sweep as well.
	undying = 5 * time.Second
	// drain is how long the last output may take. Only a process that got away
	// and holds the pipe open makes it last.
	drain = time.Second
	// firstPoll and slowestPoll bound the pause between two looks at whether
	// the server listens.
	firstPoll   = 2 * time.Millisecond
	slowestPoll = 25 * time.Millisecond
	// portTries is how many picked ports may be snatched away before we give up.
	portTries = 5
	// shownLines is how many lines of output an error quotes.
	shownLines = 10
	// markerName is the variable by which a server's processes are known again.
	markerName = "CONFORM_RUN_ID"
)

var errStopped = errors.New("the server was stopped")

// CommandError says that a command cannot be run at all: it is malformed, empty
// or not found. It is the user's to mend, unlike a server that starts and fails.
type CommandError struct {
	Command string // as it was given
	Reason  string // one line
}

func (e *CommandError) Error() string {
	return fmt.Sprintf("command %q: %s", e.Command, e.Reason)
}

// UnreadyError is of a server that ran, and did not listen where it had to: the
// doing of whoever wrote it.
type UnreadyError struct {
	Message   string   // a line
	Output    []string // the last lines that it wrote, escaped
	Ended     bool     // by itself
	Elsewhere bool     // it listens on another port
	Interface bool     // it listens on its port, at another address
}

func (e *UnreadyError) Error() string {
	if len(e.Output) == 0 {
		return e.Message + "; it printed nothing"
	}
	return e.Message + "; its last output:\n    " + strings.Join(e.Output, "\n    ")
}

// portError says that somebody else has the port. A picked port is then given
// up for another one.
type portError struct{ reason string }

func (e *portError) Error() string { return e.reason }

// StartOptions says what Start starts, and where it has to listen.
type StartOptions struct {
	// Command is split into words as a shell does (quotes, $VARIABLE, ~, {a,b}),
	// but no shell is run. {port} and {host} are replaced in each word. A
	// backslash escapes, so a Windows path is written with / or in quotes.
	Command string
	// Words, if there are any, are what is run, as they are but for {port} and
	// {host}; Command is then only what errors call it.
	Words   []string
	Host    string        // the IP address to listen on; "" and "localhost" are 127.0.0.1
	Port    int           // 0 picks a free one
	Network string        // "tcp", which "" means, or "udp" (Linux only)
	Ready   time.Duration // how long it may take to listen; 0 is 10 s
	Env     []string      // NAME=value, in addition to our own environment and PORT
	OnlyEnv bool          // nothing of our own environment: a program that is not trusted
	Dir     string        // where it runs, and what a command like ./server is relative to; "" is here
}

// Process is a server that Start started. Its methods may be called from any
// goroutine.
//
// The server lives as long as the process that was started: when that exits,
// whatever it left behind is ended too. A server that puts itself into the
// background is therefore not supported.
//
// On Unix the server has a process group of its own, and the whole group is
// ended. On Linux processes that left the group (setsid, double fork) are found
// by a mark in their environment, and the started process dies with us even if
// we are killed; a process that leaves the group and also clears its
// environment gets away, which only a PID namespace prevents. On Windows only
// the started process is ended, without being asked first: its children live on.
type Process struct {
	options StartOptions
	ending  context.Context // done once Stop was called
	end     context.CancelFunc

	life sync.Mutex // held while the server is started, restarted or stopped

	mu  sync.Mutex
	run *run
}

// Start runs a command, waits until it listens and returns it. On Linux it does
// so without connecting: it asks the kernel which sockets listen and whose they
// are, because a fragile server may not survive a connection that says nothing.
// Elsewhere it connects, and cannot tell who answers.
//
// The server's standard input is a pipe that stays open and empty, since some
// servers end at the end of their input.
//
// The error is a *CommandError when nothing could be run. It is the cause of
// ctx when ctx ends first. Otherwise it says what the server did instead of
// listening, followed by the last lines of its output, indented and escaped.
// Whatever was started has then been ended. Once Start has returned, ctx has no
// effect.
func Start(ctx context.Context, o StartOptions) (*Process, error) {
	if o.Host == "" || o.Host == "localhost" {
		o.Host = "127.0.0.1"
	}
	if o.Network == "" {
		o.Network = "tcp"
	}
	if o.Ready <= 0 {
		o.Ready = defaultReady
	}
	if _, err := netip.ParseAddr(o.Host); err != nil {
		return nil, fmt.Errorf("cannot start a server on host %q: write an IP address, as in 127.0.0.1", o.Host)
	}
	if o.Port < 0 || o.Port > 65535 {
		return nil, fmt.Errorf("cannot start a server on port %d: write a number from 1 to 65535, or 0 for a free one", o.Port)
	}
	if o.Network != "tcp" && o.Network != "udp" {
		return nil, fmt.Errorf("cannot start a server on network %q: write tcp or udp", o.Network)
	}
	ending, end := context.WithCancel(context.Background())
	p := &Process{options: o, ending: ending, end: end}
	p.life.Lock()
	defer p.life.Unlock()
	if err := p.launch(ctx, 0); err != nil {
		end()
		return nil, err
	}
	return p, nil
}

// Address is where the server listens, as host:port. Restart may change it.
func (p *Process) Address() string { return p.current().address() }

// Exited is closed when the started process has exited. Restart begins a new
// process, with a new channel.
func (p *Process) Exited() <-chan struct{} { return p.current().exited }

// ExitStatus says how the started process exited, and whether it has.
func (p *Process) ExitStatus() (ExitStatus, bool) {
	r := p.current()
	select {
	case <-r.exited:
		return r.status, true
	default:
		return ExitStatus{}, false
	}
}

// Busy is for how long the server has used a processor, or waited for one, since it
// was started, all its living threads together; known on Linux alone.
func (p *Process) Busy() (used time.Duration, known bool) { return p.current().busy() }

// Usage is what processes hold.
type Usage struct {
	Memory      int64 // resident, in bytes
	Descriptors int   // open
}

// Usage is what the living processes of the server hold, all together; known on
// Linux alone.
func (p *Process) Usage() (held Usage, known bool) { return p.current().usage() }

// Output is what the server has written so far. Restart begins anew.
func (p *Process) Output() Output { return p.current().out.Output() }

// Restart ends the server and starts the same command again. A port that
// StartOptions fixed is kept, and it is an error if it is taken meanwhile. One
// that was picked is kept if it is still free and replaced if it is not, so ask
// for Address again. After an error the server is not running. It is an error
// after Stop, and Stop interrupts it.
func (p *Process) Restart(ctx context.Context) error {
	p.life.Lock()
	defer p.life.Unlock()
	if p.ending.Err() != nil {
		return errStopped
	}
	old := p.current()
	if err := old.stop(); err != nil {
		return err
	}
	return p.launch(ctx, old.port)
}

// Stop asks the server to end (SIGTERM), and after 2 s kills it, with all that
// it started. The error names what could not be ended. Further calls do nothing
// and return the same error.
func (p *Process) Stop() error {
	p.end()
	p.life.Lock()
	defer p.life.Unlock()
	return p.current().stop()
}

func (p *Process) current() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

// launch starts the server on the fixed port, or else on the one that is
// preferred, or else on a free one. It holds p.life.
func (p *Process) launch(ctx context.Context, preferred int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.ending, func() { cancel(errStopped) })()

	if p.options.Port != 0 {
		return p.launchOn(ctx, p.options.Port)
	}
	for try := 1; ; try++ {
		port := preferred
		if port == 0 || try > 1 {
			var err error
			if port, err = freePort(p.options.Network, p.options.Host); err != nil {
				return fmt.Errorf("no free port on %s: %w", p.options.Host, err)
			}
		}
		err := p.launchOn(ctx, port)
		var taken *portError
		if err == nil || !errors.As(err, &taken) || try == portTries {
			return err
		}
	}
}

func (p *Process) launchOn(ctx context.Context, port int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if reason := taken(p.options.Network, p.options.Host, port); reason != "" {
		return &portError{reason}
	}
	r, err := begin(p.options, port)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.run = r
	p.mu.Unlock()

	problem := r.awaitReady(ctx, p.options.Ready)
	if problem == nil {
		return nil
	}
	if err := r.stop(); err != nil {
		return fmt.Errorf("%w; %w", problem, err)
	}
	if ctx.Err() != nil {
		return problem
	}
	// Whoever holds the port now that ours has gone is why ours did not get it.
	if reason := taken(r.network, r.host, r.port); reason != "" {
		return &portError{reason}
	}
	// Only now is the output complete.
	lines := r.out.Output().LastLines(shownLines)
	var unready *UnreadyError
	switch {
	case errors.As(problem, &unready):
		unready.Output = lines
		return unready
	case len(lines) == 0:
		return fmt.Errorf("%w; it printed nothing", problem)
	}
	return fmt.Errorf("%w; its last output:\n    %s", problem, strings.Join(lines, "\n    "))
}

// run is one life of a server.
type run struct {
	command string
	network string
	host    string
	port    int
	mark    string // random, found in the environment of each of its processes
	cmd     *exec.Cmd
	pid     int // of the started process; on Unix also its process group
	out     *Recorder
	unseen  int // how often the port was held by a process that we cannot see

	mu     sync.Mutex
	reaped bool      // the pid may belong to somebody else by now
	killAt time.Time // when stopping: how long the group may take; else zero

	exited chan struct{} // closed when the started process has exited
	status ExitStatus    // valid once exited is closed
	left   []string      // what it left behind, if it exited by itself; as status
	gone   chan struct{} // closed when nothing of it is left
	err    error         // what could not be ended; valid once gone is closed
}

// begin starts the command. The run ends by itself or by stop.
func begin(o StartOptions, port int) (*run, error) {
	mark := rand.Text()
	marker := mark
	if outer := os.Getenv(markerName); outer != "" {
		// We are a target ourselves: whoever started us must find this one too.
		marker = outer + "," + mark
	}
	var env []string
	if !o.OnlyEnv {
		env = (&exec.Cmd{Dir: o.Dir}).Environ()
	}
	env = append(env, "PORT="+strconv.Itoa(port))
	env = append(env, o.Env...)
	env = append(env, markerName+"="+marker)

	words, err := o.Words, error(nil)
	if len(words) == 0 {
		words, err = split(o, env)
	}
	if err != nil {
		return nil, err
	}
	// Afterwards, so that ${port} stays a variable and a quoted {port} is replaced.
	words = slices.Clone(words)
	replace := strings.NewReplacer("{port}", strconv.Itoa(port), "{host}", o.Host)
	for i, word := range words {
		words[i] = replace.Replace(word)
	}
	stdin, stdinHeld, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	output, stdout, err := os.Pipe()
	if err != nil {
		stdinHeld.Close()
		return nil, err
	}
	defer stdout.Close()

	r := &run{
		command: o.Command, network: o.Network, host: o.Host, port: port, mark: mark,
		out: NewRecorder(), exited: make(chan struct{}), gone: make(chan struct{}),
	}
	r.cmd = exec.Command(words[0], words[1:]...)
	r.cmd.Env, r.cmd.Dir = env, o.Dir
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = stdin, stdout, stdout
	r.cmd.SysProcAttr = attributes()

	started := make(chan error)
	go func() {
		// The parent death signal on Linux comes when the thread that started
		// the child ends, not the process (golang/go#27505). So this goroutine
		// keeps its thread for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := r.cmd.Start()
		if err == nil {
			r.pid = r.cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		r.reap()
		r.status = StatusOf(r.cmd.ProcessState)
		close(r.exited)

		r.err = r.sweep()
		stdinHeld.Close()
		select {
		case <-r.out.done:
		case <-time.After(drain):
		}
		output.Close() // ends the recorder, whoever holds the other side
		close(r.gone)
	}()
	if err := <-started; err != nil {
		stdinHeld.Close()
		output.Close()
		return nil, &CommandError{o.Command, cannotRun(err, words[0], o.Dir)}
	}
	go r.out.Record(output)
	return r, nil
}

func (r *run) address() string { return net.JoinHostPort(r.host, strconv.Itoa(r.port)) }

// awaitReady waits until the server listens. It leaves it running.
func (r *run) awaitReady(ctx context.Context, limit time.Duration) error {
	tooLate := time.NewTimer(limit)
	defer tooLate.Stop()
	pause := firstPoll
	poll := time.NewTimer(0)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-r.exited:
			return r.exitedEarly()
		case <-tooLate.C:
			return r.notListening(limit)
		case <-poll.C:
		}
		ready, err := r.listening()
		if err != nil {
			return err
		}
		if ready {
			select {
			case <-r.exited: // and what listened was left behind, and is ended now
				return r.exitedEarly()
			default:
				return nil
			}
		}
		poll.Reset(pause)
		pause = min(pause*3/2, slowestPoll)
	}
}

func (r *run) exitedEarly() error {
	left := ""
	if len(r.left) > 0 {
		left = fmt.Sprintf(" and left %s behind (a server must stay in the foreground)", strings.Join(r.left, ", "))
	}
	was := ""
	if r.status.Signal != 0 {
		was = "was "
	}
	return &UnreadyError{Ended: true, Message: fmt.Sprintf("%q %s%s before it listened on %s%s", r.command, was, r.status, r.address(), left)}
}

func (r *run) notListening(limit time.Duration) error {
	problem := fmt.Sprintf("%q did not listen on %s within %v", r.command, r.address(), limit)
	elsewhere := r.listensOn()
	if len(elsewhere) == 0 {
		return &UnreadyError{Message: problem}
	}
	unready := &UnreadyError{Elsewhere: true}
	hint := "give it its port with {port}, or let it read the variable PORT"
	var places []string
	for _, place := range elsewhere {
		places = append(places, place.String())
		if int(place.Port()) == r.port {
			hint = "that is not reached at " + r.host
			unready.Elsewhere, unready.Interface = false, true
		}
	}
	unready.Message = fmt.Sprintf("%s: it listens on %s (%s)", problem, strings.Join(places, ", "), hint)
	return unready
}

// stop ends the server and all that it left. It may be called again.
func (r *run) stop() error {
	r.mu.Lock()
	if r.killAt.IsZero() {
		r.killAt = time.Now().Add(grace)
	}
	wait := time.Until(r.killAt)
	r.mu.Unlock()

	r.terminate()
	select {
	case <-r.gone:
		return r.err
	case <-time.After(wait):
	}
	r.kill()
	select {
	case <-r.gone:
		return r.err
	case <-time.After(undying):
		return fmt.Errorf("process %d of %q could not be ended", r.pid, r.command)
	}
}

// ExitStatus says how a process ended.
type ExitStatus struct {
	Code   int            // what it passed to exit; -1 when a signal killed it
	Signal syscall.Signal // 0 when it exited
}

// String is what follows the name of the process: "exited with code 1",
// "killed by signal 11 (segmentation fault)".
func (s ExitStatus) String() string {
	if s.Signal != 0 {
		return fmt.Sprintf("killed by signal %d (%v)", int(s.Signal), s.Signal)
	}
	return fmt.Sprintf("exited with code %d", s.Code)
}

// StatusOf reads how a process ended that was waited for.
func StatusOf(state *os.ProcessState) ExitStatus {
	if state == nil { // it could not be waited for
		return ExitStatus{Code: -1}
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return ExitStatus{Code: -1, Signal: ws.Signal()}
	}
	return ExitStatus{Code: state.ExitCode()}
}

// split gives the words of the command, at least one.
func split(o StartOptions, env []string) (words []string, err error) {
	fail := func(format string, args ...any) error {
		return &CommandError{o.Command, fmt.Sprintf(format, args...)}
	}
	if strings.TrimSpace(o.Command) == "" {
		return nil, fail("is empty: write the command that starts the server, as in './server {port}'")
	}
	if strings.ContainsRune(o.Command, 0) {
		return nil, fail("has a NUL byte")
	}
	// The parser panics on a process substitution, which it accepts as syntax
	// and has no handler for.
	defer func() {
		if recover() != nil {
			words, err = nil, fail("cannot be split into words: no shell is run, write sh -c '…' for one")
		}
	}()
	words, err = shell.Fields(o.Command, func(name string) string {
		for i := len(env) - 1; i >= 0; i-- {
			if value, ok := strings.CutPrefix(env[i], name+"="); ok {
				return value
			}
		}
		return ""
	})
	if err != nil {
		return nil, fail("cannot be split into words (%s): no shell is run, write sh -c '…' for one", printable(err.Error()))
	}
	if len(words) == 0 || words[0] == "" {
		return nil, fail("is empty once its variables are replaced")
	}
	return words, nil
}

// cannotRun explains in one line why name was not run.
func cannotRun(err error, name, dir string) string {
	if dir != "" {
		if info, statErr := os.Stat(dir); statErr != nil || !info.IsDir() {
			return fmt.Sprintf("%q is not a directory to run it in", dir)
		}
	}
	exists := func(path string) bool {
		if dir != "" && !strings.HasPrefix(path, "/") {
			path = dir + "/" + path
		}
		info, err := os.Stat(path)
		return err == nil && !info.IsDir()
	}
	bare := !strings.ContainsAny(name, `/\`)
	switch {
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, exec.ErrDot):
		if before, _, ok := strings.Cut(name, "="); ok && bare {
			return fmt.Sprintf("%q is not a program: write env %s=… before the program to set a variable", name, before)
		}
		if bare && exists(name) {
			return fmt.Sprintf("%q is not in PATH: write ./%s for the one in this directory", name, printable(name))
		}
		return fmt.Sprintf("%q was not found in PATH", name)
	case errors.Is(err, os.ErrNotExist) && exists(name):
		return fmt.Sprintf("%q cannot be run: the interpreter in its first line was not found", name)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Sprintf("%q was not found", name)
	case errors.Is(err, os.ErrPermission):
		return fmt.Sprintf("%q is not executable", name)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Sprintf("%q is neither a program for this machine nor a script with a #! line", name)
	}
	return printable(err.Error())
}

// freePort gives a port that nobody has. Somebody may take it before the server
// does, which launch notices.
func freePort(network, host string) (int, error) {
	bound, closer, err := listen(network, host, 0)
	if err != nil {
		return 0, err
	}
	defer closer()
	address, err := netip.ParseAddrPort(bound.String())
	return int(address.Port()), err
}

// taken says why a server cannot have the port, or "" when it can.
func taken(network, host string, port int) string {
	if who := occupant(network, port); who != "" {
		return fmt.Sprintf("port %d is already taken by %s", port, who)
	}
	_, closer, err := listen(network, host, port)
	if err == nil {
		closer()
		return ""
	}
	if errors.Is(err, os.ErrPermission) { // the server may have the right that we lack
		return ""
	}
	return fmt.Sprintf("port %d cannot be used: %v", port, err)
}

func listen(network, host string, port int) (net.Addr, func() error, error) {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	if network == "udp" {
		c, err := net.ListenPacket("udp", address)
		if err != nil {
			return nil, nil, err
		}
		return c.LocalAddr(), c.Close, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	return l.Addr(), l.Close, nil
}
