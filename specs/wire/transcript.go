package wire

import (
	"fmt"
	"strconv"
	"sync"
	"time"
)

// Kind says what an Event is about. The names appear in reports.
type Kind string

const (
	Connected     Kind = "connected"      // the connection is made; Text is the address
	ConnectFailed Kind = "connect-failed" // it could not be made; Text says why
	Sent          Kind = "sent"           // bytes were handed to the kernel
	SendFailed    Kind = "send-failed"    // the kernel refused some of them; Text says why
	Received      Kind = "received"       // bytes arrived
	Stray         Kind = "stray"          // a datagram arrived from another address than the peer's, which is Text
	FIN           Kind = "fin"            // the peer ended its side in order
	RST           Kind = "rst"            // the peer, or its kernel, reset the connection
	Broken        Kind = "broken"         // reading ended otherwise; Text says how
	HalfClosed    Kind = "half-closed"    // we ended our side and go on reading
	Closed        Kind = "closed"         // we closed the connection
	WasReset      Kind = "reset"          // we reset the connection
	Quiet         Kind = "quiet"          // nothing arrived for as long as Text says
	Expected      Kind = "expected"       // what the specification expects next, in Text
	Note          Kind = "note"           // a remark of the specification, in Text
	Decoded       Kind = "decoded"        // what the bytes before mean in the protocol, in Text
)

// Event is one thing that happened.
type Event struct {
	At   time.Duration // since the case began
	Conn int           // the connection's number in its case, from 1; 0 for none
	Kind Kind
	Data Bytes
	Text string
}

const (
	headBytes = 4096 // how much of a block of bytes is kept from its start
	tailBytes = 512  // and from its end
	// Past these, what is sent and received is merged into the last event of
	// its kind: a peer that drips or floods is shown by its beginning, its end
	// and how much it was.
	maxEvents = 4000
	maxKept   = 256 << 10 // bytes, over all events
	// maxDecoded is the number of events from which on meanings are left out.
	maxDecoded = 1000
)

// Bytes is a block of bytes of which only head and tail are kept once it is
// long: a peer that floods us must not fill our memory or our reports.
type Bytes struct {
	Head []byte
	Tail []byte // what follows the part left out; empty when nothing is
	Size int64  // the whole length in bytes
}

// Keep copies what is kept of p.
func Keep(p []byte) Bytes {
	var b Bytes
	b.add(p)
	return b
}

func (b *Bytes) add(p []byte) {
	b.Size += int64(len(p))
	if room := headBytes + tailBytes - len(b.Head); room > 0 && len(b.Tail) == 0 {
		n := min(room, len(p))
		b.Head = append(b.Head, p[:n]...)
		p = p[n:]
	}
	if len(p) == 0 {
		return
	}
	if len(b.Head) > headBytes {
		b.Tail = append([]byte(nil), b.Head[headBytes:]...)
		b.Head = b.Head[:headBytes]
	}
	b.Tail = append(b.Tail, p[max(0, len(p)-tailBytes):]...)
	b.Tail = b.Tail[max(0, len(b.Tail)-tailBytes):]
}

// Dropped is the number of bytes between Head and Tail that were not kept.
func (b Bytes) Dropped() int64 { return b.Size - int64(len(b.Head)) - int64(len(b.Tail)) }

// Quote shows the block in Go's quoted form, at most limit bytes of it: no
// byte of a peer reaches a terminal or a report unescaped.
func (b Bytes) Quote(limit int) string {
	head, tail := b.Head, b.Tail
	if b.Dropped() == 0 {
		head, tail = append(append([]byte(nil), head...), tail...), nil
		if len(head) > limit {
			head, tail = head[:limit*3/4], head[len(head)-limit/4:]
		}
	} else {
		head, tail = head[:min(len(head), limit*3/4)], tail[max(0, len(tail)-limit/4):]
	}
	if tail == nil {
		return strconv.Quote(string(head))
	}
	return fmt.Sprintf("%s … (%d bytes) … %s", strconv.Quote(string(head)), b.Size, strconv.Quote(string(tail)))
}

// Quote shows p in Go's quoted form, at most limit bytes of it.
func Quote(p []byte, limit int) string { return Keep(p).Quote(limit) }

// Transcript is what happened in one case, over all of its connections. It is
// safe for concurrent use.
type Transcript struct {
	mu     sync.Mutex
	start  time.Time
	events []Event
	conns  int
	kept   int // bytes in events
	merged int // events that were merged into others or left out
}

// NewTranscript starts a transcript, and its clock.
func NewTranscript() *Transcript { return &Transcript{start: time.Now()} }

// Events returns a copy of what happened so far.
func (t *Transcript) Events() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	events := append([]Event(nil), t.events...)
	if t.merged > 0 {
		events = append(events, Event{At: time.Since(t.start), Kind: Note,
			Text: fmt.Sprintf("%d more events were merged or left out", t.merged)})
	}
	return events
}

// Len is the number of events so far.
func (t *Transcript) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.events)
}

// Add records an event that has no bytes, such as an Expected or a Note.
func (t *Transcript) Add(conn int, kind Kind, text string) {
	t.record(conn, kind, nil, text)
}

func (t *Transcript) record(conn int, kind Kind, data []byte, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	bulk := kind == Received || kind == Sent || kind == Stray
	if kind == Decoded && len(t.events) >= maxDecoded {
		t.merged++
		return
	}
	if len(t.events) >= maxEvents || (bulk && t.kept >= maxKept) {
		t.merged++
		for i := len(t.events) - 1; i >= 0 && i > len(t.events)-64; i-- {
			if e := &t.events[i]; e.Conn == conn && e.Kind == kind {
				e.Data.add(data)
				return
			}
		}
		// Endings are worth more than one more piece of a drip, and the
		// first piece on another connection more than nothing.
		if bulk && len(t.events) >= maxEvents || len(t.events) >= 2*maxEvents {
			return
		}
		t.merged--
	}
	event := Event{At: time.Since(t.start), Conn: conn, Kind: kind, Data: Keep(data), Text: text}
	t.kept += len(event.Data.Head) + len(event.Data.Tail)
	t.events = append(t.events, event)
}

func (t *Transcript) newConn() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns++
	return t.conns
}
