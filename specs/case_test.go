package specs_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"conform/specs"
	"conform/specs/wire"
)

// target serves every connection with f until the test ends.
func target(t *testing.T, f func(net.Conn)) specs.Env {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				f(conn)
			}()
		}
	}()
	return specs.Env{
		Dialer: wire.Dialer{Network: "tcp", Address: ln.Addr().String(), Timeout: 5 * time.Second},
		Timing: specs.Timing{Answer: 200 * time.Millisecond, Quiet: 40 * time.Millisecond, Gap: time.Millisecond, Leave: 40 * time.Millisecond},
		Seed:   7,
	}
}

// says answers the first read with these bytes and then calls end.
func says(answer string, end func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := c.Read(make([]byte, 100)); err != nil {
			return
		}
		c.Write([]byte(answer))
		end(c)
	}
}

func stay(c net.Conn) {
	buf := make([]byte, 1024)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

func hangUp(net.Conn) {}

func reset(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }

func run(env specs.Env, level specs.Level, body func(*specs.Case), options ...specs.Option) specs.Result {
	return specs.Run(context.Background(), specs.Requirement("test/section/name", level, "clause", "Title.", body, options...), env)
}

func TestEveryWayToMissAnAnswerHasItsCode(t *testing.T) {
	t.Parallel()
	ask := func(c *specs.Case) {
		client := c.Dial()
		client.Send("?")
		client.Expect("right")
	}
	askAndEnd := func(c *specs.Case) {
		client := c.Dial()
		client.Send("?")
		client.ExpectOneOf(specs.Exactly("right").ThenFIN())
	}
	for name, tc := range map[string]struct {
		server func(net.Conn)
		body   func(*specs.Case)
		want   specs.Code
	}{
		"met":                   {says("right", stay), ask, ""},
		"met, with FIN":         {says("right", hangUp), askAndEnd, ""},
		"silence":               {says("", stay), ask, specs.NoAnswer},
		"FIN instead":           {says("", hangUp), ask, specs.ClosedEarly},
		"RST instead":           {says("", reset), ask, specs.ResetEarly},
		"a part, then silence":  {says("rig", stay), ask, specs.PartialAnswer},
		"a part, then FIN":      {says("rig", hangUp), ask, specs.ClosedEarly},
		"other bytes":           {says("wrong", stay), ask, specs.WrongBytes},
		"others, then FIN":      {says("no", hangUp), ask, specs.WrongBytes},
		"right and more":        {says("right\n", stay), ask, specs.ExtraBytes},
		"more, and FIN due":     {says("right\n", hangUp), askAndEnd, specs.WrongBytes},
		"RST where FIN is due":  {says("", reset), func(c *specs.Case) { cl := c.Dial(); cl.Send("?"); cl.ExpectFIN() }, specs.ResetNotFIN},
		"FIN where RST is due":  {hangUp, func(c *specs.Case) { c.Dial().ExpectRST() }, specs.FINNotReset},
		"RST where RST is due":  {says("", reset), func(c *specs.Case) { cl := c.Dial(); cl.Send("?"); cl.ExpectRST() }, ""},
		"any end: FIN":          {hangUp, func(c *specs.Case) { c.Dial().ExpectEnd() }, ""},
		"any end: RST":          {says("", reset), func(c *specs.Case) { cl := c.Dial(); cl.Send("?"); cl.ExpectEnd() }, ""},
		"open where FIN is due": {says("right", stay), askAndEnd, specs.NotClosed},
		"a flood": {func(c net.Conn) {
			for block := []byte(strings.Repeat("right", 1<<14)); ; {
				if _, err := c.Write(block); err != nil {
					return
				}
			}
		}, func(c *specs.Case) { c.Dial().Expect(strings.Repeat("right", 1000)) }, specs.Flood},
		"bytes where silence is due": {func(c net.Conn) { c.Write([]byte("hello")); stay(c) },
			func(c *specs.Case) { c.Dial().ExpectSilence("nothing was asked") }, specs.NotSilent},
		"FIN where silence is due": {hangUp,
			func(c *specs.Case) { c.Dial().ExpectSilence("nothing was asked") }, specs.ClosedEarly},
		"silence where silence is due": {stay, func(c *specs.Case) { c.Dial().ExpectSilence("nothing was asked") }, ""},
		"a condition of its own": {stay, func(c *specs.Case) {
			c.Expect(1 + 1).To(Equal(3))
		}, specs.Assertion},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := target(t, tc.server)
			env.Dialer.Limit = 4000
			r := run(env, specs.Must, tc.body)
			want := specs.Fail
			if tc.want == "" {
				want = specs.Pass
			}
			if r.Verdict != want || r.Reason.Code != tc.want {
				t.Errorf("got %s %+v, want %s %s", r.Verdict, r.Reason, want, tc.want)
			}
		})
	}
}

// What fails in haste is repeated; what is right is not waited for any longer.
func TestHasteGivesUpSooner(t *testing.T) {
	t.Parallel()
	env := target(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		time.Sleep(time.Second)
		says("right", stay)(c)
	})
	env.Timing.Answer = 2 * time.Second
	ask := func(c *specs.Case) {
		client := c.Dial()
		client.Send("??")
		client.Expect("right")
	}
	if r := run(env, specs.Must, ask); r.Verdict != specs.Pass {
		t.Errorf("with all the time that there is: %+v", r)
	}
	env.Hasty = true
	if r := run(env, specs.Must, ask); r.Verdict != specs.Fail || !r.Waited || r.Reason.Code != specs.NoAnswer {
		t.Errorf("in haste: %+v", r)
	}
	if r := run(env, specs.Must, func(c *specs.Case) {
		if r := c.Try(1, 1, ask); r.Verdict != specs.Pass {
			c.Failf("a try of its own: %+v", r)
		}
	}); r.Verdict != specs.Pass {
		t.Errorf("%+v", r)
	}
}

func TestTheReasonHoldsTheEvidence(t *testing.T) {
	t.Parallel()
	env := target(t, func(c net.Conn) { c.Read(make([]byte, 3)); says("Right.\n", stay)(c) })
	env.Timing.Gap = 5 * time.Millisecond
	r := run(env, specs.Must, func(c *specs.Case) {
		client := c.Dial()
		client.SendSegments("que", "stion?")
		client.Expect("right.")
	}, specs.Cause("the usual cause"))
	g := NewWithT(t)
	g.Expect(r.Reason.Sent).To(MatchRegexp(`^"que" · [0-9.]+ ms · "stion\?"$`))
	g.Expect(r.Reason.Expected).To(Equal([]string{`"right."`}))
	g.Expect(r.Reason.Received).To(HavePrefix(`"Right.\n" `))
	g.Expect(*r.Reason.Diff).To(Equal(specs.Difference{Offset: 0, Expected: `"right."`, Received: `"Right.\n"`}))
	g.Expect(r.Reason.Hint).To(Equal("the usual cause"))
}

func TestAServerThatNoLongerServesIsShownWithTheProvocation(t *testing.T) {
	t.Parallel()
	env := target(t, func(c net.Conn) {
		first := make([]byte, 1)
		if _, _ = c.Read(first); first[0] == 'b' {
			stay(c)
		}
	})
	env.Protocol.Hello = func(cl *specs.Client) { cl.Send("?"); cl.Expect("right") }
	r := run(env, specs.Robust, func(c *specs.Case) {
		client := c.Dial()
		client.Send("boom")
		client.Reset()
		c.StillServes()
	})
	if r.Reason.Code != specs.NotServing || r.Reason.Sent != `"boom" · RST` || !strings.HasPrefix(r.Reason.Message, "a new client is not served afterwards: ") {
		t.Errorf("got %+v", r.Reason)
	}
}

func TestLikelyCauseIsReadOffTheBytes(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"right.\n": "only the line end differs",
		"RIGHT.":   "only upper and lower case differ",
		" right.":  "only white space",
	} {
		r := run(target(t, says(answer, stay)), specs.Must, func(c *specs.Case) {
			client := c.Dial()
			client.Send("?")
			client.Expect("right.\r\n")
		})
		if answer == "RIGHT." || answer == " right." {
			r = run(target(t, says(answer, stay)), specs.Must, func(c *specs.Case) {
				client := c.Dial()
				client.Send("?")
				client.Expect("right.")
			})
		}
		if !strings.Contains(r.Reason.Hint, want) {
			t.Errorf("%q: hint %q, want %q in it", answer, r.Reason.Hint, want)
		}
	}
}

func TestLevelsSetThePrice(t *testing.T) {
	t.Parallel()
	env := target(t, says("wrong", stay))
	body := func(c *specs.Case) {
		client := c.Dial()
		client.Send("?")
		client.Expect("right")
	}
	for level, want := range map[specs.Level]specs.Verdict{
		specs.Must: specs.Fail, specs.Should: specs.NonStrict, specs.May: specs.Fail, specs.Robust: specs.Fail,
	} {
		if r := run(env, level, body); r.Verdict != want {
			t.Errorf("%s: got %s, want %s", level, r.Verdict, want)
		}
	}
}

func TestADeclaredDialectBinds(t *testing.T) {
	t.Parallel()
	body := func(c *specs.Case) {
		client := c.Dial()
		client.Send("?")
		client.ExpectOneOf(specs.Exactly("right"), specs.Exactly("other").Info("it speaks otherwise"))
	}
	for _, tc := range []struct {
		name     string
		dialects map[string]specs.Setting
		want     specs.Verdict
	}{
		{"undeclared", nil, specs.Info},
		{"seen", map[string]specs.Setting{"tongue": {Value: "right"}}, specs.Info},
		{"declared", map[string]specs.Setting{"tongue": {Value: "right", Declared: true}}, specs.Fail},
		{"declared otherwise", map[string]specs.Setting{"tongue": {Value: "other", Declared: true}}, specs.Unsupported},
	} {
		env := target(t, says("other", stay))
		env.Dialects = tc.dialects
		if r := run(env, specs.May, body, specs.InDialect("tongue", "right")); r.Verdict != tc.want {
			t.Errorf("%s: got %s %+v, want %s", tc.name, r.Verdict, r.Reason, tc.want)
		}
	}
}

func TestTheOutcomeThatCameSetsTheVerdict(t *testing.T) {
	t.Parallel()
	outcomes := []specs.Outcome{specs.Exactly("right"), specs.Exactly("fair").NonStrict("some do"), specs.Exactly("odd").Info("allowed")}
	for answer, want := range map[string]specs.Verdict{"right": specs.Pass, "fair": specs.NonStrict, "odd": specs.Info, "wrong": specs.Fail} {
		r := run(target(t, says(answer, stay)), specs.Must, func(c *specs.Case) {
			client := c.Dial()
			client.Send("?")
			client.ExpectOneOf(outcomes...)
		})
		if r.Verdict != want {
			t.Errorf("%q: got %s %+v, want %s", answer, r.Verdict, r.Reason, want)
		}
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	s := specs.Requirement("zen/framing/name", specs.Should, "", "", nil, specs.Slow, specs.Clients(2), specs.Perilous)
	if got, want := strings.Join(s.Labels(), " "), "zen framing should slow concurrent perilous"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestADefectOfASpecIsNoFailureOfTheTarget(t *testing.T) {
	t.Parallel()
	env := target(t, stay)
	for name, body := range map[string]func(*specs.Case){
		"panic":                  func(c *specs.Case) { panic("oops") },
		"panic beside the body":  func(c *specs.Case) { c.Go(func() { panic("oops") }); c.Join() },
		"more clients than said": func(c *specs.Case) { c.Dial(); c.Dial() },
	} {
		if r := run(env, specs.Must, body); r.Verdict != specs.Error || r.Reason.Code != specs.KitFault {
			t.Errorf("%s: got %s %+v", name, r.Verdict, r.Reason)
		}
	}
}

func TestABodyThatDoesNotEndIsLeftBehind(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	release := make(chan bool)
	defer close(release)
	cancel()
	began := time.Now()
	r := specs.Run(ctx, specs.Requirement("test/section/name", specs.Must, "", "", func(c *specs.Case) { <-release }), target(t, stay))
	if r.Verdict != specs.Error || time.Since(began) > 10*time.Second {
		t.Errorf("got %s after %s", r.Verdict, time.Since(began))
	}
}

func TestNothingIsHeldAgainstATargetWhenTheRunEnds(t *testing.T) {
	t.Parallel()
	for want, cause := range map[specs.Verdict]error{specs.Skipped: specs.ErrInterrupted, specs.Blocked: specs.ErrOutOfTime} {
		ctx, cancel := context.WithCancelCause(context.Background())
		env := target(t, func(c net.Conn) { cancel(cause); stay(c) })
		env.Timing.Answer = time.Minute
		r := specs.Run(ctx, specs.Requirement("test/section/name", specs.Must, "", "", func(c *specs.Case) {
			client := c.Dial()
			client.Send("?")
			client.Expect("right")
		}), env)
		if r.Verdict != want {
			t.Errorf("%v: got %s %+v, want %s", cause, r.Verdict, r.Reason, want)
		}
	}
}

func TestSameSeedSameInput(t *testing.T) {
	t.Parallel()
	env := target(t, stay)
	draw := func(seed uint64, id string) (words string) {
		env := env
		env.Seed = seed
		specs.Run(context.Background(), specs.Requirement(id, specs.Must, "", "", func(c *specs.Case) {
			words = c.Word() + c.Word()
		}), env)
		return words
	}
	if a, b := draw(1, "a/b/c"), draw(1, "a/b/c"); a != b {
		t.Errorf("same seed: %s and %s", a, b)
	}
	if a, b := draw(1, "a/b/c"), draw(2, "a/b/c"); a == b {
		t.Errorf("other seed: %s twice", a)
	}
	if a, b := draw(1, "a/b/c"), draw(1, "a/b/d"); a == b {
		t.Errorf("other spec: %s twice", a)
	}
}

// Bodies attach what they do to their Case. Through Ginkgo's own functions it
// would go to whichever It happens to be waiting.
func TestSpecsDoNotImportGinkgo(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), `"github.com/onsi/ginkgo`) {
			t.Errorf("%s imports ginkgo", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// What follows the last answer of a case is seen though it comes in a write of its
// own, a moment later.
func TestAddedByAnotherWrite(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	env := target(t, says("Ugly.", func(c net.Conn) {
		time.Sleep(2 * time.Millisecond)
		c.Write([]byte("\n"))
		stay(c)
	}))
	env.Timing.Gap = 100 * time.Millisecond
	spec := specs.Requirement("zen/answers/beautiful", specs.Must, "", "", func(c *specs.Case) {
		client := c.Dial()
		client.Send("Beautiful is better than?")
		client.Expect("Ugly.")
	})
	r := specs.Run(t.Context(), spec, env)
	g.Expect(r.Verdict).To(Equal(specs.Fail))
	g.Expect(r.Reason.Code).To(Equal(specs.ExtraBytes))
}
