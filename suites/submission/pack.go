package submission

import (
	"archive/tar"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Pack writes a taken submission as a tar file, to be taken elsewhere: it has the
// same digest there, and is the same bytes each time.
func Pack(ctx context.Context, dir string, w io.Writer) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	out := tar.NewWriter(w)
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := root.Lstat(filepath.FromSlash(name))
		if err != nil {
			return err
		}
		header := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: int64(info.Mode().Perm()), Size: info.Size(), Format: tar.FormatPAX}
		switch {
		case info.IsDir():
			header.Typeflag, header.Size, header.Name = tar.TypeDir, 0, name+"/"
		case info.Mode()&fs.ModeSymlink != 0:
			header.Typeflag, header.Size = tar.TypeSymlink, 0
			if header.Linkname, err = root.Readlink(filepath.FromSlash(name)); err != nil {
				return err
			}
		}
		if err := out.WriteHeader(header); err != nil || header.Typeflag != tar.TypeReg {
			return err
		}
		file, err := root.Open(filepath.FromSlash(name))
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(out, &interruptible{ctx, file})
		return err
	})
	if err != nil {
		return err
	}
	return out.Close()
}
