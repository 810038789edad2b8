package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes a string safe to show in one line of a terminal, of a CI log or
// of an XML document: control and escape characters, bidirectional controls,
// line separators and bytes that are not UTF-8 become what Go would write for
// them in a string literal. What is already quoted stays as it is, so cleaning
// twice is cleaning once.
//
// "##" is broken up because several CI systems take "##[error]" or "##vso[" for
// a command wherever it stands in a line.
func clean(s string) string {
	if !dirty(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + len(s)/4)
	var last rune
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
			r = 0
		case r == '#' && last == '#':
			b.WriteString(`\x23`)
			r = 0
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			r = 0
		}
		last = r
		i += size
	}
	return b.String()
}

// dirty says whether clean has anything to do; most strings are fine.
func dirty(s string) bool {
	if !utf8.ValidString(s) || strings.Contains(s, "##") {
		return true
	}
	return strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Clean is what every format does to text that is not ours, for what is shown
// besides a report.
func Clean(s string) string { return clean(s) }

// notCommand keeps a line from being taken for a command by a CI system that
// reads "::error::" at the start of a line, blanks before it or not.
func notCommand(line string) string {
	text := strings.TrimLeft(line, " ")
	if !strings.HasPrefix(text, "::") {
		return line
	}
	return line[:len(line)-len(text)] + `\x3a` + text[1:]
}

// shorten cleans a string and, when it takes more than limit columns, leaves
// out its middle and says how long it is. It never works on more of the string
// than it shows.
func shorten(s string, limit int) string {
	if len(s) <= 8*limit {
		if c := clean(s); columns(c) <= limit {
			return c
		}
	}
	middle := fmt.Sprintf(" … (%d characters) … ", utf8.RuneCountInString(s))
	room := max(limit-columns(middle), 2)
	front := (room + 1) * 2 / 3
	start, end := s[:min(len(s), 4*front)], s[max(0, len(s)-4*(room-front)):]
	for len(end) > 0 && len(end) < len(s) && !utf8.RuneStart(end[0]) {
		end = end[1:]
	}
	return firstColumns(trimPartialRune(start, len(start) < len(s)), front) + middle + lastColumns(clean(end), room-front)
}

// trimPartialRune takes off the bytes of a character that was cut in two, and
// cleans the rest.
func trimPartialRune(s string, cut bool) string {
	for n := 0; cut && n < utf8.UTFMax-1 && s != ""; n++ {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size > 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return clean(s)
}

// firstColumns is as much of a clean string as fits, from its start.
func firstColumns(s string, limit int) string {
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n > limit {
			return s[:i]
		}
	}
	return s
}

// lastColumns is as much of a clean string as fits, from its end.
func lastColumns(s string, limit int) string {
	n := 0
	for i := len(s); i > 0; {
		r, size := utf8.DecodeLastRuneInString(s[:i])
		if n += runeColumns(r); n > limit {
			return s[i:]
		}
		i -= size
	}
	return s
}

// columns is how many columns of a terminal a clean string takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

// runeColumns knows the characters that take no column and, roughly, those
// that take two: a line must not be longer than it was counted.
func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// wrap breaks a clean string into lines of at most limit columns, between words
// where it can. The blanks that a line starts with are kept.
func wrap(s string, limit int) []string {
	limit = max(limit, 8)
	var lines []string
	for columns(s) > limit {
		head := firstColumns(s, limit)
		rest := s[len(head):]
		indent := len(head) - len(strings.TrimLeft(head, " "))
		if at := strings.LastIndexByte(head, ' '); rest[0] != ' ' && at > indent && columns(head[at:]) < limit/2 {
			head, rest = head[:at], s[at:]
		}
		lines = append(lines, strings.TrimRight(head, " "))
		s = strings.TrimLeft(rest, " ")
	}
	if s != "" || lines == nil {
		lines = append(lines, s)
	}
	return lines
}
