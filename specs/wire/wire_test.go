package wire_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"conform/specs/wire"
)

const patience = 5 * time.Second

// serve accepts one connection and hands it to f.
func serve(t *testing.T, network string, f func(net.Conn)) wire.Dialer {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "socket")
	}
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		f(conn)
	}()
	return wire.Dialer{Network: network, Address: ln.Addr().String(), Timeout: patience}
}

func dial(t *testing.T, d wire.Dialer) (*wire.Conn, *wire.Transcript) {
	t.Helper()
	transcript := wire.NewTranscript()
	conn, err := d.Dial(context.Background(), transcript)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn, transcript
}

// elsewhere is a network with one server, at any address.
type elsewhere struct{ peer net.Conn }

func (e *elsewhere) DialWith(_ context.Context, d *net.Dialer, _, _ string) (net.Conn, error) {
	if d.Control == nil {
		return nil, errors.New("the socket is not prepared")
	}
	ours, theirs := net.Pipe()
	e.peer = theirs
	return ours, nil
}

func (e *elsewhere) ListenPacket(string) (net.PacketConn, error) {
	return nil, errors.New("no datagrams")
}

// A server in another network is reached by sockets that are made there.
func TestVia(t *testing.T) {
	t.Parallel()
	far := &elsewhere{}
	d := wire.Dialer{Network: "tcp", Address: "127.0.0.1:8080", Timeout: patience, ReceiveBuffer: 4096, Via: far}
	conn, _ := dial(t, d)
	go far.peer.Write([]byte("here"))
	if s := conn.Await(context.Background(), patience, atLeast(4)); string(s.Unread) != "here" {
		t.Errorf("got %q", s.Unread)
	}
	d.Network, d.AnySource = "udp", true
	if _, err := d.Dial(context.Background(), wire.NewTranscript()); err == nil || err.Error() != "no datagrams" {
		t.Errorf("%v: the socket for datagrams is made here", err)
	}
}

func atLeast(n int) func([]byte) bool { return func(b []byte) bool { return len(b) >= n } }

func never([]byte) bool { return false }

func kinds(t *wire.Transcript) (all []wire.Kind) {
	for _, e := range t.Events() {
		all = append(all, e.Kind)
	}
	return all
}

func has(t *wire.Transcript, kind wire.Kind) bool {
	for _, k := range kinds(t) {
		if k == kind {
			return true
		}
	}
	return false
}

func TestEveryWayToEndIsNamed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end  func(net.Conn)
		want wire.Kind
	}{
		"fin":   {func(c net.Conn) {}, wire.FIN},
		"reset": {func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }, wire.RST},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, transcript := dial(t, serve(t, "tcp", func(c net.Conn) {
				c.Write([]byte("last words"))
				// Read until the client has the words: a reset drops what is under way.
				c.Read(make([]byte, 1))
				tc.end(c)
			}))
			conn.Await(context.Background(), patience, atLeast(10))
			if err := conn.Send([]byte("x"), patience); err != nil {
				t.Fatal(err)
			}
			s := conn.Await(context.Background(), patience, never)
			if s.End != tc.want || string(s.Unread) != "last words" || !has(transcript, tc.want) {
				t.Errorf("end %q with %q unread, want %q; events %v", s.End, s.Unread, tc.want, kinds(transcript))
			}
		})
	}
}

func TestSilenceIsNotAnEnd(t *testing.T) {
	t.Parallel()
	release := make(chan bool)
	conn, _ := dial(t, serve(t, "tcp", func(c net.Conn) { <-release }))
	if s := conn.Await(context.Background(), 20*time.Millisecond, never); !s.TimedOut || s.End != "" {
		t.Errorf("got %+v, want a wait that ran out on an open connection", s)
	}
	close(release)
}

func TestARefusedConnectionIsRecorded(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	transcript := wire.NewTranscript()
	_, err = wire.Dialer{Network: "tcp", Address: ln.Addr().String(), Timeout: patience}.Dial(context.Background(), transcript)
	if err == nil || !has(transcript, wire.ConnectFailed) {
		t.Errorf("error %v, events %v", err, kinds(transcript))
	}
}

func TestASendErrorIsNotTheEnd(t *testing.T) {
	t.Parallel()
	conn, transcript := dial(t, serve(t, "tcp", func(c net.Conn) { c.Write([]byte("said before")) }))
	s := conn.Await(context.Background(), patience, never) // FIN
	for conn.Send([]byte("x"), patience) == nil {          // the first is answered by a reset
		time.Sleep(time.Millisecond)
	}
	if string(s.Unread) != "said before" || !has(transcript, wire.SendFailed) {
		t.Errorf("unread %q, events %v", s.Unread, kinds(transcript))
	}
}

func TestAFloodIsBounded(t *testing.T) {
	t.Parallel()
	d := serve(t, "tcp", func(c net.Conn) {
		block := bytes.Repeat([]byte("flood"), 1<<12)
		for {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	})
	d.Limit = 100_000
	conn, transcript := dial(t, d)
	s := conn.Await(context.Background(), patience, never)
	if !s.Flooded || len(s.Unread) != d.Limit {
		t.Fatalf("flooded %v with %d bytes held, want %d", s.Flooded, len(s.Unread), d.Limit)
	}
	kept := 0
	for _, e := range transcript.Events() {
		kept += len(e.Data.Head) + len(e.Data.Tail)
	}
	if kept > 32<<20 {
		t.Errorf("the transcript keeps %d bytes", kept)
	}
}

func TestADripIsMerged(t *testing.T) {
	t.Parallel()
	const n = 6000
	conn, transcript := dial(t, serve(t, "tcp", func(c net.Conn) {
		for range n {
			if _, err := c.Write([]byte(".")); err != nil {
				return
			}
			c.Read(make([]byte, 1))
		}
	}))
	for i := range n {
		if s := conn.Await(context.Background(), patience, atLeast(i+1)); s.TimedOut || s.End != "" {
			t.Fatalf("%+v after %d bytes", s, i)
		}
		conn.Send([]byte("x"), patience)
	}
	conn.Await(context.Background(), patience, never)
	var received int64
	events := transcript.Events()
	for _, e := range events {
		if e.Kind == wire.Received {
			received += e.Data.Size
		}
	}
	if received != n || len(events) > 4100 || !has(transcript, wire.FIN) {
		t.Errorf("%d bytes in %d events, FIN %v; want %d bytes, a bounded number, and the end", received, len(events), has(transcript, wire.FIN), n)
	}
}

func TestHalfCloseGoesOnReading(t *testing.T) {
	t.Parallel()
	conn, _ := dial(t, serve(t, "tcp", func(c net.Conn) {
		var got bytes.Buffer
		got.ReadFrom(c) // until our FIN
		c.Write(got.Bytes())
	}))
	conn.Send([]byte("hello"), patience)
	if err := conn.HalfClose(); err != nil {
		t.Fatal(err)
	}
	if s := conn.Await(context.Background(), patience, never); string(s.Unread) != "hello" || s.End != wire.FIN {
		t.Errorf("got %+v", s)
	}
}

func TestResetSendsAReset(t *testing.T) {
	t.Parallel()
	seen := make(chan error, 1)
	conn, transcript := dial(t, serve(t, "tcp", func(c net.Conn) {
		_, err := c.Read(make([]byte, 1))
		seen <- err
	}))
	conn.Reset()
	if err := <-seen; err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("the server saw %v, want a reset", err)
	}
	if !has(transcript, wire.WasReset) {
		t.Errorf("events %v", kinds(transcript))
	}
}

func TestAMegabyteEchoDoesNotDeadlock(t *testing.T) {
	t.Parallel()
	conn, _ := dial(t, serve(t, "unix", func(c net.Conn) {
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			c.Write(buf[:n])
		}
	}))
	message := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if err := conn.Send(message, patience); err != nil {
		t.Fatal(err)
	}
	if s := conn.Await(context.Background(), patience, atLeast(len(message))); !bytes.Equal(s.Unread, message) {
		t.Errorf("%d bytes came back of %d", len(s.Unread), len(message))
	}
}

func TestConsumeKeepsTheRest(t *testing.T) {
	t.Parallel()
	conn, _ := dial(t, serve(t, "tcp", func(c net.Conn) { c.Write([]byte("one two")) }))
	conn.Await(context.Background(), patience, atLeast(7))
	conn.Consume(4)
	if s := conn.State(); string(s.Unread) != "two" {
		t.Errorf("unread %q", s.Unread)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	d := serve(t, "tcp", func(c net.Conn) {
		server := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
		server.Write([]byte("secret"))
		server.Close()
	})
	d.TLS = &tls.Config{InsecureSkipVerify: true}
	conn, _ := dial(t, d)
	if s := conn.Await(context.Background(), patience, never); string(s.Unread) != "secret" || s.End != wire.FIN {
		t.Errorf("got %+v", s)
	}
}

func certificate(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Error(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Error(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestDatagramsKeepTheirBounds(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"udp", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			address := "127.0.0.1:0"
			if network == "unixgram" {
				address = filepath.Join(t.TempDir(), "socket")
			}
			server, err := net.ListenPacket(network, address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { server.Close() })
			go func() {
				buf := make([]byte, 64<<10)
				for {
					n, from, err := server.ReadFrom(buf)
					if err != nil {
						return
					}
					server.WriteTo(buf[:n], from)
				}
			}()
			conn, _ := dial(t, wire.Dialer{Network: network, Address: server.LocalAddr().String(), Timeout: patience})
			for _, message := range []string{"one", "", "three"} {
				if err := conn.Send([]byte(message), patience); err != nil {
					t.Fatal(err)
				}
				if got, ok := conn.Datagram(context.Background(), patience); !ok || string(got) != message {
					t.Errorf("sent %q, got %q, %v", message, got, ok)
				}
			}
		})
	}
}

func TestQuoteShowsHeadAndTail(t *testing.T) {
	t.Parallel()
	long := append(bytes.Repeat([]byte("a"), 10_000), "end"...)
	if got := wire.Quote(long, 40); !strings.HasPrefix(got, `"aaaa`) || !strings.HasSuffix(got, `aend"`) || !strings.Contains(got, "(10003 bytes)") {
		t.Errorf("got %s", got)
	}
	if got := wire.Quote([]byte("\x1b[31m\u202e\xff"), 40); got != `"\x1b[31m\u202e\xff"` {
		t.Errorf("got %s", got)
	}
}

// A peer must feel that nobody reads: its writes come to a halt.
func TestReadSlowlyHoldsThePeerUp(t *testing.T) {
	t.Parallel()
	written := make(chan int, 1)
	d := serve(t, "tcp", func(c net.Conn) {
		n, block := 0, bytes.Repeat([]byte("x"), 64<<10)
		c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		for {
			m, err := c.Write(block)
			if n += m; err != nil {
				break
			}
		}
		written <- n
		c.SetWriteDeadline(time.Time{})
		c.Read(make([]byte, 1))
	})
	d.ReceiveBuffer = 4 << 10
	d.Limit = 64 << 20
	conn, _ := dial(t, d)
	conn.ReadSlowly(0, 0)
	n := <-written
	if held := len(conn.State().Unread); n > 32<<20 || held > 128<<10 {
		t.Fatalf("the peer wrote %d bytes, of which %d were read, while reading was stopped", n, held)
	}
	conn.ReadSlowly(8<<10, 0)
	if s := conn.Await(context.Background(), patience, atLeast(n)); len(s.Unread) != n {
		t.Errorf("%d of %d bytes came once reading went on", len(s.Unread), n)
	}
}

// With small segments it does not take megabytes.
func TestSmallSegmentsHoldThePeerUpSoon(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("systems differ in what they make of it")
	}
	written := make(chan int, 1)
	d := serve(t, "tcp", func(c net.Conn) {
		n, block := 0, bytes.Repeat([]byte("x"), 4000)
		c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		for {
			m, err := c.Write(block)
			if n += m; err != nil {
				break
			}
		}
		written <- n
		c.SetWriteDeadline(time.Time{})
		c.Read(make([]byte, 1))
	})
	d.SegmentSize, d.ReceiveBuffer = 500, 3500
	conn, _ := dial(t, d)
	conn.ReadSlowly(0, 0)
	n := <-written
	if n > 256<<10 {
		t.Fatalf("the peer wrote %d bytes while reading was stopped", n)
	}
	conn.ReadSlowly(64<<10, 0)
	if s := conn.Await(context.Background(), patience, atLeast(n)); len(s.Unread) != n {
		t.Errorf("%d of %d bytes came once reading went on", len(s.Unread), n)
	}
}
