package websocket

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// pseudo is random bytes that are the same in every run.
func pseudo(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 0))
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return string(p)
}

// mirror is the codec of the other side: what one calls the server's is the
// client's for the other.
func mirror(p params) *codec {
	p.serverNoTakeover, p.clientNoTakeover = p.clientNoTakeover, p.serverNoTakeover
	p.serverBits, p.clientBits = p.clientBits, p.serverBits
	return newCodec(p)
}

func TestCodecRoundTrip(t *testing.T) {
	t.Parallel()
	for bits := 8; bits <= 15; bits++ {
		for _, forgets := range []bool{false, true} {
			p := params{serverBits: 15, clientBits: bits, clientNoTakeover: forgets}
			k, other := newCodec(p), mirror(p)
			for i := range 60 {
				data := pseudo(uint64(i), (i*977)%9000)
				switch i % 3 {
				case 1:
					data = strings.Repeat(data[:len(data)/40], 40)
				case 2:
					data = strings.Repeat("websocket ", i*30)
				}
				packed := k.deflate(data)
				if strings.HasSuffix(packed, tail) && data != "" {
					t.Errorf("%d bits: the tail was left", bits)
				}
				got, err := other.inflate(packed)
				if err != nil || got != data {
					t.Fatalf("%d bits, takeover %v, message %d of %d bytes: %d bytes, %v", bits, !forgets, i, len(data), len(got), err)
				}
			}
		}
	}
}

// What repeats within the window becomes shorter, what repeats beyond it does
// not, and nothing does that was forgotten.
func TestCodecKeepsItsWindow(t *testing.T) {
	t.Parallel()
	for bits := 8; bits <= 15; bits++ {
		near, far := pseudo(1, 1<<bits/2), pseudo(2, 3<<bits/2)
		if len(far) > 1<<15 {
			far = pseudo(2, 1<<15+4096)
		}
		shrinks := func(p params, data string) bool {
			k := newCodec(p)
			first, second := len(k.deflate(data)), len(k.deflate(data))
			return second < first*3/4
		}
		p := params{serverBits: 15, clientBits: bits}
		if !shrinks(p, near) && bits > 8 { // the compressor needs some room for itself
			t.Errorf("%d bits: %d bytes do not become shorter the second time", bits, len(near))
		}
		if shrinks(p, far) {
			t.Errorf("%d bits: refers back %d bytes", bits, len(far))
		}
		p.clientNoTakeover = true
		if shrinks(p, near) {
			t.Errorf("%d bits: refers back to what is forgotten", bits)
		}
	}
}

func TestInflate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		payload string
		want    string
		wrong   bool
	}{
		{"RFC 7692 §7.2.3.1", packedHello, "Hello", false},
		{"RFC 7692 §7.2.3.3", "\x00\x05\x00\xfa\xffHello\x00", "Hello", false},
		{"RFC 7692 §7.2.3.4", finalHello, "Hello", false},
		{"without the byte behind a final block", finalHello[:7], "Hello", false},
		{"a final block and more", finalHello[:7] + packedHello, "HelloHello", false},
		{"RFC 7692 §7.2.3.5", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello", false},
		{"two blocks", "\xf2\x48\x05\x28\x27\x27\x1f\x00", "Hello", false},
		{"with the tail left", packedHello + tail, "", true},
		{"empty", "\x00", "", false},
		{"reserved block", notDeflate, "", true},
		{"lengths that do not fit", "\x00\x05\x00\x00\x00Hello\x00", "", true},
		{"cut off", "\x00\x05\x00\xfa\xffHe", "", true},
		{"no code", "\x04\xff\xff\xff\xff\xff\xff\xff", "", true},
	} {
		got, err := newCodec(params{serverBits: 15, clientBits: 15}).inflate(tt.payload)
		if err != nil != tt.wrong || !tt.wrong && got != tt.want {
			t.Errorf("%s: got %q, %v", tt.name, got, err)
		}
	}
}

// A message may refer to those before it, unless that was agreed away.
func TestInflateTakesOver(t *testing.T) {
	t.Parallel()
	const again = "\xf2\x00\x11\x00\x00" // RFC 7692 §7.2.3.2
	k := newCodec(params{serverBits: 15})
	for i, p := range []string{packedHello, again, finalHello, again} {
		if got, err := k.inflate(p); got != "Hello" || err != nil {
			t.Errorf("message %d: %q, %v", i, got, err)
		}
	}
	k = newCodec(params{serverBits: 15, serverNoTakeover: true})
	if _, err := k.inflate(packedHello); err != nil {
		t.Error(err)
	}
	if got, err := k.inflate(again); err == nil {
		t.Errorf("inflated %q out of nothing", got)
	}
}

func TestAgreed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		lines []string
		want  string // "none", "wrong", or the parameters
	}{
		{nil, "none"},
		{[]string{"permessage-deflate"}, "false false 15 15"},
		{[]string{"permessage-deflate; server_no_context_takeover;client_no_context_takeover"}, "true true 15 15"},
		{[]string{"permessage-deflate; server_max_window_bits=8; client_max_window_bits = \"12\""}, "false false 8 12"},
		{[]string{"permessage-deflate ; server_max_window_bits=10 "}, "false false 10 15"},
		{[]string{""}, "wrong"},
		{[]string{"permessage-deflate", "x-other"}, "wrong"},
		{[]string{"permessage-deflate", "permessage-deflate"}, "wrong"},
		{[]string{"permessage-deflate, x-other"}, "wrong"},
		{[]string{"x-webkit-deflate-frame"}, "wrong"},
		{[]string{"permessage-deflate; foo"}, "wrong"},
		{[]string{"permessage-deflate;"}, "wrong"},
		{[]string{"permessage-deflate; server_no_context_takeover=1"}, "wrong"},
		{[]string{"permessage-deflate; server_no_context_takeover; server_no_context_takeover"}, "wrong"},
		{[]string{"permessage-deflate; client_max_window_bits"}, "wrong"},
		{[]string{"permessage-deflate; client_max_window_bits=7"}, "wrong"},
		{[]string{"permessage-deflate; client_max_window_bits=16"}, "wrong"},
		{[]string{"permessage-deflate; client_max_window_bits=010"}, "wrong"},
		{[]string{"permessage-deflate; client_max_window_bits=+9"}, "wrong"},
	} {
		r := &response{}
		for _, line := range tt.lines {
			r.fields = append(r.fields, field{"sec-websocket-extensions", line})
		}
		got := "none"
		switch p, err := agreed(r); {
		case err != nil:
			got = "wrong"
		case p != nil:
			got = fmt.Sprint(p.serverNoTakeover, p.clientNoTakeover, p.serverBits, p.clientBits)
		}
		if got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.lines, got, tt.want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sizes []int
		want  []string
	}{
		{nil, []string{"abcdefg"}}, {[]int{3}, []string{"abc", "def", "g"}}, {[]int{1, 4}, []string{"a", "bcde", "fg"}}, {[]int{7}, []string{"abcdefg"}},
	} {
		if got := cut("abcdefg", tt.sizes...); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%v: got %q", tt.sizes, got)
		}
	}
}

// What is sent as corrupt is corrupt for every inflater, and the bomb is one.
func TestCompressedStimuli(t *testing.T) {
	t.Parallel()
	if n := len(bomb()); n > 70<<10 {
		t.Errorf("the bomb has %d bytes", n)
	}
	k := newCodec(params{serverBits: 15})
	if data, err := k.inflate(bomb()); err != nil || len(data) != 64<<20 || strings.Trim(data, "\x00") != "" {
		t.Errorf("the bomb inflates to %d bytes, %v", len(data), err)
	}
	for _, level := range []int{flate.NoCompression, flate.BestCompression, flate.HuffmanOnly} {
		if got, err := newCodec(params{serverBits: 15}).inflate(packed(level, "some text")); got != "some text" || err != nil {
			t.Errorf("level %d: %q, %v", level, got, err)
		}
	}
}

// FuzzInflate: whatever a server sends, the client survives.
func FuzzInflate(f *testing.F) {
	for _, s := range []string{packedHello, finalHello, notDeflate, "\x00", "", tail, strings.Repeat("\x03\x00", 100)} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		k := newCodec(params{serverBits: 15, clientBits: 15})
		_, _ = k.inflate(a)
		if _, err := k.inflate(b); err == nil && len(k.in) > window {
			t.Errorf("%d bytes are kept", len(k.in))
		}
		// What the client packs, a client can read.
		data := a + b
		packed := newCodec(params{serverBits: 15, clientBits: 9}).deflate(data)
		if got, err := newCodec(params{serverBits: 15}).inflate(packed); err != nil || !bytes.Equal([]byte(got), []byte(data)) {
			t.Errorf("%q came back as %q, %v", data, got, err)
		}
	})
}
