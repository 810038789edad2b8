package target_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"conform/impl"
	"conform/impl/calc"
	"conform/impl/echo"
	"conform/impl/serve"
	"conform/impl/zen"
	"conform/specs/wire"
	"conform/suites/target"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	handled := func(h func() impl.Handler) func(net.Listener) {
		return func(ln net.Listener) {
			s := serve.Start(ln, h, serve.Options{})
			<-s.Done()
		}
	}
	each := func(f func(net.Conn)) func(net.Listener) {
		return func(ln net.Listener) {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					f(c)
				}()
			}
		}
	}
	for name, tc := range map[string]struct {
		server func(net.Listener)
		want   string
	}{
		"zen":  {handled(zen.New), "zen"},
		"echo": {handled(echo.New), "echo"},
		"calc": {handled(func() impl.Handler { return calc.New(calc.Options{}) }), "calc"},
		"raw":  {each(func(c net.Conn) { io.Copy(c, c) }), "raw"},
		"pid": {each(func(c net.Conn) {
			line, _ := bufio.NewReader(c).ReadString('\n')
			io.WriteString(c, "4711: "+line)
		}), "pid"},
		"http": {each(func(c net.Conn) {
			bufio.NewReader(c).ReadString('\n')
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}), "websocket"},
		"sink":        {each(func(c net.Conn) { io.Copy(io.Discard, c) }), "sink"},
		"never reads": {each(func(net.Conn) { select {} }), ""},
		"never closes": {each(func(c net.Conn) {
			io.Copy(io.Discard, c)
			select {}
		}), ""},
		"sink that speaks HTTP": {each(func(c net.Conn) {
			line, _ := bufio.NewReader(c).ReadString('\n')
			if strings.HasSuffix(line, "HTTP/1.1\r\n") {
				io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
				return
			}
			io.Copy(io.Discard, c)
		}), "websocket"},
		"resets at the end": {each(func(c net.Conn) {
			io.Copy(io.Discard, c)
			c.(*net.TCPConn).SetLinger(0)
		}), ""},
		"hang up": {each(func(c net.Conn) {}), ""},
		"echo without its label": {each(func(c net.Conn) {
			r := bufio.NewReader(c)
			line, _ := r.ReadString('\n')
			io.WriteString(c, "'"+strings.TrimSpace(line)+"'\r\n")
			r.ReadString('\n')
			io.WriteString(c, "connection closed\r\n")
		}), "echo"},
		"zen that knows its questions only": {each(func(c net.Conn) {
			r := bufio.NewReader(c)
			for {
				question, err := r.ReadString('?')
				if err != nil {
					return
				}
				if question == "Beautiful is better than?" {
					io.WriteString(c, "Ugly.")
				}
			}
		}), "zen"},
		"zen with other words": {each(func(c net.Conn) {
			bufio.NewReader(c).ReadString('?')
			io.WriteString(c, "No idea.")
			io.Copy(io.Discard, c)
		}), "zen"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ln.Close() })
			go tc.server(ln)
			d, err := target.Detect(context.Background(), wire.Dialer{Network: "tcp", Address: ln.Addr().String(), Timeout: 5 * time.Second}, time.Second)
			if err != nil || d.Protocol != tc.want || d.Seen == "" {
				t.Errorf("got %+v, %v, want %q", d, err, tc.want)
			}
			if text := d.Unrecognised([]string{"zen", "echo"}).Error(); !strings.Contains(text, "--protocol zen|echo") || strings.Contains(text, "\n") {
				t.Errorf("says %s", text)
			}
		})
	}
}
