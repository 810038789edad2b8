package batch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// names of what is in a batch's store.
const settingsName = "settings"

func submissionName(digest string) string { return "submission/" + digest }

// job is one submission to be graded.
type job struct {
	Submission grade.Submission `json:"submission"`
}

// WorkerOptions say how a worker works.
type WorkerOptions struct {
	Name   string // what the results say
	Folder string // for private copies; all workers of a machine share it
	Tool   report.Tool
}

// Work grades what the queue hands out, one submission at a time, until the
// context ends.
func Work(ctx context.Context, q *queue.Queue, o WorkerOptions) error {
	if err := os.MkdirAll(o.Folder, 0o700); err != nil {
		return err
	}
	w := &worker{options: o, machine: Machine{o.Folder}, batches: map[string]*Grader{}}
	return q.Work(ctx, o.Name, func(ctx context.Context, j queue.Job) (result []byte, err error) {
		err = w.machine.Share(ctx, func(alone func(context.Context, func() error) error) error {
			result, err = w.do(ctx, j, alone)
			return err
		})
		return result, err
	})
}

type worker struct {
	options WorkerOptions
	machine Machine
	batches map[string]*Grader
}

// grader is how the submissions of a batch are graded here.
func (w *worker) grader(ctx context.Context, j queue.Job) (*Grader, error) {
	if g := w.batches[j.BatchID()]; g != nil {
		return g, nil
	}
	data, err := read(ctx, j.Batch, settingsName)
	if err != nil {
		return nil, err
	}
	var s settings
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("the batch's settings cannot be read: %w", err)
	}
	if s.Tool != w.options.Tool {
		return nil, fmt.Errorf("worker %s is conform %s (%.12s), the batch asks for %s (%.12s): the same has to run everywhere",
			w.options.Name, w.options.Tool.Version, w.options.Tool.Commit, s.Tool.Version, s.Tool.Commit)
	}
	if err := tierHere(s.Tier); err != nil {
		return nil, fmt.Errorf("worker %s: %w", w.options.Name, err)
	}
	scheme, err := readScheme(s.Rubric)
	if err != nil {
		return nil, fmt.Errorf("the batch's rubric: %w", err)
	}
	g := &Grader{Scheme: scheme, Seed: s.Seed, Due: s.Due, Tier: s.Tier, Show: s.Show, Tool: s.Tool, Folder: w.options.Folder}
	clear(w.batches) // a worker serves one batch after the other
	w.batches[j.BatchID()] = g
	return g, nil
}

func (w *worker) do(ctx context.Context, j queue.Job, alone func(context.Context, func() error) error) ([]byte, error) {
	g, err := w.grader(ctx, j)
	if err != nil {
		return nil, err
	}
	var work job
	if err := json.Unmarshal(j.Data, &work); err != nil {
		return nil, fmt.Errorf("the job cannot be read: %w", err)
	}
	folder, err := os.MkdirTemp(w.options.Folder, "job-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = sandbox.RemoveAll(folder) }()
	packed := filepath.Join(folder, "packed")
	if err := fetch(ctx, j.Batch, submissionName(work.Submission.Digest), packed); err != nil {
		return nil, err
	}
	g.Alone = alone
	graded, err := g.Grade(ctx, packed, work.Submission)
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
	return b.Get(ctx, name, func(from io.Reader) error {
		file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, from)
		return errors.Join(err, file.Close())
	})
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

// tierHere says whether this machine can box as well as is asked.
func tierHere(wanted sandbox.Tier) error {
	if wanted == "" {
		return nil
	}
	if has := sandbox.Probe().Tier; !has.Meets(wanted) {
		return fmt.Errorf("this machine can do tier %s, and %s is required: conform doctor says what is missing", has, wanted)
	}
	return nil
}
