// Package submission takes what a student has handed in, a folder or an archive,
// and makes a private copy of it that can be built and run. Whatever it is given
// may be an attack: nothing is written outside the copy, nothing is followed out
// of the original, and size, number and time are bounded.
//
// It does not run anything, and does not know what a submission is worth.
package submission

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Limits bound a copy.
type Limits struct {
	Bytes int64 // of all files together, unpacked
	Files int   // files, folders and links
	Depth int   // folders within each other
}

// DefaultLimits suit the work of a student with the libraries that it needs.
var DefaultLimits = Limits{Bytes: 1 << 30, Files: 50_000, Depth: 64}

// Code says in one word what is wrong with a submission.
type Code string

const (
	Empty       Code = "submission-empty"
	TooLarge    Code = "submission-too-large" // an archive that unpacks to too much included
	NotReadable Code = "submission-not-readable"
	SpecialFile Code = "submission-special-file" // a device, a pipe, a socket
	Outside     Code = "submission-outside"      // a name or a link that leads out of it
	BadName     Code = "submission-bad-name"     // a name that some system cannot have, or that is there twice
	NotArchive  Code = "archive-unknown"         // neither a folder nor an archive that is known
	Damaged     Code = "archive-damaged"
	Encrypted   Code = "archive-encrypted"
)

// Problem is why a submission cannot be taken. It is the submission's own; other
// errors, such as a full disk, are not.
type Problem struct {
	Code    Code
	Message string // names in it are quoted
	Hint    string // what the student can do
}

func (p *Problem) Error() string { return p.Message }

func problemf(code Code, hint, format string, args ...any) *Problem {
	return &Problem{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// Found is a submission in a folder of many.
type Found struct {
	Name string // of the folder or archive, without the ending of an archive
	Path string
}

// Find lists the submissions in a folder, in the order of their names: each folder
// and each file in it is one, but for those whose name begins with a dot. It is an
// error if two have the same name.
func Find(folder string) ([]Found, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var found []Found
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		f := Found{Name: e.Name(), Path: filepath.Join(folder, e.Name())}
		if !e.IsDir() {
			f.Name = withoutEnding(f.Name)
		}
		found = append(found, f)
	}
	slices.SortFunc(found, func(a, b Found) int { return cmp.Compare(a.Name, b.Name) })
	for i := 1; i < len(found); i++ {
		if found[i].Name == found[i-1].Name {
			return nil, fmt.Errorf("%q and %q have the same name: they would be one submission", found[i-1].Path, found[i].Path)
		}
	}
	return found, nil
}

func withoutEnding(name string) string {
	for _, ending := range []string{".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2"} {
		if cut, ok := strings.CutSuffix(strings.ToLower(name), ending); ok && cut != "" {
			return name[:len(cut)]
		}
	}
	return name
}

// Taken is a private copy of a submission.
type Taken struct {
	Dir    string // where its files are: the copy, or the only folder in it
	Digest string // SHA-256 over names, contents and which files are programs, in hex
	Files  int
	Bytes  int64
}

// Take copies the submission at from into the empty folder to. What .git holds,
// and what file managers leave behind, is left out. An error that is a *Problem
// is the submission's own.
func Take(ctx context.Context, from, to string, limits Limits) (Taken, error) {
	root, err := os.OpenRoot(to)
	if err != nil {
		return Taken{}, err
	}
	defer root.Close()
	c := &copying{ctx: ctx, root: root, limits: limits}
	info, err := os.Stat(from)
	switch {
	case err != nil:
		return Taken{}, err
	case info.IsDir():
		err = c.folder(from)
	case info.Mode().IsRegular():
		err = c.archive(from)
	default:
		err = problemf(NotArchive, "hand in a folder, a .zip or a .tar.gz", "it is neither a folder nor a file")
	}
	if err == nil {
		err = c.links()
	}
	if err != nil {
		return Taken{}, err
	}
	if c.files == 0 {
		return Taken{}, problemf(Empty, "hand in the files of the program", "there is no file in it")
	}
	inner, err := only(root)
	if err != nil {
		return Taken{}, err
	}
	sum, err := digest(ctx, filepath.Join(to, inner))
	if err != nil {
		return Taken{}, err
	}
	return Taken{Dir: filepath.Join(to, inner), Digest: sum, Files: c.files, Bytes: c.bytes}, nil
}

// copying is one submission on its way.
type copying struct {
	ctx      context.Context
	root     *os.Root // of the copy
	limits   Limits
	entries  int // of all kinds
	files    int
	bytes    int64
	seen     map[string]bool
	symbolic map[string]string // links, by their names; made last, so that nothing is written through them
	ofUnix   bool              // the archive says which files are programs
}

// ignored says whether an entry is no part of the work.
func ignored(name string) bool {
	base := path.Base(name)
	first, _, _ := strings.Cut(name, "/")
	return base == ".DS_Store" || base == "Thumbs.db" || strings.HasPrefix(base, "._") || first == "__MACOSX" ||
		slices.Contains(strings.Split(name, "/"), ".git")
}

// enter checks a name, slash-separated and relative, and counts it.
func (c *copying) enter(name string) error {
	if err := context.Cause(c.ctx); err != nil {
		return err
	}
	if err := checkName(name, c.limits.Depth); err != nil {
		return err
	}
	if c.entries++; c.entries > c.limits.Files {
		return problemf(TooLarge, "leave out what can be built or installed again", "it has more than %d files and folders", c.limits.Files)
	}
	// Some systems take names that differ only in case for one.
	folded := strings.ToLower(name)
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	if c.seen[folded] {
		return problemf(BadName, "rename one of them", "the name %s is there twice, as some systems see it", quoted(name))
	}
	c.seen[folded] = true
	return nil
}

func (c *copying) mkdir(name string) error {
	err := c.root.MkdirAll(filepath.FromSlash(name), 0o755)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTDIR) {
		return twice(name)
	}
	return err
}

// twice is the problem of a name that is a file and a folder, or two files.
func twice(name string) error {
	return problemf(BadName, "rename one of them", "the name %s is there twice", quoted(name))
}

// file writes a regular file, and says afterwards whether it is a program where
// nothing else says so.
func (c *copying) file(name string, from io.Reader, program bool) error {
	if dir := path.Dir(name); dir != "." {
		if err := c.mkdir(dir); err != nil {
			return err
		}
	}
	local := filepath.FromSlash(name)
	out, err := c.root.OpenFile(local, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return twice(name)
	}
	if err != nil {
		return err
	}
	defer out.Close()
	head := &beginning{}
	n, err := io.Copy(io.MultiWriter(out, head), io.LimitReader(&interruptible{c.ctx, from}, c.limits.Bytes-c.bytes+1))
	c.bytes += n
	c.files++
	switch {
	case err != nil:
		return err
	case c.bytes > c.limits.Bytes:
		return problemf(TooLarge, "leave out what can be built or installed again", "its files have more than %d bytes", c.limits.Bytes)
	}
	if !program && !c.ofUnix {
		program = head.isProgram()
	}
	if program {
		if err := c.root.Chmod(local, 0o755); err != nil {
			return err
		}
	}
	return out.Close()
}

// link notes a symbolic link, which must lead to a place inside the submission.
func (c *copying) link(name, to string) error {
	to = strings.ReplaceAll(to, `\`, "/")
	inside := path.Join(path.Dir(name), to)
	if path.IsAbs(to) || to == "" || inside == ".." || strings.HasPrefix(inside, "../") {
		return problemf(Outside, "hand in the file itself", "the link %s leads out of it, to %s", quoted(name), quoted(to))
	}
	if c.symbolic == nil {
		c.symbolic = map[string]string{}
	}
	c.symbolic[name] = to
	return nil
}

// links makes the links, when all that they could lead to is written.
func (c *copying) links() error {
	for name, to := range c.symbolic {
		if dir := path.Dir(name); dir != "." {
			if err := c.mkdir(dir); err != nil {
				return err
			}
		}
		err := c.root.Symlink(filepath.FromSlash(to), filepath.FromSlash(name))
		if errors.Is(err, fs.ErrExist) {
			return twice(name)
		}
		if err != nil {
			return err
		}
	}
	// By way of another link a link may still lead out: the root says so.
	for name := range c.symbolic {
		if _, err := c.root.Stat(filepath.FromSlash(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return problemf(Outside, "hand in the file itself", "the link %s leads out of it, or nowhere", quoted(name))
		}
	}
	return nil
}

// folder copies a folder, without following a link.
func (c *copying) folder(from string) error {
	c.ofUnix = true
	source, err := os.OpenRoot(from)
	if err != nil {
		return unreadable(err, ".")
	}
	defer source.Close()
	return fs.WalkDir(source.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case name == "." && err == nil:
			return nil
		case ignored(name) && d != nil && d.IsDir():
			return fs.SkipDir
		case ignored(name):
			return nil
		case err != nil:
			return unreadable(err, name)
		}
		if err := c.enter(name); err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return c.mkdir(name)
		case d.Type()&fs.ModeSymlink != 0:
			to, err := source.Readlink(name)
			if err != nil {
				return unreadable(err, name)
			}
			return c.link(name, to)
		case !d.Type().IsRegular():
			return special(name)
		}
		in, err := openRegular(source, name)
		if err != nil {
			return unreadable(err, name)
		}
		defer in.Close()
		info, err := in.Stat()
		if err != nil {
			return unreadable(err, name)
		}
		if !info.Mode().IsRegular() {
			return special(name)
		}
		return c.file(name, in, info.Mode()&0o111 != 0)
	})
}

func special(name string) error {
	return problemf(SpecialFile, "leave it out", "%s is a device, a pipe or a socket", quoted(name))
}

// unreadable is the submission's own problem where it is about permissions.
func unreadable(err error, name string) error {
	if errors.Is(err, fs.ErrPermission) {
		return problemf(NotReadable, "let everybody read it", "%s may not be read", quoted(name))
	}
	return err
}

// checkName takes only names that mean the same file on every system.
func checkName(name string, depth int) error {
	parts := strings.Split(name, "/")
	switch {
	case len(name) > 1024 || slices.ContainsFunc(parts, func(p string) bool { return len(p) > 255 }):
		return problemf(BadName, "shorten it", "a name of %d bytes is too long: %s", len(name), quoted(name[:60]))
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == '\uFFFD' }):
		return problemf(BadName, "rename it, in UTF-8 and without control characters and backslashes", "the name %s is not one that every system can have", quoted(name))
	case len(parts) > depth:
		return problemf(TooLarge, "put folders less deeply into each other", "its folders are more than %d deep", depth)
	case !fs.ValidPath(name) || name == "." || !filepath.IsLocal(filepath.FromSlash(name)):
		return problemf(Outside, "pack the folder again", "the name %s leads out of it", quoted(name))
	}
	return nil
}

// only is the folder that a copy consists of, if it is nothing but that: most
// people pack a folder, not what is in it.
func only(root *os.Root) (string, error) {
	inner := "."
	for {
		dir, err := root.Open(inner)
		if err != nil {
			return "", err
		}
		entries, err := dir.ReadDir(2)
		dir.Close()
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if len(entries) != 1 || !entries[0].IsDir() {
			return inner, nil
		}
		inner = filepath.Join(inner, entries[0].Name())
	}
}

// digest is the same for the same work, however it was packed.
func digest(ctx context.Context, dir string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	sum := sha256.New()
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return nil // an empty folder is nothing
		case d.Type()&fs.ModeSymlink != 0:
			to, err := root.Readlink(filepath.FromSlash(name))
			if err != nil {
				return err
			}
			part(sum, "link", name, to)
			return nil
		}
		file, err := root.Open(filepath.FromSlash(name))
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		content := sha256.New()
		if _, err := io.Copy(content, &interruptible{ctx, file}); err != nil {
			return err
		}
		kind := "file"
		if info.Mode()&0o111 != 0 {
			kind = "program"
		}
		part(sum, kind, name, hex.EncodeToString(content.Sum(nil)))
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

func part(sum hash.Hash, fields ...string) {
	for _, f := range fields {
		fmt.Fprintf(sum, "%d:%s\n", len(f), f)
	}
}

// beginning keeps the first bytes of a file.
type beginning struct{ head []byte }

func (b *beginning) Write(p []byte) (int, error) {
	if missing := 4 - len(b.head); missing > 0 {
		b.head = append(b.head, p[:min(missing, len(p))]...)
	}
	return len(p), nil
}

// isProgram says whether a file can be started, where its archive has no mode.
func (b *beginning) isProgram() bool {
	return strings.HasPrefix(string(b.head), "#!") || string(b.head) == "\x7fELF"
}

// interruptible ends reading with the context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := context.Cause(i.ctx); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

func quoted(name string) string { return fmt.Sprintf("%+q", name) }
