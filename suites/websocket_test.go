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

// A server may fail a connection without a Close frame, for a message that is
// too long too: it is known by the limit that is declared.
func TestADeclaredLimitMayEndTheConnectionWithoutAWord(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	at := webServer(t, websocket.Options{MaxMessage: 16 << 10}, func(ln net.Listener) net.Listener { return wordless{ln} })
	only := []string{"websocket/framing/lengths-around-65536", "websocket/framing/lengths-around-256"}
	plan := suites.Plan{Target: at, Protocol: "websocket", Only: only}
	r := run(t, plan)
	g.Expect(find(r, only[0]).Verdict).To(Equal(specs.Fail)) // it may be any mistake
	plan.Dialects = []string{"max-message=16384"}
	r = run(t, plan)
	g.Expect(find(r, only[0]).Verdict).To(Equal(specs.Unsupported))
	g.Expect(find(r, only[1]).Verdict).To(Equal(specs.Pass))
}

// An application may greet its clients: that is no answer to anything, and breaks
// no silence.
func TestWhatAnApplicationSaysByItselfIsNoAnswer(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	at := webServer(t, websocket.Options{}, func(ln net.Listener) net.Listener { return greeting{ln} })
	only := []string{"websocket/masking/unmasked-text-fails", "websocket/framing/ping-waits-for-its-end", "websocket/framing/rsv-on-ping-fails",
		"websocket/fragmentation/lone-continuation-fails", "websocket/control/empty-ping", "websocket/text/stray-bytes-fail", "websocket/closing/close-answered"}
	plan := suites.Plan{Target: at, Protocol: "websocket", Only: only, Dialects: []string{"echo=no"}}
	r := run(t, plan)
	g.Expect(not(r, specs.Pass, specs.Skipped)).To(BeEmpty())
	// It is an echo all the same.
	plan.Dialects, plan.Only = nil, append(only, "websocket/framing/empty-messages", "websocket/framing/twenty-frames-at-once")
	r = run(t, plan)
	g.Expect(r.Target.Dialect).To(HaveKeyWithValue("echo", "yes"))
	g.Expect(not(r, specs.Pass, specs.Skipped)).To(BeEmpty())
}

// greeting has its connections say something behind the opening handshake.
type greeting struct{ net.Listener }

func (l greeting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return greetingConn{c}, err
}

type greetingConn struct{ net.Conn }

func (c greetingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err == nil && bytes.HasPrefix(p, []byte("HTTP/1.1 101")) {
		_, err = c.Conn.Write([]byte("\x81\x07welcome"))
	}
	return n, err
}

// wordless keeps back the Close frames with 1009 that its connections are to send.
type wordless struct{ net.Listener }

func (l wordless) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return wordlessConn{c}, err
}

type wordlessConn struct{ net.Conn }

func (c wordlessConn) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte{0x88}) && bytes.Contains(p[:4], []byte("\x03\xf1")) {
		return len(p), nil
	}
	return c.Conn.Write(p)
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
