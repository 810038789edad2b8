package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// launchConfig is what the process is told that becomes the submission.
type launchConfig struct {
	Command []string
	Env     []string
	Limits  Limits
	Older   bool // Landlock is not used
	Counted bool // a cgroup counts memory
	Threads int  // of init, which may be of the same user
}

const (
	resultFD = 3
	// commandProblem begins a problem that the command is to blame for.
	commandProblem = "command: "
)

// launch gives up every right on this thread, and becomes the submission on
// it: what is asked of a thread alone holds for all of a program that the
// thread executes. It returns only when that fails, and then has said why.
func launch() {
	runtime.LockOSThread()
	unix.CloseOnExec(resultFD)
	result := os.NewFile(resultFD, "result")
	var c launchConfig
	if len(os.Args) != 2 || json.Unmarshal([]byte(os.Args[1]), &c) != nil {
		return
	}
	if err := confine(c); err != nil {
		fmt.Fprint(result, err)
		return
	}
	path, err := lookUp(c.Command[0], c.Env)
	if err == nil {
		err = unix.Exec(path, c.Command, c.Env)
	}
	fmt.Fprint(result, commandProblem+cannotRun(err, c.Command[0]))
}

func confine(c launchConfig) error {
	if err := limit(c); err != nil {
		return fmt.Errorf("cannot set limits: %w", err)
	}
	if err := dropRights(); err != nil {
		return fmt.Errorf("cannot give up rights: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot set no_new_privs: %w", err)
	}
	if !c.Older {
		if err := landlock(); err != nil {
			return fmt.Errorf("cannot use Landlock: %w", err)
		}
	}
	if err := filterCalls(c.Counted); err != nil {
		return fmt.Errorf("cannot filter system calls: %w", err)
	}
	return nil
}

func limit(c launchConfig) error {
	l := c.Limits
	seconds := uint64(l.CPU.Seconds()) + 1
	set := func(resource int, soft, hard uint64) error {
		var old unix.Rlimit
		if err := unix.Getrlimit(resource, &old); err != nil {
			return err
		}
		hard = min(hard, old.Max)
		return unix.Setrlimit(resource, &unix.Rlimit{Cur: min(soft, hard), Max: hard})
	}
	allowed := uint64(l.Processes)
	if os.Getuid() == boxID {
		allowed += uint64(c.Threads) + 8 // init may need some more
	}
	return errors.Join(
		set(unix.RLIMIT_CPU, seconds, seconds+1),
		set(unix.RLIMIT_FSIZE, uint64(l.Disk), uint64(l.Disk)),
		set(unix.RLIMIT_NOFILE, uint64(l.OpenFiles), uint64(l.OpenFiles)),
		set(unix.RLIMIT_NPROC, allowed, allowed),
		set(unix.RLIMIT_CORE, 1, 1), // with 0, the machine's own handler would be started for it, outside
		set(unix.RLIMIT_MEMLOCK, 8<<20, 8<<20),
		set(unix.RLIMIT_MSGQUEUE, 0, 0),
	)
}

// dropRights becomes the box's user, without any capability, now and later. The
// calls are raw: those of package syscall would be for all threads.
func dropRights() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	for capability := uintptr(0); capability < 64; capability++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil {
			if capability > 0 && errors.Is(err, unix.EINVAL) {
				break // there are no more
			}
			return err
		}
	}
	if os.Getuid() != boxID {
		for _, call := range [][4]uintptr{{unix.SYS_SETGROUPS}, {unix.SYS_SETRESGID, boxID, boxID, boxID}, {unix.SYS_SETRESUID, boxID, boxID, boxID}} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				return errno
			}
		}
	}
	var none [2]unix.CapUserData
	return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0])
}
