package calc

import (
	"bytes"
	"strconv"

	"conform/specs"
)

// many is how thousands of clients talk: each sends three numbers whose sum
// names it and the turn.
type many struct{ welcome, label, end string }

func scale(c specs.Crowd) (specs.Talk, error) {
	t := many{welcome: "<welcome: starting in sum mode>\n", label: "integers", end: "\r\n"}
	switch c.Dialect("line-ends") {
	case "crlf":
		t.welcome = "<welcome: starting in sum mode>\r\n"
	case "lf":
		t.end = "\n"
	}
	if label := c.Dialect("label"); label != "" {
		t.label = label
	}
	return t, nil
}

// turns is how many turns of a client have sums of their own.
const turns = 1_000_000

// named is the sum that names a client and a turn. It stays within 64 bits.
func named(client, turn int) int64 { return int64(client)*turns + int64(turn%turns) }

func (many) Say(dst []byte, client, turn int) []byte {
	if turn == 0 {
		return dst // the server speaks first
	}
	a, b := int64(turn*7919%9973), int64((client+turn)*104729%9967)
	dst = strconv.AppendInt(dst, a, 10)
	dst = strconv.AppendInt(append(dst, ','), -b, 10)
	dst = strconv.AppendInt(append(dst, ','), named(client, turn)-a+b, 10)
	return append(dst, "\r\n"...)
}

func (t many) Hear(h *specs.Hearing) {
	expected := h.Expected[:0]
	if h.Turn == 0 {
		expected = append(expected, t.welcome...)
	} else {
		expected = append(expected, "Sum of input "...)
		expected = append(append(expected, t.label...), ": '"...)
		expected = strconv.AppendInt(expected, named(h.Client, h.Turn), 10)
		expected = append(append(expected, '\''), t.end...)
	}
	h.Exactly(expected, whose)
}

// whose reads a sum.
func whose(p []byte) (client, turn int, ok bool) {
	_, rest, _ := bytes.Cut(p, []byte(": '"))
	digits, _, ok := bytes.Cut(rest, []byte("'"))
	if !ok {
		return 0, 0, false
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || n < 0 {
		return 0, 0, false
	}
	return int(n / turns), int(n % turns), true
}
