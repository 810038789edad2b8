package pid_test

import (
	"slices"
	"strings"
	"testing"

	"conform/impl/impltest"
	"conform/impl/pid"
)

func TestTheFirstReadIsAnswered(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 4000)
	for _, tt := range []struct {
		reads  []string
		end    bool
		answer string
	}{
		{nil, true, "4711: "},
		{[]string{"hello"}, false, "4711: hello"},
		{[]string{"hello\r\n"}, true, "4711: hello\r\n"},
		{[]string{"a", "bcd"}, false, "4711: a"},
		{[]string{"\x00\xff%s%d\n"}, false, "4711: \x00\xff%s%d\n"},
		{[]string{"quit"}, false, "4711: quit"},
		{[]string{long[:1024]}, false, "4711: " + long[:1024]},
		{[]string{long}, false, "4711: " + long[:1024]},
	} {
		got := impltest.Run(pid.New(4711), tt.reads, tt.end)
		if !got.Closed || !slices.Equal(got.Answers, []string{"", tt.answer}) {
			t.Errorf("%.40q: got %.40q, closed %v", tt.reads, got.Answers, got.Closed)
		}
	}
	if got := impltest.Run(pid.New(1), nil, false); got.Closed || got.Answers[0] != "" {
		t.Errorf("before a byte: %q, closed %v", got.Answers, got.Closed)
	}
}
