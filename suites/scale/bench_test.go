//go:build unix

package scale

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"conform/impl/serve"
	"conform/specs"
)

// The test binary can be a server of its own, so that its processor time is not
// taken for ours.
func TestMain(m *testing.M) {
	if protocol := os.Getenv("CONFORM_SCALE_SERVER"); protocol != "" {
		server := serve.Start(listen(&testing.B{}), protocols[protocol].handler, serve.Options{})
		fmt.Println(server.Addr())
		<-server.Done()
		return
	}
	os.Exit(m.Run())
}

// BenchmarkRoundTrips holds clients for half a second at a time. What counts is
// cpu-ns/roundtrip, our own processor time, and on Linux x-of-C: how many times
// as much it is as that of a client in C, which takes turns with ours at the same
// server. suites/scale/bench does it on a core for each side, and with others.
func BenchmarkRoundTrips(b *testing.B) {
	inC := yardstick(b)
	for _, engine := range engines() {
		for _, protocol := range []string{"echo", "websocket"} {
			for _, clients := range []int{100, 1000} {
				b.Run(fmt.Sprintf("%s/%s/%d", strings.ReplaceAll(string(engine), " ", "-"), protocol, clients), func(b *testing.B) {
					address := otherProcess(b, protocol)
					const d = 500 * time.Millisecond
					var right, rightByC int64
					var cpu, cpuOfC time.Duration
					var elapsed float64
					for b.Loop() {
						began := cpuTime(b)
						r := hold(b, address, protocol, Options{Clients: clients, Engine: engine, For: d})
						cpu += cpuTime(b) - began
						if !r.OK() {
							b.Fatal(r.Errors)
						}
						right += r.RoundTrips.Right
						elapsed += float64(r.RoundTrips.Held) / max(r.RoundTrips.PerSecond, 1)
						if inC != "" {
							t, n := holdByC(b, inC, address, protocol, clients, d)
							cpuOfC, rightByC = cpuOfC+t, rightByC+n
						}
					}
					each := float64(cpu) / float64(right)
					b.ReportMetric(each, "cpu-ns/roundtrip")
					if rightByC > 0 {
						b.ReportMetric(each/(float64(cpuOfC)/float64(rightByC)), "x-of-C")
					}
					b.ReportMetric(float64(right)/elapsed, "roundtrips/s")
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}

func otherProcess(b *testing.B, protocol string) string {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CONFORM_SCALE_SERVER="+protocol)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var address string
	if _, err := fmt.Fscanln(out, &address); err != nil {
		b.Fatal(err)
	}
	return address
}

func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkTalk is a round trip without the sockets.
func BenchmarkTalk(b *testing.B) {
	for protocol := range protocols {
		b.Run(protocol, func(b *testing.B) {
			step := roundTrip(b, protocol)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}

// A round trip allocates nothing: there may be hundreds of thousands a second.
func TestAllocatesNothing(t *testing.T) {
	for protocol := range protocols {
		if n := testing.AllocsPerRun(200, roundTrip(t, protocol)); n != 0 {
			t.Errorf("%s: %v allocations", protocol, n)
		}
	}
}

// roundTrip has a client answered, and asking again.
func roundTrip(t testing.TB, protocol string) (step func()) {
	s := &shared{options: Options{Talk: talk(t, protocol, "127.0.0.1:1")}, start: time.Now()}
	s.phase.Store(conversing)
	w := newWorker(s)
	c := &client{id: 4711, turn: 1}
	w.next(c, 0)
	var h specs.Hearing // of whoever answers: what is expected is what it sends
	var answer []byte
	return func() {
		h.Client, h.Turn, h.Due = int(c.id), int(c.turn), true
		w.options.Talk.Hear(&h)
		answer = answer[:0]
		if protocol == "websocket" { // what is expected is the message alone
			answer = append(answer, 0x81, byte(len(h.Expected)))
		}
		answer = append(answer, h.Expected...)
		if !w.hear(c, answer, 0) || !c.due {
			t.Fatal(protocol, s.faults.list())
		}
	}
}
