package calc

import (
	"bytes"
	"math/big"
	"math/bits"
	"strconv"
)

// An accumulator takes the numbers of one line.
type accumulator interface {
	add(n int64)
	addBig(n *big.Int)
	appendTo(dst []byte) []byte // the result in decimal
}

// accumulate gives the numbers of a line to total, or reports that the line
// has something else between its commas.
func accumulate(total accumulator, text []byte) bool {
	var digits []byte
	for item := range bytes.SplitSeq(text, []byte(",")) {
		var ok bool
		if digits, ok = appendInteger(digits[:0], item); !ok {
			return false
		}
		// 20 characters hold every int64 and its sign.
		if len(digits) <= 20 {
			if n, err := strconv.ParseInt(string(digits), 10, 64); err == nil {
				total.add(n)
				continue
			}
		}
		n, ok := new(big.Int).SetString(string(digits), 10)
		if !ok {
			return false
		}
		total.addBig(n)
	}
	return true
}

// sum adds in an int64 and moves it to a big.Int only when it overflows.
type sum struct {
	small int64
	big   big.Int
}

func (s *sum) add(n int64) {
	next := s.small + n
	if (next > s.small) != (n > 0) && n != 0 {
		s.addBig(big.NewInt(s.small))
		next = n
	}
	s.small = next
}

func (s *sum) addBig(n *big.Int) { s.big.Add(&s.big, n) }

func (s *sum) appendTo(dst []byte) []byte {
	if s.big.Sign() == 0 {
		return strconv.AppendInt(dst, s.small, 10)
	}
	return new(big.Int).Add(&s.big, big.NewInt(s.small)).Append(dst, 10)
}

// product multiplies in an int64 and keeps what overflows it as a factor, to
// be multiplied at the end when the factors can be paired by size.
type product struct {
	small   int64
	factors []*big.Int
}

func newProduct() *product { return &product{small: 1} }

func (p *product) add(n int64) {
	hi, lo := bits.Mul64(magnitude(p.small), magnitude(n))
	negative := (p.small < 0) != (n < 0)
	// The smallest int64 has no positive twin; it goes to the factors.
	if hi != 0 || lo > 1<<63-1 {
		p.factors = append(p.factors, big.NewInt(p.small))
		p.small = n
		return
	}
	p.small = int64(lo)
	if negative {
		p.small = -p.small
	}
}

func (p *product) addBig(n *big.Int) { p.factors = append(p.factors, n) }

func (p *product) appendTo(dst []byte) []byte {
	if len(p.factors) == 0 {
		return strconv.AppendInt(dst, p.small, 10)
	}
	return multiply(append(p.factors, big.NewInt(p.small))).Append(dst, 10)
}

// multiply returns the product of at least one factor. It multiplies halves
// rather than from left to right: numbers of like size are what big.Int
// multiplies in less than quadratic time.
func multiply(factors []*big.Int) *big.Int {
	if len(factors) == 1 {
		return factors[0]
	}
	half := len(factors) / 2
	return new(big.Int).Mul(multiply(factors[:half]), multiply(factors[half:]))
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}
