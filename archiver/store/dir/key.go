package dir

import (
	"fmt"
	"path"
	"strings"

	"danmaku-archiver/archiver/store"
)

// checkKey refuses what is no key of a store, and what would lie in our own .tmp.
func checkKey(key string) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if key == tmpFolder || strings.HasPrefix(key, tmpFolder+"/") {
		return fmt.Errorf("%q is no key here: %s is for temporary files", key, tmpFolder)
	}
	return nil
}

// parent returns the folder of a key or folder, "." for the root.
func parent(key string) string { return path.Dir(key) }
