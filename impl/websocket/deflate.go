package websocket

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"slices"

	small "github.com/klauspost/compress/flate"
)

const (
	// maxWindow is the largest window of DEFLATE (RFC 1951 §3.3).
	maxWindow = 32 << 10
	// maxStreams is how many final blocks a message may have.
	maxStreams = 1000
)

// deflate is permessage-deflate on one connection. Its parts are made when
// they are first needed: not every client that may compress does.
type deflate struct {
	agreement
	writer packer
	packed bytes.Buffer // what writer writes

	reader io.ReadCloser // also a flate.Resetter
	window []byte        // the end of what has been inflated, for messages that refer to it
}

type packer interface {
	io.Writer
	Flush() error
	Reset(io.Writer)
}

func newDeflate(a agreement) *deflate { return &deflate{agreement: a} }

// tail is what a sender cuts from the end of a message (RFC 7692 §7.2.1).
const tail = "\x00\x00\xff\xff"

// deflate compresses a message. The result is valid until the next call.
func (d *deflate) deflate(p []byte) []byte {
	if d.packed.Cap() > spare {
		d.packed = bytes.Buffer{}
	}
	d.packed.Reset()
	switch {
	case d.writer == nil:
		d.writer = newPacker(&d.packed, d.serverBits)
	case d.serverResets:
		d.writer.Reset(&d.packed)
	}
	// Writing to a buffer does not fail.
	_, _ = d.writer.Write(p)
	_ = d.writer.Flush()
	return bytes.TrimSuffix(d.packed.Bytes(), []byte(tail))
}

// newPacker looks back at most 2^bits bytes; 0 is any number. The standard
// library cannot be told to look back less than 32 KiB (§7.1.2.1), and where it
// need not, it is the better one: the other forgets its context at every
// message below 128 bytes.
func newPacker(w io.Writer, bits int) packer {
	var p packer
	var err error
	if bits == 0 || 1<<bits == maxWindow {
		p, err = flate.NewWriter(w, flate.DefaultCompression)
	} else {
		p, err = small.NewWriterWindow(w, 1<<bits)
	}
	if err != nil {
		panic(err) // both take what they are given here
	}
	return p
}

var (
	errTooBig      = errors.New("too big")
	errTruncated   = errors.New("truncated")
	errTooManyEnds = errors.New("too many final blocks")
)

// inflate returns a message of at most limit bytes. It takes the whole of it,
// because the reader cannot wait for more in the middle of a block.
func (d *deflate) inflate(p []byte, limit int) ([]byte, error) {
	if len(p) == 0 {
		return nil, nil // against §7.2.3.6, but there is only one thing it can mean
	}
	// A final block behind the tail makes the reader report an end, by which a
	// whole message differs from a truncated one.
	const end = tail + "\x01\x00\x00\xff\xff"
	src := bytes.NewReader(slices.Concat(p, []byte(end)))
	var out []byte
	// A client may set BFINAL itself, even several times (§7.2.3.4); what
	// follows is then a stream of its own with the same window. Each costs
	// more than its bytes, and nobody needs many.
	for range maxStreams {
		var err error
		if out, err = d.stream(out, src, limit); err != nil {
			return nil, err
		}
		switch n := src.Len(); {
		case n > len(end):
			continue
		case n == 0, n == len(end): // the message ended by our final block, or by the client's
			if !d.clientResets {
				d.remember(out)
			}
			return out, nil
		default:
			return nil, errTruncated
		}
	}
	return nil, errTooManyEnds
}

// behind is what may be referred to after out.
func (d *deflate) behind(out []byte) []byte {
	if len(out) >= maxWindow {
		return bytes.Clone(out[len(out)-maxWindow:])
	}
	keep := min(len(d.window), maxWindow-len(out))
	return slices.Concat(d.window[len(d.window)-keep:], out)
}

// remember makes what is behind a message the window, in place where there is
// room: most messages are much shorter than the window.
func (d *deflate) remember(out []byte) {
	if len(out) >= maxWindow {
		d.window = d.behind(out)
		return
	}
	window := d.window[len(d.window)-min(len(d.window), maxWindow-len(out)):]
	if n := len(window) + len(out); n > cap(window) {
		window = append(make([]byte, 0, min(2*n, 2*maxWindow)), window...)
	}
	d.window = append(window, out...)
}

// stream appends what src inflates to, up to a final block.
func (d *deflate) stream(out []byte, src *bytes.Reader, limit int) ([]byte, error) {
	window := d.window
	if len(out) > 0 {
		window = d.behind(out)
	}
	if d.reader == nil {
		d.reader = flate.NewReaderDict(src, window)
	} else if err := d.reader.(flate.Resetter).Reset(src, window); err != nil {
		return nil, err
	}
	for {
		out = slices.Grow(out, 512)
		n, err := d.reader.Read(out[len(out):min(cap(out), limit+1)])
		out = out[:len(out)+n]
		switch {
		case len(out) > limit:
			return nil, errTooBig
		case err == io.EOF:
			return out, nil
		case err != nil:
			return nil, err
		}
	}
}
