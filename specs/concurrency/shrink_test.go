package concurrency

import (
	"math/rand/v2"
	"testing"

	"conform/specs"
)

// random is a schedule as one could be drawn, without the messages.
func random(r *rand.Rand) (steps []specs.Step) {
	type state struct{ message, from int }
	clients := make([]state, 3)
	for range 5 + r.IntN(20) {
		i := r.IntN(len(clients))
		s := &clients[i]
		switch {
		case s.from == 0 && r.IntN(5) == 0:
			steps = append(steps, specs.Step{Client: i + 1, Do: specs.Leaves})
		default:
			step := specs.Step{Client: i + 1, Do: specs.Sends, Message: s.message + 1, From: s.from, To: 10}
			if s.from < 8 && r.IntN(2) == 0 {
				step.To = s.from + 1 + r.IntN(8-s.from)
				s.from = step.To
			} else {
				*s = state{message: s.message + 1}
				step.Ends, step.Hears = true, r.IntN(2) == 0
			}
			steps = append(steps, step)
		}
	}
	return steps
}

// weight falls with everything that makes a schedule simpler.
func weight(steps []specs.Step) int {
	n := 2 * len(steps)
	for _, s := range steps {
		if s.Ends && !s.Hears {
			n++
		}
	}
	return n
}

// What is tried is smaller, so that shrinking ends, and is still a conversation:
// the pieces of a message are there from its beginning, in order, without a gap.
func TestWhatIsSmallerIsStillAConversation(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		steps := random(rand.New(rand.NewPCG(seed, 1)))
		for _, less := range smaller(steps) {
			if weight(less) >= weight(steps) || len(less) == 0 {
				t.Fatalf("seed %d: not smaller:\n%v\nof\n%v", seed, less, steps)
			}
			at := map[[2]int]int{}
			inside := map[int]int{} // the message that a client has begun
			for _, s := range less {
				if m, ok := inside[s.Client]; ok && m != s.Message {
					t.Fatalf("seed %d: message %d of client %d is not sent to its end:\n%v\nof\n%v", seed, m, s.Client, less, steps)
				}
				if inside[s.Client] = s.Message; s.Ends || s.Do != specs.Sends {
					delete(inside, s.Client)
				}
				if s.Do != specs.Sends {
					continue
				}
				if key := [2]int{s.Client, s.Message}; at[key] != s.From {
					t.Fatalf("seed %d: message %d of client %d goes on at %d, not at %d:\n%v\nof\n%v", seed, s.Message, s.Client, s.From, at[key], less, steps)
				} else {
					at[key] = s.To
				}
			}
		}
	}
}

// A failure that takes three steps is found among many.
func TestThreeStepsAreLeft(t *testing.T) {
	t.Parallel()
	// Client 1 is in the middle of a message while 2 leaves, and then goes on.
	fails := func(steps []specs.Step) bool {
		stage := 0
		for _, s := range steps {
			switch {
			case s.Client == 1 && s.Do == specs.Sends && !s.Ends:
				stage = 1
			case stage == 1 && s.Client == 2 && s.Do == specs.Leaves:
				stage = 2
			case stage == 2 && s.Client == 1 && s.Ends:
				return true
			case s.Client == 1 && s.Ends:
				stage = 0
			}
		}
		return false
	}
	found := 0
	for seed := range uint64(2000) {
		steps := random(rand.New(rand.NewPCG(seed, 2)))
		if !fails(steps) {
			continue
		}
		found++
		for again := true; again; {
			again = false
			for _, less := range smaller(steps) {
				if fails(less) {
					steps, again = less, true
					break
				}
			}
		}
		if len(steps) != 3 {
			t.Fatalf("seed %d: %d steps are left: %v", seed, len(steps), steps)
		}
	}
	if found < 20 {
		t.Fatalf("only %d schedules fail", found)
	}
}
