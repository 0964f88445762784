package journal

import (
	"os"
	"syscall"
)

// Sync is fdatasync: it leaves out the time of the last change, which would cost an entry
// in the file system's own journal each time.
func (f osFile) Sync() error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	controlled := conn.Control(func(fd uintptr) {
		for {
			if err = syscall.Fdatasync(int(fd)); err != syscall.EINTR {
				return
			}
		}
	})
	if controlled != nil {
		return controlled
	}
	if err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}
