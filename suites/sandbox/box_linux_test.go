package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
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

	"conform/suites/target"
)

// The test binary is also what runs in the boxes: hostile NAME.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "hostile" {
		Hostile[os.Args[2]](os.Args[3:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Hostile is what the test binary can be in a box.
var Hostile = map[string]func([]string){
	// answers what it was told to, on a port: tcp or udp.
	"server": func(args []string) {
		network, address, answer := args[0], args[1], args[2]
		if network == "udp" {
			c, err := net.ListenPacket("udp", address)
			must(err)
			buffer := make([]byte, 100)
			for {
				_, from, err := c.ReadFrom(buffer)
				must(err)
				_, _ = c.WriteTo([]byte(answer), from)
			}
		}
		l, err := net.Listen(network, address)
		must(err)
		for {
			c, err := l.Accept()
			must(err)
			fmt.Fprint(c, answer)
			c.Close()
		}
	},
	"deaf": func(args []string) { // a full backlog: who comes gets no connection
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		must(err)
		must(unix.Bind(fd, &unix.SockaddrInet4{Port: 8080, Addr: [4]byte{127, 0, 0, 1}}))
		must(unix.Listen(fd, 0))
		time.Sleep(time.Minute)
	},
	"memory": func([]string) {
		var all [][]byte
		for {
			all = append(all, bytes.Repeat([]byte{1}, 1<<20))
			runtime.KeepAlive(all)
		}
	},
	"hogs": func([]string) { // five, none of which is one by itself
		for range 5 {
			_ = exec.Command(os.Args[0], "hostile", "holds").Start()
		}
		time.Sleep(time.Minute)
	},
	"holds": func([]string) {
		held := bytes.Repeat([]byte{1}, 32<<20)
		time.Sleep(time.Minute)
		runtime.KeepAlive(held)
	},
	"memfd": func([]string) { // memory that is in no process
		fd, err := unix.MemfdCreate("x", 0)
		must(err)
		for block := make([]byte, 1<<20); ; {
			_, err := unix.Write(fd, block)
			must(err)
		}
	},
	"unreaped": func([]string) {
		signal.Ignore(syscall.SIGCHLD)
		for {
			_ = exec.Command(os.Args[0], "hostile", "burns").Start()
			time.Sleep(150 * time.Millisecond)
		}
	},
	"burns": func([]string) {
		for began := time.Now(); time.Since(began) < 150*time.Millisecond; {
		}
	},
	"bomb": func([]string) {
		for {
			if exec.Command(os.Args[0], os.Args[1:]...).Start() != nil {
				time.Sleep(time.Millisecond)
			}
		}
	},
	"files": func([]string) {
		for i := 0; ; i++ {
			if _, err := os.Open("/dev/null"); err != nil {
				fmt.Println(i, err)
				os.Exit(1)
			}
		}
	},
	// tries what must not work, and says what does.
	"escape": func(args []string) {
		try := func(what string, err error) {
			if err == nil {
				fmt.Println("can", what)
			}
		}
		for s := 1; s < 32; s++ {
			_ = syscall.Kill(1, syscall.Signal(s))
		}
		if args[0] == "true" { // Landlock holds, for the same user, too
			try("signal init", syscall.Kill(1, 0))
		}
		try("trace init", unix.PtraceAttach(1))
		try("make a namespace", unix.Unshare(unix.CLONE_NEWUSER))
		_, err := (&exec.Cmd{Path: "/bin/true", SysProcAttr: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}}).CombinedOutput()
		try("clone a namespace", err)
		try("mount", unix.Mount("none", "/tmp", "tmpfs", 0, ""))
		_, err = unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)
		try("reach the machine below", err)
		_, err = unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, true)
		try("keep keys", err)
		_, err = unix.MemfdCreate("x", 0)
		try("hold memory that nobody counts", err)
		_, err = unix.SysvShmGet(unix.IPC_PRIVATE, 4096, 0o600)
		try("share memory that nobody counts", err)
		_, _, errno := unix.RawSyscall(unix.SYS_IO_URING_SETUP, 1, 0, 0)
		if errno != unix.ENOSYS {
			try("use io_uring", nil)
		}
		if err := unix.Prctl(unix.PR_CAPBSET_READ, unix.CAP_SYS_ADMIN, 0, 0, 0); err == nil {
			if set, _ := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_SYS_ADMIN, 0, 0, 0); set != 0 {
				try("have capabilities", nil)
			}
		}
		for _, path := range append(args[1:], "/proc/1/environ", "/proc/1/maps", "/proc/1/fd/3", "/proc/1/root/data", "/etc/shadow", "/root", "/var/log", "/sys", "/proc/kcore", "/boot") {
			_, err := os.Stat(path)
			if err == nil {
				_, err = os.ReadFile(path)
			}
			if err == nil || errors.Is(err, syscall.EISDIR) {
				if entries, err := os.ReadDir(path); err == nil && len(entries) == 0 {
					continue
				}
				try("read "+path, nil)
			}
		}
		for _, path := range []string{"/x", "/usr/x", "/etc/x", "/proc/sys/kernel/hostname", "/dev/x", "/results.json", "../results.json"} {
			try("write "+path, os.WriteFile(path, []byte("x"), 0o600))
		}
		for _, address := range []string{"192.0.2.1:80", "[2001:db8::1]:80"} {
			_, err := net.DialTimeout("tcp", address, time.Second)
			if !errors.Is(err, syscall.ENETUNREACH) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
				try(fmt.Sprintf("reach %s: %v", address, err), nil)
			}
		}
		entries, _ := os.ReadDir("/proc")
		for _, e := range entries {
			if pid, err := strconv.Atoi(e.Name()); err == nil && pid != 1 && pid != os.Getpid() {
				try("see process "+e.Name(), nil)
			}
		}
		for _, v := range os.Environ() {
			if name, _, _ := strings.Cut(v, "="); !slices.Contains([]string{"PATH", "HOME", "TMPDIR", "LANG", "PWD", "GIVEN"}, name) {
				try("see "+v, nil)
			}
		}
		fmt.Println("that is all")
	},
	// is a grader that is killed.
	"grader": func(args []string) {
		b, err := Start(context.Background(), Options{Dir: args[0], Tier: Tier(args[2]), Command: []string{"sh", "-c", "(setsid sleep " + args[1] + " &); exec sleep " + args[1]}})
		must(err)
		path := ""
		if group := b.e.(*boxed).group; group != nil {
			path = group.path
		}
		fmt.Println("started", path)
		time.Sleep(time.Minute)
	},
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// NeedsBoxes skips a test where there are none, and says why.
func NeedsBoxes(t *testing.T) {
	t.Helper()
	t.Parallel()
	needs(t, Namespaced)
}

// needs skips a test on a machine that cannot do a tier, and says why.
func needs(t *testing.T, tier Tier) {
	t.Helper()
	if r := Probe(); !r.Tier.Meets(tier) {
		for _, f := range r.Facts {
			if !f.OK && f.Need != "" {
				t.Skipf("no tier %s here: %s: %s (%s)", tier, f.Name, f.Why, f.Fix)
			}
		}
	}
}

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// In is the options of a box that runs a part of the test binary. The tier is
// always named: a hostile program must never run with less.
func In(t *testing.T, name string, args ...string) Options {
	t.Helper()
	return Options{Dir: t.TempDir(), Tier: Namespaced, Show: []string{self(t)}, Command: append([]string{self(t), "hostile", name}, args...)}
}

func script(t *testing.T, text string) Options {
	t.Helper()
	return Options{Dir: t.TempDir(), Tier: Namespaced, Command: []string{"/bin/sh", "-c", text}}
}

func run(t *testing.T, o Options) Result {
	t.Helper()
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEnds(t *testing.T) {
	NeedsBoxes(t)
	for _, tier := range []Tier{Namespaced, Strict} {
		t.Run(string(tier), func(t *testing.T) {
			needs(t, tier)
			ends(t, tier)
		})
	}
}

func ends(t *testing.T, tier Tier) {
	for _, c := range []struct {
		name   string
		o      func(t *testing.T) Options
		limits Limits
		end    End
		reason string
	}{
		{"exits", func(t *testing.T) Options { return script(t, "exit 3") }, Limits{}, Exited, "exited with code 3"},
		{"crashes", func(t *testing.T) Options { return script(t, "kill -SEGV $$") }, Limits{}, Signalled, "was killed by signal 11 (segmentation fault)"},
		{"kills everything", func(t *testing.T) Options { return script(t, "kill -9 1; kill -9 -1; kill -9 $$") }, Limits{}, Signalled, "was killed by signal 9 (killed)"},
		{"fork bomb", func(t *testing.T) Options { return In(t, "bomb") }, Limits{Processes: 40}, OutOfProcesses, "was ended: it reached its limit of 40 processes and threads"},
		{"too many children", func(t *testing.T) Options { return script(t, "while :; do sleep 60 & done") }, Limits{Processes: 40}, OutOfProcesses, ""},
		{"memory hog", func(t *testing.T) Options { return In(t, "memory") }, Limits{Memory: 64 << 20}, OutOfMemory, "was ended: it used more than its 64 MiB of memory"},
		{"memory hog on a disk of memory", func(t *testing.T) Options { return script(t, "cat /dev/zero > /dev/shm/x; sleep 60") }, Limits{Memory: 16 << 20, Disk: 256 << 20}, OutOfMemory, "was ended: it used more than its 16 MiB of memory"},
		{"memory hogs together", func(t *testing.T) Options { return In(t, "hogs") }, Limits{Memory: 128 << 20}, OutOfMemory, "was ended: it used more than its 128 MiB of memory"},
		{"busy", func(t *testing.T) Options { return script(t, "while :; do :; done") }, Limits{CPU: 200 * time.Millisecond}, OutOfCPU, "was ended: it used up its 200ms of processor time"},
		{"busy children", func(t *testing.T) Options { return script(t, "while :; do /bin/true; done") }, Limits{CPU: 200 * time.Millisecond}, OutOfCPU, "was ended: it used up its 200ms of processor time"},
		{"busy children that nobody waits for", func(t *testing.T) Options { return In(t, "unreaped") }, Limits{CPU: 300 * time.Millisecond}, OutOfCPU, "was ended: it used up its 300ms of processor time"},
		{"sleeps for ever", func(t *testing.T) Options { return script(t, "trap '' TERM INT HUP; sleep 60") }, Limits{Wall: 200 * time.Millisecond}, OutOfTime, "was ended: it ran for more than 200ms"},
		{"floods", func(t *testing.T) Options { return script(t, "cat /dev/zero") }, Limits{Wall: 200 * time.Millisecond}, OutOfTime, "was ended: it ran for more than 200ms"},
		{"one large file", func(t *testing.T) Options { return script(t, "exec cat /dev/zero > big") }, Limits{Disk: 1 << 20}, DiskFull, ""},
		{"many files", func(t *testing.T) Options {
			return script(t, "i=0; while echo > /tmp/$i; do i=$((i+1)); done 2> /dev/null; exit 1")
		}, Limits{Disk: 1 << 20}, DiskFull, "used up its 1 MiB of disk space, or what goes into it of files and folders, and exited with code 1"},
		{"fills what is kept", func(t *testing.T) Options {
			o := script(t, "i=0; while head -c 65536 /dev/zero > $i; do i=$((i+1)); sleep 0.001; done")
			o.Keep = true
			return o
		}, Limits{Disk: 1 << 20}, DiskFull, ""},
		{"open files", func(t *testing.T) Options { return In(t, "files") }, Limits{OpenFiles: 20}, Exited, "exited with code 1"},
		{"daemon", func(t *testing.T) Options {
			return script(t, "(setsid sleep 61 > /dev/null 2>&1 &); until cat /proc/[0-9]*/comm 2> /dev/null | grep -qx sleep; do :; done; exit 0")
		}, Limits{}, Exited, "exited with code 0 and left behind sleep (a server must stay in the foreground)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := c.o(t)
			o.Limits, o.Tier = c.limits, tier
			if o.Limits.Wall == 0 {
				o.Limits.Wall = 20 * time.Second
			}
			began := time.Now()
			r := run(t, o)
			if r.End != c.end || c.reason != "" && r.Reason != c.reason {
				t.Errorf("ended %q: %q, want %q: %q; %s", r.End, r.Reason, c.end, c.reason, r.Output.Head)
			}
			if r.Tier != tier || r.Usage.Wall <= 0 || r.Usage.Wall > time.Since(began) {
				t.Errorf("tier %q, usage %+v", r.Tier, r.Usage)
			}
			if c.name == "floods" && (r.Output.Dropped < 1<<20 || len(r.Output.Head) != 16<<10) {
				t.Errorf("%d bytes dropped, %d kept at first", r.Output.Dropped, len(r.Output.Head))
			}
		})
	}
}

// Whatever a submission tries, it fails, and its box stays whole.
func TestEscape(t *testing.T) {
	NeedsBoxes(t)
	secrets := t.TempDir()
	if err := os.WriteFile(secrets+"/rubric.yaml", []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, older := range []bool{false, true} {
		escape(t, secrets, older)
	}
}

func escape(t *testing.T, secrets string, older bool) {
	neighbour, err := Start(t.Context(), script(t, "echo secret > /submission/answer; sleep 60"))
	if err != nil {
		t.Fatal(err)
	}
	defer neighbour.Stop()
	home, _ := os.UserHomeDir()
	abi, _ := landlockABI()
	o := In(t, "escape", strconv.FormatBool(abi >= 6 && !older), secrets+"/rubric.yaml", secrets, home, "/submission/answer", "../rubric.yaml", "/proc/"+strconv.Itoa(os.Getpid())+"/environ", "/proc/1/root"+secrets)
	o.Env, o.withoutLandlock = []string{"GIVEN=yes"}, older
	r := run(t, o)
	if got := string(r.Output.Head); got != "that is all\n" || r.End != Exited {
		t.Errorf("%s:\n%s", r.Reason, got)
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) != 0 {
		t.Errorf("left in the submission's folder: %v, %v", left, err)
	}
}

// Signals that come while init is busy must not get through either. Without
// Landlock this rests on init alone; the loop is what found that the kernel
// drops a signal only if the first thread does not block it.
func TestInitBearsSignals(t *testing.T) {
	NeedsBoxes(t)
	o := script(t, "while :; do for s in 1 2 3 6 11 14 15 23 26; do kill -$s 1; done; done 2> /dev/null")
	o.withoutLandlock = true // which would keep most of them away
	b, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop()
	for range 100 {
		if _, err := b.Listens("tcp"); err != nil {
			t.Fatalf("%v: %s", err, b.Result().Reason)
		}
	}
}

// Files of a box are gone with it, unless they are to be kept.
func TestFiles(t *testing.T) {
	NeedsBoxes(t)
	o := script(t, "cat given; echo new > made; echo changed > given; echo x > $HOME/x; echo x > $TMPDIR/x; mkdir a && mv made a/ && cat a/made given")
	if err := os.WriteFile(o.Dir+"/given", []byte("given\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, keep := range []bool{false, false, true} {
		o.Keep = keep
		if r := run(t, o); string(r.Output.Head) != "given\nnew\nchanged\n" || r.Status.Code != 0 {
			t.Errorf("%s: %s", r.Reason, r.Output.Head)
		}
		_, err := os.Stat(o.Dir + "/a/made")
		if kept := err == nil; kept != keep {
			t.Errorf("kept: %v, want %v", kept, keep)
		}
	}
}

// What is shown is there at its place, whatever links lead to it, and its programs
// are found by their names.
func TestShow(t *testing.T) {
	NeedsBoxes(t)
	dir := folder(t, map[string]string{"real/bin/lang": "#!/bin/sh\ncat ${0%/bin/lang}/part\n", "real/part": "works\n", "cache/README": "cached build artifacts from the Go build system"},
		map[string]string{"link": "second", "second": "real", "up": "."})
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		_ = os.Chmod(d, 0o755) // who is root is nobody in a box
	}
	o := script(t, "lang; cat "+dir+"/real/part; ls "+dir+"/up/second > /dev/null && echo at its place; echo $GOCACHE; touch "+dir+"/real/x 2> /dev/null || echo read-only")
	o.Show = []string{dir + "/link", dir + "/up/second", dir + "/link/bin", "/usr/share", "/bin/sh", dir + "/cache"}
	want := "works\nworks\nat its place\n" + dir + "/cache\nread-only\n"
	if r := run(t, o); string(r.Output.Head) != want {
		t.Errorf("%s: %q, want %q", r.Reason, r.Output.Head, want)
	}
}

func TestCannotRun(t *testing.T) {
	NeedsBoxes(t)
	for command, want := range map[string]string{
		"nothing-like-it": "was not found in PATH",
		"./none":          `"./none" was not found`,
		"server":          "write ./server",
		"./server":        "is not executable",
		"/submission":     "is a folder",
	} {
		o := script(t, "")
		o.Command = []string{command}
		if err := os.WriteFile(o.Dir+"/server", []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Run(t.Context(), o)
		var problem *target.CommandError
		if !errors.As(err, &problem) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", command, err, want)
		}
	}
}

// Twenty submissions are served at the same fixed port at once.
func TestSamePort(t *testing.T) {
	NeedsBoxes(t)
	began := time.Now()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			s, err := Serve(t.Context(), ServeOptions{Options: In(t, "server", "tcp", ":{port}", fmt.Sprint("number ", i)), Port: 8080})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Stop()
			if got := ask(t, s, "tcp", s.Address()); got != fmt.Sprint("number ", i) {
				t.Errorf("number %d answers %q", i, got)
			}
		})
	}
	all.Wait()
	t.Logf("20 boxes, all on one port, made, spoken to and ended in %v", time.Since(began))
}

func ask(t *testing.T, d interface {
	DialWith(context.Context, *net.Dialer, string, string) (net.Conn, error)
}, network, address string) string {
	t.Helper()
	c, err := d.DialWith(t.Context(), &net.Dialer{Timeout: 5 * time.Second}, network, address)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer c.Close()
	if strings.HasPrefix(network, "udp") {
		_, _ = c.Write([]byte("?"))
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	buffer := make([]byte, 100)
	n, err := c.Read(buffer)
	if err != nil {
		t.Error(err)
	}
	return string(buffer[:n])
}

func TestDial(t *testing.T) {
	NeedsBoxes(t)
	for _, c := range [][3]string{{"tcp", "127.0.0.1:8080", "127.0.0.1:8080"}, {"tcp", "[::1]:8080", "[::1]:8080"},
		{"tcp", ":8080", "localhost:8080"}, {"tcp", ":7", "127.0.0.1:7"}, {"udp", "127.0.0.1:8080", "127.0.0.1:8080"}, {"unix", "/tmp/socket", "/tmp/socket"}, {"unix", "socket", "socket"}} {
		b, err := Start(t.Context(), In(t, "server", c[0], c[1], "here"))
		if err != nil {
			t.Fatal(err)
		}
		if c[0] != "unix" {
			if err := b.Await(t.Context(), c[0], c[2], 10*time.Second); err != nil {
				t.Fatal(err)
			}
		} else {
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(firstPoll) {
				if nc, err := b.Dial(t.Context(), c[0], c[2]); err == nil {
					nc.Close()
					break
				}
			}
		}
		if got := ask(t, b, c[0], c[2]); got != "here" {
			t.Errorf("%v: %q", c, got)
		}
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
		// What has ended refuses, as it does outside.
		if _, err := b.Dial(t.Context(), c[0], c[2]); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%v after the end: %v", c, err)
		}
	}
}

// The errors are those of net.Dial, to the letter.
func TestDialErrors(t *testing.T) {
	NeedsBoxes(t)
	b, err := Start(t.Context(), In(t, "deaf"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop()
	if err := b.Await(t.Context(), "tcp", "127.0.0.1:8080", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	// A port that is free here, too, for as long as it takes.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().String()
	l.Close()
	_, want := net.Dial("tcp", free)
	if _, got := b.Dial(t.Context(), "tcp", free); got == nil || want == nil || got.Error() != want.Error() || !errors.Is(got, syscall.ECONNREFUSED) {
		t.Errorf("%v, want %v", got, want)
	}
	var late net.Error
	for range 3 { // one fits into the backlog
		if _, err = b.DialWith(t.Context(), &net.Dialer{Timeout: 100 * time.Millisecond}, "tcp", "127.0.0.1:8080"); err != nil {
			break
		}
	}
	if !errors.As(err, &late) || !late.Timeout() || !strings.HasSuffix(err.Error(), "i/o timeout") {
		t.Errorf("%v, want a timeout", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := b.Dial(ctx, "tcp", "127.0.0.1:8080"); err == nil || !strings.HasSuffix(err.Error(), "operation was canceled") {
		t.Errorf("%v, want cancelled", err)
	}
	if _, err := b.Dial(t.Context(), "unix", "/tmp/none"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("%v, want no such file", err)
	}
	for _, bad := range []string{"example.org:80", "127.0.0.1", ""} {
		if _, err := b.Dial(t.Context(), "tcp", bad); err == nil {
			t.Errorf("%q can be dialled", bad)
		}
	}
}

// What a server does instead of listening where it should is said.
func TestServeElsewhere(t *testing.T) {
	NeedsBoxes(t)
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"another port":    {In(t, "server", "tcp", ":9090", ""), "listens on 9090, expected 8080; it printed nothing"},
		"another address": {In(t, "server", "tcp", "[::1]:8080", ""), "listens on [::1]:8080 only, which is not reached at 127.0.0.1:8080: listen on all addresses, or on that one; it printed nothing"},
		"nowhere":         {script(t, "echo ready; sleep 60"), "listens on no port, expected 8080, within 1s; its last output:\n    ready"},
		"no more":         {script(t, "echo sorry; exit 4"), "exited with code 4 before it listened on 127.0.0.1:8080; its last output:\n    sorry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Serve(t.Context(), ServeOptions{Options: c.o, Port: 8080, Ready: time.Second})
			if err == nil || err.Error() != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func TestRestart(t *testing.T) {
	NeedsBoxes(t)
	o := In(t, "server", "tcp", ":{port}", "here")
	o.Command = []string{"/bin/sh", "-c", `[ -e used ] && exit 1; echo > used; exec "$@"`, "sh", o.Command[0], "hostile", "server", "tcp", ":{port}", "here"}
	s, err := Serve(t.Context(), ServeOptions{Options: o})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, s, "tcp", s.Address()); got != "here" {
			t.Errorf("%q", got)
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err == nil {
		t.Error("it starts again after Stop")
	}
}

// Nothing outlives Stop, or a grader that is killed, not even what left every
// group and session.
func TestNothingSurvives(t *testing.T) {
	NeedsBoxes(t)
	mark := "61." + strconv.Itoa(os.Getpid())
	b, err := Start(t.Context(), script(t, "(setsid sleep "+mark+"1 &); (setsid sh -c 'setsid sleep "+mark+"2 & sleep 60' &); echo up; exec sleep "+mark+"3"))
	if err != nil {
		t.Fatal(err)
	}
	awaitProcesses(t, mark, 3)
	began := time.Now()
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	if n := processes(mark); n != 0 {
		t.Errorf("%d processes are left", n)
	}
	t.Logf("stopped in %v: %s", time.Since(began), b.Result().Reason)

	mark = "62." + strconv.Itoa(os.Getpid())
	grader := exec.Command(self(t), "hostile", "grader", t.TempDir(), mark, string(Namespaced))
	grader.Stderr = os.Stderr
	if err := grader.Start(); err != nil {
		t.Fatal(err)
	}
	awaitProcesses(t, mark, 2)
	_ = grader.Process.Kill()
	_ = grader.Wait()
	awaitProcesses(t, mark, 0)
}

// processes counts those, of all there are, that have a mark as an argument.
func processes(mark string) (n int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		text, _ := os.ReadFile(f)
		if strings.HasPrefix(string(text), "sleep\x00"+mark) {
			n++
		}
	}
	return n
}

func awaitProcesses(t *testing.T, mark string, want int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); processes(mark) != want; time.Sleep(firstPoll) {
		if time.Now().After(end) {
			t.Fatalf("%d processes, want %d", processes(mark), want)
		}
	}
}

// The context ends a box.
func TestContext(t *testing.T) {
	NeedsBoxes(t)
	ctx, cancel := context.WithCancel(t.Context())
	b, err := Start(ctx, script(t, "sleep 60"))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if r := b.Result(); r.End != Stopped || r.Reason != "was stopped" {
		t.Errorf("%s: %s", r.End, r.Reason)
	}
	_ = b.Stop()
}

// Init may be killed from outside, as when memory runs out: that is not the
// submission's fault.
func TestInitKilled(t *testing.T) {
	NeedsBoxes(t)
	b, err := Start(t.Context(), script(t, "sleep 60"))
	if err != nil {
		t.Fatal(err)
	}
	_ = b.e.(*boxed).cmd.Process.Kill()
	if r := b.Result(); r.End != Infrastructure {
		t.Errorf("%s: %s", r.End, r.Reason)
	}
}

// Graders are seldom root, as CI is: the same tests as nobody.
func TestWithoutRoot(t *testing.T) {
	NeedsBoxes(t)
	if os.Getuid() != 0 {
		t.Skip("we are not root")
	}
	dir := t.TempDir()
	// Not written by us: a process that is started meanwhile would hold the
	// file open, and it could not be executed.
	if out, err := exec.Command("cp", self(t), dir+"/test").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := errors.Join(os.Chmod(dir+"/test", 0o755), os.Mkdir(dir+"/tmp", 0o700), os.Chown(dir+"/tmp", nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(dir+"/test", "-test.run=^Test(Ends|Escape|Files|CannotRun|Dial|InitBearsSignals|ServeElsewhere|RemoveAll)$", "-test.v")
	cmd.Env = []string{"TMPDIR=" + dir + "/tmp", "HOME=" + dir + "/tmp", "PATH=" + os.Getenv("PATH")}
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case bytes.Contains(out, []byte("\n--- SKIP")): // tier strict is skipped in TestEnds
		t.Skipf("%s", out)
	}
}

// A cgroup that limits nothing shows that boxes are put into theirs, that it
// ends them, and that it goes.
func TestCgroup(t *testing.T) {
	NeedsBoxes(t)
	mountPoint, err := cgroupMount()
	if err != nil {
		t.Skip(err)
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	_, path, _ := strings.Cut("\n"+string(text), "\n0::")
	path, _, _ = strings.Cut(path, "\n")
	own, err := delegated(filepath.Join(mountPoint, path), nil)
	if err != nil {
		t.Skipf("no cgroup of our own here: %v", err)
	}
	g, err := makeCgroup(own, nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := script(t, "cat /proc/self/cgroup; sleep 60").complete()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := giveAway(o.Dir); err != nil {
			t.Fatal(err)
		}
	}
	b, err := startBox(t.Context(), o, g)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); len(b.output().Head) == 0 && time.Now().Before(end); time.Sleep(firstPoll) {
	}
	if !strings.Contains(string(b.output().Head), "/submission") {
		t.Errorf("it is in %s", b.output().Head)
	}
	b.end(Stopped)
	<-b.done()
	if b.result().End != Stopped || b.result().Usage.CPU == 0 {
		t.Errorf("%+v", b.result())
	}
	if _, err := os.Stat(g.path); err == nil {
		t.Errorf("%s is left", g.path)
	}
}

// A part of the tree of control groups that is ours is made ready to limit
// others, with whatever controller there is: memory and pids are handled alike.
func TestDelegated(t *testing.T) {
	NeedsBoxes(t)
	mountPoint, err := cgroupMount()
	if err != nil {
		t.Skip(err)
	}
	text, _ := os.ReadFile(mountPoint + "/cgroup.controllers")
	offered := strings.Fields(string(text))
	if len(offered) == 0 {
		t.Skip("cgroup v2 has no controller here")
	}
	if !has(mountPoint, "cgroup.subtree_control", offered[:1]) {
		defer write(mountPoint, "cgroup.subtree_control", "-"+offered[0]) // as we have found it
	}
	scope := filepath.Join(mountPoint, "conform-test-"+strconv.Itoa(os.Getpid()))
	if err := errors.Join(write(mountPoint, "cgroup.subtree_control", "+"+offered[0]), os.Mkdir(scope, 0o755)); err != nil {
		t.Skipf("no cgroup can be made here: %v", err)
	}
	defer removeEmpty(scope)
	f, err := os.Open(scope)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command(self(t), "hostile", "delegated", scope, offered[0])
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if want := "ready\nwe are in /conform\nready for those that we start\nhas " + offered[0] + "\n"; string(out) != want {
		t.Errorf("%s, want %s", out, want)
	}
	removeEmpty(filepath.Join(scope, leafName))
	if left, _ := filepath.Glob(scope + "/*/"); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// What the kernel counts for tier strict bounds all of a submission together, is
// said as what it was, and is taken away with the box, also by the next one when
// conform was killed.
func TestStrict(t *testing.T) {
	NeedsBoxes(t)
	needs(t, Strict)
	own, err := ownCgroup()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("memory of no process", func(t *testing.T) {
		t.Parallel()
		o := In(t, "memfd")
		o.Tier, o.Limits.Memory = Strict, 32<<20
		r := run(t, o)
		if r.End != OutOfMemory || r.Usage.Memory < 16<<20 || r.Usage.Memory > 32<<20 {
			t.Errorf("%s, %+v", r.Reason, r.Usage)
		}
	})
	t.Run("processes are counted", func(t *testing.T) {
		t.Parallel()
		o := script(t, "for i in 1 2 3 4; do sleep 0.2 & done; wait")
		o.Tier, o.Limits.Processes = Strict, 12
		if r := run(t, o); r.End != Exited || r.Status.Code != 0 || r.Usage.Processes < 4 || r.Usage.Processes > 12 {
			t.Errorf("%s, %+v", r.Reason, r.Usage)
		}
	})
	t.Run("goes with the box", func(t *testing.T) {
		t.Parallel()
		o := script(t, "(setsid sleep 60 &); sleep 60")
		o.Tier = Strict
		b, err := Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		path := b.e.(*boxed).group.path
		if limit, _ := os.ReadFile(path + "/submission/pids.max"); string(limit) != "128\n" {
			t.Errorf("pids.max is %q", limit)
		}
		sweep(own) // leaves alone what is in use
		if _, err := os.Stat(path + "/submission"); err != nil {
			t.Error(err)
		}
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	})
	t.Run("conform is killed", func(t *testing.T) {
		t.Parallel()
		mark := "60." + strconv.Itoa(os.Getpid())
		cmd := exec.Command(self(t), "hostile", "grader", t.TempDir(), mark, string(Strict))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, 1000)
		n, _ := out.Read(text)
		path := strings.TrimSpace(strings.TrimPrefix(string(text[:n]), "started"))
		if !strings.HasPrefix(path, own) {
			t.Errorf("%q is not in %s", path, own)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		awaitProcesses(t, mark, 0)
		sweep(own)
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	})
}

func init() {
	Hostile["delegated"] = func(args []string) {
		wanted := args[1:]
		own, err := delegated(args[0], wanted)
		must(err)
		if own == args[0] {
			fmt.Println("ready")
		}
		text, err := os.ReadFile("/proc/self/cgroup")
		must(err)
		_, path, _ := strings.Cut("\n"+string(text), "\n0::")
		path, _, _ = strings.Cut(path, "\n")
		fmt.Println("we are in /" + filepath.Base(path))
		if again, err := delegated(filepath.Join(own, leafName), wanted); err == nil && again == own {
			fmt.Println("ready for those that we start")
		}
		g, err := makeCgroup(own, wanted)
		must(err)
		if has(g.inside.Name(), "cgroup.controllers", wanted) {
			fmt.Println("has", wanted[0])
		}
		g.remove()
	}
}
