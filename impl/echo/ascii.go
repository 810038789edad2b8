package echo

import (
	"bytes"
	"unicode/utf8"
)

// appendASCII appends what Python's ascii() shows for text. A byte that is not
// UTF-8 is shown as the lone surrogate that Python's error handler
// surrogateescape makes of it, so that no two texts look the same.
func appendASCII(dst, text []byte) []byte {
	quote := byte('\'')
	if bytes.IndexByte(text, '\'') >= 0 && bytes.IndexByte(text, '"') < 0 {
		quote = '"'
	}
	dst = append(dst, quote)
	for len(text) > 0 {
		if n := plain(text, quote); n > 0 {
			dst, text = append(dst, text[:n]...), text[n:]
			continue
		}
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			dst = appendHex(append(dst, `\udc`...), rune(text[0]), 2)
		case r == rune(quote) || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r <= 0xff:
			dst = appendHex(append(dst, `\x`...), r, 2)
		case r <= 0xffff:
			dst = appendHex(append(dst, `\u`...), r, 4)
		default:
			dst = appendHex(append(dst, `\U`...), r, 8)
		}
		text = text[size:]
	}
	return append(dst, quote)
}

// plain is how many bytes there are before one that is shown as anything else.
func plain(text []byte, quote byte) int {
	for i, b := range text {
		if b < ' ' || b > '~' || b == quote || b == '\\' {
			return i
		}
	}
	return len(text)
}

// appendHex appends the last digits hexadecimal digits of r. A line of 2 MiB
// can need one for each of its bytes, which is too many calls of fmt.
func appendHex(dst []byte, r rune, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[r>>shift&0xf])
	}
	return dst
}
