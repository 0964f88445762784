package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"danmaku-archiver/archiver/store"
)

// Run holds the stores that open makes against the contract. open is called once for each
// test and returns an empty store.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	tests := []struct {
		name string
		run  func(t *testing.T, s store.Store)
	}{
		{"put and read back", testPutAndRead},
		{"empty object", testEmptyObject},
		{"large object", testLargeObject},
		{"body is read from its start", testBodyFromStart},
		{"wrong content is refused", testWrongContent},
		{"wrong content replaces nothing", testWrongContentReplacesNothing},
		{"failing body is refused", testFailingBody},
		{"replace", testReplace},
		{"if absent", testIfAbsent},
		{"if absent, equal ones at once", testIfAbsentEqualAtOnce},
		{"if absent, different ones at once", testIfAbsentDifferentAtOnce},
		{"replace is atomic for readers", testReplaceIsAtomic},
		{"read at", testReadAt},
		{"read at, many at once", testReadAtAtOnce},
		{"not there", testNotThere},
		{"delete", testDelete},
		{"keys", testKeys},
		{"key that begins another", testKeyBeginsAnother},
		{"what is no key", testBadKeys},
		{"list in order of keys", testListOrder},
		{"list below a prefix", testListPrefix},
		{"list ends with the error of fn", testListError},
		{"cancelled context", testCancelled},
		{"cancelled while putting", testCancelledPut},
		{"name", testName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t)) })
	}
}

// random returns n bytes that depend on seed alone.
func random(seed uint64, n int) []byte {
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), 1})
	b := make([]byte, n)
	src.Read(b)
	return b
}

func options(content []byte) store.PutOptions {
	return store.PutOptions{Size: int64(len(content)), SHA256: sha256.Sum256(content)}
}

func ifAbsent(content []byte) store.PutOptions {
	o := options(content)
	o.IfAbsent = true
	return o
}

func mustPut(t testing.TB, s store.Store, key string, content []byte) {
	t.Helper()
	if err := s.Put(t.Context(), key, bytes.NewReader(content), options(content)); err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
}

// read returns the whole content of the object, by one ReadAt.
func read(ctx context.Context, s store.Store, key string) (content []byte, err error) {
	o, err := s.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	content = make([]byte, o.Size())
	n, err := o.ReadAt(content, 0)
	if errors.Is(err, io.EOF) && n == len(content) {
		err = nil
	}
	return content[:n], err
}

// mustHold fails unless the object is there, with this content, and described so.
func mustHold(t testing.TB, s store.Store, key string, want []byte) {
	t.Helper()
	got, err := read(t.Context(), s, key)
	if err != nil {
		t.Fatalf("read %q: %v", key, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("read %q: got %d bytes that are not the %d that were put", key, len(got), len(want))
	}
	info, err := s.Stat(t.Context(), key)
	if err != nil {
		t.Fatalf("stat %q: %v", key, err)
	}
	if info.Key != key || info.Size != int64(len(want)) {
		t.Errorf("stat %q: got key %q and size %d, want size %d", key, info.Key, info.Size, len(want))
	}
	if info.SHA256 != nil && *info.SHA256 != sha256.Sum256(want) {
		t.Errorf("stat %q: got SHA-256 %x, want %x", key, *info.SHA256, sha256.Sum256(want))
	}
}

// mustLack fails unless nothing stands under the key, for each way to look.
func mustLack(t testing.TB, s store.Store, key string) {
	t.Helper()
	if o, err := s.Open(t.Context(), key); !errors.Is(err, store.ErrNotExist) {
		if err == nil {
			o.Close()
		}
		t.Errorf("open %q: got error %v, want ErrNotExist", key, err)
	}
	if _, err := s.Stat(t.Context(), key); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("stat %q: got error %v, want ErrNotExist", key, err)
	}
	for _, listed := range mustList(t, s, key) {
		if listed == key {
			t.Errorf("list: got %q, which is not there", key)
		}
	}
}

func mustList(t testing.TB, s store.Store, prefix string) []string {
	t.Helper()
	var keys []string
	err := s.List(t.Context(), prefix, func(i store.Info) error {
		keys = append(keys, i.Key)
		return nil
	})
	if err != nil {
		t.Fatalf("list %q: %v", prefix, err)
	}
	return keys
}

func testName(t *testing.T, s store.Store) {
	if s.String() == "" {
		t.Error("the store has no name")
	}
}
