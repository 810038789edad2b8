package scale

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"conform/impl"
	implcalc "conform/impl/calc"
	implecho "conform/impl/echo"
	"conform/impl/faults"
	implraw "conform/impl/raw"
	"conform/impl/serve"
	implwebsocket "conform/impl/websocket"
	implzen "conform/impl/zen"
	"conform/specs"
	"conform/specs/calc"
	"conform/specs/echo"
	"conform/specs/raw"
	"conform/specs/websocket"
	"conform/specs/wire"
	"conform/specs/zen"
	"conform/suites/report"
)

// engines are those that there are on this system.
func engines() []Engine {
	if haveEventLoop {
		return []Engine{EventLoop, Goroutines}
	}
	return []Engine{Goroutines}
}

var protocols = map[string]struct {
	standard func() specs.Protocol
	handler  func() impl.Handler
}{
	"zen":       {zen.Protocol, implzen.New},
	"echo":      {echo.Protocol, implecho.New},
	"calc":      {calc.Protocol, func() impl.Handler { return implcalc.New(implcalc.Options{}) }},
	"raw":       {raw.Protocol, implraw.New},
	"websocket": {websocket.Protocol, func() impl.Handler { return implwebsocket.New(implwebsocket.Options{}) }},
}

func talk(t testing.TB, protocol, address string) specs.Talk {
	t.Helper()
	made, err := protocols[protocol].standard().Scale(specs.Crowd{Target: wire.Dialer{Network: "tcp", Address: address}, Seed: 1, Dialect: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// served starts a server and returns its address.
func served(t testing.TB, handler func() impl.Handler) string {
	t.Helper()
	server := serve.Start(listen(t), handler, serve.Options{})
	t.Cleanup(func() { server.Close() })
	return server.Addr().String()
}

// changed is a handler with a change to its answers.
type changed struct {
	impl.Handler
	out func([]byte) []byte
}

func (c changed) Data(p []byte) impl.Reply {
	r := c.Handler.Data(p)
	if len(r.Send) > 0 {
		r.Send = c.out(r.Send)
	}
	return r
}

func hold(t testing.TB, address, protocol string, o Options) *report.Scale {
	t.Helper()
	o.Network, o.Address, o.Talk = "tcp", address, talk(t, protocol, address)
	if o.For == 0 {
		o.For = 100 * time.Millisecond
	}
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sum(values []int64) (total int64) {
	for _, v := range values {
		total += v
	}
	return total
}

func errorOf(r *report.Scale, code specs.Code) report.ScaleError {
	for _, e := range r.Errors {
		if e.Code == code {
			return e
		}
	}
	return report.ScaleError{}
}

func TestServesMany(t *testing.T) {
	t.Parallel()
	for _, engine := range engines() {
		for protocol, p := range protocols {
			t.Run(string(engine)+"/"+protocol, func(t *testing.T) {
				t.Parallel()
				g := NewWithT(t)
				const clients = 300
				r := hold(t, served(t, p.handler), protocol, Options{Clients: clients, Engine: engine})
				g.Expect(r.OK()).To(BeTrue(), "%+v", r.Errors)
				g.Expect(r.Errors).To(BeEmpty())
				g.Expect(r.Engine).To(Equal(string(engine)))
				g.Expect(r.Ended).To(Equal("complete"))
				g.Expect([]int{r.Served, r.NeverServed, r.Connections.Made, r.Connections.Lost, r.Connections.MostOpen, r.Connections.OpenAtEnd}).
					To(Equal([]int{clients, 0, clients, 0, clients, clients}))
				g.Expect(r.RoundTrips.Least).To(BeNumerically(">=", 2), "all of them converse")
				g.Expect(r.RoundTrips.Most).To(BeNumerically(">=", r.RoundTrips.Least))
				g.Expect(r.RoundTrips.PerSecond).To(BeNumerically(">", 0))
				g.Expect(r.ServedAfter.Count).To(BeEquivalentTo(clients))
				g.Expect(r.Connections.Time.Count).To(BeEquivalentTo(clients))
				g.Expect(r.Latency.Count).To(Equal(r.RoundTrips.Right - clients))
				g.Expect([]float64{r.Latency.P50, r.Latency.P90, r.Latency.P99, r.Latency.P999}).To(HaveEach(BeNumerically("<=", r.Latency.Max)))
				g.Expect(sum(r.Series.Connects)).To(BeEquivalentTo(clients))
				g.Expect(sum(r.Series.RoundTrips)).To(Equal(r.RoundTrips.Right))
				total := int64(0)
				for _, b := range r.Latency.Buckets {
					total += b.Count
				}
				g.Expect(total).To(Equal(r.Latency.Count))
				g.Expect(r.Recovery).NotTo(BeNil())
				g.Expect(r.Recovery.Served).To(BeTrue())
			})
		}
	}
}

func TestThousand(t *testing.T) {
	t.Parallel()
	for _, engine := range engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			r := hold(t, served(t, implecho.New), "echo", Options{Clients: 1000, Engine: engine})
			if !r.OK() || r.Served != 1000 {
				t.Errorf("%d served, %+v", r.Served, r.Errors)
			}
		})
	}
}

// Whatever is wrong is counted by its kind, with one example whose bytes are
// quoted.
func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, protocol string
		code           specs.Code
		received       string
		change         func() func([]byte) []byte
	}{
		{"wrong", "echo", specs.WrongBytes, `\x1b`, func() func([]byte) []byte {
			var answers atomic.Int64
			return func(p []byte) []byte {
				if answers.Add(1) > 500 {
					return bytes.Replace(p, []byte("'"), []byte("\x1b"), 1)
				}
				return p
			}
		}},
		{"more", "zen", specs.NotSilent, `"!"`, always(func(p []byte) []byte { return append(bytes.Clone(p), '!') })},
		{"answers of others", "echo", specs.Misdelivered, "client ", func() func([]byte) []byte {
			var mu sync.Mutex
			var held []byte
			return func(p []byte) []byte {
				mu.Lock()
				defer mu.Unlock()
				other := held
				if held = bytes.Clone(p); other == nil {
					return p
				}
				return other
			}
		}},
		{"sums of others", "calc", specs.Misdelivered, "Sum", always(func(p []byte) []byte {
			return bytes.Replace(p, []byte(": '"), []byte(": '9"), 1)
		})},
		{"a frame with a mask", "websocket", specs.Violation, `\x81\xc0`, always(func(p []byte) []byte {
			if p[0] != 0x81 {
				return p
			}
			p = bytes.Clone(p)
			p[1] |= 0x80
			return p
		})},
		{"a Close", "websocket", specs.ClosedEarly, `\x88\x02\x03\xe9`, always(func(p []byte) []byte {
			if p[0] != 0x81 {
				return p
			}
			return []byte("\x88\x02\x03\xe9")
		})},
	} {
		for _, engine := range engines() {
			t.Run(string(engine)+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				g := NewWithT(t)
				handler, out := protocols[test.protocol].handler, test.change()
				address := served(t, func() impl.Handler { return changed{handler(), out} })
				r := hold(t, address, test.protocol, Options{Clients: 200, Engine: engine, Patience: time.Second})
				g.Expect(r.OK()).To(BeFalse())
				e := errorOf(r, test.code)
				g.Expect(e.Count).To(BeNumerically(">", 0), "%+v", r.Errors)
				g.Expect(e.First.Received).To(ContainSubstring(test.received), "%+v", e)
				g.Expect(e.First.Message).NotTo(BeEmpty())
				g.Expect(e.First.Received).NotTo(ContainSubstring("\x1b"))
				g.Expect(sum(r.Series.Errors)).To(BeNumerically(">=", e.Count))
			})
		}
	}
}

func always(out func([]byte) []byte) func() func([]byte) []byte {
	return func() func([]byte) []byte { return out }
}

// A server that serves four clients at a time leaves the others without an
// answer, and is seen to recover.
func TestNeverServed(t *testing.T) {
	t.Parallel()
	for _, engine := range engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ln := listen(t)
			for range 4 {
				go func() {
					for {
						c, err := ln.Accept()
						if err != nil {
							return
						}
						lines(c, func(p []byte) []byte { return p })
						c.Close()
					}
				}()
			}
			r := hold(t, ln.Addr().String(), "echo", Options{Clients: 100, Engine: engine, Patience: 300 * time.Millisecond})
			g.Expect(r.Served).To(Equal(4))
			g.Expect(r.NeverServed).To(Equal(96))
			g.Expect(r.Connections.Made).To(Equal(100), "they are held all the same")
			e := errorOf(r, specs.NoAnswer)
			g.Expect(e.Count).To(BeEquivalentTo(96), "%+v", r.Errors)
			g.Expect(e.First.Sent).To(HavePrefix(`"client `))
			g.Expect(e.First.Expected).To(HavePrefix(`"Echoed: 'client `))
			g.Expect(r.RoundTrips.Right).To(BeNumerically(">", 4))
			g.Expect(r.Recovery.Served).To(BeTrue())
			g.Expect(r.OK()).To(BeFalse())
		})
	}
}

// lines echoes lines in one go for each read.
func lines(c net.Conn, change func([]byte) []byte) {
	b := make([]byte, 4<<10)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		for _, line := range strings.SplitAfter(string(b[:n]), "\r\n") {
			if line != "" {
				_, _ = c.Write(change([]byte("Echoed: '" + strings.TrimRight(line, "\r\n") + "'\r\n")))
			}
		}
	}
}

// Servers that keep to nothing end nothing: the run is over soon, with a report.
func TestDegenerate(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup // they mostly wait
	for _, engine := range engines() {
		for _, fault := range faults.Degenerate() {
			if fault.Datagrams {
				continue // clients at scale are connections
			}
			for _, protocol := range []string{"echo", "calc", "websocket"} {
				name := fmt.Sprintf("%s/%s/%s", engine, fault.Name, protocol)
				clients := 40
				if fault.Name == "floods" {
					clients = 4 // each is sent three mebibytes at once
				}
				ln := listen(t)
				server := fault.Start(ln)
				t.Cleanup(func() { server.Close() })
				address := ln.Addr().String()
				o := Options{Network: "tcp", Address: address, Talk: talk(t, protocol, address), Clients: clients, Engine: engine,
					For: 100 * time.Millisecond, Patience: 200 * time.Millisecond}
				all.Go(func() {
					r, err := Run(t.Context(), o)
					switch {
					case err != nil:
						t.Errorf("%s: %s", name, err)
					case r.OK() || r.Served != 0 || r.NeverServed != clients || len(r.Errors) == 0:
						t.Errorf("%s: %+v", name, r)
					case r.Recovery == nil || r.Recovery.Served || r.Recovery.Problem == "":
						t.Errorf("%s: recovery %+v", name, r.Recovery)
					}
				})
			}
		}
	}
	all.Wait()
}

// A server that stops serving in the middle, in every way in which it can.
func TestTurnsBad(t *testing.T) {
	t.Parallel()
	var floods atomic.Bool
	for name, end := range map[string]struct {
		ends  bool // the connection, so that nothing is waited for
		codes []specs.Code
		do    func(net.Conn)
	}{
		"hangs up":    {true, []specs.Code{specs.ClosedEarly}, func(c net.Conn) { c.Close() }},
		"resets":      {true, []specs.Code{specs.ResetEarly}, func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() }},
		"half-closes": {true, []specs.Code{specs.ClosedEarly}, func(c net.Conn) { c.(*net.TCPConn).CloseWrite() }},
		"is silent":   {false, []specs.Code{specs.NoAnswer}, func(net.Conn) {}},
		"half an answer": {false, []specs.Code{specs.PartialAnswer}, func(c net.Conn) {
			io.WriteString(c, "Echoed: 'cl")
		}},
		"floods": {false, []specs.Code{specs.WrongBytes, specs.NotSilent}, func(c net.Conn) {
			for floods.Load() {
				if _, err := c.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}},
	} {
		floods.Store(true)
		t.Cleanup(func() { floods.Store(false) })
		for _, engine := range engines() {
			t.Run(string(engine)+"/"+name, func(t *testing.T) {
				t.Parallel()
				g := NewWithT(t)
				ln := listen(t)
				go func() {
					for {
						c, err := ln.Accept()
						if err != nil {
							return
						}
						t.Cleanup(func() { c.Close() })
						go func() {
							answered := 0
							lines(c, func(p []byte) []byte {
								if answered++; answered == 4 {
									go end.do(c)
								}
								if answered >= 4 {
									return nil
								}
								return p
							})
						}()
					}
				}()
				const clients = 100
				o := Options{Clients: clients, Engine: engine, For: time.Second, Patience: time.Second}
				if end.ends {
					o.For = time.Minute
				}
				r := hold(t, ln.Addr().String(), "echo", o)
				g.Expect(r.Served).To(Equal(clients))
				count := int64(0)
				for _, code := range end.codes {
					count += errorOf(r, code).Count
				}
				g.Expect(count).To(BeNumerically(">", 0), "%+v", r.Errors)
				if end.ends {
					g.Expect(count).To(BeEquivalentTo(clients), "%+v", r.Errors)
					g.Expect(r.RoundTrips.Right).To(BeEquivalentTo(3 * clients))
					g.Expect(r.Ended).To(Equal("no client left"))
				}
			})
		}
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	for _, engine := range engines() {
		g := NewWithT(t)
		ln := listen(t)
		address := ln.Addr().String()
		ln.Close()
		r := hold(t, address, "zen", Options{Clients: 50, Engine: engine, Patience: 200 * time.Millisecond})
		g.Expect(r.Connections.Made).To(BeZero())
		g.Expect(r.Connections.NeverMade).To(Equal(50))
		g.Expect(r.NeverServed).To(Equal(50))
		g.Expect(r.Connections.Refused).To(BeNumerically(">=", 50))
		e := errorOf(r, specs.Refused)
		g.Expect(e.Harmless && errorOf(r, specs.ConnectFailed).Count == 0).To(BeFalse(), "%+v", r.Errors)
		g.Expect(r.OK()).To(BeFalse())
	}
}

// Refused connections are tried again: a server may be late.
func TestListensLate(t *testing.T) {
	t.Parallel()
	for _, engine := range engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ln := listen(t)
			address := ln.Addr().String()
			ln.Close()
			late := time.AfterFunc(100*time.Millisecond, func() {
				ln, err := net.Listen("tcp", address)
				if err != nil {
					return // somebody else has it now: the test says so
				}
				server := serve.Start(ln, implzen.New, serve.Options{})
				t.Cleanup(func() { server.Close() })
			})
			defer late.Stop()
			r := hold(t, address, "zen", Options{Clients: 50, Engine: engine, Patience: 10 * time.Second})
			g.Expect(r.OK()).To(BeTrue(), "%+v", r.Errors)
			g.Expect(r.Connections.Refused).To(BeNumerically(">", 0))
			g.Expect(errorOf(r, specs.Refused).Harmless).To(BeTrue())
		})
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, engine := range engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			address := served(t, implecho.New)
			ctx, cancel := context.WithCancelCause(t.Context())
			o := Options{Network: "tcp", Address: address, Talk: talk(t, "echo", address), Clients: 200, For: time.Minute, Patience: time.Minute, Engine: engine,
				Progress: func(p report.ScaleProgress) { // after a second
					if p.RoundTrips > 200 {
						cancel(specs.ErrInterrupted)
					}
				}}
			began := time.Now()
			r, err := Run(ctx, o)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(time.Since(began)).To(BeNumerically("<", 30*time.Second))
			g.Expect(r.Ended).To(Equal("interrupted"))
			g.Expect(r.Errors).To(BeEmpty(), "what we cut off is not missing")
			g.Expect(r.Served).To(Equal(200))
			g.Expect(r.RoundTrips.PerSecond).To(BeNumerically(">", 0))
			g.Expect(r.Recovery).To(BeNil())
		})
	}
}

func TestOutOfTime(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	address := served(t, implecho.New)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	r, err := Run(ctx, Options{Network: "tcp", Address: address, Talk: talk(t, "echo", address), Clients: 10, For: time.Minute, Patience: time.Minute})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(r.Ended).To(Equal("out of time"))
}

func TestUnix(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	path := t.TempDir() + "/s"
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	server := serve.Start(ln, implecho.New, serve.Options{})
	t.Cleanup(func() { server.Close() })
	r, err := Run(t.Context(), Options{Network: "unix", Address: path, Talk: talk(t, "echo", ""), Clients: 100, For: 50 * time.Millisecond, Patience: time.Minute})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(r.OK()).To(BeTrue(), "%+v", r.Errors)
	g.Expect(r.Engine).To(Equal(string(Goroutines)))
}

func TestRoom(t *testing.T) {
	t.Parallel()
	limit, known := raiseLimit(1)
	if !known || limit > 1<<30 {
		t.Skip("no limit on open files")
	}
	g := NewWithT(t)
	g.Expect(Room(10)).To(Succeed())
	err := Room(int(limit))
	g.Expect(err).To(MatchError(ContainSubstring(fmt.Sprintf("write --clients %d", limit-spare))))
	g.Expect(err).To(MatchError(ContainSubstring(fmt.Sprintf("prlimit --pid $$ --nofile=%d", limit+spare))))
}

func TestSeriesStaysShort(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	c := &conductor{shared: &shared{start: time.Now()}, result: &report.Scale{}}
	c.interval, c.sampled = firstInterval, c.start
	for i := range 5 * maxIntervals {
		c.counts.right.Add(3)
		c.observe(c.start.Add(time.Duration(i+1) * firstInterval))
	}
	g.Expect(len(c.result.Series.Open)).To(BeNumerically("<", maxIntervals))
	c.sample(time.Now())
	g.Expect(sum(c.result.Series.RoundTrips)).To(BeEquivalentTo(15 * maxIntervals))
}
