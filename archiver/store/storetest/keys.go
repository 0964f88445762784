package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"danmaku-archiver/archiver/store"
)

func testKeys(t *testing.T, s store.Store) {
	keys := []string{
		"plain", "UPPER/lower", "with.dot/a.b.c", "under_score/-minus-", "k=v", "utc_date=2026-01-02/utc_hour=03/x=y=z",
		"a/b/c/d/e/f/g/h/i/j/k", "0/1/2", "..dots/...", "=/=", key,
	}
	for _, k := range keys {
		mustPut(t, s, k, []byte("content of "+k))
	}
	for _, k := range keys {
		mustHold(t, s, k, []byte("content of "+k))
	}
	slices.Sort(keys)
	if got := mustList(t, s, ""); !slices.Equal(got, keys) {
		t.Errorf("list:\ngot  %q\nwant %q", got, keys)
	}
}

func testKeyBeginsAnother(t *testing.T, s store.Store) {
	keys := []string{"k/x-0", "k/x-0.json", "k/x-00", "k/x-0.json.bak"}
	for _, k := range keys {
		mustPut(t, s, k, []byte(k))
	}
	if err := s.Delete(t.Context(), "k/x-0"); err != nil {
		t.Fatalf("delete: %v", err)
	}
	mustLack(t, s, "k/x-0")
	for _, k := range keys[1:] {
		mustHold(t, s, k, []byte(k))
	}
}

func testBadKeys(t *testing.T, s store.Store) {
	content := []byte("x")
	for _, k := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/.", "a/./b", "../a", "a/..", "a/../b", `a\b`, `C:\a`,
		"a b", "a\x00b", "a\nb", "a\x7f", "a?b", "a%2Fb", "a*", "ä", "a\xff", "弹幕",
	} {
		if err := s.Put(t.Context(), k, bytes.NewReader(content), options(content)); err == nil {
			t.Errorf("put %q: was stored", k)
		}
		if o, err := s.Open(t.Context(), k); err == nil {
			o.Close()
			t.Errorf("open %q: got no error", k)
		}
		if _, err := s.Stat(t.Context(), k); err == nil {
			t.Errorf("stat %q: got no error", k)
		}
		if err := s.Delete(t.Context(), k); err == nil {
			t.Errorf("delete %q: got no error", k)
		}
	}
	if got := mustList(t, s, ""); len(got) != 0 {
		t.Errorf("list: got %q, want nothing", got)
	}
}

// listed are keys whose order as bytes is not the order in which folders are walked:
// '-' and '.' come before '/', '0' and '=' after it.
var listed = []string{
	"a-b/x", "a-b/y", "a.b", "a/-", "a/b", "a/b-c/z", "a/b.c", "a0", "a=/b", "ab/c/d", "b",
}

func mustPutListed(t *testing.T, s store.Store) {
	t.Helper()
	for i := range listed {
		k := listed[(i*7+3)%len(listed)]
		mustPut(t, s, k, []byte(k))
	}
}

func testListOrder(t *testing.T, s store.Store) {
	if got := mustList(t, s, ""); len(got) != 0 {
		t.Errorf("list of an empty store: got %q", got)
	}
	mustPutListed(t, s)
	var got []string
	err := s.List(t.Context(), "", func(i store.Info) error {
		got = append(got, i.Key)
		if i.Size != int64(len(i.Key)) {
			t.Errorf("list: %q has size %d, want %d", i.Key, i.Size, len(i.Key))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(listed))
	if !slices.Equal(got, want) {
		t.Errorf("list:\ngot  %q\nwant %q", got, want)
	}
}

func testListPrefix(t *testing.T, s store.Store) {
	mustPutListed(t, s)
	for prefix, want := range map[string][]string{
		"a/":        {"a/-", "a/b", "a/b-c/z", "a/b.c"},
		"a":         {"a-b/x", "a-b/y", "a.b", "a/-", "a/b", "a/b-c/z", "a/b.c", "a0", "a=/b", "ab/c/d"},
		"a/b":       {"a/b", "a/b-c/z", "a/b.c"},
		"a/b-":      {"a/b-c/z"},
		"a/b-c/z":   {"a/b-c/z"},
		"a/b-c/zz":  nil,
		"ab/":       {"ab/c/d"},
		"ab/c/d/":   nil,
		"b":         {"b"},
		"c":         nil,
		"a/b/":      nil,
		"../":       nil,
		"/":         nil,
		"no/such/x": nil,
	} {
		if got := mustList(t, s, prefix); !slices.Equal(got, want) {
			t.Errorf("list below %q: got %q, want %q", prefix, got, want)
		}
	}
}

func testListError(t *testing.T, s store.Store) {
	mustPutListed(t, s)
	enough := errors.New("enough")
	calls := 0
	err := s.List(t.Context(), "a", func(store.Info) error {
		if calls++; calls == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || calls != 3 {
		t.Errorf("got error %v after %d calls, want that of fn after 3", err, calls)
	}
}

func testCancelled(t *testing.T, s store.Store) {
	content := []byte("content")
	mustPut(t, s, "there", content)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, openErr := s.Open(ctx, "there")
	_, statErr := s.Stat(ctx, "there")
	for name, err := range map[string]error{
		"put":    s.Put(ctx, key, bytes.NewReader(content), options(content)),
		"open":   openErr,
		"stat":   statErr,
		"list":   s.List(ctx, "", func(store.Info) error { return nil }),
		"delete": s.Delete(ctx, "there"),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got error %v, want context.Canceled", name, err)
		}
	}
	mustLack(t, s, key)
	mustHold(t, s, "there", content)
}

// testCancelledPut has a body of 256 MiB in all, which only a store that goes on after the
// context was cancelled reads to its end.
func testCancelledPut(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const size = 256 << 20
	zeros := &zeroBody{size: size}
	body := &hookedBody{zeros, 1 << 20, func() error { cancel(); return nil }}
	err := s.Put(ctx, key, body, store.PutOptions{Size: size})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context.Canceled", err)
	}
	if zeros.off > size/2 {
		t.Errorf("read %d bytes of the body, although the context was cancelled after 1 MiB", zeros.off)
	}
	mustLack(t, s, key)
}

// zeroBody is size zero bytes.
type zeroBody struct{ off, size int64 }

func (z *zeroBody) Read(p []byte) (int, error) {
	n := int(min(int64(len(p)), z.size-z.off))
	if n == 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	z.off += int64(n)
	return n, nil
}

func (z *zeroBody) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
		z.off = offset
	case io.SeekCurrent:
		z.off += offset
	case io.SeekEnd:
		z.off = z.size + offset
	}
	return z.off, nil
}
