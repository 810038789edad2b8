package echo_test

import (
	"slices"
	"strings"
	"testing"

	"conform/impl/echo"
	"conform/impl/impltest"
)

const closed = "connection closed\r\n"

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
		{[]string{"quit\x1f\u00a0\u2028\r\n"}, []string{closed}, true},
		{[]string{" quit\r\n"}, []string{"Echoed: ' quit'\r\n"}, false},
		{[]string{"QUIT\r\n"}, []string{"Echoed: 'QUIT'\r\n"}, false},
		{[]string{"quit now\r\n"}, []string{"Echoed: 'quit now'\r\n"}, false},
		{[]string{"quit\r\n1,2\r\n"}, []string{closed}, true},
		{[]string{"1,2\r\nquit\r\n"}, []string{"Echoed: '1,2'\r\n" + closed}, true},
		{[]string{"quit\n", "1,2\n"}, []string{closed}, true},
		{[]string{"\n"}, []string{"Echoed: ''\r\n"}, false},
		{[]string{"\r\n"}, []string{"Echoed: ''\r\n"}, false},
		{[]string{"   \r\n"}, []string{"Echoed: ''\r\n"}, false},
		{[]string{"1,2\r"}, []string{""}, false},
		{[]string{"1,2\r", "\n"}, []string{"", "Echoed: '1,2'\r\n"}, false},
		{[]string{"1,2\r", "3,4\n"}, []string{"", "Echoed: '1,2'\r\nEchoed: '3,4'\r\n"}, false},
		{[]string{"1,2\r3,4\r\n"}, []string{"Echoed: '1,2'\r\nEchoed: '3,4'\r\n"}, false},
		{[]string{"1,2\n\r3,4\n"}, []string{"Echoed: '1,2'\r\nEchoed: ''\r\nEchoed: '3,4'\r\n"}, false},
		{[]string{"12,", "30\r\n"}, []string{"", "Echoed: '12,30'\r\n"}, false},
		{[]string{"1,2\r\n3,4\r\n", "5,6\r\n"}, []string{"Echoed: '1,2'\r\nEchoed: '3,4'\r\n", "Echoed: '5,6'\r\n"}, false},
		{[]string{"product\r\n2,3\r\nsum\r\n"}, []string{"Echoed: 'product'\r\nEchoed: '2,3'\r\nEchoed: 'sum'\r\n"}, false},
		{[]string{"\xc3\xa9\r\n"}, []string{`Echoed: '\xe9'` + "\r\n"}, false},
		{[]string{"中文\r\n"}, []string{`Echoed: '\u4e2d\u6587'` + "\r\n"}, false},
		{[]string{"\xf0\x9f\x98\x80\r\n"}, []string{`Echoed: '\U0001f600'` + "\r\n"}, false},
		{[]string{"a\x00b\r\n"}, []string{`Echoed: 'a\x00b'` + "\r\n"}, false},
		{[]string{"it's\r\n"}, []string{`Echoed: "it's"` + "\r\n"}, false},
		{[]string{"say \"x\"\r\n"}, []string{`Echoed: 'say "x"'` + "\r\n"}, false},
		{[]string{"it's \"x\"\r\n"}, []string{`Echoed: 'it\'s "x"'` + "\r\n"}, false},
		{[]string{"a\\b\r\n"}, []string{`Echoed: 'a\\b'` + "\r\n"}, false},
		{[]string{"a\tb\r\n"}, []string{`Echoed: 'a\tb'` + "\r\n"}, false},
		{[]string{"a\x7f\x1bb\r\n"}, []string{`Echoed: 'a\x7f\x1bb'` + "\r\n"}, false},
		{[]string{"  1,2\r\n"}, []string{"Echoed: '  1,2'\r\n"}, false},
		{[]string{"1,2  \t\r\n"}, []string{"Echoed: '1,2'\r\n"}, false},
		{[]string{"1,2\v\f\r\n"}, []string{"Echoed: '1,2'\r\n"}, false},
		{[]string{"1,2\xc2\x85\r\n"}, []string{"Echoed: '1,2'\r\n"}, false},
		{[]string{"1\u2028,2\r\n"}, []string{`Echoed: '1\u2028,2'` + "\r\n"}, false},
		{[]string{"1,2\u00a0\r\n"}, []string{"Echoed: '1,2'\r\n"}, false},
		{[]string{"1,2\x1c\r\n"}, []string{"Echoed: '1,2'\r\n"}, false},
		{[]string{"\ufeff1,2\r\n"}, []string{`Echoed: '\ufeff1,2'` + "\r\n"}, false},

		// Where the program of the tutorial dies.
		{[]string{"\xff\xfe\r\n", "a\n"}, []string{`Echoed: '\udcff\udcfe'` + "\r\n", "Echoed: 'a'\r\n"}, false},
		{[]string{"\xff\xfb\x01\r\n"}, []string{`Echoed: '\udcff\udcfb\x01'` + "\r\n"}, false},
		{[]string{"\xe4\xb8\nb\n"}, []string{`Echoed: '\udce4\udcb8'` + "\r\nEchoed: 'b'\r\n"}, false},
		{[]string{"\xed\xa0\x80 \n"}, []string{`Echoed: '\udced\udca0\udc80'` + "\r\n"}, false},
		{[]string{"\xf4\x90\x80\x80\n"}, []string{`Echoed: '\udcf4\udc90\udc80\udc80'` + "\r\n"}, false},
		{[]string{"\ufffd\n"}, []string{`Echoed: '\ufffd'` + "\r\n"}, false},
	}
	for _, tt := range tests {
		got := impltest.Run(echo.New(), tt.reads, false)
		if got.Closed != tt.closed || !slices.Equal(got.Answers, append([]string{""}, tt.answers...)) {
			t.Errorf("%q\n got %q, closed %v\nwant %q, closed %v", tt.reads, got.Answers, got.Closed, tt.answers, tt.closed)
		}
		want := strings.Join(tt.answers, "")
		for reads := range impltest.Chunkings(strings.Join(tt.reads, "")) {
			got := impltest.Run(echo.New(), reads, false)
			if all := strings.Join(got.Answers, ""); all != want || got.Closed != tt.closed {
				t.Errorf("%q\n got %q, closed %v\nwant %q, closed %v", reads, all, got.Closed, want, tt.closed)
			}
		}
	}
}

func TestEndOfInput(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{
		"":                "",
		"1,2\r\n":         "Echoed: '1,2'\r\n",
		"1,2":             "Echoed: '1,2'\r\n",
		"1,2\r":           "Echoed: '1,2'\r\n",
		"1\n2":            "Echoed: '1'\r\nEchoed: '2'\r\n",
		"1\n \t":          "Echoed: '1'\r\nEchoed: ''\r\n",
		"quit":            closed,
		"quit\r":          closed,
		"quit\n1,2":       closed,
		"\xe4":            `Echoed: '\udce4'` + "\r\n",
		"1\n2\n3\n4\n5\n": "Echoed: '1'\r\nEchoed: '2'\r\nEchoed: '3'\r\nEchoed: '4'\r\nEchoed: '5'\r\n",
	} {
		for reads := range impltest.Chunkings(input) {
			got := impltest.Run(echo.New(), reads, true)
			if all := strings.Join(got.Answers, ""); all != want || !got.Closed {
				t.Errorf("%q and FIN\n got %q, closed %v\nwant %q, closed", reads, all, got.Closed, want)
			}
		}
	}
}

func TestLongLines(t *testing.T) {
	t.Parallel()
	const tooLong = "ERROR. Line longer than 2097152 bytes\r\n"
	longest := strings.Repeat("x", echo.MaxLine)
	for _, tt := range []struct {
		name, input, want string
	}{
		{"the longest", longest + "\r\n", "Echoed: '" + longest + "'\r\n"},
		{"one more", longest + "x\r\nquit\r\n", tooLong + closed},
		{"twice as long", longest + longest + "\nb\n", tooLong + "Echoed: 'b'\r\n"},
		{"no end", longest + longest, tooLong},
		{"nothing but blanks", strings.Repeat(" ", echo.MaxLine+1) + "\n", tooLong},
		{"worst quoting", strings.Repeat("\xff", echo.MaxLine) + "\n", "Echoed: '" + strings.Repeat(`\udcff`, echo.MaxLine) + "'\r\n"},
	} {
		var reads []string
		for chunk := range slices.Chunk([]byte(tt.input), 4096) {
			reads = append(reads, string(chunk))
		}
		got := strings.Join(impltest.Run(echo.New(), reads, false).Answers, "")
		if got != tt.want {
			t.Errorf("%s: got %d bytes %.60q, want %d bytes %.60q", tt.name, len(got), got, len(tt.want), tt.want)
		}
	}
}
