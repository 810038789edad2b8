package report

import (
	"fmt"
	"math"
	"net"
	"regexp"
	"slices"
	"strings"

	"conform/specs"
	"conform/specs/wire"
)

// Recipe is a command for a POSIX shell that sends a target the bytes of a
// requirement without conform, and shows what comes back. It is one line of
// printable ASCII.
type Recipe struct {
	Command string `json:"command"`
	Note    string `json:"note,omitempty"` // what it needs, or how its end is to be read
}

// Endpoint is where a recipe sends to.
type Endpoint struct {
	Network string // tcp, udp, unix or unixgram
	Address string // host:port, or a path
	TLS     bool
	Started bool // by conform: the port is another one when a person starts it
}

const (
	maxRecipe     = 2000 // characters: what a person still pastes
	maxRecipeSent = 40   // sends
	maxRecipeRuns = 4    // connections, one after the other
	// recipeKept is how much of a transcript may have been recorded before it is
	// possible that sends were merged; see wire.Transcript.
	recipeKept = 128 << 10
	// shortestPause, in seconds, is how long a recipe waits at least where the
	// kit waited at all: what starts a process for each write needs more than
	// the few milliseconds of the kit.
	shortestPause = 0.1
	longestPause  = 20.0
	together      = 1.0 // ms: sends that lie no further apart are one burst
)

// NewRecipe makes a recipe from what happened until a requirement failed, or
// says that there is none: where several clients are needed at once, a
// connection is reset, bytes were not kept, or no program that is everywhere
// can do or show what matters, part of the truth would only mislead.
func NewRecipe(events []Event, code specs.Code, at Endpoint) *Recipe {
	switch code {
	case specs.ResetNotFIN, specs.FINNotReset, specs.WrongSource, specs.Flood, specs.ConnectFailed, specs.TooFewServed, specs.KitFault, specs.OutOfTime, specs.Interrupted, specs.TargetDied:
		return nil // nc does not tell a reset from an end, and the others are no matter of bytes
	}
	runs, ok := recipeRuns(events)
	if !ok {
		return nil
	}
	var commands []string
	seconds, half := 0, false
	for _, run := range runs {
		client, quiet, ok := recipeClient(run, at)
		if !ok {
			return nil
		}
		seconds, half = quiet, half || run.half
		writes := run.writes(at)
		input := writes[0]
		if len(writes) > 1 {
			input = "{ " + strings.Join(writes, "; ") + "; }"
		}
		commands = append(commands, input+" | "+client+" | "+run.shows())
	}
	r := &Recipe{Command: strings.Join(commands, "; ")}
	if len(r.Command) > maxRecipe {
		return nil
	}
	var notes []string
	switch {
	case half:
		notes = append(notes, "-N ends the client's side: OpenBSD's nc needs it, ncat and that of macOS do so without it")
	case strings.HasPrefix(at.Network, "unix"):
		notes = append(notes, "-U needs OpenBSD's nc or ncat")
	}
	if at.Started {
		notes = append(notes, "start the server yourself, and set PORT to its port")
	}
	if code == specs.NotClosed || code == specs.NoAnswer || code == specs.ClosedEarly {
		if at.TLS {
			notes = append(notes, "what the server keeps open ends when the input does")
		} else {
			notes = append(notes, fmt.Sprintf("what the server keeps open ends after %d s of silence", seconds))
		}
	}
	r.Note = strings.Join(notes, "; ")
	return r
}

// recipeRun is what one connection sent until the failure.
type recipeRun struct {
	sent   []Event
	pauses []float64 // in seconds, before each of them and after the last
	half   bool      // the client's side was ended behind the last
	ended  bool
	binary bool // something that is not text was sent or came
}

// recipeRuns sorts a transcript by connections; ok is false where it cannot be
// played by one client after the other.
func recipeRuns(events []Event) (runs []*recipeRun, ok bool) {
	kept := 0
	byConn := map[int]*recipeRun{}
	last := map[int]float64{}    // when the connection last did something, in ms
	answered := map[int]bool{}   // something came since
	open := func() (open bool) { // some connection is not at its end
		for _, run := range byConn {
			open = open || !run.ended
		}
		return open
	}
	for _, e := range events {
		kept += len(e.Head) + len(e.Tail)
		if kept > recipeKept {
			return nil, false
		}
		kind := wire.Kind(e.Event)
		if kind == wire.Connected {
			if open() || byConn[e.Conn] != nil || len(runs) == maxRecipeRuns {
				return nil, false
			}
			byConn[e.Conn] = &recipeRun{}
			runs = append(runs, byConn[e.Conn])
			last[e.Conn] = e.AtMS
			continue
		}
		run := byConn[e.Conn]
		if run == nil {
			if kind == wire.Note || kind == wire.Expected || kind == wire.Decoded {
				continue
			}
			return nil, false
		}
		switch kind {
		case wire.Sent:
			// Nothing can be sent behind an end, and an empty write is none.
			if run.ended || run.half || e.Size == 0 || e.Size != int64(len(e.Head)+len(e.Tail)) || len(run.sent) == maxRecipeSent {
				return nil, false
			}
			run.pauses = append(run.pauses, pauseBetween(last[e.Conn], e.AtMS, answered[e.Conn]))
			run.sent = append(run.sent, e)
			run.binary = run.binary || !isText(e.Head) || !isText(e.Tail)
			last[e.Conn], answered[e.Conn] = e.AtMS, false
		case wire.Received:
			answered[e.Conn] = true
			run.binary = run.binary || !isText(e.Head) || !isText(e.Tail)
		case wire.HalfClosed:
			if pauseBetween(last[e.Conn], e.AtMS, answered[e.Conn]) > 0 && len(run.sent) > 0 {
				run.pauses = append(run.pauses, pauseBetween(last[e.Conn], e.AtMS, answered[e.Conn]))
			}
			run.half, last[e.Conn] = true, e.AtMS
		case wire.Closed:
			run.ended = true
		case wire.WasReset, wire.ConnectFailed, wire.Stray:
			return nil, false
		}
	}
	for _, run := range runs {
		for _, p := range run.pauses {
			if math.IsNaN(p) || p > longestPause {
				return nil, false
			}
		}
	}
	return runs, len(runs) > 0
}

// pauseBetween is how long a recipe waits between two doings of a client.
func pauseBetween(from, to float64, answered bool) float64 {
	passed := to - from
	if !(passed > together) && !answered {
		return 0
	}
	return max(shortestPause, math.Ceil(passed/100)/10)
}

// writes are the commands that write what a client sends, with pauses.
func (run *recipeRun) writes(at Endpoint) []string {
	var all []string
	wait := func(seconds float64) {
		if seconds > 0 {
			all = append(all, fmt.Sprintf("sleep %.4g", seconds))
		}
	}
	datagrams := at.Network == "udp" || at.Network == "unixgram"
	for i, e := range run.sent {
		pause := run.pauses[i]
		if i == 0 && pause <= 2*shortestPause {
			pause = 0 // it takes a while to connect, that is all
		}
		if i > 0 && datagrams {
			pause = max(pause, shortestPause) // or two would be one
		}
		wait(pause)
		all = append(all, printfOf(slices.Concat(e.Head, e.Tail)))
	}
	switch {
	case !run.half:
		wait(1) // in which an answer comes; without it, some end with their input
	case len(run.pauses) > len(run.sent):
		wait(run.pauses[len(run.sent)])
	}
	if len(all) == 0 {
		all = append(all, ":")
	}
	return all
}

// shows is the command that shows what comes: whatever it is, it does nothing to
// a terminal.
func (run *recipeRun) shows() string {
	if run.binary {
		return "od -t x1 -t c"
	}
	return "cat -vet"
}

func isText(p []byte) bool {
	for _, c := range p {
		if (c < 0x20 || c > 0x7e) && c != '\r' && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// hostName is what may stand bare on a command line, and is no option.
var hostName = regexp.MustCompile(`^[A-Za-z0-9:][A-Za-z0-9._:%-]*$`)

// recipeClient is the command that connects. quiet is after how many seconds
// without a byte it ends by itself.
func recipeClient(run *recipeRun, at Endpoint) (command string, quiet int, ok bool) {
	longest := 1.0
	for _, p := range run.pauses {
		longest = max(longest, p)
	}
	quiet = int(math.Ceil(longest)) + 1
	flags := fmt.Sprintf(" -w %d", quiet)
	if run.half {
		flags = " -N" + flags
	}
	if at.Network == "unix" || at.Network == "unixgram" {
		if at.TLS || at.Started || !strings.ContainsAny(at.Address[:min(1, len(at.Address))], "/.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") || !isText([]byte(at.Address)) || strings.ContainsAny(at.Address, "\r\n\t#!") {
			return "", 0, false // an abstract socket, or a name that better stays where it is
		}
		if at.Network == "unixgram" {
			flags = " -u" + flags
		}
		return "nc -U" + flags + " " + singleQuoted(at.Address), quiet, true
	}
	host, port, err := net.SplitHostPort(at.Address)
	if err != nil || !hostName.MatchString(host) || !regexp.MustCompile(`^[0-9]{1,5}$`).MatchString(port) {
		return "", 0, false
	}
	if at.Started {
		port = `"${PORT:?where it listens}"`
	}
	switch {
	case at.TLS && (run.half || at.Network != "tcp" || slices.ContainsFunc(run.sent, commandOfOpenSSL)):
		return "", 0, false // it cannot end one side only
	case at.TLS:
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return "openssl s_client -quiet -no_ign_eof -verify_quiet -connect " + host + ":" + port, quiet, true
	case at.Network == "udp" && run.half:
		return "", 0, false
	case at.Network == "udp":
		flags = " -u" + flags
	case at.Network != "tcp":
		return "", 0, false
	}
	return "nc" + flags + " " + host + " " + port, quiet, true
}

// commandOfOpenSSL says whether openssl would obey what is sent: it takes some
// letters at the start of a read for commands of its user.
func commandOfOpenSSL(e Event) bool {
	first := slices.Concat(e.Head, e.Tail)[0]
	return strings.IndexByte("QRBCKk", first) >= 0
}

// printfOf is the command that writes bytes. Only what means nothing to any
// shell, to printf or to whatever shows the command stands as it is.
func printfOf(p []byte) string {
	var b strings.Builder
	b.WriteString("printf '")
	for i, c := range p {
		switch {
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '%':
			b.WriteString("%%")
		case c == '-' && i == 0, c < 0x20, c > 0x7e, strings.IndexByte(`'\!#`, c) >= 0:
			fmt.Fprintf(&b, `\%03o`, c) // three digits: the next byte may be one
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// singleQuoted is an argument that a shell takes as it is.
func singleQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
