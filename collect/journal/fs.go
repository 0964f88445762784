package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// fileSystem is what the journal asks of a file system; tests put faults behind it.
// Errors for a missing file satisfy errors.Is(err, fs.ErrNotExist).
type fileSystem interface {
	Open(name string) (file, error)   // to read
	Create(name string) (file, error) // to read and write, emptied if it is there
	Edit(name string) (file, error)   // to read and write what is there
	Rename(from, to string) error     // replaces what stands at to
	Remove(name string) error
	MkdirAll(name string) error
	ReadDir(name string) ([]string, error)
	SyncDir(name string) error
	// Free tells how many bytes of how many the disk that holds the folder has left for an
	// ordinary user; [errors.ErrUnsupported] where nobody can tell.
	Free(name string) (free, total int64, err error)
	// Lock takes the lock file; a lock that is held is a [*lockedError].
	Lock(name string) (io.Closer, error)
}

type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes the content durable, and of the metadata what reading it takes.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
}

// lockedError says who holds a lock, 0 if unknown.
type lockedError struct{ pid int }

func (e *lockedError) Error() string {
	if e.pid == 0 {
		return "in use by another process"
	}
	return fmt.Sprintf("in use by process %d", e.pid)
}

type osFS struct{}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func openFile(name string, flag int) (file, error) {
	f, err := os.OpenFile(name, flag, 0o644)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Open(name string) (file, error) { return openFile(name, os.O_RDONLY) }
func (osFS) Create(name string) (file, error) {
	return openFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}
func (osFS) Edit(name string) (file, error) { return openFile(name, os.O_RDWR) }
func (osFS) Rename(from, to string) error   { return os.Rename(from, to) }
func (osFS) Remove(name string) error       { return os.Remove(name) }
func (osFS) MkdirAll(name string) error     { return os.MkdirAll(name, 0o755) }

func (osFS) ReadDir(name string) ([]string, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		defer f.Close()
		var b [20]byte
		n, _ := f.ReadAt(b[:], 0)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(b[:n])))
		return nil, &lockedError{pid: pid}
	}
	if err != nil {
		return nil, errors.Join(&os.PathError{Op: "flock", Path: name, Err: err}, f.Close())
	}
	// The pid is only told to people; that it cannot be written on a full disk must not
	// keep the journal shut.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

// unwritable adds to the error of a folder that cannot be written what helps.
func unwritable(err error) error {
	switch {
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: nothing is lost; mount the disk for writing (mount -o remount,rw), after a look at why the kernel did not leave it so (dmesg)", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: nothing is lost; let user %d write there", err, os.Getuid())
	}
	return err
}

// makeFolder makes a folder, and those above it, that a power cut leaves in place. The folder
// above is synced also where ours was there: who made it may have died before that.
func makeFolder(fsys fileSystem, dir string) error {
	above := filepath.Dir(dir)
	if _, err := fsys.ReadDir(above); above != dir && errors.Is(err, fs.ErrNotExist) {
		if err := makeFolder(fsys, above); err != nil {
			return err
		}
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	if above == dir {
		return nil
	}
	// One that we may not read was not made by us.
	if err := fsys.SyncDir(above); err != nil && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("make folder %s: %w", dir, err)
	}
	return nil
}

// takeLock locks the journal folder against a second writer.
func takeLock(fsys fileSystem, dir string) (io.Closer, error) {
	lock, err := fsys.Lock(filepath.Join(dir, "lock"))
	var held *lockedError
	if errors.As(err, &held) {
		return nil, fmt.Errorf("journal %s is %w", dir, held)
	}
	if err != nil {
		return nil, fmt.Errorf("lock journal %s: %w", dir, unwritable(err))
	}
	return lock, nil
}

// writeDurably makes a small file appear whole or not at all, and stay.
func writeDurably(fsys fileSystem, name string, content []byte) error {
	tmp := name + ".tmp"
	f, err := fsys.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, fsys.Remove(tmp))
	}
	if err := fsys.Rename(tmp, name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// readSmall reads a file of at most limit bytes; a missing one is nil.
func readSmall(fsys fileSystem, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("read %s: %d bytes, at most %d expected", name, size, limit)
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if int64(n) == size {
		err = nil
	}
	return b, err
}
