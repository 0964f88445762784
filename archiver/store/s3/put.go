package s3

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"danmaku-archiver/archiver/store"
)

// maxSize is the largest object that one PutObject takes.
const maxSize = 5 << 30

// Put stores the object in one request, with its SHA-256 in the signature and in the
// metadata. After an error without an answer the object may be there; the call is simply
// repeated.
func (s *S3) Put(ctx context.Context, key string, body io.ReadSeeker, o store.PutOptions) error {
	if err := s.check(ctx, key); err != nil {
		return fmt.Errorf("put %q: %w", key, err)
	}
	if err := s.put(ctx, key, body, o); err != nil {
		return fmt.Errorf("put %s: %w", s.address(key), err)
	}
	return nil
}

func (s *S3) put(ctx context.Context, key string, body io.ReadSeeker, o store.PutOptions) error {
	// Reading the content once more is cheap beside sending it, and says which of the
	// two is wrong better than any server does.
	if err := checkContent(ctx, body, o); err != nil {
		return err
	}
	err := s.retry.call(ctx, o.Size, func(ctx context.Context) error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("rewind the content: %w", err)
		}
		_, err := s.client.PutObject(ctx, s.putInput(key, body, o), signSHA256(o.SHA256))
		return err
	})
	if o.IfAbsent && statusOf(err) == http.StatusPreconditionFailed {
		return s.compare(ctx, key, o)
	}
	if err != nil {
		return explain(err)
	}
	s.bucketSeen.Store(true)
	return nil
}

func (s *S3) putInput(key string, body io.ReadSeeker, o store.PutOptions) *s3.PutObjectInput {
	in := &s3.PutObjectInput{
		Bucket: aws.String(s.config.Bucket), Key: aws.String(s.begin + key),
		Body: readSeeker{body}, ContentLength: aws.Int64(o.Size),
		Metadata:             map[string]string{metaSHA256: hex.EncodeToString(o.SHA256[:])},
		StorageClass:         types.StorageClass(s.config.StorageClass),
		ServerSideEncryption: types.ServerSideEncryption(s.config.SSE),
		Tagging:              s.tagging,
	}
	if s.config.KMSKey != "" {
		in.SSEKMSKeyId = aws.String(s.config.KMSKey)
	}
	if s.config.Checksums != WhenRequired {
		in.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(o.SHA256[:]))
	}
	if o.IfAbsent {
		in.IfNoneMatch = aws.String("*")
	}
	return in
}

// readSeeker hides the body's other methods: the HTTP client would close it.
type readSeeker struct{ io.ReadSeeker }

// signSHA256 makes the announced SHA-256 a part of the request's signature, over TLS too,
// where the SDK would leave the content unsigned (S1).
func signSHA256(sum [32]byte) func(*s3.Options) {
	set := middleware.InitializeMiddlewareFunc("AnnounceSHA256", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(v4.SetPayloadHash(ctx, hex.EncodeToString(sum[:])), in)
	})
	return s3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Initialize.Add(set, middleware.Before)
	})
}

func checkContent(ctx context.Context, body io.ReadSeeker, o store.PutOptions) error {
	if o.Size < 0 {
		return fmt.Errorf("the size %d is negative", o.Size)
	}
	if o.Size > maxSize {
		return fmt.Errorf("the object has %d bytes, at most %d can be put", o.Size, int64(maxSize))
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind the content: %w", err)
	}
	h := sha256.New()
	// One byte more than there should be tells a content that is too long.
	n, err := io.Copy(h, io.LimitReader(&contextReader{ctx, body}, o.Size+1))
	if err != nil {
		return fmt.Errorf("read the content: %w", err)
	}
	switch sum := [32]byte(h.Sum(nil)); {
	case n > o.Size:
		return fmt.Errorf("the content is longer than the %d bytes announced", o.Size)
	case n < o.Size:
		return fmt.Errorf("the content ends after %d of the %d bytes announced", n, o.Size)
	case sum != o.SHA256:
		return fmt.Errorf("the content has SHA-256 %x, announced was %x", sum, o.SHA256)
	}
	return nil
}

// compare decides a refused put by what stands there (S2).
func (s *S3) compare(ctx context.Context, key string, o store.PutOptions) error {
	h, err := s.head(ctx, key)
	if errors.Is(err, store.ErrNotExist) {
		return errors.New("another object stood there and was removed meanwhile: put it again")
	}
	if err != nil {
		return fmt.Errorf("compare with the object that stands there: %w", err)
	}
	if h.size != o.Size {
		return fmt.Errorf("%w: it has %d bytes, not %d", store.ErrExists, h.size, o.Size)
	}
	if h.sha256 == nil {
		sum, err := s.hash(ctx, key, h)
		if err != nil {
			return fmt.Errorf("read the object that stands there: %w", err)
		}
		h.sha256 = &sum
	}
	if *h.sha256 != o.SHA256 {
		return fmt.Errorf("%w: it has SHA-256 %x, not %x", store.ErrExists, *h.sha256, o.SHA256)
	}
	return nil
}

// hash reads the whole object.
func (s *S3) hash(ctx context.Context, key string, h head) (sum [32]byte, err error) {
	o := s.newObject(ctx, key, h)
	defer func() { err = errors.Join(err, o.Close()) }()
	sha := sha256.New()
	if _, err := io.Copy(sha, io.NewSectionReader(o, 0, h.size)); err != nil {
		return sum, err
	}
	return [32]byte(sha.Sum(nil)), nil
}

// contextReader makes a long read end soon after its context.
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
