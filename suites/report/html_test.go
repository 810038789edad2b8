package report

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/suites/report/reporttest"
)

// withProfile is the sample with a server that serves two clients at a time.
func withProfile() *Report {
	r := sample()
	r.Target.Concurrency.Profile = []Profile{{Protocol: "zen",
		Facts: []Fact{{Name: FactServedAtOnce, Finding: "bounded", Clients: 2, Evidence: "client 3 got no answer", From: "probe"},
			{Name: FactSilentClient, Finding: "blocks-others", From: "zen/concurrency/second-client"}},
		Timeline: []Visit{
			{Client: 1, FromMS: 0, ConnectedMS: 1, AskedMS: 1, ServedMS: 2, LeftMS: 400},
			{Client: 2, FromMS: 2, ConnectedMS: 3, AskedMS: 3, ServedMS: 4, LeftMS: 401},
			{Client: 3, FromMS: 4, ConnectedMS: 5, AskedMS: 5, ServedMS: 402, LeftMS: 410},
			{Client: 4, FromMS: 300, ConnectedMS: 301, LeftMS: 412},
			{Client: 5, FromMS: 302, LeftMS: 310, Ended: "refused"},
		}}}
	return r
}

// withScale is a run with many clients, not all of which were served.
func withScale() *Report {
	r := sample()
	r.Results = nil
	r.Summary = Summary{Headline: "nonconformant", ExitCode: 1}
	r.Scale = &Scale{Protocol: "echo", Clients: 500, Ended: "complete", Served: 499, NeverServed: 1, HoldMS: 3000,
		Connections: ScaleConnections{Made: 500, MostOpen: 500, PerSecond: 8000},
		RoundTrips:  ScaleRoundTrips{Right: 12345, PerSecond: 4115, Least: 1, Most: 30},
		Latency:     Distribution{Count: 12345, P50: 1, P90: 3, P99: 8, P999: 9, Max: 10, Buckets: []Bucket{{To: 0.5, Count: 10}, {To: 1, Count: 6000}, {To: 10, Count: 6335}}},
		ServedAfter: Distribution{Count: 499, P50: 1, Max: 2, Buckets: []Bucket{{To: 2, Count: 499}}},
		Errors:      []ScaleError{{Code: specs.NoAnswer, Count: 1, First: ScaleExample{Client: 3, Turn: 1, AtMS: 3000, Message: "no answer until the end", Sent: `"x\r\n"`}}},
		Recovery:    &Recovery{Served: true, AfterMS: 0.5},
		Series:      Series{IntervalMS: 100, Connects: []int64{500, 0, 0}, RoundTrips: []int64{1000, 5000, 6345}, Errors: []int64{0, 0, 1}, Open: []int64{500, 500, 0}}}
	return r
}

func checkPage(t *testing.T, text string) *html.Node {
	t.Helper()
	return reporttest.CheckPage(t, text, htmlStyle, htmlScript)
}

func writtenHTML(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteHTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// find lists the elements of a class.
func ofClass(page *html.Node, class string) (all []*html.Node) {
	for n := range page.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "class" && strings.Contains(" "+a.Val+" ", " "+class+" ") {
				all = append(all, n)
			}
		}
	}
	return all
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// Whatever a target sends is text: no element, no attribute and no link of a
// page comes from it.
func TestHTMLIsOnlyItsOwn(t *testing.T) {
	t.Parallel()
	everyReport(t, "html", func(t *testing.T, r *Report, text string) {
		checkPage(t, text)
		if len(text) > 5<<20 {
			t.Errorf("%d bytes", len(text))
		}
	})
	for name, r := range map[string]*Report{"profile": withProfile(), "scale": withScale(), "nothing": {}} {
		t.Run(name, func(t *testing.T) { checkPage(t, writtenHTML(t, r)) })
	}
}

// Numbers that nobody has measured do no harm either.
func TestHTMLOfNumbersThatWereMadeUp(t *testing.T) {
	t.Parallel()
	for _, n := range []float64{-1, 1e300, -1e300, 1e-300} {
		for _, r := range []*Report{withProfile(), withScale()} {
			numbers(reflect.ValueOf(r), n)
			checkPage(t, writtenHTML(t, r))
		}
	}
}

// numbers puts a number into every field below v that is one.
func numbers(v reflect.Value, n float64) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			numbers(v.Elem(), n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				numbers(v.Field(i), n)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			numbers(v.Index(i), n)
		}
	case reflect.Float64:
		v.SetFloat(n)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(max(-1e9, min(1e9, n))))
	}
}

func TestHTMLCards(t *testing.T) {
	t.Parallel()
	page := checkPage(t, writtenHTML(t, withProfile()))
	cards := ofClass(page, "r")
	if want := len(sample().Results) - 1; len(cards) != want { // one was deselected
		t.Errorf("%d cards, not %d", len(cards), want)
	}
	open := 0
	for _, card := range cards {
		for _, a := range card.Attr {
			if a.Key == "open" {
				open++
			}
		}
	}
	if open != 3 {
		t.Errorf("%d cards are open: three requirements failed", open)
	}
	all := textOf(page)
	for _, want := range []string{
		"3 requirements of 8 that were judged were not met",
		"each read is taken for a whole question",
		"conform --target localhost:1060 --only zen/framing/split-question --seed 8341 -v",
		`client 1 sends " is better than?" and hears the answer`,
		"made from one with 17 steps; it failed in 3 of 51 runs",
		"2, and no more", "The server exited with code 1, during zen/robustness/not-text", "UnicodeDecodeError",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if n := len(ofClass(page, "f-fail")); n < 3 {
		t.Errorf("%d squares of the map failed", n)
	}
}

func TestHTMLPictures(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		r    *Report
		want []string
	}{
		{withProfile(), []string{"Sequence diagram of zen/framing/line-end", "Timeline of the clients of zen", "5 clients over 412 ms: 3 served, 0 asked and got no answer"}},
		{withScale(), []string{"Histogram of the answer times", "Round trips over time", "Connections made over time", "1 of 500 clients never got an answer"}},
	} {
		text := writtenHTML(t, tc.r)
		for _, want := range tc.want {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing", want)
			}
		}
	}
}

// The first byte that differs is marked in what was due, in what came, and in
// the bytes of the exchange.
func TestHTMLMarksTheFirstDifference(t *testing.T) {
	t.Parallel()
	res := Result{ID: "zen/answers/x", Verdict: specs.Fail,
		Reason: &Reason{Code: specs.WrongBytes, Expected: []string{`"Ugly."`}, Received: `"Ugly!" 2 ms after the last byte was sent`,
			FirstDifference: &Difference{Offset: 4, Expected: `"."`, Received: `"!"`}},
		Transcript: []Event{
			{Conn: 1, Event: "sent", Size: 3, Head: []byte("hi?")},
			{Conn: 1, Event: "expected", Text: `"Ugly."`},
			{Conn: 1, Event: "received", Size: 2, Head: []byte("Ug")},
			{Conn: 1, Event: "received", Size: 3, Head: []byte("ly!")},
			{Conn: 2, Event: "received", Size: 5, Head: []byte("Ugly!")},
		}}
	if at := locate(res); at != (place{3, 2}) {
		t.Errorf("it is at %+v", at)
	}
	page := checkPage(t, writtenHTML(t, &Report{Results: []Result{res}}))
	var marks []string
	for n := range page.Descendants() {
		if n.Type == html.ElementNode && n.Data == "mark" {
			marks = append(marks, textOf(n))
		}
	}
	if want := []string{".", "!", "21", "!"}; !reflect.DeepEqual(marks, want) {
		t.Errorf("marked are %q, not %q", marks, want)
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	silent := []Event{{Conn: 1, Event: "received", Head: []byte("no")}, {Conn: 1, Event: "expected", Text: "silence"}, {Conn: 1, Event: "received", Head: []byte("no")}}
	frames := []Event{{Conn: 1, Event: "received", Head: []byte("x")}, {Conn: 1, Event: "decoded", Text: `← TEXT "Hello"`}}
	for name, tc := range map[string]struct {
		res  Result
		want place
	}{
		"no reason":   {Result{}, place{-1, -1}},
		"not silent":  {Result{Reason: &Reason{Code: specs.NotSilent, Expected: []string{"silence"}, Received: `"no" soon`}, Transcript: silent}, place{2, 0}},
		"no answer":   {Result{Reason: &Reason{Code: specs.NoAnswer, Expected: []string{"silence"}, Received: "nothing"}, Transcript: silent}, place{1, -1}},
		"a frame":     {Result{Reason: &Reason{Code: specs.NotSilent, Received: `TEXT message "Hello"; and more`}, Transcript: frames}, place{0, -1}},
		"not there":   {Result{Reason: &Reason{Code: specs.NotSilent, Received: `"never"`}, Transcript: silent}, place{-1, -1}},
		"far away":    {Result{Reason: &Reason{Code: specs.WrongBytes, Received: `"no"`, FirstDifference: &Difference{Offset: 1 << 40}}, Transcript: silent}, place{-1, -1}},
		"before zero": {Result{Reason: &Reason{Code: specs.WrongBytes, Received: `"no"`, FirstDifference: &Difference{Offset: -3}}, Transcript: silent}, place{-1, -1}},
	} {
		if at := locate(tc.res); at != tc.want {
			t.Errorf("%s: at %+v, not %+v", name, at, tc.want)
		}
	}
}

// Frames stand beside the bytes that hold them, also when they come in pieces.
func TestHTMLTakesFramesApart(t *testing.T) {
	t.Parallel()
	sent := frame.New(frame.Text, "Hello").WithKey([4]byte{1, 2, 3, 4}).Bytes()
	events := []Event{
		{Conn: 1, Event: "sent", Head: []byte("GET / HTTP/1.1\r\n\r\n")},
		{Conn: 1, Event: "received", Head: []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n\x81")},
		{Conn: 1, Event: "decoded", Text: `→ TEXT "Hello"`},
		{Conn: 1, Event: "sent", Head: []byte(sent)},
		{Conn: 1, Event: "received", Head: []byte("\x05Hello\x88\x02\x03\xe8")},
		{Conn: 1, Event: "decoded", Text: `← TEXT "Hello"`},
		{Conn: 2, Event: "sent", Head: []byte("GET / HTTP/1.1\r\n\r\n")},
		{Conn: 2, Event: "received", Head: []byte("HTTP/1.1 400 Bad Request\r\n\r\n\x81\x01x")},
		{Conn: 2, Event: "sent", Head: []byte(sent)},
	}
	steps := exchange(events)
	takeApart(steps)
	var got []string
	for _, s := range steps {
		for _, f := range append(s.frames, s.fields...) {
			got = append(got, fmt.Sprintf("%d: %s", s.index, f))
		}
	}
	want := []string{
		`3: TEXT "Hello"`,
		`3: FIN 1 · RSV 000 · opcode 1 TEXT · MASK 1 · length 5 · key 01 02 03 04 · payload "Hello"`,
		`4: TEXT "Hello"`,
		`4: FIN 1 · RSV 000 · opcode 1 TEXT · MASK 0 · length 5 · payload "Hello"`,
		`4: FIN 1 · RSV 000 · opcode 8 CLOSE · MASK 0 · length 2 · code 1000 · reason ""`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// many is a run of n requirements, of which some fail, each with as much on the
// wire as there ever is.
func many(n int, fails func(int) bool) *Report {
	r := sample()
	r.Results = nil
	var events []Event
	for k := range 100 {
		events = append(events, Event{AtMS: float64(k), Conn: 1 + k%3, Event: []string{"sent", "received"}[k%2], Size: 4096, Head: bytes.Repeat([]byte{byte(k), '<'}, 2048)})
	}
	for i := range n {
		id := fmt.Sprintf("websocket/section-%d/requirement-%d", i/30, i)
		res := Result{ID: id, Protocol: "websocket", Section: fmt.Sprintf("section-%d", i/30), Level: specs.Must, Clause: "RFC 6455 §5.1", Covers: []string{"WS-1", "WS-2"},
			Title: "A requirement says in a sentence of about this length what has to be so.", Verdict: specs.Pass, Attempts: 1, Transcript: events, Replay: "conform --only " + id}
		if fails(i) {
			res.Verdict = specs.Fail
			res.Reason = &Reason{Code: specs.WrongBytes, Message: "other bytes", Sent: strings.Repeat(`\x00`, 1000), Expected: []string{`"a"`}, Received: strings.Repeat("x", 5000)}
		}
		r.Results = append(r.Results, res)
	}
	r.Summary.Counts = Count(r.Results)
	return r
}

func TestHTMLIsNoLargerThanABrowserBears(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(int) bool{
		"all pass":  func(int) bool { return false },
		"some fail": func(i int) bool { return i%10 == 0 },
		"all fail":  func(int) bool { return true },
	} {
		text := writtenHTML(t, many(1000, fails))
		t.Logf("%s: %.1f MB", name, float64(len(text))/1e6)
		if len(text) > 5e6 {
			t.Errorf("%s: %d bytes", name, len(text))
		}
		if n := len(regexp.MustCompile(`<details class="r `).FindAllString(text, -1)); n != 1000 {
			t.Errorf("%s: %d cards", name, n)
		}
	}
}

// What is wrong is sorted by cause, not by requirement.
func TestFindings(t *testing.T) {
	t.Parallel()
	fail := func(id string, v specs.Verdict, code specs.Code, sent, received, hint string) Result {
		return Result{ID: "zen/framing/" + id, Protocol: "zen", Section: "framing", Level: specs.Must, Title: "Title of " + id, Verdict: v,
			Reason: &Reason{Code: code, Message: string(code) + " of " + id, Sent: sent, Expected: []string{`"No."`}, Received: received, Hint: hint}}
	}
	few := func(id string, v specs.Verdict) Result {
		return fail(id, v, specs.TooFewServed, "", "client 2 waits", "of "+id)
	}
	died := fail("x", specs.Blocked, specs.TargetDied, "", "", "")
	for name, c := range map[string]struct {
		results []Result
		want    []string
	}{
		"the same hint": {[]Result{fail("a", specs.Fail, specs.WrongBytes, `"a?"`, `"b"`, "h"), fail("b", specs.Fail, specs.NotSilent, `"c?"`, `"d"`, "h")}, []string{"fail h 2"}},
		"the same evidence, at another time": {[]Result{fail("a", specs.Fail, specs.NotSilent, `"a?"`, `"b" 1 ms after`, "h"), fail("b", specs.Fail, specs.NotSilent, `"a?"`, `"b" 2 ms after`, "other")},
			[]string{"fail h 2"}},
		"neither":         {[]Result{fail("a", specs.Fail, specs.WrongBytes, `"a?"`, `"b"`, "h"), fail("b", specs.Fail, specs.NotSilent, `"a?"`, `"c"`, "other")}, []string{"fail h 1", "fail other 1"}},
		"no hint":         {[]Result{fail("a", specs.Fail, specs.WrongBytes, "", "", "")}, []string{"fail wrong-bytes of a 1"}},
		"failures first":  {[]Result{fail("a", specs.NonStrict, specs.WrongBytes, "", "", "h"), fail("b", specs.Fail, specs.NotSilent, "", "", "other"), died, died}, []string{"fail other 1", "nonstrict h 1", "blocked target-died of x 0"}},
		"too few clients": {[]Result{few("a", specs.NonStrict), few("b", specs.Fail), few("c", specs.NonStrict)}, []string{"fail of b 3"}},
		"in one way, whatever it is asked": {[]Result{fail("a", specs.Fail, specs.NotClosed, "1", "n", "h1"), fail("b", specs.Fail, specs.NotClosed, "2", "n", "h2"),
			fail("c", specs.Fail, specs.NotClosed, "3", "n", "h3"), fail("d", specs.Fail, specs.NotClosed, "4", "n", "h4")},
			[]string{"fail The connection is still open where its end was due; most often: the end of the client (an empty read) is not noticed, or is taken for no input yet 4"}},
		"all is well": {[]Result{{ID: "zen/framing/a", Verdict: specs.Pass}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &Report{Results: c.results}
			p := &htmlPage{}
			p.findings(r, htmlRefs(r))
			var got []string
			for _, f := range p.Causes {
				got = append(got, fmt.Sprintf("%s %s %d", f.Class, f.Text, len(f.Refs)))
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}
