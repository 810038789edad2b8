package target

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// headSize and tailSize are how many bytes of a server's output are kept. The
// head shows how it started, the tail why it died; what floods is in between.
const (
	headSize = 16 << 10
	tailSize = 16 << 10
)

// maxLine is how many bytes of one line LastLines shows, before escaping.
const maxLine = 200

// Output is what a server wrote to its standard output and standard error, in
// the order in which it arrived. The bytes are raw and hostile: whoever prints
// them escapes them.
type Output struct {
	Head    []byte // the first bytes, at most 16 KiB
	Tail    []byte // the last bytes after Head, at most 16 KiB
	Dropped int64  // bytes between Head and Tail that were not kept
}

// Then is what two runs of a server have written, one after the other.
func (o Output) Then(next Output) Output {
	r := NewRecorder()
	for _, part := range []Output{o, next} {
		r.write(part.Head)
		r.write(part.Tail)
		r.total += part.Dropped
	}
	return r.Output()
}

// LastLines gives the last n lines that are not empty. They are safe to print:
// what is not printable is escaped as in a Go string, and each is cut after 200
// bytes, with an ellipsis for the rest.
func (o Output) LastLines(n int) []string {
	text := string(o.Tail)
	if o.Dropped == 0 {
		text = string(o.Head) + text
	}
	var lines []string
	for text != "" && len(lines) < n {
		i := strings.LastIndexByte(text, '\n')
		if line := strings.TrimRight(text[i+1:], "\r"); line != "" {
			lines = append(lines, printable(line))
		}
		text = text[:max(i, 0)]
	}
	for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	return lines
}

// printable escapes control characters, invalid UTF-8, invisible and
// bidirectional formatting characters, and the backslash, so that no output can
// pass for an escape that we wrote.
func printable(line string) string {
	rest := ""
	if len(line) > maxLine {
		line, rest = line[:maxLine], "…"
		// Not in the middle of a rune.
		for i := 1; i < utf8.UTFMax; i++ {
			if start := len(line) - i; utf8.RuneStart(line[start]) {
				if !utf8.FullRuneInString(line[start:]) {
					line = line[:start]
				}
				break
			}
		}
	}
	quoted := strconv.Quote(line)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`) + rest
}

// Recorder keeps the head and the tail of what is written to it.
type Recorder struct {
	mu    sync.Mutex
	head  []byte
	tail  []byte // a ring once it is full
	next  int    // where in the full ring the next byte goes
	total int64
	done  chan struct{} // closed when Record has returned
}

// NewRecorder keeps nothing yet.
func NewRecorder() *Recorder { return &Recorder{done: make(chan struct{})} }

// Record reads until the end, or until r is closed. It always takes what there
// is, so that a server never waits for us to look at its output.
func (o *Recorder) Record(r io.Reader) {
	defer close(o.done)
	buffer := make([]byte, 32<<10)
	for {
		n, err := r.Read(buffer)
		o.write(buffer[:n])
		if err != nil {
			return
		}
	}
}

func (o *Recorder) write(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.total += int64(len(p))
	n := min(len(p), headSize-len(o.head))
	o.head, p = append(o.head, p[:n]...), p[n:]
	n = min(len(p), tailSize-len(o.tail))
	o.tail, p = append(o.tail, p[:n]...), p[n:]
	for len(p) > 0 {
		n = copy(o.tail[o.next:], p)
		p = p[n:]
		o.next = (o.next + n) % tailSize
	}
}

// Output is what was kept so far.
func (o *Recorder) Output() Output {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := Output{Head: append([]byte(nil), o.head...)}
	out.Tail = append(append(out.Tail, o.tail[o.next:]...), o.tail[:o.next]...)
	out.Dropped = o.total - int64(len(out.Head)) - int64(len(out.Tail))
	return out
}

// Done is closed when Record has returned.
func (o *Recorder) Done() <-chan struct{} { return o.done }
