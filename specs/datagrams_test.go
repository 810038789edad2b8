package specs_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"conform/specs"
	"conform/specs/wire"
)

// packets answers every datagram with f until the test ends.
func packets(t *testing.T, f func(pc net.PacketConn, datagram string, from net.Addr)) specs.Env {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			f(pc, string(buf[:n]), from)
		}
	}()
	return specs.Env{
		Dialer: wire.Dialer{Network: "udp", Address: pc.LocalAddr().String(), Timeout: 5 * time.Second},
		Timing: specs.Timing{Answer: 200 * time.Millisecond, Quiet: 40 * time.Millisecond, Gap: time.Millisecond},
	}
}

func TestEveryWayToMissADatagramIsTold(t *testing.T) {
	t.Parallel()
	type answer = func(pc net.PacketConn, d string, from net.Addr)
	each := func(list ...string) answer {
		return func(pc net.PacketConn, d string, from net.Addr) {
			for _, l := range list {
				pc.WriteTo([]byte(strings.ReplaceAll(l, "=", d)), from)
			}
		}
	}
	swap := func() answer {
		first := ""
		return func(pc net.PacketConn, d string, from net.Addr) {
			if first == "" {
				first = d
				return
			}
			pc.WriteTo([]byte(d), from)
			pc.WriteTo([]byte(first), from)
		}
	}
	join := func() answer {
		all := ""
		return func(pc net.PacketConn, d string, from net.Addr) {
			if all += d; len(all) > 6 {
				pc.WriteTo([]byte(all), from)
			}
		}
	}
	for name, tc := range map[string]struct {
		answer  answer
		code    specs.Code // empty when nothing is wrong
		message string
	}{
		"right":        {each("="), "", ""},
		"cut":          {each("fi"), specs.PartialAnswer, "cut, 2 bytes of 5"},
		"longer":       {each("=\n"), specs.ExtraBytes, "longer, 6 bytes for 5"},
		"other":        {each("other"), specs.WrongBytes, "another datagram"},
		"empty":        {each(""), specs.PartialAnswer, "cut, 0 bytes"},
		"none":         {each(), specs.NoAnswer, "no datagram within"},
		"twice":        {each("=", "="), specs.ExtraBytes, "came twice"},
		"empty behind": {each("=", ""), specs.WrongBytes, ""},
		"swapped":      {swap(), specs.WrongBytes, "another order"},
		"joined":       {join(), specs.WrongBytes, "joined into one"},
		"elsewhere": {func(_ net.PacketConn, d string, from net.Addr) {
			other, _ := net.ListenPacket("udp", "127.0.0.1:0")
			defer other.Close()
			other.WriteTo([]byte(d), from)
		}, specs.WrongSource, "the answer came from 127.0.0.1:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := packets(t, tc.answer)
			r := run(env, specs.Must, func(c *specs.Case) {
				client := c.DialWith(specs.AnySource)
				client.Send("first")
				client.Send("second")
				client.ExpectDatagrams("first", "second")
				client.ExpectSilence("both have come back")
			}, specs.Datagrams)
			if r.Reason.Code != tc.code && tc.message != "" || !strings.Contains(r.Reason.Message, tc.message) || (tc.code == "") != (r.Verdict == specs.Pass) {
				t.Errorf("got %s %s", r.Verdict, r.Reason)
			}
		})
	}
}

func TestDatagramsInAnyOrder(t *testing.T) {
	t.Parallel()
	var first string
	env := packets(t, func(pc net.PacketConn, d string, from net.Addr) {
		if first == "" {
			first = d
			return
		}
		pc.WriteTo([]byte(d), from)
		pc.WriteTo([]byte(first), from)
	})
	if r := run(env, specs.Must, func(c *specs.Case) {
		client := c.Dial()
		client.Send("one")
		client.Send("")
		client.ExpectInAnyOrder("one", "")
	}, specs.Datagrams); r.Verdict != specs.Pass {
		t.Errorf("got %s %s", r.Verdict, r.Reason)
	}
}

func TestAClosedPortIsTold(t *testing.T) {
	t.Parallel()
	env := packets(t, func(pc net.PacketConn, _ string, _ net.Addr) { pc.Close() })
	r := run(env, specs.Must, func(c *specs.Case) {
		client := c.Dial()
		client.Send("the last")
		c.Pause(20 * time.Millisecond)
		client.Send("nobody there")
		client.ExpectDatagrams("the last")
	}, specs.Datagrams)
	if r.Verdict != specs.Fail || r.Reason.Code != specs.ResetEarly || r.Waited {
		t.Errorf("got %s %s, waited %v", r.Verdict, r.Reason, r.Waited)
	}
}

func TestWhatASpecIsAboutDecidesBeforeAnythingIsDialled(t *testing.T) {
	t.Parallel()
	stream := target(t, stay)
	datagrams := packets(t, func(net.PacketConn, string, net.Addr) {})
	body := func(c *specs.Case) { c.Failf("was run") }
	for _, r := range []specs.Result{run(stream, specs.Must, body, specs.Datagrams), run(datagrams, specs.Must, body)} {
		if r.Verdict != specs.Unsupported || r.Reason.Code != specs.OtherKind || len(r.Transcript) != 0 {
			t.Errorf("got %s %s", r.Verdict, r.Reason)
		}
	}
}

func TestANumberBeforeTheBytes(t *testing.T) {
	t.Parallel()
	for answer, met := range map[string]bool{
		"1: hi": true, "4711: hi": true, "4294967295: hi": true,
		"0: hi": false, "0815: hi": false, "-1: hi": false, ": hi": false, "1 : hi": false, "12345678901: hi": false, "1: hi\n": false, "1: h": false, "x1: hi": false,
	} {
		env := target(t, says(answer, hangUp))
		r := run(env, specs.Must, func(c *specs.Case) {
			client := c.Dial()
			client.Send("x")
			client.ExpectOneOf(specs.Exactly(": hi").AfterNumber().ThenFIN())
			c.Check(client.Answer() == answer, "the answer is %q", client.Answer())
		})
		if (r.Verdict == specs.Pass) != met {
			t.Errorf("%q: got %s %s", answer, r.Verdict, r.Reason)
		}
	}
}

func TestALongAnswerIsWaitedForWhileItComes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	env := target(t, func(c net.Conn) {
		c.Read(make([]byte, 1))
		c.Write([]byte(long[:100_000]))
		c.Read(make([]byte, 1)) // and no more
	})
	began := time.Now()
	r := run(env, specs.Must, func(c *specs.Case) {
		client := c.Dial()
		client.Send("x")
		client.Expect(long)
	})
	if took := time.Since(began); r.Reason.Code != specs.PartialAnswer || took > 2*time.Second {
		t.Errorf("got %s after %s", r.Reason, took)
	}
}

func TestClientsThatConnectTogether(t *testing.T) {
	t.Parallel()
	env := target(t, says("hi", stay))
	r := specs.Run(context.Background(), specs.Requirement("a/b/c", specs.Must, "", "", func(c *specs.Case) {
		for _, client := range c.DialTogether(5) {
			client.Send("x")
			client.Expect("hi")
		}
	}, specs.Clients(5)), env)
	if r.Verdict != specs.Pass {
		t.Errorf("got %s %s", r.Verdict, r.Reason)
	}
	if r = run(env, specs.Must, func(c *specs.Case) { c.DialTogether(2) }); r.Verdict != specs.Error {
		t.Errorf("more than declared: got %s", r.Verdict)
	}
}

func TestBytesAndEndComeTogether(t *testing.T) {
	t.Parallel()
	env := target(t, func(c net.Conn) {
		time.Sleep(20 * time.Millisecond)
		n, _ := c.Read(make([]byte, 10))
		if m, err := c.Read(make([]byte, 10)); n == 3 && m == 0 && err != nil {
			c.Write([]byte("both"))
		}
	})
	if r := run(env, specs.Must, func(c *specs.Case) {
		client := c.Dial()
		client.SendAndEnd("abc")
		client.ExpectOneOf(specs.Exactly("both").ThenFIN())
	}); r.Verdict != specs.Pass {
		t.Errorf("got %s %s", r.Verdict, r.Reason)
	}
}
