package specs

import "sync"

// Observations collects what the cases of a run have seen of rules that no
// single case can judge: they hold for everything that a server sends. The zero
// value is empty. It is safe for concurrent use and holds a bounded amount.
type Observations struct {
	mu   sync.Mutex
	list map[string][]Observation
}

// Observation is one thing that was seen.
type Observation struct {
	ID   string // the requirement whose case saw it
	Text string // what it was
}

// maxObservations is how many are kept of one rule: enough to see what it is about.
const maxObservations = 100

func (o *Observations) add(rule string, seen Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.list == nil {
		o.list = map[string][]Observation{}
	}
	if len(o.list[rule]) < maxObservations {
		o.list[rule] = append(o.list[rule], seen)
	}
}

func (o *Observations) of(rule string) []Observation {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Observation(nil), o.list[rule]...)
}
