package dir

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"danmaku-archiver/archiver/store"
)

// mustMount mounts a file system of 1 MiB in memory.
func mustMount(t *testing.T) string {
	t.Helper()
	path := t.TempDir()
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small disk is needed, and mounting one is not permitted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return path
}

func TestFullDisk(t *testing.T) {
	d := mustNew(t, mustMount(t))
	mustPut(t, d, "small", "fits")
	big := strings.Repeat("x", 2<<20)
	for range 2 {
		err := put(t, d, "folder/big", big)
		if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "is full") {
			t.Errorf("got error %v, want one that says that the disk is full", err)
		}
	}
	if got := list(t, d); !slices.Equal(got, []string{"small"}) {
		t.Errorf("list: got %q", got)
	}
	if got := files(t, filepath.Join(d.path, ".tmp")); len(got) != 0 {
		t.Errorf("left in .tmp: %q", got)
	}
	mustPut(t, d, "folder/small", "what fits is stored still")
}

func TestReadOnlyDisk(t *testing.T) {
	path := mustMount(t)
	d := mustNew(t, path)
	mustPut(t, d, "there", "content")
	mustWrite(t, filepath.Join(path, ".tmp", "put-crashed"), "half")
	if err := unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	d = mustNew(t, path)
	if info, err := d.Stat(t.Context(), "there"); err != nil || info.Size != 7 {
		t.Errorf("stat: got %v, error %v", info, err)
	}
	for name, err := range map[string]error{
		"put": put(t, d, "new", "x"), "delete": d.Delete(t.Context(), "there"),
	} {
		if !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), "mount the disk writable") {
			t.Errorf("%s: got error %v, want one that says that the disk is read-only", name, err)
		}
	}
}

func TestForbiddenFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("the tests run as root, to whom no folder is forbidden")
	}
	d := mustNew(t, t.TempDir())
	if err := os.Chmod(d.path, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(d.path, 0o755) })
	err := put(t, d, "a", "x")
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "give the user") {
		t.Errorf("put: got error %v, want one that says what to do", err)
	}
	if _, err := d.Stat(t.Context(), "a"); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("stat: got error %v, want ErrNotExist", err)
	}
}
