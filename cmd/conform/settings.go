package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"conform/specs"
	"conform/suites/config"
	"conform/suites/report"
)

// configName is the file that is read where a command runs, and noConfig is
// what --config says for none at all.
const (
	configName = "conform.yaml"
	noConfig   = "none"
)

// Where a flag has its value from, the first that names it.
const (
	fromFlag        = "flag"
	fromEnvironment = "environment"
	fromFile        = "file"
	fromDefault     = "default"
)

// settings are where the flags of a command have their values from.
type settings struct {
	file      *config.File        // nil: there is none
	from      map[string]origin   // of the flags that have a value
	overruled map[string]origin   // of those that had one if another flag were not named above
	values    map[string][]string // what the file gives each flag, in its order
}

type origin struct {
	level string
	where string // --jobs, CONFORM_JOBS, conform.yaml:3:1
	by    string // of what is overruled: the other flag's origin
}

func newSettings() *settings {
	return &settings{from: map[string]origin{}, overruled: map[string]origin{}, values: map[string][]string{}}
}

// shared are the settings that hold for other commands than the root as well:
// how things are shown. What a run is to do is nothing that a stored report, say,
// should be asked about.
var shared = []string{"color", "verbose", "quiet"}

// rivals are flags that exclude each other, or that one speaks past. Named
// further up, one overrules the others further down, as it would overrule itself.
var rivals = map[string][]string{
	"target": {"exec"}, "exec": {"target"},
	"verbose": {"quiet"}, "quiet": {"verbose"},
	"insecure": {"ca"}, "ca": {"insecure"},
	"stage": {"baseline", "clients"}, "baseline": {"write-baseline", "clients", "stage"}, "write-baseline": {"baseline", "clients"},
	"clients": {"explore", "only", "skip", "filter", "baseline", "write-baseline", "stage"},
	"explore": {"clients"}, "only": {"clients"}, "skip": {"clients"}, "filter": {"clients"},
	"for": {"explore", "only", "skip", "filter", "baseline", "write-baseline"},
}

// companions speak of the target that they are named with, and of no other.
var companions = map[string][]string{"insecure": {"target", "exec"}, "ca": {"target", "exec"}}

// fill gives every flag that is not on the command line the value of its
// CONFORM_… variable, or else the one that conform.yaml has. Errors of the
// command that speak of a value from the file are then shown at its place.
func (s *settings) fill(cmd *cobra.Command) error {
	s.commandLine(cmd)
	if err := s.environment(cmd); err != nil {
		return err
	}
	if cmd.Flags().Lookup("config") == nil {
		return nil
	}
	if err := s.fromFile(cmd); err != nil {
		return err
	}
	if run := cmd.RunE; run != nil && s.file != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error { return s.locate(run(cmd, args)) }
	}
	return nil
}

// registerConfig gives a command the flag that names the file, and which fill
// reads.
func registerConfig(cmd *cobra.Command) {
	cmd.Flags().String("config", "", "take settings from `FILE`, instead of "+configName+" in the working directory; "+noConfig+" reads none")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
}

// given is what one level says of a flag.
type given struct {
	name   string
	values []string
	origin origin
	refuse func(error) error
}

// take sets the flags that no level above has named.
func (s *settings) take(flags *pflag.FlagSet, level []given) error {
	above := maps.Clone(s.from)
	for _, g := range level {
		if _, named := above[g.name]; named || len(g.values) == 0 {
			continue
		}
		over := rivals[g.name]
		for _, other := range companions[g.name] {
			if slices.ContainsFunc(level, func(beside given) bool { return beside.name == other }) {
				over = append(slices.Clone(over), companions[g.name]...)
			}
		}
		if i := slices.IndexFunc(over, func(other string) bool { _, named := above[other]; return named }); i >= 0 {
			g.origin.by = above[over[i]].where
			s.overruled[g.name] = g.origin
			continue
		}
		for _, v := range g.values {
			if err := flags.Set(g.name, v); err != nil {
				return g.refuse(err)
			}
		}
		s.from[g.name] = g.origin
	}
	return nil
}

// commandLine is the level of what has been parsed already.
func (s *settings) commandLine(cmd *cobra.Command) {
	cmd.Flags().Visit(func(f *pflag.Flag) { s.from[f.Name] = origin{level: fromFlag, where: "--" + f.Name} })
}

// environment is the level of the variables. A flag that may be repeated takes
// one value a line.
func (s *settings) environment(cmd *cobra.Command) error {
	var level []given
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := environmentName(f)
		value := os.Getenv(name)
		if value == "" || f.Name == "help" {
			return
		}
		values := []string{value}
		if _, many := f.Value.(pflag.SliceValue); many {
			values = strings.Split(strings.TrimSpace(value), "\n")
		}
		for i, v := range values {
			values[i] = strings.TrimSpace(v)
		}
		level = append(level, given{f.Name, values, origin{level: fromEnvironment, where: name}, func(err error) error {
			return fmt.Errorf("%s=%s: %w", name, quoted(value), err)
		}})
	})
	return s.take(cmd.Flags(), level)
}

func environmentName(f *pflag.Flag) string {
	return "CONFORM_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// fromFile is the level of conform.yaml.
func (s *settings) fromFile(cmd *cobra.Command) error {
	path, err := cmd.Flags().GetString("config")
	if err != nil || path == noConfig {
		return err
	}
	if path == "" {
		path = configName
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
			const other = "conform.yml" // to pass it over would be to test something else
			if _, err := os.Lstat(other); err == nil {
				return fmt.Errorf("%s is not read: call it %s, or name it with --config", other, configName)
			}
			return nil
		}
		if planted(path) {
			return fmt.Errorf("%s is another user's, in a folder that everybody may write to: look at it, and name it with --config %[1]s, or say --config %s", path, noConfig)
		}
	}
	if s.file, err = config.Open(path, fileKeys(cmd.Root())); err != nil {
		return err
	}
	var level []given
	for _, setting := range s.file.Settings {
		flag := cmd.Flags().Lookup(setting.Name)
		if flag == nil || !readsAll(cmd) && !slices.Contains(shared, setting.Name) {
			continue
		}
		for _, v := range setting.Values {
			s.values[setting.Name] = append(s.values[setting.Name], rebase(flag, v.Text, filepath.Dir(path)))
		}
		level = append(level, given{setting.Name, s.values[setting.Name],
			origin{level: fromFile, where: fmt.Sprintf("%s:%d:%d", path, setting.Line, setting.Column)},
			func(err error) error { return s.refuse(setting.Name, err) }})
	}
	return s.take(cmd.Flags(), level)
}

// readsAll says whether all settings of a file are for a command.
func readsAll(cmd *cobra.Command) bool { return !cmd.HasParent() || cmd.Name() == "config" }

// rebase makes a path of the file relative to the folder of the file. What is a
// path, the help says: FILE, the PATH of FORMAT=PATH, and @file for a glob.
func rebase(f *pflag.Flag, value, folder string) string {
	before, path := "", ""
	switch what, _ := pflag.UnquoteUsage(f); {
	case what == "FILE":
		path = value
	case strings.HasSuffix(what, "=PATH"):
		before, path, _ = strings.Cut(value, "=")
		before += "="
	case what == "glob" && strings.HasPrefix(value, "@"):
		before, path = "@", value[1:]
	}
	if path == "" || path == "-" || filepath.IsAbs(path) {
		return value
	}
	return before + filepath.Join(folder, path)
}

var flagInError = regexp.MustCompile(`--[a-z][a-z-]*`)

// locate gives an error that begins with a flag the place in the file that the
// flag has its value from.
func (s *settings) locate(err error) error {
	var exit exitError
	var fault kitError
	if err == nil || errors.As(err, &exit) || errors.As(err, &fault) || errors.Is(err, specs.ErrInterrupted) || !strings.HasPrefix(err.Error(), "--") {
		return err
	}
	for _, flag := range flagInError.FindAllString(err.Error(), -1) {
		if name := flag[2:]; s.from[name].level == fromFile {
			return s.refuse(name, err)
		}
	}
	return err
}

// refuse is an error of a flag whose value is from the file, at the value that it
// speaks of. Of several that is the longest: another may be a part of it.
func (s *settings) refuse(name string, err error) error {
	at := -1
	for i, v := range s.values[name] {
		spoken := strings.Contains(err.Error(), strings.TrimPrefix(v, "@")) || strings.Contains(err.Error(), quoted(v))
		if spoken && (at < 0 || len(v) > len(s.values[name][at])) {
			at = i
		}
	}
	return s.file.Refuse(name, at, err)
}

// announce says what a file has set, before anything of it is done: it may start
// a command.
func (s *settings) announce(w io.Writer, flags *pflag.FlagSet) {
	var set []string
	flags.VisitAll(func(f *pflag.Flag) {
		switch {
		case s.from[f.Name].level != fromFile:
		case f.Name == "exec" || f.Name == "target":
			set = append(set, f.Name+" "+strings.Join(s.values[f.Name], ", "))
		default:
			set = append(set, f.Name) // the value may be long, or secret
		}
	})
	if set != nil {
		fmt.Fprintf(w, "conform: %s sets %s\n", report.Clean(s.file.Path), report.Clean(strings.Join(set, "; ")))
	}
}

// fileKeys are what may stand in conform.yaml: the flags of the root command.
func fileKeys(root *cobra.Command) (keys []config.Key) {
	root.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Name == "config" || f.Hidden {
			return
		}
		what, usage := pflag.UnquoteUsage(f)
		k := config.Key{Name: f.Name, Text: usage, Pairs: strings.Contains(what, "=")}
		switch f.Value.Type() {
		case "bool":
			k.Kind = config.Switch
		case "int", "int64":
			k.Kind = config.Whole
		case "float64":
			k.Kind = config.Number
		case "duration":
			k.Kind = config.Duration
		case "stringArray":
			k.Many = true
		}
		switch f.DefValue {
		case "", "[]", "0", "0s":
		default:
			k.Default = f.DefValue
		}
		keys = append(keys, k)
	})
	return keys
}

// configSchema is the JSON Schema of conform.yaml. The values that there are, are
// those that a shell is told of; for a glob these are examples.
func configSchema() ([]byte, error) {
	root := newRoot()
	keys := fileKeys(root)
	for i := range keys {
		choices, ok := root.GetFlagCompletionFunc(keys[i].Name)
		if what, _ := pflag.UnquoteUsage(root.Flags().Lookup(keys[i].Name)); !ok || what == "glob" {
			continue
		}
		offered, _ := choices(root, nil, "")
		for _, choice := range offered {
			value, text, _ := strings.Cut(string(choice), "\t")
			keys[i].Choices = append(keys[i].Choices, config.Choice{Value: strings.TrimSuffix(value, "="), Text: text})
		}
	}
	return config.Schema(keys)
}
