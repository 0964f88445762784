package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"danmaku-archiver/archiver/store"
)

const key = "hourly/danmaku/utc_date=2026-03-01/utc_hour=07/box-0123456789abcdef-0.parquet"

func testPutAndRead(t *testing.T, s store.Store) {
	mustLack(t, s, key)
	mustPut(t, s, key, []byte("as it was put"))
	mustHold(t, s, key, []byte("as it was put"))
}

func testEmptyObject(t *testing.T, s store.Store) {
	mustPut(t, s, key, nil)
	mustHold(t, s, key, nil)
	if err := s.Put(t.Context(), key, bytes.NewReader(nil), ifAbsent(nil)); err != nil {
		t.Errorf("put the empty object again: %v", err)
	}
	err := s.Put(t.Context(), key, bytes.NewReader([]byte("x")), ifAbsent([]byte("x")))
	if !errors.Is(err, store.ErrExists) {
		t.Errorf("put another over the empty object: got error %v, want ErrExists", err)
	}
}

func testLargeObject(t *testing.T, s store.Store) {
	content := random(1, 5<<20+17)
	mustPut(t, s, key, content)
	mustHold(t, s, key, content)
}

func testBodyFromStart(t *testing.T, s store.Store) {
	content := random(2, 10_000)
	body := bytes.NewReader(content)
	for range 2 {
		if _, err := body.Seek(4_321, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if err := s.Put(t.Context(), key, body, options(content)); err != nil {
			t.Fatalf("put from a body that was read in part: %v", err)
		}
		mustHold(t, s, key, content)
	}
}

// wrongOptions are descriptions that a content of at least two bytes does not meet.
func wrongOptions(content []byte) map[string]store.PutOptions {
	right := options(content)
	hash, short, long, negative := right, right, right, right
	hash.SHA256[31] ^= 1
	short.Size--
	long.Size++
	negative.Size = -1
	cut := options(content[:len(content)-1])
	return map[string]store.PutOptions{
		"SHA-256": hash, "size too small": short, "size too large": long,
		"negative size": negative, "all but the last byte": cut,
	}
}

func testWrongContent(t *testing.T, s store.Store) {
	content := random(3, 70_000)
	for name, o := range wrongOptions(content) {
		for _, o.IfAbsent = range []bool{false, true} {
			if err := s.Put(t.Context(), key, bytes.NewReader(content), o); err == nil {
				t.Errorf("%s, if absent %t: was stored", name, o.IfAbsent)
			}
			mustLack(t, s, key)
		}
	}
}

func testWrongContentReplacesNothing(t *testing.T, s store.Store) {
	old := []byte("old")
	mustPut(t, s, key, old)
	content := random(4, 70_000)
	for name, o := range wrongOptions(content) {
		if err := s.Put(t.Context(), key, bytes.NewReader(content), o); err == nil {
			t.Errorf("%s: was stored", name)
		}
		mustHold(t, s, key, old)
	}
}

var errBody = errors.New("the disk under the body is gone")

// hookedBody calls hook before each Read once `after` bytes were read in all.
type hookedBody struct {
	io.ReadSeeker
	after int
	hook  func() error
}

func (b *hookedBody) Read(p []byte) (int, error) {
	if b.after <= 0 {
		if err := b.hook(); err != nil {
			return 0, err
		}
	}
	n, err := b.ReadSeeker.Read(p[:min(len(p), 4096)])
	b.after -= n
	return n, err
}

func testFailingBody(t *testing.T, s store.Store) {
	content := random(5, 100_000)
	body := &hookedBody{bytes.NewReader(content), 50_000, func() error { return errBody }}
	if err := s.Put(t.Context(), key, body, options(content)); !errors.Is(err, errBody) {
		t.Errorf("got error %v, want that of the body", err)
	}
	mustLack(t, s, key)
}

func testReplace(t *testing.T, s store.Store) {
	for _, content := range []string{"one", "a longer two", "", "three"} {
		mustPut(t, s, key, []byte(content))
		mustHold(t, s, key, []byte(content))
	}
}

func testIfAbsent(t *testing.T, s store.Store) {
	first, sameSize, longer := []byte("first"), []byte("fIrst"), []byte("longer than first")
	for range 2 {
		if err := s.Put(t.Context(), key, bytes.NewReader(first), ifAbsent(first)); err != nil {
			t.Fatalf("put equal: %v", err)
		}
		mustHold(t, s, key, first)
	}
	for _, other := range [][]byte{sameSize, longer, nil} {
		err := s.Put(t.Context(), key, bytes.NewReader(other), ifAbsent(other))
		if !errors.Is(err, store.ErrExists) {
			t.Errorf("put %q: got error %v, want ErrExists", other, err)
		}
		mustHold(t, s, key, first)
	}
	if got := mustList(t, s, ""); len(got) != 1 {
		t.Errorf("list: got %q, want the one object", got)
	}
}

// putAtOnce puts n contents under one key, only if absent, and returns the n results.
func putAtOnce(t *testing.T, s store.Store, contents [][]byte) []error {
	t.Helper()
	errs := make([]error, len(contents))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, content := range contents {
		wg.Go(func() {
			<-start
			errs[i] = s.Put(t.Context(), key, bytes.NewReader(content), ifAbsent(content))
		})
	}
	close(start)
	wg.Wait()
	return errs
}

func testIfAbsentEqualAtOnce(t *testing.T, s store.Store) {
	content := random(6, 200_000)
	contents := make([][]byte, 16)
	for i := range contents {
		contents[i] = content
	}
	for i, err := range putAtOnce(t, s, contents) {
		if err != nil {
			t.Errorf("put %d: %v", i, err)
		}
	}
	mustHold(t, s, key, content)
}

func testIfAbsentDifferentAtOnce(t *testing.T, s store.Store) {
	contents := make([][]byte, 16)
	for i := range contents {
		contents[i] = random(uint64(100+i), 50_000)
	}
	winner := -1
	for i, err := range putAtOnce(t, s, contents) {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Errorf("put %d and %d of different contents both succeeded", winner, i)
		case !errors.Is(err, store.ErrExists):
			t.Errorf("put %d: got error %v, want ErrExists", i, err)
		}
	}
	if winner < 0 {
		t.Fatal("none of the contents was stored")
	}
	mustHold(t, s, key, contents[winner])
}

// testReplaceIsAtomic replaces an object while it is read. A store may refuse to read on in
// an object that was replaced after Open; it never shows parts of two.
func testReplaceIsAtomic(t *testing.T, s store.Store) {
	versions := map[string]bool{}
	contents := make([][]byte, 12)
	for i := range contents {
		contents[i] = random(uint64(200+i), 100_000+i)
		versions[string(contents[i])] = true
	}
	mustPut(t, s, key, contents[0])

	ctx, cancel := context.WithCancel(t.Context())
	attempts := make(chan error)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(attempts)
		for ctx.Err() == nil {
			select {
			case attempts <- readVersion(ctx, s, versions):
			case <-ctx.Done():
			}
		}
	})
	for _, content := range contents[1:] {
		replaced := make(chan error, 1)
		wg.Go(func() {
			replaced <- s.Put(t.Context(), key, bytes.NewReader(content), options(content))
		})
		for done := false; !done; {
			select {
			case err := <-attempts:
				if err != nil {
					t.Error(err)
				}
			case err := <-replaced:
				done = true
				if err != nil {
					t.Errorf("replace: %v", err)
				}
			}
		}
		if err := <-attempts; err != nil {
			t.Error(err)
		}
	}
	cancel()
	wg.Wait()
	mustHold(t, s, key, contents[len(contents)-1])
}

// readVersion reads the object in two halves, so that a replacement can fall between.
func readVersion(ctx context.Context, s store.Store, versions map[string]bool) error {
	o, err := s.Open(ctx, key)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("open while the object is replaced: %w", err)
	}
	defer o.Close()
	content := make([]byte, o.Size())
	half := len(content) / 2
	for _, part := range []struct{ from, to int }{{half, len(content)}, {0, half}} {
		n, err := o.ReadAt(content[part.from:part.to], int64(part.from))
		if err != nil && !errors.Is(err, io.EOF) || n != part.to-part.from {
			return nil
		}
	}
	if !versions[string(content)] {
		return fmt.Errorf("read %d bytes that are none of the versions", len(content))
	}
	return nil
}
