package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"danmaku-archiver/archiver/store"
)

// window is how much is fetched at least: a reader that asks for a few bytes at a time,
// as those of Parquet do, would make a request for each otherwise.
const window = 1 << 20

// Open returns the object for reading. Its reads end with ctx. An object that is replaced
// or removed later is not read on: ReadAt says so. The error wraps store.ErrNotExist where
// there is none.
func (s *S3) Open(ctx context.Context, key string) (store.Object, error) {
	if err := s.check(ctx, key); err != nil {
		return nil, fmt.Errorf("open %q: %w", key, err)
	}
	h, err := s.head(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s.address(key), err)
	}
	return s.newObject(ctx, key, h), nil
}

type object struct {
	store *S3
	key   string
	head  head
	ctx   context.Context
	close context.CancelCauseFunc

	mu   sync.Mutex
	last part
}

// part is a piece of the object that was fetched. Its bytes are never changed.
type part struct {
	off   int64
	bytes []byte
}

func (s *S3) newObject(ctx context.Context, key string, h head) *object {
	ctx, cancel := context.WithCancelCause(ctx)
	return &object{store: s, key: key, head: h, ctx: ctx, close: cancel}
}

func (o *object) Size() int64 { return o.head.size }

func (o *object) Close() error {
	o.close(os.ErrClosed)
	return nil
}

func (o *object) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read %s: the offset %d is negative", o.store.address(o.key), off)
	}
	if o.ctx.Err() != nil {
		return 0, fmt.Errorf("read %s: %w", o.store.address(o.key), context.Cause(o.ctx))
	}
	if len(p) == 0 {
		return 0, nil
	}
	if off >= o.head.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), o.head.size-off))
	if err := o.read(p[:n], off); err != nil {
		return 0, fmt.Errorf("read %d bytes at %d of %s: %w", n, off, o.store.address(o.key), err)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// read fills p, which lies within the object.
func (o *object) read(p []byte, off int64) error {
	if len(p) >= window {
		return o.fetch(p, off)
	}
	o.mu.Lock()
	got := o.last
	o.mu.Unlock()
	if !got.holds(off, len(p)) {
		// Near the end the window lies before it, so that a footer comes with its length.
		got.off = max(0, min(off, o.head.size-window))
		got.bytes = make([]byte, min(window, o.head.size-got.off))
		if err := o.fetch(got.bytes, got.off); err != nil {
			return err
		}
		o.mu.Lock()
		o.last = got
		o.mu.Unlock()
	}
	copy(p, got.bytes[off-got.off:])
	return nil
}

func (p part) holds(off int64, n int) bool {
	return off >= p.off && off+int64(n) <= p.off+int64(len(p.bytes))
}

// fetch fills p by one request.
func (o *object) fetch(p []byte, off int64) error {
	err := o.store.retry.call(o.ctx, int64(len(p)), func(ctx context.Context) error {
		return o.fetchOnce(ctx, p, off)
	})
	switch {
	case err == nil:
		return nil
	case o.ctx.Err() != nil:
		return context.Cause(o.ctx)
	case statusOf(err) == http.StatusPreconditionFailed:
		return fmt.Errorf("the object was replaced since it was opened: %w", err)
	case codeOf(err) == "NoSuchKey":
		return fmt.Errorf("the object was removed since it was opened: %w", store.ErrNotExist)
	}
	return explain(err)
}

func (o *object) fetchOnce(ctx context.Context, p []byte, off int64) (err error) {
	span := fmt.Sprintf("%d-%d", off, off+int64(len(p))-1)
	out, err := o.store.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: aws.String(o.store.config.Bucket), Key: aws.String(o.store.begin + o.key),
		Range: aws.String("bytes=" + span), IfMatch: o.head.etag,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Body.Close()) }()
	// A server that ignores the range would send the object's beginning for every part.
	if got := aws.ToString(out.ContentRange); !strings.HasPrefix(got, "bytes "+span+"/") {
		return fmt.Errorf("the server sent the range %q, asked was %s", got, span)
	}
	if n, err := io.ReadFull(out.Body, p); err != nil {
		// io.EOF would tell our caller that the object ends here.
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("the answer broke off after %d of %d bytes: %w", n, len(p), err)
	}
	return nil
}
