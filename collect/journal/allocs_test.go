//go:build !race

// The race detector has sync.Pool drop what it was given, so that decoders allocate more.

package journal

import (
	"context"
	"fmt"
	"testing"

	"danmaku-archiver/schema"
)

// TestAppendAllocatesNothing: not for a command, that is; what is allocated for a block or a
// segment is far less than one for each.
func TestAppendAllocatesNothing(t *testing.T) {
	s := newSpeech(benchRooms)
	w, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	n := 0
	add := func() {
		room, c := s.command(n)
		if err := w.Append(ctx, room, schema.KindCommand, c); err != nil {
			t.Error(err)
		}
		n++
	}
	for range benchCommands {
		add()
	}
	if allocs := testing.AllocsPerRun(2*benchCommands, add); allocs != 0 {
		t.Errorf("%v allocations a command", allocs)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestReadAllocatesLittle: one allocation a block at most, beside what is made once.
func TestReadAllocatesLittle(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const blocks, once = 600, 200
		m := newMemFS()
		w := start(t, options(m))
		for n := range blocks {
			w.command(1, fmt.Sprintf(`{"cmd":"DANMU_MSG","info":[%d,"%0500d"]}`, n, n))
			w.sync()
		}
		w.end()
		info, records := mustOne(t, m), 0
		allocs := testing.AllocsPerRun(3, func() {
			err := info.Records(t.Context(), Selection{}, func(*schema.Record) error { records++; return nil },
				func(d Damage) error { return fmt.Errorf("damage: %+v", d) })
			if err != nil {
				t.Fatal(err)
			}
		})
		if records < 4*blocks {
			t.Fatalf("%d records of %d blocks in 4 passes", records, blocks)
		}
		if allocs > blocks+once {
			t.Errorf("%v allocations for %d blocks", allocs, blocks)
		}
	})
}
