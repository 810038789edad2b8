package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"conform/suites/target"
)

const (
	// startLimit is how long a box may take to be made: it takes tens of
	// milliseconds.
	startLimit = 20 * time.Second
	// answerLimit is how long init may take to answer.
	answerLimit = 5 * time.Second
	// farewell is how long init has to say what the submission has used.
	farewell = time.Second
	// nobody is the user on this machine that a submission has when we are root.
	nobody = 65534
)

const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

func start(ctx context.Context, o Options) (engine, error) {
	if o.Tier == Basic {
		return startBasic(o)
	}
	if asNobody() {
		if err := giveAway(o.Dir); err != nil {
			return nil, fmt.Errorf("cannot give %s to the submission's user: %w", o.Dir, err)
		}
	}
	var group *cgroup
	if o.Tier == Strict {
		var err error
		if group, err = newCgroup(o.Limits); err != nil {
			return nil, fmt.Errorf("tier strict: %w", err)
		}
	}
	return startBox(ctx, o, group)
}

// asNobody says whether we are root and can be somebody else in a box. In a
// container for one user there is nobody else.
func asNobody() bool {
	if os.Getuid() != 0 {
		return false
	}
	text, _ := os.ReadFile("/proc/self/uid_map")
	for line := range strings.Lines(string(text)) {
		var inside, outside, count uint64
		if _, err := fmt.Sscan(line, &inside, &outside, &count); err == nil && inside <= nobody && nobody-inside < count {
			return true
		}
	}
	return false
}

// giveAway makes the submission's folder the box's user's, who is nobody on
// this machine. Links are not followed.
func giveAway(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s, ok := info.Sys().(*syscall.Stat_t)
		if ok && (s.Uid == nobody && s.Gid == nobody || !d.IsDir() && s.Nlink > 1) {
			return nil // a file that has another name may be somebody else's there
		}
		return os.Lchown(path, nobody, nobody)
	})
}

// boxed is a program in namespaces of its own.
type boxed struct {
	limits  Limits
	keep    bool // it is a build
	cmd     *exec.Cmd
	control *net.UnixConn
	out     *target.Recorder
	group   *cgroup

	ask     sync.Mutex // held for one question and its answer
	asked   int
	answers chan answer
	ended   chan struct{} // closed when init and all in the box are gone
	res     Result        // valid once ended is closed

	mu    sync.Mutex
	why   End      // who ended it, when we did
	final *message // init's last word
}

type answer struct {
	message
	fd int // that came with it, or -1
}

func (a answer) close() {
	if a.fd >= 0 {
		unix.Close(a.fd)
	}
}

// attributes are those of a box's init.
func attributes(flags uintptr) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	if uid, gid := os.Getuid(), os.Getgid(); !asNobody() {
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: boxID, HostID: uid, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: boxID, HostID: gid, Size: 1}}
		// Without them a user that is not root in there loses what it may do in the
		// namespace when it executes init.
		a.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_SETPCAP, unix.CAP_DAC_OVERRIDE, unix.CAP_SYS_PTRACE, unix.CAP_KILL}
		return a
	}
	// Init is root, and whoever is in the box somebody else.
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: boxID, HostID: nobody, Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: boxID, HostID: nobody, Size: 1}}
	a.GidMappingsEnableSetgroups = true
	return a
}

func startBox(ctx context.Context, o Options, group *cgroup) (b *boxed, err error) {
	var opened closers
	defer func() {
		if err != nil {
			opened.all()
			group.remove()
		}
	}()
	ours, theirs, err := controlPair()
	if err != nil {
		return nil, err
	}
	opened.add(ours)
	defer theirs.Close()
	stdin, held, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	opened.add(held)
	defer stdin.Close()
	output, stdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	opened.add(output)
	defer stdout.Close()

	b = &boxed{limits: o.Limits, keep: o.Keep, control: ours, group: group, out: target.NewRecorder(), answers: make(chan answer, 1), ended: make(chan struct{})}
	b.cmd = &exec.Cmd{Path: "/proc/self/exe", Args: []string{initName}, Env: []string{"GOMAXPROCS=2", "GODEBUG=asyncpreemptoff=1"}, Dir: "/",
		Stdin: stdin, Stdout: stdout, Stderr: stdout, ExtraFiles: []*os.File{theirs}, SysProcAttr: attributes(namespaces)}
	if group != nil {
		b.cmd.ExtraFiles = append(b.cmd.ExtraFiles, group.inside)
		b.cmd.SysProcAttr.UseCgroupFD, b.cmd.SysProcAttr.CgroupFD = true, int(group.beside.Fd())
	}
	began := time.Now()
	first := make(chan message, 1)
	started := make(chan error)
	go func() {
		// Init is killed when the thread ends that started it (golang/go#27505):
		// it is kept for as long as the box lives. That the control socket
		// ends is the other sign for it that we are gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := b.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		listening := make(chan struct{})
		go func() { defer close(listening); b.listen(first) }()
		_ = b.cmd.Wait() // what it says is said on the control socket
		<-listening
		held.Close()
		select {
		case <-b.out.Done():
		case <-time.After(farewell):
		}
		output.Close()
		ours.Close()
		b.conclude(began)
	}()
	if err = <-started; err != nil {
		return nil, fmt.Errorf("cannot make namespaces: %w", err)
	}
	go b.out.Record(output)
	// From here on the goroutine above closes what is ours; what is init's must
	// not be held open here.
	opened = nil
	theirs.Close()
	stdout.Close()

	text, err := json.Marshal(boxConfig{Command: o.Command, Env: environment(o, boxDir, "/home", "/tmp"), Dir: o.Dir, Keep: o.Keep,
		Show: resolved(o.Show), Limits: o.Limits, Older: o.withoutLandlock, Cgroup: group != nil})
	if err == nil && len(text) > packet {
		err = &target.CommandError{Command: o.Command[0], Reason: "is too long, with its environment"}
	}
	if err == nil {
		_, err = ours.Write(text)
	}
	if err == nil {
		select {
		case m, ok := <-first:
			err = problem(o, m, ok)
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-time.After(startLimit):
			err = fmt.Errorf("the box did not start within %v", startLimit)
		}
	}
	if err != nil {
		_ = b.cmd.Process.Kill()
		<-b.ended
		if lines := b.out.Output().LastLines(1); len(lines) > 0 {
			err = fmt.Errorf("%w (%s)", err, lines[0])
		}
		return nil, err
	}
	return b, nil
}

// resolved follows links here, where they lead somewhere. What a link stands for is
// shown at its own place as well: programs look for their parts there.
func resolved(paths []string) (all []shown) {
	for _, path := range paths {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue // it was there a moment ago
		}
		info, err := os.Stat(real)
		if err != nil {
			continue
		}
		all = append(all, shown{real, path, info.IsDir()})
		if real != path {
			all = append(all, shown{real, real, info.IsDir()})
		}
	}
	return all
}

// problem is why a box did not start.
func problem(o Options, m message, ok bool) error {
	switch {
	case !ok:
		return errors.New("the box's init ended before it had started anything")
	case m.Op == "ready":
		return nil
	case m.Command:
		return &target.CommandError{Command: strings.Join(o.Command, " "), Reason: m.Problem}
	}
	return errors.New(m.Problem)
}

// closers close what was opened on the way to an error.
type closers []interface{ Close() error }

func (c *closers) add(one interface{ Close() error }) { *c = append(*c, one) }

func (c closers) all() {
	for _, one := range c {
		one.Close()
	}
}

// controlPair is the two ends of the control socket.
func controlPair() (ours *net.UnixConn, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	mine := os.NewFile(uintptr(pair[0]), "control")
	defer mine.Close()
	theirs = os.NewFile(uintptr(pair[1]), "control")
	c, err := net.FileConn(mine)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return c.(*net.UnixConn), theirs, nil
}

// listen takes what init says, to its end.
func (b *boxed) listen(first chan<- message) {
	defer close(b.answers)
	defer close(first)
	buffer, rights := make([]byte, packet), make([]byte, unix.CmsgSpace(4*4))
	for {
		m, fd, err := receive(b.control, buffer, rights)
		switch {
		case err != nil:
			return
		case m.Op == "answer":
			b.deliver(answer{m, fd})
		case m.Op == "exit":
			b.mu.Lock()
			b.final = &m
			b.mu.Unlock()
		default:
			first <- m
			first = make(chan message, 1) // there is no second
		}
	}
}

// deliver puts an answer where the question looks for it, in the place of one
// that came too late for its own. It never waits: what init says next counts.
func (b *boxed) deliver(a answer) {
	for {
		select {
		case b.answers <- a:
			return
		default:
		}
		select {
		case old := <-b.answers:
			old.close()
		default:
		}
	}
}

// conclude says what became of the submission. Nothing in the box is left.
func (b *boxed) conclude(began time.Time) {
	for late := range b.answers {
		late.close()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r := Result{End: Infrastructure, Status: target.ExitStatus{Code: -1, Signal: unix.SIGKILL}}
	if m := b.final; m != nil {
		r.End, r.Status, r.Left, r.Usage = m.End, m.Status, m.Left, m.Usage
		failed := r.End == Signalled || r.End == Exited && r.Status.Code != 0
		switch {
		case failed && m.Lost:
			r.End = DiskFull
		case failed && m.Crowded:
			r.End = OutOfProcesses
		}
	} else if b.why != "" {
		r.End = b.why
	}
	r.Usage.Wall = time.Since(began)
	if b.group != nil {
		b.group.account(&r, b.limits)
		b.group.remove()
	}
	r.Reason = reasonFor(r.End, r.Status, b.limits)
	if r.End == Infrastructure {
		r.Reason += " (its init: " + b.cmd.ProcessState.String() + ")"
	}
	if len(r.Left) > 0 {
		r.Reason += " and left behind " + strings.Join(r.Left, ", ")
		if !b.keep {
			r.Reason += " (a server must stay in the foreground)"
		}
	}
	b.res = r
	close(b.ended)
}

var errGone = errors.New("the box has ended")

// question asks init.
func (b *boxed) question(m message) (answer, error) {
	b.ask.Lock()
	defer b.ask.Unlock()
	b.asked++
	m.ID = b.asked
	if err := send(b.control, m); err != nil {
		return answer{}, errGone
	}
	late := time.NewTimer(answerLimit)
	defer late.Stop()
	for {
		select {
		case a, ok := <-b.answers:
			switch {
			case !ok:
				return a, errGone
			case a.ID != m.ID: // to a question that was given up
				a.close()
			case a.Errno != 0:
				return a, a.Errno
			default:
				return a, nil
			}
		case <-late.C:
			return answer{}, fmt.Errorf("the box's init does not answer within %v", answerLimit)
		}
	}
}

func (b *boxed) listens(network string) ([]netip.AddrPort, error) {
	a, err := b.question(message{Op: "listens", Network: network})
	return a.Listens, err
}

func (b *boxed) used() (Usage, bool) {
	select {
	case <-b.ended:
		return b.res.Usage, true
	default:
	}
	a, err := b.question(message{Op: "used"})
	if err != nil {
		return Usage{}, false
	}
	return a.Usage, true
}

func (b *boxed) output() target.Output { return b.out.Output() }
func (b *boxed) done() <-chan struct{} { return b.ended }
func (b *boxed) result() Result        { return b.res }

// end asks init to end all and say what was used. If it does not, it is killed,
// and the kernel ends all with it.
func (b *boxed) end(why End) {
	b.mu.Lock()
	first := b.why == ""
	if first {
		b.why = why
	}
	b.mu.Unlock()
	if !first {
		return
	}
	go func() {
		// Not in the row of questions: one of them may be what hangs.
		if send(b.control, message{Op: "end", End: why}) == nil {
			select {
			case <-b.ended:
				return
			case <-time.After(farewell):
			}
		}
		select {
		case <-b.ended:
		default:
			_ = b.cmd.Process.Kill()
		}
	}()
}
