package suites_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"conform/impl/serve"
	"conform/impl/zen"
	"conform/suites"
	"conform/suites/target"
)

// short makes the queue of a listener short: so long as few can wait, connecting
// comes to a halt.
func short(t *testing.T, ln net.Listener, backlog int) {
	t.Helper()
	raw, err := ln.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = syscall.Listen(int(fd), backlog) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

func TestAFullQueueIsFoundOut(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "zen")
			}
			ln, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			short(t, ln, 8)
			server := serve.Start(limit(5)(ln), zen.New, serve.Options{})
			t.Cleanup(func() { server.Close() })
			r := run(t, suites.Plan{Protocol: "zen", Only: several,
				Target: &target.Address{Scheme: network, Network: network, Address: ln.Addr().String()}})
			got := facts(t, r)
			// A queue of 8 has room for 9.
			if got["served-at-once"] != "bounded 5" || got["backlog"] != "stalls 9" || got["recovery"] != "recovers" {
				t.Errorf("found %v: %+v", got, r.Target.Concurrency.Profile[0].Facts)
			}
			checkTimeline(t, r.Target.Concurrency.Profile[0])
		})
	}
}

func TestAServerThatNeverRestsIsFoundOut(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[string]string{"1": "rests", "spins": "spins"} {
		t.Setenv("CONFORM_TEST_SERVER", mode)
		r := run(t, suites.Plan{Exec: fmt.Sprintf("'%s'", exe), Protocol: "zen", Only: several})
		if got := facts(t, r)["idle"]; got != want {
			t.Errorf("%s: found %q, want %q: %+v", mode, got, want, r.Target.Concurrency.Profile[0].Facts)
		}
	}
	// Of a server that somebody else has started nobody knows.
	r := run(t, suites.Plan{Target: start(t, zen.New, nil), Protocol: "zen", Only: several})
	if got, found := facts(t, r)["idle"]; found {
		t.Errorf("found %q of a server that conform has not started", got)
	}
}
