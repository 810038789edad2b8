// Package report turns the result of a run into what people and programs read.
//
// There is one model, Report, and one file per format (HTML, which has pictures,
// takes those that begin with html), each a function of the model and a writer.
// Matrix is several reports, of as many targets, and where they disagree.
// The model is also the JSON report, so that every format can be made from a
// stored one. Nothing here judges: verdicts come in, and the summary is counted
// from them. Whatever a target sent reaches an output only in quoted form.
package report

import (
	"time"

	"conform/specs"
)

// Schema names the version of the JSON report.
const Schema = "conform.report/v1"

// Report is the result of one run.
type Report struct {
	Schema  string   `json:"schema"`
	Tool    Tool     `json:"tool"`
	Target  Target   `json:"target"`
	Run     Run      `json:"run"`
	Summary Summary  `json:"summary"`
	Results []Result `json:"results"`          // in the order of the standard
	Scale   *Scale   `json:"scale,omitempty"`  // of a run with many clients, which judges no requirement
	Stages  []Stage  `json:"stages,omitempty"` // of a run in stages, in their order
}

// Tool says which conform made the report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

// Target says what was tested.
type Target struct {
	Address     string            `json:"address"`            // as in the header; "bundled" for the reference implementation
	Transport   string            `json:"transport"`          // tcp, tls, udp, unix or unixgram
	Protocol    []string          `json:"protocol"`           //
	Detected    string            `json:"detected,omitempty"` // what the protocol was recognised by; empty when it was named
	Dialect     map[string]string `json:"dialect"`            // declared and seen; "protocol/key" when there are several protocols
	StartedBy   string            `json:"started_by"`         // "user", "conform" (the bundled one) or the command
	PaceMS      float64           `json:"pace_ms"`            // how long it took to connect and to get an answer
	Concurrency Concurrency       `json:"concurrency"`
	Exits       []Exit            `json:"exits,omitempty"`  // of a command started by conform, before it was stopped
	Output      *Output           `json:"output,omitempty"` // what that command wrote since it was last started
}

// Output is the beginning and the end of what a command wrote, as it wrote it:
// whoever shows it has to escape it.
type Output struct {
	Head    string `json:"head"`
	Tail    string `json:"tail"`
	Dropped int64  `json:"dropped"` // bytes between the two
}

// Concurrency says how the target serves several clients.
type Concurrency struct {
	Class    string `json:"class"` // serial, bounded, concurrent; unknown when no client was served
	Bound    int    `json:"bound"` // clients served at once; for concurrent, at least
	Evidence string `json:"evidence,omitempty"`

	Profile []Profile `json:"profile"` // one for each protocol, or for each of its transports
}

// Exit is one end of the started command that conform did not bring about.
type Exit struct {
	Status string   `json:"status"`           // "exited with code 1", "killed by signal 11 (segmentation fault)"
	During string   `json:"during,omitempty"` // the requirement that was being tested, or what else was done
	Output []string `json:"output,omitempty"` // the last lines that it wrote, escaped
}

// Run says how the run was made.
type Run struct {
	Seed       int64     `json:"seed"`
	Started    time.Time `json:"started"`
	DurationMS float64   `json:"duration_ms"`
	Jobs       int       `json:"jobs"`
	Strict     bool      `json:"strict"`
	Pace       float64   `json:"pace"`     // the factor given with --pace
	Complete   bool      `json:"complete"` // every requirement of the protocol was judged

	// What was given on the command line: conform replay needs it.
	Protocol string   `json:"protocol,omitempty"` // named, not detected
	Dialects []string `json:"dialects,omitempty"` // declared, KEY=VALUE
	Insecure bool     `json:"insecure,omitempty"`
	CA       string   `json:"ca,omitempty"`
}

// Summary is what the results amount to.
type Summary struct {
	Headline string                `json:"headline"` // conformant, nonconformant, incomplete or error
	ExitCode int                   `json:"exit_code"`
	Cause    string                `json:"cause,omitempty"` // what ended or spoiled the run, if one thing did
	Counts   map[specs.Verdict]int `json:"counts"`          // every verdict, zeros too
	// Baseline is what the known failures amount to; absent without a baseline.
	Baseline *BaselineSummary `json:"baseline,omitempty"`
}

// BaselineSummary says how a run compares with the failures that are known.
type BaselineSummary struct {
	ExpectedFail   int      `json:"expected_fail"`   // failures that are known
	UnexpectedPass int      `json:"unexpected_pass"` // requirements that are known to fail, and do not
	Stale          []string `json:"stale,omitempty"` // globs of known failures under which nothing fails
}

// Known says what the baseline has of one requirement.
type Known struct {
	As   string `json:"as,omitempty"`   // ExpectedFail or UnexpectedPass; empty where it does not apply
	Note string `json:"note,omitempty"` // the note of the baseline, or why it does not apply
}

const (
	ExpectedFail   = "expected-fail"
	UnexpectedPass = "unexpected-pass"
)

// Result is what is said of one requirement.
type Result struct {
	ID         string        `json:"id"`
	Protocol   string        `json:"protocol"`
	Section    string        `json:"section"`
	Level      specs.Level   `json:"level"`
	Clause     string        `json:"clause"`
	Covers     []string      `json:"covers"`
	Title      string        `json:"title"`
	Verdict    specs.Verdict `json:"verdict"`
	StartedMS  float64       `json:"started_ms"` // since the run began
	DurationMS float64       `json:"duration_ms"`
	Attempts   int           `json:"attempts"`
	Reason     *Reason       `json:"reason,omitempty"` // absent when there is nothing to say
	Notes      []string      `json:"notes,omitempty"`
	Known      *Known        `json:"known,omitempty"`    // by the baseline, if there is one
	Schedule   *Schedule     `json:"schedule,omitempty"` // in which several clients did it
	Transcript []Event       `json:"transcript"`
	Replay     string        `json:"replay"`           // the command line that runs it again
	Recipe     *Recipe       `json:"recipe,omitempty"` // does it without conform; absent where nothing can
}

// Reason is the evidence behind a verdict.
type Reason struct {
	Code            specs.Code  `json:"code"`
	Message         string      `json:"message"`
	Sent            string      `json:"sent,omitempty"`     // quoted, with the pauses between segments
	Expected        []string    `json:"expected"`           // every outcome that was allowed
	Received        string      `json:"received,omitempty"` // quoted
	FirstDifference *Difference `json:"first_difference,omitempty"`
	Hint            string      `json:"hint,omitempty"`    // the likely cause
	SeenIn          string      `json:"seen_in,omitempty"` // the ID of the requirement whose case showed it, if it was another one
}

// Schedule is what several clients did, one step after the other: the smallest
// interleaving that was found to fail. conform replay plays it again.
type Schedule = specs.Schedule

// Difference is the first byte that is not what was expected.
type Difference struct {
	Offset   int    `json:"offset"`
	Expected string `json:"expected"` // from that byte on, quoted; "" is the end
	Received string `json:"received"`
}

// Event is one thing that happened on the wire.
type Event struct {
	AtMS  float64 `json:"at_ms"` // since the case began
	Conn  int     `json:"conn"`  // from 1; 0 for none
	Event string  `json:"event"` // wire.Kind
	Size  int64   `json:"size,omitempty"`
	Text  string  `json:"text,omitempty"` // the bytes quoted, or what the event says
	Head  []byte  `json:"head,omitempty"` // base64: the first bytes
	Tail  []byte  `json:"tail,omitempty"` // base64: the last bytes, where some between are left out
}

// known says whether the baseline has marked a result so.
func (res Result) known(as string) bool { return res.Known != nil && res.Known.As == as }

// Passed says whether a verdict leaves a run conformant.
func Passed(v specs.Verdict, strict bool) bool {
	switch v {
	case specs.Fail, specs.Error, specs.Blocked:
		return false
	case specs.NonStrict:
		return !strict
	}
	return true
}

// Judged says whether a verdict says something about the target.
func Judged(v specs.Verdict) bool {
	switch v {
	case specs.Pass, specs.NonStrict, specs.Fail, specs.Info, specs.SlowPass:
		return true
	}
	return false
}
