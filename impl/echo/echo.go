// Package echo is the line echo of tutorial 001 (its first example): each line
// comes back quoted, and "quit" ends the connection.
//
// It keeps to the texts of the tutorial and of Python where they say what
// happens, and goes on where the tutorial's program dies: bytes that are no
// UTF-8 and the end of input are ordinary here.
package echo

import (
	"fmt"
	"iter"

	"conform/impl"
	"conform/impl/line"
)

// MaxLine is the longest line that is echoed, in bytes, not counting its end.
// The tutorial sets no limit; something must, and a line of 1 MiB is known to
// work there.
const MaxLine = 2 << 20

type handler struct {
	lines *line.Splitter
}

// New returns a handler for one connection. It holds one line, and while it
// answers the quoted form of it, which is at most six times as long.
func New() impl.Handler { return &handler{lines: line.New(MaxLine)} }

// Open sends nothing: there is no greeting.
func (h *handler) Open() impl.Reply { return impl.Reply{} }

// Data answers the lines that p completes.
func (h *handler) Data(p []byte) impl.Reply { return answer(h.lines.Feed(p)) }

// End answers an unterminated last line like any other, then closes.
func (h *handler) End() impl.Reply {
	r := answer(h.lines.End())
	r.Close = true
	return r
}

func answer(lines iter.Seq2[[]byte, error]) (r impl.Reply) {
	for text, err := range lines {
		switch {
		case err != nil:
			r.Send = fmt.Appendf(r.Send, "ERROR. Line longer than %d bytes\r\n", MaxLine)
		case string(text) == "quit":
			r.Send = append(r.Send, "connection closed\r\n"...)
			r.Close = true
			return r
		default:
			r.Send = append(r.Send, "Echoed: "...)
			r.Send = appendASCII(r.Send, text)
			r.Send = append(r.Send, "\r\n"...)
		}
	}
	return r
}
