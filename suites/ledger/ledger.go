// Package ledger keeps the truth of a batch: one line of JSON for each submission
// that has come to an end, appended and synced before anybody is told. Whatever is
// killed, what stands in the ledger has happened, and what does not is to be done.
//
// It holds what the results are and where; the results themselves are files.
package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"conform/suites/grade"
)

// Record says how one submission came out.
type Record struct {
	Name     string        `json:"name"`            // of the submission
	Key      string        `json:"key"`             // of everything that the grade follows from, hex
	Outcome  grade.Outcome `json:"outcome"`         //
	Owner    grade.Owner   `json:"owner,omitempty"` // of an outcome other than graded
	Code     string        `json:"code,omitempty"`  // of its cause
	Open     bool          `json:"open,omitempty"`  // parts of it could not be judged, which is not the submission's doing
	Score    float64       `json:"score"`           // 0 where nothing was decided
	Max      float64       `json:"max"`             //
	File     string        `json:"file"`            // the grade, relative to the ledger's folder
	Attempts int           `json:"attempts"`        // how often it was tried
	Worker   string        `json:"worker,omitempty"`
	At       time.Time     `json:"at"`
}

// Final says whether a record stands for good: what was not decided, which is not
// the submission's doing, is graded again when somebody asks again.
func (r Record) Final() bool { return r.Outcome != grade.Undecided && !r.Open }

// header is the first line.
type header struct {
	Schema string    `json:"schema"`
	Batch  string    `json:"batch"`
	Began  time.Time `json:"began"`
}

const schema = "conform.ledger/v1"

// maxLine bounds a line that is read, in bytes.
const maxLine = 1 << 20

// Ledger is an open ledger. It is safe for concurrent use.
type Ledger struct {
	Batch string // names the batch wherever it is carried on

	mu      sync.Mutex
	file    *os.File
	out     io.Writer // the file
	size    int64     // of its whole lines
	broken  error     // it is not known what is on the disk
	lock    *flock.Flock
	records []Record
	aside   string
}

// ErrLocked says that another process has the ledger open.
var ErrLocked = errors.New("another conform grade is writing there: wait for it, or name another --out")

// Aside says what was put aside when the ledger was opened; "" is nothing.
func (l *Ledger) Aside() string { return l.aside }

// Open opens the ledger in a file, or begins one for a batch of this name. A line
// that was being written when a process was killed is taken away. Where others are
// damaged, the file as it was is put aside, and the lines that are whole stay: what
// the others said is to be done again.
func Open(path, batch string) (*Ledger, error) {
	lock := flock.New(path + ".lock")
	if got, err := lock.TryLock(); err != nil {
		return nil, err
	} else if !got {
		return nil, ErrLocked
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		lock.Close()
		return nil, err
	}
	l := &Ledger{file: file, out: file, lock: lock}
	if err := l.load(batch); err != nil {
		l.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// Read reads the records of a ledger that may be open elsewhere.
func Read(path string) ([]Record, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p, err := parse(data)
	if err == nil && len(p.damaged) > 0 {
		err = fmt.Errorf("%s: run conform grade on that folder again, which mends it", p.says())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p.records, nil
}

// parsed is what a ledger's file holds.
type parsed struct {
	header  header
	records []Record
	whole   int   // bytes of whole lines
	damaged []int // numbers of lines
}

// says names the lines that are damaged.
func (p parsed) says() string {
	what, list := "line", fmt.Sprint(p.damaged[0])
	if n := len(p.damaged); n > 1 {
		what = "lines"
		for _, number := range p.damaged[1:min(n, 5)] {
			list += fmt.Sprintf(", %d", number)
		}
		if n > 5 {
			list += fmt.Sprintf(" and %d more", n-5)
		}
		return fmt.Sprintf("%s %s are damaged", what, list)
	}
	return fmt.Sprintf("%s %s is damaged", what, list)
}

// parse reads whole lines. It is an error if they are no ledger's.
func parse(data []byte) (p parsed, err error) {
	for number := 1; ; number++ {
		end := bytes.IndexByte(data[p.whole:], '\n')
		if end < 0 {
			break
		}
		line := data[p.whole : p.whole+end]
		p.whole += end + 1
		if number == 1 {
			err := json.Unmarshal(line, &p.header)
			if err == nil && p.header.Schema != "" && p.header.Schema != schema {
				return p, fmt.Errorf("line 1 says %.40q and not %s: it is no ledger of this conform", p.header.Schema, schema)
			}
			if err != nil || p.header.Schema == "" || p.header.Batch == "" {
				p.header = header{}
				p.damaged = append(p.damaged, number)
			}
			continue
		}
		var r Record
		if len(line) > maxLine || json.Unmarshal(line, &r) != nil || r.Name == "" || r.Key == "" || !filepath.IsLocal(filepath.FromSlash(r.File)) {
			p.damaged = append(p.damaged, number)
			continue
		}
		p.records = append(p.records, r)
	}
	if p.whole > 0 && p.header.Schema == "" && len(p.records) == 0 {
		return p, fmt.Errorf("line 1 does not say %s: it is no ledger of conform", schema)
	}
	return p, nil
}

// damagedFile ends the name of a ledger that was put aside.
const damagedFile = ".damaged"

func (l *Ledger) load(batch string) error {
	data, err := io.ReadAll(l.file)
	if err != nil {
		return err
	}
	p, err := parse(data)
	if err != nil {
		return err
	}
	if len(p.damaged) > 0 {
		return l.mend(batch, p, data)
	}
	if p.whole < len(data) {
		if err := l.file.Truncate(int64(p.whole)); err != nil {
			return err
		}
	}
	if _, err := l.file.Seek(int64(p.whole), io.SeekStart); err != nil {
		return err
	}
	l.Batch, l.records, l.size = p.header.Batch, p.records, int64(p.whole)
	if p.whole > 0 {
		return nil
	}
	l.Batch = batch
	if err := l.write(header{Schema: schema, Batch: batch, Began: time.Now().UTC()}); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(l.file.Name()))
}

// mend puts a damaged ledger aside, and goes on with a new one that has the lines
// that are whole.
func (l *Ledger) mend(batch string, p parsed, data []byte) error {
	path := l.file.Name()
	aside := path + damagedFile
	for n := 2; ; n++ { // what an earlier one holds is not for us to take away
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
		aside = fmt.Sprintf("%s%s-%d", path, damagedFile, n)
	}
	err := WriteFile(aside, func(w io.Writer) error { _, err := w.Write(data); return err })
	if err != nil {
		return err
	}
	if p.header.Schema == "" {
		p.header = header{Schema: schema, Batch: batch, Began: time.Now().UTC()}
	}
	err = WriteFile(path, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		err := encoder.Encode(p.header)
		for _, r := range p.records {
			err = errors.Join(err, encoder.Encode(r))
		}
		return err
	})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	if l.size, err = file.Seek(0, io.SeekEnd); err != nil {
		return errors.Join(err, file.Close())
	}
	old := l.file
	l.file, l.out, l.Batch, l.records = file, file, p.header.Batch, p.records
	l.aside = fmt.Sprintf("%s: %s: as it was it is now %s, and what the damaged lines said is graded again", path, p.says(), aside)
	return old.Close()
}

// write appends a line, and returns when it is on the disk. When it fails, the
// ledger is as it was, or else takes nothing any more.
func (l *Ledger) write(v any) error {
	if l.broken != nil {
		return l.broken
	}
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if _, err := l.out.Write(line); err != nil {
		// The next line must not stand behind half of this one.
		if undo := l.back(); undo != nil {
			l.broken = errors.Join(err, undo)
		}
		return err
	}
	if err := l.file.Sync(); err != nil {
		// What a failed sync has written is not known, and the next one may
		// not say so.
		l.broken = err
		return err
	}
	l.size += int64(len(line))
	return nil
}

// back takes away what stands behind the last whole line.
func (l *Ledger) back() error {
	if err := l.file.Truncate(l.size); err != nil {
		return err
	}
	_, err := l.file.Seek(l.size, io.SeekStart)
	return err
}

// Append writes a record. When it returns nil, nothing loses it any more.
func (l *Ledger) Append(r Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.write(r); err != nil {
		return fmt.Errorf("writing the ledger: %w", err)
	}
	l.records = append(l.records, r)
	return nil
}

// Newest finds the newest record of a submission, under whatever key.
func (l *Ledger) Newest(name string) (Record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return last(l.records, func(r Record) bool { return r.Name == name })
}

// Last finds the last record of a submission under a key.
func (l *Ledger) Last(name, key string) (Record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return last(l.records, func(r Record) bool { return r.Name == name && r.Key == key })
}

// Count is how many records there are of a submission under a key.
func (l *Ledger) Count(name, key string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		if r.Name == name && r.Key == key {
			n++
		}
	}
	return n
}

// Graded finds a final record of any submission under a key: the same work, judged
// in the same way, earns the same.
func (l *Ledger) Graded(key string) (Record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return last(l.records, func(r Record) bool { return r.Key == key && r.Final() })
}

func last(records []Record, is func(Record) bool) (Record, bool) {
	for i := len(records) - 1; i >= 0; i-- {
		if is(records[i]) {
			return records[i], true
		}
	}
	return Record{}, false
}

// Close ends with the file, and lets others open it.
func (l *Ledger) Close() error {
	return errors.Join(l.file.Close(), l.lock.Close())
}

// writing begins the names of files that are not whole yet.
const writing = ".writing-"

// Sweep takes away what WriteFile left in a folder when it was killed. Nobody may
// be writing there.
func Sweep(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), writing) {
			err = errors.Join(err, os.Remove(filepath.Join(folder, e.Name())))
		}
	}
	return err
}

// WriteFile writes a file so that it is there whole or not at all, whatever is
// killed meanwhile.
func WriteFile(path string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), writing+"*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // of no effect once it is renamed
	err = errors.Join(write(file), file.Chmod(0o644), file.Sync(), file.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}
