package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/archiver/store/storetest"
)

// newRealStore returns a store below a prefix of its own, which is emptied afterwards.
func newRealStore(t *testing.T) *S3 {
	t.Helper()
	endpoint, bucket := os.Getenv("S3_TEST_ENDPOINT"), os.Getenv("S3_TEST_BUCKET")
	if endpoint == "" || bucket == "" {
		t.Skip("S3_TEST_ENDPOINT and S3_TEST_BUCKET are not set: they name a real server for this test, credentials as for every AWS tool")
	}
	s := mustNew(t, Config{Bucket: bucket, Prefix: "danmaku-test/" + rand.Text(), Endpoint: endpoint, PathStyle: true})
	s.retry.first = firstPause
	t.Cleanup(func() {
		// The test's own context has ended already.
		ctx := context.WithoutCancel(t.Context())
		err := s.List(ctx, "", func(i store.Info) error { return s.Delete(ctx, i.Key) })
		if err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return s
}

func TestRealServer(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return newRealStore(t) })
}

func TestRealServerWithoutChecksumHeader(t *testing.T) {
	s := newRealStore(t)
	s.config.Checksums = WhenRequired
	mustPut(t, s, "key", "content")
	if err := put(t, s, "key", "c0ntent", true); !errors.Is(err, store.ErrExists) {
		t.Errorf("put another: got error %v, want ErrExists", err)
	}
}

func TestRealServerChecksTheContent(t *testing.T) {
	for _, checksums := range []string{WhenSupported, WhenRequired} {
		s := newRealStore(t)
		s.config.Checksums = checksums
		content := []byte("content")
		body := &changingBody{ReadSeeker: bytes.NewReader(content), content: content}
		if err := s.Put(t.Context(), "key", body, announced("content")); err == nil {
			t.Errorf("%s: a content that changed was stored", checksums)
		}
		if _, err := s.Stat(t.Context(), "key"); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("%s: stat: got error %v, want ErrNotExist", checksums, err)
		}
	}
}

// A page of a real server has 1000 objects.
func TestRealServerListsManyPages(t *testing.T) {
	s := newRealStore(t)
	const n, writers = 1020, 8
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < n; i += writers {
				if err := put(t, s, fmt.Sprintf("many/%04d", i), "", false); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	i := 0
	err := s.List(t.Context(), "many/", func(info store.Info) error {
		if want := fmt.Sprintf("many/%04d", i); info.Key != want {
			return fmt.Errorf("got %q, want %q", info.Key, want)
		}
		i++
		return nil
	})
	if err != nil || i != n {
		t.Errorf("listed %d of %d: %v", i, n, err)
	}
}

func TestRealServerRefuses(t *testing.T) {
	s := newRealStore(t)
	c := s.config
	c.Bucket += "-that-is-not-there"
	_, err := mustNew(t, c).Stat(t.Context(), "key")
	if err == nil || errors.Is(err, store.ErrNotExist) || !strings.Contains(err.Error(), noBucket) {
		t.Errorf("missing bucket: got error %v", err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
	err = put(t, mustNew(t, s.config), "key", "content", true)
	if err == nil || !strings.Contains(err.Error(), "the secret does not belong") {
		t.Errorf("wrong secret: got error %v", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "nobody")
	err = put(t, mustNew(t, s.config), "key", "content", true)
	if err == nil || !strings.Contains(err.Error(), "does not know this access key id") {
		t.Errorf("wrong key id: got error %v", err)
	}
}
