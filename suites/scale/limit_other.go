//go:build !unix

package scale

// raiseLimit knows no limit on open files.
func raiseLimit(uint64) (limit uint64, known bool) { return 0, false }
