package store

import (
	"context"
	"errors"
	"io"
)

// ErrNotExist is returned (wrapped) for a key that holds no object.
var ErrNotExist = errors.New("no such object")

// ErrExists is returned (wrapped) by Put with IfAbsent when another object with a
// different content stands under the key. Nothing was changed.
var ErrExists = errors.New("another object stands there already")

// Store holds objects under keys: slash-separated paths without a leading slash, of
// letters, digits and any of -_.=/ . A Store is used by many goroutines at once.
type Store interface {
	// Put stores the object and returns once it is durable: it survives a power cut, and
	// a reader sees all of it or nothing. It replaces what stood there, unless IfAbsent;
	// then an equal object (size and SHA-256) is success and any other is ErrExists.
	// The store checks the content against SHA256 on the way. body is read from its start,
	// perhaps more than once.
	Put(ctx context.Context, key string, body io.ReadSeeker, o PutOptions) error
	// Open returns the object for reading. ErrNotExist.
	Open(ctx context.Context, key string) (Object, error)
	// Stat describes the object. ErrNotExist.
	Stat(ctx context.Context, key string) (Info, error)
	// List calls fn for every object whose key begins with prefix, in the order of keys,
	// until fn returns an error, which it returns. Objects that are stored or removed
	// meanwhile may be listed or not.
	List(ctx context.Context, prefix string, fn func(Info) error) error
	// Delete removes the object; a key that holds none is no error.
	Delete(ctx context.Context, key string) error
	// String names the place for people, such as /var/lib/danmaku/archive. No secrets.
	String() string
}

// PutOptions describes what is put.
type PutOptions struct {
	Size     int64
	SHA256   [32]byte
	IfAbsent bool
}

// Info describes a stored object. SHA256 is nil where the store does not keep it.
type Info struct {
	Key    string
	Size   int64
	SHA256 *[32]byte
}

// Object is an open object. ReadAt may be called concurrently.
type Object interface {
	io.ReaderAt
	io.Closer
	Size() int64
}
