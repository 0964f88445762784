package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"danmaku-archiver/schema"
)

// maxOptOutFile bounds the list of those who opted out: half a million people.
const maxOptOutFile = 10 << 20

// keyFile is where the privacy key lies.
func (c *config) keyFile(d dataDir) (string, error) {
	if c.Privacy.KeyFile == "" {
		return d.privacyKey(), nil
	}
	return filepath.Abs(c.Privacy.KeyFile)
}

// protection reads what privacy needs: the list of those who opted out and, where it is
// used, the key, which is made if there is none. The list is read once, at the start.
func (c *config) protection(d dataDir) (*schema.Privacy, error) {
	var optOut []int64
	if c.Privacy.OptOutFile != "" {
		list, err := readAtMost(c.Privacy.OptOutFile, maxOptOutFile)
		if err != nil {
			return nil, fmt.Errorf("opt_out_file: %w", err)
		}
		if optOut, err = schema.ParseOptOut(list); err != nil {
			return nil, fmt.Errorf("opt_out_file: %s: %w", c.Privacy.OptOutFile, err)
		}
	}
	if c.Privacy.Mode == schema.PrivacyPlain && len(optOut) == 0 {
		return nil, nil
	}
	path, err := c.keyFile(d)
	if err != nil {
		return nil, fmt.Errorf("privacy_key_file: %w", err)
	}
	if err := c.outsideArchive(d, path); err != nil {
		return nil, err
	}
	key, err := readOrMakeKey(path)
	if err != nil {
		return nil, fmt.Errorf("privacy_key_file: %w", err)
	}
	return schema.NewPrivacy(c.Privacy.Mode, key, optOut)
}

// outsideArchive refuses a key that would be handed on with the archive.
func (c *config) outsideArchive(d dataDir, path string) error {
	place := c.Archive.Store
	switch {
	case strings.HasPrefix(place, "s3://"):
		return nil
	case place == "":
		place = d.archive()
	}
	folder, err := filepath.Abs(place)
	if err != nil {
		return err
	}
	inside, err := filepath.Rel(folder, path)
	if err == nil && inside != ".." && !strings.HasPrefix(inside, ".."+string(filepath.Separator)) {
		return fmt.Errorf("privacy_key_file: %s lies in the archive %s: who gets the archive would get the key; name another place", path, folder)
	}
	return nil
}

// readOrMakeKey returns the key that the file holds in hexadecimal. Errors never hold
// any of it.
func readOrMakeKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = makeKey(path)
		if err == nil || errors.Is(err, fs.ErrExist) {
			info, err = os.Stat(path)
		}
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s may be read by others (mode %04o): chmod 600 it, and if others may have seen the key, make another", path, mode)
	}
	text, err := readAtMost(path, 4096)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) < schema.PrivacyKeySize {
		return nil, fmt.Errorf("%s holds no key: want %d or more hexadecimal digits, as openssl rand -hex %d makes them",
			path, 2*schema.PrivacyKeySize, schema.PrivacyKeySize)
	}
	return key, nil
}

// makeKey writes a new key, at once or not at all; it never replaces one.
func makeKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	key := make([]byte, schema.PrivacyKeySize)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	// CreateTemp makes files that nobody else may read.
	f, err := os.CreateTemp(filepath.Dir(path), ".privacy-key-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// privacyLine says at the start what the archive shows of people; empty for all.
func (c *config) privacyLine(d dataDir, p *schema.Privacy) string {
	if p == nil {
		return ""
	}
	path, err := c.keyFile(d)
	if err != nil {
		return ""
	}
	var said []string
	if p.Mode() == schema.PrivacyPseudonymous {
		said = append(said, "the archive holds keyed pseudonyms instead of people; the journal holds what the service sent")
	}
	if n := p.OptedOut(); n > 0 {
		said = append(said, "nothing is archived of "+plural(n, "person")+" who opted out")
	}
	return fmt.Sprintf("%s (key %s in %s: keep a copy, whoever has it can undo this)", strings.Join(said, "; "), p.KeyID(), path)
}
