package report

import (
	"fmt"
	"io"
	"strings"

	"conform/specs"
)

// Explanation is everything there is to say about one requirement.
type Explanation struct {
	Requirement Requirement   `json:"requirement"`
	Result      Result        `json:"result"` // of the reference implementation, just now
	Catches     []CaughtFault `json:"catches"`
}

// CaughtFault is a faulty server that a requirement catches.
type CaughtFault struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// WriteExplanation shows a requirement to somebody who has to meet it.
func WriteExplanation(w io.Writer, e Explanation, o TerminalOptions) error {
	p := newPage(o)
	r := e.Requirement
	p.cardHead(Result{ID: r.ID, Level: r.Level, Clause: r.Clause, Title: r.Title, Verdict: e.Result.Verdict})
	p.space()
	p.labelled("labels", strings.Join(r.Labels, ", "), maxValue)
	if len(r.Covers) > 0 {
		p.labelled("covers", strings.Join(r.Covers, ", "), maxValue)
	}
	if r.Datagrams {
		p.labelled("over", "udp and unixgram: where the target is reached by a stream this is unsupported", maxValue)
	}
	if len(r.Autobahn) > 0 {
		p.labelled("Autobahn", strings.Join(r.Autobahn, ", "), maxValue)
	}
	if r.Dialect != "" {
		p.labelled("dialect", r.Dialect+": declared it binds like a MUST, declared otherwise this is unsupported", maxValue)
	}
	if len(r.Needs) > 0 {
		p.labelled("needs", "--dialect "+strings.Join(r.Needs, "=… and --dialect ")+"=…: undeclared this is unsupported", maxValue)
	}
	if r.Cause != "" {
		p.labelled("cause", "usually, when it fails: "+r.Cause, maxValue)
	}
	p.space()
	p.line(fmt.Sprintf("  An exchange with the reference implementation, just now (%s):", took(e.Result)))
	p.picture(e.Result)
	if remark := remark(e.Result); remark != "" && e.Result.Verdict != specs.Pass {
		p.line("  " + string(e.Result.Verdict) + ": " + remark)
	}
	p.space()
	if len(e.Catches) == 0 {
		p.line("  No faulty server of the collection is caught by it.")
	} else {
		p.line("  " + count(len(e.Catches), "faulty server is", "faulty servers are") + " caught by it:")
	}
	for _, f := range e.Catches {
		p.wrapped("    · "+f.Name+": "+f.Text, "      ")
	}
	p.space()
	p.line("  again: " + e.Result.Replay)
	p.line("  try one: conform serve " + r.Protocol + " --fault NAME")
	return p.writeTo(w)
}
