package journal

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"danmaku-archiver/schema"
)

// I10: before a promise what is bad is damage, also where the file ends with it; beyond
// every promise it is torn.
func TestPromise(t *testing.T) {
	flip := func(at int64) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 1; return b }
	}
	const inHeader, inBody = 20, blockHeaderSize + 2
	for name, c := range map[string]struct {
		harm func(e []indexEntry, b []byte) []byte
		want []string // commands that are left
		// told is what a reader says before the recovery and after.
		before, after []string
		cut           int64
	}{
		"nothing": {harm: func(_ []indexEntry, b []byte) []byte { return b }, want: []string{"a0", "a1", "b0", "b1"}},
		"torn at the end": {
			harm: func(e []indexEntry, b []byte) []byte { return b[:e[3].off+blockHeaderSize+4] },
			want: []string{"a0", "a1", "b0"}, cut: blockHeaderSize + 4,
		},
		"changed beyond the promise, in between": {
			harm: func(e []indexEntry, b []byte) []byte { return flip(e[2].off + inBody)(b) },
			want: []string{"a0", "a1", "b1"}, before: []string{"torn 4-4"}, after: []string{"torn 4-4"},
		},
		"changed beyond the promise, at the end": {
			harm: func(e []indexEntry, b []byte) []byte { return flip(e[3].off + inBody)(b) },
			want: []string{"a0", "a1", "b0"}, before: []string{"torn 5-5"}, cut: -1,
		},
		"changed before the promise, in between": {
			harm: func(e []indexEntry, b []byte) []byte { return flip(e[1].off + inHeader)(b) },
			want: []string{"a0", "b0", "b1"}, before: []string{"damaged 3-3"}, after: []string{"damaged 3-3"},
		},
		"a body changed before the promise, at the end": {
			harm: func(e []indexEntry, b []byte) []byte { return flip(e[1].off + inBody)(b[:e[2].off+blockHeaderSize+4]) },
			want: []string{"a0"}, before: []string{"damaged 3-3"}, after: []string{"damaged 3-3"}, cut: 4,
		},
		"a header changed before the promise, at the end": {
			harm: func(e []indexEntry, b []byte) []byte {
				return flip(e[1].off + inHeader)(b[:e[2].off+blockHeaderSize+4])
			},
			want: []string{"a0"}, before: []string{"damaged 3-3"}, after: []string{"damaged 3-3"}, cut: 4,
		},
		"a promise alone": {
			harm: func(e []indexEntry, b []byte) []byte {
				return flip(e[0].off + inBody)(flip(e[1].off + inHeader)(b[:e[2].off+blockHeaderSize]))
			},
			before: []string{"damaged 1-2", "damaged 3-3"}, after: []string{"damaged 1-3"},
		},
		"the promise gone too": {
			harm: func(e []indexEntry, b []byte) []byte {
				return flip(e[1].off + inHeader)(b[:e[2].off+blockHeaderSize-1])
			},
			want: []string{"a0"}, cut: -1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				fsys := newMemFS()
				o := options(fsys)
				o.SyncInterval = time.Hour
				w := start(t, o)
				for n, text := range []string{"a0", "a1", "b0", "b1"} {
					w.command(7, text)
					if gathered(); n == 1 {
						w.sync()
					}
				}
				crashed := fsys.killed()
				w.end()
				info := mustOne(t, crashed)
				f, _ := crashed.Open(info.Segments[0].Path)
				l, err := info.Segments[0].layout(f, nil)
				if err != nil || len(l.entries) != 4 || l.synced != l.entries[2].off {
					t.Fatal(l, err)
				}
				node := crashed.names[info.Segments[0].Path]
				node.data = c.harm(l.entries, unfilled(node.data))
				size := int64(len(node.data))
				check := func(when string, want []string) {
					t.Helper()
					all, damage := mustRead(t, mustOne(t, crashed))
					var told []string
					for _, d := range damage {
						what := "damaged"
						if d.Torn {
							what = "torn"
						}
						told = append(told, fmt.Sprintf("%s %d-%d", what, d.FirstSeq, d.LastSeq))
						if d.Bytes <= 0 || d.From > d.To {
							t.Errorf("%s: %+v", when, d)
						}
					}
					if d := cmp.Diff(c.want, commands(all)); d != "" {
						t.Errorf("%s: commands (-want +got):\n%s", when, d)
					}
					if d := cmp.Diff(want, told); d != "" {
						t.Errorf("%s: damage (-want +got):\n%s", when, d)
					}
				}
				check("crashed", c.before)
				// A recovery that was cut off before the name changed is made again.
				again := crashed.killed()
				if _, err := recoverAll(again, testDir, o.withDefaults().Logger); err != nil {
					t.Fatal(err)
				}
				path := again.files(".sealed")[0]
				again.names[info.Segments[0].Path] = again.names[path]
				delete(again.names, path)
				for _, crashed = range []*memFS{crashed, again} {
					o.fs = crashed
					start(t, o).end()
					check("recovered", c.after)
				}
				all, _ := mustRead(t, mustOne(t, crashed))
				if told := marks(all, schema.MarkDamage); len(told) != len(c.after) {
					t.Errorf("damage marks %v", told)
				}
				cut := marks(all, schema.MarkRecovered)[0].mark.Cut
				if cut == 0 != (c.cut == 0) || c.cut > 0 && cut != c.cut || cut >= size {
					t.Errorf("cut %d, want %d", cut, c.cut)
				}
			})
		})
	}
}
