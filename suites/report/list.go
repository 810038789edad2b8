package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"

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
	Stage        int         `json:"stage"`               // of the order in which the protocol is learnt, from 1
	Clients      int         `json:"clients"`             // connections that it holds open at once
	Datagrams    bool        `json:"datagrams,omitempty"` // it is about datagrams, not about streams
	Dialect      string      `json:"dialect,omitempty"`   // KEY=VALUE that it belongs to
	Needs        []string    `json:"needs,omitempty"`     // dialects that have to be declared for it to be judged
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

// WriteListMarkdown writes requirements as a page that can be read as the
// standard of their protocol. A protocol that is listed whole has its
// introduction before them.
func WriteListMarkdown(w io.Writer, list []Requirement, protocols []specs.Protocol) error {
	var b strings.Builder
	for _, p := range protocols {
		var own []Requirement
		for _, r := range list {
			if r.Protocol == p.Name {
				own = append(own, r)
			}
		}
		if len(own) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "# %s\n", p.Name)
		if len(own) == len(p.Specs()) {
			fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(p.Intro))
			b.WriteString("\n## Dialects\n\nWhat is seen of a server, or declared with `--dialect KEY=VALUE`.\n\n| key | values | what it is about |\n|---|---|---|\n")
			for _, d := range p.Dialects {
				fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", d.Key, strings.Join(d.Values, "`, `"), text(d.Text))
			}
			b.WriteString("| `class` | `serial`, `pool:N`, `concurrent` | how many clients the server says that it serves at once |\n")
			fmt.Fprintf(&b, "\n## Requirements\n\n%s, from %s. A level says how much one binds: MUST, SHOULD, MAY (several outcomes are\n"+
				"allowed, and any other one fails), ROBUST (no text binds it, good engineering does).\n\n"+
				"This page is the output of `conform list %s --format markdown`; `conform explain ID` adds a real exchange, and the\n"+
				"faulty servers that a requirement catches. The sections, with the number of their requirements:\n\n", count(len(own), "requirement", "requirements"), p.Source, p.Name)
			for _, s := range p.Sections {
				fmt.Fprintf(&b, "- [%s](#%s): %d\n", text(s.Title), anchor(s.Title), len(s.Specs))
			}
		}
		heading := ""
		for _, r := range own {
			if r.Section != heading {
				heading = r.Section
				fmt.Fprintf(&b, "\n### %s\n", text(r.SectionTitle))
			}
			fmt.Fprintf(&b, "\n#### %s\n\n%s\n\n%s\n", r.ID, text(r.Title), text(strings.Join(r.facts(), " · ")))
			if r.Cause != "" {
				fmt.Fprintf(&b, "\nCommon mistake: %s\n", text(sentence(r.Cause)))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// facts are what there is to know of a requirement besides its sentence.
func (r Requirement) facts() []string {
	facts := []string{strings.ToUpper(string(r.Level)), r.Clause}
	if len(r.Covers) > 0 {
		facts = append(facts, strings.Join(r.Covers, ", "))
	}
	if r.Clients > 1 {
		facts = append(facts, count(r.Clients, "client", "clients")+" at once")
	}
	if r.Datagrams {
		facts = append(facts, "over datagrams")
	}
	if r.Dialect != "" {
		facts = append(facts, "dialect "+r.Dialect)
	}
	if len(r.Needs) > 0 {
		facts = append(facts, "judged where "+strings.Join(r.Needs, " and ")+" is declared")
	}
	return facts
}

// anchor is what GitHub and others make of a heading, to be linked to.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// sentence ends in a full stop.
func sentence(s string) string {
	if strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// text is Markdown for a text of ours: what could mean something is escaped.
func text(s string) string {
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "<", `\<`, ">", `\>`, "[", `\[`, "]", `\]`, "|", `\|`, "&", "&amp;", "~", `\~`).Replace(s)
}
