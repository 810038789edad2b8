package sandbox

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// controllers are the accounts that tier strict needs.
var controllers = []string{"memory", "pids"}

// errNotDelegated says that no part of the tree of control groups is ours.
type errNotDelegated struct{ why, fix string }

func (e *errNotDelegated) Error() string { return e.why }

// delegateFix is how a user gets a cgroup to limit others in.
func delegateFix() string {
	switch _, err := os.Stat("/run/systemd/system"); {
	case inContainer():
		return "the container must be allowed to write to a cgroup v2 of its own (/sys/fs/cgroup); run conform on the host otherwise"
	case err != nil:
		return `have root put your shell into a cgroup of yours: sudo sh -c "cd /sys/fs/cgroup && echo +memory +pids > cgroup.subtree_control && mkdir -p conform && chown -R $(id -u) conform && echo $$ > conform/cgroup.procs"`
	case os.Getuid() == 0:
		return "run conform in a control group of its own: systemd-run --scope -p Delegate=yes conform …"
	}
	return "run conform in a control group of its own: systemd-run --user --scope -p Delegate=yes conform …"
}

// hybridFix is for machines that still count by the first version.
const hybridFix = "boot with systemd.unified_cgroup_hierarchy=1, so that the controllers are those of cgroup v2; in a container, ask for it on the host"

// ownCgroup is where in the file system the cgroup is in which we were when we
// first looked, and whether we may make others in it. It is found once: to have
// controllers there, we must leave it for one below.
var ownCgroup = sync.OnceValues(func() (string, error) {
	mountPoint, err := cgroupMount()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	path := ""
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			path = rest
		}
	}
	return delegated(filepath.Join(mountPoint, path), controllers)
})

// cgroupMount is where cgroup v2 is.
func cgroupMount() (string, error) {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 2 && fields[2] == "cgroup2" {
			return fields[1], nil
		}
	}
	return "", &errNotDelegated{"cgroup v2 is not mounted", hybridFix}
}

// delegated makes a cgroup ready to have others in it that are limited.
func delegated(own string, wanted []string) (string, error) {
	text, err := os.ReadFile(filepath.Join(own, "cgroup.controllers"))
	if err != nil {
		return "", &errNotDelegated{fmt.Sprintf("our cgroup cannot be read: %v", err), delegateFix()}
	}
	var lacking []string
	for _, name := range wanted {
		if !slices.Contains(strings.Fields(string(text)), name) {
			lacking = append(lacking, name)
		}
	}
	if len(lacking) > 0 {
		fix := delegateFix()
		if _, err := os.Stat("/sys/fs/cgroup/memory/tasks"); err == nil {
			fix = hybridFix
		}
		return "", &errNotDelegated{"our cgroup has no controller for " + strings.Join(lacking, " and "), fix}
	}
	if parent := filepath.Dir(own); filepath.Base(own) == leafName && has(parent, "cgroup.subtree_control", wanted) && unix.Access(parent, unix.W_OK) == nil {
		return parent, nil // started by a conform that has done what follows
	}
	// A cgroup that others are limited in may have no process itself.
	leaf := filepath.Join(own, leafName)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", &errNotDelegated{fmt.Sprintf("no cgroup can be made below ours: %v", errors.Unwrap(err)), delegateFix()}
	}
	if len(wanted) == 0 {
		return own, os.Remove(leaf)
	}
	if err := write(leaf, "cgroup.procs", "0"); err != nil {
		return "", &errNotDelegated{fmt.Sprintf("we cannot enter a cgroup below ours: %v", err), delegateFix()}
	}
	err = write(own, "cgroup.subtree_control", "+"+strings.Join(wanted, " +"))
	for range 3 {
		if !errors.Is(err, unix.EBUSY) || !given(own) || gather(own, leaf) != nil {
			break
		}
		err = write(own, "cgroup.subtree_control", "+"+strings.Join(wanted, " +"))
	}
	if err != nil {
		_ = write(own, "cgroup.procs", "0")
		_ = os.Remove(leaf)
		why := fmt.Sprintf("our cgroup cannot limit others: %v", err)
		if errors.Is(err, unix.EBUSY) {
			return "", &errNotDelegated{"our cgroup has other processes than conform, such as the shell that started it, and so cannot limit others",
				delegateFix() + " (conform itself, not a script that starts it)"}
		}
		return "", &errNotDelegated{why, delegateFix()}
	}
	return own, nil
}

// given says whether this very cgroup was handed over to us, by systemd, as
// Delegate=yes asks for, or by root: what is done with the processes in it is
// then ours to say.
func given(own string) bool {
	var value [1]byte
	if n, err := unix.Getxattr(own, "user.delegate", value[:]); err == nil && n == 1 && value[0] == '1' {
		return true
	}
	var ours, above unix.Stat_t
	me := uint32(os.Getuid())
	return unix.Stat(own, &ours) == nil && unix.Stat(filepath.Dir(own), &above) == nil && ours.Uid == me && above.Uid != me
}

// gather moves to the leaf whatever else is in our cgroup, such as the shell
// whose script started us: it stays within what was handed over.
func gather(own, leaf string) error {
	text, err := os.ReadFile(filepath.Join(own, "cgroup.procs"))
	if err != nil {
		return err
	}
	for _, pid := range strings.Fields(string(text)) {
		if err := write(leaf, "cgroup.procs", pid); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// leafName is the cgroup that we move to ourselves.
const leafName = "conform"

// has says whether a file lists all that is wanted.
func has(dir, name string, wanted []string) bool {
	text, err := os.ReadFile(filepath.Join(dir, name))
	return err == nil && !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(strings.Fields(string(text)), w) })
}

func write(dir, name, text string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// cgroup is what a box is counted by. Init is beside the submission, so that
// neither its memory nor its threads count, and no shortage in there hits it.
type cgroup struct {
	path           string
	held           *os.File // path, locked for as long as we live: see sweep
	beside, inside *os.File
}

func newCgroup(l Limits) (*cgroup, error) {
	own, err := ownCgroup()
	if err != nil {
		return nil, err
	}
	sweep(own)
	g, err := makeCgroup(own, controllers)
	if err != nil {
		return nil, err
	}
	inside := g.inside.Name()
	err = errors.Join(write(inside, "memory.max", strconv.FormatInt(l.Memory, 10)),
		write(inside, "memory.oom.group", "1"),
		write(inside, "pids.max", strconv.Itoa(l.Processes)))
	// Without swap there is no such file.
	if swapErr := write(inside, "memory.swap.max", "0"); swapErr != nil && !errors.Is(swapErr, fs.ErrNotExist) {
		err = errors.Join(err, swapErr)
	}
	if err != nil {
		g.remove()
		return nil, fmt.Errorf("a cgroup cannot be limited: %w", err)
	}
	return g, nil
}

// boxPrefix begins the names of the cgroups of boxes.
const boxPrefix = "conform-"

// sweep takes away the cgroups of boxes whose conform was killed. Their
// processes have died with it; should one live on, it is ended.
func sweep(own string) {
	left, _ := filepath.Glob(filepath.Join(own, boxPrefix+"*"))
	for _, path := range left {
		held, err := os.Open(path)
		if err != nil {
			continue
		}
		if unix.Flock(int(held.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			(&cgroup{path: path}).remove()
		}
		held.Close()
	}
}

func makeCgroup(own string, wanted []string) (g *cgroup, err error) {
	for range 3 { // one that is made anew may be swept away before it is locked
		if g, err = makeOneCgroup(own, wanted); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return g, err
}

func makeOneCgroup(own string, wanted []string) (g *cgroup, err error) {
	g = &cgroup{path: filepath.Join(own, boxPrefix+rand.Text()[:12])}
	defer func() {
		if err != nil {
			g.remove()
		}
	}()
	if err := os.Mkdir(g.path, 0o755); err != nil {
		return g, err
	}
	if g.held, err = os.Open(g.path); err != nil {
		return g, err
	}
	// One that sweeps may have it for a moment, and then takes it away.
	if err := unix.Flock(int(g.held.Fd()), unix.LOCK_EX); err != nil {
		return g, err
	}
	if len(wanted) > 0 {
		if err := write(g.path, "cgroup.subtree_control", "+"+strings.Join(wanted, " +")); err != nil {
			return g, err
		}
	}
	for i, file := range []**os.File{&g.beside, &g.inside} {
		path := filepath.Join(g.path, parts[i])
		if err := os.Mkdir(path, 0o755); err != nil {
			return g, err
		}
		if *file, err = os.Open(path); err != nil {
			return g, err
		}
	}
	return g, nil
}

// parts are the cgroups in one of a box: of its init, and of the submission.
var parts = []string{"init", "submission"}

// account takes over what the kernel has counted.
func (g *cgroup) account(r *Result, l Limits) {
	dir := g.inside.Name()
	if peak := value(dir, "memory.peak", ""); peak > 0 {
		r.Usage.Memory = peak
	}
	if peak := value(dir, "pids.peak", ""); peak > 0 {
		r.Usage.Processes = int(peak)
	}
	if used := value(dir, "cpu.stat", "usage_usec"); used > 0 {
		r.Usage.CPU = time.Duration(used) * time.Microsecond
	}
	if value(dir, "memory.events", "oom_kill") > 0 && (r.End == Signalled || r.End == Exited && r.Status.Code != 0) {
		r.End = OutOfMemory
	}
	if value(dir, "pids.events", "max") > 0 && (r.End == Signalled || r.End == Exited && r.Status.Code != 0) {
		r.End = OutOfProcesses
	}
}

// value reads a number, of a file that has one or of the line with a key.
func value(dir, name, key string) int64 {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if key == "" && len(fields) == 1 || len(fields) == 2 && fields[0] == key {
			n, _ := strconv.ParseInt(fields[len(fields)-1], 10, 64)
			return n
		}
	}
	return 0
}

// remove ends what is in the cgroup, and it.
func (g *cgroup) remove() {
	if g == nil {
		return
	}
	_ = write(g.path, "cgroup.kill", "1")
	for _, name := range parts {
		removeEmpty(filepath.Join(g.path, name))
	}
	removeEmpty(g.path)
	for _, f := range []*os.File{g.beside, g.inside, g.held} {
		if f != nil {
			f.Close()
		}
	}
}

// removeEmpty waits a little for the processes that are being ended.
func removeEmpty(dir string) {
	for end := time.Now().Add(time.Second); ; time.Sleep(firstPoll) {
		err := unix.Rmdir(dir)
		if !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			return
		}
	}
}
