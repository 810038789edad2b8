package sandbox

import "golang.org/x/sys/unix"

// nativeArch is how the kernel calls this machine in a filter of system calls.
const nativeArch = unix.AUDIT_ARCH_AARCH64
