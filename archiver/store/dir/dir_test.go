package dir

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/archiver/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return mustNew(t, t.TempDir()) })
}

func mustNew(t testing.TB, path string) *Dir {
	t.Helper()
	d, err := New(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func options(content string) store.PutOptions {
	return store.PutOptions{Size: int64(len(content)), SHA256: sha256.Sum256([]byte(content))}
}

func put(t testing.TB, d *Dir, key, content string) error {
	t.Helper()
	return d.Put(t.Context(), key, strings.NewReader(content), options(content))
}

func mustPut(t testing.TB, d *Dir, key, content string) {
	t.Helper()
	if err := put(t, d, key, content); err != nil {
		t.Fatal(err)
	}
}

func mustWrite(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// files returns what lies below the folder, folders with a slash at the end.
func files(t testing.TB, folder string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func list(t testing.TB, d *Dir) []string {
	t.Helper()
	var keys []string
	err := d.List(t.Context(), "", func(i store.Info) error {
		keys = append(keys, i.Key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestNewMakesTheFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not", "yet", "there")
	d := mustNew(t, path)
	if d.String() != path {
		t.Errorf("name: got %q, want %q", d, path)
	}
	mustPut(t, d, "a/b", "content")
	got, err := os.ReadFile(filepath.Join(path, "a", "b"))
	if err != nil || string(got) != "content" {
		t.Errorf("the file of the object: got %q, error %v", got, err)
	}
}

func TestNewRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	mustWrite(t, file, "")
	for path, want := range map[string]string{
		"":                              "the path is empty",
		file:                            file + " is a file, not a folder",
		filepath.Join(file, "sub", "x"): file + " is a file, not a folder",
	} {
		if _, err := New(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("new %q: got error %v, want %q in it", path, err, want)
		}
	}
}

func TestRelativePathIsMadeAbsolute(t *testing.T) {
	t.Chdir(t.TempDir())
	d := mustNew(t, "archive")
	t.Chdir(t.TempDir())
	mustPut(t, d, "a", "content")
	if got := list(t, d); !slices.Equal(got, []string{"a"}) {
		t.Errorf("list: got %q", got)
	}
}

func TestModes(t *testing.T) {
	d := mustNew(t, t.TempDir())
	mustPut(t, d, "folder/file", "content")
	probe := filepath.Join(t.TempDir(), "probe")
	mustWrite(t, filepath.Join(probe, "file"), "")
	for _, name := range []string{"file", ""} {
		want, err := os.Stat(filepath.Join(probe, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.Stat(filepath.Join(d.path, "folder", name))
		if err != nil {
			t.Fatal(err)
		}
		if got.Mode() != want.Mode() {
			t.Errorf("folder/%s: got mode %v, want %v", name, got.Mode(), want.Mode())
		}
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	d := mustNew(t, t.TempDir())
	mustPut(t, d, "a/b", "one")
	mustPut(t, d, "a/b", "two")
	absent := options("two")
	absent.IfAbsent = true
	for content, want := range map[string]error{"two": nil, "six": store.ErrExists} {
		o := options(content)
		o.IfAbsent = true
		err := d.Put(t.Context(), "a/b", strings.NewReader(content), o)
		if !errors.Is(err, want) {
			t.Errorf("put %q: got error %v, want %v", content, err, want)
		}
	}
	if err := d.Put(t.Context(), "a/c", strings.NewReader("three"), absent); err == nil {
		t.Error("wrong content was stored")
	}
	if got, want := files(t, d.path), []string{".tmp/", "a/", "a/b"}; !slices.Equal(got, want) {
		t.Errorf("files: got %q, want %q", got, want)
	}
	if err := d.Delete(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	if got, want := files(t, d.path), []string{".tmp/"}; !slices.Equal(got, want) {
		t.Errorf("files after delete: got %q, want %q", got, want)
	}
}

func TestTemporaryFilesAreNoObjects(t *testing.T) {
	d := mustNew(t, t.TempDir())
	mustWrite(t, filepath.Join(d.path, ".tmp", "put-x"), "half an obj")
	if got := list(t, d); len(got) != 0 {
		t.Errorf("list: got %q, want nothing", got)
	}
	for _, key := range []string{".tmp", ".tmp/put-x"} {
		if err := put(t, d, key, "x"); err == nil {
			t.Errorf("put %q: was stored", key)
		}
		if _, err := d.Stat(t.Context(), key); err == nil {
			t.Errorf("stat %q: got no error", key)
		}
	}
	mustPut(t, d, "a/.tmp", "deeper it is a name like others")
	if got := list(t, d); !slices.Equal(got, []string{"a/.tmp"}) {
		t.Errorf("list: got %q", got)
	}
}

func TestNewRemovesLeftoversOnly(t *testing.T) {
	d := mustNew(t, t.TempDir())
	tmp := filepath.Join(d.path, ".tmp")
	mustWrite(t, filepath.Join(tmp, "put-crashed"), "half")
	mustWrite(t, filepath.Join(tmp, "put-crashed-too"), "")
	mustWrite(t, filepath.Join(tmp, "notes.txt"), "not ours")
	mustWrite(t, filepath.Join(tmp, "put-folder", "x"), "not ours")

	root, err := d.root()
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	writing, err := createTemp(root)
	if err != nil {
		t.Fatal(err)
	}
	mustNew(t, d.path)
	want := []string{"notes.txt", "put-folder/", "put-folder/x", filepath.Base(writing.name)}
	slices.Sort(want)
	if got := files(t, tmp); !slices.Equal(got, want) {
		t.Errorf("after a crash: got %q, want %q", got, want)
	}

	if err := writing.Close(); err != nil {
		t.Fatal(err)
	}
	mustNew(t, d.path)
	want = []string{"notes.txt", "put-folder/", "put-folder/x"}
	if got := files(t, tmp); !slices.Equal(got, want) {
		t.Errorf("after the writer's end: got %q, want %q", got, want)
	}
}

// A crash between link and the removal of the temporary name leaves one file with two
// names. The object must outlive the removal of the other name.
func TestCrashAfterLink(t *testing.T) {
	d := mustNew(t, t.TempDir())
	tmp := filepath.Join(d.path, ".tmp", "put-crashed")
	mustWrite(t, tmp, "content")
	if err := os.Link(tmp, filepath.Join(d.path, "object")); err != nil {
		t.Fatal(err)
	}
	d = mustNew(t, d.path)
	if got, want := files(t, d.path), []string{".tmp/", "object"}; !slices.Equal(got, want) {
		t.Errorf("files: got %q, want %q", got, want)
	}
	o := options("content")
	o.IfAbsent = true
	if err := d.Put(t.Context(), "object", strings.NewReader("content"), o); err != nil {
		t.Errorf("put again: %v", err)
	}
}

// Many processes may open the folder while another one writes.
func TestNewWhilePutting(t *testing.T) {
	path := t.TempDir()
	d := mustNew(t, path)
	done := make(chan struct{})
	var wg sync.WaitGroup
	opened := 0
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := New(path); err != nil {
				t.Errorf("new: %v", err)
				return
			}
			opened++
		}
	})
	for i := range 100 {
		if err := put(t, d, "a/b", strings.Repeat("x", i*100)); err != nil {
			t.Errorf("put %d: %v", i, err)
		}
	}
	close(done)
	wg.Wait()
	if opened == 0 {
		t.Error("New never ran to its end in between")
	}
}

// Delete removes folders that it empties, also under the feet of Put.
func TestPutWhileDeleting(t *testing.T) {
	d := mustNew(t, t.TempDir())
	var wg sync.WaitGroup
	for _, key := range []string{"a/b/c/1", "a/b/c/2", "a/b/3"} {
		wg.Go(func() {
			for range 60 {
				if err := put(t, d, key, key); err != nil {
					t.Error(err)
					return
				}
				if err := d.Delete(t.Context(), key); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got, want := files(t, d.path), []string{".tmp/"}; !slices.Equal(got, want) {
		t.Errorf("files: got %q, want %q", got, want)
	}
}

func TestMissingFolderIsNoEmptyArchive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "archive")
	d := mustNew(t, path)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	_, openErr := d.Open(ctx, "a")
	_, statErr := d.Stat(ctx, "a")
	for name, err := range map[string]error{
		"put": put(t, d, "a", "x"), "open": openErr, "stat": statErr, "delete": d.Delete(ctx, "a"),
		"list": d.List(ctx, "", func(store.Info) error { return nil }),
	} {
		if err == nil || errors.Is(err, store.ErrNotExist) || !strings.Contains(err.Error(), "is gone") {
			t.Errorf("%s: got error %v, want one that says that the folder is gone", name, err)
		}
	}
}

func TestWhatIsNoObject(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	mustWrite(t, filepath.Join(outside, "file"), "secret")
	d := mustNew(t, t.TempDir())
	mustPut(t, d, "a/object", "content")
	mustWrite(t, filepath.Join(d.path, "no key (1).txt"), "")
	for name, target := range map[string]string{
		"folder": outside, "file": filepath.Join(outside, "file"), "inside": filepath.Join(d.path, "a"), "dangling": "nothing",
	} {
		if err := os.Symlink(target, filepath.Join(d.path, name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := list(t, d); !slices.Equal(got, []string{"a/object"}) {
		t.Errorf("list: got %q", got)
	}
	for _, key := range []string{"folder/file", "file", "dangling", "a"} {
		if _, err := d.Open(t.Context(), key); err == nil {
			t.Errorf("open %q: got no error", key)
		}
	}
	for _, key := range []string{"folder/file", "folder/new"} {
		if err := put(t, d, key, "x"); err == nil {
			t.Errorf("put %q: was stored", key)
		}
	}
	o := options("x")
	o.IfAbsent = true
	for _, key := range []string{"a", "file", "dangling"} {
		err := d.Put(t.Context(), key, strings.NewReader("x"), o)
		if !errors.Is(err, store.ErrExists) {
			t.Errorf("put %q: got error %v, want ErrExists", key, err)
		}
	}
	if got, want := files(t, outside), []string{"file"}; !slices.Equal(got, want) {
		t.Errorf("outside: got %q, want %q", got, want)
	}
	if got, err := os.ReadFile(filepath.Join(outside, "file")); string(got) != "secret" {
		t.Errorf("the file outside: got %q, error %v", got, err)
	}
}

func TestArchiveThroughASymbolicLink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	target := t.TempDir()
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	d := mustNew(t, link)
	mustPut(t, d, "a", "content")
	if got, err := os.ReadFile(filepath.Join(target, "a")); err != nil || string(got) != "content" {
		t.Errorf("got %q, error %v", got, err)
	}
}

func TestFileInTheWayOfAFolder(t *testing.T) {
	d := mustNew(t, t.TempDir())
	mustPut(t, d, "a", "content")
	o := options("x")
	for _, o.IfAbsent = range []bool{false, true} {
		err := d.Put(t.Context(), "a/b", strings.NewReader("x"), o)
		if err == nil || errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrNotExist) {
			t.Errorf("if absent %t: got error %v, want one about the folder", o.IfAbsent, err)
		}
	}
	if got := list(t, d); !slices.Equal(got, []string{"a"}) {
		t.Errorf("list: got %q", got)
	}
}

func TestOpenObjectOutlivesReplacement(t *testing.T) {
	d := mustNew(t, t.TempDir())
	mustPut(t, d, "a", "old content")
	o, err := d.Open(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, d, "a", "new")
	got := make([]byte, o.Size())
	if _, err := o.ReadAt(got, 0); err != nil || !bytes.Equal(got, []byte("old content")) {
		t.Errorf("got %q, error %v", got, err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}
