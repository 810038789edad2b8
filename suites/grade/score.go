package grade

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode"

	"conform/specs"
	"conform/suites/report"
)

// Facts are what is known of a submission besides its runs.
type Facts struct {
	Tool       report.Tool
	Submission Submission
	Seed       int64 // see Seeds
	Tier       string
	Started    time.Time
	Duration   time.Duration

	// Due is when the submission was due, if not when the rubric says.
	Due *time.Time

	// Outcome and Cause say why there was nothing to run; the zero value and
	// Graded say that there was. Points are lost only if the submission owns the
	// cause.
	Outcome Outcome
	Cause   *Cause

	Build *Process

	// Overrun says whose doing it is that a run ended before everything was
	// judged: the infrastructure's, unless the caller knows better, for
	// instance since it was so again, alone on a quiet machine.
	Overrun Owner
}

// Seeds are the seeds of the draws that a grade's seed stands for. The first is
// the seed itself, and none depends on how many there are.
func Seeds(seed int64, draws int) []int64 {
	seeds := []int64{seed}
	for i := 1; i < draws; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "conform.grade %d %d", seed, i))
		seeds = append(seeds, 1+int64(binary.BigEndian.Uint64(sum[:])%1_000_000_000))
	}
	return seeds
}

// standing is how far a requirement is met.
type standing int

const (
	open  standing = iota // not the submission's doing: unknown
	out                   // not asked of this submission: neither earned nor lost
	unmet                 // the submission's
	met
)

// Score counts what the runs of a submission are worth: one for each draw, in
// the order of Seeds. It only counts: same input, same grade.
func (s *Scheme) Score(runs []*report.Report, f Facts) Grade {
	r := s.Rubric
	g := Grade{Schema: Schema, Tool: f.Tool, Submission: f.Submission, Rubric: r.Reference(), Seed: f.Seed, Tier: f.Tier,
		Started: f.Started, DurationMS: float64(f.Duration.Round(time.Microsecond)) / float64(time.Millisecond),
		Outcome: Graded, Max: r.Max().Float(), Deductions: []Deduction{}, Manual: []Manual{}, Build: f.Build}
	for _, p := range r.Manual {
		g.Manual = append(g.Manual, Manual{ID: p.ID, Title: p.Title, Max: p.Points.Float(), Guide: p.Guide})
	}
	c := s.judge(runs, f)
	low, high := s.settle(c, false), s.settle(c, true)
	var total, bonus Decimal
	waits := false
	for i, item := range s.Items {
		line, points := s.line(i, c[i], low, high)
		g.Lines = append(g.Lines, line)
		total += points
		if item.Group.Bonus {
			bonus += points
		}
		waits = waits || line.Status == Uncounted
	}
	deduct := func(title string, points Decimal, why string) {
		if points > 0 {
			g.Deductions = append(g.Deductions, Deduction{title, points.Float(), why})
			total -= points
		}
	}
	if r.BonusCap != nil {
		deduct("Bonus above the most there is", bonus-*r.BonusCap, fmt.Sprintf("all bonus lines together add at most %s", points(*r.BonusCap)))
	}
	if late := r.late(f); late > 0 {
		lost, row := r.Lateness.lost(late, total, *r.Rounding)
		if row != nil {
			deduct("Late", lost, fmt.Sprintf("%s late: %s", brief(late), r.Lateness.says(*row)))
		}
	}
	g.Score = total.Float()
	g.Report = telling(runs, c)
	switch {
	case f.Cause != nil && f.Cause.Owner == OfSubmission:
		g.Outcome, g.Cause = cmp.Or(f.Outcome, NotStarted), f.Cause
	case f.Cause != nil:
		g.Outcome, g.Cause = Undecided, f.Cause
	case waits:
		g.Outcome, g.Cause = Undecided, undecided(c)
	}
	return g
}

// candidate is a group on its way to points.
type candidate struct {
	judged []Judged
	stands []standing
	why    []string // of each requirement, what the report says
	class  standing
	found  string // what the server serves, as was seen
}

// judge finds how far each requirement of each group is met.
func (s *Scheme) judge(runs []*report.Report, f Facts) []candidate {
	results := make([]map[string]report.Result, len(runs))
	for i, run := range runs {
		results[i] = map[string]report.Result{}
		if run != nil {
			for _, res := range run.Results {
				results[i][res.ID] = res
			}
		}
	}
	// A whole submission may have had no chance to run, or no right to more.
	verdict, whole, owner := specs.Verdict(""), open, OfInfrastructure
	if f.Cause != nil {
		verdict, owner = specs.Blocked, f.Cause.Owner
		if owner == OfSubmission {
			whole = unmet
		}
	}
	draws := s.Rubric.Draws
	var list []candidate
	for _, item := range s.Items {
		c := candidate{}
		c.class, c.found = s.class(item.Group.Class, runs, whole, f.Overrun)
		for _, spec := range item.Requirements {
			j := Judged{ID: spec.ID, Title: spec.Title}
			stands, why := met, ""
			if f.Cause != nil {
				stands, j.Verdict, j.Owner = whole, verdict, owner
			}
			for i := 0; f.Cause == nil && i < max(draws, len(runs)); i++ {
				res, found := report.Result{}, false
				if i < len(runs) {
					res, found = results[i][spec.ID]
				}
				if !found {
					message := "the run has no result of it"
					if i < len(runs) && runs[i] != nil && runs[i].Summary.Cause != "" {
						message = runs[i].Summary.Cause
					}
					res = report.Result{Verdict: specs.Blocked, Reason: &report.Reason{Code: specs.Interrupted, Message: message}}
				} else {
					j.Draws++
				}
				one, whose := s.stands(res, f.Overrun)
				if one == met {
					j.Passed++
				}
				if i == 0 || worse(one, stands) || one == met && stands == met && graver(res.Verdict, j.Verdict) {
					stands, j.Verdict, j.Owner, j.Code, why = one, res.Verdict, whose, "", ""
					if res.Reason != nil {
						j.Code, why = res.Reason.Code, res.Reason.Message
					}
				}
			}
			j.Met = stands == met
			c.judged, c.stands, c.why = append(c.judged, j), append(c.stands, stands), append(c.why, why)
		}
		item.share(&c)
		list = append(list, c)
	}
	return list
}

// worse orders what several draws say: what the submission did wrong once is
// wrong, what nobody knows is not right, and what was left out once says nothing
// against what was judged.
func worse(a, b standing) bool {
	rank := map[standing]int{unmet: 3, open: 2, met: 1, out: 0}
	return rank[a] > rank[b]
}

// graver orders verdicts that are all met, to show the one that says most.
func graver(a, b specs.Verdict) bool {
	order := []specs.Verdict{specs.Pass, specs.Info, specs.SlowPass, specs.NonStrict}
	return slices.Index(order, a) > slices.Index(order, b)
}

// stands says what a result means for the submission, and whose doing it is if
// it is not met.
func (s *Scheme) stands(res report.Result, overrun Owner) (standing, Owner) {
	code := specs.Code("")
	if res.Reason != nil {
		code = res.Reason.Code
	}
	switch res.Verdict {
	case specs.Pass, specs.Info, specs.SlowPass:
		return met, ""
	case specs.NonStrict:
		if !s.Rubric.Strict {
			return met, ""
		}
		return unmet, OfSubmission
	case specs.Fail:
		return unmet, OfSubmission
	case specs.Unsupported:
		if code == specs.Missing {
			return unmet, OfSubmission
		}
		return out, OfRubric
	case specs.Blocked:
		switch code {
		case specs.TargetDied, specs.Missing:
			return unmet, OfSubmission
		case specs.OutOfTime:
			switch overrun {
			case OfSubmission:
				return unmet, OfSubmission
			case OfRubric:
				return open, OfRubric
			}
		}
		return open, OfInfrastructure
	case specs.Skipped:
		if code == specs.Deselected {
			return open, OfRubric
		}
		return open, OfInfrastructure
	}
	return open, OfRubric // conform itself
}

// class says whether the server was found to serve as a group needs it. Seen in
// one draw is enough: a busy machine makes a server look less able, never more.
func (s *Scheme) class(needed string, runs []*report.Report, whole standing, overrun Owner) (standing, string) {
	if needed == "" {
		return met, ""
	}
	n, _ := bound(needed)
	stands, found := whole, ""
	for _, run := range runs {
		if run == nil {
			continue
		}
		seen := run.Target.Concurrency
		switch {
		case seen.Class == string(specs.Concurrent), seen.Class != string(specs.Unknown) && seen.Bound >= n:
			return met, ""
		case seen.Class == string(specs.Serial):
			stands, found = unmet, "one client at a time"
		case seen.Class == string(specs.Bounded):
			stands, found = unmet, fmt.Sprintf("%d clients at once", seen.Bound)
		case found == "" && slices.ContainsFunc(run.Results, func(res report.Result) bool {
			one, _ := s.stands(res, overrun)
			return one == unmet
		}): // otherwise it had no chance to serve one
			stands, found = unmet, "not one client"
		}
	}
	return stands, found
}

// share says what each requirement of a group is worth, so that all together are
// worth the whole.
func (item Item) share(c *candidate) {
	weights := item.considered(c.stands)
	sum, so := new(big.Rat), new(big.Rat)
	for _, w := range weights {
		sum.Add(sum, w)
	}
	if sum.Sign() == 0 {
		return
	}
	before := Decimal(0)
	for i, w := range weights {
		so.Add(so, w)
		upTo := new(big.Rat).Mul(item.Group.Points.rat(), so)
		up := rounded(upTo.Quo(upTo, sum), places)
		c.judged[i].Share = (up - before).Float()
		before = up
	}
}

// considered are the weights of the requirements; nothing for what is left out.
// In a staged group a step weighs 1, whatever it asks for.
func (item Item) considered(stands []standing) []*big.Rat {
	inStep := map[int]int64{}
	for i, step := range item.steps {
		if stands[i] != out {
			inStep[step]++
		}
	}
	weights := make([]*big.Rat, len(stands))
	for i := range stands {
		switch {
		case stands[i] == out:
			weights[i] = new(big.Rat)
		case item.Group.Credit == Staged:
			weights[i] = big.NewRat(1, inStep[item.steps[i]])
		case item.Group.Credit == AllOrNothing:
			weights[i] = big.NewRat(1, 1)
		default:
			weights[i] = item.weights[i]
		}
	}
	return weights
}

// earned is the part of its points that a group has earned by itself, if what is
// open is taken for met, or for not.
func (item Item) earned(c candidate, hopeful bool) *big.Rat {
	holds := func(st standing) bool { return st == met || st == open && hopeful }
	all, some := new(big.Rat), new(big.Rat)
	judged := 0
	lost, from := false, 0
	for i, w := range item.considered(c.stands) {
		if c.stands[i] == out {
			continue
		}
		judged++
		all.Add(all, w)
		if holds(c.stands[i]) {
			some.Add(some, w)
		} else if !lost {
			lost = true
			if item.steps != nil {
				from = item.steps[i]
			}
		}
	}
	switch {
	case judged == 0 && hopeful && holds(c.class):
		return big.NewRat(1, 1) // nothing is known
	case judged == 0, !holds(c.class), all.Sign() == 0:
		return new(big.Rat)
	case item.Group.Credit == AllOrNothing && lost:
		return new(big.Rat)
	case item.Group.Credit == Staged && lost:
		some = new(big.Rat)
		for i, w := range item.considered(c.stands) {
			if c.stands[i] != out && item.steps[i] < from {
				some.Add(some, w)
			}
		}
	}
	return some.Quo(some, all)
}

// settled is what a group has earned when those that it needs are counted too.
type settled struct {
	part  *big.Rat
	waits string // the ID of a group that is needed and not met
}

// settle counts all groups.
func (s *Scheme) settle(c []candidate, hopeful bool) []settled {
	index := map[string]int{}
	for i, item := range s.Items {
		index[item.Group.ID] = i
	}
	done := make([]*settled, len(s.Items))
	var settle func(i int) settled
	settle = func(i int) settled {
		if done[i] == nil {
			r := settled{part: s.Items[i].earned(c[i], hopeful)}
			for _, need := range s.Items[i].Group.Needs {
				if !whole(settle(index[need]).part) && r.waits == "" {
					r = settled{new(big.Rat), need}
				}
			}
			done[i] = &r
		}
		return *done[i]
	}
	var list []settled
	for i := range s.Items {
		list = append(list, settle(i))
	}
	return list
}

func whole(part *big.Rat) bool { return part.Cmp(big.NewRat(1, 1)) == 0 }

// line is what a group comes to.
func (s *Scheme) line(i int, c candidate, low, high []settled) (Line, Decimal) {
	item := s.Items[i]
	g := item.Group
	line := Line{ID: g.ID, Title: g.Title, Max: g.Points.Float(), Bonus: g.Bonus, Visibility: g.Visibility, Judged: c.judged}
	if line.Judged == nil {
		line.Judged = []Judged{}
	}
	part := low[i].part
	if part.Cmp(high[i].part) != 0 {
		line.Status, line.Why = Uncounted, "to be graded again, with a line that it needs"
		if open := c.open(); open != "" {
			line.Why = "to be graded again: " + open
		}
		return line, 0
	}
	earned := rounded(new(big.Rat).Mul(g.Points.rat(), part), *s.Rubric.Rounding)
	line.Points = earned.Float()
	switch {
	case low[i].waits != "":
		line.Status, line.Why = Waiting, fmt.Sprintf("waits for %q, which is not met", s.title(low[i].waits))
	case whole(part):
		line.Status, line.Why = Met, c.noted()
	case c.class != met:
		line.Status, line.Why = Unmet, fmt.Sprintf("needs a server of the class %s", g.Class)
		if c.found != "" {
			line.Why += "; this one was found to serve " + c.found
		}
	case part.Sign() == 0:
		line.Status, line.Why = Unmet, c.lost(item)
	default:
		line.Status, line.Why = Partly, c.lost(item)
	}
	return line, earned
}

func (s *Scheme) title(id string) string {
	for _, item := range s.Items {
		if item.Group.ID == id {
			return item.Group.Title
		}
	}
	return id
}

// named lists at most three requirements of a standing, and what is said of them.
func (c candidate) named(which func(i int) bool) string {
	var names []string
	total := 0
	for i, j := range c.judged {
		if !which(i) {
			continue
		}
		if total++; total > 3 {
			continue
		}
		name := j.ID
		if j.Code != "" {
			name += " (" + string(j.Code) + ")"
		}
		if j.Draws > 1 && j.Passed > 0 {
			name += fmt.Sprintf(" in %d of %d draws", j.Draws-j.Passed, j.Draws)
		}
		names = append(names, name)
	}
	if total > 3 {
		names = append(names, fmt.Sprintf("and %d more", total-3))
	}
	return strings.Join(names, ", ")
}

func (c candidate) open() string {
	if names := c.named(func(i int) bool { return c.stands[i] == open }); names != "" {
		return "not judged: " + names
	}
	if !slices.ContainsFunc(c.stands, func(st standing) bool { return st != out }) {
		return "nothing of it applies to this submission: " + c.named(func(int) bool { return true })
	}
	return ""
}

// noted says what is worth saying of a line that is met.
func (c candidate) noted() string {
	var notes []string
	if slow := c.named(func(i int) bool { return c.judged[i].Verdict == specs.SlowPass }); slow != "" {
		notes = append(notes, "right, but slow: "+slow)
	}
	if lax := c.named(func(i int) bool { return c.judged[i].Verdict == specs.NonStrict }); lax != "" {
		notes = append(notes, "not as advised: "+lax)
	}
	if left := c.named(func(i int) bool { return c.stands[i] == out }); left != "" {
		notes = append(notes, "left out: "+left)
	}
	return strings.Join(notes, "; ")
}

// lost says what cost points: what was judged, and in one sentence what could
// not be for the same reason.
func (c candidate) lost(item Item) string {
	blocked := func(i int) bool { return c.stands[i] == unmet && c.judged[i].Verdict == specs.Blocked }
	var parts []string
	if names := c.named(func(i int) bool { return c.stands[i] == unmet && !blocked(i) }); names != "" {
		parts = append(parts, "not met: "+names)
	}
	reasons := map[string]int{}
	var order []string
	for i := range c.judged {
		if blocked(i) {
			if reasons[c.why[i]] == 0 {
				order = append(order, c.why[i])
			}
			reasons[c.why[i]]++
		}
	}
	for _, why := range order[:min(3, len(order))] {
		text := "could not be judged"
		if why != "" {
			text += ", because " + printable(why)
		}
		parts = append(parts, count(reasons[why], "requirement", "requirements")+" "+text)
	}
	if item.Group.Credit == Staged {
		parts = append(parts, "later steps do not count")
	}
	return strings.Join(parts, "; ")
}

// printable is the first line of what a report says, which may quote the target.
func printable(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	letters := []rune(strings.ToValidUTF8(s, "\uFFFD"))
	for i, r := range letters {
		if !unicode.IsPrint(r) {
			letters[i] = '\uFFFD'
		}
	}
	if len(letters) > maxShown {
		letters = append(letters[:maxShown], '…')
	}
	return string(letters)
}

// telling is the run that is shown: the first in which something was not met.
func telling(runs []*report.Report, c []candidate) *report.Report {
	failed := map[string]bool{}
	for _, one := range c {
		for i, j := range one.judged {
			failed[j.ID] = one.stands[i] == unmet
		}
	}
	var first *report.Report
	for _, run := range runs {
		if run == nil {
			continue
		}
		if first == nil {
			first = run
		}
		for _, res := range run.Results {
			if failed[res.ID] && (res.Verdict == specs.Fail || res.Verdict == specs.Blocked) {
				return run
			}
		}
	}
	return first
}

// undecided says why a grade is none.
func undecided(c []candidate) *Cause {
	cause := &Cause{Code: "not-judged", Owner: OfInfrastructure,
		Hint: "grade it again; this is no zero, and the points that are shown are not final"}
	n, kit := 0, 0
	example := ""
	for _, one := range c {
		for i, j := range one.judged {
			if one.stands[i] == met || one.stands[i] == unmet {
				continue
			}
			if n++; j.Owner == OfRubric {
				kit++
			}
			if example == "" {
				example = j.ID
				if one.why[i] != "" {
					example += ": " + printable(one.why[i])
				}
			}
		}
	}
	if n > 0 && kit == n {
		cause.Owner = OfRubric
	}
	cause.Message = count(n, "requirement was", "requirements were") + " not judged"
	if example != "" {
		cause.Message += ", such as " + example
	}
	return cause
}

// late is how much later than due a submission came; 0 when nothing is known.
func (r *Rubric) late(f Facts) time.Duration {
	if r.Lateness == nil || f.Submission.Submitted == nil {
		return 0
	}
	due := r.Lateness.Due
	if f.Due != nil {
		due = f.Due
	}
	if due == nil {
		return 0
	}
	return f.Submission.Submitted.Sub(*due)
}

// says puts a row into words.
func (l *Lateness) says(row Late) string {
	text := ""
	if row.Minus != nil {
		text = "−" + points(*row.Minus)
	} else {
		text = fmt.Sprintf("−%s %%", (unit-*row.Factor)*100)
	}
	if l.Cap != nil {
		text += fmt.Sprintf(", at most %s", points(*l.Cap))
	}
	return text
}

func points(d Decimal) string {
	if d == unit {
		return "1 point"
	}
	return d.String() + " points"
}

// brief is a duration as people say it: 2 h, 1 d 3 h.
func brief(d time.Duration) string {
	if d = d.Round(time.Second); d < time.Second {
		return "less than 1 s"
	}
	var parts []string
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}} {
		if n := d / u.size; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			d -= n * u.size
		}
	}
	return strings.Join(parts, " ")
}
