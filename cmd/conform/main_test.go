package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"conform/impl/serve"
	"conform/suites"
)

// programs are what this test is when it is called by another name.
var programs = map[string]func(){"conform": main}

func TestMain(m *testing.M) {
	// A worker that conform starts is started by the path of its program, which
	// may be that of this test: it must never run the tests, which would start
	// workers, and so on until the machine is full.
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		main()
		return
	}
	testscript.Main(m, programs)
}

// The command line as its users see it: standard output, standard error and
// exit code. The scripts have $ZEN and $CALC, addresses of right servers, and
// $CLOSED, an address at which nobody listens.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		// Programs under the race detector start so slowly that a script which
		// starts dozens takes minutes.
		Condition: func(name string) (bool, error) {
			if name == "race" {
				return raceEnabled, nil
			}
			return false, fmt.Errorf("there is no condition %q", name)
		},
		Setup: func(env *testscript.Env) error {
			for _, protocol := range []string{"zen", "calc"} {
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					return err
				}
				handler, err := suites.Handler(protocol, nil)
				if err != nil {
					return err
				}
				server := serve.Start(ln, handler, serve.Options{})
				env.Defer(func() { server.Close() })
				env.Setenv(strings.ToUpper(protocol), ln.Addr().String())
			}
			self, err := exec.LookPath("conform")
			if err != nil {
				return err
			}
			env.Setenv("SELF", self)
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			env.Setenv("CLOSED", ln.Addr().String())
			return ln.Close()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":       exits,
			"lines":       lines,
			"within":      within,
			"exists-soon": existsSoon,
			"keeps":       keeps,
			"for-self":    forSelf,
		},
	})
}

// exits CODE COMMAND… runs a command and checks its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// lines FILE N checks that a file has N lines.
func lines(ts *testscript.TestScript, neg bool, args []string) {
	if got := strings.Count(ts.ReadFile(args[0]), "\n"); fmt.Sprint(got) != args[1] {
		ts.Fatalf("%s has %d lines, want %s", args[0], got, args[1])
	}
}

// exists-soon PATTERN waits for a file that another process makes.
func existsSoon(ts *testscript.TestScript, neg bool, args []string) {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if found, err := filepath.Glob(ts.MkAbs(args[0])); err == nil && found != nil {
			return
		} else if time.Now().After(end) {
			ts.Fatalf("%s does not come", args[0])
		}
	}
}

// for-self FILE… has SELF in files be this program.
func forSelf(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args {
		text := strings.ReplaceAll(ts.ReadFile(file), "SELF", ts.Getenv("SELF"))
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

// within DURATION COMMAND… is exits 3 in at most that time.
func within(ts *testscript.TestScript, neg bool, args []string) {
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	began := time.Now()
	exits(ts, neg, append([]string{"3"}, args[1:]...))
	if took := time.Since(began); took > limit {
		ts.Fatalf("took %s, want at most %s", took, limit)
	}
}

// Ctrl-C leaves no process behind, and the reports are written.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// The test binary is conform when it is called by that name.
	conform := dir + "/conform"
	if err := os.Symlink(exe, conform); err != nil {
		t.Skip("no symbolic links here")
	}
	// With this much patience the run lasts until it is interrupted.
	cmd := exec.Command(conform, "--exec", conform+" serve zen", "--pace", "20", "--report", "json="+dir+"/report.json", "--report", "junit="+dir+"/report.xml")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The header says where the server is, and that the run has begun.
	output := bufio.NewReader(stdout)
	header, err := output.ReadString('\n')
	if err != nil {
		t.Fatalf("%v; standard error: %s", err, stderr.String())
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(output)
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("got %v, want exit code 130; standard error: %s", err, stderr.String())
	}
	for _, name := range []string{"report.json", "report.xml"} {
		if text, err := os.ReadFile(dir + "/" + name); err != nil || len(text) == 0 {
			t.Errorf("%s is not written: %v", name, err)
		} else if name == "report.json" {
			if err := validate("report-v1", name, string(text)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if !strings.Contains(string(rest), "interrupted") {
		t.Errorf("standard output: %s", rest)
	}
	address, _, _ := strings.Cut(header, " ")
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Errorf("the server at %s is still there", address)
	}
}
