package suites_test

import (
	"flag"
	"os"
	"slices"
	"testing"

	"conform/fixtures"
	"conform/suites"
)

var update = flag.Bool("update", false, "write the generated pages")

func TestEveryCounterpartOfAutobahnExists(t *testing.T) {
	t.Parallel()
	p, err := suites.Find("websocket")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range p.Specs() {
		ids = append(ids, s.ID)
	}
	for _, row := range fixtures.Autobahn() {
		for _, id := range row.Requirements {
			if !slices.Contains(ids, "websocket/"+id) {
				t.Errorf("%s: there is no websocket/%s", row.Cases, id)
			}
		}
	}
}

func TestThePageOfAutobahnIsFresh(t *testing.T) {
	t.Parallel()
	const file = "../docs/autobahn.md"
	page := suites.AutobahnPage()
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if had, err := os.ReadFile(file); err != nil || string(had) != page {
		t.Errorf("%s is stale: go test ./suites -run Autobahn -update writes it", file)
	}
}

func TestACaseOfAutobahnIsExplained(t *testing.T) {
	t.Parallel()
	cases, ok, err := suites.Autobahn("autobahn/9.1")
	if !ok || err != nil || len(cases) != 6 || cases[2].Case != "autobahn/9.1.3" || cases[2].Requirements[0].ID != "websocket/limits/messages-of-1-mib" {
		t.Errorf("%v %v %+v", ok, err, cases)
	}
	if _, ok, err := suites.Autobahn("autobahn/8"); !ok || err == nil {
		t.Error("autobahn/8 has cases")
	}
	if _, ok, _ := suites.Autobahn("websocket/text"); ok {
		t.Error("websocket/text is taken for a case")
	}
}
