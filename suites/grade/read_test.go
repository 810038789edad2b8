package grade_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"conform/suites"
	"conform/suites/grade"
)

const (
	top    = "title: T\nprotocol: zen\nsubmission: {start: './server {port}'}\n"
	answer = "groups:\n- {id: a, points: 10, requirements: [zen/answers]}\n"
	full   = `title: Exercise 2
protocol: websocket
dialect: {class: 'pool:4', max-message: 65536, echo: "yes"}
edition: "2011-12"
strict: true
draws: 3
rounding: 1
bonus_cap: 2.5
submission:
  build: make all
  build_budget: 90s
  start: ./server --host {host} --port {port}
  run_budget: 3m
  port: 8080
  allow_own: true
  limits: {memory: 256MiB, processes: 16, open_files: 64, disk: 16MiB, output: 64KiB}
  environment: {LANG: C, LEVEL: 3}
groups:
- id: a
  title: A
  points: 10.5
  requirements: [websocket/handshake, websocket/framing]
  except: ['websocket/handshake/101-*']
  filter: '!robust'
  credit: proportional
  weights: {'websocket/framing/*': 2.5}
- id: b
  points: 4
  requirements: ['websocket/handshake/101-*', websocket/text]
  credit: staged
  needs: [a]
  visibility: after-due
- {id: c, points: 3, bonus: true, class: serial, requirements: [websocket/concurrency], credit: all-or-nothing, visibility: hidden}
manual:
- {id: style, title: Style, points: 10, guide: "is it read with ease?"}
lateness:
  due: 2027-01-31T23:59:00+01:00
  grace: 10m
  cap: 5
  table: [{after: 0s, factor: 0.9}, {after: 24h, minus: 4}]
`
)

func TestReadTakesAll(t *testing.T) {
	t.Parallel()
	r := read(t, full)
	if r.Draws != 3 || !r.Strict || *r.Rounding != 1 || r.BonusCap.String() != "2.5" || r.Dialect["max-message"] != "65536" || len(r.Digest) != 64 {
		t.Errorf("%+v", r)
	}
	if got := strings.Join(r.Dialects(), " "); got != "class=pool:4 echo=yes edition=2011-12 max-message=65536" {
		t.Errorf("dialects %s", got)
	}
	c := r.Submission
	if c.BuildBudget != 90*time.Second || c.RunBudget != 3*time.Minute || c.Port != 8080 || !c.AllowOwn || c.Limits.Memory != 256<<20 || c.Limits.Output != 64<<10 || c.Limits.OpenFiles != 64 || c.Limits.Disk != 16<<20 || c.Environment["LEVEL"] != "3" {
		t.Errorf("%+v", c)
	}
	if g := r.Groups[0]; g.Points.String() != "10.5" || g.Weights["websocket/framing/*"].String() != "2.5" || g.Filter != "!robust" {
		t.Errorf("%+v", g)
	}
	if l := r.Lateness; !l.Due.Equal(time.Date(2027, 1, 31, 22, 59, 0, 0, time.UTC)) || l.Grace != 10*time.Minute || len(l.Table) != 2 || l.Table[1].Minus.String() != "4" {
		t.Errorf("%+v", l)
	}
	if _, err := r.Check(suites.Catalogue()); err != nil {
		t.Error(err)
	}

	r = read(t, top+answer)
	if g := r.Groups[0]; g.Title != "a" || g.Credit != grade.Proportional || g.Visibility != grade.Visible || r.Draws != 1 || *r.Rounding != 2 || r.Submission.Limits != grade.DefaultLimits {
		t.Errorf("the defaults are %+v", r)
	}
}

// wrong are rubrics that are no good, and what is said of them. beyond says that
// a schema cannot tell; check, that only the catalogue can.
var wrong = []struct {
	text   string
	line   int
	column int
	want   string
	beyond bool
}{
	{"", 1, 1, "the file is empty", false},
	{"# nothing\n", 1, 1, "the file is empty", false},
	{"[]\n", 1, 1, "keys with values belong here", false},
	{"titel: T\nprotocol: zen\nsubmission: {start: x}\n" + answer, 1, 1, `unknown key "titel": did you mean title?`, false},
	{"protocol: zen\nsubmission: {start: x}\n" + answer, 1, 1, "no title", false},
	{"title: T\nsubmission: {start: x}\n" + answer, 1, 1, "no protocol", false},
	{"title: T\nprotocol: zen\n" + answer, 1, 1, "nothing says how a submission is started", false},
	{"title: T\nprotocol: zen\nsubmission: {build: make, allow_own: false}\n" + answer, 3, 13, "nothing says how a submission is started", false},
	{"title: 7\nprotocol: zen\nsubmission: {start: x}\n" + answer, 1, 8, "put it in quotes", false},
	{"title: [a]\nprotocol: zen\nsubmission: {start: x}\n" + answer, 1, 8, "a text belongs here, not a list", false},
	{"title:\nprotocol: zen\nsubmission: {start: x}\n" + answer, 1, 7, "nothing is written here", false},
	{top, 1, 1, "no groups", false},
	{top + "groups: []\n", 4, 9, "no groups", false},
	{top + "groups: {id: a}\n", 4, 9, "a list belongs here, not keys with values", false},
	{top + "title: again\n" + answer, 4, 1, `"title"`, true},
	{top + "groups:\n- {id: a, points: -1, requirements: [zen/answers]}\n", 5, 19, `"-1" is no number`, false},
	{top + "groups:\n- {id: a, points: ten, requirements: [zen/answers]}\n", 5, 19, `"ten" is no number`, false},
	{top + "groups:\n- {id: a, points: 1.00005, requirements: [zen/answers]}\n", 5, 19, "at most four decimal places", false},
	{top + "groups:\n- {id: a, points: 10000000, requirements: [zen/answers]}\n", 5, 19, "is no number", false},
	{top + "groups:\n- {id: a, points: .inf, requirements: [zen/answers]}\n", 5, 19, "is no number", true},
	{top + "groups:\n- {id: a, requirements: [zen/answers]}\n", 5, 3, "no points", false},
	{top + "groups:\n- {points: 1, requirements: [zen/answers]}\n", 5, 3, "no id", false},
	{top + "groups:\n- {id: A b, points: 1, requirements: [zen/answers]}\n", 5, 8, "is no id", false},
	{top + "groups:\n- {id: a, points: 1}\n", 5, 3, "no requirements", false},
	{top + "groups:\n- {id: a, points: 0, requirements: [zen/answers]}\n", 5, 1, "0 of 0 is no grade", true},
	{top + "groups:\n- {id: a, points: 1, bonus: true, requirements: [zen/answers]}\n", 5, 1, "0 of 0 is no grade", true},
	{top + "groups:\n- {id: a, points: 1.005, requirements: [zen/answers]}\n", 5, 19, "more decimal places than the 2", true},
	{top + answer + "- {id: a, points: 1, requirements: [zen/framing]}\n", 6, 8, `"a" is given for the second time`, true},
	{top + "groups:\n- {id: a, points: 1, requirments: [zen/answers]}\n", 5, 22, "did you mean requirements?", false},
	{top + "groups:\n- {id: a, points: 1, requirements: zen/answers}\n", 5, 36, "a list belongs here", false},
	{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], visibility: secret}\n", 5, 63, `"secret" is not known here: write one of visible, result-only, after-due, hidden`, false},
	{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], visibility: hiden}\n", 5, 63, "did you mean hidden?", false},
	{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], credit: all}\n", 5, 59, "is not known here", false},
	{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], credit: staged}\n", 5, 59, "two or more", false},
	{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], bonus: maybe}\n", 5, 58, "neither true nor false", false},
	{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], class: many}\n", 5, 58, `"many" is no class`, false},
	{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], credit: all-or-nothing, weights: {'zen/*/*': 2}}\n", 5, 84, "weights are for credit: proportional", false},
	{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], weights: {'zen/*/*': -2}}\n", 5, 72, `"-2" is no number`, false},
	{top + answer + "- {id: b, points: 1, needs: [aa], requirements: [zen/framing]}\n", 6, 30, `no group is called "aa": did you mean a?`, true},
	{top + answer + "- {id: b, points: 1, needs: [b], requirements: [zen/framing]}\n", 6, 30, "needs itself", true},
	{top + answer + "- {id: b, points: 1, needs: [a, a], requirements: [zen/framing]}\n", 6, 33, "needed already", false},
	{top + "groups:\n- {id: a, points: 1, needs: [b], requirements: [zen/answers]}\n- {id: b, points: 1, needs: [c], requirements: [zen/framing]}\n- {id: c, points: 1, needs: [a], requirements: [zen/messages]}\n",
		7, 30, "a needs b needs c needs a", true},
	{top + answer + "draws: 0\n", 6, 8, "0 draws", false},
	{top + answer + "draws: 21\n", 6, 8, "21 draws", false},
	{top + answer + "draws: 1.5\n", 6, 8, "no whole number", false},
	{top + answer + "rounding: 5\n", 6, 11, "5 decimal places", false},
	{top + answer + "bonus_cap: 5\n", 6, 12, "no group is a bonus", true},
	{top + answer + "manual: [{id: a, points: 1}]\n", 6, 15, "second time", true},
	{top + answer + "manual: [{id: style}]\n", 6, 10, "no points", false},
	{top + answer + "lateness: {grace: 10m}\n", 6, 11, "the table is empty", false},
	{top + answer + "lateness: {table: [{after: 1h}]}\n", 6, 20, "the row says nothing", false},
	{top + answer + "lateness: {table: [{after: 1h, factor: 1, minus: 1}]}\n", 6, 50, "write one of them", false},
	{top + answer + "lateness: {table: [{after: 1h, factor: 1.1}]}\n", 6, 40, "above 1", false},
	{top + answer + "lateness: {table: [{after: 1h, factor: 0.5}, {after: 1h, factor: 0.4}]}\n", 6, 54, "not later than the row before", true},
	{top + answer + "lateness: {table: [{after: 1h, factor: 0.5}, {after: 2h, factor: 0.6}]}\n", 6, 46, "later costs less", true},
	{top + answer + "lateness: {table: [{after: 1, factor: 0.5}]}\n", 6, 28, `"1" is no duration`, false},
	{top + answer + "lateness: {table: [{after: -1h, factor: 0.5}]}\n", 6, 28, "is no duration", false},
	{top + answer + "lateness: {due: tomorrow, table: [{factor: 0.5}]}\n", 6, 17, `"tomorrow" is no time`, false},
	{"title: T\nprotocol: zen\nsubmission: {start: './server {prot}'}\n" + answer, 3, 21, "{prot} is not replaced: did you mean {port}?", true},
	{"title: T\nprotocol: zen\nsubmission: {start: x, build: 'make {port}'}\n" + answer, 3, 31, "nothing listens yet", true},
	{"title: T\nprotocol: zen\nsubmission: {start: x, port: 70000}\n" + answer, 3, 30, "70000 is no port", false},
	{"title: T\nprotocol: zen\nsubmission: {start: x, run_budget: 5}\n" + answer, 3, 36, "is no duration", false},
	{"title: T\nprotocol: zen\nsubmission: {start: x, run_budget: 5ms}\n" + answer, 3, 36, "no budget", true},
	{"title: T\nprotocol: zen\nsubmission: {start: x, limits: {memory: 5}}\n" + answer, 3, 41, `"5" is no size`, false},
	{"title: T\nprotocol: zen\nsubmission: {start: x, limits: {memory: 5GB}}\n" + answer, 3, 41, `"5GB" is no size`, false},
	{"title: T\nprotocol: zen\nsubmission: {start: x, limits: {processes: 0}}\n" + answer, 3, 44, "nothing runs with none", false},
	{"title: T\nprotocol: zen\nsubmission: {start: x, environment: {A B: x}}\n" + answer, 3, 43, "no name of a variable", false},
	{"title: T\nprotocol: zen\nsubmission: {start: x, environment: [A]}\n" + answer, 3, 37, "keys with values belong here", false},
	{"title: \"\\e[31mT\"\nprotocol: zen\nsubmission: {start: x}\n" + answer, 1, 8, "control character '\\x1b'", true},
	{"title: &a T\nprotocol: zen\nsubmission: {start: x}\n" + answer, 1, 8, "anchors", true},
	{top + answer + "---\ntitle: T\n", 7, 1, "a second document", true},
	{"a: [", 1, 4, "this is no YAML", true},
	{"title: \"\x1b[31m\nprotocol: zen\n", 1, 8, "this is no YAML", true},
}

func TestWhatIsWrongIsShown(t *testing.T) {
	t.Parallel()
	for _, tc := range wrong {
		_, err := grade.Read(strings.NewReader(tc.text))
		says(t, tc.text, err, tc.line, tc.column, tc.want)
	}
}

// says fails unless one of the mistakes is this one.
func says(t *testing.T, text string, err error, line, column int, want string) {
	t.Helper()
	var mistakes grade.Mistakes
	if !errors.As(err, &mistakes) {
		t.Errorf("%v, want %q, of\n%s", err, want, text)
		return
	}
	for _, m := range mistakes {
		if strings.Contains(m.Message, want) {
			if m.Line != line || m.Column != column {
				t.Errorf("%q is said of line %d, column %d; want %d, %d, of\n%s", want, m.Line, m.Column, line, column, text)
			}
			if strings.ContainsAny(m.Source, "\x1b\r\n\t") {
				t.Errorf("the line is shown as %q", m.Source)
			}
			return
		}
	}
	t.Errorf("%v\nwant %q, of\n%s", err, want, text)
}

// All mistakes are told at once, with their lines.
func TestMistakesAreShownWithTheirLines(t *testing.T) {
	t.Parallel()
	_, err := grade.Read(strings.NewReader("titel: T\nprotocol: zen\nsubmission: {start: x}\ngroups:\n- {id: a, points: x}\n"))
	const want = `line 1, column 1: unknown key "titel": did you mean title?
   1 | titel: T
     | ^
line 5, column 19: "x" is no number of this kind: write one from 0 to 1000000 with at most four decimal places, as in 12.5
   5 | - {id: a, points: x}
     |                   ^`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// The published schema and the reader agree, as far as a schema can tell.
func TestSchemaAgrees(t *testing.T) {
	t.Parallel()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile("../../docs/schema/rubric.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(text string) error {
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			return err
		}
		data, err := json.Marshal(value)
		if err != nil {
			return err
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return err
		}
		return s.Validate(document)
	}
	right := []string{full, top + answer, three}
	for _, one := range grade.ReadyMade() {
		text, err := grade.ReadyText(one.Name)
		if err != nil {
			t.Fatal(err)
		}
		right = append(right, string(text))
	}
	for _, text := range right {
		if err := validate(text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		read(t, text)
	}
	for _, tc := range wrong {
		if err := validate(tc.text); err == nil && !tc.beyond {
			t.Errorf("the schema takes what the reader does not (%s):\n%s", tc.want, tc.text)
		}
	}
}

func TestCheckFindsWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text   string
		line   int
		column int
		want   string
	}{
		{strings.Replace(top, "zen", "zne", 1) + answer, 2, 11, `no protocol is called "zne": did you mean zen?`},
		{top + "dialect: {clas: serial}\n" + answer, 4, 17, `zen has no dialect "clas": did you mean class?`},
		{top + "dialect: {class: many}\n" + answer, 4, 18, `"many" is no class`},
		{top + "edition: '2011-12'\n" + answer, 4, 10, `zen has no dialect "edition"`},
		{top + "groups:\n- {id: a, points: 1, requirements: [zen/anwsers/*]}\n", 5, 37, `"zen/anwsers/*" matches no requirement of zen: did you mean zen/answers/*?`},
		{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers/beautifull]}\n", 5, 37, "did you mean zen/answers/beautiful?"},
		{top + "groups:\n- {id: a, points: 1, requirements: [echo/answers]}\n", 5, 37, "it is of echo, and the rubric is about zen"},
		{top + "groups:\n- {id: a, points: 1, requirements: ['zen/[']}\n", 5, 37, "is no glob"},
		{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], except: [zen/anwser]}\n", 5, 60, "matches no requirement"},
		{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], except: [zen/answers]}\n", 5, 3, "asks for nothing that can be judged: except and filter leave nothing of it"},
		{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], filter: framing}\n", 5, 3, "asks for nothing"},
		{top + "groups:\n- {id: a, points: 1, filter: 'framing &&'}\n", 5, 30, "is no expression over labels"},
		{top + answer + "- {id: b, points: 1, requirements: [zen/answers/simple]}\n", 6, 3, "zen/answers/simple is in the group a already"},
		{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], weights: {zen/framing: 2}}\n", 5, 74, `"zen/framing" matches no requirement of the group`},
		{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], weights: {zen/answers: 0}}\n", 5, 60, "weighs nothing"},
		{top + "groups:\n- {id: a, points: 1, requirements: [zen/answers], weights: {zen/answers: 1, zen/answers/simple: 2}}\n", 5, 97, `has a weight by "zen/answers" already`},
		{top + "groups:\n- {id: a, points: 1, credit: staged, requirements: [zen/answers, zen/answers/simple]}\n", 5, 66, "the step is empty: zen/answers/simple is in an earlier one"},
		{top + "dialect: {class: serial}\ngroups:\n- {id: a, points: 1, requirements: [zen/concurrency/four-clients]}\n", 6, 3, "needs 4 clients at once; the rubric declares class serial"},
		{top + "dialect: {class: serial}\ngroups:\n- {id: a, points: 1, class: 'pool:2', requirements: [zen/answers]}\n", 6, 29, "no server could earn this"},
		{"title: T\nprotocol: websocket\nsubmission: {start: x}\ngroups:\n- {id: a, points: 1, requirements: [websocket/limits/over-the-limit-fails]}\n", 5, 3, "needs the dialect max-message"},
		{"title: T\nprotocol: raw\nsubmission: {start: x}\ngroups:\n- {id: a, points: 1, requirements: [raw/datagrams]}\n", 5, 3, "is about datagrams"},
		{"title: T\nprotocol: raw\ntransport: udp\nsubmission: {start: x}\ngroups:\n- {id: a, points: 1, requirements: [raw/bytes]}\n", 6, 3, "is about connections"},
		{"title: T\nprotocol: raw\ntransport: udp\nsubmission: {start: x}\ngroups:\n- {id: a, points: 1, class: serial, requirements: [raw/datagrams]}\n", 6, 29, "datagrams have none"},
		{"title: T\nprotocol: raw\ntransport: udp\ndialect: {class: serial}\nsubmission: {start: x}\ngroups:\n- {id: a, points: 1, requirements: [raw/datagrams]}\n", 4, 18, "datagrams have none"},
		{"title: T\nprotocol: zen\ntransport: udp\nsubmission: {start: x}\ngroups:\n- {id: a, points: 1, requirements: [zen/answers]}\n", 3, 12, "zen is not spoken over datagrams"},
	} {
		_, err := read(t, tc.text).Check(suites.Catalogue())
		says(t, tc.text, err, tc.line, tc.column, tc.want)
	}

	s := check(t, top+"dialect: {class: 'pool:4'}\ngroups:\n- {id: a, points: 1, requirements: [zen/concurrency]}\n")
	warnings := strings.Join(s.Warnings, "\n")
	for _, want := range []string{"requirements are left out", "requirements of zen are in no group"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("%q is not among the warnings:\n%s", want, warnings)
		}
	}
	if len(s.Uncovered) < 30 || len(s.Items[0].LeftOut) < 2 {
		t.Errorf("%d uncovered, %d left out", len(s.Uncovered), len(s.Items[0].LeftOut))
	}
}

func TestOwnFile(t *testing.T) {
	t.Parallel()
	recipe := grade.Recipe{Build: "make", Start: "./server", Port: 8080, AllowOwn: true}
	for text, want := range map[string]grade.Recipe{
		"start: node server.js {port}": {Build: "make", Start: "node server.js {port}", AllowOwn: true},
		"port: 9000":                   {Build: "make", Start: "./server", Port: 9000, AllowOwn: true},
		"build: cc -o server *.c\nstart: ./server\nport: 9000": {Build: "cc -o server *.c", Start: "./server", Port: 9000, AllowOwn: true},
	} {
		own, err := grade.ReadOwn(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		got := recipe.With(own)
		if got.Build != want.Build || got.Start != want.Start || got.Port != want.Port {
			t.Errorf("%s: %+v", text, got)
		}
		closed := recipe
		closed.AllowOwn = false
		if got := closed.With(own); got.Start != "./server" || got.Port != 8080 {
			t.Errorf("not allowed, and taken: %+v", got)
		}
	}
	for text, want := range map[string]string{
		"strat: x":                     "did you mean start?",
		"start: [x]":                   "a text belongs here",
		"limits: {}":                   `unknown key "limits"`,
		"start: \"\x1b]0;owned\x07\"":  "",
		strings.Repeat("# x\n", 9_000): "longer than",
		strings.Repeat("[", 4_000):     "no YAML",
		"start: &a [*a, *a]":           "anchors",
	} {
		_, err := grade.ReadOwn(strings.NewReader(text))
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x1b\x07") {
			t.Errorf("%.40q is shown as it is: %q", text, err)
		}
	}
}

// Whatever is read, there is a rubric or mistakes that can be shown.
func FuzzRead(f *testing.F) {
	f.Add([]byte(full))
	for _, tc := range wrong {
		f.Add([]byte(tc.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := grade.Read(bytes.NewReader(data))
		if err == nil {
			s, err := r.Check(suites.Catalogue())
			if err == nil {
				s.Score(nil, grade.Facts{})
				s.Explain()
			}
			return
		}
		var mistakes grade.Mistakes
		if !errors.As(err, &mistakes) || strings.ContainsRune(err.Error(), 0x1b) {
			t.Errorf("%q", err)
		}
	})
}

// The page about grading reads: its example is a rubric, its mistake is said, and
// it has every key that there is; so has the schema.
func TestThePageIsTrue(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/grading.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	_, example, _ := strings.Cut(page, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	s := check(t, example)
	if s.Rubric.Max().String() != "100" || len(s.Items) != 4 || len(s.Items[2].Requirements) < 5 {
		t.Errorf("the example is worth %s, in %d groups", s.Rubric.Max(), len(s.Items))
	}
	_, err = read(t, top+"groups:\n- {id: a, points: 1, requirements: [zen/anwsers]}\n").Check(suites.Catalogue())
	if err == nil || !strings.Contains(page, err.Error()) {
		t.Errorf("this is not what the page shows:\n%v", err)
	}
	schema, err := os.ReadFile("../../docs/schema/rubric.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	keys(reflect.TypeFor[grade.Rubric](), func(key string) {
		if !strings.Contains(page, "`"+key+"`") {
			t.Errorf("the page does not speak of `%s`", key)
		}
		if !bytes.Contains(schema, []byte(`"`+key+`": {`)) {
			t.Errorf("the schema does not have %q", key)
		}
	})
}

func keys(of reflect.Type, f func(key string)) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice:
		keys(of.Elem(), f)
	case reflect.Struct:
		for i := range of.NumField() {
			if key := of.Field(i).Tag.Get("yaml"); key != "" {
				f(key)
				keys(of.Field(i).Type, f)
			}
		}
	}
}
