package schema

import (
	"encoding/binary"
	"hash/crc32"
	"strconv"

	"github.com/zeebo/xxh3"
)

// EventID is the event_id of a row that the service gave an id: equal for the same id in
// the same table and place, whoever recorded it. Item is the row's index in its command.
//
// Part of the format; do not change.
func EventID(table Table, id string, item int) int64 {
	return int64(xxh3.Hash(appendEvent(nil, table, []byte(id), item)))
}

func appendEvent(b []byte, table Table, id []byte, item int) []byte {
	b = append(b, table...)
	b = append(b, 0)
	b = append(b, id...)
	b = append(b, 0)
	return binary.LittleEndian.AppendUint32(b, uint32(item))
}

// UniqueEventID is the event_id of a row that the service gave no id: no other row of any
// journal has the same, but for chance.
//
// Part of the format; do not change.
func UniqueEventID(journalID string, seq int64, item int) int64 {
	return int64(xxh3.Hash(appendUnique(nil, journalID, seq, item)))
}

// appendUnique begins with a byte that no table's name begins with.
func appendUnique(b []byte, journalID string, seq int64, item int) []byte {
	b = append(b, 0)
	b = append(b, journalID...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(seq))
	return binary.LittleEndian.AppendUint32(b, uint32(item))
}

// hashOfNobody is the CRC-32 of the uid 0, which stands for a hidden sender: all of them
// share it, so it is no one's hash.
var hashOfNobody = userHash(0)

// userHash is the CRC-32 (IEEE) of the decimal uid, as the service sends it with danmaku
// (SocialSisterYi/bilibili-API-collect).
func userHash(uid int64) int64 {
	b := strconv.AppendInt(make([]byte, 0, 20), uid, 10)
	return int64(crc32.ChecksumIEEE(b))
}

// parseUserHash reads a hash as sent: hexadecimal with a danmaku, decimal in its extra.
func parseUserHash(t token, base int) (hash int64, ok bool) {
	if t.kind != '"' && t.kind != '0' || len(t.raw) > 10 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(t.raw), base, 32)
	if err != nil || n == 0 || int64(n) == hashOfNobody {
		return 0, false
	}
	return int64(n), true
}
