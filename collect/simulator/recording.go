package simulator

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"danmaku-archiver/schema"
)

// recording is the index of what is replayed.
type recording struct {
	rooms    map[schema.RoomID][]piece // in the order in which they are played
	files    int
	commands int
}

// piece is one file of a recording.
type piece struct {
	name string    // for errors
	date time.Time // of a text recording: midnight in the recorder's zone
	room schema.RoomID
	// read returns the file's bytes.
	read func() ([]byte, error)
	// parse takes them apart.
	parse func(p piece, data []byte, seed uint64) ([]entry, error)
}

// entry is one step of a recording: a command, or a change of the popularity.
type entry struct {
	at int64 // µs since the Unix epoch, 0 if the recording does not tell
	// command makes the command, given at; nil where the entry has none.
	command    func(at int64) command
	popularity uint32 // of heartbeat replies from here on, 0 for no change
}

func (p piece) entries(seed uint64) ([]entry, error) {
	data, err := p.read()
	if err != nil {
		return nil, err
	}
	entries, err := p.parse(p, data, seed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return entries, nil
}

// Limits of a recording; they keep a wrong file from exhausting memory.
const (
	maxFile    = 512 << 20
	maxArchive = 2 << 30
	maxCommand = 4 << 20
)

// unnamedRoom is played where a recording does not tell its room.
const unnamedRoom schema.RoomID = 20_000_001

// loadRecording reads all files of a recording once, to check and count them; a folder's
// are read again when they are played. The path is a raw capture, a file of JSON lines
// (.jsonl), a text recording, a folder of such files, or a folder packed as .tar.gz.
func loadRecording(path string, seed uint64) (*recording, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	rec := &recording{rooms: make(map[schema.RoomID][]piece)}
	switch {
	case info.IsDir():
		err = rec.addFolder(path, seed)
	case strings.HasSuffix(path, ".tar.gz") || strings.HasSuffix(path, ".tgz"):
		err = rec.addArchive(path, seed)
	default:
		p, ok := pieceOf(path)
		if !ok {
			// Captures are named as people like.
			p = piece{name: path, room: roomOfFolder(path), parse: parseCapture}
		}
		p.read = func() ([]byte, error) { return readFile(path) }
		err = rec.add(p, seed)
	}
	if err != nil {
		return nil, err
	}
	if len(rec.rooms) == 0 {
		return nil, fmt.Errorf("no recording found in %s: want a capture (.bin), commands (.jsonl), "+
			"or ROOM/YYYY-M-D.txt", path)
	}
	for _, pieces := range rec.rooms {
		slices.SortStableFunc(pieces, func(a, b piece) int { return a.date.Compare(b.date) })
	}
	return rec, nil
}

func (rec *recording) add(p piece, seed uint64) error {
	entries, err := p.entries(seed)
	if err != nil {
		return err
	}
	if p.room == 0 {
		p.room = roomOfCommands(entries)
	}
	for i := range entries {
		if entries[i].command != nil {
			rec.commands++
		}
	}
	rec.files++
	rec.rooms[p.room] = append(rec.rooms[p.room], p)
	return nil
}

func (rec *recording) addFolder(folder string, seed uint64) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		p, ok := pieceOf(path)
		if !ok {
			return nil
		}
		p.read = func() ([]byte, error) { return readFile(path) }
		return rec.add(p, seed)
	})
}

// addArchive keeps the files in memory: an archive can only be read from its beginning.
func (rec *recording) addArchive(path string, seed uint64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	all := &io.LimitedReader{R: unzipped, N: maxArchive}
	archive := tar.NewReader(all)
	for {
		h, err := archive.Next()
		switch {
		case err == io.EOF:
			return nil
		case all.N <= 0:
			return fmt.Errorf("read the archive: more than %d bytes; unpack it and replay the folder", maxArchive)
		case err != nil:
			return fmt.Errorf("read the archive: %w", err)
		}
		p, ok := pieceOf(h.Name)
		if !ok || h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := readAll(archive, h.Name)
		if err != nil {
			return err
		}
		p.read = func() ([]byte, error) { return data, nil }
		if err := rec.add(p, seed); err != nil {
			return err
		}
	}
}

// pieceOf tells a recorded file by its name; false means that it is none.
func pieceOf(name string) (piece, bool) {
	p := piece{name: name, room: roomOfFolder(name)}
	base := path.Base(filepath.ToSlash(name))
	switch {
	case strings.HasSuffix(base, ".jsonl"):
		p.parse = parseLines
	case strings.HasSuffix(base, ".bin"):
		p.parse = parseCapture
	case strings.HasSuffix(base, ".txt") && p.room != 0:
		date, err := time.ParseInLocation("2006-1-2", strings.TrimSuffix(base, ".txt"), recorderZone)
		if err != nil {
			return piece{}, false
		}
		p.date, p.parse = date, parseText
	default:
		return piece{}, false
	}
	return p, true
}

// roomOfFolder is the room that the file's folder is named after, or 0.
func roomOfFolder(name string) schema.RoomID {
	id, err := strconv.ParseInt(path.Base(path.Dir(filepath.ToSlash(name))), 10, 64)
	if err != nil || id <= 0 {
		return 0
	}
	return schema.RoomID(id)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, path)
}

func readAll(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case len(data) > maxFile:
		return nil, fmt.Errorf("read %s: larger than %d bytes", name, maxFile)
	}
	return data, nil
}

// roomIDs lists the rooms, those with the most files first.
func (rec *recording) roomIDs() []schema.RoomID {
	ids := make([]schema.RoomID, 0, len(rec.rooms))
	for id := range rec.rooms {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b schema.RoomID) int {
		if d := len(rec.rooms[b]) - len(rec.rooms[a]); d != 0 {
			return d
		}
		return int(a - b)
	})
	return ids
}
