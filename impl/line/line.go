// Package line cuts a stream of bytes into lines as tutorial 001 reads them: a
// line ends in LF, CR or CRLF and loses the white space on its right.
//
// What a line means is left to its users, impl/echo and impl/calc.
package line

import (
	"bytes"
	"errors"
	"iter"
	"unicode"
	"unicode/utf8"
)

// ErrTooLong is yielded once for a line beyond the limit.
var ErrTooLong = errors.New("line too long")

// keep is the largest buffer, in bytes, that outlives its line: an idle
// connection should not hold on to the longest line it ever sent.
const keep = 64 << 10

// Splitter cuts one connection's input. The same bytes give the same lines
// however they are cut into reads.
type Splitter struct {
	max  int
	text []byte // the line so far, at most max bytes
	skip bool   // the line so far was too long and is thrown away up to its end
	cr   bool   // the line has ended in a CR; an LF that follows belongs to it
}

// New returns a Splitter for lines of at most max bytes, not counting the end
// of the line but counting the white space before it. It holds little more
// than max bytes itself.
func New(max int) *Splitter { return &Splitter{max: max} }

// Feed takes the bytes of one read and yields the lines that they complete,
// each valid for its turn of the loop only, or ErrTooLong as soon as a line
// exceeds the limit. A lone CR is known to be the end of a line only when the
// next byte is there, as in Python's universal newlines.
//
// The sequence can be used once. After a loop that was left early the Splitter
// is of no further use.
func (s *Splitter) Feed(p []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for len(p) > 0 {
			if s.cr {
				s.cr = false
				if p[0] == '\n' {
					p = p[1:]
				}
				if !s.finish(nil, yield) {
					return
				}
				continue
			}

			text, end := p, bytes.IndexAny(p, "\r\n")
			if end >= 0 {
				text = p[:end]
			}
			if !s.skip && len(s.text)+len(text) > s.max {
				s.skip, s.text = true, nil
				if !yield(nil, ErrTooLong) {
					return
				}
			}
			if end < 0 {
				s.add(text)
				return
			}

			cr := p[end] == '\r'
			p = p[end+1:]
			if cr && len(p) == 0 {
				s.add(text)
				s.cr = true
				return
			}
			if cr && p[0] == '\n' {
				p = p[1:]
			}
			if !s.finish(text, yield) {
				return
			}
		}
	}
}

// End yields what the end of input makes a line: text without an end, or a
// line whose CR was still waiting for its LF.
func (s *Splitter) End() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if s.cr || len(s.text) > 0 {
			s.cr = false
			s.finish(nil, yield)
		}
	}
}

// add keeps text for a later read.
func (s *Splitter) add(text []byte) {
	if !s.skip {
		s.text = append(s.text, text...)
	}
}

// finish yields the line whose last bytes are rest, unless it is one to skip.
func (s *Splitter) finish(rest []byte, yield func([]byte, error) bool) bool {
	if s.skip {
		s.skip = false
		return true
	}
	text := rest
	if len(s.text) > 0 {
		s.text = append(s.text, rest...)
		text = s.text
	}
	more := yield(trimRight(text), nil)
	s.text = s.text[:0]
	if cap(s.text) > keep {
		s.text = nil
	}
	return more
}

// trimRight is Python's str.rstrip() on the UTF-8 of a string.
func trimRight(text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeLastRune(text)
		if !isSpace(r) {
			break
		}
		text = text[:len(text)-size]
	}
	return text
}

// isSpace tells what Python's str.isspace() calls white space: Unicode's, and
// the four separators U+001C to U+001F.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f
}
