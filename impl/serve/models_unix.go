//go:build unix

package serve

func unixRunner(name string) func(*Server) {
	switch name {
	case "poll":
		return poll
	case "callback":
		return callback
	case "process":
		return process
	}
	return nil
}
