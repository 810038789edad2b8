package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"conform/suites/config"
)

var update = flag.Bool("update", false, "write the JSON Schema of conform.yaml anew")

// The published schema of conform.yaml is what the flags are now.
func TestTheSchemaOfTheFileIsFresh(t *testing.T) {
	t.Parallel()
	want, err := configSchema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile("conform"), want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(schemaFile("conform")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/schema/conform.schema.json is stale (%v): go test ./cmd/conform -run Schema -update", err)
	}
}

// sample is a value for each kind of flag, as a file has it, and what becomes of
// it.
var sample = map[string][2]string{
	"string": {"some text", "some text"}, "bool": {"true", "true"}, "int": {"7", "7"}, "int64": {"7", "7"}, "float64": {"1.5", "1.5"},
	"duration": {"1m30s", "1m30s"}, "stringArray": {"[a=1, b=2]", "[a=1,b=2]"},
}

// Every flag of a run can be set in the file, where the schema has it as well,
// and yields to the environment and to the command line.
func TestEveryFlagIsAKeyOfTheFile(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	newRoot().Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Name == "config" {
			return
		}
		t.Run(f.Name, func(t *testing.T) {
			written, known := sample[f.Value.Type()]
			if !known {
				t.Fatalf("--%s is of the kind %s: give sample a value for it, and fileKeys a kind", f.Name, f.Value.Type())
			}
			if what, _ := pflag.UnquoteUsage(f); f.Name == "report" || f.Name == "dialect" {
				if !strings.Contains(what, "=") {
					t.Errorf("--%s is not seen to take pairs", f.Name)
				}
			}
			write(t, configName, f.Name+": "+written[0]+"\n")
			root := newRoot()
			s := newSettings()
			if err := s.fill(root); err != nil || root.Flags().Lookup(f.Name).Value.String() != written[1] || s.from[f.Name].where != "conform.yaml:1:1" {
				t.Errorf("%v; --%s is %s, from %+v", err, f.Name, root.Flags().Lookup(f.Name).Value, s.from[f.Name])
			}
			variable := environmentName(f)
			t.Setenv(variable, valid[f.Value.Type()])
			root, s = newRoot(), newSettings()
			if err := s.fill(root); err != nil || s.from[f.Name].where != variable {
				t.Errorf("%v; --%s is from %+v, want %s", err, f.Name, s.from[f.Name], variable)
			}
			root, s = newRoot(), newSettings()
			if err := root.Flags().Parse([]string{"--" + f.Name + "=" + strings.Split(valid[f.Value.Type()], "\n")[0]}); err != nil {
				t.Fatal(err)
			}
			if err := s.fill(root); err != nil || s.from[f.Name].where != "--"+f.Name {
				t.Errorf("%v; --%s is from %+v, want the flag", err, f.Name, s.from[f.Name])
			}
		})
	})
}

// What is set further up overrules what excludes it, further down.
func TestRivals(t *testing.T) {
	t.Chdir(t.TempDir())
	root := newRoot()
	for name, others := range rivals {
		for _, other := range append(slices.Clone(others), name) {
			if root.Flags().Lookup(other) == nil {
				t.Errorf("there is no flag --%s", other)
			}
		}
	}
	for name, tc := range map[string]struct{ file, flags, variable, want string }{
		"target":        {"exec: x", "--target=y", "", "target"},
		"exec":          {"target: x\nprotocol: zen", "--exec=y", "", "exec protocol"},
		"companions":    {"target: wss://x\ninsecure: true", "--target=wss://y", "", "target"},
		"no companion":  {"ca: x", "--target=wss://y", "", "target ca"},
		"rival of one":  {"target: wss://x\nca: x", "--insecure", "", "target insecure"},
		"environment":   {"exec: x", "", "CONFORM_TARGET=y", "target"},
		"below it":      {"", "--exec=x", "CONFORM_TARGET=y", "exec"},
		"verbose":       {"quiet: true", "-v", "", "verbose"},
		"many clients":  {"only: zen\nbaseline: x\njobs: 4", "--clients=10", "", "jobs clients"},
		"no clients":    {"clients: 10\nfor: 5s", "--only=zen", "", "only"},
		"side by side":  {"target: x\nexec: y", "", "", "target exec"}, // which are two targets
		"nothing given": {"only: []\ndialect: {}", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, configName, tc.file)
			if variable, value, ok := strings.Cut(tc.variable, "="); ok {
				t.Setenv(variable, value)
			}
			root := newRoot()
			if err := root.Flags().Parse(strings.Fields(tc.flags)); err != nil {
				t.Fatal(err)
			}
			if err := newSettings().fill(root); err != nil {
				t.Fatal(err)
			}
			var changed []string
			root.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Changed {
					changed = append(changed, f.Name)
				}
			})
			if got := strings.Join(changed, " "); got != tc.want {
				t.Errorf("%q is set, want %q", got, tc.want)
			}
		})
	}
}

// Every flag that takes a path is known to do so: the file's are relative to its
// folder.
func TestPathsOfTheFile(t *testing.T) {
	t.Parallel()
	root := newRoot()
	for flag, values := range map[string][][2]string{
		"baseline":       {{"known.yaml", "ci/known.yaml"}, {"/known.yaml", "/known.yaml"}, {"../known.yaml", "known.yaml"}},
		"write-baseline": {{"known.yaml", "ci/known.yaml"}},
		"ca":             {{"ca.pem", "ci/ca.pem"}},
		"report":         {{"json=a.json", "json=ci/a.json"}, {"json=-", "json=-"}, {"json", "json"}, {"json=", "json="}, {"json=a=b", "json=ci/a=b"}},
		"only":           {{"@ids", "@ci/ids"}, {"zen/framing", "zen/framing"}, {"@/ids", "@/ids"}},
		"skip":           {{"@ids", "@ci/ids"}},
		"target":         {{"localhost:1", "localhost:1"}, {"unix:/s", "unix:/s"}},
		"exec":           {{"./server {port}", "./server {port}"}},
	} {
		for _, v := range values {
			if got := filepath.ToSlash(rebase(root.Flags().Lookup(flag), v[0], "ci")); got != v[1] {
				t.Errorf("%s: %s is %s, want %s", flag, v[0], got, v[1])
			}
		}
	}
}

// What conform config shows is a conform.yaml with the same settings, whatever
// the values look like.
func TestWhatIsShownCanBeRead(t *testing.T) {
	t.Chdir(t.TempDir())
	hostile := []string{"true", "null", "~", "1e3", "0x10", "- a", "a: b", "#x", "a #b", "'", `"`, `\`, "*a", "&a", "!a", "%a", "@a", "{a", "[a]", "a=b", "a=", "=b", "é", "日本", "a\tb", "a\nb", "8080", "90s", "1.5", "no", "2011-12", "?", "|", "::", "a:", "x:y", "-", "<<", "##[x]", "127.0.0.1:80", "1:2"}
	read := func() *pflag.FlagSet {
		root := newRoot()
		if err := newSettings().fill(root); err != nil {
			text, _ := os.ReadFile(configName)
			t.Fatalf("%v\n%s", err, text)
		}
		return root.Flags()
	}
	for _, value := range append(hostile, "k="+strings.Join(hostile, "k")) {
		args := []string{"--target", value, "--filter", value, "--jobs=3", "--pace=2.5", "--timeout=90s", "--strict"}
		for i := range 3 {
			args = append(args, "--only", value, "--dialect", strings.Repeat("k", i)+value, "--report", "k="+value)
		}
		root := newRoot()
		if err := root.Flags().Parse(args); err != nil {
			t.Fatal(err)
		}
		s := newSettings()
		if err := s.fill(root); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := s.shown(root).write(&b); err != nil {
			t.Fatal(err)
		}
		write(t, configName, b.String())
		got := read()
		root.Flags().VisitAll(func(f *pflag.Flag) {
			if again := got.Lookup(f.Name); again.Value.String() != f.Value.String() || again.Changed != f.Changed {
				t.Errorf("%q: --%s was %q and is %q\n%s", value, f.Name, f.Value, again.Value, b.String())
			}
		})
		os.Remove(configName)
	}
}

// Whatever a setting holds, what is said of it can be shown.
func TestHostileSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	payload := "\x1b[2J\x00\u202e##[error]\xff\r\n::error::x"
	for _, name := range []string{"target", "exec", "only", "dialect", "report", "filter"} {
		root := newRoot()
		if err := root.Flags().Set(name, payload); err != nil {
			t.Fatal(err)
		}
		s := newSettings()
		if err := s.fill(root); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := s.shown(root).write(&b); err != nil {
			t.Fatal(err)
		}
		// As if a file had it, which config.Read does not let through.
		s.file, s.from[name], s.values[name] = &config.File{Path: payload}, origin{level: fromFile, where: payload}, []string{payload}
		s.announce(&b, root.Flags())
		if err := s.shown(root).write(&b); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(line) || strings.Contains(line, "##") || strings.HasPrefix(line, "::") {
				t.Errorf("%s: %q", name, line)
			}
		}
	}
}

// The example in the README is read, and shown as it is there.
func TestTheExampleInTheReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## conform.yaml\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var blocks []string // with what is in front of them
	for i, part := range strings.Split(section, "```") {
		if i%2 == 1 {
			_, body, _ := strings.Cut(part, "\n")
			blocks = append(blocks, body)
		}
	}
	if len(blocks) != 3 {
		t.Fatalf("%d blocks", len(blocks))
	}
	if err := validate("conform", configName, blocks[0]); err != nil {
		t.Error(err)
	}
	t.Chdir(t.TempDir())
	write(t, configName, blocks[0])
	write(t, "known.yaml", "known: []")
	write(t, "known-slow.txt", "calc/concurrency")
	t.Setenv("CONFORM_PACE", "2")
	var stdout, stderr strings.Builder
	if code := run([]string{"config", "--only", "calc/sums"}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	command, shown, _ := strings.Cut(blocks[1], "\n")
	if command != "$ CONFORM_PACE=2 conform config --only calc/sums" {
		t.Errorf("the command is %q", command)
	}
	for line := range strings.Lines(shown) {
		if line != "…\n" && !strings.Contains(stdout.String(), line) {
			t.Errorf("%q is not in\n%s", line, stdout.String())
		}
	}
	write(t, configName, strings.Replace(blocks[0], "protocol", "protocl", 1))
	stderr.Reset()
	if code := run([]string{"config"}, &stdout, &stderr); code != exitUsage || stderr.String() != blocks[2] {
		t.Errorf("exit code %d, and\n%s", code, stderr.String())
	}
}

// The schema offers what a shell is offered.
func TestTheSchemaKnowsTheValues(t *testing.T) {
	t.Parallel()
	text, err := configSchema()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"class": {`, `"label": {`, `"junit": {`, `"always"`, `"websocket"`, `"2019-04"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in it", want)
		}
	}
	if strings.Contains(string(text), "split-question") {
		t.Error("IDs are no choice: a glob is due")
	}
	keys := fileKeys(newRoot())
	if slices.ContainsFunc(keys, func(k config.Key) bool { return k.Text == "" || k.Name == "config" }) {
		t.Errorf("%+v", keys)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
