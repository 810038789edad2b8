// Package batch grades submissions: one on this machine, and many, by workers on
// this machine or on others, so that whatever is killed, every submission ends
// with exactly one result.
//
// It puts together what others know: how a submission is taken, boxed, tested,
// counted and written down. It renders nothing.
package batch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"conform/specs"
	"conform/suites"
	"conform/suites/grade"
	"conform/suites/report"
	"conform/suites/sandbox"
	"conform/suites/submission"
	"conform/suites/target"
)

// Grader grades one submission after the other on this machine.
type Grader struct {
	Scheme *grade.Scheme
	Seed   int64
	Due    *time.Time   // when the submissions were due, if not when the rubric says
	Tier   sandbox.Tier // of their boxes; empty is the best there is
	Show   []string     // files and folders of this machine that boxes show, such as compilers
	Tool   report.Tool
	Folder string // for private copies, which are taken away again
	// Alone, if there is one, runs do when nothing else is graded on this
	// machine: what ran out of time, or waited in vain on a machine that was too
	// busy, is tried once more so before it counts.
	Alone func(ctx context.Context, do func() error) error

	pulse func() (worst func() time.Duration) // takePulse, but in tests
}

// Grade grades the submission in a folder or archive. An error is of the machine,
// and says nothing about the submission: it may be tried again.
func (g *Grader) Grade(ctx context.Context, from string, about grade.Submission) (grade.Grade, error) {
	folder, err := os.MkdirTemp(g.Folder, "submission-")
	if err != nil {
		return grade.Grade{}, err
	}
	defer func() { _ = sandbox.RemoveAll(folder) }()
	return g.graded(ctx, from, folder, about)
}

func (g *Grader) graded(ctx context.Context, from, folder string, about grade.Submission) (grade.Grade, error) {
	rubric := g.Scheme.Rubric
	f := grade.Facts{Tool: g.Tool, Submission: about, Seed: g.Seed, Due: g.Due, Tier: string(g.Tier), Started: time.Now().UTC()}
	if f.Tier == "" {
		f.Tier = string(sandbox.Probe().Tier)
	}
	// done counts what there is: a cause says why there is not more.
	done := func(runs []*report.Report, outcome grade.Outcome, cause *grade.Cause) (grade.Grade, error) {
		f.Outcome, f.Cause, f.Duration = outcome, cause, time.Since(f.Started)
		return g.Scheme.Score(runs, f), nil
	}
	taken, err := submission.Take(ctx, from, folder, submission.DefaultLimits)
	var problem *submission.Problem
	if errors.As(err, &problem) {
		return done(nil, grade.Unreadable, &grade.Cause{Code: string(problem.Code), Owner: grade.OfSubmission, Message: problem.Message, Hint: problem.Hint})
	} else if err != nil {
		return grade.Grade{}, err
	}
	f.Submission.Digest = taken.Digest
	recipe := rubric.Submission
	if recipe.AllowOwn {
		own, cause := ownRecipe(taken.Dir)
		if cause != nil {
			return done(nil, grade.NotStarted, cause)
		}
		recipe = recipe.With(own)
	}
	if recipe.Start == "" {
		return done(nil, grade.NotStarted, &grade.Cause{Code: "no-start", Owner: grade.OfSubmission,
			Message: fmt.Sprintf("nothing says how it is started: it has no %s with start", grade.OwnFile),
			Hint:    fmt.Sprintf("write a file %s with the line start: and the command", grade.OwnFile)})
	}
	if recipe.Build != "" {
		built, cause, err := g.build(ctx, taken.Dir, recipe)
		if err != nil {
			return grade.Grade{}, err
		}
		if f.Build = built; cause != nil {
			if err := g.room(); err != nil {
				return grade.Grade{}, err
			}
			return done(nil, grade.BuildFailed, cause)
		}
	}
	pulse := g.pulse
	if pulse == nil {
		pulse = takePulse
	}
	late := pulse()
	runs, cause, err := g.test(ctx, taken.Dir, recipe)
	inDoubt := late() > starved && (waited(runs) || cause != nil && cause.Code == sandbox.NotListening)
	if err == nil && g.Alone != nil && (inDoubt || cause == nil && overran(runs)) {
		err = g.Alone(ctx, func() (err error) {
			runs, cause, err = g.test(ctx, taken.Dir, recipe)
			return err
		})
		f.Overrun = grade.OfSubmission
	}
	switch {
	case err != nil:
		return grade.Grade{}, err
	case cause != nil:
		if err := g.room(); err != nil {
			return grade.Grade{}, err
		}
		return done(nil, grade.NotStarted, cause)
	}
	return done(runs, grade.Graded, nil)
}

// room says why a command may have failed that is as it should be: the machine has
// no room left.
func (g *Grader) room() error {
	file, err := os.CreateTemp(g.Folder, "room-")
	if err == nil {
		_, err = file.Write(make([]byte, spare))
		err = errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	if Full(err) {
		return err
	}
	return nil // whatever else it is, commands may not mind
}

// spare is how much room there has to be for a failure to be a submission's own.
const spare = 1 << 20

// ownRecipe reads what a submission says about itself, if it says anything.
func ownRecipe(dir string) (grade.Own, *grade.Cause) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return grade.Own{}, nil
	}
	defer root.Close()
	file, err := root.Open(grade.OwnFile)
	if err != nil {
		return grade.Own{}, nil // there is none, or none that is a file of its own
	}
	defer file.Close()
	own, err := grade.ReadOwn(file)
	if err != nil {
		return grade.Own{}, &grade.Cause{Code: "own-file", Owner: grade.OfSubmission,
			Message: fmt.Sprintf("%s cannot be read", grade.OwnFile), Hint: "mend it as the lines below say", Output: strings.Split(err.Error(), "\n")}
	}
	return own, nil
}

// options are how a command of a submission is boxed.
func (g *Grader) options(dir, command string, recipe grade.Recipe) sandbox.Options {
	o := sandbox.Options{Dir: dir, Command: []string{"sh", "-c", command}, Tier: g.Tier, Show: g.Show, Limits: sandbox.Limits{
		Memory: int64(recipe.Limits.Memory), Processes: recipe.Limits.Processes, OpenFiles: recipe.Limits.OpenFiles, Disk: int64(recipe.Limits.Disk),
	}}
	for name, value := range recipe.Environment {
		o.Env = append(o.Env, name+"="+value)
	}
	slices.Sort(o.Env)
	return o
}

// build runs the build command, if nothing else is wrong to its end.
func (g *Grader) build(ctx context.Context, dir string, recipe grade.Recipe) (*grade.Process, *grade.Cause, error) {
	o := g.options(dir, recipe.Build, recipe)
	o.Keep = true
	o.Limits.Wall, o.Limits.CPU, o.Limits.Disk = recipe.BuildBudget, 2*recipe.BuildBudget, buildDisk
	began := time.Now()
	result, err := sandbox.Run(ctx, o)
	var command *target.CommandError
	switch {
	case errors.As(err, &command):
		return nil, &grade.Cause{Code: "build-command", Owner: grade.OfSubmission, Message: "the build command cannot be run: " + command.Error()}, nil
	case err != nil:
		return nil, nil, err
	case result.End == sandbox.Infrastructure:
		return nil, nil, errors.New(result.Reason)
	case ctx.Err() != nil:
		return nil, nil, context.Cause(ctx)
	}
	p := &grade.Process{Command: recipe.Build, Status: result.Reason, DurationMS: ms(time.Since(began)), CPUMS: ms(result.Usage.CPU), MaxRSS: result.Usage.Memory,
		Output: &report.Output{Head: string(result.Output.Head), Tail: string(result.Output.Tail), Dropped: result.Output.Dropped}}
	if result.End == sandbox.Exited && result.Status.Code == 0 {
		return p, nil, nil
	}
	hint := cmp.Or(advice(result.Output.LastLines(20), g.Show), "build it with the same command at home")
	return p, &grade.Cause{Code: "build-" + strings.ReplaceAll(string(result.End), " ", "-"), Owner: grade.OfSubmission,
		Message: "the build command " + result.Reason, Hint: hint, Output: result.Output.LastLines(20)}, nil
}

// buildDisk is how much a build may write, in bytes.
const buildDisk = 1 << 30

// test runs the requirements of the rubric, once for each draw, each apart from the
// others: which of them a server that dies, or that mixes up its clients, meets
// beside each other is another matter each time.
func (g *Grader) test(ctx context.Context, dir string, recipe grade.Recipe) (runs []*report.Report, cause *grade.Cause, err error) {
	rubric := g.Scheme.Rubric
	until := time.Now().Add(recipe.RunBudget)
	for _, seed := range grade.Seeds(g.Seed, rubric.Draws) {
		var problem error // of starting the server for the first time
		o := sandbox.ServeOptions{Options: g.options(dir, recipe.Start, recipe), Network: rubric.Transport, Port: recipe.Port}
		o.Limits.Wall, o.Limits.CPU = recipe.RunBudget+time.Minute, recipe.RunBudget
		plan := suites.Plan{
			Exec: recipe.Start, Protocol: rubric.Protocol, Dialects: rubric.Dialects(), Only: g.Scheme.IDs(),
			Strict: rubric.Strict, Seed: seed, Apart: true, Tool: g.Tool, Scheme: rubric.Transport,
			// The first draw has to run whatever became of the clock.
			Timeout: max(time.Until(until), time.Second),
			Start: func(ctx context.Context) (suites.Server, error) {
				s, err := sandbox.Serve(ctx, o)
				if err != nil {
					problem = err
					return nil, err
				}
				return s, nil
			},
		}
		run, err := suites.Run(ctx, plan, suites.Observer{})
		var command *target.CommandError
		var unready *sandbox.Unready
		var without *target.UnreadyError // as above, without a box
		switch {
		case ctx.Err() != nil:
			return nil, nil, context.Cause(ctx)
		case errors.As(problem, &unready):
			return nil, &grade.Cause{Code: unready.Code, Owner: grade.OfSubmission, Message: unready.Message,
				Hint: cmp.Or(advice(unready.Output, g.Show), startHint(rubric, recipe)), Output: unready.Output}, nil
		case errors.As(problem, &without):
			return nil, &grade.Cause{Code: unreadyCode(without), Owner: grade.OfSubmission, Message: without.Message,
				Hint: cmp.Or(advice(without.Output, g.Show), startHint(rubric, recipe)), Output: without.Output}, nil
		case errors.As(err, &command), errors.As(problem, &command):
			return nil, &grade.Cause{Code: "start-command", Owner: grade.OfSubmission, Message: "its command cannot be run: " + command.Error(), Hint: startHint(rubric, recipe)}, nil
		case problem != nil:
			return nil, nil, problem
		case err != nil:
			return nil, nil, err
		case len(run.Results) == 0 && run.Summary.Cause != "":
			// It listened, and was gone before anything could be judged.
			return nil, &grade.Cause{Code: "not-reached", Owner: grade.OfSubmission, Message: run.Summary.Cause, Hint: startHint(rubric, recipe)}, nil
		}
		atHome(run, rubric, recipe)
		runs = append(runs, run)
	}
	return runs, nil, nil
}

// unreadyCode is the code that it has in a box.
func unreadyCode(e *target.UnreadyError) string {
	switch {
	case e.Ended:
		return sandbox.EndedEarly
	case e.Elsewhere:
		return sandbox.WrongPort
	case e.Interface:
		return sandbox.WrongInterface
	}
	return sandbox.NotListening
}

// atHome has the commands that run requirements again name what is there where
// there are no boxes: a server that listens on a port of its own, and not where
// conform says, or one of datagrams, has to be started first.
func atHome(run *report.Report, rubric *grade.Rubric, recipe grade.Recipe) {
	target := ""
	switch {
	case rubric.Transport == grade.UDP && recipe.Port > 0:
		target = fmt.Sprintf("udp://localhost:%d", recipe.Port)
	case rubric.Transport == grade.UDP:
		target = `"udp://localhost:${PORT:?where it listens}"`
	case recipe.Port > 0:
		target = fmt.Sprintf("localhost:%d", recipe.Port)
	default:
		return
	}
	for i := range run.Results {
		again := &run.Results[i].Replay
		if at := strings.LastIndex(*again, " --protocol "); at >= 0 {
			*again = "conform --target " + target + (*again)[at:]
		}
	}
}

// compiles is what compiles before it starts.
var compiles = regexp.MustCompile(`\b(?:go|cargo|dotnet|gradlew?|mvnw?)\b.*\b(?:run|exec)`)

func startHint(rubric *grade.Rubric, recipe grade.Recipe) string {
	if compiles.MatchString(recipe.Start) {
		return "it is compiled each time that it is started, and a start has ten seconds: compile it with build, and start what that made"
	}
	listens := "listens"
	if rubric.Transport == grade.UDP {
		listens = "takes datagrams (UDP)"
	}
	if recipe.Port > 0 {
		return fmt.Sprintf("start it with %q and see that it %s on port %d", recipe.Start, listens, recipe.Port)
	}
	return fmt.Sprintf("start it with %q, as {port} or with PORT set, and see that it %s there", recipe.Start, listens)
}

// overran says whether a run ended before everything was judged.
func overran(runs []*report.Report) bool {
	return slices.ContainsFunc(runs, func(r *report.Report) bool {
		return slices.ContainsFunc(r.Results, func(res report.Result) bool {
			return res.Verdict == specs.Blocked && res.Reason != nil && res.Reason.Code == specs.OutOfTime
		})
	})
}

func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
