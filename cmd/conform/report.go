package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"conform/suites/report"
)

func newReport() *cobra.Command {
	var reports []string
	var color string
	var verbose, quiet bool
	cmd := &cobra.Command{
		Use:   "report FILE",
		Short: "Show a JSON report again, or write it in other formats",
		Long: `Show a JSON report as the terminal did, or write it in other formats, without
testing anything again.

  conform report conform.json
  conform report conform.json --report markdown=summary.md --report junit=conform.xml

The exit code is that of the run.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			stdout := cmd.OutOrStdout()
			if verbose && quiet {
				return fmt.Errorf("--verbose and --quiet exclude each other")
			}
			colour, err := useColour(color, stdout)
			if err != nil {
				return err
			}
			stored, err := storedReport(args[0])
			if err != nil {
				return err
			}
			sinks, err := openReports(reports, stdout)
			if err != nil {
				return err
			}
			defer sinks.close()
			if err := sinks.write(stored); err != nil {
				return kitError{err}
			}
			if len(reports) == 0 {
				if err := show(stdout, stored, report.TerminalOptions{Color: colour, Verbose: verbose, Quiet: quiet, Width: width(stdout)}); err != nil {
					return err
				}
			}
			if code := stored.Summary.ExitCode; code != 0 {
				return exitError(code)
			}
			return nil
		},
		ValidArgsFunction: completeJSON(1),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&reports, "report", nil, reportUsage())
	flags.BoolVarP(&verbose, "verbose", "v", false, "show every requirement with what happened on the wire")
	flags.BoolVarP(&quiet, "quiet", "q", false, "show the summary only")
	flags.StringVar(&color, "color", "auto", "use colour: `when` is auto, always or never; NO_COLOR is respected")
	registerConfig(cmd)
	completeColor(cmd)
	_ = cmd.RegisterFlagCompletionFunc("report", completeReport)
	return cmd
}
