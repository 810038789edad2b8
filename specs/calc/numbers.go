package calc

import (
	"math/big"
	"strings"

	"conform/specs"
)

// What numbers a server must cope with: results are exact, however large.
func numbers() specs.Section {
	const clause = "tutorial 001, integers in the listing"
	nines := func(n int) string { return strings.Repeat("9", n) }
	mayRefuse := func(c *specs.Case, client *specs.Client, line, answer, why string) {
		client.Send(line + "\r\n")
		client.ExpectOneOf(specs.Exactly(answer), specs.Exactly(failure(c)).Info(why))
	}
	return specs.Section{Name: "numbers", Title: "What numbers a server must cope with", Specs: []specs.Spec{
		specs.Requirement("calc/numbers/32-bits", specs.Must, clause,
			"Sums and products beyond 32 bits are exact.",
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, "2147483647,1", sum(c, "2147483648"))
				exchange(client, "4294967295,1", sum(c, "4294967296"))
				exchange(client, "-2147483648,-1", sum(c, "-2147483649"))
				exchange(client, "product", switching(c, "product"))
				exchange(client, "65536,65536", product(c, "4294967296"))
			}, specs.Covers("CALC-08"), specs.Cause("the sum is kept in 32 bits")),

		specs.Requirement("calc/numbers/53-bits", specs.Must, clause,
			"Sums and products beyond the exact range of floating point are exact.",
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, "9007199254740992,1", sum(c, "9007199254740993"))
				exchange(client, "1000000000000000000000,1", sum(c, "1000000000000000000001"))
				exchange(client, "product", switching(c, "product"))
				exchange(client, "94906267,94906267", product(c, "9007199515875289"))
			}, specs.Covers("CALC-08"), specs.Cause("numbers are kept as floating point")),

		specs.Requirement("calc/numbers/64-bit-sum", specs.Must, clause,
			"Sums beyond 64 bits are exact.",
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, "9223372036854775807,1", sum(c, "9223372036854775808"))
				exchange(client, "-9223372036854775808,-1", sum(c, "-9223372036854775809"))
				exchange(client, "18446744073709551615,1", sum(c, "18446744073709551616"))
				exchange(client, "9223372036854775807,9223372036854775807,2", sum(c, "18446744073709551616"))
			}, specs.Covers("CALC-08"), specs.Cause(overflow)),

		specs.Requirement("calc/numbers/64-bit-product", specs.Must, clause,
			"Products beyond 64 bits are exact.",
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, "product", switching(c, "product"))
				exchange(client, "4294967296,4294967296", product(c, "18446744073709551616"))
				exchange(client, "-9223372036854775808,-1", product(c, "9223372036854775808"))
				exchange(client, "3037000500,3037000500", product(c, "9223372037000250000"))
			}, specs.Covers("CALC-08"), specs.Cause(overflow)),

		specs.Requirement("calc/numbers/64-bit-item", specs.Must, clause,
			"An item beyond 64 bits is an integer like any other.",
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, "18446744073709551616", sum(c, "18446744073709551616"))
				exchange(client, "-170141183460469231731687303715884105729", sum(c, "-170141183460469231731687303715884105729"))
			}, specs.Covers("CALC-08"), specs.Cause("an item that does not fit a machine word is refused or cut; use arbitrary precision")),

		specs.Requirement("calc/numbers/random-large", specs.Must, clause,
			"Sums and products of integers of up to 120 digits are exact.",
			func(c *specs.Case) {
				client := dial(c)
				line, total, times := list(c, 6, 120)
				exchange(client, line, sum(c, total))
				exchange(client, "product", switching(c, "product"))
				exchange(client, line, product(c, times))
			}, specs.Covers("CALC-08"), specs.Cause(overflow)),

		specs.Requirement("calc/numbers/factorial", specs.Must, clause,
			"The product of 1 to 100 is exact.",
			func(c *specs.Case) {
				var items []string
				for i := int64(1); i <= 100; i++ {
					items = append(items, big.NewInt(i).String())
				}
				client := dial(c)
				exchange(client, "product", switching(c, "product"))
				exchange(client, strings.Join(items, ","), product(c, new(big.Int).MulRange(1, 100).String()))
			}, specs.Covers("CALC-08"), specs.Cause(overflow)),

		specs.Requirement("calc/numbers/2000-digits", specs.Must, clause,
			"Integers of 2 000 digits are added and multiplied exactly.",
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, nines(2000)+",1", sum(c, "1"+strings.Repeat("0", 2000)))
				exchange(client, "product", switching(c, "product"))
				n, _ := new(big.Int).SetString(nines(2000), 10)
				exchange(client, nines(2000)+","+nines(2000), product(c, n.Mul(n, n).String()))
			}, specs.Covers("CALC-08"), specs.Cause("the length of a line or a number is bounded; arbitrary precision is due up to here")),

		specs.Requirement("calc/numbers/many-items", specs.Must, clause,
			"A line of 5 000 items, 10 000 bytes, is added up.",
			func(c *specs.Case) {
				exchange(dial(c), strings.TrimSuffix(strings.Repeat("1,", 5000), ","), sum(c, "5000"))
			}, specs.Covers("CALC-08"), specs.Cause("the length of a line or the number of items is bounded")),

		specs.Requirement("calc/numbers/4300-digits", specs.May, clause,
			"An integer of 4 300 digits is answered exactly, or refused.",
			func(c *specs.Case) {
				client := dial(c)
				mayRefuse(c, client, nines(4300), sum(c, nines(4300)), "an integer of 4 300 digits is refused")
				exchange(client, "1,2", sum(c, "3"))
			}, specs.Covers("CALC-08", "CALC-15")),

		specs.Requirement("calc/numbers/4301-digits", specs.May, clause,
			"An integer of 4 301 digits is answered exactly, or refused as Python does by default.",
			func(c *specs.Case) {
				client := dial(c)
				mayRefuse(c, client, nines(4301), sum(c, nines(4301)), "an integer of 4 301 digits is refused")
				exchange(client, "1,2", sum(c, "3"))
			}, specs.Covers("CALC-15")),

		specs.Requirement("calc/numbers/underscores", specs.May, "tutorial 001, int() in the listing",
			"An underscore between digits is ignored, as Python's int() does, or refused.",
			func(c *specs.Case) {
				client := dial(c)
				mayRefuse(c, client, "1_000", sum(c, "1000"), "an underscore between digits is refused")
			}, specs.InDialect("integers", "python-int"), specs.Covers("CALC-12")),

		specs.Requirement("calc/numbers/digits-of-other-scripts", specs.May, "tutorial 001, int() in the listing",
			"The decimal digits of every script are digits, as for Python's int(), or refused.",
			func(c *specs.Case) {
				client := dial(c)
				const why = "digits that are not ASCII are refused"
				mayRefuse(c, client, "١,٢", sum(c, "3"), why)  // Arabic-Indic
				mayRefuse(c, client, "１,２", sum(c, "3"), why)  // full width
				mayRefuse(c, client, "٣_0", sum(c, "30"), why) // mixed, with an underscore
			}, specs.InDialect("integers", "python-int"), specs.Covers("CALC-12")),

		specs.Requirement("calc/numbers/white-space-of-unicode", specs.May, "tutorial 001, int() in the listing",
			"White space of Unicode around an item does not matter, as for Python's int(), or is refused.",
			func(c *specs.Case) {
				client := dial(c)
				mayRefuse(c, client, "1\u00a0,2", sum(c, "3"), "a no-break space is refused")
				mayRefuse(c, client, "1\u2028,2", sum(c, "3"), "a line separator is refused")
			}, specs.InDialect("integers", "python-int"), specs.Covers("CALC-12")),
	}}
}

const overflow = "the result is kept in a machine word; use arbitrary precision, at least when it overflows"

// beyondTheSources are inputs on which the tutorial's programs die under a
// Python that limits the digits of a conversion.
func beyondTheSources() []specs.Spec {
	large := func(prepare func(*specs.Case, *specs.Client), answer func(*specs.Case) string) func(*specs.Case) {
		return func(c *specs.Case) {
			client := dial(c)
			prepare(c, client)
			n := strings.Repeat("9", 4300)
			client.Send(n + "," + n + "\r\n")
			client.ExpectOneOf(specs.Exactly(answer(c)),
				specs.Exactly(failure(c)).Info("a result of more than 4 300 digits is refused"),
				specs.Ended().Info("a result of more than 4 300 digits ends the connection"))
			c.StillServes()
		}
	}
	n := func() *big.Int { // 4 300 nines, made when they are needed
		power := new(big.Int).Exp(big.NewInt(10), big.NewInt(4300), nil)
		return power.Sub(power, big.NewInt(1))
	}
	return []specs.Spec{
		specs.Requirement("calc/robustness/large-sum", specs.Robust, "tutorial 001, example 6",
			"A sum of more than 4 300 digits is answered, refused, or ends its connection; others are served.",
			large(func(*specs.Case, *specs.Client) {},
				func(c *specs.Case) string { return sum(c, new(big.Int).Add(n(), n()).String()) }),
			specs.Perilous, specs.Covers("CALC-15"), specs.Cause(uncaughtLimit)),

		specs.Requirement("calc/robustness/large-product", specs.Robust, "tutorial 001, example 6",
			"A product of more than 4 300 digits is answered, refused, or ends its connection; others are served.",
			large(func(c *specs.Case, client *specs.Client) { exchange(client, "product", switching(c, "product")) },
				func(c *specs.Case) string { return product(c, new(big.Int).Mul(n(), n()).String()) }),
			specs.Perilous, specs.Covers("CALC-15"), specs.Cause(uncaughtLimit)),
	}
}

const uncaughtLimit = "the error that converting a huge result raises is not caught: it is raised outside the try that guards the parsing"
