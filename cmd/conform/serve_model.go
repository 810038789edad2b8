package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"conform/impl/serve"
)

// modelFlags are the flags of conform serve that say how many clients are
// served at once, and how.
type modelFlags struct {
	name      string
	workers   int
	inherited bool
}

func (f *modelFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.name, "model", serve.DefaultModel, "the concurrency model: `name`, see above")
	flags.IntVar(&f.workers, "workers", 0, "serve at most `N` clients at once, in models pool and process")
	flags.BoolVar(&f.inherited, "inherited", false, "serve the one connection that model process started this process with")
	_ = flags.MarkHidden("inherited")
	var choices []string
	for _, m := range serve.Models() {
		if m.Available() {
			choices = append(choices, m.Name+"\t"+m.Text)
		}
	}
	_ = cmd.RegisterFlagCompletionFunc("model", cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
}

// modelHelp is a line for each model.
func modelHelp() string {
	var b strings.Builder
	for _, m := range serve.Models() {
		fmt.Fprintf(&b, "  %-10s %s", m.Name, m.Text)
		if m.Workers > 0 {
			fmt.Fprintf(&b, " (--workers, %d)", m.Workers)
		}
		if m.Systems != "" {
			fmt.Fprintf(&b, "; on %s", m.Systems)
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// check finds what is wrong before there is a listener.
func (f *modelFlags) check(fault string, tls bool) error {
	if f.workers < 0 {
		return fmt.Errorf("--workers %d: write a number from 1 on", f.workers)
	}
	if err := (serve.Options{Model: f.name, Workers: f.workers}).Check(nil); err != nil {
		return fmt.Errorf("--model: %w", err)
	}
	if fault != "" && f.name != serve.DefaultModel {
		return fmt.Errorf("--model %s and --fault exclude each other: faulty servers are made for model %s", f.name, serve.DefaultModel)
	}
	for _, m := range serve.Models() {
		if m.Name == f.name && m.Sockets && tls {
			return fmt.Errorf("--model %s and --tls exclude each other: that model reads sockets itself, and finds them encrypted; serial, goroutine and pool can do it", f.name)
		}
	}
	return nil
}

// childArguments repeat the command line for a process that serves one
// connection. What came from the environment comes to it from there as well:
// credentials that are kept out of the list of processes stay out of it.
func childArguments(cmd *cobra.Command, protocol string) []string {
	args := []string{"serve", protocol, "--inherited"}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "listen", "model", "workers":
			return // for the parent
		}
		if os.Getenv(environmentName(f)) == f.Value.String() {
			return
		}
		values := []string{f.Value.String()}
		if many, ok := f.Value.(pflag.SliceValue); ok {
			values = many.GetSlice()
		}
		for _, v := range values {
			args = append(args, "--"+f.Name+"="+v)
		}
	})
	return args
}

// serveInherited is the child's part of model process.
func serveInherited(cmd *cobra.Command, protocol string, ws *websocketFlags) error {
	handler, err := newHandler(protocol, ws.Options)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(cmd.OutOrStdout(), nil))
	return serve.Inherited(cmd.Context(), handler, serve.Options{Log: log})
}
