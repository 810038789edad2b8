package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	natsconf "github.com/nats-io/nats-server/v2/conf"
)

// The recipes for several machines can be read, and conform has what they ask of
// it.
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

// What the recipes have an engine run is run in its stead, once for each part, and
// merged: as it stands, but in three parts.
func TestRecipesRun(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("xargs"); err != nil || raceEnabled || testing.Short() {
		t.Skip("it starts dozens of programs, by way of sh and xargs")
	}
	self, err := exec.LookPath("conform")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "grading-machines.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := func(t *testing.T, kind, with string) string {
		for _, m := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```").FindAllStringSubmatch(string(doc), -1) {
			if m[1] == kind && strings.Contains(m[2], with) {
				return strings.NewReplacer("/16", "/3", "/8", "/3", "seq 8", "seq 3").Replace(m[2])
			}
		}
		t.Fatalf("no block of %s has %s", kind, with)
		return ""
	}
	type job struct {
		env     string
		command string
	}
	for name, recipe := range map[string]func(t *testing.T, dir string) (jobs []job, merge string){
		"Slurm": func(t *testing.T, dir string) (jobs []job, merge string) {
			for i := 1; i <= 3; i++ {
				jobs = append(jobs, job{fmt.Sprintf("SLURM_ARRAY_TASK_ID=%d", i), block(t, "sh", "#SBATCH")})
			}
			_, merge, _ = strings.Cut(block(t, "", "sbatch --wait"), "\n")
			return jobs, merge
		},
		"Kubernetes": func(t *testing.T, dir string) (jobs []job, merge string) {
			var manifest struct {
				Spec struct {
					Template struct {
						Spec struct{ Containers []struct{ Args []string } }
					}
				}
			}
			if err := yaml.Unmarshal([]byte(block(t, "yaml", "completionMode: Indexed")), &manifest); err != nil {
				t.Fatal(err)
			}
			command := strings.ReplaceAll(manifest.Spec.Template.Spec.Containers[0].Args[0], "/class/", dir+"/")
			command = strings.Replace(command, "--require-tier namespaced", "", 1) // which is not everywhere
			for i := range 3 {
				jobs = append(jobs, job{fmt.Sprintf("JOB_COMPLETION_INDEX=%d", i), command})
			}
			return jobs, "conform grade merge parts/* --rubric rubric.yaml --out graded"
		},
		"GitHub Actions": func(t *testing.T, dir string) (jobs []job, merge string) {
			commands := regexp.MustCompile(`- run: (bin/conform .*)`).FindAllStringSubmatch(block(t, "yaml", "workflow_dispatch"), -1)
			for i := 1; i <= 3; i++ {
				jobs = append(jobs, job{"", strings.ReplaceAll(commands[0][1], "${{ matrix.part }}", fmt.Sprint(i))})
			}
			return jobs, "mkdir parts && mv part[1-9] parts && " + commands[1][1]
		},
		"xargs": func(t *testing.T, dir string) (jobs []job, merge string) {
			_, command, _ := strings.Cut(block(t, "sh", "xargs"), "\n")
			return []job{{"", command}}, "conform grade merge parts/* --rubric rubric.yaml --out graded"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, student := range []string{"ann", "bob", "carl"} {
				if err := os.MkdirAll(filepath.Join(dir, "submissions", student), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "submissions", student, "id"), []byte(student), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			rubric := "title: Echo\nprotocol: echo\nsubmission: {start: exit 1}\ngroups:\n- {id: line, points: 2, requirements: [echo/answers/line]}\n"
			if err := os.WriteFile(filepath.Join(dir, "rubric.yaml"), []byte(rubric), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(self, filepath.Join(dir, "bin", "conform")); err != nil {
				t.Fatal(err)
			}
			jobs, merge := recipe(t, dir)
			for _, j := range append(jobs, job{"", merge}) {
				cmd := exec.CommandContext(t.Context(), "sh", "-c", j.command)
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "SLURM_CPUS_PER_TASK=1", j.env)
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%s %s: %v\n%s", j.env, j.command, err, out)
				}
				if j.command == merge && !strings.Contains(string(out), "3 of 3 submissions: 3 did not start") {
					t.Errorf("%s", out)
				}
			}
		})
	}
}
