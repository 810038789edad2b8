package target

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// sweepLimit bounds the hunt for processes that multiply.
	sweepLimit = 2 * time.Second
	// unseenPolls is how often in a row the port must be held by a process that
	// we are not allowed to see before we believe that it is the server.
	unseenPolls = 10
	// namedLeft is how many processes an error names.
	namedLeft = 4
)

func dieWithUs(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }

// reap waits until the started process has exited, ends its group and reaps it,
// in this order: until it is reaped, nobody else can get its number, and the
// signal to its group can only reach the group.
func (r *run) reap() {
	for {
		err := unix.Waitid(unix.P_PID, r.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			// A sandbox that forbids it must not make us kill a living server.
			_ = r.cmd.Wait()
			break
		}
	}
	r.mu.Lock()
	killAt := r.killAt
	r.mu.Unlock()
	if killAt.IsZero() {
		r.left = names(r.members())
	}
	// A wrapper is often quicker to end than the server that it started.
	for time.Now().Before(killAt) && r.groupLives() {
		time.Sleep(firstPoll)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = syscall.Kill(-r.pid, syscall.SIGKILL)
	_ = r.cmd.Wait() // the status is in ProcessState
	r.reaped = true
}

// sweep kills what left the group. It looks until it twice finds nothing: a
// process that is just being executed shows no environment for a moment.
func (r *run) sweep() error {
	var last error
	deadline := time.Now().Add(sweepLimit)
	killed := map[int]bool{}
	for clean := 0; clean < 2; {
		var found []int
		for _, pid := range pids() {
			if !r.marked(pid) {
				continue
			}
			// By descriptor: between the look and the signal the number could
			// become somebody else's.
			process, err := os.FindProcess(pid)
			if err != nil {
				continue
			}
			if r.marked(pid) {
				found = append(found, pid)
				killed[pid] = true
				if err := process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
					last = err
				}
			}
			_ = process.Release()
		}
		// A process that dies loses its environment before it is gone.
		dying := slices.ContainsFunc(slices.Collect(maps.Keys(killed)), func(pid int) bool { _, alive := groupOf(pid); return alive })
		if len(found) == 0 && (!dying || time.Now().After(deadline)) {
			clean++
		} else {
			clean = 0
		}
		if len(found) > 0 && time.Now().After(deadline) {
			err := fmt.Errorf("%q left processes that could not be ended: %s", r.command, strings.Join(names(found), ", "))
			if last != nil {
				err = fmt.Errorf("%w: %w", err, last)
			}
			return err
		}
		if clean < 2 {
			time.Sleep(firstPoll)
		}
	}
	return nil
}

// listening says whether the server listens. It makes no connection.
func (r *run) listening() (bool, error) {
	all, err := listeners(r.network)
	if err != nil {
		return false, err
	}
	host, err := netip.ParseAddr(r.host)
	if err != nil {
		return false, err
	}
	inodes := map[string]bool{}
	for _, l := range all {
		if int(l.address.Port()) == r.port && reaches(host, l.address.Addr()) {
			inodes[l.inode] = true
		}
	}
	if len(inodes) == 0 {
		r.unseen = 0
		return false, nil
	}
	if len(holders(r.members(), inodes)) > 0 {
		return true, nil
	}
	others := holders(pids(), inodes)
	for _, pid := range others {
		if r.isMember(pid) || forwards(pid) {
			return true, nil
		}
	}
	if len(others) > 0 {
		return false, &portError{fmt.Sprintf("port %d is already taken by %s", r.port, strings.Join(names(others), ", "))}
	}
	// Not one of the processes that we can look into, as with a server that
	// runs as another user. The port was free when we started it.
	r.unseen++
	return r.unseen >= unseenPolls, nil
}

// listensOn is where the server listens, right or wrong.
func (r *run) listensOn() []netip.AddrPort {
	all, err := listeners(r.network)
	if err != nil {
		return nil
	}
	members := r.members()
	var places []netip.AddrPort
	for _, l := range all {
		if len(places) < namedLeft && len(holders(members, map[string]bool{l.inode: true})) > 0 {
			places = append(places, l.address)
		}
	}
	return places
}

// occupant names who listens on the port, at any address: a server that asks
// for all of them could not have it.
func occupant(network string, port int) string {
	all, err := listeners(network)
	if err != nil {
		return ""
	}
	for _, l := range all {
		if int(l.address.Port()) != port {
			continue
		}
		if who := holders(pids(), map[string]bool{l.inode: true}); len(who) > 0 {
			return strings.Join(names(who), ", ")
		}
		return "a process of another user"
	}
	return ""
}

// reaches says whether a connection to host arrives at a socket bound to bound.
func reaches(host, bound netip.Addr) bool {
	bound = bound.Unmap()
	if bound.IsUnspecified() {
		return bound.Is6() || host.Is4()
	}
	return bound == host.Unmap()
}

type listener struct {
	address netip.AddrPort
	inode   string
}

// listeners reads the sockets that listen, in this network namespace.
func listeners(network string) ([]listener, error) {
	state := "0A" // TCP_LISTEN
	if network == "udp" {
		state = "07" // TCP_CLOSE, which is a socket without a peer
	}
	var found []listener
	for _, file := range []string{"/proc/net/" + network, "/proc/net/" + network + "6"} {
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(file, "6") {
			continue // IPv6 is switched off
		}
		if err != nil {
			return nil, fmt.Errorf("cannot see who listens: %w", err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			// sl local_address rem_address st queues timer retransmits uid timeout inode
			fields := strings.Fields(lines.Text())
			if len(fields) < 10 || fields[3] != state {
				continue
			}
			if address, ok := parseSocketAddress(fields[1]); ok {
				found = append(found, listener{address, fields[9]})
			}
		}
		err = lines.Err()
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("cannot see who listens: %w", err)
		}
	}
	return found, nil
}

// Listeners is where sockets listen over tcp or udp, in this network namespace.
func Listeners(network string) ([]netip.AddrPort, error) {
	if network != "tcp" && network != "udp" {
		return nil, fmt.Errorf("cannot see who listens over %q: ask for tcp or udp", network)
	}
	all, err := listeners(network)
	var places []netip.AddrPort
	for _, l := range all {
		places = append(places, l.address)
	}
	return places, err
}

// parseSocketAddress reads 0100007F:1F90. The address is printed as words of
// this machine's byte order.
func parseSocketAddress(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	if err != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	address, ok := netip.AddrFromSlice(raw)
	number, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(address, uint16(number)), ok && err == nil
}

// pids are all processes that there are to see.
func pids() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	entries, _ := dir.Readdirnames(-1)
	var all []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// members are the living processes of the server.
func (r *run) members() []int {
	var found []int
	for _, pid := range pids() {
		if r.isMember(pid) {
			found = append(found, pid)
		}
	}
	return found
}

func (r *run) isMember(pid int) bool {
	group, alive := groupOf(pid)
	if !alive {
		return false
	}
	if group == r.pid {
		r.mu.Lock()
		ours := !r.reaped
		r.mu.Unlock()
		if ours {
			return true
		}
	}
	return r.marked(pid)
}

// busy adds up the processor time of the living processes of the server, and what
// they have waited for a processor: on a machine that others keep busy, one that
// never rests gets as little of it as anybody.
func (r *run) busy() (total time.Duration, known bool) {
	for _, pid := range r.members() {
		tasks, _ := os.ReadDir(procFile(pid, "task"))
		for _, task := range tasks {
			// What it has used and waited, in nanoseconds, and how often.
			stat, err := os.ReadFile(procFile(pid, "task/"+task.Name()+"/schedstat"))
			if err != nil {
				continue
			}
			var used, waited time.Duration
			if _, err := fmt.Sscan(string(stat), &used, &waited); err == nil {
				total, known = total+used+waited, true
			}
		}
	}
	return total, known
}

func (r *run) usage() (Usage, bool) { return UsageOf(r.members()) }

// Listening are the processes that listen at an address of the loopback, as far
// as we may look into them. There are none when we are one of them: a server in
// this process shares it with the client. To look takes long where there are many
// processes.
func Listening(network, address string) (processes []int) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil
	}
	if name == "localhost" {
		name = "127.0.0.1"
	}
	host, err := netip.ParseAddr(name)
	if err != nil || !host.IsLoopback() {
		return nil
	}
	all, err := listeners(network)
	if err != nil {
		return nil
	}
	inodes := map[string]bool{}
	for _, l := range all {
		if strconv.Itoa(int(l.address.Port())) == port && reaches(host, l.address.Addr()) {
			inodes[l.inode] = true
		}
	}
	if found := holders(pids(), inodes); !slices.Contains(found, os.Getpid()) && !slices.ContainsFunc(found, forwards) {
		return found
	}
	return nil
}

// UsageOf adds up what processes hold; known on Linux alone. It is not known when
// one of them may not be looked into; one that has ended meanwhile holds nothing.
func UsageOf(processes []int) (total Usage, known bool) {
	for _, pid := range processes {
		dir, err := os.Open(procFile(pid, "fd"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Usage{}, false
		}
		descriptors, err := dir.Readdirnames(-1)
		dir.Close()
		statm, unread := os.ReadFile(procFile(pid, "statm"))
		fields := strings.Fields(string(statm)) // all of it, resident, …, in pages
		if err != nil || unread != nil || len(fields) < 2 {
			continue
		}
		pages, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return Usage{}, false
		}
		total.Memory += pages * int64(os.Getpagesize())
		total.Descriptors += len(descriptors)
		known = true
	}
	return total, known
}

func (r *run) groupLives() bool {
	for _, pid := range pids() {
		if group, alive := groupOf(pid); alive && group == r.pid {
			return true
		}
	}
	return false
}

// groupOf gives the process group, and whether the process is more than a zombie.
func groupOf(pid int) (group int, alive bool) {
	stat, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return 0, false
	}
	// pid (name) state ppid pgrp; the name may hold anything, also brackets.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 3 || fields[0] == "Z" || fields[0] == "X" {
		return 0, false
	}
	group, err = strconv.Atoi(fields[2])
	return group, err == nil
}

// marked says whether a process got its environment from the server. A zombie
// has none.
func (r *run) marked(pid int) bool {
	environ, err := os.ReadFile(procFile(pid, "environ"))
	if err != nil {
		return false
	}
	for variable := range bytes.SplitSeq(environ, []byte{0}) {
		if bytes.HasPrefix(variable, []byte(markerName+"=")) && bytes.Contains(variable, []byte(r.mark)) {
			return true
		}
	}
	return false
}

// holders are those of the processes that have one of the sockets open.
func holders(processes []int, inodes map[string]bool) []int {
	var found []int
	for _, pid := range processes {
		if holds(pid, inodes) {
			found = append(found, pid)
		}
	}
	return found
}

func holds(pid int, inodes map[string]bool) bool {
	path := procFile(pid, "fd")
	dir, err := os.Open(path)
	if err != nil {
		return false
	}
	defer dir.Close()
	descriptors, _ := dir.Readdirnames(-1)
	for _, descriptor := range descriptors {
		link, err := os.Readlink(path + "/" + descriptor)
		if err != nil {
			continue
		}
		if inode, ok := strings.CutPrefix(link, "socket:["); ok && inodes[strings.TrimSuffix(inode, "]")] {
			return true
		}
	}
	return false
}

// forwards says whether a process listens on behalf of a container, which is
// how a server that the command runs in one is reached.
func forwards(pid int) bool {
	switch comm(pid) {
	case "docker-proxy", "rootlessport":
		return true
	}
	return false
}

func comm(pid int) string {
	name, _ := os.ReadFile(procFile(pid, "comm"))
	return strings.TrimSuffix(string(name), "\n")
}

// names are for an error: "process 12 (python3)".
func names(processes []int) []string {
	var text []string
	for i, pid := range processes {
		if i == namedLeft {
			return append(text, fmt.Sprintf("and %d more", len(processes)-i))
		}
		text = append(text, fmt.Sprintf("process %d (%s)", pid, printable(comm(pid))))
	}
	return text
}

func procFile(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }
