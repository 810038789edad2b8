package specs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"conform/specs"
)

// Every code of this package has its meaning, once, and says either what a right
// server does or what to do.
func TestEveryCodeHasAMeaning(t *testing.T) {
	t.Parallel()
	meant := map[string]bool{}
	for _, m := range specs.Meanings() {
		if meant[string(m.Code)] {
			t.Errorf("%s is explained twice", m.Code)
		}
		meant[string(m.Code)] = true
		if m.Text == "" || m.Causes[0] == "" || m.Causes[1] == "" || m.Causes[2] == "" || (m.Right == "") == (m.Do == "") {
			t.Errorf("%s is not explained whole", m.Code)
		}
		for _, sentence := range []string{m.Text, m.Right + m.Do} {
			if !strings.HasSuffix(sentence, ".") {
				t.Errorf("%s: %q is no sentence", m.Code, sentence)
			}
		}
		for _, cause := range m.Causes {
			if strings.HasSuffix(cause, ".") {
				t.Errorf("%s: %q ends in a full stop, which is added", m.Code, cause)
			}
		}
	}
	codes := 0
	for _, code := range declared(t) {
		codes++
		if !meant[code] {
			t.Errorf("%s has no meaning: write one in codes.go", code)
		}
	}
	if codes == 0 || codes != len(meant) {
		t.Errorf("%d codes and %d meanings", codes, len(meant))
	}
}

// declared are the constants of the type Code, as they stand in the source.
func declared(t *testing.T) (codes []string) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
				kind, named := v.Type.(*ast.Ident)
				value, literal := v.Values[0].(*ast.BasicLit)
				if named && literal && kind.Name == "Code" {
					code, err := strconv.Unquote(value.Value)
					if err != nil {
						t.Fatal(err)
					}
					codes = append(codes, code)
				}
			}
			return true
		})
	}
	return codes
}
