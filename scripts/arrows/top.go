package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// topLevel returns the names in the root of the repository, without those that git
// ignores: what a build or a run left there is not part of it.
func topLevel(root string) ([]string, error) {
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	if out, err := cmd.Output(); err == nil {
		return firstParts(string(out)), nil
	}
	// An unpacked archive of the sources has no git.
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("read the top level: %w", err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// firstParts returns the first part of each of the paths, which end with a zero byte.
func firstParts(paths string) []string {
	var names []string
	for p := range strings.SplitSeq(strings.TrimSuffix(paths, "\x00"), "\x00") {
		name, _, _ := strings.Cut(p, "/")
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
