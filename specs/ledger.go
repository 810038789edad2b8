package specs

import (
	"fmt"
	"maps"
	"slices"
)

// Row is one row of a protocol's list of requirements, and what became of it.
type Row struct {
	Name       string
	CoveredBy  []string // the IDs of the requirements that judge it
	Untestable string   // why nothing that a client sees can; empty when something does
	Unseen     string   // what of it is not judged where the target's processes cannot be seen
}

// Numbered names the rows of a group: ZEN-01 to ZEN-15.
func Numbered(group string, first, last int) (rows []string) {
	for i := first; i <= last; i++ {
		rows = append(rows, fmt.Sprintf("%s-%02d", group, i))
	}
	return rows
}

// Ledger says of every row of the protocol's list what covers it.
func (p Protocol) Ledger() []Row {
	by := p.covered()
	rows := make([]Row, 0, len(p.Rows))
	for _, name := range p.Rows {
		rows = append(rows, Row{Name: name, CoveredBy: by[name], Untestable: p.Untestable[name], Unseen: p.Unseen[name]})
	}
	return rows
}

func (p Protocol) covered() map[string][]string {
	by := map[string][]string{}
	for _, s := range p.Specs() {
		for _, row := range s.Covers {
			by[row] = append(by[row], s.ID)
		}
	}
	return by
}

// Mistakes lists what is wrong with the ledger: rows that nobody covers, rows
// that are not on the list, and rows that are covered although nobody can.
func (p Protocol) Mistakes() (mistakes []string) {
	known := map[string]bool{}
	for _, r := range p.Ledger() {
		switch {
		case known[r.Name]:
			mistakes = append(mistakes, r.Name+" is on the list twice")
		case len(r.CoveredBy) == 0 && r.Untestable == "":
			mistakes = append(mistakes, r.Name+" is covered by no requirement, and no reason is given")
		case len(r.CoveredBy) > 0 && r.Untestable != "":
			mistakes = append(mistakes, fmt.Sprintf("%s is said to be untestable, and %s covers it", r.Name, r.CoveredBy[0]))
		}
		known[r.Name] = true
	}
	for _, row := range slices.Sorted(maps.Keys(p.covered())) {
		if !known[row] {
			mistakes = append(mistakes, fmt.Sprintf("%s covers %s, which is not on the list", p.covered()[row][0], row))
		}
	}
	for _, row := range slices.Sorted(maps.Keys(p.Untestable)) {
		if !known[row] {
			mistakes = append(mistakes, row+" is said to be untestable, and is not on the list")
		}
	}
	for _, row := range slices.Sorted(maps.Keys(p.Unseen)) {
		if len(p.covered()[row]) == 0 {
			mistakes = append(mistakes, row+" is said to be seen in part, and nothing covers it")
		}
	}
	return mistakes
}
