//go:build unix

package submission

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestHostileFoldersAreProblemsOfTheirOwn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(path string) error
		want Code
	}{
		"a pipe":                {func(p string) error { return syscall.Mkfifo(p, 0o600) }, SpecialFile},
		"a link to the secrets": {func(p string) error { return os.Symlink("/etc/passwd", p) }, Outside},
		"a link upwards":        {func(p string) error { return os.Symlink("../../..", p) }, Outside},
		"a file nobody reads":   {func(p string) error { return os.WriteFile(p, []byte("x"), 0) }, NotReadable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.want == NotReadable && os.Getuid() == 0 {
				t.Skip("root reads everything")
			}
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, "main.c"), []byte("int main;"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := c.make(filepath.Join(folder, "x")); err != nil {
				t.Fatal(err)
			}
			_, err := Take(t.Context(), folder, t.TempDir(), DefaultLimits)
			var problem *Problem
			if !errors.As(err, &problem) || problem.Code != c.want {
				t.Errorf("error %v, want the problem %s", err, c.want)
			}
		})
	}
}
