package target

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// helperName selects what the test binary does instead of testing, so that the
// tests have real processes and need no other program.
const helperName = "CONFORM_RUN_ID_HELPER"

// notifyName is where a helper reports its port and pid, and is told what to do.
const notifyName = "CONFORM_RUN_ID_NOTIFY"

func TestMain(m *testing.M) {
	if mode := os.Getenv(helperName); mode != "" {
		helper(mode)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// linger stays, but not for ever, should a test fail to end it.
func linger() { time.Sleep(time.Minute) }

func helper(mode string) {
	port := os.Getenv("PORT")
	switch mode {
	case "serve":
		serve("127.0.0.1:" + port)
	case "serve-all":
		serve(":" + port)
	case "serve-v6":
		serve("[::1]:" + port)
	case "serve-argument":
		serve(os.Args[1])
	case "udp":
		c, err := net.ListenPacket("udp", "127.0.0.1:"+port)
		if err != nil {
			fail(err)
		}
		defer c.Close()
		linger()
	case "wrong-port":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fail(err)
		}
		fmt.Println("listening on", l.Addr())
		linger()
	case "exit":
		fmt.Println("reading the configuration")
		fmt.Fprintln(os.Stderr, "no such \x1b[31mfile\x1b[0m")
		os.Exit(3)
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		linger()
	case "silent":
		linger()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		serve("127.0.0.1:" + port)
	case "polite":
		terminated := make(chan os.Signal, 1)
		signal.Notify(terminated, syscall.SIGTERM)
		go serve("127.0.0.1:" + port)
		<-terminated
		fmt.Println("goodbye")
		os.Exit(4)
	case "flood":
		fmt.Println("first line")
		line := strings.Repeat("x", 1023) + "\n"
		for range 8 << 10 {
			_, _ = io.WriteString(os.Stdout, line)
		}
		fmt.Println("last line")
		serve("127.0.0.1:" + port)
	case "daemon":
		spawn("serve", true)
		linger()
	case "daemonize":
		spawn("silent", true)
	case "family":
		spawn("silent", false)
		spawn("silent", true)
		spawn("daemonize", true)
		serve("127.0.0.1:" + port)
	case "told":
		if tell() == "serve" {
			serve("127.0.0.1:" + port)
		}
		linger()
	case "keeper":
		p, err := Start(context.Background(), StartOptions{Command: self(), Env: []string{helperName + "=serve"}})
		if err != nil {
			fail(err)
		}
		// Threads that end must not take the server with them.
		var threads sync.WaitGroup
		for range 50 {
			threads.Go(func() { runtime.LockOSThread() })
		}
		threads.Wait()
		if _, exited := p.ExitStatus(); exited {
			fail(errors.New("the server died with a thread"))
		}
		fmt.Println("pid", p.current().pid)
		linger()
	default:
		fail(fmt.Errorf("no such helper: %s", mode))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(9)
}

// serve tells each client the number of connections so far and what poll says
// of the standard input, and exits with code 5 when it is told to.
func serve(address string) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		fail(err)
	}
	for n := 1; ; n++ {
		c, err := l.Accept()
		if err != nil {
			fail(err)
		}
		stdin := []unix.PollFd{{Fd: 0, Events: unix.POLLIN}}
		_, _ = unix.Poll(stdin, 0)
		fmt.Fprintf(c, "connection %d, stdin %d\n", n, stdin[0].Revents)
		if word, _ := bufio.NewReader(c).ReadString('\n'); word == "exit\n" {
			os.Exit(5)
		}
		c.Close()
	}
}

func spawn(mode string, session bool) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperName+"="+mode)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
	if err := cmd.Start(); err != nil {
		fail(err)
	}
	fmt.Println("pid", cmd.Process.Pid)
}

func tell() string {
	c, err := net.Dial("tcp", os.Getenv(notifyName))
	if err != nil {
		fail(err)
	}
	fmt.Fprintln(c, os.Getenv("PORT"), os.Getpid())
	word, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(word)
}

// notified is one call of a told helper.
type notified struct {
	net.Conn
	port, pid int
}

// notifier gives the environment for told helpers and their calls.
func notifier(t *testing.T) (env []string, calls <-chan notified) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	heard := make(chan notified)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := notified{Conn: c}
			_, _ = fmt.Fscan(c, &n.port, &n.pid)
			select {
			case heard <- n:
			case <-t.Context().Done():
			}
		}
	}()
	return []string{helperName + "=told", notifyName + "=" + l.Addr().String()}, heard
}

func self() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return "'" + path + "'"
}

func start(t *testing.T, mode string) *Process {
	t.Helper()
	p, err := Start(t.Context(), StartOptions{Command: self(), Env: []string{helperName + "=" + mode}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// mustFail starts what cannot start, and wants each of the texts in the error.
func mustFail(t *testing.T, o StartOptions, texts ...string) error {
	t.Helper()
	p, err := Start(t.Context(), o)
	if err == nil {
		_ = p.Stop()
		t.Fatal("started")
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("got %v\nwant in it: %s", err, text)
		}
	}
	if strings.ContainsAny(err.Error(), "\x00\x1b\r") {
		t.Errorf("not escaped: %q", err)
	}
	return err
}

// ask gives the line with which a serving helper greets.
func ask(t *testing.T, p *Process, say string) string {
	t.Helper()
	c, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, say)
	return strings.TrimSpace(line)
}

func alive(pid int) bool {
	_, alive := groupOf(pid)
	return alive
}

// waitFor polls for what another process brings about in its own time.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain: ", what)
		}
	}
}

func printedPids(o Output) (found []int) {
	for _, line := range o.LastLines(100) {
		if number, ok := strings.CutPrefix(line, "pid "); ok {
			pid, _ := strconv.Atoi(number)
			found = append(found, pid)
		}
	}
	return found
}

func TestReadyWithoutConnection(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"serve", "serve-all"} {
		p := start(t, mode)
		// Standard input neither readable (1) nor hung up (16).
		if got := ask(t, p, ""); got != "connection 1, stdin 0" {
			t.Errorf("%s: %s", mode, got)
		}
		if status, exited := p.ExitStatus(); exited {
			t.Errorf("%s: %s", mode, status)
		}
	}
}

// A connection that is held is one more descriptor, whoever has started the
// server; what serves in our own process says nothing.
func TestUsage(t *testing.T) {
	t.Parallel()
	p := start(t, "serve")
	before, known := p.Usage()
	if !known || before.Memory < 1<<20 || before.Descriptors < 3 {
		t.Fatalf("%+v, %v", before, known)
	}
	c, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	usages := map[string]func() (Usage, bool){
		"started": p.Usage,
		"found":   func() (Usage, bool) { return UsageOf(Listening("tcp", p.Address())) },
	}
	for name, usage := range usages {
		deadline := time.Now().Add(10 * time.Second)
		for now, known := usage(); !known || now.Descriptors <= before.Descriptors; now, known = usage() {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %+v, %v, and %+v before", name, now, known, before)
			}
			time.Sleep(firstPoll)
		}
	}
	own, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	for _, address := range []string{own.Addr().String(), "192.0.2.1:80", "nonsense"} {
		if found := Listening("tcp", address); found != nil {
			t.Errorf("%s: %v", address, found)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	for _, argument := range []string{"{host}:{port}", "'{host}:{port}'", `"127.0.0.1:$PORT"`, "${X}:${PORT}"} {
		p, err := Start(t.Context(), StartOptions{
			Command: self() + " " + argument,
			Env:     []string{helperName + "=serve-argument", "X=127.0.0.1"},
		})
		if err != nil {
			t.Error(err)
			continue
		}
		if got := ask(t, p, ""); got != "connection 1, stdin 0" {
			t.Error(got)
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestUDP(t *testing.T) {
	t.Parallel()
	p, err := Start(t.Context(), StartOptions{Command: self(), Network: "udp", Env: []string{helperName + "=udp"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	l.Close()
	p, err := Start(t.Context(), StartOptions{Command: self(), Host: "::1", Env: []string{helperName + "=serve-v6"}})
	if err != nil {
		t.Fatal(err)
	}
	ask(t, p, "")
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	err = mustFail(t, StartOptions{Command: self(), Ready: 500 * time.Millisecond, Env: []string{helperName + "=serve-v6"}},
		"it listens on [::1]:", "not reached at 127.0.0.1")
	t.Log(err)
}

func TestExitBeforeReady(t *testing.T) {
	t.Parallel()
	t.Log(mustFail(t, StartOptions{Command: self(), Env: []string{helperName + "=exit"}},
		"exited with code 3 before it listened on 127.0.0.1:",
		"last output:\n    reading the configuration\n    no such \\x1b[31mfile\\x1b[0m"))
	t.Log(mustFail(t, StartOptions{Command: self(), Env: []string{helperName + "=die"}},
		"was killed by signal 9 (killed) before it listened", "printed nothing"))
}

func TestDaemonIsNamedAndEnded(t *testing.T) {
	t.Parallel()
	err := mustFail(t, StartOptions{Command: self(), Env: []string{helperName + "=daemonize"}},
		"exited with code 0", "left process ", "foreground", "pid ")
	_, number, _ := strings.Cut(err.Error(), "    pid ")
	pid, convErr := strconv.Atoi(strings.TrimSpace(number))
	if convErr != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Errorf("process %d is left", pid)
	}
}

func TestExitIsNoticed(t *testing.T) {
	t.Parallel()
	p := start(t, "serve")
	ask(t, p, "exit\n")
	<-p.Exited()
	if status, exited := p.ExitStatus(); !exited || status.String() != "exited with code 5" {
		t.Errorf("%s, %v", status, exited)
	}
}

func TestNotListening(t *testing.T) {
	t.Parallel()
	t.Log(mustFail(t, StartOptions{Command: self(), Ready: 200 * time.Millisecond, Env: []string{helperName + "=silent"}},
		"did not listen on 127.0.0.1:", "within 200ms", "printed nothing"))
	t.Log(mustFail(t, StartOptions{Command: self(), Ready: time.Second, Env: []string{helperName + "=wrong-port"}},
		"it listens on 127.0.0.1:", "{port}", "PORT", "    listening on 127.0.0.1:"))
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	us := fmt.Sprintf("port %d is already taken by process %d (", port, os.Getpid())
	t.Log(mustFail(t, StartOptions{Command: self(), Port: port, Env: []string{helperName + "=serve"}}, us))
}

func TestPortTakenMeanwhile(t *testing.T) {
	t.Parallel()
	env, calls := notifier(t)
	port, err := freePort("tcp", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		call := <-calls
		if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(call.port)); err == nil {
			context.AfterFunc(t.Context(), func() { l.Close() })
		}
	}()
	mustFail(t, StartOptions{Command: self(), Port: port, Env: env},
		fmt.Sprintf("port %d is already taken by process %d (", port, os.Getpid()))
}

func TestPickedPortTakenMeanwhile(t *testing.T) {
	t.Parallel()
	env, calls := notifier(t)
	first := make(chan int, 1)
	go func() {
		call := <-calls
		first <- call.port
		if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(call.port)); err == nil {
			context.AfterFunc(t.Context(), func() { l.Close() })
		}
		call = <-calls
		fmt.Fprintln(call, "serve")
	}()
	p, err := Start(t.Context(), StartOptions{Command: self(), Env: env})
	if err != nil {
		t.Fatal(err)
	}
	if port := <-first; p.current().port == port {
		t.Errorf("still on port %d", port)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	p := start(t, "family")
	var family []int
	waitFor(t, "four processes", func() bool {
		family = printedPids(p.Output())
		return len(family) == 4
	})
	r := p.current()
	if members := r.members(); !slices.Contains(members, r.pid) || len(members) < 4 {
		t.Errorf("members of %d are %v, children are %v", r.pid, members, family)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	for _, pid := range append(family, r.pid) {
		if alive(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
	if err := p.Stop(); err != nil {
		t.Error("again: ", err)
	}
}

func TestChildrenAreEndedWithTheServer(t *testing.T) {
	t.Parallel()
	p := start(t, "family")
	var family []int
	waitFor(t, "four processes", func() bool {
		family = printedPids(p.Output())
		return len(family) == 4
	})
	ask(t, p, "exit\n")
	<-p.current().gone
	for _, pid := range family {
		if alive(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
}

func TestDaemonThatListensIsOurs(t *testing.T) {
	t.Parallel()
	p := start(t, "daemon")
	if got := ask(t, p, ""); got != "connection 1, stdin 0" {
		t.Error(got)
	}
}

func TestStopAsksFirst(t *testing.T) {
	t.Parallel()
	p := start(t, "polite")
	var stops sync.WaitGroup
	for range 4 {
		stops.Go(func() {
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	stops.Wait()
	if status, _ := p.ExitStatus(); status.Code != 4 {
		t.Error(status)
	}
	if lines := p.Output().LastLines(1); !slices.Equal(lines, []string{"goodbye"}) {
		t.Error(lines)
	}
	if err := p.Restart(t.Context()); !errors.Is(err, errStopped) {
		t.Error("restart after stop: ", err)
	}
}

func TestStubbornIsKilled(t *testing.T) {
	t.Parallel()
	p := start(t, "stubborn")
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if status, exited := p.ExitStatus(); !exited || status.String() != "killed by signal 9 (killed)" {
		t.Errorf("%s, %v", status, exited)
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	p := start(t, "serve")
	address, pid := p.Address(), p.current().pid
	ask(t, p, "exit\n")
	<-p.Exited()
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.current().pid == pid {
		t.Error("the same process")
	}
	// Which port is free is not ours alone to say, so the address may differ.
	if got := ask(t, p, ""); got != "connection 1, stdin 0" {
		t.Errorf("%s, formerly %s: %s", p.Address(), address, got)
	}

	address = p.Address()
	ask(t, p, "exit\n")
	<-p.Exited()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip("somebody was faster: ", err)
	}
	defer l.Close()
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.Address() == address {
		t.Error("took a port that is not free: ", address)
	}
	ask(t, p, "")
}

func TestStopInterruptsRestart(t *testing.T) {
	t.Parallel()
	env, calls := notifier(t)
	go func() { fmt.Fprintln(<-calls, "serve") }()
	p, err := Start(t.Context(), StartOptions{Command: self(), Env: env})
	if err != nil {
		t.Fatal(err)
	}
	restarted := make(chan error)
	go func() { restarted <- p.Restart(context.Background()) }()
	call := <-calls
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if err := <-restarted; !errors.Is(err, errStopped) {
		t.Error(err)
	}
	if alive(call.pid) {
		t.Errorf("process %d is left", call.pid)
	}
}

func TestCancelDuringStart(t *testing.T) {
	t.Parallel()
	env, calls := notifier(t)
	ctx, cancel := context.WithCancel(t.Context())
	pid := make(chan int, 1)
	go func() {
		pid <- (<-calls).pid
		cancel()
	}()
	p, err := Start(ctx, StartOptions{Command: self(), Env: env})
	if p != nil || !errors.Is(err, context.Canceled) {
		t.Fatal(p, err)
	}
	if pid := <-pid; alive(pid) {
		t.Errorf("process %d is left", pid)
	}
	if _, err := Start(ctx, StartOptions{Command: self(), Env: env}); !errors.Is(err, context.Canceled) {
		t.Error("cancelled beforehand: ", err)
	}
}

func TestFloodIsBounded(t *testing.T) {
	t.Parallel()
	p := start(t, "flood") // it listens only once all of it is written
	waitFor(t, "the last line", func() bool {
		return slices.Equal(p.Output().LastLines(1), []string{"last line"})
	})
	o := p.Output()
	total := int64(len("first line\n") + 8<<20 + len("last line\n"))
	if len(o.Head) != headSize || len(o.Tail) != tailSize || o.Dropped != total-headSize-tailSize {
		t.Errorf("head %d, tail %d, dropped %d of %d", len(o.Head), len(o.Tail), o.Dropped, total)
	}
	if !strings.HasPrefix(string(o.Head), "first line\n") {
		t.Errorf("%.20q", o.Head)
	}
}

func TestServerDiesWithUs(t *testing.T) {
	t.Parallel()
	keeper := exec.Command(strings.Trim(self(), "'"))
	keeper.Env = append(os.Environ(), helperName+"=keeper")
	keeper.Stderr = os.Stderr
	out, err := keeper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := keeper.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	_, err = fmt.Fscanf(out, "pid %d\n", &pid)
	if err == nil && !alive(pid) {
		t.Error("the server is not there")
	}
	_ = keeper.Process.Kill()
	_ = keeper.Wait()
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end of the server", func() bool { return !alive(pid) })
}

func TestCommandErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"plain": "x", "lost": "#!/no/such/interpreter\n", "data": "\x01\x02"} {
		mode := os.FileMode(0o755)
		if name == "plain" {
			mode = 0o644
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	for command, want := range map[string]string{
		"":               "is empty",
		" \t":            "is empty",
		"$NO_SUCH_THING": "is empty once",
		"server 'x":      "closing quote",
		"a; b\x1b":       "`;` is not a valid word",
		"a && b":         "no shell is run",
		"a $(b)":         "unexpected command substitution",
		"a <(b)":         "no shell is run",
		"a\x00b":         "NUL byte",
		"no-such-server": `"no-such-server" was not found in PATH`,
		"./no-such":      `"./no-such" was not found`,
		"plain":          `"plain" is not in PATH: write ./plain`,
		"./plain":        `"./plain" is not executable`,
		"./lost":         "interpreter",
		"./data":         "neither a program",
		"DEBUG=1 server": "write env DEBUG=…",
	} {
		err := mustFail(t, StartOptions{Command: command, Dir: dir}, want)
		var malformed *CommandError
		if !errors.As(err, &malformed) {
			t.Errorf("%q: %T", command, err)
		}
		if strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("%q: more than one line: %q", command, err)
		}
	}
	mustFail(t, StartOptions{Command: "x", Dir: dir + "/none"}, "is not a directory")
	mustFail(t, StartOptions{Command: "x", Host: "example.org"}, `host "example.org"`)
	mustFail(t, StartOptions{Command: "x", Port: 65536}, "port 65536")
	mustFail(t, StartOptions{Command: "x", Network: "unix"}, `network "unix"`)
}

func TestExitStatusString(t *testing.T) {
	t.Parallel()
	if got := (ExitStatus{Code: -1, Signal: 11}).String(); got != "killed by signal 11 (segmentation fault)" {
		t.Error(got)
	}
}

func TestParseSocketAddress(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("the kernel prints words of this machine, the examples are little-endian")
	}
	for in, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000000000000000000001000000:0007": "[::1]:7",
		"B80D01200000000000000000EFBE0000:FFFF": "[2001:db8::beef]:65535",
	} {
		if got, ok := parseSocketAddress(in); !ok || got.String() != want {
			t.Errorf("%s: %v, want %s", in, got, want)
		}
	}
	for _, in := range []string{"", "0100007F", "01:1", "xx00007F:1F90", "0100007F:1FFFF"} {
		if got, ok := parseSocketAddress(in); ok {
			t.Errorf("%q: %v", in, got)
		}
	}
}

func TestReaches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		host, bound string
		want        bool
	}{
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1", "0.0.0.0", true},
		{"127.0.0.1", "::", true},
		{"127.0.0.1", "::ffff:127.0.0.1", true},
		{"127.0.0.1", "::1", false},
		{"127.0.0.1", "127.0.0.2", false},
		{"::1", "::", true},
		{"::1", "0.0.0.0", false},
		{"::1", "::1", true},
	} {
		if got := reaches(netip.MustParseAddr(test.host), netip.MustParseAddr(test.bound)); got != test.want {
			t.Errorf("%s at %s: %v", test.host, test.bound, got)
		}
	}
}
