package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// makeRoot makes the folder with its parents, and syncs the parent of each one that it made.
func makeRoot(abs string) error {
	var made []string
	for p := abs; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err == nil {
			if !info.IsDir() {
				return fmt.Errorf("%s is a file, not a folder", p)
			}
			break
		}
		// Below a file each path ends with ENOTDIR; the file itself is what to name.
		if !isMissing(err) {
			return err
		}
		made = append(made, p)
	}
	if err := os.MkdirAll(abs, folderMode); err != nil {
		return err
	}
	for _, p := range made {
		if err := syncPath(filepath.Dir(p)); err != nil {
			return err
		}
	}
	return nil
}

func syncPath(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncUpwards syncs the folder and all above it up to the root. All, and not only those
// that this Put made: another Put may have made one and not have synced it yet.
func syncUpwards(root *os.Root, folder string) error {
	for {
		if err := syncFolder(root, folder); err != nil {
			return err
		}
		if folder == "." {
			return nil
		}
		folder = parent(folder)
	}
}

func syncFolder(root *os.Root, folder string) error {
	f, err := root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func readFolder(root *os.Root, folder string) ([]fs.DirEntry, error) {
	f, err := root.Open(folder)
	if err != nil {
		return nil, err
	}
	entries, err := f.ReadDir(-1)
	return entries, errors.Join(err, f.Close())
}

// isMissing tells a path that leads to nothing, also one through a file.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}

func isReadOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS)
}

// explain adds what to do to the errors that a person can end.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w: the disk (or the quota) is full, free space or move the archive", err)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w: mount the disk writable, or choose another folder", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: give the user %d of this program the right to it, or choose another folder", err, os.Geteuid())
	case errors.Is(err, unix.EXDEV), errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("%w: the archive folder must be one file system that has hard links", err)
	}
	return err
}
