//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlanted(t *testing.T) {
	t.Chdir(t.TempDir())
	path := configName
	if err := os.WriteFile(path, []byte("exec: x"), 0o644); err != nil {
		t.Fatal(err)
	}
	is := func(mode os.FileMode, want bool) {
		t.Helper()
		if err := os.Chmod(filepath.Dir(path), mode); err != nil {
			t.Fatal(err)
		}
		if got := planted(path); got != want {
			t.Errorf("planted is %v", got)
		}
	}
	is(0o755, false)
	is(0o777|os.ModeSticky, false) // one's own
	if os.Chown(path, 12345, 12345) != nil {
		t.Skip("only root can make a file another user's")
	}
	is(0o777|os.ModeSticky, true)
	if err := newSettings().fill(newRoot()); err == nil || !strings.Contains(err.Error(), "another user's") {
		t.Errorf("it is read: %v", err)
	}
	root := newRoot()
	if err := root.Flags().Parse([]string{"--config", configName}); err != nil {
		t.Fatal(err)
	}
	if err := newSettings().fill(root); err != nil || !root.Flags().Changed("exec") {
		t.Errorf("named, it is not read: %v", err)
	}
	is(0o755, false)
}
