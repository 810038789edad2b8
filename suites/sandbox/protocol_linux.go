package sandbox

import (
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"conform/suites/target"
)

// The grader and a box's init speak over a pair of sockets that keep packets
// apart, in JSON. Only our own program is at either end: init's is closed before
// the submission is executed, and init lets nobody look into its files.

// The names by which the program knows that it is started as part of a box.
const (
	initName   = "conform-box-init"
	launchName = "conform-box-launch"
	probeName  = "conform-box-probe"
)

const (
	controlFD = 3
	cgroupFD  = 4 // where the submission is put, in tier strict
	// packet bounds a message. The kernel's buffer for a pair of sockets takes it.
	packet = 64 << 10
)

// boxConfig is what init is told first.
type boxConfig struct {
	Command []string
	Env     []string
	Dir     string
	Keep    bool
	Show    []shown
	Limits  Limits
	Older   bool // Landlock is not used
	Cgroup  bool // descriptor cgroupFD is one, which counts memory
}

// shown is a file or folder of this machine that a box shows at a place.
type shown struct {
	Path   string // without links
	At     string
	Folder bool
}

// message goes either way; which fields count follows from Op.
type message struct {
	Op string `json:"op"`
	ID int    `json:"id,omitempty"`

	// Questions: "socket" gives a socket of the box's network, "path" a
	// descriptor of a file in its file system, "listens" and "used" the facts,
	// "end" ends everything.
	Family  int    `json:"family,omitempty"`
	Type    int    `json:"type,omitempty"`
	Path    string `json:"path,omitempty"`
	Network string `json:"network,omitempty"`
	End     End    `json:"end,omitempty"`

	// Answers: "answer", and unasked "ready" once the program is executed,
	// "failed" when it cannot be, "exit" at the end of all.
	Errno   unix.Errno        `json:"errno,omitempty"`
	Listens []netip.AddrPort  `json:"listens,omitempty"`
	Usage   Usage             `json:"usage,omitzero"`
	Problem string            `json:"problem,omitempty"`
	Command bool              `json:"command,omitempty"` // the problem is with the command
	Status  target.ExitStatus `json:"status,omitzero"`
	Left    []string          `json:"left,omitempty"`
	Lost    bool              `json:"lost,omitempty"`    // the disk was full
	Crowded bool              `json:"crowded,omitempty"` // at the limit of processes at the end
}

func send(c *net.UnixConn, m message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_ = c.SetWriteDeadline(time.Now().Add(5 * time.Second))
	_, err = c.Write(text)
	return err
}

// receive reads one message, and the descriptor that came with it, or -1.
func receive(c *net.UnixConn, buffer, rights []byte) (m message, fd int, err error) {
	n, rightsN, _, _, err := c.ReadMsgUnix(buffer, rights)
	if err != nil {
		return m, -1, err
	}
	fd = -1
	if rightsN > 0 {
		if fds, err := descriptors(rights[:rightsN]); err == nil && len(fds) > 0 {
			fd = fds[0]
			for _, more := range fds[1:] {
				unix.Close(more)
			}
		}
	}
	if n == 0 {
		return m, fd, os.ErrClosed
	}
	return m, fd, json.Unmarshal(buffer[:n], &m)
}

func descriptors(rights []byte) (fds []int, err error) {
	all, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if f, err := unix.ParseUnixRights(&one); err == nil {
			fds = append(fds, f...)
		}
	}
	return fds, nil
}
