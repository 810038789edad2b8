package batch

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"conform/suites/grade"
)

// Only what a shell surely starts is looked for.
func TestPrograms(t *testing.T) {
	t.Parallel()
	for command, want := range map[string][]string{
		"go build -o server .":                 {"go"},
		"CGO_ENABLED=0 go build . && make all": {"go", "make"},
		"exec python3 server.py {port}":        {"python3"},
		"cd src; cc -o ../server *.c":          {"cc"},
		"./server":                             nil,
		"cc $(pkg-config --cflags x) x.c":      {"cc"},
		"test -f x && (a; b)":                  nil,
		"! test -f wait || sleep 60":           nil,
		"if true; then a; fi":                  nil,
		"f() { a; }; f":                        nil,
		"":                                     nil,
		"$CC x.c":                              nil,
	} {
		if got := programs(command); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}

// A rubric's own program that no submission would find is said before anything is
// graded, with what makes it visible.
func TestMissing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("programs are not marked as such here")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir+"/sdk/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/sdk/bin/lang-of-mine", nil, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+"/sdk/bin:"+os.Getenv("PATH"))
	for _, c := range []struct {
		recipe grade.Recipe
		show   []string
		want   string
	}{
		{grade.Recipe{Start: "sh server.sh"}, nil, ""},
		{grade.Recipe{Start: "./server"}, nil, ""},
		{grade.Recipe{Build: "lang-of-mine build", Start: "./server"}, nil, `build: submissions do not find "lang-of-mine": add --show ` + dir + "/sdk"},
		{grade.Recipe{Build: "lang-of-mine build", Start: "./server"}, []string{dir + "/sdk"}, ""},
		{grade.Recipe{Start: "lang-of-nobody run"}, nil, `start: "lang-of-nobody" is not on this machine: install it, or name the folder that it is in with --show`},
		{grade.Recipe{Start: "lang-of-nobody run", AllowOwn: true}, nil, ""},
		{grade.Recipe{Start: "lang-of-nobody run", Environment: map[string]string{"PATH": "/x"}}, nil, ""},
	} {
		got := ""
		if err := Missing(c.recipe, c.show); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.recipe, got, c.want)
		}
	}
}

// What a submission prints is a hint at most, and never more than a name of it is
// repeated.
func TestAdvice(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"sh: 1: lang-of-nobody: not found":                                 "there is no lang-of-nobody where submissions run",
		"bash: line 1: lang-of-nobody: command not found":                  "there is no lang-of-nobody where submissions run",
		"make: lang-of-nobody: No such file or directory":                  "there is no lang-of-nobody where submissions run",
		`go: x@v1: Get "https://proxy": dial tcp: lookup proxy.golang.org`: "there is no network where submissions run",
		"npm error code EAI_AGAIN":                                         "there is no network where submissions run",
		"sh: 1: sh: not found":                                             "",
		"sh: 1: ./server: not found":                                       "",
		"cat: notes.txt: No such file or directory":                        "",
		"sh: 1: <script>alert(1)</script>: not found":                      "",
	} {
		if got := advice([]string{line}, nil); (got == "") != (want == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
