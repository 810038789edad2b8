//go:build unix

package scale

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// raiseLimit raises the soft limit on open files if it is below need, and
// returns what it is then.
func raiseLimit(need uint64) (limit uint64, known bool) {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 0, false
	}
	if uint64(r.Cur) < need && r.Cur < r.Max {
		raised := unix.Rlimit{Cur: r.Max, Max: r.Max}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, (*syscall.Rlimit)(&raised)) == nil {
			r = raised
		}
	}
	return uint64(r.Cur), true
}
