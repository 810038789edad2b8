package selftest

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"conform/impl/faults"
	"conform/specs"
	"conform/suites"
)

// options are the waits that a test bears: the race detector makes everything
// several times slower, the servers too.
func options() Options {
	if raceEnabled {
		return Options{Width: 96, Timing: DefaultTiming().Scale(2)}
	}
	return Options{}
}

// sample is every so-manieth of the servers of a list, as globs.
func sample(where string, list []faults.Fault, every int) (globs []string) {
	for i := 0; i < len(list); i += every {
		globs = append(globs, where+"/"+list[i].Name)
	}
	return globs
}

// TestMatrix is a part of the matrix for the line protocols: an eighth of the
// faults is caught, the reference passes and none of a few degenerate servers does.
// That every spec catches something, conform selftest shows.
func TestMatrix(t *testing.T) {
	o := options()
	o.Faults = sample("degenerate", faults.Degenerate(), 3)
	for _, p := range suites.Protocols() {
		if p.Name != "websocket" {
			o.Protocols = append(o.Protocols, p.Name)
			o.Faults = append(o.Faults, sample(p.Name, faults.For(p.Name), 8)...)
		}
	}
	if testing.Short() {
		o.Faults = []string{"{serial,three-at-once,worker-never-returns,broadcasts,dies-on-reset,read-is-*,quit-*,64-bits,atoi,quoted-as-it-is}", "degenerate/*"}
	}
	if raceEnabled {
		// What one client at a time sees cannot race, and calc is served as echo is.
		o.Protocols = slices.DeleteFunc(o.Protocols, func(name string) bool { return name == "calc" })
		o.Faults = []string{"{serial,three-at-once,worker-never-returns,broadcasts,dies-on-reset,read-is-*}", "degenerate/{drips,floods*,resets,hangs-up-at-first-byte,empty-datagrams}"}
	}
	matrix(t, o)
}

// TestWebSocketMatrix is a part of it for WebSocket, whose matrix is too large
// for a test: conform selftest runs the whole.
func TestWebSocketMatrix(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector looks at these specs and servers in the tests of package suites")
	}
	o := options()
	o.Protocols = []string{"websocket"}
	if testing.Short() {
		o.Faults = sample("websocket", faults.For("websocket"), 60)
	} else {
		o.Faults = append(sample("websocket", faults.For("websocket"), 24), sample("degenerate", faults.Degenerate(), 4)...)
	}
	matrix(t, o)
}

// matrix runs a self-test, which must have no gap and leave nothing behind.
func matrix(t *testing.T, o Options) {
	t.Helper()
	m, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	m.WriteText(t.Output())
	// What hangs in a fault ends with its server.
	for wait := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > 50 && time.Now().Before(wait); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > 50 {
		t.Errorf("%d goroutines are left", n)
	}
	for _, g := range m.Gaps {
		t.Error(g)
	}
	// For comparing runs.
	if path := os.Getenv("CONFORM_SELFTEST_JSON"); path != "" {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := m.WriteJSON(f); err != nil {
			t.Error(err)
		}
	}
}

func TestFaultsAreWellFormed(t *testing.T) {
	for _, p := range suites.Protocols() {
		protocol, list := p.Name, faults.For(p.Name)
		if len(list) < 25 {
			t.Errorf("%s has %d faults; 25 are due", protocol, len(list))
		}
		checkNames(t, protocol, list)
	}
	checkNames(t, "degenerate", faults.Degenerate())
}

func checkNames(t *testing.T, where string, list []faults.Fault) {
	seen := map[string]bool{}
	for _, f := range list {
		if seen[f.Name] {
			t.Errorf("%s/%s is there twice", where, f.Name)
		}
		seen[f.Name] = true
		if f.Name == "" || strings.Trim(f.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("%s/%s: a name is small letters, digits and hyphens", where, f.Name)
		}
		if !strings.HasSuffix(f.Text, ".") {
			t.Errorf("%s/%s: the text is not a sentence: %q", where, f.Name, f.Text)
		}
	}
}

func TestCatches(t *testing.T) {
	caught, err := catches(context.Background(), "zen/framing/split-question", options())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(caught, func(f faults.Fault) bool { return f.Name == "read-is-a-question" }) {
		t.Errorf("zen/framing/split-question does not catch read-is-a-question, only %d others", len(caught))
	}
}

func TestSelectionOfNothingIsAnError(t *testing.T) {
	for _, o := range []Options{{Protocols: []string{"zem"}}, {Faults: []string{"none-*"}}, {Specs: []string{"zen/nothing/*"}}, {Specs: []string{"["}}} {
		if _, err := Run(context.Background(), o); err == nil {
			t.Errorf("no error for %+v", o)
		}
	}
}

func TestForms(t *testing.T) {
	o := options()
	o.Specs, o.Faults = []string{"zen/answers/simple"}, []string{"zen/{case-folded,newline-appended,lower-case-answers}"}
	last := 0
	o.Progress = func(done, total int) {
		if last++; done != last || done > total {
			t.Errorf("progress says %d of %d", done, total)
		}
	}
	m, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	var j bytes.Buffer
	if err := m.WriteJSON(&j); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Schema string
		Faults []struct {
			Protocol, Fault string
			CaughtBy        []string `json:"caught_by"`
		}
		Specs []struct {
			ID      string
			Catches []string
		}
	}
	if err := json.Unmarshal(j.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	if read.Schema != Schema || len(read.Faults) != 3 || len(read.Specs) != 1 || !slices.Contains(read.Specs[0].Catches, "lower-case-answers") {
		t.Errorf("unexpected JSON: %s", j.Bytes())
	}
	var text strings.Builder
	if err := m.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "lower-case-answers") || !strings.Contains(text.String(), "no gap") {
		t.Errorf("unexpected text: %s", text.String())
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(specs.ErrInterrupted)
	if _, err := Run(ctx, Options{}); err != specs.ErrInterrupted {
		t.Errorf("an interrupted run returned %v", err)
	}
}
