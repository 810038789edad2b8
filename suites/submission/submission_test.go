package submission

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// entry is a file of an archive; its kind is that of tar.
type entry struct {
	name, content string
	kind          byte
	mode          int64
}

func tarOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: e.mode, Size: int64(len(e.content))}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if h.Typeflag != tar.TypeReg {
			h.Linkname, h.Size = e.content, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(e.content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zipOf packs as Unix does, or as a system that has no modes.
func zipOf(t *testing.T, unix bool, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if unix {
			h.SetMode(fs.FileMode(e.mode | 0o600))
			if e.kind == tar.TypeSymlink {
				h.SetMode(0o777 | fs.ModeSymlink)
			}
			if e.kind == tar.TypeFifo {
				h.SetMode(0o600 | fs.ModeNamedPipe)
			}
		}
		out, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// take takes a submission that is a file with this content.
func take(t *testing.T, data []byte, limits Limits) (Taken, error) {
	t.Helper()
	from := filepath.Join(t.TempDir(), "handed-in")
	if err := os.WriteFile(from, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return Take(t.Context(), from, t.TempDir(), limits)
}

var work = []entry{
	{name: "server.py", content: "#!/usr/bin/env python3\n", mode: 0o755},
	{name: "lib/zen.txt", content: "Beautiful"},
}

func TestTheSameWorkHasTheSameDigestHoweverItIsPacked(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, e := range work {
		path := filepath.Join(folder, filepath.FromSlash(e.name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := fs.FileMode(0o600)
		if e.mode != 0 {
			mode = 0o700
		}
		if err := os.WriteFile(path, []byte(e.content), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(folder, ".git", "objects"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, ".git", "HEAD"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	want, err := Take(t.Context(), folder, t.TempDir(), DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	wrapped := []entry{{name: "work-of-ann/", kind: tar.TypeDir, mode: 0o755}, {name: "__MACOSX/._server.py", content: "junk"}}
	for _, e := range work {
		e.name = "work-of-ann/" + e.name
		wrapped = append(wrapped, e)
	}
	for name, data := range map[string][]byte{
		"zip":                     zipOf(t, true, work...),
		"zip without modes":       zipOf(t, false, work...),
		"tar":                     tarOf(t, work...),
		"tar.gz":                  gzipped(t, tarOf(t, work...)),
		"tar.gz of the folder":    gzipped(t, tarOf(t, wrapped...)),
		"tar.gz, the other order": gzipped(t, tarOf(t, work[1], work[0])),
	} {
		got, err := take(t, data, DefaultLimits)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Digest != want.Digest {
			t.Errorf("%s: digest %s, of the folder it is %s", name, got.Digest, want.Digest)
		}
		info, err := os.Stat(filepath.Join(got.Dir, "server.py"))
		if err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s: server.py cannot be started: %v, %v", name, info, err)
		}
		if text, err := os.ReadFile(filepath.Join(got.Dir, "lib", "zen.txt")); err != nil || string(text) != "Beautiful" {
			t.Errorf("%s: lib/zen.txt is %q, %v", name, text, err)
		}
	}
	changed, err := take(t, tarOf(t, work[0], entry{name: "lib/zen.txt", content: "Ugly"}), DefaultLimits)
	if err != nil || changed.Digest == want.Digest {
		t.Errorf("other work has the digest %s, %v", changed.Digest, err)
	}
}

func TestHostileArchivesAreProblemsOfTheirOwn(t *testing.T) {
	t.Parallel()
	small := Limits{Bytes: 1 << 16, Files: 20, Depth: 8}
	zeros := strings.Repeat("\x00", 1<<20)
	whole := gzipped(t, tarOf(t, work...))
	locked := zipOf(t, true, work...)
	for i := bytes.Index(locked, []byte("PK\x01\x02")); i >= 0; i = -1 {
		locked[i+8] |= 1 // as APPNOTE.TXT 4.4.4 marks what is encrypted
	}
	var many []entry
	for i := range small.Files + 1 {
		many = append(many, entry{name: fmt.Sprintf("f%d", i), content: "x"})
	}
	var crowd []entry
	for i := range 10*small.Files + 1 {
		crowd = append(crowd, entry{name: fmt.Sprintf("f%d", i)})
	}
	liar := zipOf(t, true, crowd...)
	copy(liar[len(liar)-22+8:], "\x01\x00\x01\x00") // says it has one entry
	for name, c := range map[string]struct {
		data []byte
		want Code
	}{
		"tar with ..":                      {tarOf(t, entry{name: "../evil", content: "x"}), Outside},
		"tar with .. inside":               {tarOf(t, entry{name: "a/../../evil", content: "x"}), Outside},
		"tar with an absolute name":        {tarOf(t, entry{name: "/tmp/evil", content: "x"}), Outside},
		"zip with ..":                      {zipOf(t, true, entry{name: "../evil", content: "x"}), Outside},
		"zip with an absolute name":        {zipOf(t, true, entry{name: "/tmp/evil", content: "x"}), Outside},
		"zip with a drive's backslashes":   {zipOf(t, true, entry{name: `..\evil`, content: "x"}), BadName},
		"link out of it":                   {tarOf(t, entry{name: "a", content: "/etc/passwd", kind: tar.TypeSymlink}), Outside},
		"link out of it, relative":         {tarOf(t, entry{name: "d/a", content: "../../etc", kind: tar.TypeSymlink}), Outside},
		"link out of it in a zip":          {zipOf(t, true, entry{name: "a", content: "../up", kind: tar.TypeSymlink}), Outside},
		"links to links out of it":         {tarOf(t, entry{name: "d/e/x", content: "x"}, entry{name: "up", content: "d/e", kind: tar.TypeSymlink}, entry{name: "out", content: "up/../../..", kind: tar.TypeSymlink}), Outside},
		"link to itself":                   {tarOf(t, entry{name: "a", content: "a", kind: tar.TypeSymlink}, work[0]), Outside},
		"file written through a link":      {tarOf(t, entry{name: "d", content: "e", kind: tar.TypeSymlink}, entry{name: "d", content: "x"}), BadName},
		"hard link":                        {tarOf(t, work[0], entry{name: "h", content: "server.py", kind: tar.TypeLink}), Outside},
		"device":                           {tarOf(t, entry{name: "sda", kind: tar.TypeBlock}), SpecialFile},
		"pipe":                             {tarOf(t, entry{name: "p", kind: tar.TypeFifo}), SpecialFile},
		"pipe in a zip":                    {zipOf(t, true, entry{name: "p", kind: tar.TypeFifo}), SpecialFile},
		"bomb":                             {gzipped(t, tarOf(t, entry{name: "z", content: zeros})), TooLarge},
		"bomb in a zip":                    {zipOf(t, true, entry{name: "z", content: zeros}), TooLarge},
		"bomb in what is left out":         {gzipped(t, tarOf(t, entry{name: "._z", content: zeros})), TooLarge},
		"too many files":                   {tarOf(t, many...), TooLarge},
		"too many files, and a lie of one": {liar, TooLarge},
		"too deep":                         {tarOf(t, entry{name: strings.Repeat("d/", 9) + "f", content: "x"}), TooLarge},
		"a name that is too long":          {tarOf(t, entry{name: strings.Repeat("n", 300), content: "x"}), BadName},
		"a name that is not UTF-8":         {tarOf(t, entry{name: "caf\xe9", content: "x"}), BadName},
		"a name with an escape code":       {tarOf(t, entry{name: "a\x1b[31m", content: "x"}), BadName},
		"a name with a line end":           {zipOf(t, true, entry{name: "a\n::error::b", content: "x"}), BadName},
		"the same name twice":              {tarOf(t, work[0], work[0]), BadName},
		"the same name in another case":    {zipOf(t, true, work[0], entry{name: "Server.py", content: "x"}), BadName},
		"a file that is a folder too":      {tarOf(t, entry{name: "a/b", content: "x"}, entry{name: "a", content: "x"}), BadName},
		"a folder that was a file":         {tarOf(t, entry{name: "a", content: "x"}, entry{name: "a/b", content: "x"}), BadName},
		"a folder that is a link too":      {tarOf(t, entry{name: "d", content: "e", kind: tar.TypeSymlink}, entry{name: "d/f", content: "x"}), BadName},
		"encrypted":                        {locked, Encrypted},
		"cut short":                        {whole[:len(whole)-20], Damaged},
		"zip cut short":                    {zipOf(t, true, work...)[:100], Damaged},
		"not an archive":                   {[]byte("print('hello')\n"), NotArchive},
		"7-Zip":                            {[]byte("7z\xbc\xaf\x27\x1c\x00\x04"), NotArchive},
		"nothing":                          {nil, Empty},
		"no file":                          {tarOf(t, entry{name: "d/", kind: tar.TypeDir, mode: 0o755}), Empty},
		"only what is left out":            {zipOf(t, true, entry{name: "__MACOSX/x", content: "x"}), Empty},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := take(t, c.data, small)
			var problem *Problem
			if !errors.As(err, &problem) {
				t.Fatalf("error %v, want the problem %s", err, c.want)
			}
			if problem.Code != c.want {
				t.Errorf("problem %s (%s), want %s", problem.Code, problem, c.want)
			}
			if problem.Hint == "" || strings.ContainsFunc(problem.Message, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("message %q, hint %q: a line of ASCII and a hint are due", problem.Message, problem.Hint)
			}
		})
	}
}

func TestNothingIsWrittenOutsideTheCopy(t *testing.T) {
	t.Parallel()
	around := t.TempDir()
	from, to := filepath.Join(around, "evil.tar"), filepath.Join(around, "copy")
	data := tarOf(t, entry{name: "d", content: "..", kind: tar.TypeSymlink}, entry{name: "d/evil", content: "x"})
	if err := os.WriteFile(from, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Take(t.Context(), from, to, DefaultLimits); err == nil {
		t.Error("an archive that writes through its own link is taken")
	}
	entries, err := os.ReadDir(around)
	if err != nil || len(entries) != 2 {
		t.Errorf("beside the archive and the copy there is %v, %v", entries, err)
	}
}

func TestLinksInsideAreKept(t *testing.T) {
	t.Parallel()
	got, err := take(t, tarOf(t, entry{name: "bin/run", content: "../server.py", kind: tar.TypeSymlink}, work[0]), DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(got.Dir, "bin", "run")); err != nil || string(text) != work[0].content {
		t.Errorf("through the link there is %q, %v", text, err)
	}
}

func TestTakingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	from := filepath.Join(t.TempDir(), "w.tar")
	if err := os.WriteFile(from, tarOf(t, work...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Take(ctx, from, t.TempDir(), DefaultLimits); !errors.Is(err, gone) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestFindListsFoldersAndArchives(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, name := range []string{"bob.tar.gz", "ann.ZIP", ".hidden", "dora"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "carl.zip"), 0o755); err != nil {
		t.Fatal(err)
	}
	found, err := Find(folder)
	var names []string
	for _, f := range found {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); err != nil || got != "ann bob carl.zip dora" {
		t.Errorf("found %q, %v", got, err)
	}
	if err := os.Mkdir(filepath.Join(folder, "bob"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(folder); err == nil {
		t.Error("two submissions of one name are taken")
	}
}

func FuzzTake(f *testing.F) {
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		around := t.TempDir()
		from, to := filepath.Join(around, "f"), filepath.Join(around, "copy")
		if err := os.WriteFile(from, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(to, 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := Take(t.Context(), from, to, Limits{Bytes: 1 << 16, Files: 100, Depth: 8})
		var problem *Problem
		if err != nil && !errors.As(err, &problem) {
			t.Errorf("%v is not a problem of the submission", err)
		}
		if entries, err := os.ReadDir(around); err != nil || len(entries) != 2 {
			t.Errorf("beside the archive and the copy there is %v, %v", entries, err)
		}
	})
}
