package simulator

import "time"

// tape plays a room's recording, once, in its order (S4).
type tape struct {
	room   *room
	pieces []piece
	seed   uint64
	speed  float64 // 0 for as fast as the clients read

	entries []entry // of the piece at hand, those not yet played
	// The recording's own clock, in µs since its first entry: played is where the last
	// entry stood, lastAt the latest time recorded so far.
	played, lastAt int64
	// started is when the tape was at startedAt of that clock.
	started   time.Time
	startedAt int64
}

func newTape(rm *room, pieces []piece, speed float64, seed uint64) *tape {
	return &tape{room: rm, pieces: pieces, speed: speed, seed: seed}
}

const (
	// longestPause is how long the tape waits at most between two entries, in recorded
	// time: the nights between two files say nothing.
	longestPause = int64(time.Hour / time.Microsecond)
	// mostPerTake keeps what waits for a connection small.
	mostPerTake = maxPerPacket
)

func (t *tape) resume(now time.Time) { t.started, t.startedAt = now, t.played }

func (t *tape) done() bool { return len(t.entries) == 0 && len(t.pieces) == 0 }

func (t *tape) take(now time.Time) ([]command, error) {
	clock := t.startedAt + int64(float64(now.Sub(t.started).Microseconds())*t.speed)
	var commands []command
	for len(commands) < mostPerTake {
		if len(t.entries) == 0 {
			if len(t.pieces) == 0 {
				break
			}
			entries, err := t.pieces[0].entries(t.seed)
			if err != nil {
				return nil, err
			}
			t.entries, t.pieces = entries, t.pieces[1:]
			continue
		}
		e := &t.entries[0]
		due := t.position(e)
		if t.speed > 0 && due > clock {
			break
		}
		t.played = due
		t.lastAt = max(t.lastAt, e.at)
		if e.popularity > 0 {
			t.room.setHeartbeat(e.popularity)
		}
		if e.command != nil {
			commands = append(commands, e.command(e.at))
		}
		t.entries = t.entries[1:]
	}
	return commands, nil
}

// position is where the next entry stands on the recording's own clock. Times that are
// missing or go back do not move it.
func (t *tape) position(e *entry) int64 {
	if e.at == 0 || t.lastAt == 0 {
		return t.played
	}
	return t.played + min(max(0, e.at-t.lastAt), longestPause)
}
