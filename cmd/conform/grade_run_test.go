package main

import (
	"testing"
	"time"
)

// The guess is of what most take, and owns up to those that are slower.
func TestTimeLeft(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		fresh, left  int
		last, now    time.Duration // since it began
		want, reason string
	}{
		{0, 12, 0, 3 * time.Second, "", "nothing is known"},
		{0, 12, 0, 20 * time.Second, "12 left, none for 20 s", "nothing comes"},
		{2, 10, time.Second, 2 * time.Second, "", "two say nothing of ten"},
		{6, 6, 12 * time.Second, 13 * time.Second, "~11 s left", "two seconds each, one of which is over"},
		{300, 900, 10 * time.Minute, 10 * time.Minute, "~30 min left", ""},
		{300, 9000, 10 * time.Minute, 10 * time.Minute, "~5 h 0 min left", ""},
		{11, 1, 11 * time.Second, 13 * time.Second, "", "the guess is over, and not by much"},
		{11, 1, 11 * time.Second, 71 * time.Second, "1 left, none for 1 min 0 s", "the last one is slow"},
		{12, 0, 12 * time.Second, 40 * time.Second, "", "it is over"},
	} {
		p := pace{began: began, last: began.Add(tc.last), fresh: tc.fresh, left: tc.left}
		if got := p.says(began.Add(tc.now)); got != tc.want {
			t.Errorf("%d done, %d left, after %s: %q, not %q: %s", tc.fresh, tc.left, tc.now, got, tc.want, tc.reason)
		}
	}
}
