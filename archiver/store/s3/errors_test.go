package s3

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"danmaku-archiver/archiver/store"
)

// mustExplain fails unless the error says want and where, and holds no secret.
func mustExplain(t testing.TB, operation string, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: got no error, want %q", operation, want)
		return
	}
	text := err.Error()
	if !strings.Contains(text, want) {
		t.Errorf("%s: got error %q, want %q in it", operation, text, want)
	}
	if !strings.Contains(text, "s3://"+fakeBucket+"/some/prefix/") {
		t.Errorf("%s: the error %q does not say where", operation, text)
	}
	if strings.Contains(text, fakeSecret) {
		t.Errorf("%s: the error %q holds the secret", operation, text)
	}
	if errors.Is(err, store.ErrNotExist) || errors.Is(err, store.ErrExists) {
		t.Errorf("%s: the error %q looks like an answer about the object", operation, text)
	}
}

// everyOperation returns the errors of all operations that speak to the server at once.
func everyOperation(t testing.TB, s *S3) map[string]error {
	ctx := t.Context()
	_, openErr := s.Open(ctx, "key")
	_, statErr := s.Stat(ctx, "key")
	return map[string]error{
		"put":           put(t, s, "key", "content", false),
		"put if absent": put(t, s, "key", "content", true),
		"open":          openErr, "stat": statErr, "delete": s.Delete(ctx, "key"),
		"list": s.List(ctx, "", func(store.Info) error { return nil }),
	}
}

func TestRefusals(t *testing.T) {
	for code, tt := range map[string]struct {
		status     int
		region     string
		want, head string // head is what the nameless answer to HEAD is explained by
	}{
		"InvalidAccessKeyId":           {403, "", "does not know this access key id", "access denied"},
		"SignatureDoesNotMatch":        {403, "", "the secret does not belong", "access denied"},
		"AccessDenied":                 {403, "", "access denied", "access denied"},
		"RequestTimeTooSkewed":         {403, "", "clock", "clock"},
		"ExpiredToken":                 {400, "", "session has expired", "credentials"},
		"AuthorizationHeaderMalformed": {400, "eu-other-1", "eu-other-1", "eu-other-1"},
		"PermanentRedirect":            {301, "eu-other-1", "eu-other-1", "eu-other-1"},
		"NotImplemented":               {501, "", "the server lacks", ""},
	} {
		s, f := newStore(t)
		f.fault = func(w http.ResponseWriter, _ *http.Request) bool {
			if tt.region != "" {
				w.Header().Set("X-Amz-Bucket-Region", tt.region)
			}
			refuse(w, tt.status, code)
			return false
		}
		for operation, err := range everyOperation(t, s) {
			want := tt.want
			if operation == "open" || operation == "stat" {
				want = tt.head
			}
			mustExplain(t, code+": "+operation, err, want)
		}
	}
}

func TestMissingBucket(t *testing.T) {
	s, f := newStore(t)
	f.noBucket = true
	for operation, err := range everyOperation(t, s) {
		mustExplain(t, operation, err, "the bucket does not exist")
	}
}

// Without the right to look at the bucket itself, a missing object is still missing.
func TestForbiddenBucketIsThere(t *testing.T) {
	s, f := newStore(t)
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Trim(r.URL.Path, "/") != fakeBucket {
			return true
		}
		refuse(w, http.StatusForbidden, "AccessDenied")
		return false
	}
	for range 2 {
		if _, err := s.Stat(t.Context(), "key"); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("got error %v, want ErrNotExist", err)
		}
	}
	if got := f.count(http.MethodHead); got != 3 {
		t.Errorf("got %d requests, want 3: the bucket is looked at once", got)
	}
}

func TestWrongKeyID(t *testing.T) {
	s, _ := newStore(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "ANOTHERKEYID")
	s = mustNew(t, s.config)
	mustExplain(t, "put", put(t, s, "key", "content", true), "does not know this access key id")
}

func TestNoCredentials(t *testing.T) {
	s, _ := newStore(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	s = mustNew(t, s.config)
	for operation, err := range everyOperation(t, s) {
		mustExplain(t, operation, err, "no credentials")
	}
}

// What refuses here is not the bucket's server but the one that machines in a cloud ask for
// credentials.
func TestRefusedCredentials(t *testing.T) {
	s, f := newStore(t)
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}))
	defer metadata.Close()
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	s = mustNew(t, s.config)
	mustExplain(t, "put", put(t, s, "key", "content", true), "no credentials")
	if got := len(f.requests); got != 0 {
		t.Errorf("%d requests without credentials reached the server", got)
	}
}

func TestUnknownCertificate(t *testing.T) {
	isolate(t)
	f, server, _ := newTLSFake(t)
	s := mustNew(t, Config{Bucket: fakeBucket, Prefix: "some/prefix", Endpoint: server.URL, PathStyle: true})
	for operation, err := range everyOperation(t, s) {
		mustExplain(t, operation, err, "AWS_CA_BUNDLE")
	}
	if got := len(f.requests); got != 0 {
		t.Errorf("%d requests reached a server that is not trusted", got)
	}
}

func TestHTTPSToPlainServer(t *testing.T) {
	s, _ := newStore(t)
	c := s.config
	c.Endpoint = strings.Replace(c.Endpoint, "http://", "https://", 1)
	mustExplain(t, "stat", everyOperation(t, mustNew(t, c))["stat"], "http:// instead of https://")
}
