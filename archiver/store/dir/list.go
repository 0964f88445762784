package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"danmaku-archiver/archiver/store"
)

// List calls fn for each object below prefix in the order of keys. It holds the names of
// the folders on one path in memory, never the whole archive.
func (d *Dir) List(ctx context.Context, prefix string, fn func(store.Info) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("list %q: %w", prefix, err)
	}
	root, err := d.root()
	if err != nil {
		return fmt.Errorf("list %q: %w", prefix, err)
	}
	defer root.Close()
	w := &walk{ctx: ctx, dir: d, root: root, prefix: prefix, fn: fn}
	return w.folder(".")
}

// walk is one List.
type walk struct {
	ctx    context.Context
	dir    *Dir
	root   *os.Root
	prefix string
	fn     func(store.Info) error
}

func (w *walk) folder(folder string) error {
	entries, err := readFolder(w.root, folder)
	if isMissing(err) && folder != "." {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", w.dir.address(folder), explain(err))
	}
	for _, name := range inKeyOrder(entries) {
		if err := w.ctx.Err(); err != nil {
			return fmt.Errorf("list %s: %w", w.dir.address(folder), err)
		}
		if folder != "." {
			name = folder + "/" + name
		}
		if err := w.entry(name); err != nil {
			return err
		}
	}
	return nil
}

// entry visits a folder, whose name ends with a slash, or a file.
func (w *walk) entry(name string) error {
	sub, isFolder := strings.CutSuffix(name, "/")
	if checkKey(sub) != nil {
		return nil
	}
	if isFolder {
		if strings.HasPrefix(name, w.prefix) || strings.HasPrefix(w.prefix, name) {
			return w.folder(sub)
		}
		return nil
	}
	if !strings.HasPrefix(name, w.prefix) {
		return nil
	}
	info, err := lookup(w.root, name)
	if errors.Is(err, store.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", w.dir.address(name), explain(err))
	}
	return w.fn(store.Info{Key: name, Size: info.Size()})
}

// inKeyOrder returns the names of the folders and regular files. A folder's name ends with
// a slash and is sorted with it: "a-b" comes before everything below "a/".
func inKeyOrder(entries []fs.DirEntry) []string {
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		switch {
		case e.IsDir():
			names = append(names, e.Name()+"/")
		case e.Type().IsRegular():
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}
