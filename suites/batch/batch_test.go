package batch

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"conform/impl/faults"
	"conform/suites/grade"
	"conform/suites/ledger"
	"conform/suites/queue"
	"conform/suites/report"
	"conform/suites/sandbox"
	"conform/suites/submission"
)

// The submissions of these tests are folders with a file that names a fault of
// zen: this program serves it.
func TestMain(m *testing.M) {
	if os.Getenv("CONFORM_BATCH_TEST") == "submission" {
		os.Exit(serveFault())
	}
	os.Exit(m.Run())
}

func serveFault() int {
	name, err := os.ReadFile("fault")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	port := os.Getenv("PORT")
	switch string(name) {
	case "exits":
		fmt.Println("cannot go on")
		return 3
	case "other-port":
		port = "9999"
	}
	ln, err := net.Listen("tcp", "0.0.0.0:"+port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	f := faults.Reference("zen")
	if i := slices.IndexFunc(faults.For("zen"), func(f faults.Fault) bool { return f.Name == string(name) }); i >= 0 {
		f = faults.For("zen")[i]
	}
	<-f.Start(ln).Done()
	return 0
}

const rubric = `title: Zen
protocol: zen
submission:
  start: exec %s
  port: 1060
  environment:
    CONFORM_BATCH_TEST: submission
  allow_own: true
groups:
  - id: answers
    title: Questions are answered
    points: 6
    requirements: ["zen/answers/*"]
  - id: framing
    title: A question ends with its question mark
    points: 4
    requirements: ["zen/framing/split-question"]
`

func program(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// handIn writes submissions: a fault each, by name.
func handIn(t *testing.T, faults map[string]string) []submission.Found {
	t.Helper()
	folder := t.TempDir()
	for name, fault := range faults {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name, "fault"), []byte(fault), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := submission.Find(folder)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func plan(t *testing.T, found []submission.Found) Plan {
	t.Helper()
	if sandbox.Probe().Tier == sandbox.Basic {
		t.Skip("this machine has no namespaces: a fixed port serves one submission at a time")
	}
	return Plan{Submissions: found, Rubric: fmt.Appendf(nil, rubric, program(t)), Seed: 7, Show: []string{program(t)},
		Tool: report.Tool{Name: "conform", Version: "test"}, Program: "p", Out: t.TempDir()}
}

// run grades with workers of this process, and returns how each came out.
func run(t *testing.T, p Plan, workers int) map[string]Event {
	t.Helper()
	return runBy(t, p, workers, p.Tool)
}

// runBy is run with workers of another version.
func runBy(t *testing.T, p Plan, workers int, tool report.Tool) map[string]Event {
	t.Helper()
	s, err := queue.StartServer(t.TempDir(), "a-token")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	options := queue.Options{URL: s.URL, Attempts: 2, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	var wg sync.WaitGroup
	defer wg.Wait()
	folder := t.TempDir()
	working, leave := context.WithCancel(ctx)
	defer leave()
	for i := range workers {
		q, err := queue.Connect(ctx, options)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer q.Close()
			_ = Work(working, q, WorkerOptions{Name: fmt.Sprintf("w%d", i), Folder: folder, Tool: tool})
		})
	}
	q, err := queue.Connect(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	got := map[string]Event{}
	err = Grade(ctx, p, q, func(e Event) {
		if _, twice := got[e.Name]; twice {
			t.Errorf("%s has two results", e.Name)
		}
		got[e.Name] = e
	})
	if err != nil {
		t.Fatalf("after %d results: %v", len(got), err)
	}
	return got
}

func TestEverySubmissionIsGradedOnce(t *testing.T) {
	t.Parallel()
	found := handIn(t, map[string]string{"ann": "", "bob": "read-is-a-question", "copy-of-ann": "", "dora": "exits", "eve": "other-port"})
	bad := filepath.Join(filepath.Dir(found[0].Path), "frank.zip")
	if err := os.WriteFile(bad, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := plan(t, append(found, submission.Found{Name: "frank", Path: bad}))
	got := run(t, p, 2)
	grades, err := ReadGrades(p.Out)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]grade.Grade{}
	for _, g := range grades {
		byName[g.Submission.Name] = g
	}
	for name, want := range map[string]struct {
		score   float64
		outcome grade.Outcome
		code    string
	}{
		"ann":         {10, grade.Graded, ""},
		"bob":         {6, grade.Graded, ""},
		"copy-of-ann": {10, grade.Graded, ""},
		"dora":        {0, grade.NotStarted, sandbox.EndedEarly},
		"eve":         {0, grade.NotStarted, sandbox.WrongPort},
		"frank":       {0, grade.Unreadable, string(submission.NotArchive)},
	} {
		g := byName[name]
		code := ""
		if g.Cause != nil {
			code = g.Cause.Code
		}
		if g.Score != want.score || g.Max != 10 || g.Outcome != want.outcome || code != want.code {
			t.Errorf("%s: %v of %v, %s, cause %+v; want %+v", name, g.Score, g.Max, g.Outcome, g.Cause, want)
		}
		if got[name].Record == nil || got[name].Record.Score != want.score {
			t.Errorf("%s: told %+v", name, got[name].Record)
		}
	}
	if c := byName["dora"].Cause; c != nil && (!strings.Contains(c.Message, "3") || !slices.ContainsFunc(c.Output, func(l string) bool { return strings.Contains(l, "cannot go on") })) {
		t.Errorf("dora: %+v", c)
	}

	// Again: nothing is done twice, and nothing is different.
	for name, e := range run(t, p, 0) {
		if !e.Cached {
			t.Errorf("%s was graded again", name)
		}
	}
	// A rubric that is another by a blank grades anew, and the same.
	p.Rubric = append(p.Rubric, '\n')
	p.Submissions = p.Submissions[:3]
	for name, e := range run(t, p, 2) {
		if e.Cached && e.Name != "copy-of-ann" || e.Record.Score != byName[name].Score {
			t.Errorf("%s: cached %v, %v after %v", name, e.Cached, e.Record.Score, byName[name].Score)
		}
	}
}

func TestWhatWasNotDecidedIsGradedWhenAskedAgain(t *testing.T) {
	t.Parallel()
	p := plan(t, handIn(t, map[string]string{"ann": ""}))
	if r := runBy(t, p, 1, report.Tool{Name: "conform", Version: "another"})["ann"].Record; r.Outcome != grade.Undecided || r.Owner != grade.OfInfrastructure {
		t.Fatalf("%+v", r)
	}
	if r := run(t, p, 1)["ann"].Record; r.Outcome != grade.Graded || r.Score != 10 {
		t.Errorf("%+v", r)
	}
	records, err := ledger.Read(filepath.Join(p.Out, ledgerFile))
	if err != nil || len(records) != 2 {
		t.Errorf("%d records, %v", len(records), err)
	}
}

func TestLateWorkLosesPoints(t *testing.T) {
	t.Parallel()
	p := plan(t, handIn(t, map[string]string{"ann": "", "bob": ""}))
	p.Rubric = append(p.Rubric, "lateness:\n  table:\n    - after: 0h\n      minus: 2\n"...)
	due := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p.Due, p.Submitted = &due, map[string]time.Time{"ann": due.Add(-time.Hour), "bob": due.Add(time.Hour)}
	got := run(t, p, 1)
	if a, b := got["ann"].Record.Score, got["bob"].Record.Score; a != 10 || b != 8 {
		t.Errorf("in time %v, late %v", a, b)
	}
}

func TestFileNamesAreSafeAndDifferent(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, name := range []string{"ann", "ann b", "ann/b", "ann\nb", "../ann", strings.Repeat("x", 300), strings.Repeat("x", 299), "CON", "-rf", ""} {
		file := FileName(name)
		if before, twice := seen[file]; twice {
			t.Errorf("%q and %q are both %q", before, name, file)
		}
		seen[file] = name
		if strings.ContainsAny(file, "/\\\n ") || len(file) > 100 || file == "" {
			t.Errorf("%q becomes %q", name, file)
		}
	}
}
