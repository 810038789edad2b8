package scale

import (
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// yardstick is the client in C of bench/c, built; "" where there is no compiler.
func yardstick(b *testing.B) string {
	b.Helper()
	if _, err := exec.LookPath("cc"); err != nil {
		return ""
	}
	program := filepath.Join(b.TempDir(), "client")
	if out, err := exec.Command("cc", "-O2", "-o", program, filepath.Join("bench", "c", "client.c")).CombinedOutput(); err != nil {
		b.Fatalf("cc: %v\n%s", err, out)
	}
	return program
}

// holdByC has the client in C hold connections at a server for as long as ours
// does, and returns its processor time, from its beginning, and its round trips.
func holdByC(b *testing.B, program, address, protocol string, clients int, d time.Duration) (cpu time.Duration, right int64) {
	b.Helper()
	counters := filepath.Join(b.TempDir(), "counters")
	if err := os.WriteFile(counters, make([]byte, 16), 0o600); err != nil {
		b.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(program, protocol, port, strconv.Itoa(clients), counters)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	count := func(at int) int64 {
		data, err := os.ReadFile(counters) // it is mapped there
		if err != nil {
			b.Fatal(err)
		}
		return int64(binary.NativeEndian.Uint64(data[at:]))
	}
	for limit := time.Now().Add(time.Minute); count(0) < int64(clients); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			b.Fatalf("only %d clients in C were served", count(0))
		}
	}
	time.Sleep(d)
	var t unix.Timespec
	// See clock_getcpuclockid(3): the clock of another process.
	if err := unix.ClockGettime(int32(^cmd.Process.Pid)<<3|2, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano()), count(8)
}
