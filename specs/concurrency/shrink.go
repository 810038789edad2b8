package concurrency

import (
	"slices"
	"time"

	"conform/specs"
)

// shrinker makes a schedule that fails smaller. It takes away whole clients and
// whole messages before it looks at single segments, so that what is left is
// still a conversation; a library that shrinks without knowing what the steps
// mean tries many more schedules, and each costs a look at a server.
type shrinker struct {
	explorer
	number int
	end    time.Time // from when on the smallest so far will do
	often  int       // how often a schedule is played before it is held to pass
}

// shrunk is a schedule that has failed in some of the runs of it.
type shrunk struct {
	steps        []specs.Step
	failed, runs int
	rare         bool // it does not fail each time
}

func (s shrinker) shrink(found attempt) shrunk {
	best := shrunk{steps: found.steps}
	for best.failed < 3 && best.runs < mostRuns && s.serves() {
		if best.runs++; s.run(s.number, slices.Clone(best.steps), settled).failed() {
			best.failed++
		}
	}
	if best.failed == 0 {
		return best
	}
	if best.rare = best.failed < best.runs; best.rare {
		s.end = s.end.Add(2 * mostShrinking) // each of them has to be played again and again
	}
	s.often = tries(best.failed, best.runs)
	candidates := smaller(best.steps)
	for i, vain := 0, 0; vain < len(candidates); i++ {
		i %= len(candidates)
		next, failed, runs := s.fails(candidates[i])
		switch {
		case failed && s.serves():
			best, vain = shrunk{next, 1, runs, best.rare || runs > 1}, 0
			// What is smaller fails less often, where it does not always.
			s.often = max(s.often, tries(1, runs))
			candidates = smaller(best.steps)
			i-- // what is there now has not been tried
		case failed || s.c.Over() || time.Now().After(s.end):
			return best
		default:
			vain++
		}
	}
	return best
}

// serves says whether the server has survived what was done to it.
func (s shrinker) serves() bool {
	if s.c.Over() || time.Now().After(s.end) {
		return false
	}
	hello := s.c.Try(0, 1, func(c *specs.Case) { s.m.ask(c, s.m.dial(c), 0, 0) })
	return hello.Verdict == specs.Pass || hello.Verdict == specs.Info
}

// fails plays a schedule, and returns what it has come to where it fails.
func (s shrinker) fails(steps []specs.Step) (played []specs.Step, failed bool, runs int) {
	for runs = 1; runs <= s.often && !s.c.Over(); runs++ {
		if a := s.run(s.number, slices.Clone(steps), settled); a.failed() {
			return a.done(), true, runs
		}
	}
	return nil, false, runs
}

// smaller are the schedules that are a little smaller than one, those that are
// much smaller first.
func smaller(steps []specs.Step) (all [][]specs.Step) {
	without := func(drop func(i int, s specs.Step) bool) {
		var rest []specs.Step
		for i, s := range steps {
			if !drop(i, s) {
				rest = append(rest, s)
			}
		}
		if n := len(rest); n > 0 && n < len(steps) {
			all = append(all, rest)
		}
	}
	clients := map[int]bool{}
	for _, s := range steps {
		if !clients[s.Client] {
			clients[s.Client] = true
			without(func(_ int, other specs.Step) bool { return other.Client == s.Client })
		}
	}
	// A unit is a whole message, or a step that sends nothing.
	unit, units := make([]int, len(steps)), 0
	for i, s := range steps {
		first := slices.IndexFunc(steps, func(other specs.Step) bool {
			return s.Do == specs.Sends && other.Do == s.Do && other.Client == s.Client && other.Message == s.Message
		})
		if first >= 0 && first < i {
			unit[i] = unit[first]
			continue
		}
		unit[i] = units
		units++
	}
	for size := units / 2; size > 0; size /= 2 {
		for from := units - size; from > -size; from -= size { // what comes last is most often not needed
			without(func(i int, _ specs.Step) bool { return unit[i] >= from && unit[i] < from+size })
		}
	}
	nextPiece := func(i int) int { // i itself if there is none
		return i + 1 + slices.IndexFunc(steps[i+1:], func(other specs.Step) bool {
			return other.Do == specs.Sends && other.Client == steps[i].Client && other.Message == steps[i].Message
		})
	}
	for i, s := range steps {
		next := nextPiece(i)
		if s.Do != specs.Sends || next == i {
			continue
		}
		// The message in one piece less, sent with the later one or the earlier.
		joined := steps[next]
		joined.From = s.From
		for _, at := range []int{next, i} {
			less := slices.Clone(steps)
			less[at] = joined
			all = append(all, slices.Delete(less, next+i-at, next+i-at+1))
		}
		if nextPiece(next) == next {
			without(func(k int, _ specs.Step) bool { return k == next }) // or not to its end
		}
	}
	for i, s := range steps {
		if s.Ends && !s.Hears {
			heard := slices.Clone(steps)
			heard[i].Hears = true
			all = append(all, heard)
		}
	}
	return slices.DeleteFunc(all, func(steps []specs.Step) bool { return !possible(steps) })
}

// possible says whether a client that is inside a message goes on with it, unless
// it vanishes: otherwise no server could give the answers that are expected.
func possible(steps []specs.Step) bool {
	begun := map[int]int{} // a client's message that has no end yet
	for _, s := range steps {
		message, inside := begun[s.Client]
		switch {
		case s.Do == specs.Closes || s.Do == specs.Resets:
			delete(begun, s.Client)
		case inside && (s.Do != specs.Sends || s.Message != message):
			return false
		case s.Ends:
			delete(begun, s.Client)
		case s.Do == specs.Sends:
			begun[s.Client] = s.Message
		}
	}
	return true
}
