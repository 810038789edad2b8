package scale

import "fmt"

// spare is how many descriptors we need for all else.
const spare = 64

// Room says whether this process may open as many connections, and raises its
// limit on open files as far as it may. The error says what to type.
func Room(clients int) error {
	need := uint64(clients) + spare
	limit, known := raiseLimit(need)
	if !known || limit >= need {
		return nil
	}
	fits := uint64(0)
	if limit > spare {
		fits = limit - spare
	}
	return fmt.Errorf("this process may open %d files, which is enough for %d clients: write --clients %d, or raise the limit; as root, sudo prlimit --pid $$ --nofile=%d:%d raises that of this shell (the kernel's own is in /proc/sys/fs/nr_open)",
		limit, fits, fits, need, need)
}
