package report

import (
	"fmt"
	"io"
	"strings"

	"conform/specs"
)

// Requirement is a requirement as it is listed and explained.
type Requirement struct {
	ID           string      `json:"id"`
	Protocol     string      `json:"protocol"`
	Section      string      `json:"section"`
	SectionTitle string      `json:"section_title"`
	Level        specs.Level `json:"level"`
	Clause       string      `json:"clause"`
	Title        string      `json:"title"`
	Covers       []string    `json:"covers"`
	Labels       []string    `json:"labels"`
	Clients      int         `json:"clients"`             // connections that it holds open at once
	Datagrams    bool        `json:"datagrams,omitempty"` // it is about datagrams, not about streams
	Dialect      string      `json:"dialect,omitempty"`   // KEY=VALUE that it belongs to
	Cause        string      `json:"cause,omitempty"`     // what a server that fails it most often does
	Autobahn     []string    `json:"autobahn,omitempty"`  // cases of Autobahn|Testsuite that it stands for: 9.1-2.3
}

// WriteList shows requirements under the headings of their sections, and the
// dialects of their protocols.
func WriteList(w io.Writer, list []Requirement, protocols []specs.Protocol) error {
	var b strings.Builder
	heading := ""
	listed := map[string]bool{}
	for _, r := range list {
		if h := r.Protocol + " · " + r.SectionTitle; h != heading {
			if heading != "" {
				b.WriteString("\n")
			}
			heading = h
			fmt.Fprintln(&b, h)
		}
		listed[r.Protocol] = true
		fmt.Fprintf(&b, "  %-44s %-7s %s\n", r.ID, strings.ToUpper(string(r.Level)), r.Title)
	}
	for _, p := range protocols {
		for _, d := range p.Dialects {
			if listed[p.Name] {
				fmt.Fprintf(&b, "\n%s --dialect %s=%s\n  %s\n", p.Name, d.Key, strings.Join(d.Values, "|"), d.Text)
			}
		}
	}
	fmt.Fprintf(&b, "\nevery protocol --dialect class=serial|pool:N|concurrent\n  how many clients the target says that it serves at once\n\n%s\n", count(len(list), "requirement", "requirements"))
	_, err := io.WriteString(w, b.String())
	return err
}
