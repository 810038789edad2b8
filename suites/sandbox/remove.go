package sandbox

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

const (
	// deep is how many levels are gone down before what is below is moved up: a
	// path, and the number of open folders, have their bounds.
	deep = 40
	// batch is how many names are read at a time.
	batch = 256
)

// RemoveAll removes a folder that a submission could write to, whatever it made
// of it: folders that may not be read or changed, and any depth of them. Nothing
// may be running in it any more. It follows no link out of it.
func RemoveAll(dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.RemoveAll(dir); err == nil {
		return nil
	}
	root, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer root.Close()
	r := &remover{root: root, top: filepath.Base(dir)}
	if err := r.remove(r.top, 0); err != nil {
		return err
	}
	for len(r.moved) > 0 {
		next := r.moved[len(r.moved)-1]
		r.moved = r.moved[:len(r.moved)-1]
		if err := r.remove(next, 0); err != nil {
			return err
		}
	}
	return nil
}

// remover works below the folder's parent, through which nothing leads out.
type remover struct {
	root  *os.Root
	top   string
	moved []string
	count int
}

func (r *remover) remove(path string, depth int) error {
	err := r.root.Remove(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	info, statErr := r.root.Lstat(path)
	if statErr != nil || !info.IsDir() {
		return err
	}
	if err := r.root.Chmod(path, 0o700); err != nil {
		return err
	}
	if depth == deep {
		r.count++
		aside := r.top + ".removing-" + strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(r.count)
		if err := r.root.Rename(path, aside); err != nil {
			return err
		}
		r.moved = append(r.moved, aside)
		return nil
	}
	for {
		names, err := r.names(path)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return r.root.Remove(path)
		}
		for _, name := range names {
			if err := r.remove(path+"/"+name, depth+1); err != nil {
				return err
			}
		}
	}
}

// names are some of what is in a folder.
func (r *remover) names(path string) ([]string, error) {
	f, err := r.root.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(batch)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, err
}
