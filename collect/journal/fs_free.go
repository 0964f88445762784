//go:build linux || darwin || freebsd

package journal

import (
	"os"
	"syscall"
)

func (osFS) Free(name string) (free, total int64, err error) {
	var s syscall.Statfs_t
	for {
		if err = syscall.Statfs(name, &s); err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: name, Err: err}
	}
	// An ordinary user's share: what is kept for root must not count as room. Some systems
	// tell a deficit there.
	return max(int64(s.Bavail), 0) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), nil
}
