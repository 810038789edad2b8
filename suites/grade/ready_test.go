package grade_test

import (
	"bytes"
	"strings"
	"testing"

	"conform/suites"
	"conform/suites/grade"
)

func TestReadyMadeRubrics(t *testing.T) {
	t.Parallel()
	list := grade.ReadyMade()
	if len(list) != 3*len(suites.Protocols())+1 {
		t.Errorf("%d ready-made rubrics", len(list))
	}
	for _, ready := range list {
		text, err := grade.ReadyText(ready.Name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := grade.Read(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", ready.Name, err)
		}
		s, err := r.Check(suites.Catalogue())
		if err != nil {
			t.Fatalf("%s: %v", ready.Name, err)
		}
		if r.Title != ready.Title || r.Max().String() != "100" {
			t.Errorf("%s: %q, %s points", ready.Name, r.Title, r.Max())
		}
		hidden := false
		for _, g := range r.Groups {
			hidden = hidden || g.Visibility == grade.Hidden
		}
		if !hidden {
			t.Errorf("%s hides nothing", ready.Name)
		}
		for _, id := range s.Uncovered {
			t.Errorf("%s: %s is in no group", ready.Name, id)
		}
	}
	if _, err := grade.ReadyText("zen-concurent"); err == nil || !strings.Contains(err.Error(), "did you mean zen-concurrent?") {
		t.Errorf("%v", err)
	}
	short, err := grade.ReadyText("zen")
	whole, _ := grade.ReadyText("zen-concurrent")
	if err != nil || !bytes.Equal(short, whole) {
		t.Errorf("zen is not zen-concurrent: %v", err)
	}
}
