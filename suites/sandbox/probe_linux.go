package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// kinds are the namespaces of a box, each tried alone in a user namespace, to
// name the one that is missing.
var kinds = []struct {
	name string
	flag uintptr
}{
	{"user namespaces", 0}, {"mount namespaces", unix.CLONE_NEWNS}, {"process namespaces", unix.CLONE_NEWPID},
	{"network namespaces", unix.CLONE_NEWNET}, {"IPC namespaces", unix.CLONE_NEWIPC}, {"UTS namespaces", unix.CLONE_NEWUTS},
}

// Probe finds out what this machine can do for a box, once, by doing it.
func Probe() Report {
	probing.Do(func() { probed = probe() })
	return probed
}

// What a machine can do does not change while we run, and costs some processes
// to find out.
var (
	probing sync.Once
	probed  Report
)

func probe() Report {
	var facts []Fact
	able := true
	for _, k := range kinds {
		f := Fact{Name: k.name, Need: Namespaced, OK: true}
		if err := tryNamespace(k.flag); err != nil {
			f.OK, f.Why, f.Fix = false, "cannot be made: "+lastWords(err), namespaceFix()
			able = false
		}
		facts = append(facts, f)
		if !able {
			break // the others rest on user namespaces, or fail alike
		}
	}
	box := Fact{Name: "a whole box", Need: Namespaced}
	if able {
		took, err := tryBox(Namespaced)
		if box.OK = err == nil; err != nil {
			box.Why, box.Fix = err.Error(), boxFix(err)
		} else {
			box.Detail = "made in " + took.Round(time.Millisecond).String()
		}
	} else {
		box.Why, box.Fix = "there are no namespaces for it", namespaceFix()
	}
	facts = append(facts, box)

	group := Fact{Name: "cgroup v2, delegated", Need: Strict, OK: true}
	_, err := ownCgroup()
	if err == nil && box.OK {
		if _, err = tryBox(Strict); err == nil {
			group.Detail = "tried with a box"
		}
	}
	if err != nil {
		group.OK, group.Why, group.Fix = false, err.Error(), delegateFix()
		if not := (*errNotDelegated)(nil); errors.As(err, &not) {
			group.Fix = not.fix
		}
	}
	facts = append(facts, group)

	lock := Fact{Name: "Landlock"}
	switch abi, err := landlockABI(); {
	case err != nil:
		lock.Why, lock.Fix = "the kernel does not offer it: "+lastWords(err), "boot a kernel from 5.19 on with landlock in its list of security modules (lsm=landlock,…)"
	case abi < 2:
		lock.Why, lock.Fix = "its first version is of no use to builds", "boot a kernel from 5.19 on"
	default:
		lock.OK, lock.Detail = true, "ABI "+strconv.Itoa(abi)
	}
	facts = append(facts, lock)

	filter := Fact{Name: "seccomp", OK: true}
	switch _, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); {
	case nativeArch == 0:
		filter.OK, filter.Why, filter.Fix = false, "conform has no filter for "+runtime.GOARCH, "use a machine with amd64 or arm64"
	case err != nil:
		filter.OK, filter.Why, filter.Fix = false, "the kernel does not offer it: "+lastWords(err), "boot a kernel with CONFIG_SECCOMP_FILTER"
	case box.OK:
		filter.Detail = "set in the box above"
	}
	facts = append(facts, filter)

	privileges := Fact{Name: "no_new_privs", OK: true}
	if _, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil {
		privileges.OK, privileges.Why, privileges.Fix = false, lastWords(err), "boot a kernel from 3.5 on"
	}
	facts = append(facts, privileges)
	facts = append(facts, toolsFact())
	return Report{Schema: Schema, Tier: tierOf(facts), Facts: facts}
}

// tryNamespace starts a process of ours in one kind of namespace.
func tryNamespace(flag uintptr) error {
	a := attributes(unix.CLONE_NEWUSER | flag)
	a.Pdeathsig = 0 // the thread may end before it
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: []string{probeName}, Env: []string{"GOMAXPROCS=1"}, SysProcAttr: a}
	return cmd.Run()
}

// tryBox starts a box whose program does nothing.
func tryBox(tier Tier) (time.Duration, error) {
	dir, err := os.MkdirTemp("", "conform-probe-")
	if err != nil {
		return 0, err
	}
	defer RemoveAll(dir) //nolint:errcheck // an empty folder is no reason to fail
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	began := time.Now()
	r, err := Run(ctx, Options{Dir: dir, Command: []string{"/bin/sh", "-c", "echo > here && echo > /tmp/here"}, Tier: tier})
	took := time.Since(began)
	if err == nil && (r.End != Exited || r.Status.Code != 0) {
		err = fmt.Errorf("the program in it %s: %s", r.Reason, strings.Join(r.Output.LastLines(1), ""))
	}
	return took, err
}

func lastWords(err error) string {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// namespaceFix reads from the settings of the machine why it is so.
func namespaceFix() string {
	switch {
	case setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" && os.Getuid() != 0:
		return "Ubuntu's AppArmor forbids it: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or give conform a profile with userns, as docs/grading.md has one"
	case setting("/proc/sys/user/max_user_namespaces") == "0":
		return "the limit is 0: sudo sysctl user.max_user_namespaces=10000"
	case setting("/proc/sys/kernel/unprivileged_userns_clone") == "0" && os.Getuid() != 0:
		return "Debian's kernel forbids it: sudo sysctl kernel.unprivileged_userns_clone=1"
	case inContainer():
		return "the container forbids it: start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
	}
	return "boot a kernel with CONFIG_USER_NS, and let users make namespaces: sudo sysctl user.max_user_namespaces=10000"
}

// boxFix is about a machine that makes namespaces, and yet no box.
func boxFix(err error) string {
	text := err.Error()
	switch {
	case setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" && os.Getuid() != 0:
		return namespaceFix()
	case strings.Contains(text, "mount proc") && inContainer():
		return "the container hides parts of /proc: start it with --security-opt systempaths=unconfined, or in Kubernetes with procMount: Unmasked and hostUsers: false"
	case strings.Contains(text, "overlay"):
		return "boot a kernel from 5.11 on, which lets users lay file systems over each other (overlayfs)"
	case strings.Contains(text, "read-only") && errors.Is(err, unix.ENOSYS), strings.Contains(text, "function not implemented"):
		return "boot a kernel from 5.12 on"
	}
	return namespaceFix()
}

func setting(path string) string {
	text, _ := os.ReadFile(path)
	return strings.TrimSpace(string(text))
}

func inContainer() bool {
	for _, path := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return setting("/proc/1/environ") != "" && strings.Contains(setting("/proc/1/environ"), "container=")
}
