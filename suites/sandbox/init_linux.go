package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"conform/suites/target"
)

func init() {
	if len(os.Args) == 0 {
		return
	}
	switch os.Args[0] {
	case initName:
		// The first thread only waits: see resetHandlers.
		go boxInit()
		select {}
	case launchName:
		launch()
		os.Exit(127)
	case probeName:
		os.Exit(0)
	}
}

// supervisor is a box's init: the first process in the namespaces. What runs
// beside it is hostile, and in the same namespaces; without root it even has the
// same user. That it cannot be harmed rests on this: the kernel gives the first
// process of a PID namespace no signal from inside that it has no handler for,
// and all handlers of Go's runtime are taken away; nobody may look into it or
// trace it, because it is not dumpable and the submission has no capability.
type supervisor struct {
	control *net.UnixConn
	config  boxConfig
	main    int // process id of the submission's first process
	began   time.Time

	looking sync.Mutex                // held by whoever looks
	seen    map[process]time.Duration // processor time of those that lived at the last look
	gone    time.Duration             // and of those that are gone since

	mu    sync.Mutex
	ended bool
	peak  Usage // of memory and processes
	full  bool  // the disk was seen to be full
	over  int   // looks in a row at which the process limit was reached
}

func boxInit() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	unix.CloseOnExec(controlFD)
	file := os.NewFile(controlFD, "control")
	connection, err := net.FileConn(file)
	file.Close()
	control, ok := connection.(*net.UnixConn)
	if err != nil || !ok {
		fmt.Fprintln(os.Stderr, "conform: this name is for the inside of a box")
		leave(2)
	}
	s := &supervisor{control: control, began: time.Now()}
	buffer := make([]byte, packet)
	n, err := control.Read(buffer)
	if err != nil || json.Unmarshal(buffer[:n], &s.config) != nil {
		leave(2)
	}
	resetHandlers()
	if err := s.start(); err != nil {
		var command *target.CommandError
		m := message{Op: "failed", Problem: err.Error()}
		if errors.As(err, &command) {
			m.Command, m.Problem = true, command.Reason
		}
		_ = send(control, m)
		leave(1)
	}
	if err := send(control, message{Op: "ready"}); err != nil {
		leave(1)
	}
	go s.watch()
	go s.reap()
	s.serve(buffer)
}

// leave ends init, and with it the box, without what a runtime does before.
func leave(code int) {
	for {
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(code), 0, 0)
	}
}

// resetHandlers takes away every handler that Go's runtime has set, so that the
// kernel drops what is sent from inside the box: a handled SIGTERM, or a
// SIGSEGV that somebody sends, would end a Go program. SIGURG, by which the
// runtime interrupts itself, is switched off from outside.
//
// The kernel drops a signal only if the first thread does not block it at that
// moment, and the runtime blocks all of them for a moment now and then, as when
// it starts a thread. So the first thread does nothing for as long as the box
// lives.
func resetHandlers() {
	var none [4]uint64 // struct sigaction: SIG_DFL, no flags, no restorer, empty mask
	for signal := 1; signal <= 64; signal++ {
		if s := syscall.Signal(signal); s == unix.SIGKILL || s == unix.SIGSTOP {
			continue
		}
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&none)), 0, 8, 0, 0)
	}
}

// start prepares the box and executes the submission in it.
func (s *supervisor) start() error {
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("cannot bring up the box's network: %w", err)
	}
	_ = unix.Sethostname([]byte("box"))
	self, err := unix.Open("/proc/self/exe", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot find conform's own program: %w", err)
	}
	defer unix.Close(self)
	// Out of the way of the numbers that the submission's process begins with.
	if self, err = unix.FcntlInt(uintptr(self), unix.F_DUPFD_CLOEXEC, 100); err != nil {
		return err
	}
	if err := buildRoot(s.config); err != nil {
		return err
	}
	// Ports below 1024 are for everybody here, such as 7 for an echo server. It
	// is done where the kernel lets us.
	_ = os.WriteFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", []byte("0"), 0)
	return s.launch(self)
}

// launch starts our program once more, which takes away its own rights and then
// becomes the submission.
func (s *supervisor) launch(self int) error {
	result, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer result.Close()
	config, err := json.Marshal(launchConfig{Command: s.config.Command, Env: s.config.Env, Limits: s.config.Limits,
		Older: s.config.Older, Counted: s.config.Cgroup, Threads: threads()})
	if err != nil {
		return err
	}
	attributes := &syscall.SysProcAttr{Setsid: true}
	if s.config.Cgroup {
		unix.CloseOnExec(cgroupFD)
		attributes.UseCgroupFD, attributes.CgroupFD = true, cgroupFD
	}
	pid, err := syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(self), []string{launchName, string(config)},
		&syscall.ProcAttr{Dir: boxDir, Env: []string{"GOMAXPROCS=1"}, Files: []uintptr{0, 1, 2, write.Fd()}, Sys: attributes})
	write.Close()
	if err != nil {
		return fmt.Errorf("cannot start a process in the box: %w", err)
	}
	s.main = pid
	// The end of the pipe says that the submission is executed.
	problem, err := io.ReadAll(io.LimitReader(result, packet/2))
	if err != nil {
		return err
	}
	if len(problem) == 0 {
		return nil
	}
	_, _ = unix.Wait4(pid, nil, 0, nil)
	if reason, ok := strings.CutPrefix(string(problem), commandProblem); ok {
		return &target.CommandError{Command: s.config.Command[0], Reason: reason}
	}
	return errors.New(string(problem))
}

// threads is how many threads this process has: they count against the limit
// of the user that it may share with the submission.
func threads() int {
	entries, _ := os.ReadDir("/proc/self/task")
	return len(entries)
}

// serve answers the grader until it is gone, and with it the box.
func (s *supervisor) serve(buffer []byte) {
	rights := make([]byte, unix.CmsgSpace(4))
	for {
		m, fd, err := receive(s.control, buffer, rights)
		if fd >= 0 {
			unix.Close(fd)
		}
		if err != nil {
			leave(1)
		}
		switch m.Op {
		case "socket":
			fd, err := unix.Socket(m.Family, m.Type|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
			s.give(m.ID, fd, err)
		case "path":
			// Not followed out of the box: its root is ours.
			fd, err := unix.Open(m.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
			s.give(m.ID, fd, err)
		case "listens":
			places, err := listeners(m.Network)
			answer := message{Op: "answer", ID: m.ID, Listens: places[:min(len(places), 64)]}
			if err != nil {
				answer.Errno = unix.EIO
			}
			s.answer(answer)
		case "used":
			s.answer(message{Op: "answer", ID: m.ID, Usage: s.usage()})
		case "end":
			s.finish(m.End, target.ExitStatus{})
		}
	}
}

func (s *supervisor) answer(m message) {
	if send(s.control, m) != nil {
		leave(1)
	}
}

// give hands a descriptor over.
func (s *supervisor) give(id, fd int, err error) {
	if err != nil {
		errno := unix.EIO
		errors.As(err, &errno)
		s.answer(message{Op: "answer", ID: id, Errno: errno})
		return
	}
	defer unix.Close(fd)
	text, _ := json.Marshal(message{Op: "answer", ID: id})
	_ = s.control.SetWriteDeadline(time.Now().Add(5 * time.Second))
	if _, _, err := s.control.WriteMsgUnix(text, unix.UnixRights(fd), nil); err != nil {
		leave(1)
	}
}

// reap waits for every process in the box: whoever loses its parent gets this one.
func (s *supervisor) reap() {
	for {
		var state unix.WaitStatus
		pid, err := unix.Wait4(-1, &state, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			leave(1) // there is nobody to wait for, not even the submission
		}
		if pid != s.main {
			continue
		}
		status := target.ExitStatus{Code: state.ExitStatus()}
		if state.Signaled() {
			status = target.ExitStatus{Code: -1, Signal: state.Signal()}
		}
		end := Exited
		switch {
		case status.Signal == unix.SIGXCPU:
			end = OutOfCPU
		case status.Signal == unix.SIGXFSZ:
			end = DiskFull
		case status.Signal != 0:
			end = Signalled
		}
		s.finish(end, status)
	}
}

// finish ends all and says what became of it. Only the first does.
func (s *supervisor) finish(end End, status target.ExitStatus) {
	crowded := s.look().Processes >= s.config.Limits.Processes-1 // the last has just failed
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		select {}
	}
	s.ended = true
	s.mu.Unlock()

	if s.config.Keep && (end == Exited || end == Signalled) {
		// What comes last may be too much.
		if _, over := treeSize(boxDir, s.config.Limits.Disk); over {
			end = DiskFull
		}
	}
	m := message{Op: "exit", End: end, Status: status, Crowded: crowded}
	if end == Exited || end == Signalled {
		m.Left = left()
	}
	_ = unix.Kill(-1, unix.SIGKILL)
	m.Usage = s.usage()
	s.mu.Lock()
	m.Lost = s.full
	s.mu.Unlock()
	if status == (target.ExitStatus{}) && end != Exited {
		m.Status = target.ExitStatus{Code: -1, Signal: unix.SIGKILL}
	}
	_ = send(s.control, m)
	leave(0)
}

const (
	// looks is how often the box is looked over. A hog that takes a gigabyte a
	// second gets fifty megabytes beyond its limit.
	looks = 50 * time.Millisecond
	// namedLeft is how many processes are named.
	namedLeft = 4
)

// watch holds the submission to its limits, as far as the kernel does not.
func (s *supervisor) watch() {
	runtime.LockOSThread() // a fork bomb must not keep a thread from it
	for tick := time.Tick(looks); ; <-tick {
		used := s.look()
		l := s.config.Limits
		switch {
		case used.CPU > l.CPU:
			s.finish(OutOfCPU, target.ExitStatus{})
		case !s.config.Cgroup && used.Memory > l.Memory:
			s.finish(OutOfMemory, target.ExitStatus{})
		case used.Processes >= l.Processes:
			// Twice: a burst that is over is none.
			if s.over++; s.over > 1 {
				s.finish(OutOfProcesses, target.ExitStatus{})
			}
		default:
			s.over = 0
		}
		if s.config.Keep {
			if _, over := treeSize(boxDir, l.Disk); over {
				s.mu.Lock()
				s.full = true
				s.mu.Unlock()
				s.finish(DiskFull, target.ExitStatus{})
			}
		}
	}
}

// look measures, and remembers the peaks.
func (s *supervisor) look() Usage {
	s.looking.Lock()
	defer s.looking.Unlock()
	used := Usage{CPU: reaped()}
	own := s.gone
	live := map[process]time.Duration{}
	for _, pid := range pids() {
		p, ok := readStat(pid)
		if !ok {
			continue
		}
		used.CPU += p.cpu + p.children
		own += p.cpu
		live[p.process] = p.cpu
		used.Memory += p.rss
		used.Processes += p.threads
	}
	for p, cpu := range s.seen {
		if _, ok := live[p]; !ok {
			s.gone += cpu
			own += cpu
		}
	}
	s.seen = live
	// The time of a child that its parent does not wait for is counted for
	// nobody: what was seen of it is.
	used.CPU = max(used.CPU, own)
	if used.Memory > s.config.Limits.Memory && !s.config.Cgroup {
		// What processes share was counted for each.
		used.Memory = shared()
	}
	var disk unix.Statfs_t
	full := false
	if unix.Statfs("/tmp", &disk) == nil {
		full = disk.Bavail < 4 || disk.Ffree < 4
		used.Memory += int64(disk.Blocks-disk.Bfree) * int64(disk.Bsize)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = s.full || full
	s.peak.Memory = max(s.peak.Memory, used.Memory)
	s.peak.Processes = max(s.peak.Processes, used.Processes)
	s.peak.CPU = max(s.peak.CPU, used.CPU)
	return used
}

func (s *supervisor) usage() Usage {
	s.look()
	s.mu.Lock()
	used := s.peak
	s.mu.Unlock()
	used.Wall = time.Since(s.began)
	var disk unix.Statfs_t
	if unix.Statfs("/tmp", &disk) == nil {
		used.Disk = int64(disk.Blocks-disk.Bfree) * int64(disk.Bsize)
	}
	return used
}

// reaped is the processor time of those that have ended.
func reaped() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_CHILDREN, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// process tells processes apart that have had one number.
type process struct {
	pid   int
	began int64
}

type stat struct {
	process
	cpu      time.Duration // its own
	children time.Duration // of those that it has waited for
	rss      int64
	threads  int
}

// readStat reads what a process uses. Zombies use nothing but a place.
func readStat(pid int) (stat, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	// The name in brackets may hold anything; behind it come state, ppid, ….
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 22 {
		return stat{}, false
	}
	number := func(i int) int64 { n, _ := strconv.ParseInt(fields[i], 10, 64); return n }
	const tick = 10 * time.Millisecond
	return stat{process: process{pid, number(19)}, cpu: time.Duration(number(11)+number(12)) * tick, children: time.Duration(number(13)+number(14)) * tick,
		rss: number(21) * int64(os.Getpagesize()), threads: max(1, int(number(17)))}, true
}

// shared adds up the memory of all processes, each shared page once.
func shared() (total int64) {
	for _, pid := range pids() {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
		if err != nil {
			if p, ok := readStat(pid); ok {
				total += p.rss
			}
			continue
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
				total += kilobytes << 10
				break
			}
		}
	}
	return total
}

// pids are the processes of the submission.
func pids() (all []int) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid != 1 {
			all = append(all, pid)
		}
	}
	return all
}

// left names the processes that live on when the first one has ended.
func left() (names []string) {
	for _, pid := range pids() {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
		if p, ok := readStat(pid); err != nil || !ok || p.rss == 0 { // without memory it is a zombie
			continue
		}
		if len(names) == namedLeft {
			return append(names, "and more")
		}
		names = append(names, strings.Trim(strconv.QuoteToASCII(strings.TrimSpace(string(text))), `"`))
	}
	return names
}

// treeSize adds up a folder, as far as limit; over says that there is more, or
// that the folder cannot be added up: too many files, too deep. It follows no link.
func treeSize(dir string, limit int64) (total int64, over bool) {
	const most, deepest = 100_000, 100
	files := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			if d != nil && d.IsDir() {
				return filepath.SkipDir // not readable, or gone meanwhile
			}
			return nil
		}
		if files++; files > most || strings.Count(path, "/") > deepest {
			return io.ErrShortBuffer
		}
		var s unix.Stat_t
		if unix.Lstat(path, &s) == nil {
			total += s.Blocks * 512
		}
		if total > limit {
			return io.ErrShortBuffer
		}
		return nil
	})
	return total, err != nil
}

// loopbackUp gives the box its only network interface.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, request); err != nil {
		return err
	}
	request.SetUint16(request.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}
