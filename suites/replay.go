package suites

import (
	"fmt"
	"slices"
	"strings"

	"conform/specs"
	"conform/suites/report"
	"conform/suites/target"
)

// PlanAgain is the plan that runs one requirement of a report once more, on the
// same target with the same input: seed, dialects, and the schedule that several
// clients kept to; and with it the one in whose case the failure was seen. It is an
// error if the report does not hold the requirement, or nothing was run for it.
func PlanAgain(r *report.Report, id string) (Plan, report.Result, error) {
	var before report.Result
	for _, res := range r.Results {
		if res.ID == id {
			before = res
		}
	}
	switch {
	case before.ID == "":
		return Plan{}, before, usagef("the report holds no requirement %q%s", id, failedOnes(r))
	case !report.Judged(before.Verdict):
		return Plan{}, before, usagef("%s was %s in the report: there is nothing to run again", id, before.Verdict)
	}
	p := Plan{Only: []string{id}, Seed: r.Run.Seed, Pace: r.Run.Pace, Strict: r.Run.Strict,
		Protocol: r.Run.Protocol, Dialects: r.Run.Dialects, Insecure: r.Run.Insecure, CA: r.Run.CA}
	switch started := r.Target.StartedBy; started {
	case "conform":
		p.Protocol = before.Protocol
	case "user":
		address, err := target.ParseAddress(r.Target.Address)
		if err != nil {
			return Plan{}, before, usagef("the report's target: %s; write another --target", err)
		}
		p.Target = &address
	default:
		p.Exec = started
	}
	if before.Reason != nil && before.Reason.SeenIn != "" {
		p.Only = append(p.Only, before.Reason.SeenIn) // alone it would see nothing
	}
	if before.Schedule != nil {
		p.Again = map[string]specs.Schedule{id: *before.Schedule}
	}
	return p, before, nil
}

// failedOnes names some requirements that are worth running again.
func failedOnes(r *report.Report) string {
	var ids []string
	for _, res := range r.Results {
		if !report.Passed(res.Verdict, true) && report.Judged(res.Verdict) && len(ids) < 3 {
			ids = append(ids, res.ID)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return fmt.Sprintf(": what failed in it is %s", strings.Join(ids, ", "))
}

// Compare says in a sentence what has become of a requirement that was run again,
// and whether it has failed again.
func Compare(before, now report.Result) (sentence string, again bool) {
	bad := func(v specs.Verdict) bool { return v == specs.Fail || v == specs.NonStrict }
	switch {
	case !report.Judged(now.Verdict):
		return fmt.Sprintf("%s cannot be judged this time: it is %s", now.ID, now.Verdict), false
	case bad(now.Verdict) && !bad(before.Verdict):
		return fmt.Sprintf("%s fails now; in the report it was %s", now.ID, before.Verdict), true
	case bad(now.Verdict) && same(before.Reason, now.Reason):
		return fmt.Sprintf("%s fails again, as in the report", now.ID), true
	case bad(now.Verdict) && code(before.Reason) == code(now.Reason):
		return fmt.Sprintf("%s fails again, with %s as in the report, but at another place", now.ID, code(now.Reason)), true
	case bad(now.Verdict):
		return fmt.Sprintf("%s fails again, in another way: with %s, and with %s in the report", now.ID, code(now.Reason), code(before.Reason)), true
	case bad(before.Verdict):
		return fmt.Sprintf("%s passes now", now.ID), false
	}
	return fmt.Sprintf("%s passes again", now.ID), false
}

// same says whether two failures are alike but for their times, and for how much
// had come by then.
func same(a, b *report.Reason) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Code != b.Code || !slices.Equal(a.Expected, b.Expected) {
		return false
	}
	if a.FirstDifference == nil || b.FirstDifference == nil {
		return a.FirstDifference == b.FirstDifference
	}
	x, y := a.FirstDifference, b.FirstDifference
	beginning := func(quoted string) string {
		quoted, _, _ = strings.Cut(quoted, `" … (`)
		return strings.TrimSuffix(quoted, `"`)
	}
	p, q := beginning(x.Received), beginning(y.Received)
	return x.Offset == y.Offset && x.Expected == y.Expected && (p == "") == (q == "") &&
		(strings.HasPrefix(p, q) || strings.HasPrefix(q, p))
}

func code(r *report.Reason) specs.Code {
	if r == nil {
		return "no reason"
	}
	return r.Code
}
