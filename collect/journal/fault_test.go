package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/schema"
)

func TestFailedWriteIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		w.command(7, "before")
		w.sync()
		failures := 0
		fsys.mu.Lock()
		fsys.failWrite = func(string) error { failures++; return errors.New("no space left") }
		fsys.mu.Unlock()
		for n := range 50 {
			w.command(7, fmt.Sprint("meanwhile ", n))
			time.Sleep(time.Second / 2)
		}
		if all, damage := mustRead(t, mustOne(t, fsys)); len(commands(all)) != 1 || len(damage) > 0 {
			t.Errorf("while failing: %v %v", texts(all), damage)
		}
		fsys.mu.Lock()
		fsys.failWrite = nil
		fsys.mu.Unlock()
		if failures < 3 {
			t.Fatalf("%d failures", failures)
		}
		w.end()
		all, damage := mustRead(t, mustOne(t, fsys))
		if got := commands(all); len(got) != 51 || got[50] != "meanwhile 49" || len(damage) > 0 {
			t.Errorf("%d commands, damage %v", len(got), damage)
		}
	})
}

// I6: what a failed fsync covered is written again, under the same numbers.
func TestFailedSync(t *testing.T) {
	for name, early := range map[string]bool{"of a segment with nothing durable": true, "later": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				fsys := newMemFS()
				w := start(t, options(fsys))
				var want []string
				if !early {
					w.command(7, "durable")
					want = append(want, "durable")
					w.sync()
				}
				w.command(7, "first")
				gathered()
				w.command(7, "second")
				failed := 0
				fsys.mu.Lock()
				fsys.failSync = func(path string) error {
					if failed++; failed == 1 {
						// The kernel forgets what it could not write.
						n := fsys.names[path]
						kept := len(n.synced)
						n.data = append(n.data[:kept:kept], make([]byte, len(n.data)-kept)...)
						return errors.New("input/output error")
					}
					return nil
				}
				fsys.mu.Unlock()
				w.sync()
				if failed < 2 {
					t.Fatalf("%d syncs", failed)
				}
				after := fsys.powerCut()
				w.command(7, "third")
				w.end()
				want = append(want, "first", "second")
				for _, c := range []struct {
					fs   *memFS
					want []string
				}{{fsys, append(slices.Clone(want), "third")}, {after, want}} {
					if c.fs == after {
						w := start(t, options(c.fs))
						w.end()
					}
					all, damage := mustRead(t, mustOne(t, c.fs))
					if d := cmp.Diff(c.want, commands(all)); d != "" || len(damage) > 0 {
						t.Errorf("commands (-want +got):\n%s\n%v", d, damage)
					}
					if left := c.fs.files(".open"); len(left) > 0 {
						t.Errorf("left unsealed: %v", left)
					}
				}
			})
		})
	}
}

// I6 holds for footers too: pages that a failed fsync covered are not written to again.
func TestFailedSyncLosesItsPages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		fsys.loses = true
		o := options(fsys)
		o.ahead = -1 // what is lost lies behind the end of what is durable
		w := start(t, o)
		noise := rand.New(rand.NewPCG(1, 2))
		var want []string
		more := func() {
			for range 3 {
				text := make([]byte, 5000)
				for n := range text {
					text[n] = "0123456789abcdefghijklmnopqrstuvwxyz"[noise.IntN(36)]
				}
				want = append(want, string(text))
				w.command(7, string(text))
				gathered()
			}
		}
		more()
		w.sync()
		more()
		failed := false
		fsys.mu.Lock()
		fsys.failSync = func(string) error {
			if failed {
				return nil
			}
			failed = true
			return errors.New("input/output error")
		}
		fsys.mu.Unlock()
		w.sync()
		more()
		w.end()
		after := fsys.powerCut()
		if len(after.files(".sealed")) < 2 {
			t.Fatalf("nothing was replaced: %v", after.files(""))
		}
		all, damage := mustRead(t, mustOne(t, after))
		if d := cmp.Diff(want, commands(all)); d != "" || len(damage) > 0 {
			t.Errorf("commands (-want +got):\n%s\n%v", d, damage)
		}
		r, err := verifyAll(t.Context(), after, testDir, nil)
		if err != nil || !r.OK() || len(r.Notes) > 0 {
			t.Errorf("verify: %v %+v %+v", err, r.Damage, r.Notes)
		}
	})
}

func TestFailedSealIsTriedAgain(t *testing.T) {
	for name, fault := range map[string]func(*memFS, func() error){
		"rename": func(m *memFS, f func() error) { m.failRename = func(string) error { return f() } },
		"fsync":  func(m *memFS, f func() error) { m.failSync = func(string) error { return f() } },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				fsys := newMemFS()
				w := start(t, options(fsys))
				w.command(7, "a")
				w.sync()
				n := 0
				fsys.mu.Lock()
				fault(fsys, func() error {
					if n++; n <= 3 {
						return errors.New("refused")
					}
					return nil
				})
				fsys.mu.Unlock()
				sleepUntil(3 * time.Hour)
				w.command(7, "b") // rotates
				w.sync()
				w.end()
				all, damage := mustRead(t, mustOne(t, fsys))
				if d := cmp.Diff([]string{"a", "b"}, commands(all)); d != "" || len(damage) > 0 || n < 3 {
					t.Errorf("commands (-want +got):\n%s\n%v", d, damage)
				}
				if left := fsys.files(".open"); len(left) > 0 {
					t.Errorf("left unsealed: %v", left)
				}
			})
		})
	}
}

func TestGivesUpAtTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		w.command(7, "a")
		w.sync()
		fsys.mu.Lock()
		fsys.failWrite = func(string) error { return errors.New("no space left") }
		fsys.mu.Unlock()
		w.command(7, "lost")
		w.stop()
		if err := <-w.done; err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Fatalf("run ended with %v", err)
		}
		if err := w.Sync(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("sync: %v", err)
		}
		fsys.mu.Lock()
		fsys.failWrite = nil
		fsys.mu.Unlock()
		w = start(t, options(fsys))
		w.end()
		if all, _ := mustRead(t, mustOne(t, fsys)); len(commands(all)) != 1 || len(marks(all, schema.MarkRecovered)) != 1 {
			t.Errorf("recovered %v", texts(all))
		}
	})
}

func TestRecoversOnAFullDisk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		w.command(7, "a")
		w.sync()
		after := fsys.killed()
		w.end()
		after.failWrite = func(string) error { return errors.New("no space left") }
		w2, err := Open(t.Context(), testDir, options(after))
		if err != nil {
			t.Fatal(err)
		}
		if w2.Appended() < reserve {
			t.Errorf("goes on after %d", w2.Appended())
		}
		after = after.killed()
		w = start(t, options(after))
		w.end()
		all, damage := mustRead(t, mustOne(t, after))
		if d := cmp.Diff([]string{"a"}, commands(all)); d != "" || len(damage) > 0 || len(marks(all, schema.MarkRecovered)) != 1 {
			t.Errorf("%v %v", texts(all), damage)
		}
	})
}

// A disk that hangs makes Append block, with bounded memory, and go on afterwards.
func TestQueueIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newMemFS()
		w := start(t, options(fsys))
		w.command(7, "a")
		w.sync()
		fsys.mu.Lock()
		fsys.failWrite = func(string) error { return errors.New("no space left") }
		fsys.mu.Unlock()
		payload := make([]byte, 1<<20)
		ctx, cancel := context.WithTimeout(t.Context(), patience-time.Second)
		defer cancel()
		taken := 0
		var err error
		for ; err == nil; taken++ {
			err = w.Append(ctx, 7, schema.KindCommand, payload)
		}
		if !errors.Is(err, context.DeadlineExceeded) || taken > maxQueued>>20+2 {
			t.Errorf("%d MiB taken, then %v", taken, err)
		}
		var blocked sync.WaitGroup
		blocked.Go(func() {
			if err := w.Append(t.Context(), 7, schema.KindCommand, []byte("z")); err != nil {
				t.Error(err)
			}
		})
		fsys.mu.Lock()
		fsys.failWrite = nil
		fsys.mu.Unlock()
		blocked.Wait()
		w.end()
		all, _ := mustRead(t, mustOne(t, fsys))
		if got := commands(all); len(got) != taken-1+2 || got[len(got)-1] != "z" {
			t.Errorf("%d commands, want %d", len(got), taken+1)
		}
	})
}
