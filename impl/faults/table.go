package faults

import (
	"bytes"
	"slices"
	"sync"
	"time"
	"unicode/utf8"
)

// table is a server that keeps all of its clients, and what has come of their
// messages, in one place, and does one thing after the other, as a loop does.
// As it is made it does everything right; a fault replaces what it does at one
// of the events. All that is called with the table locked.
//
// It holds a message back until it is whole, so that what a fault does to one
// that is not is seen in its answer. What it cannot tell to be the beginning of
// one short message in few pieces goes through as it comes.
type table struct {
	mu    sync.Mutex
	seats []*seat // in the order in which they came
	last  *seat   // who spoke last

	came   func(s *seat)                            // before s takes its seat
	piece  func(s *seat, p []byte)                  // p has come, and the message is not whole
	whole  func(s *seat, p []byte) (message []byte) // p has come, and the message is whole
	gone   func(s *seat)                            // before s gives up its seat
	reset  func(s *seat)                            // the server has ended the connection, and s did not wait for that
	answer func(s *seat, b []byte) (to *seat, text []byte)
	waits  func(s *seat) bool // whether the answer to s is given only in the next turn

	outbox []letter
	timer  *time.Timer
}

// seat is a client at a table.
type seat struct {
	c      *conn
	stream stream

	held   []byte // of a message that is not whole
	pieces int    // how many reads that is
	asked  string // the last message that was whole
	said   []byte // the last answer
	heard  bool   // something has come from it
	loose  bool   // goes through as it comes, until the next end of a message
	deaf   bool   // what it says is lost
	left   bool
	err    error // of the read that ended it; nil when the server did

	n    int    // for the fault
	text []byte // for the fault
}

// letter is an answer that is due.
type letter struct {
	from, to *seat // whose message it answers, and who gets it
	text     []byte
}

// stream tells where the messages of one client end.
type stream struct {
	ends   func(p []byte) bool // whether p, what comes next, ends where a message does
	begins func(p []byte) bool // whether p may be the beginning of one message
}

const (
	// short is how many bytes of a message are held back at most, and most in
	// how many pieces.
	short, most = 1 << 10, 2
	// turn is how long a loop sleeps at most: longer than those take who
	// speak right after one another.
	turn = 3 * head / 2
)

// atTable is a server with one table, and what set replaces of it.
func atTable(streams func() stream, set func(t *table)) change {
	return func(p *plan) {
		t := &table{
			came:   func(*seat) {},
			piece:  func(s *seat, p []byte) { s.held = append(s.held, p...) },
			whole:  func(s *seat, p []byte) []byte { return slices.Concat(s.held, p) },
			gone:   func(*seat) {},
			reset:  func(*seat) {},
			answer: func(s *seat, b []byte) (*seat, []byte) { return s, b },
			waits:  func(*seat) bool { return false },
		}
		set(t)
		p.accept = append(p.accept, func(c *conn) { t.admit(&seat{c: c, stream: streams()}) })
	}
}

func (t *table) admit(s *seat) {
	t.mu.Lock()
	t.came(s)
	t.seats = append(t.seats, s)
	t.mu.Unlock()

	read, write := s.c.read, s.c.write
	s.c.read = func(b []byte) (int, error) {
		n, err := read(b[:max(len(b)-short, len(b)/2)]) // before it there may be what was held back
		t.mu.Lock()
		defer t.mu.Unlock()
		if s.left {
			if isReset(err) {
				t.reset(s)
			}
			return n, err
		}
		out := t.hear(s, b[:n])
		if err != nil && !isTimeout(err) {
			s.err = err
			out = append(out, s.held...)
		}
		return copy(b, out), err
	}
	s.c.write = func(b []byte) (int, error) {
		to, text, posted := t.say(s, b)
		switch {
		case posted:
			return len(b), nil
		case to != s:
			_, _ = to.c.Conn.Write(text) // who has left has left
			return len(b), nil
		}
		if n, err := write(text); err != nil {
			return min(n, len(b)), err
		}
		return len(b), nil
	}
	s.c.ending = func() { // by the client or the server, and then from anywhere
		t.mu.Lock()
		defer t.mu.Unlock()
		t.gone(s)
		t.deliver()
		s.left = true
		t.seats = slices.DeleteFunc(t.seats, func(other *seat) bool { return other == s })
		if t.last == s {
			t.last = nil
		}
	}
}

// hear takes what has come from a client, and returns what its handler gets.
func (t *table) hear(s *seat, p []byte) []byte {
	if len(p) == 0 {
		return nil
	}
	ends := s.stream.ends(p)
	s.heard = true
	var out []byte
	switch {
	case s.deaf:
	case s.loose:
		s.loose = !ends
		out = slices.Clone(p)
	case ends:
		out = t.whole(s, p)
		s.asked, s.held, s.pieces = string(out), nil, 0
		t.deliver()
	case s.pieces == most || len(s.held)+len(p) > short || !s.stream.begins(slices.Concat(s.held, p)):
		out = slices.Concat(s.held, p)
		s.loose, s.held, s.pieces = true, nil, 0
	default:
		t.piece(s, p)
		s.pieces++
	}
	t.last = s
	return out
}

// say tells who gets an answer, and whether that has been seen to.
func (t *table) say(s *seat, b []byte) (to *seat, text []byte, posted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !s.heard || s.left {
		return s, b, false
	}
	to, text = t.answer(s, b)
	waits := t.waits(s)
	s.said = bytes.Clone(b[:min(len(b), short)])
	if len(text) > short || !waits {
		if slices.ContainsFunc(t.outbox, func(l letter) bool { return l.to == to }) {
			t.deliver()
		}
		return to, text, false
	}
	if len(t.outbox) == 0 {
		t.timer = time.AfterFunc(turn, func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.deliver()
		})
	}
	t.outbox = append(t.outbox, letter{s, to, bytes.Clone(text)})
	return to, text, true
}

// deliver begins the next turn, which it is when a message is whole, when a
// client leaves, or after a while: what is due is sent.
func (t *table) deliver() {
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	for _, l := range t.outbox {
		_, _ = l.to.c.Conn.Write(l.text) // who has left has left
	}
	t.outbox = nil
}

// others are all clients but one, in the order in which they came.
func (t *table) others(s *seat) []*seat {
	return slices.DeleteFunc(slices.Clone(t.seats), func(other *seat) bool { return other == s })
}

// unfinished are the clients that are in the middle of a message.
func (t *table) unfinished(but *seat) []*seat {
	return slices.DeleteFunc(t.others(but), func(s *seat) bool { return s.pieces == 0 })
}

// lose forgets what has come of a client's message. What comes of it later is
// taken for the beginning of one.
func (s *seat) lose() { s.held, s.pieces = nil, 0 }

// inReads is a stream whose reads are messages.
func inReads() stream {
	return stream{ends: func([]byte) bool { return true }}
}

// inQuestions is a stream of zen.
func inQuestions() stream {
	return stream{
		ends:   func(p []byte) bool { return p[len(p)-1] == '?' },
		begins: func([]byte) bool { return true },
	}
}

// inLines is a stream of lines. A CR may end one, unless an LF follows.
func inLines() stream {
	return stream{
		ends: func(p []byte) bool { return p[len(p)-1] == '\n' },
		begins: func(p []byte) bool {
			i := bytes.IndexAny(p, "\r\n")
			return i < 0 || p[i] == '\r' && i+1 == len(p)
		},
	}
}

// inFrames is a stream of WebSocket. Only short frames are held back, and those
// of a message in fragments one by one unless it is to be whole.
func inFrames(whole bool) func() stream {
	return func() stream {
		var request headCutter
		frames := wsDecoder{most: 1 << 20}
		asked, inside := false, false
		return stream{
			ends: func(p []byte) bool {
				if !asked {
					if _, p, asked = request.feed(bytes.Clone(p)); !asked {
						return false
					}
				}
				frames.feed(p, func(f wsFrame) (pass, more bool) {
					if !f.control() {
						inside = whole && !f.fin
					}
					return false, true
				}, nil)
				return len(frames.buf) == 0 && frames.rest == 0 && !inside
			},
			begins: func(p []byte) bool { return asked && beginsMessage(p) },
		}
	}
}

// beginsMessage says whether p may be the beginning of one ordinary message.
func beginsMessage(p []byte) bool {
	d := wsDecoder{most: 125}
	ordinary := true
	next := func(op byte) bool { return op == wsContinuation }
	first := func(op byte) bool { return op == wsText || op == wsBinary }
	is := first
	d.feed(p, func(f wsFrame) (pass, more bool) {
		ordinary = ordinary && is(f.op) && !f.fin && f.masked && f.rsv == 0 && !f.huge && utf8.Valid(f.payload)
		is = next
		return false, ordinary
	}, nil)
	if rest := d.buf; ordinary && len(rest) > 0 {
		ordinary = rest[0]&0x70 == 0 && is(rest[0]&15) && (len(rest) < 2 || rest[1] >= 0x80 && rest[1] < 0x80|126)
	}
	return ordinary
}
