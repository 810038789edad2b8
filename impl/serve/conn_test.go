package serve

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// slow takes a few bytes before each deadline, then none.
type slow struct {
	net.Conn
	takes int // bytes before each deadline
	room  int // bytes in all
	got   strings.Builder
}

func (s *slow) SetWriteDeadline(time.Time) error { return nil }

func (s *slow) Write(p []byte) (int, error) {
	n := min(len(p), s.takes, s.room)
	s.room -= n
	s.got.Write(p[:n])
	if n < len(p) {
		return n, os.ErrDeadlineExceeded
	}
	return n, nil
}

// A client that makes progress is waited for however long the answer is.
func TestWriteWaitsForProgress(t *testing.T) {
	t.Parallel()
	answer := strings.Repeat("0123456789", writeSize/4)
	conn := &slow{takes: 100, room: len(answer)}
	if err := newServer(nil, Options{}).write(&connection{Conn: conn}, []byte(answer)); err != nil || conn.got.String() != answer {
		t.Errorf("%d of %d bytes were sent: %v", conn.got.Len(), len(answer), err)
	}
	conn = &slow{takes: 100, room: len(answer) - 1}
	if err := newServer(nil, Options{}).write(&connection{Conn: conn}, []byte(answer)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a client that stopped reading: %v", err)
	}
}
