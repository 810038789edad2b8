package faults

import (
	"bytes"
	"compress/flate"
	"io"
)

// For faults of permessage-deflate: a change may inflate what the client sends
// and pass it on without RSV1, or compress by itself what the reference sends
// plain. Whose window is used is then up to the fault.

// wsInflate inflates the payload of a whole message, of at most 1 MiB, and
// adds it to the window, which messages before it may have filled.
func wsInflate(window *[]byte, payload []byte) ([]byte, error) {
	src := string(payload) + "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	r := flate.NewReaderDict(bytes.NewReader([]byte(src)), *window)
	out, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return nil, err
	}
	wsSlide(window, out)
	return out, nil
}

// wsDeflate compresses a message with references into the window, and adds it
// to the window.
func wsDeflate(window *[]byte, message []byte) []byte {
	var b bytes.Buffer
	// The level is right, and a buffer takes everything.
	w, _ := flate.NewWriterDict(&b, flate.DefaultCompression, *window)
	w.Write(message)
	w.Flush()
	wsSlide(window, message)
	return bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff"))
}

func wsSlide(window *[]byte, p []byte) {
	all := append(bytes.Clone(*window), p...)
	*window = all[max(0, len(all)-32<<10):]
}
