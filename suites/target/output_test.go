package target

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func TestRecorderKeepsHeadAndTail(t *testing.T) {
	t.Parallel()
	all := make([]byte, 100_003)
	for i := range all {
		all[i] = byte(i % 251)
	}
	// Every way to cut the stream into writes keeps the same bytes.
	for _, total := range []int{0, 1, headSize, headSize + 1, headSize + tailSize, headSize + tailSize + 1, len(all)} {
		for _, chunk := range []int{1, 7, 4096, tailSize, tailSize + 1, 70_000, len(all)} {
			o := NewRecorder()
			for rest := all[:total]; len(rest) > 0; {
				n := min(chunk, len(rest))
				o.write(rest[:n])
				rest = rest[n:]
			}
			got := o.Output()
			head := min(total, headSize)
			tail := min(total-head, tailSize)
			if !bytes.Equal(got.Head, all[:head]) || !bytes.Equal(got.Tail, all[total-tail:total]) ||
				got.Dropped != int64(total-head-tail) {
				t.Errorf("%d bytes in writes of %d: head %d, tail %d, dropped %d", total, chunk, len(got.Head), len(got.Tail), got.Dropped)
			}
		}
	}
}

func TestLastLines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		out  Output
		n    int
		want []string
	}{
		{Output{}, 3, nil},
		{Output{Head: []byte("\n\n")}, 3, nil},
		{Output{Head: []byte("a\r\n\nb \"q\"\nc")}, 2, []string{`b "q"`, "c"}},
		{Output{Head: []byte("a\nb"), Tail: []byte("c\nd\n")}, 9, []string{"a", "bc", "d"}},
		{Output{Head: []byte("a\nb"), Tail: []byte("c\nd\n"), Dropped: 1}, 9, []string{"c", "d"}},
		{Output{Head: []byte("\x1b[2J\x00\u202e\xff\\x1b é")}, 1, []string{`\x1b[2J\x00\u202e\xff\\x1b é`}},
		{Output{Head: []byte(strings.Repeat("a", 199) + "é")}, 1, []string{strings.Repeat("a", 199) + "…"}},
		{Output{Head: []byte(strings.Repeat("a", 201))}, 1, []string{strings.Repeat("a", 200) + "…"}},
	} {
		if got := test.out.LastLines(test.n); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%+v: got %q, want %q", test.out, got, test.want)
		}
	}
}

// Two outputs one after the other are what one recorder would have kept.
func TestOutputThen(t *testing.T) {
	t.Parallel()
	record := func(texts ...string) Output {
		o := NewRecorder()
		for _, text := range texts {
			o.write([]byte(text))
		}
		return o.Output()
	}
	long := strings.Repeat("0123456789", headSize/4)
	for _, pair := range [][2]string{{"", ""}, {"first\n", ""}, {"", "second\n"}, {"first\n", "second\n"}, {long, "second\n"}, {"first\n", long}} {
		got, want := record(pair[0]).Then(record(pair[1])), record(pair[0], pair[1])
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%.10q (%d), then %.10q (%d): head %d, tail %d, dropped %d; want %d, %d, %d", pair[0], len(pair[0]), pair[1], len(pair[1]),
				len(got.Head), len(got.Tail), got.Dropped, len(want.Head), len(want.Tail), want.Dropped)
		}
	}
}
