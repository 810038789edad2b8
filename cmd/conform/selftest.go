package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"conform/suites/report"
	"conform/suites/selftest"
)

func newSelftest() *cobra.Command {
	var asJSON, quiet, full bool
	var seed int64
	cmd := &cobra.Command{
		Use:   "selftest [GLOB]",
		Short: "Prove that every requirement catches a faulty server, and fails no right one",
		Long: `Run every requirement against the reference implementation, against servers with
one small named fault each, and against servers that do nothing right. Each
fault must be caught, each requirement must catch one, and the degenerate
servers must pass none: whatever is missing is a gap, and the exit code is 1.

  conform selftest                     everything
  conform selftest 'zen/*'             the faults of one protocol
  conform selftest 'degenerate/*'      the servers that do nothing right
  conform selftest 'zen/framing/*'     requirements, and which faults each of them catches
  conform serve zen --fault read-is-a-question  to try a faulty server yourself`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			options := selftest.Options{Seed: uint64(seed), Full: full}
			if len(args) == 1 {
				// The ID of a requirement has three parts, the name of a fault two at most.
				if strings.Count(args[0], "/") == 2 {
					options.Specs = args
				} else {
					options.Faults = args
				}
			}
			stderr := cmd.ErrOrStderr()
			var progress *report.Progress
			length := 0
			options.Progress = func(done, total int) {
				if progress == nil || total != length {
					if progress != nil {
						progress.Stop()
					}
					progress, length = newProgress(stderr, total), total
				}
				progress.Update(done, 0, nil)
			}
			matrix, err := selftest.Run(cmd.Context(), options)
			if progress != nil {
				progress.Stop()
			}
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			switch {
			case asJSON:
				err = matrix.WriteJSON(out)
			case quiet:
				err = matrix.WriteSummary(out)
			case len(options.Specs) > 0:
				err = matrix.WriteSpecs(out)
			default:
				err = matrix.WriteText(out)
			}
			if err != nil {
				return kitError{fmt.Errorf("writing the result: %w", err)}
			}
			if len(matrix.Gaps) > 0 {
				return exitError(1)
			}
			return nil
		},
		ValidArgsFunction: completeSelftest,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&full, "full", false, "every requirement against every fault, not only those it is about; takes many minutes for websocket")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "gaps and totals only")
	cmd.Flags().Int64Var(&seed, "seed", 1, "draw random input from this `number`")
	return cmd
}
