package faults

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"conform/impl"
	"conform/impl/impltest"
	"conform/impl/websocket"
)

const shake = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// with is the handler of a WebSocket server with a change.
func with(changes ...change) impl.Handler {
	p := newPlan("websocket")
	for _, c := range changes {
		c(p)
	}
	return p.handler()
}

func fault(t *testing.T, name string) change {
	t.Helper()
	for _, f := range For("websocket") {
		if f.Name == name {
			return f.change
		}
	}
	t.Fatal("there is no fault ", name)
	return nil
}

// talk gives input to a server that has answered a handshake.
func talk(t *testing.T, h impl.Handler, reads ...string) (answer string, closed bool) {
	t.Helper()
	got := impltest.Run(h, append([]string{shake}, reads...), false)
	all := strings.Join(got.Answers, "")
	_, frames, ok := strings.Cut(all, "\r\n\r\n")
	if !ok || !strings.HasPrefix(all, "HTTP/1.1 101 ") {
		t.Fatalf("the handshake failed: %q", all)
	}
	return frames, got.Closed
}

func client(op byte, payload string) string { return string(clientFrame(op, payload).append(nil)) }
func server(op byte, payload string) string { return string(serverFrame(op, payload).append(nil)) }

func same(_ *wsState, f wsFrame) []wsFrame { return []wsFrame{f} }

func TestFrameForms(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte("x"), 200)
	for _, tt := range []struct {
		frame wsFrame
		want  string
	}{
		{serverFrame(wsText, "Hi"), "\x81\x02Hi"},
		{wsFrame{op: wsPing, payload: []byte("Hi")}, "\x09\x02Hi"},
		{wsFrame{fin: true, rsv: 7, op: 15}, "\xff\x00"},
		{wsFrame{op: 1, masked: true, key: [4]byte{1, 2, 3, 4}, payload: []byte("Hello")}, "\x01\x85\x01\x02\x03\x04Igohn"},
		{wsFrame{op: 2, form: 16, payload: []byte("Hi")}, "\x02\x7e\x00\x02Hi"},
		{wsFrame{op: 2, form: 64, payload: []byte("Hi")}, "\x02\x7f\x00\x00\x00\x00\x00\x00\x00\x02Hi"},
		{wsFrame{op: 2, payload: long, swapped: true}, "\x02\x7e\xc8\x00" + string(long)},
		{wsFrame{op: 2, form: 7, payload: long}, "\x02\x7e\x00\xc8" + string(long)},
		{wsFrame{op: 2, payload: []byte("Hi"), extra: 3}, "\x02\x05Hi"},
		{wsFrame{op: 2, payload: []byte("Hi"), extra: -1}, "\x02\x01Hi"},
		{wsFrame{op: 2, extra: -1 << 63}, "\x02\x7f\x80\x00\x00\x00\x00\x00\x00\x00"},
		{wsFrame{raw: []byte{}, op: 1}, ""},
		{wsFrame{raw: []byte("x"), op: 1}, "x"},
		{wsCloseFrame(1000, "bye"), "\x88\x05\x03\xe8bye"},
	} {
		if got := string(tt.frame.append(nil)); got != tt.want {
			t.Errorf("%+v: got %.40q, want %.40q", tt.frame, got, tt.want)
		}
	}
}

// Frames are the same however they arrive, but for the cuts.
func TestDecoder(t *testing.T) {
	t.Parallel()
	want := []wsFrame{clientFrame(wsText, "Hello"), serverFrame(wsPing, ""), clientFrame(wsBinary, strings.Repeat("x", 200)),
		{fin: true, op: wsBinary, huge: true, form: 16}, {op: wsText, rsv: 4, form: 64, masked: true, payload: []byte("y")}}
	want[0].form, want[1].form, want[2].form = 7, 7, 16
	var in []byte
	for _, f := range want {
		if f.huge {
			f.payload = bytes.Repeat([]byte("z"), 300)
		}
		in = f.append(in)
	}
	for reads := range impltest.Chunkings(string(in)) {
		for _, passes := range []bool{true, false} {
			d := wsDecoder{most: 255}
			var got []wsFrame
			var kept []byte
			for _, read := range reads {
				d.feed([]byte(read), func(f wsFrame) (bool, bool) {
					f.cuts = nil
					if len(f.payload) == 0 {
						f.payload = nil
					}
					got = append(got, f)
					return passes, true
				}, func(p []byte) bool { kept = append(kept, p...); return true })
			}
			for i, f := range got {
				if len(want[i].payload) == 0 {
					want[i].payload = nil
				}
				if !reflect.DeepEqual(f, want[i]) {
					t.Fatalf("%d reads: got %+v, want %+v", len(reads), f, want[i])
				}
			}
			if (len(kept) == 304) != passes || len(got) != len(want) {
				t.Fatalf("%d reads: got %d frames, kept %d bytes", len(reads), len(got), len(kept))
			}
		}
	}
	d := wsDecoder{most: 1000}
	var cuts []int
	for _, read := range []string{"\x81", "\x85key!", "\x00\x01\x02", "\x03\x04\x81"} {
		d.feed([]byte(read), func(f wsFrame) (bool, bool) { cuts = f.cuts; return true, true }, nil)
	}
	if !slices.Equal(cuts, []int{-5, 0, 3}) {
		t.Errorf("got the cuts %d", cuts)
	}
}

func TestHeads(t *testing.T) {
	t.Parallel()
	const head = "GET / HTTP/1.1\r\nHost: a\r\nX-y:  b \r\nx-Y: c\r\n\r\n"
	for _, tt := range [][2]string{
		{headGet(head, "X-Y"), "b"},
		{headGet(head, "X"), ""},
		{headSet(head, "host", "z"), "GET / HTTP/1.1\r\nhost: z\r\nX-y:  b \r\nx-Y: c\r\n\r\n"},
		{headSet(head, "New", "z"), "GET / HTTP/1.1\r\nHost: a\r\nX-y:  b \r\nx-Y: c\r\nNew: z\r\n\r\n"},
		{headDel(head, "x-y"), "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{headFirst(head, "X"), "X\r\nHost: a\r\nX-y:  b \r\nx-Y: c\r\n\r\n"},
		{headEach(head, "", func(string) string { return "Z: z" }), "GET / HTTP/1.1\r\nZ: z\r\nZ: z\r\nZ: z\r\n\r\n"},
	} {
		if tt[0] != tt[1] {
			t.Errorf("got %q, want %q", tt[0], tt[1])
		}
	}
}

// A change that changes nothing is not seen, in whatever pieces.
func TestToolsChangeNothing(t *testing.T) {
	t.Parallel()
	none := []change{wsRequest(func(h string) string { return h }), wsResponse(func(h string) string { return h }), wsIn(same), wsOut(same), wsBoth(same, same)}
	for _, in := range []string{
		shake + client(wsText, "Hello") + client(wsPing, "x") + client(wsClose, "\x03\xe8") + client(wsText, "more"),
		shake + client(wsText, "a") + server(wsText, "unmasked"), shake + "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00key!",
		shake + "\x02\xff\x00\x00\x00\x00\x7f\x00\x00\x00key!", shake + client(wsText, "please close") + client(wsClose, ""),
		"Expect: 100-continue", "\x16\x03", "GET /\r\n\r\n",
	} {
		if in == "Expect: 100-continue" {
			in = headAdd(shake, in) + client(wsText, "Hello")
		}
		want := impltest.Run(with(), []string{in}, false)
		for i, c := range append(none, func(p *plan) {
			for _, c := range none {
				c(p)
			}
		}) {
			for reads := range impltest.Chunkings(in) {
				got := impltest.Run(with(c), reads, false)
				if strings.Join(got.Answers, "") != strings.Join(want.Answers, "") || got.Closed != want.Closed {
					t.Fatalf("change %d: %q\n got %q, closed %v\nwant %q, closed %v", i, reads, got.Answers, got.Closed, want.Answers, want.Closed)
				}
			}
		}
	}
}

func TestRewritingHeads(t *testing.T) {
	t.Parallel()
	lax := wsRequest(func(head string) string { return headSet(headDel(head, "X-Bad"), "Sec-WebSocket-Version", "13") })
	cookie := wsResponse(func(head string) string { return headAdd(headDel(head, "Upgrade"), "Set-Cookie: a=b") })
	in := headAdd(headSet(shake, "Sec-WebSocket-Version", "7"), "X-Bad") + client(wsText, "Hello")
	for reads := range impltest.Chunkings(in) {
		got := strings.Join(impltest.Run(with(lax, cookie), reads, false).Answers, "")
		if !strings.HasPrefix(got, "HTTP/1.1 101 ") || !strings.HasSuffix(got, "\r\nSet-Cookie: a=b\r\n\r\n"+server(wsText, "Hello")) || strings.Contains(got, "Upgrade:") {
			t.Fatalf("%q: got %q", reads, got)
		}
	}
	lfs := wsRequest(func(head string) string { return strings.ReplaceAll(head, "\n", "\r\n") })
	if got := impltest.Run(with(lfs), []string{strings.ReplaceAll(shake, "\r", "")}, false); !strings.HasPrefix(got.Answers[1], "HTTP/1.1 101 ") {
		t.Errorf("LFs alone: got %q", got.Answers)
	}
}

func TestSpeakingForTheReference(t *testing.T) {
	t.Parallel()
	speaker := wsIn(func(s *wsState, f wsFrame) []wsFrame {
		s.n++
		switch string(f.payload) {
		case "twice":
			return []wsFrame{f, f}
		case "drop":
			return nil
		case "say":
			s.Say(serverFrame(wsText, fmt.Sprint("frame ", s.n)), wsFrame{op: wsPing, rsv: 2})
			s.SayRaw([]byte("raw"))
			return []wsFrame{f}
		case "bye":
			s.Say(serverFrame(wsText, "bye"))
			s.Hangup()
		}
		return []wsFrame{f}
	})
	got, closed := talk(t, with(speaker), client(wsText, "twice")+client(wsText, "drop")+client(wsText, "say")+client(wsText, "bye")+client(wsText, "never"))
	want := server(wsText, "twice") + server(wsText, "twice") + server(wsText, "frame 3") + "\x29\x00" + "raw" + server(wsText, "say") + server(wsText, "bye")
	if got != want || !closed {
		t.Errorf("got %q, closed %v; want %q", got, closed, want)
	}
	// What is too long to wait for is passed on or dropped, header and all.
	long := client(wsBinary, strings.Repeat("x", 2<<20))
	for _, drops := range []bool{false, true} {
		got, _ := talk(t, with(wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			if f.huge && drops {
				return nil
			}
			return []wsFrame{f}
		})), long[:5], long[5:1<<20], long[1<<20:]+client(wsText, "Hello"))
		if strings.HasSuffix(got, server(wsText, "Hello")) != true || len(got) > 2<<20 == drops {
			t.Errorf("drops %v: got %d bytes", drops, len(got))
		}
	}
}

// What the reference says by itself goes through wsOut, and it keeps its
// deadlines.
func TestToolsKeepTime(t *testing.T) {
	t.Parallel()
	marked := wsOut(func(_ *wsState, f wsFrame) []wsFrame { f.rsv = 1; return []wsFrame{f} })
	h := with(marked, wsRequest(func(h string) string { return h }), wsOptions(func(o *websocket.Options) { o.PingInterval = time.Minute }))
	h.Open()
	h.Data([]byte(shake))
	due := h.(impl.Timed).Deadline()
	if d := time.Until(due); d < 50*time.Second || d > time.Minute {
		t.Errorf("the Ping is due in %v", d)
	}
	if r := h.(impl.Timed).Expire(due); string(r.Send) != "\x99\x011" {
		t.Errorf("got %q", r.Send)
	}
	if r := h.(impl.Stopper).Stop(); !bytes.HasPrefix(r.Send, []byte("\x98")) {
		t.Errorf("got %q", r.Send)
	}
}

func TestDeflateTools(t *testing.T) {
	t.Parallel()
	var out, in []byte
	for _, message := range []string{"Hello", "Hello", "", strings.Repeat("lorem ipsum", 9999), "Hello"} {
		p := wsDeflate(&out, []byte(message))
		if got, err := wsInflate(&in, p); string(got) != message || err != nil {
			t.Errorf("got %.20q, %v, want %.20q", got, err, message)
		}
	}
	if !bytes.Equal(out, in) || len(out) != 32<<10 {
		t.Errorf("the windows have %d and %d bytes", len(out), len(in))
	}
}

// Each fault shows, and nothing else does.
func TestWebSocketFaults(t *testing.T) {
	t.Parallel()
	hello := client(wsText, "Hello")
	long := strings.Repeat("x", 200)
	for _, tt := range []struct {
		name, in, want string
		closed         bool
	}{
		{"unmasked-accepted", "\x81\x02Hi" + hello, server(wsText, "Hi") + server(wsText, "Hello"), false},
		{"long-lengths-refused", hello + client(wsText, strings.Repeat("x", 1<<16)), server(wsText, "Hello") + "\x88\x02\x03\xf1", true},
		{"long-lengths-refused", client(wsText, strings.Repeat("x", 2<<20)), "\x88\x02\x03\xf1", true},
		{"length-little-endian", hello + client(wsText, long), server(wsText, "Hello") + "\x81\x7e\xc8\x00" + long, false},
		{"ping-answered-with-text", hello + client(wsPing, "x"), server(wsText, "Hello") + server(wsText, "x"), false},
		{"close-echoed-as-text", client(wsClose, "\x03\xe8") + hello, server(wsText, "\x03\xe8") + server(wsText, "Hello"), false},
		{"utf8-unchecked", hello + client(wsText, "\xff") + client(wsBinary, "\xfe") + client(wsPing, "\xfd"),
			server(wsText, "Hello") + server(wsText, "\xff") + server(wsBinary, "\xfe") + server(wsPong, "\xfd"), false},
		{"utf8-unchecked", string(wsFrame{op: 1, masked: true, payload: []byte("\xe2")}.append(nil)) + client(wsPing, "x") + client(0, "y") + hello,
			server(wsPong, "x") + server(wsText, "\xe2y") + server(wsText, "Hello"), false},
		{"utf8-unchecked", client(wsText, "please close"), "\x88\x02\x03\xe8", false},
		{"request-in-one-read", hello, server(wsText, "Hello"), false},
		{"header-names-by-case", hello, server(wsText, "Hello"), false},
	} {
		for reads := range impltest.Chunkings(tt.in) {
			if len(tt.in) > 1000 && len(reads) != 1 {
				break
			}
			if got, closed := talk(t, with(fault(t, tt.name)), reads...); got != tt.want || closed != tt.closed {
				t.Errorf("%s: %.80q\n got %.80q, closed %v\nwant %.80q, closed %v", tt.name, reads, got, closed, tt.want, tt.closed)
				break
			}
		}
	}
	for _, tt := range []struct {
		name  string
		reads []string
	}{
		{"request-in-one-read", []string{shake[:20], shake[20:]}},
		{"request-in-one-read", []string{headAdd(shake, "X: "+strings.Repeat("x", 1024))}},
		{"header-names-by-case", []string{strings.Replace(shake, "Host", "host", 1)}},
		{"header-names-by-case", []string{strings.Replace(shake, "Sec-WebSocket-Key", "Sec-Websocket-Key", 1)}},
	} {
		for _, refused := range []bool{true, false} {
			h := with()
			if refused {
				h = with(fault(t, tt.name))
			}
			got := impltest.Run(h, tt.reads, false)
			if all := strings.Join(got.Answers, ""); got.Closed != refused || strings.HasPrefix(all, "HTTP/1.1 101 ") == refused {
				t.Errorf("%s: got %q, closed %v, want refused %v", tt.name, got.Answers, got.Closed, refused)
			}
		}
	}
}

func TestDegenerateUpgrades(t *testing.T) {
	t.Parallel()
	const accepted = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	hello := client(wsText, "Hello")
	for _, tt := range []struct{ name, in, head, rest string }{
		{"upgrades-then-hangs-up", shake, accepted, ""},
		{"upgrades-then-silent", shake + hello, accepted, ""},
		{"upgrades-then-echoes-bytes", shake + hello, accepted, hello},
		{"upgrades-anything", "hello\r\n", "Upgrade: websocket\r\n", ""},
		{"upgrades-then-silent", "hello?", "", ""},
	} {
		i := slices.IndexFunc(Degenerate(), func(f Fault) bool { return f.Name == tt.name })
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := Degenerate()[i].Start(ln)
		defer s.Close()
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(conn, tt.in)
		conn.(*net.TCPConn).CloseWrite()
		if tt.name == "upgrades-then-silent" && tt.head != "" {
			// It would never end by itself.
			conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		}
		got, _ := io.ReadAll(conn)
		head, rest, _ := strings.Cut(string(got), "\r\n\r\n")
		if !strings.Contains(head+"\r\n", tt.head) || rest != tt.rest || tt.head != "" && !strings.HasPrefix(head, "HTTP/1.1 101 ") {
			t.Errorf("%s: got %q", tt.name, got)
		}
	}
}
