package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"conform/specs"
	"conform/suites/batch"
	"conform/suites/grade"
	"conform/suites/sandbox"
)

// The whole corpus, twice, takes some minutes; without the flag a dozen of it is
// graded once.
var wholeCorpus = flag.Bool("corpus", false, "grade the whole corpus of submissions, twice")

// entry is a submission of the corpus: a right program, one with a known mistake,
// or an attack.
type entry struct {
	name  string
	base  string   // a program in testdata/corpus, in the language that its ending says
	edits []string // pairs of old and new text: the mistake
	text  string   // the program, where there is no base; ends with a line that is its ending, such as .py
	files map[string]string
	own   string                          // instead of the recipe that goes with the language
	port  int                             // that it always listens on
	pack  func(t *testing.T, path string) // writes the submission, which is an archive then

	// breaks is the requirements that the mistake breaks: globs over IDs without the
	// protocol; what a later one with a ! matches is not meant. It is to be found by
	// reading the program and the standard, not the grade: the test compares.
	breaks string
	serves int // how many clients at once, where that is bounded

	code  string // of the cause, where it was not graded
	says  string // a pattern of the cause's message
	daily bool   // in the dozen
}

// corpus is the submissions, by the rubric that they are graded by.
var corpus = []struct {
	rubric string
	more   string // below submission: in the rubric
	lacks  string // what none of the programs has, like what an entry breaks
	list   []entry
}{
	{rubric: "zen-concurrent", list: slices.Concat(rightZen, wrongZen, hostile)},
	{rubric: "zen-concurrent", more: "  build_budget: 4s\n", list: hostileBuilds},
	{rubric: "echo-concurrent", list: echoes},
	{rubric: "calc-concurrent", list: calculators},
	{rubric: "raw-concurrent", list: rawEchoes},
	{rubric: "websocket-concurrent", lacks: "deflate/* concurrency/compression-apart concurrency/extensions-apart", list: webSockets},
}

// TestCorpus grades a corpus of right, wrong and hostile submissions as a user
// does, and sees to it that each right one has all points, each wrong one loses
// those of the lines that it breaks, each hostile one has a clear cause, nothing is
// left behind, and a second time comes out the same.
func TestCorpus(t *testing.T) {
	t.Parallel()
	if raceEnabled {
		t.Skip("workers under the race detector are too slow to judge by")
	}
	if tier := sandbox.Probe().Tier; !tier.Meets(sandbox.Namespaced) {
		t.Skipf("this machine can do tier %s: the corpus needs boxes with namespaces (conform doctor says what is missing)", tier)
	}
	c := newCorpusRun(t)
	mounts := c.mounts()
	// Parts one after the other, with so many jobs: four in all.
	type strand struct {
		jobs  int
		parts []int
	}
	times, strands := 1, []strand{{4, []int{0, 1, 2, 3, 4, 5}}}
	if *wholeCorpus {
		times, strands = 2, []strand{{2, []int{0}}, {1, []int{1, 2, 4}}, {1, []int{5, 3}}} // which take as long
	}
	var before map[string]grade.Grade
	for i := range times {
		began := time.Now()
		grades := map[string]grade.Grade{}
		entries := make([][]entry, len(corpus))
		folders := make([]string, len(corpus))
		for number := range corpus {
			folders[number], entries[number] = c.handIn(number)
		}
		out := func(number int) string { return filepath.Join(c.dir, fmt.Sprintf("graded-%d-%d", number, i)) }
		var beside sync.WaitGroup
		for _, s := range strands {
			beside.Go(func() {
				for _, number := range s.parts {
					if len(entries[number]) > 0 {
						c.grade(folders[number], c.rubric(number, corpus[number].rubric, corpus[number].more), out(number), s.jobs)
					}
				}
			})
		}
		beside.Wait()
		took := time.Since(began)
		for number, part := range corpus {
			if len(entries[number]) > 0 {
				c.judge(part.rubric, part.lacks, entries[number], out(number), grades)
			}
		}
		t.Logf("%d submissions in %s (%s)", len(grades), took.Round(100*time.Millisecond), load())
		if i > 0 {
			same(t, before, grades)
		}
		before = grades
	}
	c.nothingIsLeft(mounts)
}

// corpusRun is a corpus on this machine.
type corpusRun struct {
	t       *testing.T
	dir     string
	conform string // this program, under its name
	marker  string // in the environment of every process of a submission
	secret  string // in files that no submission may see
	goRoot  string
	goCache string // with what Go programs import, compiled
	shown   []string
	lacks   map[string]bool
}

func newCorpusRun(t *testing.T) *corpusRun {
	t.Helper()
	c := &corpusRun{t: t, dir: t.TempDir(), marker: rand.Text(), secret: "SECRET-" + rand.Text(), lacks: map[string]bool{}}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A copy: its path tells its processes from others of this test.
	c.conform = filepath.Join(c.dir, "conform")
	if err := os.Link(exe, c.conform); err != nil {
		copyFile(t, exe, c.conform)
	}
	// Temporary files go where it can be seen whether they are left.
	for _, name := range []string{"tmp", "submissions"} {
		if err := os.Mkdir(filepath.Join(c.dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for language, tool := range map[string]string{".py": "python3", ".js": "node", ".c": "cc"} {
		if !inBox(tool) {
			c.lacks[language] = true
			t.Logf("%s is not in /usr/bin: the submissions in %s are left out", tool, language)
		}
	}
	if !c.prepareGo() {
		c.lacks[".go"] = true
		t.Log("there is no go: the submissions in .go are left out")
	}
	return c
}

// inBox says whether a program is where boxes look for it.
func inBox(tool string) bool {
	for _, dir := range []string{"/usr/local/bin", "/usr/bin", "/bin"} {
		if _, err := os.Stat(filepath.Join(dir, tool)); err == nil {
			return true
		}
	}
	return false
}

// prepareGo compiles the packages that submissions import, once for all of them:
// boxes see the cache of whoever runs the test.
func (c *corpusRun) prepareGo() bool {
	tool, err := exec.LookPath("go")
	if err != nil {
		return false
	}
	text, err := exec.Command(tool, "env", "GOROOT", "GOCACHE").Output()
	root, cache, ok := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if err != nil || !ok || !filepath.IsAbs(cache) {
		return false
	}
	c.goRoot, c.goCache = root, cache
	c.shown = append(c.shown, c.goCache)
	if !strings.HasPrefix(c.goRoot, "/usr/") {
		c.shown = append(c.shown, c.goRoot)
	}
	programs := []string{"testdata/corpus/zen.go"}
	if *wholeCorpus {
		programs, _ = filepath.Glob("testdata/corpus/*.go")
	}
	for _, program := range programs {
		cmd := exec.Command(filepath.Join(c.goRoot, "bin/go"), "build", "-o", os.DevNull, program)
		cmd.Env = append(os.Environ(), "GO111MODULE=off", "GOFLAGS=", "CGO_ENABLED=") // as in the box
		if text, err := cmd.CombinedOutput(); err != nil {
			c.t.Fatalf("%s: %v\n%s", program, err, text)
		}
	}
	return true
}

// handIn writes the submissions of a part, and returns those that were.
func (c *corpusRun) handIn(number int) (folder string, entries []entry) {
	folder = filepath.Join(c.dir, "submissions", fmt.Sprint(number))
	for _, e := range corpus[number].list {
		daily := e.daily && (!testing.Short() || e.code != "" || e.name == "threads-py")
		if (daily || *wholeCorpus) && !c.lacks[e.language()] {
			entries = append(entries, e)
		}
	}
	if _, err := os.Stat(folder); err == nil || len(entries) == 0 {
		return folder, entries
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		c.t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.name)
		if e.pack != nil {
			e.pack(c.t, path)
			continue
		}
		if err := os.Mkdir(path, 0o755); err != nil {
			c.t.Fatal(err)
		}
		for name, text := range c.sources(e) {
			if err := os.WriteFile(filepath.Join(path, name), []byte(text), 0o644); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	// What no submission may read, beside their folders.
	secret := filepath.Join(c.dir, "submissions", "secret")
	if err := os.WriteFile(secret, []byte(c.secret), 0o644); err != nil {
		c.t.Fatal(err)
	}
	return folder, entries
}

func (e entry) language() string {
	if e.base != "" {
		return filepath.Ext(e.base)
	}
	if at := strings.LastIndex(strings.TrimSpace(e.text), "\n"); at >= 0 {
		return strings.TrimSpace(strings.TrimSpace(e.text)[at:])
	}
	return ""
}

// sources are the files of a submission.
func (c *corpusRun) sources(e entry) map[string]string {
	files := map[string]string{}
	for name, text := range e.files {
		files[name] = text
	}
	language := e.language()
	text := strings.TrimSuffix(strings.TrimSpace(e.text), language)
	if e.base != "" {
		data, err := os.ReadFile(filepath.Join("testdata/corpus", e.base))
		if err != nil {
			c.t.Fatal(err)
		}
		text = string(data)
	}
	for i := 0; i+1 < len(e.edits); i += 2 {
		if !strings.Contains(text, e.edits[i]) {
			c.t.Fatalf("%s: %s does not have %q", e.name, e.base, e.edits[i])
		}
		text = strings.ReplaceAll(text, e.edits[i], e.edits[i+1])
	}
	text = strings.NewReplacer("GOCACHE", c.goCache, "GOROOT", c.goRoot).Replace(text)
	build, start := "", ""
	// The name makes each another submission: none is known from before.
	mark := "export CORPUS=" + c.marker + "; "
	switch language {
	case ".py":
		files["server.py"], start = fmt.Sprintf("%s\n# %q\n", text, e.name), "exec python3 server.py {port}"
	case ".js":
		files["server.js"], start = fmt.Sprintf("%s\n// %q\n", text, e.name), "exec node server.js"
	case ".c":
		files["server.c"], start = fmt.Sprintf("%s\n// %q\n", text, e.name), "exec ./server"
		build = mark + "cc -O1 -o server server.c -lpthread"
	case ".go":
		files["main.go"], start = fmt.Sprintf("%s\n// %q\n", text, e.name), "exec ./server"
		build = mark + "GOCACHE=" + c.goCache + " GO111MODULE=off " + c.goRoot + "/bin/go build -o server main.go"
	}
	own := ""
	if build != "" {
		own += "build: " + build + "\n"
	}
	if start != "" {
		own += "start: " + mark + start + "\n"
	}
	if e.port > 0 {
		own += fmt.Sprintf("port: %d\n", e.port)
	}
	if e.own != "" {
		own = strings.ReplaceAll(e.own, "MARK; ", mark)
	}
	if own != "" {
		files[grade.OwnFile] = own
	}
	return files
}

// rubric writes a ready-made rubric with something more.
func (c *corpusRun) rubric(number int, name, more string) string {
	text, err := grade.ReadyText(name)
	if err != nil {
		c.t.Fatal(err)
	}
	path := filepath.Join(c.dir, fmt.Sprintf("rubric-%d.yaml", number))
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "submission:\n", "submission:\n"+more, 1)), 0o644); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// grade runs conform grade, with so many jobs.
func (c *corpusRun) grade(folder, rubric, out string, jobs int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Minute)
	defer cancel()
	args := []string{"grade", folder, "--rubric", rubric, "--out", out, "--jobs", fmt.Sprint(jobs), "--seed", "7"}
	for _, path := range c.shown {
		args = append(args, "--show", path)
	}
	cmd := exec.CommandContext(ctx, c.conform, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Join(c.dir, "tmp"), "SECRET_OF_THE_GRADER="+c.secret)
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		c.t.Errorf("conform grade %s: %v\n%s%s", filepath.Base(folder), err, stdout, stderr.String())
	}
}

// judge compares what came out with what the corpus says.
func (c *corpusRun) judge(rubric, lacks string, entries []entry, out string, all map[string]grade.Grade) {
	c.t.Helper()
	grades, err := batch.ReadGrades(out)
	if err != nil {
		c.t.Error(err)
		return
	}
	scheme := readyScheme(c.t, rubric)
	for _, e := range entries {
		name := e.name
		if e.pack != nil {
			name, _, _ = strings.Cut(name, ".") // its ending
		}
		at := slices.IndexFunc(grades, func(g grade.Grade) bool { return g.Submission.Name == name })
		if at < 0 {
			c.t.Errorf("%s has no grade", e.name)
			continue
		}
		g := grades[at]
		all[rubric+" "+name] = g
		code, message := "", ""
		if g.Cause != nil {
			code, message = g.Cause.Code, g.Cause.Message
		}
		var problems []string
		if matched, err := regexp.MatchString(e.says, message); err != nil || !matched || code != e.code {
			problems = append(problems, fmt.Sprintf("the cause is %q %q, and should be %q %q", code, message, e.code, e.says))
		}
		switch {
		case e.code != "" && (g.Score != 0 || g.Cause == nil || g.Cause.Owner != grade.OfSubmission):
			problems = append(problems, "the cause should be the submission's, and cost all of the points")
		case e.code == "" && g.Outcome != grade.Graded:
			problems = append(problems, "it should be graded")
		case e.code == "":
			d, err := derive(scheme, lacks, e)
			if err != nil {
				c.t.Fatal(err)
			}
			problems = append(problems, d.differs(g)...)
		}
		if len(problems) > 0 {
			c.t.Errorf("%s (%s): %s, %v points:\n\t%s", e.name, rubric, g.Outcome, g.Score, strings.Join(problems, "\n\t"))
			if g.Cause != nil {
				c.t.Logf("    %q", g.Cause.Output)
			}
		}
		c.t.Logf("%-36q %5.1f s %6.2f", e.name, g.DurationMS/1000, g.Score)
	}
	c.harmless(out)
}

// harmless looks for what submissions have tried to put into the files of a grading.
func (c *corpusRun) harmless(out string) {
	c.t.Helper()
	table, err := os.Open(filepath.Join(out, "class.csv"))
	if err != nil {
		c.t.Error(err)
		return
	}
	defer table.Close()
	rows, err := csv.NewReader(table).ReadAll()
	if err != nil {
		c.t.Error(err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+@\t\r", rune(cell[0])) {
				c.t.Errorf("class.csv has a formula: %q", cell)
			}
		}
	}
	err = filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		bads := []string{c.secret, "\x1b", "\n::error"}
		if filepath.Ext(path) == ".html" {
			bads = append(bads, "<script>alert")
		}
		for _, bad := range bads {
			if bytes.Contains(text, []byte(bad)) {
				c.t.Errorf("%s has %q", filepath.Base(path), bad)
			}
		}
		return nil
	})
	if err != nil {
		c.t.Error(err)
	}
}

// same compares two gradings of the same corpus: everything but what was measured.
func same(t *testing.T, a, b map[string]grade.Grade) {
	t.Helper()
	// How late a right answer came is measured, and costs nothing.
	timeless := func(v specs.Verdict) specs.Verdict {
		if v == specs.SlowPass {
			return specs.Pass
		}
		return v
	}
	for name, first := range a {
		second, ok := b[name]
		if !ok {
			t.Errorf("%s has no grade the second time", name)
			continue
		}
		if first.Score != second.Score || first.Outcome != second.Outcome {
			t.Errorf("%s: %v points (%s), and then %v (%s)", name, first.Score, first.Outcome, second.Score, second.Outcome)
		}
		for i, l := range first.Lines {
			for j, judged := range l.Judged {
				if other := second.Lines[i].Judged[j]; judged.Met != other.Met || timeless(judged.Verdict) != timeless(other.Verdict) {
					t.Errorf("%s: %s is %s (%s), and then %s (%s)", name, judged.ID, judged.Verdict, judged.Code, other.Verdict, other.Code)
				}
			}
		}
	}
}

// mounts are what is mounted here.
func (c *corpusRun) mounts() string {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// nothingIsLeft looks for processes, mounts, files and ports.
func (c *corpusRun) nothingIsLeft(mounts string) {
	c.t.Helper()
	left := func() (names []string) {
		all, _ := filepath.Glob("/proc/[0-9]*")
		for _, dir := range all {
			environ, _ := os.ReadFile(dir + "/environ")
			exe, _ := os.Readlink(dir + "/exe")
			if bytes.Contains(environ, []byte(c.marker)) || exe == c.conform {
				command, _ := os.ReadFile(dir + "/cmdline")
				names = append(names, fmt.Sprintf("%s %q", filepath.Base(dir), command))
			}
		}
		return names
	}
	names := left()
	// The kernel ends a box in its own time.
	for end := time.Now().Add(5 * time.Second); len(names) > 0 && time.Now().Before(end); names = left() {
		time.Sleep(10 * time.Millisecond)
	}
	if len(names) > 0 {
		c.t.Errorf("processes are left: %s", strings.Join(names, ", "))
	}
	if now := c.mounts(); now != mounts {
		c.t.Errorf("mounts are left:\n%s\nbefore:\n%s", now, mounts)
	}
	// The locks by which the workers of a machine know of each other stay, in the
	// folder that they share.
	temporary := filepath.Join(c.dir, "tmp")
	shared := fmt.Sprintf("conform-worker-%d", os.Getuid())
	err := filepath.WalkDir(temporary, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == temporary || d.Name() == shared || filepath.Base(filepath.Dir(path)) == shared && filepath.Ext(path) == ".lock" {
			return err
		}
		c.t.Errorf("a temporary file is left: %s", path)
		return nil
	})
	if err != nil {
		c.t.Error(err)
	}
	if conn, err := net.DialTimeout("tcp", "127.0.0.1:1060", time.Second); err == nil {
		conn.Close()
		c.t.Error("somebody listens on the port of the submissions")
	}
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return runtime.GOOS
	}
	return "load " + strings.Join(strings.Fields(string(text))[:1], "")
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

// tarOf writes an archive of headers, each with a little content if it is a file.
func tarOf(headers ...tar.Header) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		packed := gzip.NewWriter(file)
		w := tar.NewWriter(packed)
		for _, h := range headers {
			content := []byte("#!/bin/sh\n")
			if h.Mode = 0o755; h.Typeflag == tar.TypeReg {
				h.Size = int64(len(content))
			}
			err := w.WriteHeader(&h)
			if err == nil && h.Typeflag == tar.TypeReg {
				_, err = w.Write(content)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Close(), packed.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// zipOf writes an archive of files, by name.
func zipOf(names ...string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		w := zip.NewWriter(file)
		for _, name := range names {
			f, err := w.CreateHeader(&zip.FileHeader{Name: name, NonUTF8: true, Method: zip.Deflate})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(f, "#!/bin/sh\n"); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// bomb is an archive that is small, and unpacks to more than a submission may have.
func bomb(t *testing.T, path string) {
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := zip.NewWriter(file)
	for i := range 50_001 {
		if _, err := w.Create(fmt.Sprintf("%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
