package suites_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conform/impl/faults"
	"conform/specs/wire"
	"conform/suites"
	"conform/suites/report"
	"conform/suites/target"
)

// A recipe, pasted into a shell, brings about what the card shows.
func TestRecipesShowTheFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		protocol, fault, only, scheme string
		needs                         string // the program it is for
		want                          string // of what came
	}{
		{"zen", "read-is-a-question", "zen/framing/split-question", "tcp", "nc", "Error: unknown aphorism."},
		{"zen", "eof-is-a-question", "zen/end-of-input/nothing-sent", "tcp", "nc", "Error: unknown aphorism."},
		{"zen", "read-is-a-question", "zen/framing/split-question", "unix", "nc", "Error: unknown aphorism."},
		{"zen", "read-is-a-question", "zen/framing/split-question", "tls", "openssl", "Error: unknown aphorism."},
		{"websocket", "unmasked-accepted", "websocket/masking/unmasked-text-fails", "ws", "nc", "\x81\x05Hello"},
	} {
		t.Run(c.scheme+" "+c.fault, func(t *testing.T) {
			t.Parallel()
			needed(t, c.needs)
			address, listen := "127.0.0.1:0", "tcp"
			if c.scheme == "unix" {
				address, listen = filepath.Join(t.TempDir(), "it's a socket"), "unix"
			}
			ln, err := net.Listen(listen, address)
			if err != nil {
				t.Skip(err)
			}
			at := target.Address{Scheme: c.scheme, Network: listen, Address: ln.Addr().String(), TLS: c.scheme == "tls"}
			if c.scheme == "ws" {
				at.Path = "/"
			}
			if at.TLS {
				certificate, _ := loopbackCertificate(t)
				ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}})
			}
			for _, f := range faults.For(c.protocol) {
				if f.Name == c.fault {
					server := f.Start(ln)
					t.Cleanup(func() { server.Close() })
				}
			}
			played(t, run(t, suites.Plan{Target: &at, Protocol: c.protocol, Only: []string{c.only}, Insecure: at.TLS}), c.want)
		})
	}
	for _, network := range []string{"udp", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			needed(t, "nc")
			at := packets(t, network, func(p []byte) []byte { return bytes.ToUpper(p) })
			played(t, run(t, suites.Plan{Target: at, Protocol: "raw", Only: []string{"raw/datagrams/comes-back"}}), "")
		})
	}
}

// needed skips a test where a program that the recipe is for is missing.
func needed(t *testing.T, program string) {
	t.Helper()
	if program == "nc" {
		program = "nc.openbsd" // of the others, not all have -N and -U
	}
	for _, name := range []string{"sh", program} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("recipes are not played: there is no %s here; apt-get install netcat-openbsd openssl", name)
		}
	}
}

// played runs the recipe of the first failure of a run, and compares what it
// shows with the transcript.
func played(t *testing.T, r *report.Report, want string) {
	t.Helper()
	for _, res := range r.Results {
		if res.Verdict != "fail" {
			continue
		}
		if res.Recipe == nil {
			t.Fatalf("%s has no recipe: %+v", res.ID, res.Transcript)
		}
		var came []byte
		for _, e := range res.Transcript {
			if e.Event == string(wire.Received) {
				came = append(came, e.Head...)
			}
		}
		command := strings.NewReplacer("| cat -vet", "| cat", "| od -t x1 -t c", "| cat", "| nc ", "| nc.openbsd ").Replace(res.Recipe.Command)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		shown, err := exec.CommandContext(ctx, "sh", "-c", command).Output()
		// The kit also took leave, which a server may answer.
		if err != nil || len(shown) == 0 || !bytes.HasPrefix(came, shown) || !bytes.Contains(shown, []byte(want)) {
			t.Errorf("%s\n%s\nshows %q, %v; the transcript has %q", res.ID, res.Recipe.Command, shown, err, came)
		}
		return
	}
	t.Fatal("nothing failed")
}
