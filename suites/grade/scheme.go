package grade

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"conform/specs"
)

// Catalogue is what a rubric can ask for, and how it is selected: conform has
// one, suites.Catalogue.
type Catalogue struct {
	Protocols []specs.Protocol
	// Match returns the IDs that a glob matches, as --only does.
	Match func(glob string, ids []string) ([]string, error)
	// Labels reads an expression over labels, as --filter does.
	Labels func(expression string) (func(labels []string) bool, error)
}

// Scheme is a rubric whose requirements have been found: it can be explained and
// scored by. It is the same for every submission.
type Scheme struct {
	Rubric    *Rubric
	Items     []Item   // one for each group, in its order
	Uncovered []string // IDs of requirements that could be judged, and that no group asks for
	Warnings  []string
}

// Item is a group with its requirements.
type Item struct {
	Group        Group
	Requirements []specs.Spec // in the order of the standard; those of a staged group in the order of its steps
	LeftOut      []LeftOut
	steps        []int      // of a staged group: the step of each requirement
	weights      []*big.Rat // of each requirement
}

// LeftOut is a requirement that a group asks for and that cannot be judged by
// this rubric, of no submission: it costs nothing and earns nothing.
type LeftOut struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

// Check finds the requirements of a rubric. What is wrong with it are Mistakes.
func (r *Rubric) Check(c Catalogue) (*Scheme, error) {
	if r.src == nil {
		return nil, errors.New("only a rubric that was read can be checked: see Read")
	}
	r.src.mistakes = nil
	s := &Scheme{Rubric: r}
	protocol, ok := r.protocol(c)
	if !ok {
		return nil, r.src.err()
	}
	if r.Transport == UDP && !protocol.Datagrams() {
		r.src.wrongAt("transport", "%s is not spoken over datagrams: leave transport out", protocol.Name)
	}
	r.checkDialects(protocol)
	if err := r.src.err(); err != nil {
		return nil, err
	}
	taken := map[string]string{}
	for i, g := range r.Groups {
		item := r.find(c, protocol, at("groups", i), g)
		for _, spec := range item.Requirements {
			if other, twice := taken[spec.ID]; twice {
				r.src.wrongAt(at("groups", i), "%s is in the group %s already: a requirement earns points once; write it under except in one of them", spec.ID, other)
			}
			taken[spec.ID] = g.ID
		}
		s.Items = append(s.Items, item)
		if n := len(item.LeftOut); n > 0 {
			s.Warnings = append(s.Warnings, fmt.Sprintf("%s: %s left out, because no submission can be judged by it: %s %s", g.ID, count(n, "requirement is", "requirements are"), item.LeftOut[0].ID, item.LeftOut[0].Why))
		}
	}
	if err := r.src.err(); err != nil {
		return nil, err
	}
	for _, spec := range protocol.Specs() {
		if taken[spec.ID] == "" && r.leftOut(spec) == "" {
			s.Uncovered = append(s.Uncovered, spec.ID)
		}
	}
	if n := len(s.Uncovered); n > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s in no group", count(n, "requirement of "+protocol.Name+" is", "requirements of "+protocol.Name+" are")))
	}
	if c := r.Submission; c.Start != "" && !strings.Contains(c.Start, "{port}") && c.Port == 0 {
		s.Warnings = append(s.Warnings, "the start command has no {port} and the rubric no port: a submission has to read the variable PORT")
	}
	return s, nil
}

// IDs are the requirements that have to be run, each once.
func (s *Scheme) IDs() (ids []string) {
	for _, item := range s.Items {
		for _, spec := range item.Requirements {
			ids = append(ids, spec.ID)
		}
	}
	return ids
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func (r *Rubric) protocol(c Catalogue) (specs.Protocol, bool) {
	var names []string
	for _, p := range c.Protocols {
		if p.Name == r.Protocol {
			return p, true
		}
		names = append(names, p.Name)
	}
	r.src.wrongAt("protocol", "no protocol is called %q%s", r.Protocol, orOneOf(r.Protocol, names))
	return specs.Protocol{}, false
}

func (r *Rubric) checkDialects(p specs.Protocol) {
	keys := []string{"class"}
	for _, d := range p.Dialects {
		keys = append(keys, d.Key)
	}
	check := func(path, key, value string) {
		if key == "class" {
			if r.Transport == UDP {
				r.src.wrongAt(path, "%s", noClass)
				return
			}
			if _, err := bound(value); err != nil {
				r.src.wrongAt(path, "%s", err)
			}
			return
		}
		d, err := p.Dialect(key)
		if err != nil {
			r.src.wrongAt(path, "%s has no dialect %q%s", p.Name, key, orOneOf(key, keys))
		} else if err := d.Check(value); err != nil {
			r.src.wrongAt(path, "%s", err)
		}
	}
	for key, value := range r.Dialect {
		check("dialect."+key, key, value)
	}
	if r.Edition != "" {
		check("edition", "edition", r.Edition)
	}
}

// bound reads a class: how many clients are served at once.
func bound(class string) (int, error) {
	if n, ok := specs.ClassBound(class); ok {
		return n, nil
	}
	return 0, fmt.Errorf("%q is no class: write serial, pool:N (as in pool:4) or concurrent", class)
}

// noClass says why nobody is of a class over datagrams.
const noClass = "a class is about connections, and datagrams have none: leave it out"

// leftOut says why a requirement cannot be judged of any submission; empty when
// it can.
func (r *Rubric) leftOut(s specs.Spec) string {
	value, declared := r.Dialect[s.DialectKey]
	switch {
	case s.Datagrams && r.Transport != UDP:
		return "is about datagrams; a submission is reached over connections, unless the rubric says transport: udp"
	case !s.Datagrams && r.Transport == UDP:
		return "is about connections; the rubric says transport: udp"
	case s.DialectKey != "" && declared && value != s.DialectValue:
		return fmt.Sprintf("belongs to the dialect %s=%s; the rubric declares %s", s.DialectKey, s.DialectValue, value)
	}
	for _, n := range s.Needs {
		if _, ok := r.Dialect[n.Key]; !ok {
			return fmt.Sprintf("needs the dialect %s, as in %s: %s", n.Key, n.Key, n.Example)
		}
	}
	if class, ok := r.Dialect["class"]; ok && !s.Queues {
		if n, err := bound(class); err == nil && s.Clients > n {
			return fmt.Sprintf("needs %d clients at once; the rubric declares class %s", s.Clients, class)
		}
	}
	return ""
}

// find finds the requirements of a group.
func (r *Rubric) find(c Catalogue, p specs.Protocol, path string, g Group) Item {
	item := Item{Group: g}
	wrong := r.src.wrongAt
	all := p.Specs()
	var ids []string
	byID := map[string]specs.Spec{}
	for _, s := range all {
		ids = append(ids, s.ID)
		byID[s.ID] = s
	}
	match := func(path, glob string) []string {
		matched, err := c.Match(glob, ids)
		switch {
		case err != nil:
			wrong(path, "%q is no glob: write as in zen/framing/*", glob)
		case len(matched) == 0:
			wrong(path, "%q matches no requirement of %s%s", glob, p.Name, r.meant(c, p, glob, ids))
		}
		return matched
	}
	except := map[string]bool{}
	for i, glob := range g.Except {
		for _, id := range match(at(path+".except", i), glob) {
			except[id] = true
		}
	}
	keep := func([]string) bool { return true }
	if g.Filter != "" {
		f, err := c.Labels(g.Filter)
		if err != nil {
			wrong(path+".filter", "%q is no expression over labels: %s; write labels with && || ! ( ), as in 'framing && !robust'", g.Filter, err)
			return item
		}
		keep = f
	}
	globs := g.Requirements
	if len(globs) == 0 {
		globs = []string{p.Name}
	}
	unknown := false
	matchedIDs := map[string]bool{}
	for step, glob := range globs {
		matched := match(at(path+".requirements", step), glob)
		if len(matched) == 0 {
			unknown = true
			continue
		}
		before := len(item.Requirements)
		again := ""
		for _, id := range matched {
			s := byID[id]
			switch why := r.leftOut(s); {
			case except[id] || !keep(s.Labels()):
			case matchedIDs[id]:
				again = id
			case why != "":
				matchedIDs[id] = true
				item.LeftOut = append(item.LeftOut, LeftOut{id, why})
			default:
				matchedIDs[id] = true
				item.Requirements = append(item.Requirements, s)
				item.steps = append(item.steps, step)
			}
		}
		if len(item.Requirements) > before || g.Credit != Staged {
			continue
		}
		if again != "" {
			wrong(at(path+".requirements", step), "the step is empty: %s is in an earlier one", again)
		} else {
			wrong(at(path+".requirements", step), "the step is empty: everything that %q matches is excepted, filtered out or left out", glob)
		}
	}
	if len(item.Requirements) == 0 && !unknown {
		why := "except and filter leave nothing of it"
		if len(item.LeftOut) > 0 {
			why = item.LeftOut[0].ID + " " + item.LeftOut[0].Why
		}
		wrong(path, "the group %s asks for nothing that can be judged: %s", g.ID, why)
		return item
	}
	if g.Credit != Staged {
		// In the order of the standard, whatever the order of the globs.
		slices.SortStableFunc(item.Requirements, func(a, b specs.Spec) int {
			return slices.Index(ids, a.ID) - slices.Index(ids, b.ID)
		})
		item.steps = nil
	}
	r.weigh(c, path, &item)
	if r.Transport == UDP && g.Class != "" {
		wrong(path+".class", "%s", noClass)
	}
	if _, declared := r.Dialect["class"]; declared && g.Class != "" {
		owed, _ := bound(r.Dialect["class"])
		if needed, _ := bound(g.Class); needed > owed {
			wrong(path+".class", "the group needs class %s, and the rubric declares %s for every submission: no server could earn this", g.Class, r.Dialect["class"])
		}
	}
	return item
}

// weigh finds what each requirement of a group weighs.
func (r *Rubric) weigh(c Catalogue, path string, item *Item) {
	given := map[string]string{} // the glob that gave the weight
	for _, s := range item.Requirements {
		item.weights = append(item.weights, big.NewRat(1, 1))
		given[s.ID] = ""
	}
	globs := make([]string, 0, len(item.Group.Weights))
	for glob := range item.Group.Weights {
		globs = append(globs, glob)
	}
	slices.Sort(globs)
	var own []string
	for _, s := range item.Requirements {
		own = append(own, s.ID)
	}
	for _, glob := range globs {
		inner := path + ".weights." + glob
		matched, err := c.Match(glob, own)
		switch {
		case err != nil:
			r.src.wrongAt(inner, "%q is no glob: write as in zen/framing/*", glob)
		case len(matched) == 0:
			near := nearest(glob, own)
			if near != "" {
				near = ": did you mean " + near + "?"
			}
			r.src.wrongAt(inner, "%q matches no requirement of the group%s", glob, near)
		}
		for _, id := range matched {
			if other := given[id]; other != "" {
				r.src.wrongAt(inner, "%s has a weight by %q already", id, other)
			}
			given[id] = glob
			item.weights[slices.Index(own, id)] = item.Group.Weights[glob].rat()
		}
	}
	sum := new(big.Rat)
	for _, w := range item.weights {
		sum.Add(sum, w)
	}
	if sum.Sign() == 0 && len(item.weights) > 0 {
		r.src.wrongAt(path+".weights", "everything in the group weighs nothing")
	}
}

// meant says what a glob that matches nothing may have been meant to be.
func (r *Rubric) meant(c Catalogue, p specs.Protocol, glob string, ids []string) string {
	for _, other := range c.Protocols {
		var foreign []string
		for _, s := range other.Specs() {
			foreign = append(foreign, s.ID)
		}
		if matched, _ := c.Match(glob, foreign); other.Name != p.Name && len(matched) > 0 {
			return fmt.Sprintf(": it is of %s, and the rubric is about %s", other.Name, p.Name)
		}
	}
	known := slices.Clone(ids)
	for _, section := range p.Sections {
		known = append(known, p.Name+"/"+section.Name, p.Name+"/"+section.Name+"/*")
	}
	if near := nearest(glob, known); near != "" {
		return ": did you mean " + near + "?"
	}
	name := glob[strings.LastIndex(glob, "/")+1:]
	for _, id := range ids {
		if own := id[strings.LastIndex(id, "/")+1:]; len(name) > 2 && (strings.Contains(own, name) || strings.Contains(name, own)) {
			return ": did you mean " + id + "?"
		}
	}
	return fmt.Sprintf(": conform list %s shows them all", p.Name)
}
