package serve

// serial serves one client to its end before it accepts the next, which waits
// in the backlog of the listening socket meanwhile.
//
// It is a whole server in one loop: nothing is shared, so nothing has to be
// locked. A client that says nothing holds up all others for as long as it
// likes; only its handler's deadline can part them.
func serial(s *Server) {
	for {
		conn := s.accept()
		if conn == nil {
			return
		}
		s.serve(conn)
	}
}
