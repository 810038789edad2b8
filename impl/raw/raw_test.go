package raw_test

import (
	"strings"
	"testing"

	"conform/impl/impltest"
	"conform/impl/raw"
)

func TestEveryReadComesBack(t *testing.T) {
	t.Parallel()
	var every []byte
	for b := range 256 {
		every = append(every, byte(b))
	}
	for _, input := range []string{"", "a", "hello\r\n", "quit\r\n", "\n", "\x00\x04\x1a", string(every), strings.Repeat("x", 600)} {
		for reads := range impltest.Chunkings(input) {
			got := impltest.Run(raw.New(), reads, false)
			if got.Closed || strings.Join(got.Answers, "|") != strings.Join(append([]string{""}, reads...), "|") {
				t.Errorf("%.60q: got %.60q, closed %v", reads, got.Answers, got.Closed)
			}
			if got = impltest.Run(raw.New(), reads, true); !got.Closed || got.Answers[len(got.Answers)-1] != "" {
				t.Errorf("%.60q and FIN: got %.60q, closed %v", reads, got.Answers, got.Closed)
			}
		}
	}
}

func TestEveryDatagramComesBack(t *testing.T) {
	t.Parallel()
	for _, d := range []string{"", "a", "quit", strings.Repeat("x", 65_507)} {
		if got := raw.Answer([]byte(d)); got == nil || string(got) != d {
			t.Errorf("%.20q: got %.20q", d, got)
		}
	}
}

// The memory of a connection does not grow with what it is sent.
func TestConstantMemory(t *testing.T) {
	h := raw.New()
	p := []byte(strings.Repeat("x", 4096))
	h.Data(p)
	if n := testing.AllocsPerRun(100, func() { h.Data(p) }); n != 0 {
		t.Errorf("%v allocations for each read, want none", n)
	}
}
