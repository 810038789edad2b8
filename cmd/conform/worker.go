package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"conform/specs"
	"conform/suites/batch"
	"conform/suites/queue"
	"conform/suites/sandbox"
)

// queueFlags say where the queue is.
func queueFlags(flags *pflag.FlagSet, o *queue.Options) {
	flags.StringVar(&o.URL, "queue", "", "the `URL` of a NATS server with JetStream, or several separated by commas: nats://host:4222 or tls://…")
	flags.StringVar(&o.Creds, "queue-creds", "", "a `FILE` of NATS credentials (.creds) for it")
	flags.StringVar(&o.CA, "queue-ca", "", "verify its certificate by the PEM certificates in `FILE`")
	flags.StringVar(&o.Cert, "queue-cert", "", "show it the certificate in `FILE`")
	flags.StringVar(&o.Key, "queue-key", "", "the key of that certificate, in `FILE`")
}

// envParent tells a worker that it belongs to a process that it must not outlive:
// it ends when its standard input does.
const envParent = "CONFORM_WORKER_OF_PARENT"

func newWorker() *cobra.Command {
	var o queue.Options
	var name, folder string
	var jobs int
	cmd := &cobra.Command{
		Use:   "worker --queue URL",
		Short: "Grade the submissions that a queue hands out",
		Long: `Grade submissions for conform grade --queue, on this machine, until it is
interrupted. Any number of workers on any number of machines share the work; one
that is killed has its submission graded by another.

  conform worker --queue nats://queue.example:4222 --queue-creds grading.creds
  conform grade submissions --rubric rubric.yaml --out graded --queue nats://…

The same version of conform has to run everywhere. The user and password, or the
token, stand in the URL or, better, in CONFORM_QUEUE, which other users cannot see.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if jobs < 1 {
				return fmt.Errorf("--jobs %d: write a number from 1 on", jobs)
			}
			if name == "" {
				host, err := os.Hostname()
				if err != nil {
					host = "worker"
				}
				name = fmt.Sprintf("%s/%d", host, os.Getpid())
			}
			var err error
			if folder, err = workerFolder(folder); err != nil {
				return fmt.Errorf("--folder: %w", err)
			}
			o.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
			o.Name = "conform worker " + name
			ctx := cmd.Context()
			child := os.Getenv(envParent) != ""
			if child {
				stdin := bufio.NewReader(cmd.InOrStdin())
				line, err := stdin.ReadBytes('\n')
				if err == nil {
					err = json.Unmarshal(line, &o.Access)
				}
				if err != nil {
					return kitError{fmt.Errorf("this is for conform worker --jobs to start: %w", err)}
				}
				var orphan context.CancelFunc
				ctx, orphan = context.WithCancel(ctx)
				go func() {
					_, _ = io.Copy(io.Discard, stdin)
					orphan()
					// Whoever lives ends us then; where nobody does, the queue may have
					// died as well, and would be told a result for a minute in vain.
					time.AfterFunc(leaving, func() { os.Exit(exitKit) })
				}()
			}
			if o.URL == "" {
				return fmt.Errorf("--queue is missing: write where the queue is, as in nats://localhost:4222")
			}
			q, err := queue.Connect(ctx, o)
			if err != nil {
				return kitError{err}
			}
			defer q.Close()
			if !child {
				s := "s"
				if jobs == 1 {
					s = ""
				}
				// Before they are started: where control groups are ours, this process
				// makes them ready, which several at a time cannot.
				_ = sandbox.Probe()
				fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d worker%s at %s\n", name, jobs, s, queue.Shown(o.URL))
				return kitFault(superviseWorkers(ctx, cmd.ErrOrStderr(), jobs, name, folder, q, o.Access))
			}
			say := func(what string) { fmt.Fprintln(cmd.OutOrStdout(), what) }
			say(reached)
			err = batch.Work(ctx, q, batch.WorkerOptions{Name: name, Folder: folder, Tool: tool(), Holds: say})
			if ctx.Err() != nil {
				return nil // it was asked to leave, and has
			}
			return kitFault(err)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	queueFlags(flags, &o)
	flags.IntVar(&jobs, "jobs", 1, "grade `N` submissions at a time, each by a process of its own")
	flags.StringVar(&name, "name", "", "what results call this worker; by default host and process")
	flags.StringVar(&folder, "folder", "", "the `folder` for private copies, which the workers of a machine share")
	return cmd
}

// tooOften is how many processes of a worker may end one after the other before
// they have reached the queue.
const tooOften = 5

// superviseWorkers keeps so many worker processes of this program going until the
// context ends. One that dies is started again: a submission may have taken it
// down. That they cannot even begin is an error.
func superviseWorkers(ctx context.Context, stderr io.Writer, jobs int, name, folder string, q *queue.Queue, access queue.Access) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	lines := &lineWriter{w: stderr}
	for i := range jobs {
		name := name
		if jobs > 1 {
			name = fmt.Sprintf("%s.%d", name, i+1)
		}
		wg.Go(func() {
			for failed := 0; ctx.Err() == nil; {
				began := time.Now()
				words := &lastLine{w: lines}
				said, err := runWorker(ctx, words, self, name, folder, access)
				if receipt := said.holds; receipt != "" {
					if err := q.Release(receipt); err != nil {
						fmt.Fprintf(lines, "what worker %s was doing is another's in a while only: %v\n", name, err)
					}
				}
				if ctx.Err() != nil {
					return
				}
				if failed++; said.reached {
					failed = 0
				}
				if failed == tooOften {
					stop(workerError{fmt.Errorf("the workers do not start (%w): %s", err, words)})
					return
				}
				fmt.Fprintf(lines, "worker %s ended (%v) and is started again\n", name, err)
				if time.Since(began) < time.Second {
					select {
					case <-ctx.Done():
					case <-time.After(200 * time.Millisecond):
					}
				}
			}
		})
	}
	wg.Wait()
	var failed workerError
	if errors.As(context.Cause(ctx), &failed) {
		return failed
	}
	return nil
}

// workerError says that workers do not start.
type workerError struct{ error }

// runWorker runs a worker process to its end. What others must not see goes in by
// its standard input: what it tests may be able to read its environment.
func runWorker(ctx context.Context, stderr io.Writer, self, name, folder string, access queue.Access) (said *receipts, err error) {
	said = &receipts{}
	told, err := json.Marshal(access)
	if err != nil {
		return said, err
	}
	cmd := exec.Command(self, "worker", "--name", name, "--folder", folder)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "CONFORM_") })
	cmd.Env = append(cmd.Env, envParent+"=1")
	cmd.Stdout, cmd.Stderr = said, stderr
	// What is left of it must not keep us.
	cmd.WaitDelay = 5 * time.Second
	// It leaves when this end is closed, which a killed parent does as well.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return said, err
	}
	separate(cmd)
	if err := cmd.Start(); err != nil {
		stdin.Close()
		return said, err
	}
	_, _ = stdin.Write(append(told, '\n')) // it has ended when this fails
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return said, err
	case <-ctx.Done():
	}
	stdin.Close()
	select {
	case <-ended:
	case <-time.After(leaving):
		_ = cmd.Process.Kill()
		<-ended
	}
	return said, context.Cause(ctx)
}

// leaving is how long a worker may take to give back what it does.
const leaving = 10 * time.Second

// reached is the first line that a worker says, once it has reached the queue.
const reached = "conform worker"

// receipts reads what a worker says after that: a line each time it takes a job or
// ends one, with the receipt or without.
type receipts struct {
	mu      sync.Mutex
	reached bool
	said    []byte // the line that is not at its end
	holds   string
}

func (r *receipts) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range p {
		switch {
		case b != '\n':
			if len(r.said) < 1000 {
				r.said = append(r.said, b)
			}
			continue
		case r.reached:
			r.holds = string(r.said)
		default:
			r.reached = string(r.said) == reached
		}
		r.said = r.said[:0]
	}
	return len(p), nil
}

// lastLine passes on what a process says, and keeps the end of it.
type lastLine struct {
	w    io.Writer
	mu   sync.Mutex
	last []byte
}

func (l *lastLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = append(l.last, p...)
	l.last = l.last[max(0, len(l.last)-1000):]
	return l.w.Write(p)
}

func (l *lastLine) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimSpace(string(l.last))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// lineWriter lets several processes write whole lines.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// workerFolder is where workers have their private copies. The one by default is
// where others could have made it first.
func workerFolder(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("conform-worker-%d", os.Getuid()))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	return folder, private(folder)
}

// interrupted says whether the user ended it.
func interrupted(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), specs.ErrInterrupted)
}
