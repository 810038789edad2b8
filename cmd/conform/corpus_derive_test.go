package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"conform/specs"
	"conform/suites"
	"conform/suites/grade"
	"conform/suites/report"
)

// derived is what a submission comes to, by what its mistake breaks and what the
// rubric says. It is counted here in a few lines of its own, and not by the package
// that is tested.
type derived struct {
	broken map[string]bool // requirements
	left   map[string]bool // those that are not about such a server
	points map[string]int  // of each line, in hundredths
	total  int
}

// derive finds what an entry breaks, and what that leaves of each line. lacks is
// what every program of this part lacks.
func derive(scheme *grade.Scheme, lacks string, e entry) (derived, error) {
	d := derived{broken: map[string]bool{}, left: map[string]bool{}, points: map[string]int{}}
	for _, pattern := range strings.Fields(lacks + " " + e.breaks) {
		pattern, but := strings.CutPrefix(pattern, "!")
		found := false
		for _, id := range scheme.IDs() {
			_, name, _ := strings.Cut(id, "/")
			matched, err := path.Match(pattern, name)
			if err != nil {
				return d, err
			}
			switch {
			case !matched:
				continue
			case but:
				delete(d.broken, id)
			default:
				d.broken[id] = true
			}
			found = true
		}
		if !found {
			return d, fmt.Errorf("%s: %q matches no requirement of %s", e.name, pattern, scheme.Rubric.Protocol)
		}
	}
	for _, id := range scheme.IDs() {
		// It is about servers of a bounded number of clients.
		if strings.HasSuffix(id, "/concurrency/one-more-than-the-bound") && e.serves < 2 {
			d.left[id] = true
			delete(d.broken, id)
		}
	}
	for _, item := range scheme.Items {
		d.line(scheme, item)
		if bound, known := specs.ClassBound(item.Group.Class); known && e.serves > 0 && e.serves < bound {
			d.points[item.Group.ID] = 0
		}
	}
	for _, points := range d.points {
		d.total += points
	}
	return d, nil
}

// line counts what is left of a line.
func (d *derived) line(scheme *grade.Scheme, item grade.Item) int {
	g := item.Group
	if points, done := d.points[g.ID]; done {
		return points
	}
	weight := func(id string) int {
		for glob, w := range g.Weights {
			if asksFor(glob, id) {
				return int(w)
			}
		}
		return 10_000
	}
	step := func(id string) int {
		return slices.IndexFunc(g.Requirements, func(glob string) bool { return asksFor(glob, id) })
	}
	// Parts of all that can be earned: of each step the same, of any other line by weight.
	got, all, steps := 0, 0, map[int]bool{}
	for _, spec := range item.Requirements {
		switch {
		case d.left[spec.ID]:
		case g.Credit == grade.Staged:
			whole, seen := steps[step(spec.ID)]
			steps[step(spec.ID)] = (whole || !seen) && !d.broken[spec.ID]
		default:
			all += weight(spec.ID)
			if !d.broken[spec.ID] {
				got += weight(spec.ID)
			}
		}
	}
	switch g.Credit {
	case grade.Staged:
		all = len(steps)
		for i, open := 0, true; i < len(g.Requirements) && open; i++ {
			whole, asked := steps[i]
			if open = whole || !asked; asked && open {
				got++
			}
		}
	case grade.AllOrNothing:
		if got < all {
			got = 0
		}
	}
	for _, need := range g.Needs {
		i := slices.IndexFunc(scheme.Items, func(other grade.Item) bool { return other.Group.ID == need })
		if other := scheme.Items[i]; d.line(scheme, other) < int(other.Group.Points)/100 {
			got = 0
		}
	}
	points := 0
	if all > 0 {
		points = (2*int(g.Points)*got + 100*all) / (200 * all) // a half up
	}
	d.points[g.ID] = points
	return points
}

// asksFor says whether a glob of a rubric means a requirement: {a,b} is either, and
// what names a section means all of it.
func asksFor(glob, id string) bool {
	if before, rest, braces := strings.Cut(glob, "{"); braces {
		list, after, _ := strings.Cut(rest, "}")
		return slices.ContainsFunc(strings.Split(list, ","), func(one string) bool { return asksFor(before+one+after, id) })
	}
	whole, _ := path.Match(glob, id)
	return whole || strings.HasPrefix(id, glob+"/")
}

// differs says in what a grade is not what was derived.
func (d derived) differs(g grade.Grade) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, l := range g.Lines {
		for _, j := range l.Judged {
			unmet, out := !j.Met && j.Owner == grade.OfSubmission, j.Owner == grade.OfRubric
			switch {
			case out != d.left[j.ID]:
				say("%s is left out: %t, and should be: %t (%s %s)", j.ID, out, d.left[j.ID], j.Verdict, j.Code)
			case unmet && !d.broken[j.ID]:
				say("%s is lost, and is not among what the mistake breaks (%s %s)", j.ID, j.Verdict, j.Code)
			case !unmet && d.broken[j.ID]:
				say("%s is not lost, and is among what the mistake breaks (%s %s)", j.ID, j.Verdict, j.Code)
			}
		}
		if want := fmt.Sprintf("%d.%02d", d.points[l.ID]/100, d.points[l.ID]%100); fmt.Sprintf("%.2f", l.Points) != want {
			say("the line %s has %.2f points, and should have %s", l.ID, l.Points, want)
		}
	}
	if want := fmt.Sprintf("%d.%02d", d.total/100, d.total%100); fmt.Sprintf("%.2f", g.Score) != want {
		say("the score is %.2f, and should be %s", g.Score, want)
	}
	return problems
}

// readyScheme is a ready-made rubric with its requirements.
func readyScheme(t *testing.T, name string) *grade.Scheme {
	t.Helper()
	text, err := grade.ReadyText(name)
	if err != nil {
		t.Fatal(err)
	}
	rubric, err := grade.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	scheme, err := rubric.Check(suites.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	return scheme
}

// TestCorpusIsWhole sees to it that the corpus is as large as it is said to be, and
// that every mistake in it breaks requirements that there are.
func TestCorpusIsWhole(t *testing.T) {
	t.Parallel()
	languages, total := map[string]int{}, 0
	for _, part := range corpus {
		scheme, names := readyScheme(t, part.rubric), map[string]bool{}
		for _, e := range part.list {
			if names[e.name] {
				t.Errorf("%s: two are called %s", part.rubric, e.name)
			}
			names[e.name] = true
			total++
			languages[e.language()]++
			d, err := derive(scheme, part.lacks, e)
			if err != nil {
				t.Error(err)
			}
			if e.breaks != "" {
				t.Logf("%-32s %3d of %3d requirements broken, %3d.%02d points", e.name, len(d.broken), len(scheme.IDs()), d.total/100, d.total%100)
			}
		}
	}
	if total < 60 || languages[".go"] == 0 || languages[".py"] == 0 || languages[".js"] == 0 || languages[".c"] == 0 {
		t.Errorf("the corpus has %d submissions, by language %v; at least 60 in Go, Python, Node and C are due", total, languages)
	}
}

// What is derived and what is graded are the same for all that a rubric can say of
// credit, whatever is broken.
func TestDerivedAsGraded(t *testing.T) {
	t.Parallel()
	rubric, err := grade.Read(strings.NewReader(`
title: all kinds of credit
protocol: zen
submission: {allow_own: true}
strict: true
groups:
- {id: whole, points: 10, credit: all-or-nothing, requirements: ['zen/answers/{beautiful,explicit}']}
- {id: parts, points: 33.5, requirements: [zen/framing], weights: {zen/framing/split-*: 3, zen/framing/no-greeting: 0.5}}
- {id: steps, points: 7, credit: staged, requirements: [zen/messages/not-ascii, 'zen/messages/*-*-*', zen/messages]}
- {id: waits, points: 11, needs: [whole, steps], requirements: [zen/robustness]}
- {id: waits-too, points: 5, needs: [waits], requirements: [zen/end-of-input]}
- {id: some, points: 10, class: pool:2, requirements: [zen/concurrency]}
- {id: more, points: 4, bonus: true, class: pool:4, requirements: [zen/answers/simple]}
`))
	if err != nil {
		t.Fatal(err)
	}
	scheme, err := rubric.Check(suites.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		e := entry{name: "any", serves: random.IntN(5)}
		for few := 1 + random.IntN(20); random.IntN(few) > 0; {
			_, name, _ := strings.Cut(scheme.IDs()[random.IntN(len(scheme.IDs()))], "/")
			e.breaks += " " + name
		}
		d, err := derive(scheme, "", e)
		if err != nil {
			t.Fatal(err)
		}
		run := &report.Report{}
		if run.Target.Concurrency = (report.Concurrency{Class: string(specs.Bounded), Bound: e.serves}); e.serves == 0 {
			run.Target.Concurrency.Class = string(specs.Concurrent)
		}
		for _, id := range scheme.IDs() {
			res := report.Result{ID: id, Verdict: specs.Pass}
			switch {
			case d.left[id]:
				res.Verdict, res.Reason = specs.Unsupported, &report.Reason{Code: specs.Declared}
			case d.broken[id]:
				res.Verdict = specs.Fail
			}
			run.Results = append(run.Results, res)
		}
		if problems := d.differs(scheme.Score([]*report.Report{run}, grade.Facts{})); len(problems) > 0 {
			t.Fatalf("%d at once, broken %s:\n\t%s", e.serves, e.breaks, strings.Join(problems, "\n\t"))
		}
	}
}
