package grade

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rubric is what an instructor writes: what is asked of a submission, what it is
// worth, how it is built and started. Read makes one.
type Rubric struct {
	Title     string            `yaml:"title"`
	Protocol  string            `yaml:"protocol"`
	Transport string            `yaml:"transport"` // UDP: over datagrams; empty is over connections
	Dialect   map[string]string `yaml:"dialect"`
	Edition   string            `yaml:"edition"` // of the registries that a server is judged by
	Strict    bool              `yaml:"strict"`
	Draws     int               `yaml:"draws"` // how often each requirement runs, each time on other input

	Submission Recipe    `yaml:"submission"`
	Groups     []Group   `yaml:"groups"`
	Manual     []Part    `yaml:"manual"`
	BonusCap   *Decimal  `yaml:"bonus_cap"` // the most that all bonus groups add; nil is no limit
	Rounding   *int      `yaml:"rounding"`  // decimal places of the points of a line; nil is DefaultRounding
	Lateness   *Lateness `yaml:"lateness"`

	Digest string // SHA-256 of the file, hex
	src    *source
}

// Recipe says how a submission is built and started, and what it may take.
type Recipe struct {
	Build       string            `yaml:"build"` // empty: nothing is built
	BuildBudget time.Duration     `yaml:"build_budget"`
	Start       string            `yaml:"start"`      // with {port} and {host}; $PORT is set too
	Port        int               `yaml:"port"`       // the one that it listens on, whatever it is told; 0 is the one it is told
	RunBudget   time.Duration     `yaml:"run_budget"` // of all draws together
	AllowOwn    bool              `yaml:"allow_own"`  // the submission may have an OwnFile
	Limits      Limits            `yaml:"limits"`
	Environment map[string]string `yaml:"environment"`
}

// Limits are what the processes of a submission may take together.
type Limits struct {
	Memory    Size `yaml:"memory"`
	Processes int  `yaml:"processes"`
	OpenFiles int  `yaml:"open_files"` // at once, for each process
	Disk      Size `yaml:"disk"`       // what they write anywhere
	Output    Size `yaml:"output"`     // kept of what they print, its head and its tail
}

// Group is a line of the rubric: requirements that are worth points together.
type Group struct {
	ID           string             `yaml:"id"`
	Title        string             `yaml:"title"`
	Points       Decimal            `yaml:"points"`
	Requirements []string           `yaml:"requirements"` // globs over IDs
	Except       []string           `yaml:"except"`       // globs over those that are not meant
	Filter       string             `yaml:"filter"`       // of those, the ones with these labels
	Class        string             `yaml:"class"`        // what the server has to be found to serve at once
	Credit       Credit             `yaml:"credit"`
	Weights      map[string]Decimal `yaml:"weights"` // by glob; 1 for all others
	Bonus        bool               `yaml:"bonus"`
	Needs        []string           `yaml:"needs"` // IDs of groups
	Visibility   Visibility         `yaml:"visibility"`
}

// Credit is how the points of a group come together.
type Credit string

const (
	AllOrNothing Credit = "all-or-nothing"
	Proportional Credit = "proportional" // by the share of the requirements that are met
	Staged       Credit = "staged"       // each entry of requirements is a step; up to the first that is not met
)

func (Credit) words() []string {
	return []string{string(Proportional), string(AllOrNothing), string(Staged)}
}

func (Visibility) words() []string {
	return []string{string(Visible), string(ResultOnly), string(AfterDue), string(Hidden)}
}

// Part is what a person judges.
type Part struct {
	ID     string  `yaml:"id"`
	Title  string  `yaml:"title"`
	Points Decimal `yaml:"points"`
	Guide  string  `yaml:"guide"`
}

// Lateness is what a late submission loses.
type Lateness struct {
	Due   *time.Time    `yaml:"due"`   // nil: whoever grades has to say
	Grace time.Duration `yaml:"grace"` // within which late is not late
	Table []Late        `yaml:"table"`
	Cap   *Decimal      `yaml:"cap"` // the most points that it takes; nil is no limit
}

// Late is a row of the table: what is lost from a time on.
type Late struct {
	After  time.Duration `yaml:"after"`
	Factor *Decimal      `yaml:"factor"` // what is left, from 0 to 1
	Minus  *Decimal      `yaml:"minus"`  // or the points that are lost
}

// UDP is the transport of a rubric over datagrams.
const UDP = "udp"

const (
	DefaultBuildBudget = 2 * time.Minute
	DefaultRunBudget   = 5 * time.Minute
	DefaultRounding    = 2
	maxDraws           = 20
)

// DefaultLimits are in force where a rubric names no others.
var DefaultLimits = Limits{Memory: 512 << 20, Processes: 128, OpenFiles: 512, Disk: 256 << 20, Output: 1 << 20}

// Read reads a rubric. What is wrong with it are Mistakes, each with its line;
// whether its requirements exist is for Check.
func Read(r io.Reader) (*Rubric, error) {
	rubric := &Rubric{}
	src, data, err := load(r, maxSize, rubric)
	if err != nil {
		return nil, err
	}
	rubric.src = src
	if len(src.mistakes) == 0 {
		// Defaults are filled in behind the look at what was written.
		rubric.look()
		rubric.complete()
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	rubric.Digest = hex.EncodeToString(sum[:])
	return rubric, nil
}

func (r *Rubric) complete() {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&r.Submission.BuildBudget, DefaultBuildBudget)
	set(&r.Submission.RunBudget, DefaultRunBudget)
	l := &r.Submission.Limits
	if l.Memory == 0 {
		l.Memory = DefaultLimits.Memory
	}
	if l.Processes == 0 {
		l.Processes = DefaultLimits.Processes
	}
	if l.OpenFiles == 0 {
		l.OpenFiles = DefaultLimits.OpenFiles
	}
	if l.Disk == 0 {
		l.Disk = DefaultLimits.Disk
	}
	if l.Output == 0 {
		l.Output = DefaultLimits.Output
	}
	r.Draws = max(r.Draws, 1)
	if r.Rounding == nil {
		d := DefaultRounding
		r.Rounding = &d
	}
	for i := range r.Groups {
		g := &r.Groups[i]
		if g.Title == "" {
			g.Title = g.ID
		}
		if g.Credit == "" {
			g.Credit = Proportional
		}
		if g.Visibility == "" {
			g.Visibility = Visible
		}
	}
	for i := range r.Manual {
		if r.Manual[i].Title == "" {
			r.Manual[i].Title = r.Manual[i].ID
		}
	}
}

// Reference names the rubric in a grade.
func (r *Rubric) Reference() Reference { return Reference{Title: r.Title, Digest: r.Digest} }

// Dialects are the declared dialects as a run takes them: KEY=VALUE, in order.
func (r *Rubric) Dialects() (list []string) {
	for key, value := range r.Dialect {
		list = append(list, key+"="+value)
	}
	if r.Edition != "" {
		list = append(list, "edition="+r.Edition)
	}
	slices.Sort(list)
	return list
}

// Max is what the groups without bonus are worth.
func (r *Rubric) Max() (sum Decimal) {
	for _, g := range r.Groups {
		if !g.Bonus {
			sum += g.Points
		}
	}
	return sum
}

// look finds what is wrong with a rubric by itself.
func (r *Rubric) look() {
	wrong := r.src.wrongAt
	if r.Title == "" {
		wrong("title", "the rubric has no title: write what it grades, as in title: Exercise 2")
	}
	if r.Protocol == "" {
		wrong("protocol", "the rubric has no protocol: write one, as in protocol: zen")
	}
	if r.Transport != "" && r.Transport != "tcp" && r.Transport != UDP {
		wrong("transport", "%q is no transport: write tcp, or udp for datagrams", r.Transport)
	}
	if _, written := r.src.at["draws"]; written && (r.Draws < 1 || r.Draws > maxDraws) {
		wrong("draws", "%d draws: write a number from 1 to %d", r.Draws, maxDraws)
	}
	if r.Rounding != nil && *r.Rounding > places {
		wrong("rounding", "%d decimal places: write a number from 0 to %d", *r.Rounding, places)
	}
	if _, twice := r.Dialect["edition"]; twice && r.Edition != "" {
		wrong("edition", "the edition is in dialect too: write it once")
	}
	r.Submission.look(r.src)
	if len(r.Groups) == 0 {
		wrong("groups", "the rubric has no groups: write what earns points, as in groups: [{id: answers, points: 10, requirements: [zen/answers]}]")
		return
	}
	ids := map[string]bool{}
	name := func(path, id string) {
		switch {
		case id == "":
			wrong(path, "the entry has no id: write one, as in id: answers")
		case !idPattern.MatchString(id):
			wrong(path+".id", "%q is no id: write small letters, digits and dashes, at most 64", id)
		case ids[id]:
			wrong(path+".id", "the id %q is given for the second time", id)
		}
		ids[id] = true
	}
	var groups []string
	for i, g := range r.Groups {
		name(at("groups", i), g.ID)
		groups = append(groups, g.ID)
	}
	for i, g := range r.Groups {
		r.lookAt(at("groups", i), g, groups)
	}
	r.cycles()
	for i, p := range r.Manual {
		name(at("manual", i), p.ID)
		if _, written := r.src.at[at("manual", i)+".points"]; !written {
			wrong(at("manual", i), "the part has no points: write what it is worth at most, as in points: 10")
		}
	}
	if r.Rounding == nil || *r.Rounding <= places {
		r.lookAtPlaces()
	}
	if r.Max() == 0 {
		wrong("groups", "nothing is worth points that is no bonus: 0 of 0 is no grade")
	}
	if r.Max() > maxDecimal {
		wrong("groups", "the groups are worth more than %s points", maxDecimal)
	}
	if r.BonusCap != nil && !slices.ContainsFunc(r.Groups, func(g Group) bool { return g.Bonus }) {
		wrong("bonus_cap", "no group is a bonus: leave bonus_cap out, or write bonus: true with a group")
	}
	if r.Lateness != nil {
		r.Lateness.look(r.src)
	}
}

// lookAtPlaces finds points that are finer than a line is rounded to: the whole
// of such a line could not be shown.
func (r *Rubric) lookAtPlaces() {
	decimals := DefaultRounding
	if r.Rounding != nil {
		decimals = *r.Rounding
	}
	check := func(path string, d Decimal) {
		if rounded(d.rat(), decimals) != d {
			r.src.wrongAt(path, "%s has more decimal places than the %d that points are rounded to: write fewer, or set rounding", d, decimals)
		}
	}
	for i, g := range r.Groups {
		check(at("groups", i)+".points", g.Points)
	}
	for i, p := range r.Manual {
		check(at("manual", i)+".points", p.Points)
	}
	if r.BonusCap != nil {
		check("bonus_cap", *r.BonusCap)
	}
	if r.Lateness == nil {
		return
	}
	if r.Lateness.Cap != nil {
		check("lateness.cap", *r.Lateness.Cap)
	}
	for i, row := range r.Lateness.Table {
		if row.Minus != nil {
			check(at("lateness.table", i)+".minus", *row.Minus)
		}
	}
}

func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func (r *Rubric) lookAt(path string, g Group, groups []string) {
	wrong := r.src.wrongAt
	if _, written := r.src.at[path+".points"]; !written {
		wrong(path, "the group has no points: write what it is worth, as in points: 10")
	}
	if len(g.Requirements) == 0 && g.Filter == "" {
		wrong(path, "the group has no requirements: write globs over their IDs, as in requirements: [zen/answers/*], or a filter")
	}
	if g.Credit == Staged && len(g.Requirements) < 2 {
		wrong(path+".credit", "staged takes each entry of requirements for a step: write two or more, in their order")
	}
	if len(g.Weights) > 0 && g.Credit != "" && g.Credit != Proportional {
		wrong(path+".weights", "weights are for credit: proportional, and this group is %s", g.Credit)
	}
	if g.Class != "" {
		if _, err := bound(g.Class); err != nil {
			wrong(path+".class", "%s", err)
		}
	}
	for i, need := range g.Needs {
		inner := at(path+".needs", i)
		switch {
		case need == g.ID:
			wrong(inner, "the group needs itself")
		case !slices.Contains(groups, need):
			wrong(inner, "no group is called %q%s", need, orOneOf(need, groups))
		case slices.Index(g.Needs, need) < i:
			wrong(inner, "%q is needed already", need)
		}
	}
}

// cycles finds groups that wait for each other.
func (r *Rubric) cycles() {
	byID := map[string]int{}
	for i, g := range r.Groups {
		byID[g.ID] = i
	}
	state := map[int]int{} // 1 on the way, 2 done
	var visit func(i int, way []string)
	visit = func(i int, way []string) {
		state[i] = 1
		way = append(way, r.Groups[i].ID)
		for k, need := range r.Groups[i].Needs {
			next, known := byID[need]
			switch {
			case !known || next == i: // told already
			case state[next] == 1:
				ring := append(slices.Clone(way[slices.Index(way, need):]), need)
				r.src.wrongAt(at(at("groups", i)+".needs", k), "these groups need each other, so that none can ever count: %s", strings.Join(ring, " needs "))
			case state[next] == 0:
				visit(next, way)
			}
		}
		state[i] = 2
	}
	for i := range r.Groups {
		if state[i] == 0 {
			visit(i, nil)
		}
	}
}

var (
	placeholder = regexp.MustCompile(`\{([a-z]+)\}`)
	variable    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func (c *Recipe) look(src *source) {
	const path = "submission"
	c.Build, c.Start = strings.TrimSpace(c.Build), strings.TrimSpace(c.Start)
	if c.Start == "" && !c.AllowOwn {
		src.wrongAt(path+".start", "nothing says how a submission is started: write submission: with start: './server {port}', or allow_own: true if each has a %s", OwnFile)
	}
	commands(src, path+".", c.Build, c.Start)
	if c.Port > 65535 {
		src.wrongAt(path+".port", "%d is no port: write one from 1 to 65535, or leave it out", c.Port)
	}
	for _, budget := range []string{"build_budget", "run_budget"} {
		if _, written := src.at[path+"."+budget]; written && (budget == "build_budget" && c.BuildBudget < time.Second || budget == "run_budget" && c.RunBudget < time.Second) {
			src.wrongAt(path+"."+budget, "less than a second is no budget")
		}
	}
	for _, key := range []string{"processes", "open_files"} {
		if _, written := src.at[path+".limits."+key]; written && (key == "processes" && c.Limits.Processes == 0 || key == "open_files" && c.Limits.OpenFiles == 0) {
			src.wrongAt(path+".limits."+key, "nothing runs with none: write a number from 1 on, or leave it out")
		}
	}
	for key := range c.Environment {
		if !variable.MatchString(key) {
			src.wrongAt(path+".environment."+key, "%q is no name of a variable", key)
		}
	}
}

// commands looks for placeholders that will not be replaced.
func commands(src *source, path, build, start string) {
	for _, found := range placeholder.FindAllStringSubmatch(start, -1) {
		if near := nearest(found[1], []string{"port", "host"}); near != "" && near != found[1] {
			src.wrongAt(path+"start", "%s is not replaced: did you mean {%s}?", found[0], near)
		}
	}
	for _, found := range placeholder.FindAllString(build, -1) {
		if found == "{port}" || found == "{host}" {
			src.wrongAt(path+"build", "%s is for start: nothing listens yet while a submission is built", found)
		}
	}
}

func (l *Lateness) look(src *source) {
	if len(l.Table) == 0 {
		src.wrongAt("lateness.table", "the table is empty: write rows, as in table: [{after: 0s, factor: 0.9}]")
	}
	for i, row := range l.Table {
		path := at("lateness.table", i)
		switch {
		case row.Factor == nil && row.Minus == nil:
			src.wrongAt(path, "the row says nothing: write factor, what is left, or minus, the points that are lost")
			continue
		case row.Factor != nil && row.Minus != nil:
			src.wrongAt(path+".minus", "the row has a factor too: write one of them")
			continue
		case row.Factor != nil && *row.Factor > unit:
			src.wrongAt(path+".factor", "the factor %s is above 1: being late earns nothing", row.Factor)
		}
		if i == 0 {
			continue
		}
		before := l.Table[i-1]
		switch {
		case row.After <= before.After:
			src.wrongAt(path+".after", "%s is not later than the row before: write the rows in their order", row.After)
		case row.Factor != nil && before.Factor != nil && *row.Factor > *before.Factor,
			row.Minus != nil && before.Minus != nil && *row.Minus < *before.Minus:
			src.wrongAt(path, "later costs less here than in the row before")
		}
	}
}

// lost is what a submission loses of some points by being so late, and the row
// that says so; no row when it is in time. What is left has so many decimals.
func (l *Lateness) lost(late time.Duration, points Decimal, decimals int) (Decimal, *Late) {
	if l == nil || late <= 0 || late <= l.Grace {
		return 0, nil
	}
	var row *Late
	for i := range l.Table {
		if late > l.Table[i].After {
			row = &l.Table[i]
		}
	}
	if row == nil {
		return 0, nil
	}
	loss := Decimal(0)
	if row.Minus != nil {
		loss = *row.Minus
	} else {
		left := new(big.Rat).Mul(points.rat(), row.Factor.rat())
		loss = points - rounded(left, decimals)
	}
	if l.Cap != nil {
		loss = min(loss, *l.Cap)
	}
	return min(loss, points), row
}

// OwnFile is what a submission says about itself in, where the rubric allows it.
const OwnFile = "conform-submission.yaml"

// Own is what a submission says about itself: how it is built and started.
type Own struct {
	Build string `yaml:"build"`
	Start string `yaml:"start"`
	Port  int    `yaml:"port"`
}

// maxOwnSize bounds an OwnFile, in bytes: a stranger wrote it, and what the parser
// takes for brackets within brackets grows with their square.
const maxOwnSize = 4 << 10

// ReadOwn reads an OwnFile. Its mistakes are shown in printable characters.
func ReadOwn(r io.Reader) (Own, error) {
	var own Own
	src, _, err := load(r, maxOwnSize, &own)
	if err != nil {
		return Own{}, err
	}
	if len(src.mistakes) == 0 {
		own.Build, own.Start = strings.TrimSpace(own.Build), strings.TrimSpace(own.Start)
		commands(src, "", own.Build, own.Start)
		if own.Port > 65535 {
			src.wrongAt("port", "%d is no port: write one from 1 to 65535, or leave it out", own.Port)
		}
	}
	if err := src.err(); err != nil {
		return Own{}, err
	}
	return own, nil
}

// With is the recipe for a submission that has its own say; what it does not say
// is as in the rubric.
func (c Recipe) With(own Own) Recipe {
	if !c.AllowOwn {
		return c
	}
	if own.Build != "" {
		c.Build = own.Build
	}
	if own.Start != "" {
		// A port of the rubric's goes with the command of the rubric's.
		c.Start, c.Port = own.Start, own.Port
	} else if own.Port != 0 {
		c.Port = own.Port
	}
	return c
}
