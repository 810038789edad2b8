package conformtest_test

import (
	"bytes"
	"net"
	"testing"

	"conform/suites/conformtest"
)

// A server of zen, and a test of it. The README shows this file from here on.

func converse(conn net.Conn) {
	defer conn.Close()
	answers := map[string]string{
		"Beautiful is better than?": "Ugly.",
		"Explicit is better than?":  "Implicit.",
		"Simple is better than?":    "Complex.",
	}
	var question []byte
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		question = append(question, buffer[:n]...)
		if bytes.HasSuffix(question, []byte("?")) {
			answer, known := answers[string(question)]
			if !known {
				answer = "Error: unknown aphorism."
			}
			conn.Write([]byte(answer))
			question = question[:0]
		}
		if err != nil {
			return
		}
	}
}

func TestServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go converse(conn)
		}
	}()
	conformtest.Run(t, conformtest.Options{Protocol: "zen", Target: ln.Addr().String()})
}
