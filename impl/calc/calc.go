// Package calc is the calculator of tutorial 001 (its third and sixth
// examples): it adds or multiplies the integers of each line, with a mode that
// belongs to the connection.
//
// It keeps to the texts of the tutorial and of Python where they say what
// happens, and goes on where the tutorial's programs die: results of more than
// 4300 digits, bytes that are no UTF-8 and the end of input are ordinary here.
package calc

import (
	"fmt"
	"iter"

	"conform/impl"
	"conform/impl/line"
)

// MaxLine is the longest line that is read, in bytes, not counting its end. It
// bounds the digits of a result, and with them the time that a line can cost.
const MaxLine = 64 << 10

// Label is the word for the input in a result, on which the sources disagree.
type Label string

const (
	Integers Label = "integers" // tutorial 001, examples 2 and 6
	Numbers  Label = "numbers"  // tutorial 001, example 3
)

// Options are the points on which the sources of the protocol disagree.
type Options struct {
	Label Label // empty means Integers
}

const (
	greeting    = "<welcome: starting in sum mode>\n"
	toSum       = "<switching to sum mode>\r\n"
	toProduct   = "<switching to product mode>\r\n"
	goodbye     = "connection closed\r\n"
	notIntegers = "ERROR. Enter only integers separated by commas\n"
)

type handler struct {
	lines   *line.Splitter
	label   Label
	product bool // multiply; otherwise add
}

// New returns a handler for one connection, in sum mode. It holds one line,
// and while it answers the numbers of it.
func New(o Options) impl.Handler {
	if o.Label == "" {
		o.Label = Integers
	}
	return &handler{lines: line.New(MaxLine), label: o.Label}
}

// Open greets.
func (h *handler) Open() impl.Reply { return impl.Reply{Send: []byte(greeting)} }

// Data answers the lines that p completes.
func (h *handler) Data(p []byte) impl.Reply { return h.answer(h.lines.Feed(p)) }

// End answers an unterminated last line like any other, then closes.
func (h *handler) End() impl.Reply {
	r := h.answer(h.lines.End())
	r.Close = true
	return r
}

func (h *handler) answer(lines iter.Seq2[[]byte, error]) (r impl.Reply) {
	for text, err := range lines {
		if err != nil {
			r.Send = fmt.Appendf(r.Send, "ERROR. Line longer than %d bytes\n", MaxLine)
			continue
		}
		switch string(text) {
		case "quit":
			r.Send = append(r.Send, goodbye...)
			r.Close = true
			return r
		case "sum":
			h.product = false
			r.Send = append(r.Send, toSum...)
		case "product":
			h.product = true
			r.Send = append(r.Send, toProduct...)
		default:
			r.Send = h.appendResult(r.Send, text)
		}
	}
	return r
}

func (h *handler) appendResult(dst, text []byte) []byte {
	name, total := "Sum", accumulator(new(sum))
	if h.product {
		name, total = "Product", newProduct()
	}
	if !accumulate(total, text) {
		return append(dst, notIntegers...)
	}
	dst = fmt.Appendf(dst, "%s of input %s: '", name, h.label)
	dst = total.appendTo(dst)
	return append(dst, "'\r\n"...)
}
