package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"conform/suites/config"
)

var keys = []config.Key{
	{Name: "target"},
	{Name: "only", Many: true},
	{Name: "dialect", Many: true, Pairs: true},
	{Name: "report", Many: true, Pairs: true, Choices: []config.Choice{{Value: "json"}, {Value: "junit"}}},
	{Name: "strict", Kind: config.Switch},
	{Name: "jobs", Kind: config.Whole, Default: "16"},
	{Name: "pace", Kind: config.Number},
	{Name: "timeout", Kind: config.Duration, Default: "5m0s"},
	{Name: "write-baseline"},
}

func read(text string) (*config.File, error) {
	return config.Read(strings.NewReader(text), "conform.yaml", keys)
}

// fits says whether a text keeps to the schema.
func fits(t *testing.T, text string) bool {
	t.Helper()
	schema, err := config.Schema(keys)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(schema)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("conform.schema.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("conform.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var file any
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return false
	}
	return s.Validate(file) == nil
}

func TestValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"target: localhost:1060":                       "target@1:1 localhost:1060@1:9",
		"# x\ntarget: 'a: b'\njobs: 4":                 "target@2:1 a: b@2:9; jobs@3:1 4@3:7",
		"only: zen":                                    "only@1:1 zen@1:7",
		"only: [zen, 'echo/*']":                        "only@1:1 zen@1:8 echo/*@1:13",
		"only:\n- zen\n- echo/*":                       "only@1:1 zen@2:3 echo/*@3:3",
		"only: []":                                     "only@1:1",
		"dialect: label=numbers":                       "dialect@1:1 label=numbers@1:10",
		"dialect:\n  label: numbers\n  max: 65536":     "dialect@1:1 label=numbers@2:3 max=65536@3:3",
		"dialect: {echo: yes, 'x': true}":              "dialect@1:1 echo=yes@1:11 x=true@1:22",
		"dialect:\n- label=numbers":                    "dialect@1:1 label=numbers@2:3",
		"report:\n  json: a.json\n  junit: '-'":        "report@1:1 json=a.json@2:3 junit=-@3:3",
		"strict: true\npace: 1.5":                      "strict@1:1 true@1:9; pace@2:1 1.5@2:7",
		"pace: 2\njobs: 0x10":                          "pace@1:1 2@1:7; jobs@2:1 16@2:7",
		"timeout: 90s":                                 "timeout@1:1 90s@1:10",
		"target: |\n  one\n  two\n":                    "target@1:1 one\ntwo@1:9",
		"":                                             "",
		"# nothing\n":                                  "",
		"---\ntarget: x\n":                             "target@2:1 x@2:9",
		"{\"target\": \"x\", \"only\": [\"a\"]}":       "target@1:2 x@1:12; only@1:17 a@1:26",
		"\ufefftarget: x\r\njobs: 1\r\n":               "target@1:1 x@1:9; jobs@2:1 1@2:7",
		"%YAML 1.2\n---\ntarget: x":                    "target@3:1 x@3:9",
		"target: \"\\x66\" # \u00e9":                   "target@1:1 f@1:9",
		"only: [\u00e9\u00e9, zen]\nwrite-baseline: x": "only@1:1 \u00e9\u00e9@1:8 zen@1:12; write-baseline@2:1 x@2:17",
	} {
		file, err := read(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		var got []string
		for _, s := range file.Settings {
			one := fmt.Sprintf("%s@%d:%d", s.Name, s.Line, s.Column)
			for _, v := range s.Values {
				one += fmt.Sprintf(" %s@%d:%d", v.Text, v.Line, v.Column)
			}
			got = append(got, one)
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%q is %q, want %q", text, strings.Join(got, "; "), want)
		}
		if len(file.Settings) > 0 && !strings.HasPrefix(text, "\ufeff") && !strings.HasPrefix(text, "%") && !fits(t, text) {
			t.Errorf("%q does not fit the schema", text)
		}
	}
}

// What is wrong is refused with its place and what would be right; and by the
// schema, so that an editor shows the same.
func TestWhatIsWrongIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"targt: x":                      `conform.yaml:1:1: unknown key "targt": did you mean target?`,
		"jobs: 1\n\nTargets: x":         `conform.yaml:3:1: unknown key "Targets": did you mean target?`,
		"write_baseline: x":             `unknown key "write_baseline": did you mean write-baseline?`,
		"--strict: true":                `unknown key "--strict": did you mean strict?`,
		"something-else: x":             `unknown key "something-else": conform --help shows`,
		"<<: {target: x}":               `conform.yaml:1:1: unknown key`,
		"? [a]\n: x":                    `conform.yaml:2:1: this is no YAML`,
		"jobs: many":                    `conform.yaml:1:7: jobs takes a whole number, not "many"`,
		"jobs: '4'":                     `jobs takes a whole number, not "4"`,
		"jobs: 1.5":                     `jobs takes a whole number, not 1.5`,
		"jobs: [4]":                     `conform.yaml:1:7: jobs takes a whole number, not a list`,
		"jobs:\n- 4":                    `conform.yaml:2:1: jobs takes a whole number, not a list`,
		"strict: yes":                   `conform.yaml:1:9: strict takes true or false, not "yes"`,
		"strict: 1":                     `strict takes true or false, not 1`,
		"pace: fast":                    `pace takes a number, not "fast"`,
		"timeout: 90":                   `conform.yaml:1:10: timeout takes a duration, as in 90s, not 90`,
		"target: 8080":                  `conform.yaml:1:9: target takes text, not 8080: write it in quotes`,
		"target: true":                  `target takes text, not true: write it in quotes`,
		"target: {host: x}":             `conform.yaml:1:10: target takes text, not a map`,
		"only: {zen: x}":                `conform.yaml:1:8: only takes text, or a list, not a map`,
		"only: [zen, [echo]]":           `conform.yaml:1:13: only takes text, not a list`,
		"only: [zen, 4]":                `conform.yaml:1:13: only takes text, not 4`,
		"dialect: {label: [a]}":         `conform.yaml:1:18: dialect.label takes text, not a list`,
		"dialect: {label: {a: b}}":      `dialect.label takes text, not a map`,
		"dialect: {a=b: c}":             `conform.yaml:1:11: "a=b" is no key of dialect`,
		"target:":                       `target has no value: write text, or take the line out`,
		"target: ''":                    `conform.yaml:1:9: target has no value`,
		"target: ~":                     `conform.yaml:1:9: target has no value`,
		"dialect: {label: }":            `dialect.label has no value`,
		"only: [zen, ]\njobs:":          `conform.yaml:2:`,
		"target: &a x":                  `conform.yaml:1:9: anchors, aliases and tags are of no use here: write the value of target itself`,
		"jobs: 1\ntarget: !!str x":      `conform.yaml:2:9: anchors, aliases and tags`,
		"only: &a [x, *a]":              `anchors, aliases and tags`,
		"target: a\ntarget: b":          `conform.yaml:2:1: this is no YAML: mapping key "target" already defined at [1:1]`,
		"target: a\n---\ntarget: b":     `conform.yaml:3:1: a second document: write all settings into one`,
		"- target":                      `conform.yaml:1:1: a list is no setting: write NAME: VALUE`,
		"target":                        `conform.yaml:1:1: "target" is no setting: write NAME: VALUE`,
		"target: [1":                    `conform.yaml:1:`,
		"target: \"x":                   `conform.yaml:1:9: this is no YAML`,
		"target: x\n\tjobs: 4":          `conform.yaml:2:`,
		"target: a\xffb":                `conform.yaml:1:10: this is no UTF-8`,
		"jobs: 1\ntarget: a\x00b":       `conform.yaml:2:10: the control character '\x00' does not belong`,
		"target: a\x1b[2Jb":             `conform.yaml:1:10: the control character '\x1b' does not belong`,
		"target: \"a\\x1b[2Jb\"":        `conform.yaml:1:9: target holds a character that cannot be shown`,
		"dialect: {\"a\\u202eb\": c}":   `dialect.a\u202eb holds a character that cannot be shown`,
		"# " + strings.Repeat("x", 5e3): `conform.yaml:1:4096: this line is longer than 4096 bytes`,
		strings.Repeat("[\n", 1001):     `conform.yaml:1001:1: more than 1000 brackets`,
		strings.Repeat("#\n", 40000):    `conform.yaml: this is longer than 65536 bytes`,
	} {
		_, err := read(text)
		var at *config.Error
		if !errors.As(err, &at) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: more than a line: %v", text, err)
		}
		switch {
		case strings.Contains(want, "anchors"), strings.Contains(want, "a second"), strings.Contains(want, "a=b"), strings.Contains(text, "#"), strings.Contains(text, "\x1b"), strings.Contains(text, "x1b"), strings.Contains(text, "<<"), strings.Contains(text, "u202e"):
			// A schema knows only what has been parsed.
		case utf8.ValidString(text) && !strings.Contains(text, "\x00") && fits(t, text):
			t.Errorf("%.60q fits the schema", text)
		}
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"target: x\njobs: many # so":    "    2 | jobs: many # so\n      |       ^\n",
		"pasword: hunter2":              "    1 | pasword: …\n      | ^\n",
		"'pasword' : hunter2":           "    1 | 'pasword': …\n      | ^\n",
		"only: [\u00e9\u00e9, 4]":       "    1 | only: [\u00e9\u00e9, 4]\n      |            ^\n",
		"only: [\"##[x]\", 4] # \u202e": "    1 | only: [\"#\\x23[x]\", 4] # \\u202e\n      |                    ^\n",
		"only: [" + strings.Repeat("a, ", 50) + "4" + strings.Repeat(", b", 50) + "]": "    1 | … " + strings.Repeat("a, ", 20) + "4" + strings.Repeat(", b", 33) + " …\n" + strings.Repeat(" ", 6) + "| " + strings.Repeat(" ", 62) + "^\n",
		"AWS_SECRET=x": "",
	} {
		_, err := read(text)
		var at *config.Error
		if !errors.As(err, &at) || at.Excerpt() != want {
			t.Errorf("%q: %v\n%s\nwant\n%s", text, err, at.Excerpt(), want)
		}
	}
	// A file that was named by mistake is not shown.
	_, err := config.Read(strings.NewReader("SECRET: hunter2\nSECRET: hunter3"), "id_rsa", keys)
	var at *config.Error
	if !errors.As(err, &at) || at.Excerpt() != "" || strings.Contains(err.Error(), "hunter") {
		t.Errorf("%v, %q", err, at.Excerpt())
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.yaml")
	if err := os.WriteFile(secret, []byte("target: x"), 0); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{dir: "this is a folder", filepath.Join(dir, "none.yaml"): "none.yaml: no such file"}
	if runtime.GOOS != "windows" {
		cases[os.DevNull] = "no regular file"
		if os.Getuid() != 0 {
			cases[secret] = "permission denied"
		}
	}
	for path, want := range cases {
		if _, err := config.Open(path, keys); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

// Refuse shows the value that an error speaks of.
func TestRefuse(t *testing.T) {
	t.Parallel()
	file, err := read("only:\n- zen\n- eco\njobs: 0\ntarget: x")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		value int
		want  string
	}{
		{"only", 1, "conform.yaml:3:3: no"},
		{"only", -1, "conform.yaml:1:1: no"},
		{"jobs", -1, "conform.yaml:4:7: no"},
		{"strict", 0, "no"},
	} {
		if got := file.Refuse(tc.name, tc.value, errors.New("no")); got.Error() != tc.want {
			t.Errorf("%s: %v, want %s", tc.name, got, tc.want)
		}
	}
}

// However a file is made, to read it takes no time, and what comes of it can be
// shown.
func TestHostile(t *testing.T) {
	t.Parallel()
	const size = 64 << 10
	var deep, keyed, bomb strings.Builder
	for i := 0; deep.Len() < size-1000; i++ {
		deep.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	for i := 0; keyed.Len() < size-1000; i++ {
		fmt.Fprintf(&keyed, "k%d: 1\n", i)
	}
	bomb.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := range 60 {
		fmt.Fprintf(&bomb, "a%d: &a%[1]d [%s*a%[3]d]\n", i+1, strings.Repeat(fmt.Sprintf("*a%d,", i), 9), i)
	}
	for name, text := range map[string]string{
		"brackets": strings.Repeat("[", size), "braces": strings.Repeat("{a: ", size/4), "dashes": strings.Repeat("- ", size/2),
		"dashes in lines": strings.Repeat(strings.Repeat("- ", 2000)+"\n", 16), "questions": strings.Repeat("? ", 2000), "deep": deep.String(), "many keys": keyed.String(),
		"bomb": bomb.String(), "anchors": strings.Repeat("&a ", 1300), "tags": strings.Repeat("!a ", 1300), "colons": strings.Repeat(": ", 2000),
		"brackets in lines": strings.Repeat("[\n", 999), "braces in lines": strings.Repeat("{a:\n", 999), "quotes": strings.Repeat("'", 4000), "endless": strings.Repeat("a", 10<<20),
	} {
		began := time.Now()
		if _, err := read(text); err == nil {
			t.Errorf("%s: no error", name)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
		t.Logf("%s: %s", name, time.Since(began))
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: %s", name, took)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{"target: x", "only: [a]\ndialect: {a: b}", "jobs: 4\n---\n", "a: &a [*a]", "report:\n  json: |\n    x", "\"\\x1b\": 1", "? a\n: b", "- a", "!!set {a}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := read(text)
		if err == nil {
			for _, s := range file.Settings {
				for _, v := range s.Values {
					if v.Text == "" || s.Line < 1 || v.Line < 1 {
						t.Errorf("%q: %+v", text, s)
					}
				}
			}
			return
		}
		var at *config.Error
		if !errors.As(err, &at) {
			t.Fatalf("%q: %v is of another type", text, err)
		}
		for _, shown := range []string{err.Error(), strings.ReplaceAll(at.Excerpt(), "\n", "")} {
			if strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q: %q cannot be shown", text, shown)
			}
		}
	})
}
