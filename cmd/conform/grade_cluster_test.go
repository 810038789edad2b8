//go:build linux

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"conform/suites/ledger"
	"conform/suites/queue"
	"conform/suites/sandbox"
)

func init() { programs["nats-node"] = natsNode }

// natsNode is a server of a cluster, as a process that can be killed: its name, its
// folder, its port, and the ports of the routes of all of them.
func natsNode() {
	fail := func(err error) { fmt.Fprintln(os.Stderr, err); os.Exit(1) }
	args := os.Args[1:]
	port, err := strconv.Atoi(args[2])
	if err != nil {
		fail(err)
	}
	o := &natsserver.Options{ServerName: args[0], Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: args[1], NoSigs: true, NoLog: true,
		Cluster: natsserver.ClusterOpts{Name: "test", Host: "127.0.0.1"}}
	for i, route := range args[3:] {
		if fmt.Sprintf("s%d", i) == args[0] {
			o.Cluster.Port, err = strconv.Atoi(route)
		}
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: "127.0.0.1:" + route})
	}
	if err != nil {
		fail(err)
	}
	s, err := natsserver.NewServer(o)
	if err != nil {
		fail(err)
	}
	s.Start()
	s.WaitForShutdown()
}

// class is a folder with tiny submissions, and what it takes to grade them with
// the program that is tested.
type class struct {
	t                  *testing.T
	dir, conform, show string
}

func newClass(t *testing.T, submissions int) class {
	t.Helper()
	if raceEnabled {
		t.Skip("it is about processes that are killed, which the race detector does not see and makes slow")
	}
	if sandbox.Probe().Tier == sandbox.Basic {
		t.Skip("this machine has no namespaces: too slow, one after the other")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := class{t: t, dir: t.TempDir(), show: exe}
	for _, name := range []string{"conform", "nats-node"} {
		// No symbolic link: the program starts itself, by what it really is.
		if err := os.Link(exe, filepath.Join(c.dir, name)); err != nil {
			t.Skip(err)
		}
	}
	c.conform = filepath.Join(c.dir, "conform")
	for i := range submissions {
		c.handIn(fmt.Sprintf("s%04d", i), "exec -a conform "+exe+" serve echo --listen 127.0.0.1:7000")
	}
	c.write("rubric.yaml", `title: Tiny
protocol: echo
submission:
  start: bash ./start
  port: 7000
groups:
  - id: line
    title: A line is echoed
    points: 1
    requirements: [echo/answers/line]
`)
	return c
}

func (c class) write(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c class) handIn(name, start string) {
	c.write("submissions/"+name+"/start", start+" # "+name+"\n")
}

// start starts the program. It ends with the test.
func (c class) start(args ...string) *exec.Cmd { return c.startProgram(c.conform, args...) }

func (c class) startProgram(program string, args ...string) *exec.Cmd {
	c.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "TMPDIR="+c.dir)
	cmd.Stdout, cmd.Stderr = c.t.Output(), c.t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// grade are the arguments to grade all of it.
func (c class) grade(more ...string) []string {
	return append([]string{"grade", "submissions", "--rubric", "rubric.yaml", "--show", c.show, "--out", "graded"}, more...)
}

// records reads the ledger, which may be written at the same time.
func (c class) records() []ledger.Record {
	records, err := ledger.Read(filepath.Join(c.dir, "graded", "ledger.jsonl"))
	if err != nil {
		return nil
	}
	return records
}

// until waits for something to become true.
func (c class) until(what string, limit time.Duration, is func() bool) {
	c.t.Helper()
	for end := time.Now().Add(limit); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("not within %s: %s; %d results", limit, what, len(c.records()))
		}
	}
}

// children of a process.
func children(pid int) (list []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				list = append(list, child)
			}
		}
	}
	return list
}

// descendants of a process, down to the boxes.
func descendants(pid int) (list []int) {
	for _, child := range children(pid) {
		list = append(append(list, child), descendants(child)...)
	}
	return list
}

// born tells processes apart that have the same number one after the other.
func born(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if fields[0] == "Z" {
		return "" // it has ended, whoever has still to notice
	}
	return fields[19]
}

// gone waits until processes have ended by themselves.
func (c class) gone(pids map[int]string) {
	c.t.Helper()
	c.until("what a killed process had started ends", 20*time.Second, func() bool {
		for pid, when := range pids {
			if born(pid) == when {
				return false
			}
		}
		return true
	})
}

func alive(pids []int) map[int]string {
	list := map[int]string{}
	for _, pid := range pids {
		if when := born(pid); when != "" {
			list[pid] = when
		}
	}
	return list
}

// complete checks that each submission has one result that counts.
func (c class) complete(submissions int) {
	c.t.Helper()
	seen := map[string]int{}
	for _, r := range c.records() {
		if seen[r.Name]++; r.Score != 1 || !r.Final() {
			c.t.Errorf("%+v", r)
		}
	}
	for name, n := range seen {
		if n != 1 {
			c.t.Errorf("%s has %d results", name, n)
		}
	}
	file, err := os.Open(filepath.Join(c.dir, "graded", "class.csv"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if len(seen) != submissions || err != nil || len(rows) != submissions+1 {
		c.t.Errorf("%d submissions have a result, and the class has %d rows (%v): want %d", len(seen), len(rows)-1, err, submissions)
	}
	for _, pattern := range []string{".taking-*", ".queue", "grades/.writing-*", "feedback/.writing-*"} {
		if left, _ := filepath.Glob(filepath.Join(c.dir, "graded", pattern)); left != nil {
			c.t.Errorf("left behind: %v", left)
		}
	}
}

// On one machine: the coordinator and workers are killed, and the same command
// goes on.
func TestGradingGoesOnAfterKills(t *testing.T) {
	t.Parallel()
	const submissions = 24
	c := newClass(t, submissions)
	first := c.start(c.grade("--jobs", "2")...)
	c.until("results come", 60*time.Second, func() bool { return len(c.records()) >= 4 })
	// A worker, in the middle of what it does.
	if workers := children(first.Process.Pid); len(workers) > 0 {
		_ = syscall.Kill(workers[0], syscall.SIGKILL)
	}
	c.until("results come after a worker was killed", 60*time.Second, func() bool { return len(c.records()) >= 9 })
	// All of it.
	started := alive(descendants(first.Process.Pid))
	if len(started) < 2 {
		t.Errorf("it has started %d processes", len(started))
	}
	_ = first.Process.Kill()
	_ = first.Wait()
	c.gone(started)
	before := len(c.records())
	// While it submits.
	second := c.start(c.grade("--jobs", "2")...)
	c.until("submissions are taken", 30*time.Second, func() bool {
		taking, _ := filepath.Glob(filepath.Join(c.dir, "graded", ".taking-*"))
		return taking != nil || len(c.records()) > before
	})
	_ = second.Process.Kill()
	_ = second.Wait()
	if err := c.start(c.grade("--jobs", "2")...).Wait(); err != nil {
		t.Error(err)
	}
	if len(c.records()) < before {
		t.Errorf("%d results, there were %d", len(c.records()), before)
	}
	c.complete(submissions)
}

// A submission that takes its worker down again and again is given up, with its
// cause, and holds nobody up.
func TestASubmissionThatKillsItsWorkersStopsNobody(t *testing.T) {
	t.Parallel()
	c := newClass(t, 3)
	// As a submission would that breaks out of its box: its worker dies of it.
	c.handIn("bad", "sleep 60")
	cmd := c.start(c.grade("--jobs", "2")...)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			for _, worker := range children(cmd.Process.Pid) {
				for _, inside := range descendants(worker) {
					text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", inside))
					if strings.HasPrefix(string(text), "sleep\x0060") {
						_ = syscall.Kill(worker, syscall.SIGKILL)
					}
				}
			}
		}
	}()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitKit {
		t.Errorf("%v, want exit code %d", err, exitKit)
	}
	records := c.records()
	if len(records) != 4 {
		t.Fatalf("%+v", records)
	}
	for _, r := range records {
		switch {
		case r.Name != "bad" && r.Score != 1:
			t.Errorf("%+v", r)
		case r.Name == "bad" && (r.Final() || r.Owner != "infrastructure" || r.Attempts != 5):
			t.Errorf("%+v", r)
		}
	}
	page, err := os.ReadFile(filepath.Join(c.dir, "graded", "class.html"))
	if err != nil || !strings.Contains(string(page), "5 workers took it and were not heard of again") {
		t.Errorf("the class page does not say why (%v)", err)
	}
}

// A cluster of three servers, and workers of three machines. With
// CONFORM_TEST_CLUSTER=2000 there are so many submissions, and six processes are
// killed, a leader of the cluster among them: some minutes.
func TestGradingOnACluster(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes several seconds")
	}
	submissions, large := 40, false
	if text := os.Getenv("CONFORM_TEST_CLUSTER"); text != "" {
		var err error
		if submissions, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		large = true
	}
	c := newClass(t, submissions)
	ports := make([]string, 6)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, ports[i], _ = net.SplitHostPort(l.Addr().String())
		defer l.Close()
		l.Close()
	}
	var urls []string
	nodes := make([]*exec.Cmd, 3)
	node := func(i int) {
		nodes[i] = c.startProgram(filepath.Join(c.dir, "nats-node"), append([]string{fmt.Sprintf("s%d", i), filepath.Join(c.dir, fmt.Sprintf("node%d", i)), ports[i]}, ports[3:]...)...)
	}
	for i := range nodes {
		node(i)
		urls = append(urls, "nats://127.0.0.1:"+ports[i])
	}
	for _, port := range ports {
		c.until("the servers listen", 20*time.Second, func() bool {
			conn, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
	queue := strings.Join(urls, ",")
	worker := func(i int) *exec.Cmd {
		return c.start("worker", "--queue", queue, "--name", fmt.Sprintf("m%d", i), "--folder", filepath.Join(c.dir, fmt.Sprintf("m%d", i)))
	}
	coordinator := c.start(c.grade("--queue", queue)...)
	workers := []*exec.Cmd{worker(0), worker(1), worker(2)}
	kill := func(what string, cmd *exec.Cmd) {
		t.Logf("%s: %d results; kill -9 of %s", time.Now().Format("15:04:05"), len(c.records()), what)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	kills := []func(){
		func() { kill("a worker", workers[0]); workers[0] = worker(0) },
		func() { kill("the coordinator", coordinator); coordinator = c.start(c.grade("--queue", queue)...) },
		func() { kill("a server", nodes[0]); node(0) },
		func() { kill("another server", nodes[1]); node(1) },
		func() { kill("a worker", workers[1]); workers[1] = worker(1) },
		func() { kill("the coordinator", coordinator); coordinator = c.start(c.grade("--queue", queue)...) },
	}
	if !large {
		kills = kills[:2]
	}
	began := time.Now()
	for i, kill := range kills {
		c.until("results come", 5*time.Minute, func() bool { return len(c.records()) >= (i+1)*submissions/(len(kills)+2) })
		kill()
	}
	// This machine is wanted elsewhere: it has to be another's at once.
	c.until("results come", 5*time.Minute, func() bool { return len(c.records()) >= (len(kills)+1)*submissions/(len(kills)+2) })
	_ = workers[2].Process.Signal(syscall.SIGTERM)
	if err := workers[2].Wait(); err != nil {
		t.Errorf("a worker that was asked to leave: %v", err)
	}
	if err := coordinator.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("%d submissions, %d kills, %s", submissions, len(kills), time.Since(began).Round(time.Second))
	c.complete(submissions)
	attempts := map[int]int{}
	for _, r := range c.records() {
		attempts[r.Attempts]++
	}
	t.Logf("submissions by attempts: %v", attempts)
}

// unheard is a way to a queue that takes in no result: what a worker that tells one
// sends does not arrive from then on, and nothing says so.
func unheard(t *testing.T, address string) (by string, told <-chan struct{}) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	tells := make(chan struct{})
	var once sync.Once
	go func() {
		for {
			worker, err := ln.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", address)
			if err != nil {
				worker.Close()
				return
			}
			t.Cleanup(func() { worker.Close(); server.Close() })
			go func() { _, _ = io.Copy(worker, server) }()
			go func() {
				buffer := make([]byte, 64<<10)
				for deaf := false; ; {
					n, err := worker.Read(buffer)
					if err != nil {
						return
					}
					if deaf = deaf || bytes.Contains(buffer[:n], []byte("PUB conform.result.")); deaf {
						once.Do(func() { close(tells) })
						continue
					}
					if _, err := server.Write(buffer[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String(), tells
}

// A worker whose parent has died, and the queue with it, does not go on telling a
// result to nobody.
func TestAnOrphanedWorkerEnds(t *testing.T) {
	t.Parallel()
	c := newClass(t, 1)
	server, err := queue.StartServer(t.TempDir(), "a-token")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c.start(c.grade("--queue", server.URL)...)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var told <-chan struct{}
	at.Host, told = unheard(t, at.Host)

	worker := exec.Command(c.conform, "worker", "--folder", t.TempDir())
	worker.Env = append(os.Environ(), envParent+"=1")
	worker.Stderr = t.Output()
	worker.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	parent, err := worker.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- worker.Wait() }()
	defer worker.Process.Kill()
	if err := json.NewEncoder(parent).Encode(queue.Access{URL: at.String()}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-told:
	case <-time.After(60 * time.Second):
		t.Fatal("no result is told")
	}
	parent.Close()
	select {
	case <-ended:
	case <-time.After(3 * leaving):
		t.Errorf("it goes on %s after its parent has died", 3*leaving)
	}
}
