package dir

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"danmaku-archiver/archiver/store"
)

// Put stores the object. It returns once the file and all folders above it are synced; when
// it fails after the file got its name, the object may be there and the call is simply
// repeated.
func (d *Dir) Put(ctx context.Context, key string, body io.ReadSeeker, o store.PutOptions) error {
	root, err := d.begin(ctx, key)
	if err != nil {
		return fmt.Errorf("put %q: %w", key, err)
	}
	defer root.Close()
	if err := putFile(ctx, root, key, body, o); err != nil {
		return fmt.Errorf("put %s: %w", d.address(key), explain(err))
	}
	return nil
}

func putFile(ctx context.Context, root *os.Root, key string, body io.ReadSeeker, o store.PutOptions) (err error) {
	tmp, err := createTemp(root)
	if err != nil {
		return err
	}
	// The lock goes with the file, so it is closed last (D3).
	defer func() { err = errors.Join(err, tmp.discard(root)) }()
	if err := copyChecked(ctx, tmp, body, o); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if o.IfAbsent {
		err = linkOrCompare(ctx, root, tmp, key, o)
	} else {
		err = inFolder(root, key, func() error { return tmp.rename(root, key) })
	}
	if err != nil {
		return err
	}
	return syncUpwards(root, parent(key))
}

// copyChecked copies body from its start to w and fails unless it is what o says.
func copyChecked(ctx context.Context, w io.Writer, body io.ReadSeeker, o store.PutOptions) error {
	if o.Size < 0 {
		return fmt.Errorf("the size %d is negative", o.Size)
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind the content: %w", err)
	}
	h := sha256.New()
	// One byte more than there should be tells a content that is too long.
	n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(&contextReader{ctx, body}, o.Size+1))
	if err != nil {
		return err
	}
	return compare(n, [32]byte(h.Sum(nil)), o)
}

func compare(size int64, sum [32]byte, o store.PutOptions) error {
	switch {
	case size > o.Size:
		return fmt.Errorf("the content is longer than the %d bytes announced", o.Size)
	case size < o.Size:
		return fmt.Errorf("the content ends after %d of the %d bytes announced", size, o.Size)
	case sum != o.SHA256:
		return fmt.Errorf("the content has SHA-256 %x, announced was %x", sum, o.SHA256)
	}
	return nil
}

// linkOrCompare publishes the temporary file under key, which fails where something stands
// already; then what stands there decides.
func linkOrCompare(ctx context.Context, root *os.Root, tmp *tempFile, key string, o store.PutOptions) error {
	taken := false
	err := inFolder(root, key, func() error {
		err := tmp.link(root, key)
		taken = errors.Is(err, fs.ErrExist)
		return err
	})
	if !taken {
		return err
	}
	there, err := openObject(root, key)
	if errors.Is(err, store.ErrNotExist) {
		return fmt.Errorf("%w, and it is no regular file", store.ErrExists)
	}
	if err != nil {
		return err
	}
	defer there.Close()
	if there.size != o.Size {
		return fmt.Errorf("%w: it has %d bytes, not %d", store.ErrExists, there.size, o.Size)
	}
	h := sha256.New()
	if _, err := io.Copy(h, &contextReader{ctx, there.File}); err != nil {
		return err
	}
	if sum := [32]byte(h.Sum(nil)); sum != o.SHA256 {
		return fmt.Errorf("%w: it has SHA-256 %x, not %x", store.ErrExists, sum, o.SHA256)
	}
	// It may have been put there by hand: D2 holds for it, too.
	return there.Sync()
}

// publishTries bounds inFolder, for the case that somebody removes the whole archive.
const publishTries = 100

// inFolder calls publish after making the folders above key. A Delete removes the folders
// that it empties, and may do so in between; then both are done again.
func inFolder(root *os.Root, key string, publish func() error) error {
	var err error
	for range publishTries {
		err = root.MkdirAll(parent(key), folderMode)
		if errors.Is(err, fs.ErrExist) {
			// One that was there for mkdir was gone when MkdirAll looked at it.
			continue
		}
		if err == nil {
			err = publish()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// contextReader makes a long copy end soon after its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
