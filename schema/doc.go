// Package schema gives the commands of the service their meaning: the tables of the
// archive, and how a command, or a mark of our own, becomes rows of them.
//
// # What it is for
//
//	commands --Decoder.Command--> danmaku, payments, audience, presence, moderation, other
//	marks    --Decoder.Mark-----> audience, rooms
//	records  --Watch------------> who is watched --Decoder.Interval--> coverage
//
// The row structs are the tables: their fields are the columns, in order. What a column
// means stands beside it in the dictionary ([Tables]), from which README.md in this
// folder and the Parquet files' metadata ([Metadata]) are made.
//
// # Words
//
// A command is one JSON object that the service pushed; its name is its cmd up to the
// first colon ([CommandName]). A mark is a journal record that we wrote ourselves
// ([Mark]). A row's ts decides its hour ([RowTime]); an interval's state tells whether
// anybody was looking ([Interval]).
//
// # What it promises
//
//   - I1: Every command has one fate. Unless it is a named repeat, or shows somebody who
//     opted out ([Privacy]), it makes at least one row, whatever its bytes are.
//   - I2: All rows of one record have the same ts, and it is within [Grace] of the
//     receive time.
//   - I3: Nothing is lost: a command that no table understands is in other, as it came; if
//     its bytes are not sound, or not of a shape that is known, as base64 of the bytes.
//   - I4: Every string in a row is valid UTF-8. A danmaku's text is what was sent, byte
//     for byte.
//   - I5: Rows share no memory with payloads.
//   - I6: Equal records give equal rows: nothing depends on the clock, on the host or on
//     what was decoded before.
//   - I7: The intervals of a watched room follow each other without hole or overlap, and
//     a fold that begins at a snapshot agrees with one that began earlier.
//
// # What it does not promise
//
// It does not tell copies apart: it gives them the same event_id ([EventID]) and leaves
// them to the archiver. What the service leaves out it cannot give back: busy rooms are
// sampled, guests see masked senders (user_id null, masked, the hash stays), figures are
// capped (9999+). It does not guess: a time within a payload of an unknown shape is not
// a time.
//
// # Parsing
//
// A payload comes from outside and is read once, by a scanner of our own that accepts
// exactly what encoding/json accepts, nested up to 10000 deep, and allocates nothing. A
// field that is missing, null, or of another type than expected is unknown, never a
// reason to lose the row; the service has sent numbers as strings, objects as the string
// "{}", and arrays of six to eighteen entries. Where each field stands, and how it changed
// over the years, is told in SocialSisterYi/bilibili-API-collect, xfgryujk/blivedm,
// wzgrx/pure_live and lovelyyoshino/Bilibili-Live-API.
package schema
