package batch

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"conform/suites/feedback"
	"conform/suites/grade"
	"conform/suites/ledger"
	"conform/suites/queue"
	"conform/suites/report"
	"conform/suites/sandbox"
	"conform/suites/submission"
)

// Plan is a batch that is to be graded.
type Plan struct {
	Submissions []submission.Found
	Submitted   map[string]time.Time // by name; when they were handed in, where it is known
	Rubric      []byte               // the file
	Seed        int64
	Due         *time.Time
	Tier        sandbox.Tier // that every machine must have; empty is the best of each
	Show        []string     // files and folders of every machine that boxes show, such as compilers
	Tool        report.Tool
	Program     string // a digest of the program that grades: another one grades anew
	Out         string // the folder of ledger and grades
}

// Event is something that the user may want to know while a batch goes on.
type Event struct {
	Name    string         // of the submission
	Record  *ledger.Record // how it came out; nil for a fault
	Cached  bool           // it was graded before
	Problem error          // something that goes wrong, and may mend itself
	Left    int            // submissions that have no result yet
}

// Files of a batch, in its folder.
const (
	ledgerFile  = "ledger.jsonl"
	gradeFolder = "grades"
)

// Folder is what a batch keeps: its ledger, and the grades.
type Folder struct {
	path   string
	ledger *ledger.Ledger
}

// Open opens a folder, or makes it. While it is open, nobody else can.
func Open(path string) (*Folder, error) {
	if err := os.MkdirAll(filepath.Join(path, gradeFolder), 0o755); err != nil {
		return nil, err
	}
	l, err := ledger.Open(filepath.Join(path, ledgerFile), strings.ToLower(rand.Text()))
	if err != nil {
		return nil, err
	}
	f := &Folder{path: path, ledger: l}
	if err := f.sweep(); err != nil {
		l.Close()
		return nil, err
	}
	return f, nil
}

// sweep takes away what was left by one that was killed.
func (f *Folder) sweep() error {
	left, err := os.ReadDir(f.path)
	for _, e := range left {
		if strings.HasPrefix(e.Name(), taking) {
			err = errors.Join(err, sandbox.RemoveAll(filepath.Join(f.path, e.Name())))
		}
	}
	return errors.Join(err, ledger.Sweep(f.path), ledger.Sweep(filepath.Join(f.path, gradeFolder)))
}

// Aside says what of the ledger was damaged and put aside; "" is nothing.
func (f *Folder) Aside() string { return f.ledger.Aside() }

// Close lets others open it.
func (f *Folder) Close() error { return f.ledger.Close() }

// Grade has every submission of a plan graded by the workers of a queue, and tells
// each of every one. Whatever the ledger has is not done again. Events are told one
// after the other.
//
// When it is ended before, what is in the ledger stays, and the same plan goes on
// from there.
func (f *Folder) Grade(ctx context.Context, plan Plan, q *queue.Queue, each func(Event)) error {
	scheme, err := readScheme(plan.Rubric)
	if err != nil {
		return err
	}
	shared, err := json.Marshal(settings{Rubric: plan.Rubric, Seed: plan.Seed, Due: plan.Due, Tier: plan.Tier, Show: plan.Show, Tool: plan.Tool})
	if err != nil {
		return err
	}
	store, err := q.Batch(ctx, f.ledger.Batch, kind(plan.Tool, plan.Tier))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(shared)
	c := &coordinator{plan: plan, scheme: scheme, folder: f, ledger: f.ledger, queue: q, store: store, shared: shared,
		// By what they hold: jobs of the same batch, under another rubric, may be
		// in the queue still.
		settings: "settings/" + hex.EncodeToString(sum[:]),
		each:     each, left: len(plan.Submissions), waiting: map[string][]*pending{}, early: map[string]queue.Result{}, uses: map[string]int{}, room: make(chan struct{}, inFlight)}
	if err := c.run(ctx); err != nil {
		return err
	}
	// All is on the disk here: what cannot be taken out of the queue ends by age.
	ctx, enough := context.WithTimeout(ctx, forgetting)
	defer enough()
	if err := store.Forget(ctx); err != nil {
		each(Event{Problem: fmt.Errorf("all is graded, and the queue keeps what is left of it for a while: %w", err)})
	}
	return nil
}

const (
	inFlight   = 1000             // submissions in the queue at a time, whose copies it keeps
	lookEvery  = 10 * time.Second // without a result, the coordinator asks why
	forgetting = 10 * time.Second // and does not wait longer for the queue to be cleaned up
	taking     = ".taking-"       // begins the names of folders that submissions are copied to
)

// pending is a submission that is being graded somewhere.
type pending struct {
	found submission.Found
	about grade.Submission
	key   string
	began time.Time
}

type coordinator struct {
	plan     Plan
	scheme   *grade.Scheme
	folder   *Folder
	ledger   *ledger.Ledger
	queue    *queue.Queue
	store    *queue.Batch
	shared   []byte        // the settings
	settings string        // their name in the store
	room     chan struct{} // in the queue

	mu      sync.Mutex
	each    func(Event)
	left    int
	news    int                     // counts results
	waiting map[string][]*pending   // by the key of their job, which is in the queue
	early   map[string]queue.Result // by the key of a job that nobody waits for yet: a run before had it done
	uses    map[string]int          // of a submission's digest, by jobs that wait
}

// errDone ends what goes on beside each other.
var errDone = errors.New("all is done")

func (c *coordinator) run(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var together sync.WaitGroup
	together.Go(func() {
		err := c.store.Results(ctx, func(r queue.Result) (bool, error) {
			more, err := c.take(ctx, r)
			return more, err
		})
		if err == nil {
			err = errDone
		}
		end(err)
	})
	together.Go(func() {
		if err := c.watch(ctx); err != nil {
			end(err)
		}
	})
	if err := c.submitAll(ctx); err != nil {
		end(err)
	}
	c.mu.Lock()
	if c.left == 0 {
		end(errDone)
	}
	c.mu.Unlock()
	together.Wait()
	if err := context.Cause(ctx); !errors.Is(err, errDone) {
		return err
	}
	return nil
}

func (c *coordinator) submitAll(ctx context.Context) error {
	if err := c.store.Put(ctx, c.settings, opener(c.shared)); err != nil {
		return err
	}
	for _, found := range c.plan.Submissions {
		if err := c.submit(ctx, found); err != nil {
			return err
		}
	}
	return nil
}

// watch asks, whenever nothing has come for a while, whether anybody works, and
// whether all that is waited for is in the queue.
func (c *coordinator) watch(ctx context.Context) error {
	var before queue.Look
	seen, said := -1, ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookEvery):
		}
		c.mu.Lock()
		news, keys := c.news, slices.Sorted(maps.Keys(c.waiting))
		c.mu.Unlock()
		if news != seen || len(keys) == 0 {
			seen, before = news, queue.Look{}
			continue
		}
		if there, err := c.queue.Workers(ctx, time.Second); err == nil {
			if text := c.nobody(there); text != said {
				if said = text; text != "" {
					c.problem(errors.New(text))
				}
			}
		}
		if err := c.queue.Room(0); err != nil {
			return err
		}
		look, err := c.store.Look(ctx, keys)
		if err != nil {
			if ctx.Err() == nil {
				c.problem(fmt.Errorf("the queue cannot be asked: %w", err))
			}
			continue
		}
		for _, key := range look.Stuck {
			if !slices.Contains(before.Stuck, key) {
				continue
			}
			if err := c.store.Fail(ctx, key, "workers took it time and again, and none was heard of again", queue.DefaultAttempts); err != nil && ctx.Err() == nil {
				c.problem(err)
			}
		}
		for _, key := range look.Lost {
			if !slices.Contains(before.Lost, key) {
				continue
			}
			if err := c.again(ctx, key); err != nil {
				return err
			}
		}
		before = look
	}
}

// nobody says why nobody works, if nobody does.
func (c *coordinator) nobody(there []queue.Present) string {
	mine := kind(c.plan.Tool, c.plan.Tier)
	var others []string
	for _, p := range there {
		if slices.Contains(p.Kinds, mine) {
			return ""
		}
		others = append(others, fmt.Sprintf("%s is %s", p.Name, p.About))
	}
	wanted := fmt.Sprintf("the submissions wait for a worker: start conform worker with the same --queue (%s)", about(c.plan.Tool, c.plan.Tier))
	if len(others) == 0 {
		return wanted
	}
	slices.Sort(others)
	more := ""
	if len(others) > 3 {
		more, others = fmt.Sprintf(" and %d more", len(others)-3), others[:3]
	}
	return fmt.Sprintf("%s; those that are there cannot do it: %s%s", wanted, strings.Join(others, ", "), more)
}

func (c *coordinator) problem(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.each(Event{Problem: err, Left: c.left})
}

// again puts a job in that the queue has lost.
func (c *coordinator) again(ctx context.Context, key string) error {
	c.mu.Lock()
	waiting := c.waiting[key]
	c.mu.Unlock()
	if len(waiting) == 0 {
		return nil
	}
	if err := c.store.Put(ctx, c.settings, opener(c.shared)); err != nil {
		return err
	}
	p := waiting[0]
	folder, err := os.MkdirTemp(c.plan.Out, taking)
	if err != nil {
		return err
	}
	defer func() { _ = sandbox.RemoveAll(folder) }()
	taken, err := submission.Take(ctx, p.found.Path, folder, submission.DefaultLimits)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil || taken.Digest != p.about.Digest {
		return c.store.Fail(ctx, key, "it was lost on its way, and is not what it was when it was sent", 1)
	}
	return c.offer(ctx, key, p.about, taken)
}

func opener(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(data))), nil }
}

// submit finds out whether a submission has to be graded, and puts it in the queue
// if it has.
func (c *coordinator) submit(ctx context.Context, found submission.Found) error {
	folder, err := os.MkdirTemp(c.plan.Out, taking)
	if err != nil {
		return err
	}
	defer func() { _ = sandbox.RemoveAll(folder) }()
	p := &pending{found: found, about: grade.Submission{Name: found.Name}, began: time.Now()}
	if at, known := c.plan.Submitted[found.Name]; known {
		p.about.Submitted = &at
	}
	taken, err := submission.Take(ctx, found.Path, folder, submission.DefaultLimits)
	var problem *submission.Problem
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &problem):
		p.about.Digest = "none"
		p.key = c.key(p.about, string(problem.Code))
		return c.decide(p, grade.Unreadable, &grade.Cause{Code: string(problem.Code), Owner: grade.OfSubmission, Message: problem.Message, Hint: problem.Hint})
	case Full(err):
		return fmt.Errorf("submission %q: %w", found.Name, err)
	case err != nil:
		// This one alone: the others can be graded.
		p.about.Digest = "none"
		p.key = c.key(p.about, "not-taken")
		return c.decide(p, grade.Undecided, &grade.Cause{Code: "not-taken", Owner: grade.OfInfrastructure,
			Message: "it cannot be read: " + err.Error(), Hint: "see that it can be read here, and run the same command again"})
	}
	p.about.Digest = taken.Digest
	p.key = c.key(p.about, "")
	if known, err := c.known(p); known || err != nil {
		return err
	}
	// What was not decided is another job than before: a result of that stands.
	at := fmt.Sprintf("%s-%d", p.key, c.ledger.Count(found.Name, p.key))
	c.mu.Lock()
	first := len(c.waiting[at]) == 0
	if !first {
		c.waiting[at] = append(c.waiting[at], p)
	}
	c.mu.Unlock()
	if !first {
		return nil
	}
	select {
	case c.room <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	c.mu.Lock()
	c.waiting[at] = append(c.waiting[at], p)
	c.uses[taken.Digest]++
	if r, done := c.early[at]; done {
		delete(c.early, at)
		_, err := c.taken(ctx, r)
		c.mu.Unlock()
		return err
	}
	c.mu.Unlock()
	return c.offer(ctx, at, p.about, taken)
}

// offer puts a job in the queue.
func (c *coordinator) offer(ctx context.Context, key string, about grade.Submission, taken submission.Taken) error {
	err := c.store.Put(ctx, submissionName(taken.Digest), func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(submission.Pack(ctx, taken.Dir, w)) }()
		return r, nil
	})
	if err != nil {
		return err
	}
	data, err := json.Marshal(job{about, c.settings})
	if err != nil {
		return err
	}
	return c.store.Submit(ctx, key, data)
}

// known tells of a submission that the ledger has a grade for.
func (c *coordinator) known(p *pending) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before, ok := c.ledger.Last(p.about.Name, p.key); ok && before.Final() {
		_, err := graded(c.plan.Out, before)
		if err == nil {
			return true, c.stands(before)
		}
		c.each(Event{Problem: fmt.Errorf("submission %q has its grade anew: %w", p.about.Name, err), Left: c.left})
	}
	// The same work, judged in the same way: what it earned is known.
	if same, ok := c.ledger.Graded(p.key); ok {
		if g, err := graded(c.plan.Out, same); err == nil {
			return true, c.record(p, g, queue.Result{Attempts: same.Attempts, Worker: same.Worker}, true)
		}
	}
	return false, nil
}

// graded reads the grade that a record of a folder names, if it is the one.
func graded(out string, r ledger.Record) (grade.Grade, error) {
	path := filepath.Join(out, r.File)
	g, err := readGrade(path)
	if err == nil && (g.Submission.Name != r.Name || g.Outcome != r.Outcome || g.Score != r.Score || g.Max != r.Max) {
		err = fmt.Errorf("%s is not the grade that the ledger has: %v of %v of %q, and not %v of %v", path, g.Score, g.Max, g.Submission.Name, r.Score, r.Max)
	}
	return g, err
}

// stands tells of a record from before. It is the newest of its submission again:
// that is the one which is shown.
func (c *coordinator) stands(r ledger.Record) error {
	if newest, _ := c.ledger.Newest(r.Name); newest.Key != r.Key {
		if err := c.ledger.Append(r); err != nil {
			return err
		}
	}
	c.tell(Event{Name: r.Name, Record: &r, Cached: true})
	return nil
}

// decide records a submission that never reached a worker.
func (c *coordinator) decide(p *pending, outcome grade.Outcome, cause *grade.Cause) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.ledger.Last(p.about.Name, p.key); ok && r.Final() {
		return c.stands(r)
	}
	return c.settle(p, outcome, cause, queue.Result{Attempts: 1})
}

// key is of everything that a grade follows from.
func (c *coordinator) key(about grade.Submission, problem string) string {
	sum := sha256.New()
	when := ""
	if about.Submitted != nil && c.scheme.Rubric.Lateness != nil {
		when = about.Submitted.UTC().Format(time.RFC3339)
	}
	due := ""
	if c.plan.Due != nil {
		due = c.plan.Due.UTC().Format(time.RFC3339)
	}
	for _, part := range []string{about.Digest, problem, c.scheme.Rubric.Digest, fmt.Sprint(c.plan.Seed), string(c.plan.Tier), c.plan.Program, when, due} {
		fmt.Fprintf(sum, "%d:%s\n", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil))[:32]
}

// take takes what a worker says.
func (c *coordinator) take(ctx context.Context, r queue.Result) (more bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken(ctx, r)
}

func (c *coordinator) taken(ctx context.Context, r queue.Result) (more bool, err error) {
	waiting := c.waiting[r.Key]
	c.news++
	if len(waiting) == 0 {
		c.early[r.Key] = r // or it is in the ledger
		return c.left > 0, nil
	}
	delete(c.waiting, r.Key)
	defer func() { <-c.room }()
	cause := &grade.Cause{Code: "not-graded", Owner: grade.OfInfrastructure, Message: r.Failed,
		Hint: "it says nothing about the submission: mend the machine, and run the same command again"}
	digest := waiting[0].about.Digest
	var g grade.Grade
	if r.Failed == "" {
		data, err := read(ctx, c.store, string(r.Data))
		if err == nil {
			g, err = unpackGrade(data)
		}
		if err == nil && g.Submission.Digest != digest {
			err = errors.New("it is of another submission")
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if err == nil {
			cause = nil
		} else {
			cause.Message = "its result was lost: " + err.Error()
		}
	}
	for _, p := range waiting {
		var err error
		if cause != nil {
			err = c.settle(p, grade.Undecided, cause, r)
		} else {
			err = c.record(p, g, r, false)
		}
		if err != nil {
			return false, err
		}
	}
	// What is left of it would go with the batch, which may be large.
	if r.Failed == "" {
		_ = c.store.Delete(ctx, string(r.Data))
	}
	if c.uses[digest]--; c.uses[digest] == 0 {
		delete(c.uses, digest)
		_ = c.store.Delete(ctx, submissionName(digest))
	}
	return c.left > 0, nil
}

// settle records a submission that no server was tested of.
func (c *coordinator) settle(p *pending, outcome grade.Outcome, cause *grade.Cause, r queue.Result) error {
	g := c.scheme.Score(nil, grade.Facts{Tool: c.plan.Tool, Submission: p.about, Seed: c.plan.Seed, Tier: string(c.plan.Tier),
		Due: c.plan.Due, Started: p.began.UTC(), Duration: time.Since(p.began), Outcome: outcome, Cause: cause})
	return c.record(p, g, r, false)
}

// record writes a grade, and then the ledger: what stands there is on the disk.
func (c *coordinator) record(p *pending, g grade.Grade, r queue.Result, cached bool) error {
	g.Submission.Name, g.Submission.Submitted = p.about.Name, p.about.Submitted
	// By key as well: a grade by another rubric or seed is not written over.
	entry := ledger.Record{Name: p.about.Name, Key: p.key, Outcome: g.Outcome, Open: !feedback.Decided(g), Score: g.Score, Max: g.Max,
		File: path.Join(gradeFolder, FileName(p.about.Name)+"."+p.key[:8]+".json"), Attempts: r.Attempts, Worker: r.Worker, At: time.Now().UTC()}
	if g.Cause != nil {
		entry.Owner, entry.Code = g.Cause.Owner, g.Cause.Code
	}
	err := ledger.WriteFile(filepath.Join(c.plan.Out, entry.File), func(w io.Writer) error {
		return feedback.Write("json", w, g, feedback.Options{Audience: feedback.Instructor})
	})
	if err != nil {
		return err
	}
	if err := c.ledger.Append(entry); err != nil {
		return err
	}
	c.tell(Event{Name: p.about.Name, Record: &entry, Cached: cached})
	return nil
}

func (c *coordinator) tell(e Event) {
	c.left--
	e.Left = c.left
	c.each(e)
}

// Bundle says how many archives a submission holds, if it holds nothing else: it is
// what a course system exports, and none.
func Bundle(ctx context.Context, found submission.Found) int {
	folder, err := os.MkdirTemp("", taking)
	if err != nil {
		return 0
	}
	defer func() { _ = sandbox.RemoveAll(folder) }()
	taken, err := submission.Take(ctx, found.Path, folder, submission.DefaultLimits)
	if err != nil {
		return 0 // whoever grades it says so
	}
	inside, err := submission.Find(taken.Dir)
	if err != nil || len(inside) < 2 || slices.ContainsFunc(inside, func(s submission.Found) bool { return s.Name == filepath.Base(s.Path) }) {
		return 0
	}
	return len(inside)
}

// Full says whether an error is of a disk that takes no more.
func Full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// FileName is the name of a submission as files have it: names that are alike
// after what other systems cannot have was taken out are told apart.
func FileName(name string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, name)
	if plain == name && name != "" && len(name) <= 80 {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return plain[:min(len(plain), 60)] + "." + hex.EncodeToString(sum[:4])
}

// readGrade reads a grade that a coordinator wrote.
func readGrade(path string) (grade.Grade, error) {
	file, err := os.Open(path)
	if err != nil {
		return grade.Grade{}, err
	}
	defer file.Close()
	g, err := feedback.ReadJSON(file)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return g, err
}

// ReadGrades reads the newest grade of every submission in a batch's folder, in
// the order of their names.
func ReadGrades(out string) ([]grade.Grade, error) {
	var broken error
	list, err := Readable(out, func(name string, err error) {
		broken = errors.Join(broken, fmt.Errorf("the grade of %q: %w: run conform grade on that folder again", name, err))
	})
	return list, errors.Join(err, broken)
}

// Readable is ReadGrades that leaves out what is gone or damaged, and tells of it.
func Readable(out string, broken func(name string, err error)) (list []grade.Grade, err error) {
	records, err := ledger.Read(filepath.Join(out, ledgerFile))
	if err != nil {
		return nil, err
	}
	newest := map[string]ledger.Record{}
	for _, r := range records {
		newest[r.Name] = r
	}
	for _, name := range slices.Sorted(maps.Keys(newest)) {
		g, err := graded(out, newest[name])
		if err != nil {
			broken(name, err)
			continue
		}
		list = append(list, g)
	}
	return list, nil
}

// Merge puts the results of several folders into this one, and returns them in the
// order of their names. A result that was decided goes before one that was not,
// and the newer of two that agree before the older; two that do not agree are an
// error, and so are parts that were graded by another rubric or on other input.
func (f *Folder) Merge(from []string) ([]ledger.Record, error) {
	best := map[string]ledger.Record{}
	where := map[string]string{}
	for _, folder := range from {
		records, err := ledger.Read(filepath.Join(folder, ledgerFile))
		if err != nil {
			return nil, err
		}
		newest := map[string]ledger.Record{}
		for _, r := range records {
			newest[r.Name] = r
		}
		for name, r := range newest {
			before, known := best[name]
			switch {
			case known && before.Final() && r.Final() && (before.Score != r.Score || before.Max != r.Max):
				return nil, fmt.Errorf("submission %q has %v of %v in %s, and %v of %v in %s: grade it in one place", name, before.Score, before.Max, where[name], r.Score, r.Max, folder)
			case known && before.Final() && !r.Final(), known && before.Final() == r.Final() && before.At.After(r.At):
				continue
			}
			best[name], where[name] = r, folder
		}
	}
	names := slices.Sorted(maps.Keys(best))
	var merged []ledger.Record
	var first grade.Grade
	for _, name := range names {
		r := best[name]
		g, err := graded(where[name], r)
		if err != nil {
			return nil, fmt.Errorf("the grade of %q: %w: run conform grade on that folder again", name, err)
		}
		switch {
		case first.Schema == "":
			first = g
		case g.Rubric.Digest != first.Rubric.Digest:
			return nil, fmt.Errorf("%s was graded by another rubric than %s: grade both by the same", where[name], where[names[0]])
		case g.Seed != first.Seed:
			return nil, fmt.Errorf("%s was graded on other input than %s, with seed %d and not %d: grade both with the same --seed", where[name], where[names[0]], g.Seed, first.Seed)
		}
		merged = append(merged, r)
		if last, ok := f.ledger.Newest(r.Name); ok && last == r {
			continue
		}
		err = ledger.WriteFile(filepath.Join(f.path, r.File), func(w io.Writer) error {
			return feedback.Write("json", w, g, feedback.Options{Audience: feedback.Instructor})
		})
		if err != nil {
			return nil, err
		}
		if err := f.ledger.Append(r); err != nil {
			return nil, err
		}
	}
	return merged, nil
}
