package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"conform/specs"
	"conform/suites/batch"
	"conform/suites/queue"
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
			if o.URL == "" {
				return fmt.Errorf("--queue is missing: write where the queue is, as in nats://localhost:4222")
			}
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
			if folder == "" {
				folder = filepath.Join(os.TempDir(), fmt.Sprintf("conform-worker-%d", os.Getuid()))
			}
			o.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
			ctx := cmd.Context()
			if os.Getenv(envParent) != "" {
				var orphan context.CancelFunc
				ctx, orphan = context.WithCancel(ctx)
				go func() {
					_, _ = io.Copy(io.Discard, cmd.InOrStdin())
					orphan()
				}()
			} else if jobs > 1 {
				fmt.Fprintf(cmd.ErrOrStderr(), "%d workers at %s\n", jobs, withoutSecrets(o.URL))
				return superviseWorkers(ctx, cmd.ErrOrStderr(), jobs, folder, o)
			} else {
				fmt.Fprintf(cmd.ErrOrStderr(), "worker %s at %s\n", name, withoutSecrets(o.URL))
			}
			o.Name = "conform worker " + name
			q, err := queue.Connect(ctx, o)
			if err != nil {
				return kitError{err}
			}
			defer q.Close()
			err = batch.Work(ctx, q, batch.WorkerOptions{Name: name, Folder: folder, Tool: tool()})
			if ctx.Err() != nil {
				return nil // it was asked to leave, and has
			}
			return err
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	queueFlags(flags, &o)
	flags.IntVar(&jobs, "jobs", 1, "grade `N` submissions at a time, each in a process of its own")
	flags.StringVar(&name, "name", "", "what results call this worker; by default host and process")
	flags.StringVar(&folder, "folder", "", "the `folder` for private copies, which the workers of a machine share")
	return cmd
}

// superviseWorkers keeps so many worker processes of this program going until the
// context ends. One that dies is started again, after a while if that is all it
// does.
func superviseWorkers(ctx context.Context, stderr io.Writer, jobs int, folder string, o queue.Options) error {
	self, err := os.Executable()
	if err != nil {
		return kitError{err}
	}
	var wg sync.WaitGroup
	lines := &lineWriter{w: stderr}
	for i := range jobs {
		wg.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				err := runWorker(ctx, lines, self, fmt.Sprintf("%d", i+1), folder, o)
				if ctx.Err() != nil {
					return
				}
				fmt.Fprintf(lines, "worker %d ended (%v) and is started again\n", i+1, err)
				if time.Since(began) < 5*time.Second {
					select {
					case <-ctx.Done():
					case <-time.After(time.Second):
					}
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// runWorker runs a worker process. What it is told that others must not see goes
// by its environment.
func runWorker(ctx context.Context, stderr io.Writer, self, name, folder string, o queue.Options) error {
	cmd := exec.Command(self, "worker", "--name", name, "--folder", folder)
	cmd.Env = append(os.Environ(), envParent+"=1", "CONFORM_QUEUE="+o.URL, "CONFORM_QUEUE_CREDS="+o.Creds,
		"CONFORM_QUEUE_CA="+o.CA, "CONFORM_QUEUE_CERT="+o.Cert, "CONFORM_QUEUE_KEY="+o.Key, "CONFORM_CONFIG=")
	cmd.Stderr = stderr
	// It leaves when this end is closed, which a killed parent does as well.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	separate(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stdin.Close()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		_ = cmd.Process.Kill()
		<-ended
	}
	return context.Cause(ctx)
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

// withoutSecrets is a queue's URL as it may be shown.
func withoutSecrets(urls string) string {
	var list []string
	for _, u := range strings.Split(urls, ",") {
		scheme, rest, ok := strings.Cut(u, "://")
		if !ok {
			scheme, rest = "nats", u
		}
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = rest[at+1:]
		}
		list = append(list, scheme+"://"+rest)
	}
	return strings.Join(list, ",")
}

// interrupted says whether the user ended it.
func interrupted(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), specs.ErrInterrupted)
}
