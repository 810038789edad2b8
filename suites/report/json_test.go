package report

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"conform/specs"
)

func TestJSONRoundTrip(t *testing.T) {
	r := sample()
	r.Results[0].Title = "<b> & \u2028 \u202e \u0085 \U000e0041 ### \x00"
	var first, second bytes.Buffer
	if err := WriteJSON(&first, r); err != nil {
		t.Fatal(err)
	}
	text := first.String()
	back, err := ReadJSON(&first)
	if err != nil {
		t.Fatal(err)
	}
	if want := complete(r); !reflect.DeepEqual(back, want) {
		t.Errorf("read back:\n%+v\nwritten:\n%+v", back, want)
	}
	if err := WriteJSON(&second, back); err != nil {
		t.Fatal(err)
	}
	if second.String() != text {
		t.Error("the second report differs from the first")
	}
	if !strings.Contains(text, `"<b> & `) {
		t.Error("< and & are escaped")
	}
	if !strings.HasSuffix(text, "}\n") || strings.HasSuffix(text, "\n\n") {
		t.Error("the report does not end in one line end")
	}
	if !reflect.DeepEqual(r.Results[1:], sample().Results[1:]) {
		t.Error("writing changed the report")
	}
}

func TestJSONHasEveryList(t *testing.T) {
	var b bytes.Buffer
	r := &Report{Results: []Result{{Reason: &Reason{}}}}
	if err := WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"schema": "conform.report/v1"`, `"protocol": []`, `"dialect": {}`, `"covers": []`, `"transcript": []`, `"expected": []`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("there is no %s in\n%s", want, b.String())
		}
	}
	var doc struct {
		Summary struct{ Counts map[specs.Verdict]int }
	}
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, v := range specs.Verdicts {
		if _, ok := doc.Summary.Counts[v]; !ok {
			t.Errorf("%s is not counted", v)
		}
	}
	b.Reset()
	WriteJSON(&b, &Report{})
	if !strings.Contains(b.String(), `"results": []`) {
		t.Error("no results are not written as []")
	}
}

func TestJSONIsSafe(t *testing.T) {
	hostileReports(t, 2_000, func(t *testing.T, r *Report) {
		var b bytes.Buffer
		if err := WriteJSON(&b, r); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(b.Bytes()) || !utf8.Valid(b.Bytes()) {
			t.Error("not JSON in UTF-8")
		}
		if bytes.ContainsFunc(b.Bytes(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Error("there is a character that cannot be printed")
		}
		if bytes.Contains(b.Bytes(), []byte("##")) {
			t.Error("a CI system takes ##[ for a command")
		}
		back, err := ReadJSON(&b)
		if r.Schema != Schema {
			if err == nil || strings.Contains(err.Error(), "\n") || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("error %q", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.ToValidUTF8(r.Target.Address, ""); utf8.ValidString(r.Target.Address) && back.Target.Address != want {
			t.Errorf("the address came back as %.200q", back.Target.Address)
		}
	})
}

func TestReadJSONErrors(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", "not a report of conform: it is empty"},
		{" \n", "not a report of conform: it is empty"},
		{"{}", `not a report of conform: it has no schema, "conform.report/v1" is expected`},
		{`{"schema":"conform.selftest/v1"}`, `the schema of the report is "conform.selftest/v1", not "conform.report/v1"`},
		{"{\n\x1b", `not a report of conform: line 2: invalid character '\x1b' looking for beginning of object key string`},
		{"[]", "not a report of conform: line 1: the report cannot be of the kind array"},
		{"{\"schema\":\"conform.report/v1\",\n\"run\":{\"seed\":\"x\"}}", "not a report of conform: line 2: run.seed cannot be of the kind string"},
		{`{"schema":"conform.report/v1"}{}`, "not a report of conform: line 1: invalid character '{' after top-level value"},
		{strings.Repeat("[", 20000), "not a report of conform: line 1: invalid character '[' exceeded max depth"},
	} {
		_, err := ReadJSON(strings.NewReader(tc.in))
		if err == nil || err.Error() != tc.want {
			t.Errorf("ReadJSON(%.40q): %v\nwant %s", tc.in, err, tc.want)
		}
	}
}

func TestWrite(t *testing.T) {
	for _, format := range Formats() {
		var b bytes.Buffer
		if err := Write(format, &b, sample()); err != nil || b.Len() == 0 {
			t.Errorf("%s: %d bytes, %v", format, b.Len(), err)
		}
	}
	err := Write("xml\x1b", nil, sample())
	if want := `there is no report format "xml\\x1b": write one of badge, ctrf, github, html, json, junit, markdown, tap`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
