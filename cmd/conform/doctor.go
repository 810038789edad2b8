package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"conform/suites/sandbox"
)

func newDoctor() *cobra.Command {
	var asJSON bool
	var required string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Show how well this machine can keep submissions apart, and what would help",
		Long: `Try out what this machine can do to run the programs of people who are not
trusted, as they are graded, and say what is missing and how to get it.

Tiers:

  strict      a box of its own for each, with memory, processes and processor
              time counted by the kernel (Linux, cgroup v2)
  namespaced  a box of its own for each; memory is watched, not bounded (Linux)
  basic       a process group and some limits: a program sees your files, your
              network and its neighbours

  conform doctor                         the table, the tier, and what to do
  conform doctor --require-tier strict   exit code 1 if this machine cannot do it`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			need := sandbox.Basic
			if required != "" {
				var err error
				if need, err = sandbox.ParseTier(required); err != nil {
					return fmt.Errorf("--require-tier: %w", err)
				}
			}
			found := sandbox.Probe()
			if asJSON {
				if err := writeJSON(cmd.OutOrStdout(), found); err != nil {
					return err
				}
			} else {
				writeFacts(cmd.OutOrStdout(), found)
			}
			if !found.Tier.Meets(need) {
				fmt.Fprintf(cmd.ErrOrStderr(), "conform: this machine can do tier %s, and --require-tier asks for %s\n", found.Tier, need)
				return exitError(1)
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().StringVar(&required, "require-tier", "", "exit with code 1 unless this machine can do `TIER`: strict, namespaced or basic")
	_ = cmd.RegisterFlagCompletionFunc("require-tier", cobra.FixedCompletions([]string{"strict", "namespaced", "basic"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// writeFacts shows a line for each fact, and below one that is missing why, and
// what to do.
func writeFacts(w io.Writer, r sandbox.Report) {
	for _, f := range r.Facts {
		answer, what := "yes", f.Detail
		if !f.OK {
			answer, what = "no", f.Why
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-22s %-3s  %s", f.Name, answer, what), " "))
		if f.OK {
			continue
		}
		without := "done without"
		if f.Need != "" {
			without = "no tier " + string(f.Need) + " without it"
		}
		fmt.Fprintf(w, "%28s(%s)\n%28sfix: %s\n", "", without, "", f.Fix)
	}
	fmt.Fprintf(w, "\ntier: %s\n", r.Tier)
}
