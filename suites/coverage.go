package suites

import "conform/suites/report"

// Coverage returns the ledgers of the protocols: what became of every row of
// their lists of requirements. The glob is one over the names of protocols and
// of rows; one that matches none is a *UsageError.
func Coverage(pattern string) ([]report.Ledger, error) {
	var ledgers []report.Ledger
	for _, p := range Protocols() {
		l := report.Ledger{Protocol: p.Name, Source: p.Source}
		for _, row := range p.Ledger() {
			matched, err := Match(pattern, []string{p.Name, row.Name})
			if err != nil {
				return nil, usagef("%q is not a glob: %s; write as in 'WS-FR-*'", pattern, err)
			}
			if len(matched) == 0 {
				continue
			}
			l.Add(row)
		}
		if len(l.Rows) > 0 {
			l.Requirements = len(requirements(l))
			ledgers = append(ledgers, l)
		}
	}
	if ledgers == nil {
		return nil, usagef("%q matches no protocol and no row of a list of requirements: `conform list --coverage` shows them all", pattern)
	}
	return ledgers, nil
}

// requirements are those that stand in a ledger.
func requirements(l report.Ledger) map[string]bool {
	ids := map[string]bool{}
	for _, row := range l.Rows {
		for _, id := range row.CoveredBy {
			ids[id] = true
		}
	}
	return ids
}
