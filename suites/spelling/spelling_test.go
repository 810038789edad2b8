package spelling

import "testing"

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"protocol", "protocol", 0}, {"protocl", "protocol", 1}, {"prootcol", "protocol", 1},
		{"dialects", "dialect", 1}, {"pool", "poll", 1}, {"ab", "ba", 1}, {"kitten", "sitting", 3},
	} {
		if got, back := Distance(c.a, c.b), Distance(c.b, c.a); got != c.want || back != c.want {
			t.Errorf("%q and %q are %d apart, and %d the other way, want %d", c.a, c.b, got, back, c.want)
		}
	}
}
