package specs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"conform/specs/wire"
)

// Datagrams says whether the client talks in datagrams: each Send is one then,
// and there is no connection that could end.
func (cl *Client) Datagrams() bool { return cl.conn.Datagrams() }

// AnySource makes a client hear datagrams from everybody, so that an answer
// from elsewhere is told from none.
func AnySource(d *wire.Dialer) { d.AnySource = true }

// ExpectDatagrams waits for exactly these datagrams, one after the other.
func (cl *Client) ExpectDatagrams(datagrams ...string) { cl.expectDatagrams(datagrams, true) }

// ExpectInAnyOrder waits for exactly these datagrams, in whatever order.
func (cl *Client) ExpectInAnyOrder(datagrams ...string) { cl.expectDatagrams(datagrams, false) }

func (cl *Client) expectDatagrams(want []string, inOrder bool) {
	var expected []string
	for _, d := range want {
		expected = append(expected, datagram(d))
	}
	shown := []string{strings.Join(expected[:min(len(expected), 4)], ", then ")}
	if n := len(expected) - 4; n > 0 {
		shown[0] += fmt.Sprintf(", and %d more", n)
	}
	if !inOrder && len(want) > 1 {
		shown[0] += ", in any order"
	}
	cl.c.transcript.Add(cl.conn.ID, wire.Expected, shown[0])
	rest := slices.Clone(want)
	for len(rest) > 0 {
		began := time.Now()
		wait := cl.Patience(0)
		p, ok := cl.conn.Datagram(cl.c.ctx, wait)
		if !ok {
			cl.missing(len(want)-len(rest), len(want), shown, wait)
		}
		cl.c.took(time.Since(began))
		i := slices.Index(rest, string(p))
		if i < 0 || (inOrder && i > 0) {
			cl.wrong(string(p), want, rest, i > 0, shown)
		}
		rest = slices.Delete(rest, i, i+1)
	}
	cl.answered, cl.answer = true, want[len(want)-1]
}

// missing fails the case for datagrams that did not come.
func (cl *Client) missing(came, due int, expected []string, wait time.Duration) {
	s := cl.conn.State()
	r := cl.reason(NoAnswer, fmt.Sprintf("no datagram within %s", took(wait)), expected, s)
	strays := cl.conn.Strays()
	switch {
	case len(strays) > 0:
		r.Code, r.Message = WrongSource, "the answer came from "+strays[0]+", not from where it was sent"
		r.Received = "a datagram from " + strays[0]
	case s.End != "":
		r.Code, r.Message, r.Received = ResetEarly, "nobody listens there any more", "word from the system that the port is closed"
	case came > 0:
		r.Code, r.Message = PartialAnswer, fmt.Sprintf("%d of %d datagrams came, then none within %s", came, due, took(wait))
		r.Received = fmt.Sprintf("%d of them", came)
	}
	cl.c.fail(r, s.End == "" && len(strays) == 0)
}

// wrong fails the case for a datagram that is none of those that are due.
func (cl *Client) wrong(got string, want, rest []string, early bool, expected []string) {
	r := cl.reason(WrongBytes, "another datagram than the expected one", expected, wire.State{Unread: []byte(got)})
	if got == "" {
		r.Received = datagram(got)
	}
	due := rest[0]
	r.Diff = difference(due, []byte(got))
	switch {
	case early:
		r.Message = "the datagrams came in another order than they were sent"
	case slices.Contains(want, got):
		r.Code, r.Message = ExtraBytes, "the same datagram came twice"
	case got == strings.Join(want, ""):
		r.Message, r.Hint = "the datagrams came joined into one", "a datagram is answered by itself; they are no stream"
	case strings.HasPrefix(due, got):
		r.Code, r.Message = PartialAnswer, fmt.Sprintf("the datagram came back cut, %d bytes of %d", len(got), len(due))
	case strings.HasPrefix(got, due):
		r.Code, r.Message = ExtraBytes, fmt.Sprintf("the datagram came back longer, %d bytes for %d", len(got), len(due))
	}
	cl.c.fail(r, false)
}

// extraDatagram fails the case for what follows a right answer.
func (cl *Client) extraDatagram(s wire.State) {
	r := cl.reason(ExtraBytes, "one more datagram follows the answer", []string{"nothing more"}, s)
	if len(s.Unread) == 0 {
		r.Received = datagram("")
	}
	if string(s.Unread) == cl.answer {
		r.Message = "the answer came twice"
	}
	cl.c.fail(r, false)
}

// unit is what a client receives.
func (cl *Client) unit() string {
	if cl.Datagrams() {
		return "a datagram"
	}
	return "bytes"
}

func datagram(p string) string {
	if p == "" {
		return "an empty datagram"
	}
	return wire.Quote([]byte(p), 80)
}
