package s3

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	fakeBucket = "bucket"
	fakeKeyID  = "KEYIDOFTHETEST"
	fakeSecret = "secret-of-the-test"
	fakePage   = 3 // objects in one page of a list
)

// fake is an S3 server in memory with one bucket: path style, small, and as strict about
// checksums and conditions as the real ones. It refuses chunked uploads with trailers, as
// several servers do.
type fake struct {
	mu       sync.Mutex
	objects  map[string]fakeObject
	requests []*http.Request
	noBucket bool
	plain    bool // keeps no metadata, as an object put by another tool

	// fault, if set, is asked before each request; false means that it has answered.
	// lose tells whether the answer to a request that was carried out gets lost.
	fault func(w http.ResponseWriter, r *http.Request) bool
	lose  func(r *http.Request) bool
}

type fakeObject struct {
	content []byte
	header  http.Header
}

func (o fakeObject) etag() string { return fmt.Sprintf("%q", fmt.Sprintf("%x", md5.Sum(o.content))) }

func newFake(t testing.TB) (*fake, *httptest.Server) {
	f := &fake{objects: map[string]fakeObject{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, server
}

// count returns how many requests had this method.
func (f *fake) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if r.Method == method {
			n++
		}
	}
	return n
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	f.mu.Lock()
	f.requests = append(f.requests, r)
	fault, lose := f.fault, f.lose
	f.mu.Unlock()
	if fault != nil && !fault(w, r) {
		return
	}
	answer := httptest.NewRecorder()
	f.serve(answer, r, body)
	if lose != nil && lose(r) {
		hangUp(w)
		return
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	if r.Method != http.MethodHead {
		w.Write(answer.Body.Bytes())
	}
}

func hangUp(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>message of %s</Message></Error>", code, code)
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path, ok := strings.CutPrefix(r.URL.Path, "/"+fakeBucket)
	key, isObject := strings.CutPrefix(path, "/")
	isObject = isObject && key != ""
	switch {
	case !strings.Contains(r.Header.Get("Authorization"), "Credential="+fakeKeyID+"/"):
		refuse(w, http.StatusForbidden, "InvalidAccessKeyId")
	case !ok || f.noBucket:
		refuse(w, http.StatusNotFound, "NoSuchBucket")
	case !isObject && r.Method == http.MethodHead:
	case !isObject && r.URL.Query().Get("list-type") == "2":
		f.list(w, r)
	case isObject && r.Method == http.MethodPut:
		f.put(w, r, key, body)
	case isObject && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		f.get(w, r, key)
	case isObject && r.Method == http.MethodDelete:
		delete(f.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

func (f *fake) put(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	sum := sha256.Sum256(body)
	signed, checksum := r.Header.Get("X-Amz-Content-Sha256"), r.Header.Get("X-Amz-Checksum-Sha256")
	_, exists := f.objects[key]
	switch {
	case strings.HasPrefix(signed, "STREAMING-") || len(r.TransferEncoding) > 0:
		refuse(w, http.StatusNotImplemented, "NotImplemented")
	case signed != "UNSIGNED-PAYLOAD" && signed != hex.EncodeToString(sum[:]):
		refuse(w, http.StatusBadRequest, "XAmzContentSHA256Mismatch")
	case checksum != "" && checksum != base64.StdEncoding.EncodeToString(sum[:]):
		refuse(w, http.StatusBadRequest, "BadDigest")
	case r.Header.Get("If-None-Match") == "*" && exists:
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	default:
		o := fakeObject{content: body, header: r.Header.Clone()}
		if f.plain {
			o.header = http.Header{}
		}
		f.objects[key] = o
		w.Header().Set("ETag", o.etag())
	}
}

func (f *fake) get(w http.ResponseWriter, r *http.Request, key string) {
	o, ok := f.objects[key]
	if !ok {
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	for name, values := range o.header {
		if strings.HasPrefix(name, "X-Amz-Meta-") {
			w.Header()[name] = values
		}
	}
	w.Header().Set("ETag", o.etag())
	http.ServeContent(w, r, "", lastModified, bytes.NewReader(o.content))
}

type listResult struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
	Contents              []listEntry
}

type listEntry struct {
	Key  string
	Size int
}

// list gives pages of fakePage objects; the token is the last key of the page before.
func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	var entries []listEntry
	for key, o := range f.objects {
		if strings.HasPrefix(key, query.Get("prefix")) && key > query.Get("continuation-token") {
			entries = append(entries, listEntry{key, len(o.content)})
		}
	}
	slices.SortFunc(entries, func(a, b listEntry) int { return cmp.Compare(a.Key, b.Key) })
	result := listResult{Contents: entries}
	if len(entries) > fakePage {
		result.Contents, result.IsTruncated = entries[:fakePage], true
		result.NextContinuationToken = entries[fakePage-1].Key
	}
	text, err := xml.Marshal(result)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Write(text)
}
