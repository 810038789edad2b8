package calc

import "conform/specs"

// What is no line of integers.
func errors() specs.Section {
	spec := func(name string, level specs.Level, title, cause string, lines ...string) specs.Spec {
		return specs.Requirement("calc/errors/"+name, level, listing, title,
			func(c *specs.Case) {
				client := dial(c)
				for _, line := range lines {
					exchange(client, line, failure(c))
				}
				exchange(client, "1,2", sum(c, "3"))
			}, specs.Covers("CALC-05", "CALC-07"), specs.Cause(cause))
	}
	const (
		prefix = "the number at the start of an item is used and the rest ignored; the whole item must be an integer"
		empty  = "empty items are skipped, or count as 0"
	)
	return specs.Section{Name: "errors", Title: "What is no line of integers", Specs: []specs.Spec{
		specs.Requirement("calc/errors/character-in-two-segments", specs.Must, listing,
			"A character of several bytes that is cut in two is an error like any other.",
			func(c *specs.Case) {
				client := dial(c)
				for range 3 { // on a busy machine two segments may be read as one
					client.SendSegments("1,\xc3", "\xa9\r\n")
					client.Expect(failure(c))
				}
				exchange(client, "1,2", sum(c, "3"))
			}, specs.Covers("CALC-05", "CALC-11"),
			specs.Cause("each read is decoded by itself; decode the whole line")),
		spec("words", specs.Must, "Words are an error.", "a word counts as 0, or ends the connection", "hello", "a,1", "one,two", "True", "None"),
		spec("partly-wrong", specs.Must, "One wrong item makes the whole line an error.", "wrong items are skipped", "1,a", "1,2,x", "x,1,2"),
		spec("empty-line", specs.Must, "An empty line is an error.", "an empty line is skipped, counts as 0, or is taken for the end of the client", ""),
		spec("empty-items", specs.Must, "An empty item is an error.", empty, "1,,2", "1,", ",1", ",", ",,"),
		spec("blank-items", specs.Must, "An item of blanks is an error.", empty, "1, ,2", "   "),
		spec("fractions", specs.Must, "Fractions are an error, 1.0 too.", prefix, "1.5", "1.0", ".5", "1,2.5"),
		spec("exponents", specs.Must, "Exponents are an error.", prefix, "1e3", "1E3", "2e0,1"),
		spec("other-bases", specs.Must, "Hexadecimal, octal and binary notations are an error.", "the base is taken from a prefix; only base ten is due", "0x10", "0b1", "0o7", "1,0xA"),
		spec("signs", specs.Must, "Doubled, lone and trailing signs are an error.", prefix, "--3", "+-3", "-", "+", "3-", "- 3"),
		spec("other-separators", specs.Must, "Only commas separate items.", prefix, "1;2", "1 2", "1|2", "1\t2"),
		spec("trailing-garbage", specs.Must, "Letters behind the digits are an error.", prefix, "1x", "12abc,1", "1,2!"),
		spec("quotes", specs.Must, "Quotes and brackets are an error.", "the line is evaluated as code; parse it", `"1"`, "'1'", "[1,2]", "(1,2)"),
		spec("code", specs.Must, "Expressions are an error: nothing is evaluated.", "the line is evaluated as code; parse it", "1+1", "2*3,1", "abs(-1)", "9**9"),
		spec("infinities", specs.Must, "inf and nan are an error.", "floating point is used", "inf", "nan", "-inf,1"),
		spec("control-characters", specs.Must, "A NUL or another control character in an item is an error.", "the line is treated as a C string", "1\x00,2", "a\x00b", "1,2\x00"),
		spec("stray-underscores", specs.Must, "An underscore that is not between two digits is an error.", "underscores are dropped", "1__000", "_1", "1_"),
		spec("look-alikes", specs.Must, "Superscripts, fractions, roman numerals, the minus sign U+2212, a zero-width space and a byte order mark are an error.",
			"characters that look like digits or signs are taken for them; only decimal digits count", "²", "½", "Ⅷ", "−1", "1\u200b,2", "\ufeff1,2"),
	}}
}
