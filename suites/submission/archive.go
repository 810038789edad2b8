package submission

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

// archive unpacks a file, which is recognised by its first bytes: a name may say
// anything.
func (c *copying) archive(from string) error {
	file, err := os.Open(from)
	if err != nil {
		return unreadable(err, from)
	}
	defer file.Close()
	in := bufio.NewReaderSize(&interruptible{c.ctx, file}, 64<<10)
	head, err := in.Peek(tarMagic + 5)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case len(head) == 0:
		return problemf(Empty, "hand in the files of the program", "the file is empty")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		info, err := file.Stat()
		if err != nil {
			return err
		}
		return c.zip(file, info.Size())
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		inside, err := gzip.NewReader(in)
		if err != nil {
			return damaged(err)
		}
		return c.tar(c.unpacked(inside))
	case bytes.HasPrefix(head, []byte("BZh")):
		return c.tar(c.unpacked(bzip2.NewReader(in)))
	case len(head) == tarMagic+5 && string(head[tarMagic:]) == "ustar":
		return c.tar(in)
	}
	for magic, name := range map[string]string{"\xfd7zXZ\x00": "xz", "7z\xbc\xaf\x27\x1c": "7-Zip", "Rar!": "RAR", "\x28\xb5\x2f\xfd": "Zstandard"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return problemf(NotArchive, "hand in a folder, a .zip or a .tar.gz", "it is packed with %s, which is not taken", name)
		}
	}
	return problemf(NotArchive, "hand in a folder, a .zip or a .tar.gz", "it is neither a folder nor a .zip, .tar, .tar.gz or .tar.bz2")
}

// unpacked bounds what comes out of a compressed archive, what is left out of the
// copy included.
func (c *copying) unpacked(from io.Reader) io.Reader {
	return &bounded{from: from, left: 2*c.limits.Bytes + int64(c.limits.Files)*2048, limit: c.limits.Bytes}
}

type bounded struct {
	from        io.Reader
	left, limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, problemf(TooLarge, "leave out what can be built or installed again", "it unpacks to far more than %d bytes", b.limit)
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// tarMagic is where "ustar" stands in a tar file.
const tarMagic = 257

func damaged(err error) error {
	return problemf(Damaged, "pack it again", "the archive cannot be read: %s", oneLine(err))
}

// broken tells an archive that is wrong from a reader that is.
func (c *copying) broken(err error) error {
	var problem *Problem
	var system *fs.PathError
	if c.ctx.Err() != nil || errors.As(err, &problem) || errors.As(err, &system) {
		return err
	}
	return damaged(err)
}

func (c *copying) zip(file io.ReaderAt, size int64) error {
	// The directory is read as a whole, and what it says of its length may be a
	// lie: its entries are counted first, with those of archives inside this one.
	headers, err := countHeaders(&interruptible{c.ctx, io.NewSectionReader(file, 0, size)})
	if err != nil {
		return err
	}
	if headers > 10*c.limits.Files {
		return problemf(TooLarge, "leave out what can be built or installed again", "it has more than %d files and folders", c.limits.Files)
	}
	archive, err := zip.NewReader(file, size)
	if errors.Is(err, zip.ErrInsecurePath) {
		err = nil // enter says which name it is
	}
	if err != nil {
		return damaged(err)
	}
	for _, entry := range archive.File {
		name, isFolder := strings.CutSuffix(inUTF8(entry.Name, entry.NonUTF8), "/")
		if ignored(name) {
			continue
		}
		if err := c.enter(name); err != nil {
			return err
		}
		mode := entry.Mode()
		c.ofUnix = entry.CreatorVersion>>8 == 3 // as APPNOTE.TXT 4.4.2 numbers the systems
		switch {
		case entry.Flags&1 != 0:
			return problemf(Encrypted, "pack it without a password", "%s is encrypted", quoted(name))
		case isFolder || mode.IsDir():
			if err := c.mkdir(name); err != nil {
				return err
			}
			continue
		case mode&fs.ModeSymlink != 0, mode.IsRegular():
		default:
			return special(name)
		}
		content, err := entry.Open()
		if errors.Is(err, zip.ErrAlgorithm) {
			return problemf(Damaged, "pack it with an ordinary .zip", "%s is compressed in a way that is not taken", quoted(name))
		} else if err != nil {
			return c.broken(err)
		}
		if mode&fs.ModeSymlink != 0 {
			var to []byte
			if to, err = io.ReadAll(io.LimitReader(content, 4096)); err == nil {
				err = c.link(name, string(to))
			}
		} else {
			err = c.file(name, content, mode&0o111 != 0 && c.ofUnix)
		}
		content.Close()
		if err != nil {
			return c.broken(err)
		}
	}
	return nil
}

// countHeaders counts what may be the entries of zip directories.
func countHeaders(from io.Reader) (int, error) {
	magic := []byte("PK\x01\x02")
	buffer := make([]byte, 256<<10)
	kept, count := 0, 0
	for {
		n, err := from.Read(buffer[kept:])
		count += bytes.Count(buffer[:kept+n], magic)
		// The last bytes may begin a header, and are too few to be counted twice.
		tail := min(len(magic)-1, kept+n)
		copy(buffer, buffer[kept+n-tail:kept+n])
		kept = tail
		if errors.Is(err, io.EOF) {
			return count, nil
		} else if err != nil {
			return 0, err
		}
	}
}

// inUTF8 takes a name that is not UTF-8 for one of code page 437, as zip says,
// of which only the ASCII half is the same everywhere.
func inUTF8(name string, other bool) string {
	if !other || utf8.ValidString(name) {
		return name
	}
	return strings.ToValidUTF8(name, "_")
}

func (c *copying) tar(from io.Reader) error {
	c.ofUnix = true
	archive := tar.NewReader(from)
	for {
		header, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, tar.ErrInsecurePath):
		case err != nil:
			return c.broken(err)
		}
		name := strings.TrimPrefix(strings.TrimSuffix(header.Name, "/"), "./")
		if name == "." || name == "" || ignored(name) || header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := c.enter(name); err != nil {
			return err
		}
		switch header.Typeflag {
		case tar.TypeDir:
			err = c.mkdir(name)
		case tar.TypeReg:
			err = c.file(name, archive, header.Mode&0o111 != 0)
		case tar.TypeSymlink:
			err = c.link(name, header.Linkname)
		case tar.TypeLink:
			err = problemf(Outside, "pack the file itself twice", "%s is a hard link", quoted(name))
		default:
			err = special(name)
		}
		if err != nil {
			return c.broken(err)
		}
	}
}

func oneLine(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return first
}
