package report

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"conform/suites/report/reporttest"
)

// buffer may be looked at while the display writes to it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) Len() int { return len(b.String()) }

func TestProgressOnTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b buffer
		p := NewProgress(&b, 61, ProgressOptions{Terminal: true, Width: 60})
		p.Update(43, 2, []string{"zen/framing/split-question"})
		time.Sleep(499 * time.Millisecond)
		synctest.Wait()
		if b.Len() > 0 {
			t.Errorf("too early: %q", b.String())
		}
		time.Sleep(702 * time.Millisecond) // until 1.201 s
		p.Stop()
		p.Stop()
		frames := strings.Split(b.String(), "\r\x1b[K")
		if len(frames) != 10 { // "", 0.5 s to 1.2 s, and ""
			t.Errorf("%d frames: %q", len(frames), frames)
		}
		if want := "43/61 · 2 failed · zen/framing/split-question · 0.5 s"; frames[1] != want {
			t.Errorf("frame %q, want %q", frames[1], want)
		}
		if frames[len(frames)-1] != "" {
			t.Error("the line is not cleared")
		}
		length := b.Len()
		time.Sleep(time.Second)
		if b.Len() != length {
			t.Error("something came after Stop")
		}
	})
}

func TestProgressElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b buffer
		p := NewProgress(&b, 61, ProgressOptions{})
		p.Update(1, 0, []string{"zen/a/b", "zen/a/c"})
		time.Sleep(4900 * time.Millisecond)
		synctest.Wait()
		if b.Len() > 0 {
			t.Errorf("too early: %q", b.String())
		}
		time.Sleep(10200 * time.Millisecond)
		p.Update(2, 1, nil)
		time.Sleep(10 * time.Second)
		p.Stop()
		want := "1/61 · zen/a/b and 1 more · 5.0 s\n1/61 · zen/a/b and 1 more · 15.0 s\n2/61 · 1 failed · 25.0 s\n"
		if b.String() != want {
			t.Errorf("%q, want %q", b.String(), want)
		}
	})
}

func TestProgressStoppedAtOnce(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		var b buffer
		p := NewProgress(&b, 1, ProgressOptions{Terminal: terminal})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() { p.Update(i, i, []string{"x"}) })
		}
		wg.Wait()
		p.Stop()
		if b.Len() > 0 {
			t.Errorf("%q", b.String())
		}
	}
}

func TestProgressFits(t *testing.T) {
	for name, s := range reporttest.Hostile {
		for _, width := range []int{1, 20, 30, 40, 80} {
			synctest.Test(t, func(t *testing.T) {
				var b buffer
				p := NewProgress(&b, 1000, ProgressOptions{Terminal: true, Width: width, Color: true})
				p.Update(999, 100, []string{s, s})
				time.Sleep(550 * time.Millisecond)
				p.Stop()
				frame := strings.Split(b.String(), "\r\x1b[K")[1]
				frame = ownColour.ReplaceAllString(frame, "")
				if strings.ContainsFunc(frame, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%s: %q", name, frame)
				}
				if n := columns(frame); n >= max(width, 20) {
					t.Errorf("%s: %d columns of %d: %q", name, n, width, frame)
				}
			})
		}
	}
}
