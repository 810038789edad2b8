//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// separate keeps the terminal's interrupt from a worker: it is told to leave by
// its parent, when what it was doing is settled.
func separate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// private says whether a folder is ours, and nobody else's.
func private(folder string) error {
	info, err := os.Lstat(folder)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ok || int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a folder of this user alone, and somebody else may have made it: take it away, or write --folder", folder)
	}
	return nil
}
