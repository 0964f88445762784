package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"danmaku-archiver/archiver/store"
)

var _ store.Store = (*Dir)(nil)

const (
	fileMode   = 0o644
	folderMode = 0o755
)

// Dir is a store.Store in a folder. It is used by many goroutines at once, and several
// processes may have a Dir of the same folder. Nothing of it needs to be closed.
type Dir struct {
	path string
}

// New makes the folder if it is missing, with its parents, and removes what crashed
// writers left in its .tmp. A folder that can be read but not written is no error here:
// the archive on it can be read, and Put says what is wrong.
func New(path string) (*Dir, error) {
	if path == "" {
		return nil, errors.New("open archive folder: the path is empty")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open archive folder %s: %w", path, err)
	}
	if err := makeRoot(abs); err != nil {
		return nil, fmt.Errorf("open archive folder %s: %w", abs, explain(err))
	}
	d := &Dir{path: abs}
	root, err := d.root()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := removeLeftovers(root); err != nil {
		return nil, fmt.Errorf("remove leftovers in %s: %w", filepath.Join(abs, tmpFolder), explain(err))
	}
	return d, nil
}

// String returns the absolute path of the folder.
func (d *Dir) String() string { return d.path }

// root opens the folder. Each operation opens it anew, so that a disk that was unmounted or
// mounted meanwhile is seen at once and never written past.
func (d *Dir) root() (*os.Root, error) {
	root, err := os.OpenRoot(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("archive folder %s is gone (is its disk mounted?): %w", d.path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open archive folder: %w", explain(err))
	}
	return root, nil
}

// begin is the start of every operation on one key.
func (d *Dir) begin(ctx context.Context, key string) (*os.Root, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return d.root()
}

// address is how errors name the object.
func (d *Dir) address(key string) string { return filepath.Join(d.path, filepath.FromSlash(key)) }

// lookup describes the object, or returns store.ErrNotExist also where something stands
// that is no object: a folder, a symbolic link, a device.
func lookup(root *os.Root, key string) (fs.FileInfo, error) {
	info, err := root.Lstat(key)
	if isMissing(err) {
		return nil, store.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, store.ErrNotExist
	}
	return info, nil
}

// Stat describes the object; SHA256 is nil. The error wraps store.ErrNotExist where there
// is none.
func (d *Dir) Stat(ctx context.Context, key string) (store.Info, error) {
	root, err := d.begin(ctx, key)
	if err != nil {
		return store.Info{}, fmt.Errorf("stat %q: %w", key, err)
	}
	defer root.Close()
	info, err := lookup(root, key)
	if err != nil {
		return store.Info{}, fmt.Errorf("stat %s: %w", d.address(key), explain(err))
	}
	return store.Info{Key: key, Size: info.Size()}, nil
}

// Open returns the object as it is now: a replacement later is not seen through it. The
// error wraps store.ErrNotExist where there is none.
func (d *Dir) Open(ctx context.Context, key string) (store.Object, error) {
	root, err := d.begin(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", key, err)
	}
	defer root.Close()
	o, err := openObject(root, key)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", d.address(key), explain(err))
	}
	return o, nil
}

type object struct {
	*os.File
	size int64
}

func (o *object) Size() int64 { return o.size }

func openObject(root *os.Root, key string) (*object, error) {
	if _, err := lookup(root, key); err != nil {
		return nil, err
	}
	f, err := root.Open(key)
	if isMissing(err) {
		return nil, store.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &object{File: f, size: info.Size()}, nil
}

// Delete removes the object and the folders above it that are empty then. It returns once
// the removal is durable.
func (d *Dir) Delete(ctx context.Context, key string) error {
	root, err := d.begin(ctx, key)
	if err != nil {
		return fmt.Errorf("delete %q: %w", key, err)
	}
	defer root.Close()
	if err := remove(root, key); err != nil {
		return fmt.Errorf("delete %s: %w", d.address(key), explain(err))
	}
	return nil
}

func remove(root *os.Root, key string) error {
	// Without this look an empty folder would be removed for an object.
	_, err := lookup(root, key)
	if errors.Is(err, store.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := root.Remove(key); err != nil && !isMissing(err) {
		return err
	}
	folder := parent(key)
	for folder != "." && root.Remove(folder) == nil {
		folder = parent(folder)
	}
	// Another Delete may have removed this folder as well; then the sync is its duty.
	if err := syncFolder(root, folder); err != nil && !isMissing(err) {
		return err
	}
	return nil
}
