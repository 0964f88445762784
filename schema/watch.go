package schema

import (
	"slices"
	"time"
)

// BlindAfter is how far apart two records of a journal may lie before all rooms count as
// unwatched between them: an alive mark is written every second.
//
// Part of the format; do not change.
const BlindAfter = 5 * time.Second

// State is what a collector did about a room during an interval of coverage.
type State string

// The states. In an interval that is shed the room was listened to, but for lack of space
// not all of it was recorded: its cause is the [Level]. Imported is reserved for the
// intervals that bear it.
const (
	StateObserving   State = "observing"
	StateConnecting  State = "connecting"
	StateRefused     State = "refused"
	StateDown        State = "down"
	StateShed        State = "shed"
	StateNotSelected State = "not_selected"
	StateImported    State = "imported"
)

// Causes that the fold gives of its own accord; all others come from marks.
const (
	CauseBlind    = "blind"    // no record for more than BlindAfter
	CauseKilled   = "killed"   // the process ended without a stop mark
	CauseStopped  = "stopped"  // the process ended in good order
	CauseSelected = "selected" // the room was chosen
)

// RoomState is one watched room at a moment, as a snapshot keeps it.
type RoomState struct {
	Room  RoomID `json:"room"`
	State State  `json:"state"`
	// Since is when the state began, Seq the record that began it.
	Since int64  `json:"since"`
	Seq   int64  `json:"seq,omitempty"`
	Cause string `json:"cause,omitempty"`

	Identity  string `json:"identity,omitempty"`
	Host      string `json:"host,omitempty"`
	Transport string `json:"transport,omitempty"`
	Masked    bool   `json:"masked,omitempty"`
	Thinned   bool   `json:"thinned,omitempty"`

	Rank   int32     `json:"rank,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Facts  RoomFacts `json:"facts"`

	// Commands and Bytes count what came since the state began; Heard is when the last of
	// those commands was received, 0 before the first.
	Commands int64 `json:"commands,omitempty"`
	Bytes    int64 `json:"bytes,omitempty"`
	Heard    int64 `json:"heard,omitempty"`
	// Sampled and Held sum up the recall marks since the state began.
	Sampled int64 `json:"sampled,omitempty"`
	Held    int64 `json:"held,omitempty"`

	// Popularity is the last heartbeat value that became a row, PopularityAt when.
	Popularity   int64 `json:"popularity,omitempty"`
	PopularityAt int64 `json:"popularity_at,omitempty"`

	// Carried is true for a room that an earlier run wanted and this one has not chosen yet.
	Carried bool `json:"carried,omitempty"`

	liveKey *string
}

// Interval is one stretch of a room's coverage, [Start, End).
type Interval struct {
	Room       RoomID
	Start, End int64
	State      State
	Cause      string
	Identity   string
	Host       string
	Transport  string
	Masked     bool
	// Thinned: before the interval was over its samples had shown that the service leaves
	// out much for this session.
	Thinned bool
	// Commands and Bytes count what was received within the interval.
	Commands, Bytes int64
	// Sampled messages of the room's history were looked for within the interval, Held of
	// them had been received.
	Sampled, Held int64
	// Seq is the record that began the state.
	Seq int64
}

// Watch folds a journal's records, in order, into the watched rooms and their coverage.
// The journal uses it to write snapshots, the archiver to read them: since both fold the
// same records with the same code, a fold that begins at a snapshot agrees with one that
// began earlier.
//
// The intervals of a room in the watched set follow each other without hole or overlap.
// A Watch is not safe for concurrent use.
type Watch struct {
	rooms    map[RoomID]*RoomState
	last     int64
	level    Level
	from, to int64
	ended    func(Interval)
}

// NewWatch returns an empty fold that reports no intervals.
func NewWatch() *Watch { return &Watch{rooms: map[RoomID]*RoomState{}} }

// NewCoverage returns an empty fold that calls ended with every interval, cut to
// [from, to), when it is over. Intervals of one room come in order.
func NewCoverage(from, to int64, ended func(Interval)) *Watch {
	w := NewWatch()
	w.from, w.to, w.ended = from, to, ended
	return w
}

// Last is the receive time of the last record applied, 0 before the first.
func (w *Watch) Last() int64 { return w.last }

// Room returns the room's state, nil if it is not watched. It is the fold's own: valid
// until the next call, not to be changed.
func (w *Watch) Room(room RoomID) *RoomState { return w.rooms[room] }

// LiveKey returns the room's broadcast, nil if unknown or offline. The string may be kept.
func (w *Watch) LiveKey(room RoomID) *string {
	if s := w.rooms[room]; s != nil {
		return s.liveKey
	}
	return nil
}

// Snapshot returns the mark that holds the present state.
func (w *Watch) Snapshot(cause string) Mark {
	m := Mark{Name: MarkSnapshot, Cause: cause, Last: w.last, Level: w.level, Rooms: make([]RoomState, 0, len(w.rooms))}
	for _, s := range w.sorted() {
		m.Rooms = append(m.Rooms, *s)
	}
	return m
}

func (w *Watch) sorted() []*RoomState {
	all := make([]*RoomState, 0, len(w.rooms))
	for _, s := range w.rooms {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *RoomState) int { return int(min(max(a.Room-b.Room, -1), 1)) })
	return all
}

// Apply takes the next record; m is its mark, nil for a command. It reports whether a
// popularity mark makes a row: the value differs from the last row's, or that is a
// minute old.
func (w *Watch) Apply(rec *Record, m *Mark) (row bool) {
	if m != nil && m.Name == MarkSnapshot {
		w.restore(rec, m)
	}
	w.blind(rec)
	w.last = rec.ReceivedAt
	if m == nil {
		if s := w.rooms[rec.Room]; s != nil {
			s.Heard = rec.ReceivedAt
			if w.within(rec.ReceivedAt) {
				s.Commands++
				s.Bytes += int64(len(rec.Payload))
			}
		}
		return false
	}
	return w.apply(rec, m)
}

// Note takes a mark that nobody recorded, so that the next snapshot tells what it changed;
// that snapshot then counts as the record that began the state. The last record stays the
// one before, for a reader knows of no other.
func (w *Watch) Note(room RoomID, at int64, m *Mark) {
	w.apply(&Record{Room: room, ReceivedAt: at, Kind: KindMark}, m)
}

func (w *Watch) apply(rec *Record, m *Mark) (row bool) {
	switch m.Name {
	case MarkShedding:
		w.shed(rec, m.Level)
	case MarkStart:
		w.down(rec.ReceivedAt, rec.Seq, CauseKilled)
	case MarkStop:
		w.down(rec.ReceivedAt, rec.Seq, CauseStopped)
	case MarkSelection:
		for _, s := range w.sorted() {
			if s.Carried {
				w.drop(s, rec.ReceivedAt)
			}
		}
	default:
		return w.applyRoom(rec, m)
	}
	return false
}

func (w *Watch) applyRoom(rec *Record, m *Mark) (row bool) {
	t, s := rec.ReceivedAt, w.rooms[rec.Room]
	if s == nil {
		switch m.Name {
		case MarkSelected:
			s = &RoomState{Room: rec.Room, State: StateConnecting, Cause: CauseSelected,
				Since: t, Seq: rec.Seq, Rank: m.Rank, Reason: m.Reason}
			w.rooms[rec.Room] = s
			s.setFacts(m.Facts)
		case MarkPopularity:
			return true
		}
		return false
	}
	if m.Name != MarkListed {
		// A list knows less of a watched room than its session does.
		s.setFacts(m.Facts)
	}
	switch m.Name {
	case MarkSelected:
		s.Rank, s.Reason = m.Rank, m.Reason
		if s.Carried {
			s.Carried = false
			w.change(s, t, rec.Seq, StateConnecting, CauseSelected)
		}
	case MarkDropped:
		w.drop(s, t)
	case MarkConnecting:
		if state := m.absent(); s.State != state || s.Cause != m.Cause {
			w.change(s, t, rec.Seq, state, m.Cause)
		}
	case MarkConnected:
		state, cause := w.present()
		w.change(s, t, rec.Seq, state, cause)
		s.Identity, s.Host, s.Transport, s.Masked, s.Thinned = m.Identity, m.Host, m.Transport, m.Masked, false
	case MarkDisconnected:
		end := t
		if m.LastReceived > 0 && m.LastReceived < t {
			end = m.LastReceived
		}
		w.change(s, end, rec.Seq, m.absent(), m.Cause)
	case MarkMasked:
		if s.connected() && s.Masked != m.Masked {
			w.change(s, t, rec.Seq, s.State, s.Cause)
			s.Masked = m.Masked
		}
	case MarkRecall:
		if !s.connected() {
			return false
		}
		if w.within(t) {
			s.Sampled += m.Sampled
			s.Held += m.Held
		}
		if s.Thinned && !m.Thinned {
			w.change(s, t, rec.Seq, s.State, s.Cause)
		}
		// What is found to be thinned now has been for as long as it was sampled.
		s.Thinned = m.Thinned
	case MarkPopularity:
		if m.Value == s.Popularity && s.PopularityAt != 0 && t-s.PopularityAt < int64(time.Minute/time.Microsecond) {
			return false
		}
		s.Popularity, s.PopularityAt = m.Value, t
		return true
	}
	return false
}

// shed takes over what is recorded of the rooms from now on.
func (w *Watch) shed(rec *Record, level Level) {
	if w.level == level {
		return
	}
	w.level = level
	state, cause := w.present()
	for _, s := range w.sorted() {
		if s.connected() {
			w.change(s, rec.ReceivedAt, rec.Seq, state, cause)
		}
	}
}

// present is the state, and its cause, of a room that is listened to.
func (w *Watch) present() (State, string) {
	if w.level == LevelNone {
		return StateObserving, ""
	}
	return StateShed, string(w.level)
}

// connected tells that the room is listened to, whether or not all of it is recorded.
func (s *RoomState) connected() bool { return s.State == StateObserving || s.State == StateShed }

// absent is the state that a mark tells of a room without a session.
func (m *Mark) absent() State {
	if m.Refused {
		return StateRefused
	}
	return StateConnecting
}

// Down ends the watching of every room at the given time: the process is gone. Rooms that
// are down already keep their cause. Whoever calls it writes a snapshot next, which then
// counts as the record that began the state.
func (w *Watch) Down(at int64, cause string) { w.down(at, 0, cause) }

func (w *Watch) down(at, seq int64, cause string) {
	w.level = LevelNone
	for _, s := range w.sorted() {
		if s.State != StateDown {
			w.change(s, at, seq, StateDown, cause)
		}
		s.Carried = true
	}
}

// Finish reports what is still going on, up to the given time, and empties the fold.
func (w *Watch) Finish(at int64) {
	for _, s := range w.sorted() {
		w.drop(s, s.ends(at))
	}
}

// restore takes over what a snapshot says. A snapshot in the middle agrees with the fold
// unless the process that wrote the earlier records died, or records were lost.
func (w *Watch) restore(rec *Record, m *Mark) {
	latest := rec.ReceivedAt
	if w.isBlind(rec.ReceivedAt) {
		// A state that began where no record tells of it was seen by nobody.
		latest = w.last
	}
	if w.last == 0 {
		w.last = m.Last
	}
	w.level = m.Level
	there := make(map[RoomID]bool, len(m.Rooms))
	for i := range m.Rooms {
		to := m.Rooms[i]
		there[to.Room] = true
		to.Commands, to.Bytes, to.Sampled, to.Held = 0, 0, 0, 0
		if s := w.rooms[to.Room]; s != nil {
			w.resume(s, &to, latest)
		}
		if to.Seq == 0 {
			to.Seq = rec.Seq
		}
		to.setFacts(&to.Facts)
		w.rooms[to.Room] = &to
	}
	for _, s := range w.sorted() {
		if !there[s.Room] {
			w.drop(s, w.last)
		}
	}
}

// resume makes what a snapshot says follow on what the fold knows: the same state goes
// on, another one begins where it says, but not before what is known nor after latest.
func (w *Watch) resume(s, to *RoomState, latest int64) {
	if s.State == to.State && s.Cause == to.Cause && s.Masked == to.Masked && s.Thinned == to.Thinned && to.Since <= s.Since {
		to.Since, to.Seq, to.Commands, to.Bytes, to.Heard = s.Since, s.Seq, s.Commands, s.Bytes, s.Heard
		to.Sampled, to.Held = s.Sampled, s.Held
		return
	}
	at := s.ends(min(to.Since, latest))
	w.report(s, at)
	to.Since = at
}

// blind puts the interval without any record between two that differ from it in nothing
// but that somebody was there.
func (w *Watch) blind(rec *Record) {
	t := rec.ReceivedAt
	if !w.isBlind(t) {
		return
	}
	for _, s := range w.sorted() {
		if s.State == StateDown {
			continue
		}
		state, cause, gap := s.State, s.Cause, max(w.last, s.Since)
		w.change(s, gap, rec.Seq, StateDown, CauseBlind)
		w.change(s, t, rec.Seq, state, cause)
	}
}

// isBlind reports whether a record at the given time comes too long after the last one.
func (w *Watch) isBlind(t int64) bool {
	return w.last != 0 && t-w.last > int64(BlindAfter/time.Microsecond)
}

// change ends the room's interval and begins the next.
func (w *Watch) change(s *RoomState, at, seq int64, state State, cause string) {
	at = s.ends(at)
	w.report(s, at)
	s.State, s.Cause, s.Since, s.Seq = state, cause, at, seq
	s.Commands, s.Bytes, s.Heard, s.Sampled, s.Held = 0, 0, 0, 0, 0
}

// ends is where the room's interval ends if it ends at the given time: not before it
// began, for a session's last packet may lie before what we know of it, and not before the
// last of the commands that it counts, which is often what ends it.
func (s *RoomState) ends(at int64) int64 {
	at = max(at, s.Since)
	if s.Heard != 0 {
		at = max(at, s.Heard+1)
	}
	return at
}

func (w *Watch) drop(s *RoomState, at int64) {
	w.report(s, max(at, s.Since))
	delete(w.rooms, s.Room)
}

func (w *Watch) report(s *RoomState, end int64) {
	if w.ended == nil {
		return
	}
	i := Interval{Room: s.Room, Start: max(s.Since, w.from), End: min(end, w.to), State: s.State, Cause: s.Cause,
		Commands: s.Commands, Bytes: s.Bytes, Sampled: s.Sampled, Held: s.Held, Seq: s.Seq}
	if s.connected() {
		i.Identity, i.Host, i.Transport, i.Masked, i.Thinned = s.Identity, s.Host, s.Transport, s.Masked, s.Thinned
	}
	if i.Start < i.End {
		w.ended(i)
	}
}

func (w *Watch) within(t int64) bool {
	return w.ended == nil || t >= w.from && t < w.to
}

// setFacts replaces what is known of the room: marks carry all of it.
func (s *RoomState) setFacts(f *RoomFacts) {
	if f == nil {
		return
	}
	s.Facts = *f
	switch {
	case f.LiveKey == "":
		s.liveKey = nil
	case s.liveKey == nil || *s.liveKey != f.LiveKey:
		key := f.LiveKey
		s.liveKey = &key
	}
}
