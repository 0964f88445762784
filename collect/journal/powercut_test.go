package journal

import (
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
)

func cloneNode(n *crashNode) *crashNode {
	return &crashNode{data: slices.Clone(n.data), disk: slices.Clone(n.disk), dirty: maps.Clone(n.dirty)}
}

// killed is what the next process finds: the page cache is there, and still not durable.
func (c *crashFS) killed() *crashFS {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := newCrashFS()
	nodes := map[*crashNode]*crashNode{}
	clone := func(old *crashNode) *crashNode {
		if nodes[old] == nil {
			nodes[old] = cloneNode(old)
		}
		return nodes[old]
	}
	for name, node := range c.names {
		n.names[name] = clone(node)
	}
	for name, node := range c.diskNames {
		n.diskNames[name] = clone(node)
	}
	for _, d := range c.pending {
		if d.node != nil {
			d.node = clone(d.node)
		}
		n.pending = append(n.pending, d)
	}
	maps.Copy(n.dirs, c.dirs)
	maps.Copy(n.diskDirs, c.diskDirs)
	return n
}

// powerKind is what of the things that are not durable a power cut leaves.
type powerKind int

const (
	keepsNothing powerKind = iota
	keepsNames             // folders as they were seen, files as they were synced
	keepsContent           // files as they were seen, folders as they were synced
	keepsPrefix            // some first changes of the folders, some first sectors of each file
	keepsSectors           // any of the changes and sectors; others are as before, zero or garbage
)

// powerCut is what the machine finds after the power went away now.
func (c *crashFS) powerCut(kind powerKind, seed uint64) *crashFS {
	k := c.killed()
	r := rand.New(rand.NewPCG(seed, uint64(kind)))
	n := newCrashFS()
	maps.Copy(n.dirs, k.diskDirs)
	maps.Copy(n.names, k.diskNames)
	kept := len(k.pending)
	switch kind {
	case keepsNothing, keepsContent:
		kept = 0
	case keepsPrefix:
		kept = r.IntN(kept + 1)
	}
	for _, d := range k.pending[:kept] {
		if kind != keepsSectors || r.IntN(2) == 0 {
			d.apply(n.names, n.dirs)
		}
	}
	maps.DeleteFunc(n.names, func(name string, _ *crashNode) bool { return !n.dirs[filepath.Dir(name)] })
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		b := n.names[name].left(kind, r)
		n.names[name] = &crashNode{data: b, disk: slices.Clone(b), dirty: map[int]bool{}}
	}
	maps.Copy(n.diskDirs, n.dirs)
	maps.Copy(n.diskNames, n.names)
	return n
}

// left is the content of a file after a power cut.
func (n *crashNode) left(kind powerKind, r *rand.Rand) []byte {
	switch kind {
	case keepsNothing, keepsNames:
		return slices.Clone(n.disk)
	}
	dirty := slices.Sorted(maps.Keys(n.dirty))
	if kind == keepsPrefix {
		if len(dirty) > 0 {
			dirty = dirty[:r.IntN(len(dirty)+1)]
		}
		if len(dirty) == 0 {
			return slices.Clone(n.disk)
		}
		b := n.written(dirty)
		if end := (dirty[len(dirty)-1] + 1) * sectorSize; len(n.disk) < len(b) && end < len(b) {
			b = b[:max(end, len(n.disk))]
		}
		return b
	}
	if kind == keepsSectors {
		all := dirty
		dirty = slices.DeleteFunc(slices.Clone(all), func(int) bool { return r.IntN(2) == 0 })
		b := n.written(dirty)
		// What was never written may be what somebody else's file held.
		for _, s := range all {
			if from := s * sectorSize; from >= len(n.disk) && !slices.Contains(dirty, s) && r.IntN(2) == 0 {
				for i := from; i < min(from+sectorSize, len(b)); i++ {
					b[i] = byte(r.Uint32())
				}
			}
		}
		return b
	}
	return n.written(dirty)
}

// written is the durable content with some sectors of the seen one, in the seen length.
func (n *crashNode) written(sectors []int) []byte {
	b := make([]byte, len(n.data))
	copy(b, n.disk)
	for _, s := range sectors {
		if from := s * sectorSize; from < len(b) {
			to := min(from+sectorSize, len(b))
			copy(b[from:to], n.data[from:to])
		}
	}
	return b
}
