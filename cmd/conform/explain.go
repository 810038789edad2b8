package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"conform/impl/faults"
	"conform/specs"
	"conform/suites"
	"conform/suites/report"
	"conform/suites/selftest"
)

func newExplain() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain ID | CODE",
		Short: "Tell everything about one requirement, or about a reason code",
		Long: `Show a requirement: its level and source, a real exchange with the reference
implementation, recorded now, with every outcome that is allowed, and the faulty
servers that it catches, found now as well.

  conform explain zen/framing/split-question

For a case of Autobahn|Testsuite, or a group of them, show the requirements that
are its counterparts:

  conform explain autobahn/6.4.3

For the code of a reason, as it stands in reports, tell what it means, what brings
it about most often, and what a right server does:

  conform explain no-answer`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, id := cmd.Context(), args[0]
			if meaning, ok := specs.MeaningOf(specs.Code(id)); ok && asJSON {
				return writeJSON(cmd.OutOrStdout(), meaning)
			} else if ok {
				return report.WriteMeaning(cmd.OutOrStdout(), meaning, report.TerminalOptions{Width: width(cmd.OutOrStdout())})
			}
			if cases, ok, err := suites.Autobahn(id); err != nil {
				return err
			} else if ok && asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"schema": "conform.autobahn/v1", "cases": cases})
			} else if ok {
				return report.WriteAutobahn(cmd.OutOrStdout(), cases)
			}
			entries, err := suites.List(id)
			if err != nil {
				return err
			}
			if len(entries) != 1 {
				return fmt.Errorf("%q names %d requirements: explain takes one, conform list %s shows them", id, len(entries), id)
			}
			explanation := report.Explanation{Requirement: entries[0]}
			if explanation.Result, err = exchange(ctx, entries[0].ID); err != nil {
				return err
			}
			var caught []faults.Fault
			if caught, err = selftest.Catches(ctx, entries[0].ID); err != nil {
				return err
			}
			for _, f := range caught {
				explanation.Catches = append(explanation.Catches, report.CaughtFault{Name: f.Name, Text: f.Text})
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return writeJSON(out, explanation)
			}
			return report.WriteExplanation(out, explanation, report.TerminalOptions{Width: width(out)})
		},
		ValidArgsFunction: completeExplain,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// exchange runs one requirement against the reference implementation.
func exchange(ctx context.Context, id string) (report.Result, error) {
	r, err := suites.Run(ctx, suites.Plan{Only: []string{id}, Tool: tool()}, suites.Observer{})
	if err != nil {
		return report.Result{}, err
	}
	if r.Summary.ExitCode == 130 {
		return report.Result{}, specs.ErrInterrupted
	}
	for _, result := range r.Results {
		if result.ID == id && result.Verdict != specs.Skipped {
			return result, nil
		}
	}
	return report.Result{}, kitError{errors.New("the requirement was not executed: " + r.Summary.Cause)}
}
