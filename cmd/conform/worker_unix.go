//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// separate keeps the terminal's interrupt from a worker: it is told to leave by
// its parent, when what it was doing is settled.
func separate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
