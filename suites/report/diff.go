package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"conform/specs"
)

// Change is what has become of one requirement between two reports.
type Change struct {
	ID     string        `json:"id"`
	Before specs.Verdict `json:"before,omitempty"` // empty where only the new report has it
	After  specs.Verdict `json:"after,omitempty"`  // empty where only the old report had it
	Kind   ChangeKind    `json:"kind"`
	Reason string        `json:"reason,omitempty"` // what the new report says of it, in a line
}

// ChangeKind says what a change is worth.
type ChangeKind string

const (
	Broken   ChangeKind = "broken"   // failed now, and not before
	Mended   ChangeKind = "mended"   // failed before, and is met now
	Differs  ChangeKind = "differs"  // another verdict, or the same failure for another reason
	Appeared ChangeKind = "appeared" // is only in the new report
	Vanished ChangeKind = "vanished" // was only in the old one, or judged only there
)

// Diff lists what differs between two reports, in the order of the new one.
func Diff(before, after *Report) (changes []Change) {
	old := map[string]Result{}
	for _, res := range before.Results {
		old[res.ID] = res
	}
	add := func(kind ChangeKind, was, is Result) {
		c := Change{ID: cmp.Or(is.ID, was.ID), Before: was.Verdict, After: is.Verdict, Kind: kind}
		if is.Reason != nil && !Passed(is.Verdict, true) {
			c.Reason = remark(is)
		}
		changes = append(changes, c)
	}
	for _, is := range after.Results {
		was, known := old[is.ID]
		delete(old, is.ID)
		failed, fails := status(before, was) == statusFailed, status(after, is) == statusFailed
		switch {
		case !known && fails:
			add(Broken, was, is)
		case !known:
			add(Appeared, was, is)
		case fails && !failed:
			add(Broken, was, is)
		case failed && !fails && Judged(is.Verdict):
			add(Mended, was, is)
		case Judged(was.Verdict) && !Judged(is.Verdict):
			add(Vanished, was, is)
		case was.Verdict != is.Verdict, fails && code(was) != code(is):
			add(Differs, was, is)
		}
	}
	for _, was := range before.Results {
		if _, left := old[was.ID]; left {
			add(Vanished, was, Result{})
		}
	}
	return changes
}

func code(res Result) specs.Code {
	if res.Reason == nil {
		return ""
	}
	return res.Reason.Code
}

// WriteDiff writes what differs between two reports, what is worse first.
func WriteDiff(w io.Writer, changes []Change, o TerminalOptions) error {
	p := newPage(o)
	signs := []struct {
		kind ChangeKind
		sign string
		c    colour
	}{{Broken, "✗", red}, {Vanished, "-", yellow}, {Differs, "~", yellow}, {Mended, "✓", green}, {Appeared, "+", plain}}
	var counts []string
	for _, s := range signs {
		n := 0
		for _, c := range changes {
			if c.Kind != s.kind {
				continue
			}
			n++
			text := fmt.Sprintf(" %s  %s → %s", shorten(c.ID, 80), or(c.Before, "not there"), or(c.After, "not there"))
			if c.Reason != "" {
				text += "  " + shorten(c.Reason, 160)
			}
			p.marked(s.c, s.sign, text)
		}
		if n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, s.kind))
		}
	}
	if len(counts) == 0 {
		p.line("nothing differs")
	} else {
		p.space()
		p.line(strings.Join(counts, ", "))
	}
	return p.writeTo(w)
}

func or(v specs.Verdict, none string) string { return cmp.Or(shorten(string(v), 40), none) }
