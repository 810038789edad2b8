package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// act is something that a client does, or hears. It connects when it first
// does something.
type act struct {
	who, does, text string
}

func says(who, text string) act  { return act{who, "says", text} }
func hears(who, text string) act { return act{who, "hears", text} } // no step, but what must come of the others
func connects(who string) act    { return act{who, "connects", ""} }
func leaves(who string) act      { return act{who, "leaves", ""} }
func closes(who string) act      { return act{who, "closes", ""} }
func resets(who string) act      { return act{who, "resets", ""} }

// schedules are the shortest in which the faults of order show.
func schedules() map[string][]act {
	const unknown = "Error: unknown aphorism."
	var (
		hello, hello2 = client(wsText, "hello"), client(wsText, "and hello")
		sum           = func(n string) string { return "Sum of input integers: '" + n + "'\r\n" }
		echoed        = func(s string) string { return "Echoed: '" + s + "'\r\n" }
	)
	return map[string][]act{
		"zen/first-half-in-the-table": {says("A", "Beautiful is "), says("B", "Simple is "), says("B", "better than?"), hears("B", "Complex.")},
		"zen/last-takes-the-place": {says("A", "?"), hears("A", unknown), says("B", "Simple is "), leaves("A"),
			says("B", "better than?"), hears("B", "Complex.")},
		"zen/second-piece-forgotten": {says("A", "Simple "), says("B", "?"), hears("B", unknown), says("A", "is "), says("A", "better than?"), hears("A", "Complex.")},
		"zen/asked-for-both":         {says("A", "Simple "), says("B", "Simple is better than?"), hears("B", "Complex."), says("A", "is better than?"), hears("A", "Complex.")},
		"zen/same-question-due": {says("C", "Simple "), says("A", "Beautiful is better than?"), says("B", "Beautiful is better than?"),
			hears("A", "Ugly."), hears("B", "Ugly.")},
		"zen/newcomer-takes-answer": {says("C", "Simple "), says("A", "Beautiful is better than?"), connects("B"), hears("A", "Ugly.")},
		"zen/place-taken-over":      {connects("B"), says("A", "Simple "), leaves("B"), connects("C"), says("A", "is better than?"), hears("A", "Complex.")},
		"zen/lost-once-in-fifty": {says("A", "Simple "), says("B", "?"), hears("B", unknown), says("A", "is better than?"), hears("A", "Complex."),
			leaves("A"), leaves("B")},
		"zen/vanishing-clears-all": {says("A", "Beautiful "), says("B", "Simple "), closes("A"), says("B", "is better than?"), hears("B", "Complex.")},

		"echo/place-by-count": {says("A", "a\r\n"), hears("A", echoed("a")), says("B", "be"), leaves("A"), connects("C"),
			says("B", "gun\r\n"), hears("B", echoed("begun"))},
		"echo/interrupted-twice": {says("A", "one, "), says("B", "b"), says("A", "two, "), says("B", "\r\n"), hears("B", echoed("b")),
			says("A", "three\r\n"), hears("A", echoed("one, two, three"))},
		"echo/silent-newcomer-answered": {says("A", "be"), connects("B"), says("A", "gun\r\n"), hears("A", echoed("begun"))},
		"echo/quit-drops-answers-due":   {connects("B"), says("A", "a\r\n"), hears("A", echoed("a")), says("A", "b\r\n"), leaves("B"), hears("A", echoed("b"))},
		"echo/second-leaver-skips-one": {says("A", "a\r\n"), hears("A", echoed("a")), connects("B"), connects("C"),
			leaves("B"), leaves("C"), says("A", "more\r\n"), hears("A", echoed("more"))},
		"echo/list-cut-in-the-middle":    {says("A", "a"), connects("B"), connects("C"), leaves("B"), says("C", "c\r\n"), hears("C", echoed("c"))},
		"echo/unfinished-line-inherited": {says("A", "a"), says("B", "b"), closes("A"), says("C", "c\r\n"), hears("C", echoed("c"))},

		"calc/buffer-by-count": {says("A", "1,"), says("B", "10,"), says("A", "2\r\n"), hears("A", sum("3")), says("C", "100,"),
			says("B", "20\r\n"), hears("B", sum("30"))},
		"calc/buffers-not-shifted": {connects("A"), says("B", "10,"), leaves("A"), says("B", "20\r\n"), hears("B", sum("30"))},
		"calc/later-halves-cut-off": {says("A", "1,"), says("B", "10,"), says("C", "100,"), says("B", "20\r\n"), hears("B", sum("30")),
			says("C", "200\r\n"), hears("C", sum("300"))},
		"calc/given-up-after-three": {says("A", "10,"), says("B", "1\r\n"), hears("B", sum("1")), says("B", "2\r\n"), hears("B", sum("2")),
			says("B", "3\r\n"), hears("B", sum("3")), says("A", "20\r\n"), hears("A", sum("30"))},
		"calc/first-half-in-the-table":     {says("A", "10,"), says("B", "1,"), says("B", "2\r\n"), hears("B", sum("3"))},
		"calc/undelivered-goes-to-another": {says("B", "10,"), says("A", "1\r\n"), resets("A"), says("B", "20\r\n"), hears("B", sum("30"))},

		"raw/list-cut-in-the-middle":     {connects("A"), connects("B"), says("C", "c"), hears("C", "c"), leaves("B"), says("C", "more"), hears("C", "more")},
		"raw/leaver-drops-answers-due":   {connects("B"), connects("C"), says("A", "a"), hears("A", "a"), says("A", "more"), leaves("B"), hears("A", "more")},
		"raw/reset-ends-the-round":       {connects("A"), connects("C"), says("B", "b"), hears("B", "b"), resets("A"), says("B", "more"), hears("B", "more")},
		"pid/silent-leaver-loosens-list": {connects("A"), connects("B"), leaves("B"), says("C", "c"), hears("C", "4711: c")},
		"pid/reset-loosens-list":         {connects("A"), connects("B"), resets("B"), says("C", "c"), hears("C", "4711: c")},

		"websocket/last-takes-the-place": {connects("A"), says("B", hello2[:4]), leaves("A"), says("B", hello2[4:]), hears("B", server(wsText, "and hello"))},
		"websocket/buffer-by-count": {says("A", hello[:1]), says("B", hello2[:8]), says("A", hello[1:]), hears("A", server(wsText, "hello")), says("A", hello[:4]),
			says("B", hello2[8:]), hears("B", server(wsText, "and hello"))},
		"websocket/vanishing-clears-all": {connects("A"), says("B", hello2[:10]), resets("A"), says("B", hello2[10:]), hears("B", server(wsText, "and hello"))},
	}
}

// TestOrderFaultsShow plays the shortest schedule of each fault against it, and
// against the reference.
func TestOrderFaultsShow(t *testing.T) {
	t.Parallel()
	all := schedules()
	for _, protocol := range []string{"zen", "echo", "calc", "raw", "pid", "websocket"} {
		for _, f := range orderFaults(protocol) {
			f.Protocol = protocol
			name := protocol + "/" + f.Name
			acts := all[name]
			delete(all, name)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				steps := 0
				for _, a := range acts {
					if a.does != "hears" {
						steps++
					}
				}
				if steps == 0 || steps > 6 {
					t.Fatalf("%d steps; a schedule has one to six", steps)
				}
				if wrong := play(t, Reference(protocol), acts, 2); wrong != "" {
					t.Errorf("the reference: %s", wrong)
				}
				// What is done in order may arrive in another on a busy machine.
				times := 3
				if strings.Contains(f.Name, "once-in-fifty") {
					times = 50
				}
				wrong := play(t, f, acts, times)
				if wrong == "" {
					t.Error("nothing was wrong")
				}
				t.Logf("%d steps: %s", steps, wrong)
			})
		}
	}
	for name := range all {
		t.Errorf("there is no fault %s", name)
	}
}

// play plays a schedule until something is wrong, and says what.
func play(t *testing.T, f Fault, acts []act, times int) (wrong string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := f.Start(ln)
	defer server.Close()
	for range times {
		p := player{protocol: f.Protocol, address: server.Addr().String(), clients: map[string]*net.TCPConn{}}
		err := p.all(acts)
		for _, c := range p.clients {
			c.Close()
		}
		if err != nil {
			return err.Error()
		}
		time.Sleep(2 * time.Millisecond)
	}
	return ""
}

type player struct {
	protocol, address string
	clients           map[string]*net.TCPConn
}

func (p *player) all(acts []act) error {
	for i, a := range acts {
		if err := p.one(a); err != nil {
			return fmt.Errorf("%s %s %q: %w", a.who, a.does, a.text, err)
		}
		if a.does != "hears" && (i+1 == len(acts) || acts[i+1].does != "hears") {
			time.Sleep(8 * time.Millisecond) // for it to arrive before what follows
		}
	}
	for who, c := range p.clients {
		if p.protocol == "pid" {
			break // has been answered, or has not asked
		}
		c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if got, err := io.ReadAll(c); len(got) > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("%s got %q at the end, and then: %w", who, got, err)
		}
	}
	return nil
}

func (p *player) one(a act) error {
	c := p.clients[a.who]
	if c == nil {
		conn, err := net.Dial("tcp", p.address)
		if err != nil {
			return err
		}
		c = conn.(*net.TCPConn)
		p.clients[a.who] = c
		if err := p.greet(c); err != nil {
			return err
		}
	}
	c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	var err error
	switch a.does {
	case "says":
		_, err = io.WriteString(c, a.text)
	case "hears":
		err = expect(c, a.text)
	case "leaves":
		delete(p.clients, a.who)
		defer c.Close()
		err = p.leave(c)
	case "closes":
		delete(p.clients, a.who)
		err = c.Close()
	case "resets":
		delete(p.clients, a.who)
		c.SetLinger(0)
		err = c.Close()
	}
	return err
}

func (p *player) greet(c *net.TCPConn) error {
	c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	switch p.protocol {
	case "calc":
		return expect(c, "<welcome: starting in sum mode>\n")
	case "websocket":
		io.WriteString(c, shake)
		var head []byte
		for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, b...) {
			if _, err := io.ReadFull(c, b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *player) leave(c *net.TCPConn) error {
	goodbye := ""
	switch p.protocol {
	case "echo", "calc":
		goodbye = "connection closed\r\n"
		io.WriteString(c, "quit\r\n")
	case "websocket":
		goodbye = server(wsClose, "")
		io.WriteString(c, client(wsClose, ""))
	case "pid":
		goodbye = "4711: "
		c.CloseWrite()
	default:
		c.CloseWrite()
	}
	got, err := io.ReadAll(c)
	if err == nil && string(got) != goodbye {
		err = fmt.Errorf("%q instead of %q", got, goodbye)
	}
	return err
}

func expect(c net.Conn, want string) error {
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	if err == nil && string(got) != want {
		err = errors.New("another answer")
	}
	if err != nil {
		return fmt.Errorf("%q instead: %w", got[:n], err)
	}
	return nil
}
