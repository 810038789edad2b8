package report

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"conform/specs"
)

// MatrixSchema names the version of the JSON document about several targets.
const MatrixSchema = "conform.matrix/v1"

// Matrix is what came of several targets: the whole report of each, and where
// they disagree with each other. It judges nothing that the reports do not.
type Matrix struct {
	Schema        string         `json:"schema"`
	Tool          Tool           `json:"tool"`
	Run           MatrixRun      `json:"run"`
	Summary       MatrixSummary  `json:"summary"`
	Targets       []MatrixTarget `json:"targets"`       // in the order in which they were given
	Disagreements []MatrixRow    `json:"disagreements"` // in the order of the standard
	Facts         []MatrixFact   `json:"facts"`         // about how clients are served, where these differ
}

// MatrixRun says how the runs were made.
type MatrixRun struct {
	Seed       int64     `json:"seed"` // of all of them
	Started    time.Time `json:"started"`
	DurationMS float64   `json:"duration_ms"`
}

// MatrixSummary is what the runs amount to together.
type MatrixSummary struct {
	Headline   string `json:"headline"`   // the worst one: nonconformant, error, incomplete, conformant
	ExitCode   int    `json:"exit_code"`  // the worst one: see WorstExitCode
	Differ     int    `json:"differ"`     // requirements on which targets disagree
	Agree      int    `json:"agree"`      // requirements on which all agree to which they apply
	Uncompared int    `json:"uncompared"` // requirements of which fewer than two targets have a verdict to compare
}

// MatrixTarget is one target with its report.
type MatrixTarget struct {
	Name   string `json:"name"` // as it was written on the command line
	Report Report `json:"report"`
}

// MatrixRow is a requirement on which targets disagree.
type MatrixRow struct {
	ID       string       `json:"id"`
	Protocol string       `json:"protocol"`
	Section  string       `json:"section"`
	Level    specs.Level  `json:"level"`
	Clause   string       `json:"clause"`
	Title    string       `json:"title"`
	Differ   string       `json:"differ"` // DifferInVerdict or DifferInEvidence
	Cells    []MatrixCell `json:"cells"`  // one for each target
}

const (
	DifferInVerdict  = "verdict"  // targets have different verdicts
	DifferInEvidence = "evidence" // the same verdict, for other reasons or bytes
)

// MatrixCell is what one target makes of a requirement.
type MatrixCell struct {
	Verdict  specs.Verdict `json:"verdict,omitempty"` // empty where it does not apply to the target
	Code     specs.Code    `json:"code,omitempty"`
	Received string        `json:"received,omitempty"` // quoted
	Message  string        `json:"message,omitempty"`
}

// MatrixFact is a fact about how clients are served that targets differ in.
type MatrixFact struct {
	Protocol string        `json:"protocol"`
	Name     string        `json:"name"`  // one of FactNames
	Cells    []MatrixFound `json:"cells"` // one for each target
}

// MatrixFound is what was found of one target.
type MatrixFound struct {
	Finding string `json:"finding,omitempty"` // empty where it was not looked at
	Clients int    `json:"clients,omitempty"`
}

// NewMatrix compares targets.
func NewMatrix(tool Tool, targets []MatrixTarget) *Matrix {
	m := &Matrix{Schema: MatrixSchema, Tool: tool, Targets: targets}
	m.Compare()
	return m
}

// Compare makes everything of a matrix that follows from the reports. Whoever
// changes a report, as a baseline does, calls it again.
func (m *Matrix) Compare() {
	m.Disagreements, m.Facts = []MatrixRow{}, m.facts()
	m.Summary = MatrixSummary{Headline: m.headline()}
	for _, t := range m.Targets {
		m.Summary.ExitCode = WorstExitCode(m.Summary.ExitCode, t.Report.Summary.ExitCode)
	}
	for _, row := range m.rows() {
		switch row.Differ {
		case "":
			m.Summary.Agree++
		case uncompared:
			m.Summary.Uncompared++
		default:
			m.Summary.Differ++
			m.Disagreements = append(m.Disagreements, row.MatrixRow)
		}
	}
}

// WorstExitCode is the exit code of two runs together. An interruption goes
// before everything; what says the least of a target goes before what says more:
// a fault of conform, wrong usage, a target that is unreachable or died, a
// requirement that is broken, nothing.
func WorstExitCode(a, b int) int {
	order := []int{0, 1, 3, 2, 4, 130}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

// headline is the worst of the targets'.
func (m *Matrix) headline() string {
	for _, h := range []string{"nonconformant", "error", "incomplete"} {
		if slices.ContainsFunc(m.Targets, func(t MatrixTarget) bool { return t.Report.Summary.Headline == h }) {
			return h
		}
	}
	if slices.ContainsFunc(m.Targets, func(t MatrixTarget) bool { return t.Report.Summary.Headline != "conformant" }) {
		return "error" // a headline that this version does not know
	}
	return "conformant"
}

// uncompared is what is said instead of a difference of a row in which fewer than
// two targets have something to say.
const uncompared = "uncompared"

// matrixRow is a row with what it was made of.
type matrixRow struct {
	MatrixRow
	results []*Result // one for each target; nil where it does not apply
	groups  []matrixGroup
}

// matrixGroup are targets of which the same is said.
type matrixGroup struct {
	targets []int
	cell    MatrixCell
	result  *Result
	compare bool // it is a verdict on the target, which others can disagree with
}

// rows are all requirements that apply to some target, by protocol, in the order
// of the standard.
func (m *Matrix) rows() (rows []*matrixRow) {
	byID := map[string]*matrixRow{}
	byProtocol := map[string][]*matrixRow{}
	var protocols []string
	for i := range m.Targets {
		results := m.Targets[i].Report.Results
		for k := range results {
			res := &results[k]
			if !applies(*res) {
				continue
			}
			row := byID[res.ID]
			if row == nil {
				row = &matrixRow{MatrixRow: MatrixRow{ID: res.ID, Protocol: res.Protocol, Section: res.Section, Level: res.Level, Clause: res.Clause, Title: res.Title},
					results: make([]*Result, len(m.Targets))}
				byID[res.ID] = row
				if byProtocol[res.Protocol] == nil {
					protocols = append(protocols, res.Protocol)
				}
				byProtocol[res.Protocol] = append(byProtocol[res.Protocol], row)
			}
			if row.results[i] == nil {
				row.results[i] = res
			}
		}
	}
	for _, p := range protocols {
		rows = append(rows, byProtocol[p]...)
	}
	for _, row := range rows {
		row.compare()
	}
	return rows
}

// applies says whether a requirement is one for the target: it is of its
// protocol, over what that is spoken, and somebody wanted it.
func applies(res Result) bool {
	return !deselected(res) && !(res.Verdict == specs.Unsupported && res.Reason != nil && res.Reason.Code == specs.OtherKind)
}

// compare groups the targets by what is said of them.
func (row *matrixRow) compare() {
	verdicts, groups := map[specs.Verdict]bool{}, map[string]int{}
	compared, opinions := 0, 0
	for i, res := range row.results {
		cell := MatrixCell{}
		if res == nil {
			row.Cells = append(row.Cells, cell)
			continue
		}
		cell.Verdict = res.Verdict
		if res.Reason != nil {
			cell.Code, cell.Received, cell.Message = res.Reason.Code, res.Reason.Received, res.Reason.Message
		}
		row.Cells = append(row.Cells, cell)
		// What was not come to, or could not be, is no opinion.
		opinion := Judged(cell.Verdict) || cell.Verdict == specs.Unsupported
		if opinion {
			compared++
			verdicts[cell.Verdict] = true
		}
		at, known := groups[cell.essence()]
		if !known {
			at = len(row.groups)
			groups[cell.essence()] = at
			row.groups = append(row.groups, matrixGroup{cell: cell, result: res, compare: opinion})
			if opinion {
				opinions++
			}
		}
		row.groups[at].targets = append(row.groups[at].targets, i)
	}
	switch {
	case compared < 2:
		row.Differ = uncompared
	case len(verdicts) > 1:
		row.Differ = DifferInVerdict
	case opinions > 1:
		row.Differ = DifferInEvidence
	}
}

// differs says whether the row is one of disagreement.
func (row *matrixRow) differs() bool { return row.Differ != "" && row.Differ != uncompared }

// essence is what is the same of targets that do the same. How long each takes is
// no difference, and of what is met, or lacking, nothing else is.
func (c MatrixCell) essence() string {
	switch c.Verdict {
	case specs.Pass, specs.SlowPass, specs.Unsupported:
		return string(c.Verdict)
	}
	return fmt.Sprintf("%q %q %s", c.Verdict, c.Code, timeless(cmp.Or(c.Received, c.Message)))
}

var duration = regexp.MustCompile(`[0-9][0-9.]* ?(ns|µs|ms|s|m)\b`)

// timeless takes the times out of a text, but for those in quotes: these are
// bytes.
func timeless(s string) string {
	s = s[:min(len(s), 4096)]
	parts := strings.Split(s, `"`)
	for i := 0; i < len(parts); i += 2 {
		parts[i] = duration.ReplaceAllString(parts[i], "")
	}
	return strings.Join(parts, `"`)
}

// facts are what is known of how clients are served, where it differs.
func (m *Matrix) facts() []MatrixFact {
	facts := []MatrixFact{}
	var protocols []string
	for _, t := range m.Targets {
		for _, p := range t.Report.Target.Concurrency.Profile {
			if !slices.Contains(protocols, p.Protocol) && len(protocols) < 100 {
				protocols = append(protocols, p.Protocol)
			}
		}
	}
	for _, protocol := range protocols {
		for _, name := range FactNames {
			fact := MatrixFact{Protocol: protocol, Name: name}
			known := map[MatrixFound]bool{}
			for _, t := range m.Targets {
				found := MatrixFound{}
				for _, p := range t.Report.Target.Concurrency.Profile {
					if f, ok := p.Fact(name); ok && p.Protocol == protocol && found.Finding == "" {
						found = MatrixFound{Finding: f.Finding, Clients: f.Clients}
					}
				}
				if found.Finding != "" && found.Finding != "unknown" {
					known[found] = true
				}
				fact.Cells = append(fact.Cells, found)
			}
			if len(known) > 1 {
				facts = append(facts, fact)
			}
		}
	}
	return facts
}

// String says a finding as a person reads it.
func (f MatrixFound) String() string {
	switch {
	case f.Finding == "":
		return "-"
	case f.Finding == "concurrent" && f.Clients > 0:
		return fmt.Sprintf("concurrent, at least %d", f.Clients)
	case f.Clients > 0:
		return fmt.Sprintf("%s, %d", shorten(f.Finding, 40), f.Clients)
	}
	return shorten(f.Finding, 40)
}

// Files are names for the targets that are fit for a file: made of each one's own
// name, so that the same target has the same file tomorrow.
func (m *Matrix) Files() []string {
	var names []string
	for _, t := range m.Targets {
		names = append(names, t.Name)
	}
	return FileNames(names)
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9._]+`)

// FileNames makes names that are fit for files of the names of targets.
func FileNames(targets []string) (names []string) {
	taken := map[string]bool{}
	for _, t := range targets {
		t = strings.ReplaceAll(t[:min(len(t), 1000)], "{port}", "")
		name := strings.Trim(unfit.ReplaceAllString(t, "-"), "-._")
		if n := len(name) - maxFileName; n > 0 {
			name = strings.TrimLeft(name[n:], "-._") // what differs is at the end of a command
		}
		// A system that does not tell capitals from others keeps them apart too.
		unique := cmp.Or(name, "target")
		for n := 2; taken[strings.ToLower(unique)]; n++ {
			unique = fmt.Sprintf("%s-%d", cmp.Or(name, "target"), n)
		}
		taken[strings.ToLower(unique)] = true
		names = append(names, unique)
	}
	return names
}

// maxFileName leaves room for what stands before and behind.
const maxFileName = 80

// WriteMatrix writes what came of several targets in the named format.
func WriteMatrix(format string, w io.Writer, m *Matrix) error {
	for _, f := range formats {
		if f.name == format {
			return f.matrix(w, m)
		}
	}
	return unknownFormat(format)
}
