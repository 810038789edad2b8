// Package grade says what a submission is worth: a rubric, which an instructor
// writes, and the grade that a run of the requirements earns by it.
//
// It is pure: it reads a rubric and a report, and counts. Unpacking, building and
// running submissions, and what course systems import, are for others.
package grade

import (
	"time"

	"conform/specs"
	"conform/suites/report"
)

// Schema names the version of the JSON of a grade.
const Schema = "conform.grade/v1"

// Grade is what one submission got, and why.
type Grade struct {
	Schema     string      `json:"schema"`
	Tool       report.Tool `json:"tool"`
	Submission Submission  `json:"submission"`
	Rubric     Reference   `json:"rubric"`
	Seed       int64       `json:"seed"` // every input of every line is drawn from it
	Tier       string      `json:"tier"` // the isolation that the submission ran in: strict, namespaced or basic
	Started    time.Time   `json:"started"`
	DurationMS float64     `json:"duration_ms"`

	Outcome Outcome `json:"outcome"`
	Cause   *Cause  `json:"cause,omitempty"` // of an outcome other than Graded

	Score      float64     `json:"score"` // what counts: the lines, less the deductions, at least 0
	Max        float64     `json:"max"`   // what the lines are worth without bonus; the same for every submission
	Lines      []Line      `json:"lines"` // in the order of the rubric; all of them, whatever the outcome
	Deductions []Deduction `json:"deductions"`
	Manual     []Manual    `json:"manual"` // what a person has still to judge; not in Score and Max

	Build  *Process       `json:"build,omitempty"`
	Report *report.Report `json:"report,omitempty"` // the run behind the lines
}

// Submission says what was graded.
type Submission struct {
	Name      string     `json:"name"`   // of its folder or archive; hostile
	Digest    string     `json:"digest"` // SHA-256 over its files, hex
	Submitted *time.Time `json:"submitted,omitempty"`
}

// Reference names a rubric.
type Reference struct {
	Title  string `json:"title"`
	Digest string `json:"digest"` // SHA-256 of the file, hex
}

// Outcome is what came of grading a submission.
type Outcome string

const (
	Graded      Outcome = "graded"       // its server ran, and every line was counted
	Unreadable  Outcome = "unreadable"   // its archive or folder cannot be taken
	BuildFailed Outcome = "build-failed" // its build command failed or ran out of its budget
	NotStarted  Outcome = "not-started"  // its server never listened where it had to
	Undecided   Outcome = "undecided"    // not the submission's doing: to be graded again, never a zero
)

// Owner says whose doing an outcome is. Only what the submission owns costs points.
type Owner string

const (
	OfSubmission     Owner = "submission"
	OfRubric         Owner = "rubric"         // or conform itself
	OfInfrastructure Owner = "infrastructure" // the machine, the network, the queue
)

// Cause says why a submission was not graded as it should have been.
type Cause struct {
	Code    string   `json:"code"` // stable, such as "archive-link" or "wrong-port"
	Owner   Owner    `json:"owner"`
	Message string   `json:"message"`          // a line, escaped
	Hint    string   `json:"hint,omitempty"`   // what to do about it
	Output  []string `json:"output,omitempty"` // the last lines that the submission wrote, escaped
}

// Line is one group of the rubric, counted.
type Line struct {
	ID         string     `json:"id"` // of the group
	Title      string     `json:"title"`
	Points     float64    `json:"points"`
	Max        float64    `json:"max"`
	Bonus      bool       `json:"bonus,omitempty"` // its Max is not in the grade's
	Visibility Visibility `json:"visibility"`
	Status     Status     `json:"status"`
	Why        string     `json:"why,omitempty"` // a sentence: what it lost, or which line it waits for
	Judged     []Judged   `json:"judged"`
}

// Status is how a line came out.
type Status string

const (
	Met       Status = "met"       // all of its points
	Partly    Status = "partly"    // some
	Unmet     Status = "unmet"     // none
	Waiting   Status = "waiting"   // none, since a line that it needs was not met
	Uncounted Status = "uncounted" // not the submission's doing: to be graded again
)

// Visibility says what the student is shown of a line.
type Visibility string

const (
	Visible    Visibility = "visible"
	ResultOnly Visibility = "result-only" // met or not, and the points; no bytes, no hint, no times
	AfterDue   Visibility = "after-due"   // nothing before the due date, everything after it
	Hidden     Visibility = "hidden"      // nothing
)

// Judged is one requirement of a line.
type Judged struct {
	ID      string        `json:"id"`
	Title   string        `json:"title"`
	Verdict specs.Verdict `json:"verdict"` // the worst of all draws
	Owner   Owner         `json:"owner,omitempty"`
	Code    specs.Code    `json:"code,omitempty"`
	Share   float64       `json:"share"` // of the line's points: what it is worth
	Met     bool          `json:"met"`
	Draws   int           `json:"draws"`  // how often it ran, each time on other input
	Passed  int           `json:"passed"` // how often of these it was met
}

// Deduction is what a submission loses for another reason than its lines.
type Deduction struct {
	Title  string  `json:"title"`
	Points float64 `json:"points"` // above 0
	Why    string  `json:"why"`
}

// Manual is a part that a person judges.
type Manual struct {
	ID    string  `json:"id"`
	Title string  `json:"title"`
	Max   float64 `json:"max"`
	Guide string  `json:"guide,omitempty"`
}

// Process is what came of a command of the submission.
type Process struct {
	Command    string         `json:"command"`
	Status     string         `json:"status"` // "exited with code 0", "killed: out of memory"
	DurationMS float64        `json:"duration_ms"`
	CPUMS      float64        `json:"cpu_ms,omitempty"`
	MaxRSS     int64          `json:"max_rss,omitempty"` // bytes
	Output     *report.Output `json:"output,omitempty"`
}
