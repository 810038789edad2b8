package conformtest_test

import (
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"conform/impl/faults"
	"conform/impl/serve"
	"conform/suites"
	"conform/suites/conformtest"
)

// TestFaulty is what the tests below run as a test of somebody else, in a process
// of its own: the server and the options are in its environment.
func TestFaulty(t *testing.T) {
	protocol, name, ok := strings.Cut(os.Getenv("CONFORMTEST_SERVER"), "/")
	if !ok {
		t.Skip("is run by the other tests")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if name == "gone" {
		ln.Close()
	} else if i := slices.IndexFunc(faults.For(protocol), func(f faults.Fault) bool { return f.Name == name }); i >= 0 {
		defer faults.For(protocol)[i].Start(ln).Close()
	} else {
		defer faults.Reference(protocol).Start(ln).Close()
	}
	conformtest.Run(t, conformtest.Options{Protocol: protocol, Target: ln.Addr().String(),
		Only: strings.Fields(os.Getenv("CONFORMTEST_ONLY")), Dialects: strings.Fields(os.Getenv("CONFORMTEST_DIALECTS")),
		Strict: os.Getenv("CONFORMTEST_STRICT") != ""})
}

// goTest runs TestFaulty as go test would, and returns what it prints.
func goTest(t *testing.T, environment []string, args ...string) (output string, passed bool) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), environment...)
	out, err := cmd.CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Fatal(err)
	}
	return string(out), err == nil
}

// A failure shows the card of the terminal, at the line that called Run, and a
// command that runs only that requirement, with the same input.
func TestFailure(t *testing.T) {
	t.Parallel()
	server := []string{"CONFORMTEST_SERVER=zen/line-end-ends-too", "CONFORMTEST_ONLY=zen/framing"}
	out, passed := goTest(t, server, "-test.run=^TestFaulty$")
	if passed {
		t.Errorf("it passes")
	}
	const card = `(?s)--- FAIL: TestFaulty/zen/framing/line-end-is-not-an-end \(.*?\)
 +conformtest_test\.go:\d+: 
 +✗ zen/framing/line-end-is-not-an-end +MUST · tutorial 000 §2
 +A line end or a blank does not end a question; only the question mark does\.
 +sent +"Beautiful is better than\\n"
 +expected +silence: no question mark has come
 +received +"Error: unknown aphorism\." .*? after the last byte was sent
 +cause +the server reads lines.*?
 +again +CONFORM_SEED=(\d+) go test -run '(\^TestFaulty\$/\^zen\$/\^framing\$/\^line-end-is-not-an-end\$)' -v
`
	found := regexp.MustCompile(card).FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("no card in\n%s", out)
	}
	for _, want := range []string{"9 requirements", "nonconformant: 2 MUST", "seed " + found[1]} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if n := strings.Count(out, "--- "); strings.Contains(out, "PASS: ") || n > 5 {
		t.Errorf("more than what failed is named:\n%s", out)
	}

	again, passed := goTest(t, append(server, "CONFORM_SEED="+found[1]), "-test.run="+found[2], "-test.v")
	if passed || !strings.Contains(again, "· 1 requirement") || !strings.Contains(again, "seed "+found[1]) || strings.Count(again, "=== RUN") != 3 {
		t.Errorf("not that requirement alone, with its seed:\n%s", again)
	}
	if strings.Contains(again, "by hand") {
		t.Errorf("a line to be typed for a server that is gone:\n%s", again)
	}
	if !strings.Contains(again, `── "Beautiful is better than\n" ──`) || !strings.Contains(again, `✗ "Error: unknown aphorism." ──│`) {
		t.Errorf("-v draws no exchange:\n%s", again)
	}
}

// What go test leaves out is not run, and nobody is connected to for nothing.
func TestSelection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args        []string
		environment string
		passes      bool
		want, never []string
	}{
		{[]string{"-test.run=TestFaulty/zen/answers/simple"}, "zen/reference", true, []string{"· 1 requirement", "PASS: TestFaulty/zen/answers/simple"}, nil},
		{[]string{"-test.run=TestFaulty/zen/answers", "-test.skip=TestFaulty/zen/answers/^[^s]"}, "zen/reference", true, []string{"· 2 requirements", "same-question-again"}, []string{"beautiful"}},
		{[]string{"-test.run=TestFaulty/zen/nothing"}, "zen/gone", true, nil, []string{"requirement", "zen/answers"}},
		{[]string{"-test.run=TestFaulty/websocket/control/ping-after-idling", "-test.short"}, "websocket/gone", true, []string{"SKIP: TestFaulty/websocket/control/ping-after-idling", "more than a second"}, nil},
		{[]string{"-test.run=TestFaulty/zen/answers/simple"}, "zen/gone", false, []string{"cannot reach 127.0.0.1:", "connection refused", "SKIP: TestFaulty/zen/answers/simple"}, nil},
		{[]string{"-test.run=TestFaulty/zen", "-test.timeout=900ms"}, "zen/reference", false, []string{"too little for a run: give go test a longer -timeout"}, []string{"panic"}},
		{[]string{"-test.run=TestFaulty/zen", "-test.timeout=1600ms"}, "zen/reference", false, []string{"conformtest: incomplete: the time budget is spent"}, []string{"panic"}},
	} {
		out, passed := goTest(t, []string{"CONFORMTEST_SERVER=" + c.environment}, append(c.args, "-test.v")...)
		if passed != c.passes {
			t.Errorf("%q: passed is %v:\n%s", c.args, passed, out)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%q: no %q in\n%s", c.args, want, out)
			}
		}
		for _, never := range c.never {
			if strings.Contains(out, never) {
				t.Errorf("%q: %q in\n%s", c.args, never, out)
			}
		}
	}
}

// Verdicts become what package testing has for them.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environment []string
		passes      bool
		want        string
	}{
		{[]string{"CONFORMTEST_SERVER=zen/reference", "CONFORMTEST_ONLY=zen/concurrency/second-client", "CONFORMTEST_DIALECTS=class=serial"}, true,
			`(?s)unsupported: needs 2 clients at once; the declared class serves 1.*SKIP: TestFaulty/zen/concurrency/second-client`},
		{[]string{"CONFORMTEST_SERVER=zen/resets-at-eof", "CONFORMTEST_ONLY=zen/end-of-input/closes"}, true, `(?s)~ zen/end-of-input/closes +SHOULD.*PASS: TestFaulty/zen/end-of-input/closes`},
		{[]string{"CONFORMTEST_SERVER=zen/resets-at-eof", "CONFORMTEST_ONLY=zen/end-of-input/closes", "CONFORMTEST_STRICT=yes"}, false, `FAIL: TestFaulty/zen/end-of-input/closes`},
		{[]string{"CONFORMTEST_SERVER=zen/dies-on-reset", "CONFORMTEST_ONLY=zen/robustness/reset-when-idle"}, false, `conformtest: nonconformant: .* the target stopped serving during`},
		{[]string{"CONFORMTEST_SERVER=zem/reference"}, false, `conformtest: .*unknown protocol "zem": known are zen`},
		{[]string{"CONFORMTEST_SERVER=zen/reference", "CONFORMTEST_ONLY=zen/nothing"}, false, `conformtest: --only "zen/nothing" matches no requirement`},
		{[]string{"CONFORMTEST_SERVER=zen/reference", "CONFORM_SEED=x"}, false, `conformtest: CONFORM_SEED="x": write a number`},
	} {
		out, passed := goTest(t, c.environment, "-test.run=^TestFaulty$", "-test.v")
		if passed != c.passes || !regexp.MustCompile(c.want).MatchString(out) {
			t.Errorf("%q: passed is %v, and %q is wanted in\n%s", c.environment, passed, c.want, out)
		}
	}
}

// Tests of one process may test several servers at the same time.
func TestAbreast(t *testing.T) {
	for _, protocol := range []string{"zen", "echo", "calc"} {
		t.Run(protocol+" server", func(t *testing.T) {
			t.Parallel()
			conformtest.Run(t, conformtest.Options{Protocol: protocol, Target: reference(t, protocol), Only: []string{protocol + "/framing"}})
		})
	}
}

func reference(t *testing.T, protocol string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	handler, err := suites.Handler(protocol, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := serve.Start(ln, handler, serve.Options{})
	t.Cleanup(func() { server.Close() })
	return ln.Addr().String()
}

// A command is started, tested and stopped: here the server is this test, too.
func TestExec(t *testing.T) {
	if os.Getenv("CONFORMTEST_SERVES") != "" {
		ln, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
		if err != nil {
			t.Fatal(err)
		}
		<-faults.Reference("zen").Start(ln).Done() // until it is stopped
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONFORMTEST_SERVES", "yes")
	conformtest.Run(t, conformtest.Options{Protocol: "zen", Exec: "'" + exe + "' -test.run=^TestExec$ -test.timeout=30s", Only: []string{"zen/messages"}})
}

// The README shows the worked example as it is compiled and run here.
func TestReadme(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, ok := strings.Cut(string(example), "from here on.\n\n")
	if !ok || !strings.Contains(string(readme), "```go\n"+code+"```\n") {
		t.Errorf("the README does not have the example as it is in example_test.go")
	}
}
