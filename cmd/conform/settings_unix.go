//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
)

// planted says whether another user has put a file into a folder that everybody
// may write to, such as /tmp, for whoever comes along.
func planted(path string) bool {
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil || folder.Mode().Perm()&0o002 == 0 {
		return false
	}
	file, err := os.Lstat(path)
	if err != nil {
		return false
	}
	owner, ok := file.Sys().(*syscall.Stat_t)
	return ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid()
}
