package report

import (
	"fmt"
	"io"
	"strings"

	"conform/specs"
)

// Ledger is what became of the rows of a protocol's list of requirements.
type Ledger struct {
	Protocol     string      `json:"protocol"`
	Source       string      `json:"source"`
	Rows         []LedgerRow `json:"rows"`
	Covered      int         `json:"covered"`
	Untestable   int         `json:"untestable"`
	Open         int         `json:"open"`         // covered by nothing, for no reason
	Requirements int         `json:"requirements"` // that cover the rows
}

// LedgerRow is one row: it has requirements or a reason.
type LedgerRow struct {
	Row        string   `json:"row"`
	CoveredBy  []string `json:"covered_by"`
	Untestable string   `json:"untestable,omitempty"`
	Unseen     string   `json:"unseen,omitempty"` // of a target whose processes cannot be seen
}

// Add puts a row into the ledger, and counts it.
func (l *Ledger) Add(r specs.Row) {
	row := LedgerRow{Row: r.Name, CoveredBy: r.CoveredBy, Untestable: r.Untestable, Unseen: r.Unseen}
	switch {
	case len(row.CoveredBy) > 0:
		l.Covered++
	case row.Untestable != "":
		l.Untestable++
	default:
		l.Open++
	}
	if row.CoveredBy == nil {
		row.CoveredBy = []string{}
	}
	l.Rows = append(l.Rows, row)
}

func (l Ledger) summary() string {
	text := fmt.Sprintf("%s: %d covered by %s", count(len(l.Rows), "row", "rows"), l.Covered, count(l.Requirements, "requirement", "requirements"))
	if l.Untestable > 0 {
		text += fmt.Sprintf(", %d that no client can see", l.Untestable)
	}
	if l.Open > 0 {
		text += fmt.Sprintf(", %d open", l.Open)
	}
	return text
}

// WriteLedgers shows ledgers, a line for each row and requirement.
func WriteLedgers(w io.Writer, ledgers []Ledger) error {
	var b strings.Builder
	for i, l := range ledgers {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s · %s\n", l.Protocol, l.Source)
		for _, row := range l.Rows {
			lines := row.CoveredBy
			switch {
			case row.Untestable != "":
				lines = append(lines, "untestable: "+row.Untestable)
			case len(lines) == 0:
				lines = []string{"open: no requirement covers it"}
			}
			if row.Unseen != "" {
				lines = append(lines[:len(lines):len(lines)], "unless the target's processes can be seen, not judged: "+row.Unseen)
			}
			name := row.Row
			for _, line := range lines {
				fmt.Fprintf(&b, "  %-14s %s\n", name, line)
				name = ""
			}
		}
		fmt.Fprintf(&b, "%s · %s\n", l.Protocol, l.summary())
	}
	_, err := io.WriteString(w, b.String())
	return err
}
