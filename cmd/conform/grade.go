package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"conform/suites"
	"conform/suites/grade"
)

func newGrade() *cobra.Command {
	var check, ready string
	var list, asJSON, verbose bool
	cmd := &cobra.Command{
		Use:   "grade",
		Short: "Explain a rubric, which says what a submission is worth",
		Long: `Read a rubric, find the requirements that it asks for, and show what a submission
is worth by it: nothing is built or started. What is wrong with a rubric is shown
with its line; the exit code is 2 then.

  conform grade --check rubric.yaml
  conform grade --check ready:zen-pool    one of those that are ready-made
  conform grade --list                    all of them
  conform grade --print zen-pool > rubric.yaml    one, to start from

docs/grading.md has every key of a rubric.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			asked := 0
			for _, yes := range []bool{check != "", list, ready != ""} {
				if yes {
					asked++
				}
			}
			switch {
			case asked != 1:
				return fmt.Errorf("write one of --check RUBRIC, --list and --print NAME")
			case ready != "" && asJSON:
				return fmt.Errorf("--print writes YAML: leave --json out")
			case verbose && check == "":
				return fmt.Errorf("-v is for --check")
			case list && asJSON:
				return kitFault(writeJSON(out, map[string]any{"schema": "conform.rubrics/v1", "rubrics": grade.ReadyMade()}))
			case list:
				for _, one := range grade.ReadyMade() {
					if _, err := fmt.Fprintf(out, "%-32s %s\n", grade.ReadyPrefix+one.Name, one.Title); err != nil {
						return kitFault(err)
					}
				}
				return nil
			case ready != "":
				text, err := grade.ReadyText(strings.TrimPrefix(ready, grade.ReadyPrefix))
				if err != nil {
					return fmt.Errorf("--print: %w", err)
				}
				_, err = out.Write(text)
				return kitFault(err)
			}
			scheme, err := readScheme(check)
			var mistakes grade.Mistakes
			switch {
			case errors.As(err, &mistakes):
				fmt.Fprintf(cmd.ErrOrStderr(), "conform: --check %s: %s\n%s\n", check, mistakesFound(len(mistakes)), mistakes)
				return exitError(exitUsage)
			case err != nil:
				return fmt.Errorf("--check: %w", err)
			case asJSON:
				return kitFault(writeJSON(out, scheme.Explain()))
			}
			return kitFault(scheme.Explain().WriteText(out, verbose))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&check, "check", "", "explain this `RUBRIC`: a file, or ready:NAME")
	flags.BoolVar(&list, "list", false, "list the ready-made rubrics")
	flags.StringVar(&ready, "print", "", "write the ready-made rubric of this `NAME`, to start from")
	flags.BoolVar(&asJSON, "json", false, "as JSON")
	flags.BoolVarP(&verbose, "verbose", "v", false, "list the requirements that no group asks for")
	_ = cmd.RegisterFlagCompletionFunc("check", func(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
		for _, one := range grade.ReadyMade() {
			names = append(names, grade.ReadyPrefix+one.Name+"\t"+one.Title)
		}
		return names, cobra.ShellCompDirectiveDefault // or a file
	})
	_ = cmd.RegisterFlagCompletionFunc("print", func(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
		for _, one := range grade.ReadyMade() {
			names = append(names, one.Name+"\t"+one.Title)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

func mistakesFound(n int) string {
	if n == 1 {
		return "this rubric has a mistake"
	}
	return fmt.Sprintf("this rubric has %d mistakes", n)
}

// readScheme reads a rubric, from a file or ready-made, and finds its
// requirements. What is wrong with it are grade.Mistakes.
func readScheme(name string) (*grade.Scheme, error) {
	var in io.Reader
	if ready, ok := strings.CutPrefix(name, grade.ReadyPrefix); ok {
		text, err := grade.ReadyText(ready)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(text)
	} else {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	rubric, err := grade.Read(in)
	if err != nil {
		return nil, err
	}
	return rubric.Check(suites.Catalogue())
}
