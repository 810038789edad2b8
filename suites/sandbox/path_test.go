package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder makes a folder of programs and links, name to text or target.
func folder(t *testing.T, programs, links map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range programs {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range links {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(to, path)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What is shown is found by its name, before what every submission finds.
func TestSearchPath(t *testing.T) {
	t.Parallel()
	if os.PathSeparator != '/' {
		t.Skip("there is no such PATH here")
	}
	dir := folder(t, map[string]string{"sdk/bin/lang": "", "tools/tool": "", "a:b/bin/x": ""}, nil)
	if err := errors.Join(os.MkdirAll(dir+"/data/bin", 0o755), os.WriteFile(dir+"/data/bin/text", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	show := []string{dir + "/sdk", dir + "/tools", dir + "/data", dir + "/a:b", dir + "/tools/tool"}
	if got, want := searchPath(show), dir+"/sdk/bin:"+dir+"/tools:"+searchPath(nil); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if !strings.HasSuffix(searchPath(nil), ":/usr/local/go/bin") {
		t.Error("Go's own archive is not in it")
	}
	if !Finds("lang", show) || !Finds("tool", show) || Finds("lang", nil) || Finds("text", show) {
		t.Error("a program is found that is not there, or not one that is")
	}
}

// The folder that is named is the one that makes a program work.
func TestFolderOf(t *testing.T) {
	t.Parallel()
	if os.PathSeparator != '/' {
		t.Skip("there is no such PATH here")
	}
	home := folder(t, map[string]string{
		"sdk/go/bin/go": "", "bin/own": "", "plain/prog": "",
		".pyenv/shims/python3": "", ".pyenv/versions/3.12.1/bin/python3": "", ".pyenv/shims/gone": "",
		".cargo/bin/rustup": "", ".rustup/toolchains/stable/bin/cargo": "",
	}, map[string]string{"links/go": "../sdk/go/bin/go", ".cargo/bin/cargo": "rustup"})
	path := strings.Join([]string{home + "/links", "relative", home + "/bin", home + "/plain", home + "/.pyenv/shims", home + "/.cargo/bin"}, ":")
	for name, want := range map[string]string{
		"go": "/sdk/go", "own": "/bin", "prog": "/plain", "python3": "/.pyenv/versions/3.12.1", "cargo": "/.rustup/toolchains/stable",
	} {
		if got := folderOf(name, path, home); got != home+want {
			t.Errorf("%s: %q, want %s", name, got, home+want)
		}
	}
	for _, name := range []string{"none", "gone"} {
		if got := folderOf(name, path, home); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestShowable(t *testing.T) {
	t.Parallel()
	if os.PathSeparator != '/' {
		t.Skip("there is nothing to show here")
	}
	dir := folder(t, nil, map[string]string{"all": "/"})
	if _, err := Showable(dir); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]string{
		"/": "a box has its own", "/proc": "a box has its own", "/var/tmp": "a box has its own", dir + "/all": "a box has its own", dir + "/none": "is not there",
	} {
		if _, err := Showable(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}
