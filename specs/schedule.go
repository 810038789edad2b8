package specs

import (
	"fmt"
	"time"
)

// Schedule is an interleaving of several clients: what each of them does, one
// step after the other. It is what a random exploration has found, made as
// small as it gets.
type Schedule struct {
	// Number says which of the schedules that follow from a seed it was made
	// from. The messages of its clients follow from the two.
	Number int    `json:"number"`
	Steps  []Step `json:"steps"`
	// Whole says that no message was cut into segments.
	Whole bool `json:"whole,omitempty"`
	// Then says that it failed in what follows all steps: the answers that are
	// due are heard, and a new client is served.
	Then bool `json:"then,omitempty"`
	// Found is how many steps it had when it was found.
	Found int `json:"found"`
	// Failed is in how many of Runs it has failed, as it is here.
	Failed int `json:"failed"`
	Runs   int `json:"runs"`
}

// Tally says how it was found, and how often it fails if that is not each time.
func (s Schedule) Tally() string {
	text := fmt.Sprintf("made from one with %d steps", s.Found)
	if s.Found == len(s.Steps) {
		text = "as it was found"
	}
	if s.Failed < s.Runs {
		text += fmt.Sprintf("; it failed in %d of %d runs", s.Failed, s.Runs)
	}
	return text
}

// Step is one thing that one client does.
type Step struct {
	Client int    `json:"client"` // from 1
	Do     Action `json:"do"`
	// Message is which of the client's messages is sent, from 1, and From and To
	// which bytes of it, in one segment.
	Message int `json:"message,omitempty"`
	From    int `json:"from,omitempty"`
	To      int `json:"to,omitempty"`
	// Ends says that these are the last bytes of the message.
	Ends bool `json:"ends,omitempty"`
	// Hears says that the answer to the message is waited for before the next
	// step; otherwise that is done before the client's own next step, or at the
	// end.
	Hears bool   `json:"hears,omitempty"`
	Text  string `json:"text,omitempty"` // the bytes, quoted
}

// Action is what a client does in a step.
type Action string

const (
	Connects Action = "connects" // and says nothing yet
	Sends    Action = "sends"    // and connects before it, if it is not connected
	Leaves   Action = "leaves"   // by the protocol's own door, when it has heard what is due
	Closes   Action = "closes"   // without a word, whatever is due
	Resets   Action = "resets"   // likewise, with an RST
)

func (s Step) String() string {
	text := fmt.Sprintf("client %d %s", s.Client, s.Do)
	if s.Do == Sends {
		text += " " + s.Text
		if !s.Ends {
			text += " …"
		}
	}
	if s.Hears {
		text += " and hears the answer"
	}
	return text
}

// Exploration says how much is explored.
type Exploration struct {
	// For is how long a requirement may go on with new schedules; 0 is a small
	// fixed number of them, so that the same seed means the same run.
	For time.Duration
	// Again holds schedules that are played again instead, by the ID of their
	// requirement.
	Again map[string]Schedule
}
