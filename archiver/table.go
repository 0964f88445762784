package archiver

import (
	"cmp"
	"slices"
	"strings"

	"danmaku-archiver/schema"
)

// sortKey is what the rows of every table are ordered by: command (other only), room,
// time, sequence number, item. row is where the row stands in the order of decoding.
type sortKey struct {
	command       string
	room, ts, seq int64
	item          int32
	row           int32
}

func compareKeys(a, b sortKey) int {
	return cmp.Or(strings.Compare(a.command, b.command), cmp.Compare(a.room, b.room),
		cmp.Compare(a.ts, b.ts), cmp.Compare(a.seq, b.seq), cmp.Compare(a.item, b.item),
		cmp.Compare(a.row, b.row))
}

// table is what the archiver knows of one table beyond its row struct.
type table[T any] struct {
	name schema.Table
	rows func(*schema.Rows) *[]T
	key  func(*T) sortKey
	// common is nil for tables whose rows are not made of commands.
	common func(*T) *schema.Common
	// copies: rows of one room with one service id are copies of each other.
	copies bool
	// sorted and bloom name columns: the declared order, and what has a bloom filter.
	sorted, bloom []string
}

// anyTable is a table[T] of any T.
type anyTable interface {
	tableName() schema.Table
	length(*schema.Rows) int
	truncate(*schema.Rows, int)
	wholeSite(rows *schema.Rows, from int)
	dropCopies(rows *schema.Rows, from int, seen map[rowID]int) (dropped, replaced int)
	order(*schema.Rows) []sortKey
	write(f *parquetFile, rows *schema.Rows, order []sortKey) (columnSums, error)
}

// tables are all tables, ordered by name. A new table is one entry here.
var tables = []anyTable{
	&table[schema.AudienceRow]{
		name:   schema.TableAudience,
		rows:   func(r *schema.Rows) *[]schema.AudienceRow { return &r.Audience },
		key:    func(r *schema.AudienceRow) sortKey { return commonKey(&r.Common) },
		common: func(r *schema.AudienceRow) *schema.Common { return &r.Common },
		sorted: byRoom,
	},
	&table[schema.CoverageRow]{
		name: schema.TableCoverage,
		rows: func(r *schema.Rows) *[]schema.CoverageRow { return &r.Coverage },
		key: func(r *schema.CoverageRow) sortKey {
			return sortKey{room: r.RoomID, ts: r.StartedAt, seq: r.Seq}
		},
		sorted: []string{"room_id", "started_at", "seq"},
	},
	&table[schema.DanmakuRow]{
		name:   schema.TableDanmaku,
		rows:   func(r *schema.Rows) *[]schema.DanmakuRow { return &r.Danmaku },
		key:    func(r *schema.DanmakuRow) sortKey { return commonKey(&r.Common) },
		common: func(r *schema.DanmakuRow) *schema.Common { return &r.Common },
		copies: true,
		sorted: byRoom,
		bloom:  []string{"user_hash"},
	},
	&table[schema.ModerationRow]{
		name:   schema.TableModeration,
		rows:   func(r *schema.Rows) *[]schema.ModerationRow { return &r.Moderation },
		key:    func(r *schema.ModerationRow) sortKey { return commonKey(&r.Common) },
		common: func(r *schema.ModerationRow) *schema.Common { return &r.Common },
		copies: true,
		sorted: byRoom,
		bloom:  []string{"user_hash"},
	},
	&table[schema.OtherRow]{
		name: schema.TableOther,
		rows: func(r *schema.Rows) *[]schema.OtherRow { return &r.Other },
		key: func(r *schema.OtherRow) sortKey {
			k := commonKey(&r.Common)
			k.command = r.Command
			return k
		},
		common: func(r *schema.OtherRow) *schema.Common { return &r.Common },
		copies: true,
		sorted: append([]string{"command"}, byRoom...),
	},
	&table[schema.PaymentsRow]{
		name:   schema.TablePayments,
		rows:   func(r *schema.Rows) *[]schema.PaymentsRow { return &r.Payments },
		key:    func(r *schema.PaymentsRow) sortKey { return commonKey(&r.Common) },
		common: func(r *schema.PaymentsRow) *schema.Common { return &r.Common },
		copies: true,
		sorted: byRoom,
		bloom:  []string{"user_hash"},
	},
	&table[schema.PresenceRow]{
		name:   schema.TablePresence,
		rows:   func(r *schema.Rows) *[]schema.PresenceRow { return &r.Presence },
		key:    func(r *schema.PresenceRow) sortKey { return commonKey(&r.Common) },
		common: func(r *schema.PresenceRow) *schema.Common { return &r.Common },
		copies: true,
		sorted: byRoom,
		bloom:  []string{"user_hash"},
	},
	&table[schema.RoomsRow]{
		name: schema.TableRooms,
		rows: func(r *schema.Rows) *[]schema.RoomsRow { return &r.Rooms },
		key: func(r *schema.RoomsRow) sortKey {
			return sortKey{room: r.RoomID, ts: r.TS, seq: r.Seq, item: r.Item}
		},
		sorted: byRoom,
	},
}

var byRoom = []string{"room_id", "ts", "seq"}

func commonKey(c *schema.Common) sortKey {
	return sortKey{room: c.RoomID, ts: c.TS, seq: c.Seq, item: c.Item}
}

func (t *table[T]) tableName() schema.Table { return t.name }

func (t *table[T]) length(r *schema.Rows) int { return len(*t.rows(r)) }

func (t *table[T]) truncate(r *schema.Rows, n int) {
	rows := t.rows(r)
	clear((*rows)[n:])
	*rows = (*rows)[:n]
}

// wholeSite moves the rows from the given one on to the whole site.
func (t *table[T]) wholeSite(r *schema.Rows, from int) {
	if t.common == nil {
		return
	}
	rows := (*t.rows(r))[from:]
	for i := range rows {
		c := t.common(&rows[i])
		c.RoomID, c.LiveKey = 0, nil
	}
}

// rowID tells a row from all others by what the service said of it.
type rowID struct {
	table schema.Table
	room  int64
	event int64
}

// notWeak is what seen holds of a row that no other takes the place of.
const notWeak = -1

// dropCopies drops those of the rows from the given one on that were seen before, and
// returns how many those were. The service's id decides: rows without one are unique. A
// row that is not weak takes the place of a weak one of an earlier command, whose only row
// it was; replaced counts those.
func (t *table[T]) dropCopies(r *schema.Rows, from int, seen map[rowID]int) (dropped, replaced int) {
	if !t.copies {
		return 0, 0
	}
	rows := *t.rows(r)
	kept := from
	for i := from; i < len(rows); i++ {
		if c := t.common(&rows[i]); c.HasID {
			id := rowID{t.name, c.RoomID, c.EventID}
			place, ok := seen[id]
			if ok && place != notWeak && !c.Weak {
				rows[place] = rows[i]
				seen[id] = notWeak
				replaced++
				continue
			}
			if ok {
				dropped++
				continue
			}
			if seen[id] = notWeak; c.Weak {
				seen[id] = kept
			}
		}
		rows[kept] = rows[i]
		kept++
	}
	t.truncate(r, kept)
	return dropped, replaced
}

// order sorts keys instead of rows: rows are large, and a sorted parquet.Buffer with
// nullable columns can misplace values.
func (t *table[T]) order(r *schema.Rows) []sortKey {
	rows := *t.rows(r)
	keys := make([]sortKey, len(rows))
	for i := range rows {
		keys[i] = t.key(&rows[i])
		keys[i].row = int32(i)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}
