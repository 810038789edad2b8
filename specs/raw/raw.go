// Package raw is the standard of the raw byte echo (tutorial 003) in executable
// form: every byte comes back as it was sent, in order, without being waited
// for, and none has a meaning. Over datagrams, which tutorial 002 names without
// giving a program, each datagram comes back whole, to its sender.
//
// There is no message in a stream: an answer may come in any pieces, and only
// the sum of its bytes is judged.
package raw

import (
	_ "embed"
	"fmt"
	"slices"
	"sync"

	"conform/specs"
	"conform/specs/concurrency"
	"conform/specs/wire"
)

//go:embed intro.md
var intro string

// Protocol returns the standard, in the order in which it is best read.
func Protocol() specs.Protocol {
	p := specs.Protocol{
		Name:   "raw",
		Source: "tutorial 003; over datagrams, tutorial 002",
		Intro:  intro,
		Stages: stages(),
		Rows: slices.Concat(specs.Numbered("RAW", 1, 9), specs.Numbered("UDP", 1, 8),
			concurrency.Rows()),
		Untestable: concurrency.Untestable(),
		Question:   func(*specs.Client) string { return "hello" },
		Hello: func(cl *specs.Client) {
			if cl.Datagrams() {
				word := cl.Case().Word()
				cl.Send(word)
				cl.ExpectDatagrams(word)
				return
			}
			same(cl, "hello")
			same(cl, "\x00\xff\n")
		},
		// The protocol has no word for leaving: the client ends its side,
		// and most servers then end theirs.
		Leave: func(cl *specs.Client) {
			cl.HalfClose()
			cl.AwaitEnd(cl.Timing().Leave)
		},
		Scale: func(specs.Crowd) (specs.Talk, error) { return many{}, nil },
	}
	several := concurrency.Section(p.Name, conversation())
	several.Specs = append(several.Specs, crowds()...)
	p.Sections = []specs.Section{bytes(), meaning(), segments(), lengths(), endOfInput(), flow(), several, robustness(), datagrams(), senders()}
	return p
}

// conversation tells the concurrency scenarios how clients talk.
func conversation() concurrency.Conversation {
	return concurrency.Conversation{
		Clause: "tutorial 003",
		Open:   func(*specs.Client) {},
		Ask: func(c *specs.Case, client, turn int) (string, concurrency.Answer) {
			// No two say the same, so that a swapped answer shows.
			word := fmt.Sprintf("%d.%d:%s", client, turn, c.Word())
			return word, concurrency.Exactly(word)
		},
		CrowdLevel: specs.Should,
		Pipelined:  specs.Must,
		Long: func(c *specs.Case, length int) (string, concurrency.Answer) {
			bytes := string(c.Bytes(length))
			return bytes, concurrency.Exactly(bytes)
		},
		TogetherLevel: specs.Should,
		VanishLevel:   specs.Should, // as the list has it of resets
	}
}

// same sends bytes and expects them back.
func same(cl *specs.Client, bytes string) {
	cl.Send(bytes)
	cl.Expect(bytes)
}

// each is the body of a requirement that some things come back on one
// connection, one after the other, and nothing more.
func each(things ...string) func(*specs.Case) {
	return func(c *specs.Case) {
		client := c.Dial()
		for _, t := range things {
			same(client, t)
		}
		client.ExpectSilence("everything has come back")
		same(client, c.Word())
	}
}

// numbered is n bytes in which no two places are alike, so that whatever is
// lost, doubled or swapped shows where it happens.
func numbered(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, n+8)
	for i := 0; len(b) < n; i++ {
		for shift := 24; shift >= 0; shift -= 4 {
			b = append(b, digits[i>>shift&15])
		}
		b = append(b, ' ')
	}
	return string(b[:n])
}

// unread pours bytes into a connection and reads nothing of what comes back,
// until no more are taken, or most of them are. It returns those that were, and
// so many more that go on being sent beside the body: read makes the client read
// again.
func unread(c *specs.Case, most, more int) (cl *specs.Client, bytes string, read func()) {
	cl = c.DialWith(func(d *wire.Dialer) {
		d.SendBuffer = 64 << 10
		// Small, and no multiple of what a server may read at a time: a
		// system fills its buffers by the window, and only what does not fit
		// evenly is taken in part.
		d.ReceiveBuffer = 10_000
	})
	same(cl, c.Word())
	cl.ReadSlowly(0, 0)
	all := numbered(most + more) // not the result, which is set while some of it is being sent
	cl.Send(all[:piece])
	var mu sync.Mutex
	given, last := piece, most
	// next is the piece that is to be sent now; none when there is no more.
	next := func() string {
		mu.Lock()
		defer mu.Unlock()
		from := given
		given = max(given, min(last, given+piece))
		return all[from:given]
	}
	full := make(chan struct{}) // closed when no more are taken
	c.Go(func() {
		for range 2 {
			for p := next(); p != ""; p = next() {
				if cl.Push(p, 20*c.Timing().Answer) != nil {
					return // what comes back says how far it got
				}
			}
			<-full
		}
	})
	for before, rests := 0, 0; ; {
		c.Pause(c.Timing().Quiet)
		mu.Lock()
		if rests++; given != before {
			rests = 0
		}
		before = given
		if rests == 3 { // fewer may be the machine's own
			last = given + more
		}
		mu.Unlock()
		if rests == 3 {
			close(full)
			return cl, all[:before+more], func() { cl.ReadSlowly(64<<10, 0) }
		}
	}
}

// piece is what is sent at a time.
const piece = 8 << 10

// stalling is more than the buffers of both kernels hold, so that a server that
// sends it back to a client that does not read comes to a halt.
const stalling = 5 << 20

const (
	linewise = "the server reads lines, or whole buffers; send back what a read has brought"
	asText   = "the bytes are decoded as text, or changed on the way; send back what was read"
	cString  = "the bytes are treated as a C string; send back as many as were read"
	oneRead  = "only the first read of a long message is sent back; read and send until the client has ended"
	partSent = "send() may take only a part of what it is given, and says how much; send the rest too"
)
