package suites_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Imports run one way, downhill: a package may only import what stands on a
// later line than its own, and impl must not know the test.
func TestImportsRunDownhill(t *testing.T) {
	t.Parallel()
	layers := []string{
		"cmd/conform",
		"suites/selftest suites/batch suites/conformtest",
		"suites",
		"suites/scale/bench",
		"suites/scale suites/baseline suites/config",
		"suites/ledger suites/queue",
		"suites/feedback",
		"suites/grade suites/submission",
		"suites/spelling",
		"suites/report",
		"suites/sandbox",
		"suites/target",
		"suites/report/reporttest",
		"specs/zen specs/echo specs/calc specs/raw specs/pid specs/sink specs/websocket",
		"specs/websocket/frame",
		"specs/lines specs/concurrency",
		"specs",
		"specs/wire",
		"impl/faults",
		"impl/serve",
		"impl/zen impl/echo impl/calc impl/raw impl/pid impl/sink impl/websocket impl/impltest",
		"impl/line",
		"impl",
		"fixtures",
	}
	height := map[string]int{}
	for i, layer := range layers {
		for _, p := range strings.Fields(layer) {
			height[p] = i
		}
	}
	root := ".."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "testdata" {
			return filepath.SkipDir // programs that are tested, not packages
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		relative, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		from := filepath.ToSlash(relative)
		level, known := height[from]
		if !known {
			t.Errorf("package %s has no place in the layers", from)
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			to, own := strings.CutPrefix(imported, "conform/")
			switch {
			case !own:
			case height[to] <= level:
				t.Errorf("%s imports %s, uphill", from, to)
			case strings.HasPrefix(from, "specs") && strings.HasPrefix(to, "impl"):
				t.Errorf("%s imports %s: specifications do not know the implementation", from, to)
			}
			if strings.HasPrefix(imported, "github.com/onsi/ginkgo") && from != "suites" {
				t.Errorf("%s imports Ginkgo: only suites does", from)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
