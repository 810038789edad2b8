package websocket_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"conform/impl"
	"conform/impl/impltest"
	"conform/impl/websocket"
)

// raw encodes a masked frame in any form: length is written into as many bytes
// as form says, and is not that of the payload.
func raw(b0 byte, form int, length uint64, payload string) string {
	b := []byte{b0}
	switch form {
	case 7:
		b = append(b, 0x80|byte(length))
	case 16:
		b = append(b, 0xfe, byte(length>>8), byte(length))
	case 64:
		b = append(b, 0xff)
		for shift := 56; shift >= 0; shift -= 8 {
			b = append(b, byte(length>>shift))
		}
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	p := []byte(payload)
	ws.Cipher(p, mask, 0)
	return string(b) + string(p)
}

// What comes back, and that it is the same however the input is cut.
func TestFrames(t *testing.T) {
	t.Parallel()
	const emoji = "\U0001f600"
	long := strings.Repeat("0123456789", 20)
	for _, tt := range []struct {
		name, in, out string
		closed        bool
	}{
		{"text", client(text, "Hello"), server(text, "Hello"), false},
		{"binary", client(binaryOp, "\x00\xff\xfe"), server(binaryOp, "\x00\xff\xfe"), false},
		{"empty", client(text, "") + client(binaryOp, ""), server(text, "") + server(binaryOp, ""), false},
		{"16 bits", client(text, long), server(text, long), false},
		{"a 16-bit form for few", raw(text, 16, 5, "Hello"), server(text, "Hello"), false},
		{"a 64-bit form for few", raw(text, 64, 5, "Hello"), server(text, "Hello"), false},
		{"a 64-bit form in a Ping", raw(ping, 64, 5, "Hello"), server(pong, "Hello"), false},
		{"several keys", client(text, "a") + raw(binaryOp, 7, 2, "bc") + client(text, "def"),
			server(text, "a") + server(binaryOp, "bc") + server(text, "def"), false},
		{"two fragments", client(0x01, "ab") + client(0x80, "cd"), server(text, "abcd"), false},
		{"text in binary fragments", client(0x02, "a") + client(0x00, "b") + client(0x80, "c"), server(binaryOp, "abc"), false},
		{"empty fragments", client(0x01, "") + client(0x00, "") + client(0x80, ""), server(text, ""), false},
		{"fragments one after the other", client(0x01, "a") + client(0x80, "b") + client(binaryOp, "c") + client(0x02, "d") + client(0x80, "e"),
			server(text, "ab") + server(binaryOp, "c") + server(binaryOp, "de"), false},
		{"Ping between", client(0x01, "ab") + client(ping, "x") + client(pong, "y") + client(0x80, "cd"), server(pong, "x") + server(text, "abcd"), false},
		{"Pings", client(ping, "1") + client(ping, "") + client(ping, long[:125]), server(pong, "1") + server(pong, "") + server(pong, long[:125]), false},
		{"invalid text in a Ping", client(ping, "\xff"), server(pong, "\xff"), false},
		{"unsolicited Pong", client(pong, "x") + client(pong, "") + client(ping, "y"), server(pong, "y"), false},

		{"code points", client(text, "µé\x00\x7f\u0080\u07ff\u0800\ud7ff\ue000\ufffd\uffff"+emoji+"\U0010ffff"),
			server(text, "µé\x00\x7f\u0080\u07ff\u0800\ud7ff\ue000\ufffd\uffff"+emoji+"\U0010ffff"), false},
		{"byte order mark", client(text, "\ufeffe\u0301\r\n"), server(text, "\ufeffe\u0301\r\n"), false},
		{"character in two fragments", client(0x01, emoji[:1]) + client(ping, "\xff") + client(0x00, emoji[1:3]) + client(0x80, emoji[3:]),
			server(pong, "\xff") + server(text, emoji), false},

		{"Close", client(closeOp, closeBody(1000, "")), server(closeOp, closeBody(1000, "")), true},
		{"Close with a reason", client(closeOp, closeBody(4999, "bye é")), server(closeOp, closeBody(4999, "")), true},
		{"Close without a code", client(closeOp, ""), server(closeOp, ""), true},
		{"Close for 1010", client(closeOp, closeBody(1010, "")), server(closeOp, closeBody(1000, "")), true},
		{"nothing after a Close", client(text, "a") + client(closeOp, closeBody(1001, "")) + client(text, "b") + client(closeOp, ""),
			server(text, "a") + server(closeOp, closeBody(1001, "")), true},
		{"Close between fragments", client(0x01, "part") + client(closeOp, closeBody(1000, "")), server(closeOp, closeBody(1000, "")), true},
		{"the longest Close", client(closeOp, closeBody(1000, long[:123])), server(closeOp, closeBody(1000, "")), true},
	} {
		for reads := range impltest.Chunkings(tt.in) {
			if got, closed := talk(t, websocket.Options{}, reads); got != tt.out || closed != tt.closed {
				t.Errorf("%s: %q\n got %q, closed %v\nwant %q, closed %v", tt.name, reads, got, closed, tt.out, tt.closed)
				break
			}
		}
	}
}

func TestViolations(t *testing.T) {
	t.Parallel()
	const deflate = "Sec-WebSocket-Extensions: permessage-deflate"
	long := strings.Repeat("x", 126)
	type violation struct {
		name, in string
		code     ws.StatusCode
		deflate  bool
	}
	tests := []violation{
		{"unmasked", "\x81\x05Hello", 1002, false},
		{"unmasked and empty", "\x81\x00", 1002, false},
		{"unmasked Ping", "\x89\x04abcd", 1002, false},
		{"unmasked Close", "\x88\x02\x03\xe8", 1002, false},
		{"unmasked Pong", "\x8a\x00", 1002, false},
		{"unmasked continuation", client(0x01, "a") + "\x80\x01b", 1002, false},
		{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1002, false},
		{"highest bit", raw(binaryOp, 64, 1<<63|5, "Hello"), 1002, false},
		{"all bits", raw(binaryOp, 64, 1<<64-1, ""), 1002, false},
		{"all bits after a fragment", client(0x02, "x") + raw(0x80, 64, 1<<64-1, ""), 1002, false},
		{"the longest", raw(binaryOp, 64, 1<<63-1, "Hello"), 1009, false},
		{"the longest after a fragment", client(0x02, "x") + raw(0x80, 64, 1<<63-1, ""), 1009, false},
		{"more than 32 bits", raw(binaryOp, 64, 1<<32+5, "Hello"), 1009, false},
		{"continuation of nothing", client(0x80, "x"), 1002, false},
		{"open continuation of nothing", client(0x00, "x"), 1002, false},
		{"message in a message", client(0x01, "x") + client(text, "y"), 1002, false},
		{"other message in a message", client(0x02, "x") + client(0x01, "y"), 1002, false},
		{"Ping in fragments", client(0x09, "x"), 1002, false},
		{"Pong in fragments", client(0x0a, "x"), 1002, false},
		{"Close in fragments", client(0x08, closeBody(1000, "")), 1002, false},
		{"long Ping", client(ping, long), 1002, false},
		{"long Pong", client(pong, long), 1002, false},
		{"very long Ping", client(ping, strings.Repeat("x", 65536)), 1002, false},
		{"long Close", client(closeOp, "\x03\xe8"+long[:124]), 1002, false},
		{"RSV1 on a continuation", client(0x01, "x") + client(0xc0, "y"), 1002, false},
		{"Close with one byte", client(closeOp, "\x03"), 1002, false},
		{"invalid reason", client(closeOp, closeBody(1000, "\xff\xfe")), 1007, false},
		{"half a character as reason", client(closeOp, closeBody(1000, "\xe2\x82")), 1007, false},
		{"joined to something invalid", client(0x01, "x\xe2") + client(0x80, "\x28\xa1"), 1007, false},
		{"character that is not continued", client(0x01, "\xe2") + client(0x80, "ok"), 1007, false},
		{"RSV1 on a Ping", client(0xc9, "x"), 1002, true},
		{"RSV1 on a Close", client(0xc8, closeBody(1000, "")), 1002, true},
		{"RSV1 on a continuation of compressed", client(0x41, "\x00") + client(0xc0, "\x00"), 1002, true},
		{"RSV1 on a continuation of plain", client(0x01, "x") + client(0xc0, "y"), 1002, true},
		{"RSV2 beside compression", client(0xa1, "x"), 1002, true},
		{"RSV3 beside compression", client(0x91, "x"), 1002, true},
		{"RSV1 and RSV2", client(0xe1, "x"), 1002, true},
		{"no DEFLATE", client(0xc1, "\xff\xff\xff\xff\xff"), 1007, true},
		{"not UTF-8 when inflated", client(0xc1, "\xfa\xff\x07\x00"), 1007, true},
		{"the end is missing", client(0xc1, "\xf2\x48\xcd\xc9"), 1007, true},
		{"refers to nothing", client(0xc1, "\x02\x13\x00\x00"), 1007, true},
	}
	for op := byte(0); op < 16; op++ {
		if 3 <= op && op <= 7 || op >= 0xb {
			for _, b0 := range []byte{0x80 | op, op} {
				tests = append(tests, violation{fmt.Sprintf("opcode %#x", b0), client(b0, ""), 1002, false},
					violation{fmt.Sprintf("opcode %#x in a message", b0), client(0x01, "x") + client(b0, "y"), 1002, false})
			}
		}
		for _, rsv := range []byte{0x10, 0x20, 0x30, 0x40, 0x50, 0x70} {
			tests = append(tests, violation{fmt.Sprintf("RSV %#x, opcode %x", rsv, op), client(0x80|rsv|op, ""), 1002, false})
		}
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		tests = append(tests, violation{fmt.Sprint("code ", code), client(closeOp, closeBody(code, "")), 1002, false})
	}
	for _, bad := range []string{"\xff", "\xfe", "\x80", "\xbf", "\xc0", "\xf5", "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xc0\x80",
		"\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xed\xa0\x80\xed\xb0\x80", "\xf4\x90\x80\x80",
		"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80", "\xe2\x82", "\xf0\x9f\x98", "\xc3"} {
		tests = append(tests, violation{fmt.Sprintf("%q", bad), client(text, bad), 1007, false},
			violation{fmt.Sprintf("%q behind text", bad), client(text, long+bad), 1007, false})
	}
	for _, tt := range tests {
		var changes []string
		if tt.deflate {
			changes = []string{deflate}
		}
		expectFailure(t, tt.name, opened(t, websocket.Options{}, changes...).Data([]byte(tt.in+client(ping, "ignored"))), tt.code)
		h := opened(t, websocket.Options{}, changes...)
		var r impl.Reply
		for i := range len(tt.in) {
			if r = h.Data([]byte(tt.in[i : i+1])); r.Close {
				break
			}
		}
		expectFailure(t, tt.name+", byte by byte", r, tt.code)
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		r := opened(t, websocket.Options{}).Data([]byte(client(closeOp, closeBody(code, "x"))))
		if want := server(closeOp, closeBody(code, "")); string(r.Send) != want || !r.Close {
			t.Errorf("code %d: got %q, closed %v", code, r.Send, r.Close)
		}
	}
}

// Invalid text fails with the byte that makes it invalid, wherever reads and
// frames end.
func TestTextFailsEarly(t *testing.T) {
	t.Parallel()
	for bad, at := range map[string]int{
		"\xff": 1, "\xc0": 1, "\xe0\x9f": 2, "\xed\xa0": 2, "\xf0\x8f": 2, "\xf4\x90": 2, "\xf0\x9f\x98\x28": 4, "\xe2\x28": 2, "\xc3\xa9\x80": 3,
	} {
		h := opened(t, websocket.Options{})
		in := client(text, bad+strings.Repeat("x", 20))
		for i := 0; ; i++ {
			if r := h.Data([]byte(in[i : i+1])); r.Close {
				expectFailure(t, fmt.Sprintf("%q", bad), r, 1007)
				if i != 6+at-1 {
					t.Errorf("%q: failed after %d bytes, want %d", bad, i-5, at)
				}
				break
			}
		}
	}
	// In text of 64 KiB, at the places where fast paths begin and end.
	for _, at := range []int{0, 15, 16, 63, 32767, 65534, 65535} {
		long := bytes.Repeat([]byte("x"), 65536)
		long[at] = 0xff
		expectFailure(t, fmt.Sprint("at ", at), opened(t, websocket.Options{}).Data([]byte(client(text, string(long)))), 1007)
	}
	// Nothing of one message is left for the next.
	h := opened(t, websocket.Options{})
	if r := h.Data([]byte(client(text, "é"))); string(r.Send) != server(text, "é") {
		t.Errorf("got %q", r.Send)
	}
	expectFailure(t, "the next message", h.Data([]byte(client(text, "\x80"))), 1007)
}

func TestLengths(t *testing.T) {
	t.Parallel()
	random := make([]byte, 1<<20)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	for _, n := range []int{0, 1, 125, 126, 127, 128, 255, 256, 257, 32767, 32768, 65535, 65536, 65537, 70001, 1 << 20} {
		p := string(random[:n])
		var reads []string
		for in := client(text, "a") + client(binaryOp, p); in != ""; in = in[min(len(in), 9973):] {
			reads = append(reads, in[:min(len(in), 9973)])
		}
		if got, _ := talk(t, websocket.Options{}, reads); got != server(text, "a")+server(binaryOp, p) {
			t.Errorf("%d bytes did not come back", n)
		}
	}
}

func TestMaxMessage(t *testing.T) {
	t.Parallel()
	o := websocket.Options{MaxMessage: 1000}
	p := strings.Repeat("x", 1000)
	for _, in := range []string{client(text, p), client(0x01, p[:400]) + client(0x00, p[:600]) + client(0x80, "")} {
		if r := opened(t, o).Data([]byte(in + in)); string(r.Send) != server(text, p)+server(text, p) || r.Close {
			t.Errorf("the longest: got %.80q, closed %v", r.Send, r.Close)
		}
	}
	// From the header, before anything of the payload.
	expectFailure(t, "one more", opened(t, o).Data([]byte(client(text, p+"x")[:8])), 1009)
	expectFailure(t, "the sum", opened(t, o).Data([]byte(client(0x01, p)+client(0x00, "x")[:6])), 1009)
	expectFailure(t, "1 GiB", opened(t, websocket.Options{}).Data([]byte(raw(binaryOp, 64, 1<<30, "0123456789abcdef"))), 1009)
}

// A thousand messages that arrive together are answered together.
func TestManyFramesInOneRead(t *testing.T) {
	t.Parallel()
	var in, want strings.Builder
	for i := range 1000 {
		in.WriteString(client(text, fmt.Sprint(i)))
		in.WriteString(client(binaryOp, ""))
		want.WriteString(server(text, fmt.Sprint(i)))
		want.WriteString(server(binaryOp, ""))
	}
	if r := opened(t, websocket.Options{}).Data([]byte(in.String())); string(r.Send) != want.String() {
		t.Errorf("got %d bytes, want %d", len(r.Send), want.Len())
	}
}

// Neither fragments nor announcements cost memory.
func TestMemory(t *testing.T) {
	held := func(h impl.Handler) uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		runtime.KeepAlive(h)
		return m.HeapAlloc
	}
	h := opened(t, websocket.Options{})
	before := held(h)
	h.Data([]byte(client(0x01, "x")))
	tiny := []byte(strings.Repeat(client(0x00, "x"), 1000) + strings.Repeat(client(0x00, ""), 1000))
	for range 100 {
		if r := h.Data(tiny); r.Close {
			t.Fatal("closed")
		}
	}
	if after := held(h); after > before+1<<20 {
		t.Errorf("100 000 fragments cost %d bytes", after-before)
	}
	h = opened(t, websocket.Options{})
	before = held(h)
	h.Data([]byte(raw(binaryOp, 64, 32<<20, "x")))
	if after := held(h); after > before+1<<20 {
		t.Errorf("announcing 32 MiB costs %d bytes", after-before)
	}
	// A request that never ends.
	h = websocket.New(websocket.Options{})
	before = held(h)
	h.Data([]byte("GET / HTTP/1.1\r\nX: "))
	for {
		r := h.Data(bytes.Repeat([]byte("x"), 100))
		if r.Close {
			break
		}
	}
	if after := held(h); after > before+1<<20 {
		t.Errorf("a request costs %d bytes", after-before)
	}
}

// FuzzData looks for input that breaks what holds for any: no panic, the same
// answer in pieces, and after the handshake nothing but frames of a server.
func FuzzData(f *testing.F) {
	for _, seed := range []string{
		client(text, "Hello"), client(0x01, "é"[:1]) + client(ping, "x") + client(0x80, "é"[1:]), client(0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00"),
		client(closeOp, closeBody(1000, "x")), raw(binaryOp, 64, 1<<40, ""), client(0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
		client(0x41, "\xf2\x48") + client(0x80, "\xcd\xc9\xc9\x07\x00") + client(text, "please close") + client(text, "x"),
	} {
		f.Add([]byte(seed), uint16(3), true)
		f.Add([]byte(seed), uint16(7), false)
	}
	o := websocket.Options{MaxMessage: 1 << 16, CloseTrigger: "please close"}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16, deflate bool) {
		if len(in) > 1<<12 {
			return
		}
		var changes []string
		if deflate {
			changes = []string{"Sec-WebSocket-Extensions: permessage-deflate"}
		}
		at := int(cut) % (len(in) + 1)
		whole, closed := talk(t, o, []string{string(in)}, changes...)
		pieces, closedToo := talk(t, o, []string{string(in[:at]), string(in[at:])}, changes...)
		if whole != pieces || closed != closedToo {
			t.Errorf("got %q, %v; in pieces %q, %v", whole, closed, pieces, closedToo)
		}
		frames(t, whole)
	})
}
