package journal

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// memFS is a file system in memory that knows what a power cut would leave, and fails on
// demand. A fault function gets the file's path; nil means success.
type memFS struct {
	mu      sync.Mutex
	names   map[string]*memNode // files
	durable map[string]*memNode
	dirs    map[string]bool
	locked  map[string]bool

	failWrite, failSync, failRename func(path string) error
}

type memNode struct{ data, synced []byte }

func newMemFS() *memFS {
	return &memFS{names: map[string]*memNode{}, durable: map[string]*memNode{}, dirs: map[string]bool{},
		locked: map[string]bool{}}
}

// killed is what another process finds after this one was killed now.
func (m *memFS) killed() *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := newMemFS()
	maps.Copy(c.dirs, m.dirs)
	for name, n := range m.names {
		c.names[name] = &memNode{data: slices.Clone(n.data), synced: slices.Clone(n.data)}
		c.durable[name] = c.names[name]
	}
	return c
}

// powerCut is what is left after the power went away now.
func (m *memFS) powerCut() *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := newMemFS()
	maps.Copy(c.dirs, m.dirs)
	for name, n := range m.durable {
		c.names[name] = &memNode{data: slices.Clone(n.synced), synced: slices.Clone(n.synced)}
		c.durable[name] = c.names[name]
	}
	return c
}

func (m *memFS) files(suffix string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []string
	for name := range m.names {
		if strings.HasSuffix(name, suffix) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

func (m *memFS) missing(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

func (m *memFS) Open(name string) (file, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.names[name]
	if n == nil {
		return nil, m.missing("open", name)
	}
	return &memFile{fs: m, name: name, node: n}, nil
}

func (m *memFS) Edit(name string) (file, error) { return m.Open(name) }

func (m *memFS) Create(name string) (file, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.names[name]; n != nil {
		n.data = nil
	} else {
		m.names[name] = &memNode{}
	}
	return &memFile{fs: m, name: name, node: m.names[name]}, nil
}

func (m *memFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failRename != nil {
		if err := m.failRename(from); err != nil {
			return err
		}
	}
	n := m.names[from]
	if n == nil {
		return m.missing("rename", from)
	}
	delete(m.names, from)
	m.names[to] = n
	return nil
}

func (m *memFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dirs[name] {
		for f := range m.names {
			if filepath.Dir(f) == name {
				return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
			}
		}
		delete(m.dirs, name)
		return nil
	}
	if m.names[name] == nil {
		return m.missing("remove", name)
	}
	delete(m.names, name)
	return nil
}

func (m *memFS) MkdirAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dirs[name] = true
	return nil
}

func (m *memFS) ReadDir(name string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.dirs[name] {
		return nil, m.missing("readdir", name)
	}
	var found []string
	for f := range m.names {
		if filepath.Dir(f) == name {
			found = append(found, filepath.Base(f))
		}
	}
	for d := range m.dirs {
		if filepath.Dir(d) == name {
			found = append(found, filepath.Base(d))
		}
	}
	slices.Sort(found)
	return found, nil
}

func (m *memFS) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.durable, func(f string, _ *memNode) bool { return filepath.Dir(f) == name })
	for f, n := range m.names {
		if filepath.Dir(f) == name {
			m.durable[f] = n
		}
	}
	return nil
}

type memLock struct {
	fs   *memFS
	name string
}

func (l memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locked, l.name)
	return nil
}

func (m *memFS) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked[name] {
		return nil, &lockedError{pid: 4711}
	}
	m.locked[name] = true
	return memLock{m, name}, nil
}

type memFile struct {
	fs   *memFS
	name string
	node *memNode
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.node.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	var err error
	if f.fs.failWrite != nil {
		if err = f.fs.failWrite(f.name); err != nil {
			b = b[:len(b)/2] // a full disk takes what it can
		}
	}
	if need := off + int64(len(b)); int64(len(f.node.data)) < need {
		f.node.data = append(f.node.data, make([]byte, need-int64(len(f.node.data)))...)
	}
	copy(f.node.data[off:], b)
	return len(b), err
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.failSync != nil {
		if err := f.fs.failSync(f.name); err != nil {
			return err
		}
	}
	f.node.synced = slices.Clone(f.node.data)
	return nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if size > int64(len(f.node.data)) {
		return fmt.Errorf("truncate %s up to %d", f.name, size)
	}
	f.node.data = f.node.data[:size:size]
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *memFile) Close() error { return nil }
