// Command conform tells whether a network server keeps to its protocol, and
// shows the bytes.
//
// This package parses, validates and calls: one file per command, and no logic
// of its own. The exit codes are a contract: 0 nothing failed, 1 something did,
// 2 usage, 3 the target is unreachable or died, 4 a fault of conform, 130
// interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"conform/specs"
	"conform/suites"
	"conform/suites/config"
)

const (
	exitUsage = 2
	exitKit   = 4
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process around it.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	// A reader that has gone is an error of the write: a started server is
	// still to be stopped, and reports to files are still to be written. To
	// ignore the signal would be inherited by the server, and hide its faults.
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	defer signal.Stop(pipes)
	go func() {
		select {
		case <-signals:
			cancel(specs.ErrInterrupted)
		case <-ctx.Done():
		}
	}()

	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var exit exitError
	var usage *suites.UsageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case errors.Is(err, specs.ErrInterrupted):
		return 130
	default:
		fmt.Fprintf(stderr, "conform: %s\n", oneLine(err.Error()))
		if inFile := new(config.Error); errors.As(err, &inFile) {
			io.WriteString(stderr, inFile.Excerpt())
		}
		var fault kitError
		if errors.As(err, &fault) && !errors.As(err, &usage) {
			return exitKit
		}
		return exitUsage
	}
}

// exitError ends a command that has already said what there is to say.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// kitError is a failure that is not the user's.
type kitError struct{ error }

func oneLine(s string) string {
	s, _, _ = strings.Cut(s, "\n\n")
	return strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ")
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }
