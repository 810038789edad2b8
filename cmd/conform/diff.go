package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"conform/suites/report"
)

func newDiff() *cobra.Command {
	var asJSON bool
	var color string
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Show what changed between two JSON reports",
		Long: `Show which requirements have another verdict in a new JSON report than in an old
one, or fail for another reason.

  conform diff main.json branch.json

It exits 1 when something fails now that did not, and 0 otherwise.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			before, err := storedReport(args[0])
			if err != nil {
				return err
			}
			after, err := storedReport(args[1])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			colour, err := useColour(color, out)
			if err != nil {
				return err
			}
			changes := report.Diff(before, after)
			if asJSON {
				if changes == nil {
					changes = []report.Change{}
				}
				err = writeJSON(out, map[string]any{"schema": "conform.diff/v1", "changes": changes})
			} else {
				err = report.WriteDiff(out, changes, report.TerminalOptions{Color: colour, Width: width(out)})
			}
			if err != nil {
				return kitError{fmt.Errorf("writing the result: %w", err)}
			}
			if slices.ContainsFunc(changes, func(c report.Change) bool { return c.Kind == report.Broken }) {
				return exitError(1)
			}
			return nil
		},
		ValidArgsFunction: completeJSON(2),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().StringVar(&color, "color", "auto", "use colour: `when` is auto, always or never; NO_COLOR is respected")
	registerConfig(cmd)
	completeColor(cmd)
	return cmd
}
