package simulator

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Text recordings follow dd-center/bilibili-vtuber-danmaku: ROOM/YYYY-M-D.txt with one
// danmaku a line, in two forms.
//
//	earlier                     later
//	TIME13:4ONLINE141           TIME13:4ONLINE141
//	text                        1606625563169:10000001:text      ms, uid, text
//	SPEAKERNUM2                 SPEAKERNUM2;10000001:name:1,…    last line, or before V2
//	                            V2                               may be missing
//
// A line is the text byte for byte, blanks and empty lines included.
var (
	timeLine    = regexp.MustCompile(`^TIME(\d{1,2}):(\d{1,2})ONLINE(\d+)$`)
	trailerLine = regexp.MustCompile(`^SPEAKERNUM\d+(;.*)?$`)
	laterLine   = regexp.MustCompile(`^(\d{13}):(\d+):`)
)

// recorderZone is where the recorder's clock stood: the files' dates and times.
var recorderZone = time.FixedZone("UTC+8", 8*60*60)

func parseText(p piece, data []byte, seed uint64) ([]entry, error) {
	lines, later := textLines(data)
	entries := make([]entry, 0, len(lines))
	at := int64(0)
	for n, line := range lines {
		if m := timeLine.FindSubmatch(line); m != nil {
			at = p.date.Add(number(m[1])*time.Hour + number(m[2])*time.Minute).UnixMicro()
			popularity, _ := strconv.ParseUint(string(m[3]), 10, 32) // the largest where there is no room
			entries = append(entries, entry{at: at, popularity: uint32(popularity)})
			continue
		}
		e := entry{at: at}
		uid, text := int64(0), line
		if m := laterLine.FindSubmatch(line); later && m != nil {
			e.at = int64(number(m[1])) * 1000
			uid, _ = strconv.ParseInt(string(m[2]), 10, 64)
			text = line[len(m[0]):]
		}
		e.command = func(at int64) command { return textCommand(p, n, at, uid, text, seed) }
		entries = append(entries, e)
	}
	if !later {
		spread(entries)
	}
	return entries, nil
}

// number reads digits that a pattern has matched.
func number(digits []byte) time.Duration {
	n, _ := strconv.ParseInt(string(digits), 10, 64)
	return time.Duration(n)
}

// textLines cuts a file into lines without the trailer, and tells its form.
func textLines(data []byte) (lines [][]byte, later bool) {
	if len(data) == 0 {
		return nil, false
	}
	lines = bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	if last := len(lines) - 1; string(lines[last]) == "V2" {
		later, lines = true, lines[:last]
	}
	if last := len(lines) - 1; last >= 0 && trailerLine.Match(lines[last]) {
		lines = lines[:last]
	}
	return lines, later || allLater(lines)
}

// allLater reports whether there are danmaku and all have the later form.
func allLater(lines [][]byte) bool {
	found := false
	for _, line := range lines {
		switch {
		case timeLine.Match(line):
		case laterLine.Match(line):
			found = true
		default:
			return false
		}
	}
	return found
}

// spread gives the danmaku between two TIME lines times of their own, evenly: all that
// is known of them is that they came between.
func spread(entries []entry) {
	const unknownPause = int64(time.Minute / time.Microsecond)
	for start := 0; start < len(entries); {
		end := start + 1
		for end < len(entries) && entries[end].command != nil {
			end++
		}
		from := entries[start].at
		pause := unknownPause
		if end < len(entries) {
			pause = max(0, entries[end].at-from)
		}
		if from == 0 {
			// Before the first TIME line there is only its own time.
			pause = 0
			if end < len(entries) {
				from = entries[end].at
			}
		}
		for i := start; i < end; i++ {
			if entries[i].command != nil {
				entries[i].at = from + pause*int64(i-start)/int64(end-start)
			}
		}
		start = end
	}
}

// textCommand makes the DANMU_MSG of a line. Who sent it is made up where the recording
// does not tell; its id depends on seed, room, date and line alone.
func textCommand(p piece, line int, at, uid int64, text []byte, seed uint64) command {
	key := []uint64{seed, saltText, uint64(p.room), uint64(p.date.Unix()), uint64(line)}
	from := someone(seed, hashOf(key...)%usersPerRoom)
	if uid > 0 {
		from = someone(seed, uint64(uid))
		from.uid, from.crc = uid, crcOf(uid)
	}
	d := danmaku{
		id:    fmt.Sprintf("%016x%016x%02x", hashOf(key...), hashOf(append(key, 1)...), line&0xff),
		text:  text,
		sent:  at / 1000,
		mode:  1,
		color: colors[0],
		from:  from,
	}
	return command{name: "DANMU_MSG", id: d.id, payload: d.append(nil, from)}
}
