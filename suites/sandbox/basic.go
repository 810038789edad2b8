package sandbox

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"conform/suites/target"
)

// basic is a program in a process group of its own, and no more: tier basic.
type basic struct {
	limits Limits
	cmd    *exec.Cmd
	out    *target.Recorder
	ended  chan struct{}
	res    Result // valid once ended is closed

	mu  sync.Mutex
	why End
}

func startBasic(o Options) (engine, error) {
	home, err := os.MkdirTemp("", "conform-home-")
	if err != nil {
		return nil, err
	}
	b := &basic{limits: o.Limits, out: target.NewRecorder(), ended: make(chan struct{})}
	fail := func(err error, close ...*os.File) (engine, error) {
		for _, f := range close {
			f.Close()
		}
		_ = RemoveAll(home)
		return nil, err
	}
	env := environment(o, o.Dir, home, home)
	words, err := limited(o, env)
	if err != nil {
		return fail(err)
	}
	stdin, held, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	output, stdout, err := os.Pipe()
	if err != nil {
		return fail(err, stdin, held)
	}
	b.cmd = exec.Command(words[0], words[1:]...)
	b.cmd.Env, b.cmd.Dir, b.cmd.Stdin, b.cmd.Stdout, b.cmd.Stderr = env, o.Dir, stdin, stdout, stdout
	b.cmd.SysProcAttr = groupAttributes()
	began := time.Now()
	started := make(chan error)
	go func() {
		// As for a box: whoever starts it must live as long as it does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := b.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		waitErr := b.cmd.Wait()
		killGroup(b.cmd)
		held.Close()
		select {
		case <-b.out.Done():
		case <-time.After(time.Second): // somebody got away with the pipe
		}
		output.Close()
		_ = RemoveAll(home)
		b.conclude(began, waitErr)
	}()
	err = <-started
	stdin.Close()
	stdout.Close()
	if err != nil {
		return fail(&target.CommandError{Command: strings.Join(o.Command, " "), Reason: cannotRun(err, o.Command[0])}, held, output)
	}
	go b.out.Record(output)
	return b, nil
}

// limited is the command that sets what limits a shell can set, where there is
// one, and then becomes the program.
func limited(o Options, env []string) ([]string, error) {
	path := o.Command[0]
	if runtime.GOOS == "windows" {
		return o.Command, nil
	}
	if strings.Contains(path, "/") && !filepath.IsAbs(path) {
		path = filepath.Join(o.Dir, path)
	}
	path, err := lookUp(path, env)
	if err == nil {
		var info os.FileInfo
		if info, err = os.Stat(path); err == nil && (info.IsDir() || info.Mode()&0o111 == 0) {
			err = os.ErrPermission
		}
	}
	if err != nil {
		return nil, &target.CommandError{Command: strings.Join(o.Command, " "), Reason: cannotRun(err, o.Command[0])}
	}
	// Not every shell has each of them; a limit that cannot be set is none.
	script := "ulimit -c 0; ulimit -t " + strconv.Itoa(int(o.Limits.CPU.Seconds())+1) +
		"; ulimit -f " + strconv.FormatInt(max(1, o.Limits.Disk/512), 10) +
		"; ulimit -n " + strconv.Itoa(o.Limits.OpenFiles) + `; exec "$@"`
	return append([]string{"/bin/sh", "-c", "{ " + strings.Replace(script, "; exec", "; } 2>/dev/null; exec", 1), "sh", path}, o.Command[1:]...), nil
}

func (b *basic) conclude(began time.Time, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := Result{End: Exited, Status: target.StatusOf(b.cmd.ProcessState), Usage: Usage{Wall: time.Since(began)}}
	if s := b.cmd.ProcessState; s != nil {
		r.Usage.CPU = s.UserTime() + s.SystemTime()
	}
	switch {
	case b.why != "":
		r.End = b.why
	case r.Status.Signal != 0 && r.Status.Signal.String() == "CPU time limit exceeded", r.Status.Signal != 0 && r.Usage.CPU >= b.limits.CPU:
		r.End = OutOfCPU
	case r.Status.Signal != 0 && r.Status.Signal.String() == "file size limit exceeded":
		r.End = DiskFull
	case r.Status.Signal != 0:
		r.End = Signalled
	}
	r.Reason = reasonFor(r.End, r.Status, b.limits)
	b.res = r
	close(b.ended)
}

func (b *basic) dial(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	return d.DialContext(ctx, network, address)
}

func (b *basic) listenPacket(network string) (net.PacketConn, error) {
	return net.ListenPacket(network, ":0")
}

func (b *basic) listens(string) ([]netip.AddrPort, error) {
	return nil, errors.ErrUnsupported // Serve knows, by package target
}

func (b *basic) used() (Usage, bool) {
	select {
	case <-b.ended:
		return b.res.Usage, true
	default:
		return Usage{}, false
	}
}

func (b *basic) output() target.Output { return b.out.Output() }
func (b *basic) done() <-chan struct{} { return b.ended }
func (b *basic) result() Result        { return b.res }

func (b *basic) end(why End) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.ended:
		return
	default:
	}
	if b.why == "" {
		b.why = why
	}
	killGroup(b.cmd)
}
