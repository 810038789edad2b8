package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"conform/suites"
	"conform/suites/report"
	"conform/suites/target"
)

// replayFlags are the flags of conform replay.
type replayFlags struct {
	target, exec, color string
	verbose, quiet      bool
}

func newReplay() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay REPORT ID",
		Short: "Run one requirement of a JSON report again, with the same input",
		Long: `Run a requirement of a JSON report again: on the same target, with the same seed
and dialects, so with the same bytes, and with the same schedule where several
clients kept to one. Then say whether it is the same.

  conform --target localhost:8080 --report json=report.json
  conform replay report.json echo/concurrency/any-order

A command that the report says to have been started with --exec is started again.
--target and --exec test another server by the same input.

It exits 1 when the requirement fails again, and 0 when it passes now.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return replay(cmd, f, args[0], args[1]) },

		ValidArgsFunction: completeReplay,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.target, "target", "", "test this running server instead: `host:port` or a URL")
	flags.StringVar(&f.exec, "exec", "", "start a server with this `command` instead")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show what happened on the wire")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "show only whether it is the same")
	flags.StringVar(&f.color, "color", "auto", "use colour: `when` is auto, always or never; NO_COLOR is respected")
	registerConfig(cmd)
	completeColor(cmd)
	return cmd
}

func replay(cmd *cobra.Command, f replayFlags, path, id string) error {
	stored, err := storedReport(path)
	if err != nil {
		return err
	}
	plan, before, err := suites.PlanAgain(stored, id)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("target") {
		address, err := target.ParseAddress(f.target)
		if err != nil {
			return fmt.Errorf("--target: %w", err)
		}
		plan.Target, plan.Exec = &address, ""
	}
	if cmd.Flags().Changed("exec") {
		if strings.TrimSpace(f.exec) == "" {
			return fmt.Errorf("--exec is empty: write the command that starts the server")
		}
		if plan.Exec = f.exec; !cmd.Flags().Changed("target") {
			plan.Target = nil
		}
	}
	if plan.Target == nil || !plan.Target.TLS {
		plan.Insecure, plan.CA = false, ""
	}
	plan.Tool = tool()
	stdout := cmd.OutOrStdout()
	colour, err := useColour(f.color, stdout)
	if err != nil {
		return err
	}
	result, err := suites.Run(cmd.Context(), plan, suites.Observer{})
	if err != nil {
		return err
	}
	if !f.quiet && len(result.Results) > 0 {
		options := report.TerminalOptions{Color: colour, Verbose: f.verbose, Width: width(stdout)}
		if err := report.WriteTerminal(stdout, result, options); err != nil {
			return kitError{fmt.Errorf("writing the result: %w", err)}
		}
	}
	for _, now := range result.Results {
		if now.ID != id {
			continue
		}
		sentence, again := suites.Compare(before, now)
		fmt.Fprintln(stdout, sentence)
		switch {
		case again:
			return exitError(1)
		case report.Judged(now.Verdict):
			return nil
		}
	}
	if len(result.Results) == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "conform: %s\n", oneLine(result.Summary.Cause))
	}
	return exitError(max(exitUsage, result.Summary.ExitCode))
}

// storedReport reads a JSON report.
func storedReport(path string) (*report.Report, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r, err := report.ReadJSON(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
