package schema

import (
	"reflect"
	"strings"
)

// columnClass says what a column holds of people.
type columnClass uint8

// The classes. A column without one is a mistake that a test finds: nobody thought about
// whom it shows.
const (
	// classHarmless shows no viewer: figures, rooms, streamers, what the service names.
	classHarmless columnClass = iota + 1
	// classPerson is the uid of the person whose row it is.
	classPerson
	// classAddressed is the uid of another person whom the row mentions.
	classAddressed
	// classPersonHash is the CRC-32 of the uid of the person whose row it is.
	classPersonHash
	// className is a person's name.
	className
	// classEvent is an event_id: some are made of uids.
	classEvent
	// classServiceID is an id as the service wrote it: some hold uids, some are one.
	classServiceID
	// classSpeech is what somebody said in public. It stays as it is, even where it names
	// somebody.
	classSpeech
	// classCommand is a command's name, as sent.
	classCommand
	// classPayload is a whole command.
	classPayload
)

// columnClasses are the classes by column, in every table that has a column of that name.
var columnClasses = map[string]columnClass{
	"user_id":          classPerson,
	"user_hash":        classPersonHash,
	"user_name":        className,
	"reply_to_user_id": classAddressed,
	"event_id":         classEvent,
	"target_event_id":  classEvent,
	"source_id":        classServiceID,
	"target":           classServiceID,
	"text":             classSpeech,
	"message":          classSpeech,
	"command":          classCommand,
	"payload":          classPayload,

	// Where a row comes from.
	"room_id": classHarmless, "live_key": classHarmless, "ts": classHarmless, "service_ts": classHarmless,
	"received_at": classHarmless, "collector": classHarmless, "journal_id": classHarmless, "seq": classHarmless,
	// What the sender has in common with many.
	"masked": classHarmless, "kind": classHarmless, "mode": classHarmless, "font_size": classHarmless,
	"color": classHarmless, "emoticon": classHarmless, "lottery": classHarmless, "mirrored": classHarmless,
	"admin": classHarmless, "user_level": classHarmless, "wealth_level": classHarmless, "guard_level": classHarmless,
	"medal_name": classHarmless, "medal_level": classHarmless, "entered_at": classHarmless,
	// Streamers, and those whom a room presents.
	"medal_room_id": classHarmless, "medal_anchor_id": classHarmless, "receiver_id": classHarmless,
	"streamer_id": classHarmless, "streamer_name": classHarmless,
	// Money and goods.
	"operation": classHarmless, "item_id": classHarmless, "item_name": classHarmless, "count": classHarmless,
	"unit": classHarmless, "unit_price_milli": classHarmless, "paid_milli": classHarmless,
	"list_price_milli": classHarmless, "list_price": classHarmless, "coin": classHarmless,
	"blind_box": classHarmless, "duration_s": classHarmless,
	// Figures, rooms and what was watched.
	"metric": classHarmless, "value": classHarmless, "capped": classHarmless, "broken": classHarmless,
	"event": classHarmless, "rank": classHarmless, "reason": classHarmless, "live_status": classHarmless,
	"live_since": classHarmless, "title": classHarmless, "area_id": classHarmless, "area_name": classHarmless,
	"parent_area_id": classHarmless, "parent_area_name": classHarmless, "popularity": classHarmless,
	"started_at": classHarmless, "ended_at": classHarmless, "state": classHarmless, "cause": classHarmless,
	"identity": classHarmless, "thinned": classHarmless, "recall": classHarmless, "host": classHarmless,
	"transport": classHarmless, "commands": classHarmless, "bytes": classHarmless,
}

// String says what becomes of the column in a pseudonymous archive, empty where nothing
// does.
func (c columnClass) String() string {
	switch c {
	case classPerson, classAddressed:
		return "a keyed 63-bit pseudonym of the uid"
	case classPersonHash:
		return "a keyed 63-bit pseudonym of the hash: it still joins a person's rows"
	case className, classServiceID:
		return "null"
	case classEvent:
		return "keyed, so that no uid can be tried: it joins with archives of the same key only"
	case classSpeech:
		return "as sent, even where it names somebody"
	case classCommand:
		return "empty where it does not look like a command's name"
	case classPayload:
		return "keys and types only; where broken, its length and what is wrong with it"
	}
	return ""
}

// personal is one column that is not harmless: where it stands in its row struct.
type personal struct {
	index []int
	class columnClass
}

// personals are those columns of each table, in the order of the fields of [Rows]. They
// are found by their names: a new table needs nothing here.
var personals = func() [][]personal {
	rows := reflect.TypeFor[Rows]()
	all := make([][]personal, rows.NumField())
	for i := range all {
		all[i] = personalColumns(rows.Field(i).Type.Elem(), nil)
	}
	return all
}()

func personalColumns(row reflect.Type, outer []int) (all []personal) {
	for i := range row.NumField() {
		f := row.Field(i)
		index := append(outer[:len(outer):len(outer)], i)
		if f.Anonymous {
			all = append(all, personalColumns(f.Type, index)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		if class := columnClasses[name]; name != "-" && class > classHarmless && class != classSpeech {
			all = append(all, personal{index, class})
		}
	}
	return all
}
