package batch

import (
	"slices"
	"time"

	"conform/specs"
	"conform/suites/report"
)

const (
	// beat is how often a pulse is taken.
	beat = 20 * time.Millisecond
	// starved is how late a beat may be before the waits of a run are in doubt: the
	// shortest that costs points is 400 ms.
	starved = 400 * time.Millisecond
)

// takePulse measures how late this process comes to run on its machine, until the
// function that it returns is called for the worst. What it is tested with is as
// late as that: a server that nobody lets run is silent, and no worse than others.
func takePulse() (worst func() time.Duration) {
	stop, result := make(chan struct{}), make(chan time.Duration)
	go func() {
		var worst time.Duration
		for tick := time.NewTicker(beat); ; {
			began := time.Now()
			select {
			case <-stop:
				tick.Stop()
				result <- worst
				return
			case <-tick.C:
				worst = max(worst, time.Since(began)-beat)
			}
		}
	}()
	return func() time.Duration { close(stop); return <-result }
}

// waited says whether something was not met since a wait had run out.
func waited(runs []*report.Report) bool {
	return slices.ContainsFunc(runs, func(r *report.Report) bool {
		return slices.ContainsFunc(r.Results, func(res report.Result) bool {
			return res.Reason != nil && (res.Verdict == specs.Fail || res.Verdict == specs.NonStrict || res.Verdict == specs.Blocked) && slices.Contains(waits, res.Reason.Code)
		})
	})
}

// waits are the reasons that a server has which is only late, too.
var waits = []specs.Code{specs.ConnectFailed, specs.SendFailed, specs.NoAnswer, specs.PartialAnswer, specs.NotClosed, specs.NotServing,
	specs.TargetDied, specs.TooFewServed, specs.OutOfTime}
