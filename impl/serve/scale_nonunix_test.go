//go:build !unix

package serve_test

import "errors"

func serveShortOfFiles(string) error { return errors.New("there is no such limit here") }
