package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"danmaku-archiver/archiver/store"
)

func mustOpen(t testing.TB, s store.Store, key string) store.Object {
	t.Helper()
	o, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatalf("open %q: %v", key, err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Errorf("close %q: %v", key, err)
		}
	})
	return o
}

func testReadAt(t *testing.T, s store.Store) {
	content := random(7, 3<<20)
	size := int64(len(content))
	mustPut(t, s, key, content)
	o := mustOpen(t, s, key)
	if o.Size() != size {
		t.Fatalf("size: got %d, want %d", o.Size(), size)
	}
	for _, c := range []struct {
		off  int64
		n    int
		want int
		eof  bool
	}{
		{off: 0, n: 4, want: 4},
		{off: size - 8, n: 4, want: 4},
		{off: 1 << 20, n: 100, want: 100},
		{off: 1<<20 - 50, n: 100, want: 100},
		{off: 123, n: 2 << 20, want: 2 << 20},
		{off: 0, n: 0, want: 0},
		{off: size - 8, n: 9, want: 8, eof: true},
		{off: size - 1, n: 4096, want: 1, eof: true},
		{off: size, n: 1, want: 0, eof: true},
		{off: size + 1000, n: 10, want: 0, eof: true},
	} {
		p := make([]byte, c.n)
		n, err := o.ReadAt(p, c.off)
		if n != c.want {
			t.Errorf("read %d bytes at %d: got %d, want %d (error %v)", c.n, c.off, n, c.want, err)
			continue
		}
		if c.eof != (err == io.EOF) || !c.eof && err != nil {
			t.Errorf("read %d bytes at %d: got error %v, want io.EOF: %t", c.n, c.off, err, c.eof)
		}
		if n > 0 && !bytes.Equal(p[:n], content[c.off:c.off+int64(n)]) {
			t.Errorf("read %d bytes at %d: wrong bytes", c.n, c.off)
		}
	}
	if _, err := o.ReadAt(make([]byte, 1), -1); err == nil || err == io.EOF {
		t.Errorf("read at -1: got error %v, want one that is not io.EOF", err)
	}
	whole, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil || !bytes.Equal(whole, content) {
		t.Errorf("read from start to end: got %d of %d bytes, error %v", len(whole), len(content), err)
	}
}

func testReadAtAtOnce(t *testing.T, s store.Store) {
	content := random(8, 2<<20)
	mustPut(t, s, key, content)
	o := mustOpen(t, s, key)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for g := range errs {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 9))
			for range 6 {
				off := r.IntN(len(content))
				p := make([]byte, min(1+r.IntN(100_000), len(content)-off))
				n, err := o.ReadAt(p, int64(off))
				if err != nil && err != io.EOF || n != len(p) || !bytes.Equal(p, content[off:off+n]) {
					errs[g] = fmt.Errorf("read %d bytes at %d: got %d, error %v", len(p), off, n, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func testNotThere(t *testing.T, s store.Store) {
	mustLack(t, s, key)
	mustPut(t, s, "there/object.json", []byte("{}"))
	for _, k := range []string{"there", "there/object", "there/object.json2", "there/object.json/x", "not/there"} {
		mustLack(t, s, k)
		if err := s.Delete(t.Context(), k); err != nil {
			t.Errorf("delete %q: got error %v, want none", k, err)
		}
	}
	mustHold(t, s, "there/object.json", []byte("{}"))
}

func testDelete(t *testing.T, s store.Store) {
	mustPut(t, s, "a/b/c", []byte("c"))
	mustPut(t, s, "a/b/d", []byte("d"))
	for range 2 {
		if err := s.Delete(t.Context(), "a/b/c"); err != nil {
			t.Fatalf("delete: %v", err)
		}
		mustLack(t, s, "a/b/c")
	}
	mustHold(t, s, "a/b/d", []byte("d"))
	if err := s.Delete(t.Context(), "a/b/d"); err != nil {
		t.Fatalf("delete: %v", err)
	}
	if got := mustList(t, s, ""); len(got) != 0 {
		t.Errorf("list: got %q, want nothing", got)
	}
	content := []byte("another")
	if err := s.Put(t.Context(), "a/b/c", bytes.NewReader(content), ifAbsent(content)); err != nil {
		t.Fatalf("put again: %v", err)
	}
	mustHold(t, s, "a/b/c", content)
}
