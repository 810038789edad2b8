package batch

import (
	"context"
	"errors"
	"flag"
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
	"conform/suites/target"
)

// The submissions of these tests are folders with a file that names a fault of
// zen: this program serves it.
func TestMain(m *testing.M) {
	if os.Getenv("CONFORM_BATCH_TEST") == "submission" {
		os.Exit(serveFault())
	}
	// Nearly all of these tests wait, however many processors there are.
	if err := flag.Lookup("test.parallel").Value.Set("4"); err != nil {
		panic(err)
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
	return runIn(t, p, workers, t.TempDir())
}

// runIn is run with workers that keep their copies in a folder.
func runIn(t *testing.T, p Plan, workers int, folder string) map[string]Event {
	t.Helper()
	s, err := queue.StartServer(t.TempDir(), "a-token")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	options := queue.Options{Access: queue.Access{URL: s.URL}, Attempts: 2, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	var wg sync.WaitGroup
	defer wg.Wait()
	working, leave := context.WithCancel(ctx)
	defer leave()
	for i := range workers {
		q, err := queue.Connect(ctx, options)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer q.Close()
			_ = Work(working, q, WorkerOptions{Name: fmt.Sprintf("w%d", i), Folder: folder, Tool: p.Tool})
		})
	}
	q, err := queue.Connect(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	return grading(t, ctx, p, q)
}

// grading is the coordinator's part.
func grading(t *testing.T, ctx context.Context, p Plan, q *queue.Queue) map[string]Event {
	t.Helper()
	folder, err := Open(p.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	got := map[string]Event{}
	err = folder.Grade(ctx, p, q, func(e Event) {
		if e.Problem != nil {
			t.Log(e.Problem)
			return
		}
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
	// What is wrong can be seen at home, where there are no boxes.
	for _, res := range byName["bob"].Report.Results {
		if want := fmt.Sprintf("conform --target localhost:1060 --protocol zen --only %s --seed 7 -v", res.ID); res.Replay != want {
			t.Errorf("bob runs %q at home, not %q", res.Replay, want)
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
	// A machine that cannot do anything.
	broken := t.TempDir()
	if err := os.Mkdir(filepath.Join(broken, "gate.lock"), 0o700); err != nil {
		t.Fatal(err)
	}
	if r := runIn(t, p, 1, broken)["ann"].Record; r.Outcome != grade.Undecided || r.Owner != grade.OfInfrastructure {
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

// Back to the rubric from before: its grades stand, and not those since.
func TestAnEarlierRubricHasItsOwnGrades(t *testing.T) {
	t.Parallel()
	p := plan(t, handIn(t, map[string]string{"ann": "read-is-a-question"}))
	score := func() float64 {
		t.Helper()
		grades, err := ReadGrades(p.Out)
		if err != nil || len(grades) != 1 {
			t.Fatalf("%d grades, %v", len(grades), err)
		}
		return grades[0].Score
	}
	first := p.Rubric
	if run(t, p, 1); score() != 6 {
		t.Errorf("score %v", score())
	}
	p.Rubric = []byte(strings.Replace(string(first), "points: 6", "points: 5", 1))
	if run(t, p, 1); score() != 5 {
		t.Errorf("by the second rubric: score %v", score())
	}
	p.Rubric = first
	if e := run(t, p, 0)["ann"]; !e.Cached || score() != 6 {
		t.Errorf("by the first again: %+v, score %v", e, score())
	}
}

// A queue that outlives its coordinator has jobs and settings from before.
func TestWhatTheQueueHasFromBeforeGradesNobodyElse(t *testing.T) {
	t.Parallel()
	p := plan(t, handIn(t, map[string]string{"ann": "read-is-a-question", "bob": ""}))
	s, err := queue.StartServer(t.TempDir(), "a-token")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	q, err := queue.Connect(ctx, queue.Options{Access: queue.Access{URL: s.URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	// It is gone before anybody works: all it wanted is in the queue.
	soon, gone := context.WithTimeout(ctx, 2*time.Second)
	defer gone()
	folder, err := Open(p.Out)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Grade(soon, p, q, func(Event) {}); err == nil {
		t.Fatal("graded by nobody")
	}
	folder.Close()
	p.Rubric = []byte(strings.Replace(string(p.Rubric), "points: 6", "points: 5", 1))
	working, leave := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = Work(working, q, WorkerOptions{Name: "w", Folder: t.TempDir(), Tool: p.Tool})
	}()
	defer func() { leave(); <-done }()
	got := grading(t, ctx, p, q)
	if a, b := got["ann"].Record.Score, got["bob"].Record.Score; a != 5 || b != 9 {
		t.Errorf("ann %v, bob %v: want 5 and 9", a, b)
	}
}

// What was done while nobody listened is known from the queue, and not done again.
func TestResultsThatCameWhileNobodyListenedCount(t *testing.T) {
	t.Parallel()
	p := plan(t, handIn(t, map[string]string{"ann": "", "bob": "read-is-a-question", "carl": "exits"}))
	s, err := queue.StartServer(t.TempDir(), "a-token")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	q, err := queue.Connect(ctx, queue.Options{Access: queue.Access{URL: s.URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	folder, err := Open(p.Out)
	if err != nil {
		t.Fatal(err)
	}
	soon, gone := context.WithTimeout(ctx, 2*time.Second)
	defer gone()
	if err := folder.Grade(soon, p, q, func(Event) {}); err == nil {
		t.Fatal("graded by nobody")
	}
	folder.Close()
	working, leave := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = Work(working, q, WorkerOptions{Name: "w", Folder: t.TempDir(), Tool: p.Tool})
	}()
	store, err := q.Batch(ctx, folder.ledger.Batch, kind(p.Tool, p.Tier))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = store.Results(ctx, func(queue.Result) (bool, error) { n++; return n < 3, nil })
	leave()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	if got := grading(t, ctx, p, q); len(got) != 3 || got["ann"].Record.Score != 10 {
		t.Errorf("%+v", got)
	}
}

func TestNobodyElseOpensAFolderThatIsOpen(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	folder, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(out); !errors.Is(err, ledger.ErrLocked) {
		t.Errorf("error %v", err)
	}
	folder.Close()
	// What was left by one that was killed goes.
	left := []string{".taking-1/x", "grades/.writing-2", ".writing-3"}
	for _, name := range left {
		if err := errors.Join(os.MkdirAll(filepath.Join(out, filepath.Dir(name)), 0o755), os.WriteFile(filepath.Join(out, name), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if folder, err = Open(out); err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	for _, name := range left {
		if _, err := os.Stat(filepath.Join(out, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}

func TestAWorkerTakesAwayWhatADeadOneLeft(t *testing.T) {
	t.Parallel()
	shared := t.TempDir()
	mine, release, err := claim(t.Context(), shared)
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(shared, "worker-DEAD")
	if err := errors.Join(os.Mkdir(dead, 0o700), os.WriteFile(dead+".lock", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, second, err := claim(t.Context(), shared)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("what a dead worker left is still there")
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("what a living one has was taken away: %v", err)
	}
	release()
	second()
	if left, _ := filepath.Glob(filepath.Join(shared, "worker-*")); left != nil {
		t.Errorf("left: %v", left)
	}
}

func TestWorkersServeBatchesThatTheyCan(t *testing.T) {
	t.Parallel()
	one, other := report.Tool{Version: "v1.2+x y", Commit: "abc"}, report.Tool{Version: "v1.2+x y", Commit: "abd"}
	if kind(one, "") != kind(one, sandbox.Basic) || kind(one, "") == kind(other, "") {
		t.Errorf("%s, %s, %s", kind(one, ""), kind(one, sandbox.Basic), kind(other, ""))
	}
	for tier, want := range map[sandbox.Tier]int{sandbox.Basic: 1, sandbox.Namespaced: 2, sandbox.Strict: 3} {
		if list := kinds(one, tier); len(list) != want || !slices.Contains(list, kind(one, tier)) {
			t.Errorf("%s: %v", tier, list)
		}
	}
	c := &coordinator{plan: Plan{Tool: one, Tier: sandbox.Strict}}
	text := c.nobody([]queue.Present{{Name: "m1", About: about(other, sandbox.Strict), Kinds: kinds(other, sandbox.Strict)}})
	for _, part := range []string{"start conform worker", "v1.2+x y (abc), tier strict", "m1 is conform v1.2+x y (abd)"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q lacks %q", text, part)
		}
	}
	if text := c.nobody([]queue.Present{{Kinds: kinds(one, sandbox.Strict)}}); text != "" {
		t.Errorf("there is one, and it says %q", text)
	}
}

// What the ledger has and the disk has not is graded again, and said to be.
func TestAGradeThatIsGoneIsGradedAgain(t *testing.T) {
	t.Parallel()
	p := plan(t, handIn(t, map[string]string{"ann": "", "bob": "read-is-a-question", "carl": "exits", "dora": "other-port"}))
	first := run(t, p, 2)
	file := func(name string) string { return filepath.Join(p.Out, first[name].Record.File) }
	text, err := os.ReadFile(file("bob"))
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(text), `"score": 6`, `"score": 9`, 1)
	if other == string(text) {
		t.Fatal("bob's score is not where it was")
	}
	if err := errors.Join(os.Remove(file("ann")), os.WriteFile(file("bob"), []byte(other), 0o600), os.WriteFile(file("carl"), text[:len(text)/2], 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadGrades(p.Out); err == nil || !strings.Contains(err.Error(), `"ann"`) || !strings.Contains(err.Error(), `"bob"`) || !strings.Contains(err.Error(), "again") {
		t.Errorf("who only reads is told %v", err)
	}
	again := run(t, p, 2)
	for name, cached := range map[string]bool{"ann": false, "bob": false, "carl": false, "dora": true} {
		if again[name].Cached != cached || again[name].Record.Score != first[name].Record.Score {
			t.Errorf("%s: %+v after %+v", name, again[name], first[name])
		}
	}
	if grades, err := ReadGrades(p.Out); err != nil || len(grades) != 4 || grades[1].Score != 6 {
		t.Errorf("%d grades, %v", len(grades), err)
	}
}

func TestStudentsAreToldHowItIsStartedAtHome(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rubric       grade.Rubric
		recipe       grade.Recipe
		hint, replay string
	}{
		{grade.Rubric{}, grade.Recipe{Start: "./s {port}"}, `it listens there`, `conform --exec './s {port}' --protocol raw --only raw/bytes/hello --seed 7 -v`},
		{grade.Rubric{}, grade.Recipe{Start: "./s", Port: 7000}, `it listens on port 7000`, `conform --target localhost:7000 --protocol raw --only raw/bytes/hello --seed 7 -v`},
		{grade.Rubric{Transport: grade.UDP}, grade.Recipe{Start: "./s {port}"}, `it takes datagrams (UDP) there`,
			`conform --target "udp://localhost:${PORT:?where it listens}" --protocol raw --only raw/bytes/hello --seed 7 -v`},
		{grade.Rubric{Transport: grade.UDP}, grade.Recipe{Start: "./s", Port: 7000}, `it takes datagrams (UDP) on port 7000`,
			`conform --target udp://localhost:7000 --protocol raw --only raw/bytes/hello --seed 7 -v`},
	} {
		if got := startHint(&tc.rubric, tc.recipe); !strings.Contains(got, tc.hint) {
			t.Errorf("%q lacks %q", got, tc.hint)
		}
		run := &report.Report{Results: []report.Result{{Replay: `conform --exec './s {port}' --protocol raw --only raw/bytes/hello --seed 7 -v`}}}
		if atHome(run, &tc.rubric, tc.recipe); run.Results[0].Replay != tc.replay {
			t.Errorf("%s, not %s", run.Results[0].Replay, tc.replay)
		}
	}
}

// Without boxes too, a server that does not start is the submission's doing.
func TestWithoutABoxWhatDoesNotStartIsTheSubmissions(t *testing.T) {
	t.Parallel()
	p := plan(t, handIn(t, map[string]string{"dora": "exits"}))
	p.Tier = sandbox.Basic
	p.Rubric = []byte(strings.Replace(string(p.Rubric), "  port: 1060\n", "", 1))
	if r := run(t, p, 1)["dora"].Record; r.Outcome != grade.NotStarted || r.Owner != grade.OfSubmission || r.Code != sandbox.EndedEarly || r.Attempts != 1 {
		t.Errorf("%+v", r)
	}
	for want, e := range map[string]target.UnreadyError{sandbox.EndedEarly: {Ended: true}, sandbox.WrongPort: {Elsewhere: true}, sandbox.WrongInterface: {Interface: true}, sandbox.NotListening: {}} {
		if got := unreadyCode(&e); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}
