package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const boxID = 1000 // user and group in a box

// system are the folders of this machine that every program needs. /bin and so
// on are links into /usr on most.
var system = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}

// settings are the few files of /etc that runtimes and compilers look for. None
// holds a secret.
var settings = []string{"alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "mime.types",
	"protocols", "services", "ssl/certs", "ssl/openssl.cnf", "ca-certificates", "pki", "java", "java-17-openjdk", "java-21-openjdk",
	"python3", "perl", "ruby", "php", "erlang", "mono", "dotnet", "ghc"}

// devices are the ones without which hardly anything runs.
var devices = []string{"null", "zero", "full", "random", "urandom"}

// buildRoot makes the file system of the box and enters it. Everything that the
// submission can write to is one tmpfs of a fixed size, which is gone with the
// box; its folder is laid over with it, unless it is to be kept.
func buildRoot(c boxConfig) error {
	steps := &builder{}
	steps.mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	// All of the old system goes to /old of an empty one, and is then left out.
	// /tmp is there on every machine, and hidden by this in our namespace only.
	steps.mount("tmpfs", "/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=1m,nr_inodes=4096,mode=755")
	steps.mkdir("/tmp/old", 0o755)
	steps.do("pivot_root", unix.PivotRoot("/tmp", "/tmp/old"))
	steps.do("chdir", os.Chdir("/"))
	if steps.err != nil {
		return steps.err
	}
	// Below /new the root is made up of the same kind.
	steps.mkdir("/new", 0o755)
	steps.mount("tmpfs", "/new", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=4m,nr_inodes=16384,mode=755")
	steps.mkdir("/data", 0o755)
	steps.mount("tmpfs", "/data", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV,
		fmt.Sprintf("size=%d,nr_inodes=%d,mode=755", max(c.Limits.Disk, 64<<10), 1024+c.Limits.Disk/4096))
	for _, path := range system {
		steps.same(path)
	}
	steps.etc()
	steps.dev()
	for name, mode := range map[string]os.FileMode{"tmp": 0o777 | os.ModeSticky, "shm": 0o777 | os.ModeSticky, "home": 0o755, "upper": 0o755, "work": 0o755} {
		steps.mkdir("/data/"+name, mode)
		steps.own("/data/" + name)
	}
	for from, to := range map[string]string{"tmp": "/new/tmp", "home": "/new/home", "shm": "/new/dev/shm"} {
		steps.mkdir(to, 0o755)
		steps.mount("/data/"+from, to, "", unix.MS_BIND, "")
	}
	for _, path := range []string{"/new/run", "/new/var", "/new/proc", "/new" + boxDir} {
		steps.mkdir(path, 0o755)
	}
	steps.link("../tmp", "/new/var/tmp")
	steps.link("../run", "/new/var/run")
	for i, s := range c.Show {
		steps.show(s, c.Show[:i])
	}
	steps.mount("proc", "/new/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	steps.submission(c)
	steps.do("make the box's root read-only", unix.MountSetattr(unix.AT_FDCWD, "/new", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}))
	if steps.err != nil {
		return steps.err
	}
	steps.do("chdir", os.Chdir("/new"))
	steps.do("pivot_root", unix.PivotRoot(".", "."))
	steps.do("leave the old root", unix.Unmount(".", unix.MNT_DETACH))
	steps.do("chdir", os.Chdir("/"))
	return steps.err
}

// builder does one step after the other, as long as none has failed.
type builder struct{ err error }

func (b *builder) do(what string, err error) {
	if b.err == nil && err != nil {
		b.err = fmt.Errorf("cannot make the box's file system: %s: %w", what, err)
	}
}

func (b *builder) mount(source, path, kind string, flags uintptr, data string) {
	if b.err == nil {
		b.do(fmt.Sprintf("mount %s %s", kind, path), unix.Mount(source, path, kind, flags, data))
	}
}

func (b *builder) mkdir(path string, mode os.FileMode) {
	if b.err == nil {
		b.do("mkdir", os.MkdirAll(path, 0o755))
	}
	if b.err == nil {
		b.do("chmod", os.Chmod(path, mode))
	}
}

func (b *builder) link(to, path string) {
	if b.err == nil {
		b.do("symlink", os.Symlink(to, path))
	}
}

func (b *builder) file(path, text string) {
	if b.err == nil {
		b.do("write", os.WriteFile(path, []byte(text), 0o644)) //nolint:gosec // everybody in the box may read it
	}
}

// own gives a path to the user of the submission, where that is not ours.
func (b *builder) own(path string) {
	if b.err == nil && os.Getuid() != boxID {
		b.do("chown", os.Chown(path, boxID, boxID))
	}
}

// same shows a path of this machine at the same place, read-only; what is not
// there is left out.
func (b *builder) same(path string) {
	if b.err != nil {
		return
	}
	old, here := "/old"+path, "/new"+path
	info, err := os.Lstat(old)
	if err != nil {
		return
	}
	b.mkdir(filepath.Dir(here), 0o755)
	switch {
	case info.Mode()&os.ModeSymlink != 0:
		to, err := os.Readlink(old)
		b.do("readlink", err)
		if _, err := os.Lstat(here); err != nil {
			b.link(to, here)
		}
		return
	case info.IsDir():
		b.mkdir(here, 0o755)
	default:
		b.file(here, "")
	}
	b.bind(path, path)
}

// bind shows a path of this machine at a place that is there.
func (b *builder) bind(path, at string) {
	here := "/new" + at
	b.mount("/old"+path, here, "", unix.MS_BIND|unix.MS_REC, "")
	if b.err == nil {
		b.do("make "+path+" read-only", unix.MountSetattr(unix.AT_FDCWD, here, unix.AT_RECURSIVE,
			&unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}))
	}
}

// show shows what the caller asked for, unless it is there already: what is
// read-only has no place for it.
func (b *builder) show(s shown, before []shown) {
	for _, path := range system {
		if in(s.At, path) {
			return
		}
	}
	for _, other := range before {
		if in(s.At, other.At) {
			return
		}
	}
	here := "/new" + s.At
	b.mkdir(filepath.Dir(here), 0o755)
	if s.Folder {
		b.mkdir(here, 0o755)
	} else {
		b.file(here, "")
	}
	b.bind(s.Path, s.At)
}

// in says whether a path is another or below it.
func in(path, other string) bool { return path == other || strings.HasPrefix(path, other+"/") }

func (b *builder) etc() {
	b.mkdir("/new/etc", 0o755)
	for _, name := range settings {
		b.same("/etc/" + name)
	}
	b.file("/new/etc/passwd", "root:x:0:0:root:/:/usr/sbin/nologin\nbox:x:1000:1000:box:/home:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n")
	b.file("/new/etc/group", "root:x:0:\nbox:x:1000:\nnogroup:x:65534:\n")
	b.file("/new/etc/hosts", "127.0.0.1 localhost box\n::1 localhost\n")
	b.file("/new/etc/hostname", "box\n")
	b.file("/new/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
	b.file("/new/etc/resolv.conf", "")
}

func (b *builder) dev() {
	b.mkdir("/new/dev", 0o755)
	for _, name := range devices {
		b.file("/new/dev/"+name, "")
		b.mount("/old/dev/"+name, "/new/dev/"+name, "", unix.MS_BIND, "")
	}
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		b.link(to, "/new/dev/"+name)
	}
}

// submission puts the submission's folder in its place.
func (b *builder) submission(c boxConfig) {
	if c.Keep {
		b.mount("/old"+c.Dir, "/new"+boxDir, "", unix.MS_BIND, "")
		if b.err == nil {
			b.do("guard the submission's folder", unix.MountSetattr(unix.AT_FDCWD, "/new"+boxDir, 0,
				&unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}))
		}
		return
	}
	// Its own path could hold what separates options.
	b.mkdir("/lower", 0o755)
	b.mount("/old"+c.Dir, "/lower", "", unix.MS_BIND, "")
	b.mount("overlay", "/new"+boxDir, "overlay", unix.MS_NOSUID|unix.MS_NODEV, "lowerdir=/lower,upperdir=/data/upper,workdir=/data/work,userxattr")
}
