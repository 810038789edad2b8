package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// lookUp finds a program as a shell does, by the PATH that it will have.
func lookUp(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := ""
	for _, v := range env {
		if value, ok := strings.CutPrefix(v, "PATH="); ok {
			path = value
		}
	}
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			dir = "."
		}
		candidate := dir + "/" + name
		if info, err := os.Stat(candidate); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return candidate, nil
		}
	}
	return "", errNotInPath
}

var errNotInPath = errors.New("not in PATH")

// cannotRun explains in one line why a program was not executed.
func cannotRun(err error, name string) string {
	info, statErr := os.Stat(name)
	switch {
	case errors.Is(err, errNotInPath) && statErr == nil && !info.IsDir():
		return fmt.Sprintf("%q is not in PATH: write ./%s for the one in the submission's folder", name, name)
	case errors.Is(err, errNotInPath):
		return fmt.Sprintf("%q was not found in PATH", name)
	case errors.Is(err, os.ErrNotExist) && statErr == nil:
		return fmt.Sprintf("%q cannot be run: the interpreter in its first line was not found", name)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Sprintf("%q was not found", name)
	case statErr == nil && info.IsDir():
		return fmt.Sprintf("%q is a folder", name)
	case errors.Is(err, os.ErrPermission):
		return fmt.Sprintf("%q is not executable", name)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Sprintf("%q is neither a program for this machine nor a script with a #! line", name)
	}
	return fmt.Sprintf("%q: %v", name, err)
}
