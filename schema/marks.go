package schema

// The events of the table rooms.
const (
	EventListed    = "listed"
	EventSelected  = "selected"
	EventDropped   = "dropped"
	EventSnapshot  = "snapshot"
	EventLive      = "live"
	EventPreparing = "preparing"
	EventChanged   = "changed"
	EventCutOff    = "cut_off"
)

// SnapshotHour is the cause of the snapshot that an hour begins with, the one whose rooms
// become rows.
const SnapshotHour = "hour"

var roomEvents = map[MarkName]string{
	MarkListed:    EventListed,
	MarkSelected:  EventSelected,
	MarkDropped:   EventDropped,
	MarkLive:      EventLive,
	MarkPreparing: EventPreparing,
	MarkFacts:     EventChanged,
}

// Mark appends the rows of a mark, at its receive time; most marks have none. w is the
// fold after the mark was applied, for a dropped room before. popularityRow is what
// [Watch.Apply] said of the mark.
func (d *Decoder) Mark(rec *Record, m *Mark, w *Watch, popularityRow bool, rows *Rows) {
	switch m.Name {
	case MarkPopularity:
		if popularityRow {
			d.markFigure(rec, m, w, MetricPopularity, rows)
		}
	case MarkListPopularity:
		d.markFigure(rec, m, w, MetricListPopularity, rows)
	case MarkSnapshot:
		if m.Cause != SnapshotHour {
			return
		}
		for i := range m.Rooms {
			s := &m.Rooms[i]
			row := d.room(rec, s.Room, EventSnapshot, &s.Facts, s.Rank, s.Reason)
			row.Item = int32(i)
			rows.Rooms = append(rows.Rooms, row)
		}
	default:
		if event, ok := roomEvents[m.Name]; ok {
			d.markRoom(rec, m, w, event, rows)
		}
	}
}

func (d *Decoder) markFigure(rec *Record, m *Mark, w *Watch, metric string, rows *Rows) {
	o := origin{rec: rec, liveKey: w.LiveKey(rec.Room), ts: rec.ReceivedAt}
	rows.Audience = append(rows.Audience, AudienceRow{
		Common: d.common(&o, TableAudience, nil, 0), Metric: metric, Value: m.Value,
	})
}

// markRoom takes from the mark what it says and from the fold what it leaves out.
func (d *Decoder) markRoom(rec *Record, m *Mark, w *Watch, event string, rows *Rows) {
	facts, rank, reason := m.Facts, m.Rank, m.Reason
	if s := w.Room(rec.Room); s != nil {
		if facts == nil {
			facts = &s.Facts
		}
		if m.Name != MarkListed && rank == 0 && reason == "" {
			rank, reason = s.Rank, s.Reason
		}
	}
	if facts == nil {
		facts = &RoomFacts{}
	}
	rows.Rooms = append(rows.Rooms, d.room(rec, rec.Room, event, facts, rank, reason))
}

func (d *Decoder) room(rec *Record, room RoomID, event string, f *RoomFacts, rank int32, reason string) RoomsRow {
	row := RoomsRow{
		RoomID: int64(room), TS: rec.ReceivedAt, Event: event,
		LiveStatus: f.LiveStatus,
		Title:      f.Title,
		AreaID:     f.AreaID, AreaName: f.AreaName,
		ParentAreaID: f.ParentAreaID, ParentAreaName: f.ParentAreaName,
		StreamerID: f.StreamerID, StreamerName: f.StreamerName,
		LiveKey:   d.text(f.LiveKey),
		Reason:    d.text(reason),
		Collector: d.Collector, JournalID: d.JournalID, Seq: rec.Seq,
	}
	if rank != 0 {
		row.Rank = d.int32s.pointer(rank)
	}
	if f.LiveSince != 0 {
		row.LiveSince = d.int64s.pointer(f.LiveSince)
	}
	if f.Popularity != 0 {
		row.Popularity = d.int64s.pointer(f.Popularity)
	}
	return row
}

// Interval is the row of an interval of coverage.
func (d *Decoder) Interval(i Interval) CoverageRow {
	var recall *float64
	if i.Sampled > 0 {
		share := float64(i.Held) / float64(i.Sampled)
		recall = &share
	}
	return CoverageRow{
		RoomID: int64(i.Room), StartedAt: i.Start, EndedAt: i.End,
		State: string(i.State), Cause: d.text(i.Cause),
		Identity: i.Identity, Masked: i.Masked, Thinned: i.Thinned, Recall: recall,
		Host: d.text(i.Host), Transport: d.text(i.Transport),
		Commands: i.Commands, Bytes: i.Bytes,
		Collector: d.Collector, JournalID: d.JournalID, Seq: i.Seq,
	}
}

// text is the string of a nullable column, nil where it is empty.
func (d *Decoder) text(s string) *string {
	if s == "" {
		return nil
	}
	return d.strings.pointer(s)
}

// Describe fills in what the fold knows of the room that a command made a row of.
func (w *Watch) Describe(row *RoomsRow) {
	s := w.Room(RoomID(row.RoomID))
	if s == nil {
		return
	}
	f := &s.Facts
	row.Title, row.AreaID, row.AreaName = f.Title, f.AreaID, f.AreaName
	row.ParentAreaID, row.ParentAreaName = f.ParentAreaID, f.ParentAreaName
	row.StreamerID, row.StreamerName = f.StreamerID, f.StreamerName
	if rank := s.Rank; rank != 0 {
		row.Rank = &rank
	}
	if reason := s.Reason; reason != "" {
		row.Reason = &reason
	}
	if since := f.LiveSince; since != 0 {
		row.LiveSince = &since
	}
}
