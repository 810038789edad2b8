// Package impltest drives a handler without a network, for the tests of the
// handlers. It is the reading loop of a server without the server; it judges
// nothing but the order of calls.
package impltest

import (
	"iter"

	"conform/impl"
)

// Talk is what came of a conversation with a handler.
type Talk struct {
	Answers []string // what was sent at Open, at each Data and, if it came to that, at End
	Closed  bool     // whether the handler asked for the end of the connection
}

// Run opens h and gives it one Data call for each read, then End if end is
// set. As a server does, it stops at the reply that closes.
func Run(h impl.Handler, reads []string, end bool) Talk {
	var t Talk
	take := func(r impl.Reply) bool {
		t.Answers = append(t.Answers, string(r.Send))
		t.Closed = r.Close
		return !r.Close
	}
	if !take(h.Open()) {
		return t
	}
	for _, read := range reads {
		p := []byte(read)
		more := take(h.Data(p))
		// A handler must not keep p; one that does is found out here.
		for i := range p {
			p[i] = '!'
		}
		if !more {
			return t
		}
	}
	if end {
		take(h.End())
	}
	return t
}

// Chunkings yields input as one read, as one read for each byte, and as two
// reads cut at every point.
func Chunkings(input string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		if input == "" {
			yield(nil)
			return
		}
		if !yield([]string{input}) {
			return
		}
		var bytes []string
		for i := range len(input) {
			bytes = append(bytes, input[i:i+1])
		}
		if !yield(bytes) {
			return
		}
		for i := 1; i < len(input); i++ {
			if !yield([]string{input[:i], input[i:]}) {
				return
			}
		}
	}
}
