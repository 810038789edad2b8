package faults

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"conform/impl/websocket"
)

// Degenerate lists servers that keep to no protocol at all. None of them may
// meet any requirement, and the kit has to survive them.
func Degenerate() []Fault {
	flood := sync.OnceValue(func() []byte { return []byte(strings.Repeat("Ugly.", 600<<10)) }) // too much for each connection to have its own
	return []Fault{
		bare("hangs-up", "Hangs up as soon as a client connects.",
			func(net.Conn, <-chan struct{}) {}),
		bare("resets", "Resets every connection as soon as it is made.",
			func(c net.Conn, _ <-chan struct{}) { linger0(c) }),
		bare("silent", "Reads everything and never says a word.",
			func(c net.Conn, done <-chan struct{}) { io.Copy(io.Discard, c); <-done }),
		bare("never-reads", "Accepts and never reads.",
			func(_ net.Conn, done <-chan struct{}) { <-done }),
		bare("hangs-up-at-first-byte", "Hangs up at the first byte of a client.",
			func(c net.Conn, _ <-chan struct{}) { c.Read(make([]byte, 1)) }),
		bare("echoes-anything", "Sends every byte back.",
			func(c net.Conn, _ <-chan struct{}) { io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}) }).keeps("raw"),
		bare("floods", "Sends without end.",
			func(c net.Conn, done <-chan struct{}) {
				// At once more than anyone waits for; then without haste,
				// because many of these run side by side.
				much := flood()
				for {
					if _, err := c.Write(much); err != nil {
						return
					}
					much = much[:64<<10]
					select {
					case <-time.After(5 * time.Millisecond):
					case <-done:
						return
					}
				}
			}),
		bare("drips", "Sends one byte every few milliseconds, for ever.",
			func(c net.Conn, done <-chan struct{}) {
				tick := time.NewTicker(5 * time.Millisecond)
				defer tick.Stop()
				for {
					select {
					case <-tick.C:
					case <-done:
						return
					}
					if _, err := c.Write([]byte(".")); err != nil {
						return
					}
				}
			}),
		bare("same-line-always", "Answers whatever comes with the same line.",
			func(c net.Conn, _ <-chan struct{}) {
				b := make([]byte, 16<<10)
				for {
					if _, err := c.Read(b); err != nil {
						return
					}
					if _, err := c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); err != nil {
						return
					}
				}
			}),
		bare("garbage", "Sends bytes that mean nothing, with escape codes among them, and reads on.",
			func(c net.Conn, _ <-chan struct{}) {
				c.Write([]byte("\x00\xff\x1b[2J\x1b]0;x\x07\xc3\x28]]><script>\r\n"))
				io.Copy(io.Discard, c)
			}),

		// Servers that are none behind a good handshake.
		bare("upgrades-then-hangs-up", "Answers a WebSocket handshake and hangs up.",
			func(c net.Conn, _ <-chan struct{}) { upgrade(c) }),
		bare("upgrades-then-silent", "Answers a WebSocket handshake, reads everything and never says another word.",
			func(c net.Conn, done <-chan struct{}) {
				if _, ok := upgrade(c); ok {
					io.Copy(io.Discard, c)
					<-done
				}
			}),
		bare("upgrades-then-echoes-bytes", "Answers a WebSocket handshake and sends every byte back, mask and all.",
			func(c net.Conn, _ <-chan struct{}) {
				if rest, ok := upgrade(c); ok {
					c.Write(rest)
					io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
				}
			}),
		bare("upgrades-anything", "Answers whatever comes first with 101, then sends every byte back.",
			func(c net.Conn, _ <-chan struct{}) {
				if _, err := c.Read(make([]byte, 16<<10)); err != nil {
					return
				}
				io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
				io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
			}),

		// Servers of datagrams.
		packets("no-datagrams", "Reads datagrams and never sends one.",
			func(*packetPlan, string, net.Addr) {}),
		packets("floods-with-datagrams", "Sends two hundred datagrams for each.",
			func(p *packetPlan, _ string, from net.Addr) {
				for range 200 {
					p.send("Ugly.", from)
				}
			}),
		packets("same-datagram-always", "Answers whatever comes with the same datagram.",
			func(p *packetPlan, _ string, from net.Addr) { p.send("hello", from) }),
		packets("empty-datagrams", "Answers whatever comes with an empty datagram.",
			func(p *packetPlan, _ string, from net.Addr) { p.send("", from) }),
		packets("garbage-in-datagrams", "Answers with bytes that mean nothing, escape codes among them.",
			func(p *packetPlan, _ string, from net.Addr) { p.send("\x00\xff\x1b[2J\x07\xc3\x28", from) }),
	}
}

// keeps says that a degenerate server happens to keep to a protocol.
func (f Fault) keeps(protocol string) Fault { f.Keeps = protocol; return f }

// upgrade answers a handshake, or hangs up on what is none, as a server built
// on a library for HTTP does. What came behind the request is returned.
func upgrade(c net.Conn) (rest []byte, ok bool) {
	h := websocket.New(websocket.Bundled())
	var head headCutter
	b := make([]byte, 16<<10)
	for {
		n, err := c.Read(b)
		if n > 0 {
			request, rest, complete := head.feed(b[:n])
			if complete {
				r := h.Data(request)
				c.Write(r.Send)
				return rest, !r.Close
			}
			if !bytes.HasPrefix([]byte("GET "), head.buf[:min(4, len(head.buf))]) {
				return nil, false
			}
		}
		if err != nil {
			return nil, false
		}
	}
}

func linger0(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
}

// bare is a server that talks on bare connections and closes them at the end.
func bare(name, text string, talk func(c net.Conn, done <-chan struct{})) Fault {
	return Fault{Name: name, Text: text, start: func(ln net.Listener) *Server {
		s := newServer(ln)
		var mu sync.Mutex
		open := map[net.Conn]bool{}
		s.close = func() {
			ln.Close()
			mu.Lock()
			defer mu.Unlock()
			for c := range open {
				c.Close()
			}
		}
		close(s.ready)
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				mu.Lock()
				open[c] = true
				mu.Unlock()
				select {
				case <-s.done: // closed meanwhile
					c.Close()
				default:
				}
				go func() {
					talk(c, s.done)
					mu.Lock()
					delete(open, c)
					mu.Unlock()
					c.Close()
				}()
			}
		}()
		return s
	}}
}
