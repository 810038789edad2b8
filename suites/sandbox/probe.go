package sandbox

// Report is what a machine can do for a box.
type Report struct {
	Schema string `json:"schema"`
	Tier   Tier   `json:"tier"` // the best there is
	Facts  []Fact `json:"facts"`
}

// Schema names the form of a Report as JSON.
const Schema = "conform.doctor/v1"

// Fact is one thing that a machine can or cannot do.
type Fact struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"` // such as a version
	Need   Tier   `json:"need,omitempty"`   // the tier that needs it; empty: it is used where it is there
	Why    string `json:"why,omitempty"`    // why not
	Fix    string `json:"fix,omitempty"`    // what the owner of the machine can do about it
}

// tierOf is the best tier that lacks nothing.
func tierOf(facts []Fact) Tier {
	best := Strict
	for _, f := range facts {
		if f.OK {
			continue
		}
		switch f.Need {
		case Namespaced:
			return Basic
		case Strict:
			best = Namespaced
		}
	}
	return best
}
