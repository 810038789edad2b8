package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// valid is a value for each kind of flag, other than any default.
var valid = map[string]string{"string": "x", "bool": "true", "int": "7", "int64": "7", "float64": "1.5", "duration": "7s", "stringArray": "a\nb", "stringSlice": "a\nb"}

// Every flag of every command takes its value from a variable, yields to the
// command line, and is in the help.
func TestEveryFlagHasAVariable(t *testing.T) {
	all := map[string]string{}
	for _, path := range commands(newRoot(), nil) {
		t.Run("conform "+strings.Join(path, " "), func(t *testing.T) {
			for name := range maps.Keys(flagsOf(find(t, path))) {
				cmd := find(t, path)
				flag := cmd.Flags().Lookup(name)
				value, known := valid[flag.Value.Type()]
				if !known {
					t.Fatalf("--%s is of the kind %s: give valid a value for it", name, flag.Value.Type())
				}
				variable := environmentName(flag)
				all[variable] = name
				t.Setenv(variable, value)
				if err := fill(cmd); err != nil || !flag.Changed {
					t.Errorf("%s=%q does not set --%s: %v", variable, value, name, err)
				}
				if many, ok := flag.Value.(pflag.SliceValue); ok && !slices.Equal(many.GetSlice(), []string{"a", "b"}) {
					t.Errorf("%s: lines are not values, but %q", variable, many.GetSlice())
				} else if !ok && flag.Value.String() != value {
					t.Errorf("%s: --%s is %q", variable, name, flag.Value)
				}

				// What is on the command line goes before it.
				cmd = find(t, path)
				given := flag.DefValue
				if _, many := flag.Value.(pflag.SliceValue); many {
					given = "c"
				}
				if err := cmd.Flags().Set(name, given); err != nil {
					t.Fatal(err)
				}
				before := cmd.Flags().Lookup(name).Value.String()
				if err := fill(cmd); err != nil || cmd.Flags().Lookup(name).Value.String() != before {
					t.Errorf("%s goes before --%s: %v", variable, name, err)
				}

				// An empty variable is none.
				t.Setenv(variable, "")
				if cmd = find(t, path); fill(cmd) != nil || cmd.Flags().Changed(name) {
					t.Errorf("%s: an empty variable sets --%s", variable, name)
				}
				if !flag.Hidden && (!strings.Contains(cmd.UsageString(), "--"+name) || flag.Usage == "") {
					t.Errorf("--%s is not in the help of conform %s", name, strings.Join(path, " "))
				}
			}
		})
	}
	if len(all) < 30 {
		t.Errorf("%d variables: the flags are not found", len(all))
	}
}

// commands are the paths of all commands of ours.
func commands(cmd *cobra.Command, path []string) (paths [][]string) {
	paths = append(paths, path)
	for _, sub := range cmd.Commands() {
		paths = append(paths, commands(sub, append(slices.Clone(path), sub.Name()))...)
	}
	return paths
}

func find(t *testing.T, path []string) *cobra.Command {
	t.Helper()
	cmd, _, err := newRoot().Find(path)
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}

func flagsOf(cmd *cobra.Command) map[string]*pflag.Flag {
	flags := map[string]*pflag.Flag{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			flags[f.Name] = f
		}
	})
	return flags
}

// fill is what the environment does to flags, some of which may be set.
func fill(cmd *cobra.Command) error {
	s := newSettings()
	s.commandLine(cmd)
	return s.environment(cmd)
}
