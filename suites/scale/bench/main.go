//go:build linux

// Command bench measures the engines of suites/scale, and the models of the
// reference implementation, beside a client and a server in C that were written
// for it (in c/), and beside k6. It is run by hand:
//
//	go run ./suites/scale/bench -h
//
// Server and client are processes of their own, each on a processor core of its
// own. What is compared is processor time for each round trip, which the load of
// a shared machine moves far less than the rate; and only with the C program's
// in the same round. The order within a round is random. All counting is done by
// the C program of each pair, in a file that is mapped here too.
package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"conform/specs"
	"conform/specs/echo"
	"conform/specs/websocket"
	"conform/specs/wire"
	"conform/suites/scale"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "client" {
		fmt.Fprintln(os.Stderr, "bench client:", client(os.Args[2:]))
		os.Exit(1)
	}
	if len(os.Args) > 1 && os.Args[1] == "visit" {
		fmt.Fprintln(os.Stderr, "bench visit:", visit(os.Args[2:]))
		os.Exit(1)
	}
	var b bench
	var what, protocols, clients, models string
	flag.StringVar(&what, "what", "clients,servers", "what is measured: clients, servers, models (a table of all of them), k6")
	flag.StringVar(&protocols, "protocols", "echo,websocket", "by what protocols")
	flag.StringVar(&clients, "clients", "100,1000", "with how many connections")
	flag.StringVar(&models, "models", "goroutine", "the models of conform serve, for -what servers")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds, in each of which everything is measured once")
	flag.DurationVar(&b.window, "window", time.Second, "how long each is measured")
	flag.StringVar(&b.k6, "k6", "k6", "the program k6, for -what k6")
	flag.BoolVar(&b.check, "check", false, "exit with 1 when a target is missed")
	flag.Parse()
	if err := b.run(list(what), list(protocols), list(clients), list(models)); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// client is our own client, in a process of its own, until it is killed. That it
// returns is an error.
func client(args []string) error {
	if len(args) != 4 {
		return errors.New("write client ENGINE PROTOCOL PORT CLIENTS")
	}
	n, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	address := net.JoinHostPort("127.0.0.1", args[2])
	standard := echo.Protocol()
	if args[1] == "websocket" {
		standard = websocket.Protocol()
	}
	talk, err := standard.Scale(specs.Crowd{Target: wire.Dialer{Network: "tcp", Address: address}, Seed: 1, Dialect: func(string) string { return "" }})
	if err != nil {
		return err
	}
	r, err := scale.Run(context.Background(), scale.Options{Network: "tcp", Address: address, Talk: talk, Clients: n,
		For: time.Hour, Patience: 10 * time.Second, Engine: scale.Engine(strings.ReplaceAll(args[0], "-", " "))})
	if err != nil {
		return err
	}
	return fmt.Errorf("it ended: %s, %+v", r.Ended, r.Errors)
}

type bench struct {
	rounds int
	window time.Duration
	k6     string
	check  bool

	self, dir, source        string
	cclient, server, conform string
}

// subject is one thing that is measured, as one of a pair.
type subject struct {
	name   string
	c      bool // it is the yardstick
	client bool // the client of the pair is measured, else the server
	target float64
	most   int // how many clients it serves at once; 0 is any number
	start  func(protocol string, port, clients int, counters string) []string
}

type sample struct {
	cpu    time.Duration // for each round trip
	rate   float64       // round trips a second
	memory float64       // KiB, all of it
}

type key struct {
	subject, protocol string
	clients           int
}

func (b *bench) run(what, protocols, clients, models []string) error {
	if runtime.NumCPU() < 2 {
		return errors.New("this needs two processor cores, one for each side")
	}
	if err := b.build(); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	for _, w := range what {
		var subjects []subject
		switch w {
		case "clients":
			subjects = b.clients()
		case "servers":
			subjects = b.servers(models)
		case "models":
			if err := b.tabulate(protocols, clients); err != nil {
				return err
			}
			continue
		case "k6":
			subjects, protocols = b.load(), []string{"websocket"}
		default:
			return fmt.Errorf("-what %s: write clients, servers, models or k6", w)
		}
		if err := b.compare(w, subjects, protocols, clients); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) build() (err error) {
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "conform-bench"); err != nil {
		return err
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("go list: %w (run this inside the module)", err)
	}
	b.source = filepath.Join(strings.TrimSpace(string(root)), "suites", "scale", "bench", "c")
	b.cclient, b.server, b.conform = filepath.Join(b.dir, "client"), filepath.Join(b.dir, "server"), filepath.Join(b.dir, "conform")
	for _, command := range [][]string{
		{"cc", "-O2", "-o", b.cclient, filepath.Join(b.source, "client.c")},
		{"cc", "-O2", "-o", b.server, filepath.Join(b.source, "server.c")},
		{"go", "build", "-o", b.conform, "conform/cmd/conform"},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
		}
	}
	return nil
}

func (b *bench) cServer(protocol string, port, _ int, counters string) []string {
	return []string{b.server, protocol, strconv.Itoa(port), counters}
}

func (b *bench) cClient(protocol string, port, clients int, counters string) []string {
	return []string{b.cclient, protocol, strconv.Itoa(port), strconv.Itoa(clients), counters}
}

// clients are measured against the C server.
func (b *bench) clients() []subject {
	subjects := []subject{{name: "C client", c: true, client: true, start: b.cClient}}
	for _, engine := range []struct {
		name   string
		target float64
	}{{"event-loop", 1.5}, {"goroutines", 1.9}} {
		subjects = append(subjects, subject{name: "conform, " + strings.ReplaceAll(engine.name, "-", " "), client: true, target: engine.target,
			start: func(protocol string, port, clients int, _ string) []string {
				return []string{b.self, "client", engine.name, protocol, strconv.Itoa(port), strconv.Itoa(clients)}
			}})
	}
	return subjects
}

// servers are measured under the C client.
func (b *bench) servers(models []string) []subject {
	subjects := []subject{{name: "C server", c: true, start: b.cServer}}
	for _, model := range models {
		target := 1.5
		if model != "epoll" && model != "poll" && model != "callback" {
			target = 1.8
		}
		subjects = append(subjects, subject{name: "conform serve --model " + model, target: target,
			start: func(protocol string, port, _ int, _ string) []string {
				return []string{b.conform, "serve", protocol, "--model", model, "--listen", "127.0.0.1:" + strconv.Itoa(port)}
			}})
	}
	return subjects
}

// load is k6 beside the others, for WebSocket alone: its script is in c/ too.
func (b *bench) load() []subject {
	return append(b.clients(), subject{name: "k6, a VU for each connection", client: true,
		start: func(_ string, port, clients int, _ string) []string {
			return []string{b.k6, "run", "--quiet", "--no-usage-report", "--no-summary", "--vus", strconv.Itoa(clients), "--duration", "10m",
				"--env", "PORT=" + strconv.Itoa(port), filepath.Join(b.source, "k6.js")}
		}})
}

func (b *bench) compare(title string, subjects []subject, protocols, sizes []string) error {
	samples := map[key][]sample{}
	before := loadAverage()
	for round := range b.rounds {
		var order []func() error
		for _, protocol := range protocols {
			for _, size := range sizes {
				clients, err := strconv.Atoi(size)
				if err != nil {
					return fmt.Errorf("-clients %s: write numbers", size)
				}
				for _, s := range subjects {
					order = append(order, func() error {
						got, err := b.measure(s, protocol, clients, 0)
						if err != nil {
							return fmt.Errorf("%s, %s, %d clients: %w", s.name, protocol, clients, err)
						}
						k := key{s.name, protocol, clients}
						samples[k] = append(samples[k], got)
						fmt.Fprintf(os.Stderr, "round %d: %-34s %-10s %5d clients: %6.2f µs a round trip, %8.0f a second\n", round+1, s.name, protocol, clients, float64(got.cpu)/1000, got.rate)
						return nil
					})
				}
			}
		}
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, measure := range order {
			if err := measure(); err != nil {
				return err
			}
		}
	}
	fmt.Printf("\n%s: %d rounds of %s, load average %s before and %s after\n\n", title, b.rounds, b.window, before, loadAverage())
	fmt.Println("| protocol | clients | | CPU µs a round trip | ratio to C, median (all) | target | round trips a second | KiB a connection |")
	fmt.Println("|---|---:|---|---:|---:|---:|---:|---:|")
	missed := 0
	fewest, _ := strconv.Atoi(sizes[0])
	for _, protocol := range protocols {
		for _, size := range sizes {
			clients, _ := strconv.Atoi(size)
			yardstick := samples[key{subjects[0].name, protocol, clients}]
			for _, s := range subjects {
				mine := samples[key{s.name, protocol, clients}]
				var cpu, rate, memory, base, ratios []float64
				for _, m := range samples[key{s.name, protocol, fewest}] {
					base = append(base, m.memory)
				}
				for i, m := range mine {
					cpu = append(cpu, float64(m.cpu)/1000)
					rate, memory = append(rate, m.rate), append(memory, m.memory)
					ratios = append(ratios, float64(m.cpu)/float64(yardstick[i].cpu))
				}
				ratio, target := "1", ""
				if !s.c {
					ratio = fmt.Sprintf("%.2f (%s)", median(ratios), joined(ratios))
					if s.target > 0 {
						target = fmt.Sprintf("≤ %.1f", s.target)
					}
					if s.target > 0 && median(ratios) > s.target {
						target += " missed"
						missed++
					}
				}
				each := "" // what each connection adds to what the fewest take
				if clients > fewest {
					each = fmt.Sprintf("%.1f", (median(memory)-median(base))/float64(clients-fewest))
				}
				fmt.Printf("| %s | %d | %s | %.1f | %s | %s | %.0f | %s |\n", protocol, clients, s.name, median(cpu), ratio, target, median(rate), each)
			}
		}
	}
	if b.check && missed > 0 {
		return fmt.Errorf("%d targets are missed", missed)
	}
	return nil
}

// measure runs a pair and measures one side of it, while so many more
// connections are open that say nothing.
func (b *bench) measure(s subject, protocol string, clients, idle int) (sample, error) {
	port, err := freePort()
	if err != nil {
		return sample{}, err
	}
	// Both sides may be C programs, and each has a file of its own.
	byServer, err := newCounters(b.dir)
	if err != nil {
		return sample{}, err
	}
	defer byServer.close()
	byClient, err := newCounters(b.dir)
	if err != nil {
		return sample{}, err
	}
	defer byClient.close()
	serverArgs, clientArgs, counters := b.cServer, s.start, byServer
	if !s.client {
		serverArgs, clientArgs, counters = s.start, b.cClient, byClient
	}
	server, err := begin(0, serverArgs(protocol, port, clients+idle, byServer.path))
	if err != nil {
		return sample{}, err
	}
	defer server.end()
	if err := listens(port); err != nil {
		return sample{}, err
	}
	for range idle {
		c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), 10*time.Second)
		if err != nil {
			return sample{}, err
		}
		defer c.Close()
	}
	began := time.Now()
	peer, err := begin(1, clientArgs(protocol, port, clients, byClient.path))
	if err != nil {
		return sample{}, err
	}
	defer peer.end()
	for counters.connections() < uint64(clients) {
		if time.Since(began) > time.Minute {
			return sample{}, fmt.Errorf("only %d clients were served within a minute", counters.connections())
		}
		time.Sleep(2 * time.Millisecond)
	}
	measured := server
	if s.client {
		measured = peer
	}
	return window(measured, counters, b.window)
}

// process is one side of a pair, on a core of its own.
type process struct{ cmd *exec.Cmd }

func begin(core int, args []string) (*process, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Env = append(os.Environ(), "GOGC=100")
	// The child inherits the cores of the thread that starts it.
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return nil, err
	}
	nth := 0
	for cpu := range 1024 {
		if before.IsSet(cpu) {
			if nth == core {
				one.Set(cpu)
				break
			}
			nth++
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return nil, err
	}
	defer unix.SchedSetaffinity(0, &before)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd}, nil
}

func (p *process) end() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// cpu is the processor time so far, its children's included.
func (p *process) cpu() time.Duration {
	t := cpuTime(p.cmd.Process.Pid) + reaped(p.cmd.Process.Pid)
	for _, pid := range children(p.cmd.Process.Pid) {
		t += cpuTime(pid)
	}
	return t
}

// memory is what is resident, in KiB, and what its children have for themselves.
func (p *process) memory() float64 {
	kib := field(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid), "VmRSS:")
	for _, pid := range children(p.cmd.Process.Pid) {
		kib += field(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
	}
	return kib
}

// field reads a number of KiB from a file of the kernel's.
func field(file, name string) float64 {
	text, _ := os.ReadFile(file)
	for _, line := range strings.Split(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return n
		}
	}
	return 0
}

// counters are what the C program of a pair counts.
type counters struct {
	path string
	data []byte
}

func newCounters(dir string) (*counters, error) {
	file, err := os.CreateTemp(dir, "counters")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := file.Truncate(16); err != nil {
		return nil, err
	}
	data, err := unix.Mmap(int(file.Fd()), 0, 16, unix.PROT_READ, unix.MAP_SHARED)
	return &counters{file.Name(), data}, err
}

func (c *counters) connections() uint64 { return binary.NativeEndian.Uint64(c.data) }
func (c *counters) messages() uint64    { return binary.NativeEndian.Uint64(c.data[8:]) }

func (c *counters) close() {
	_ = unix.Munmap(c.data)
	os.Remove(c.path)
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return cmp.Or(strings.Join(strings.Fields(string(text))[:1], ""), "?")
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	if len(s) == 0 {
		return 0
	}
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func joined(values []float64) string {
	var all []string
	for _, v := range values {
		all = append(all, fmt.Sprintf("%.2f", v))
	}
	return strings.Join(all, " ")
}
