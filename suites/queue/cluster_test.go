package queue

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// play is what this test does in processes of their own, which can be killed.
func play(role string) int {
	arguments := strings.Split(os.Getenv("CONFORM_QUEUE_ARGUMENTS"), " ")
	// Whoever started us has gone when our input ends.
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		os.Exit(0)
	}()
	switch role {
	case "server": // name folder port routes…
		port, err := strconv.Atoi(arguments[2])
		if err != nil {
			return 2
		}
		options := &server.Options{
			ServerName: arguments[0], Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: arguments[1], SyncAlways: true, NoSigs: true, NoLog: true,
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1"},
		}
		for i, route := range arguments[3:] {
			if fmt.Sprintf("s%d", i) == arguments[0] {
				if options.Cluster.Port, err = strconv.Atoi(route); err != nil {
					return 2
				}
			}
			options.Routes = append(options.Routes, &url.URL{Scheme: "nats", Host: "127.0.0.1:" + route})
		}
		s, err := server.NewServer(options)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		s.Start()
		s.WaitForShutdown()
	case "worker": // name url milliseconds
		q, err := Connect(context.Background(), Options{Access: Access{URL: arguments[1]}, Name: arguments[0], Lease: lease, Attempts: 5})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		pause, err := time.ParseDuration(arguments[2])
		if err != nil {
			return 2
		}
		_ = q.Work(context.Background(), Worker{Name: arguments[0], Kinds: []string{kind}}, func(_ context.Context, j Job) ([]byte, error) {
			if string(j.Data) == "poison" {
				os.Exit(3)
			}
			time.Sleep(pause) // the work
			return j.Data, nil
		})
	}
	return 0
}

// process starts this test in a role. It ends with the test.
func process(t *testing.T, role string, arguments ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CONFORM_QUEUE_TEST="+role, "CONFORM_QUEUE_ARGUMENTS="+strings.Join(arguments, " "))
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ports = append(ports, port)
	}
	return ports
}

func TestAJobThatKillsItsWorkersIsNotHandedOutForEver(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := begin(t, connect(t, s.URL), "b1")
	if err := b.Submit(t.Context(), "bad", []byte("poison")); err != nil {
		t.Fatal(err)
	}
	submit(t, b, 20)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ { // as a supervisor does
				cmd := process(t, "worker", fmt.Sprintf("w%d.%d", i, n), s.URL, "5ms")
				stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
				_ = cmd.Wait()
				stop()
			}
		})
	}
	defer wg.Wait()
	defer cancel()
	got := collect(t, b, 21, 60*time.Second)
	if r := got["bad"]; !strings.Contains(r.Failed, "not heard of again") || r.Attempts != 5 {
		t.Errorf("the job that kills its workers: %+v", r)
	}
	for key, r := range got {
		if key != "bad" && r.Failed != "" {
			t.Errorf("%s: %+v", key, r)
		}
	}
}

// Three servers, three workers, and somebody who kills: the leader of the work, a
// worker, the coordinator, and the way from a worker to the rest.
func TestAClusterLosesNothingAndCountsNothingTwice(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("leaders take their time to be elected")
	}
	const jobs = 300
	routes, ports := freePorts(t, 3), freePorts(t, 3)
	var urls []string
	servers := map[string]*exec.Cmd{}
	folders := map[string]string{}
	startNode := func(i int) {
		name := fmt.Sprintf("s%d", i)
		if folders[name] == "" {
			folders[name] = t.TempDir()
		}
		servers[name] = process(t, "server", append([]string{name, folders[name], ports[i]}, routes...)...)
	}
	for i := range 3 {
		startNode(i)
		urls = append(urls, "nats://127.0.0.1:"+ports[i])
	}
	all := strings.Join(urls, ",")
	var q *Queue
	for until := time.Now().Add(30 * time.Second); ; {
		var err error
		if q, err = Connect(t.Context(), Options{Access: Access{URL: all}, Lease: lease, Attempts: 5}); err == nil && q.work.CachedInfo().Config.Replicas == 3 {
			break
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
		if err == nil {
			q.Close() // too early: the next one spreads it over all three
		}
		time.Sleep(100 * time.Millisecond)
	}
	b := begin(t, q, "b1")
	workers := make([]*exec.Cmd, 3)
	way := newWay(t, "127.0.0.1:"+ports[1])
	for i := range workers {
		// The one that will be cut off knows no other server.
		at := all
		if i == 2 {
			at = "nats://" + way.address
		}
		workers[i] = process(t, "worker", fmt.Sprintf("w%d", i), at, "10ms")
	}
	submit(t, b, jobs/2)

	got := map[string]Result{}
	step, killed := 0, ""
	coordinate := func(ctx context.Context, b *Batch, until int) error {
		return b.Results(ctx, func(r Result) (bool, error) {
			if before, twice := got[r.Key]; twice && string(before.Data) != string(r.Data) {
				t.Errorf("%s has two results", r.Key)
			}
			got[r.Key] = r
			return len(got) < until, nil
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	for _, c := range []struct {
		what string
		do   func()
	}{
		{"a worker is killed", func() { _ = workers[0].Process.Kill(); workers[0] = process(t, "worker", "w0b", all, "10ms") }},
		{"the leader of the work is killed", func() {
			info, err := q.work.Info(ctx)
			if err != nil || info.Cluster == nil || servers[info.Cluster.Leader] == nil {
				t.Fatalf("no leader: %+v, %v", info, err)
			}
			_ = servers[info.Cluster.Leader].Process.Kill()
			_ = servers[info.Cluster.Leader].Wait()
			killed = info.Cluster.Leader
		}},
		{"a worker is cut off", func() { way.cut(true) }},
		{"the coordinator is started again", func() {
			q.Close()
			var err error
			if q, err = Connect(ctx, Options{Access: Access{URL: all}, Lease: lease, Attempts: 5}); err != nil {
				t.Fatal(err)
			}
			if b, err = q.Batch(ctx, "b1", kind); err != nil {
				t.Fatal(err)
			}
			for i := range jobs {
				key := fmt.Sprintf("k%d", i)
				if _, done := got[key]; done {
					continue // as the ledger says
				}
				if err := b.Submit(ctx, key, fmt.Appendf(nil, "job %d", i)); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"the cut worker and the killed server are back", func() {
			way.cut(false)
			for i := range 3 {
				if fmt.Sprintf("s%d", i) == killed {
					startNode(i) // with what it had
				}
			}
		}},
	} {
		step++
		if err := coordinate(ctx, b, step*20); err != nil {
			t.Fatalf("before %s, after %d results: %v", c.what, len(got), err)
		}
		t.Logf("%d results; %s", len(got), c.what)
		c.do()
	}
	if err := coordinate(ctx, b, jobs); err != nil {
		t.Fatalf("after %d of %d results: %v", len(got), jobs, err)
	}
	for i := range jobs {
		if r := got[fmt.Sprintf("k%d", i)]; string(r.Data) != fmt.Sprintf("job %d", i) || r.Failed != "" {
			t.Errorf("k%d: %+v", i, r)
		}
	}
	// Each key has one result in the stream, too.
	info, err := q.results.Info(ctx, jetstream.WithSubjectFilter(resultSubject("b1", "*")))
	if err != nil || len(info.State.Subjects) != jobs || info.State.Msgs != jobs {
		t.Errorf("results: %d under %d keys, %v", info.State.Msgs, len(info.State.Subjects), err)
	}
}

// way is a way to a server that can be cut: bytes stop, as in a network that has
// come apart, and no connection ends.
type way struct {
	address string
	mu      sync.Mutex
	flows   sync.Cond
	isCut   bool
}

func newWay(t *testing.T, to string) *way {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{address: l.Addr().String()}
	w.flows.L = &w.mu
	t.Cleanup(func() { l.Close(); w.cut(false) })
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", to)
			if err != nil {
				a.Close()
				continue
			}
			go w.carry(a, b)
			go w.carry(b, a)
		}
	}()
	return w
}

func (w *way) cut(is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = is
	w.flows.Broadcast()
}

func (w *way) carry(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		w.mu.Lock()
		for w.isCut {
			w.flows.Wait()
		}
		w.mu.Unlock()
		if _, werr := to.Write(buffer[:n]); err != nil || werr != nil {
			return
		}
	}
}
