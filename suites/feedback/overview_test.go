package feedback

import (
	"reflect"
	"strings"
	"testing"

	"conform/suites/grade"
	"conform/suites/report/reporttest"
)

func TestLook(t *testing.T) {
	t.Parallel()
	zero := func(outcome grade.Outcome) grade.Grade {
		g := open()
		g.Outcome, g.Score, g.Deductions = outcome, 0, nil
		for i := range g.Lines {
			g.Lines[i].Status, g.Lines[i].Points = grade.Unmet, 0
		}
		return g
	}
	lost := undecided()
	lost.Cause.Code, lost.Cause.Message = "worker-full", "no room in\x1b[31m /tmp"
	for name, tc := range map[string]struct {
		grades   []grade.Grade
		doubt    string
		scores   string
		problems []string
	}{
		"none":               {nil, "", "", nil},
		"two zeros":          {[]grade.Grade{zero(grade.Graded), zero(grade.Graded)}, "", "half have at least 0 of 25 points", nil},
		"all fail":           {[]grade.Grade{zero(grade.Graded), zero(grade.Graded), zero(grade.Graded)}, `all 3 submissions that ran fail the first part, "Right answers": is the rubric's protocol right, zen?`, "from 0 to 0", nil},
		"one does not":       {[]grade.Grade{zero(grade.Graded), zero(grade.Graded), zero(grade.Graded), open()}, "", "from 0 to 13", nil},
		"none starts":        {[]grade.Grade{zero(grade.NotStarted), zero(grade.NotStarted), zero(grade.NotStarted), lost}, "all 3 submissions did not start", "mean 0", []string{"worker-full: no room in"}},
		"none is built":      {[]grade.Grade{unbuilt(), unbuilt(), unbuilt()}, "all 3 submissions could not be built", "mean 0", nil},
		"none is read":       {[]grade.Grade{zero(grade.Unreadable), zero(grade.Unreadable), zero(grade.Unreadable)}, "all 3 submissions could not be read", "mean 0", nil},
		"some of each":       {[]grade.Grade{zero(grade.Unreadable), unbuilt(), zero(grade.NotStarted)}, "", "mean 0", nil},
		"none is decided":    {[]grade.Grade{undecided(), lost, lost}, "", "", []string{"2 times worker-full: no room in", "worker-lost: the machine went away"}},
		"decided with doubt": {[]grade.Grade{open()}, "", "at least 13 of 25 points", nil},
	} {
		c := Class{}
		for _, g := range tc.grades {
			c.Entries = append(c.Entries, Entry{Grade: g})
		}
		o := Look(c)
		if got := strings.Join(o.Doubts, "\n"); (got == "") != (tc.doubt == "") || !strings.Contains(got, tc.doubt) {
			t.Errorf("%s: doubts %q", name, got)
		}
		if (o.Scores == "") != (tc.scores == "") || !strings.Contains(o.Scores, tc.scores) {
			t.Errorf("%s: scores %q", name, o.Scores)
		}
		if len(o.Problems) != len(tc.problems) {
			t.Errorf("%s: problems %q", name, o.Problems)
			continue
		}
		for i, problem := range tc.problems {
			if !strings.HasPrefix(o.Problems[i], problem) {
				t.Errorf("%s: problem %q, not %q", name, o.Problems[i], problem)
			}
		}
	}
	hostileGrades(t, func(t *testing.T, g grade.Grade) {
		g.Outcome, g.Lines[0].Status, g.Lines[0].Points, g.Lines[0].Max, g.Lines[0].Bonus = grade.Graded, grade.Unmet, 0, 1, false
		bad := g
		bad.Outcome = grade.Undecided
		o := Look(Class{Entries: []Entry{{Grade: g}, {Grade: g}, {Grade: g}, {Grade: bad}}})
		if reflect.DeepEqual(o, Overview{}) {
			t.Error("nothing is said")
		}
		reporttest.CheckText(t, o.Scores+"\n"+strings.Join(o.Doubts, "\n")+"\n"+strings.Join(o.Problems, "\n")+"\n")
	})
}
