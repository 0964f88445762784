package s3

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"danmaku-archiver/archiver/store"
)

var _ store.Store = (*S3)(nil)

// metaSHA256 is the metadata that keeps the SHA-256, in hex; x-amz-meta-sha256 on the wire.
// Part of the format; do not change.
const metaSHA256 = "sha256"

// S3 is a store.Store in a bucket. It is used by many goroutines at once. Nothing of it
// needs to be closed.
type S3 struct {
	client  *s3.Client
	config  Config
	begin   string // of the keys in the bucket: the prefix with a slash, or nothing
	tagging *string
	retry   retry

	bucketSeen atomic.Bool // the bucket has answered as one that exists
}

// New reads the AWS configuration; it does not speak to the server. The first operation
// tells whether bucket and credentials are right.
func New(ctx context.Context, c Config) (*S3, error) {
	c.Prefix = strings.Trim(c.Prefix, "/")
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	s := &S3{config: c, retry: newRetry(c.Timeout)}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("open s3 store: %w", err)
	}
	client, err := newClient(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s, err)
	}
	s.client = client
	if c.Prefix != "" {
		s.begin = c.Prefix + "/"
	}
	if len(c.Tags) > 0 {
		tags := url.Values{}
		for k, v := range c.Tags {
			tags.Set(k, v)
		}
		s.tagging = aws.String(tags.Encode())
	}
	return s, nil
}

// String returns s3://bucket/prefix, and the server if it is not Amazon's.
func (s *S3) String() string {
	name := "s3://" + s.config.Bucket
	if s.config.Prefix != "" {
		name += "/" + s.config.Prefix
	}
	if s.config.Endpoint != "" {
		name += " at " + s.config.Endpoint
	}
	return name
}

// address is how errors name the object.
func (s *S3) address(key string) string { return "s3://" + s.config.Bucket + "/" + s.begin + key }

// check is the start of every operation on one key.
func (s *S3) check(ctx context.Context, key string) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if len(s.begin)+len(key) > store.MaxKey {
		return fmt.Errorf("key and prefix have %d bytes, at most %d are allowed", len(s.begin)+len(key), store.MaxKey)
	}
	return ctx.Err()
}

// head is what the server tells about an object.
type head struct {
	size   int64
	etag   *string
	sha256 *[32]byte
}

// head returns store.ErrNotExist if the bucket is there and the object is not.
func (s *S3) head(ctx context.Context, key string) (head, error) {
	var out *s3.HeadObjectOutput
	err := s.retry.call(ctx, 0, func(ctx context.Context) (err error) {
		out, err = s.client.HeadObject(ctx, &s3.HeadObjectInput{
			Bucket: aws.String(s.config.Bucket), Key: aws.String(s.begin + key),
		})
		return err
	})
	if statusOf(err) == http.StatusNotFound {
		return head{}, s.missing(ctx, err)
	}
	if err != nil {
		return head{}, explain(err)
	}
	s.bucketSeen.Store(true)
	if out.ContentLength == nil || *out.ContentLength < 0 {
		return head{}, errors.New("the server does not tell the size")
	}
	return head{size: *out.ContentLength, etag: out.ETag, sha256: parseSHA256(out.Metadata[metaSHA256])}, nil
}

// missing tells a missing object from a missing bucket, which look alike in the answer to
// HEAD: an archive must not look empty because its bucket has gone.
func (s *S3) missing(ctx context.Context, notFound error) error {
	if codeOf(notFound) == "NoSuchBucket" {
		return explain(notFound)
	}
	if s.bucketSeen.Load() {
		return store.ErrNotExist
	}
	err := s.retry.call(ctx, 0, func(ctx context.Context) error {
		_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(s.config.Bucket)})
		return err
	})
	switch {
	case statusOf(err) == http.StatusNotFound:
		return fmt.Errorf("%s: %w", noBucket, err)
	case err != nil && statusOf(err) != http.StatusForbidden:
		// Forbidden: the bucket may be there to be used and yet not to be looked at.
		return explain(err)
	}
	s.bucketSeen.Store(true)
	return store.ErrNotExist
}

func parseSHA256(text string) *[32]byte {
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != 32 {
		return nil
	}
	return (*[32]byte)(sum)
}

// Stat describes the object; SHA256 is nil if somebody else put it. The error wraps
// store.ErrNotExist where there is none.
func (s *S3) Stat(ctx context.Context, key string) (store.Info, error) {
	if err := s.check(ctx, key); err != nil {
		return store.Info{}, fmt.Errorf("stat %q: %w", key, err)
	}
	h, err := s.head(ctx, key)
	if err != nil {
		return store.Info{}, fmt.Errorf("stat %s: %w", s.address(key), err)
	}
	return store.Info{Key: key, Size: h.size, SHA256: h.sha256}, nil
}

// Delete removes the object.
func (s *S3) Delete(ctx context.Context, key string) error {
	if err := s.check(ctx, key); err != nil {
		return fmt.Errorf("delete %q: %w", key, err)
	}
	err := s.retry.call(ctx, 0, func(ctx context.Context) error {
		_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{
			Bucket: aws.String(s.config.Bucket), Key: aws.String(s.begin + key),
		})
		return err
	})
	if err == nil || codeOf(err) == "NoSuchKey" {
		return nil
	}
	return fmt.Errorf("delete %s: %w", s.address(key), explain(err))
}

// List calls fn for each object whose key begins with prefix, in the order of keys; SHA256
// is nil, as the server's lists do not have it. Objects whose name is no key, such as the
// folders that some tools make, are left out.
func (s *S3) List(ctx context.Context, prefix string, fn func(store.Info) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("list %q: %w", prefix, err)
	}
	if store.CheckKey(prefix+"x") != nil { // no key can begin so
		return nil
	}
	last := ""
	var token *string
	for {
		page, err := s.page(ctx, prefix, token)
		if err != nil {
			return fmt.Errorf("list %s: %w", s.address(prefix), err)
		}
		for _, o := range page.Contents {
			key, ours := strings.CutPrefix(aws.ToString(o.Key), s.begin)
			if !ours || !strings.HasPrefix(key, prefix) || store.CheckKey(key) != nil {
				continue
			}
			if key <= last {
				return fmt.Errorf("list %s: the server does not list in the order of keys: %q after %q", s.address(prefix), key, last)
			}
			last = key
			if err := fn(store.Info{Key: key, Size: aws.ToInt64(o.Size)}); err != nil {
				return err
			}
		}
		if !aws.ToBool(page.IsTruncated) {
			return nil
		}
		if next := aws.ToString(page.NextContinuationToken); next == "" || next == aws.ToString(token) {
			return fmt.Errorf("list %s: the server breaks the list off after %q", s.address(prefix), last)
		}
		token = page.NextContinuationToken
	}
}

func (s *S3) page(ctx context.Context, prefix string, token *string) (out *s3.ListObjectsV2Output, err error) {
	err = s.retry.call(ctx, 0, func(ctx context.Context) (err error) {
		out, err = s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
			Bucket: aws.String(s.config.Bucket), Prefix: aws.String(s.begin + prefix), ContinuationToken: token,
		})
		return err
	})
	if err != nil {
		return nil, explain(err)
	}
	s.bucketSeen.Store(true)
	return out, nil
}
