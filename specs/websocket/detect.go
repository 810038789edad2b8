package websocket

import (
	"errors"
	"strings"
	"time"

	"conform/specs"
	"conform/specs/websocket/frame"
)

// What can be seen of a target with one harmless exchange each, in the order of
// the dialects: each uses what the ones before have found.

// usualPaths are tried when nobody has named one.
var usualPaths = []string{"/", "/ws", "/echo", "/websocket", "/chat", "/socket"}

func detectPath(c *specs.Case) string {
	for _, p := range usualPaths {
		ws, a := try(c, func(r *request) { r.target = p })
		a.client.Leave()
		if ws != nil {
			return p
		}
		if a.reaction.reply.status == 0 {
			break // it is not the path that is wrong
		}
	}
	return "/"
}

// detectOpening tries the plain handshake once more before it takes a target for
// one that does not accept it: what it says blocks everything else.
func detectOpening(c *specs.Case) string {
	accepts := func() bool {
		ws, a := try(c)
		a.client.Leave()
		return ws != nil
	}
	if accepts() {
		return "standard"
	}
	other := "none"
	for _, p := range []string{path(c), "/chat"} {
		ws, a := try(c, func(r *request) {
			r.target = p
			for i, f := range r.fields {
				if f.name == "Sec-WebSocket-Key" {
					r.fields[i].name = "Sec-Websocket-Key"
				}
			}
		})
		a.client.Leave()
		if ws != nil {
			other = "tutorial-004"
			break
		}
	}
	if accepts() {
		return "standard"
	}
	return other
}

// detectEcho takes a server for an echo when what comes back resembles what was
// sent: one that garbles its echo is to be judged, one that answers in its own
// words is not. An echo may greet its clients first.
func detectEcho(c *specs.Case) string {
	if shut(c) != "" {
		return "no"
	}
	ws, a := try(c)
	if ws == nil {
		a.client.Leave()
		return "no"
	}
	greetings := 0
	for i, data := range []string{"is this an echo? " + c.Word(), "and this one, of another length? " + c.Word()} {
		ws.Text(data)
		for {
			ws.pump(c.Timing().Answer, func() bool { return len(ws.messages) > 0 || ws.close != nil })
			if len(ws.messages) == 0 {
				return "no"
			}
			m := ws.messages[0]
			ws.messages = ws.messages[1:]
			alike := len(m.data) == len(data) || common(m.data, data) >= 4
			if m.is(frame.Text, data) || alike && greetings == 0 {
				break
			}
			if greetings++; i > 0 || greetings > mostGreetings {
				return "no"
			}
		}
	}
	for range greetings {
		c.Tally(seenGreeting, "a message that comes unasked")
	}
	return "yes"
}

// mostGreetings is how many messages a server may send before its first answer.
const mostGreetings = 3

func detectPong(c *specs.Case) string {
	if shut(c) != "" {
		return "no"
	}
	ws, a := try(c)
	if ws == nil {
		a.client.Leave()
		return "no"
	}
	ws.Send(frame.New(frame.Ping, "are you there?"))
	patience := c.Timing().Answer
	if !isEcho(c) {
		patience *= 3 // before everything that needs an answer is given up
	}
	ws.pump(patience, func() bool { return len(ws.pongs) > 0 || ws.close != nil })
	if len(ws.pongs) == 0 {
		return "no"
	}
	return "yes"
}

func validDuration(v string) error {
	if d, err := time.ParseDuration(v); err != nil || d <= 0 || d > time.Hour {
		return errors.New("write a duration, as in 10s")
	}
	return nil
}

func validKeepalive(v string) error {
	interval, timeout, ok := strings.Cut(v, ",")
	if !ok || validDuration(interval) != nil || validDuration(timeout) != nil {
		return errors.New("write two durations, as in 20s,20s")
	}
	return nil
}

// duration is the value of a dialect that is one; 0 when it is not declared.
func duration(c *specs.Case, key string) time.Duration {
	d, _ := time.ParseDuration(c.Dialect(key))
	return d
}
