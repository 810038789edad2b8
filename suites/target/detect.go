package target

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"conform/specs/wire"
)

// Detection is what a first conversation showed.
type Detection struct {
	Protocol string // empty when it could not be told
	Evidence string // what it was recognised by: "greeted", "answered a question"
	Seen     string // everything that was sent and received, quoted
}

// Detect finds out what protocol a server speaks, with one connection that
// harms nobody: it listens, sends a line that every line protocol answers, says
// quit, without which some servers hang for ever, asks questions, a known one
// last, and sends the blank line that a web server waits for. patience is how
// long the last answer may take. Who has said nothing to all of that, and closes
// in answer to our end, is a sink: a server that is dead does not.
func Detect(ctx context.Context, d wire.Dialer, patience time.Duration) (Detection, error) {
	conn, err := d.Dial(ctx, wire.NewTranscript())
	if err != nil {
		return Detection{}, err
	}
	defer conn.Close()
	var all strings.Builder
	var seen []string
	listen := func(wait time.Duration) (text string, ended bool) {
		s := conn.Await(ctx, wait, func(unread []byte) bool { return len(unread) > 0 })
		if len(s.Unread) > 0 { // the rest of an answer is not far
			s = conn.Await(ctx, shortWait/4, func([]byte) bool { return false })
		}
		text = string(s.Unread)
		conn.Consume(len(s.Unread))
		all.WriteString(text)
		if text != "" {
			seen = append(seen, "it sent "+wire.Quote([]byte(text), 80))
		}
		if s.End != "" {
			seen = append(seen, "it ended with "+strings.ToUpper(string(s.End)))
		}
		return text, s.End != ""
	}
	greeting, ended := listen(shortWait)
	if greeting == "" && !ended {
		seen = append(seen, "no greeting")
	}
	var afterQuestion string
	asked := false
	for _, step := range []struct {
		message string
		wait    time.Duration
	}{{"1,2\r\n", shortWait}, {"quit\r\n", shortWait}, {"?", 3 * shortWait}, {"Beautiful is better than?", 3 * shortWait}, {"\r\n\r\n", shortWait}, {"", patience}} {
		if ended || afterQuestion != "" {
			break
		}
		if step.message != "" {
			seen = append(seen, "sent "+wire.Quote([]byte(step.message), 80))
			_ = conn.Send([]byte(step.message), patience)
			asked = asked || strings.HasSuffix(step.message, "?")
		}
		var text string
		if text, ended = listen(step.wait); asked {
			afterQuestion = text
		}
		if strings.HasPrefix(all.String(), "HTTP/") {
			break
		}
	}
	closesToo := false
	if !ended {
		_ = conn.HalfClose()
		wait := shortWait
		if all.Len() == 0 {
			wait *= 4
		}
		s := conn.Await(ctx, wait, func([]byte) bool { return false })
		if closesToo = s.End == wire.FIN && all.Len() == 0 && len(s.Unread) == 0; closesToo {
			seen = append(seen, "it ended with FIN when its client did")
		}
	}
	det := recognise(all.String(), greeting, afterQuestion)
	if det.Protocol == "" {
		conn.Close()
		if closesToo {
			patience /= 4 // who has just answered our end at once is not slow
		}
		det = askForUpgrade(ctx, d, patience, &seen)
	}
	if det.Protocol == "" && closesToo {
		det = Detection{Protocol: "sink", Evidence: "said nothing, and closed when its client did"}
	}
	det.Seen = strings.Join(seen, "; ")
	return det, nil
}

// askForUpgrade has an opening handshake on a connection of its own: a web
// server may have taken everything else for no HTTP, without a word.
func askForUpgrade(ctx context.Context, d wire.Dialer, patience time.Duration, seen *[]string) Detection {
	conn, err := d.Dial(ctx, wire.NewTranscript())
	if err != nil {
		return Detection{}
	}
	defer conn.Close()
	*seen = append(*seen, "sent an opening handshake")
	_ = conn.Send([]byte("GET / HTTP/1.1\r\nHost: "+d.Address+"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"), patience)
	s := conn.Await(ctx, patience, func(unread []byte) bool { return len(unread) >= len("HTTP/") })
	if len(s.Unread) > 0 {
		*seen = append(*seen, "it sent "+wire.Quote(s.Unread, 80))
	}
	return recognise(string(s.Unread), "", "")
}

// shortWait is enough for a server that is not slow. A slow one is recognised
// by the sum of what it has said in the end.
const shortWait = 120 * time.Millisecond

var pidAnswer = regexp.MustCompile(`^[0-9]+: 1,2`)

func recognise(all, greeting, afterQuestion string) Detection {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(strings.ToLower(all), p) {
				return true
			}
		}
		return false
	}
	switch {
	case strings.HasPrefix(all, "HTTP/"):
		return Detection{Protocol: "websocket", Evidence: "answered in HTTP"}
	case has("welcome: starting", "sum of input"):
		if greeting != "" {
			return Detection{Protocol: "calc", Evidence: "greeted"}
		}
		return Detection{Protocol: "calc", Evidence: "added numbers"}
	case has("echoed:"):
		return Detection{Protocol: "echo", Evidence: "echoed a line"}
	case has("aphorism", "ugly."):
		return Detection{Protocol: "zen", Evidence: "answered a question"}
	case pidAnswer.MatchString(all):
		return Detection{Protocol: "pid", Evidence: "answered with a number and the line"}
	case strings.HasPrefix(all, "1,2\r\n"):
		return Detection{Protocol: "raw", Evidence: "sent the bytes back"}
	case has("connection closed") && has("1,2"):
		return Detection{Protocol: "echo", Evidence: "repeated a line, and closed at quit"}
	case has("enter only integers"):
		return Detection{Protocol: "calc", Evidence: "asked for integers"}
	case all != "" && all == afterQuestion:
		return Detection{Protocol: "zen", Evidence: "spoke only after a question mark"}
	}
	return Detection{}
}

// Unrecognised is the error for a server whose protocol could not be told, or
// is none that can be tested.
func (d Detection) Unrecognised(known []string) error {
	if d.Protocol != "" {
		return fmt.Errorf("this looks like %s (it %s), which this version has no requirements for; if it is something else, name it with --protocol %s (seen: %s)",
			d.Protocol, d.Evidence, strings.Join(known, "|"), d.Seen)
	}
	return fmt.Errorf("the protocol could not be told; name it with --protocol %s (seen: %s)", strings.Join(known, "|"), d.Seen)
}
