package archiver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"danmaku-archiver/archiver/store"
)

var errCut = errors.New("the store is cut off")

// memStore keeps objects in memory. From its operation number cut on it fails; that one
// takes effect first if late is set, as when only the answer is lost.
type memStore struct {
	mu      sync.Mutex
	objects map[string][]byte
	noHash  bool

	ops, cut int
	late     bool
	log      []string
}

func newMemStore() *memStore { return &memStore{objects: map[string][]byte{}} }

func (m *memStore) step(op, key string, do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ops++
	m.log = append(m.log, op+" "+key)
	broken := m.cut > 0 && m.ops >= m.cut
	if broken && !(m.late && m.ops == m.cut) {
		return fmt.Errorf("%s %s: %w", op, key, errCut)
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s %s: %w", op, key, err)
	}
	if broken {
		return fmt.Errorf("%s %s: %w", op, key, errCut)
	}
	return nil
}

func (m *memStore) Put(ctx context.Context, key string, body io.ReadSeeker, o store.PutOptions) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if int64(len(data)) != o.Size || sha256.Sum256(data) != o.SHA256 {
		return errors.New("the body is not what was announced")
	}
	return m.step("put", key, func() error {
		if old, ok := m.objects[key]; ok && o.IfAbsent && !bytes.Equal(old, data) {
			return store.ErrExists
		}
		m.objects[key] = data
		return nil
	})
}

func (m *memStore) Open(ctx context.Context, key string) (store.Object, error) {
	var o memObject
	err := m.step("open", key, func() error {
		data, ok := m.objects[key]
		if !ok {
			return store.ErrNotExist
		}
		o = memObject{bytes.NewReader(data)}
		return nil
	})
	return o, err
}

func (m *memStore) Stat(ctx context.Context, key string) (i store.Info, err error) {
	err = m.step("stat", key, func() error {
		data, ok := m.objects[key]
		if !ok {
			return store.ErrNotExist
		}
		i = m.info(key, data)
		return nil
	})
	return i, err
}

func (m *memStore) info(key string, data []byte) store.Info {
	i := store.Info{Key: key, Size: int64(len(data))}
	if !m.noHash {
		sum := sha256.Sum256(data)
		i.SHA256 = &sum
	}
	return i
}

func (m *memStore) List(ctx context.Context, prefix string, fn func(store.Info) error) error {
	var all []store.Info
	err := m.step("list", prefix, func() error {
		for _, key := range slices.Sorted(maps.Keys(m.objects)) {
			if strings.HasPrefix(key, prefix) {
				all = append(all, m.info(key, m.objects[key]))
			}
		}
		return nil
	})
	for _, i := range all {
		if err := fn(i); err != nil {
			return err
		}
	}
	return err
}

func (m *memStore) Delete(ctx context.Context, key string) error {
	return m.step("delete", key, func() error {
		delete(m.objects, key)
		return nil
	})
}

func (m *memStore) String() string { return "memory" }

func (m *memStore) keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.objects))
}

func (m *memStore) clone() *memStore {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memStore{objects: maps.Clone(m.objects), noHash: m.noHash}
}

type memObject struct{ *bytes.Reader }

func (memObject) Close() error  { return nil }
func (o memObject) Size() int64 { return o.Reader.Size() }
