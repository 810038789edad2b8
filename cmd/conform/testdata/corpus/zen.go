package main

import (
	"bufio"
	"errors"
	"io"
	"log"
	"net"
	"os"
)

var answers = map[string]string{
	"Beautiful is better than?": "Ugly.",
	"Explicit is better than?":  "Implicit.",
	"Simple is better than?":    "Complex.",
}

func main() {
	ln, err := net.Listen("tcp", ":"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	for {
		conn, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		} else if err != nil {
			continue
		}
		go converse(conn)
	}
}

func converse(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		question, err := in.ReadBytes('?')
		if err != nil {
			return
		}
		answer, known := answers[string(question)]
		if !known {
			answer = "Error: unknown aphorism."
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}
