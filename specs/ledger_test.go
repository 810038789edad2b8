package specs_test

import (
	"slices"
	"testing"

	"conform/specs"
)

func TestALedgerKnowsItsMistakes(t *testing.T) {
	t.Parallel()
	spec := func(name string, rows ...string) specs.Spec {
		return specs.Requirement("p/s/"+name, specs.Must, "", "", nil, specs.Covers(rows...))
	}
	p := specs.Protocol{
		Rows:       specs.Numbered("P", 1, 5),
		Untestable: map[string]string{"P-03": "it happens inside", "P-04": "so does this", "P-09": "and this"},
		Unseen:     map[string]string{"P-01": "how long it takes inside", "P-05": "and this"},
		Sections:   []specs.Section{{Specs: []specs.Spec{spec("a", "P-01", "P-04"), spec("b", "P-01", "P-08")}}},
	}
	want := []string{
		"P-02 is covered by no requirement, and no reason is given",
		"P-04 is said to be untestable, and p/s/a covers it",
		"P-05 is covered by no requirement, and no reason is given",
		"p/s/b covers P-08, which is not on the list",
		"P-09 is said to be untestable, and is not on the list",
		"P-05 is said to be seen in part, and nothing covers it",
	}
	if got := p.Mistakes(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if row := p.Ledger()[0]; row.Name != "P-01" || !slices.Equal(row.CoveredBy, []string{"p/s/a", "p/s/b"}) {
		t.Errorf("%+v", row)
	}
}
