package zen_test

import (
	"slices"
	"strings"
	"testing"

	"conform/impl/impltest"
	"conform/impl/zen"
)

const (
	beautiful = "Beautiful is better than?"
	explicit  = "Explicit is better than?"
	simple    = "Simple is better than?"
	unknown   = "Error: unknown aphorism."
)

func TestReads(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reads, answers []string
	}{
		{nil, nil},
		{[]string{beautiful}, []string{"Ugly."}},
		{[]string{explicit}, []string{"Implicit."}},
		{[]string{simple}, []string{"Complex."}},
		{[]string{beautiful, beautiful, explicit, simple}, []string{"Ugly.", "Ugly.", "Implicit.", "Complex."}},
		{[]string{"Why?", beautiful}, []string{unknown, "Ugly."}},
		{[]string{"?", beautiful}, []string{unknown, "Ugly."}},
		{[]string{"??"}, []string{unknown}},
		{[]string{"beautiful is better than?"}, []string{unknown}},
		{[]string{" " + beautiful}, []string{unknown}},
		{[]string{beautiful + "\n"}, []string{""}},
		{[]string{beautiful + "\n", explicit}, []string{"", unknown}},
		{[]string{beautiful + "\r\n", "?"}, []string{"", unknown}},
		{[]string{beautiful + " "}, []string{""}},
		{[]string{beautiful + " ", "?", simple}, []string{"", unknown, "Complex."}},
		{[]string{beautiful + "x", "?"}, []string{"", unknown}},
		{[]string{"hello"}, []string{""}},
		{[]string{beautiful, "\n", explicit}, []string{"Ugly.", "", unknown}},
		{[]string{beautiful + explicit}, []string{unknown}},
		{[]string{beautiful + explicit, simple}, []string{unknown, "Complex."}},
		{[]string{strings.Repeat(beautiful, 3)}, []string{unknown}},
		{[]string{beautiful + "Explicit", " is better than?"}, []string{"", unknown}},
		{[]string{"a?", "b?"}, []string{unknown, unknown}},
		{[]string{"a?b?"}, []string{unknown}},
		{[]string{"Beautiful ", "is better than?"}, []string{"", "Ugly."}},
		{[]string{"Beautiful is better than", "?"}, []string{"", "Ugly."}},
		{[]string{"\x00\xff\xfe?", beautiful}, []string{unknown, "Ugly."}},
		{[]string{"为什么?", "?"}, []string{unknown, unknown}},
		{[]string{strings.Repeat("x", 10000) + "?", simple}, []string{unknown, "Complex."}},
		{[]string{strings.Repeat("x", 1<<20), "?", simple}, []string{"", unknown, "Complex."}},
		{[]string{strings.Repeat("?", 1<<20), simple}, []string{unknown, "Complex."}},
	}
	for _, tt := range tests {
		got := impltest.Run(zen.New(), tt.reads, false)
		want := append([]string{""}, tt.answers...)
		if got.Closed || !slices.Equal(got.Answers, want) {
			t.Errorf("%.60q\n got %q, closed %v\nwant %q", tt.reads, got.Answers, got.Closed, want)
		}

		got = impltest.Run(zen.New(), tt.reads, true)
		if want = append(want, ""); !got.Closed || !slices.Equal(got.Answers, want) {
			t.Errorf("%.60q and FIN\n got %q, closed %v\nwant %q, closed", tt.reads, got.Answers, got.Closed, want)
		}
	}
}

func TestOneQuestionHoweverItIsCut(t *testing.T) {
	t.Parallel()
	for question, want := range map[string]string{
		beautiful: "Ugly.", explicit: "Implicit.", simple: "Complex.",
		"Why?": unknown, "\xff\x00?": unknown, beautiful[:5] + beautiful[6:]: unknown,
	} {
		for reads := range impltest.Chunkings(question) {
			got := impltest.Run(zen.New(), reads, false)
			if all := strings.Join(got.Answers, ""); all != want || got.Closed {
				t.Errorf("%q got %q, closed %v; want %q", reads, all, got.Closed, want)
			}
		}
	}
}

// The memory of a connection does not grow with its messages.
func TestConstantMemory(t *testing.T) {
	h := zen.New()
	p := []byte(strings.Repeat("x", 4096))
	h.Data(p)
	if n := testing.AllocsPerRun(100, func() { h.Data(p) }); n != 0 {
		t.Errorf("%v allocations for each read of an endless message, want none", n)
	}
}
