package serve

import "sync"

// goroutine serves every client at once, each in a goroutine of its own.
//
// The code of a connection may wait wherever it likes, as in the serial model:
// the Go runtime has one readiness loop for all that wait, and keeps the place
// of each on a stack of a few kilobytes. Nothing bounds the number of clients
// but the descriptors of the process.
func goroutine(s *Server) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		conn := s.accept()
		if conn == nil {
			return
		}
		running.Go(func() { s.serve(conn) })
	}
}
