package calc

import (
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
)

// What digitValue takes for granted about the tables of Unicode.
func TestDigitsComeInRowsOfTen(t *testing.T) {
	t.Parallel()
	for _, row := range unicode.Nd.R16 {
		if row.Stride != 1 || (row.Hi-row.Lo+1)%10 != 0 {
			t.Errorf("%U to %U by %d", row.Lo, row.Hi, row.Stride)
		}
	}
	for _, row := range unicode.Nd.R32 {
		if row.Stride != 1 || (row.Hi-row.Lo+1)%10 != 0 {
			t.Errorf("%U to %U by %d", row.Lo, row.Hi, row.Stride)
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if _, ok := digitValue(r); ok != unicode.Is(unicode.Nd, r) {
			t.Errorf("%U: a digit is %v", r, ok)
		}
	}
}

// The rules of int() as a regular expression, for numbers without digits of
// other scripts: a second opinion.
var integer = regexp.MustCompile(`^[\t-\r \x{85}\p{Z}]*([+-]?[0-9]+(?:_[0-9]+)*)[\t-\r \x{85}\p{Z}]*$`)

func FuzzInteger(f *testing.F) {
	for _, s := range []string{"1", "-0", " +1_000\t", "007", "1__0", "_1", "\u0663_0", "\xff", "1\x1c", "\u30009\u0085", "--1", "9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, item string) {
		got, ok := appendInteger([]byte("x"), []byte(item))
		if got[0] != 'x' {
			t.Fatalf("%q: did not append", item)
		}
		got = got[1:]
		if ok {
			n, valid := new(big.Int).SetString(string(got), 10)
			if !valid || n.String() != strings.TrimPrefix(string(got), "-") && n.String() != string(got) {
				t.Fatalf("%q: %q is no plain number", item, got)
			}
		}
		ascii := strings.IndexFunc(item, func(r rune) bool { return r > unicode.MaxASCII && unicode.Is(unicode.Nd, r) }) < 0
		if !ascii {
			return
		}
		match := integer.FindStringSubmatch(item)
		if ok != (match != nil) {
			t.Fatalf("%q: taken %v, want %v", item, ok, match != nil)
		}
		if !ok {
			return
		}
		want, _ := new(big.Int).SetString(strings.ReplaceAll(match[1], "_", ""), 10)
		if n, _ := new(big.Int).SetString(string(got), 10); n.Cmp(want) != 0 {
			t.Fatalf("%q: got %s, want %s", item, n, want)
		}
	})
}

// A line's numbers, one by one in big.Int, against the accumulators.
func FuzzTotals(f *testing.F) {
	f.Add("9223372036854775807,1,-1")
	f.Add("-9223372036854775808,-1,0")
	f.Add("4294967296,-2147483648,99999999999999999999,-99999999999999999999")
	f.Fuzz(func(t *testing.T, line string) {
		wantSum, wantProduct := new(big.Int), big.NewInt(1)
		ok := true
		for _, item := range strings.Split(line, ",") {
			digits, valid := appendInteger(nil, []byte(item))
			if !valid {
				ok = false
				break
			}
			n, _ := new(big.Int).SetString(string(digits), 10)
			wantSum.Add(wantSum, n)
			wantProduct.Mul(wantProduct, n)
		}
		for total, want := range map[accumulator]*big.Int{new(sum): wantSum, newProduct(): wantProduct} {
			if got := accumulate(total, []byte(line)); got != ok {
				t.Fatalf("%q: taken %v, want %v", line, got, ok)
			} else if !ok {
				continue
			}
			if got := string(total.appendTo(nil)); got != want.String() {
				t.Fatalf("%q: %T got %s, want %s", line, total, got, want)
			}
		}
	})
}

// How much slower the product of a longest line is from left to right than by
// halves; below 1 the halves would not be worth their lines.
func BenchmarkMultiply(b *testing.B) {
	for name, item := range map[string]string{"1-digit": "9", "18-digit": "999999999999999999", "1000-digit": strings.Repeat("7", 1000)} {
		b.Run(name, func(b *testing.B) {
			line := strings.TrimSuffix(strings.Repeat(item+",", MaxLine/(len(item)+1)), ",")
			p := newProduct()
			if !accumulate(p, []byte(line)) {
				b.Fatal("no numbers")
			}
			var leftToRight, halves time.Duration
			for b.Loop() {
				start := time.Now()
				n := big.NewInt(1)
				for _, f := range p.factors {
					n = new(big.Int).Mul(n, f)
				}
				middle := time.Now()
				multiply(p.factors)
				leftToRight += middle.Sub(start)
				halves += time.Since(middle)
			}
			b.ReportMetric(float64(leftToRight)/float64(halves), "left-to-right/halves")
		})
	}
}

// A longest line of factors, from its bytes to the bytes of the answer.
func BenchmarkLongestProduct(b *testing.B) {
	for name, item := range map[string]string{"1-digit": "9", "18-digit": "999999999999999999", "1000-digit": strings.Repeat("7", 1000)} {
		b.Run(name, func(b *testing.B) {
			line := []byte(strings.TrimSuffix(strings.Repeat(item+",", MaxLine/(len(item)+1)), ","))
			h := &handler{label: Integers, product: true}
			for b.Loop() {
				h.appendResult(nil, line)
			}
		})
	}
}
