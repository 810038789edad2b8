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
	var list, asJSON bool
	var f gradeFlags
	cmd := &cobra.Command{
		Use:   "grade FOLDER --rubric RUBRIC",
		Short: "Grade the submissions in a folder by a rubric",
		Long: `Grade the submissions in a folder, each a folder or an archive: take a copy, build
it, start it in a box of its own, run the requirements of the rubric, and count.

  conform grade submissions --rubric ready:zen-pool --out graded
  conform grade work.zip --one --rubric rubric.yaml --report gradescope=results.json

In --out are a page about the class, feedback for each student, the grades, and a
ledger of what has been graded. Whatever is killed, the same command goes on from
there, and what is graded already is not graded again.

More machines share the work by way of a NATS server with JetStream:

  conform worker --queue nats://queue.example:4222              on each of them
  conform grade submissions --rubric rubric.yaml --queue nats://queue.example:4222

It exits 0 when every submission has its grade, 4 when some could not be decided,
which is never their fault and never a zero, and 130 when it was interrupted.

Without submissions: read a rubric, find the requirements that it asks for, and show what a submission
is worth by it: nothing is built or started. What is wrong with a rubric is shown
with its line; the exit code is 2 then.

  conform grade --check rubric.yaml
  conform grade --check ready:zen-pool    one of those that are ready-made
  conform grade --list                    all of them
  conform grade --print zen-pool > rubric.yaml    one, to start from

docs/grading.md has every key of a rubric.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			if len(args) == 1 && (check != "" || list || ready != "") {
				return fmt.Errorf("--check, --list and --print run nothing: leave %s out", args[0])
			}
			if len(args) == 1 {
				return runGrade(cmd, f, args[0])
			}
			asked := 0
			for _, yes := range []bool{check != "", list, ready != ""} {
				if yes {
					asked++
				}
			}
			switch {
			case asked != 1:
				return fmt.Errorf("write the folder of the submissions, or one of --check RUBRIC, --list and --print NAME")
			case ready != "" && asJSON:
				return fmt.Errorf("--print writes YAML: leave --json out")
			case f.verbose && check == "":
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
			return kitFault(scheme.Explain().WriteText(out, f.verbose))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f.add(cmd)
	flags.StringVar(&check, "check", "", "explain this `RUBRIC`: a file, or ready:NAME")
	flags.BoolVar(&list, "list", false, "list the ready-made rubrics")
	flags.StringVar(&ready, "print", "", "write the ready-made rubric of this `NAME`, to start from")
	flags.BoolVar(&asJSON, "json", false, "as JSON")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show what the queue and its workers say; with --check, the requirements that no group asks for")
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
	cmd.AddCommand(newGradeDiff(), newGradeMerge(), newGradeFill())
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
	text, err := rubricText(name)
	if err != nil {
		return nil, err
	}
	rubric, err := grade.Read(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return rubric.Check(suites.Catalogue())
}

// rubricText is what a rubric says, from a file or ready-made.
func rubricText(name string) ([]byte, error) {
	if ready, ok := strings.CutPrefix(name, grade.ReadyPrefix); ok {
		return grade.ReadyText(ready)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, 4<<20))
}
