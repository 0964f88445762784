package s3

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/archiver/store/storetest"
)

var lastModified = time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC)

// isolate keeps the machine's own AWS configuration out of the test.
func isolate(t testing.TB) {
	for _, name := range []string{"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "credentials"))
	t.Setenv("AWS_ACCESS_KEY_ID", fakeKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", fakeSecret)
}

func mustNew(t testing.TB, c Config) *S3 {
	t.Helper()
	s, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	s.retry.first = time.Millisecond
	return s
}

// newStore returns a store on a new fake server.
func newStore(t testing.TB) (*S3, *fake) {
	t.Helper()
	isolate(t)
	f, server := newFake(t)
	return mustNew(t, Config{Bucket: fakeBucket, Prefix: "some/prefix", Endpoint: server.URL, PathStyle: true}), f
}

func put(t testing.TB, s *S3, key, content string, ifAbsent bool) error {
	t.Helper()
	o := announced(content)
	o.IfAbsent = ifAbsent
	return s.Put(t.Context(), key, strings.NewReader(content), o)
}

func announced(content string) store.PutOptions {
	return store.PutOptions{Size: int64(len(content)), SHA256: sha256.Sum256([]byte(content))}
}

func mustPut(t testing.TB, s *S3, key, content string) {
	t.Helper()
	if err := put(t, s, key, content, false); err != nil {
		t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		s, f := newStore(t)
		f.objects["some/other"] = fakeObject{}
		return s
	})
}

func TestContractWithoutPrefixAndChecksumHeader(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		isolate(t)
		_, server := newFake(t)
		return mustNew(t, Config{Bucket: fakeBucket, Endpoint: server.URL, PathStyle: true, Checksums: WhenRequired})
	})
}

// newTLSFake writes the server's certificate to a file and returns its path.
func newTLSFake(t testing.TB) (f *fake, server *httptest.Server, ca string) {
	f = &fake{objects: map[string]fakeObject{}}
	server = httptest.NewUnstartedServer(f)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return f, server, ca
}

func TestContractOverTLS(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		isolate(t)
		_, server, ca := newTLSFake(t)
		t.Setenv("AWS_CA_BUNDLE", ca)
		return mustNew(t, Config{Bucket: fakeBucket, Endpoint: server.URL, PathStyle: true})
	})
}

func TestPutSends(t *testing.T) {
	isolate(t)
	f, server := newFake(t)
	s := mustNew(t, Config{
		Bucket: fakeBucket, Prefix: "/some/prefix/", Endpoint: server.URL, PathStyle: true, Region: "eu-test-1",
		StorageClass: "STANDARD_IA", SSE: "aws:kms", KMSKey: "key/1", Tags: map[string]string{"b": "2 &", "a": "1"},
	})
	if err := put(t, s, "key", "content", true); err != nil {
		t.Fatal(err)
	}
	o, ok := f.objects["some/prefix/key"]
	if !ok {
		t.Fatalf("the objects are %v", f.objects)
	}
	const hexSum = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
	for name, want := range map[string]string{
		"Content-Length":                              "7",
		"X-Amz-Content-Sha256":                        hexSum,
		"X-Amz-Meta-Sha256":                           hexSum,
		"X-Amz-Checksum-Sha256":                       "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=",
		"If-None-Match":                               "*",
		"X-Amz-Storage-Class":                         "STANDARD_IA",
		"X-Amz-Server-Side-Encryption":                "aws:kms",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "key/1",
		"X-Amz-Tagging":                               "a=1&b=2+%26",
	} {
		if got := o.header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := o.header.Get("Authorization"); !strings.Contains(got, "/eu-test-1/s3/") {
		t.Errorf("Authorization is not for the region: %q", got)
	}
}

func TestServerChecksTheContent(t *testing.T) {
	s, f := newStore(t)
	for _, checksums := range []string{WhenSupported, WhenRequired} {
		s.config.Checksums = checksums
		content := []byte("content")
		// The body changes after it was looked at, as on a failing disk.
		body := &changingBody{ReadSeeker: bytes.NewReader(content), content: content}
		err := s.Put(t.Context(), "key", body, announced("content"))
		if err == nil || len(f.objects) != 0 {
			t.Errorf("%s: a content that changed was stored: error %v, objects %v", checksums, err, f.objects)
		}
		if f.count(http.MethodPut) == 0 {
			t.Errorf("%s: nothing was sent, so the server checked nothing", checksums)
		}
	}
}

// changingBody changes its content at the second rewind.
type changingBody struct {
	io.ReadSeeker
	content []byte
	rewinds int
}

func (b *changingBody) Seek(offset int64, whence int) (int64, error) {
	if offset == 0 && whence == io.SeekStart {
		if b.rewinds++; b.rewinds == 2 {
			b.content[0] ^= 1
		}
	}
	return b.ReadSeeker.Seek(offset, whence)
}

func TestLostAnswer(t *testing.T) {
	for _, ifAbsent := range []bool{false, true} {
		s, f := newStore(t)
		var lost atomic.Bool
		f.lose = func(r *http.Request) bool { return r.Method == http.MethodPut && lost.CompareAndSwap(false, true) }
		if err := put(t, s, "key", "content", ifAbsent); err != nil {
			t.Errorf("if absent %t: %v", ifAbsent, err)
		}
		if !lost.Load() {
			t.Error("no answer was lost")
		}
		if got := f.count(http.MethodPut); got != 2 {
			t.Errorf("if absent %t: got %d requests to put, want 2", ifAbsent, got)
		}
	}
}

func TestIfAbsentComparesWithoutMetadata(t *testing.T) {
	s, f := newStore(t)
	f.plain = true
	mustPut(t, s, "key", "content")
	info, err := s.Stat(t.Context(), "key")
	if err != nil || info.SHA256 != nil {
		t.Fatalf("stat: got %v, error %v, want no SHA-256", info, err)
	}
	if err := put(t, s, "key", "content", true); err != nil {
		t.Errorf("put equal: %v", err)
	}
	if err := put(t, s, "key", "c0ntent", true); !errors.Is(err, store.ErrExists) {
		t.Errorf("put another: got error %v, want ErrExists", err)
	}
	if f.count(http.MethodGet) != 2 {
		t.Errorf("got %d reads, want 2", f.count(http.MethodGet))
	}
}

func TestStatKnowsTheSHA256(t *testing.T) {
	s, _ := newStore(t)
	mustPut(t, s, "key", "content")
	info, err := s.Stat(t.Context(), "key")
	if err != nil || info.SHA256 == nil || *info.SHA256 != sha256.Sum256([]byte("content")) {
		t.Errorf("got %v, error %v", info, err)
	}
}

func TestObjectIsReadAsOpened(t *testing.T) {
	s, _ := newStore(t)
	mustPut(t, s, "key", "content")
	o, err := s.Open(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "key", "C0NTENT")
	p := make([]byte, 7)
	if n, err := o.ReadAt(p, 0); err == nil || !strings.Contains(err.Error(), "was replaced") {
		t.Errorf("replaced: got %q, error %v", p[:n], err)
	}
	if err := s.Delete(t.Context(), "key"); err != nil {
		t.Fatal(err)
	}
	if n, err := o.ReadAt(p, 0); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("removed: got %q, error %v, want ErrNotExist", p[:n], err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if _, err := o.ReadAt(p, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: got error %v, want os.ErrClosed", err)
	}
}

func TestSmallReadsAreGathered(t *testing.T) {
	s, f := newStore(t)
	content := strings.Repeat("0123456789abcdef", 3*window/16)
	mustPut(t, s, "key", content)
	o, err := s.Open(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	// A Parquet reader takes the last 8 bytes and then the footer before them.
	tail := make([]byte, 8)
	if _, err := o.ReadAt(tail, o.Size()-8); err != nil {
		t.Fatal(err)
	}
	footer := make([]byte, 60_000)
	if _, err := o.ReadAt(footer, o.Size()-8-60_000); err != nil {
		t.Fatal(err)
	}
	if got := f.count(http.MethodGet); got != 1 {
		t.Errorf("tail and footer: got %d requests, want 1", got)
	}
	got, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil || string(got) != content {
		t.Errorf("read %d bytes, error %v", len(got), err)
	}
	if got := f.count(http.MethodGet); got != 1+4 && got != 1+3 {
		t.Errorf("from start to end: got %d requests, want 3 or 4 more", got-1)
	}
}

func TestAnswerBreaksOff(t *testing.T) {
	s, f := newStore(t)
	mustPut(t, s, "key", "content")
	var broken atomic.Int32
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || broken.Add(1) > 2 {
			return true
		}
		w.Header().Set("Content-Range", "bytes 0-6/7")
		w.Header().Set("Content-Length", "7")
		w.WriteHeader(http.StatusPartialContent)
		io.WriteString(w, "con"[:broken.Load()-1])
		http.NewResponseController(w).Flush()
		hangUp(w)
		return false
	}
	o, err := s.Open(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	p := make([]byte, 7)
	if _, err := o.ReadAt(p, 0); err != nil || string(p) != "content" {
		t.Errorf("got %q, error %v", p, err)
	}
	if broken.Load() != 3 {
		t.Errorf("got %d requests, want 3", broken.Load())
	}
}

func TestServerThatIgnoresRanges(t *testing.T) {
	s, f := newStore(t)
	mustPut(t, s, "key", strings.Repeat("x", 2*window))
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("Range")
		return true
	}
	o, err := s.Open(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.ReadAt(make([]byte, 9), window); err == nil || !strings.Contains(err.Error(), "range") {
		t.Errorf("got error %v, want one about the range", err)
	}
}

func TestListLeavesOutWhatIsNoKey(t *testing.T) {
	s, f := newStore(t)
	for _, key := range []string{"some/prefix/", "some/prefix/a/", "some/prefix/a b", "some/prefix/a/b", "some/prefix2/a", "some/prefix"} {
		f.objects[key] = fakeObject{}
	}
	var got []string
	err := s.List(t.Context(), "", func(i store.Info) error {
		got = append(got, i.Key)
		return nil
	})
	if err != nil || !slices.Equal(got, []string{"a/b"}) {
		t.Errorf("got %q, error %v", got, err)
	}
}

func TestListRefusesWhatIsNoList(t *testing.T) {
	for answer, want := range map[string]string{
		"<Contents><Key>some/prefix/b</Key></Contents><Contents><Key>some/prefix/a</Key></Contents>":   "order of keys",
		"<Contents><Key>some/prefix/b</Key></Contents><IsTruncated>true</IsTruncated>":                 "breaks the list off",
		"<IsTruncated>true</IsTruncated><NextContinuationToken>the same again</NextContinuationToken>": "breaks the list off",
	} {
		s, f := newStore(t)
		f.fault = func(w http.ResponseWriter, _ *http.Request) bool {
			io.WriteString(w, "<ListBucketResult>"+answer+"</ListBucketResult>")
			return false
		}
		err := s.List(t.Context(), "", func(store.Info) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", answer, err, want)
		}
	}
}
