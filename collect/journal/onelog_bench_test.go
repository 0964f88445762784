package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"
)

// BenchmarkRound is what it costs to make one command of every room durable: with a log a
// room, synced one after the other or 32 at once, and with one log for all of them. It is
// why there is one journal.
func BenchmarkRound(b *testing.B) {
	command := make([]byte, 2200)
	for _, rooms := range []int{100, 1000} {
		files := func(b *testing.B, n int) []*os.File {
			var all []*os.File
			for i := range n {
				f, err := os.Create(filepath.Join(b.TempDir(), fmt.Sprint(i)))
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { f.Close() })
				all = append(all, f)
			}
			return all
		}
		append1 := func(f *os.File, p []byte) error {
			if _, err := f.Write(p); err != nil {
				return err
			}
			return f.Sync()
		}
		for _, parallel := range []int{1, 32} {
			b.Run(fmt.Sprintf("rooms=%d/logs=%d/parallel=%d", rooms, rooms, parallel), func(b *testing.B) {
				logs := files(b, rooms)
				for b.Loop() {
					var g errgroup.Group
					g.SetLimit(parallel)
					for _, f := range logs {
						g.Go(func() error { return append1(f, command) })
					}
					if err := g.Wait(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("rooms=%d/logs=1", rooms), func(b *testing.B) {
			log := files(b, 1)[0]
			round := make([]byte, rooms*len(command))
			for b.Loop() {
				if err := append1(log, round); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
