package dir

import (
	"fmt"
	"path"
	"strings"
)

// checkKey refuses what is no key of a store, and what would lie in our own .tmp.
func checkKey(key string) error {
	if key == "" {
		return fmt.Errorf("%q is no key: it is empty", key)
	}
	for i, part := range strings.Split(key, "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return fmt.Errorf("%q is no key: the part %q between slashes is not allowed", key, part)
		case i == 0 && part == tmpFolder:
			return fmt.Errorf("%q is no key here: %s is for temporary files", key, tmpFolder)
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

// parent returns the folder of a key or folder, "." for the root.
func parent(key string) string { return path.Dir(key) }
