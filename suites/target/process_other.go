//go:build !linux

package target

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"time"
)

// dieWithUs has no equal here: a server outlives us if we are killed.
func dieWithUs(*syscall.SysProcAttr) {}

// reap waits until the started process has exited and ends its group. Between
// the two its number is free, for a moment that no system hands it out again in.
func (r *run) reap() {
	_ = r.cmd.Wait() // the status is in ProcessState
	r.kill()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reaped = true
}

// busy is not asked for here: each system has its own way to tell.
func (r *run) busy() (time.Duration, bool) { return 0, false }

// usage, and that of other processes, is not asked for here either.
func (r *run) usage() (Usage, bool) { return Usage{}, false }

// Listening finds nobody: that is known on Linux alone.
func Listening(string, string) []int { return nil }

// UsageOf is known on Linux alone.
func UsageOf([]int) (Usage, bool) { return Usage{}, false }

// sweep has no way to look into the environment of other processes here.
func (r *run) sweep() error { return nil }

// listening connects, because there is no portable way to ask who listens. The
// server sees a connection that ends at once.
func (r *run) listening() (bool, error) {
	if r.network == "udp" {
		return false, fmt.Errorf("cannot tell on %s when a UDP server is ready: start it yourself", runtime.GOOS)
	}
	c, err := net.DialTimeout("tcp", r.address(), slowestPoll)
	if err != nil {
		return false, nil
	}
	return true, c.Close()
}

func (r *run) listensOn() []netip.AddrPort { return nil }

// occupant cannot be named here; that the port is taken shows when we try it.
func occupant(string, int) string { return "" }
