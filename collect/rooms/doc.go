// Package rooms chooses which rooms are offered for watching: sources for the site's most
// popular rooms, for those of areas and for pinned ones.
//
//	web API --> Popularity --> candidates, Reason top
//	        --> Areas      --> candidates, Reason area:ID
//	        --> Pinned     --> candidates, Reason pin
//
// A source offers its best room first, with ranks from 1 and no room twice. It keeps no
// list between calls and starts nothing. It reads the service through an interface of its
// own, [API]; what is done about requests that fail or come too often is that one's
// business. Which candidates of which source are taken, and for how long, is the
// collector's.
package rooms
