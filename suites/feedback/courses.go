package feedback

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"conform/suites/grade"
	"conform/suites/report"
)

// share is the score as a part of what there is, from 0 to 1; false where the
// rubric has no points to have a share of.
func (v *view) share() (float64, bool) {
	if !(v.Max > 0) {
		return 0, false
	}
	return max(0, min(1, rounded(v.Score/v.Max))), true
}

// deducted is what lies between the lines and the score: the deductions, as far
// as there was anything to take them from. A student who does not see every line
// does not see it either.
func (v *view) deducted() float64 {
	sum := -v.Score
	for _, l := range v.Lines {
		sum += l.Points
	}
	return max(0, rounded(sum))
}

type (
	classroom struct {
		Version int             `json:"version"`
		Status  string          `json:"status"`
		Max     float64         `json:"max_score"` // never left out: the total of the classroom would shrink
		Tests   []classroomTest `json:"tests"`
	}
	classroomTest struct {
		Name          string  `json:"name"`
		Status        string  `json:"status"`
		Message       string  `json:"message"`
		Code          string  `json:"test_code"`
		Filename      string  `json:"filename"`
		Line          int     `json:"line_no"`
		ExecutionTime string  `json:"execution_time"`
		Score         float64 `json:"score"`
		Max           float64 `json:"max_score"`
	}
)

// newClassroom is the result of a runner. Everything in it is seen by the
// student. The reporter adds up the scores of the tests: what is deducted is a
// test of its own, with less than nothing.
func newClassroom(v *view) classroom {
	doc := classroom{Version: 1, Status: "pass", Max: rounded(v.Max), Tests: []classroomTest{}}
	if v.Score < v.Max {
		doc.Status = "fail"
	}
	left := maxClassroom
	for _, l := range v.Lines {
		t := classroomTest{Name: unlike(title(l)), Status: "pass", Score: rounded(l.Points), Max: rounded(l.Max), ExecutionTime: "0s"}
		if l.Status != grade.Met {
			t.Status = "fail"
			t.Message = unlike(strings.TrimSpace(says(l) + "\n" + cmp.Or(v.evidence(l, &left), v.failure())))
		}
		if l.Bonus {
			t.Max = 0
		}
		doc.Tests = append(doc.Tests, t)
	}
	if d := v.deducted(); d > 0 {
		var why []string
		for _, d := range v.Deductions {
			why = append(why, report.Plain(d.Title+": "+d.Why, 300))
		}
		doc.Tests = append(doc.Tests, classroomTest{Name: "Deductions", Status: "fail", Message: unlike(strings.Join(why, "\n")), Score: -d, ExecutionTime: "0s"})
	}
	doc.exact(rounded(v.Score))
	return doc
}

// exact makes the sum of the tests the score to the last bit: the reporter adds
// them up in binary fractions, and shows students what comes of it, such as
// 71.75999999999999. No test is shown with its points, so that the last one may
// have the dust.
func (c *classroom) exact(score float64) {
	if len(c.Tests) == 0 {
		return
	}
	last := &c.Tests[len(c.Tests)-1]
	before := 0.0
	for _, t := range c.Tests[:len(c.Tests)-1] {
		before += t.Score
	}
	if sum := before + last.Score; sum != score && math.Abs(sum-score) < 1e-6 {
		last.Score = score - before
	}
}

func writeClassroom(w io.Writer, v *view) error {
	if v.undecided {
		// Whatever it is given, the reporter posts points: 0 where there are none.
		return fmt.Errorf("classroom: %w", ErrUndecided)
	}
	data, err := json.Marshal(newClassroom(v))
	if err != nil {
		return fmt.Errorf("the result for GitHub Classroom cannot be written: %w", err)
	}
	_, err = io.WriteString(w, base64.StdEncoding.EncodeToString(data)+"\n")
	return err
}

// writeClassroomNotices writes what the reporter leaves behind, for a workflow
// that does without it.
func writeClassroomNotices(w io.Writer, v *view) error {
	if v.undecided {
		return fmt.Errorf("classroom-notices: %w", ErrUndecided)
	}
	score, most := number(v.Score), number(v.Max)
	if err := report.WriteNotice(w, "Autograding complete", "Points "+score+"/"+most); err != nil {
		return err
	}
	return report.WriteNotice(w, "Autograding report", `{"totalPoints":`+score+`,"maxPoints":`+most+`}`)
}

type (
	prairieLearn struct {
		Gradable bool               `json:"gradable"`
		Score    *float64           `json:"score,omitempty"` // from 0 to 1; not there if not gradable
		Message  string             `json:"message"`
		Output   string             `json:"output,omitempty"`
		Errors   []string           `json:"format_errors,omitempty"`
		Tests    []prairieLearnTest `json:"tests,omitempty"`
	}
	prairieLearnTest struct {
		Name        string  `json:"name"`
		Description string  `json:"description,omitempty"`
		Points      float64 `json:"points"`
		Max         float64 `json:"max_points"`
		Message     string  `json:"message,omitempty"`
		Output      string  `json:"output,omitempty"`
	}
)

// What all cards may take together. PrairieLearn takes a megabyte, as do the
// outputs of all steps of a job, where it is in base64, and Autolab's Tango; and
// what is quoted in JSON grows.
const (
	maxPrairieLearn = 400_000
	maxClassroom    = 200_000
	maxAutolab      = 400_000
)

func writePrairieLearn(w io.Writer, v *view) error {
	doc := prairieLearn{Gradable: true, Message: v.headline() + ". " + v.meaning(), Output: v.output()}
	if text := v.failure(); text != "" {
		doc.Message += " " + text
	}
	score, ok := v.share()
	switch {
	case v.undecided:
		doc.Gradable, doc.Errors = false, []string{"This is no fault of the submission, and no attempt was taken: submit it again later, or ask for it to be graded again."}
	case !ok:
		doc.Gradable, doc.Errors = false, []string{"The rubric has no points that could be shown."}
	default:
		doc.Score = &score
		left := maxPrairieLearn
		for _, l := range v.Lines {
			t := prairieLearnTest{Name: title(l), Points: rounded(l.Points), Max: rounded(l.Max), Message: report.Plain(l.Why, 300)}
			if l.Bonus { // all maxima are added up, and shown beside the score
				t.Description, t.Max = "bonus, at most "+number(l.Max), 0
			}
			t.Output = v.evidence(l, &left)
			doc.Tests = append(doc.Tests, t)
			if len(doc.Tests) >= maxLines {
				break
			}
		}
		if d := v.deducted(); d > 0 {
			doc.Tests = append(doc.Tests, prairieLearnTest{Name: "Deductions", Points: -d})
		}
	}
	return encode(w, doc, "the result for PrairieLearn")
}

type autolabTest struct {
	Passed bool   `json:"passed"`
	Hint   string `json:"hint,omitempty"`
}

// writeAutolab writes what an autograder prints: text for the student, a line
// that makes a table of it, and the scores in the last line, one problem for
// each line of the rubric by its ID. Where there is no grade, all scores are null,
// which leaves the problems ungraded: without a last line that it can read,
// Autolab gives each of them no points.
func writeAutolab(w io.Writer, v *view) error {
	text := report.NewLines(report.TerminalOptions{})
	text.Line(v.name() + ": " + v.headline())
	text.Line(v.meaning())
	if f := v.failure(); f != "" {
		text.Line(f)
	}
	scores, table := map[string]*float64{}, map[string]any{}
	problems, tests := []string{}, []string{} // in the order of the rubric
	score := func(problem string, points float64) {
		if _, known := scores[problem]; !known {
			scores[problem] = nil
			problems = append(problems, problem)
		}
		if v.undecided {
			return
		}
		if was := scores[problem]; was != nil {
			points += *was
		}
		points = rounded(points)
		scores[problem] = &points
	}
	for _, l := range v.Lines {
		text.Line(title(l) + ": " + says(l))
		// Before it reads the scores, Autolab puts a word that a colon follows in
		// quotes.
		id := strings.ReplaceAll(report.Plain(l.ID, 200), ":", " ")
		score(id, l.Points)
		name := title(l)
		if strings.HasPrefix(name, "_") {
			name = " " + name // the names of settings begin so, and are not shown
		}
		if _, taken := table[name]; taken {
			name += " (" + id + ")"
		}
		t := autolabTest{Passed: l.Status == grade.Met}
		if !t.Passed {
			t.Hint = says(l)
		}
		if _, taken := table[name]; !taken {
			tests = append(tests, name)
		}
		table[name] = t
	}
	table["_order"] = tests
	left := maxAutolab
	for _, l := range v.Lines {
		if card := v.evidence(l, &left); card != "" {
			text.Space()
			for line := range strings.Lines(card) {
				text.Line(strings.TrimRight(line, "\n"))
			}
		}
	}
	if out := v.output(); out != "" {
		text.Space()
		for line := range strings.Lines(out) {
			text.Line("| " + strings.TrimRight(line, "\n"))
		}
	}
	if d := v.deducted(); d > 0 && !v.undecided {
		score("deductions", -d)
	}
	if err := text.Write(w); err != nil {
		return err
	}
	for _, value := range []any{
		map[string]any{"_presentation": "semantic", "stages": []string{"Rubric"}, "Rubric": table, "_scores_order": problems},
		map[string]any{"scores": scores},
	} {
		var b bytes.Buffer
		if err := json.NewEncoder(&b).Encode(value); err != nil {
			return fmt.Errorf("the result for Autolab cannot be written: %w", err)
		}
		if _, err := w.Write(report.EscapeJSON(b.Bytes())); err != nil {
			return err
		}
	}
	return nil
}
