package sandbox

import (
	"fmt"
	"strings"

	"conform/suites/target"
)

// Unready is a server that ran, and did not listen where it had to: the doing of
// whoever wrote it.
type Unready struct {
	Code    string   // ended-early, wrong-port, wrong-interface, or not-listening
	Message string   // a line
	Output  []string // the last lines that it wrote, escaped
}

// Codes of Unready.
const (
	EndedEarly     = "ended-early"
	WrongPort      = "wrong-port"
	WrongInterface = "wrong-interface"
	NotListening   = "not-listening"
)

func unready(code, message string, o target.Output) error {
	return &Unready{Code: code, Message: message, Output: o.LastLines(shownLines)}
}

func (u *Unready) Error() string {
	if len(u.Output) == 0 {
		return u.Message + "; it printed nothing"
	}
	return fmt.Sprintf("%s; its last output:\n    %s", u.Message, strings.Join(u.Output, "\n    "))
}
