package sink_test

import (
	"strings"
	"testing"

	"conform/impl/impltest"
	"conform/impl/sink"
)

func TestNothingIsSaid(t *testing.T) {
	t.Parallel()
	for _, input := range []string{"", "hello\r\n", "quit\r\n", "\x00\xff", "Beautiful is better than?", strings.Repeat("x", 500)} {
		for reads := range impltest.Chunkings(input) {
			if got := impltest.Run(sink.New(), reads, false); got.Closed || strings.Join(got.Answers, "") != "" {
				t.Errorf("%.40q: got %.40q, closed %v", reads, got.Answers, got.Closed)
			}
			if got := impltest.Run(sink.New(), reads, true); !got.Closed || strings.Join(got.Answers, "") != "" {
				t.Errorf("%.40q and FIN: got %.40q, closed %v", reads, got.Answers, got.Closed)
			}
		}
	}
}
