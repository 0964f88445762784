package schema

import (
	"encoding/json"
	"fmt"
)

// MarkName names a mark. The names are part of the journal's format; do not change.
type MarkName string

// The marks. Each comment says who writes it, which room it stands under and which
// fields of [Mark] it uses.
const (
	// MarkStart: the collector began to run. Room 0. Version.
	MarkStart MarkName = "start"
	// MarkStop: the collector ended in good order. Room 0. Cause.
	MarkStop MarkName = "stop"
	// MarkAlive: the collector, every second. Room 0. Two records of a journal that are
	// more than [BlindAfter] apart mean that every room was blind between them.
	MarkAlive MarkName = "alive"
	// MarkSnapshot: the journal, as the first record of every segment, of every hour and
	// of every hour's last [Grace]. Room 0. Rooms, Last, Cause (segment, hour, grace).
	MarkSnapshot MarkName = "snapshot"
	// MarkRecovered: the journal, after a start found an earlier run's segments. Room 0.
	// FirstSeq (above every number that can have been given), LastSeq (the last one
	// found), Cut (bytes of torn tail), Cause.
	MarkRecovered MarkName = "recovered"
	// MarkDamage: the journal, for a damaged range that lies between two good blocks.
	// Room 0. FirstSeq, LastSeq (numbers lost), From, To (times around it), Cause.
	MarkDamage MarkName = "damage"

	// MarkShedding: the journal, before it sheds commands in another way than until now.
	// From here on commands of the level's classes are not recorded ([Level]). Room 0.
	// Level (empty: everything is recorded again), Cause (disk_space, max_size, slow_disk).
	MarkShedding MarkName = "shedding"
	// MarkShed: the journal, every second in which commands were shed. Room 0. Counts (by
	// name; a long tail of names under RestOfNames), Value (all of them), From, To (first and
	// last of them).
	MarkShed MarkName = "shed"

	// MarkListed: the collector, for every room of the scanned lists, once an hour. The
	// room. Rank, Reason (empty: not chosen), Facts (the list's, which change nothing of
	// what is known of a watched room).
	MarkListed MarkName = "listed"
	// MarkSelected: the collector wants the room from now on. The room. Rank, Reason, Facts.
	MarkSelected MarkName = "selected"
	// MarkDropped: the collector no longer wants the room. The room. Cause.
	MarkDropped MarkName = "dropped"
	// MarkSelection: the collector finished choosing: rooms that an earlier run wanted
	// and that were not selected again since the start mark are dropped. Room 0.
	MarkSelection MarkName = "selection"

	// MarkConnecting: a session began to connect. The room. Cause (why it has to), Refused.
	MarkConnecting MarkName = "connecting"
	// MarkConnected: the service accepted the session. The room. Host, Transport, Identity.
	MarkConnected MarkName = "connected"
	// MarkDisconnected: the session ended. The room. Cause, LastReceived, Refused.
	MarkDisconnected MarkName = "disconnected"
	// MarkMasked: the service began, or ceased, to hide identities. The room. Masked.
	MarkMasked MarkName = "masked"
	// MarkRecall: a sample of the room's short history was compared with what was received.
	// The room. Sampled, Held, Thinned.
	MarkRecall MarkName = "recall"
	// MarkBadPacket: a packet that could not be unpacked was skipped. The room. Cause, Raw.
	MarkBadPacket MarkName = "bad_packet"

	// MarkLive: the broadcast began. The room. Facts.
	MarkLive MarkName = "live"
	// MarkPreparing: the broadcast ended. The room. Facts.
	MarkPreparing MarkName = "preparing"
	// MarkFacts: title, area or other facts of the room changed. The room. Facts.
	MarkFacts MarkName = "facts"

	// MarkPopularity: the value of a heartbeat reply. The room. Value.
	MarkPopularity MarkName = "popularity"
	// MarkListPopularity: the value that a list gave for a watched room, once a refresh.
	// The room. Value.
	MarkListPopularity MarkName = "list_popularity"
)

// Mark is a record that we wrote ourselves. It is stored as JSON, absent where zero, so
// that marks of later versions can be read by earlier ones and by people. Times are
// microseconds since the Unix epoch, UTC.
type Mark struct {
	Name MarkName `json:"mark"`

	Cause string `json:"cause,omitempty"`

	Host      string `json:"host,omitempty"`
	Transport string `json:"transport,omitempty"`
	// Identity is guest or account.
	Identity string `json:"identity,omitempty"`
	Masked   bool   `json:"masked,omitempty"`
	// LastReceived is when the ended session received its last packet of any kind.
	LastReceived int64  `json:"last_received,omitempty"`
	Raw          []byte `json:"raw,omitempty"`
	// Refused: the service does not let us in, as opposed to what merely failed.
	Refused bool `json:"refused,omitempty"`
	// Sampled messages of the room's history were looked for, Held of them were received.
	// Thinned: so few that the service must be leaving some out for this session.
	Sampled int64 `json:"sampled,omitempty"`
	Held    int64 `json:"held,omitempty"`
	Thinned bool  `json:"thinned,omitempty"`

	Rank   int32      `json:"rank,omitempty"`
	Reason string     `json:"reason,omitempty"`
	Facts  *RoomFacts `json:"facts,omitempty"`
	Value  int64      `json:"value,omitempty"`

	Version string `json:"version,omitempty"`

	FirstSeq int64 `json:"first_seq,omitempty"`
	LastSeq  int64 `json:"last_seq,omitempty"`
	From     int64 `json:"from,omitempty"`
	To       int64 `json:"to,omitempty"`
	Cut      int64 `json:"cut,omitempty"`

	// Level is also a snapshot's: what was shed when it was taken.
	Level  Level            `json:"level,omitempty"`
	Counts map[string]int64 `json:"counts,omitempty"`

	// Last is the receive time of the record before the snapshot, 0 if there is none.
	Last  int64       `json:"last,omitempty"`
	Rooms []RoomState `json:"rooms,omitempty"`
}

// RoomFacts is what a list or a room's own commands tell of it. Empty fields are unknown.
type RoomFacts struct {
	Title          string `json:"title,omitempty"`
	AreaID         int64  `json:"area_id,omitempty"`
	AreaName       string `json:"area_name,omitempty"`
	ParentAreaID   int64  `json:"parent_area_id,omitempty"`
	ParentAreaName string `json:"parent_area_name,omitempty"`
	StreamerID     int64  `json:"streamer_id,omitempty"`
	StreamerName   string `json:"streamer_name,omitempty"`
	// LiveStatus is 0 offline, 1 live, 2 a loop of recorded videos.
	LiveStatus int32 `json:"live_status,omitempty"`
	// LiveKey names the broadcast; empty when unknown or offline.
	LiveKey string `json:"live_key,omitempty"`
	// LiveSince is when the broadcast began, in microseconds since the Unix epoch.
	LiveSince int64 `json:"live_since,omitempty"`
	// Popularity is the list's figure, not a number of people.
	Popularity int64 `json:"popularity,omitempty"`
}

// AppendMark appends the mark's encoding to dst.
func AppendMark(dst []byte, m *Mark) []byte {
	b, err := json.Marshal(m)
	if err != nil {
		// Strings, numbers and byte slices always encode.
		panic(fmt.Sprintf("schema: encode mark %s: %v", m.Name, err))
	}
	return append(dst, b...)
}

// ParseMark decodes a mark. A mark whose name is unknown is no error: it came from a
// later version.
func ParseMark(payload []byte) (Mark, error) {
	var m Mark
	if err := json.Unmarshal(payload, &m); err != nil {
		return Mark{}, fmt.Errorf("decode mark: %w", err)
	}
	return m, nil
}
