//go:build unix

package ledger

import (
	"errors"
	"os"
)

// syncFolder makes new names in a folder last.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
