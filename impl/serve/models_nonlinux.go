//go:build unix && !linux

package serve

func systemRunner(name string) func(*Server) { return unixRunner(name) }
