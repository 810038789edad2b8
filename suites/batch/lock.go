package batch

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Machine lets graders in several processes of a machine work side by side, and
// one of them alone. It is two locks in a folder that they share.
type Machine struct{ Folder string }

// lockPoll is how often a lock is looked at that somebody else has.
const lockPoll = 20 * time.Millisecond

// enter waits for room. Whoever wants to be alone holds the gate while those that
// are inside come out, so that nobody new goes in before.
func (m Machine) enter(ctx context.Context, alone bool) (leave func(), err error) {
	gate, room := flock.New(filepath.Join(m.Folder, "gate.lock")), flock.New(filepath.Join(m.Folder, "room.lock"))
	leave = func() { room.Close(); gate.Close() }
	if _, err := gate.TryLockContext(ctx, lockPoll); err != nil {
		leave()
		return nil, errors.Join(errors.New("the machine's gate"), err)
	}
	try := room.TryRLockContext
	if alone {
		try = room.TryLockContext
	}
	if _, err := try(ctx, lockPoll); err != nil {
		leave()
		return nil, errors.Join(errors.New("the machine's room"), err)
	}
	if !alone {
		gate.Close()
	}
	return leave, nil
}

// Share does something beside others. What it is given does something when there
// is nobody else.
func (m Machine) Share(ctx context.Context, do func(alone func(context.Context, func() error) error) error) error {
	leave, err := m.enter(ctx, false)
	if err != nil {
		return err
	}
	defer func() { leave() }()
	return do(func(ctx context.Context, do func() error) error {
		leave()
		if leave, err = m.enter(ctx, true); err != nil {
			leave = func() {}
			return err
		}
		return do()
	})
}
