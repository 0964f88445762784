package journal

import (
	"os"
	"testing"
)

func TestHolder(t *testing.T) {
	dir := t.TempDir()
	look := func(want bool) {
		t.Helper()
		pid, held, err := Holder(dir)
		if err != nil || held != want || held && pid != os.Getpid() {
			t.Errorf("pid %d, held %t, %v; want %t", pid, held, err, want)
		}
	}
	look(false)
	w, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	look(true)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	look(false)
}
