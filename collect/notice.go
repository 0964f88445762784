package collect

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"danmaku-archiver/schema"
)

// notice looks into the few commands that tell something about the room or about how the
// service treats us, and writes what changed as a mark behind the command.
func (s *session) notice(name string, payload []byte) error {
	switch name {
	case "DANMU_MSG":
		if s.c.historian != nil {
			if g, ok := s.glancer.Danmaku(payload); ok {
				s.heard.add(g)
			}
		}
		return s.lookForMasking(payload)
	case "LOG_IN_NOTICE":
		// The service's announcement that guests get no identities.
		return s.setMasked(true)
	case "LIVE":
		return s.live(payload)
	case "PREPARING":
		return s.preparing(payload)
	case "ROOM_CHANGE":
		return s.roomChange(payload)
	case "STOP_LIVE_ROOM_LIST":
		return s.c.stopped(s.ctx, payload)
	}
	return nil
}

func (s *session) lookForMasking(payload []byte) error {
	now := time.Now()
	if now.Before(s.lookAt) {
		return nil
	}
	masked, ok := schema.MaskedDanmaku(payload)
	if !ok {
		return nil
	}
	s.lookAt = now.Add(maskInterval)
	return s.setMasked(masked)
}

func (s *session) setMasked(masked bool) error {
	if s.masked == masked {
		return nil
	}
	s.masked = masked
	return s.mark(s.ctx, &schema.Mark{Name: schema.MarkMasked, Masked: masked})
}

// live takes a LIVE command. The service sends it twice at the start of a broadcast, once
// with live_time and once without, and again when the stream is resumed.
func (s *session) live(payload []byte) error {
	var c struct {
		LiveKey  loose `json:"live_key"`
		LiveTime loose `json:"live_time"`
	}
	if json.Unmarshal(payload, &c) != nil {
		return nil
	}
	return s.change(s.ctx, schema.MarkLive, func(f *schema.RoomFacts) {
		if c.LiveKey != "" && string(c.LiveKey) != f.LiveKey {
			f.LiveKey, f.LiveSince = string(c.LiveKey), 0
		}
		if since := c.LiveTime.int(); since > 0 && since < maxSeconds {
			f.LiveSince = since * int64(time.Second/time.Microsecond)
		}
		f.LiveStatus = 1
	})
}

const (
	// stopListEvery is how often a list of ended broadcasts is looked into: all rooms get
	// the same one, twice a minute (sjh8130/bili_danmaku).
	stopListEvery = 10 * time.Second
	// stopListAge is how old the end of a broadcast in such a list can be: one that began
	// since then is not meant.
	stopListAge = 90 * time.Second
)

// stopped takes the service's list of broadcasts that ended anywhere. It is the only sign
// of the end where a PREPARING was lost.
func (c *Collector) stopped(ctx context.Context, payload []byte) error {
	now := time.Now()
	c.mu.Lock()
	due := now.Sub(c.stopList) >= stopListEvery
	if due {
		c.stopList = now
	}
	c.mu.Unlock()
	var list struct {
		Data struct {
			Rooms []schema.RoomID `json:"room_id_list"`
		} `json:"data"`
	}
	if !due || json.Unmarshal(payload, &list) != nil {
		return nil
	}
	for _, room := range list.Data.Rooms {
		c.mu.Lock()
		s := c.sessions[room]
		c.mu.Unlock()
		if s == nil || !s.mayHaveEnded(now) {
			continue
		}
		if err := s.change(ctx, schema.MarkPreparing, offAir); err != nil {
			return err
		}
	}
	return nil
}

// mayHaveEnded tells that the broadcast goes on as far as we know, and not just since.
func (s *session) mayHaveEnded(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended.IsZero() && (s.began.IsZero() || now.Sub(s.began) >= stopListAge)
}

// offAir makes the facts those of a room in which nothing is shown.
func offAir(f *schema.RoomFacts) { f.LiveKey, f.LiveSince, f.LiveStatus = "", 0, 0 }

func (s *session) preparing(payload []byte) error {
	var c struct {
		Round loose `json:"round"`
	}
	_ = json.Unmarshal(payload, &c)
	return s.change(s.ctx, schema.MarkPreparing, func(f *schema.RoomFacts) {
		offAir(f)
		if c.Round == "1" {
			f.LiveStatus = 2
		}
	})
}

func (s *session) roomChange(payload []byte) error {
	var c struct {
		Data struct {
			Title          string `json:"title"`
			AreaID         loose  `json:"area_id"`
			AreaName       string `json:"area_name"`
			ParentAreaID   loose  `json:"parent_area_id"`
			ParentAreaName string `json:"parent_area_name"`
		} `json:"data"`
	}
	if json.Unmarshal(payload, &c) != nil {
		return nil
	}
	return s.change(s.ctx, schema.MarkFacts, func(f *schema.RoomFacts) {
		d := &c.Data
		if d.Title != "" {
			f.Title = d.Title
		}
		if d.AreaName != "" {
			f.AreaID, f.AreaName = d.AreaID.int(), d.AreaName
		}
		if d.ParentAreaName != "" {
			f.ParentAreaID, f.ParentAreaName = d.ParentAreaID.int(), d.ParentAreaName
		}
	})
}

// listed takes what a list says of the watched room now. Only what changed since the list
// before counts: between two lists the room's own commands know better.
func (s *session) listed(ctx context.Context, k Candidate, account bool) error {
	s.account.Store(account)
	s.mu.Lock()
	was := s.last.Facts
	s.last = k
	if !s.ended.IsZero() && k.Facts.LiveStatus == 1 && time.Since(s.ended) >= linger {
		s.ended = time.Time{}
	}
	s.mu.Unlock()
	is := &k.Facts
	return s.change(ctx, schema.MarkFacts, func(f *schema.RoomFacts) {
		if is.Title != was.Title {
			f.Title = is.Title
		}
		if is.AreaID != was.AreaID || is.ParentAreaID != was.ParentAreaID {
			f.AreaID, f.AreaName = is.AreaID, is.AreaName
			f.ParentAreaID, f.ParentAreaName = is.ParentAreaID, is.ParentAreaName
		}
		if is.StreamerName != was.StreamerName {
			f.StreamerName = is.StreamerName
		}
		if is.LiveKey != "" && is.LiveKey != was.LiveKey {
			f.LiveKey, f.LiveSince, f.LiveStatus = is.LiveKey, is.LiveSince, is.LiveStatus
		}
	})
}

// change edits the facts and writes the mark if anything is different. The lock is held
// meanwhile: a mark holds all facts, so that marks must not overtake each other.
func (s *session) change(ctx context.Context, name schema.MarkName, edit func(*schema.RoomFacts)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch name {
	case schema.MarkLive:
		s.began, s.ended = time.Now(), time.Time{}
	case schema.MarkPreparing:
		if s.ended.IsZero() {
			s.ended = time.Now()
		}
	}
	facts := s.facts
	edit(&facts)
	clip(&facts)
	if facts == s.facts {
		return nil
	}
	s.facts = facts
	return s.mark(ctx, &schema.Mark{Name: name, Facts: &facts})
}

const (
	// maxText bounds each text of a room's facts, in bytes: they are written again with
	// every mark and snapshot, and the longest title that the service allows is far below.
	maxText = 1 << 10
	// maxSeconds is above every time in Unix seconds that makes sense.
	maxSeconds = 100_000_000_000
)

func clip(f *schema.RoomFacts) {
	for _, s := range []*string{&f.Title, &f.AreaName, &f.ParentAreaName, &f.StreamerName, &f.LiveKey} {
		if len(*s) > maxText {
			*s = strings.ToValidUTF8(strings.Clone((*s)[:maxText]), "")
		}
	}
}

// loose is a JSON string or number, as text: the service sends the same field as either.
type loose string

// UnmarshalJSON never fails: anything but a string or number is the empty text.
func (l *loose) UnmarshalJSON(b []byte) error {
	*l = ""
	if len(b) > 0 && b[0] == '"' {
		var t string
		if json.Unmarshal(b, &t) == nil {
			*l = loose(t)
		}
		return nil
	}
	if _, err := strconv.ParseFloat(string(b), 64); err == nil {
		*l = loose(b)
	}
	return nil
}

func (l loose) int() int64 {
	n, _ := strconv.ParseInt(string(l), 10, 64)
	return n
}
