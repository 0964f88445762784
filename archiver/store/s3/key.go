package s3

import (
	"fmt"
	"strings"
)

// maxKey is how long a key may be with its prefix: the service's limit.
const maxKey = 1024

// checkKey refuses what is no key of a store.
func checkKey(key string) error {
	if key == "" {
		return fmt.Errorf("%q is no key: it is empty", key)
	}
	if len(key) > maxKey {
		return fmt.Errorf("%.40q… is no key: it has %d bytes, at most %d are allowed", key, len(key), maxKey)
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

// beginsKeys tells whether any key can begin so.
func beginsKeys(prefix string) bool { return checkKey(prefix+"x") == nil }
