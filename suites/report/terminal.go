package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"conform/specs"
)

// TerminalOptions says how a report is shown to a person.
type TerminalOptions struct {
	Color   bool // ANSI colours for the marks and the headline
	Verbose bool // every requirement, with its transcript
	Quiet   bool // the summary only
	Width   int  // columns; 0 is 100, and less than 60 is 60
}

// What one report may take of a terminal, so that a target that fails
// everything, or floods, does not push what matters out of sight.
const (
	maxCards       = 25
	maxValue       = 400 // columns of a quoted value
	maxMessage     = 12  // lines of a message
	maxOutcomes    = 8
	maxTranscript  = 80 // events
	maxSteps       = 30
	maxExits       = 5
	maxOutputLines = 12
	maxReplay      = 2000
	maxIDs         = 10
)

// WriteHeader writes the line that is shown before a run: what is tested, and
// by how many requirements. Of the report it uses Target and Run only.
func WriteHeader(w io.Writer, r *Report, requirements int, o TerminalOptions) error {
	p := newPage(o)
	t := r.Target
	parts := []string{shorten(cmp.Or(t.Address, "unknown address"), maxValue)}
	if t.Address == "bundled" {
		parts[0] = "the bundled reference implementation"
	}
	if t.StartedBy != "" && t.StartedBy != "user" && t.StartedBy != "conform" {
		parts = append(parts, "started by "+shorten(t.StartedBy, maxValue))
	}
	if protocols := shorten(strings.Join(t.Protocol, ", "), maxValue); t.Detected != "" {
		parts = append(parts, fmt.Sprintf("%s (%s)", protocols, shorten(t.Detected, maxValue)))
	} else if protocols != "" {
		parts = append(parts, protocols)
	}
	if len(t.Dialect) > 0 {
		parts = append(parts, dialect(t))
	}
	switch c := t.Concurrency; {
	case c.Class == string(specs.Serial):
		parts = append(parts, "serves one client at a time")
	case c.Class == string(specs.Bounded):
		parts = append(parts, "serves "+count(c.Bound, "client", "clients")+" at once")
	case c.Class == string(specs.Concurrent) && c.Bound > 0:
		parts = append(parts, fmt.Sprintf("serves at least %s at once", count(c.Bound, "client", "clients")))
	case c.Class == string(specs.Concurrent):
		parts = append(parts, "serves many clients at once")
	case c.Class == string(specs.Unknown):
		parts = append(parts, "served no client")
	}
	plan := count(requirements, "requirement", "requirements")
	switch {
	case r.Run.Jobs == 1 && requirements > 1:
		plan += ", one at a time"
	case r.Run.Jobs > 1 && requirements > 1:
		plan += fmt.Sprintf(", %d at a time", r.Run.Jobs)
	}
	if s := r.Scale; s != nil {
		plan = fmt.Sprintf("%s for %s", count64(int64(s.Clients), "client", "clients"), span(s.ForMS))
	}
	p.joined("", append(parts, plan), " · ")
	return p.writeTo(w)
}

// WriteTerminal writes what is shown after a run, below the header: a card for
// each requirement that is not met, what else is worth knowing, the counts by
// section, and the headline last, where the eye is.
func WriteTerminal(w io.Writer, r *Report, o TerminalOptions) error {
	p := newPage(o)
	if !o.Quiet {
		p.line("")
		if o.Verbose {
			p.everything(r)
		} else {
			p.failures(r)
		}
		p.folded(r)
		p.exits(r)
		p.retried(r)
		p.clients(r)
	}
	if len(r.Stages) > 0 {
		p.stages(r)
	} else {
		p.sections(r)
	}
	text := headline(r)
	if at := strings.IndexByte(text, ':'); at > 0 {
		p.marked(headlineColour(r), text[:at], text[at:])
	} else {
		p.marked(headlineColour(r), text, "")
	}
	return p.writeTo(w)
}

// WriteCard writes the evidence of one requirement as WriteTerminal does, with
// the transcript if it is to be verbose.
func WriteCard(w io.Writer, res Result, o TerminalOptions) error {
	p := newPage(o)
	p.card(res)
	if o.Verbose {
		p.picture(res)
	}
	return p.writeTo(w)
}

// page collects lines. Nothing gets into it but through line and marked, which
// clean whatever they are given.
type page struct {
	b       strings.Builder
	colour  bool
	verbose bool
	width   int
	blank   bool // the last line is empty
}

func newPage(o TerminalOptions) *page {
	return &page{colour: o.Color, verbose: o.Verbose, width: max(cmp.Or(o.Width, 100), 60), blank: true}
}

func (p *page) line(text string) {
	text = strings.TrimRight(clean(text), " ")
	p.b.WriteString(notCommand(text))
	p.b.WriteByte('\n')
	p.blank = text == ""
}

// space separates blocks by one empty line.
func (p *page) space() {
	if !p.blank {
		p.line("")
	}
}

// marked writes a line that begins with a coloured mark.
func (p *page) marked(c colour, mark, rest string) {
	if !p.colour || c == plain {
		p.line(mark + rest)
		return
	}
	fmt.Fprintf(&p.b, "\x1b[%dm%s\x1b[0m%s\n", c, notCommand(clean(mark)), strings.TrimRight(clean(rest), " "))
	p.blank = false
}

// remarked writes a text of its own behind the mark of a verdict.
func (p *page) remarked(v specs.Verdict, text string) {
	sign, c := mark(v)
	lines := wrap(text, p.width-2)
	p.marked(c, sign, " "+lines[0])
	for _, l := range lines[1:] {
		p.line("  " + l)
	}
}

// joined writes parts with a separator between them, on as many lines as it
// takes; those after the first are indented as far as the label reaches.
func (p *page) joined(label string, parts []string, separator string) {
	indent := strings.Repeat(" ", columns(label))
	text := label
	for i, part := range parts {
		switch {
		case i == 0:
			text += part
		case columns(text)+columns(separator)+columns(part) > p.width:
			p.wrapped(text, indent)
			text = indent + part
		default:
			text += separator + part
		}
	}
	p.wrapped(text, indent)
}

// wrapped writes a text that may still be too long for one line.
func (p *page) wrapped(text, indent string) {
	if columns(text) <= p.width {
		p.line(text)
		return
	}
	for i, l := range wrap(text, p.width-columns(indent)) {
		if i > 0 {
			l = indent + l
		}
		p.line(l)
	}
}

func (p *page) writeTo(w io.Writer) error {
	_, err := io.WriteString(w, p.b.String())
	return err
}

type colour int

const (
	plain  colour = 0
	red    colour = 31
	green  colour = 32
	yellow colour = 33
)

// mark is the sign in front of a requirement.
func mark(v specs.Verdict) (string, colour) {
	switch v {
	case specs.Pass, specs.SlowPass:
		return "✓", green
	case specs.Fail:
		return "✗", red
	case specs.NonStrict:
		return "~", yellow
	case specs.Info:
		return "i", plain
	case specs.Unsupported, specs.Skipped:
		return "-", plain
	}
	return "!", yellow
}

// failures writes a card for every requirement that is not met, and a line for
// each that is met only in the wider sense.
func (p *page) failures(r *Report) {
	cards, left := 0, 0
	var few []string // that need more clients at once than are served
	for _, res := range r.Results {
		if Passed(res.Verdict, r.Run.Strict) || res.Verdict == specs.Blocked || res.known(ExpectedFail) {
			continue
		}
		if res.Reason != nil && res.Reason.Code == specs.TooFewServed {
			if few = append(few, res.ID); len(few) > 1 {
				continue // one card says it for all of them
			}
		}
		if cards++; cards > maxCards {
			left++
			continue
		}
		p.card(res)
		if res.Reason != nil && res.Reason.Code == specs.TooFewServed {
			p.likewise(r, res)
		}
		p.space()
	}
	if left > 0 {
		p.line(fmt.Sprintf("… and %d more: see --report json=report.json", left))
		p.space()
	}
	p.baseline(r)
	if r.Run.Strict {
		return
	}
	listed := 0
	for _, res := range r.Results {
		if res.Verdict != specs.NonStrict {
			continue
		}
		if listed++; listed > maxCards {
			continue
		}
		text := fmt.Sprintf(" %s  %s · %s  %s", shorten(res.ID, 80), level(res), shorten(res.Clause, 60), shorten(remark(res), 120))
		p.marked(yellow, "~", text)
	}
	if listed > maxCards {
		p.line(fmt.Sprintf("… and %d more: see --report json=report.json", listed-maxCards))
	}
	if listed > 0 {
		p.space()
	}
}

// baseline says how the run compares with the failures that are known.
func (p *page) baseline(r *Report) {
	b := r.Summary.Baseline
	if b == nil {
		return
	}
	var passes []string
	for _, res := range r.Results {
		if res.known(UnexpectedPass) {
			passes = append(passes, res.ID)
		}
	}
	for _, id := range first(append(passes, b.Stale...), maxCards) {
		what := "is known to fail, and does not: take it out of the baseline"
		if !slices.Contains(passes, id) {
			what = "is in the baseline, and nothing under it fails: take it out"
		}
		p.marked(red, "✗", " "+shorten(id, 120)+" "+what)
	}
	if n := len(passes) + len(b.Stale) - maxCards; n > 0 {
		p.line(fmt.Sprintf("… and %d more", n))
	}
	if b.ExpectedFail > 0 {
		p.line(count(b.ExpectedFail, "failure is known", "failures are known") + ", as the baseline says")
	}
	if len(passes)+len(b.Stale)+b.ExpectedFail > 0 {
		p.space()
	}
}

// likewise names the other requirements that the target has too few places for.
func (p *page) likewise(r *Report, shown Result) {
	var others []string
	for _, res := range r.Results {
		if res.Reason != nil && res.Reason.Code == specs.TooFewServed && res.ID != shown.ID &&
			res.Protocol == shown.Protocol && !Passed(res.Verdict, r.Run.Strict) {
			others = append(others, strings.TrimPrefix(res.ID, res.Protocol+"/concurrency/"))
		}
	}
	if len(others) > 0 {
		p.labelled("likewise", shorten(strings.Join(others, ", "), maxValue), 4)
	}
}

// everything writes each requirement that was executed, with its transcript.
func (p *page) everything(r *Report) {
	for _, res := range r.Results {
		switch res.Verdict {
		case specs.Skipped, specs.Unsupported, specs.Blocked:
			if len(res.Transcript) == 0 {
				continue // folded
			}
		}
		p.card(res)
		for _, note := range first(res.Notes, maxOutcomes) {
			if note != remark(res) {
				p.labelled("note", note, 2)
			}
		}
		p.line(fmt.Sprintf("    %-8s  %s, %s", "verdict", shorten(string(res.Verdict), 40), took(res)))
		p.picture(res)
		p.space()
	}
}

func took(res Result) string {
	text := milliseconds(res.DurationMS)
	if res.Attempts > 1 {
		text += fmt.Sprintf(", attempt %d", res.Attempts)
	}
	return text
}

// card shows the evidence of one requirement.
func (p *page) card(res Result) {
	p.cardHead(res)
	for _, l := range wrap(shorten(res.Title, maxValue), p.width-2) {
		p.line("  " + l)
	}
	met := Passed(res.Verdict, false) && res.Verdict != specs.NonStrict
	if reason := res.Reason; reason != nil {
		p.evidence(*reason, res.Verdict)
	}
	if res.Known != nil && res.Known.Note != "" {
		p.labelled("baseline", strings.TrimSpace(res.Known.As+" "+res.Known.Note), 4)
	}
	if res.Schedule != nil {
		p.schedule(*res.Schedule)
	}
	if !met && res.Replay != "" {
		// Never wrapped: it is there to be copied.
		p.line(fmt.Sprintf("    %-8s  %s", "again", shorten(res.Replay, maxReplay)))
	}
	if !met && res.Recipe != nil {
		p.recipe(*res.Recipe)
	}
}

// recipe writes how to do it without conform. A long one, such as a WebSocket
// handshake and frames, is for who asks for everything: a card has to stay short.
func (p *page) recipe(r Recipe) {
	command := shorten(r.Command, maxRecipe)
	if !p.verbose && columns(command) > 2*p.width {
		return
	}
	p.line(fmt.Sprintf("    %-8s  %s", "by hand", command)) // never wrapped either
	if r.Note != "" && p.verbose {
		p.labelled("", "("+r.Note+")", 2)
	}
}

// cardHead is the ID, and the level and clause at the right edge.
func (p *page) cardHead(res Result) {
	sign, c := mark(res.Verdict)
	id := shorten(res.ID, p.width-2)
	right := level(res)
	if res.Clause != "" {
		right += " · " + shorten(res.Clause, p.width-16)
	}
	free := p.width - columns(sign) - 1 - columns(id) - columns(right)
	if free >= 2 {
		p.marked(c, sign, " "+id+strings.Repeat(" ", free)+right)
		return
	}
	p.marked(c, sign, " "+id)
	p.line(strings.Repeat(" ", max(2, p.width-columns(right))) + right)
}

// evidence writes the column of labels. A requirement that is met, or met in
// the wider sense, shows less: there is nothing to repair.
func (p *page) evidence(r Reason, v specs.Verdict) {
	short := v != specs.Fail && v != specs.Error
	if !short && r.Sent != "" {
		p.labelled("sent", r.Sent, maxMessage)
	}
	for i, e := range first(r.Expected, maxOutcomes) {
		label := "expected"
		if i > 0 {
			label = "      or"
		}
		p.labelled(label, e, maxMessage)
	}
	if n := len(r.Expected) - maxOutcomes; n > 0 {
		p.labelled("      or", fmt.Sprintf("… %d more", n), 1)
	}
	if r.Received != "" {
		p.labelled("received", r.Received, maxMessage)
	}
	if d := r.FirstDifference; d != nil && d.Offset > 0 {
		// At offset 0 expected and received say it all.
		p.labelled("differs", fmt.Sprintf("after %s: %s was due, %s came", count(d.Offset, "right byte", "right bytes"), orEnd(d.Expected), orEnd(d.Received)), maxMessage)
	}
	// Some messages say nothing that expected and received do not show.
	shown := r.Code == specs.NotSilent || r.Code == specs.WrongBytes && r.FirstDifference != nil
	if r.Message != "" && !(shown && len(r.Expected) > 0 && r.Received != "") {
		p.labelled("because", r.Message, maxMessage)
	}
	if r.Hint != "" {
		p.labelled("cause", r.Hint, maxMessage)
	}
}

// schedule writes what the clients did, as a numbered script.
func (p *page) schedule(s Schedule) {
	label := "schedule"
	for i, step := range s.Steps {
		if i == maxSteps {
			p.labelled(label, fmt.Sprintf("… %d more steps", len(s.Steps)-i), 1)
			return
		}
		p.labelled(label, fmt.Sprintf("%d. %s", i+1, step), 1)
		label = ""
	}
	if s.Then {
		p.labelled("", fmt.Sprintf("%d. what is due is heard, and a new client is served", len(s.Steps)+1), 1)
	}
	p.labelled("", "("+s.Tally()+")", 1)
}

func orEnd(quoted string) string {
	if quoted == "" {
		return "the end"
	}
	return shorten(quoted, 120)
}

// labelled writes a value beside its label, on at most limit lines of its own
// (a message of an assertion has several) and wrapped to the width.
func (p *page) labelled(label, value string, limit int) {
	const indent = 14
	value = strings.ReplaceAll(strings.TrimRight(value, "\n"), "\t", "    ")
	lines := strings.SplitN(value, "\n", limit+1)
	more := ""
	if len(lines) > limit {
		more = fmt.Sprintf("… (%d more lines)", 1+strings.Count(lines[limit], "\n"))
		lines = lines[:limit]
	}
	for _, l := range lines {
		for _, part := range wrap(shorten(l, maxValue), p.width-indent) {
			p.line(fmt.Sprintf("    %-8s  %s", label, part))
			label = ""
		}
	}
	if more != "" {
		p.line(strings.Repeat(" ", indent) + more)
	}
}

// retried names the requirements that were met only on another attempt.
func (p *page) retried(r *Report) {
	var alone, slow []string
	for _, res := range r.Results {
		switch {
		case res.Verdict == specs.SlowPass:
			slow = append(slow, res.ID)
		case res.Verdict == specs.Pass && res.Attempts > 1:
			alone = append(alone, res.ID)
		}
	}
	for _, l := range []struct {
		ids  []string
		text string
	}{{alone, "passed only when run alone again"}, {slow, "passed only with a longer wait"}} {
		if len(l.ids) > 0 {
			p.wrapped(fmt.Sprintf("%s %s: %s", count(len(l.ids), "requirement", "requirements"), l.text, ids(l.ids)), "  ")
		}
	}
	if len(alone)+len(slow) > 0 {
		p.space()
	}
}

func ids(all []string) string {
	var shown []string
	for _, id := range first(all, maxIDs) {
		shown = append(shown, shorten(id, 80))
	}
	if n := len(all) - len(shown); n > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(shown, ", ")
}

// folded writes one line for each cause that kept requirements from being
// judged, however many they are.
func (p *page) folded(r *Report) {
	type fold struct {
		verdict specs.Verdict
		message string
	}
	members := map[fold][]string{}
	var order []fold
	for _, res := range r.Results {
		switch res.Verdict {
		case specs.Blocked:
		case specs.Skipped:
			if deselected(res) {
				continue // the headline counts them
			}
		case specs.Unsupported:
			if !p.verbose {
				continue // the summary counts them
			}
		default:
			continue
		}
		f := fold{res.Verdict, shorten(cmp.Or(remark(res), "no reason is given"), maxValue)}
		if members[f] == nil {
			order = append(order, f)
		}
		members[f] = append(members[f], res.ID)
	}
	shown := first(order, maxCards)
	for _, f := range shown {
		n := len(members[f])
		be := "are"
		if n == 1 {
			be = "is"
		}
		p.remarked(f.verdict, fmt.Sprintf("%s %s %s: %s", count(n, "requirement", "requirements"), be, f.verdict, f.message))
		if p.verbose {
			p.wrapped("  "+ids(members[f]), "  ")
		}
	}
	if n := len(order) - len(shown); n > 0 {
		p.line(fmt.Sprintf("… and %s more", count(n, "cause", "causes")))
	}
	if len(order) > 0 {
		p.space()
	}
}

// exits writes how a command that conform had started ended by itself.
func (p *page) exits(r *Report) {
	exits := r.Target.Exits
	for _, e := range first(exits, maxExits) {
		text := "the server " + shorten(e.Status, 200)
		if e.During != "" {
			text += ", during " + shorten(e.During, 100)
		}
		output := e.Output[max(0, len(e.Output)-maxOutputLines):]
		if len(output) > 0 {
			text += "; it last wrote"
		}
		p.remarked(specs.Error, text)
		for _, l := range output {
			for _, part := range wrap(shorten(l, maxValue), p.width-4) {
				p.line("  | " + part)
			}
		}
	}
	if n := len(exits) - maxExits; n > 0 {
		p.line(fmt.Sprintf("… and it ended %s more", count(n, "time", "times")))
	}
	if len(exits) > 0 {
		p.space()
	}
}

// sections writes the counts, a line for each protocol.
func (p *page) sections(r *Report) {
	type section struct {
		name    string
		results []Result
	}
	bySection := map[string][]*section{}
	var protocols []string
	longest := 0
	for _, res := range r.Results {
		if deselected(res) {
			continue
		}
		sections, known := bySection[res.Protocol]
		if !known {
			protocols = append(protocols, res.Protocol)
			longest = max(longest, columns(shorten(res.Protocol, 20)))
		}
		i := slices.IndexFunc(sections, func(s *section) bool { return s.name == res.Section })
		if i < 0 {
			i = len(sections)
			sections = append(sections, &section{name: res.Section})
		}
		sections[i].results = append(sections[i].results, res)
		bySection[res.Protocol] = sections
	}
	for _, protocol := range protocols {
		name := shorten(protocol, 20)
		label := name + strings.Repeat(" ", longest-columns(name)+3)
		var parts []string
		for _, s := range bySection[protocol] {
			if !slices.ContainsFunc(s.results, func(res Result) bool { return res.Reason == nil || res.Reason.Code != specs.OtherKind }) {
				continue // nothing of it can be asked of this target
			}
			counts := Count(s.results)
			text := fmt.Sprintf("%s %d/%d", strings.ReplaceAll(shorten(s.name, 40), "-", " "), counts[specs.Pass], len(s.results))
			for _, v := range verdicts(counts) {
				if v != specs.Pass && v != specs.Fail && counts[v] > 0 {
					text += ", " + tally(counts[v], v)
				}
			}
			parts = append(parts, text)
		}
		p.joined(label, parts, "   ")
	}
}

// Headline says in one line what the run amounts to.
func Headline(r *Report) string { return notCommand(clean(headline(r))) }

func headline(r *Report) string {
	return fmt.Sprintf("%s · %s · seed %d", conclusion(r), milliseconds(r.Run.DurationMS), r.Run.Seed)
}

// conclusion is the headline without how the run was made.
func conclusion(r *Report) string {
	counts := Count(r.Results)
	left := 0
	failed := map[string]int{}
	for _, res := range r.Results {
		switch {
		case deselected(res):
			left++
		case res.Verdict == specs.Fail, res.Verdict == specs.NonStrict && r.Run.Strict:
			failed[level(res)]++
		}
	}
	counts[specs.Skipped] -= left
	total := len(r.Results) - left

	// What went wrong comes first. The line is short: what does not change
	// how the headline is read is left to the counts by section.
	var what []string
	also := []specs.Verdict{specs.Blocked, specs.Error}
	if len(failed) > 0 {
		what = append(what, fmt.Sprintf("%s of %d failed", levels(failed), total))
	} else if total > 0 {
		what = append(what, count(counts[specs.Pass]+counts[specs.SlowPass], "requirement", "requirements")+" met")
		if n := counts[specs.SlowPass]; n > 0 {
			what = append(what, fmt.Sprintf("%d of them slow", n))
		}
		also = slices.DeleteFunc(verdicts(counts), func(v specs.Verdict) bool { return v == specs.Pass || v == specs.SlowPass })
	}
	for _, v := range also {
		if counts[v] > 0 {
			what = append(what, tally(counts[v], v))
		}
	}
	text := strings.Join(what, ", ")
	var notes []string
	switch at := unmet(r); {
	case at != nil:
		notes = append(notes, fmt.Sprintf("stage %d of %d, %d of %s run", at.Number, len(r.Stages), total, count(len(r.Results), "requirement", "requirements")))
	case left > 0:
		notes = append(notes, fmt.Sprintf("filtered, %d of %s %s run", total, count(len(r.Results), "requirement", "requirements"), were(len(r.Results))))
	}
	if r.Summary.Cause != "" {
		notes = append(notes, shorten(r.Summary.Cause, 300))
	}
	if b := r.Summary.Baseline; b != nil {
		note := fmt.Sprintf("%d known", b.ExpectedFail)
		if n := b.UnexpectedPass + len(b.Stale); n > 0 {
			note += fmt.Sprintf(", %d of the baseline out of date", n)
		}
		notes = append(notes, note)
	}
	switch h := r.Summary.Headline; {
	case len(notes) == 0:
	case h == "incomplete" || h == "error":
		// Why it is so matters more than the counts.
		text = strings.Join(append(notes, text), "; ")
	default:
		text = strings.Join(append([]string{text}, notes...), "; ")
	}
	text = strings.Trim(text, "; ")
	if text != "" {
		text = ": " + text
	}
	return shorten(cmp.Or(r.Summary.Headline, "error"), 40) + text
}

func headlineColour(r *Report) colour {
	switch r.Summary.Headline {
	case "conformant":
		return green
	case "incomplete":
		return yellow
	}
	return red
}

// levels lists how many of each level failed, the binding ones first.
func levels(failed map[string]int) string {
	var parts []string
	order := []string{"MUST", "SHOULD", "MAY", "ROBUST"}
	for _, l := range order {
		if failed[l] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", failed[l], l))
		}
	}
	other := 0
	for l, n := range failed {
		if !slices.Contains(order, l) {
			other += n
		}
	}
	if other > 0 {
		parts = append(parts, fmt.Sprintf("%d of another level", other))
	}
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
	return strings.Join(parts, "")
}

// Count counts the verdicts of results; every known verdict has an entry.
func Count(results []Result) map[specs.Verdict]int {
	counts := map[specs.Verdict]int{}
	for _, v := range specs.Verdicts {
		counts[v] = 0
	}
	for _, res := range results {
		counts[res.Verdict]++
	}
	return counts
}

// verdicts lists what was counted in the order in which it is shown.
func verdicts(counts map[specs.Verdict]int) []specs.Verdict {
	list := slices.Clone(specs.Verdicts)
	var unknown []specs.Verdict
	for v := range counts {
		if !slices.Contains(list, v) {
			unknown = append(unknown, v)
		}
	}
	slices.Sort(unknown)
	return append(list, first(unknown, maxOutcomes)...)
}

func tally(n int, v specs.Verdict) string {
	if v == specs.Error {
		return count(n, "error", "errors")
	}
	return fmt.Sprintf("%d %s", n, shorten(string(v), 40))
}

// deselected says whether a requirement was left out: by the user's selection, or
// because an earlier stage comes first.
func deselected(res Result) bool {
	return res.Verdict == specs.Skipped && res.Reason != nil && (res.Reason.Code == specs.Deselected || res.Reason.Code == specs.LaterStage)
}

// Remark is what the evidence says in a line.
func Remark(res Result) string { return notCommand(shorten(remark(res), maxValue)) }

func remark(res Result) string {
	text := ""
	switch {
	case res.Known == nil:
	case res.Known.As == UnexpectedPass:
		return "known to fail, and does not: take it out of the baseline"
	case res.Known.As == ExpectedFail && res.Known.Note != "":
		return "known: " + res.Known.Note
	}
	if res.Reason != nil {
		text = cmp.Or(res.Reason.Message, string(res.Reason.Code))
	}
	text, _, _ = strings.Cut(strings.TrimLeft(text, "\n"), "\n")
	return text
}

func level(res Result) string { return strings.ToUpper(shorten(string(res.Level), 12)) }

func dialect(t Target) string {
	var parts []string
	for k, v := range t.Dialect {
		parts = append(parts, shorten(k, 60)+"="+shorten(v, 60))
	}
	slices.Sort(parts)
	return strings.Join(first(parts, maxIDs), ", ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func first[T any](s []T, n int) []T { return s[:min(n, len(s))] }

// milliseconds makes a duration readable.
func milliseconds(ms float64) string {
	switch {
	case math.IsNaN(ms) || ms < 0 || ms > float64(math.MaxInt64/int64(time.Millisecond)):
		return "?"
	case ms < 0.0005:
		return "0 ms"
	case ms < 10:
		return fmt.Sprintf("%.2g ms", ms)
	case ms < 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 59_950:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
	return time.Duration(ms * float64(time.Millisecond)).Round(time.Second).String()
}
