package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"danmaku-archiver/archiver"
	"danmaku-archiver/archiver/store"
)

// doctorPrefix is where the doctor puts its object: no reader of the archive looks there.
const doctorPrefix = "doctor/"

// store puts an object as hours are put, looks that a second one is refused, reads it back
// and removes it.
func (d *doctor) store(ctx context.Context) finding {
	st, err := d.c.openStore(ctx, true)
	if err != nil {
		return problem("name the archive with archive.store", "%v", err)
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	key := doctorPrefix + hex.EncodeToString(id[:])
	begun := time.Now()
	found, do, err := tryStore(ctx, st, key)
	// Also after a failure, and after ctx ended, nothing may stay.
	cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if gone := st.Delete(cleaning, key); gone != nil && err == nil {
		found, do, err = "remove it again", "give the daemon the right to delete objects", gone
	}
	if err != nil {
		return problem(do, "%s: cannot %s: %v", st, found, err)
	}
	return fine("%s: put, refused a second one, read back and removed in %s%s", st,
		time.Since(begun).Round(time.Millisecond), d.checksums(st))
}

// checksums says how S3 requests carry theirs.
func (d *doctor) checksums(st store.Store) string {
	if !strings.HasPrefix(st.String(), "s3://") {
		return ""
	}
	return "; checksums " + d.c.Archive.S3.Checksums
}

// tryStore returns what failed, what to do about it, and why.
func tryStore(ctx context.Context, st store.Store, key string) (what, do string, err error) {
	content := []byte("danmaku doctor was here: this object may be removed\n")
	options := func(b []byte) store.PutOptions {
		return store.PutOptions{Size: int64(len(b)), SHA256: sha256.Sum256(b), IfAbsent: true}
	}
	if err := st.Put(ctx, key, bytes.NewReader(content), options(content)); err != nil {
		return "put an object", storeAdvice(st), err
	}
	if err := st.Put(ctx, key, bytes.NewReader(content), options(content)); err != nil {
		return "put the same object again", "the store does not compare objects as it should; use another", err
	}
	other := []byte("another object")
	switch err := st.Put(ctx, key, bytes.NewReader(other), options(other)); {
	case err == nil:
		return "rely on it", "the store ignores If-None-Match: two collectors of one name could overwrite each other; use a store that heeds it",
			errors.New("it replaced an object although it was told not to")
	case !errors.Is(err, store.ErrExists):
		return "put conditionally", "use a store that heeds If-None-Match", err
	}
	o, err := st.Open(ctx, key)
	if err != nil {
		return "open the object", "give the daemon the right to read objects", err
	}
	got, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err = errors.Join(err, o.Close()); err == nil && !bytes.Equal(got, content) {
		err = fmt.Errorf("%d bytes came back, not the %d that were put", len(got), len(content))
	}
	if err != nil {
		return "read the object back", "give the daemon the right to read objects", err
	}
	err = st.List(ctx, doctorPrefix, func(store.Info) error { return nil })
	return "list objects", "give the daemon the right to list the bucket", err
}

func storeAdvice(st store.Store) string {
	if strings.HasPrefix(st.String(), "s3://") {
		return "check bucket, region, endpoint and credentials; where the service refuses checksums set archive.s3.checksums: when_required"
	}
	return "give the daemon's user the right to write there"
}

// archive looks for complete hours that are not there yet.
func (d *doctor) archive(ctx context.Context) finding {
	st, err := d.c.openStore(ctx, false)
	if err != nil {
		return skipped("%v", err)
	}
	name, err := d.dir.kept()
	if err != nil {
		return skipped("nothing was recorded here yet")
	}
	a, err := newArchiver(d.c, d.dir, name, st, nil, d.c.logger(io.Discard), nil)
	if err != nil {
		return problem("correct the configuration", "%v", err)
	}
	waiting, err := a.Backlog(ctx)
	if err != nil {
		return problem("see the store's finding", "%v", err)
	}
	if len(waiting) == 0 {
		return fine("every complete hour is archived")
	}
	oldest := waiting[0]
	found := fmt.Sprintf("%s complete and not archived, the oldest %s", hoursAre(waiting), oldest.Hour)
	if age := time.Since(time.UnixMicro(oldest.Hour.WindowEnd())); age > 2*time.Hour {
		return problem("look into the daemon's log, or run danmaku archive", "%s, for %s", found, age.Round(time.Minute))
	}
	return fine("%s", found)
}

func hoursAre(all []archiver.Waiting) string {
	if len(all) == 1 {
		return "1 hour is"
	}
	return plural(len(all), "hour") + " are"
}
