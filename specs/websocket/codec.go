package websocket

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	kflate "github.com/klauspost/compress/flate"

	"conform/specs"
	"conform/specs/websocket/frame"
)

// params are the parameters of permessage-deflate that a server has agreed to
// (RFC 7692 §7.1).
type params struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             int // of the window; 15 unless the response says less
	declared                           map[string]bool
}

// agreed reads the extensions of a response: nil when there are none, an error
// when they are not what RFC 7692 §7.1 allows. Several lines are one list (RFC
// 6455 §11.3.2, erratum 3433).
func agreed(r *response) (*params, error) {
	list := r.values("Sec-WebSocket-Extensions")
	if len(list) == 0 {
		return nil, nil
	}
	p := &params{serverBits: 15, clientBits: 15, declared: map[string]bool{}}
	parts := strings.Split(strings.Join(list, ","), ";")
	if name := strings.TrimSpace(parts[0]); name != "permessage-deflate" {
		return nil, fmt.Errorf("the extension is %q", name)
	}
	for _, part := range parts[1:] {
		name, value, valued := strings.Cut(part, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		if p.declared[name] {
			return nil, fmt.Errorf("the parameter %q is there twice", name)
		}
		p.declared[name] = true
		var bits *int
		switch name {
		case "server_no_context_takeover":
			p.serverNoTakeover = true
		case "client_no_context_takeover":
			p.clientNoTakeover = true
		case "server_max_window_bits":
			bits = &p.serverBits
		case "client_max_window_bits":
			bits = &p.clientBits
		default:
			return nil, fmt.Errorf("there is no parameter %q", name)
		}
		switch {
		case bits == nil && valued:
			return nil, fmt.Errorf("the parameter %q has a value", name)
		case bits != nil:
			n, err := strconv.Atoi(value)
			if err != nil || n < 8 || n > 15 || value != strconv.Itoa(n) {
				return nil, fmt.Errorf("the parameter %q has the value %q: 8 to 15 are allowed", name, value)
			}
			*bits = n
		}
	}
	return p, nil
}

// deflates offers permessage-deflate with parameters: "", or as in
// "server_max_window_bits=10".
func deflates(parameters string) func(*request) {
	offer := "permessage-deflate"
	if parameters != "" {
		offer += "; " + parameters
	}
	return func(r *request) { r.set("Sec-WebSocket-Extensions", offer) }
}

// codec compresses and inflates the messages of one connection (RFC 7692 §7.2).
type codec struct {
	params
	in     []byte // the last 32 KiB that the server's messages inflated to
	reader io.Reader
	out    deflater
	packed bytes.Buffer
}

type deflater interface {
	io.Writer
	Flush() error
	Reset(io.Writer)
}

func newCodec(p params) *codec { return &codec{params: p} }

const (
	window = 32 << 10
	// maxInflated bounds what one message of a server may inflate to.
	maxInflated = 64 << 20
	tail        = "\x00\x00\xff\xff"
)

// inflate undoes the compression of one message.
func (k *codec) inflate(payload string) (string, error) {
	if k.serverNoTakeover {
		k.in = nil
	}
	// A final empty block, so that the reader knows the end.
	const end = tail + "\x01\x00\x00\xff\xff"
	src := strings.NewReader(payload + end)
	data, err := k.stream(src)
	if n := src.Len(); err == nil && n > 0 && n < len(end) {
		err = errors.New("its end is missing")
	}
	for err == nil && src.Len() > len(end) {
		// The server has set BFINAL; another stream may follow (RFC 7692
		// §7.2.3.4). What is none is padding.
		more, wrong := k.stream(src)
		if wrong != nil {
			break
		}
		data += more
	}
	return data, err
}

// stream inflates up to a final block.
func (k *codec) stream(src *strings.Reader) (string, error) {
	if reader, made := k.reader.(flate.Resetter); made {
		_ = reader.Reset(src, k.in) // it never fails
	} else {
		k.reader = flate.NewReaderDict(src, k.in)
	}
	data, err := io.ReadAll(io.LimitReader(k.reader, maxInflated+1))
	if err == nil && len(data) > maxInflated {
		err = errors.New("it inflates to more than 64 MiB")
	}
	k.in = append(k.in, data...)
	k.in = k.in[max(0, len(k.in)-window):]
	return string(data), err
}

// deflate compresses one message, within the window that was agreed on, with
// the context of the messages before where that is allowed.
func (k *codec) deflate(data string) string {
	k.packed.Reset()
	switch {
	case k.out == nil && k.clientBits < 15:
		// compress/flate has no smaller window than 32 KiB.
		w, err := kflate.NewWriterWindow(&k.packed, 1<<k.clientBits)
		if err != nil {
			panic(err) // the size is one of eight
		}
		k.out = w
	case k.out == nil:
		w, err := flate.NewWriter(&k.packed, flate.DefaultCompression)
		if err != nil {
			panic(err) // the level is a constant
		}
		k.out = w
	case k.clientNoTakeover:
		k.out.Reset(&k.packed)
	}
	// Writing into memory does not fail.
	_, _ = io.WriteString(k.out, data)
	_ = k.out.Flush()
	return strings.TrimSuffix(k.packed.String(), tail)
}

// openDeflate is openEcho with permessage-deflate, which the target has to
// accept for the requirement to be judged.
func openDeflate(c *specs.Case) *conn {
	ws := openEcho(c, deflates(""))
	if ws.codec == nil {
		ws = openEcho(c, deflates("client_max_window_bits")) // as browsers offer it
	}
	ws.needsDeflate()
	return ws
}

// needsDeflate ends the case unless permessage-deflate was agreed on.
func (ws *conn) needsDeflate() *codec {
	if ws.codec == nil {
		ws.c.Lacks("the target does not accept permessage-deflate")
	}
	return ws.codec
}

// SendCompressed sends a message compressed, in one frame or cut after pieces
// of so many bytes.
func (ws *conn) SendCompressed(op frame.Opcode, data string, pieces ...int) {
	ws.invalid = ws.invalid || op == frame.Text && !utf8.ValidString(data)
	ws.SendPacked(op, cut(ws.codec.deflate(data), pieces...)...)
}

// SendPacked sends the parts of a compressed payload, whatever it is, in as many
// frames: RSV1 is set on the first.
func (ws *conn) SendPacked(op frame.Opcode, parts ...string) {
	frames := fragments(op, parts...)
	frames[0].RSV = frame.RSV1
	ws.Send(frames...)
}

// cut cuts a string after pieces of the given sizes, the last of which holds
// for the rest.
func cut(s string, sizes ...int) (parts []string) {
	for len(sizes) > 0 && len(s) > sizes[0] {
		parts, s = append(parts, s[:sizes[0]]), s[sizes[0]:]
		if len(sizes) > 1 {
			sizes = sizes[1:]
		}
	}
	return append(parts, s)
}
