//go:build !unix

package submission

import "os"

func openRegular(root *os.Root, name string) (*os.File, error) { return root.Open(name) }
