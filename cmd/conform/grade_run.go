package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
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
	if plan.Submissions, err = f.submissions(cmd.Context(), folder); err != nil {
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
		return outError(f.out, err)
	}
	defer out.Close()
	if aside := out.Aside(); aside != "" {
		fmt.Fprintf(stderr, "conform: %s\n", aside)
	}
	if plan.Seed, err = f.seedOf(); err != nil {
		return outError(f.out, err)
	}
	if f.shard != "" {
		if err := writeShard(f.out, f.shard, plan.Submissions); err != nil {
			return outError(f.out, err)
		}
	}
	tally, err := gradeAll(cmd.Context(), plan, out, f, stderr)
	if err != nil && !interrupted(cmd.Context()) {
		// What is known is worth writing all the same, if it can be.
		_, _ = writeFeedback(plan, scheme, f, reports, stdout, stderr)
		return kitError{fmt.Errorf("%w: nothing that was graded is lost (%d of %d), and the same command goes on from there", roomFor(f.out, err), tally.done(), tally.total)}
	}
	written, writeErr := writeFeedback(plan, scheme, f, reports, stdout, stderr)
	if writeErr != nil {
		return kitError{fmt.Errorf("%w: the grades are safe in %s, and the same command writes the feedback", roomFor(f.out, writeErr), f.out)}
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

// outError says why --out cannot be used: a folder that is none is named wrong, a
// full disk is not.
func outError(out string, err error) error {
	if batch.Full(err) {
		return kitError{fmt.Errorf("%w: the same command goes on then", roomFor(out, err))}
	}
	return fmt.Errorf("--out %s: %w", out, err)
}

// roomFor says what to do where a disk is full. What is written there is what
// grading keeps: workers say so themselves of their copies.
func roomFor(out string, err error) error {
	if !batch.Full(err) {
		return err
	}
	return fmt.Errorf("there is no room left for --out %s: make some there (%w)", out, err)
}

// submissions lists what there is to grade here.
func (f *gradeFlags) submissions(ctx context.Context, path string) ([]submission.Found, error) {
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
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is a file: write a folder that holds the submissions, or --one if it is one of them", path)
	}
	all, err := submission.Find(path)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no submission: write a folder that holds a folder or archive for each", path)
	}
	if len(all) == 1 {
		if n := batch.Bundle(ctx, all[0]); n > 0 {
			return nil, fmt.Errorf("%s holds one thing, %s, and that holds %d archives: unpack it, and write the folder that they are in", path, filepath.Base(all[0].Path), n)
		}
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

// writeShard writes down which part a folder holds and, a line each in JSON, of
// which submissions: a part that is killed may not be taken for a whole one.
func writeShard(out, shard string, all []submission.Found) error {
	if before, _, err := readShard(out); err == nil && before != shard {
		return fmt.Errorf("it holds part %s: name another folder for part %s", before, shard)
	}
	return ledger.WriteFile(filepath.Join(out, shardFile), func(w io.Writer) error {
		if _, err := fmt.Fprintln(w, shard); err != nil {
			return err
		}
		lines := json.NewEncoder(w)
		for _, s := range all {
			if err := lines.Encode(s.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

func readShard(folder string) (shard string, names []string, err error) {
	path := filepath.Join(folder, shardFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	shard, rest, _ := strings.Cut(string(text), "\n")
	for lines := json.NewDecoder(strings.NewReader(rest)); lines.More(); {
		var name string
		if err := lines.Decode(&name); err != nil {
			return "", nil, fmt.Errorf("%s does not say of which submissions it is a part: %w", path, err)
		}
		names = append(names, name)
	}
	return strings.TrimSpace(shard), names, nil
}

// allParts says which part is missing where folders hold parts, and of which
// submissions each is.
func allParts(folders []string) (of map[string][]string, err error) {
	parts := 0
	there := map[int]bool{}
	of = map[string][]string{}
	for _, folder := range folders {
		shard, names, err := readShard(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		part, all, ok := shardOf(shard)
		switch {
		case !ok:
			return nil, fmt.Errorf("%s does not say which part it is", filepath.Join(folder, shardFile))
		case parts != 0 && all != parts:
			return nil, fmt.Errorf("%s is a part of %d, others are of %d: grade all with the same --shard …/N", folder, all, parts)
		}
		parts, there[part], of[folder] = all, true, names
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
		return nil, fmt.Errorf("of %d parts there is none numbered %s%s: name their folders too", parts, strings.Join(missing, ", "), more)
	}
	return of, nil
}

// tally is what has come of a batch.
type tally struct {
	total, cached int
	outcomes      map[grade.Outcome]int
	undecided     []string // who, in the order in which it became known
	unfinished    []string // parts that did not come to their end, and what they lack
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
		if err := sandbox.RemoveAll(folder); err != nil {
			return t, fmt.Errorf("what a queue left that was killed cannot be taken away: %w", err)
		}
		server, err := queue.StartServer(folder, rand.Text())
		if err != nil {
			return t, err
		}
		defer os.RemoveAll(folder)
		defer server.Close()
		options.URL, options.Room = server.URL, server.Room
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
	guess := pace{began: began, last: began, left: t.total}
	err = out.Grade(ctx, plan, q, func(e batch.Event) {
		if e.Problem != nil {
			fmt.Fprintf(screen, "conform: %s\n", oneLine(e.Problem.Error()))
			return
		}
		t.outcomes[e.Record.Outcome]++
		if !e.Record.Final() {
			t.undecided = append(t.undecided, e.Name)
		}
		if e.Cached {
			t.cached++
		} else {
			guess.fresh++
		}
		guess.last, guess.left = time.Now(), e.Left
		screen.update(t.done(), len(t.undecided), guess)
	})
	t.took = time.Since(began)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return t, err
}

// pace is how fast a batch goes.
type pace struct {
	began, last time.Time // last is when a result came
	fresh, left int       // submissions that were graded, and those that are to be
}

// says guesses how long the rest takes, from how long so many took. Where that has
// turned out wrong, since a few are slow, it says so.
func (p pace) says(now time.Time) string {
	silent := now.Sub(p.last)
	if p.left == 0 {
		return ""
	}
	guess := time.Duration(0)
	if p.fresh >= 3 { // fewer say nothing of the others
		guess = p.last.Sub(p.began) / time.Duration(p.fresh) * time.Duration(p.left)
	}
	switch {
	case guess > silent:
		return "~" + spell(max(guess-silent, time.Second)) + " left"
	case silent >= 5*time.Second:
		return fmt.Sprintf("%d left, none for %s", p.left, spell(silent))
	}
	return ""
}

// spell is how long something takes, for people.
func spell(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 10*time.Minute:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d.Round(time.Minute)/time.Minute)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}

// screen shows how far a batch has come, and what there is to say meanwhile.
type screen struct {
	mu              sync.Mutex
	w               io.Writer
	progress        *report.Progress // nil when there is none
	began           time.Time
	total           int
	done, undecided int
	pace            pace
	stop            chan struct{}
	stopped         sync.WaitGroup
}

func (s *screen) begin(total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total, s.began, s.stop = total, time.Now(), make(chan struct{})
	s.pace = pace{began: s.began, last: s.began, left: total}
	s.open()
	// The guess grows older while nothing comes.
	s.stopped.Go(func() {
		for tick := time.NewTicker(time.Second); ; {
			select {
			case <-s.stop:
				tick.Stop()
				return
			case <-tick.C:
				s.mu.Lock()
				s.show()
				s.mu.Unlock()
			}
		}
	})
}

// open begins to show the progress.
func (s *screen) open() {
	s.progress = report.NewProgress(s.w, s.total, report.ProgressOptions{Terminal: isTerminal(s.w), Width: width(s.w), Failed: "undecided", Since: s.began})
	s.show()
}

func (s *screen) end() {
	close(s.stop)
	s.stopped.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.progress != nil {
		s.progress.Stop()
		s.progress = nil
	}
}

func (s *screen) update(done, undecided int, p pace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.undecided, s.pace = done, undecided, p
	s.show()
}

func (s *screen) show() {
	if s.progress == nil {
		return
	}
	var left []string
	if text := s.pace.says(time.Now()); text != "" {
		left = []string{text}
	}
	s.progress.Update(s.done, s.undecided, left)
}

// Write says something between two states of the progress.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.progress != nil {
		s.progress.Stop()
		defer s.open()
	}
	return s.w.Write(p)
}

func (t *tally) done() (n int) {
	for _, m := range t.outcomes {
		n += m
	}
	return n
}

// show says what a batch came to.
func (t *tally) show(w io.Writer, plan batch.Plan, written feedbackWritten) {
	fmt.Fprintf(w, "%d of %d submissions", t.done(), t.total)
	between := ": "
	for _, o := range []struct {
		outcome grade.Outcome
		says    string
	}{{grade.Graded, "graded"}, {grade.NotStarted, "did not start"}, {grade.BuildFailed, "could not be built"}, {grade.Unreadable, "unreadable"}, {grade.Undecided, "undecided"}} {
		if n := t.outcomes[o.outcome]; n > 0 {
			fmt.Fprintf(w, "%s%d %s", between, n, o.says)
			between = ", "
		}
	}
	if t.cached > 0 {
		fmt.Fprintf(w, " (%d known from before)", t.cached)
	}
	if t.took > 0 {
		fmt.Fprintf(w, " · %s", took(t.took))
	}
	if plan.Seed != 0 {
		fmt.Fprintf(w, " · seed %d", plan.Seed)
	}
	fmt.Fprintln(w)
	if written.Scores != "" {
		fmt.Fprintf(w, "  %s\n", written.Scores)
	}
	for _, path := range written.paths {
		fmt.Fprintf(w, "  %s\n", path)
	}
	for _, doubt := range written.Doubts {
		fmt.Fprintf(w, "! %s\n", doubt)
	}
	if n := len(t.undecided); n > 0 {
		fmt.Fprintf(w, "%d could not be decided, which is not their doing and no zero: %s\n", n, listed(t.undecided))
		for _, problem := range written.Problems[:min(len(written.Problems), 3)] {
			fmt.Fprintf(w, "  %s\n", problem)
		}
		fmt.Fprintln(w, "the class page names all causes: mend them, and run the same command again")
	}
	for _, text := range t.unfinished {
		fmt.Fprintln(w, text)
	}
	if len(t.unfinished) > 0 {
		fmt.Fprintln(w, "run the command of each such part again, and then this one")
	} else if len(t.undecided) == 0 && t.done() < t.total {
		fmt.Fprintln(w, "the same command goes on where this one ended")
	}
}

// took is how long a batch took.
func took(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return spell(d)
}

// feedbackWritten says what was written, and what there is to say of it.
type feedbackWritten struct {
	paths []string
	feedback.Overview
}

// writeFeedback writes what people and course systems read.
func writeFeedback(plan batch.Plan, scheme *grade.Scheme, f gradeFlags, reports []gradeReport, stdout, stderr io.Writer) (written feedbackWritten, err error) {
	here := map[string]bool{}
	for _, s := range plan.Submissions {
		here[s.Name] = true
	}
	grades, err := batch.Readable(plan.Out, func(name string, err error) {
		if here[name] { // it ended before that one's turn came
			fmt.Fprintf(stderr, "conform: the grade of %s is left out: %s\n", quoted(name), oneLine(err.Error()))
		}
	})
	if errors.Is(err, fs.ErrNotExist) {
		return written, nil
	} else if err != nil {
		return written, err
	}
	grades = slices.DeleteFunc(grades, func(g grade.Grade) bool { return !here[g.Submission.Name] })
	due := plan.Due
	if due == nil && scheme.Rubric.Lateness != nil {
		due = scheme.Rubric.Lateness.Due
	}
	options := feedback.Options{Audience: feedback.Student, PastDue: due != nil && time.Now().After(*due)}
	if err := os.MkdirAll(filepath.Join(plan.Out, "feedback"), 0o755); err != nil {
		return written, err
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
				return written, fmt.Errorf("%s of %q: %w", r.format.Name, g.Submission.Name, err)
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
			return written, err
		}
	}
	written.Overview = feedback.Look(class)
	written.paths = []string{filepath.Join(plan.Out, "class.html"), filepath.Join(plan.Out, "feedback") + string(filepath.Separator)}
	return written, nil
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

// listed are names for people, and not too many of them.
func listed(names []string) string {
	const most = 10
	var shown []string
	for _, name := range names[:min(len(names), most)] {
		shown = append(shown, quoted(name))
	}
	text := strings.Join(shown, ", ")
	if n := len(names) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// seedFile holds what the input of a folder is drawn from.
const seedFile = "seed"

// seedOf is the seed of a folder: the same again for whoever does not say.
func (f *gradeFlags) seedOf() (int64, error) {
	path, given := filepath.Join(f.out, seedFile), f.seed
	if given == 0 {
		text, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			// From so many that nobody finds it by trying all of them on the
			// input that is shown; a number in JSON holds no more.
			given = 1 + mathrand.Int64N(1<<53-1)
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

  conform grade submissions --rubric rubric.yaml --seed 2026 --shard 1/2 --out part1
  conform grade submissions --rubric rubric.yaml --seed 2026 --shard 2/2 --out part2
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
			parts, err := allParts(args)
			if err != nil {
				return err
			}
			out, err := batch.Open(f.out)
			if err != nil {
				return outError(f.out, err)
			}
			defer out.Close()
			records, err := out.Merge(args)
			if batch.Full(err) {
				return outError(f.out, err)
			} else if err != nil {
				return err
			}
			// They are all of one seed: what is graded here later has it too.
			for _, folder := range args {
				from := gradeFlags{out: folder}
				if _, err := os.Stat(filepath.Join(folder, seedFile)); err == nil {
					if f.seed, err = from.seedOf(); err != nil {
						return err
					}
					break
				}
			}
			if f.seed != 0 {
				if plan.Seed, err = f.seedOf(); err != nil {
					return err
				}
			}
			t := &tally{total: len(records), outcomes: map[grade.Outcome]int{}}
			known := map[string]bool{}
			for _, r := range records {
				known[r.Name] = true
			}
			for _, folder := range args {
				if left := slices.DeleteFunc(slices.Clone(parts[folder]), func(name string) bool { return known[name] }); len(left) > 0 {
					t.total += len(left)
					t.unfinished = append(t.unfinished, fmt.Sprintf("%s has no grade for %d of its %d submissions (%s)", folder, len(left), len(parts[folder]), listed(left)))
				}
			}
			for _, r := range records {
				plan.Submissions = append(plan.Submissions, submission.Found{Name: r.Name})
				t.outcomes[r.Outcome]++
				if !r.Final() {
					t.undecided = append(t.undecided, r.Name)
				}
			}
			written, err := writeFeedback(plan, scheme, f, reports, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err != nil {
				return kitError{roomFor(f.out, err)}
			}
			t.show(cmd.OutOrStdout(), plan, written)
			if len(t.undecided)+len(t.unfinished) > 0 {
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
	var columns []string
	cmd := &cobra.Command{
		Use:   "fill OUT EXPORT",
		Short: "Fill in a gradebook that was exported from Canvas or Moodle",
		Long: `Write a gradebook that was exported from a course system with the scores of a
folder of conform grade --out filled in: no other cell is touched. The gradebook
goes to standard output, and who was not matched to standard error.

  conform grade fill graded export.csv --canvas 'Lab 1' > import.csv
  conform grade fill graded worksheet.csv --moodle > import.csv
  conform grade fill graded Bewertungen.csv --moodle --column grade=Bewertung \
    --column feedback='Feedback als Kommentar' > import.csv

It exits 1 when a submission is not in the gradebook.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (canvas != "") == moodle {
				return fmt.Errorf("write one of --canvas ASSIGNMENT and --moodle")
			}
			if len(columns) > 0 && !moodle {
				return fmt.Errorf("--column is for --moodle: in the gradebook of Canvas the headers are the same in every language")
			}
			var headers feedback.MoodleColumns
			for _, c := range columns {
				key, header, ok := strings.Cut(c, "=")
				if !ok || header == "" {
					return fmt.Errorf("--column %s: write KEY=HEADER, as in grade=Bewertung", quoted(c))
				}
				if err := headers.Set(key, header); err != nil {
					return fmt.Errorf("--column %s: %w", quoted(c), err)
				}
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
				filled, err = feedback.FillMoodle(cmd.OutOrStdout(), export, class, headers, feedback.Options{})
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
	cmd.Flags().StringArrayVar(&columns, "column", nil, "the `KEY=HEADER` of a column of the worksheet, where it is not in English: identifier, name, email, grade, feedback (repeatable)")
	return cmd
}
