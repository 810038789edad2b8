package report

import (
	"fmt"
	"io"
	"strings"
)

// AutobahnCase is a case of Autobahn|Testsuite with its counterparts here.
type AutobahnCase struct {
	Case         string        `json:"case"`
	Requirements []Requirement `json:"requirements"`
}

// WriteAutobahn shows the counterparts of cases, in the manner of WriteList.
func WriteAutobahn(w io.Writer, cases []AutobahnCase) error {
	var b strings.Builder
	for _, c := range cases {
		fmt.Fprintln(&b, c.Case)
		for _, r := range c.Requirements {
			fmt.Fprintf(&b, "  %-44s %-7s %s\n", r.ID, strings.ToUpper(string(r.Level)), r.Title)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
