package dir

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	tmpFolder = ".tmp"
	tmpPrefix = "put-"
)

// tempFile is a file below .tmp that is locked until it is discarded.
type tempFile struct {
	*os.File
	name    string
	renamed bool
}

func createTemp(root *os.Root) (*tempFile, error) {
	for {
		if err := root.Mkdir(tmpFolder, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		name := path.Join(tmpFolder, tmpPrefix+rand.Text())
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
		if err != nil {
			return nil, err
		}
		ours, err := lockNew(f)
		if err != nil {
			return nil, errors.Join(err, f.Close(), root.Remove(name))
		}
		if ours {
			return &tempFile{File: f, name: name}, nil
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
}

// lockNew locks a file that was just made. Between making and locking, New of another
// process may have taken it for a leftover: then it has no name any more, or soon will
// have none.
func lockNew(f *os.File) (ours bool, err error) {
	if ours, err = tryLock(f); err != nil || !ours {
		return false, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return false, err
	}
	return st.Nlink > 0, nil
}

// tryLock takes the lock that the file's writer holds; it is given back by Close or by the
// end of the process.
func tryLock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

func (t *tempFile) link(root *os.Root, key string) error { return root.Link(t.name, key) }

func (t *tempFile) rename(root *os.Root, key string) error {
	err := root.Rename(t.name, key)
	t.renamed = err == nil
	return err
}

// discard removes the temporary name, if it still has one, and closes the file.
func (t *tempFile) discard(root *os.Root) error {
	var err error
	if !t.renamed {
		err = root.Remove(t.name)
	}
	return errors.Join(err, t.Close())
}

// removeLeftovers removes the temporary files that no living writer holds (D3). Where they
// may not be removed, the folder is only read, and they harm nobody.
func removeLeftovers(root *os.Root) error {
	entries, err := readFolder(root, tmpFolder)
	if isMissing(err) || isReadOnly(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), tmpPrefix) {
			continue
		}
		err := removeLeftover(root, path.Join(tmpFolder, e.Name()))
		if err != nil && !isMissing(err) && !isReadOnly(err) {
			return err
		}
	}
	return nil
}

func removeLeftover(root *os.Root, name string) (err error) {
	// NFS locks only what is open for writing.
	f, err := root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	free, err := tryLock(f)
	if err != nil || !free {
		return err
	}
	return root.Remove(name)
}
