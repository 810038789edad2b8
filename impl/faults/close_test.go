package faults

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestCloseWhileServing ends every faulty server at a moment when it is about to
// answer: what a fault keeps of a connection is then touched from two sides,
// and under the race detector an access without a lock shows.
func TestCloseWhileServing(t *testing.T) {
	t.Parallel()
	words := map[string][]string{"zen": {"Beautiful is better than?"}, "echo": {"a\r\n", "a\r\nquit\r\n"}, "calc": {"1,2\r\n", "1,2\r\nquit\r\n"},
		"raw": {"hello"}, "pid": {"hello"}, "sink": {"hello"},
		"websocket": {shake + client(wsText, "hello"), shake + client(wsText, "hello") + client(wsClose, "")}}
	for protocol, words := range words {
		for _, f := range For(protocol) {
			if f.Datagrams {
				continue
			}
			t.Run(protocol+"/"+f.Name, func(t *testing.T) {
				t.Parallel()
				for pause := range 4 {
					say := words[pause%len(words)]
					ln, err := net.Listen("tcp", "127.0.0.1:0")
					if err != nil {
						t.Fatal(err)
					}
					s := f.Start(ln)
					c, err := net.Dial("tcp", s.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					if _, err := io.WriteString(c, say); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Duration(pause*pause) * 100 * time.Microsecond)
					s.Close()
					c.Close()
				}
			})
		}
	}
}
