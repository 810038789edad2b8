package report

import "conform/specs"

// testStatus is what a verdict is for tools that know only tests.
type testStatus int

const (
	statusPassed  testStatus = iota
	statusFailed             // by the target
	statusSkipped            // nobody wanted it, or it does not apply
	statusError              // could not be judged
)

// status says what a result is in a run: what is only nonstrict fails under
// --strict, and what the baseline knows does not, unless it passes.
func status(r *Report, res Result) testStatus {
	if res.Known != nil {
		switch res.Known.As {
		case ExpectedFail:
			return statusSkipped
		case UnexpectedPass:
			return statusFailed
		}
	}
	switch res.Verdict {
	case specs.Pass, specs.SlowPass, specs.Info:
		return statusPassed
	case specs.Fail:
		return statusFailed
	case specs.NonStrict:
		if r.Run.Strict {
			return statusFailed
		}
		return statusPassed
	case specs.Skipped, specs.Unsupported:
		return statusSkipped
	}
	return statusError
}

// tests are the results for tools that know only tests: a run with many clients
// is one more.
func (r *Report) tests() []Result {
	if r.Scale == nil {
		return r.Results
	}
	return append(r.Results[:len(r.Results):len(r.Results)], r.Scale.result())
}
