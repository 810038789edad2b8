package target

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in        string
		want      Address
		canonical string
	}{
		{"localhost:1060", Address{"tcp", "tcp", "localhost:1060", false, ""}, "localhost:1060"},
		{":1060", Address{"tcp", "tcp", "127.0.0.1:1060", false, ""}, "127.0.0.1:1060"},
		{"[::1]:1060", Address{"tcp", "tcp", "[::1]:1060", false, ""}, "[::1]:1060"},
		{"[fe80::1%eth0]:7", Address{"tcp", "tcp", "[fe80::1%eth0]:7", false, ""}, "[fe80::1%eth0]:7"},
		{"h:0080", Address{"tcp", "tcp", "h:80", false, ""}, "h:80"},
		{"tcp://h:1", Address{"tcp", "tcp", "h:1", false, ""}, "h:1"},
		{"TCP://h:65535/", Address{"tcp", "tcp", "h:65535", false, ""}, "h:65535"},
		{"tls://h:1", Address{"tls", "tcp", "h:1", true, ""}, "tls://h:1"},
		{"udp://:7", Address{"udp", "udp", "127.0.0.1:7", false, ""}, "udp://127.0.0.1:7"},
		{"unix:///run/a b%20.sock", Address{"unix", "unix", "/run/a b%20.sock", false, ""}, "unix:///run/a b%20.sock"},
		{"unix:/run/a.sock", Address{"unix", "unix", "/run/a.sock", false, ""}, "unix:///run/a.sock"},
		{"unix:a.sock", Address{"unix", "unix", "a.sock", false, ""}, "unix:a.sock"},
		{"unix:@name", Address{"unix", "unix", "@name", false, ""}, "unix:@name"},
		{"unixgram:///a", Address{"unixgram", "unixgram", "/a", false, ""}, "unixgram:///a"},
		{"ws://h", Address{"ws", "tcp", "h:80", false, "/"}, "ws://h:80/"},
		{"ws://h:", Address{"ws", "tcp", "h:80", false, "/"}, "ws://h:80/"},
		{"ws://[::1]/chat", Address{"ws", "tcp", "[::1]:80", false, "/chat"}, "ws://[::1]:80/chat"},
		{"ws://h:8080?a=b", Address{"ws", "tcp", "h:8080", false, "/?a=b"}, "ws://h:8080/?a=b"},
		{"wss://h/a/b?c=d:e@f", Address{"wss", "tcp", "h:443", true, "/a/b?c=d:e@f"}, "wss://h:443/a/b?c=d:e@f"},
		{"wss://:8443", Address{"wss", "tcp", "127.0.0.1:8443", true, "/"}, "wss://127.0.0.1:8443/"},
	} {
		got, err := ParseAddress(test.in)
		if err != nil || got != test.want {
			t.Errorf("%q: got %+v, %v; want %+v", test.in, got, err, test.want)
			continue
		}
		if got.String() != test.canonical {
			t.Errorf("%q: canonical form is %q, want %q", test.in, got, test.canonical)
		}
		if again, err := ParseAddress(got.String()); err != nil || again != got {
			t.Errorf("%q: its canonical form %q parses to %+v, %v", test.in, got, again, err)
		}
	}
}

func TestParseAddressErrors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                          `"" has no port: write host:port, as in localhost:1060`,
		"localhost":                 `"localhost" has no port: write host:port, as in localhost:1060`,
		"example.org":               `"example.org" has no port: write host:port, as in example.org:1060`,
		"[::1]":                     `"[::1]" has no port: write host:port, as in [::1]:1060`,
		"localhost:":                `"localhost:" has no port after the colon: write host:port, as in localhost:1060`,
		"1060":                      `"1060" has no host: write :1060 or host:1060`,
		"h:0":                       `"h:0" has the port 0, which is out of range: write a number from 1 to 65535`,
		"h:65536":                   `"h:65536" has the port 65536, which is out of range: write a number from 1 to 65535`,
		"h:-1":                      `"h:-1" has the port "-1": write a number from 1 to 65535`,
		"h:http":                    `"h:http" has the port "http": write a number from 1 to 65535`,
		"::1":                       `"::1" is an IPv6 address without brackets: write [address]:port, as in [::1]:1060`,
		"a:b:c":                     `"a:b:c" has more than one colon: write host:port, or [address]:port for IPv6, as in [::1]:1060`,
		"[::1:80":                   `"[::1:80" has stray brackets: write [address]:port, as in [::1]:1060`,
		"[x:y]:80":                  `"[x:y]:80" has "x:y" in brackets, which is not an IPv6 address: write it as in [::1]:1060`,
		"ftp://h:1":                 `"ftp://h:1" has the unknown scheme "ftp": known are tcp, tls, udp, unix, unixgram, ws, wss`,
		"http://h":                  `"http://h" is an HTTP address: for a WebSocket server write ws://`,
		"https://h":                 `"https://h" is an HTTP address: for a WebSocket server write wss://`,
		"tcp://h:1/x":               `"tcp://h:1/x" has a path: write tcp://host:port`,
		"tcp://u@h:1":               `"tcp://u@h:1" has a user name: write tcp://host:port`,
		"tls://":                    `"tls://" has no port: write host:port, as in localhost:1060`,
		"ws://h/a#b":                `"ws://h/a#b" has a fragment, which a WebSocket address must not have: write # as %23`,
		"ws://h/a b":                `"ws://h/a b" has ' ' in its path: write it percent-encoded`,
		"unix:":                     `"unix:" has no path: write unix:///run/server.sock`,
		"unix://x.sock":             `"unix://x.sock" has no absolute path after unix://: write unix:///run/server.sock, or unix:x.sock for a relative one`,
		"unix:a\x00b":               `"unix:a\x00b" has a NUL byte in its path`,
		"\x1b[2Jh\n:1":              `"\x1b[2Jh\n:1" has stray brackets: write [address]:port, as in [::1]:1060`,
		"\x1bh\n:1":                 `"\x1bh\n:1" has '\x1b' in its host: write host:port, as in localhost:1060`,
		"\xff:1":                    `"\xff:1" has '�' in its host: write host:port, as in localhost:1060`,
		"h:\x07":                    `"h:\a" has the port "\a": write a number from 1 to 65535`,
		" h:1":                      `" h:1" has ' ' in its host: write host:port, as in localhost:1060`,
		"h/x:1":                     `"h/x:1" has '/' in its host: write host:port, as in localhost:1060`,
		"\x1b]0;x\x07://h:1":        `"\x1b]0;x\a://h:1" has the unknown scheme "\x1b]0;x\a": known are tcp, tls, udp, unix, unixgram, ws, wss`,
		"h:99999999999999999999999": `"h:99999999999999999999999" has the port 99999999999999999999999, which is out of range: write a number from 1 to 65535`,
	} {
		a, err := ParseAddress(in)
		if err == nil {
			t.Errorf("%q: got %+v, want an error", in, a)
			continue
		}
		want = strings.ReplaceAll(want, "unix:x.sock", "unix:server.sock")
		if err.Error() != want {
			t.Errorf("%q:\n got %s\nwant %s", in, err, want)
		}
		if a != (Address{}) {
			t.Errorf("%q: got %+v along with the error", in, a)
		}
	}
	if _, err := ParseAddress("unix:/" + strings.Repeat("x", 200)); err == nil || !strings.Contains(err.Error(), "201 bytes") {
		t.Errorf("long Unix path: %v", err)
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"localhost:1", "ws://[::1]:1/x?y", "unix:a", ":\x00", "tcp://%41:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			for _, r := range err.Error() {
				if r < ' ' || r == 0x7f {
					t.Fatalf("control character in the error: %q", err)
				}
			}
			return
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Fatalf("%q → %+v → %q → %+v, %v", s, a, a, again, err)
		}
	})
}
