package archiver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"danmaku-archiver/archiver/store"
)

// publish puts the files, sees that the store holds them, and commits the hour (A1).
func (a *Archiver) publish(ctx context.Context, b store.Build, m *store.Manifest, files []staged) error {
	data, err := m.Encode()
	if err != nil {
		return err
	}
	present := map[string]bool{}
	for _, f := range files {
		present[f.info.Key] = true
		if err := putFile(ctx, a.c.Store, f); err != nil {
			return err
		}
	}
	if err := removeLeftovers(ctx, a.c.Store, b, present); err != nil {
		return err
	}
	for _, f := range files {
		if err := checkStored(ctx, a.c.Store, f.info.Key, f.info.Bytes, f.sum); err != nil {
			return err
		}
	}
	err = a.c.Store.Put(ctx, b.ManifestKey(), bytes.NewReader(data), store.PutOptions{
		Size: int64(len(data)), SHA256: sha256.Sum256(data), IfAbsent: true,
	}) // commit point
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("%w: put %s: %w", ErrConflict, b.ManifestKey(), err)
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", b.ManifestKey(), err)
	}
	return nil
}

// putFile puts one file. It replaces what lies there: no manifest names it.
func putFile(ctx context.Context, st store.Store, f staged) (err error) {
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := file.Close(); err == nil {
			err = cerr
		}
	}()
	err = st.Put(ctx, f.info.Key, file, store.PutOptions{Size: f.info.Bytes, SHA256: f.sum})
	if err != nil {
		return fmt.Errorf("put %s: %w", f.info.Key, err)
	}
	return nil
}

// removeLeftovers removes objects of tables that have no rows now: an attempt by another
// recipe may have put them, and who reads by name pattern would take them for the hour's.
func removeLeftovers(ctx context.Context, st store.Store, b store.Build, present map[string]bool) error {
	for _, t := range tables {
		key := b.ObjectKey(t.tableName())
		if present[key] {
			continue
		}
		_, err := st.Stat(ctx, key)
		if errors.Is(err, store.ErrNotExist) {
			continue
		}
		if err == nil {
			err = st.Delete(ctx, key)
		}
		if err != nil {
			return fmt.Errorf("remove leftover %s: %w", key, err)
		}
	}
	return nil
}

// checkStored compares what the store says of the object with what was put; a store that
// keeps no hash is read.
func checkStored(ctx context.Context, st store.Store, key string, size int64, sum [32]byte) error {
	info, err := st.Stat(ctx, key)
	if err != nil {
		return fmt.Errorf("look at %s: %w", key, err)
	}
	if info.Size != size {
		return fmt.Errorf("%s holds %d bytes, %d were put", key, info.Size, size)
	}
	got := info.SHA256
	if got == nil {
		read, err := hashObject(ctx, st, key, size)
		if err != nil {
			return err
		}
		got = &read
	}
	if *got != sum {
		return fmt.Errorf("%s has SHA-256 %x, %x was put", key, *got, sum)
	}
	return nil
}

// hashObject reads an object of the given size and returns its SHA-256.
func hashObject(ctx context.Context, st store.Store, key string, size int64) (sum [32]byte, err error) {
	o, err := st.Open(ctx, key)
	if err != nil {
		return sum, fmt.Errorf("open %s: %w", key, err)
	}
	defer func() {
		if cerr := o.Close(); err == nil {
			err = cerr
		}
	}()
	return hashReader(ctx, o, key, size)
}

func hashReader(ctx context.Context, r io.ReaderAt, key string, size int64) (sum [32]byte, err error) {
	h := sha256.New()
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, contextReader{ctx, io.NewSectionReader(r, 0, size)}, make([]byte, 1<<20))
	if err != nil {
		return sum, fmt.Errorf("read %s: %w", key, err)
	}
	if n != size {
		return sum, fmt.Errorf("read %s: %d bytes of %d", key, n, size)
	}
	return [32]byte(h.Sum(nil)), nil
}

// contextReader stops reading soon after the context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
