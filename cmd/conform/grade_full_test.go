//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"conform/suites/ledger"
	"conform/suites/queue"
)

// small runs a shell script in the folder of a class, as a user who may mount: mo
// is a disk of so many bytes to grade into, mt one for temporary files.
func (c class) small(out, tmp, script string) string {
	c.t.Helper()
	if _, err := exec.LookPath("unshare"); err != nil {
		c.t.Skip("there is no unshare, which small disks are made with")
	}
	inside := func(script string) *exec.Cmd {
		return exec.Command("unshare", "-Urm", "sh", "-c", "mkdir -p mo mt && mount -t tmpfs -o size="+out+" none mo && mount -t tmpfs -o size="+tmp+" none mt || exit 99\nexport TMPDIR=$PWD/mt\n"+script)
	}
	try := inside("exit 0")
	if try.Dir = c.dir; try.Run() != nil {
		c.t.Skip("this machine does not let users mount")
	}
	c.write("script", fmt.Sprintf(`g() { timeout 60 %s grade submissions --rubric rubric.yaml --show %s --out mo --jobs 1 --seed 7 "$@"; echo "exit $?"; }
%s`, c.conform, c.show, script))
	cmd := inside(". ./script")
	cmd.Dir = c.dir
	cmd.WaitDelay = 5 * time.Second
	text, err := cmd.CombinedOutput()
	c.t.Logf("%s", text)
	if err != nil {
		c.t.Error(err)
	}
	return string(text)
}

// run runs the program to its end, and returns what it says.
func (c class) run(args ...string) (string, error) {
	cmd := exec.CommandContext(c.t.Context(), c.conform, args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "TMPDIR="+c.dir)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// Where grades and queue are kept there is no room: each run says so and keeps what
// it has, and the last one, with room, has all of it.
func TestGradingIntoAFullDiskGoesOnWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	const submissions = 4
	c := newClass(t, submissions)
	text := c.small("40k", "64m", `g
mount -o remount,size=300k mo; g
mount -o remount,size=64m mo
head -c 70000000 /dev/zero > mo/filler 2>&-; truncate -s -100000 mo/filler; g
rm mo/filler; g
cp -r mo graded
`)
	runs := strings.Split(text, "exit ")
	if len(runs) != 5 {
		t.Fatalf("%d runs", len(runs)-1)
	}
	for i, run := range runs[:3] {
		if !strings.Contains(run, "there is no room left for --out mo: make some there (") || !strings.Contains(run, "the same command goes on from there") {
			t.Errorf("run %d does not say what is full, and what to do", i)
		}
		if !strings.HasPrefix(runs[i+1], "4") {
			t.Errorf("run %d ends with %.4s", i, runs[i+1])
		}
	}
	if !strings.HasPrefix(runs[4], "0") {
		t.Errorf("with room it ends with %.4s", runs[4])
	}
	c.complete(submissions)
}

// Where workers keep their copies there is no room: that is no submission's doing.
func TestAWorkerWithoutRoomSaysSo(t *testing.T) {
	t.Parallel()
	c := newClass(t, 1)
	c.handIn("large", "exec true #"+strings.Repeat("x", 1<<20))
	text := c.small("64m", "100k", `g
mount -o remount,size=64m mt; g
cp -r mo graded
`)
	runs := strings.Split(text, "exit ")
	if len(runs) != 3 || !strings.HasPrefix(runs[1], "4") || !strings.HasPrefix(runs[2], "0") {
		t.Fatalf("%d runs", len(runs)-1)
	}
	for _, part := range []string{`"large"`, "has no room left for its copies: make some in " + filepath.Join(c.dir, "mt") + "/conform-worker-", "run the same command again"} {
		if !strings.Contains(runs[0], part) {
			t.Errorf("%s is not said", part)
		}
	}
	if strings.Contains(runs[0], "did not start") || !strings.Contains(runs[1], "did not start") {
		t.Error("the machine's lack of room is the submission's, or the other way round")
	}
}

// What fails on a machine without room may be as it should be: it is no zero.
func TestAFailureWithoutRoomIsNotTheSubmissions(t *testing.T) {
	t.Parallel()
	c := newClass(t, 1)
	c.handIn("bad", "exit 3")
	text := c.small("64m", "700k", `g --require-tier basic
mount -o remount,size=64m mt; g --require-tier basic
`)
	runs := strings.Split(text, "exit ")
	if len(runs) != 3 || !strings.Contains(runs[0], ": 1 graded, 1 undecided") || !strings.Contains(runs[0], "has no room left for its copies") ||
		!strings.HasPrefix(runs[1], "4") || !strings.Contains(runs[1], ": 1 graded, 1 did not start (1 known from before)") || !strings.HasPrefix(runs[2], "0") {
		t.Error("it is not told apart whose doing it is")
	}
}

// What a killed queue left is of no account, whatever has become of it.
func TestADamagedQueueStopsNobody(t *testing.T) {
	t.Parallel()
	c := newClass(t, 2)
	for _, damage := range []func(){
		func() { c.write("graded/.queue", "garbage") },
		func() {
			c.write("graded/.queue/jetstream/$G/streams/conform-work/meta.inf", "{")
			c.write("graded/.queue/jetstream/$G/streams/conform-work/msgs/1.blk", strings.Repeat("\x00", 5000))
			if err := os.Chmod(filepath.Join(c.dir, "graded/.queue/jetstream/$G"), 0); err != nil {
				t.Fatal(err)
			}
		},
	} {
		if err := os.RemoveAll(filepath.Join(c.dir, "graded")); err != nil {
			t.Fatal(err)
		}
		damage()
		if text, err := c.run(c.grade("--jobs", "2")...); err != nil {
			t.Errorf("%v: %s", err, text)
		}
		c.complete(2)
	}
}

// A ledger and grades that were damaged: what they said is graded again, and said
// to be.
func TestADamagedFolderIsMended(t *testing.T) {
	t.Parallel()
	const submissions = 4
	c := newClass(t, submissions)
	if text, err := c.run(c.grade("--jobs", "2")...); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	path := filepath.Join(c.dir, "graded", "ledger.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	lines[2] = "\x00\x00garbage\n"
	lines[4] = lines[4][:len(lines[4])/2]
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	var first ledger.Record
	if err := json.Unmarshal([]byte(lines[1]), &first); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(c.dir, "graded", first.File), 100); err != nil {
		t.Fatal(err)
	}
	said, err := c.run(c.grade("--jobs", "2")...)
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, part := range []string{"line 3 is damaged: as it was it is now ", "has its grade anew: ", "4 of 4 submissions: 4 graded (1 known from before)"} {
		if !strings.Contains(said, part) {
			t.Errorf("%q is not said in: %s", part, said)
		}
	}
	if _, err := os.Stat(path + ".damaged"); err != nil {
		t.Error(err)
	}
	if said, err = c.run(c.grade("--jobs", "2")...); err != nil || !strings.Contains(said, "(4 known from before)") || strings.Contains(said, "damaged") {
		t.Errorf("%v: %s", err, said)
	}
}

// Machines are wanted elsewhere, more often than a submission may be tried: that
// takes no attempt from it.
func TestWorkersThatAreAskedToLeaveCostNoAttempt(t *testing.T) {
	t.Parallel()
	c := newClass(t, 0)
	c.handIn("slow", "sleep 3; exec -a conform "+c.show+" serve echo --listen 127.0.0.1:7000")
	server, err := queue.StartServer(t.TempDir(), "a-token")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	coordinator := c.start(c.grade("--queue", server.URL)...)
	worker := func() *exec.Cmd {
		return c.start("worker", "--queue", server.URL, "--folder", filepath.Join(c.dir, "copies"))
	}
	for range 6 {
		leaves := worker()
		c.until("it is being graded", 60*time.Second, func() bool {
			for _, pid := range descendants(leaves.Process.Pid) {
				text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				if strings.HasPrefix(string(text), "sleep\x003") {
					return true
				}
			}
			return false
		})
		if err := leaves.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := leaves.Wait(); err != nil {
			t.Errorf("a worker that was asked to leave: %v", err)
		}
	}
	worker()
	if err := coordinator.Wait(); err != nil {
		t.Error(err)
	}
	if records := c.records(); len(records) != 1 || records[0].Score != 1 || records[0].Attempts != 1 {
		t.Errorf("%+v", records)
	}
}
