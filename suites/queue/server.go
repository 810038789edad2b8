package queue

import (
	"fmt"
	"net/url"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Server is a queue of our own, for the workers on this machine. It makes the
// program 10 MB larger; a build without it would need a second queue, which one
// machine uses and no cluster, with faults of its own.
type Server struct {
	URL string // with the token that it wants
	s   *server.Server
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
	return &Server{URL: at.String(), s: s}, nil
}

// Close stops the server.
func (s *Server) Close() {
	s.s.Shutdown()
	s.s.WaitForShutdown()
}
