package line_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"conform/impl/impltest"
	"conform/impl/line"
)

const tooLong = "<too long>"

// split feeds reads to a new Splitter and returns what each of them yields;
// what the end of input yields comes last.
func split(max int, reads []string) [][]string {
	s := line.New(max)
	var out [][]string
	for _, read := range reads {
		p := []byte(read)
		var lines []string
		for text, err := range s.Feed(p) {
			lines = append(lines, show(text, err))
		}
		clear(p) // the splitter must have its own copy
		out = append(out, lines)
	}
	var last []string
	for text, err := range s.End() {
		last = append(last, show(text, err))
	}
	return append(out, last)
}

func show(text []byte, err error) string {
	if err != nil {
		return tooLong
	}
	return string(text)
}

func TestLines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		input string
		want  []string
	}{
		{"", nil},
		{"a", []string{"a"}},
		{"a\n", []string{"a"}},
		{"a\r", []string{"a"}},
		{"a\r\n", []string{"a"}},
		{"\n", []string{""}},
		{"\r", []string{""}},
		{"\r\n", []string{""}},
		{"\n\n", []string{"", ""}},
		{"\r\r", []string{"", ""}},
		{"\n\r", []string{"", ""}},
		{"\r\n\r\n", []string{"", ""}},
		{"\r\r\n", []string{"", ""}},
		{"a\rb\r\nc\nd", []string{"a", "b", "c", "d"}},
		{"a\n\rb\n", []string{"a", "", "b"}},
		{"  a \t \r\nb", []string{"  a", "b"}},
		{"   \n", []string{""}},
		{"   ", []string{""}},
		{"a\v\f\n", []string{"a"}},
		{"a\x1c\x1d\x1e\x1f\n", []string{"a"}},
		{"a\x1b\n", []string{"a\x1b"}},
		{"a\u0085\u3000\n", []string{"a"}},
		{"a\u2028\u2029\n", []string{"a"}},
		{"a\u200b\n", []string{"a\u200b"}},
		{"a\ufeff\n", []string{"a\ufeff"}},
		{"a\x85\n", []string{"a\x85"}}, // a byte that is no character
		{"\xff\u00a0\n", []string{"\xff"}},
		{"a\u2028b\n", []string{"a\u2028b"}},
		{"12345678\n", []string{"12345678"}},
		{"12345678\r\n", []string{"12345678"}},
		{"12345678", []string{"12345678"}},
		{"123456789\n", []string{tooLong}},
		{"123456789\r\nx\r\n", []string{tooLong, "x"}},
		{"123456789\rx\r\n", []string{tooLong, "x"}},
		{"123456789\r", []string{tooLong}},
		{"123456789", []string{tooLong}},
		{"1234567      \n", []string{tooLong}},
		{strings.Repeat("x", 100) + "\nok\n" + strings.Repeat("y", 9), []string{tooLong, "ok", tooLong}},
	}
	for _, tt := range tests {
		for reads := range impltest.Chunkings(tt.input) {
			if got := slices.Concat(split(8, reads)...); !slices.Equal(got, tt.want) {
				t.Errorf("%q\n got %q\nwant %q", reads, got, tt.want)
			}
		}
	}
}

// When a line is yielded matters as much as what it is: a client waits for it.
func TestWhen(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reads []string
		want  [][]string
	}{
		{[]string{"a\r", "\n"}, [][]string{nil, {"a"}, nil}},
		{[]string{"a\r", "b\n"}, [][]string{nil, {"a", "b"}, nil}},
		{[]string{"a\r"}, [][]string{nil, {"a"}}},
		{[]string{"a\r", "\r"}, [][]string{nil, {"a"}, {""}}},
		{[]string{"a\n", "b"}, [][]string{{"a"}, nil, {"b"}}},
		{[]string{"12345678", "9", "0", "\n"}, [][]string{nil, {tooLong}, nil, nil, nil}},
	}
	for _, tt := range tests {
		got := split(8, tt.reads)
		if !slices.EqualFunc(got, tt.want, slices.Equal[[]string]) {
			t.Errorf("%q\n got %q\nwant %q", tt.reads, got, tt.want)
		}
	}
}

// space lists the code points for which Python's str.isspace() holds.
const space = "\t\n\v\f\r\x1c\x1d\x1e\x1f \u0085\u00a0\u1680" +
	"\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" +
	"\u2028\u2029\u202f\u205f\u3000"

func TestWhiteSpaceOnTheRight(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r == '\n' || r == '\r' || !utf8.ValidRune(r) {
			continue
		}
		text := "a" + string(r)
		want := text
		if strings.ContainsRune(space, r) {
			want = "a"
		}
		if got := split(8, []string{text + "\n"})[0]; !slices.Equal(got, []string{want}) {
			t.Errorf("%U: got %q, want %q", r, got, want)
		}
	}
}

// A line that arrives byte by byte is not copied for every byte.
func TestByteByByteGrowsOneBuffer(t *testing.T) {
	s := line.New(1 << 20)
	p := []byte("x")
	allocs := testing.AllocsPerRun(1, func() {
		for range 1 << 19 {
			for range s.Feed(p) {
				t.Fatal("a line without an end")
			}
		}
	})
	if allocs > 200 {
		t.Errorf("%v allocations for one line, want a few doublings of one buffer", allocs)
	}
}

// A skipped line is not kept.
func TestSkippingKeepsNothing(t *testing.T) {
	s := line.New(1 << 10)
	p := []byte(strings.Repeat("x", 4096))
	for range s.Feed(p) {
	}
	if n := testing.AllocsPerRun(100, func() {
		for range s.Feed(p) {
			t.Fatal("answered twice")
		}
	}); n > 0 {
		t.Errorf("%v allocations for each read of a line that is skipped", n)
	}
}

// reference is the same contract on the whole input, in the plainest way.
func reference(max int, input string) []string {
	input = strings.ReplaceAll(input, "\r\n", "\n")
	input = strings.ReplaceAll(input, "\r", "\n")
	lines := strings.Split(input, "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	for i, text := range lines {
		if len(text) > max {
			lines[i] = tooLong
			continue
		}
		lines[i] = strings.TrimRight(text, space)
	}
	return lines
}

func FuzzSplitter(f *testing.F) {
	f.Add("a\r\nb\rc\n\r\rd", uint64(5))
	f.Add("123456789\r\n \u2028\xff\n", uint64(0b1011))
	f.Fuzz(func(t *testing.T, input string, cuts uint64) {
		const max = 8
		var reads []string
		start := 0
		for i := 1; i <= len(input); i++ {
			if i == len(input) || cuts>>(i%64)&1 == 1 {
				reads = append(reads, input[start:i])
				start = i
			}
		}
		got, want := slices.Concat(split(max, reads)...), reference(max, input)
		if !slices.Equal(got, want) {
			t.Errorf("%q\n got %q\nwant %q", reads, got, want)
		}
	})
}
