// Package collect keeps one session for every wanted room and writes all that the rooms
// receive, and what happened to their sessions, to a journal.
//
//	sources ──candidates──▶ Collector ──▶ session (one a room, own goroutine)
//	(pins, areas, top)          │            connect ▶ receive ▶ back off ▶ connect …
//	                            │               │ commands, as received
//	                            ▼ marks         ▼ marks: connected, disconnected, masked …
//	                          Journal ◀──────────
//
// A platform is a [Service], a list of rooms a [Source]; neither is known by name here.
//
// Every refresh the sources are asked again. Pinned rooms come first, then those of areas,
// then the most popular ones, until MaxConnections. A watched room keeps its place until it
// falls a tenth below the last place. A source that fails keeps its former choice.
//
// Promises:
//
//   - C1 A command is journaled before it is looked at, and in the order of its connection.
//     What cannot be understood is journaled like anything else.
//
//   - C2 Every change of a room's state is a mark, so that the intervals that a
//     [danmaku-archiver/schema.Watch] folds from them tile the time. The end of a connection
//     carries the time of the last packet: the room was not observed after it.
//
//   - C3 Nothing that the service, the network or a room does ends Run: attempts go on for
//     ever, with a random, growing delay of at most a minute. A panic costs one connection.
//
//   - C4 A journal that cannot take more makes sessions stop reading; a journal that has
//     failed ends Run.
//
//   - C5 Two connection attempts of a collector are at least ConnectInterval apart.
//
//   - C6 What a room said and a connection did not bring is noticed: where the service shows
//     a room's history ([Historian]), the share of it that was received is sampled and
//     journaled, and a connection that is thinned out, or that brings nothing although the
//     room is live, is left for another.
//
// It does not promise that the service sends everything: it samples busy rooms, and thins
// out what it sends to clients that it does not like.
package collect
