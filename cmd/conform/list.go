package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"conform/suites"
	"conform/suites/report"
)

// listFormats are the renderings of the list.
var listFormats = []string{"table", "json", "markdown"}

func newList() *cobra.Command {
	var asJSON, coverage, stage bool
	var format string
	cmd := &cobra.Command{
		Use:   "list [GLOB]",
		Short: "List the requirements, with their levels, clauses and labels",
		Long: `List the requirements in the order of their standards.

  conform list                 all of them
  conform list zen             those of a protocol
  conform list '*/framing/*'   those that a glob matches
  conform list zen --format markdown   the page of a protocol in docs

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
			if asJSON && cmd.Flags().Changed("format") && format != "json" {
				return fmt.Errorf("--json and --format %s exclude each other", format)
			} else if asJSON {
				format = "json"
			}
			switch {
			case !slices.Contains(listFormats, format):
				return fmt.Errorf("--format %s: write one of %s", quoted(format), strings.Join(listFormats, ", "))
			case stage && (coverage || format != listFormats[0]):
				return fmt.Errorf("--stage is a table of requirements, without --coverage; as JSON, each has its stage anyway")
			case coverage && format == "markdown":
				return fmt.Errorf("--coverage can be had as table and as json: leave --format markdown out")
			}
			if coverage {
				ledgers, err := suites.Coverage(pattern)
				if err != nil {
					return err
				}
				if format == "json" {
					return writeJSON(cmd.OutOrStdout(), map[string]any{"schema": "conform.coverage/v1", "ledgers": ledgers})
				}
				return report.WriteLedgers(cmd.OutOrStdout(), ledgers)
			}
			entries, err := suites.List(pattern)
			if err != nil {
				return err
			}
			switch format {
			case "json":
				return writeJSON(cmd.OutOrStdout(), map[string]any{"schema": "conform.list/v1", "requirements": entries})
			case "markdown":
				return report.WriteListMarkdown(cmd.OutOrStdout(), entries, suites.Protocols())
			}
			if stage {
				return report.WriteStages(cmd.OutOrStdout(), entries, suites.Protocols())
			}
			return report.WriteList(cmd.OutOrStdout(), entries, suites.Protocols())
		},
		ValidArgsFunction: completeList,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON: --format json")
	cmd.Flags().StringVar(&format, "format", listFormats[0], "as a table, as JSON, or as Markdown, to be read as a standard: `name` is "+strings.Join(listFormats, ", "))
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(listFormats, cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().BoolVar(&coverage, "coverage", false, "list the rows of the standards, and what covers them")
	cmd.Flags().BoolVar(&stage, "stage", false, "in the order in which a protocol is learnt, in the stages of conform --stage")
	return cmd
}
