package store

import (
	"errors"
	"fmt"
	"strings"
)

// MaxKey is how many bytes a key may have: what an S3-compatible service takes at most.
const MaxKey = 1024

// CheckKey returns an error that says what is wrong, unless the key is one that every
// [Store] can hold.
func CheckKey(key string) error {
	switch {
	case key == "":
		return errors.New(`"" is no key: it is empty`)
	case len(key) > MaxKey:
		return fmt.Errorf("%.40q… is no key: it has %d bytes, at most %d are allowed", key, len(key), MaxKey)
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("%q is no key: the part %q between slashes is not allowed", key, part)
		}
	}
	for _, c := range []byte(key) {
		if !isKeyByte(c) {
			return fmt.Errorf("%q is no key: only ASCII letters, digits and -_.=/ are allowed", key)
		}
	}
	return nil
}

func isKeyByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("-_.=/", c) >= 0
}
