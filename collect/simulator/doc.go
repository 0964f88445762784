// Package simulator is a stand-in for the live service on loopback: the same web API, the
// same chat protocol over tcp, ws and wss, and traffic that is scripted or replayed from a
// recording. It needs no network and reaches nobody.
//
//	web API  <-- HTTP --+                    +-- room 1: script or recording
//	(rooms, tokens)     |    Simulator ------+-- room 2 …
//	chat <-- tcp/ws/wss-+        |           +-- room n
//	(host 1 … 8)                 |
//	                             +-- ledger: what was really pushed, one line a command
//
// One goroutine per room makes its commands and hands each flush to all connections of the
// room, which write it in their own packets and compression. A room waits for the slowest
// of its connections.
//
// It promises:
//
//	S1  A room makes no command while nobody is connected to it, so none is lost unseen.
//	S2  Every connection that is accepted when a flush begins gets all of it, but for
//	    what a fault withholds from it (thinning, silent, half_open); a command counts as
//	    pushed once it was written to, or withheld from, at least one connection. What
//	    was neither is offered to the next connection. The history endpoint tells what
//	    was sent in the room, withheld or not.
//	S3  A room's scripted commands, in order, are a pure function of seed and room, except
//	    for the times in them, which are those of the push. STOP_LIVE_ROOM_LIST follows
//	    the clock instead: one in 30 s, alike in all rooms. Under flux the beginnings and
//	    ends of broadcasts follow the clock too, as a pure function of seed and room.
//	S4  A recording is played once a room, in its order, nothing added, nothing masked.
//	S5  The ledger has a line for each valid command written to an accepted connection,
//	    and only after the write succeeded. Data that a reset connection discards was
//	    written, and has its line. What was withheld from a connection has a line too,
//	    with "withheld" and the fault's name.
//	S6  It listens on loopback addresses only.
//	S7  Faults add bad packets or end connections; they never take the place of a good
//	    packet.
//
// Without faults it has no limits on requests or connections, and withholds nothing. What
// the service refuses, caps and leaves out is switched on by name ([Faults]), for some of
// the requests or connections and for a time; the table names who reported it.
//
// It does not promise the service's numbers where nobody knows them (how long a ban lasts,
// how old a token may be), nor pictures: addresses of images in its answers lead nowhere.
// Broadcasts end and begin by chance and only where somebody watches, unless the fault flux
// gives all rooms a schedule. All names, texts and numbers of scripted rooms are made up.
//
// Clients that others wrote for the service join it in scripts/acceptance and get all that
// its ledger says they were sent.
//
// The behaviour follows public descriptions: SocialSisterYi/bilibili-API-collect,
// xfgryujk/blivedm, lovelyyoshino/Bilibili-Live-API, wzgrx/pure_live and
// pskdje/bilibili_live_message_stream.
package simulator
