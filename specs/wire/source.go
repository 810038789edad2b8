package wire

import (
	"net"
)

// anySource is a socket for datagrams that hears everybody, and tells what
// comes from its peer from the rest. A connected socket is given nothing else.
type anySource struct {
	net.PacketConn
	peer  net.Addr
	stray func(from string, p []byte)
}

// dialAnySource makes the socket. local is its own path on unixgram.
func dialAnySource(via Network, network, address, local string) (net.Conn, error) {
	if network == "unixgram" {
		pc, err := net.ListenPacket(network, local)
		if err != nil {
			return nil, err
		}
		return &anySource{PacketConn: pc, peer: &net.UnixAddr{Net: network, Name: address}}, nil
	}
	peer, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, err
	}
	if network = "udp6"; peer.IP.To4() != nil {
		network = "udp4" // else the peer would come by another name
	}
	pc, err := via.ListenPacket(network)
	if err != nil {
		return nil, err
	}
	return &anySource{PacketConn: pc, peer: peer}, nil
}

func (s *anySource) Read(p []byte) (int, error) {
	for {
		n, from, err := s.ReadFrom(p)
		if err != nil {
			return n, err
		}
		name := "a socket without a name"
		if from != nil && from.String() != "" {
			name = from.String()
		}
		if name == s.peer.String() {
			return n, nil
		}
		s.stray(name, p[:n])
	}
}

func (s *anySource) Write(p []byte) (int, error) { return s.WriteTo(p, s.peer) }
func (s *anySource) RemoteAddr() net.Addr        { return s.peer }
