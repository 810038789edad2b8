package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"conform/suites/batch"
	"conform/suites/feedback"
	"conform/suites/grade"
	"conform/suites/ledger"
	"conform/suites/queue"
	"conform/suites/report"
	"conform/suites/sandbox"
	"conform/suites/submission"
)

// gradeFlags are the flags of conform grade FOLDER as they were written.
type gradeFlags struct {
	rubric, out, due, submitted string
	tier, shard                 string
	one                         bool
	jobs                        int
	seed                        int64
	show, reports               []string
	queue                       queue.Options
	verbose                     bool
}

func (f *gradeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.rubric, "rubric", "", "grade by this `RUBRIC`: a file, or ready:NAME")
	flags.StringVar(&f.out, "out", "graded", "the `folder` of ledger, grades and feedback: a second run goes on there")
	flags.BoolVar(&f.one, "one", false, "FOLDER is one submission, a folder or an archive, not a folder of many")
	flags.IntVar(&f.jobs, "jobs", 0, "grade `N` submissions at a time, each by a process of its own; by default one for each core, and none with --queue")
	flags.Int64Var(&f.seed, "seed", 0, "draw the input of all submissions from this `number`; by default from the one of the run before in --out, or a new one")
	flags.StringVar(&f.due, "due", "", "when the submissions were due, as a `time`: 2026-11-21T23:59:00Z; by default as the rubric says")
	flags.StringVar(&f.submitted, "submitted", "", "when they were handed in: a `time` for all, or a CSV file with a name and a time a line")
	flags.StringVar(&f.tier, "require-tier", "", "do not grade where boxes cannot be of this `tier`: strict, namespaced or basic")
	flags.StringArrayVar(&f.show, "show", nil, "let submissions read this file or folder of the machine as well, and find its programs, as in `/opt/jdk` (repeatable)")
	flags.StringVar(&f.shard, "shard", "", "grade only the `I/N`th part of the submissions; conform grade merge puts the parts together")
	flags.StringArrayVar(&f.reports, "report", nil, "write `FORMAT=PATH` besides the feedback, with {name} in the path of what each submission has: "+strings.Join(gradeFormats(), ", ")+" (repeatable)")
	queueFlags(flags, &f.queue)
	_ = cmd.MarkFlagFilename("rubric", "yaml", "yml")
	_ = cmd.MarkFlagDirname("out")
	_ = cmd.RegisterFlagCompletionFunc("require-tier", cobra.FixedCompletions([]string{"strict", "namespaced", "basic"}, cobra.ShellCompDirectiveNoFileComp))
}

func gradeFormats() (names []string) {
	for _, f := range feedback.Formats() {
		names = append(names, f.Name)
	}
	return names
}

// gradeReport is a file that --report asks for.
type gradeReport struct {
	format feedback.Format
	path   string // with {name} for those of a submission
}

func (f *gradeFlags) gradeReports() (list []gradeReport, err error) {
	for _, given := range f.reports {
		name, path, ok := strings.Cut(given, "=")
		at := slices.IndexFunc(feedback.Formats(), func(f feedback.Format) bool { return f.Name == name })
		switch {
		case !ok || path == "":
			return nil, fmt.Errorf("--report %s: write FORMAT=PATH, as in csv=class.csv", quoted(given))
		case at < 0:
			return nil, fmt.Errorf("--report %s: unknown format %s: known are %s", quoted(given), quoted(name), strings.Join(gradeFormats(), ", "))
		}
		r := gradeReport{feedback.Formats()[at], path}
		many := strings.Contains(path, "{name}")
		switch {
		case r.format.Class && many:
			return nil, fmt.Errorf("--report %s: %s is about all submissions: leave {name} out", quoted(given), name)
		case !r.format.Class && !many && !f.one:
			return nil, fmt.Errorf("--report %s: each submission has its own: write {name} in the path, as in %s=results/{name}/results.json", quoted(given), name)
		}
		list = append(list, r)
	}
	return list, nil
}

// runGrade grades the submissions in a folder.
func runGrade(cmd *cobra.Command, f gradeFlags, folder string) error {
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	if f.rubric == "" {
		return fmt.Errorf("--rubric is missing: write a file or ready:NAME; conform grade --list shows those that are ready-made")
	}
	reports, err := f.gradeReports()
	if err != nil {
		return err
	}
	text, err := rubricText(f.rubric)
	if err != nil {
		return fmt.Errorf("--rubric: %w", err)
	}
	scheme, err := readScheme(f.rubric)
	var mistakes grade.Mistakes
	if errors.As(err, &mistakes) {
		fmt.Fprintf(stderr, "conform: --rubric %s: %s\n%s\n", f.rubric, mistakesFound(len(mistakes)), mistakes)
		return exitError(exitUsage)
	} else if err != nil {
		return fmt.Errorf("--rubric: %w", err)
	}
	plan := batch.Plan{Rubric: text, Tool: tool(), Out: f.out, Show: f.show}
	if plan.Submissions, err = f.submissions(folder); err != nil {
		return err
	}
	if plan.Due, err = timeOf("--due", f.due); err != nil {
		return err
	}
	if plan.Submitted, err = submittedTimes(f.submitted, plan.Submissions); err != nil {
		return err
	}
	if f.tier != "" {
		if plan.Tier, err = sandbox.ParseTier(f.tier); err != nil {
			return fmt.Errorf("--require-tier: %w", err)
		}
	}
	if cmd.Flags().Changed("jobs") && f.jobs < 0 || f.jobs == 0 && f.queue.URL == "" && cmd.Flags().Changed("jobs") {
		return fmt.Errorf("--jobs %d: write a number from 1 on, or name a --queue whose workers do it", f.jobs)
	}
	if f.seed < 0 {
		return fmt.Errorf("--seed %d: write a number from 1 on", f.seed)
	}
	if f.queue.URL == "" && f.jobs == 0 {
		f.jobs = runtime.NumCPU()
	}
	for i, path := range f.show {
		if f.show[i], err = sandbox.Showable(path); err != nil {
			return fmt.Errorf("--show: %w", err)
		}
	}
	if f.jobs > 0 {
		if err := batch.Missing(scheme.Rubric.Submission, f.show); err != nil {
			return fmt.Errorf("--rubric %s: %w", f.rubric, err)
		}
	}
	if plan.Program, err = ownDigest(); err != nil {
		return kitError{err}
	}
	if here := sandbox.Probe().Tier; plan.Tier != "" && f.jobs > 0 && !here.Meets(plan.Tier) {
		return fmt.Errorf("--require-tier %s: this machine can do %s: conform doctor says what is missing", plan.Tier, here)
	}
	if err := apart(f.out, folder, f.one); err != nil {
		return err
	}
	out, err := batch.Open(f.out)
	if err != nil {
		return fmt.Errorf("--out %s: %w", f.out, err)
	}
	defer out.Close()
	if plan.Seed, err = f.seedOf(); err != nil {
		return fmt.Errorf("--out %s: %w", f.out, err)
	}
	if f.shard != "" {
		if err := writeShard(f.out, f.shard); err != nil {
			return fmt.Errorf("--out %s: %w", f.out, err)
		}
	}
	tally, err := gradeAll(cmd.Context(), plan, out, f, stderr)
	if err != nil && !interrupted(cmd.Context()) {
		// What is known is worth writing all the same, if it can be.
		_, _ = writeFeedback(plan, scheme, f, reports, stdout)
		return kitError{fmt.Errorf("%w: nothing that was graded is lost, and the same command goes on from there", err)}
	}
	written, writeErr := writeFeedback(plan, scheme, f, reports, stdout)
	if writeErr != nil {
		return kitError{writeErr}
	}
	tally.show(stdout, plan, written)
	switch {
	case interrupted(cmd.Context()):
		return exitError(130)
	case len(tally.undecided) > 0:
		return exitError(exitKit)
	}
	return nil
}

// submissions lists what there is to grade here.
func (f *gradeFlags) submissions(path string) ([]submission.Found, error) {
	if f.one {
		if f.shard != "" {
			return nil, fmt.Errorf("--shard and --one exclude each other: one submission has no parts")
		}
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		return []submission.Found{{Name: filepath.Base(absolute), Path: path}}, nil
	}
	all, err := submission.Find(path)
	if err != nil {
		return nil, fmt.Errorf("%w: write a folder that holds the submissions, or --one for one of them", err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no submission: write a folder that holds a folder or archive for each", path)
	}
	if f.shard == "" {
		return all, nil
	}
	part, parts, ok := shardOf(f.shard)
	if !ok {
		return nil, fmt.Errorf("--shard %s: write I/N with I from 1 to N, as in 2/8", quoted(f.shard))
	}
	if f.seed == 0 {
		return nil, fmt.Errorf("--shard %s needs --seed, and the same for all parts: everybody's input is drawn from it", f.shard)
	}
	// By the name, not by its place: a machine that lacks one grades no other's.
	return slices.DeleteFunc(all, func(s submission.Found) bool {
		sum := fnv.New32a()
		io.WriteString(sum, s.Name)
		return int(sum.Sum32()%uint32(parts)) != part-1
	}), nil
}

// apart says whether the folder of results is where submissions would be looked
// for.
func apart(out, folder string, one bool) error {
	o, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	from, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	if in, err := filepath.Rel(from, o); err == nil && filepath.IsLocal(in) && (in == "." || one || !strings.HasPrefix(in, ".")) {
		return fmt.Errorf("--out %s is in %s, and would be taken for a submission: name a folder elsewhere", out, folder)
	}
	return nil
}

// shardFile says which part of a batch a folder holds.
const shardFile = "shard"

func shardOf(text string) (part, parts int, ok bool) {
	before, after, found := strings.Cut(text, "/")
	part, err := strconv.Atoi(before)
	parts, err2 := strconv.Atoi(after)
	return part, parts, found && errors.Join(err, err2) == nil && part >= 1 && part <= parts
}

func writeShard(out, shard string) error {
	path := filepath.Join(out, shardFile)
	if before, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(before)) != shard {
		return fmt.Errorf("it holds part %s: name another folder for part %s", strings.TrimSpace(string(before)), shard)
	}
	return ledger.WriteFile(path, func(w io.Writer) error { _, err := fmt.Fprintln(w, shard); return err })
}

// allParts says which part is missing where folders hold parts.
func allParts(folders []string) error {
	parts := 0
	there := map[int]bool{}
	for _, folder := range folders {
		text, err := os.ReadFile(filepath.Join(folder, shardFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		part, of, ok := shardOf(strings.TrimSpace(string(text)))
		switch {
		case !ok:
			return fmt.Errorf("%s does not say which part it is", filepath.Join(folder, shardFile))
		case parts != 0 && of != parts:
			return fmt.Errorf("%s is a part of %d, others are of %d: grade all with the same --shard …/N", folder, of, parts)
		}
		parts, there[part] = of, true
	}
	var missing []string
	for part := 1; part <= parts; part++ {
		if !there[part] {
			missing = append(missing, fmt.Sprint(part))
		}
	}
	if len(missing) > 0 {
		more := ""
		if len(missing) > 10 {
			more, missing = fmt.Sprintf(" and %d more", len(missing)-10), missing[:10]
		}
		return fmt.Errorf("of %d parts there is none numbered %s%s: name their folders too", parts, strings.Join(missing, ", "), more)
	}
	return nil
}

// tally is what has come of a batch.
type tally struct {
	total, cached int
	outcomes      map[grade.Outcome]int
	undecided     []string // who, in the order in which it became known
	took          time.Duration
}

// gradeAll runs coordinator and, unless there are others, workers.
func gradeAll(ctx context.Context, plan batch.Plan, out *batch.Folder, f gradeFlags, stderr io.Writer) (*tally, error) {
	t := &tally{total: len(plan.Submissions), outcomes: map[grade.Outcome]int{}}
	level := slog.LevelError
	if f.verbose {
		level = slog.LevelInfo
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	screen := &screen{w: stderr}
	options := f.queue
	options.Name = "conform grade"
	options.Log = slog.New(slog.NewTextHandler(screen, &slog.HandlerOptions{Level: level}))
	if options.URL == "" {
		// The queue is disposable: what the ledger lacks is put in again.
		folder := filepath.Join(plan.Out, ".queue")
		if err := os.RemoveAll(folder); err != nil {
			return t, err
		}
		server, err := queue.StartServer(folder, rand.Text())
		if err != nil {
			return t, err
		}
		defer os.RemoveAll(folder)
		defer server.Close()
		options.URL = server.URL
	}
	q, err := queue.Connect(ctx, options)
	if err != nil {
		return t, err
	}
	defer q.Close()
	var workers sync.WaitGroup
	defer workers.Wait()
	working, leave := context.WithCancel(ctx)
	defer leave()
	if f.jobs > 0 {
		private, err := workerFolder("")
		if err != nil {
			return t, err
		}
		words := io.Writer(io.Discard)
		if f.verbose {
			words = screen
		}
		workers.Go(func() {
			if err := superviseWorkers(working, words, f.jobs, "here", private, q, options.Access); err != nil {
				fail(err)
			}
		})
	}
	began := time.Now()
	screen.begin(t.total)
	defer screen.end()
	done, fresh := 0, 0
	err = out.Grade(ctx, plan, q, func(e batch.Event) {
		if e.Problem != nil {
			fmt.Fprintf(screen, "conform: %s\n", oneLine(e.Problem.Error()))
			return
		}
		done++
		t.outcomes[e.Record.Outcome]++
		if !e.Record.Final() {
			t.undecided = append(t.undecided, e.Name)
		}
		if e.Cached {
			t.cached++
		} else {
			fresh++
		}
		screen.update(done, len(t.undecided), timeLeft(time.Since(began), fresh, e.Left))
	})
	t.took = time.Since(began)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return t, err
}

// timeLeft guesses how long the rest takes, from how long so many took.
func timeLeft(took time.Duration, done, left int) string {
	if done == 0 || left == 0 || took < 2*time.Second {
		return ""
	}
	return fmt.Sprintf("about %s left", (took / time.Duration(done) * time.Duration(left)).Round(time.Second))
}

// screen shows how far a batch has come, and what there is to say meanwhile.
type screen struct {
	mu           sync.Mutex
	w            io.Writer
	progress     *report.Progress // nil when there is none
	total        int
	done, failed int
	left         string
}

func (s *screen) begin(total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total = total
	s.progress = newProgress(s.w, total)
}

func (s *screen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.progress != nil {
		s.progress.Stop()
		s.progress = nil
	}
}

func (s *screen) update(done, failed int, left string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.failed, s.left = done, failed, left
	s.show()
}

func (s *screen) show() {
	if s.progress == nil {
		return
	}
	var left []string
	if s.left != "" {
		left = []string{s.left}
	}
	s.progress.Update(s.done, s.failed, left)
}

// Write says something between two states of the progress.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.progress != nil {
		s.progress.Stop()
		defer func() {
			s.progress = newProgress(s.w, s.total)
			s.show()
		}()
	}
	return s.w.Write(p)
}

// show says what a batch came to.
func (t *tally) show(w io.Writer, plan batch.Plan, written []string) {
	parts := []string{}
	for _, o := range []grade.Outcome{grade.Graded, grade.NotStarted, grade.BuildFailed, grade.Unreadable, grade.Undecided} {
		if n := t.outcomes[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	done := 0
	for _, n := range t.outcomes {
		done += n
	}
	fmt.Fprintf(w, "%d of %d submissions: %s", done, t.total, strings.Join(parts, ", "))
	if t.cached > 0 {
		fmt.Fprintf(w, " (%d known from before)", t.cached)
	}
	fmt.Fprintf(w, " · %s · seed %d\n", t.took.Round(100*time.Millisecond), plan.Seed)
	for _, line := range written {
		fmt.Fprintf(w, "  %s\n", line)
	}
	if n := len(t.undecided); n > 0 {
		names, more := t.undecided, ""
		if len(names) > 10 {
			names, more = names[:10], fmt.Sprintf(" and %d more", n-10)
		}
		shown := make([]string, len(names))
		for i, name := range names {
			shown[i] = quoted(name)
		}
		fmt.Fprintf(w, "%d could not be decided, which is not their doing and no zero: %s%s\n", n, strings.Join(shown, ", "), more)
		fmt.Fprintln(w, "the class page names the causes: mend them, and run the same command again")
	} else if done < t.total {
		fmt.Fprintln(w, "the same command goes on where this one ended")
	}
}

// writeFeedback writes what people and course systems read.
func writeFeedback(plan batch.Plan, scheme *grade.Scheme, f gradeFlags, reports []gradeReport, stdout io.Writer) (written []string, err error) {
	grades, err := batch.ReadGrades(plan.Out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	here := map[string]bool{}
	for _, s := range plan.Submissions {
		here[s.Name] = true
	}
	grades = slices.DeleteFunc(grades, func(g grade.Grade) bool { return !here[g.Submission.Name] })
	due := plan.Due
	if due == nil && scheme.Rubric.Lateness != nil {
		due = scheme.Rubric.Lateness.Due
	}
	options := feedback.Options{Audience: feedback.Student, PastDue: due != nil && time.Now().After(*due)}
	if err := os.MkdirAll(filepath.Join(plan.Out, "feedback"), 0o755); err != nil {
		return nil, err
	}
	class := feedback.Class{Title: scheme.Rubric.Title}
	for _, g := range grades {
		file := batch.FileName(g.Submission.Name)
		class.Entries = append(class.Entries, feedback.Entry{Grade: g, Page: "feedback/" + file + ".html"})
		own := []gradeReport{
			{feedback.Format{Name: "html"}, filepath.Join(plan.Out, "feedback", "{name}.html")},
			{feedback.Format{Name: "markdown"}, filepath.Join(plan.Out, "feedback", "{name}.md")},
		}
		for _, r := range append(own, reports...) {
			if r.format.Class {
				continue
			}
			path := strings.ReplaceAll(r.path, "{name}", file)
			err := writeTo(path, stdout, func(w io.Writer) error { return feedback.Write(r.format.Name, w, g, options) })
			if errors.Is(err, feedback.ErrUndecided) {
				// An older file would pass for the result of this run.
				err = os.Remove(path)
				if errors.Is(err, fs.ErrNotExist) {
					err = nil
				}
			}
			if err != nil {
				return nil, fmt.Errorf("%s of %q: %w", r.format.Name, g.Submission.Name, err)
			}
		}
	}
	whole := []gradeReport{
		{feedback.Format{Name: "class-html", Class: true}, filepath.Join(plan.Out, "class.html")},
		{feedback.Format{Name: "csv", Class: true}, filepath.Join(plan.Out, "class.csv")},
		{feedback.Format{Name: "class-json", Class: true}, filepath.Join(plan.Out, "class.json")},
	}
	for _, r := range append(whole, reports...) {
		if !r.format.Class {
			continue
		}
		if err := writeTo(r.path, stdout, func(w io.Writer) error { return feedback.WriteClass(r.format.Name, w, class) }); err != nil {
			return nil, err
		}
	}
	return []string{filepath.Join(plan.Out, "class.html"), filepath.Join(plan.Out, "feedback") + string(filepath.Separator)}, nil
}

// writeTo writes a file whole or not at all, in a folder that it makes; - is
// standard output.
func writeTo(path string, stdout io.Writer, write func(io.Writer) error) error {
	if path == "-" {
		return write(stdout)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return ledger.WriteFile(path, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		if err := write(b); err != nil {
			return err
		}
		return b.Flush()
	})
}

// ownDigest is that of this program: another one grades anew.
func ownDigest() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	file, err := os.Open(self)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// seedOf is the seed of a folder: the same again for whoever does not say.
func (f *gradeFlags) seedOf() (int64, error) {
	path, given := filepath.Join(f.out, "seed"), f.seed
	if given == 0 {
		text, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			given = 1 + mathrand.Int64N(1_000_000_000)
		case err != nil:
			return 0, err
		default:
			if given, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err != nil || given < 1 {
				return 0, fmt.Errorf("%s holds no seed: take it away, or write --seed", path)
			}
			return given, nil
		}
	}
	return given, ledger.WriteFile(path, func(w io.Writer) error { _, err := fmt.Fprintln(w, given); return err })
}

func timeOf(flag, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, fmt.Errorf("%s %s: write a time with its zone, as in 2026-11-21T23:59:00Z or 2026-11-21T23:59:00+01:00", flag, quoted(text))
	}
	return &at, nil
}

// submittedTimes reads --submitted.
func submittedTimes(given string, all []submission.Found) (map[string]time.Time, error) {
	times := map[string]time.Time{}
	if given == "" {
		return times, nil
	}
	if at, err := timeOf("--submitted", given); err == nil {
		for _, s := range all {
			times[s.Name] = *at
		}
		return times, nil
	}
	file, err := os.Open(given)
	if err != nil {
		return nil, fmt.Errorf("--submitted: %w: write a time, as in 2026-11-21T23:59:00Z, or a CSV file with a name and a time a line", err)
	}
	defer file.Close()
	lines := csv.NewReader(io.LimitReader(file, 16<<20))
	lines.FieldsPerRecord = 2
	for number := 1; ; number++ {
		line, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("--submitted %s: %w", given, err)
		}
		at, err := time.Parse(time.RFC3339, line[1])
		if err != nil && number == 1 {
			continue // a header
		} else if err != nil {
			return nil, fmt.Errorf("--submitted %s:%d: %s is no time: write as in 2026-11-21T23:59:00Z", given, number, quoted(line[1]))
		}
		times[line[0]] = at
	}
	for name := range times {
		if !slices.ContainsFunc(all, func(s submission.Found) bool { return s.Name == name }) && len(all) > 1 {
			return nil, fmt.Errorf("--submitted %s: there is no submission %s", given, quoted(name))
		}
	}
	return times, nil
}

// newGradeDiff compares two gradings.
func newGradeDiff() *cobra.Command {
	var asJSON, markdown bool
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Show whose grade differs between two gradings",
		Long: `Compare the grades in two folders of conform grade --out: whose score is another,
and by which lines. Those who lose come first; it exits 1 if there are any.

  conform grade diff graded-monday graded-tuesday`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var sides [2][]grade.Grade
			for i, folder := range args {
				var err error
				if sides[i], err = batch.ReadGrades(folder); err != nil {
					return err
				}
			}
			changes := feedback.Diff(sides[0], sides[1])
			out := cmd.OutOrStdout()
			var err error
			switch {
			case asJSON && markdown:
				return fmt.Errorf("--json and --markdown exclude each other")
			case asJSON:
				err = feedback.WriteDiffJSON(out, changes)
			case markdown:
				err = feedback.WriteDiffMarkdown(out, changes)
			default:
				err = feedback.WriteDiff(out, changes, report.TerminalOptions{Width: width(out)})
			}
			if err != nil {
				return kitError{err}
			}
			if feedback.Worse(changes) {
				return exitError(1)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&markdown, "markdown", false, "as Markdown")
	return cmd
}

// newGradeMerge puts the parts of a batch together.
func newGradeMerge() *cobra.Command {
	var f gradeFlags
	cmd := &cobra.Command{
		Use:   "merge OUT…",
		Short: "Put the parts that --shard has graded together",
		Long: `Put folders of conform grade --out together in one, with the pages about all of
them. A result that was decided goes before one that was not.

  conform grade submissions --rubric rubric.yaml --shard 1/2 --out part1
  conform grade submissions --rubric rubric.yaml --shard 2/2 --out part2
  conform grade merge part1 part2 --rubric rubric.yaml --out graded`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.rubric == "" {
				return fmt.Errorf("--rubric is missing: write the one that the parts were graded by")
			}
			scheme, err := readScheme(f.rubric)
			if err != nil {
				return fmt.Errorf("--rubric: %w", err)
			}
			reports, err := f.gradeReports()
			if err != nil {
				return err
			}
			plan := batch.Plan{Out: f.out}
			if plan.Due, err = timeOf("--due", f.due); err != nil {
				return err
			}
			if err := allParts(args); err != nil {
				return err
			}
			out, err := batch.Open(f.out)
			if err != nil {
				return fmt.Errorf("--out %s: %w", f.out, err)
			}
			defer out.Close()
			records, err := out.Merge(args)
			if err != nil {
				return err
			}
			t := &tally{total: len(records), outcomes: map[grade.Outcome]int{}}
			for _, r := range records {
				plan.Submissions = append(plan.Submissions, submission.Found{Name: r.Name})
				t.outcomes[r.Outcome]++
				if !r.Final() {
					t.undecided = append(t.undecided, r.Name)
				}
			}
			written, err := writeFeedback(plan, scheme, f, reports, cmd.OutOrStdout())
			if err != nil {
				return kitError{err}
			}
			t.show(cmd.OutOrStdout(), plan, written)
			if len(t.undecided) > 0 {
				return exitError(exitKit)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.rubric, "rubric", "", "the `RUBRIC` that the parts were graded by: a file, or ready:NAME")
	flags.StringVar(&f.out, "out", "graded", "the `folder` that they are put in")
	flags.StringVar(&f.due, "due", "", "when the submissions were due, as a `time`")
	flags.StringArrayVar(&f.reports, "report", nil, "as for conform grade: `FORMAT=PATH` (repeatable)")
	return cmd
}

// newGradeFill fills in the gradebook of a course system.
func newGradeFill() *cobra.Command {
	var canvas string
	var moodle bool
	cmd := &cobra.Command{
		Use:   "fill OUT EXPORT",
		Short: "Fill in a gradebook that was exported from Canvas or Moodle",
		Long: `Write a gradebook that was exported from a course system with the scores of a
folder of conform grade --out filled in: no other cell is touched. The gradebook
goes to standard output, and who was not matched to standard error.

  conform grade fill graded export.csv --canvas 'Lab 1' > import.csv
  conform grade fill graded worksheet.csv --moodle > import.csv

It exits 1 when a submission is not in the gradebook.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (canvas != "") == moodle {
				return fmt.Errorf("write one of --canvas ASSIGNMENT and --moodle")
			}
			grades, err := batch.ReadGrades(args[0])
			if err != nil {
				return err
			}
			var class feedback.Class
			for _, g := range grades {
				class.Entries = append(class.Entries, feedback.Entry{Grade: g})
			}
			export, err := os.Open(args[1])
			if err != nil {
				return err
			}
			defer export.Close()
			var filled feedback.Filled
			if moodle {
				filled, err = feedback.FillMoodle(cmd.OutOrStdout(), export, class, feedback.MoodleColumns{}, feedback.Options{})
			} else {
				filled, err = feedback.FillCanvas(cmd.OutOrStdout(), export, class, canvas)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", args[1], err)
			}
			stderr := cmd.ErrOrStderr()
			if err := filled.Write(stderr, report.TerminalOptions{Width: width(stderr)}); err != nil {
				return kitError{err}
			}
			if !filled.OK() {
				return exitError(1)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&canvas, "canvas", "", "EXPORT is from Canvas: fill in this `assignment`, by its title, its number or its header")
	cmd.Flags().BoolVar(&moodle, "moodle", false, "EXPORT is an offline grading worksheet of Moodle")
	return cmd
}
