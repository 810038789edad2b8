package specs

import (
	"fmt"
	"strconv"

	"conform/specs/wire"
)

// Talk is how the clients of a protocol converse when there are thousands of
// them: bytes out and bytes in, without a connection, a clock or a Case. It
// judges as exactly as a requirement does, by content, but only what a
// conversation in good order needs. Its methods are called concurrently for
// different clients, and very often: they keep no state and allocate nothing
// where all is well.
//
// Clients count from 0. Turn 0 is the opening, the others are round trips. What
// is said and heard follows from client and turn alone, and differs between
// clients, so that an answer delivered to another one shows.
type Talk interface {
	// Say appends what a client sends in a turn. In turn 0 that may be nothing.
	Say(dst []byte, client, turn int) []byte
	// Hear judges what a client has received.
	Hear(h *Hearing)
}

// Crowd is what a Talk is made for: a target, as it was found or declared.
type Crowd struct {
	Target  wire.Dialer
	Dialect func(key string) string // as Case.Dialect
	Seed    uint64
}

// Heard says what came of a Hearing.
type Heard int

const (
	Waiting  Heard = iota // nothing is wrong, and what is due is not all there
	Answered              // the answer is there, and right
	Failed                // it is wrong: Code and Problem say how
)

// Codes that only many clients can show.
const (
	Refused      Code = "refused"      // a connection was refused
	Misdelivered Code = "misdelivered" // the answer to another client, or to another turn
)

// Hearing is one look at what a client has received and not yet used.
type Hearing struct {
	Client, Turn int    // the turn that was said last
	Due          bool   // its answer has not come yet
	Data         []byte // received, and not used by an earlier look
	// Seen is how much of Data an earlier look has dealt with without using
	// it. It is kept between looks, and is 0 after an answer.
	Seen int
	// Reply is what the client has to send at once, such as a Pong: Hear appends.
	Reply []byte

	Heard    Heard
	Used     int    // bytes of Data that need not be shown again
	Code     Code   // why it failed
	Problem  string // in a sentence
	Expected []byte // what was due; valid until the next look
}

// Exactly judges a conversation of bare bytes: these are due, and no others.
// whose reads from a wrong answer to whom it belongs, where that can be told.
func (h *Hearing) Exactly(expected []byte, whose func([]byte) (client, turn int, ok bool)) {
	n := len(expected)
	h.Heard, h.Used, h.Expected = Waiting, 0, expected
	switch {
	case !h.Due:
		if len(h.Data) > 0 {
			h.Fail(NotSilent, "nothing was due")
		}
	case len(h.Data) >= n && string(h.Data[:n]) == string(expected):
		h.Heard, h.Used = Answered, n
	case len(h.Data) < n && string(expected[:len(h.Data)]) == string(h.Data):
	default:
		h.Wrong(h.Data, whose)
	}
}

// Fail ends the conversation.
func (h *Hearing) Fail(code Code, format string, args ...any) {
	h.Heard, h.Used, h.Code, h.Problem = Failed, 0, code, fmt.Sprintf(format, args...)
}

// Wrong ends the conversation because of an answer that is not the expected one.
func (h *Hearing) Wrong(received []byte, whose func([]byte) (client, turn int, ok bool)) {
	if whose != nil {
		client, turn, ok := whose(received)
		switch {
		case !ok:
		case client != h.Client:
			h.Fail(Misdelivered, "this is the answer to client %d, turn %d", client, turn)
			return
		case turn != h.Turn:
			h.Fail(Misdelivered, "this is the answer to turn %d", turn)
			return
		}
	}
	h.Fail(WrongBytes, "not the answer that is due")
}

const (
	whoClient = "client "
	whoTurn   = ", turn "
	whoFill   = ", and-the-rest-is-filled-up-with:0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)

// AppendWho appends a text of size bytes that says who speaks: plain ASCII that
// no protocol quotes or cuts. Whose reads it again.
func AppendWho(dst []byte, client, turn, size int) []byte {
	from := len(dst)
	dst = append(dst, whoClient...)
	dst = strconv.AppendInt(dst, int64(client), 10)
	dst = append(dst, whoTurn...)
	dst = strconv.AppendInt(dst, int64(turn), 10)
	for rest := size - (len(dst) - from); rest > 0; rest = size - (len(dst) - from) {
		dst = append(dst, whoFill[:min(rest, len(whoFill))]...)
	}
	return dst
}

// Whose finds in an answer who said what AppendWho wrote.
func Whose(p []byte) (client, turn int, ok bool) {
	for i := range p {
		rest, found := cut(p[i:], whoClient)
		if !found {
			continue
		}
		if client, rest, ok = readNumber(rest); !ok {
			continue
		}
		if rest, found = cut(rest, whoTurn); !found {
			continue
		}
		// What follows shows that the number is whole.
		if turn, rest, ok = readNumber(rest); ok && len(rest) > 0 {
			return client, turn, true
		}
	}
	return 0, 0, false
}

func cut(p []byte, prefix string) ([]byte, bool) {
	if len(p) < len(prefix) || string(p[:len(prefix)]) != prefix {
		return nil, false
	}
	return p[len(prefix):], true
}

func readNumber(p []byte) (n int, rest []byte, ok bool) {
	i := 0
	for i < len(p) && i < 10 && p[i] >= '0' && p[i] <= '9' {
		n = 10*n + int(p[i]-'0')
		i++
	}
	return n, p[i:], i > 0
}
