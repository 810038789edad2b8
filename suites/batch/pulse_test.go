package batch

import (
	"context"
	"testing"
	"time"

	"conform/suites/grade"
)

// Alone, once more, is what a submission gets whose failures may be those of a
// busy machine. Wrong bytes are wrong on any.
func TestWaitsOnABusyMachineAreConfirmedAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault string
		late  time.Duration
		alone int
	}{
		"silent on a quiet machine": {"unknown-silent", 0, 0},
		"silent on a busy machine":  {"unknown-silent", time.Second, 1},
		"wrong on a busy machine":   {"always-ugly", time.Second, 0},
		"right on a busy machine":   {"", time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := handIn(t, map[string]string{"ann": c.fault})
			p := plan(t, found)
			scheme, err := readScheme(p.Rubric)
			if err != nil {
				t.Fatal(err)
			}
			alone := 0
			g := Grader{Scheme: scheme, Seed: 7, Show: p.Show, Tool: p.Tool, Folder: t.TempDir(),
				pulse: func() func() time.Duration { return func() time.Duration { return c.late } },
				Alone: func(_ context.Context, do func() error) error { alone++; return do() }}
			got, err := g.Grade(t.Context(), found[0].Path, grade.Submission{Name: "ann"})
			if err != nil || got.Outcome != grade.Graded {
				t.Fatalf("%+v, %v", got.Cause, err)
			}
			if alone != c.alone {
				t.Errorf("%d times alone, want %d (%v points)", alone, c.alone, got.Score)
			}
		})
	}
}

func TestAPulseGoesOnAndEnds(t *testing.T) {
	t.Parallel()
	worst := takePulse()
	time.Sleep(3 * beat)
	if late := worst(); late < 0 || late > time.Minute {
		t.Errorf("%s late", late)
	}
}
