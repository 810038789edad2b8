package serve

import (
	"cmp"
	"sync"
)

const defaultPool = 4

// pool serves as many clients as it has workers. Each worker is a serial
// server: it accepts a client and serves it to its end. All of them wait at
// the same listener, and each connection wakes one.
//
// What clients can make the server hold is bounded by that number. Whoever
// comes when every worker has a client waits in the backlog, and waits for
// ever if none of those clients leaves.
func pool(s *Server) {
	var workers sync.WaitGroup
	for range cmp.Or(s.options.Workers, defaultPool) {
		workers.Go(func() { serial(s) })
	}
	workers.Wait()
}
