package journal

import (
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"
)

var every = flag.Bool("every", false, "sweep over every operation; the default is a sample")

// sweep runs the life with the fault at every operation: at each with -every, else at one
// of seven, and with -short at fewer still.
func sweep(t *testing.T, fault faultKind, then int, after func(t *testing.T, tr *trial)) {
	t.Helper()
	t.Parallel()
	step, points := 7, 0
	switch {
	case *every:
		step = 1
	case testing.Short():
		step = 29
	}
	for at := 1 + (3*int(fault)+then)%step; ; at += step {
		struck := false
		bubble(t, func(t *testing.T) {
			fsys := newCrashFS()
			fsys.at, fsys.fault, fsys.then = at, fault, then
			tr := newTrial(t, fsys)
			defer tr.die()
			defer func() {
				if t.Failed() {
					t.Logf("fault at operation %d: %s", at, fsys.log[min(at, len(fsys.log))-1])
				}
			}()
			tr.life()
			tr.close()
			fsys.mu.Lock()
			struck = fsys.struck
			fsys.at = 0 // the disk is well again
			fsys.mu.Unlock()
			if struck {
				tr.ledger.promiseUpTo(tr.told)
				after(t, tr)
			}
		})
		if t.Failed() {
			return
		}
		if !struck {
			break
		}
		points++
	}
	if points < 10 {
		t.Fatalf("only %d points ran", points)
	}
	t.Logf("%d points", points)
}

// The process is killed before every operation, and in the middle of every write; or the
// power goes, with whatever of the page cache was written by then.
func TestSweepCrashes(t *testing.T) {
	t.Run("killed", func(t *testing.T) {
		sweep(t, dies, 0, func(_ *testing.T, tr *trial) {
			tr.aftermath("a kill", tr.fs.killed(), complete(tr.t, tr.fs.killed()))
		})
	})
	t.Run("killed in a write", func(t *testing.T) {
		sweep(t, diesHalfway, 0, func(_ *testing.T, tr *trial) {
			tr.aftermath("a kill in a write", tr.fs.killed(), complete(tr.t, tr.fs.killed()))
		})
	})
	for name, kind := range map[string]powerKind{"nothing": keepsNothing, "names": keepsNames, "content": keepsContent,
		"prefix": keepsPrefix, "sectors": keepsSectors} {
		t.Run("power cut that leaves of the cache: "+name, func(t *testing.T) {
			sweep(t, dies, 0, func(_ *testing.T, tr *trial) {
				committed := complete(tr.t, tr.fs.killed())
				tr.aftermath("a power cut", tr.fs.powerCut(kind, uint64(tr.fs.ops)), committed)
			})
		})
	}
}

// An fsync fails, and a few operations later the process dies: the page cache shows what
// is not on the disk.
func TestSweepFailedSyncThenCrash(t *testing.T) {
	for name, fault := range map[string]faultKind{"drops": syncDrops, "forgets": syncForgets} {
		for _, then := range []int{1, 3, 6} {
			t.Run(fmt.Sprint(name, " ", then), func(t *testing.T) {
				sweep(t, fault, then, func(_ *testing.T, tr *trial) {
					committed := complete(tr.t, tr.fs.killed())
					tr.aftermath("a kill", tr.fs.killed(), committed)
					tr.aftermath("a power cut", tr.fs.powerCut(keepsNothing, 0), committed)
				})
			})
		}
	}
}

// Whatever fails without a crash, what was accepted is there once the disk is well again.
func TestSweepErrors(t *testing.T) {
	for name, fault := range map[string]faultKind{"once": failsOnce, "for a while": failsForAWhile, "full for a while": isFullForAWhile,
		"short write": writesHalf, "fsync, content dropped": syncDrops, "fsync, content forgotten": syncForgets} {
		t.Run(name, func(t *testing.T) {
			sweep(t, fault, 0, func(t *testing.T, tr *trial) {
				if tr.dead() {
					t.Fatal(errors.New("died of an error"))
				}
				tr.ledger.check(t, tr.fs)
				tr.aftermath("a power cut after the end", tr.fs.powerCut(keepsNothing, 0), complete(t, tr.fs))
			})
		})
	}
}

// I9: whoever wrote the floor died before its name was durable, and the power goes while,
// or after, the next start finishes the retiring.
func TestFloorOutlivesWhatItAllowed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys := newCrashFS()
		tr := newTrial(t, fsys)
		defer tr.die()
		tr.open()
		for hour := range 4 {
			tr.around(time.Duration(hour+1) * time.Hour)
			tr.around(time.Duration(hour+1)*time.Hour + 2*time.Minute)
		}
		tr.close()
		tr.end()
		half := 0
		for before := hour0() + 2; before <= hour0()+100; before += 98 {
			for at := 1; ; at++ {
				tr.ledger.retired["0000000000000001"] = before.WindowStart()
				c := fsys.killed()
				c.at, c.fault = at, dies
				i, err := loadJournal(fsys, testDir+"/0000000000000001")
				if err != nil {
					t.Fatal(err)
				}
				i.fs = c
				if _, err := Retire(i, before, time.Now().Add(time.Hour)); err == nil {
					break
				}
				for recovering := 1; ; recovering++ {
					r := c.killed()
					r.at, r.fault = recovering, dies
					_, err := recoverAll(r, testDir, Options{}.withDefaults().Logger)
					for seed := range uint64(8) {
						after := r.powerCut(keepsSectors, seed)
						tr.ledger.check(t, recovered(t, after))
						half++
					}
					if err == nil {
						break
					}
				}
			}
		}
		if half < 100 {
			t.Fatalf("only %d power cuts", half)
		}
	})
}

func recovered(t testing.TB, fsys *crashFS) *crashFS {
	t.Helper()
	if _, err := recoverAll(fsys, testDir, Options{}.withDefaults().Logger); err != nil {
		t.Fatal(err)
	}
	return fsys
}
