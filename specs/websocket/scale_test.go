package websocket

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

func crowdTalk(t testing.TB, dialects map[string]string) specs.Talk {
	t.Helper()
	talk, err := scale(specs.Crowd{Target: wire.Dialer{Network: "tcp", Address: "localhost:8080"}, Seed: 7, Dialect: func(key string) string { return dialects[key] }})
	if err != nil {
		t.Fatal(err)
	}
	return talk
}

// answer has a client read data, as the engines do: what is used is not shown
// again. cut is how many bytes come at once.
func answer(talk specs.Talk, client, turn int, due bool, data string, cut int) (h specs.Hearing, replies string) {
	h = specs.Hearing{Client: client, Turn: turn, Due: due}
	for {
		n := min(cut, len(data))
		h.Data, h.Reply = append(h.Data, data[:n]...), nil
		data = data[n:]
		talk.Hear(&h)
		h.Data = h.Data[h.Used:]
		replies += string(h.Reply)
		if h.Heard != specs.Waiting || len(data) == 0 {
			h.Data = append(h.Data, data...)
			return h, replies
		}
	}
}

func server(o frame.Opcode, payload string) frame.Frame { return frame.New(o, payload).Unmasked() }

func TestScaleHears(t *testing.T) {
	t.Parallel()
	talk := crowdTalk(t, nil)
	text := string(specs.AppendWho(nil, 3, 5, payloadSize))
	of := func(client, turn int) string {
		return server(frame.Text, string(specs.AppendWho(nil, client, turn, payloadSize))).Bytes()
	}
	parts := server(frame.Text, text[:10]).More().Bytes() + server(frame.Continuation, text[10:30]).More().Bytes() + server(frame.Continuation, text[30:]).Bytes()
	ping := server(frame.Ping, "hey").Bytes()
	for name, test := range map[string]struct {
		data  string
		idle  bool
		heard specs.Heard
		code  specs.Code
		rest  string
		pongs int
	}{
		"whole":                   {data: of(3, 5), heard: specs.Answered},
		"fragments":               {data: parts, heard: specs.Answered},
		"empty fragments":         {data: server(frame.Text, "").More().Bytes() + server(frame.Continuation, text).More().Bytes() + server(frame.Continuation, "").Bytes(), heard: specs.Answered},
		"a Ping before":           {data: ping + of(3, 5), heard: specs.Answered, pongs: 1},
		"Pings between fragments": {data: strings.Replace(parts, text[10:30], text[10:30]+ping+ping, 1), heard: specs.Answered, pongs: 2},
		"a Ping behind":           {data: of(3, 5) + ping, heard: specs.Answered, rest: ping},
		"a Pong nobody asked for": {data: server(frame.Pong, "?").Bytes() + of(3, 5), heard: specs.Answered},
		"a Ping, idle":            {data: ping, idle: true, heard: specs.Waiting, pongs: 1},
		"half":                    {data: of(3, 5)[:40], heard: specs.Waiting, rest: of(3, 5)[:40]},
		"of another client":       {data: of(4, 5), heard: specs.Failed, code: specs.Misdelivered},
		"of another turn":         {data: of(3, 4), heard: specs.Failed, code: specs.Misdelivered},
		"longer":                  {data: server(frame.Text, text+"!").Bytes(), heard: specs.Failed, code: specs.WrongBytes},
		"shorter":                 {data: server(frame.Text, text[:60]).Bytes(), heard: specs.Failed, code: specs.WrongBytes},
		"binary":                  {data: server(frame.Binary, text).Bytes(), heard: specs.Failed, code: specs.WrongBytes},
		"twice":                   {data: of(3, 5), idle: true, heard: specs.Failed, code: specs.NotSilent},
		"masked":                  {data: frame.New(frame.Text, text).Bytes(), heard: specs.Failed, code: specs.Violation},
		"compressed":              {data: server(frame.Text, text).WithRSV(frame.RSV1).Bytes(), heard: specs.Failed, code: specs.Violation},
		"an unknown opcode":       {data: server(3, "").Bytes(), heard: specs.Failed, code: specs.Violation},
		"a length in 16 bits":     {data: server(frame.Text, text).InForm(frame.Bits16).Bytes(), heard: specs.Failed, code: specs.Violation},
		"a long Ping":             {data: server(frame.Ping, strings.Repeat("x", 126)).Bytes(), heard: specs.Failed, code: specs.Violation},
		"out of order":            {data: server(frame.Continuation, text).Bytes(), heard: specs.Failed, code: specs.Violation},
		"two beginnings":          {data: server(frame.Text, text[:9]).More().Bytes() + server(frame.Text, text[9:]).Bytes(), heard: specs.Failed, code: specs.Violation},
		"a huge announcement":     {data: server(frame.Text, "").Announcing(1 << 62).Bytes(), heard: specs.Failed, code: specs.WrongBytes},
		"a Close":                 {data: server(frame.Close, "\x03\xe9bye").Bytes(), heard: specs.Failed, code: specs.ClosedEarly},
	} {
		for _, cut := range []int{1, 2, 7, 1 << 20} {
			t.Run(fmt.Sprintf("%s/%d", name, cut), func(t *testing.T) {
				g := NewWithT(t)
				h, replies := answer(talk, 3, 5, !test.idle, test.data, cut)
				want := test.code
				if h.Code == specs.WrongBytes && want == specs.Misdelivered && cut < len(test.data) {
					want = h.Code // whose it is was still to come
				}
				g.Expect([]any{h.Heard, h.Code}).To(Equal([]any{test.heard, want}), h.Problem)
				if test.heard != specs.Failed {
					g.Expect(string(h.Data)).To(Equal(test.rest))
				}
				g.Expect(strings.Count(replies, "\x8a\x83")).To(Equal(test.pongs), "%q", replies)
				for rest := []byte(replies); len(rest) > 0; {
					f, n, ok := frame.Read(rest)
					g.Expect(ok).To(BeTrue())
					g.Expect([]any{f.Opcode, f.Masked, string(f.Payload)}).To(Equal([]any{frame.Pong, true, "hey"}))
					rest = rest[n:]
				}
			})
		}
	}
}

func TestScaleOpens(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	talk := crowdTalk(t, map[string]string{"path": "/chat", "credentials": "me:secret"})
	request := string(talk.Say(nil, 9, 0))
	g.Expect(request).To(HavePrefix("GET /chat HTTP/1.1\r\nHost: localhost:8080\r\n"))
	g.Expect(request).To(ContainSubstring("\r\nAuthorization: Basic "))
	g.Expect(request).NotTo(ContainSubstring("Extensions"))
	_, key, _ := strings.Cut(request, "Sec-WebSocket-Key: ")
	key = key[:24]
	g.Expect(string(talk.Say(nil, 10, 0))).NotTo(ContainSubstring(key))
	head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + acceptFor(key) + "\r\n"
	for name, test := range map[string]struct {
		data  string
		heard specs.Heard
		code  specs.Code
	}{
		"right":           {head + "\r\n", specs.Answered, ""},
		"interim":         {"HTTP/1.1 103 Early Hints\r\n\r\n" + head + "\r\n", specs.Answered, ""},
		"not whole":       {head, specs.Waiting, ""},
		"another key":     {strings.Replace(head, acceptFor(key), acceptFor("x"), 1) + "\r\n", specs.Failed, specs.WrongBytes},
		"refused":         {"HTTP/1.1 503 Busy\r\n\r\n", specs.Failed, specs.WrongBytes},
		"an extension":    {head + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", specs.Failed, specs.WrongBytes},
		"no HTTP":         {"Ugly.", specs.Failed, specs.WrongBytes},
		"a head for ever": {"HTTP/1.1 101 " + strings.Repeat("x", 20<<10), specs.Failed, specs.Flood},
	} {
		for _, cut := range []int{1, 1 << 20} {
			h, _ := answer(talk, 9, 0, true, test.data, cut)
			NewWithT(t).Expect([]any{h.Heard, h.Code}).To(Equal([]any{test.heard, test.code}), "%s: %s", name, h.Problem)
		}
	}
}

// What a server greets its clients with is no answer, and what an application
// that is no echo says is none either.
func TestScaleIsGreeted(t *testing.T) {
	t.Parallel()
	greeting := server(frame.Text, "hello").Bytes() + server(frame.Text, strings.Repeat("welcome ", 20)).Bytes()
	echo, pings := crowdTalk(t, nil), crowdTalk(t, map[string]string{"echo": "no"})
	first, fifth := string(specs.AppendWho(nil, 3, 1, payloadSize)), string(specs.AppendWho(nil, 3, 5, payloadSize))
	for _, cut := range []int{1, 3, 1 << 20} {
		g := NewWithT(t)
		h, _ := answer(echo, 3, 0, false, greeting, cut)
		g.Expect(h.Heard).To(Equal(specs.Waiting), h.Problem)
		h, _ = answer(echo, 3, 1, true, greeting+server(frame.Text, first).Bytes(), cut)
		g.Expect(h.Heard).To(Equal(specs.Answered), h.Problem)
		h, _ = answer(echo, 3, 5, true, greeting+server(frame.Text, fifth).Bytes(), cut)
		g.Expect(h.Heard).To(Equal(specs.Failed))
		h, _ = answer(pings, 3, 5, true, greeting+server(frame.Pong, fifth).Bytes(), cut)
		g.Expect(h.Heard).To(Equal(specs.Answered), h.Problem)
	}
}

// Where messages do not come back, clients talk in Pings.
func TestScaleByPings(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	talk := crowdTalk(t, map[string]string{"echo": "no"})
	f, _, ok := frame.Read(talk.Say(nil, 3, 5))
	g.Expect(ok).To(BeTrue())
	g.Expect([]any{f.Opcode, f.Masked, f.Fin}).To(Equal([]any{frame.Ping, true, true}))
	h, _ := answer(talk, 3, 5, true, server(frame.Pong, string(f.Payload)).Bytes(), 3)
	g.Expect(h.Heard).To(Equal(specs.Answered))
	h, _ = answer(talk, 4, 5, true, server(frame.Pong, string(f.Payload)).Bytes(), 3)
	g.Expect(h.Code).To(Equal(specs.Misdelivered))
	_, err := scale(specs.Crowd{Dialect: func(key string) string { return map[string]string{"echo": "no", "pong": "no"}[key] }})
	g.Expect(err).To(MatchError(ContainSubstring("neither messages nor Pings")))
	_, err = scale(specs.Crowd{Dialect: func(key string) string { return map[string]string{"opening": "none"}[key] }})
	g.Expect(err).To(MatchError(ContainSubstring("--target ws://")))
}

// Whatever a server sends, a look ends, and uses no more than there is.
func FuzzScaleHears(f *testing.F) {
	talk := crowdTalk(f, nil)
	f.Add("\x81\x40client 3, turn 5", true, 5, 3)
	f.Add("\x89\x00\x01\x02cl\x89\x01x\x80\x00", true, 5, 1)
	f.Add("HTTP/1.1 101 x\r\n\r\n", true, 0, 9)
	f.Fuzz(func(t *testing.T, data string, due bool, turn, cut int) {
		if turn < 0 || turn > 1<<30 || cut < 1 || len(data) > 1<<16 {
			return
		}
		h, _ := answer(talk, 3, turn, due, data, cut)
		if h.Heard == specs.Failed && (h.Code == "" || h.Problem == "") {
			t.Errorf("%+v", h)
		}
	})
}
