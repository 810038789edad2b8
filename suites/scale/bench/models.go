//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"conform/impl/serve"
)

// These stand for numbers of clients in a key.
const (
	short  = 0  // connections of one round trip each
	amidst = -1 // a few talk, many are idle
)

// few talk amidst many that are idle: for a server at rest most of the time.
const few, many = 10, 5000

// visitors is how many short connections are under way at once.
const visitors = 16

// models are all that this system has, each with room for as many clients as it
// is measured with, beside the C server.
func (b *bench) models() []subject {
	subjects := []subject{{name: "C over epoll", c: true, start: b.cServer}}
	for _, m := range serve.Models() {
		if !m.Available() {
			continue
		}
		most := 1 << 20
		switch m.Name {
		case "serial":
			most = 1
		case "process":
			most = 100
		}
		subjects = append(subjects, subject{name: m.Name, most: most,
			start: func(protocol string, port, clients int, _ string) []string {
				args := []string{b.conform, "serve", protocol, "--model", m.Name, "--listen", "127.0.0.1:" + strconv.Itoa(port)}
				if m.Workers > 0 {
					args = append(args, "--workers", strconv.Itoa(max(clients, visitors)))
				}
				return args
			}})
	}
	return subjects
}

// tabulate prints a table that compares the models.
func (b *bench) tabulate(protocols, sizes []string) error {
	clients, err := numbers(sizes)
	if err != nil {
		return err
	}
	subjects, samples, before := b.models(), map[key][]sample{}, loadAverage()
	for round := range b.rounds {
		var order []func() error
		for _, protocol := range protocols {
			for _, s := range subjects {
				for _, n := range append([]int{short, amidst}, clients...) {
					if s.most > 0 && (n > s.most || n == amidst && few+many > s.most) {
						continue
					}
					order = append(order, func() (err error) {
						var got sample
						switch n {
						case short:
							got, err = b.measureShort(s, protocol)
						case amidst:
							got, err = b.measure(s, protocol, few, many)
						default:
							got, err = b.measure(s, protocol, n, 0)
						}
						if err != nil {
							return fmt.Errorf("%s, %s, %d clients: %w", s.name, protocol, n, err)
						}
						k := key{s.name, protocol, n}
						samples[k] = append(samples[k], got)
						fmt.Fprintf(os.Stderr, "round %d: %-12s %-10s %5d clients: %8.2f µs, %8.0f a second\n", round+1, s.name, protocol, n, float64(got.cpu)/1000, got.rate)
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
	for _, protocol := range protocols {
		fmt.Printf("\nmodels, %s: %d rounds of %s, load average %s before and %s after\n\n", protocol, b.rounds, b.window, before, loadAverage())
		head, line := "| CPU µs a round trip with |", "|---|"
		for _, n := range clients {
			head += fmt.Sprintf(" %d |", n)
			line += "---:|"
		}
		fmt.Printf("%s %d, and %d idle | KiB a connection | CPU µs a short connection | of these a second |\n", head, few, many)
		fmt.Println(line + "---:|---:|---:|---:|")
		for _, s := range subjects {
			row := "| " + s.name + " |"
			cell := func(n int) {
				mine, yardstick := samples[key{s.name, protocol, n}], samples[key{subjects[0].name, protocol, n}]
				var cpu, ratios []float64
				for i, m := range mine {
					cpu = append(cpu, float64(m.cpu)/1000)
					ratios = append(ratios, float64(m.cpu)/float64(yardstick[i].cpu))
				}
				switch {
				case len(mine) == 0:
					row += " – |"
				case s.c:
					row += " " + legible(median(cpu)) + " |"
				default:
					row += fmt.Sprintf(" %s (× %s) |", legible(median(cpu)), ratio(median(ratios)))
				}
			}
			memory := "–"
			resident := func(n int) float64 {
				var all []float64
				for _, m := range samples[key{s.name, protocol, n}] {
					all = append(all, m.memory)
				}
				return median(all)
			}
			each := func(n, connections int) {
				if resident(n) > 0 && connections > clients[0] {
					memory = legible((resident(n) - resident(clients[0])) / float64(connections-clients[0]))
				}
			}
			for _, n := range clients {
				cell(n)
				each(n, n)
			}
			cell(amidst)
			each(amidst, few+many)
			row += " " + memory + " |"
			cell(short)
			var rates []float64
			for _, m := range samples[key{s.name, protocol, short}] {
				rates = append(rates, m.rate)
			}
			fmt.Printf("%s %.0f |\n", row, median(rates))
		}
	}
	return nil
}

// legible has no more digits than mean anything.
func legible(x float64) string {
	if x < 100 {
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

func ratio(x float64) string {
	if x < 10 {
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

func numbers(list []string) (all []int, err error) {
	for _, text := range list {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-clients %s: write numbers from 1 on", text)
		}
		all = append(all, n)
	}
	return all, nil
}

// measureShort has a server serve connections of one round trip each.
func (b *bench) measureShort(s subject, protocol string) (sample, error) {
	port, err := freePort()
	if err != nil {
		return sample{}, err
	}
	count, err := newCounters(b.dir)
	if err != nil {
		return sample{}, err
	}
	defer count.close()
	server, err := begin(0, s.start(protocol, port, visitors, count.path))
	if err != nil {
		return sample{}, err
	}
	defer server.end()
	if err := listens(port); err != nil {
		return sample{}, err
	}
	byVisitors, err := newCounters(b.dir)
	if err != nil {
		return sample{}, err
	}
	defer byVisitors.close()
	peer, err := begin(1, []string{b.self, "visit", protocol, strconv.Itoa(port), byVisitors.path})
	if err != nil {
		return sample{}, err
	}
	defer peer.end()
	return window(server, byVisitors, b.window)
}

// visit makes short connections until it is killed. That it returns is an error.
func visit(args []string) error {
	if len(args) != 3 {
		return errors.New("write visit PROTOCOL PORT COUNTERS")
	}
	say := "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	hears := func(answer string) bool { return strings.HasSuffix(answer, "\r\n\r\n") }
	if args[0] != "websocket" {
		say = "a line of an ordinary length, which is sixty-two bytes in all\r\n"
		hears = func(answer string) bool { return strings.HasSuffix(answer, "\n") }
	}
	file, err := os.OpenFile(args[2], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	counters, err := unix.Mmap(int(file.Fd()), 0, 16, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	var made atomic.Uint64
	failed := make(chan error)
	one := func() error {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", args[1]))
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(conn, say); err != nil {
			return err
		}
		var answer [1024]byte
		for have := 0; ; {
			n, err := conn.Read(answer[have:])
			if have += n; hears(string(answer[:have])) {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
	for range visitors {
		go func() {
			for {
				if err := one(); err != nil {
					failed <- err
				}
				made.Add(1)
			}
		}()
	}
	for {
		select {
		case err := <-failed:
			return err
		case <-time.After(time.Millisecond):
			binary.NativeEndian.PutUint64(counters[8:], made.Load())
		}
	}
}

// listens waits until somebody listens at a port.
func listens(port int) error {
	for try := 0; ; try++ {
		c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
		if err == nil {
			return c.Close()
		}
		if try == 500 {
			return fmt.Errorf("the server does not listen: %w", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// window measures one side of a pair that is under way.
func window(measured *process, counters *counters, d time.Duration) (sample, error) {
	time.Sleep(300 * time.Millisecond)
	cpu, messages, at := measured.cpu(), counters.messages(), time.Now()
	time.Sleep(d)
	cpu, messages = measured.cpu()-cpu, counters.messages()-messages
	if messages == 0 || cpu <= 0 {
		return sample{}, errors.New("nothing was measured: did one of them end?")
	}
	return sample{cpu: cpu / time.Duration(messages), rate: float64(messages) / time.Since(at).Seconds(), memory: measured.memory()}, nil
}

// children are the processes that a process has started.
func children(pid int) (pids []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range tasks {
		text, _ := os.ReadFile(name) // a thread may have ended
		for _, field := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(field); err == nil {
				pids = append(pids, n)
			}
		}
	}
	return pids
}

// cpuTime is the processor time of all threads of a process so far, to the
// nanosecond.
func cpuTime(pid int) time.Duration {
	var t unix.Timespec
	// See clock_getcpuclockid(3): the clock of another process.
	if unix.ClockGettime(int32(^pid)<<3|2, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// reaped is the processor time of the children of a process that have ended.
// The system counts it in hundredths of a second.
func reaped(pid int) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0
	}
	user, _ := strconv.Atoi(fields[13]) // the 16th and 17th of all
	system, _ := strconv.Atoi(fields[14])
	return time.Duration(user+system) * time.Second / 100
}
