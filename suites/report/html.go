package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"

	"conform/specs"
)

// The page is one file: what it needs is in it, and its policy forbids
// everything else, so that it works from a disk and a payload could do nothing
// even if one got through.
var (
	//go:embed html/page.html
	htmlTemplate string
	//go:embed html/parts.html
	htmlParts string // that pages have in common
	//go:embed html/style.css
	htmlStyle string
	//go:embed html/script.js
	htmlScript string
)

// What one page may take. A browser shows five megabytes of it in less than a
// second, and nobody scrolls further.
const (
	// htmlEvidence bounds the diagrams and the bytes of what failed, and
	// htmlTranscripts the transcripts of everything else.
	htmlEvidence    = 3 << 19
	htmlTranscripts = 1 << 20
	// maxHTMLOpen is how many failures are open when the page is.
	maxHTMLOpen   = 40
	maxHTMLRefs   = 6
	maxHTMLCauses = 8
	maxHTMLShown  = 3 // of them with their evidence
	maxHTMLNotes  = 8
)

// htmlPage is what the template shows. Every string in it is clean.
type htmlPage struct {
	Frame
	htmlRun
	Bar        template.HTML
	Legend     string // of the counts, where they are a filter
	Counts     []htmlCount
	Next       []htmlStep
	Stages     []rung
	Upward     string // what comes next of them
	Causes     []htmlCause
	Scale      *htmlScale
	Map        []htmlMapped
	Profiles   []htmlProfile
	Deselected int
	Levels     []string
	Protocols  []htmlProtocol
}

// htmlRun is what is told of a target beside its requirements.
type htmlRun struct {
	Facts  []htmlText
	Exits  []htmlText
	Output string
}

type htmlText struct{ Name, Text, Small string }

type htmlCount struct {
	Class, Sign, Name, Means string
	N                        int
	Filter                   bool
}

type htmlStep struct {
	Text, Name, Command string
	Ref                 template.URL // a fragment; see htmlRefs
}

type htmlCause struct {
	Class, Sign, What, Text, Title string
	Rows                           []htmlEvidenceRow
	Refs                           []htmlStep
	More                           string
}

type htmlProtocol struct {
	Name, Key string
	Sections  []*htmlSection
}

type htmlSection struct {
	Name, Key, Protocol, Count string
	Results                    []htmlResult
}

type htmlResult struct {
	Ref                                    template.URL
	ID, Title, Class, Sign, Verdict, Level string
	Kind                                   string // what the filter goes by
	Open                                   bool
	Meta                                   []string
	Evidence                               []htmlEvidenceRow
	Schedule                               []string
	Tally, Again, ByHand, Left             string
	ByHandNote                             string
	Diagram                                template.HTML
	BytesTitle                             string
	Several                                bool
	Rows                                   []htmlEvent
}

// htmlEvidenceRow is a label and a value, a part of which may be marked as what
// differs.
type htmlEvidenceRow struct{ Name, Class, Text, Mark, Rest string }

type htmlMapped struct {
	Name     string
	Sections []htmlMapSection
}

type htmlMapSection struct {
	Name, Count string
	SVG         template.HTML
}

type htmlProfile struct {
	Name, Line string
	Open       bool
	SVG        template.HTML
	Facts      []htmlText
}

// WriteHTML writes the report as one page for a browser, with pictures. It loads
// nothing and needs no script to be read.
func WriteHTML(w io.Writer, r *Report) error {
	return WritePage(w, htmlTemplate, newHTMLPage(r))
}

// hashSource is how a Content-Security-Policy names a text that is allowed.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func newHTMLPage(r *Report) *htmlPage {
	p := &htmlPage{Frame: reportFrame(r.Tool), htmlRun: newHTMLRun(r), Legend: "Verdict"}
	p.Address = htmlAddress(r)
	p.head(r)
	refs := htmlRefs(r)
	p.findings(r, refs)
	p.steps(r, refs)
	p.Stages, p.Upward = rungs(r), upward(r)
	if r.Scale != nil {
		p.Scale = newHTMLScale(r.Scale)
	}
	p.results(r, refs)
	p.profiles(r)
	p.Title = shorten(p.Headline+" · "+p.Address, 200)
	return p
}

func htmlAddress(r *Report) string {
	if r.Target.Address == "bundled" {
		return "the bundled reference implementation"
	}
	return shorten(cmp.Or(strings.TrimSpace(r.Target.Address), "unknown address"), 200)
}

// head says what came of the run, and what that means.
func (p *htmlPage) head(r *Report) {
	p.Headline = shorten(cmp.Or(r.Summary.Headline, "error"), 40)
	p.Cause = shorten(r.Summary.Cause, 600)
	counts := Count(r.Results)
	judged, failed, left := 0, 0, 0
	for _, res := range r.Results {
		if deselected(res) {
			left++
		}
		if Judged(res.Verdict) {
			judged++
		}
		if status(r, res) == statusFailed {
			failed++
		}
	}
	switch r.Summary.Headline {
	case "conformant":
		p.Class, p.Sign = "pass", "✓"
		p.Meaning = fmt.Sprintf("Every requirement that applies to this server was judged, %d of them, and none failed.", judged)
		if n := counts[specs.NonStrict]; n > 0 {
			p.Meaning += fmt.Sprintf(" %s met in a wider sense only.", count(n, "of them is", "of them are"))
		}
	case "nonconformant":
		p.Class, p.Sign = "fail", "✗"
		p.Meaning = fmt.Sprintf("%s of %d that were judged %s not met. Each failure was confirmed before it counts; its card below shows the evidence.",
			count(failed, "requirement", "requirements"), judged, were(failed))
		if n := counts[specs.Blocked]; n > 0 {
			p.Meaning += fmt.Sprintf(" %s could not be judged.", count(n, "more requirement", "more requirements"))
		}
		if r.Run.Strict {
			p.Meaning += " The run was strict: nothing but pass and info would do."
		}
		if b := r.Summary.Baseline; b != nil && b.UnexpectedPass+len(b.Stale) > 0 {
			p.Meaning += " The baseline is out of date."
		}
	case "incomplete":
		p.Class, p.Sign = "nonstrict", "!"
		p.Meaning = fmt.Sprintf("Nothing is said of the server as a whole: only %d of %s were judged. What was judged is below.", judged, count(len(r.Results), "requirement", "requirements"))
	default:
		p.Class, p.Sign = "nonstrict", "!"
		p.Meaning = "The run could not come to a conclusion about this server."
		if judged > 0 {
			p.Meaning += " What was judged until then is below."
		}
	}
	if s := r.Scale; s != nil {
		p.Cause = "" // that no requirement was judged is no remark: nobody wanted it
		if !s.OK() || s.Ended != "complete" {
			p.Cause = shorten(s.headline(), 600)
		}
		switch {
		case s.OK() && s.Ended == "complete":
			p.Class, p.Sign, p.Headline = "pass", "✓", "served"
			p.Meaning = fmt.Sprintf("%s were held at once; every answer was right, byte by byte, and a new client is served afterwards.", count64(int64(s.Clients), "client", "clients"))
		case s.NeverServed > 0:
			p.Class, p.Sign, p.Headline = "fail", "✗", "not all served"
			p.Meaning = fmt.Sprintf("%s of %s never got an answer.", grouped(int64(s.NeverServed)), count64(int64(s.Clients), "client", "clients"))
		case !s.OK():
			p.Class, p.Sign, p.Headline = "fail", "✗", "not all right"
			p.Meaning = "Every client was served, but not everything was right: the problems are below."
		default:
			p.Class, p.Sign, p.Headline = "nonstrict", "!", "incomplete"
			p.Meaning = "Nothing was wrong, but the run did not come to its end."
		}
	}
	if len(r.Results) == 0 {
		return
	}
	var other int
	for _, v := range specs.Verdicts {
		if n := counts[v]; n > 0 {
			sign, _ := mark(v)
			means := htmlVerdicts[v]
			if v == specs.Skipped && len(r.Stages) > 0 {
				means = "of a later stage, or left out by you"
			}
			p.Counts = append(p.Counts, htmlCount{Class: string(v), Sign: sign, Name: string(v), N: n, Means: means, Filter: v != specs.Skipped || n > left})
		}
		delete(counts, v)
	}
	for _, n := range counts {
		other += n
	}
	if other > 0 {
		p.Counts = append(p.Counts, htmlCount{Class: "other", Sign: "!", Name: "unknown", N: other, Means: "a verdict that this version does not know", Filter: true})
	}
	p.Bar = countsBar(p.Counts)
}

// htmlVerdicts say in a few words what a verdict means.
var htmlVerdicts = map[specs.Verdict]string{
	specs.Pass: "met", specs.Fail: "broken, and confirmed", specs.NonStrict: "a SHOULD, or what respected servers do",
	specs.Info: "several outcomes are allowed", specs.SlowPass: "right, but only with a longer wait",
	specs.Unsupported: "the target, or its dialect, lacks it", specs.Skipped: "left out by you",
	specs.Blocked: "something it needs failed first", specs.Error: "conform or the environment failed",
}

func newHTMLRun(r *Report) (p htmlRun) {
	p.facts(r)
	p.exits(r)
	return p
}

func (p *htmlRun) facts(r *Report) {
	add := func(name, text string) {
		if text != "" {
			p.Facts = append(p.Facts, htmlText{Name: name, Text: text})
		}
	}
	t := r.Target
	add("Target", htmlAddress(r))
	switch t.StartedBy {
	case "user":
		add("Started", "by you, before the run")
	case "conform":
		add("Started", "by conform, in its own process")
	default:
		add("Started", shorten(t.StartedBy, maxValue))
	}
	protocol := shorten(strings.Join(first(t.Protocol, 20), ", "), maxValue)
	if t.Detected != "" {
		protocol += " (" + shorten(t.Detected, 200) + ")"
	}
	add("Protocol", strings.TrimSpace(protocol+" over "+shorten(cmp.Or(t.Transport, "an unknown transport"), 40)))
	add("Dialect", dialect(t))
	switch c := t.Concurrency; {
	case c.Class == string(specs.Serial):
		add("Clients at once", "one at a time")
	case c.Class == string(specs.Bounded):
		add("Clients at once", fmt.Sprint(c.Bound))
	case c.Class == string(specs.Concurrent) && c.Bound > 0:
		add("Clients at once", fmt.Sprintf("at least %d", c.Bound))
	}
	if t.PaceMS > 0 {
		add("Pace", milliseconds(t.PaceMS)+" to connect and be answered")
	}
	if !r.Run.Started.IsZero() && r.Run.Started.Year() < 10000 {
		add("Run", r.Run.Started.UTC().Format("2006-01-02 15:04:05 UTC")+", "+span(r.Run.DurationMS))
	}
	if r.Run.Jobs > 0 && r.Scale == nil {
		add("At a time", count(r.Run.Jobs, "requirement", "requirements"))
	}
	if r.Run.Pace != 0 && r.Run.Pace != 1 {
		add("Waits", fmt.Sprintf("multiplied by %.3g", r.Run.Pace))
	}
	if r.Run.Strict {
		add("Strict", "yes")
	}
	add("Exit code", fmt.Sprint(r.Summary.ExitCode))
	add("Seed", fmt.Sprint(r.Run.Seed))
	if b := r.Summary.Baseline; b != nil {
		text := fmt.Sprintf("%d known to fail", b.ExpectedFail)
		if b.UnexpectedPass > 0 {
			text += fmt.Sprintf(", %d of them do not", b.UnexpectedPass)
		}
		if len(b.Stale) > 0 {
			text += fmt.Sprintf(", %s out of date: %s", count(len(b.Stale), "entry is", "entries are"), ids(b.Stale))
		}
		add("Baseline", text)
	}
	add("Tool", shorten(strings.TrimSpace(r.Tool.Name+" "+r.Tool.Version+" "+r.Tool.Commit), 120))
}

// steps say what whoever reads a failing report does next.
func (p *htmlPage) steps(r *Report, refs []string) {
	var failed []int
	for i, res := range r.Results {
		if status(r, res) == statusFailed {
			failed = append(failed, i)
		}
	}
	step := func(i int) htmlStep { return htmlStep{Ref: template.URL(refs[i]), Name: shorten(r.Results[i].ID, 100)} }
	if len(failed) > 0 {
		one := step(failed[0])
		one.Text = "Read the card of the first failure, in the order of the standard: later ones often follow from it."
		p.Next = append(p.Next, one)
		if again := r.Results[failed[0]].Replay; again != "" {
			p.Next = append(p.Next, htmlStep{Text: "Repair it, and run that requirement alone; -v shows every byte with its time:", Command: shorten(again, maxReplay)})
		}
		p.Next = append(p.Next,
			htmlStep{Text: "See what the requirement says, and which mistakes break it:", Command: "conform explain " + shorten(r.Results[failed[0]].ID, 120)},
			htmlStep{Text: "Run everything again."})
	}
	switch {
	case r.Scale != nil && !r.Scale.OK():
		p.Next = append(p.Next, htmlStep{Text: "Look at the first problem below, then try with fewer clients to find the number from which it happens."})
	case len(failed) > 0 || r.Scale != nil:
	case r.Summary.ExitCode == 3:
		p.Next = append(p.Next, htmlStep{Text: "See that the server runs, listens at this address and goes on running; what it wrote and how it ended is below, if conform started it."})
	case r.Summary.Headline == "incomplete":
		p.Next = append(p.Next, htmlStep{Text: "Run it without a selection, and look at what is blocked: only a run that judges everything says conformant."})
	case r.Summary.ExitCode == 4:
		p.Next = append(p.Next, htmlStep{Text: "This is a defect of conform: its text is in the cards with an error. The JSON report helps whoever looks into it."})
	}
}

// htmlFinding is a mistake, as far as that can be told, with what failed of it.
type htmlFinding struct {
	class, text string
	at          []int
}

// findings sorts what is not met by its likely cause: what failed, what is met
// in the wider sense only, and what could not be judged. What has the same
// evidence has the same cause, whatever the requirement is about.
func (p *htmlPage) findings(r *Report, refs []string) {
	var all []*htmlFinding
	byKey := map[string]*htmlFinding{}
	rank := []string{"fail", "nonstrict", "blocked"}
	for i, res := range r.Results {
		class := ""
		switch {
		case res.Reason == nil || deselected(res):
		case status(r, res) == statusFailed:
			class = "fail"
		case res.Verdict == specs.NonStrict && !res.known(ExpectedFail):
			class = "nonstrict"
		case res.Verdict == specs.Blocked:
			class = "blocked"
		}
		if class == "" {
			continue
		}
		reason := res.Reason
		keys := []string{class + " hint " + reason.Hint, class + " evidence " + evidenceKey(reason)}
		text := reason.Hint
		switch {
		case reason.Code == specs.TooFewServed: // all of them have that cause, whatever they are about
			keys = []string{"few"}
		case class == "blocked":
			text = remark(res)
			keys = []string{class + " " + text}
		case reason.Hint == "":
			text = cmp.Or(remark(res), string(reason.Code))
			keys[0] = class + " says " + text
		}
		if text == "" {
			continue
		}
		var f *htmlFinding
		for _, k := range keys {
			f = cmp.Or(f, byKey[k])
		}
		if f == nil {
			if len(all) >= 200 {
				continue
			}
			f = &htmlFinding{class: class, text: text}
			all = append(all, f)
		}
		for _, k := range keys {
			if !strings.HasSuffix(k, " ") && byKey[k] == nil {
				byKey[k] = f
			}
		}
		if slices.Index(rank, class) < slices.Index(rank, f.class) {
			f.class, f.text = class, text
		}
		f.at = append(f.at, i)
	}
	all = inOneWay(r, all)
	slices.SortStableFunc(all, func(a, b *htmlFinding) int {
		return cmp.Or(slices.Index(rank, a.class)-slices.Index(rank, b.class), len(b.at)-len(a.at))
	})
	shown := map[string]int{}
	for _, f := range all {
		if shown[f.class]++; shown[f.class] > maxHTMLCauses || f.class == "blocked" && shown[f.class] > 2 {
			continue
		}
		one := r.Results[f.at[0]]
		cause := htmlCause{Class: f.class, Text: shorten(f.text, maxValue)}
		switch f.class {
		case "fail":
			cause.Sign = "✗"
		case "nonstrict":
			cause.Sign, cause.What = "~", "not quite right"
		default:
			cause.Sign, cause.What = "!", count(len(f.at), "requirement", "requirements")+" could not be judged"
		}
		if f.class != "blocked" {
			cause.Title = shorten(one.Title, maxValue)
			if shown["fail"]+shown["nonstrict"] <= maxHTMLShown {
				cause.Rows = shortEvidence(one)
			}
			for _, i := range first(f.at, maxHTMLRefs) {
				cause.Refs = append(cause.Refs, htmlStep{Ref: template.URL(refs[i]), Name: shorten(r.Results[i].ID, 100)})
			}
			if n := len(f.at) - maxHTMLRefs; n > 0 {
				cause.More = fmt.Sprintf("and %d more", n)
			}
		}
		p.Causes = append(p.Causes, cause)
	}
}

// inOneWay joins the findings of a server that fails in one way, whatever it is
// asked: it does not answer, or does not close. What each requirement takes for
// the likely cause is then beside the point, and the usual causes of the code
// are the better guess.
func inOneWay(r *Report, all []*htmlFinding) (joined []*htmlFinding) {
	const many = 4
	byCode := map[specs.Code][]*htmlFinding{}
	for _, f := range all {
		code := r.Results[f.at[0]].Reason.Code
		switch code {
		case specs.NoAnswer, specs.NotClosed, specs.ClosedEarly, specs.ResetEarly:
			if f.class == "fail" {
				byCode[code] = append(byCode[code], f)
			}
		}
	}
	for _, f := range all {
		code := r.Results[f.at[0]].Reason.Code
		same := byCode[code]
		meaning, ok := specs.MeaningOf(code)
		switch {
		case !ok || len(same) < many || f.class != "fail":
			joined = append(joined, f)
		case f == same[0]:
			one := &htmlFinding{class: f.class, text: fmt.Sprintf("%s; most often: %s", strings.TrimSuffix(meaning.Text, "."), meaning.Causes[0])}
			for _, g := range same {
				one.at = append(one.at, g.at...)
			}
			slices.Sort(one.at)
			joined = append(joined, one)
		}
	}
	return joined
}

// evidenceKey is what was seen, without the times; empty where that is not
// enough to say that two failures are the same.
func evidenceKey(r *Reason) string {
	if len(r.Expected) == 0 || r.Sent == "" || r.Received == "" {
		return ""
	}
	received := r.Received
	if value, quoted, ok := unquotePrefix(received); ok {
		received = quoted
		if len(value) > 200 {
			return ""
		}
	}
	return strings.Join([]string{string(r.Code), r.Sent, r.Expected[0], received}, "\n")
}

// shortEvidence is what was sent, due and received, in a line each.
func shortEvidence(res Result) (rows []htmlEvidenceRow) {
	const most = 150
	r := res.Reason
	add := func(name, text string) {
		if text != "" {
			line, _, _ := strings.Cut(text, "\n")
			rows = append(rows, htmlEvidenceRow{Name: name, Class: "b", Text: shorten(line, most)})
		}
	}
	add("sent", r.Sent)
	if len(r.Expected) > 0 {
		add("expected", r.Expected[0])
	}
	add("received", r.Received)
	return rows
}

func (p *htmlRun) exits(r *Report) {
	for _, e := range first(r.Target.Exits, maxExits) {
		text := "The server " + shorten(e.Status, 200)
		if e.During != "" {
			text += ", during " + shorten(e.During, 100)
		}
		output := e.Output[max(0, len(e.Output)-maxOutputLines):]
		if len(output) > 0 {
			text += "; it last wrote"
		}
		var lines []string
		for _, l := range output {
			lines = append(lines, shorten(l, maxValue))
		}
		p.Exits = append(p.Exits, htmlText{Name: text, Text: strings.Join(lines, "\n")})
	}
	if n := len(r.Target.Exits) - maxExits; n > 0 {
		p.Exits = append(p.Exits, htmlText{Name: fmt.Sprintf("… and it ended %s more", count(n, "time", "times"))})
	}
	p.Output = PlainOutput(r.Target.Output, 60)
}

// textLines cleans a text of several lines, at most limit of them.
func textLines(s string, limit int) string {
	lines := strings.SplitN(strings.TrimRight(s, "\r\n"), "\n", limit+1)
	more := ""
	if len(lines) > limit {
		more = fmt.Sprintf("\n… (%d more lines)", 1+strings.Count(lines[limit], "\n"))
		lines = lines[:limit]
	}
	for i, l := range lines {
		lines[i] = shorten(strings.ReplaceAll(strings.TrimRight(l, "\r"), "\t", "    "), maxValue)
	}
	return strings.Join(lines, "\n") + more
}

// linkable is an ID that can be a fragment as it is. It has a slash, which no
// other id of the page has.
var linkable = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*(/[a-z0-9.-]+){1,4}$`)

// htmlRefs are the fragments under which the cards are found.
func htmlRefs(r *Report) []string {
	refs, taken := make([]string, len(r.Results)), map[string]bool{}
	for i, res := range r.Results {
		refs[i] = fmt.Sprintf("r%d", i+1)
		if len(res.ID) <= 120 && linkable.MatchString(res.ID) && !taken[res.ID] {
			refs[i] = res.ID
			taken[res.ID] = true
		}
	}
	return refs
}

// htmlClass is the class of a result: its verdict, if that is one.
func htmlClass(res Result) string {
	if slices.Contains(specs.Verdicts, res.Verdict) {
		return string(res.Verdict)
	}
	return "other"
}

// results makes the cards and the map, grouped by protocol and section.
func (p *htmlPage) results(r *Report, refs []string) {
	budget, events := htmlEvidence, htmlEvents(r)
	index := map[string]int{}
	sections := map[string]*htmlSection{}
	members := map[*htmlSection][]int{}
	open, few := 0, false
	for i, res := range r.Results {
		if deselected(res) {
			p.Deselected++
			continue // whoever left it out does not want to read it
		}
		protocol := shorten(cmp.Or(res.Protocol, "unknown"), 40)
		at, known := index[protocol]
		if !known {
			at = len(p.Protocols)
			index[protocol] = at
			p.Protocols = append(p.Protocols, htmlProtocol{Name: protocol, Key: fmt.Sprintf("p%d", at+1)})
		}
		name := strings.ReplaceAll(shorten(cmp.Or(res.Section, "unknown"), 60), "-", " ")
		s := sections[protocol+"\n"+name]
		if s == nil {
			s = &htmlSection{Name: name, Key: fmt.Sprintf("%s-%d", p.Protocols[at].Key, len(p.Protocols[at].Sections)+1), Protocol: p.Protocols[at].Key}
			sections[protocol+"\n"+name] = s
			p.Protocols[at].Sections = append(p.Protocols[at].Sections, s)
		}
		card := newHTMLResult(r, res, refs[i], events, &budget)
		if card.Open && res.Reason != nil && res.Reason.Code == specs.TooFewServed {
			if few { // one says it for all of them
				card.Open = false
				card.Evidence = slices.DeleteFunc(card.Evidence, func(row htmlEvidenceRow) bool { return row.Name == "cause" })
			}
			few = true
		}
		if card.Open {
			open++
			card.Open = open <= maxHTMLOpen
		}
		if !slices.Contains(p.Levels, card.Level) && len(p.Levels) < 12 {
			p.Levels = append(p.Levels, card.Level)
		}
		s.Results = append(s.Results, card)
		members[s] = append(members[s], i)
	}
	for _, protocol := range p.Protocols {
		mapped := htmlMapped{Name: protocol.Name}
		for _, s := range protocol.Sections {
			met, of := 0, 0
			for _, i := range members[s] {
				switch v := r.Results[i].Verdict; {
				case v == specs.Pass || v == specs.SlowPass:
					met++
					of++
				case v != specs.Skipped && v != specs.Unsupported && v != specs.Info:
					of++
				}
			}
			s.Count = fmt.Sprintf("%d of %d met", met, of)
			if of == 0 {
				s.Count = "none judged by pass or fail"
			}
			mapped.Sections = append(mapped.Sections, htmlMapSection{Name: s.Name, Count: fmt.Sprintf("%d/%d", met, of), SVG: requirementMap(protocol.Name+" "+s.Name, s.Results)})
		}
		p.Map = append(p.Map, mapped)
	}
}

// htmlEvents is how many events of a transcript are shown where there is nothing
// to explain.
func htmlEvents(r *Report) int {
	shown := 0
	for _, res := range r.Results {
		if len(res.Transcript) > 0 {
			shown++
		}
	}
	if shown == 0 {
		return 40
	}
	return max(4, min(40, htmlTranscripts/250/shown)) // a row takes about 250 bytes
}

// newHTMLResult is the card of one requirement. What shows bytes is taken from
// the budget, in the order of the standard, while there is some.
func newHTMLResult(r *Report, res Result, ref string, events int, budget *int) htmlResult {
	sign, _ := mark(res.Verdict)
	card := htmlResult{Ref: template.URL(ref), ID: shorten(res.ID, 120), Title: shorten(res.Title, maxValue), Class: htmlClass(res), Sign: sign,
		Verdict: shorten(string(res.Verdict), 40), Level: level(res), Kind: htmlClass(res)}
	failed := status(r, res) == statusFailed
	card.Open = failed
	if res.known(ExpectedFail) {
		card.Verdict += ", as the baseline says"
	}
	card.Meta = append(card.Meta, card.Verdict)
	for _, m := range []string{shorten(res.Clause, 120), covered(res.Covers)} {
		if m != "" {
			card.Meta = append(card.Meta, m)
		}
	}
	if res.Attempts > 0 {
		card.Meta = append(card.Meta, span(res.DurationMS), count(res.Attempts, "attempt", "attempts"))
	}
	card.evidence(res)
	if s := res.Schedule; s != nil {
		for _, step := range first(s.Steps, maxSteps) {
			card.Schedule = append(card.Schedule, shorten(step.String(), maxValue))
		}
		if n := len(s.Steps) - maxSteps; n > 0 {
			card.Schedule = append(card.Schedule, fmt.Sprintf("… %d more steps", n))
		}
		if s.Then {
			card.Schedule = append(card.Schedule, "what is due is heard, and a new client is served")
		}
		card.Tally = shorten(s.Tally(), 200)
	}
	if (failed || res.Verdict == specs.NonStrict || res.Verdict == specs.Error || res.known(ExpectedFail)) && res.Replay != "" {
		card.Again = shorten(res.Replay, maxReplay)
	}
	if r := res.Recipe; r != nil {
		card.ByHand, card.ByHandNote = shorten(r.Command, maxRecipe), shorten(r.Note, maxValue)
	}
	if len(res.Transcript) == 0 {
		return card
	}
	evident := failed || res.known(ExpectedFail) || res.Verdict == specs.NonStrict
	full := evident && *budget > 0
	if evident && !full {
		card.Left = "The diagram and the bytes are left out, there is too much that failed: see the JSON report."
		return card
	}
	limit := events
	if full {
		limit = maxTranscript / 2
	}
	at := locate(res)
	steps := exchange(res.Transcript)
	if full && res.Protocol == "websocket" {
		takeApart(steps)
	}
	if full {
		card.Diagram = sequence(ref, res.ID, steps, at)
		*budget -= len(card.Diagram)
	}
	card.BytesTitle = "What happened"
	if full {
		card.BytesTitle = "The bytes"
	}
	card.Several = slices.ContainsFunc(res.Transcript, func(e Event) bool { return e.Conn > 1 })
	var left int
	card.Rows, left = exchangeRows(steps, at, limit, full)
	for _, row := range card.Rows {
		if full {
			*budget -= 300 + len(row.Hex) + 2*len(row.Text)
			for _, f := range slices.Concat(row.Frames, row.Fields) {
				*budget -= 40 + 2*len(f)
			}
		}
	}
	if left > 0 {
		card.Left = fmt.Sprintf("%s left out: see the JSON report.", count(left, "event is", "events are"))
	}
	return card
}

func covered(rows []string) string {
	var all []string
	for _, c := range first(rows, 12) {
		all = append(all, shorten(c, 40))
	}
	if n := len(rows) - len(all); n > 0 {
		all = append(all, fmt.Sprintf("%d more", n))
	}
	if len(all) == 0 {
		return ""
	}
	return "covers " + strings.Join(all, ", ")
}

// evidence is what was sent, due and received, with the first difference marked.
func (card *htmlResult) evidence(res Result) {
	add := func(name, class, text string) {
		if text != "" {
			card.Evidence = append(card.Evidence, htmlEvidenceRow{Name: name, Class: class, Text: text})
		}
	}
	if r := res.Reason; r != nil {
		add("sent", "b", textLines(r.Sent, maxMessage))
		for i, e := range first(r.Expected, maxOutcomes) {
			name := "expected"
			if i > 0 {
				name = "or"
			}
			card.differs(name, e, r.FirstDifference, i == 0)
		}
		if n := len(r.Expected) - maxOutcomes; n > 0 {
			add("or", "b", fmt.Sprintf("… %d more", n))
		}
		card.differs("received", r.Received, r.FirstDifference, true)
		if d := r.FirstDifference; d != nil && d.Offset > 0 {
			add("differs", "b", fmt.Sprintf("after %s: %s was due, %s came", count(d.Offset, "right byte", "right bytes"), orEnd(d.Expected), orEnd(d.Received)))
		}
		add("because", "", textLines(r.Message, maxMessage))
		add("cause", "key", textLines(r.Hint, maxMessage))
	}
	for _, note := range first(res.Notes, maxHTMLNotes) {
		if note != remark(res) {
			add("note", "", textLines(note, 2))
		}
	}
	if n := len(res.Notes) - maxHTMLNotes; n > 0 {
		add("note", "", fmt.Sprintf("… %d more", n))
	}
	if k := res.Known; k != nil && k.As+k.Note != "" {
		add("baseline", "", shorten(strings.TrimSpace(k.As+" "+k.Note), maxValue))
	}
}

// differs adds a quoted value, with the part from the first difference on
// marked, if it can be told where that begins in the quoted form.
func (card *htmlResult) differs(name, value string, d *Difference, marked bool) {
	if value == "" {
		return
	}
	row := htmlEvidenceRow{Name: name, Class: "b", Text: textLines(value, maxMessage)}
	if marked && d != nil {
		if before, from, after, ok := splitQuoted(value, d.Offset); ok && columns(value) <= maxValue {
			row.Text, row.Mark, row.Rest = clean(before), clean(from), clean(after)
		}
	}
	card.Evidence = append(card.Evidence, row)
}
