package faults

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"conform/impl"
)

// websocketConcurrencyFaults are those that show when there are several clients.
func websocketConcurrencyFaults() []Fault {
	const concurrency = "websocket/concurrency/"
	return []Fault{
		// How clients are taken.
		{Name: "serial", change: serial,
			Text: "Serves a client to its end before it accepts the next, so that one idle client keeps everyone else out."},
		{Name: "three-at-once", change: func(p *plan) { p.limit = 3 },
			Text: "Serves three clients at once, and the fourth waits although it claims to serve any number."},
		{Name: "worker-never-returns", Bound: 4, change: workerNeverReturns,
			Text: "Has four workers, and one that has served a client does not take the next one."},
		{Name: "refuses-when-busy", Bound: 1, change: busy(func(c net.Conn) { c.Close() }),
			Text: "Hangs up on a client that connects while another is served, instead of letting it wait."},
		{Name: "loses-early-request", Bound: 1, change: busy(discard),
			Text: "Throws away what a client has sent while it was waiting for its turn."},

		{Name: "stale-descriptor", change: staleDescriptor, Text: staleDescriptorText},

		// Who is answered.
		{Name: "answers-the-latest", change: toLatest,
			Text: "Keeps the connection to answer in one variable, so that every answer goes to the client that connected last."},
		{Name: "broadcasts", change: toAll,
			Text: "Sends every answer to all clients, like a chat room."},
		{Name: "answers-to-the-next", change: toNext,
			Text: "Sends what is left for a client that has gone to the number of its socket, which is the next client's by then."},

		// What is kept where.
		{Name: "one-fragment-buffer", change: oneFragmentBuffer,
			Load: concurrency + "fifty-busy-clients",
			Text: "Gathers fragments in one buffer for all clients, so that their messages run together."},
		{Name: "one-masking-key", change: oneMaskingKey,
			Text: "Keeps the masking key in one variable, so that a frame is unmasked with that of the frame which began last."},
		{Name: "one-utf8-state", change: oneUTF8State,
			Text: "Keeps the unfinished character of a text in one variable, and takes another client's text for its continuation."},
		{Name: "one-window", change: oneWindow,
			Text: "Inflates the messages of all clients with one window, so that they refer to each other."},
		{Name: "compresses-for-all", change: compressesForAll,
			Text: "Notes in one variable that compression was agreed on, and from then on compresses for clients that have not."},
		{Name: "one-handshake-key", change: oneHandshakeKey,
			Load: concurrency + "handshakes-apart",
			Text: "Keeps the Sec-WebSocket-Key in one variable, so that requests that come at once are answered with the Accept of the latest."},
		{Name: "one-subprotocol-offer", change: oneOffer,
			Text: "Keeps what was offered in Sec-WebSocket-Protocol in one variable, so that one client is told what another has offered."},
		{Name: "one-ping-payload", change: onePingPayload,
			Load: concurrency + "pongs-apart",
			Text: "Copies the payload of a Ping into one buffer and answers a little later, by when another client's Ping is in it."},

		// What one client's end does to others.
		{Name: "one-leaves-all-leave", change: oneLeaves,
			Text: "Closes every connection when one client leaves."},
		{Name: "violation-clears-all", change: violationClearsAll,
			Text: "Throws away what has come of everyone's messages when one client breaks the protocol."},

		{Name: "failure-ends-all-inflaters", change: failureEndsInflaters,
			Text: "Ends its compression library when it fails a connection, and has nothing left to inflate the messages of others with."},

		// What is written by whom.
		{Name: "pong-inside-a-message", change: tornByPongs,
			Load: concurrency + "frames-are-not-torn",
			Text: "Writes Pongs from another thread than messages, without a lock, so that one stands in the middle of a long frame."},
		{Name: "long-handshakes-in-line", change: handshakesInLine,
			Load: concurrency + "burst-of-clients",
			Text: "Has a look-up of a twentieth of a second in each opening handshake, one after the other."},
	}
}

// toNext gives the answers that a client has not taken to the one that connects
// next.
func toNext(p *plan) {
	var mu sync.Mutex
	var left []byte
	p.accept = append(p.accept, func(c *conn) {
		c.late()
		write := c.write
		var last []byte // the answers to the last read
		closed, first := false, true
		c.write = func(b []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			answers := len(b) > 0 && b[0] != 'H'
			if answers {
				last, closed = bytes.Clone(b[:min(len(b), 4<<10)]), b[0] == 0x80|wsClose
			}
			n, err := write(b)
			if answers && first && len(left) > 0 {
				first = false
				write(left)
				left = nil
			}
			return n, err
		}
		c.ending = func() {
			mu.Lock()
			defer mu.Unlock()
			f, size, length, ok := decodeHeader(last)
			if !closed && ok && !f.control() && uint64(len(last)) >= uint64(size)+length {
				left = last[:size+int(length)]
			}
		}
	})
}

func oneFragmentBuffer(p *plan) {
	var mu sync.Mutex
	var op byte
	var data []byte
	wsIn(func(_ *wsState, f wsFrame) []wsFrame {
		if f.control() || f.huge || f.fin && f.op != wsContinuation || f.rsv != 0 {
			return []wsFrame{f}
		}
		mu.Lock()
		defer mu.Unlock()
		if f.op != wsContinuation {
			op, data = f.op, nil
		}
		data = append(data, f.payload...)
		if !f.fin {
			return nil
		}
		f.op, f.payload, f.form, data = op, bytes.Clone(data), 0, nil
		return []wsFrame{f}
	})(p)
}

// oneMaskingKey notes the key when a header is complete, and unmasks a frame
// with the one that was noted last.
func oneMaskingKey(p *plan) {
	type frameKey struct {
		mu    sync.Mutex
		key   [4]byte
		owner *wsDecoder
	}
	var last frameKey
	handler(func(next impl.Handler) impl.Handler {
		var request headCutter
		var ahead wsDecoder // sees headers before the frames are complete
		ahead.most = 1 << 20
		asked, noted := false, false
		inner := around(next, wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			last.mu.Lock()
			defer last.mu.Unlock()
			if last.owner != nil && last.owner != &ahead && f.masked {
				for i := range f.payload {
					f.payload[i] ^= f.key[i&3] ^ last.key[i&3]
				}
			}
			return []wsFrame{f}
		}))
		return &hook{Handler: inner, data: func(p []byte) impl.Reply {
			rest := bytes.Clone(p)
			if !asked {
				_, rest, asked = request.feed(rest)
			}
			if asked {
				ahead.feed(rest, func(wsFrame) (bool, bool) {
					if !noted { // header and payload have come together
						last.mu.Lock()
						last.owner = &ahead
						last.mu.Unlock()
					}
					noted = false
					return false, true
				}, func([]byte) bool { return true })
				if f, _, _, ok := decodeHeader(ahead.buf); ok && !noted {
					noted = true
					last.mu.Lock()
					last.key, last.owner = f.key, &ahead
					last.mu.Unlock()
				}
			}
			return inner.Data(p)
		}}
	})(p)
}

func oneUTF8State(p *plan) {
	var mu sync.Mutex
	var owner *wsState // whose text has an unfinished character
	wsIn(func(s *wsState, f wsFrame) []wsFrame {
		mu.Lock()
		defer mu.Unlock()
		if f.control() || s.message != wsText || f.rsv != 0 {
			return []wsFrame{f}
		}
		if owner != nil && owner != s {
			owner = nil
			s.Say(wsCloseFrame(1007, ""))
			s.Hangup()
			return nil
		}
		owner = nil
		if !f.fin && !utf8.Valid(f.payload) {
			owner = s
		}
		return []wsFrame{f}
	})(p)
}

func oneWindow(p *plan) {
	var mu sync.Mutex
	var window []byte
	wsIn(func(s *wsState, f wsFrame) []wsFrame {
		if f.rsv != 4 || !f.fin || f.op != wsText && f.op != wsBinary {
			return []wsFrame{f}
		}
		mu.Lock()
		defer mu.Unlock()
		out, err := wsInflate(&window, f.payload)
		if err != nil {
			s.Say(wsCloseFrame(1007, ""))
			s.Hangup()
			return nil
		}
		f.rsv, f.payload, f.form = 0, out, 0
		return []wsFrame{f}
	})(p)
}

func compressesForAll(p *plan) {
	var agreed atomic.Bool
	wsOut(func(s *wsState, f wsFrame) []wsFrame {
		own := headGet(s.response, "Sec-WebSocket-Extensions") != ""
		if own {
			agreed.Store(true)
		}
		if !own && agreed.Load() && !f.control() {
			var window []byte
			f.rsv, f.payload, f.form = 4, wsDeflate(&window, f.payload), 0
		}
		return []wsFrame{f}
	})(p)
}

// oneHandshakeKey notes a key when its line has come, and answers with what was
// noted last.
func oneHandshakeKey(p *plan) {
	var mu sync.Mutex
	var key string
	wsResponse(func(response string) string {
		mu.Lock()
		defer mu.Unlock()
		if headGet(response, "Sec-WebSocket-Accept") == "" {
			return response
		}
		return headSet(response, "Sec-WebSocket-Accept", accept(key))
	})(p)
	onRequestLine("Sec-WebSocket-Key", func(value string) {
		mu.Lock()
		defer mu.Unlock()
		key = value
	})(p)
}

func oneOffer(p *plan) {
	var mu sync.Mutex
	var offer string
	wsResponse(func(response string) string {
		mu.Lock()
		defer mu.Unlock()
		if offer == "" || !strings.HasPrefix(response, "HTTP/1.1 101") {
			return response
		}
		return headSet(response, "Sec-WebSocket-Protocol", offer)
	})(p)
	onRequestLine("Sec-WebSocket-Protocol", func(value string) {
		mu.Lock()
		defer mu.Unlock()
		offer = value
	})(p)
}

// onRequestLine shows the value of a line of the request as soon as it has come.
func onRequestLine(name string, see func(value string)) change {
	return handler(func(next impl.Handler) impl.Handler {
		var head []byte
		seen := false
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			if !seen && len(head) < 64<<10 {
				head = append(head, p...)
				if i := bytes.LastIndexByte(head, '\n'); i >= 0 {
					if value := headGet(string(head[:i+1]), name); value != "" {
						seen = true
						see(value)
					}
				}
			}
			return next.Data(p)
		}}
	})
}

func onePingPayload(p *plan) {
	var mu sync.Mutex
	var payload []byte
	wsBoth(func(_ *wsState, f wsFrame) []wsFrame {
		if f.op == wsPing {
			mu.Lock()
			payload = bytes.Clone(f.payload)
			mu.Unlock()
			time.Sleep(head / 4)
		}
		return []wsFrame{f}
	}, func(_ *wsState, f wsFrame) []wsFrame {
		if f.op == wsPong {
			mu.Lock()
			f.payload = bytes.Clone(payload)
			mu.Unlock()
		}
		return []wsFrame{f}
	})(p)
}

// violationClearsAll forgets the fragments of everybody when the server fails a
// connection.
func violationClearsAll(p *plan) {
	var violations atomic.Int32
	wsBoth(func(s *wsState, f wsFrame) []wsFrame {
		n := int(violations.Load())
		if !f.control() && f.op != wsContinuation {
			s.n = n
		}
		if f.op == wsContinuation && s.n != n {
			f.payload, f.form = nil, 0 // what was before it is lost, and the end of it is not understood
		}
		return []wsFrame{f}
	}, func(_ *wsState, f wsFrame) []wsFrame {
		if f.op == wsClose && bytes.HasPrefix(f.payload, []byte{1002 >> 8, 1002 & 0xff}) {
			violations.Add(1)
		}
		return []wsFrame{f}
	})(p)
}

// failureEndsInflaters fails those who have been there, and send a compressed
// message when somebody else's connection has failed.
func failureEndsInflaters(p *plan) {
	var failures atomic.Int32
	wsBoth(func(s *wsState, f wsFrame) []wsFrame {
		n := int(failures.Load()) + 1
		if s.n == 0 {
			s.n = n
		}
		if f.rsv == 4 && s.n != n {
			s.Say(wsCloseFrame(1011, ""))
			s.Hangup()
			return nil
		}
		return []wsFrame{f}
	}, func(_ *wsState, f wsFrame) []wsFrame {
		if f.op == wsClose && bytes.HasPrefix(f.payload, []byte{1002 >> 8, 1002 & 0xff}) {
			failures.Add(1)
		}
		return []wsFrame{f}
	})(p)
}

// tornByPongs holds a Pong that follows a long message until the next long
// message is half written.
func tornByPongs(p *plan) {
	wsOut(func(s *wsState, f wsFrame) []wsFrame {
		long := !f.control() && len(f.payload) > 4000
		switch {
		case f.op == wsPong && s.n == 1:
			s.kept, s.n = f.append(nil), 2
			return nil
		case long && s.n == 2:
			whole := f.append(nil)
			s.SayRaw(whole[:len(whole)/2])
			s.SayRaw(s.kept)
			s.SayRaw(whole[len(whole)/2:])
			s.n = 1
			return nil
		case long:
			s.n = 1
		}
		return []wsFrame{f}
	})(p)
}

func handshakesInLine(p *plan) {
	var line sync.Mutex
	wsResponse(func(response string) string {
		line.Lock()
		defer line.Unlock()
		time.Sleep(50 * time.Millisecond)
		return response
	})(p)
}
