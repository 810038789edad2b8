package batch

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"conform/suites/sandbox"
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
		return nil, fmt.Errorf("the gate of the machine: %w", err)
	}
	try := room.TryRLockContext
	if alone {
		try = room.TryLockContext
	}
	if _, err := try(ctx, lockPoll); err != nil {
		leave()
		return nil, fmt.Errorf("the room of the machine: %w", err)
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

// claim gives a process a folder of its own in one that those of a machine share,
// and takes away what others have left that were killed. release takes its own
// away.
func claim(ctx context.Context, shared string) (own string, release func(), err error) {
	// One at a time: a lock that is made and not yet held looks left.
	one := flock.New(filepath.Join(shared, "claim.lock"))
	defer one.Close()
	if _, err := one.TryLockContext(ctx, lockPoll); err != nil {
		return "", nil, err
	}
	entries, err := os.ReadDir(shared)
	if err != nil {
		return "", nil, err
	}
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), ".lock")
		if !is || !strings.HasPrefix(name, "worker-") {
			continue
		}
		left := flock.New(filepath.Join(shared, e.Name()))
		if got, err := left.TryLock(); err == nil && got {
			// Not even this may keep us from work: it is tried again.
			if sandbox.RemoveAll(filepath.Join(shared, name)) == nil {
				_ = os.Remove(left.Path())
			}
		}
		left.Close()
	}
	own = filepath.Join(shared, "worker-"+rand.Text())
	held := flock.New(own + ".lock")
	if got, err := held.TryLock(); err != nil || !got {
		return "", nil, fmt.Errorf("%s cannot be locked: %w", held.Path(), err)
	}
	if err := os.Mkdir(own, 0o700); err != nil {
		held.Close()
		return "", nil, err
	}
	return own, func() {
		_ = sandbox.RemoveAll(own)
		_ = os.Remove(held.Path())
		held.Close()
	}, nil
}
