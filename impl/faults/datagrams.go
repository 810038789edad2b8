package faults

import (
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// packetChange is a fault in a server of datagrams: what it does with one, in
// place of sending it back. It is made anew for each server.
type packetChange func(p *packetPlan) func(datagram string, from net.Addr)

// packetPlan is what a server of datagrams can do.
type packetPlan struct {
	pc   net.PacketConn
	die  func()
	done <-chan struct{}
}

// send sends a datagram; what cannot be sent is lost.
func (p *packetPlan) send(datagram string, to net.Addr) {
	_, _ = p.pc.WriteTo([]byte(datagram), to)
}

// later does something after a while, unless the server has ended.
func (p *packetPlan) later(d time.Duration, f func()) {
	go func() {
		select {
		case <-time.After(d):
			f()
		case <-p.done:
		}
	}()
}

// StartPacket serves pc with the fault. The socket is the server's from now on.
func (f Fault) StartPacket(pc net.PacketConn) *Server {
	s := &Server{done: make(chan struct{}), ready: make(chan struct{}), ended: make(chan struct{}), addr: pc.LocalAddr()}
	s.close = func() { pc.Close() }
	close(s.ready)
	handle := f.packets(&packetPlan{pc: pc, die: s.die, done: s.done})
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			handle(string(buf[:n]), from)
		}
	}()
	return s
}

// packets is a degenerate server of datagrams.
func packets(name, text string, handle func(p *packetPlan, datagram string, from net.Addr)) Fault {
	return Fault{Name: name, Text: text, Datagrams: true, packets: func(p *packetPlan) func(string, net.Addr) {
		return func(d string, from net.Addr) { handle(p, d, from) }
	}}
}

// DatagramReference is the server of datagrams without a fault.
func DatagramReference(protocol string) Fault {
	f := packets("reference", "Has no fault.", func(p *packetPlan, d string, from net.Addr) { p.send(d, from) })
	f.Protocol = protocol
	return f
}

// changed answers with something else than the datagram.
func changed(f func(string) string) packetChange {
	return func(p *packetPlan) func(string, net.Addr) {
		return func(d string, from net.Addr) { p.send(f(d), from) }
	}
}

// unless answers only datagrams of which skip is not true.
func unless(skip func(string) bool) packetChange {
	return func(p *packetPlan) func(string, net.Addr) {
		return func(d string, from net.Addr) {
			if !skip(d) {
				p.send(d, from)
			}
		}
	}
}

// deadly ends the server at some datagrams.
func deadly(is func(string) bool) packetChange {
	return func(p *packetPlan) func(string, net.Addr) {
		return func(d string, from net.Addr) {
			if is(d) {
				p.die()
				return
			}
			p.send(d, from)
		}
	}
}

func cutAt(n int) packetChange {
	return changed(func(d string) string { return d[:min(n, len(d))] })
}

// datagramFaults are those of servers that send datagrams back.
func datagramFaults() []Fault {
	list := []Fault{
		// What comes back.
		{Name: "datagram-cut-at-512", packets: cutAt(512), Text: "Reads datagrams into a buffer of 512 bytes, and loses the rest."},
		{Name: "datagram-cut-at-1024", packets: cutAt(1024), Text: "Reads datagrams into a buffer of 1024 bytes, as the tutorial reads streams."},
		{Name: "datagram-cut-at-1472", packets: cutAt(1472), Text: "Sends no more than fits into one packet of Ethernet."},
		{Name: "datagram-cut-at-8192", packets: cutAt(8192), Text: "Reads datagrams into a buffer of 8192 bytes."},
		{Name: "datagram-cut-at-65000", packets: cutAt(65_000), Text: "Reads datagrams into a buffer that is a little too small for the largest."},
		{Name: "datagram-split", packets: func(p *packetPlan) func(string, net.Addr) {
			return func(d string, from net.Addr) {
				for len(d) > 1024 {
					p.send(d[:1024], from)
					d = d[1024:]
				}
				p.send(d, from)
			}
		}, Text: "Sends a long datagram back in several of 1024 bytes."},
		{Name: "long-datagram-dropped", packets: unless(func(d string) bool { return len(d) > 2048 }),
			Text: "Does not answer datagrams of more than 2048 bytes."},
		{Name: "datagram-upper-case", packets: changed(strings.ToUpper), Text: "Sends datagrams back in capitals."},
		{Name: "datagram-stripped", packets: changed(strings.TrimSpace), Text: "Strips white space from datagrams."},
		{Name: "datagram-newline", packets: changed(func(d string) string { return d + "\n" }), Text: "Adds a line end to each datagram."},
		{Name: "datagram-nul-ends", packets: changed(func(d string) string { before, _, _ := strings.Cut(d, "\x00"); return before }),
			Text: "Takes a datagram for a C string that ends at its first NUL."},
		{Name: "datagram-as-text", packets: changed(func(d string) string { return strings.ToValidUTF8(d, "\ufffd") }),
			Text: "Decodes datagrams as UTF-8 and replaces what is none."},
		{Name: "datagram-padded", packets: changed(func(d string) string { return d + strings.Repeat("\x00", max(0, 64-len(d))) }),
			Text: "Sends at least 64 bytes, filled up with NUL."},
		{Name: "datagram-stale-tail", packets: func(p *packetPlan) func(string, net.Addr) {
			buf := []byte{}
			return func(d string, from net.Addr) {
				if len(d) > len(buf) {
					buf = append(buf, make([]byte, len(d)-len(buf))...)
				}
				copy(buf, d)
				p.send(string(buf), from)
			}
		}, Text: "Sends its whole buffer, with what an earlier datagram has left in it."},

		// Empty ones.
		{Name: "empty-datagram-dropped", packets: unless(func(d string) bool { return d == "" }), Text: "Does not answer an empty datagram."},
		{Name: "empty-datagram-ends", packets: deadly(func(d string) bool { return d == "" }),
			Text: "Takes an empty datagram for the end of its input, and ends."},
		{Name: "empty-datagram-filled", packets: changed(func(d string) string {
			if d == "" {
				return "\x00"
			}
			return d
		}), Text: "Answers an empty datagram with one of a byte."},

		// How many.
		{Name: "datagram-twice", packets: func(p *packetPlan) func(string, net.Addr) {
			return func(d string, from net.Addr) { p.send(d, from); p.send(d, from) }
		}, Text: "Sends each datagram back twice."},
		{Name: "datagram-again-later", packets: func(p *packetPlan) func(string, net.Addr) {
			return func(d string, from net.Addr) {
				p.send(d, from)
				p.later(30*time.Millisecond, func() { p.send(d, from) })
			}
		}, Text: "Sends each datagram once more after a while, as if the first had been lost."},
		{Name: "datagram-acknowledged", packets: func(p *packetPlan) func(string, net.Addr) {
			return func(d string, from net.Addr) { p.send(d, from); p.send("ok", from) }
		}, Text: "Confirms each datagram with another one."},
		{Name: "every-tenth-lost", packets: func(p *packetPlan) func(string, net.Addr) {
			n := 0
			return func(d string, from net.Addr) {
				if n++; n%10 != 0 {
					p.send(d, from)
				}
			}
		}, Text: "Loses every tenth datagram."},
		{Name: "datagrams-joined", packets: func(p *packetPlan) func(string, net.Addr) {
			var mu sync.Mutex
			waiting := map[string]string{}
			return func(d string, from net.Addr) {
				mu.Lock()
				defer mu.Unlock()
				before, pending := waiting[from.String()]
				if waiting[from.String()] = before + d; pending {
					return
				}
				p.later(10*time.Millisecond, func() {
					mu.Lock()
					defer mu.Unlock()
					p.send(waiting[from.String()], from)
					delete(waiting, from.String())
				})
			}
		}, Text: "Collects what arrives within a moment and sends it back as one datagram."},
		{Name: "datagrams-reversed", packets: func(p *packetPlan) func(string, net.Addr) {
			var mu sync.Mutex
			waiting := map[string][]string{}
			return func(d string, from net.Addr) {
				mu.Lock()
				defer mu.Unlock()
				list, pending := waiting[from.String()]
				if waiting[from.String()] = append(list, d); pending {
					return
				}
				p.later(10*time.Millisecond, func() {
					mu.Lock()
					defer mu.Unlock()
					for _, d := range slices.Backward(waiting[from.String()]) {
						p.send(d, from)
					}
					delete(waiting, from.String())
				})
			}
		}, Text: "Sends back what has arrived within a moment from the last to the first."},
		{Name: "greets-by-datagram", packets: func(p *packetPlan) func(string, net.Addr) {
			known := map[string]bool{}
			return func(d string, from net.Addr) {
				if !known[from.String()] {
					known[from.String()] = true
					p.send("welcome", from)
				}
				p.send(d, from)
			}
		}, Text: "Welcomes each new sender with a datagram."},
		{Name: "keepalive-by-datagram", packets: func(p *packetPlan) func(string, net.Addr) {
			return func(d string, from net.Addr) {
				p.send(d, from)
				p.later(50*time.Millisecond, func() { p.send("", from) })
			}
		}, Text: "Sends its clients empty datagrams while they are silent."},

		// Who is answered, and by whom.
		{Name: "answers-the-last-sender", packets: func(p *packetPlan) func(string, net.Addr) {
			var mu sync.Mutex
			var last net.Addr
			return func(d string, from net.Addr) {
				mu.Lock()
				last = from
				mu.Unlock()
				p.later(3*time.Millisecond, func() {
					mu.Lock()
					defer mu.Unlock()
					p.send(d, last)
				})
			}
		}, Text: "Keeps the sender in a variable that the next datagram overwrites, and answers whoever was last."},
		{Name: "answers-the-first-sender", packets: func(p *packetPlan) func(string, net.Addr) {
			var first net.Addr
			return func(d string, from net.Addr) {
				if first == nil {
					first = from
				}
				p.send(d, first)
			}
		}, Text: "Answers the first sender for ever."},
		{Name: "serves-the-first-sender", packets: func(p *packetPlan) func(string, net.Addr) {
			first := ""
			return func(d string, from net.Addr) {
				if first == "" {
					first = from.String()
				}
				if first == from.String() {
					p.send(d, from)
				}
			}
		}, Text: "Connects its socket to the first sender and hears nobody else."},
		{Name: "eight-senders-then-none", packets: func(p *packetPlan) func(string, net.Addr) {
			known := map[string]bool{}
			return func(d string, from net.Addr) {
				if len(known) < 8 {
					known[from.String()] = true
				}
				if known[from.String()] {
					p.send(d, from)
				}
			}
		}, Text: "Has a table of eight senders, of which none is ever forgotten."},
		{Name: "answers-all-senders", packets: func(p *packetPlan) func(string, net.Addr) {
			known := map[string]net.Addr{}
			return func(d string, from net.Addr) {
				known[from.String()] = from
				for _, to := range known {
					p.send(d, to)
				}
			}
		}, Text: "Sends each datagram to everybody who has ever sent one."},
		{Name: "answers-from-another-port", packets: func(p *packetPlan) func(string, net.Addr) {
			return func(d string, from net.Addr) {
				other, err := net.ListenPacket("udp", withPort(p.pc.LocalAddr(), "0"))
				if err != nil {
					return
				}
				defer other.Close()
				_, _ = other.WriteTo([]byte(d), from)
			}
		}, Text: "Answers from a new socket, which has another port."},
		{Name: "quiet-senders-forgotten", packets: func(p *packetPlan) func(string, net.Addr) {
			n := map[string]int{}
			all := 0
			return func(d string, from net.Addr) {
				all++
				if before, known := n[from.String()]; known && all-before > 15 {
					return
				}
				n[from.String()] = all
				p.send(d, from)
			}
		}, Text: "Forgets a sender after fifteen datagrams of others, and ignores it from then on."},

		// What ends it.
		{Name: "quit-by-datagram", packets: deadly(func(d string) bool { return strings.TrimSpace(d) == "quit" }),
			Text: "Ends when a datagram says quit."},
		{Name: "dies-of-non-utf8-datagram", packets: deadly(func(d string) bool { return strings.ToValidUTF8(d, "") != d }),
			Text: "Ends with an uncaught decoding error at a datagram that is not UTF-8."},
		{Name: "dies-of-long-datagram", packets: deadly(func(d string) bool { return len(d) > 50_000 }),
			Text: "Ends when a datagram is longer than 50 000 bytes."},
		{Name: "dies-when-a-sender-is-gone", packets: func(p *packetPlan) func(string, net.Addr) {
			return func(d string, from net.Addr) {
				// A connected socket learns that nobody listens.
				probe, err := net.Dial(from.Network(), from.String())
				if err != nil {
					p.die()
					return
				}
				defer probe.Close()
				_, _ = probe.Write(nil)
				probe.SetReadDeadline(time.Now().Add(2 * time.Millisecond))
				if _, err := probe.Read(make([]byte, 1)); err != nil && !isTimeout(err) {
					p.die()
					return
				}
				p.send(d, from)
			}
		}, Text: "Ends with an uncaught error when the sender of a datagram has gone before it is answered."},
		{Name: "one-datagram-then-exit", packets: func(p *packetPlan) func(string, net.Addr) {
			return func(d string, from net.Addr) {
				p.send(d, from)
				p.die()
			}
		}, Text: "Ends after one datagram: recvfrom is not in a loop."},
		{Name: "datagram-bytes-swapped", packets: changed(func(d string) string {
			b := []byte(d)
			for i := 0; i+1 < len(b); i += 2 {
				b[i], b[i+1] = b[i+1], b[i]
			}
			return string(b)
		}), Text: "Swaps the bytes of each pair, as between machines of different byte order."},
		{Name: "datagram-seven-bits", packets: changed(sevenBits), Text: "Clears the top bit of each byte."},
	}
	for i := range list {
		list[i].Datagrams = true
	}
	return list
}

// withPort is an address of the same host.
func withPort(a net.Addr, port string) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
