package calc

import (
	"unicode"
	"unicode/utf8"
)

// appendInteger appends the integer that item spells by the rules of Python's
// int(): white space around it, a sign, decimal digits of any script, single
// underscores between digits. What it appends is plain: a minus sign or
// nothing, then ASCII digits without leading zeros.
//
// Python refuses more than 4300 digits; that limit is not part of the language
// and is left to the length of the line here.
func appendInteger(dst, item []byte) ([]byte, bool) {
	item = trimSpace(item)
	if len(item) > 0 && (item[0] == '+' || item[0] == '-') {
		if item[0] == '-' {
			dst = append(dst, '-')
		}
		item = item[1:]
	}
	start := len(dst)
	afterDigit := false // where an underscore may stand, and the number may end
	for len(item) > 0 {
		r, size := utf8.DecodeRune(item)
		item = item[size:]
		if r == '_' {
			if !afterDigit {
				return dst, false
			}
			afterDigit = false
			continue
		}
		digit, ok := digitValue(r)
		if !ok {
			return dst, false
		}
		afterDigit = true
		if digit == 0 && len(dst) == start {
			continue
		}
		dst = append(dst, '0'+digit)
	}
	if !afterDigit {
		return dst, false
	}
	if len(dst) == start {
		dst = append(dst, '0')
	}
	return dst, true
}

// trimSpace removes what int() ignores around a number. That is Unicode's
// white space; unlike str.rstrip(), int() does not count U+001C to U+001F.
func trimSpace(item []byte) []byte {
	for len(item) > 0 {
		r, size := utf8.DecodeRune(item)
		if !unicode.IsSpace(r) {
			break
		}
		item = item[size:]
	}
	for len(item) > 0 {
		r, size := utf8.DecodeLastRune(item)
		if !unicode.IsSpace(r) {
			break
		}
		item = item[:len(item)-size]
	}
	return item
}

// digitValue returns the value of a decimal digit of any script (category Nd).
// Unicode encodes those of a script in a row from zero to nine, so that each
// range of the table is a number of such rows.
func digitValue(r rune) (byte, bool) {
	if r <= '9' {
		return byte(r - '0'), r >= '0'
	}
	if r <= unicode.MaxASCII {
		return 0, false
	}
	for _, row := range unicode.Nd.R16 {
		if rune(row.Lo) <= r && r <= rune(row.Hi) {
			return byte((r - rune(row.Lo)) % 10), true
		}
	}
	for _, row := range unicode.Nd.R32 {
		if rune(row.Lo) <= r && r <= rune(row.Hi) {
			return byte((r - rune(row.Lo)) % 10), true
		}
	}
	return 0, false
}
