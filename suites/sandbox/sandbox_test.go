package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"conform/suites/target"
)

func TestTierOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		facts []Fact
		want  Tier
	}{
		{[]Fact{{OK: true, Need: Namespaced}, {OK: true, Need: Strict}, {OK: false}}, Strict},
		{[]Fact{{OK: true, Need: Namespaced}, {OK: false, Need: Strict}}, Namespaced},
		{[]Fact{{OK: false, Need: Strict}, {OK: false, Need: Namespaced}}, Basic},
	} {
		if got := tierOf(c.facts); got != c.want {
			t.Errorf("%+v: %s, want %s", c.facts, got, c.want)
		}
	}
	if !Strict.Meets(Namespaced) || !Namespaced.Meets(Basic) || Basic.Meets(Namespaced) || Namespaced.Meets(Strict) {
		t.Error("the tiers are not in order")
	}
	if _, err := ParseTier("root"); err == nil {
		t.Error("there is a tier root")
	}
}

// Whatever is missing is explained, with what to do.
func TestProbeExplains(t *testing.T) {
	t.Parallel()
	r := Probe()
	for _, f := range r.Facts {
		if f.Name == "" || f.OK == (f.Why != "") || f.OK == (f.Fix != "") {
			t.Errorf("%+v", f)
		}
	}
	if len(r.Facts) == 0 || r.Tier != tierOf(r.Facts) {
		t.Errorf("%+v", r)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for want, o := range map[string]Options{
		"is empty":                    {Dir: dir},
		"NUL byte":                    {Dir: dir, Command: []string{"a\x00b"}},
		"is not a folder":             {Dir: dir + "/none", Command: []string{"a"}},
		`"" is not a folder`:          {Command: []string{"a"}},
		"is to be shown":              {Dir: dir, Command: []string{"a"}, Show: []string{dir + "/none"}},
		`there is no tier "paranoid"`: {Dir: dir, Command: []string{"a"}, Tier: "paranoid"},
	} {
		if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestElsewhere(t *testing.T) {
	t.Parallel()
	want := netip.MustParseAddrPort("127.0.0.1:8080")
	for text, places := range map[string][]string{
		"listens on no port, expected 8080, within 1s": nil,
		"listens on 80, 9090, expected 8080":           {"0.0.0.0:9090", "[::]:9090", "127.0.0.1:80"},
		"listens on 127.0.0.2:8080 only":               {"0.0.0.0:9090", "127.0.0.2:8080"},
	} {
		var all []netip.AddrPort
		for _, p := range places {
			all = append(all, netip.MustParseAddrPort(p))
		}
		if _, got := elsewhere(want, all, time.Second); !strings.Contains(got, text) {
			t.Errorf("%q, want %q", got, text)
		}
	}
}

// basicScript is a harmless program in tier basic, which hides nothing from it.
func basicScript(t *testing.T, text string) Options {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no shell here")
	}
	return Options{Dir: t.TempDir(), Tier: Basic, Command: []string{"sh", "-c", text}}
}

func TestBasic(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		script, output, reason string
		end                    End
		limits                 Limits
	}{
		{"pwd > made; cat given; exit 3", "given", "exited with code 3", Exited, Limits{}},
		{`echo "$GIVEN ${USER-none} ${GOPATH-none}"; [ -d "$HOME" ]; env | grep -c -e ^GIVEN -e ^LANG`, "yes none none\n2\n", "exited with code 0", Exited, Limits{}},
		{"kill -9 $$", "", "was killed by signal 9 (killed)", Signalled, Limits{}},
		{"while :; do :; done", "", "was ended: it used up its 1ms of processor time", OutOfCPU, Limits{CPU: time.Millisecond}},
		{"sleep 60 & wait", "", "was ended: it ran for more than 100ms", OutOfTime, Limits{Wall: 100 * time.Millisecond}},
	} {
		t.Run(c.script, func(t *testing.T) {
			t.Parallel()
			o := basicScript(t, c.script)
			o.Limits, o.Env = c.limits, []string{"GIVEN=no", "LANG=nb", "GIVEN=yes"}
			if err := os.WriteFile(o.Dir+"/given", []byte("given"), 0o644); err != nil {
				t.Fatal(err)
			}
			r, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if r.End != c.end || r.Reason != c.reason || string(r.Output.Head) != c.output || r.Tier != Basic {
				t.Errorf("%s %s: %q in tier %s, want %s %s: %q", r.End, r.Reason, r.Output.Head, r.Tier, c.end, c.reason, c.output)
			}
		})
	}
	_, err := Run(t.Context(), Options{Dir: t.TempDir(), Tier: Basic, Command: []string{"./none"}})
	if command := (*target.CommandError)(nil); !errors.As(err, &command) {
		t.Errorf("%v", err)
	}
}

func TestBasicContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b, err := Start(ctx, basicScript(t, "sleep 60"))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if r := b.Result(); r.End != Stopped {
		t.Errorf("%s: %s", r.End, r.Reason)
	}
	if err := b.Stop(); err != nil {
		t.Error(err)
	}
}

// Folders that nobody may read, and more levels than a path can have.
func TestRemoveAll(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("folders have no such rights here")
	}
	parent := t.TempDir()
	outside := filepath.Join(parent, "outside")
	dir := filepath.Join(parent, "dir")
	for _, d := range []string{outside, dir + "/locked/inner"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(outside+"/keep", nil, 0o600), os.WriteFile(dir+"/locked/inner/file", nil, 0o600),
		os.Symlink(outside, dir+"/locked/link"), os.Chmod(dir+"/locked/inner", 0), os.Chmod(dir+"/locked", 0)); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		if err := root.Mkdir("deeper", 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := root.OpenRoot("deeper")
		root.Close()
		if err != nil {
			t.Fatal(err)
		}
		root = next
	}
	if err := root.WriteFile("bottom", []byte("x"), 0o400); err != nil {
		t.Fatal(err)
	}
	root.Close()
	if err := RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(parent)
	if err != nil || len(left) != 1 {
		t.Errorf("%v is left, %v", left, err)
	}
	if _, err := os.Stat(outside + "/keep"); err != nil {
		t.Error(err)
	}
	if err := RemoveAll(dir); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if err := RemoveAll(filepath.Join(parent, "outside", "keep")); err != nil {
		t.Errorf("a file: %v", err)
	}
	if _, err := os.Stat(outside + "/keep"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(fmt.Sprint("the file is left: ", err))
	}
}

// In tier basic what answers on a port is looked at: it must be the program's
// own. Nothing of our environment is passed on.
func TestBasicServe(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only on Linux is it known who listens")
	}
	o := basicScript(t, "")
	o.Command = []string{os.Args[0], "hostile", "server", "tcp", "{host}:{port}", "here"}
	s, err := Serve(t.Context(), ServeOptions{Options: o})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	c, err := s.DialWith(t.Context(), &net.Dialer{}, "tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if text, err := io.ReadAll(c); string(text) != "here" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	port := netip.MustParseAddrPort(s.Address()).Port()
	if _, err := Serve(t.Context(), ServeOptions{Options: o, Port: int(port)}); err == nil || !strings.Contains(err.Error(), "is already taken by process") {
		t.Errorf("%v, want that the port is taken", err)
	}
	o.Command = []string{os.Args[0], "hostile", "server", "tcp", "127.0.0.1:0", ""}
	if _, err := Serve(t.Context(), ServeOptions{Options: o, Ready: 300 * time.Millisecond}); err == nil ||
		!strings.Contains(err.Error(), "did not listen on") || !strings.Contains(err.Error(), "it listens on 127.0.0.1:") || strings.Contains(err.Error(), "ulimit") {
		t.Errorf("%v, want where it listens instead", err)
	}
	o.Command = []string{"sh", "-c", "env; exit 1"}
	if _, err := Serve(t.Context(), ServeOptions{Options: o}); err == nil || !strings.Contains(err.Error(), "HOME=") || strings.Contains(err.Error(), "GOPATH=") || strings.Contains(err.Error(), "USER=") {
		t.Errorf("%v, want an environment without ours", err)
	}
}
