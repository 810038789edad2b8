package feedback

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"

	"conform/suites/grade"
	"conform/suites/report"
)

var (
	//go:embed html/feedback.html
	pageTemplate string
	//go:embed html/style.css
	pageStyle string
)

// What one page may take.
const (
	maxLines = 500 // of a rubric
	maxText  = 600 // columns
)

// page is what the template shows. Every string in it is clean.
type page struct {
	report.Frame
	Hint, Output              string
	Next                      []next
	Lines                     []pageLine
	Deductions, Manual, Facts []fact
	Sum, Score, Max           string
	Build, Server             string
}

type next struct {
	Text, Name string
	Ref        template.URL
}

type fact struct{ Name, Text, Small string }

type pageLine struct {
	Ref                             string
	Title, Class, Sign, Status, Tag string
	Points, Max, Why                string
	Cards                           []report.Card
}

// sign is how a status is shown: a class of the style, and a mark.
func sign(s grade.Status) (class, mark string) {
	switch s {
	case grade.Met:
		return "pass", "✓"
	case grade.Partly:
		return "nonstrict", "~"
	case grade.Unmet:
		return "fail", "✗"
	case grade.Waiting:
		return "skipped", "-"
	}
	return "nonstrict", "!"
}

func writeHTML(w io.Writer, v *view) error { return report.WritePage(w, pageTemplate, newPage(v)) }

func newPage(v *view) *page {
	p := &page{Frame: report.NewFrame(v.Tool, pageStyle, ""), Output: v.output()}
	p.Address, p.Headline, p.Meaning, p.Cause = v.name(), v.headline(), v.meaning(), v.failure()
	p.Title = report.Plain(p.Headline+" · "+p.Address, 200)
	switch {
	case v.undecided:
		p.Class, p.Sign = "nonstrict", "!"
	case v.Score >= v.Max:
		p.Class, p.Sign = "pass", "✓"
	case v.Score > 0:
		p.Class, p.Sign = "nonstrict", "~"
	default:
		p.Class, p.Sign = "fail", "✗"
	}
	if v.Cause != nil {
		p.Hint = report.Plain(v.Cause.Hint, maxText)
	}
	p.lines(v)
	for _, d := range v.Deductions[:min(len(v.Deductions), maxLines)] {
		p.Deductions = append(p.Deductions, fact{Name: report.Plain(d.Title, 200), Text: report.Plain(d.Why, maxText), Small: "−" + number(d.Points)})
	}
	for _, m := range v.Manual[:min(len(v.Manual), maxLines)] {
		p.Manual = append(p.Manual, fact{Name: report.Plain(cmp.Or(m.Title, m.ID), 200), Text: report.PlainLines(m.Guide, 20), Small: "up to " + number(m.Max)})
	}
	p.Sum, p.Score, p.Max = "all", number(v.Score), number(v.Max)
	if v.partial {
		p.Sum = "shown here"
	}
	if v.undecided {
		p.Score = ""
	}
	p.facts(v)
	if v.Outcome != grade.BuildFailed && v.Build != nil { // shown above otherwise
		p.Build = report.PlainOutput(v.Build.Output, 60)
	}
	if v.Report != nil {
		p.Server = report.PlainOutput(v.Report.Target.Output, 60)
	}
	return p
}

// lines makes the table and the cards below it.
func (p *page) lines(v *view) {
	all := &report.Report{}
	if v.Report != nil {
		all.Run = v.Report.Run
	}
	from := []int{}
	for _, l := range v.Lines[:min(len(v.Lines), maxLines)] {
		from = append(from, len(all.Results))
		for _, j := range v.judged(l) {
			res, _ := v.result(j)
			all.Results = append(all.Results, res)
		}
	}
	cards := report.Cards(all)
	taken := map[string]bool{}
	for i, l := range v.Lines[:len(from)] {
		line := pageLine{Ref: anchor(l), Title: title(l), Status: report.Plain(string(l.Status), 40), Points: number(l.Points), Max: number(l.Max),
			Why: report.Plain(l.Why, maxText)}
		if line.Ref == "" || taken[line.Ref] {
			line.Ref = fmt.Sprintf("part-%d", i+1)
		}
		taken[line.Ref] = true
		line.Class, line.Sign = sign(l.Status)
		var tags []string
		if l.Bonus {
			tags = append(tags, "bonus")
		}
		if l.Status == grade.Uncounted {
			line.Points = ""
			tags = append(tags, "not counted yet")
		}
		if !v.options.student() && l.Visibility != grade.Visible {
			tags = append(tags, report.Plain(string(l.Visibility), 40))
		}
		line.Tag = strings.Join(tags, ", ")
		line.Cards = cards[from[i] : from[i]+len(v.judged(l))]
		for k, j := range v.judged(l) {
			if text := draws(j); text != "" {
				line.Cards[k].Meta = append(line.Cards[k].Meta, text)
			}
			if len(p.Next) == 0 && line.Cards[k].Open {
				p.Next = append(p.Next,
					next{Text: "Read the card of the first requirement that is not met: later ones often follow from it.", Name: line.Cards[k].ID, Ref: line.Cards[k].Ref},
					next{Text: "Repair it, run that requirement alone with the command on its card, and then everything again."})
			}
		}
		p.Lines = append(p.Lines, line)
	}
}

var anchored = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,80}$`)

// anchor is the fragment under which a line is found, if its ID can be one.
func anchor(l grade.Line) string {
	if !anchored.MatchString(l.ID) {
		return ""
	}
	return "line-" + l.ID
}

func (p *page) facts(v *view) {
	add := func(name, text string) {
		if text != "" {
			p.Facts = append(p.Facts, fact{Name: name, Text: text})
		}
	}
	add("Rubric", report.Plain(v.Rubric.Title, 200))
	if v.Submission.Submitted != nil {
		add("Submitted", v.Submission.Submitted.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if !v.Started.IsZero() && v.Started.Year() < 10000 {
		add("Graded", v.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	add("Outcome", report.Plain(string(v.Outcome), 40))
	if c := v.Cause; c != nil {
		add("Cause", report.Plain(c.Code, 100))
		if !v.options.student() {
			add("Whose doing", report.Plain(string(c.Owner), 40))
		}
	}
	if b := v.Build; b != nil {
		add("Build", report.Plain(b.Command, 300)+": "+report.Plain(b.Status, 200))
	}
	add("Isolation", report.Plain(v.Tier, 40))
	if v.Seed != 0 {
		add("Seed", fmt.Sprint(v.Seed))
	}
	add("Files", report.Plain(v.Submission.Digest, 80))
	add("Rubric file", report.Plain(v.Rubric.Digest, 80))
}
