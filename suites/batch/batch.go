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
	"path/filepath"
	"slices"
	"strings"
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

// Grade has every submission of a plan graded by the workers of a queue, and calls
// each once for every one. Whatever the ledger has is not done again.
//
// When it is ended before, what is in the ledger stays, and the same plan goes on
// from there.
func Grade(ctx context.Context, plan Plan, q *queue.Queue, each func(Event)) error {
	scheme, err := readScheme(plan.Rubric)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(plan.Out, gradeFolder), 0o755); err != nil {
		return err
	}
	l, err := ledger.Open(filepath.Join(plan.Out, ledgerFile), strings.ToLower(rand.Text()))
	if err != nil {
		return err
	}
	defer l.Close()
	store, err := q.Batch(ctx, l.Batch)
	if err != nil {
		return err
	}
	c := &coordinator{plan: plan, scheme: scheme, ledger: l, store: store, each: each, left: len(plan.Submissions), waiting: map[string][]*pending{}}
	if err := c.run(ctx); err != nil {
		return err
	}
	return store.Forget(ctx)
}

// pending is a submission that is being graded somewhere.
type pending struct {
	about grade.Submission
	key   string
	began time.Time
}

type coordinator struct {
	plan    Plan
	scheme  *grade.Scheme
	ledger  *ledger.Ledger
	store   *queue.Batch
	each    func(Event)
	left    int
	waiting map[string][]*pending // by the key of their job
}

func (c *coordinator) run(ctx context.Context) error {
	shared, err := json.Marshal(settings{Rubric: c.plan.Rubric, Seed: c.plan.Seed, Due: c.plan.Due, Tier: c.plan.Tier, Show: c.plan.Show, Tool: c.plan.Tool})
	if err != nil {
		return err
	}
	if err := c.store.Put(ctx, settingsName, opener(shared)); err != nil {
		return err
	}
	for _, found := range c.plan.Submissions {
		if err := c.submit(ctx, found); err != nil {
			return err
		}
	}
	if c.left == 0 {
		return nil
	}
	return c.store.Results(ctx, func(r queue.Result) (bool, error) {
		err := c.take(ctx, r)
		return c.left > 0, err
	})
}

func opener(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(data))), nil }
}

// submit finds out whether a submission has to be graded, and puts it in the queue
// if it has.
func (c *coordinator) submit(ctx context.Context, found submission.Found) error {
	folder, err := os.MkdirTemp(c.plan.Out, ".taking-")
	if err != nil {
		return err
	}
	defer func() { _ = sandbox.RemoveAll(folder) }()
	p := &pending{about: grade.Submission{Name: found.Name}, began: time.Now()}
	if at, known := c.plan.Submitted[found.Name]; known {
		p.about.Submitted = &at
	}
	taken, err := submission.Take(ctx, found.Path, folder, submission.DefaultLimits)
	var problem *submission.Problem
	if errors.As(err, &problem) {
		p.about.Digest = "none"
		p.key = c.key(p.about, string(problem.Code))
		if r, ok := c.ledger.Last(found.Name, p.key); ok {
			c.tell(Event{Name: found.Name, Record: &r, Cached: true})
			return nil
		}
		return c.settle(p, grade.Unreadable, &grade.Cause{Code: string(problem.Code), Owner: grade.OfSubmission, Message: problem.Message, Hint: problem.Hint}, queue.Result{Attempts: 1})
	} else if err != nil {
		return fmt.Errorf("submission %q: %w", found.Name, err)
	}
	p.about.Digest = taken.Digest
	p.key = c.key(p.about, "")
	before, known := c.ledger.Last(found.Name, p.key)
	if known && before.Final() {
		c.tell(Event{Name: found.Name, Record: &before, Cached: true})
		return nil
	}
	// The same work, judged in the same way: what it earned is known.
	if same, ok := c.ledger.Graded(p.key); ok {
		if g, err := readGrade(filepath.Join(c.plan.Out, same.File)); err == nil {
			return c.record(p, g, queue.Result{Attempts: same.Attempts, Worker: same.Worker}, true)
		}
	}
	// What was not decided is another job than before: a result of that stands.
	at := fmt.Sprintf("%s-%d", p.key, c.ledger.Count(found.Name, p.key))
	first := len(c.waiting[at]) == 0
	c.waiting[at] = append(c.waiting[at], p)
	if !first {
		return nil
	}
	err = c.store.Put(ctx, submissionName(taken.Digest), func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(submission.Pack(ctx, taken.Dir, w)) }()
		return r, nil
	})
	if err != nil {
		return err
	}
	data, err := json.Marshal(job{p.about})
	if err != nil {
		return err
	}
	return c.store.Submit(ctx, at, data)
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
func (c *coordinator) take(ctx context.Context, r queue.Result) error {
	waiting := c.waiting[r.Key]
	delete(c.waiting, r.Key)
	if len(waiting) == 0 {
		return nil // of a run before, and in the ledger
	}
	cause := &grade.Cause{Code: "not-graded", Owner: grade.OfInfrastructure, Message: r.Failed,
		Hint: "it says nothing about the submission: mend the machine, and run the same command again"}
	var g grade.Grade
	if r.Failed == "" {
		data, err := read(ctx, c.store, string(r.Data))
		if err == nil {
			g, err = unpackGrade(data)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
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
			return err
		}
	}
	if r.Failed == "" {
		_ = c.store.Delete(ctx, string(r.Data)) // it goes with the batch otherwise
	}
	return nil
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
	entry := ledger.Record{Name: p.about.Name, Key: p.key, Outcome: g.Outcome, Score: g.Score, Max: g.Max,
		File: filepath.Join(gradeFolder, FileName(p.about.Name)+".json"), Attempts: r.Attempts, Worker: r.Worker, At: time.Now().UTC()}
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
func ReadGrades(out string) (list []grade.Grade, err error) {
	records, err := ledger.Read(filepath.Join(out, ledgerFile))
	if err != nil {
		return nil, err
	}
	newest := map[string]ledger.Record{}
	var names []string
	for _, r := range records {
		if _, known := newest[r.Name]; !known {
			names = append(names, r.Name)
		}
		newest[r.Name] = r
	}
	for _, name := range names {
		g, err := readGrade(filepath.Join(out, newest[name].File))
		if err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, nil
}

// Merge puts the results of several folders into one, and returns them in the
// order of their names. A result that was decided goes before one that was not,
// and the newer of two that agree before the older; two that do not agree are an
// error.
func Merge(out string, from []string) ([]ledger.Record, error) {
	best := map[string]ledger.Record{}
	where := map[string]string{}
	for _, folder := range from {
		records, err := ledger.Read(filepath.Join(folder, ledgerFile))
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			before, known := best[r.Name]
			switch {
			case known && where[r.Name] != folder && before.Final() && r.Final() && (before.Score != r.Score || before.Max != r.Max):
				return nil, fmt.Errorf("submission %q has %v of %v in %s, and %v of %v in %s: grade it in one place", r.Name, before.Score, before.Max, where[r.Name], r.Score, r.Max, folder)
			case known && before.Final() && !r.Final():
				continue
			}
			best[r.Name], where[r.Name] = r, folder
		}
	}
	if err := os.MkdirAll(filepath.Join(out, gradeFolder), 0o755); err != nil {
		return nil, err
	}
	l, err := ledger.Open(filepath.Join(out, ledgerFile), strings.ToLower(rand.Text()))
	if err != nil {
		return nil, err
	}
	defer l.Close()
	var merged []ledger.Record
	for _, name := range slices.Sorted(maps.Keys(best)) {
		r := best[name]
		merged = append(merged, r)
		if last, ok := l.Last(r.Name, r.Key); ok && last == r {
			continue
		}
		g, err := readGrade(filepath.Join(where[name], r.File))
		if err != nil {
			return nil, err
		}
		err = ledger.WriteFile(filepath.Join(out, r.File), func(w io.Writer) error {
			return feedback.Write("json", w, g, feedback.Options{Audience: feedback.Instructor})
		})
		if err != nil {
			return nil, err
		}
		if err := l.Append(r); err != nil {
			return nil, err
		}
	}
	return merged, nil
}
