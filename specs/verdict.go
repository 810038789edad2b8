package specs

import (
	"fmt"
	"time"

	"conform/specs/wire"
)

// Verdict is what is said of a requirement in the end.
type Verdict string

const (
	Pass        Verdict = "pass"        // met
	NonStrict   Verdict = "nonstrict"   // what respected servers do and the text does not allow, or a SHOULD not met
	Fail        Verdict = "fail"        // broken
	Info        Verdict = "info"        // both outcomes are allowed; recorded
	Unsupported Verdict = "unsupported" // the target, or its dialect, lacks the feature
	Skipped     Verdict = "skipped"     // the user left it out
	Blocked     Verdict = "blocked"     // something that it needs failed first
	SlowPass    Verdict = "slow"        // right, but only in the long retry
	Error       Verdict = "error"       // the kit or the environment failed, not the target
)

// Verdicts lists them in the order in which they are counted and shown.
var Verdicts = []Verdict{Pass, NonStrict, Fail, Info, Unsupported, Skipped, Blocked, SlowPass, Error}

// Code says in one word why a requirement was not met, so that scripts and
// people can tell the ways of failing apart.
type Code string

const (
	ConnectFailed Code = "connect-failed"  // no connection could be made
	SendFailed    Code = "send-failed"     // the target stopped taking what it was sent
	NoAnswer      Code = "no-answer"       // silence where an answer was due; the connection is open
	PartialAnswer Code = "partial-answer"  // a part of the answer, then silence
	WrongBytes    Code = "wrong-bytes"     // other bytes than the expected ones
	ExtraBytes    Code = "extra-bytes"     // the expected bytes, and more
	NotSilent     Code = "not-silent"      // bytes where nothing was due
	ClosedEarly   Code = "closed-early"    // FIN before or in the middle of the answer
	ResetEarly    Code = "reset-early"     // RST before or in the middle of the answer
	NotClosed     Code = "not-closed"      // still open where an end was due
	ResetNotFIN   Code = "reset-not-fin"   // RST where a FIN was due
	FINNotReset   Code = "fin-not-reset"   // FIN where a RST was due
	NotServing    Code = "not-serving"     // a new client is no longer served
	Flood         Code = "flood"           // more bytes than any answer could have
	Assertion     Code = "assertion"       // a condition of the spec's own does not hold
	TargetDied    Code = "target-died"     // the target died or stopped answering
	OutOfTime     Code = "out-of-time"     // the budget of the case or the run was spent
	Interrupted   Code = "interrupted"     // the user ended the run
	Declared      Code = "declared"        // the declared dialect says so
	Missing       Code = "missing"         // something that the requirement needs was not found on the target
	Violation     Code = "violation"       // a rule for all that a server sends was broken
	OtherKind     Code = "other-transport" // the requirement is about streams and the target talks in datagrams, or the other way round
	TooFewServed  Code = "too-few-served"  // the requirement needs more clients at once than the target serves
	WrongSource   Code = "wrong-source"    // a datagram came from another address than it was sent to
	Deselected    Code = "deselected"      // the selection left it out
	LaterStage    Code = "later-stage"     // it is of a stage behind the first that is not met
	KitFault      Code = "kit-fault"       // a defect in conform
)

// Reason is the evidence behind a verdict other than pass.
type Reason struct {
	Code     Code
	Message  string   // what is wrong, in a line
	Sent     string   // what the connection had sent, quoted, with the pauses
	Expected []string // every outcome that was allowed
	Received string   // what came instead, quoted, and when
	Diff     *Difference
	Hint     string // the likely cause
	Events   int    // how many events the transcript had then: what follows is taking leave
	SeenIn   string // the requirement in whose case it was seen, where several are judged together
}

// Difference is the first byte at which the answer is not what was expected.
type Difference struct {
	Offset             int    // from the start of the expected bytes
	Expected, Received string // from that byte on, quoted; "" is the end
}

// Result is what came of one execution of a spec.
type Result struct {
	Verdict    Verdict
	Reason     Reason   // empty when passed
	Notes      []string // observations worth recording
	Transcript []wire.Event
	Started    time.Time
	Duration   time.Duration
	// Waited says that the verdict rests on a wait that ran out: a slower
	// server could have passed.
	Waited bool
	// Longest is the longest that an expectation took to be met.
	Longest time.Duration
	// Schedule is the interleaving that a failure was found in; nil for none.
	Schedule *Schedule
	// Confirmed says that the case has seen its failure more than once, or what
	// cannot be seen twice, so that it need not be executed again to count.
	Confirmed bool
}

func (r Reason) String() string { return fmt.Sprintf("%s: %s", r.Code, r.Message) }
