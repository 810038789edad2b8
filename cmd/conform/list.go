package main

import (
	"github.com/spf13/cobra"

	"conform/suites"
	"conform/suites/report"
)

func newList() *cobra.Command {
	var asJSON, coverage bool
	cmd := &cobra.Command{
		Use:   "list [GLOB]",
		Short: "List the requirements, with their levels, clauses and labels",
		Long: `List the requirements in the order of their standards.

  conform list                 all of them
  conform list zen             those of a protocol
  conform list '*/framing/*'   those that a glob matches

With --coverage it lists the rows that the standards were taken apart into, and
for each the requirements that cover it, or the reason why none can.

  conform list --coverage websocket
  conform list --coverage 'WS-FR-*'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pattern := "**"
			if len(args) == 1 {
				pattern = args[0]
			}
			if coverage {
				ledgers, err := suites.Coverage(pattern)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), map[string]any{"schema": "conform.coverage/v1", "ledgers": ledgers})
				}
				return report.WriteLedgers(cmd.OutOrStdout(), ledgers)
			}
			entries, err := suites.List(pattern)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"schema": "conform.list/v1", "requirements": entries})
			}
			return report.WriteList(cmd.OutOrStdout(), entries, suites.Protocols())
		},
		ValidArgsFunction: completeIDs,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&coverage, "coverage", false, "list the rows of the standards, and what covers them")
	return cmd
}

func completeIDs(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	for _, p := range suites.Protocols() {
		for _, s := range p.Specs() {
			ids = append(ids, s.ID+"\t"+s.Title)
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
