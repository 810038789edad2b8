package suites_test

import (
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"

	"conform/impl"
	"conform/impl/pid"
	"conform/impl/raw"
	"conform/impl/serve"
	"conform/impl/sink"
	"conform/specs"
	"conform/suites"
	"conform/suites/target"
)

func packets(t *testing.T, network string, answer func([]byte) []byte) *target.Address {
	t.Helper()
	at := "127.0.0.1:0"
	if network == "unixgram" {
		at = filepath.Join(t.TempDir(), "socket")
	}
	pc, err := net.ListenPacket(network, at)
	if err != nil {
		t.Skip(err)
	}
	server := serve.StartPacket(pc, answer, serve.Options{})
	t.Cleanup(func() { server.Close() })
	return &target.Address{Scheme: network, Network: network, Address: server.Addr().String()}
}

func TestDatagramsAreJudgedAndStreamsAreNot(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"udp", "unixgram"} {
		r := run(t, suites.Plan{Target: packets(t, network, raw.Answer), Strict: true})
		if r.Summary.Headline != "conformant" || r.Target.Transport != network || r.Target.Concurrency.Class != "concurrent" {
			t.Errorf("%s: %+v, %+v: %s", network, r.Summary, r.Target, strings.Join(not(r, specs.Pass, specs.Unsupported), "\n"))
		}
		for _, res := range r.Results {
			datagrams := res.Section == "datagrams" || res.Section == "senders"
			if datagrams != (res.Verdict == specs.Pass) || (!datagrams && (res.Reason == nil || res.Reason.Code != specs.OtherKind || res.Attempts != 0)) {
				t.Errorf("%s: %s is %s %+v", network, res.ID, res.Verdict, res.Reason)
			}
		}
	}
	g := NewWithT(t)
	r := run(t, suites.Plan{Target: start(t, raw.New, nil), Strict: true})
	g.Expect(r.Summary.Headline).To(Equal("conformant"))
	g.Expect(find(r, "raw/datagrams/empty").Verdict).To(Equal(specs.Unsupported))
	g.Expect(find(r, "raw/bytes/hello").Verdict).To(Equal(specs.Pass))
	r = run(t, suites.Plan{Protocol: "raw", Only: []string{"raw/datagrams/empty", "raw/bytes/hello"}})
	g.Expect(not(r, specs.Pass, specs.Skipped)).To(BeEmpty(), "the bundled one is served over both")
	g.Expect(r.Target.Protocol).To(Equal([]string{"raw"}))
}

func TestADatagramServerIsDeadOrAlive(t *testing.T) {
	t.Parallel()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := &target.Address{Scheme: "udp", Network: "udp", Address: pc.LocalAddr().String()}
	pc.Close()
	g := NewWithT(t)
	r := run(t, suites.Plan{Target: address})
	g.Expect(r.Summary.ExitCode).To(Equal(3))
	g.Expect(r.Summary.Cause).To(ContainSubstring("connection refused: nothing listens there"))

	if pc, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	serve.StartPacket(pc, func(d []byte) []byte {
		if strings.HasPrefix(string(d), "quit") {
			pc.Close()
		}
		return d
	}, serve.Options{})
	address.Address = pc.LocalAddr().String()
	r = run(t, suites.Plan{Target: address, Only: []string{"raw/datagrams/quit", "raw/datagrams/comes-back"}})
	g.Expect(r.Summary.ExitCode).To(Equal(3))
	g.Expect(find(r, "raw/datagrams/quit").Verdict).To(Equal(specs.Fail))
	g.Expect(find(r, "raw/datagrams/comes-back").Verdict).To(Equal(specs.Pass))
}

func TestWhatIsWrongWithDatagramsIsRefused(t *testing.T) {
	t.Parallel()
	address := &target.Address{Scheme: "udp", Network: "udp", Address: "127.0.0.1:1"}
	for want, plan := range map[string]suites.Plan{
		"zen is not spoken over datagrams, only raw is": {Target: address, Protocol: "zen"},
		"is about connections, and udp has none":        {Target: address, Dialects: []string{"class=serial"}},
	} {
		if err := plan.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A connection of pid or sink ends with its first exchange: how many clients
// are served is found out by those that only stay.
func TestClassesOfOneShotServersAreRecognised(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]func() impl.Handler{"sink": sink.New, "pid": func() impl.Handler { return pid.New(4711) }} {
		for _, tc := range []struct {
			slots  int
			class  string
			bound  int
			second specs.Verdict
		}{
			{1, "serial", 1, specs.Fail},
			{4, "bounded", 4, specs.Pass},
			{100, "concurrent", 17, specs.Pass},
		} {
			r := run(t, suites.Plan{Target: start(t, handler, limit(tc.slots)), Only: []string{name + "/concurrency/{second-client,queued-client}"}})
			if c := r.Target.Concurrency; c.Class != tc.class || c.Bound != tc.bound || r.Target.Protocol[0] != name {
				t.Errorf("%s, %d slots: got %v %+v, want %s %d", name, tc.slots, r.Target.Protocol, c, tc.class, tc.bound)
			}
			if got := find(r, name+"/concurrency/second-client"); got.Verdict != tc.second {
				t.Errorf("%s, %d slots: %s is %s %v, want %s", name, tc.slots, got.ID, got.Verdict, got.Reason, tc.second)
			}
			if got := find(r, name+"/concurrency/queued-client"); got.Verdict != specs.Pass {
				t.Errorf("%s, %d slots: %s is %s %v", name, tc.slots, got.ID, got.Verdict, got.Reason)
			}
		}
	}
}

func TestTheProcessDialect(t *testing.T) {
	t.Parallel()
	var next atomic.Int64
	forking := start(t, func() impl.Handler { return pid.New(100 + int(next.Add(1))) }, nil)
	threading := start(t, func() impl.Handler { return pid.New(4711) }, nil)
	for _, tc := range []struct {
		address           *target.Address
		dialects          []string
		seen              string
		own, same, either specs.Verdict
	}{
		{forking, nil, "forking", specs.Pass, specs.Unsupported, specs.Pass},
		{threading, nil, "threading", specs.Unsupported, specs.Pass, specs.Pass},
		{forking, []string{"process=threading"}, "threading", specs.Unsupported, specs.Fail, specs.Pass},
		{threading, []string{"process=forking"}, "forking", specs.Fail, specs.Unsupported, specs.Pass},
	} {
		r := run(t, suites.Plan{Target: tc.address, Protocol: "pid", Dialects: tc.dialects, Only: []string{"pid/process"}})
		if got := r.Target.Dialect["process"]; got != tc.seen {
			t.Errorf("%v: process is %q, want %q", tc.dialects, got, tc.seen)
		}
		for id, want := range map[string]specs.Verdict{"each-its-own": tc.own, "the-same": tc.same, "one-or-each": tc.either} {
			if got := find(r, "pid/process/"+id); got.Verdict != want {
				t.Errorf("%s declared %v: %s is %s %v, want %s", tc.seen, tc.dialects, id, got.Verdict, got.Reason, want)
			}
		}
	}
}
