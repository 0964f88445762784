package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"danmaku-archiver/schema"
)

// TestSamples tells the stories of testdata/samples, with recordings of the real service.
// They hold people's names and ids and are therefore not part of the repository.
func TestSamples(t *testing.T) {
	if os.Getenv("SAMPLES_DIR") == "" {
		t.Skip("SAMPLES_DIR is not set: the recordings of the real service lie outside of the repository")
	}
	runScripts(t, "testdata/samples")
}

// cmdCompareCapture compares the archive of DATA with what a capture holds by its unpacked
// copy: compare-capture DECODED DATA.
func cmdCompareCapture(ts *testscript.TestScript, neg bool, args []string) {
	want := map[string]int{}
	var texts []string
	newTail(ts, args[0]).more(func(line []byte) {
		var p struct {
			Op   int `json:"op"`
			Body any `json:"body"`
		}
		ts.Check(json.Unmarshal(line, &p))
		body, ok := p.Body.(map[string]any)
		name, named := body["cmd"].(string)
		if p.Op != 5 || !ok || !named {
			return
		}
		name, _, _ = strings.Cut(name, ":")
		want[name]++
		if name == "DANMU_MSG" {
			texts = append(texts, body["info"].([]any)[1].(string))
		}
	})
	var got []string
	shown(ts, args[1], schema.TableDanmaku, func(row map[string]any) { got = append(got, row["text"].(string)) })
	slices.Sort(texts)
	slices.Sort(got)
	if len(texts) != 134 || !slices.Equal(texts, got) {
		ts.Fatalf("%d danmaku in the capture, %d in the archive, or their texts differ", len(texts), len(got))
	}
	metrics := map[string]int{}
	shown(ts, args[1], schema.TableAudience, func(row map[string]any) { metrics[row["metric"].(string)]++ })
	for metric, command := range map[string]string{
		"rank_count": "ONLINE_RANK_COUNT", "watched": "WATCHED_CHANGE", "likes": "LIKE_INFO_V3_UPDATE", "fans": "ROOM_REAL_TIME_MESSAGE_UPDATE",
	} {
		if metrics[metric] != want[command] {
			ts.Fatalf("%d rows of metric %s, want %d", metrics[metric], metric, want[command])
		}
	}
}

var (
	clockLine   = regexp.MustCompile(`^TIME\d{1,2}:\d{1,2}ONLINE\d+$`)
	trailerLine = regexp.MustCompile(`^SPEAKERNUM\d+$`)
	dateName    = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})\.txt$`)
)

// cmdCompareTexts compares the archive of DATA with a tar.gz of text recordings:
// compare-texts TARBALL DATA ROWS. It reads the recordings by rules of its own.
func cmdCompareTexts(ts *testscript.TestScript, neg bool, args []string) {
	want, err := recordedTexts(ts.MkAbs(args[0]))
	ts.Check(err)
	got := map[int64][]string{}
	shown(ts, args[1], schema.TableDanmaku, func(row map[string]any) {
		room := row["room_id"].(int64)
		got[room] = append(got[room], row["text"].(string))
	})
	total := 0
	for room, texts := range want {
		total += len(texts)
		// A replay sends many danmaku within a microsecond of the service's clock and may
		// reach over an hour: the archive's order is that of time, then of arrival.
		if !slices.Equal(texts, got[room]) {
			ts.Fatalf("room %d: %d recorded texts, %d in the archive, or they differ", room, len(texts), len(got[room]))
		}
	}
	if len(got) != len(want) || strconv.Itoa(total) != args[2] {
		ts.Fatalf("%d rooms and %d texts recorded, %d rooms in the archive; want %s texts", len(want), total, len(got), args[2])
	}
	fmt.Fprintf(ts.Stdout(), "%d rooms, %d danmaku, every text alike\n", len(want), total)
}

// recordedTexts returns the texts of each room, in the order in which they were recorded.
func recordedTexts(tarball string) (map[int64][]string, error) {
	f, err := os.Open(tarball)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	files := map[int64]map[int][]string{}
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		room, err := strconv.ParseInt(filepath.Base(path.Dir(h.Name)), 10, 64)
		date := dateName.FindStringSubmatch(path.Base(h.Name))
		if err != nil || date == nil {
			continue
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			return nil, err
		}
		if files[room] == nil {
			files[room] = map[int][]string{}
		}
		y, _ := strconv.Atoi(date[1])
		m, _ := strconv.Atoi(date[2])
		d, _ := strconv.Atoi(date[3])
		files[room][y*10000+m*100+d] = recordedLines(string(data))
	}
	rooms := map[int64][]string{}
	for room, byDate := range files {
		for _, date := range slices.Sorted(maps.Keys(byDate)) {
			rooms[room] = append(rooms[room], byDate[date]...)
		}
	}
	return rooms, nil
}

func recordedLines(content string) (texts []string) {
	all := strings.Split(strings.TrimSuffix(content, "\n"), "\n")
	for i, line := range all {
		if clockLine.MatchString(line) || i == len(all)-1 && trailerLine.MatchString(line) {
			continue
		}
		texts = append(texts, line)
	}
	return texts
}
