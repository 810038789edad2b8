package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	natsconf "github.com/nats-io/nats-server/v2/conf"
)

// The recipes for several machines cannot all be run here; what can be checked is:
// that they can be read, and that conform has what they ask of it.
func TestRecipesAskForWhatThereIs(t *testing.T) {
	t.Setenv("GRADING_PASSWORD", "x")
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "grading-machines.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, block := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		seen[block[1]]++
		switch block[1] {
		case "yaml":
			var v map[string]any
			if err := yaml.UnmarshalWithOptions([]byte(block[2]), &v, yaml.Strict()); err != nil {
				t.Errorf("%v\n%s", err, block[2])
			}
		case "conf":
			if _, err := natsconf.Parse(block[2]); err != nil {
				t.Errorf("%v\n%s", err, block[2])
			}
		}
	}
	if seen["yaml"] != 2 || seen["conf"] != 1 || seen["sh"] != 2 {
		t.Errorf("blocks: %v", seen)
	}
	// Folded lines of YAML belong together.
	commands := regexp.MustCompile(`conform (grade merge|grade|worker)\b(?:[^\n`+"`"+`]|\n +--)*`).FindAllStringSubmatch(string(text), -1)
	if len(commands) < 10 {
		t.Errorf("%d commands", len(commands))
	}
	for _, c := range commands {
		cmd, _, err := newRoot().Find(strings.Fields(c[1]))
		if err != nil {
			t.Errorf("%s: %v", c[1], err)
			continue
		}
		for _, flag := range regexp.MustCompile(`\s--([a-z-]+)`).FindAllStringSubmatch(c[0], -1) {
			if cmd.Flag(flag[1]) == nil {
				t.Errorf("conform %s has no --%s, as in %q", c[1], flag[1], c[0])
			}
		}
	}
}
