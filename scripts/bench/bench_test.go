package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestPool holds the made-up commands to what was seen of real ones: about 2.2 KB each, and
// compressible about twelve to one.
func TestPool(t *testing.T) {
	p := newPool(1)
	if size := p.size(); size < 2000 || size > 2400 {
		t.Errorf("%.0f bytes a command, want about 2200", size)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	var batch []byte
	for _, c := range p.commands[:1000] {
		batch = append(batch, c...)
	}
	if ratio := float64(len(batch)) / float64(len(enc.EncodeAll(batch, nil))); ratio < 9 || ratio > 14 {
		t.Errorf("compresses %.1f to one, want about twelve", ratio)
	}
	if again := newPool(1); string(again.commands[99]) != string(p.commands[99]) {
		t.Error("the same seed makes other commands")
	}
}

// TestContenders: each of them keeps at least what it was given, compressed or not.
func TestContenders(t *testing.T) {
	p := newPool(1)
	all, err := contenders(p)
	if err != nil {
		t.Fatal(err)
	}
	for n, c := range all {
		r, err := c.measure(t.Context(), t.TempDir(), p, 1)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		least := p.size() * 0.95 // of one batch, not of the pool
		if n < 2 || n == len(all)-1 {
			least = p.size() / 20
		}
		if r.bytes < least {
			t.Errorf("%s: %.0f bytes a command on disk, at least %.0f are needed", c.name, r.bytes, least)
		}
	}
}

func TestWrittenLeavesOutZeros(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("a\x00b\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := written(dir); err != nil || n != 3 {
		t.Errorf("got %d, %v, want 3", n, err)
	}
}

func TestReplace(t *testing.T) {
	got, err := replace("x\n<!-- t: begin -->\nold\n<!-- t: end -->\ny\n", "t", "new\n")
	if want := "x\n<!-- t: begin -->\nnew\n<!-- t: end -->\ny\n"; err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := replace("x\n", "t", "new\n"); err == nil {
		t.Error("a page without a place: got no error")
	}
}
