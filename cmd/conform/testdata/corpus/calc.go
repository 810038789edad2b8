package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"regexp"
	"strings"
	"unicode"
)

var integers = regexp.MustCompile(`^\s*[+-]?[0-9]+\s*(,\s*[+-]?[0-9]+\s*)*$`)

func main() {
	ln, err := net.Listen("tcp", ":"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	for {
		if conn, err := ln.Accept(); err == nil {
			go converse(conn.(*net.TCPConn))
		}
	}
}

func converse(conn *net.TCPConn) {
	defer conn.Close()
	mode := "sum"
	say := func(s string) { io.WriteString(conn, s) }
	say("<welcome: starting in sum mode>\n")
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil && line == "" {
			return
		}
		line = strings.TrimRightFunc(line, func(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f })
		switch {
		case line == "quit":
			say("connection closed\r\n")
			conn.CloseWrite()
			io.Copy(io.Discard, conn)
			return
		case line == "sum", line == "product":
			mode = line
			say("<switching to " + mode + " mode>\r\n")
		case integers.MatchString(line):
			total, label := big.NewInt(0), "Sum"
			if mode == "product" {
				total, label = big.NewInt(1), "Product"
			}
			for _, text := range strings.Split(line, ",") {
				n, _ := new(big.Int).SetString(strings.TrimPrefix(strings.TrimSpace(text), "+"), 10)
				if mode == "sum" {
					total.Add(total, n)
				} else {
					total.Mul(total, n)
				}
			}
			say(fmt.Sprintf("%s of input integers: '%s'\r\n", label, total))
		default:
			say("ERROR. Enter only integers separated by commas\n")
		}
	}
}
