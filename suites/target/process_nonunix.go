//go:build !unix

package target

import "syscall"

// There are no process groups and no signals here, so the started process is
// killed without being asked, and what it started lives on.

func attributes() *syscall.SysProcAttr { return nil }

func (r *run) terminate() { r.kill() }

func (r *run) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.reaped {
		_ = r.cmd.Process.Kill() // that it has already exited is the aim
	}
}
