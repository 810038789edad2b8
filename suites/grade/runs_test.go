package grade_test

import (
	"bytes"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"conform/impl/faults"
	"conform/impl/websocket"
	"conform/suites"
	"conform/suites/grade"
	"conform/suites/report"
	"conform/suites/target"
)

// ready is a ready-made rubric with its requirements.
func ready(t *testing.T, name string) *grade.Scheme {
	t.Helper()
	text, err := grade.ReadyText(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := grade.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Check(suites.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// scored runs a scheme against a server, or against the bundled one.
func scored(t *testing.T, s *grade.Scheme, f *faults.Fault, only []string) grade.Grade {
	t.Helper()
	plan := suites.Plan{Protocol: s.Rubric.Protocol, Dialects: s.Rubric.Dialects(), Only: only, Strict: s.Rubric.Strict, Seed: 8341, Timeout: 2 * time.Minute}
	if f != nil {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := f.Start(ln)
		defer server.Close()
		address, err := target.ParseAddress(ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		plan.Target = &address
	}
	run, err := suites.Run(t.Context(), plan, suites.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	g := s.Score([]*report.Report{run}, grade.Facts{Seed: 8341})
	adds(t, g)
	return g
}

// missed names the lines that are not met, with their points.
func missed(g grade.Grade) string {
	var lines []string
	for _, l := range g.Lines {
		if l.Status != grade.Met {
			lines = append(lines, fmt.Sprintf("%s %v", l.ID, l.Points))
		}
	}
	return strings.Join(lines, ", ")
}

// abreast runs named cases a few at a time, whatever -parallel is: they wait
// nearly all of their time.
func abreast(t *testing.T, names []string, f func(t *testing.T, name string)) {
	if raceEnabled {
		t.Skip("what runs side by side here is watched for races in the tests of suites")
	}
	const width = 8
	var wg sync.WaitGroup
	slots := make(chan struct{}, width)
	for _, name := range names {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			f(t, name)
		})
	}
	wg.Wait()
}

// The reference implementation has all the points of every ready-made rubric.
// Those for a class differ in lines about concurrency only, and of these what is
// tried in any order is the same for each.
func TestTheReferenceHasAllPoints(t *testing.T) {
	t.Parallel()
	var names []string
	for _, one := range grade.ReadyMade() {
		names = append(names, one.Name)
	}
	abreast(t, names, func(t *testing.T, name string) {
		s := ready(t, name)
		only := s.IDs()
		if !strings.HasSuffix(name, "-concurrent") {
			only = nil
			for _, item := range s.Items {
				if id := item.Group.ID; id == "in-turn" || id == "together" {
					for _, spec := range item.Requirements {
						only = append(only, spec.ID)
					}
				}
			}
		}
		g := scored(t, s, nil, only)
		for _, l := range g.Lines {
			if slices.Contains(only, l.Judged[0].ID) && (l.Status != grade.Met || l.Points != l.Max) {
				t.Errorf("%s: %s is %s, %v of %v: %s", name, l.ID, l.Status, l.Points, l.Max, l.Why)
			}
		}
		if len(only) == len(s.IDs()) && (g.Outcome != grade.Graded || g.Score < 100) {
			t.Errorf("%s: %v of %v, %s", name, g.Score, g.Max, g.Outcome)
		}
	})
}

// broken says which lines a fault breaks, of the rubric for many clients at
// once, and how many of their points are left.
var broken = map[string]string{
	"zen/greets":      "first 0, answers 0, details 0, framing 0, messages 0, end-of-input 0, robustness 0, together 0, many 0, any-order 0",
	"zen/case-folded": "details 3.75",
	"zen/serial":      "together 0, many 0",

	"echo/exit-quits-too": "details 3.33",

	"calc/64-bits": "numbers 2.5, endings 4.41, together 8.46",

	"raw/quit-closes": "meaning 6.67",

	"pid/cut-at-512": "messages 10",

	"sink/quit-closes": "temptations 3.33",

	"websocket/unmasked-accepted": "masking 2.89",
}

// A fault costs the points of the lines that it breaks, and no others.
func TestFaultsCostTheirLines(t *testing.T) {
	t.Parallel()
	abreast(t, slices.Sorted(maps.Keys(broken)), func(t *testing.T, name string) {
		protocol, fault, _ := strings.Cut(name, "/")
		all := faults.For(protocol)
		i := slices.IndexFunc(all, func(f faults.Fault) bool { return f.Name == fault })
		if i < 0 {
			t.Errorf("no fault is called %s", name)
			return
		}
		f := all[i].SetUp(func(o *websocket.Options) { suites.Configure(o, suites.Bundled("websocket")) })
		s := ready(t, protocol)
		g := scored(t, s, &f, s.IDs())
		if got := missed(g); got != broken[name] || g.Outcome != grade.Graded {
			t.Errorf("%s (%s): %s; want %s\n%v of %v, %s", name, f.Text, got, broken[name], g.Score, g.Max, g.Outcome)
			for _, l := range g.Lines {
				if l.Why != "" {
					t.Log(name, l.ID, l.Why)
				}
			}
		}
	})
}

// Servers that do nothing right get nothing, and it is decided.
func TestNothingRightIsWorthNothing(t *testing.T) {
	t.Parallel()
	all := faults.Degenerate()
	abreast(t, []string{"zen/hangs-up", "zen/resets", "echo/hangs-up-at-first-byte", "raw/upgrades-then-silent", "pid/hangs-up", "sink/floods", "websocket/floods"}, func(t *testing.T, name string) {
		protocol, fault, _ := strings.Cut(name, "/")
		i := slices.IndexFunc(all, func(f faults.Fault) bool { return f.Name == fault })
		if i < 0 {
			t.Errorf("no server is called %s", fault)
			return
		}
		s := ready(t, protocol)
		if g := scored(t, s, &all[i], s.IDs()); g.Score != 0 || g.Outcome != grade.Graded {
			t.Errorf("%s: %v of %v, %s: all but %s", name, g.Score, g.Max, g.Outcome, missed(g))
		}
	})
}
