// Package reporttest has what the tests of everything that writes reports share:
// strings that a target could send to do harm, and looks at what came of them. It
// is for tests only, and says nothing about the content of a report.
package reporttest

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"conform/specs"
)

// Hostile are strings that a target, or whoever runs it, could bring in.
var Hostile = seen(map[string]string{
	"escape":  "\x1b[31mred\x1b]0;title\x07\x1b[2J\x9b31m",
	"command": "::error::owned\n::set-output name=a::b\n  ::warning::x\r##[error]x ##vso[task.setvariable]y ####",
	"html":    `<script>alert("1")</script>&amp;<!--`,
	"cdata":   "]]>]]&gt;<![CDATA[",
	"nul":     "a\x00b\x01\x08\x7f\u0085",
	"invalid": "\xff\xfe\xc3(\xed\xa0\x80 \xf0\x9f",
	"bidi":    "\u202e\u2066gnp.exe\u2069\u200e\ufeff\u2028\u2029\u00ad\U000e0041\ufffe\uffff",
	"wide":    strings.Repeat("界", 200),
	"marks":   "a" + strings.Repeat("\u0301", 300),
	"lines":   strings.Repeat("line\n\t", 500),
	"blanks":  "   ",
	"long":    strings.Repeat("\x1b[31m<é\xff", 150_000),
})

// seen leaves two of them for the race detector: one goroutine writes a report, and
// what is in the strings makes no race.
func seen(all map[string]string) map[string]string {
	if raceEnabled {
		maps.DeleteFunc(all, func(name, _ string) bool { return name != "escape" && name != "invalid" })
	}
	return all
}

// Fill puts a string into every string field, list and map below v. A verdict
// is replaced only when verdicts says so: what is shown depends on it.
func Fill(v reflect.Value, s string, verdicts bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		Fill(v.Elem(), s, verdicts)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			Fill(v.Field(i), s, verdicts)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(s[:min(len(s), 5000)]))
			return
		}
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		}
		for i := range v.Len() {
			Fill(v.Index(i), s, verdicts)
		}
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		Fill(key, s, true)
		Fill(value, s, true)
		m.SetMapIndex(key, value)
		v.Set(m)
	case reflect.String:
		if v.Type() != reflect.TypeFor[specs.Verdict]() || verdicts {
			v.SetString(s)
		}
	}
}

// CheckText finds what is no Char in XML 1.0, and what is one and could harm.
func CheckText(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("not UTF-8: %.80q", s)
	}
	for _, r := range s {
		legal := r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= 0x10ffff
		if !legal || r == '\u202e' || r == 0x9b || r == '\ufffd' {
			t.Errorf("%U in %.80q", r, s)
			return
		}
	}
}
