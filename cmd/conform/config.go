package main

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"conform/suites/report"
)

// newConfig shows what newRoot would do. settings are those of the command that
// is executed.
func newConfig(s *settings) *cobra.Command {
	f := runFlags{begin: func() bool { return false }}
	var asJSON, schema bool
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show every setting of a run, and where it comes from",
		Long: `Show what conform, with the same flags, would do here: every setting, and whether
it comes from a flag, a variable, conform.yaml or is the default. Whatever would be
wrong with the call is wrong here; nothing is started or reached.

  conform config
  conform config --strict --config ci/conform.yaml
  conform config --json
  conform config --schema > conform.schema.json

What it shows is itself a conform.yaml. With --schema it writes the JSON Schema of
that file, for an editor: name it in the first line of conform.yaml,

  # yaml-language-server: $schema=conform.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if schema && asJSON {
				return fmt.Errorf("--schema and --json exclude each other: a schema is JSON")
			}
			if schema {
				text, err := configSchema()
				if err == nil {
					_, err = out.Write(text)
				}
				return kitFault(err)
			}
			if err := runPlan(cmd, f); err != nil {
				return err
			}
			shown := s.shown(cmd)
			if asJSON {
				return kitFault(writeJSON(out, shown))
			}
			return kitFault(shown.write(out))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&schema, "schema", false, "write the JSON Schema of conform.yaml instead")
	return cmd
}

// kitFault is an error of writing.
func kitFault(err error) error {
	if err != nil {
		return kitError{fmt.Errorf("writing the result: %w", err)}
	}
	return nil
}

// shownSettings is what conform config --json writes.
type shownSettings struct {
	Schema   string         `json:"schema"`
	File     string         `json:"file,omitempty"`
	Settings []shownSetting `json:"settings"`
}

type shownSetting struct {
	Name      string     `json:"name"`
	Value     any        `json:"value"`
	Source    string     `json:"source"`
	Where     string     `json:"where,omitempty"`
	Overruled *overruled `json:"overruled,omitempty"`

	pairs bool `json:"-"`
}

type overruled struct {
	Where string `json:"where"`
	By    string `json:"by"`
}

func (s *settings) shown(cmd *cobra.Command) shownSettings {
	shown := shownSettings{Schema: "conform.config/v1"}
	if s.file != nil {
		shown.File = s.file.Path
	}
	for _, key := range fileKeys(cmd.Root()) {
		f := cmd.Flags().Lookup(key.Name)
		from, named := s.from[key.Name]
		if !named {
			from = origin{level: fromDefault}
		}
		one := shownSetting{Name: key.Name, Value: typed(f), Source: from.level, Where: from.where, pairs: key.Pairs}
		if o, yes := s.overruled[key.Name]; yes {
			one.Overruled = &overruled{Where: o.where, By: o.by}
		}
		shown.Settings = append(shown.Settings, one)
	}
	return shown
}

// typed is the value of a flag as JSON has it.
func typed(f *pflag.Flag) any {
	text := f.Value.String()
	if many, ok := f.Value.(pflag.SliceValue); ok {
		return append([]string{}, many.GetSlice()...)
	}
	switch f.Value.Type() {
	case "bool":
		return text == "true"
	case "int", "int64":
		n, _ := strconv.ParseInt(text, 10, 64)
		return n
	case "float64":
		n, _ := strconv.ParseFloat(text, 64)
		return n
	}
	return text
}

// write shows the settings as a conform.yaml, in which those that nobody has set
// are comments.
func (s shownSettings) write(w io.Writer) error {
	var b strings.Builder
	if s.File == "" {
		fmt.Fprintf(&b, "# There is no %s here, or none is to be read.\n", configName)
	} else {
		fmt.Fprintf(&b, "# Read from %s\n", report.Clean(s.File))
	}
	line := func(text, from string) {
		if from != "" {
			text += strings.Repeat(" ", max(1, 40-utf8.RuneCountInString(text))) + "# " + from
		}
		b.WriteString(text + "\n")
	}
	for _, one := range s.Settings {
		from := report.Clean(one.Where)
		start := one.Name + ":"
		if one.Source == fromDefault {
			from, start = fromDefault, "# "+start
		}
		if o := one.Overruled; o != nil {
			from += fmt.Sprintf("; %s gives way to %s", report.Clean(o.Where), report.Clean(o.By))
		}
		many, isList := one.Value.([]string)
		switch {
		case isList && len(many) == 1 && !one.pairs:
			line(start+" "+scalar(many[0]), from)
		case isList && len(many) > 0:
			line(start, from)
			asMap := one.pairs && isMap(many)
			for _, v := range many {
				if key, value, _ := strings.Cut(v, "="); asMap {
					line("  "+scalar(key)+": "+scalar(value), "")
				} else {
					line("- "+scalar(v), "")
				}
			}
		case isList:
			line(start, from)
		default:
			text := fmt.Sprint(one.Value)
			if isText, ok := one.Value.(string); ok && text != "" {
				text = scalar(isText)
			}
			line(strings.TrimSuffix(start+" "+text, " "), from)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// isMap says whether KEY=VALUE, several times, is a map.
func isMap(pairs []string) bool {
	keys := map[string]bool{}
	for _, p := range pairs {
		key, value, _ := strings.Cut(p, "=")
		if key == "" || value == "" || keys[key] {
			return false
		}
		keys[key] = true
	}
	return true
}

// plainScalar is text that is the same in YAML without quotes: not a number, a
// word for something else, or the beginning of other syntax.
var plainScalar = regexp.MustCompile(`^[A-Za-z_/.][A-Za-z0-9_/.@=*-]*(:[A-Za-z0-9_/.@=*-]+)*$|^[0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h)([0-9.]+(ns|us|ms|s|m|h))*$`)

func scalar(text string) string {
	switch strings.ToLower(text) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n", ".nan", ".inf":
		return strconv.Quote(text)
	}
	if plainScalar.MatchString(text) {
		return text
	}
	return report.Clean(strconv.Quote(text))
}
