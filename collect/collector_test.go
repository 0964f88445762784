package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"danmaku-archiver/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a journal in memory.
type memory struct {
	mu      sync.Mutex
	records []schema.Record
	fail    error
}

func (j *memory) Append(ctx context.Context, room schema.RoomID, kind schema.Kind, payload []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail != nil {
		return j.fail
	}
	j.records = append(j.records, schema.Record{Seq: int64(len(j.records) + 1), Room: room,
		ReceivedAt: time.Now().UnixMicro(), Kind: kind, Payload: slices.Clone(payload)})
	return nil
}

func (j *memory) setFail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail = err
}

// story is the journal in words: marks by name with what matters of them, commands as
// they are. Alive marks and list popularity are left out.
func (j *memory) story(t *testing.T, room schema.RoomID) []string {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []string
	for _, r := range j.records {
		if r.Room != room {
			continue
		}
		if r.Kind == schema.KindCommand {
			out = append(out, string(r.Payload))
			continue
		}
		m, err := schema.ParseMark(r.Payload)
		if err != nil {
			t.Fatal(err)
		}
		switch m.Name {
		case schema.MarkAlive, schema.MarkListPopularity, schema.MarkListed:
			continue
		}
		words := []string{string(m.Name), m.Cause, m.Reason}
		if m.Name == schema.MarkMasked {
			words = append(words, fmt.Sprint(m.Masked))
		}
		if m.Facts != nil && m.Name != schema.MarkSelected {
			words = append(words, fmt.Sprintf("%s/%s/%d", m.Facts.Title, m.Facts.LiveKey, m.Facts.LiveStatus))
		}
		out = append(out, strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " "))
	}
	return out
}

// intervals folds the journal as the archiver does.
func (j *memory) intervals(t *testing.T, end time.Time) []schema.Interval {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []schema.Interval
	w := schema.NewCoverage(0, end.UnixMicro(), func(i schema.Interval) { all = append(all, i) })
	for _, r := range j.records {
		var m *schema.Mark
		if r.Kind == schema.KindMark {
			mark, err := schema.ParseMark(r.Payload)
			if err != nil {
				t.Fatal(err)
			}
			m = &mark
		}
		w.Apply(&r, m)
	}
	w.Finish(end.UnixMicro())
	return all
}

// fixed is a source whose answer a test sets.
type fixed struct {
	mu    sync.Mutex
	rooms []Candidate
	err   error
	asked int
}

func (f *fixed) Rooms(context.Context, int) ([]Candidate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return slices.Clone(f.rooms), f.err
}

func (f *fixed) set(err error, rooms ...Candidate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rooms, f.err = rooms, err
}

func top(ids ...schema.RoomID) []Candidate {
	var out []Candidate
	for i, id := range ids {
		out = append(out, Candidate{Room: id, Rank: int32(i + 1), Reason: "top"})
	}
	return out
}

// platform is a service whose connections a test scripts: the n-th connection to a room
// (from 0) gets receive(n).
type platform struct {
	mu      sync.Mutex
	tries   map[schema.RoomID][]time.Time
	connect func(room schema.RoomID, n int) error
	receive func(ctx context.Context, room schema.RoomID, n int, h Handler) error
}

func (p *platform) Connect(ctx context.Context, v Visit) (Conn, error) {
	room := v.Room
	p.mu.Lock()
	if p.tries == nil {
		p.tries = map[schema.RoomID][]time.Time{}
	}
	n := len(p.tries[room])
	p.tries[room] = append(p.tries[room], time.Now())
	p.mu.Unlock()
	if p.connect != nil {
		if err := p.connect(room, n); err != nil {
			return nil, err
		}
	}
	return &scripted{p, room, n}, nil
}

func (p *platform) attempts(room schema.RoomID) []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.tries[room])
}

type scripted struct {
	p    *platform
	room schema.RoomID
	n    int
}

func (s *scripted) Peer() Peer { return Peer{Host: "h:1", Transport: "tcp", Identity: "guest"} }

func (s *scripted) Close() error { return nil }

func (s *scripted) Receive(ctx context.Context, h Handler) error {
	if s.p.receive != nil {
		if err := s.p.receive(ctx, s.room, s.n, h); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return &Ended{Cause: "stopped", Err: ctx.Err()}
}

// running starts a collector and returns how to end it, which gives Run's error.
func running(t *testing.T, c Config) (*Collector, func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	col := New(c)
	done := make(chan error, 1)
	go func() { done <- col.Run(ctx) }()
	return col, func() error {
		cancel()
		return <-done
	}
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func TestSessionLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &memory{}
		var lastPacket int64
		p := &platform{receive: func(ctx context.Context, room schema.RoomID, n int, h Handler) error {
			if n > 0 {
				return nil
			}
			for _, c := range []string{`{"cmd":"A"}`, `not json`} {
				time.Sleep(time.Second)
				h.Packet()
				if err := h.Command([]byte(c)); err != nil {
					return err
				}
			}
			time.Sleep(time.Second)
			h.Packet()
			lastPacket = time.Now().UnixMicro()
			time.Sleep(7 * time.Second)
			return &Ended{Cause: "silent"}
		}}
		col, stop := running(t, Config{Service: p, Sources: []Source{&fixed{rooms: top(7)}}, Journal: j})
		pass(20 * time.Second)
		if st := col.Status(); st.Rooms != 1 || st.Observing != 1 || st.Commands != 2 || st.Reconnects != 1 {
			t.Errorf("status %+v", st)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		equal(t, "room", j.story(t, 7), []string{"selected top", "connected", `{"cmd":"A"}`, "not json",
			"disconnected silent", "connected", "disconnected stopped"})
		equal(t, "site", j.story(t, 0), []string{"start", "selection", "stop shutdown"})

		got := j.intervals(t, time.Now())
		if len(got) < 2 || got[0].State != schema.StateObserving || got[0].End != lastPacket || got[0].Commands != 2 ||
			got[1].State != schema.StateConnecting || got[1].Cause != "silent" {
			t.Errorf("intervals %+v: want the observation to end at the last packet, %d", got, lastPacket)
		}
		for i := 1; i < len(got); i++ {
			if got[i].Start != got[i-1].End {
				t.Errorf("interval %d begins at %d, the one before ends at %d", i, got[i].Start, got[i-1].End)
			}
		}
	})
}

func TestAttemptsGoOnAndSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &memory{}
		p := &platform{connect: func(_ schema.RoomID, n int) error {
			if n < 30 {
				return &Ended{Cause: "dial_failed", Err: errors.New("refused")}
			}
			return nil
		}}
		col, stop := running(t, Config{Service: p, Sources: []Source{&fixed{rooms: top(7)}}, Journal: j})
		pass(3 * time.Hour)
		if col.Status().Observing != 1 {
			t.Errorf("status %+v", col.Status())
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		tries := p.attempts(7)
		if len(tries) != 31 {
			t.Fatalf("%d attempts", len(tries))
		}
		for i := 1; i < len(tries); i++ {
			if d := tries[i].Sub(tries[i-1]); d < 100*time.Millisecond || d > 62*time.Second {
				t.Errorf("attempt %d came %s after the one before", i, d)
			}
		}
		if late := tries[30].Sub(tries[20]); late < time.Minute {
			t.Errorf("ten late attempts took %s: the delay does not grow", late)
		}
		equal(t, "room", j.story(t, 7), []string{"selected top", "connecting dial_failed", "connected", "disconnected stopped"})
	})
}

func TestAttemptsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		_, stop := running(t, Config{Service: p, Sources: []Source{&fixed{rooms: top(1, 2, 3, 4, 5)}}, Journal: &memory{},
			ConnectInterval: 2 * time.Second})
		pass(30 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		var all []time.Time
		for room := schema.RoomID(1); room <= 5; room++ {
			all = append(all, p.attempts(room)...)
		}
		slices.SortFunc(all, time.Time.Compare)
		if len(all) != 5 {
			t.Fatalf("%d attempts", len(all))
		}
		for i := 1; i < len(all); i++ {
			if d := all[i].Sub(all[i-1]); d < 2*time.Second {
				t.Errorf("attempts %s apart", d)
			}
		}
	})
}

func TestPanicCostsOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &memory{}
		p := &platform{receive: func(_ context.Context, room schema.RoomID, n int, h Handler) error {
			if room == 1 && n == 0 {
				panic("index out of range")
			}
			return nil
		}}
		col, stop := running(t, Config{Service: p, Sources: []Source{&fixed{rooms: top(1, 2)}}, Journal: j})
		pass(time.Minute)
		if st := col.Status(); st.Observing != 2 {
			t.Errorf("status %+v", st)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		equal(t, "room 1", j.story(t, 1), []string{"selected top", "connected", "disconnected panic", "connected", "disconnected stopped"})
		equal(t, "room 2", j.story(t, 2), []string{"selected top", "connected", "disconnected stopped"})
	})
}

func TestFailedJournalEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &memory{}
		broken := errors.New("disk gone")
		p := &platform{receive: func(ctx context.Context, _ schema.RoomID, _ int, h Handler) error {
			time.Sleep(1500 * time.Millisecond)
			j.setFail(broken)
			if err := h.Command([]byte(`{}`)); err != nil {
				return &Ended{Cause: "handler", Err: err}
			}
			return nil
		}}
		col := New(Config{Service: p, Sources: []Source{&fixed{rooms: top(1)}}, Journal: j})
		if err := col.Run(t.Context()); !errors.Is(err, broken) {
			t.Errorf("Run returned %v", err)
		}
	})
}

func TestFailingSourceKeepsTheChoice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &memory{}
		src := &fixed{err: errors.New("risk control")}
		col, stop := running(t, Config{Service: &platform{}, Sources: []Source{src}, Journal: j})
		pass(10 * time.Second)
		equal(t, "before the first answer", j.story(t, 0), []string{"start"})
		src.set(nil, top(1, 2)...)
		pass(time.Minute)
		src.set(errors.New("risk control"))
		pass(10 * time.Minute)
		if st := col.Status(); st.Observing != 2 || !strings.Contains(st.LastError, "risk control") {
			t.Errorf("status %+v", st)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		equal(t, "site", j.story(t, 0), []string{"start", "selection", "stop shutdown"})
		equal(t, "room 1", j.story(t, 1), []string{"selected top", "connected", "disconnected stopped"})
	})
}

func TestDroppedAndSelectedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &memory{}
		src := &fixed{rooms: top(1, 2)}
		_, stop := running(t, Config{Service: &platform{}, Sources: []Source{src}, Journal: j})
		pass(10 * time.Second)
		src.set(nil, top(2)...)
		pass(12 * time.Minute)
		src.set(nil, top(2, 1)...)
		pass(2 * time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		equal(t, "room 1", j.story(t, 1), []string{"selected top", "connected", "disconnected stopped", "dropped below top",
			"selected top", "connected", "disconnected stopped"})
		equal(t, "room 2", j.story(t, 2), []string{"selected top", "connected", "disconnected stopped"})
	})
}

func TestListedOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &memory{}
		_, stop := running(t, Config{Service: &platform{}, Sources: []Source{&fixed{rooms: top(1, 2, 3)}}, Journal: j, Top: 2})
		pass(2*time.Hour + 2*time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		listed := map[string]int{}
		for _, r := range j.records {
			if m, err := schema.ParseMark(r.Payload); err == nil && m.Name == schema.MarkListed {
				listed[fmt.Sprintf("%d %s", r.Room, m.Reason)]++
			}
		}
		want := map[string]int{"1 top": 3, "2 top": 3, "3 below top": 3}
		if fmt.Sprint(listed) != fmt.Sprint(want) {
			t.Errorf("listed %v, want %v: chosen or not, in each of the three hours", listed, want)
		}
	})
}
