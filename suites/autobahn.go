package suites

import (
	"fmt"
	"slices"
	"strings"

	"conform/fixtures"
	"conform/suites/report"
)

// autobahnPrefix begins what names cases of Autobahn|Testsuite.
const autobahnPrefix = "autobahn/"

// Autobahn returns the cases of Autobahn|Testsuite that a name stands for, as
// autobahn/6.4.3 or autobahn/6.4, each with its counterparts here; ok is false
// for a name of something else. One that stands for none is a *UsageError.
func Autobahn(name string) (cases []report.AutobahnCase, ok bool, err error) {
	number, ok := strings.CutPrefix(name, autobahnPrefix)
	if !ok {
		return nil, false, nil
	}
	for _, row := range fixtures.Autobahn() {
		for _, c := range row.Expand() {
			if c != number && !strings.HasPrefix(c, number+".") {
				continue
			}
			found := report.AutobahnCase{Case: autobahnPrefix + c}
			for _, id := range row.Requirements {
				list, err := List("websocket/" + id)
				if err != nil {
					return nil, true, err
				}
				found.Requirements = append(found.Requirements, list...)
			}
			cases = append(cases, found)
		}
	}
	if cases == nil {
		return nil, true, usagef("%s names no case of Autobahn|Testsuite: write as in autobahn/6.4.3, or autobahn/6.4 for a group", name)
	}
	slices.SortStableFunc(cases, func(a, b report.AutobahnCase) int { return slices.Compare(numbers(a.Case), numbers(b.Case)) })
	return cases, true, nil
}

// numbers are the parts of a case's number, to sort by.
func numbers(name string) (list []int) {
	for _, part := range strings.Split(strings.TrimPrefix(name, autobahnPrefix), ".") {
		n := 0
		_, _ = fmt.Sscan(part, &n)
		list = append(list, n)
	}
	return list
}

// AutobahnPage is docs/autobahn.md: the whole table, for people.
func AutobahnPage() string {
	rows := fixtures.Autobahn()
	total := 0
	for _, row := range rows {
		total += len(row.Expand())
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# Where the cases of Autobahn|Testsuite are

Each of the %d cases of Autobahn|Testsuite has its counterpart among the requirements of
`+"`conform list websocket`"+`, most of which have none there. `+"`conform explain autobahn/6.4.3`"+` shows the
counterparts of a case, and `+"`conform explain websocket/text/surrogates-fail`"+` the cases of a requirement.

9.1-2.3 stands for 9.1.3 and 9.2.3. The names of requirements begin with `+"`websocket/`"+`.

This page is written by `+"`go test ./suites -run Autobahn -update`"+` from fixtures/autobahn.tsv.
`, total)
	for _, f := range fixtures.AutobahnFamilies() {
		n := 0
		var lines strings.Builder
		for _, row := range rows {
			if row.Family() == f.Number {
				n += len(row.Expand())
				fmt.Fprintf(&lines, "| %s | %s |\n", row.Cases, strings.Join(row.Requirements, ", "))
			}
		}
		fmt.Fprintf(&b, "\n## %d %s\n\n%s: %s\n\n| cases | requirements |\n|---|---|\n%s", f.Number, f.Title, caseCount(n), f.Text, lines.String())
	}
	return b.String()
}

func caseCount(n int) string {
	if n == 1 {
		return "One case"
	}
	return fmt.Sprintf("%d cases", n)
}
