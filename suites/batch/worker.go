package batch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"conform/suites"
	"conform/suites/feedback"
	"conform/suites/grade"
	"conform/suites/queue"
	"conform/suites/report"
	"conform/suites/sandbox"
)

// settings are what all jobs of a batch have in common, as workers are told.
type settings struct {
	Rubric []byte       `json:"rubric"` // the file
	Seed   int64        `json:"seed"`
	Due    *time.Time   `json:"due,omitempty"`
	Tier   sandbox.Tier `json:"tier,omitempty"` // that workers must have; empty is the best there is
	Show   []string     `json:"show,omitempty"` // files and folders of the machine that boxes show
	Tool   report.Tool  `json:"tool"`           // that workers must be
}

func submissionName(digest string) string { return "submission/" + digest }

// job is one submission to be graded.
type job struct {
	Submission grade.Submission `json:"submission"`
	Settings   string           `json:"settings"` // their name in the batch's store
}

// WorkerOptions say how a worker works.
type WorkerOptions struct {
	Name   string // what the results say
	Folder string // for private copies; all workers of a machine share it
	Tool   report.Tool
	Holds  func(receipt string) // see queue.Worker
}

// kind names the workers that may grade a batch: those of one version, on machines
// that can box as well as it asks.
func kind(tool report.Tool, tier sandbox.Tier) string {
	if tier == "" {
		tier = sandbox.Basic // every machine can
	}
	version := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, tool.Version)
	sum := sha256.Sum256([]byte(tool.Version + "\x00" + tool.Commit))
	return fmt.Sprintf("%.32s-%s-%s", version, hex.EncodeToString(sum[:4]), tier)
}

// kinds are those of the batches that a machine can grade.
func kinds(tool report.Tool, here sandbox.Tier) (list []string) {
	for _, tier := range []sandbox.Tier{sandbox.Basic, sandbox.Namespaced, sandbox.Strict} {
		if here.Meets(tier) {
			list = append(list, kind(tool, tier))
		}
	}
	return list
}

// about says what a worker is, or has to be.
func about(tool report.Tool, tier sandbox.Tier) string {
	text := "conform " + tool.Version
	if tool.Commit != "" {
		text += fmt.Sprintf(" (%.12s)", tool.Commit)
	}
	if tier != "" {
		text += ", tier " + string(tier)
	}
	return text
}

// Work grades what the queue hands out, one submission at a time, until the
// context ends.
func Work(ctx context.Context, q *queue.Queue, o WorkerOptions) error {
	if err := os.MkdirAll(o.Folder, 0o700); err != nil {
		return err
	}
	private, release, err := claim(ctx, o.Folder)
	if err != nil {
		return err
	}
	defer release()
	w := &worker{options: o, private: private, machine: Machine{o.Folder}}
	here := sandbox.Probe().Tier
	who := queue.Worker{Name: o.Name, Kinds: kinds(o.Tool, here), About: about(o.Tool, here), Holds: o.Holds}
	return q.Work(ctx, who, func(ctx context.Context, j queue.Job) (result []byte, err error) {
		err = w.machine.Share(ctx, func(alone func(context.Context, func() error) error) error {
			result, err = w.do(ctx, j, alone)
			return err
		})
		if Full(err) {
			err = fmt.Errorf("worker %s has no room left for its copies: make some in %s, or name another folder by --folder or TMPDIR: %w", o.Name, o.Folder, err)
		}
		return result, err
	})
}

type worker struct {
	options  WorkerOptions
	private  string
	machine  Machine
	settings string // that grader is of
	grader   *Grader
}

// prepare makes the grader for a job: that of the job before, mostly.
func (w *worker) prepare(ctx context.Context, j queue.Job, name string) error {
	if w.settings == name {
		return nil
	}
	data, err := read(ctx, j.Batch, name)
	if err != nil {
		return err
	}
	var s settings
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("the batch's settings cannot be read: %w", err)
	}
	scheme, err := readScheme(s.Rubric)
	if err != nil {
		return fmt.Errorf("the batch's rubric: %w", err)
	}
	w.grader = &Grader{Scheme: scheme, Seed: s.Seed, Due: s.Due, Tier: s.Tier, Show: s.Show, Tool: s.Tool, Folder: w.private}
	w.settings = name
	return nil
}

// budget bounds a job that goes wrong in a way that nobody thought of: several
// times what its parts may take, since it may have to wait until it is alone.
func budget(rubric *grade.Rubric) time.Duration {
	r := rubric.Submission
	return 10*time.Minute + 4*(r.BuildBudget+2*time.Duration(max(rubric.Draws, 1))*(r.RunBudget+time.Minute))
}

func (w *worker) do(ctx context.Context, j queue.Job, alone func(context.Context, func() error) error) ([]byte, error) {
	var work job
	if err := json.Unmarshal(j.Data, &work); err != nil {
		return nil, fmt.Errorf("the job cannot be read: %w", err)
	}
	if err := w.prepare(ctx, j, work.Settings); err != nil {
		return nil, err
	}
	limit := budget(w.grader.Scheme.Rubric)
	ctx, enough := context.WithTimeoutCause(ctx, limit, fmt.Errorf("worker %s: it took longer than %s, which its budgets do not explain", w.options.Name, limit))
	defer enough()
	folder, err := os.MkdirTemp(w.private, "job-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = sandbox.RemoveAll(folder) }()
	packed := filepath.Join(folder, "packed")
	if err := fetch(ctx, j.Batch, submissionName(work.Submission.Digest), packed); err != nil {
		return nil, err
	}
	w.grader.Alone = alone
	graded, err := w.grader.Grade(ctx, packed, work.Submission)
	if err != nil {
		return nil, err
	}
	if graded.Submission.Digest != work.Submission.Digest {
		return nil, errors.New("the submission is not the one that was sent: it was damaged on its way")
	}
	// Under a name of its own, lest two workers write one thing.
	name := "grade/" + j.Key + "/" + rand.Text()
	if err := j.Batch.Put(ctx, name, func() (io.ReadCloser, error) { return packGrade(graded) }); err != nil {
		return nil, err
	}
	return []byte(name), nil
}

// fetch copies what is stored to a file.
func fetch(ctx context.Context, b *queue.Batch, name, to string) error {
	var full error // it is no use to ask the queue again then
	err := b.Get(ctx, name, func(from io.Reader) error {
		file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err == nil {
			_, err = io.Copy(file, from)
			err = errors.Join(err, file.Close())
		}
		if full = nil; Full(err) {
			full, err = err, nil
		}
		return err
	})
	return errors.Join(err, full)
}

// read reads what is stored and small.
func read(ctx context.Context, b *queue.Batch, name string) (data []byte, err error) {
	err = b.Get(ctx, name, func(from io.Reader) (err error) {
		data, err = io.ReadAll(io.LimitReader(from, maxGrade))
		return err
	})
	return data, err
}

// maxGrade bounds a grade, in bytes: workers are ours, what they graded is not.
const maxGrade = 256 << 20

func packGrade(g grade.Grade) (io.ReadCloser, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if err := errors.Join(feedback.Write("json", w, g, feedback.Options{Audience: feedback.Instructor}), w.Close()); err != nil {
		return nil, err
	}
	return io.NopCloser(&b), nil
}

func unpackGrade(data []byte) (g grade.Grade, err error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return g, err
	}
	return feedback.ReadJSON(r)
}

// readScheme reads a rubric and finds its requirements.
func readScheme(rubric []byte) (*grade.Scheme, error) {
	r, err := grade.Read(bytes.NewReader(rubric))
	if err != nil {
		return nil, err
	}
	return r.Check(suites.Catalogue())
}
