package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"danmaku-archiver/archiver/store"
)

// dataDir is the absolute path of the folder that everything local lies in.
//
//	data_dir/
//	  journal/        the journals
//	  staging/        Parquet files in the making
//	  archive/        the archive, unless archive.store names another place
//	  collector       the collector's name, one line
//	  privacy.key     the key of pseudonyms, unless privacy_key_file names another place
//	  archive.lock    held while hours are archived
type dataDir string

func (c *config) dataDir() (dataDir, error) {
	path, err := filepath.Abs(c.DataDir)
	return dataDir(path), err
}

func (d dataDir) journal() string    { return filepath.Join(string(d), "journal") }
func (d dataDir) staging() string    { return filepath.Join(string(d), "staging") }
func (d dataDir) archive() string    { return filepath.Join(string(d), "archive") }
func (d dataDir) lock() string       { return filepath.Join(string(d), "archive.lock") }
func (d dataDir) privacyKey() string { return filepath.Join(string(d), "privacy.key") }
func (d dataDir) name() string       { return filepath.Join(string(d), "collector") }

// collector returns the collector's name: the kept one, else the configured one, else one
// made from the host name; it is kept from then on. Hours that are in the archive carry
// the name in their keys, so another name for the same journals is refused.
func (d dataDir) collector(configured string) (string, error) {
	kept, err := os.ReadFile(d.name())
	switch name := strings.TrimSpace(string(kept)); {
	case err == nil && store.CheckCollector(name) != nil:
		return "", fmt.Errorf("%s: %w", d.name(), store.CheckCollector(name))
	case err == nil && configured != "" && configured != name:
		return "", fmt.Errorf("the collector is called %q here (%s), not %q: leave collector empty or use another data_dir", name, d.name(), configured)
	case err == nil:
		return name, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("read the collector's name: %w", err)
	}
	name := configured
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			return "", fmt.Errorf("name the collector: %w; give one with --collector", err)
		}
		name = nameFromHost(host)
	}
	if err := keepName(d.name(), name); err != nil {
		return "", fmt.Errorf("keep the collector's name: %w", err)
	}
	return name, nil
}

// kept returns the collector's name if there is one.
func (d dataDir) kept() (string, error) {
	b, err := os.ReadFile(d.name())
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(string(b))
	return name, store.CheckCollector(name)
}

// nameFromHost makes a collector name of any host name.
func nameFromHost(host string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, host)
	name = strings.Trim(name, "-")
	name = strings.TrimRight(name[:min(len(name), 63)], "-")
	if name == "" {
		return "collector"
	}
	return name
}

// keepName writes the file at once or not at all: a torn name would be another name.
func keepName(path, name string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".collector-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(name + "\n")
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
