package report

import (
	"bytes"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"conform/specs"
	"conform/specs/wire"
)

// play is a transcript as cases make it.
type play []Event

func (p play) then(kind wire.Kind, conn int, atMS float64, bytes string) play {
	e := Event{Event: string(kind), Conn: conn, AtMS: atMS}
	if kind == wire.Sent || kind == wire.Received {
		e.Head, e.Size = []byte(bytes), int64(len(bytes))
	} else {
		e.Text = bytes
	}
	return append(slices.Clone(p), e)
}

var (
	here      = Endpoint{Network: "tcp", Address: "127.0.0.1:1060"}
	connected = play{}.then(wire.Connected, 1, 0.2, "tcp 127.0.0.1:1060")
)

func TestRecipe(t *testing.T) {
	t.Parallel()
	asked := connected.then(wire.Sent, 1, 0.5, "a?")
	long := connected.then(wire.Sent, 1, 0.5, strings.Repeat("\x01", 600))
	for name, c := range map[string]struct {
		events []Event
		code   specs.Code
		at     Endpoint
		want   string // "" for none
	}{
		"pieces":         {connected.then(wire.Sent, 1, 0.3, "Simple is ").then(wire.Sent, 1, 4.5, "better?").then(wire.Received, 1, 5, "No"), specs.WrongBytes, here, `{ printf 'Simple is '; sleep 0.1; printf 'better?'; sleep 1; } | nc -w 2 127.0.0.1 1060 | cat -vet`},
		"a longer pause": {asked.then(wire.Sent, 1, 2520, "b"), specs.WrongBytes, here, `{ printf 'a?'; sleep 2.6; printf 'b'; sleep 1; } | nc -w 4 127.0.0.1 1060 | cat -vet`},
		"nothing sent":   {connected.then(wire.Received, 1, 0.5, "hello\xff"), specs.NotSilent, here, `sleep 1 | nc -w 2 127.0.0.1 1060 | od -t x1 -t c`},
		"ends its side":  {asked.then(wire.HalfClosed, 1, 0.5, ""), specs.NoAnswer, here, `printf 'a?' | nc -N -w 2 127.0.0.1 1060 | cat -vet`},
		"later":          {asked.then(wire.HalfClosed, 1, 80, ""), specs.NoAnswer, here, `{ printf 'a?'; sleep 0.1; } | nc -N -w 2 127.0.0.1 1060 | cat -vet`},
		"one after the other": {asked.then(wire.Closed, 1, 3, "").then(wire.Connected, 2, 4, "").then(wire.Sent, 2, 4, "b"), specs.NotServing, here,
			`{ printf 'a?'; sleep 1; } | nc -w 2 127.0.0.1 1060 | cat -vet; { printf 'b'; sleep 1; } | nc -w 2 127.0.0.1 1060 | cat -vet`},
		"started by conform": {asked, specs.WrongBytes, Endpoint{Network: "tcp", Address: "127.0.0.1:40000", Started: true}, `{ printf 'a?'; sleep 1; } | nc -w 2 127.0.0.1 "${PORT:?where it listens}" | cat -vet`},
		"IPv6":               {asked, specs.WrongBytes, Endpoint{Network: "tcp", Address: "[::1]:1060"}, `{ printf 'a?'; sleep 1; } | nc -w 2 ::1 1060 | cat -vet`},
		"TLS":                {asked, specs.WrongBytes, Endpoint{Network: "tcp", Address: "[::1]:1060", TLS: true}, `{ printf 'a?'; sleep 1; } | openssl s_client -quiet -no_ign_eof -verify_quiet -connect [::1]:1060 | cat -vet`},
		"datagrams":          {asked.then(wire.Sent, 1, 0.6, "b"), specs.WrongBytes, Endpoint{Network: "udp", Address: "localhost:7"}, `{ printf 'a?'; sleep 0.1; printf 'b'; sleep 1; } | nc -u -w 2 localhost 7 | cat -vet`},
		"a Unix socket":      {asked, specs.WrongBytes, Endpoint{Network: "unix", Address: "/tmp/it's;id"}, `{ printf 'a?'; sleep 1; } | nc -U -w 2 '/tmp/it'\''s;id' | cat -vet`},

		"no connection":            {play{}.then(wire.ConnectFailed, 1, 1, "refused"), specs.ConnectFailed, here, ""},
		"several clients abreast":  {asked.then(wire.Connected, 2, 3, ""), specs.NoAnswer, here, ""},
		"a client that resets":     {asked.then(wire.WasReset, 1, 3, ""), specs.NotServing, here, ""},
		"FIN or RST":               {asked, specs.ResetNotFIN, here, ""},
		"too much":                 {long.then(wire.Sent, 1, 3, "b"), specs.WrongBytes, here, ""},
		"bytes are missing":        {append(connected, Event{Event: string(wire.Sent), Conn: 1, Head: []byte("a"), Tail: []byte("b"), Size: 9}), specs.WrongBytes, here, ""},
		"an empty datagram":        {connected.then(wire.Sent, 1, 1, ""), specs.WrongBytes, Endpoint{Network: "udp", Address: "localhost:7"}, ""},
		"TLS ends both sides":      {asked.then(wire.HalfClosed, 1, 0.5, ""), specs.NoAnswer, Endpoint{Network: "tcp", Address: "localhost:1", TLS: true}, ""},
		"openssl would obey":       {connected.then(wire.Sent, 1, 1, "Quite?"), specs.NoAnswer, Endpoint{Network: "tcp", Address: "localhost:1", TLS: true}, ""},
		"an abstract socket":       {asked, specs.WrongBytes, Endpoint{Network: "unix", Address: "@zen"}, ""},
		"a host that is a command": {asked, specs.WrongBytes, Endpoint{Network: "tcp", Address: "a;id:1060"}, ""},
		"a host that is a flag":    {asked, specs.WrongBytes, Endpoint{Network: "tcp", Address: "-e:1060"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if r := NewRecipe(c.events, c.code, c.at); r != nil {
				got = r.Command
			}
			if got != c.want {
				t.Errorf("\n%s, not\n%s", got, c.want)
			}
		})
	}
}

// Whatever was sent, a shell writes the same, and runs none of it.
func TestPrintfWritesWhatWasSent(t *testing.T) {
	t.Parallel()
	var all []byte
	for c := range 256 {
		all = append(all, byte(c))
	}
	payloads := []string{string(all), "'; touch /tmp/owned; '", "$(id)`id`${IFS}", "%s%n%d%%", `\x41\101\c\0`, "-v x", "--", "!!:0", "##[error]", "::error::x\n", "a\r\n\r\n", "\x1b[2J", "\xe2\x80\xae", "1\x001", "é7", "\x017", " "}
	tried := 0
	for _, shell := range [][]string{{"sh", "-c"}, {"dash", "-c"}, {"bash", "-c"}, {"busybox", "sh", "-c"}, {"zsh", "-c"}} {
		path, err := exec.LookPath(shell[0])
		if err != nil {
			continue
		}
		tried++
		for _, p := range payloads {
			command := printfOf([]byte(p))
			if !regexp.MustCompile(`^[ -~]+$`).MatchString(command) || clean(command) != command {
				t.Errorf("%q is changed where it is shown", command)
			}
			out, err := exec.Command(path, append(slices.Clone(shell[1:]), command)...).CombinedOutput()
			if err != nil || !bytes.Equal(out, []byte(p)) {
				t.Errorf("%v %s writes %q, %v; it is %q", shell, command, out, err, p)
			}
		}
	}
	if tried == 0 {
		t.Skip("there is no shell here")
	}
}
