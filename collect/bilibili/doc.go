// Package bilibili speaks the live service's web API and wire protocol, as a guest or, for
// rooms that ask for it, as an account.
//
// A [Client] lists rooms, resolves ids and makes connections to rooms; it implements
// [collect.Service]. What it knows of the service comes from public sources, named where
// their facts are used: SocialSisterYi/bilibili-API-collect, xfgryujk/blivedm,
// wzgrx/pure_live, lovelyyoshino/Bilibili-Live-API, qydysky/bili_danmu and
// BililiveRecorder.
//
// # Requests
//
//	finger/spi -> buvid3, buvid4 -- cookies --+
//	nav -------> keys -> mixin key -- WBI ----+--> getDanmuInfo -> token, hosts
//	                                          +--> lists, room_init, getRoomBaseInfo
//
// All requests share one rate and a bound of parallel ones. An answer of -352 may mean
// that identity or keys are stale: both are fetched anew and the request is made once
// more. Where the service has none to give, requests go without them. A service that still
// refuses, or nearly all of whose answers fail, is left alone for a while, see
// [Client.Pauses]; connections are made with the tokens at hand meanwhile.
// Answers are decoded leniently: an odd field costs itself, not its neighbours.
//
// # Packets
//
// A connection carries packets, big-endian, over TCP one after the other, over WebSocket
// one or more a message:
//
//	0         4         6         8         12        16
//	+---------+---------+---------+---------+---------+------
//	| length  | header  | version | operat- | sequen- | body
//	| of all  | length  | of body | ion     | ce      |
//	+---------+---------+---------+---------+---------+------
//
// The body of a message (operation 5) is one command in JSON (version 0, 1), or more
// packets compressed with zlib (2) or brotli (3). [Unpacker] says what becomes of damaged
// ones.
//
// # Connections
//
//	dial -> auth (7) -> auth reply (8) within 5 s -> heartbeat (2) at once, then every 30 s
//	     <- messages (5), heartbeat replies (3)    -> ack (24) for commands that ask for it
//
// What the package promises of a connection:
//
//	I1  Everything that arrived before its end is handed over before Receive returns.
//	I2  Heartbeats go on while the handler blocks; nothing more is read meanwhile.
//	I3  A damaged packet is handed over as bad and costs no other packet, unless a stream
//	    lost its alignment: then the connection ends.
//	I4  It ends when nothing arrives for the read timeout.
//	I5  A refused token is never used again.
//	I6  With LoopbackOnly no byte leaves this machine.
//
// The causes of its end, or of its not coming about, are
//
//	risk_control         the web API refuses or requests are paused because it did
//	token_unavailable    the web API failed otherwise
//	dial_failed          no connection to the host
//	auth_refused         the auth reply was no acceptance
//	too_many             closed at once, like other rooms', while many stay open
//	auth_timeout         no auth reply, and no command instead
//	closed, reset        the service ended the connection
//	silent               nothing arrived for the read timeout
//	misaligned           the stream's next bytes were no packet
//	message_too_large    a message above the limit
//	stopped              Close was called or the context ended
//	handler              the handler returned an error
//
// # Who asks
//
// All rooms see the same guest, but for those that were thinned out: these get others, of
// which there are at most eight. The account's cookies come from a file that only its owner
// may read; they go to the service, and into no log, error or state. A token is got and
// used by the same identity.
//
// It does not reconnect, deduplicate or interpret commands, and does not renew cookies.
package bilibili
