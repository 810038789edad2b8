package feedback

import (
	"cmp"
	"io"
	"math"
	"net/url"
	"slices"
	"strings"

	"conform/suites/grade"
	"conform/suites/report"
)

// ClassSchema names the version of the JSON of a class.
const ClassSchema = "conform.class/v1"

// Class is what was graded by one rubric.
type Class struct {
	Title   string
	Entries []Entry
}

// Entry is one submission of a class. The report and the output of its build may
// be left out of the grade: nothing that is said of a class needs them.
type Entry struct {
	Grade grade.Grade
	Page  string // the feedback page, a path beside the class page; empty when there is none
}

// summary is what is said of a class. It is also its JSON.
type summary struct {
	Schema      string            `json:"schema"`
	Tool        report.Tool       `json:"tool"`
	Title       string            `json:"title"`
	Rubrics     []grade.Reference `json:"rubrics"`  // more than one when not all were graded by the same
	Outcomes    map[string]int    `json:"outcomes"` // how many submissions came out how
	Scores      *spread           `json:"scores,omitempty"`
	Histogram   []bin             `json:"histogram"` // of the scores, by tenths of what there is
	Lines       []lineTally       `json:"lines"`
	Items       []item            `json:"items"` // what most miss comes first
	Flaky       []flaky           `json:"flaky"`
	Slowest     []slow            `json:"slowest"`
	Faults      []fault           `json:"faults"` // not the submissions' doing
	Submissions []row             `json:"submissions"`
}

// spread describes the scores that there are: an undecided grade has none.
type spread struct {
	Count  int     `json:"count"`
	Max    float64 `json:"max"` // of the rubric
	Mean   float64 `json:"mean"`
	Median float64 `json:"median"`
	SD     float64 `json:"sd"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
}

type bin struct {
	From  float64 `json:"from"` // share of what there is; the last one has everything above
	Count int     `json:"count"`
}

type lineTally struct {
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Max     float64 `json:"max"`
	Mean    float64 `json:"mean"` // points, over the submissions with a score
	Met     int     `json:"met"`  // submissions that got all of it
	Counted int     `json:"counted"`
}

// item is a requirement in the eyes of a class.
type item struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Line   string `json:"line"`
	Judged int    `json:"judged"` // submissions of which it was judged
	Missed int    `json:"missed"`
	// Facility is the share that met it. Discrimination is how much larger that
	// share is among the best 27 of 100 than among the worst; it says nothing of a
	// class of less than ten.
	Facility       float64  `json:"facility"`
	Discrimination *float64 `json:"discrimination,omitempty"`
}

type flaky struct {
	ID         string `json:"id"`
	Submission string `json:"submission"`
	Passed     int    `json:"passed"`
	Draws      int    `json:"draws"`
	row        int
}

type slow struct {
	Submission string  `json:"submission"`
	DurationMS float64 `json:"duration_ms"`
	row        int
}

type fault struct {
	Submission string      `json:"submission"`
	Owner      grade.Owner `json:"owner"`
	Code       string      `json:"code"`
	Message    string      `json:"message"`
	row        int
}

type row struct {
	Name       string             `json:"name"`
	Digest     string             `json:"digest"`
	Outcome    grade.Outcome      `json:"outcome"`
	Cause      *grade.Cause       `json:"cause,omitempty"`
	Score      *float64           `json:"score"` // null when undecided
	Max        float64            `json:"max"`
	Points     map[string]float64 `json:"points"` // by line; one that is not counted yet is not there
	Deducted   float64            `json:"deducted"`
	Tier       string             `json:"tier"`
	DurationMS float64            `json:"duration_ms"`
	Page       string             `json:"page,omitempty"`

	grade grade.Grade
	href  string
}

const (
	maxSlowest = 10
	maxItems   = 1000
)

func summarize(c Class) *summary {
	s := &summary{Schema: ClassSchema, Title: c.Title, Rubrics: []grade.Reference{}, Outcomes: map[string]int{}, Histogram: []bin{}, Lines: []lineTally{},
		Items: []item{}, Flaky: []flaky{}, Slowest: []slow{}, Faults: []fault{}, Submissions: []row{}}
	lines := map[string]int{}
	for i, e := range c.Entries {
		g := e.Grade
		if s.Tool == (report.Tool{}) {
			s.Tool = g.Tool
		}
		if g.Rubric != (grade.Reference{}) && !slices.Contains(s.Rubrics, g.Rubric) {
			s.Rubrics = append(s.Rubrics, g.Rubric)
		}
		s.Title = cmp.Or(s.Title, g.Rubric.Title)
		decided := Decided(g)
		r := row{Name: g.Submission.Name, Digest: g.Submission.Digest, Outcome: g.Outcome, Cause: g.Cause, Max: rounded(g.Max), Points: map[string]float64{},
			Tier: g.Tier, DurationMS: rounded(g.DurationMS), Page: e.Page, grade: g, href: relative(e.Page)}
		if decided {
			score := rounded(g.Score)
			r.Score = &score
		} else {
			r.Outcome = grade.Undecided
		}
		s.Outcomes[string(r.Outcome)]++
		for _, d := range g.Deductions {
			r.Deducted += d.Points
		}
		r.Deducted = rounded(r.Deducted)
		for _, l := range g.Lines {
			at, known := lines[l.ID]
			if !known {
				at = len(s.Lines)
				lines[l.ID] = at
				s.Lines = append(s.Lines, lineTally{ID: l.ID, Title: l.Title, Max: rounded(l.Max)})
			}
			if l.Status == grade.Uncounted {
				continue
			}
			r.Points[l.ID] = rounded(l.Points)
			if decided {
				t := &s.Lines[at]
				t.Counted++
				t.Mean += l.Points
				if l.Status == grade.Met {
					t.Met++
				}
			}
			for _, j := range l.Judged {
				if j.Draws > 1 && j.Passed > 0 && j.Passed < j.Draws {
					s.Flaky = append(s.Flaky, flaky{ID: j.ID, Submission: r.Name, Passed: j.Passed, Draws: j.Draws, row: i})
				}
			}
		}
		if f, ok := faultOf(g); ok || !decided {
			f.Submission, f.row = r.Name, i
			s.Faults = append(s.Faults, f)
		}
		s.Slowest = append(s.Slowest, slow{Submission: r.Name, DurationMS: r.DurationMS, row: i})
		s.Submissions = append(s.Submissions, r)
	}
	for i := range s.Lines {
		if n := s.Lines[i].Counted; n > 0 {
			s.Lines[i].Mean = rounded(s.Lines[i].Mean / float64(n))
		}
	}
	slices.SortStableFunc(s.Slowest, func(a, b slow) int { return cmp.Compare(b.DurationMS, a.DurationMS) })
	s.Slowest = s.Slowest[:min(len(s.Slowest), maxSlowest)]
	slices.SortStableFunc(s.Flaky, func(a, b flaky) int { return strings.Compare(a.ID, b.ID) })
	s.spread()
	s.items()
	return s
}

// faultOf finds what was not the submission's doing.
func faultOf(g grade.Grade) (fault, bool) {
	if c := g.Cause; c != nil && (c.Owner == grade.OfInfrastructure || c.Owner == grade.OfRubric) {
		return fault{Owner: c.Owner, Code: c.Code, Message: c.Message}, true
	}
	for _, l := range g.Lines {
		for _, j := range l.Judged {
			if !j.Met && !leftOut(j) && (j.Owner == grade.OfInfrastructure || j.Owner == grade.OfRubric) {
				return fault{Owner: j.Owner, Code: string(j.Code), Message: j.ID + " could not be judged"}, true
			}
		}
	}
	return fault{Owner: grade.OfInfrastructure, Message: "not graded yet"}, false
}

// spread describes the scores, and counts them by tenths.
func (s *summary) spread() {
	var scores []float64
	top := 0.0
	bins := make([]bin, 11)
	for i := range bins {
		bins[i].From = float64(i) / 10
	}
	for _, r := range s.Submissions {
		if r.Score == nil {
			continue
		}
		scores = append(scores, *r.Score)
		top = max(top, r.Max)
		if r.Max > 0 {
			bins[max(0, min(10, int(math.Floor(*r.Score/r.Max*10+1e-9))))].Count++
		}
	}
	if len(scores) == 0 {
		return
	}
	s.Histogram = bins
	slices.Sort(scores)
	n := len(scores)
	d := &spread{Count: n, Max: top, Least: scores[0], Most: scores[n-1], Median: rounded((scores[(n-1)/2] + scores[n/2]) / 2)}
	sum, squares := 0.0, 0.0
	for _, x := range scores {
		sum += x
	}
	mean := sum / float64(n)
	for _, x := range scores {
		squares += (x - mean) * (x - mean)
	}
	d.Mean, d.SD = rounded(mean), rounded(math.Sqrt(squares/float64(n)))
	s.Scores = d
}

// items says of each requirement how many missed it, and whether those who did
// well otherwise met it more often. Only what the submissions own counts, of those
// whose server ran.
func (s *summary) items() {
	type answer struct {
		share float64
		met   bool
	}
	at := map[string]int{}
	answers := [][]answer{}
	for _, r := range s.Submissions {
		if r.Score == nil || r.Outcome != grade.Graded {
			continue
		}
		share := 0.0
		if r.Max > 0 {
			share = *r.Score / r.Max
		}
		seen := map[string]bool{}
		for _, l := range r.grade.Lines {
			for _, j := range l.Judged {
				if seen[j.ID] || !j.Met && (!report.Judged(j.Verdict) || j.Owner == grade.OfInfrastructure || j.Owner == grade.OfRubric) {
					continue
				}
				seen[j.ID] = true
				i, known := at[j.ID]
				if !known {
					if len(s.Items) >= maxItems {
						continue
					}
					i = len(s.Items)
					at[j.ID] = i
					s.Items = append(s.Items, item{ID: j.ID, Title: j.Title, Line: l.ID})
					answers = append(answers, nil)
				}
				s.Items[i].Judged++
				if !j.Met {
					s.Items[i].Missed++
				}
				answers[i] = append(answers[i], answer{share, j.Met})
			}
		}
	}
	for i := range s.Items {
		it, all := &s.Items[i], answers[i]
		it.Facility = rounded(float64(it.Judged-it.Missed) / float64(it.Judged))
		if len(all) < 10 {
			continue
		}
		slices.SortStableFunc(all, func(a, b answer) int { return cmp.Compare(a.share, b.share) })
		n := max(1, int(math.Round(0.27*float64(len(all)))))
		met := 0
		for k := range n {
			if all[len(all)-1-k].met {
				met++
			}
			if all[k].met {
				met--
			}
		}
		d := rounded(float64(met) / float64(n))
		it.Discrimination = &d
	}
	slices.SortStableFunc(s.Items, func(a, b item) int {
		return cmp.Or(cmp.Compare(a.Facility, b.Facility), cmp.Compare(b.Judged, a.Judged))
	})
}

// relative makes a link of a path beside the page: never one that leads elsewhere.
func relative(path string) string {
	if path == "" || len(path) > 500 {
		return ""
	}
	var parts []string
	for part := range strings.SplitSeq(strings.ReplaceAll(path, `\`, "/"), "/") {
		switch part {
		case "", ".":
		case "..":
			return ""
		default:
			parts = append(parts, strings.ReplaceAll(url.PathEscape(strings.ToValidUTF8(part, "_")), "..", "%2E%2E"))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "./" + strings.Join(parts, "/")
}

func writeClassJSON(w io.Writer, s *summary) error { return encode(w, s, "the class") }
