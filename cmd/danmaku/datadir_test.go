package main

import (
	"os"
	"strings"
	"testing"

	"danmaku-archiver/archiver/store"
)

func TestNameFromHost(t *testing.T) {
	tests := map[string]string{
		"host":                              "host",
		"Host-1.Example.ORG":                "host-1-example-org",
		"--":                                "collector",
		"":                                  "collector",
		"主机":                                "collector",
		strings.Repeat("a", 80):             strings.Repeat("a", 63),
		strings.Repeat("a-", 80):            strings.Repeat("a-", 31) + "a",
		"_edge_":                            "edge",
		"1.2.3.4":                           "1-2-3-4",
		"a" + strings.Repeat("-", 80) + "b": "a",
	}
	for host, want := range tests {
		got := nameFromHost(host)
		if got != want {
			t.Errorf("host %q gives %q, want %q", host, got, want)
		}
		if err := store.CheckCollector(got); err != nil {
			t.Errorf("host %q: %v", host, err)
		}
	}
}

func TestCollectorNameIsKept(t *testing.T) {
	d := dataDir(t.TempDir() + "/data")
	first, err := d.collector("")
	if err != nil {
		t.Fatal(err)
	}
	if err := store.CheckCollector(first); err != nil {
		t.Fatal(err)
	}
	if again, err := d.collector(""); err != nil || again != first {
		t.Errorf("second start: %q, %v; want %q", again, err, first)
	}
	if same, err := d.collector(first); err != nil || same != first {
		t.Errorf("the same name again: %q, %v", same, err)
	}
	if _, err := d.collector("other"); err == nil || !strings.Contains(err.Error(), d.name()) {
		t.Errorf("another name for the same journals: %v, want an error that names %s", err, d.name())
	}
	if err := os.WriteFile(d.name(), []byte("No Name\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := d.collector(""); err == nil || !strings.Contains(err.Error(), d.name()) {
		t.Errorf("a broken name file: %v, want an error that names it", err)
	}
}

func TestConfiguredCollectorName(t *testing.T) {
	d := dataDir(t.TempDir())
	if got, err := d.collector("host-7"); err != nil || got != "host-7" {
		t.Fatalf("got %q, %v", got, err)
	}
	if got, err := d.collector(""); err != nil || got != "host-7" {
		t.Errorf("after it was kept: %q, %v", got, err)
	}
}
