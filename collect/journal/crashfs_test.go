package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// crashFS is a disk with a page cache. It counts its operations, fails at one of them as it
// is told, and knows what a killed process or a power cut leaves.
//
// Content is durable sector by sector, once a Sync succeeded; a name once its folder was
// synced, and a folder likewise. A sector that a failed Sync forgot is not written by a
// later one: the kernel takes it for clean.
type crashFS struct {
	mu     sync.Mutex
	names  map[string]*crashNode
	dirs   map[string]bool
	locked map[string]bool

	diskNames map[string]*crashNode
	diskDirs  map[string]bool
	pending   []dirChange // since the last sync of their folders

	ops   int
	reads bool // opens and listings count too: not while a writer measures its room each second
	at    int  // the operation that the fault befalls; 0: none
	fault faultKind
	then  int // a crash follows after so many operations more; 0: none
	log   []string

	until  time.Time // of errors that last
	struck bool
	dead   bool
	crash  func() // called once, when the process dies
}

type crashNode struct {
	data, disk []byte
	dirty      map[int]bool // sectors that a Sync has to write
}

// dirChange is a change of a folder that is not durable yet.
type dirChange struct {
	what, from, name string
	node             *crashNode
}

const sectorSize = 512

// faultKind is what happens at an operation.
type faultKind int

const (
	dies        faultKind = iota // the process, before the operation
	diesHalfway                  // the process, in the middle of a write
	failsOnce
	failsForAWhile  // all operations, for some seconds
	isFullForAWhile // whatever needs room, for some seconds
	writesHalf      // and tells so
	syncDrops       // a Sync fails, and the old content is what is read from now on
	syncForgets     // a Sync fails, the new content is read, but never written
)

var errInjected = errors.New("injected fault")

const errWhile = 6 * time.Second // below farewell: who is told to end goes on so long

func newCrashFS() *crashFS {
	return &crashFS{names: map[string]*crashNode{}, dirs: map[string]bool{"/": true}, locked: map[string]bool{},
		diskNames: map[string]*crashNode{}, diskDirs: map[string]bool{"/": true}, crash: func() {}}
}

// begin counts an operation and returns the error that befalls it. The caller holds mu.
func (c *crashFS) begin(op, name string) error {
	if c.dead {
		return errInjected
	}
	if (op == "open" || op == "readdir") && !c.reads {
		return nil
	}
	c.ops++
	c.log = append(c.log, op+" "+name)
	if c.at == 0 || c.ops < c.at {
		return nil
	}
	if c.then > 0 && c.struck {
		if c.then--; c.then == 0 {
			return c.die()
		}
	}
	needsRoom := op == "create" || op == "write" || op == "mkdir" || op == "lock"
	switch c.fault {
	case dies:
		return c.die()
	case failsOnce:
		if !c.struck {
			c.struck = true
			return &fs.PathError{Op: op, Path: name, Err: syscall.EIO}
		}
	case failsForAWhile, isFullForAWhile:
		if !c.struck {
			c.struck, c.until = true, time.Now().Add(errWhile)
		}
		if time.Now().Before(c.until) && (c.fault == failsForAWhile || needsRoom) {
			return &fs.PathError{Op: op, Path: name, Err: syscall.ENOSPC}
		}
	}
	return nil
}

func (c *crashFS) countReads(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads = yes
}

// die ends the process. The caller holds mu.
func (c *crashFS) die() error {
	c.dead, c.struck = true, true
	c.crash()
	return errInjected
}

func (d dirChange) apply(names map[string]*crashNode, dirs map[string]bool) {
	switch d.what {
	case "create":
		names[d.name] = d.node
	case "rename":
		delete(names, d.from)
		names[d.name] = d.node
	case "remove":
		delete(names, d.name)
	case "mkdir":
		dirs[d.name] = true
	case "rmdir":
		delete(dirs, d.name)
	}
}

func (c *crashFS) change(d dirChange) {
	d.apply(c.names, c.dirs)
	c.pending = append(c.pending, d)
}

// content is everything that a reader sees, to compare.
func (c *crashFS) content() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]string{}
	for name, n := range c.names {
		if filepath.Base(name) != "lock" {
			all[name] = string(n.data)
		}
	}
	return all
}

func (c *crashFS) with(suffix string) []string {
	var found []string
	for name := range c.content() {
		if strings.HasSuffix(name, suffix) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

func notExist(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

func (c *crashFS) Open(name string) (file, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.begin("open", name); err != nil {
		return nil, err
	}
	if c.names[name] == nil {
		return nil, notExist("open", name)
	}
	return &crashFile{fs: c, name: name, node: c.names[name]}, nil
}

func (c *crashFS) Edit(name string) (file, error) { return c.Open(name) }

func (c *crashFS) Create(name string) (file, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.begin("create", name); err != nil {
		return nil, err
	}
	if !c.dirs[filepath.Dir(name)] {
		return nil, notExist("create", name)
	}
	if n := c.names[name]; n != nil {
		n.data, n.dirty = nil, map[int]bool{}
	} else {
		c.change(dirChange{what: "create", name: name, node: &crashNode{dirty: map[int]bool{}}})
	}
	return &crashFile{fs: c, name: name, node: c.names[name]}, nil
}

func (c *crashFS) Rename(from, to string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.begin("rename", from); err != nil {
		return err
	}
	if c.names[from] == nil {
		return notExist("rename", from)
	}
	c.change(dirChange{what: "rename", from: from, name: to, node: c.names[from]})
	return nil
}

func (c *crashFS) Remove(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.begin("remove", name); err != nil {
		return err
	}
	if c.dirs[name] {
		for f := range c.names {
			if filepath.Dir(f) == name {
				return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
			}
		}
		c.change(dirChange{what: "rmdir", name: name})
		return nil
	}
	if c.names[name] == nil {
		return notExist("remove", name)
	}
	c.change(dirChange{what: "remove", name: name})
	return nil
}

func (c *crashFS) MkdirAll(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.begin("mkdir", name); err != nil {
		return err
	}
	var missing []string
	for d := name; !c.dirs[d]; d = filepath.Dir(d) {
		missing = append(missing, d)
	}
	for _, d := range slices.Backward(missing) {
		c.change(dirChange{what: "mkdir", name: d})
	}
	return nil
}

func (c *crashFS) ReadDir(name string) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.begin("readdir", name); err != nil {
		return nil, err
	}
	if !c.dirs[name] {
		return nil, notExist("readdir", name)
	}
	var found []string
	for f := range c.names {
		if filepath.Dir(f) == name {
			found = append(found, filepath.Base(f))
		}
	}
	for d := range c.dirs {
		if d != name && filepath.Dir(d) == name {
			found = append(found, filepath.Base(d))
		}
	}
	slices.Sort(found)
	return found, nil
}

func (c *crashFS) SyncDir(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.begin("syncdir", name); err != nil {
		return err
	}
	if !c.dirs[name] {
		return notExist("syncdir", name)
	}
	var left []dirChange
	for _, d := range c.pending {
		if filepath.Dir(d.name) != name {
			left = append(left, d)
			continue
		}
		d.apply(c.diskNames, c.diskDirs)
	}
	c.pending = left
	return nil
}

func (c *crashFS) Free(string) (free, total int64, err error) { return 1 << 40, 1 << 40, nil }

type crashLock struct {
	fs   *crashFS
	name string
}

func (l crashLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locked, l.name)
	return nil
}

func (c *crashFS) Lock(name string) (io.Closer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.begin("lock", name); err != nil {
		return nil, err
	}
	if c.locked[name] {
		return nil, &lockedError{pid: 4711}
	}
	if c.names[name] == nil {
		c.change(dirChange{what: "create", name: name, node: &crashNode{dirty: map[int]bool{}}})
	}
	c.locked[name] = true
	return crashLock{c, name}, nil
}

type crashFile struct {
	fs   *crashFS
	name string
	node *crashNode
}

func (f *crashFile) ReadAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.dead {
		return 0, errInjected
	}
	return bytes.NewReader(f.node.data).ReadAt(b, off)
}

func (f *crashFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	c := f.fs
	err := c.begin("write", f.name)
	switch {
	case c.dead && c.fault != diesHalfway:
		return 0, err
	case err == nil && c.at > 0 && c.ops >= c.at && !c.struck && (c.fault == diesHalfway || c.fault == writesHalf):
		c.struck = true
		if b, err = b[:len(b)/2], syscall.ENOSPC; c.fault == diesHalfway {
			defer c.die()
		}
	case err != nil:
		// A full disk takes what it can.
		b = b[:len(b)/3]
	}
	if c.dead {
		return 0, errInjected
	}
	n := f.node
	before := len(n.data)
	if need := int(off) + len(b); before < need {
		n.data = append(n.data, make([]byte, need-before)...)
	}
	copy(n.data[off:], b)
	for s := min(before, int(off)) / sectorSize; s*sectorSize < int(off)+len(b); s++ {
		if s >= int(off)/sectorSize || s*sectorSize >= before {
			n.dirty[s] = true
		}
	}
	return len(b), err
}

func (f *crashFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	c, n := f.fs, f.node
	if err := c.begin("sync", f.name); err != nil {
		return err
	}
	if c.at > 0 && c.ops >= c.at && !c.struck && (c.fault == syncDrops || c.fault == syncForgets) {
		c.struck = true
		if c.fault == syncDrops {
			n.data = n.written(nil)
		}
		n.dirty = map[int]bool{}
		return &fs.PathError{Op: "sync", Path: f.name, Err: syscall.EIO}
	}
	n.disk = n.written(slices.Collect(maps.Keys(n.dirty)))
	n.dirty = map[int]bool{}
	return nil
}

func (f *crashFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.begin("truncate", f.name); err != nil {
		return err
	}
	if size > int64(len(f.node.data)) {
		return fmt.Errorf("truncate %s up to %d", f.name, size)
	}
	f.node.data = f.node.data[:size:size]
	return nil
}

func (f *crashFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.dead {
		return 0, errInjected
	}
	return int64(len(f.node.data)), nil
}

func (f *crashFile) Close() error { return nil }
