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

	// loses has a failed sync lose the pages that it covered for good: what is written to
	// them afterwards reads well until the power goes, until the file is cut off before them.
	loses bool

	// quota is the size of the disk, 0 for one without end; others is what files that are
	// not ours take of it.
	quota, others int64
	// wrote, if not nil, is called after each write, with nothing locked.
	wrote func()
	// readOnly refuses all changes, as a disk that was remounted so does.
	readOnly bool
}

// used is how much of the quota is taken. The caller holds mu.
func (m *memFS) used() int64 {
	n := m.others
	for _, f := range m.names {
		n += int64(len(f.data))
	}
	return n
}

func (m *memFS) Free(string) (free, total int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.quota == 0 {
		return 1 << 40, 1 << 40, nil
	}
	return max(m.quota-m.used(), 0), m.quota, nil
}

// refuses is the error of a change to a disk that takes none.
func (m *memFS) refuses(op, name string) error {
	if m.readOnly {
		return &fs.PathError{Op: op, Path: name, Err: syscall.EROFS}
	}
	return nil
}

// memNode is a file: as it is read, and as it is on the disk, which has lost [from, to).
type memNode struct {
	data, synced []byte
	from, to     int
}

// lose loses the pages that are not on the disk yet.
func (n *memNode) lose() {
	const page = 4096
	n.from, n.to = (len(n.synced)+page-1)/page*page, (len(n.data)+page-1)/page*page
}

func newMemFS() *memFS {
	return &memFS{names: map[string]*memNode{}, durable: map[string]*memNode{}, dirs: map[string]bool{},
		locked: map[string]bool{}}
}

// killed is what another process finds after this one was killed now.
func (m *memFS) killed() *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := newMemFS()
	c.quota, c.others = m.quota, m.others
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
	c.quota, c.others = m.quota, m.others
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

func (m *memFS) Edit(name string) (file, error) {
	m.mu.Lock()
	err := m.refuses("open", name)
	m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return m.Open(name)
}

func (m *memFS) Create(name string) (file, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuses("open", name); err != nil {
		return nil, err
	}
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
	if !m.dirs[name] {
		if err := m.refuses("mkdir", name); err != nil {
			return err
		}
	}
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
	if err := m.refuses("open", name); err != nil {
		return nil, err
	}
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
	n, err := f.writeAt(b, off)
	f.fs.mu.Lock()
	wrote := f.fs.wrote
	f.fs.mu.Unlock()
	if wrote != nil {
		wrote()
	}
	return n, err
}

func (f *memFile) writeAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.refuses("write", f.name); err != nil {
		return 0, err
	}
	var err error
	if f.fs.failWrite != nil {
		if err = f.fs.failWrite(f.name); err != nil {
			b = b[:len(b)/2] // a full disk takes what it can
		}
	}
	if f.fs.quota > 0 {
		room := max(f.fs.quota-f.fs.used(), 0) + int64(len(f.node.data)) - off
		if n := max(room, 0); n < int64(len(b)) {
			b, err = b[:n], &fs.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
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
			if f.fs.loses {
				f.node.lose()
			}
			return err
		}
	}
	f.node.synced = slices.Clone(f.node.data)
	for n := f.node.from; n < min(f.node.to, len(f.node.synced)); n++ {
		f.node.synced[n] = 0
	}
	return nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if size > int64(len(f.node.data)) {
		return fmt.Errorf("truncate %s up to %d", f.name, size)
	}
	f.node.data = f.node.data[:size:size]
	f.node.to = min(f.node.to, int(size+4095)/4096*4096)
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *memFile) Close() error { return nil }
