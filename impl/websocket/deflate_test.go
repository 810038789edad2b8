package websocket_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"conform/impl"
	"conform/impl/websocket"
)

const deflateOffer = "Sec-WebSocket-Extensions: permessage-deflate"

// packer compresses as a client does, by the standard library.
type packer struct {
	w *flate.Writer
	b bytes.Buffer
}

func newPacker(level int) *packer {
	p := new(packer)
	p.w, _ = flate.NewWriter(&p.b, level)
	return p
}

func (p *packer) pack(message string) string {
	p.b.Reset()
	io.WriteString(p.w, message)
	p.w.Flush()
	return strings.TrimSuffix(p.b.String(), "\x00\x00\xff\xff")
}

// unpacker inflates as a client does whose window has size bytes, and tells
// how far back the data refers.
type unpacker struct {
	window   []byte
	farthest int
}

func (u *unpacker) unpack(t testing.TB, p []byte) string {
	t.Helper()
	out, farthest, err := inflate(append(bytes.Clone(p), "\x00\x00\xff\xff"...), u.window)
	if err != nil {
		t.Fatalf("%.40x: %v", p, err)
	}
	u.farthest = max(u.farthest, farthest)
	u.window = append(u.window, out...)
	return string(out)
}

// echoes sends messages and inflates what comes back.
func echoes(t testing.TB, h impl.Handler, u *unpacker, payloads ...string) (messages []string) {
	t.Helper()
	for _, p := range payloads {
		r := h.Data([]byte(client(0xc2, p)))
		if r.Close {
			t.Fatalf("closed at %d bytes %.20x: %q", len(p), p, r.Send)
		}
		for _, f := range frames(t, string(r.Send)) {
			if f.Header.OpCode != ws.OpBinary || !f.Header.Fin || f.Header.Rsv != 4 {
				t.Fatalf("got the frame %+v", f.Header)
			}
			messages = append(messages, u.unpack(t, f.Payload))
		}
	}
	return messages
}

// The examples of RFC 7692 §7.2.3.
func TestDeflateExamples(t *testing.T) {
	t.Parallel()
	const fixed = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	for _, tt := range []struct {
		name     string
		payloads []string
		want     []string
	}{
		{"one block", []string{fixed}, []string{"Hello"}},
		{"the window is shared", []string{fixed, "\xf2\x00\x11\x00\x00"}, []string{"Hello", "Hello"}},
		{"stored", []string{"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"}, []string{"Hello"}},
		{"final block", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"}, []string{"Hello"}},
		{"final block without the byte behind it", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00"}, []string{"Hello"}},
		{"after a final block", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "\xf2\x00\x11\x00\x00", fixed}, []string{"Hello", "Hello", "Hello", "Hello"}},
		{"a final block and more", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00" + fixed}, []string{"HelloHello"}},
		{"a final block and a reference", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00" + "\xf2\x00\x11\x00\x00"}, []string{"HelloHello"}},
		{"two blocks", []string{"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"}, []string{"Hello"}},
		{"empty", []string{"\x00", fixed, "\x00"}, []string{"", "Hello", ""}},
		{"nothing at all", []string{"", fixed, ""}, []string{"", "Hello", ""}},
	} {
		got := echoes(t, opened(t, websocket.Options{}, deflateOffer), new(unpacker), tt.payloads...)
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestDeflateFragments(t *testing.T) {
	t.Parallel()
	h := opened(t, websocket.Options{}, deflateOffer)
	in := client(0x41, "\xf2") + client(0x00, "\x48\xcd") + client(ping, "x") + client(0x00, "") + client(0x00, "\xc9\xc9\x07\x00") + client(0x80, "")
	list := frames(t, string(h.Data([]byte(in)).Send))
	if len(list) != 2 || list[0].Header.OpCode != ws.OpPong || new(unpacker).unpack(t, list[1].Payload) != "Hello" {
		t.Errorf("got %+v", list)
	}
	// What is not compressed is not in the client's window.
	u := new(unpacker)
	list = frames(t, string(h.Data([]byte(client(text, "plain")+client(0xc1, "\xf2\x00\x11\x00\x00"))).Send))
	u.window = []byte("Hello")
	if u.unpack(t, list[0].Payload) != "plain" || u.unpack(t, list[1].Payload) != "Hello" {
		t.Errorf("got %+v", list)
	}
}

// Messages of all kinds, with and without contexts taken over, and no
// reference beyond the window agreed upon.
func TestDeflateMany(t *testing.T) {
	t.Parallel()
	for _, o := range []struct {
		offer                      string
		window                     int
		serverResets, clientResets bool
	}{
		{"", 32768, false, false},
		{"; server_no_context_takeover", 32768, true, false},
		{"; client_no_context_takeover", 32768, false, true},
		{"; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12", 4096, true, true},
		{"; server_max_window_bits=8", 256, false, false},
		{"; server_max_window_bits=9", 512, false, false},
		{"; server_max_window_bits=10; server_no_context_takeover", 1024, true, false},
		{"; server_max_window_bits=11", 2048, false, false},
		{"; server_max_window_bits=14", 16384, false, false},
		{"; server_max_window_bits=15", 32768, false, false},
	} {
		h := opened(t, websocket.Options{}, deflateOffer+o.offer)
		random := rand.New(rand.NewPCG(1, 2))
		noise := make([]byte, 40000)
		for i := range noise {
			noise[i] = byte(random.Uint32())
		}
		u, p := new(unpacker), newPacker(6)
		for i := range 30 {
			if o.serverResets {
				u.window = nil
			}
			if o.clientResets {
				p = newPacker(i % 10)
			}
			var message string
			switch i % 6 {
			case 0:
				message = strings.Repeat(string(noise[i:i+200+random.IntN(3000)]), 3)
			case 1:
				message = strings.Repeat("lorem ipsum ", random.IntN(500))
			case 2:
				message = string(noise[:random.IntN(100)])
			case 3:
				at := random.IntN(10000)
				message = string(noise[at : at+random.IntN(30000)])
			case 4:
				message = strings.Repeat("\x00", random.IntN(70000))
			case 5:
				message = fmt.Sprint("message ", i)
			}
			if got := echoes(t, h, u, p.pack(message)); len(got) != 1 || got[0] != message {
				t.Fatalf("%s: message %d of %d bytes did not come back", o.offer, i, len(message))
			}
			u.window = u.window[max(0, len(u.window)-65536):]
		}
		if u.farthest > o.window {
			t.Errorf("%s: refers %d bytes back", o.offer, u.farthest)
		}
		if o.window == 32768 && !o.serverResets && u.farthest < 10000 {
			t.Errorf("%s: refers at most %d bytes back: does it keep its context?", o.offer, u.farthest)
		}
	}
}

// A short message too is compressed by what came before it.
func TestDeflateRemembers(t *testing.T) {
	t.Parallel()
	const in = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	for offer, shorter := range map[string]bool{"": true, "; server_no_context_takeover": false} {
		h := opened(t, websocket.Options{}, deflateOffer+offer)
		first, second := len(h.Data([]byte(client(0xc1, in))).Send), len(h.Data([]byte(client(0xc1, in))).Send)
		if (second < first) != shorter {
			t.Errorf("%q: %d bytes, then %d", offer, first, second)
		}
	}
}

// What repeats beyond the window cannot be made shorter.
func TestDeflateWindow(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 1500)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	message := string(noise) + string(noise)
	for bits := 8; bits <= 15; bits++ {
		h := opened(t, websocket.Options{}, fmt.Sprintf("%s; server_max_window_bits=%d", deflateOffer, bits))
		n := len(h.Data([]byte(client(binaryOp, message))).Send)
		if (n > 2500) != (bits <= 10) {
			t.Errorf("%d bits: 3000 bytes become %d", bits, n)
		}
	}
}

func TestDeflateLimits(t *testing.T) {
	t.Parallel()
	o := websocket.Options{MaxMessage: 10000}
	longest := strings.Repeat("x", 10000)
	if got := echoes(t, opened(t, o, deflateOffer), new(unpacker), newPacker(9).pack(longest), newPacker(0).pack(longest)); len(got) != 2 || got[0] != longest || got[1] != longest {
		t.Errorf("the longest did not come back")
	}
	expectFailure(t, "one more", opened(t, o, deflateOffer).Data([]byte(client(0xc2, newPacker(9).pack(longest+"x")))), 1009)
	expectFailure(t, "never inflated", opened(t, o, deflateOffer).Data([]byte(client(0x42, longest)+client(0x80, longest))), 1009)
	expectFailure(t, "final blocks without end", opened(t, o, deflateOffer).Data([]byte(client(0xc2, strings.Repeat("\x03\x00", 5000)))), 1007)
}

// A flood of zeros stops where the limit is, and costs no more.
func TestBomb(t *testing.T) {
	const limit = 4 << 20
	bomb := newPacker(1).pack(strings.Repeat("\x00", 16<<20))
	h := opened(t, websocket.Options{MaxMessage: limit}, deflateOffer)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	expectFailure(t, "16 MiB in "+fmt.Sprint(len(bomb)), h.Data([]byte(client(0xc2, bomb))), 1009)
	runtime.ReadMemStats(&after)
	// Growing by a quarter at a time costs five times as much in all.
	if n := after.TotalAlloc - before.TotalAlloc; n > 8*limit {
		t.Errorf("allocated %d MiB", n>>20)
	}
}

// What compression costs a connection that has used it.
func TestDeflateMemory(t *testing.T) {
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	h := opened(t, websocket.Options{}, deflateOffer)
	before := held()
	h.Data([]byte(client(0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00")))
	if n := int64(held() - before); n > 3<<19 {
		t.Errorf("holds %d bytes", n)
	} else {
		t.Logf("holds %d bytes", n)
	}
	runtime.KeepAlive(h)
}

// inflate is DEFLATE (RFC 1951) bit by bit: slow, and able to tell how far
// back the data refers, which no library does.
func inflate(src, window []byte) (out []byte, farthest int, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("invalid at the end or: %v", v)
		}
	}()
	bit := 0
	bits := func(n int) (v int) {
		for i := range n {
			v |= int(src[bit>>3]>>(bit&7)&1) << i
			bit++
		}
		return v
	}
	type tree struct {
		count   [16]int
		symbols []int
	}
	build := func(lengths []int) (t tree) {
		for _, n := range lengths {
			t.count[n]++
		}
		t.count[0] = 0
		for n := 1; n < 16; n++ {
			for symbol, l := range lengths {
				if l == n {
					t.symbols = append(t.symbols, symbol)
				}
			}
		}
		return t
	}
	decode := func(t tree) int {
		code, first, index := 0, 0, 0
		for n := 1; n < 16; n++ {
			code |= bits(1)
			if code-first < t.count[n] {
				return t.symbols[index+code-first]
			}
			index += t.count[n]
			first = (first + t.count[n]) << 1
			code <<= 1
		}
		panic("no such code")
	}
	out = bytes.Clone(window)
	for bit < 8*len(src) {
		final := bits(1)
		var literals, distances tree
		switch bits(2) {
		case 0:
			bit = (bit + 7) &^ 7
			n, check := bits(16), bits(16)
			if n != check^0xffff {
				panic("wrong length of a stored block")
			}
			out = append(out, src[bit>>3:bit>>3+n]...)
			bit += 8 * n
			continue
		case 1:
			lengths := make([]int, 288)
			for i := range lengths {
				switch {
				case i < 144, i >= 280:
					lengths[i] = 8
				case i < 256:
					lengths[i] = 9
				default:
					lengths[i] = 7
				}
			}
			literals, distances = build(lengths), build(bytesOf(30, 5))
		case 2:
			nlen, ndist, ncode := bits(5)+257, bits(5)+1, bits(4)+4
			lengths := make([]int, 19)
			for i := range ncode {
				lengths[[]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[i]] = bits(3)
			}
			codes := build(lengths)
			lengths = nil
			for len(lengths) < nlen+ndist {
				switch symbol := decode(codes); symbol {
				case 16:
					lengths = append(lengths, bytesOf(3+bits(2), lengths[len(lengths)-1])...)
				case 17:
					lengths = append(lengths, bytesOf(3+bits(3), 0)...)
				case 18:
					lengths = append(lengths, bytesOf(11+bits(7), 0)...)
				default:
					lengths = append(lengths, symbol)
				}
			}
			literals, distances = build(lengths[:nlen]), build(lengths[nlen:])
		default:
			panic("reserved block type")
		}
		for {
			symbol := decode(literals)
			if symbol < 256 {
				out = append(out, byte(symbol))
				continue
			}
			if symbol == 256 {
				break
			}
			length, distance := 0, 0
			switch symbol -= 257; {
			case symbol < 8:
				length = 3 + symbol
			case symbol == 28:
				length = 258
			default:
				extra := symbol/4 - 1
				length = 3 + (4+symbol%4)<<extra + bits(extra)
			}
			switch symbol := decode(distances); {
			case symbol < 4:
				distance = 1 + symbol
			default:
				extra := symbol/2 - 1
				distance = 1 + (2+symbol%2)<<extra + bits(extra)
			}
			farthest = max(farthest, distance)
			for range length {
				out = append(out, out[len(out)-distance])
			}
		}
		if final == 1 {
			panic("a final block")
		}
	}
	return out[len(window):], farthest, nil
}

func bytesOf(n, v int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = v
	}
	return list
}
