package suites_test

import (
	"bytes"
	"os"
	"testing"

	"conform/specs"
	"conform/suites/report"
)

// The generated pages of docs are what the code says now.
func TestThePagesAreFresh(t *testing.T) {
	t.Run("reasons", func(t *testing.T) {
		var b bytes.Buffer
		if err := report.WriteMeanings(&b, specs.Meanings()); err != nil {
			t.Fatal(err)
		}
		fresh(t, "reasons", b.Bytes())
	})
}

func fresh(t *testing.T, name string, page []byte) {
	t.Helper()
	file := "../docs/" + name + ".md"
	if *update {
		if err := os.WriteFile(file, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if had, err := os.ReadFile(file); err != nil || !bytes.Equal(had, page) {
		t.Errorf("%s is stale: go test ./suites -run Pages -update writes it", file)
	}
}
