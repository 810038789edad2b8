//go:build !unix

package serve

import (
	"context"
	"errors"

	"conform/impl"
)

func systemRunner(string) func(*Server) { return nil }

// Inherited is for the children of model process, which does not exist here.
func Inherited(context.Context, func() impl.Handler, Options) error {
	return errors.New("there is no model process on this system, so there is nothing to inherit")
}
