package schema

import "bytes"

// The metrics of audience.
const (
	MetricPopularity     = "popularity"
	MetricListPopularity = "list_popularity"
	MetricWatched        = "watched"
	MetricOnline         = "online"
	MetricRankCount      = "rank_count"
	MetricLikes          = "likes"
	MetricFans           = "fans"
	MetricFansClub       = "fans_club"
)

// figure is one number of a command and where it stands.
type figure struct {
	metric string
	key    string
	// texts are the keys of the number's forms for people, which tell whether it is capped.
	texts []string

	value  int64
	sent   bool
	capped bool
}

// Where the figures stand (SocialSisterYi/bilibili-API-collect): online_count came with
// every second message in 2023, with every one in 2026.
var (
	onlineFigures = []figure{
		{metric: MetricRankCount, key: "count", texts: []string{"count_text"}},
		{metric: MetricOnline, key: "online_count", texts: []string{"online_count_text"}},
	}
	watchedFigures = []figure{
		{metric: MetricWatched, key: "num", texts: []string{"text_small", "text_large"}},
	}
	likesFigures = []figure{
		{metric: MetricLikes, key: "click_count", texts: []string{"click_text"}},
	}
	fansFigures = []figure{
		{metric: MetricFans, key: "fans"},
		{metric: MetricFansClub, key: "fans_club"},
	}
)

// readFigures returns a reader of the wanted figures; it understands a command that has
// at least one of them.
func readFigures(wanted []figure) func(*Decoder, *scanner) bool {
	return func(d *Decoder, s *scanner) bool {
		d.figures = append(d.figures[:0], wanted...)
		if s.peek() != '{' {
			s.value()
			return d.refuse(ReasonType)
		}
		d.reason = ReasonShape
		any := false
		for more := s.open('{'); more; more = s.more('{') {
			key := s.key().name()
			v := s.value()
			for i := range d.figures {
				any = d.figures[i].take(key, v) || any
			}
		}
		return any
	}
}

// take looks whether the value is the figure's and reports whether it is its number.
func (f *figure) take(key []byte, v token) bool {
	if string(key) == f.key {
		f.value, f.sent = v.int()
		return f.sent
	}
	for _, text := range f.texts {
		if string(key) == text && v.kind == '"' && isCapped(v.name()) {
			f.capped = true
		}
	}
	return false
}

// isCapped reports whether a number for people says that there are more: 9999+, 1万+.
func isCapped(text []byte) bool {
	return bytes.HasSuffix(text, []byte("+")) || bytes.Contains(text, []byte("万+"))
}

func (d *Decoder) audience(o *origin, rows *Rows) {
	id := d.bytes(o.msgID)
	item := int32(0)
	for _, f := range d.figures {
		if !f.sent {
			continue
		}
		row := AudienceRow{Common: d.common(o, TableAudience, id, item), Metric: f.metric, Value: f.value, Capped: f.capped}
		row.HasID = false
		rows.Audience = append(rows.Audience, row)
		item++
	}
}
