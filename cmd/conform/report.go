package main

import (
	"fmt"
	"io"
	"os"

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

The report of several targets is shown as their run showed it; {target} in a PATH
writes a report for each of them.

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
			options := report.TerminalOptions{Color: colour, Verbose: verbose, Quiet: quiet, Width: width(stdout)}
			stored, matrix, err := storedAny(args[0])
			if err != nil {
				return err
			}
			if matrix != nil {
				return reportMatrix(stdout, matrix, reports, options)
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
				if err := show(stdout, stored, options); err != nil {
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

// reportMatrix shows or writes the report of several targets again.
func reportMatrix(stdout io.Writer, m *report.Matrix, reports []string, o report.TerminalOptions) error {
	sinks, err := openMatrixReports(reports, m.Files(), stdout)
	if err != nil {
		return err
	}
	defer sinks.close()
	if err := sinks.write(m); err != nil {
		return kitError{err}
	}
	if len(reports) == 0 {
		return showMatrix(stdout, m, o)
	}
	if code := m.Summary.ExitCode; code != 0 {
		return exitError(code)
	}
	return nil
}

// storedAny reads a JSON report of one target or of several.
func storedAny(path string) (*report.Report, *report.Matrix, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	r, m, err := report.ReadAny(file)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, m, nil
}
