package feedback

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"conform/specs"
	"conform/suites/grade"
	"conform/suites/report"
)

// view is a grade as its audience may see it.
type view struct {
	grade.Grade
	options Options
	// partial says that lines are left out, so that Score and Max are only those
	// of the lines that are left.
	partial bool
	// undecided says that there is no score yet: of the whole grade, not only of
	// what is shown of it.
	undecided bool

	whole grade.Grade // for course systems that do the hiding themselves
}

// View is the grade as the audience may see it. An instructor sees all of it. For
// a student
//
//   - a line that is hidden, or shown only after the due date, is not there; Score
//     and Max are then those of the lines that are, and there are no deductions,
//     since the total, or a share of it, would give the rest away;
//   - a line of which only the result is shown has its points and its status, and
//     nothing of its requirements;
//   - of the run there is what lines in full view judge, and nothing else: where
//     anything is kept back there is no seed, no output of the server, no profile,
//     and no time or count over all.
func View(g grade.Grade, o Options) grade.Grade { return newView(g, o).Grade }

func newView(g grade.Grade, o Options) *view {
	v := &view{Grade: g, options: o, whole: g, undecided: !Decided(g)}
	v.Schema = grade.Schema
	if !o.student() {
		return v
	}
	v.Manual = nil
	for _, m := range g.Manual { // without its guide, which tells the marker what to look for
		v.Manual = append(v.Manual, grade.Manual{ID: m.ID, Title: m.Title, Max: m.Max})
	}

	// What is kept back: names in full, and requirements without evidence.
	var secrets []string
	open, closed := map[string]bool{}, map[string]bool{}
	v.Lines = nil
	guarded := false
	for _, l := range g.Lines {
		switch visible(l, o) {
		case grade.Visible:
			for _, j := range l.Judged {
				open[j.ID] = true
			}
		case grade.ResultOnly:
			guarded = true
			for _, j := range l.Judged {
				closed[j.ID] = true
				secrets = append(secrets, j.ID, j.Title)
			}
			l = grade.Line{ID: l.ID, Title: l.Title, Points: l.Points, Max: l.Max, Bonus: l.Bonus, Visibility: l.Visibility, Status: l.Status}
		default:
			v.partial, guarded = true, true
			secrets = append(secrets, l.ID, l.Title)
			for _, j := range l.Judged {
				closed[j.ID] = true
				secrets = append(secrets, j.ID, j.Title)
			}
			continue
		}
		v.Lines = append(v.Lines, l)
	}
	if !guarded {
		return v
	}
	// What is named here is shown, and nothing that a grade may have some day.
	v.Grade = grade.Grade{Schema: v.Schema, Tool: g.Tool, Submission: g.Submission, Rubric: g.Rubric, Tier: g.Tier, Started: g.Started, Outcome: g.Outcome,
		Score: g.Score, Max: g.Max, Lines: v.Lines, Manual: v.Manual, Build: g.Build}

	// A text of the rubric or of the count may name what is kept back. What is
	// in full view is no secret, even if it is judged elsewhere too.
	shown := map[string]bool{}
	for _, l := range v.Lines {
		shown[l.ID], shown[l.Title] = true, true
		for _, j := range l.Judged {
			shown[j.ID], shown[j.Title] = true, true
		}
	}
	secrets = slices.DeleteFunc(secrets, func(s string) bool { return strings.TrimSpace(s) == "" || shown[s] })
	scrub := func(text, instead string) string {
		for _, s := range secrets {
			if strings.Contains(strings.ToLower(text), strings.ToLower(s)) {
				return instead
			}
		}
		return text
	}
	for i := range v.Lines {
		l := &v.Lines[i]
		l.Why = scrub(l.Why, "")
		if l.Status == grade.Waiting && l.Why == "" {
			l.Why = "waits for a part that was not met"
		}
		l.Judged = slices.Clone(l.Judged)
		for k := range l.Judged {
			if closed[l.Judged[k].ID] {
				l.Judged[k].Code = "" // the evidence of it is kept back elsewhere
			}
		}
	}
	if v.partial {
		v.Score, v.Max = 0, 0
		for _, l := range v.Lines {
			v.Score += l.Points
			if !l.Bonus {
				v.Max += l.Max
			}
		}
		v.Score = max(0, v.Score)
	} else { // a share of the total would tell the total
		for _, d := range g.Deductions {
			v.Deductions = append(v.Deductions, grade.Deduction{Title: d.Title, Points: d.Points, Why: scrub(d.Why, "")})
		}
	}
	if c := g.Cause; c != nil {
		v.Cause = &grade.Cause{Code: c.Code, Owner: c.Owner}
		if !v.undecided {
			v.Cause.Message, v.Cause.Hint = scrub(c.Message, ""), scrub(c.Hint, "")
		}
		switch g.Outcome {
		case grade.Unreadable, grade.BuildFailed, grade.NotStarted: // nothing was asked yet
			v.Cause.Output = c.Output
		}
	}
	if g.Report != nil {
		v.Report = guardedReport(g.Report, open, closed)
	}
	return v
}

// visible says how a line is shown now.
func visible(l grade.Line, o Options) grade.Visibility {
	switch l.Visibility {
	case grade.Visible, grade.ResultOnly:
		return l.Visibility
	case grade.AfterDue:
		if o.PastDue {
			return grade.Visible
		}
	}
	return grade.Hidden // and what nobody has heard of
}

var seedFlag, onlyFlag = regexp.MustCompile(`\s--seed[ =]\S+`), regexp.MustCompile(`\s--only[ =](\S+)`)

// guardedReport is what is left of a run when some of what it judged is kept
// back: the results in full view, and nothing that was measured over all of them.
// What is named here is shown, and nothing that a report may have some day.
func guardedReport(r *report.Report, open, closed map[string]bool) *report.Report {
	g := &report.Report{Schema: r.Schema, Tool: r.Tool, Results: []report.Result{}}
	g.Target = report.Target{Address: r.Target.Address, Transport: r.Target.Transport, Protocol: r.Target.Protocol, StartedBy: r.Target.StartedBy}
	g.Run = report.Run{Started: r.Run.Started, Jobs: r.Run.Jobs, Strict: r.Run.Strict, Pace: r.Run.Pace}
	g.Summary.Headline = "incomplete" // it never was all that could be judged
	shown := func(id string) bool { return open[id] && !closed[id] }
	for _, res := range r.Results {
		if !shown(res.ID) {
			continue
		}
		if !report.Passed(res.Verdict, r.Run.Strict) {
			g.Summary.Headline, g.Summary.ExitCode = "nonconformant", 1
		}
		g.Results = append(g.Results, guardedResult(res, shown, closed))
	}
	g.Summary.Counts = report.Count(g.Results)
	return g
}

// guardedResult is a result in full view, which may have been seen in, or be of, a
// case that is not.
func guardedResult(res report.Result, shown func(id string) bool, closed map[string]bool) report.Result {
	kept := report.Result{ID: res.ID, Protocol: res.Protocol, Section: res.Section, Level: res.Level, Clause: res.Clause, Covers: res.Covers, Title: res.Title,
		Verdict: res.Verdict, DurationMS: res.DurationMS, Attempts: res.Attempts}
	kept.Replay = onlyFlag.ReplaceAllStringFunc(seedFlag.ReplaceAllString(res.Replay, ""), func(flag string) string {
		if shown(onlyFlag.FindStringSubmatch(flag)[1]) {
			return flag
		}
		return ""
	})
	names := func(text string) bool {
		for id := range closed {
			if strings.Contains(text, id) {
				return true
			}
		}
		return false
	}
	scrub := func(text string) string {
		if names(text) {
			return ""
		}
		return text
	}
	if r := res.Reason; r != nil {
		kept.Reason = &report.Reason{Code: r.Code, Expected: []string{}}
		if r.SeenIn != "" && !shown(r.SeenIn) {
			kept.Reason.Message = "it was seen while something else was tested, which is not shown here"
			return kept
		}
		kept.Reason = &report.Reason{Code: r.Code, Message: scrub(r.Message), Sent: r.Sent, Expected: r.Expected, Received: r.Received, Hint: scrub(r.Hint), SeenIn: r.SeenIn}
		if d := r.FirstDifference; d != nil {
			kept.Reason.FirstDifference = &report.Difference{Offset: d.Offset, Expected: d.Expected, Received: d.Received}
		}
	}
	for _, note := range res.Notes {
		if !names(note) {
			kept.Notes = append(kept.Notes, note)
		}
	}
	for _, e := range res.Transcript {
		kept.Transcript = append(kept.Transcript, report.Event{AtMS: e.AtMS, Conn: e.Conn, Event: e.Event, Size: e.Size, Text: e.Text, Head: e.Head, Tail: e.Tail})
	}
	if p := res.Recipe; p != nil {
		kept.Recipe = &report.Recipe{Command: p.Command, Note: p.Note}
	}
	kept.Schedule = res.Schedule
	if kept.Reason != nil && seedFlag.MatchString(res.Replay) {
		kept.Notes = append(kept.Notes, "the command that runs it again draws other input than was drawn here")
	}
	return kept
}

// Decided says whether the grade is one: a line that could not be counted is no
// zero, whosever line it is.
func Decided(g grade.Grade) bool {
	return g.Outcome != grade.Undecided && !slices.ContainsFunc(g.Lines, func(l grade.Line) bool { return l.Status == grade.Uncounted })
}

// name is the name of the submission, for people.
func (v *view) name() string {
	return cmp.Or(strings.TrimSpace(report.Plain(v.Submission.Name, 120)), "submission without a name")
}

// headline says in a line what came of it.
func (v *view) headline() string {
	switch {
	case v.undecided:
		return "not graded yet"
	case v.partial:
		return outOf(v.Score, v.Max) + " in what is shown here"
	}
	return outOf(v.Score, v.Max)
}

// meaning says in a sentence or two what that means.
func (v *view) meaning() string {
	var text string
	switch {
	case v.undecided:
		return "This is no fault of the submission: it is to be graded again. What was judged until then is below, and counts for nothing yet."
	case v.Outcome == grade.Unreadable:
		text = "The submission could not be unpacked or read, so that nothing of it was judged."
	case v.Outcome == grade.BuildFailed:
		text = "It could not be built, so that nothing of it was judged."
	case v.Outcome == grade.NotStarted:
		text = "Its server did not start, so that nothing of it was judged."
	default:
		met := 0
		for _, l := range v.Lines {
			if l.Status == grade.Met {
				met++
			}
		}
		text = fmt.Sprintf("%d of %s met in full.", met, count(len(v.Lines), "part is", "parts are")) + v.ends()
	}
	if v.partial {
		text += " Not everything that counts is shown here, and no deductions: this is not the whole grade."
	}
	if len(v.Manual) > 0 {
		text += " A person has still to judge a part, which is not in these points."
	}
	return text
}

// ends says how the server ended while it was tested, if it did: of what it does
// not survive, or by a limit, which no exchange shows.
func (v *view) ends() string {
	if v.Report == nil || len(v.Report.Target.Exits) == 0 {
		return ""
	}
	exits := v.Report.Target.Exits
	text := " Its server ended while it was tested"
	if len(exits) > 1 {
		text += fmt.Sprintf(", %d times, at first", len(exits))
	}
	return text + ": it " + strings.TrimSpace(report.Plain(exits[0].Status, 200)) + "."
}

// result is what the run has of a requirement: of several draws, the one that
// the verdict is from.
func (v *view) result(j grade.Judged) (report.Result, bool) {
	var found report.Result
	known := false
	if v.Report != nil {
		for _, res := range v.Report.Results {
			if res.ID == j.ID && (!known || found.Verdict != j.Verdict && res.Verdict == j.Verdict) {
				found, known = res, true
			}
		}
	}
	if !known {
		found = report.Result{ID: j.ID, Title: j.Title, Verdict: j.Verdict}
		found.Protocol, _, _ = strings.Cut(j.ID, "/")
	}
	if known && !j.Met && report.Passed(found.Verdict, true) && report.Judged(found.Verdict) {
		// The grade has the run of one draw, in which other things failed.
		found.Transcript, found.Replay, found.Recipe = nil, "", nil
		found.Notes = []string{"it was met in the run that is kept, and not with other input"}
	}
	found.Verdict = j.Verdict
	switch {
	case j.Met:
	case j.Owner == grade.OfSubmission && j.Verdict == specs.NonStrict:
		found.Verdict = specs.Fail // the rubric is strict
	case (j.Owner == grade.OfInfrastructure || j.Owner == grade.OfRubric) && j.Verdict == specs.Fail:
		found.Verdict = specs.Error // not the submission's doing
	}
	return found, known
}

// judged are the requirements of a line that were judged: none where nothing of
// the submission could be asked.
func (v *view) judged(l grade.Line) []grade.Judged {
	switch v.Outcome {
	case grade.Unreadable, grade.BuildFailed, grade.NotStarted:
		return nil
	}
	return l.Judged
}

// lost says whether a requirement cost points. What was not the submission's
// doing is named by the line, and has no evidence that the submission could use.
func lost(j grade.Judged) bool { return !j.Met && j.Owner == grade.OfSubmission }

// leftOut says whether a requirement was not asked of this submission, which
// costs nothing.
func leftOut(j grade.Judged) bool {
	return !j.Met && j.Owner != grade.OfSubmission && j.Verdict == specs.Unsupported
}

// maxCards is how many failed requirements of a line are shown in full where a
// course system bounds what it takes.
const maxCards = 10

// evidence is what is to be said of the requirements of a line that were not
// met, as long as it fits into what is left of a number of bytes.
func (v *view) evidence(l grade.Line, left *int) string {
	text := v.cards(l, maxCards)
	if len(text) > *left {
		return "(left out: there is too much that failed)"
	}
	*left -= len(text)
	return text
}

// cards are those of a line that failed, at most so many of them.
func (v *view) cards(l grade.Line, cards int) string {
	var b strings.Builder
	left := 0
	for _, j := range v.judged(l) {
		if !lost(j) {
			continue
		}
		if cards--; cards < 0 {
			left++
			continue
		}
		res, _ := v.result(j)
		b.WriteString(report.CardText(res))
		if text := draws(j); text != "" {
			b.WriteString("    " + text + "\n")
		}
		b.WriteByte('\n')
	}
	if left > 0 {
		b.WriteString("… and " + count(left, "more requirement", "more requirements") + " of this part\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// draws says how often a requirement was met, where it was not always the same.
func draws(j grade.Judged) string {
	if j.Draws > 1 && j.Passed > 0 && j.Passed < j.Draws {
		return fmt.Sprintf("met %d of %d times, each time with other input", j.Passed, j.Draws)
	}
	return ""
}

// says is a line of the rubric in a line of text: its points, and why.
func says(l grade.Line) string {
	text := outOf(l.Points, l.Max)
	if l.Bonus {
		text += " (bonus)"
	}
	switch l.Status {
	case grade.Uncounted:
		text = "not counted yet"
	case grade.Waiting:
		text += ", waiting"
	}
	if l.Why != "" {
		text += ": " + report.Plain(l.Why, 300)
	}
	return text
}

// title is the title of a line, or its ID.
func title(l grade.Line) string {
	return cmp.Or(strings.TrimSpace(report.Plain(l.Title, 200)), strings.TrimSpace(report.Plain(l.ID, 200)), "part without a name")
}

// failure says in a line why nothing was judged, where nothing was.
func (v *view) failure() string {
	c := v.Cause
	if c == nil {
		return ""
	}
	return cmp.Or(report.Plain(c.Message, 600), report.Plain(c.Code, 100))
}

// output is what the submission wrote before anything could be asked of it.
func (v *view) output() string {
	if c := v.Cause; c != nil && len(c.Output) > 0 {
		return report.PlainLines(strings.Join(c.Output, "\n"), 40)
	}
	if b := v.Build; b != nil && v.Outcome == grade.BuildFailed {
		return report.PlainOutput(b.Output, 60)
	}
	return ""
}
