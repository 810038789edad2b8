package ledger

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conform/suites/grade"
)

func open(t *testing.T, path string) *Ledger {
	t.Helper()
	l, err := Open(path, "b1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestALedgerIsReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	l := open(t, path)
	for _, r := range []Record{
		{Name: "ann", Key: "k1", File: "g", Outcome: grade.Graded, Score: 7, Max: 10},
		{Name: "bob", Key: "k2", File: "g", Outcome: grade.Undecided, Owner: grade.OfInfrastructure},
	} {
		if err := l.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(path, "b2"); !errors.Is(err, ErrLocked) {
		t.Errorf("a second writer gets %v, want %v", err, ErrLocked)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path)
	if again.Batch != "b1" {
		t.Errorf("the batch is %q, it began as b1", again.Batch)
	}
	if r, ok := again.Graded("k1"); !ok || r.Score != 7 {
		t.Errorf("under k1 there is %v, %v", r, ok)
	}
	if r, ok := again.Graded("k2"); ok {
		t.Errorf("what was not decided counts as graded: %v", r)
	}
	if r, ok := again.Last("bob", "k2"); !ok || r.Final() {
		t.Errorf("of bob there is %v, %v", r, ok)
	}
}

// A process may be killed at any byte of a line: what was synced stays, the rest
// is as if it had never been begun.
func TestALedgerCutAnywhereLosesOnlyItsLastLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	l := open(t, path)
	for _, name := range []string{"ann", "bob"} {
		if err := l.Append(Record{Name: name, Key: name, File: "g", Outcome: grade.Graded}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range whole {
		short := filepath.Join(t.TempDir(), "ledger.jsonl")
		if err := os.WriteFile(short, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(short, "b2")
		if err != nil {
			t.Fatalf("cut after %d bytes: %v", cut, err)
		}
		lines := bytes.Count(whole[:cut], []byte("\n"))
		if got, want := len(l.records), max(0, lines-1); got != want {
			t.Errorf("cut after %d bytes: %d records, want %d", cut, got, want)
		}
		if err := l.Append(Record{Name: "carl", Key: "c", File: "g", Outcome: grade.Graded}); err != nil {
			t.Fatal(err)
		}
		l.Close()
		records, err := Read(short)
		if err != nil || len(records) != max(0, lines-1)+1 {
			t.Errorf("cut after %d bytes and written on: %d records, %v", cut, len(records), err)
		}
	}
}

const (
	head = `{"schema":"conform.ledger/v1","batch":"b"}` + "\n"
	ann  = `{"name":"ann","key":"a","outcome":"graded","file":"g"}` + "\n"
	bob  = `{"name":"bob","key":"b","outcome":"graded","file":"g"}` + "\n"
)

// What is damaged is put aside as it was, and all else stays.
func TestADamagedLedgerIsPutAside(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text, says string
		batch      string
		records    int
	}{
		"garbage":        {head + ann + "{\x00\n" + bob, "line 3 is damaged", "b", 2},
		"several":        {head + ann + "{}\n\n" + bob, "lines 3, 4 are damaged", "b", 2},
		"zeros":          {head + ann + strings.Repeat("\x00", 4096) + "\n" + bob + "{", "line 3 is damaged", "b", 2},
		"a file outside": {head + strings.Replace(ann, `"g"`, `"../g"`, 1) + bob, "line 2 is damaged", "b", 1},
		"the first line": {"{{{\n" + ann + bob, "line 1 is damaged", "new", 2},
		"too long":       {head + strings.Repeat("x", maxLine+1) + "\n" + bob, "line 2 is damaged", "b", 1},
	} {
		path := filepath.Join(t.TempDir(), "ledger.jsonl")
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), "run conform grade") {
			t.Errorf("%s: who only reads is told %v", name, err)
		}
		l, err := Open(path, "new")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(l.Aside(), tc.says) || l.Batch != tc.batch || len(l.records) != tc.records {
			t.Errorf("%s: %q, batch %s, %d records", name, l.Aside(), l.Batch, len(l.records))
		}
		if err := errors.Join(l.Append(Record{Name: "carl", Key: "c", File: "g"}), l.Close()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadFile(path + damagedFile); string(left) != tc.text {
			t.Errorf("%s: aside is %q", name, left)
		}
		if l, err = Open(path, "new"); err != nil || l.Aside() != "" || len(l.records) != tc.records+1 {
			t.Fatalf("%s, opened again: %+v, %v", name, l, err)
		}
		l.Close()
		// Once more: what is aside already stays.
		if err := os.WriteFile(path, []byte(head+"?\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err = Open(path, "new"); err != nil || !strings.Contains(l.Aside(), damagedFile+"-2") {
			t.Fatalf("%s, damaged again: %+v, %v", name, l, err)
		}
		l.Close()
	}
}

// What is none of ours is left alone.
func TestWhatIsNoLedgerIsLeftAlone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"hello\n":                                       "no ledger of conform",
		`{"schema":"conform.report/v1"}` + "\n":         "no ledger of this conform",
		`{"schema":"conform.ledger/v2"}` + "\n" + ann:   "no ledger of this conform",
		`[]` + "\n" + `{"name":"a"}` + "\n" + "x\ny\nz": "no ledger of conform",
	} {
		path := filepath.Join(t.TempDir(), "ledger.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, "b"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
		if left, _ := os.ReadFile(path); string(left) != text {
			t.Errorf("%q became %q", text, left)
		}
	}
}

func TestAFileIsWrittenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "grade.json")
	if err := WriteFile(path, func(w io.Writer) error { _, err := io.WriteString(w, "old"); return err }); err != nil {
		t.Fatal(err)
	}
	fault := errors.New("fault")
	if err := WriteFile(path, func(w io.Writer) error { _, _ = io.WriteString(w, "ne"); return fault }); !errors.Is(err, fault) {
		t.Errorf("error %v, want the writer's", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "old" {
		t.Errorf("the file holds %q, %v", data, err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// half writes half of what it is given: the disk is full.
type half struct{ to io.Writer }

var errFull = errors.New("no space left")

func (h half) Write(p []byte) (int, error) {
	n, _ := h.to.Write(p[:len(p)/2])
	return n, errFull
}

func TestALedgerOnAFullDiskStaysWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	l := open(t, path)
	l.out = half{l.file}
	if err := l.Append(Record{Name: "ann", Key: "a", File: "g", Outcome: grade.Graded}); !errors.Is(err, errFull) {
		t.Fatalf("error %v", err)
	}
	l.out = l.file // there is room again
	if err := l.Append(Record{Name: "bob", Key: "b", File: "g", Outcome: grade.Graded}); err != nil {
		t.Fatal(err)
	}
	if records, err := Read(path); err != nil || len(records) != 1 || records[0].Name != "bob" {
		t.Errorf("%+v, %v", records, err)
	}
}

func TestSweepTakesOnlyWhatWasBeingWritten(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, name := range []string{".writing-12", ".other", "ann.json"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(Sweep(folder), Sweep(filepath.Join(folder, "none"))); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 2 {
		t.Errorf("%v", entries)
	}
}
