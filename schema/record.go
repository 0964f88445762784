package schema

import (
	"fmt"
	"time"
)

// RoomID is a live room's long id. 0 stands for the whole site, or for a record that
// belongs to no single room.
type RoomID int64

// Kind tells what a journal record holds.
//
// The values are part of the journal's format; do not change.
type Kind uint8

const (
	// KindCommand is one command as the service pushed it: unframed, decompressed,
	// otherwise untouched. It need not be valid JSON, nor valid UTF-8.
	KindCommand Kind = 1
	// KindMark is a record that the collector or the journal wrote itself: a [Mark].
	KindMark Kind = 2
)

// Record is one entry of a journal.
type Record struct {
	// Seq is the record's number in its journal, from 1, without repetition.
	Seq int64
	// Room is the room that it came from, 0 for none.
	Room RoomID
	// ReceivedAt is when the journal took it: microseconds since the Unix epoch, UTC.
	// It never goes back within a journal.
	ReceivedAt int64
	Kind       Kind
	// Payload is the command or the encoded mark. Readers lend it: it is valid until
	// the function that was given the record returns.
	Payload []byte
}

// Grace is how far the service's clock may differ from ours before a row falls back to
// received_at, and therefore how long after an hour's end records may still belong to it.
//
// Part of the format; do not change.
const Grace = 2 * time.Minute

const (
	microsPerSecond = int64(time.Second / time.Microsecond)
	microsPerHour   = int64(time.Hour / time.Microsecond)
	graceMicros     = int64(Grace / time.Microsecond)
)

// Hour is one hour of UTC, the partition key: hours since the Unix epoch.
type Hour int64

// HourOf returns the hour that holds the instant, in microseconds since the Unix epoch.
func HourOf(micros int64) Hour {
	h := micros / microsPerHour
	if micros%microsPerHour < 0 {
		h--
	}
	return Hour(h)
}

// ParseHour reads an hour written as 2006-01-02T15.
func ParseHour(s string) (Hour, error) {
	t, err := time.Parse("2006-01-02T15", s)
	if err != nil {
		return 0, fmt.Errorf("hour %q: want YYYY-MM-DDTHH in UTC, such as 2026-01-02T03", s)
	}
	return HourOf(t.UnixMicro()), nil
}

// Start is the hour's first microsecond, End the first one after it.
func (h Hour) Start() int64 { return int64(h) * microsPerHour }

// End is the first microsecond after the hour.
func (h Hour) End() int64 { return h.Start() + microsPerHour }

// WindowStart and WindowEnd bound the receive times, [start, end), of the records that
// can hold rows of the hour.
func (h Hour) WindowStart() int64 { return h.Start() - graceMicros }

// WindowEnd is the first receive time that can no longer hold a row of the hour.
func (h Hour) WindowEnd() int64 { return h.End() + graceMicros }

// Time is the hour's start.
func (h Hour) Time() time.Time { return time.UnixMicro(h.Start()).UTC() }

// Date is the hour's UTC date, 2006-01-02, and Clock its two-digit hour of the day.
func (h Hour) Date() string { return h.Time().Format("2006-01-02") }

// Clock is the hour of the day, two digits.
func (h Hour) Clock() string { return h.Time().Format("15") }

// String is the form that [ParseHour] reads.
func (h Hour) String() string { return h.Time().Format("2006-01-02T15") }

// RowTime is the time of a row: the service's own, where it lies within the grace of the
// receive time, else the receive time. All in microseconds since the Unix epoch; service
// is 0 where the command carries no time.
//
// Part of the format; do not change.
func RowTime(received, service int64) int64 {
	if service <= 0 {
		return received
	}
	if d := received - service; d > graceMicros || d < -graceMicros {
		return received
	}
	return service
}
