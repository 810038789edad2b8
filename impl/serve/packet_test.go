package serve_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"conform/impl/raw"
	"conform/impl/serve"
)

// ask sends a datagram and returns what comes back.
func ask(t *testing.T, conn net.Conn, datagram string) string {
	t.Helper()
	if _, err := conn.Write([]byte(datagram)); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 128<<10)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatalf("no answer to %.20q: %v", datagram, err)
	}
	return string(buf[:n])
}

func TestDatagrams(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"udp", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			address := "127.0.0.1:0"
			if network == "unixgram" {
				address = filepath.Join(t.TempDir(), "socket")
			}
			pc, err := net.ListenPacket(network, address)
			if err != nil {
				t.Skip(err)
			}
			s := serve.StartPacket(pc, func(p []byte) []byte {
				switch string(p) {
				case "panic":
					panic("as asked")
				case "silence":
					return nil
				}
				return raw.Answer(p)
			}, serve.Options{})
			t.Cleanup(func() { s.Close() })
			client := func(i int) net.Conn {
				d := net.Dialer{}
				if network == "unixgram" {
					d.LocalAddr = &net.UnixAddr{Net: network, Name: filepath.Join(t.TempDir(), fmt.Sprint(i))}
				}
				conn, err := d.Dial(network, s.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				return conn
			}
			largest := 65_507
			if runtime.GOOS == "darwin" {
				largest = 9216 // net.inet.udp.maxdgram
			}
			one, other := client(1), client(2)
			for _, d := range []string{"hello", "", "\x00\xff", strings.Repeat("x", largest)} {
				if got := ask(t, one, d); got != d {
					t.Errorf("%.20q of %d bytes came back as %.20q of %d", d, len(d), got, len(got))
				}
				if got := ask(t, other, "other"+d[:min(len(d), 9)]); got != "other"+d[:min(len(d), 9)] {
					t.Errorf("the other client got %.20q", got)
				}
			}
			gone := client(3)
			gone.Write([]byte("leaves"))
			gone.Close()
			one.Write([]byte("panic"))
			one.Write([]byte("silence"))
			if got := ask(t, one, "after"); got != "after" {
				t.Errorf("after a panic and a client that has gone: %q", got)
			}
			if err := s.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			<-s.Done()
			if err := s.Err(); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("closed twice: %v", err)
			}
		})
	}
}

func TestAPacketServerEndsWithItsSocket(t *testing.T) {
	t.Parallel()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serve.StartPacket(pc, raw.Answer, serve.Options{})
	pc.Close()
	<-s.Done()
	if s.Err() == nil {
		t.Error("no error although the socket was closed by somebody else")
	}
}
