// Package websocket is the standard of WebSocket servers in executable form:
// RFC 6455 and RFC 7692 (permessage-deflate), with what RFC 9110 and RFC 9112
// ask of the opening handshake. One file is one section.
//
// What a requirement is written in stands in request.go (opening handshakes),
// conn.go (what a client does after it) and outcome.go (what a server may do).
// Package frame writes the frames. The server's application is taken to be an
// echo; a server without one is judged on everything that needs none.
package websocket

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"conform/fixtures"
	"conform/specs"
)

//go:embed intro.md
var intro string

// Protocol returns the standard, in the order of RFC 6455.
func Protocol() specs.Protocol {
	return specs.Protocol{
		Name:   "websocket",
		Source: "RFC 6455 and RFC 7692",
		Intro:  intro,
		Stages: stages(),
		Sections: []specs.Section{
			{Name: "handshake", Title: "Opening handshake", Specs: slices.Concat(handshake(), handshakeRefusals(), handshakeGrammar(), handshakeSubprotocols())},
			{Name: "masking", Title: "Masking", Specs: masking()},
			{Name: "framing", Title: "Frames and lengths", Specs: framing()},
			{Name: "fragmentation", Title: "Fragmentation", Specs: fragmentation()},
			{Name: "control", Title: "Ping and Pong", Specs: control()},
			{Name: "text", Title: "Text is UTF-8", Specs: textMessages()},
			{Name: "closing", Title: "Closing handshake and failed connections", Specs: closing()},
			{Name: "extensions", Title: "Negotiation of extensions", Specs: extensions()},
			{Name: "deflate", Title: "permessage-deflate", Specs: deflate()},
			{Name: "limits", Title: "Limits and load", Specs: limits()},
			{Name: "security", Title: "Security", Specs: security()},
			{Name: "concurrency", Title: "Several clients at once", Specs: concurrent()},
		},
		Dialects: dialects(),
		Rows:     rows(), Untestable: untestable(), Unseen: unseen(),
		Hello:    served,
		Question: question,
		Leave:    leave,
		Shut:     barred,
		Mute:     mute,
		Abreast:  true,
		Scale:    scale,
	}
}

// served is the opening handshake, and a Ping or a message that is answered.
func served(cl *specs.Client) {
	ws, a := converse(cl, hello(cl.Case()))
	if ws == nil {
		judge(cl, "an opening handshake", a.reaction, []outcome{accepted()})
	}
	if pings(cl.Case()) || isEcho(cl.Case()) {
		ws.Stays()
	}
}

// question is an opening handshake on a new connection, and a Ping after it.
func question(cl *specs.Client) string {
	if cl.Session == nil {
		cl.Session = &asked{}
		return hello(cl.Case()).String()
	}
	return "\x89\x80\x00\x00\x00\x00" // an empty Ping, masked with a key of zeros
}

// asked is the session of a client that only wants to know whether it is served.
type asked struct{}

func (*asked) LeftOver() {}

// leave ends a connection with a Close frame, after the opening handshake.
func leave(cl *specs.Client) {
	switch ws := cl.Session.(type) {
	case nil:
		return // there is no door to an opening handshake
	case *conn:
		if !ws.closing {
			cl.Offer(goodbye)
		}
	case *asked:
		cl.Offer(goodbye)
	}
	cl.AwaitEnd(cl.Timing().Leave)
}

// goodbye is CLOSE 1000, masked with a key of zeros.
const goodbye = "\x88\x82\x00\x00\x00\x00\x03\xe8"

// dialects are the facts about a target that change what can be asked of it.
func dialects() []specs.Dialect {
	return []specs.Dialect{
		{Key: "path", Values: []string{"/PATH"}, Valid: validPath, Detect: detectPath,
			Text: "the path that WebSocket is spoken at; a ws:// address names it too"},
		{Key: "opening", Values: []string{"standard", "tutorial-004", "none"}, Detect: detectOpening,
			Text: "how the names of an opening handshake have to be spelt to be accepted: in any way, or Sec-Websocket-Key as tutorial 004 does"},
		{Key: "echo", Values: []string{"yes", "no"}, Detect: detectEcho,
			Text: "whether a message comes back as it was sent"},
		{Key: "pong", Values: []string{"yes", "no"}, Detect: detectPong,
			Text: "whether Pings are answered, which shows that a connection is still served"},
		{Key: "subprotocol", Values: []string{"NAME"}, Valid: validToken,
			Text: "a subprotocol that the server supports"},
		{Key: "unserved-path", Values: []string{"/PATH"}, Valid: validPath,
			Text: "a path at which WebSocket is not spoken"},
		{Key: "max-message", Values: []string{"BYTES"}, Valid: validSize,
			Text: "the largest message that the server takes, after reassembly and inflation"},
		{Key: "utf8", Values: []string{"enforced", "delegated"},
			Text: "whether the server itself refuses text that is no UTF-8, or leaves that to the application"},
		{Key: "origin", Values: []string{"any", "checked"},
			Text: "whether handshakes from foreign origins are refused"},
		{Key: "credentials", Values: []string{"USER:PASSWORD"}, Valid: validCredentials,
			Text: "what the server wants in Authorization, by the Basic scheme"},
		{Key: "close-trigger", Values: []string{"TEXT"}, Valid: notEmpty,
			Text: "a text message that makes the server begin a closing handshake"},
		{Key: "keepalive", Values: []string{"INTERVAL,TIMEOUT"}, Valid: validKeepalive,
			Text: "how often the server sends Pings, and how long it waits for the Pong, as in 20s,20s"},
		{Key: "handshake-timeout", Values: []string{"DURATION"}, Valid: validDuration,
			Text: "how long the server waits for an opening handshake, as in 10s"},
		{Key: "edition", Values: fixtures.CloseCodeEditions,
			Text: "the edition of the registry of close codes that a server is judged by"},
	}
}

func validPath(v string) error {
	if !strings.HasPrefix(v, "/") || strings.ContainsAny(v, " #\r\n\t") {
		return errors.New("write a path that begins with /, as in /chat")
	}
	return nil
}

func validToken(v string) error {
	if v == "" || strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~") != "" {
		return errors.New("write a token of RFC 9110, as in chat")
	}
	return nil
}

func validSize(v string) error {
	if n, err := strconv.Atoi(v); err != nil || n < 1 || n > 1<<30 {
		return errors.New("write a number of bytes from 1 to 1073741824, as in 1048576")
	}
	return nil
}

func validCredentials(v string) error {
	if user, _, ok := strings.Cut(v, ":"); !ok || user == "" {
		return errors.New("write USER:PASSWORD")
	}
	return nil
}

func notEmpty(v string) error {
	if v == "" {
		return errors.New("write a text")
	}
	return nil
}

// maxMessage is the declared limit of a message in bytes; 0 when there is none.
func maxMessage(c *specs.Case) int {
	n, _ := strconv.Atoi(c.Dialect("max-message"))
	return n
}

// registered says whether the edition of the registry in force has a close code
// that may be sent.
func registered(c *specs.Case, code int) bool {
	edition := c.Dialect("edition")
	if edition == "" {
		edition = fixtures.CloseCodeEditions[len(fixtures.CloseCodeEditions)-1]
	}
	return slices.ContainsFunc(fixtures.CloseCodes, func(e fixtures.CloseCode) bool {
		return e.Code == code && !e.Local && e.Edition <= edition
	})
}

func plural(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
