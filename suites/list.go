package suites

import (
	"strings"

	"conform/fixtures"
	"conform/specs"
	"conform/suites/report"
)

// List returns the requirements that a glob matches, in the order of the
// standards. One that matches none is a *UsageError.
func List(pattern string) ([]report.Requirement, error) {
	var entries []report.Requirement
	for _, p := range Protocols() {
		for _, section := range p.Sections {
			for _, s := range section.Specs {
				matched, err := Match(pattern, []string{s.ID})
				if err != nil {
					return nil, usagef("%q is not a glob: %s; write as in 'zen/framing/*'", pattern, err)
				}
				if len(matched) == 0 {
					continue
				}
				e := report.Requirement{ID: s.ID, Protocol: p.Name, Section: s.Section(), SectionTitle: section.Title, Level: s.Level,
					Clause: s.Clause, Title: s.Title, Covers: s.Covers, Labels: s.Labels(), Stage: p.Stage(s) + 1, Clients: s.Clients, Datagrams: s.Datagrams, Cause: s.Cause}
				if name, ok := strings.CutPrefix(s.ID, "websocket/"); ok {
					e.Autobahn = fixtures.AutobahnCases(name)
				}
				if s.DialectKey != "" {
					e.Dialect = s.DialectKey + "=" + s.DialectValue
				}
				for _, n := range s.Needs {
					e.Needs = append(e.Needs, n.Key)
				}
				if e.Covers == nil {
					e.Covers = []string{}
				}
				entries = append(entries, e)
			}
		}
	}
	if entries == nil {
		return nil, usagef("%q matches no requirement%s", pattern, didYouMean(pattern, Protocols()))
	}
	return entries, nil
}

// didYouMean names requirements whose last part resembles what was asked for.
func didYouMean(asked string, protocols []specs.Protocol) string {
	name := asked[strings.LastIndex(asked, "/")+1:]
	for _, p := range protocols {
		for _, s := range p.Specs() {
			if name != "" && (strings.Contains(s.ID, name) || strings.Contains(name, s.Name())) {
				return ": did you mean " + s.ID + "?"
			}
		}
	}
	return ": `conform list` shows them all"
}
