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
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"conform/impl"
	"conform/impl/faults"
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
	r := run(t, suites.Plan{Target: &a, Protocol: "websocket", Only: []string{"websocket/masking", "websocket/limits/idle-crowd", "websocket/concurrency/pongs-apart"}})
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

// A 101 that no client would take blocks everything behind it, and is a failure
// all the same: the self-test, which looks for nothing beforehand, cannot show it.
func TestAWrong101Fails(t *testing.T) {
	t.Parallel()
	for _, f := range faults.For("websocket") {
		if !strings.HasPrefix(f.Name, "accept-") && !strings.HasPrefix(f.Name, "101-") {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			g.Expect(err).NotTo(HaveOccurred())
			server := f.Start(ln)
			t.Cleanup(func() { server.Close() })
			a := target.Address{Scheme: "tcp", Network: "tcp", Address: ln.Addr().String()}
			r := run(t, suites.Plan{Target: &a, Protocol: "websocket", Only: []string{"websocket/handshake/{acc,101}*", "websocket/masking/every-length"}})
			g.Expect(r.Summary.Counts[specs.Fail]+r.Summary.Counts[specs.NonStrict]).To(BeNumerically(">", 0), "%v", r.Summary.Counts)
		})
	}
}

// odd is the reference implementation, but for what it does about some reads.
type odd struct {
	impl.Handler
	data func(next impl.Handler, p []byte) impl.Reply
}

func (h *odd) Data(p []byte) impl.Reply { return h.data(h.Handler, p) }

func oddServer(t *testing.T, data func() func(next impl.Handler, p []byte) impl.Reply) *target.Address {
	return start(t, func() impl.Handler { return &odd{websocket.New(websocket.Options{}), data()} }, nil)
}

// when answers what a connection has sent so far in a way of its own, if it is so.
func when(is func(all string) bool, reply impl.Reply) func() func(impl.Handler, []byte) impl.Reply {
	return func() func(impl.Handler, []byte) impl.Reply {
		all, mine := "", false
		return func(next impl.Handler, p []byte) impl.Reply {
			if all += string(p); mine || is(all) {
				mine = true
				return reply
			}
			return next.Data(p)
		}
	}
}

// One handshake that a busy server leaves unanswered is no reason to block all
// that needs one.
func TestOneLostHandshakeBlocksNothing(t *testing.T) {
	t.Parallel()
	for lost := 1; lost < 6; lost++ { // the first shows whether there is a server
		t.Run(strconv.Itoa(lost), func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			at := oddServer(t, func() func(impl.Handler, []byte) impl.Reply {
				drop := false
				return func(next impl.Handler, p []byte) impl.Reply {
					if strings.HasPrefix(string(p), "GET ") {
						drop = int(asked.Add(1)) == lost+1
					}
					if drop {
						return impl.Reply{}
					}
					return next.Data(p)
				}
			})
			r := run(t, suites.Plan{Target: at, Protocol: "websocket", Only: []string{"websocket/handshake/upgrade-any-case"}})
			NewWithT(t).Expect(r.Target.Dialect).To(HaveKeyWithValue("opening", "standard"))
		})
	}
}

func TestARefusedOpeningHandshakeIsOneFailure(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	at := oddServer(t, when(func(all string) bool { return strings.HasSuffix(all, "\r\n\r\n") }, impl.Reply{
		Send: []byte("HTTP/1.1 401 Unauthorized\r\nContent-Length: 11\r\n\r\nwho are you"), Close: true}))
	r := run(t, suites.Plan{Target: at, Protocol: "websocket"})
	g.Expect(r.Summary.Counts[specs.Fail]).To(Equal(1), "%v", r.Summary.Counts)
	refused := find(r, "websocket/handshake/accepted")
	g.Expect(refused.Reason.Hint).To(ContainSubstring("--dialect credentials="))
	g.Expect(refused.Reason.Received).To(ContainSubstring("who are you"), "what the server says about it")
	g.Expect(find(r, "websocket/handshake/accept-of-any-key").Verdict).To(Equal(specs.Blocked))
}

// A server that hangs up where others refuse, and whose 101 has nothing but what
// it needs, in other letters and another order, is right.
func TestARightServerMayLookDifferent(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	at := oddServer(t, func() func(impl.Handler, []byte) impl.Reply {
		return func(next impl.Handler, p []byte) impl.Reply {
			r := next.Data(p)
			answer := strings.TrimPrefix(string(r.Send), "HTTP/1.1 100 Continue\r\n\r\n") // which may be left out
			head, rest, _ := strings.Cut(answer, "\r\n\r\n")
			lines := strings.Split(head, "\r\n")
			switch {
			case strings.HasPrefix(head, "HTTP/1.1 101 "):
				slices.Reverse(lines[1:])
				for i, line := range lines {
					name, value, _ := strings.Cut(line, ":")
					lines[i] = strings.ToLower(name) + ":" + value + " "
				}
				lines[0] = "HTTP/1.1 101 "
				r.Send = []byte(strings.NewReplacer(" websocket", "\tWebSocket", " Upgrade", "keep-alive ,uPGRADE").Replace(strings.Join(lines, "\r\n")) + "\r\n\r\n" + rest)
			case strings.HasPrefix(head, "HTTP/1.1 "):
				r.Send = nil
			}
			return r
		}
	})
	r := run(t, suites.Plan{Target: at, Protocol: "websocket", Only: []string{"websocket/handshake/*", "websocket/security/*"}, Pace: 1})
	g.Expect(not(r, specs.Pass, specs.Info, specs.Skipped, specs.Unsupported)).To(BeEmpty())
}

// What a server may do, or has to be forgiven, although the reference does not.
func TestWhatIsForgivenInTheOpeningHandshake(t *testing.T) {
	t.Parallel()
	contains := func(part string) func(string) bool {
		return func(all string) bool { return strings.Contains(all, part) }
	}
	for _, c := range []struct {
		name, id string
		does     func() func(impl.Handler, []byte) impl.Reply
		verdict  specs.Verdict
	}{
		{"ends at early data", "websocket/handshake/early-frame", func() func(impl.Handler, []byte) impl.Reply {
			return func(next impl.Handler, p []byte) impl.Reply {
				head, early, _ := strings.Cut(string(p), "\r\n\r\n")
				if early == "" || !strings.HasPrefix(head, "GET ") {
					return next.Data(p)
				}
				return impl.Reply{Send: next.Data([]byte(head + "\r\n\r\n")).Send, Close: true}
			}
		}, specs.Info},
		{"hangs up on a query", "websocket/handshake/query", when(contains("?a=b"), impl.Reply{Close: true}), specs.NonStrict},
		{"drops a request with chunks", "websocket/handshake/chunked-body-on-get", when(contains("chunked"), impl.Reply{}), specs.Info},
		{"drops a long request", "websocket/handshake/64-kib-header", when(func(all string) bool { return len(all) > 8<<10 }, impl.Reply{}), specs.NonStrict},
		{"drops a long target", "websocket/handshake/64-kib-target", when(func(all string) bool { return len(all) > 8<<10 }, impl.Reply{}), specs.NonStrict},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := run(t, suites.Plan{Target: oddServer(t, c.does), Protocol: "websocket", Only: []string{c.id}})
			NewWithT(t).Expect(find(r, c.id).Verdict).To(Equal(c.verdict), "%+v", find(r, c.id).Reason)
		})
	}
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
