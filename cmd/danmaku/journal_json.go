package main

import (
	"danmaku-archiver/archiver/store"
	"danmaku-archiver/collect/journal"
)

// journalJSON is a journal as danmaku journal ls --json prints it.
type journalJSON struct {
	ID       string        `json:"id"`
	Path     string        `json:"path"`
	Ended    bool          `json:"ended"`
	FirstSeq int64         `json:"first_seq"`
	LastSeq  int64         `json:"last_seq"`
	First    *store.Time   `json:"first"`
	Last     *store.Time   `json:"last"`
	Floor    *floorJSON    `json:"floor"`
	Segments []segmentJSON `json:"segments"`
}

// floorJSON is what retired segments left whole, null as long as nothing was retired.
type floorJSON struct {
	Seq  int64  `json:"seq"`
	Hour string `json:"hour"`
}

type segmentJSON struct {
	Path     string      `json:"path"`
	State    string      `json:"state"`
	Bytes    int64       `json:"bytes"`
	FirstSeq int64       `json:"first_seq"`
	LastSeq  int64       `json:"last_seq"`
	First    *store.Time `json:"first"`
	Last     *store.Time `json:"last"`
	Records  int64       `json:"records"`
	Commands int64       `json:"commands"`
}

func journalsForPrograms(infos []journal.Info) []journalJSON {
	all := make([]journalJSON, 0, len(infos))
	for _, i := range infos {
		j := journalJSON{ID: i.ID, Path: i.Path, Ended: i.Ended, FirstSeq: i.FirstSeq, LastSeq: i.LastSeq,
			First: timeJSON(i.First), Last: timeJSON(i.Last), Segments: make([]segmentJSON, 0, len(i.Segments))}
		if i.Floor != (journal.Floor{}) {
			j.Floor = &floorJSON{i.Floor.Seq, i.Floor.Hour.String()}
		}
		for _, s := range i.Segments {
			j.Segments = append(j.Segments, segmentJSON{Path: s.Path, State: segmentState(&s), Bytes: s.Bytes,
				FirstSeq: s.FirstSeq, LastSeq: s.LastSeq, First: timeJSON(s.First), Last: timeJSON(s.Last),
				Records: int64(s.Records), Commands: int64(s.Commands)})
		}
		all = append(all, j)
	}
	return all
}

// timeJSON is null where there is no record to have a time.
func timeJSON(micros int64) *store.Time {
	if micros == 0 {
		return nil
	}
	t := store.Time(micros)
	return &t
}
