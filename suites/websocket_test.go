package suites_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"conform/impl"
	"conform/impl/websocket"
	"conform/specs"
	"conform/suites"
	"conform/suites/target"
)

// webServer is the reference implementation at an address of its own.
func webServer(t *testing.T, o websocket.Options, wrap func(net.Listener) net.Listener) *target.Address {
	t.Helper()
	return start(t, func() impl.Handler { return websocket.New(o) }, wrap)
}

// address reads a URL with the port of another address.
func address(t *testing.T, form string, a *target.Address) *target.Address {
	t.Helper()
	_, port, _ := net.SplitHostPort(a.Address)
	parsed, err := target.ParseAddress(strings.ReplaceAll(form, "PORT", port))
	if err != nil {
		t.Fatal(err)
	}
	return &parsed
}

func TestAWebSocketServerIsRecognised(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	r := run(t, suites.Plan{Target: webServer(t, websocket.Options{}, nil), Only: []string{"websocket/handshake/accepted"}})
	g.Expect(r.Target.Protocol).To(Equal([]string{"websocket"}))
	g.Expect(r.Target.Dialect).To(HaveKeyWithValue("echo", "yes"))
	g.Expect(r.Target.Dialect).To(HaveKeyWithValue("pong", "yes"))
	g.Expect(r.Summary.ExitCode).To(Equal(0))
}

func TestThePathIsFoundOrNamed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	at := webServer(t, websocket.Options{Path: "/chat"}, nil)
	only := []string{"websocket/handshake/accepted"}
	r := run(t, suites.Plan{Target: at, Protocol: "websocket", Only: only})
	g.Expect(r.Target.Dialect).To(HaveKeyWithValue("path", "/chat"))
	g.Expect(find(r, only[0]).Verdict).To(Equal(specs.Pass))
	r = run(t, suites.Plan{Target: address(t, "ws://127.0.0.1:PORT/chat", at), Only: only})
	g.Expect(r.Target.Dialect).To(HaveKeyWithValue("path", "/chat"))
	g.Expect(find(r, only[0]).Verdict).To(Equal(specs.Pass))
	r = run(t, suites.Plan{Target: address(t, "ws://127.0.0.1:PORT/other", at), Only: only})
	g.Expect(find(r, only[0]).Verdict).To(Equal(specs.Fail))
}

func TestACertificateIsVerifiedUnlessTheUserSaysOtherwise(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	certificate, authority := loopbackCertificate(t)
	at := address(t, "wss://127.0.0.1:PORT", webServer(t, websocket.Options{}, func(ln net.Listener) net.Listener {
		return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}})
	}))
	only := []string{"websocket/masking"}
	r := run(t, suites.Plan{Target: at, Only: only})
	g.Expect(r.Summary.ExitCode).To(Equal(3))
	g.Expect(r.Summary.Cause).To(ContainSubstring("--insecure"))
	r = run(t, suites.Plan{Target: at, Only: only, Insecure: true})
	g.Expect(not(r, specs.Pass, specs.Info, specs.Skipped, specs.Unsupported)).To(BeEmpty())
	g.Expect(r.Results[0].Replay).To(ContainSubstring("--insecure"))
	r = run(t, suites.Plan{Target: at, Only: only, CA: authority})
	g.Expect(not(r, specs.Pass, specs.Info, specs.Skipped, specs.Unsupported)).To(BeEmpty())
}

// A server that switches protocols and is silent from then on costs little
// time, and is told from one that fails each requirement.
func TestAMuteWebSocketServerBlocksTheRest(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go func() {
				request, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					c.Close()
					return
				}
				shaken := websocket.New(websocket.Options{})
				shaken.Open()
				c.Write(shaken.Data([]byte("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
					request.Header.Get("Sec-WebSocket-Key") + "\r\n\r\n")).Send)
			}()
		}
	}()
	a := target.Address{Scheme: "tcp", Network: "tcp", Address: ln.Addr().String()}
	r := run(t, suites.Plan{Target: &a, Protocol: "websocket", Only: []string{"websocket/masking"}})
	g.Expect(not(r, specs.Blocked, specs.Skipped, specs.Unsupported)).To(BeEmpty())
	g.Expect(r.Summary.Headline).To(Equal("incomplete"))
}

// What servers do that many rely on costs nothing but under --strict, each seen
// in the one that is named.
func TestWhatRespectedServersDoIsNoFailure(t *testing.T) {
	t.Parallel()
	asked := func(bad string) func(in []byte) bool {
		return func(in []byte) bool { return strings.Contains(string(in), bad) }
	}
	mute := func([]byte) []byte { return nil }
	ends := func(out []byte) []byte { return out }
	for name, c := range map[string]struct {
		only  string
		want  specs.Verdict
		about func(in []byte) bool
		out   func([]byte) []byte
		close bool
	}{
		"faye-websocket leaves what is no WebSocket to others": {"websocket/handshake/other-methods-refused", specs.NonStrict,
			func(in []byte) bool {
				return strings.Contains(string(in), " HTTP/1.1") && !strings.HasPrefix(string(in), "GET ")
			}, mute, false},
		"faye-websocket knows no lists": {"websocket/handshake/upgrade-list", specs.NonStrict, asked("Upgrade: foo, websocket"), mute, false},
		"websocket-driver of Ruby speaks draft 75": {"websocket/handshake/no-version-refused", specs.NonStrict,
			func(in []byte) bool {
				return strings.Contains(string(in), " HTTP/1.1") && !strings.Contains(string(in), "Sec-WebSocket-Version")
			}, func([]byte) []byte {
				return []byte("HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nWebSocket-Location: ws://localhost/\r\n\r\n")
			}, true},
		"websocketpp has another code for a longer form": {"websocket/framing/longer-form-16-bit", specs.Info, asked("\x81\xfe\x00\x05"),
			func([]byte) []byte { return []byte("\x88\x02\x03\xf3") }, true},
		"Netty says good-bye to what is no UTF-8": {"websocket/text/stray-bytes-fail", specs.NonStrict, asked(""),
			func(out []byte) []byte { return bytes.Replace(out, []byte("\x03\xef"), []byte("\x03\xe8"), 1) }, false},
		"Daphne swallows what is empty": {"websocket/limits/round-trips-of-text", specs.NonStrict, asked(""),
			func(out []byte) []byte { return bytes.TrimPrefix(out, []byte("\x81\x00")) }, false},
		"express-ws looks for the path behind the 101": {"websocket/security/odd-paths", specs.Pass,
			func(in []byte) bool {
				return strings.HasPrefix(string(in), "GET /") && !strings.HasPrefix(string(in), "GET / ")
			},
			func(out []byte) []byte { return append(out, "\x88\x00"...) }, true},
		"an echo that streams has begun when an error comes": {"websocket/deflate/rsv1-on-continuation-fails", specs.Pass, asked("\xc0\x83"),
			func(out []byte) []byte { return append([]byte("\x01\x02He"), out...) }, false},
		"Jetty closes as it was asked to":                {"websocket/handshake/connection-close-upgrade", specs.NonStrict, asked("close, Upgrade"), ends, true},
		"Jetty does not last when a body may be to come": {"websocket/handshake/expect-100-continue", specs.NonStrict, asked("100-continue"), ends, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := start(t, func() impl.Handler {
				return &peculiar{Handler: websocket.New(websocket.Options{}), about: c.about, out: c.out, close: c.close}
			}, nil)
			r := run(t, suites.Plan{Target: at, Protocol: "websocket", Only: []string{c.only}})
			if got := find(r, c.only); got.Verdict != c.want {
				t.Errorf("%s: %s, want %s; %+v", c.only, got.Verdict, c.want, got.Reason)
			}
		})
	}
}

// peculiar is the reference implementation, but for what it says to one thing.
type peculiar struct {
	impl.Handler
	about func(in []byte) bool
	out   func([]byte) []byte
	close bool
}

func (p *peculiar) Data(in []byte) impl.Reply {
	r := p.Handler.Data(in)
	if p.about(in) {
		r.Send = p.out(r.Send)
		r.Close = p.close || r.Close && len(r.Send) > 0
	}
	return r
}

// Ten thousand answers may take their time, as long as they come.
func TestALateServerIsNotTakenForOneThatDropsMessages(t *testing.T) {
	t.Parallel()
	at := webServer(t, websocket.Options{}, func(ln net.Listener) net.Listener { return drips{ln} })
	only := "websocket/limits/pipelined-messages"
	r := run(t, suites.Plan{Target: at, Protocol: "websocket", Only: []string{only}})
	if got := find(r, only); got.Verdict != specs.Pass {
		t.Errorf("%s: %+v", got.Verdict, got.Reason)
	}
}

// drips has connections on which much is sent little by little.
type drips struct{ net.Listener }

func (l drips) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return dripping{c}, err
}

type dripping struct{ net.Conn }

func (c dripping) Write(p []byte) (n int, err error) {
	const little = 300
	for len(p) > little && err == nil {
		if _, err = c.Conn.Write(p[:little]); err == nil {
			time.Sleep(40 * time.Millisecond)
		}
		n, p = n+little, p[little:]
	}
	if err != nil {
		return n, err
	}
	m, err := c.Conn.Write(p)
	return n + m, err
}

// loopbackCertificate is a certificate for 127.0.0.1, and the file of what it is
// verified by.
func loopbackCertificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
