package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"conform/specs"
	"conform/suites"
)

func newList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [GLOB]",
		Short: "List the requirements, with their levels, clauses and labels",
		Long: `List the requirements in the order of their standards.

  conform list                 all of them
  conform list zen             those of a protocol
  conform list '*/framing/*'   those that a glob matches`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pattern := "**"
			if len(args) == 1 {
				pattern = args[0]
			}
			entries, err := suites.List(pattern)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return writeJSON(out, map[string]any{"schema": "conform.list/v1", "requirements": entries})
			}
			section := ""
			for _, e := range entries {
				if heading := e.Protocol + " · " + e.SectionTitle; heading != section {
					if section != "" {
						fmt.Fprintln(out)
					}
					section = heading
					fmt.Fprintln(out, heading)
				}
				fmt.Fprintf(out, "  %-50s %-7s %s\n", e.ID, strings.ToUpper(string(e.Level)), e.Title)
			}
			shown := map[string]bool{}
			for _, e := range entries {
				if shown[e.Protocol] {
					continue
				}
				shown[e.Protocol] = true
				if p, err := suites.Find(e.Protocol); err == nil {
					dialects(out, p)
				}
			}
			fmt.Fprintf(out, "\n%d requirements\n", len(entries))
			return nil
		},
		ValidArgsFunction: completeIDs,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func dialects(out interface{ Write([]byte) (int, error) }, p specs.Protocol) {
	for _, d := range p.Dialects {
		fmt.Fprintf(out, "\n%s --dialect %s=%s\n  %s\n", p.Name, d.Key, strings.Join(d.Values, "|"), d.Text)
	}
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
