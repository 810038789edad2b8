package websocket

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"conform/specs"
	"conform/specs/websocket/frame"
)

func TestSubsequence(t *testing.T) {
	of := []string{"a", "b", "c"}
	for list, want := range map[string]bool{"": true, "a": true, "c": true, "a c": true, "a b c": true, "b a": false, "a a": false, "d": false, "a b c c": false} {
		if got := subsequence(strings.Fields(list), of); got != want {
			t.Errorf("subsequence(%q, %q) is %v", list, of, got)
		}
	}
}

func TestFragments(t *testing.T) {
	var got []string
	for _, f := range fragments(frame.Binary, "a", "", "b") {
		got = append(got, f.String())
	}
	if want := `BINARY FIN=0 "a" · CONTINUATION FIN=0 empty · CONTINUATION "b"`; strings.Join(got, " · ") != want {
		t.Errorf("%s, want %s", strings.Join(got, " · "), want)
	}
	if whole := fragments(frame.Text, "a"); len(whole) != 1 || !whole[0].Fin || whole[0].Opcode != frame.Text {
		t.Errorf("one part makes %v", whole)
	}
}

func TestRandomTextIsValid(t *testing.T) {
	inACase(t, func(c *specs.Case) {
		for n := range 200 {
			if s := anyText(c, n); len(s) != n || !utf8.ValidString(s) {
				t.Fatalf("anyText(%d) is %q of %d bytes", n, s, len(s))
			}
		}
	})
}

func TestFlippedBitsDiffer(t *testing.T) {
	inACase(t, func(c *specs.Case) {
		seen := map[string]bool{}
		for range 50 {
			seen[flipped(c)] = true
		}
		if len(seen) != 50 {
			t.Errorf("%d of 50 streams differ", len(seen))
		}
	})
}

// Outcomes are changed in what they allow, and in nothing else.
func TestOutcomesThatAllowMore(t *testing.T) {
	message, other := text("a"), text("b")
	failing := reaction{end: "fin"}
	for _, c := range []struct {
		name string
		o    outcome
		r    reaction
		want bool
	}{
		{"nothing to stream", failed(1002).streaming(), failing, true},
		{"a part", failed(1002).streaming(), reaction{end: "fin", partial: true}, true},
		{"a part, not allowed", failed(1002), reaction{end: "fin", partial: true}, false},
		{"a message is no part", failed(1002).streaming(), reaction{end: "fin", messages: messages(message)}, false},
		{"the message before", failed(1002).behind(message), reaction{end: "fin", messages: messages(message)}, true},
		{"another before", failed(1002).behind(message), reaction{end: "fin", messages: messages(other)}, false},
		{"none before", failed(1002).behind(message), failing, false},
		{"one too many", failed(1002).behind(message), reaction{end: "fin", messages: messages(message, other)}, false},
		{"a Pong", closed(1000).ponging("p"), reaction{end: "fin", pongs: []string{"p"}, close: closeFrame(1000)}, true},
		{"another Pong", closed(1000).ponging("p"), reaction{end: "fin", pongs: []string{"q"}, close: closeFrame(1000)}, false},
		{"gone without a word", gone(), failing, true},
		{"gone with any code", gone(), reaction{end: "fin", close: closeFrame(4711)}, true},
		{"gone with a code for nobody", gone(), reaction{end: "fin", close: closeFrame(1006)}, false},
		{"not gone", gone(), reaction{close: closeFrame(1000)}, false},
		{"gone after a message", gone(), reaction{end: "fin", messages: messages(message)}, false},
		{"silent", silent(), reaction{}, true},
		{"not silent, but torn", silent(), reaction{torn: "a part of a frame"}, false},
	} {
		if got := c.o.match(c.r); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func messages(list ...message) []message { return list }

func closeFrame(code int) *frame.Frame {
	f := frame.NewClose(code, "")
	return &f
}

// inACase runs f as the body of a spec that makes no connection.
func inACase(t *testing.T, f func(*specs.Case)) {
	t.Helper()
	r := specs.Run(context.Background(), specs.Requirement("websocket/test/test", specs.Must, "", "", f), specs.Env{Seed: 1})
	if r.Verdict != specs.Pass {
		t.Errorf("%s: %s", r.Verdict, r.Reason.Message)
	}
}
