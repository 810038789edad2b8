package grade

import (
	"cmp"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"

	"conform/specs"
)

// ExplanationSchema names the version of the JSON of an explanation.
const ExplanationSchema = "conform.rubric/v1"

// Explanation is what a rubric asks for, in words and numbers.
type Explanation struct {
	Schema     string            `json:"schema"`
	Title      string            `json:"title"`
	Digest     string            `json:"digest"`
	Protocol   string            `json:"protocol"`
	Transport  string            `json:"transport"` // tcp or udp
	Dialect    map[string]string `json:"dialect"`
	Strict     bool              `json:"strict"`
	Draws      int               `json:"draws"`
	Max        Decimal           `json:"max"`   // without bonus
	Bonus      Decimal           `json:"bonus"` // the most that is added to it
	Rounding   int               `json:"rounding"`
	Submission ExplainedRecipe   `json:"submission"`
	Groups     []ExplainedGroup  `json:"groups"`
	Manual     []Manual          `json:"manual"`
	Due        *time.Time        `json:"due,omitempty"`
	Lateness   []LateExample     `json:"lateness"`
	Uncovered  []string          `json:"uncovered"` // requirements in no group
	Warnings   []string          `json:"warnings"`
}

// ExplainedRecipe is a recipe with its defaults.
type ExplainedRecipe struct {
	Build        string            `json:"build,omitempty"`
	BuildBudgetS float64           `json:"build_budget_s"`
	Start        string            `json:"start,omitempty"`
	Port         int               `json:"port,omitempty"`
	RunBudgetS   float64           `json:"run_budget_s"`
	AllowOwn     bool              `json:"allow_own"`
	MemoryBytes  int64             `json:"memory_bytes"`
	Processes    int               `json:"processes"`
	OpenFiles    int               `json:"open_files"`
	DiskBytes    int64             `json:"disk_bytes"`
	OutputBytes  int64             `json:"output_bytes"`
	Environment  map[string]string `json:"environment,omitempty"`
}

// ExplainedGroup is a group with its requirements.
type ExplainedGroup struct {
	ID           string                 `json:"id"`
	Title        string                 `json:"title"`
	Points       Decimal                `json:"points"`
	Bonus        bool                   `json:"bonus"`
	Credit       Credit                 `json:"credit"`
	CreditText   string                 `json:"credit_text"`
	Needs        []string               `json:"needs"`
	Class        string                 `json:"class,omitempty"`
	Visibility   Visibility             `json:"visibility"`
	Requirements []ExplainedRequirement `json:"requirements"`
	LeftOut      []LeftOut              `json:"left_out"`
}

// ExplainedRequirement is a requirement of a group.
type ExplainedRequirement struct {
	ID     string      `json:"id"`
	Title  string      `json:"title"`
	Level  specs.Level `json:"level"`
	Labels []string    `json:"labels"`
	Share  float64     `json:"share"`          // points
	Step   int         `json:"step,omitempty"` // from 1
}

// LateExample says what a submission with all points loses.
type LateExample struct {
	LateS  float64 `json:"late_s"`
	Text   string  `json:"text"`
	Points Decimal `json:"points"` // what is left of all of them
}

// Explain puts a scheme into words and numbers.
func (s *Scheme) Explain() Explanation {
	r := s.Rubric
	c := r.Submission
	e := Explanation{Schema: ExplanationSchema, Title: r.Title, Digest: r.Digest, Protocol: r.Protocol, Transport: cmp.Or(r.Transport, "tcp"), Dialect: map[string]string{},
		Strict: r.Strict, Draws: r.Draws, Max: r.Max(), Rounding: *r.Rounding,
		Submission: ExplainedRecipe{Build: c.Build, BuildBudgetS: c.BuildBudget.Seconds(), Start: c.Start, Port: c.Port, RunBudgetS: c.RunBudget.Seconds(),
			AllowOwn: c.AllowOwn, MemoryBytes: int64(c.Limits.Memory), Processes: c.Limits.Processes, OpenFiles: c.Limits.OpenFiles, DiskBytes: int64(c.Limits.Disk), OutputBytes: int64(c.Limits.Output), Environment: c.Environment},
		Groups: []ExplainedGroup{}, Manual: []Manual{}, Lateness: []LateExample{}, Uncovered: s.Uncovered, Warnings: s.Warnings}
	for _, d := range r.Dialects() {
		key, value, _ := strings.Cut(d, "=")
		e.Dialect[key] = value
	}
	if e.Uncovered == nil {
		e.Uncovered = []string{}
	}
	if e.Warnings == nil {
		e.Warnings = []string{}
	}
	for _, item := range s.Items {
		g := item.Group
		if g.Bonus {
			e.Bonus += g.Points
		}
		x := ExplainedGroup{ID: g.ID, Title: g.Title, Points: g.Points, Bonus: g.Bonus, Credit: g.Credit, CreditText: item.credit(r), Needs: g.Needs,
			Class: g.Class, Visibility: g.Visibility, LeftOut: item.LeftOut}
		if x.Needs == nil {
			x.Needs = []string{}
		}
		if x.LeftOut == nil {
			x.LeftOut = []LeftOut{}
		}
		all := candidate{}
		for range item.Requirements {
			all.stands, all.judged = append(all.stands, met), append(all.judged, Judged{})
		}
		item.share(&all)
		for i, spec := range item.Requirements {
			q := ExplainedRequirement{ID: spec.ID, Title: spec.Title, Level: spec.Level, Labels: spec.Labels(), Share: all.judged[i].Share}
			if item.steps != nil {
				q.Step = 1 + item.steps[i]
			}
			x.Requirements = append(x.Requirements, q)
		}
		e.Groups = append(e.Groups, x)
	}
	if r.BonusCap != nil {
		e.Bonus = min(e.Bonus, *r.BonusCap)
	}
	for _, p := range r.Manual {
		e.Manual = append(e.Manual, Manual{ID: p.ID, Title: p.Title, Max: p.Points.Float(), Guide: p.Guide})
	}
	if l := r.Lateness; l != nil {
		e.Due = l.Due
		for _, late := range l.examples() {
			x := LateExample{LateS: late.Seconds(), Text: brief(late) + " late: no deduction", Points: r.Max()}
			if lost, row := l.lost(late, r.Max(), *r.Rounding); row != nil {
				x.Points -= lost
				x.Text = fmt.Sprintf("%s late: %s", brief(late), l.says(*row))
			}
			e.Lateness = append(e.Lateness, x)
		}
	}
	return e
}

// examples are times that show each row of the table, and the grace.
func (l *Lateness) examples() (times []time.Duration) {
	if l.Grace > 0 {
		times = append(times, l.Grace)
	}
	for i, row := range l.Table {
		example := max(row.After, l.Grace) + 2*time.Hour
		if i+1 < len(l.Table) && example > l.Table[i+1].After {
			example = l.Table[i+1].After // the last moment of the row
		}
		if example > l.Grace && !slices.Contains(times, example) {
			times = append(times, example)
		}
	}
	return times
}

// credit says in words how the points of a group come together.
func (item Item) credit(r *Rubric) string {
	g := item.Group
	n := len(item.Requirements)
	switch {
	case g.Credit == AllOrNothing && n > 1:
		return fmt.Sprintf("all %d requirements, or nothing", n)
	case n == 1:
		return "one requirement"
	case g.Credit == Staged:
		return fmt.Sprintf("%d steps, %s each, in order; the first that is not met ends it", len(g.Requirements), points(part(g.Points, len(g.Requirements), r)))
	case len(g.Weights) > 0:
		return fmt.Sprintf("by the weight of those that are met, of %d requirements", n)
	}
	return fmt.Sprintf("%d requirements, %s each", n, points(part(g.Points, n, r)))
}

// part is one of n equal parts.
func part(d Decimal, n int, r *Rubric) Decimal {
	return rounded(new(big.Rat).Mul(d.rat(), big.NewRat(1, int64(n))), *r.Rounding)
}

// visibilities says what a student is shown.
var visibilities = map[Visibility]string{
	ResultOnly: "shown without evidence", AfterDue: "shown after the due date", Hidden: "hidden from students",
}

// WriteText shows what a rubric asks for. Full shows every requirement that no
// group asks for as well.
func (e Explanation) WriteText(w io.Writer, full bool) error {
	var b strings.Builder
	facts := []string{e.Title, e.Protocol}
	if e.Transport == UDP {
		facts = append(facts, "over datagrams")
	}
	for _, key := range sorted(e.Dialect) {
		facts = append(facts, key+"="+e.Dialect[key])
	}
	if e.Strict {
		facts = append(facts, "strict")
	}
	total := points(e.Max)
	if e.Bonus > 0 {
		total += " and at most " + e.Bonus.String() + " of bonus"
	}
	fmt.Fprintf(&b, "%s\n%s", strings.Join(facts, " · "), total)
	if e.Draws > 1 {
		fmt.Fprintf(&b, " · each requirement is run %d times, on other input each time, and the worst counts", e.Draws)
	}
	b.WriteString("\n\n")
	c := e.Submission
	show := func(key, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s %s\n", key, fmt.Sprintf(format, args...))
	}
	seconds := func(s float64) string { return brief(time.Duration(s * float64(time.Second))) }
	if c.Build != "" {
		show("build", "%s · within %s", c.Build, seconds(c.BuildBudgetS))
	}
	switch {
	case c.Start != "" && c.Port != 0:
		show("start", "%s · listens on port %d, whatever it is told", c.Start, c.Port)
	case c.Start != "":
		show("start", "%s · the port is in {port} and in $PORT", c.Start)
	}
	if c.AllowOwn {
		show("own say", "a %s in the submission may have build, start and port", OwnFile)
	}
	show("limits", "%s · %s of memory · %d processes · %d open files · %s on disk · %s of output kept", seconds(c.RunBudgetS), Size(c.MemoryBytes), c.Processes, c.OpenFiles, Size(c.DiskBytes), Size(c.OutputBytes))
	for _, key := range sorted(c.Environment) {
		show("variable", "%s=%s", key, c.Environment[key])
	}
	for _, g := range e.Groups {
		kinds := []string{points(g.Points)}
		if g.Bonus {
			kinds[0] += " of bonus"
		}
		kinds = append(kinds, g.CreditText)
		if g.Class != "" {
			kinds = append(kinds, "needs a server of the class "+g.Class)
		}
		if len(g.Needs) > 0 {
			kinds = append(kinds, "counts once "+strings.Join(g.Needs, " and ")+" is met in full")
		}
		if text := visibilities[g.Visibility]; text != "" {
			kinds = append(kinds, text)
		}
		fmt.Fprintf(&b, "\n%s · %s\n  %s\n", g.ID, g.Title, strings.Join(kinds, " · "))
		for _, q := range g.Requirements {
			id := q.ID
			if q.Step > 0 {
				id = fmt.Sprintf("%d. %s", q.Step, q.ID)
			}
			fmt.Fprintf(&b, "    %-44s %-6s %s%s\n", id, strings.ToUpper(string(q.Level)), q.Title, besides(q))
		}
		for _, l := range g.LeftOut {
			fmt.Fprintf(&b, "    (%s %s)\n", l.ID, l.Why)
		}
	}
	for _, m := range e.Manual {
		fmt.Fprintf(&b, "\n%s · %s\n  at most %v points, judged by a person, not in the total\n", m.ID, m.Title, m.Max)
	}
	if len(e.Lateness) > 0 {
		due := "when submissions are due, whoever grades has to say"
		if e.Due != nil {
			due = "due " + e.Due.Format(time.RFC3339)
		}
		fmt.Fprintf(&b, "\nlateness, of all points · %s\n", due)
		for _, x := range e.Lateness {
			fmt.Fprintf(&b, "  %s, %s left\n", x.Text, points(x.Points))
		}
	}
	if len(e.Warnings) > 0 {
		b.WriteString("\n")
	}
	for _, text := range e.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", text)
	}
	if full {
		for _, id := range e.Uncovered {
			fmt.Fprintf(&b, "  in no group: %s\n", id)
		}
	} else if len(e.Uncovered) > 0 {
		b.WriteString("  -v lists them\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// besides are the labels of a requirement that its ID and level do not say.
func besides(q ExplainedRequirement) string {
	if own := q.Labels[min(3, len(q.Labels)):]; len(own) > 0 {
		return " [" + strings.Join(own, " ") + "]"
	}
	return ""
}

func sorted(m map[string]string) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
