package grade

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// Decimal is a number with four decimal places, kept exactly: points that were
// written as 0.1 add up as people expect.
type Decimal int64

const (
	places     = 4
	unit       = 10_000
	maxDecimal = Decimal(1_000_000 * unit)
)

var decimalPattern = regexp.MustCompile(`^([0-9]{1,7})(?:\.([0-9]{1,4}))?$`)

func parseDecimal(text string) (Decimal, error) {
	parts := decimalPattern.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("%q is no decimal", text)
	}
	d, err := strconv.ParseInt(parts[1]+(parts[2] + "0000")[:places], 10, 64)
	if err != nil || Decimal(d) > maxDecimal {
		return 0, fmt.Errorf("%q is too large", text)
	}
	return Decimal(d), nil
}

func (d Decimal) String() string {
	s := fmt.Sprintf("%d.%04d", d/unit, d%unit)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// MarshalJSON writes the number itself.
func (d Decimal) MarshalJSON() ([]byte, error) { return json.Marshal(json.Number(d.String())) }

// Float is the number whose shortest form is the decimal.
func (d Decimal) Float() float64 { return float64(d) / unit }

func (d Decimal) rat() *big.Rat { return big.NewRat(int64(d), unit) }

// rounded is r to so many decimal places, half of the last one up.
func rounded(r *big.Rat, decimals int) Decimal {
	step := int64(unit)
	for range decimals {
		step /= 10
	}
	scaled := new(big.Rat).Mul(r, big.NewRat(unit, step))
	scaled.Add(scaled, big.NewRat(1, 2))
	whole := new(big.Int).Div(scaled.Num(), scaled.Denom()) // towards minus infinity
	return Decimal(whole.Int64() * step)
}

// Size is a number of bytes.
type Size int64

var sizePattern = regexp.MustCompile(`^([1-9][0-9]{0,9})(B|KiB|MiB|GiB)$`)

func parseSize(text string) (Size, error) {
	parts := sizePattern.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("%q is no size", text)
	}
	n, err := strconv.ParseInt(parts[1], 10, 64)
	return Size(n << (10 * strings.Index("BKMG", parts[2][:1]))), err
}

// String is the size in the largest unit that it is a whole number of.
func (s Size) String() string {
	for i, u := range []string{"GiB", "MiB", "KiB"} {
		if one := Size(1) << (10 * (3 - i)); s > 0 && s%one == 0 {
			return fmt.Sprintf("%d%s", s/one, u)
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}
