package selftest

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"conform/specs"
)

// Schema names the version of the JSON form.
const Schema = "conform.selftest/v1"

// Matrix says which spec catches which fault.
type Matrix struct {
	Schema string  `json:"schema"`
	Faults []Fault `json:"faults"`
	Specs  []Spec  `json:"specs"`
	Gaps   []Gap   `json:"gaps"`
	Pairs  int     `json:"pairs"` // specs run, over all servers

	Duration time.Duration `json:"-"`
}

// Fault is a row of the matrix.
type Fault struct {
	Protocol string   `json:"protocol"`
	Name     string   `json:"fault"`
	Text     string   `json:"text"`
	CaughtBy []string `json:"caught_by"`
}

// Spec is a column of the matrix.
type Spec struct {
	ID      string      `json:"id"`
	Level   specs.Level `json:"level"`
	Catches []string    `json:"catches"` // names of faults of its protocol
}

// Gap is something that the matrix ought not to have.
type Gap struct {
	Kind     GapKind       `json:"kind"`
	Protocol string        `json:"protocol"`
	Fault    string        `json:"fault,omitempty"`
	Spec     string        `json:"spec,omitempty"`
	Verdict  specs.Verdict `json:"verdict,omitempty"`
	Reason   string        `json:"reason,omitempty"`
}

// GapKind is a way in which the specs and the faults do not fit together.
type GapKind string

const (
	Uncaught         GapKind = "uncaught"          // no spec catches the fault
	Vacuous          GapKind = "vacuous"           // the spec catches no fault
	ReferenceFails   GapKind = "reference-fails"   // the spec fails on a correct server
	DegeneratePasses GapKind = "degenerate-passes" // the spec passes on a server that keeps to nothing
	KitFails         GapKind = "kit-fails"         // the pair ended without a verdict on the server
)

func (g Gap) String() string {
	switch g.Kind {
	case Uncaught:
		return fmt.Sprintf("%s/%s is caught by no spec", g.Protocol, g.Fault)
	case Vacuous:
		return fmt.Sprintf("%s catches no fault", g.Spec)
	case ReferenceFails:
		return fmt.Sprintf("%s is %s on the reference server: %s", g.Spec, g.Verdict, g.Reason)
	case DegeneratePasses:
		return fmt.Sprintf("%s is %s on the degenerate server %s", g.Spec, g.Verdict, g.Fault)
	default:
		return fmt.Sprintf("%s is %s on %s: %s", g.Spec, g.Verdict, g.Fault, g.Reason)
	}
}

// newMatrix gathers what the pairs have ended in. A selection of specs says
// nothing of faults that are not caught by them, and the other way round.
func newMatrix(o Options, pairs []*pair) *Matrix {
	m := &Matrix{Schema: Schema, Pairs: len(pairs), Faults: []Fault{}, Specs: []Spec{}, Gaps: []Gap{}}
	rows, columns := map[string]int{}, map[string]int{}
	for _, p := range pairs {
		id := p.spec.ID
		if _, seen := columns[id]; !seen {
			columns[id] = len(m.Specs)
			m.Specs = append(m.Specs, Spec{ID: id, Level: p.spec.Level, Catches: []string{}})
		}
		gap := Gap{Protocol: p.protocol.Name, Spec: id, Fault: p.fault.Name, Verdict: p.verdict}
		if p.reason.Code != "" {
			gap.Reason = p.reason.String()
		}
		if p.kind == faulty {
			if _, seen := rows[p.key()]; !seen {
				rows[p.key()] = len(m.Faults)
				m.Faults = append(m.Faults, Fault{Protocol: p.protocol.Name, Name: p.fault.Name, Text: p.fault.Text, CaughtBy: []string{}})
			}
		}
		switch {
		case p.kind == reference && !p.passes():
			gap.Kind, gap.Fault = ReferenceFails, ""
		case p.kind == degenerate && p.passes():
			gap.Kind = DegeneratePasses
		case !p.passes() && !p.catches():
			gap.Kind = KitFails
		}
		if gap.Kind != "" {
			m.Gaps = append(m.Gaps, gap)
		}
		if p.kind == faulty && p.catches() {
			f, s := &m.Faults[rows[p.key()]], &m.Specs[columns[id]]
			f.CaughtBy = append(f.CaughtBy, id)
			s.Catches = append(s.Catches, p.fault.Name)
		}
	}
	if len(o.Specs) == 0 {
		for _, f := range m.Faults {
			if len(f.CaughtBy) == 0 {
				m.Gaps = append(m.Gaps, Gap{Kind: Uncaught, Protocol: f.Protocol, Fault: f.Name})
			}
		}
	}
	if len(o.Faults) == 0 {
		for _, s := range m.Specs {
			if len(s.Catches) == 0 {
				protocol, _, _ := strings.Cut(s.ID, "/")
				m.Gaps = append(m.Gaps, Gap{Kind: Vacuous, Protocol: protocol, Spec: s.ID})
			}
		}
	}
	return m
}

// WriteJSON writes the matrix for programs.
func (m *Matrix) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(m)
}

// shown is how many IDs a line of the summary has room for.
const shown = 3

// WriteSpecs writes the matrix for people who ask about certain specs: what each
// of them catches, then what is missing.
func (m *Matrix) WriteSpecs(w io.Writer) error {
	texts := map[string]string{}
	wide := 0
	for _, f := range m.Faults {
		texts[f.Protocol+"/"+f.Name] = f.Text
		if len(f.CaughtBy) > 0 {
			wide = max(wide, len(f.Name))
		}
	}
	var b strings.Builder
	for _, s := range m.Specs {
		protocol, _, _ := strings.Cut(s.ID, "/")
		fmt.Fprintf(&b, "%s catches %d\n", s.ID, len(s.Catches))
		for _, name := range s.Catches {
			fmt.Fprintf(&b, "  %-*s  %s\n", wide, name, texts[protocol+"/"+name])
		}
		b.WriteByte('\n')
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return m.WriteSummary(w)
}

// WriteText writes the matrix for people: a line for each fault, then what is
// missing.
func (m *Matrix) WriteText(w io.Writer) error {
	var b strings.Builder
	wide := 0
	for _, f := range m.Faults {
		wide = max(wide, len(f.Name))
	}
	protocol := ""
	for _, f := range m.Faults {
		if f.Protocol != protocol {
			if protocol != "" {
				b.WriteByte('\n')
			}
			protocol = f.Protocol
			fmt.Fprintf(&b, "%s\n", protocol)
		}
		var few []string
		for _, id := range f.CaughtBy[:min(shown, len(f.CaughtBy))] {
			few = append(few, strings.TrimPrefix(id, protocol+"/"))
		}
		if len(f.CaughtBy) > shown {
			few = append(few, "…")
		}
		fmt.Fprintf(&b, "  %-*s %3d  %s\n", wide, f.Name, len(f.CaughtBy), strings.Join(few, "  "))
	}
	if protocol != "" {
		b.WriteByte('\n')
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return m.WriteSummary(w)
}

// WriteSummary writes what is missing, and the totals.
func (m *Matrix) WriteSummary(w io.Writer) error {
	var b strings.Builder
	of := func(n int, what string) string {
		if n != 1 {
			what += "s"
		}
		return fmt.Sprintf("%d %s", n, what)
	}
	for _, g := range m.Gaps {
		fmt.Fprintf(&b, "gap: %s\n", g)
	}
	gaps := "no gap"
	if n := len(m.Gaps); n > 0 {
		gaps = of(n, "gap")
	}
	fmt.Fprintf(&b, "%s · %s, %s, %s · %s\n", gaps, of(len(m.Faults), "fault"), of(len(m.Specs), "spec"), of(m.Pairs, "pair"), m.Duration.Round(100*time.Millisecond))
	_, err := io.WriteString(w, b.String())
	return err
}
