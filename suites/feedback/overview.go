package feedback

import (
	"fmt"
	"slices"
	"strings"

	"conform/suites/grade"
	"conform/suites/report"
)

// Overview is what somebody has to know of a class who reads nothing else: lines of
// text.
type Overview struct {
	Scores   string   // in a line; "" when there are none
	Doubts   []string // what all submissions have in common, and more likely is the rubric's doing
	Problems []string // why some are not decided, the most frequent first
}

// enough submissions have to fail alike before the rubric is in doubt.
const enough = 3

// Look looks a class over.
func Look(c Class) Overview {
	s := summarize(c)
	o := Overview{Doubts: s.doubts()}
	if d := s.Scores; d != nil {
		o.Scores = fmt.Sprintf("scores: half have at least %s, mean %s, from %s to %s", outOf(d.Median, d.Max), short(d.Mean), number(d.Least), number(d.Most))
	}
	times := map[string]int{}
	for _, f := range s.Faults {
		if s.Submissions[f.row].Score != nil {
			continue // decided all the same
		}
		text := strings.TrimPrefix(report.Plain(f.Code+": "+f.Message, 300), ": ")
		if times[text]++; times[text] == 1 {
			o.Problems = append(o.Problems, text)
		}
	}
	slices.SortStableFunc(o.Problems, func(a, b string) int { return times[b] - times[a] })
	for i, text := range o.Problems {
		if n := times[text]; n > 1 {
			o.Problems[i] = fmt.Sprintf("%d times %s", n, text)
		}
	}
	return o
}

// doubts says what is wrong with all of a class: the rubric is likelier to be.
func (s *summary) doubts() (doubts []string) {
	outcomes := map[grade.Outcome]int{}
	decided := 0
	for _, r := range s.Submissions {
		if r.Outcome != grade.Undecided {
			outcomes[r.Outcome]++
			decided++
		}
	}
	if decided < enough {
		return nil
	}
	all := fmt.Sprintf("all %d submissions", decided)
	switch decided {
	case outcomes[grade.NotStarted]:
		return []string{all + " did not start: is the rubric's start command right, and its port?"}
	case outcomes[grade.BuildFailed]:
		return []string{all + " could not be built: is the rubric's build command right, and what it needs shown by --show?"}
	case outcomes[grade.Unreadable]:
		return []string{all + " could not be read: does the folder hold the submissions themselves, each a folder or an archive?"}
	}
	if outcomes[grade.Graded] < enough {
		return nil
	}
	// The first part is what every server can do that speaks the protocol.
	var first *grade.Line
	protocol := ""
	for _, r := range s.Submissions {
		if r.Outcome != grade.Graded {
			continue
		}
		at := slices.IndexFunc(r.grade.Lines, func(l grade.Line) bool { return !l.Bonus && l.Max > 0 && len(l.Judged) > 0 })
		if at < 0 || r.grade.Lines[at].Status != grade.Unmet || r.grade.Lines[at].Points > 0 {
			return nil
		}
		first = &r.grade.Lines[at]
		protocol, _, _ = strings.Cut(first.Judged[0].ID, "/")
	}
	if first == nil {
		return nil
	}
	return []string{fmt.Sprintf("all %d submissions that ran fail the first part, %q: is the rubric's protocol right, %s?", outcomes[grade.Graded], title(*first), report.Plain(protocol, 40))}
}
