package journal

import (
	"time"

	"danmaku-archiver/schema"
)

const (
	// pressEvery is how often room is measured and what was shed is told.
	pressEvery = time.Second
	// patience is how long the queue is full before commands are shed, or more of them, and
	// how long it has room before fewer are.
	patience = 10 * time.Second
	// markRoom and markRecords are the queue's reserve for marks: with commands alone it is
	// full before. The marks that come every second leave the second half to the others.
	markRoom    = 4 << 20
	markRecords = maxRecords / 2
	// maxNames bounds the names that are counted apart.
	maxNames = 64
	// pressedEvery is how often Options.Pressed is called at most while room is scarce.
	pressedEvery = time.Minute
)

// pressing is what the writer knows and does about a lack of room. All of it is guarded by
// the writer's mu.
type pressing struct {
	space    space    // as measured last
	standing standing // what that means

	// slow is the level that a disk which does not keep up costs; full tells whether the
	// queue is, turned when full or slow changed last.
	slow   schema.Level
	full   bool
	turned time.Time

	told  schema.Level // by the last shedding mark
	cause string       // of told
	at    int64        // records taken up to and with that mark
	level schema.Level // what is shed: told, once that is durable
	since time.Time    // of level
	idle  bool         // the collector said that it ends

	counts       map[string]int64 // shed since the last mark that told so, by name
	counted      int64            // all of them
	from, to     int64            // when the first and the last of them came
	shed         int64            // since the writer was opened
	marksFull    time.Time        // since when marks find no room either, zero if they do
	unrecorded   int64            // marks that were only noted since the last line about it
	lowered      bool             // that the disk allows less than MaxSize was said
	pressed      bool             // Options.Pressed was told of scarcity
	pressedSince time.Time        // when last
}

// Pressure tells how much room there is and what is shed.
func (w *Writer) Pressure() Pressure {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pressure()
}

func (w *Writer) pressure() Pressure {
	p := w.o.Limits.pressure(w.space, w.standing)
	p.Level, p.Shed, p.Since = w.level, w.shed, w.since
	if w.level != schema.LevelNone {
		p.Cause = w.cause
	}
	return p
}

// scarce tells whether room must not be taken for comfort. The caller holds mu.
func (w *Writer) scarce() bool { return w.standing.scarce || w.told != schema.LevelNone }

// hasRoom tells whether the queue takes another record that may use so many halves of the
// marks' reserve. The caller holds mu.
func (w *Writer) hasRoom(halves int) bool {
	return w.queued < maxQueued+markRoom/2*int64(halves) && w.waiting < maxRecords+markRecords/2*halves
}

// offer takes a record, sheds it, or has it wait: for as long as told if that is not 0,
// else for room. The caller holds mu.
func (w *Writer) offer(now time.Time, room schema.RoomID, kind schema.Kind, payload []byte, mark *schema.Mark) (done bool, wait time.Duration, err error) {
	if mark != nil {
		return w.offerMark(now, room, payload, mark)
	}
	if w.level != schema.LevelNone {
		if name := schema.CommandName(payload); w.level.Sheds(schema.ClassOf(name)) {
			w.count(name, max(now.UnixMicro(), w.last))
			return true, 0, nil
		}
	}
	if w.hasRoom(0) {
		return true, 0, w.stamp(now.UnixMicro(), room, kind, payload, nil)
	}
	if !w.full {
		w.full, w.turned = true, now
	}
	return false, 0, nil
}

// offerMark is offer for marks. An alive mark that finds no room is dropped: its absence is
// what tells the gap. Any other mark waits, but not for ever: the disk has been dead for
// long then, and what it says is noted for the snapshot that comes before the next record.
func (w *Writer) offerMark(now time.Time, room schema.RoomID, payload []byte, mark *schema.Mark) (done bool, wait time.Duration, err error) {
	switch {
	case mark.Name == schema.MarkAlive && !w.hasRoom(1):
		return true, 0, nil
	case w.hasRoom(2):
		return true, 0, w.stampMark(now.UnixMicro(), room, payload, mark)
	case w.marksFull.IsZero():
		w.marksFull = now
	}
	if left := patience - now.Sub(w.marksFull); left > 0 {
		return false, left, nil
	}
	w.watch.Note(room, max(now.UnixMicro(), w.last), mark)
	w.resnap = true
	w.unrecorded++
	if mark.Name == schema.MarkStart || mark.Name == schema.MarkStop {
		w.told, w.level = schema.LevelNone, schema.LevelNone
	}
	return true, 0, nil
}

// stampMark takes a mark of the collector's. Its start and its end make the fold forget
// what is shed: at the one it is told again, before the other what was counted.
func (w *Writer) stampMark(now int64, room schema.RoomID, payload []byte, mark *schema.Mark) error {
	if mark.Name == schema.MarkStop {
		if err := w.tellCounts(now); err != nil {
			return err
		}
	}
	if err := w.stamp(now, room, schema.KindMark, payload, mark); err != nil {
		return err
	}
	switch mark.Name {
	case schema.MarkStop:
		w.idle, w.told, w.level = true, schema.LevelNone, schema.LevelNone
	case schema.MarkStart:
		w.idle = false
		if w.told != schema.LevelNone {
			return w.tell(now, w.told, w.cause)
		}
	}
	return nil
}

// count notes a command that is shed. The caller holds mu.
func (w *Writer) count(name string, at int64) {
	if w.counts == nil {
		w.counts = make(map[string]int64, maxNames+1)
	}
	if _, ok := w.counts[name]; !ok && len(w.counts) >= maxNames {
		name = schema.RestOfNames
	}
	if w.counted == 0 {
		w.from = at
	}
	w.counts[name]++
	w.counted++
	w.shed++
	w.to = at
}

// tellCounts stamps what was shed since the last time. The caller holds mu.
func (w *Writer) tellCounts(now int64) error {
	if w.counted == 0 {
		return nil
	}
	m := schema.Mark{Name: schema.MarkShed, Counts: w.counts, Value: w.counted, From: w.from, To: w.to}
	if err := w.stamp(now, 0, schema.KindMark, schema.AppendMark(nil, &m), &m); err != nil {
		return err
	}
	clear(w.counts)
	w.counted, w.from, w.to = 0, 0, 0
	return nil
}

// tell stamps that another level begins, and asks for it to be durable. The caller holds mu.
func (w *Writer) tell(now int64, level schema.Level, cause string) error {
	m := schema.Mark{Name: schema.MarkShedding, Level: level, Cause: cause}
	if err := w.stamp(now, 0, schema.KindMark, schema.AppendMark(nil, &m), &m); err != nil {
		return err
	}
	w.told, w.cause, w.at = level, cause, w.records
	w.wanted = max(w.wanted, w.records)
	w.cut()
	poke(w.wake)
	poke(w.kick)
	return nil
}

// enforce lets the level be what was told: at once where less is shed than before, else as
// soon as the mark is durable (I13). Where the disk does not take it, nothing that comes
// after the mark is durable either, so what a slow disk costs need not wait. The caller
// holds mu.
func (w *Writer) enforce() {
	to := w.level
	switch {
	case w.synced >= w.at || rank(w.told) <= rank(w.level):
		to = w.told
	default:
		to = level(max(rank(to), min(rank(w.slow), rank(w.told))))
	}
	if to != w.level {
		w.level, w.since = to, time.Now()
		w.broadcast()
	}
}

// stepSlow lets the level of a slow disk follow the queue. The caller holds mu.
func (w *Writer) stepSlow(now time.Time) {
	if now.Sub(w.turned) < patience {
		return
	}
	step := -1
	if w.full {
		step = 1
	}
	if to := level(rank(w.slow) + step); to != w.slow {
		w.slow, w.turned = to, now
	}
}

// drained is called where the queue got shorter. The caller holds mu.
func (w *Writer) drained() {
	if w.full && w.queued <= maxQueued/2 && w.waiting <= maxRecords/2 {
		w.full, w.turned = false, time.Now()
	}
	if w.hasRoom(2) {
		w.marksFull = time.Time{}
	}
}

// decide brings what is shed up to date with the queue and the measurement, and tells it in
// the journal as far as the marks' reserve goes. The caller holds mu.
func (w *Writer) decide(now time.Time) error {
	if w.closed || w.idle {
		return nil
	}
	w.stepSlow(now)
	to, cause := w.standing.level, w.standing.cause
	if rank(w.slow) > rank(to) {
		to, cause = w.slow, CauseSlowDisk
	}
	at := now.UnixMicro()
	if to != w.told && w.hasRoom(2) {
		if err := w.tellCounts(at); err != nil {
			return err
		}
		if to == schema.LevelNone {
			cause = w.cause
		}
		if err := w.tell(at, to, cause); err != nil {
			return err
		}
	}
	if w.hasRoom(1) {
		if err := w.tellCounts(at); err != nil {
			return err
		}
	}
	w.enforce()
	return nil
}

// pressLoop measures nothing and waits for no disk: it decides, tells and says.
func (w *Writer) pressLoop(measured <-chan struct{}, stop <-chan struct{}) {
	tick := time.NewTicker(pressEvery)
	defer tick.Stop()
	for {
		if !time.Now().Before(w.o.MinTime) {
			w.review()
		}
		select {
		case <-tick.C:
		case <-measured:
		case <-stop:
			return
		}
	}
}

// review decides, and says what changed to people and to Options.Pressed.
func (w *Writer) review() {
	now := time.Now()
	w.mu.Lock()
	before, shed := w.told, w.shed
	err := w.decide(now)
	after, cause, p := w.told, w.cause, w.pressure()
	unrecorded := w.unrecorded
	if unrecorded > 0 && w.hasRoom(2) {
		w.unrecorded = 0
	} else {
		unrecorded = 0
	}
	lowered := !w.lowered && w.o.Limits.MaxSize > 0 && p.MaxSize < w.o.Limits.MaxSize
	w.lowered = w.lowered || lowered
	call := p.Scarce && (!w.pressed || now.Sub(w.pressedSince) >= pressedEvery) || !p.Scarce && w.pressed
	if call {
		w.pressed, w.pressedSince = p.Scarce, now
	}
	w.mu.Unlock()

	if err != nil {
		w.log.Error("cannot tell what is shed", "error", err)
	}
	if lowered {
		w.log.Warn("max_size is lowered to what the disk allows", "max_size", w.o.Limits.MaxSize, "lowered_to", p.MaxSize,
			"free", p.Free, "total", p.Total, "segments", p.Size)
	}
	if unrecorded > 0 {
		w.log.Warn("marks found no room while the disk took nothing: a snapshot tells what they changed", "marks", unrecorded)
	}
	switch {
	case rank(after) > rank(before):
		w.log.Warn("commands are shed", "level", after, "cause", cause, "free", p.Free, "total", p.Total,
			"segments", p.Size, "max_size", p.MaxSize)
	case after != before && after != schema.LevelNone:
		w.log.Info("fewer commands are shed", "level", after, "cause", cause, "shed", shed)
	case after != before:
		w.log.Info("all commands are recorded again", "cause", cause, "shed", shed)
	}
	if call && w.o.Pressed != nil {
		w.o.Pressed(p)
	}
}

// measureLoop measures the room. It may hang where the disk does.
func (w *Writer) measureLoop(measured chan<- struct{}, stop <-chan struct{}) {
	tick := time.NewTicker(pressEvery)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		s, err := w.measurer.measure()
		if err != nil {
			if !failed {
				w.log.Warn("cannot measure the room for the journal: the last figures count", "error", err)
			}
			failed = true
			continue
		}
		failed = false
		w.takeSpace(s)
		poke(measured)
	}
}

// takeSpace takes over a measurement.
func (w *Writer) takeSpace(s space) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.space = s
	w.standing = w.o.Limits.assess(s, w.standing)
}
