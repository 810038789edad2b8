package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"unicode/utf8"
)

const maxMessage = 16 << 20

func main() {
	server := http.Server{Addr: ":" + os.Getenv("PORT"), Handler: http.HandlerFunc(handshake), ErrorLog: log.New(io.Discard, "", 0)}
	log.Fatal(server.ListenAndServe())
}

// has says whether a list in a header has a token.
func has(h http.Header, name, token string) bool {
	for _, value := range h.Values(name) {
		for _, one := range strings.Split(value, ",") {
			if strings.EqualFold(strings.TrimSpace(one), token) {
				return true
			}
		}
	}
	return false
}

func handshake(w http.ResponseWriter, r *http.Request) {
	h := r.Header
	key, err := base64.StdEncoding.DecodeString(h.Get("Sec-WebSocket-Key"))
	refuse := func(code int) {
		w.Header().Set("Connection", "close")
		http.Error(w, http.StatusText(code), code)
	}
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", "GET")
		refuse(http.StatusMethodNotAllowed)
	case r.ProtoMajor != 1 || r.ProtoMinor != 1:
		refuse(http.StatusBadRequest)
	case !has(h, "Upgrade", "websocket") || !has(h, "Connection", "upgrade"):
		refuse(http.StatusBadRequest)
	case len(h.Values("Sec-WebSocket-Version")) != 1 || h.Get("Sec-WebSocket-Version") != "13":
		w.Header().Set("Sec-WebSocket-Version", "13")
		w.Header().Set("Upgrade", "websocket")
		refuse(http.StatusUpgradeRequired)
	case len(h.Values("Sec-WebSocket-Key")) != 1 || err != nil || len(key) != 16:
		refuse(http.StatusBadRequest)
	case len(h.Values("Content-Length")) > 0 || len(r.TransferEncoding) > 0:
		refuse(http.StatusBadRequest)
	default:
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		sum := sha1.Sum([]byte(h.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
			base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
		if err == nil {
			converse(conn.(*net.TCPConn), rw.Reader)
		}
	}
}

const (
	continuation = 0
	text         = 1
	closing      = 8
	ping         = 9
	pong         = 10
)

type frame struct {
	fin     bool
	opcode  byte
	payload []byte
}

// failure is a close code.
type failure uint16

func (f failure) Error() string { return "the client broke the protocol" }

var errGone = errors.New("gone")

func read(in *bufio.Reader, room int) (f frame, err error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return f, errGone
	}
	f.fin, f.opcode = head[0]&0x80 != 0, head[0]&15
	length := uint64(head[1] & 0x7f)
	control := f.opcode >= 8
	switch {
	case head[0]&0x70 != 0, head[1]&0x80 == 0, f.opcode > pong, f.opcode > 2 && f.opcode < 8, control && (!f.fin || length > 125):
		return f, failure(1002)
	}
	wide := make([]byte, 8)
	switch length {
	case 126:
		if _, err := io.ReadFull(in, wide[6:]); err != nil {
			return f, errGone
		}
		length = binary.BigEndian.Uint64(wide)
	case 127:
		if _, err := io.ReadFull(in, wide); err != nil {
			return f, errGone
		}
		length = binary.BigEndian.Uint64(wide)
		if length>>63 != 0 {
			return f, failure(1002)
		}
	}
	if !control && length > uint64(room) {
		return f, failure(1009)
	}
	var key [4]byte
	if _, err := io.ReadFull(in, key[:]); err != nil {
		return f, errGone
	}
	f.payload, err = io.ReadAll(io.LimitReader(in, int64(length)))
	if err != nil || uint64(len(f.payload)) < length {
		return f, errGone
	}
	for i := range f.payload {
		f.payload[i] ^= key[i%4]
	}
	return f, nil
}

func write(conn net.Conn, opcode byte, payload []byte) error {
	head := []byte{0x80 | opcode}
	switch n := len(payload); {
	case n < 126:
		head = append(head, byte(n))
	case n < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(n))
	}
	_, err := conn.Write(append(head, payload...))
	return err
}

func converse(conn *net.TCPConn, in *bufio.Reader) {
	err := messages(conn, in)
	var f failure
	if errors.As(err, &f) {
		write(conn, closing, binary.BigEndian.AppendUint16(nil, uint16(f)))
	}
	if err != errGone {
		conn.CloseWrite()
		io.Copy(io.Discard, io.LimitReader(conn, 1<<20))
	}
}

func messages(conn net.Conn, in *bufio.Reader) error {
	var message []byte
	kind := byte(0)
	valid := 0 // bytes of a text that are known to be valid
	for {
		f, err := read(in, maxMessage-len(message))
		if err != nil {
			return err
		}
		switch f.opcode {
		case ping:
			err = write(conn, pong, f.payload)
		case pong:
		case closing:
			return closed(conn, f.payload)
		default:
			if (f.opcode == continuation) == (kind == 0) {
				return failure(1002)
			}
			if f.opcode != continuation {
				kind = f.opcode
			}
			message = append(message, f.payload...)
			if kind == text {
				n := whole(message[valid:], f.fin)
				if !utf8.Valid(message[valid:][:n]) {
					return failure(1007)
				}
				valid += n
			}
			if f.fin {
				err = write(conn, kind, message)
				message, kind, valid = nil, 0, 0
			}
		}
		if err != nil {
			return errGone
		}
	}
}

// whole is how much of a text does not end inside of a character that may go on.
func whole(b []byte, last bool) int {
	for i := len(b) - 1; !last && i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return i
			}
			break
		}
	}
	return len(b)
}

func closed(conn net.Conn, payload []byte) error {
	if len(payload) == 0 {
		return write(conn, closing, nil)
	}
	if len(payload) == 1 {
		return failure(1002)
	}
	code := binary.BigEndian.Uint16(payload)
	known := code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006 || code >= 3000 && code < 5000
	if !known {
		return failure(1002)
	}
	if !utf8.Valid(payload[2:]) {
		return failure(1007)
	}
	return write(conn, closing, payload[:2])
}
