//go:build unix

package serve_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"conform/impl/serve"
)

// The tests here look at the whole process, so that no other may run beside
// them: they are not parallel.

// needFiles makes room for n open files.
func needFiles(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = limit.Max
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) // the next line sees whether it was enough
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < n {
		t.Skipf("%d files may be open, and %d are needed: raise ulimit -n", limit.Cur, n)
	}
}

// A thousand clients at once. Where so many are served at once, all of them
// are in the middle of a question before the first one ends it.
func TestThousandClients(t *testing.T) {
	needFiles(t, 3000)
	for _, p := range models() {
		t.Run(p.model, func(t *testing.T) {
			n := 1000
			if p.model == "process" {
				n = 100 // a process takes milliseconds
			}
			s := p.start(t, "zen")
			var middle, all sync.WaitGroup
			middle.Add(n)
			for range n {
				all.Go(func() {
					conn, err := net.Dial("tcp", s.Addr().String())
					if err != nil {
						middle.Done()
						t.Error(err)
						return
					}
					defer conn.Close()
					conn.SetDeadline(time.Now().Add(2 * patience))
					io.WriteString(conn, "Simple is better ")
					middle.Done()
					if p.clients >= n {
						middle.Wait()
					}
					got := make([]byte, len("Complex."))
					io.WriteString(conn, "than?")
					if _, err := io.ReadFull(conn, got); err != nil || string(got) != "Complex." {
						t.Errorf("got %q, %v", got, err)
					}
				})
			}
			all.Wait()
		})
	}
}

// churn is the number of connections that TestChurn makes in each model.
// CONFORM_CHURN=100000 is a good one for a quiet hour.
func churn(t *testing.T, p place) int {
	if text := os.Getenv("CONFORM_CHURN"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	switch {
	case p.model == "process":
		return 60
	case testing.Short():
		return 500
	}
	return 3000
}

// Whatever way connections end, nothing of them stays.
func TestChurn(t *testing.T) {
	needFiles(t, 1000)
	listen(t, "tcp").Close() // the runtime opens files of its own for the first socket
	for _, p := range models() {
		t.Run(p.model, func(t *testing.T) {
			n := churn(t, p)
			files, goroutines := openFiles(t), runtime.NumGoroutine()
			s := p.start(t, "calc")
			began := time.Now()
			var all sync.WaitGroup
			var next sync.Mutex
			made := 0
			for range 16 {
				all.Go(func() {
					for {
						next.Lock()
						i := made
						made++
						next.Unlock()
						if i >= n || t.Failed() {
							return
						}
						if err := visit(s, i); err != nil {
							t.Errorf("connection %d: %v", i, err)
						}
					}
				})
			}
			all.Wait()
			took := time.Since(began)
			shutdown(t, s)
			settle(t, func() error {
				if got := openFiles(t); got > files {
					return fmt.Errorf("%d files are open, %d were before", got, files)
				}
				if got := runtime.NumGoroutine(); got > goroutines {
					return fmt.Errorf("%d goroutines, %d were before", got, goroutines)
				}
				if left := childProcesses(t); len(left) > 0 {
					return fmt.Errorf("processes are left: %q", left)
				}
				return nil
			})
			t.Logf("%d connections in %s, %.0f a second", n, took.Round(time.Millisecond), float64(n)/took.Seconds())
		})
	}
}

// visit is a conversation that ends in one of five ways.
func visit(s *serve.Server, i int) error {
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	expect := func(want string) error {
		got := make([]byte, len(want))
		if n, err := io.ReadFull(conn, got); string(got) != want {
			return fmt.Errorf("got %q (%v), want %q", got[:n], err, want)
		}
		return nil
	}
	if i%5 == 0 { // gone before anything is said
		conn.(*net.TCPConn).SetLinger(0)
		return nil
	}
	if err := expect(welcome); err != nil {
		return err
	}
	io.WriteString(conn, "1,2\n")
	if err := expect("Sum of input integers: '3'\r\n"); err != nil {
		return err
	}
	switch i % 5 {
	case 1: // in good order
		io.WriteString(conn, "quit\n")
		return expect("connection closed\r\n")
	case 2: // half-close in the middle of a line
		io.WriteString(conn, "3,4")
		conn.(*net.TCPConn).CloseWrite()
		return expect("Sum of input integers: '7'\r\n")
	case 3: // a reset in the middle of a line
		io.WriteString(conn, "3,4")
		conn.(*net.TCPConn).SetLinger(0)
	}
	return nil // 4: just gone
}

// settle waits until ok has nothing to say any more.
func settle(t *testing.T, ok func() error) {
	t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(limit) {
			t.Error(err)
			return
		}
	}
}

// openFiles is 0 where the system does not tell.
func openFiles(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// childProcesses are those of this process, zombies included.
func childProcesses(t *testing.T) (pids []string) {
	t.Helper()
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, name := range tasks {
		text, _ := os.ReadFile(name) // a thread may have ended
		pids = append(pids, strings.Fields(string(text))...)
	}
	return pids
}

// With hundreds of clients that say nothing, a server does nothing: it neither
// asks again and again, nor wakes in vain.
func TestIdle(t *testing.T) {
	for _, p := range models() {
		if p.clients < 200 {
			continue
		}
		t.Run(p.model, func(t *testing.T) {
			s := p.start(t, "websocket") // whose handshake has a deadline, far away
			for range 100 {
				dial(t, s).upgrade()
				dial(t, s).send("GET / HTTP/1.1\r\n")
			}
			// And one that does not read.
			slow := p.start(t, "waking")
			stall(dial(t, slow))
			before := processorTime(t)
			time.Sleep(300 * time.Millisecond) // what is measured is that nothing happens
			if used := processorTime(t) - before; used > 30*time.Millisecond {
				t.Errorf("%s of processor time in 300 ms", used)
			} else {
				t.Logf("%s of processor time in 300 ms", used)
			}
		})
	}
}

// A client that says nothing holds no buffer of the server's: nothing near the
// 16 KiB that it may send at once. Its own side of the connection, which is in
// this process too, is counted with it.
func TestIdleMemory(t *testing.T) {
	const n, most = 300, 9 << 10
	needFiles(t, 2*n+100)
	for _, p := range models() {
		if p.clients < n {
			continue
		}
		t.Run(p.model, func(t *testing.T) {
			s := p.start(t, "zen")
			var before, after runtime.MemStats
			used := func(m *runtime.MemStats) uint64 {
				runtime.GC()
				runtime.GC() // what pools keep goes with the second
				runtime.ReadMemStats(m)
				return m.HeapAlloc + m.StackInuse
			}
			had := used(&before)
			for range n {
				c := dial(t, s)
				c.send("Simple is better than?")
				c.expect("Complex.")
			}
			if each := (int64(used(&after)) - int64(had)) / n; each > most {
				t.Errorf("%d bytes for each client, more than %d", each, most)
			} else {
				t.Logf("%d bytes for each client", each)
			}
		})
	}
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A server that has no descriptor left for a client neither ends nor spins,
// and serves the client when another one leaves. It is a process of its own,
// with a limit of its own.
func TestNoFilesLeft(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("how many files a program needs for itself is known on Linux only")
	}
	everyModel(t, func(t *testing.T, p place) {
		if p.clients < 1000 {
			t.Skip("a bound keeps it from running out")
		}
		cmd := exec.Command(os.Args[0], "short-of-files", p.model)
		address, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		life, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer life.Close()
		var where string
		if _, err := fmt.Fscanln(address, &where); err != nil {
			t.Fatal(err)
		}
		// Those beyond the limit wait in the backlog, greeted by nobody.
		greeted := make(chan client, 2*shortOfFiles)
		var clients []client
		for range 2 * shortOfFiles {
			conn, err := net.Dial("tcp", where)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patience))
			c := client{conn, t}
			clients = append(clients, c)
			go func() {
				got := make([]byte, len(welcome))
				if _, err := io.ReadFull(conn, got); err == nil {
					greeted <- c
				}
			}()
		}
		served := []client{<-greeted}
		for len(served) < len(clients) {
			select {
			case c := <-greeted:
				served = append(served, c)
				continue
			case <-time.After(300 * time.Millisecond): // the time to spin, if it does
			}
			break
		}
		if len(served) == len(clients) {
			t.Fatalf("all of %d clients are served with %d files", len(clients), shortOfFiles)
		}
		// One by one they leave, and the rest come in.
		for i := range clients {
			if i == len(served) {
				select {
				case c := <-greeted:
					served = append(served, c)
				case <-time.After(patience):
					t.Fatalf("%d of %d clients were served", i, len(clients))
				}
			}
			served[i].send("1,2\nquit\n")
			served[i].expectEnd("Sum of input integers: '3'\r\nconnection closed\r\n")
			served[i].Close()
		}
		life.Close()
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		if used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); used > patience/100 {
			t.Errorf("%s of processor time", used)
		} else {
			t.Logf("%d clients at once; %s of processor time", len(served), used)
		}
	})
}

const shortOfFiles = 40

// serveShortOfFiles is the process of TestNoFilesLeft. It ends with its
// standard input.
func serveShortOfFiles(model string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := serve.Start(ln, newCalc, serve.Options{Model: model})
	limit := syscall.Rlimit{Cur: shortOfFiles, Max: shortOfFiles}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	io.Copy(io.Discard, os.Stdin)
	s.Close()
	<-s.Done()
	return s.Err()
}
