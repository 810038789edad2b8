package feedback

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"

	"conform/suites/grade"
	"conform/suites/report"
)

var (
	//go:embed html/class.html
	classTemplate string
	//go:embed html/class.js
	classScript string
)

// What a class page may take.
const (
	maxClassItems = 30
	maxClassList  = 50
	maxColumns    = 60
	maxCellLinks  = 30_000 // cells that have a link of their own
)

// classPage is what the template shows. Every string in it is clean.
type classPage struct {
	report.Frame
	Outcomes, Scores       []fact
	Chart                  template.HTML
	Lines                  []classLine
	Items                  []classItem
	ItemsLeft              string
	Faults, Flaky, Slowest []classRef
	Doubts                 []string
	Columns                []string
	Rows                   []classRow
}

type (
	classLine struct{ Title, Max, Mean, Met string }
	classItem struct{ ID, Title, Missed, Facility, Discrimination string }
	classRef  struct {
		Href              template.URL
		Name, Text, Small string
	}
	classRow struct {
		Href                                 template.URL
		Name, Outcome, Score, Seconds, Cause string
		Points                               []classRef
	}
)

var outcomes = []struct {
	outcome grade.Outcome
	means   string
}{
	{grade.Graded, "the server ran, and every part was counted"},
	{grade.NotStarted, "the server never listened"},
	{grade.BuildFailed, "it could not be built"},
	{grade.Unreadable, "it could not be unpacked"},
	{grade.Undecided, "to be graded again: not a zero"},
}

// writeClassHTML writes the page of a class: one file, which loads nothing and
// needs no script to be read.
func writeClassHTML(w io.Writer, s *summary) error {
	p := &classPage{Frame: report.NewFrame(s.Tool, pageStyle, classScript)}
	p.Headline = cmp.Or(strings.TrimSpace(report.Plain(s.Title, 200)), "Class")
	p.Title = p.Headline
	p.Address = count(len(s.Submissions), "submission", "submissions")
	for _, o := range outcomes {
		if n := s.Outcomes[string(o.outcome)]; n > 0 {
			p.Outcomes = append(p.Outcomes, fact{Name: string(o.outcome), Text: o.means, Small: fmt.Sprint(n)})
		}
	}
	p.Meaning = "No submission has a score yet."
	if d := s.Scores; d != nil {
		p.Meaning = fmt.Sprintf("Half of them have at least %s.", outOf(d.Median, d.Max))
		p.Scores = []fact{{Name: "mean", Text: short(d.Mean)}, {Name: "median", Text: number(d.Median)}, {Name: "standard deviation", Text: short(d.SD)},
			{Name: "from", Text: number(d.Least) + " to " + number(d.Most)}, {Name: "of", Text: number(d.Max)}}
		var bars []report.Bar
		for i, b := range s.Histogram {
			name, says := fmt.Sprintf("%d %%", i*10), fmt.Sprintf("%s from %d to below %d %% of the points", count(b.Count, "submission", "submissions"), i*10, i*10+10)
			if i == 10 {
				says = count(b.Count, "submission", "submissions") + " with all points, or more"
			}
			bars = append(bars, report.Bar{Name: name, Count: b.Count, Says: says})
		}
		p.Chart = report.BarChart("scores", "Histogram of the scores", fmt.Sprintf("%s, mean %s, median %s of %s", count(d.Count, "score", "scores"), short(d.Mean), number(d.Median), number(d.Max)), bars)
	}
	p.Doubts = s.doubts()
	if len(s.Rubrics) > 1 {
		p.Meaning += fmt.Sprintf(" They were graded by %d different rubrics: grade all of them by one.", len(s.Rubrics))
	}
	columns := s.Lines[:min(len(s.Lines), maxColumns)]
	for _, l := range columns {
		name := cmp.Or(strings.TrimSpace(report.Plain(l.Title, 100)), report.Plain(l.ID, 100))
		p.Lines = append(p.Lines, classLine{name, number(l.Max), short(l.Mean), fmt.Sprintf("%d of %d", l.Met, l.Counted)})
		p.Columns = append(p.Columns, report.Plain(name, 30))
	}
	for _, it := range s.Items {
		if it.Missed == 0 {
			continue
		}
		if len(p.Items) == maxClassItems {
			p.ItemsLeft = "The others are in the JSON of the class."
			break
		}
		shown := classItem{ID: report.Plain(it.ID, 100), Title: report.Plain(it.Title, 200), Missed: fmt.Sprintf("%d of %d", it.Missed, it.Judged), Facility: percent(it.Facility)}
		if it.Discrimination != nil {
			shown.Discrimination = strconv.FormatFloat(*it.Discrimination, 'f', 2, 64)
		}
		p.Items = append(p.Items, shown)
	}
	ref := func(row int, name, text, small string) classRef {
		return classRef{Href: template.URL(s.Submissions[row].href), Name: called(name), Text: report.Plain(text, 300), Small: report.Plain(small, 120)}
	}
	for _, f := range s.Faults[:min(len(s.Faults), maxClassList)] {
		p.Faults = append(p.Faults, ref(f.row, f.Submission, strings.Trim(string(f.Owner)+", "+f.Code+": "+f.Message, ", :"), ""))
	}
	for _, f := range s.Flaky[:min(len(s.Flaky), maxClassList)] {
		p.Flaky = append(p.Flaky, ref(f.row, f.Submission, fmt.Sprintf("met %d of %d times", f.Passed, f.Draws), f.ID))
	}
	for _, f := range s.Slowest {
		if f.DurationMS > 0 {
			p.Slowest = append(p.Slowest, ref(f.row, f.Submission, seconds(f.DurationMS)+" s", ""))
		}
	}
	linked := len(s.Submissions)*len(columns) <= maxCellLinks
	for _, r := range s.Submissions {
		shown := classRow{Href: template.URL(r.href), Name: called(r.Name), Outcome: report.Plain(string(r.Outcome), 40), Seconds: seconds(r.DurationMS)}
		if r.Score != nil {
			shown.Score = number(*r.Score)
		}
		if c := r.Cause; c != nil {
			shown.Cause = report.Plain(strings.TrimPrefix(c.Code+": "+c.Message, ": "), 120)
		}
		for _, l := range columns {
			var one classRef
			if points, counted := r.Points[l.ID]; counted {
				one.Text = number(points)
			}
			if a := anchor(grade.Line{ID: l.ID}); r.href != "" && linked && a != "" && one.Text != "" {
				one.Href = template.URL(r.href + "#" + a)
			}
			shown.Points = append(shown.Points, one)
		}
		p.Rows = append(p.Rows, shown)
	}
	return report.WritePage(w, classTemplate, p)
}

func called(name string) string {
	return cmp.Or(strings.TrimSpace(report.Plain(name, 80)), "without a name")
}

// short is a mean for people.
func short(x float64) string { return number(math.Round(x*100) / 100) }

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 0, 64) + " %" }

func seconds(ms float64) string { return strconv.FormatFloat(max(0, ms)/1000, 'f', 1, 64) }
