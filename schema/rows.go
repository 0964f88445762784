package schema

// The row structs are the tables: field order is column order, tags are Parquet's types
// and encodings. Nullable columns are pointers, never values tagged optional.

// Table names a table of the archive.
type Table string

// The tables.
const (
	TableDanmaku    Table = "danmaku"
	TablePayments   Table = "payments"
	TableAudience   Table = "audience"
	TablePresence   Table = "presence"
	TableModeration Table = "moderation"
	TableOther      Table = "other"
	TableRooms      Table = "rooms"
	TableCoverage   Table = "coverage"
)

// Common is what every row that was made of one record begins with.
type Common struct {
	EventID    int64   `parquet:"event_id"`
	RoomID     int64   `parquet:"room_id,dict"`
	LiveKey    *string `parquet:"live_key,optional,dict"`
	TS         int64   `parquet:"ts,timestamp(microsecond)"`
	ServiceTS  *int64  `parquet:"service_ts,optional,timestamp(microsecond)"`
	ReceivedAt int64   `parquet:"received_at,timestamp(microsecond)"`
	Collector  string  `parquet:"collector,dict"`
	JournalID  string  `parquet:"journal_id,dict"`
	Seq        int64   `parquet:"seq"`

	// Item is the row's index within its command, the last sort key. Not a column.
	Item int32 `parquet:"-"`
	// HasID is true where the service sent an id: then a row of the same room and table
	// with the same EventID is a copy. Never of a figure of audience. Not a column.
	HasID bool `parquet:"-"`
	// Weak is true of a row that tells less than another command of the same event: a copy
	// that is not weak takes its place, whichever came first. It is its command's only row.
	// Not a column.
	Weak bool `parquet:"-" json:",omitempty"`
}

// Who tells who did it.
type Who struct {
	UserID   *int64  `parquet:"user_id,optional,dict"`
	UserHash *int64  `parquet:"user_hash,optional,dict"`
	UserName *string `parquet:"user_name,optional,dict"`
	Masked   bool    `parquet:"masked"`
}

// Medal is the fan medal that a person wears.
type Medal struct {
	MedalName     *string `parquet:"medal_name,optional,dict"`
	MedalLevel    *int32  `parquet:"medal_level,optional,dict"`
	MedalRoomID   *int64  `parquet:"medal_room_id,optional,dict"`
	MedalAnchorID *int64  `parquet:"medal_anchor_id,optional,dict"`
}

// DanmakuRow is one bullet comment.
type DanmakuRow struct {
	Common
	Who
	Text          string  `parquet:"text,plain"`
	Kind          string  `parquet:"kind,dict"`
	Mode          int32   `parquet:"mode,dict"`
	FontSize      int32   `parquet:"font_size,dict"`
	Color         int32   `parquet:"color,dict"`
	Emoticon      *string `parquet:"emoticon,optional,dict"`
	ReplyToUserID *int64  `parquet:"reply_to_user_id,optional,dict"`
	Lottery       bool    `parquet:"lottery"`
	Mirrored      bool    `parquet:"mirrored"`
	Admin         bool    `parquet:"admin"`
	UserLevel     *int32  `parquet:"user_level,optional,dict"`
	WealthLevel   *int32  `parquet:"wealth_level,optional,dict"`
	GuardLevel    int32   `parquet:"guard_level,dict"`
	MedalName     *string `parquet:"medal_name,optional,dict"`
	MedalLevel    *int32  `parquet:"medal_level,optional,dict"`
	MedalRoomID   *int64  `parquet:"medal_room_id,optional,dict"`
	MedalAnchorID *int64  `parquet:"medal_anchor_id,optional,dict"`
	EnteredAt     *int64  `parquet:"entered_at,optional,timestamp(microsecond)"`
}

// PaymentsRow is one purchase.
type PaymentsRow struct {
	Common
	Who
	SourceID       *string `parquet:"source_id,optional,plain"`
	Kind           string  `parquet:"kind,dict"`
	Operation      *string `parquet:"operation,optional,dict"`
	ItemID         int64   `parquet:"item_id,dict"`
	ItemName       string  `parquet:"item_name,dict"`
	Count          int64   `parquet:"count,dict"`
	Unit           *string `parquet:"unit,optional,dict"`
	UnitPriceMilli int64   `parquet:"unit_price_milli,dict"`
	PaidMilli      int64   `parquet:"paid_milli,dict"`
	ListPriceMilli *int64  `parquet:"list_price_milli,optional,dict"`
	ListPrice      bool    `parquet:"list_price"`
	Coin           string  `parquet:"coin,dict"`
	BlindBox       *string `parquet:"blind_box,optional,dict"`
	ReceiverID     *int64  `parquet:"receiver_id,optional,dict"`
	Message        *string `parquet:"message,optional,plain"`
	DurationS      *int32  `parquet:"duration_s,optional,dict"`
	GuardLevel     *int32  `parquet:"guard_level,optional,dict"`
	Medal
}

// PresenceRow tells that somebody entered, followed, shared or liked.
type PresenceRow struct {
	Common
	Who
	Kind string `parquet:"kind,dict"`
	Medal
	GuardLevel int32 `parquet:"guard_level,dict"`
}

// ModerationRow is one act of the service, the streamer or a moderator.
type ModerationRow struct {
	Common
	Who
	Kind          string  `parquet:"kind,dict"`
	Target        *string `parquet:"target,optional,plain"`
	TargetEventID *int64  `parquet:"target_event_id,optional"`
	Message       *string `parquet:"message,optional,plain"`
}

// AudienceRow is one figure of how many were there.
type AudienceRow struct {
	Common
	Metric string `parquet:"metric,dict"`
	Value  int64  `parquet:"value"`
	Capped bool   `parquet:"capped"`
}

// OtherRow is a command that no other table takes, or one that would not decode.
type OtherRow struct {
	Common
	Command string `parquet:"command,dict"`
	Payload string `parquet:"payload,plain"`
	Broken  bool   `parquet:"broken"`

	// Reason is what is wrong with a broken one. Not a column.
	Reason Reason `parquet:"-"`
}

// RoomsRow is what a room was at a time.
type RoomsRow struct {
	RoomID         int64   `parquet:"room_id,dict"`
	TS             int64   `parquet:"ts,timestamp(microsecond)"`
	Event          string  `parquet:"event,dict"`
	Rank           *int32  `parquet:"rank,optional,dict"`
	Reason         *string `parquet:"reason,optional,dict"`
	LiveStatus     int32   `parquet:"live_status,dict"`
	LiveKey        *string `parquet:"live_key,optional,dict"`
	LiveSince      *int64  `parquet:"live_since,optional,timestamp(microsecond)"`
	Title          string  `parquet:"title,dict"`
	AreaID         int64   `parquet:"area_id,dict"`
	AreaName       string  `parquet:"area_name,dict"`
	ParentAreaID   int64   `parquet:"parent_area_id,dict"`
	ParentAreaName string  `parquet:"parent_area_name,dict"`
	StreamerID     int64   `parquet:"streamer_id,dict"`
	StreamerName   string  `parquet:"streamer_name,dict"`
	Popularity     *int64  `parquet:"popularity,optional"`
	Collector      string  `parquet:"collector,dict"`
	JournalID      string  `parquet:"journal_id,dict"`
	Seq            int64   `parquet:"seq"`

	Item int32 `parquet:"-"`
}

// CoverageRow is one interval of a room in the watched set.
type CoverageRow struct {
	RoomID    int64    `parquet:"room_id,dict"`
	StartedAt int64    `parquet:"started_at,timestamp(microsecond)"`
	EndedAt   int64    `parquet:"ended_at,timestamp(microsecond)"`
	State     string   `parquet:"state,dict"`
	Cause     *string  `parquet:"cause,optional,dict"`
	Identity  string   `parquet:"identity,dict"`
	Masked    bool     `parquet:"masked"`
	Thinned   bool     `parquet:"thinned"`
	Recall    *float64 `parquet:"recall,optional"`
	Host      *string  `parquet:"host,optional,dict"`
	Transport *string  `parquet:"transport,optional,dict"`
	Commands  int64    `parquet:"commands"`
	Bytes     int64    `parquet:"bytes"`
	Collector string   `parquet:"collector,dict"`
	JournalID string   `parquet:"journal_id,dict"`
	Seq       int64    `parquet:"seq"`
}

// Rows gathers what decoding makes, a slice a table, in the order of decoding.
type Rows struct {
	Danmaku    []DanmakuRow
	Payments   []PaymentsRow
	Audience   []AudienceRow
	Presence   []PresenceRow
	Moderation []ModerationRow
	Other      []OtherRow
	Rooms      []RoomsRow
	Coverage   []CoverageRow
}
