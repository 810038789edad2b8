package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conform/specs"
	"conform/specs/wire"
)

// pictured is an exchange with everything that can be drawn.
func pictured() Result {
	p := connected.
		then(wire.Sent, 1, 0.4, "Simple is better ").then(wire.Expected, 1, 0.4, "silence: no question mark has come").
		then(wire.Quiet, 1, 80.5, "80 ms").then(wire.Connected, 2, 81, "").
		then(wire.Sent, 2, 81.2, strings.Repeat("long 長 ", 30)).
		then(wire.Received, 1, 82, "Error: unknown aphorism.\x1b[2J").
		then(wire.HalfClosed, 2, 83, "").then(wire.FIN, 2, 84, "").then(wire.Closed, 2, 84, "").
		then(wire.Note, 0, 85, "a remark").then(wire.SendFailed, 1, 200, "broken pipe").then(wire.Broken, 1, 201, "it broke").
		then(wire.RST, 1, 202, "").then(wire.WasReset, 1, 203, "")
	return Result{Protocol: "zen", Transcript: p, Reason: &Reason{Code: specs.NotSilent, Expected: []string{"silence: no question mark has come"},
		Received: `"Error: unknown aphorism.\x1b[2J" 1.2 ms after the last byte was sent`}}
}

func drawn(res Result, width int) string {
	p := newPage(TerminalOptions{Width: width})
	p.picture(res)
	return p.b.String()
}

func TestPictureInText(t *testing.T) {
	t.Parallel()
	frames := Result{Protocol: "websocket", Transcript: connected.then(wire.Decoded, 1, 1, `→ TEXT "Hello"`).then(wire.Sent, 1, 1, "\x81\x85\x01\x02\x03\x04Igohn").
		then(wire.Received, 1, 2, "\x81\x05Hello").then(wire.Decoded, 1, 2, `← TEXT "Hello"`).then(wire.Stray, 1, 3, "elsewhere")}
	crowd := Result{}
	for i := range 12 {
		crowd.Transcript = append(crowd.Transcript, play{}.then(wire.Connected, i+1, float64(i), "").then(wire.Sent, i+1, float64(i), "?")...)
	}
	remarks := Result{Transcript: play{}.then(wire.Note, 0, 5, "16 schedules with 281 steps")}
	var all strings.Builder
	for _, c := range []struct {
		name  string
		res   Result
		width int
	}{{"two clients", pictured(), 100}, {"narrow", pictured(), 60}, {"frames", frames, 100}, {"a crowd", crowd, 80}, {"remarks", remarks, 80}, {"nothing", Result{}, 80}} {
		text := drawn(c.res, c.width)
		for line := range strings.Lines(text) {
			if n := columns(strings.TrimRight(line, "\n")); n > c.width {
				t.Errorf("%s: a line has %d columns: %s", c.name, n, line)
			}
		}
		fmt.Fprintf(&all, "%s\n%s\n", c.name, text)
	}
	checkLines(t, all.String())
	path := filepath.Join("testdata", "pictures.txt")
	if *update {
		if err := os.WriteFile(path, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if all.String() != string(want) {
		t.Errorf("differs from %s; run go test -update and look at the change:\n%s", path, all.String())
	}
}

// Every byte that is quoted in the transcript is in the picture too: whoever
// asks for everything gets it.
func TestPictureLeavesNothingOut(t *testing.T) {
	t.Parallel()
	for _, width := range []int{60, 80, 100, 160} {
		text := drawn(pictured(), width)
		letters := func(s string) string {
			return strings.Map(func(r rune) rune {
				if strings.ContainsRune(" ·│─→←┴╳\n", r) {
					return -1
				}
				return r
			}, s)
		}
		all := letters(text)
		for _, e := range pictured().Transcript {
			if _, says := happened(e); isBytes(e) && !strings.Contains(all, letters(clean(says))) {
				t.Errorf("%d columns: %s is not in\n%s", width, says, text)
			}
		}
	}
}
