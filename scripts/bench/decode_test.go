package main

import "testing"

// TestReaders: all of them find the same in the same commands.
func TestReaders(t *testing.T) {
	p := newPool(1)
	all := readers()
	for n := range 500 {
		room, payload := p.command(n)
		var want int
		for i, r := range all {
			got, err := r.read(room, payload)
			if i == 0 {
				want = got
			}
			if err != nil || got != want || got == 0 {
				t.Fatalf("command %d, %s: %d, want %d, %v", n, r.name, got, want, err)
			}
		}
	}
	if _, err := all[0].read(1, []byte(`{"cmd":"DANMU_MSG","info":[[],"x"]}`)); err == nil {
		t.Error("a danmaku with nothing in it satisfies")
	}
}
