//go:build unix

package target

import "syscall"

func attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	dieWithUs(a)
	return a
}

func (r *run) terminate() { r.signal(syscall.SIGTERM) }

func (r *run) kill() { r.signal(syscall.SIGKILL) }

// signal reaches the whole group. Once the started process is reaped, the
// number of the group may be somebody else's, so it is left alone then.
func (r *run) signal(s syscall.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.reaped {
		_ = syscall.Kill(-r.pid, s) // that nobody is left to signal is the aim
	}
}
