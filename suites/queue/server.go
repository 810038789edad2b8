package queue

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Server is a queue of our own, for the workers on this machine. It makes the
// program 10 MB larger; a build without it would need a second queue, which one
// machine uses and no cluster, with faults of its own.
type Server struct {
	URL    string // with the token that it wants
	folder string
	s      *server.Server
}

// StartServer starts a server on the loopback that keeps its files in a folder and
// serves whoever has the token. It does not sync them: whoever starts it anew begins
// with an empty folder.
func StartServer(folder, token string) (*Server, error) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, Authorization: token,
		JetStream: true, StoreDir: folder,
		NoSigs: true, NoLog: true, DisableJetStreamBanner: true, MaxPayload: 8 << 20,
	})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("the queue's own server does not start within 30 s: see that there is room at %s, and write access", folder)
	}
	at, err := url.Parse(s.ClientURL())
	if err != nil {
		return nil, err
	}
	at.User = url.User(token)
	return &Server{URL: at.String(), folder: folder, s: s}, nil
}

// spare is what a server needs beside what it is given, in bytes.
const spare = 1 << 20

// Room says why the server could not take so many bytes: it says nothing itself
// when its disk is full. It is found out by writing them.
func (s *Server) Room(bytes int64) (err error) {
	file, err := os.CreateTemp(s.folder, "room-")
	if err != nil {
		return fmt.Errorf("the queue's own server has no room: %w", err)
	}
	defer func() { _ = errors.Join(file.Close(), os.Remove(file.Name())) }()
	if _, err := io.CopyN(file, zeros{}, bytes+spare); err != nil {
		return fmt.Errorf("the queue's own server has no room for %d KiB: %w", (bytes+spare)>>10, err)
	}
	return nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Close stops the server.
func (s *Server) Close() {
	s.s.Shutdown()
	s.s.WaitForShutdown()
}
