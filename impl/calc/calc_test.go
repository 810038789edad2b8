package calc_test

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"conform/impl/calc"
	"conform/impl/impltest"
)

const (
	welcome   = "<welcome: starting in sum mode>\n"
	toSum     = "<switching to sum mode>\r\n"
	toProduct = "<switching to product mode>\r\n"
	closed    = "connection closed\r\n"
	wrong     = "ERROR. Enter only integers separated by commas\n"
	tooLong   = "ERROR. Line longer than 65536 bytes\n"
)

func sum(n string) string     { return "Sum of input integers: '" + n + "'\r\n" }
func product(n string) string { return "Product of input integers: '" + n + "'\r\n" }

// Each read, what it is answered with, and whether that closes the connection.
func TestReads(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reads, answers []string
		closed         bool
	}{
		{nil, nil, false},
		{[]string{"quit\r\n"}, []string{closed}, true},
		{[]string{"quit\n"}, []string{closed}, true},
		{[]string{"quit\r"}, []string{""}, false},
		{[]string{"quit\r", "x"}, []string{"", closed}, true},
		{[]string{"quit  \t \r\n"}, []string{closed}, true},
		{[]string{" quit\r\n"}, []string{wrong}, false},
		{[]string{"QUIT\r\n"}, []string{wrong}, false},
		{[]string{"quit now\r\n"}, []string{wrong}, false},
		{[]string{"quit\r\n1,2\r\n"}, []string{closed}, true},
		{[]string{"1,2\r\nquit\r\n"}, []string{sum("3") + closed}, true},
		{[]string{"quit\n", "1,2\n"}, []string{closed}, true},
		{[]string{"\n"}, []string{wrong}, false},
		{[]string{"\r\n"}, []string{wrong}, false},
		{[]string{"   \r\n"}, []string{wrong}, false},
		{[]string{"1,2\r"}, []string{""}, false},
		{[]string{"1,2\r", "\n"}, []string{"", sum("3")}, false},
		{[]string{"1,2\r", "3,4\n"}, []string{"", sum("3") + sum("7")}, false},
		{[]string{"1,2\r3,4\r\n"}, []string{sum("3") + sum("7")}, false},
		{[]string{"1,2\n\r3,4\n"}, []string{sum("3") + wrong + sum("7")}, false},
		{[]string{"12,", "30\r\n"}, []string{"", sum("42")}, false},
		{[]string{"1,2\r\n3,4\r\n", "5,6\r\n"}, []string{sum("3") + sum("7"), sum("11")}, false},
		{[]string{"product\r\n2,3\r\nsum\r\n2,3\r\n"}, []string{toProduct + product("6") + toSum + sum("5")}, false},
		{[]string{"sum\r\n"}, []string{toSum}, false},
		{[]string{"product\r\n"}, []string{toProduct}, false},
		{[]string{"SUM\r\n"}, []string{wrong}, false},
		{[]string{"Product\r\n"}, []string{wrong}, false},
		{[]string{"sum  \t\r\n"}, []string{toSum}, false},
		{[]string{" sum\r\n"}, []string{wrong}, false},
		{[]string{"sum\r\nsum\r\n"}, []string{toSum + toSum}, false},
		{[]string{"product\r\n", "2,3\r\n", "sum\r\n", "2,3\r\n"}, []string{toProduct, product("6"), toSum, sum("5")}, false},
		{[]string{"product\r\n", "x\r\n", "2,3,4\r\n"}, []string{toProduct, wrong, product("24")}, false},
		{[]string{"\xc3\xa9\r\n"}, []string{wrong}, false},
		{[]string{"a\x00b\r\n"}, []string{wrong}, false},
		{[]string{"  1,2\r\n"}, []string{sum("3")}, false},
		{[]string{"1,2\v\f\r\n"}, []string{sum("3")}, false},
		{[]string{"1,2\x1c\r\n"}, []string{sum("3")}, false},
		{[]string{"1\u2028,2\r\n"}, []string{sum("3")}, false},
		{[]string{"\ufeff1,2\r\n"}, []string{wrong}, false},

		// Where the programs of the tutorial die.
		{[]string{"\xff\xfe\r\n", "1,2\n"}, []string{wrong, sum("3")}, false},
		{[]string{"product\n", "2\xff,3\n", "2,3\n"}, []string{toProduct, wrong, product("6")}, false},
	}
	for _, tt := range tests {
		got := impltest.Run(calc.New(calc.Options{}), tt.reads, false)
		if got.Closed != tt.closed || !slices.Equal(got.Answers, append([]string{welcome}, tt.answers...)) {
			t.Errorf("%q\n got %q, closed %v\nwant %q, closed %v", tt.reads, got.Answers, got.Closed, tt.answers, tt.closed)
		}
		want := welcome + strings.Join(tt.answers, "")
		for reads := range impltest.Chunkings(strings.Join(tt.reads, "")) {
			got := impltest.Run(calc.New(calc.Options{}), reads, false)
			if all := strings.Join(got.Answers, ""); all != want || got.Closed != tt.closed {
				t.Errorf("%q\n got %q, closed %v\nwant %q, closed %v", reads, all, got.Closed, want, tt.closed)
			}
		}
	}
}

func TestEndOfInput(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{
		"":              "",
		"1,2\r\n":       sum("3"),
		"1,2":           sum("3"),
		"1,2\r":         sum("3"),
		"1\n2":          sum("1") + sum("2"),
		"x":             wrong,
		"quit":          closed,
		"product\n2,5":  toProduct + product("10"),
		"1\n2\n3\n4\n5": sum("1") + sum("2") + sum("3") + sum("4") + sum("5"),
	} {
		for reads := range impltest.Chunkings(input) {
			got := impltest.Run(calc.New(calc.Options{}), reads, true)
			if all := strings.Join(got.Answers, ""); all != welcome+want || !got.Closed {
				t.Errorf("%q and FIN\n got %q, closed %v\nwant %q, closed", reads, all, got.Closed, want)
			}
		}
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	for label, want := range map[calc.Label]string{
		"":            "Sum of input integers: '3'\r\n<switching to product mode>\r\nProduct of input integers: '2'\r\n",
		calc.Integers: "Sum of input integers: '3'\r\n<switching to product mode>\r\nProduct of input integers: '2'\r\n",
		calc.Numbers:  "Sum of input numbers: '3'\r\n<switching to product mode>\r\nProduct of input numbers: '2'\r\n",
	} {
		got := impltest.Run(calc.New(calc.Options{Label: label}), []string{"1,2\nproduct\n1,2\n"}, false)
		if got.Answers[1] != want {
			t.Errorf("label %q: got %q, want %q", label, got.Answers[1], want)
		}
	}
}

func TestModeBelongsToTheConnection(t *testing.T) {
	t.Parallel()
	a, b := calc.New(calc.Options{}), calc.New(calc.Options{})
	a.Data([]byte("product\n"))
	if got := string(b.Data([]byte("2,3\n")).Send); got != sum("5") {
		t.Errorf("another connection's mode: %q", got)
	}
	if got := string(a.Data([]byte("2,3\n")).Send); got != product("6") {
		t.Errorf("own mode: %q", got)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	const refused = ""
	nines := strings.Repeat("9", 4301)
	tests := []struct{ line, sum, product string }{
		{"1,2", "3", "2"},
		{"4,9", "13", "36"},
		{"0,-3", "-3", "0"},
		{"5,-9,10", "6", "-450"},
		{"7", "7", "7"},
		{"-7", "-7", "-7"},
		{"0", "0", "0"},
		{"-0", "0", "0"},
		{"+3", "3", "3"},
		{"+3,-1", "2", "-3"},
		{"1_000", "1000", "1000"},
		{"1_0_0", "100", "100"},
		{"0_0", "0", "0"},
		{"1, 2", "3", "2"},
		{" 1 , 2 ", "3", "2"},
		{"1\t,\t2", "3", "2"},
		{"1\u00a0,\u30002", "3", "2"},
		{"\u00851\u2029", "1", "1"},
		{"007", "7", "7"},
		{"00", "0", "0"},
		{"-000", "0", "0"},
		{"\u0661", "1", "1"},
		{"\u0661,\u0662", "3", "2"},
		{"\uff11,\uff12", "3", "2"},
		{"\u0663_0", "30", "30"},
		{"\U0001d7d9\U0001d7ff", "19", "19"},
		{"-\u0e53", "-3", "-3"},
		{"-5,-6", "-11", "30"},
		{"1,2,3,4,5,6,7,8,9,10", "55", "3628800"},
		{strings.TrimSuffix(strings.Repeat("1,", 10000), ","), "10000", "1"},

		{"9223372036854775807,1", "9223372036854775808", "9223372036854775807"},
		{"-9223372036854775808,-1", "-9223372036854775809", "9223372036854775808"},
		{"-9223372036854775808,1", "-9223372036854775807", "-9223372036854775808"},
		{"-9223372036854775808", "-9223372036854775808", "-9223372036854775808"},
		{"-1,-9223372036854775808", "-9223372036854775809", "9223372036854775808"},
		{"9223372036854775807,1,-1", "9223372036854775807", "-9223372036854775807"},
		{"18446744073709551616", "18446744073709551616", "18446744073709551616"},
		{"18446744073709551616,-18446744073709551616,5", "5", "-1701411834604692317316873037158841057280"},
		{"4294967296,4294967296", "8589934592", "18446744073709551616"},
		{"-4294967296,2147483648", "-2147483648", "-9223372036854775808"},
		{"-4294967296,2147483648,0", "-2147483648", "0"},
		{nines, nines, nines},
		{strings.Repeat("0", 5000) + "7", "7", "7"},
		{nines + "," + nines, "1" + nines[:4300] + "8", nines[:4300] + "8" + strings.Repeat("0", 4300) + "1"},

		{"hello", refused, refused},
		{"a,1", refused, refused},
		{"1,a", refused, refused},
		{"--3", refused, refused},
		{"+-3", refused, refused},
		{"+", refused, refused},
		{"-", refused, refused},
		{"+ 3", refused, refused},
		{"1__000", refused, refused},
		{"_1", refused, refused},
		{"1_", refused, refused},
		{"+_1", refused, refused},
		{"1 2", refused, refused},
		{"1,,2", refused, refused},
		{"1,", refused, refused},
		{",1", refused, refused},
		{",", refused, refused},
		{"1, ,2", refused, refused},
		{"1.5", refused, refused},
		{"1e3", refused, refused},
		{"0x10", refused, refused},
		{"0b1", refused, refused},
		{"\u00b2", refused, refused},
		{"\u00bd", refused, refused},
		{"\u2167", refused, refused},
		{"1;2", refused, refused},
		{"True", refused, refused},
		{"None", refused, refused},
		{"1\u200b,2", refused, refused},
		{"\u22121", refused, refused},
		{"\uff0b1", refused, refused},
		{"1\x1c,2", refused, refused}, // white space for str.isspace(), not for int()
		{"\x1f1,2", refused, refused},
		{"1\x00", refused, refused},
		{"1\xff", refused, refused},
		{"1,2,sum", refused, refused},
		{`"1"`, refused, refused},
		{"'1'", refused, refused},
		{strings.Repeat("9,", 32767) + "x", refused, refused},
	}
	for _, tt := range tests {
		got := impltest.Run(calc.New(calc.Options{}), []string{tt.line + "\n", "product\n", tt.line + "\n"}, false)
		wantSum, wantProduct := sum(tt.sum), product(tt.product)
		if tt.sum == refused {
			wantSum, wantProduct = wrong, wrong
		}
		if got.Answers[1] != wantSum {
			t.Errorf("sum of %.60q: got %.90q, want %.90q", tt.line, got.Answers[1], wantSum)
		}
		if got.Answers[3] != wantProduct {
			t.Errorf("product of %.60q: got %.90q, want %.90q", tt.line, got.Answers[3], wantProduct)
		}
	}
}

func TestLongLines(t *testing.T) {
	t.Parallel()
	nines := strings.Repeat("9", calc.MaxLine)
	for _, tt := range []struct {
		name, input, want string
	}{
		{"the longest", nines + "\r\n", sum(nines)},
		{"one more", nines + "9\r\n1,2\n", tooLong + sum("3")},
		{"mode is kept", "product\n" + nines + nines + "\n2,3\n", toProduct + tooLong + product("6")},
		{"no end", nines + nines, tooLong},
		{"no number either", strings.Repeat("x", 1<<20) + "\n", tooLong},
	} {
		var reads []string
		for chunk := range slices.Chunk([]byte(tt.input), 1000) {
			reads = append(reads, string(chunk))
		}
		got := strings.Join(impltest.Run(calc.New(calc.Options{}), reads, false).Answers, "")
		if got != welcome+tt.want {
			t.Errorf("%s: got %d bytes %.90q, want %d bytes %.90q", tt.name, len(got), got, len(tt.want), tt.want)
		}
	}
}

// Results as long as a line allows are exact.
func TestLongProducts(t *testing.T) {
	t.Parallel()
	for _, item := range []string{"9", "-7", "999999999999999999", "9223372036854775807", "-9223372036854775808", "123456789012345678901234567890"} {
		n := calc.MaxLine / (len(item) + 1)
		line := strings.TrimSuffix(strings.Repeat(item+",", n), ",")
		factor, _ := new(big.Int).SetString(item, 10)
		want := new(big.Int).Exp(factor, big.NewInt(int64(n)), nil)
		got := impltest.Run(calc.New(calc.Options{}), []string{"product\n", line + "\n"}, false)
		if got.Answers[2] != product(want.String()) {
			t.Errorf("%s to the power of %d is wrong: %.90q", item, n, got.Answers[2])
		}
	}
}
