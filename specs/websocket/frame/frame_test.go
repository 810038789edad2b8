package frame_test

import (
	"bytes"
	"strings"
	"testing"

	"conform/specs/websocket/frame"
)

// rfcKey is the masking key of the examples in RFC 6455 §5.7.
var rfcKey = [4]byte{0x37, 0xFA, 0x21, 0x3D}

// cases are frames, and how they look on the wire. The first six are the
// examples of RFC 6455 §5.7.
var cases = []struct {
	name  string
	frame frame.Frame
	wire  string
}{
	{"unmasked text", frame.New(frame.Text, "Hello").Unmasked(), "\x81\x05Hello"},
	{"masked text", frame.New(frame.Text, "Hello").WithKey(rfcKey), "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"},
	{"first fragment", frame.New(frame.Text, "Hel").Unmasked().More(), "\x01\x03Hel"},
	{"last fragment", frame.New(frame.Continuation, "lo").Unmasked(), "\x80\x02lo"},
	{"256 bytes", frame.New(frame.Binary, strings.Repeat("x", 256)).Unmasked(), "\x82\x7e\x01\x00" + strings.Repeat("x", 256)},
	{"65536 bytes", frame.New(frame.Binary, strings.Repeat("x", 65536)).Unmasked(),
		"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + strings.Repeat("x", 65536)},

	{"125 bytes", frame.New(frame.Ping, strings.Repeat("x", 125)).Unmasked(), "\x89\x7d" + strings.Repeat("x", 125)},
	{"126 bytes", frame.New(frame.Ping, strings.Repeat("x", 126)).Unmasked(), "\x89\x7e\x00\x7e" + strings.Repeat("x", 126)},
	{"65535 bytes", frame.New(frame.Text, strings.Repeat("x", 65535)).Unmasked(), "\x81\x7e\xff\xff" + strings.Repeat("x", 65535)},
	{"empty pong, masked", frame.New(frame.Pong, "").WithKey(rfcKey), "\x8a\x80\x37\xfa\x21\x3d"},
	{"close with a reason", frame.NewClose(1002, "no").Unmasked(), "\x88\x04\x03\xeano"},
	{"key of zeros", frame.New(frame.Text, "Hello").WithKey([4]byte{}), "\x81\x85\x00\x00\x00\x00Hello"},
	{"every reserved bit", frame.New(frame.Text, "a").Unmasked().WithRSV(7), "\xf1\x01a"},
	{"RSV1", frame.New(frame.Text, "a").Unmasked().WithRSV(frame.RSV1), "\xc1\x01a"},
	{"RSV2", frame.New(frame.Text, "a").Unmasked().WithRSV(frame.RSV2), "\xa1\x01a"},
	{"RSV3", frame.New(frame.Text, "a").Unmasked().WithRSV(frame.RSV3), "\x91\x01a"},
	{"reserved opcode", frame.New(0xB, "a").Unmasked(), "\x8b\x01a"},
	{"16 bits for 5 bytes", frame.New(frame.Text, "Hello").Unmasked().InForm(frame.Bits16), "\x81\x7e\x00\x05Hello"},
	{"64 bits for 5 bytes", frame.New(frame.Text, "Hello").Unmasked().InForm(frame.Bits64), "\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x05Hello"},
}

func TestAppend(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.frame.Bytes(); got != c.wire {
				t.Errorf("%q, want %q", start(got), start(c.wire))
			}
			if got := c.frame.Append([]byte("before")); string(got) != "before"+c.wire {
				t.Errorf("behind other bytes: %q", start(string(got)))
			}
			if got, want := c.frame.HeaderSize(), len(c.wire)-len(c.frame.Payload); got != want {
				t.Errorf("HeaderSize is %d, want %d", got, want)
			}
		})
	}
}

func TestAppendAnnouncing(t *testing.T) {
	for length, want := range map[uint64]string{
		3:       "\x82\x03abcde",
		200:     "\x82\x7e\x00\xc8abcde",
		1 << 32: "\x82\x7f\x00\x00\x00\x01\x00\x00\x00\x00abcde",
		1 << 63: "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00abcde",
	} {
		f := frame.New(frame.Binary, "abcde").Unmasked().Announcing(length)
		if got := f.Bytes(); got != want {
			t.Errorf("announcing %d: %q, want %q", length, got, want)
		}
	}
}

func TestRead(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, size, ok := frame.Read([]byte(c.wire + "more"))
			if !ok || size != len(c.wire) {
				t.Fatalf("read %d bytes of %d (%v)", size, len(c.wire), ok)
			}
			want := c.frame
			if f.Fin != want.Fin || f.RSV != want.RSV || f.Opcode != want.Opcode || f.Masked != want.Masked || !bytes.Equal(f.Payload, want.Payload) {
				t.Errorf("read %s, want %s", f, want)
			}
			if f.Masked && f.Key != want.Key {
				t.Errorf("the key is %x, want %x", f.Key, want.Key)
			}
			if f.Length != uint64(len(want.Payload)) {
				t.Errorf("the length is %d, want %d", f.Length, len(want.Payload))
			}
			if got, want := f.Minimal(), want.Form == frame.Shortest; got != want {
				t.Errorf("Minimal is %v, want %v", got, want)
			}
			if again := f.Bytes(); again != c.wire {
				t.Errorf("written again: %q, want %q", start(again), start(c.wire))
			}
			for n := range min(len(c.wire), 300) {
				if _, _, ok := frame.Read([]byte(c.wire[:n])); ok {
					t.Fatalf("complete after %d bytes of %d", n, len(c.wire))
				}
			}
		})
	}
}

func TestReadKeepsNothing(t *testing.T) {
	p := []byte("\x82\x03abc")
	f, _, _ := frame.Read(p)
	copy(p, "xxxxx")
	if string(f.Payload) != "abc" {
		t.Errorf("the payload is %q: it is no copy", f.Payload)
	}
}

func TestReadHeader(t *testing.T) {
	f, size, ok := frame.ReadHeader([]byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04"))
	if !ok || size != 14 || f.Length != 1<<64-1 || f.Form != frame.Bits64 || f.Key != [4]byte{1, 2, 3, 4} {
		t.Errorf("read %+v of %d bytes (%v)", f, size, ok)
	}
	if _, _, ok := frame.Read([]byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04abc")); ok {
		t.Error("a frame of 2^64-1 bytes is complete with 3")
	}
}

func TestClose(t *testing.T) {
	for _, c := range []struct {
		payload string
		code    int
		reason  string
	}{{"", 0, ""}, {"\x03", -1, ""}, {"\x03\xe8", 1000, ""}, {"\x03\xe8bye", 1000, "bye"}, {"\x00\x00", 0, ""}, {"\xff\xff", 65535, ""}} {
		f := frame.New(frame.Close, c.payload)
		if f.CloseCode() != c.code || f.CloseReason() != c.reason {
			t.Errorf("%q: code %d and reason %q, want %d and %q", c.payload, f.CloseCode(), f.CloseReason(), c.code, c.reason)
		}
	}
}

func TestOpcode(t *testing.T) {
	for op := frame.Opcode(0); op < 16; op++ {
		if got, want := op.IsControl(), op >= 8; got != want {
			t.Errorf("%s: IsControl is %v", op, got)
		}
		if got, want := op.Known(), bytes.IndexByte([]byte{0, 1, 2, 8, 9, 10}, byte(op)) >= 0; got != want {
			t.Errorf("%s: Known is %v", op, got)
		}
	}
}

func TestString(t *testing.T) {
	long := strings.Repeat("0123456789", 10)
	for _, c := range []struct {
		frame frame.Frame
		want  string
	}{
		{frame.New(frame.Text, "Hello"), `TEXT "Hello"`},
		{frame.New(frame.Text, ""), `TEXT empty`},
		{frame.New(frame.Binary, "\x00\xff\n\"\x1b[2J"), `BINARY "\x00\xff\n\"\x1b[2J"`},
		{frame.New(frame.Text, "a").More().WithRSV(frame.RSV1), `TEXT FIN=0 RSV1 "a"`},
		{frame.New(0x3, ""), `OPCODE 3 empty`},
		{frame.New(frame.Ping, "a").InForm(frame.Bits64), `PING 64-bit length "a"`},
		{frame.New(frame.Binary, "a").Announcing(1 << 40), `BINARY announcing 1099511627776 bytes "a"`},
		{frame.NewClose(1000, "bye"), `CLOSE 1000 "bye"`},
		{frame.NewClose(1002, ""), `CLOSE 1002`},
		{frame.New(frame.Close, ""), `CLOSE empty`},
		{frame.New(frame.Close, "\x03"), `CLOSE "\x03"`},
		{frame.NewClose(1000, "\x1b\xff"), `CLOSE 1000 "\x1b\xff"`},
	} {
		if got := c.frame.String(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	if got := frame.New(frame.Text, long).String(); !strings.HasPrefix(got, "TEXT 100 bytes ") || len(got) > 130 {
		t.Errorf("a long payload: %s", got)
	}
}

// FuzzRead reads anything: what is read is written back as it was, one line
// describes it, and it is not read before it is whole.
func FuzzRead(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(c.wire[:min(len(c.wire), 400)]))
	}
	f.Add([]byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04abc"))
	f.Add([]byte("\x88\x01\x03"))
	f.Fuzz(func(t *testing.T, p []byte) {
		read, size, ok := frame.Read(p)
		if !ok {
			return
		}
		if size > len(p) || read.Length != uint64(len(read.Payload)) {
			t.Fatalf("%d bytes of %d, announcing %d, with a payload of %d", size, len(p), read.Length, len(read.Payload))
		}
		if got := read.Append(nil); !bytes.Equal(got, p[:size]) {
			t.Errorf("written again: %q, read: %q", got, p[:size])
		}
		if read.HeaderSize() != size-len(read.Payload) {
			t.Errorf("HeaderSize is %d of %d bytes with a payload of %d", read.HeaderSize(), size, len(read.Payload))
		}
		if _, _, early := frame.Read(p[:size-1]); early {
			t.Errorf("complete with one byte less than %d", size)
		}
		for _, r := range read.String() {
			if r < ' ' || r == 0x7f {
				t.Errorf("%q is described with a control character: %q", p[:size], read.String())
			}
		}
	})
}

func start(s string) string { return s[:min(len(s), 40)] }
