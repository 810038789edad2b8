package specs

import (
	"fmt"

	"conform/specs/wire"
)

// Outcome is one thing that a target may do, and what it is worth.
type Outcome struct {
	number  bool // a decimal number comes before the bytes
	bytes   string
	end     ending
	verdict Verdict
	why     string
}

type ending int

const (
	stays   ending = iota // nothing is said of what follows the bytes
	fin                   // then FIN, and no byte more
	rst                   // then RST, and no byte more
	anyEnd                // then FIN or RST, and no byte more
	silence               // no byte and no end
)

// Exactly is these bytes, and no others in their place.
func Exactly(bytes string) Outcome { return Outcome{bytes: bytes, verdict: Pass} }

// FIN is the end of the connection, in order, with no byte before it.
func FIN() Outcome { return Exactly("").ThenFIN() }

// RST is a reset of the connection with no byte before it.
func RST() Outcome { return Exactly("").ThenRST() }

// Ended is FIN or RST with no byte before it.
func Ended() Outcome { return Exactly("").ThenEnd() }

// Silence is no byte and no end for as long as an answer may take.
func Silence() Outcome { return Outcome{end: silence, verdict: Pass} }

// AfterNumber adds a decimal number before the bytes, whatever it is: a process
// ID. It has neither a sign nor leading zeros.
func (o Outcome) AfterNumber() Outcome { o.number = true; return o }

// ThenFIN adds the orderly end of the connection after the bytes.
func (o Outcome) ThenFIN() Outcome { o.end = fin; return o }

// ThenRST adds a reset of the connection after the bytes.
func (o Outcome) ThenRST() Outcome { o.end = rst; return o }

// ThenEnd adds the end of the connection, by FIN or RST.
func (o Outcome) ThenEnd() Outcome { o.end = anyEnd; return o }

// Info makes it an outcome that is allowed and worth recording.
func (o Outcome) Info(why string) Outcome { o.verdict, o.why = Info, why; return o }

// NonStrict makes it an outcome that respected servers show and the text does
// not allow.
func (o Outcome) NonStrict(why string) Outcome { o.verdict, o.why = NonStrict, why; return o }

func (o Outcome) String() string {
	s := wire.Quote([]byte(o.bytes), 160)
	if o.number {
		s = "a number, then " + s
	}
	switch o.end {
	case fin:
		s += ", then FIN"
	case rst:
		s += ", then RST"
	case anyEnd:
		s += ", then FIN or RST"
	}
	switch {
	case o.end == silence:
		s = "silence"
	case o.bytes == "" && o.end == fin:
		s = "FIN"
	case o.bytes == "" && o.end == rst:
		s = "RST"
	case o.bytes == "" && o.end == anyEnd:
		s = "FIN or RST"
	}
	if o.verdict != Pass {
		s += fmt.Sprintf(" (%s: %s)", o.verdict, o.why)
	}
	return s
}

// is says whether a connection that ended like this ended as it should.
func (e ending) is(end wire.Kind) bool {
	switch e {
	case fin:
		return end == wire.FIN
	case rst:
		return end == wire.RST
	default:
		return end != ""
	}
}

type match int

const (
	impossible match = iota
	possible
	met
)

// match compares what has come so far with the outcome.
func (o Outcome) match(s wire.State) match {
	if s.Flooded {
		return impossible
	}
	if o.end == silence {
		switch {
		case len(s.Unread) > 0 || s.End != "":
			return impossible
		case s.TimedOut:
			return met
		default:
			return possible
		}
	}
	if o.number {
		digits, ok := number(s.Unread)
		if !ok {
			return impossible
		}
		s.Unread = s.Unread[digits:]
	}
	n := min(len(s.Unread), len(o.bytes))
	if string(s.Unread[:n]) != o.bytes[:n] {
		return impossible
	}
	whole := n == len(o.bytes)
	switch {
	case o.end == stays && whole:
		return met
	case o.end != stays && len(s.Unread) > len(o.bytes):
		return impossible
	case whole && o.end.is(s.End):
		return met
	case s.End != "":
		return impossible
	default:
		return possible
	}
}

// number is the length of the decimal number that p begins with; ok is false
// when it cannot be one, however it goes on.
func number(p []byte) (digits int, ok bool) {
	for digits < len(p) && '0' <= p[digits] && p[digits] <= '9' {
		digits++
	}
	return digits, len(p) == 0 || (digits > 0 && digits <= maxDigits && p[0] != '0')
}

// maxDigits is as long as a process ID can be: one of 32 bits.
const maxDigits = 10

// like is what the outcome would be with the number that came.
func (o Outcome) like(got []byte) string {
	if !o.number {
		return o.bytes
	}
	digits, _ := number(got)
	return string(got[:digits]) + o.bytes
}
