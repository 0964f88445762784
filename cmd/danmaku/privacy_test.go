package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"danmaku-archiver/schema"
)

func privateConfig(t *testing.T, mode string) (*config, dataDir) {
	t.Helper()
	c := newConfig()
	c.DataDir = t.TempDir()
	c.Privacy.Mode = mode
	d, err := c.dataDir()
	if err != nil {
		t.Fatal(err)
	}
	return c, d
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestPrivacyKeyIsMadeOnce(t *testing.T) {
	c, d := privateConfig(t, schema.PrivacyPseudonymous)
	first, err := c.protection(d)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(d.privacyKey())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(d.privacyKey())
	if err != nil || len(bytes.TrimSpace(text)) != 64 {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	again, err := c.protection(d)
	if err != nil || again.KeyID() != first.KeyID() {
		t.Errorf("the key changed: %v", err)
	}
	if err := makeKey(d.privacyKey()); err == nil {
		t.Error("a key was replaced")
	}
	if left, _ := filepath.Glob(filepath.Join(c.DataDir, ".privacy*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// The line for people names the key's id and place, never the key.
	if said := c.privacyLine(d, first); !strings.Contains(said, first.KeyID()) || strings.Contains(said, string(bytes.TrimSpace(text))) {
		t.Error(said)
	}
}

func TestPlainNeedsNoKey(t *testing.T) {
	c, d := privateConfig(t, schema.PrivacyPlain)
	c.Privacy.OptOutFile = filepath.Join(c.DataDir, "list")
	write(t, c.Privacy.OptOutFile, "# nobody yet\n", 0o644)
	if p, err := c.protection(d); p != nil || err != nil {
		t.Fatalf("%v, %v", p, err)
	}
	if _, err := os.Stat(d.privacyKey()); err == nil {
		t.Error("a key was made for nothing")
	}
	write(t, c.Privacy.OptOutFile, "4004\n5005 # twice\n", 0o644)
	p, err := c.protection(d)
	if err != nil || p.OptedOut() != 2 || p.Mode() != schema.PrivacyPlain || p.OptOutSum() == "" {
		t.Fatalf("%v", err)
	}
}

func TestPrivacyRefuses(t *testing.T) {
	good := strings.Repeat("0123456789abcdef", 4)
	for name, c := range map[string]struct {
		prepare func(c *config, dir string)
		want    string
	}{
		"readable by others": {func(c *config, dir string) { write(t, filepath.Join(dir, "privacy.key"), good, 0o644) }, "chmod 600"},
		"short":              {func(c *config, dir string) { write(t, filepath.Join(dir, "privacy.key"), good[:62], 0o600) }, "openssl rand -hex 32"},
		"no hexadecimal":     {func(c *config, dir string) { write(t, filepath.Join(dir, "privacy.key"), "secret"+good, 0o600) }, "openssl rand -hex 32"},
		"a folder":           {func(c *config, dir string) { c.Privacy.KeyFile = dir }, "is no file"},
		"in the archive":     {func(c *config, dir string) { c.Privacy.KeyFile = filepath.Join(dir, "archive", "k") }, "who gets the archive would get the key"},
		"in another archive": {func(c *config, dir string) { c.Archive.Store = dir }, "who gets the archive would get the key"},
		"no list":            {func(c *config, dir string) { c.Privacy.OptOutFile = filepath.Join(dir, "none") }, "opt_out_file"},
		"a name in the list": {func(c *config, dir string) {
			c.Privacy.OptOutFile = filepath.Join(dir, "list")
			write(t, c.Privacy.OptOutFile, "4004\nsomebody", 0o600)
		}, "line 2"},
	} {
		conf, d := privateConfig(t, schema.PrivacyPseudonymous)
		c.prepare(conf, conf.DataDir)
		_, err := conf.protection(d)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), good[:16]) || strings.Contains(err.Error(), "somebody") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
