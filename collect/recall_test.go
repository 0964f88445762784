package collect

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"danmaku-archiver/schema"
)

// chatter is a service whose rooms talk steadily, that thins out what it delivers and
// shows everybody the last ten danmaku of a room.
type chatter struct {
	platform
	every time.Duration
	// thin is the share that a connection does not get, by how often the room's host and
	// identity were shunned.
	thin func(hosts, identities int) float64

	mu               sync.Mutex
	rnd              *rand.Rand
	said             map[schema.RoomID][]Said
	n                int
	hosts, guests    int
	connected, asked int
}

func newChatter(seed uint64, every time.Duration, thin func(hosts, identities int) float64) *chatter {
	p := &chatter{every: every, thin: thin, rnd: rand.New(rand.NewPCG(seed, 1)), said: map[schema.RoomID][]Said{}}
	p.receive = p.talk
	return p
}

func always(share float64) func(int, int) float64 { return func(int, int) float64 { return share } }

func (p *chatter) talk(ctx context.Context, room schema.RoomID, _ int, h Handler) error {
	p.mu.Lock()
	p.connected++
	share := p.thin(p.hosts, p.guests)
	p.mu.Unlock()
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return &Ended{Cause: "stopped", Err: ctx.Err()}
		case <-tick.C:
		}
		payload, delivered := p.say(room, share)
		h.Packet()
		if delivered {
			if err := h.Command(payload); err != nil {
				return err
			}
		}
	}
}

func (p *chatter) say(room schema.RoomID, share float64) (payload []byte, delivered bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	id, now := fmt.Sprintf("%034x", p.n), time.Now()
	p.said[room] = append(p.said[room], Said{ID: id, At: now.Truncate(time.Second)})
	p.said[room] = p.said[room][max(0, len(p.said[room])-10):]
	return fmt.Appendf(nil, `{"cmd":"DANMU_MSG","info":[[0,1,25,0,%d,7,0,"c",0,0,0,"",0,"{}","{}",{"extra":"{\"id_str\":\"%s\"}"}],"t",[9,"u"]]}`,
		now.UnixMilli(), id), p.rnd.Float64() >= share
}

func (p *chatter) History(_ context.Context, room schema.RoomID) ([]Said, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	return slices.Clone(p.said[room]), nil
}

func (p *chatter) Shun(_ schema.RoomID, _ Peer, identity bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hosts++
	if identity {
		p.guests++
	}
}

// verdicts are the recall marks of the room, with their times.
func (j *memory) verdicts(t *testing.T) (first time.Duration, thinned bool, sampled, held int64) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	begun := j.records[0].ReceivedAt
	for _, r := range j.records {
		if r.Kind != schema.KindMark {
			continue
		}
		m, err := schema.ParseMark(r.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if m.Name != schema.MarkRecall {
			continue
		}
		sampled, held = sampled+m.Sampled, held+m.Held
		if m.Thinned && !thinned {
			first, thinned = time.Duration(r.ReceivedAt-begun)*time.Microsecond, true
		}
	}
	return first, thinned, sampled, held
}

func watch(t *testing.T, p Service, d time.Duration) *memory {
	j := &memory{}
	source := &fixed{rooms: []Candidate{{Room: 7, Rank: 1, Reason: "top", Facts: schema.RoomFacts{LiveStatus: 1}}}}
	_, stop := running(t, Config{Service: p, Sources: []Source{source}, Journal: j, ConnectInterval: -1})
	pass(d)
	if err := stop(); err != nil {
		t.Error(err)
	}
	return j
}

func TestThinningIsFound(t *testing.T) {
	for _, share := range []float64{0.3, 0.8} {
		for _, every := range []time.Duration{100 * time.Millisecond, time.Second, 10 * time.Second} {
			for seed := range uint64(3) {
				t.Run(fmt.Sprintf("%g every %s seed %d", share, every, seed), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						j := watch(t, newChatter(seed, every, always(share)), 15*time.Minute)
						if _, thinned, sampled, held := j.verdicts(t); !thinned {
							t.Errorf("not found in 15 minutes: %d of %d received", held, sampled)
						}
					})
				})
			}
		}
	}
}

func TestNothingIsFoundWhereNothingIs(t *testing.T) {
	for _, share := range []float64{0, 0.01} {
		for _, every := range []time.Duration{3 * time.Second, 20 * time.Second} {
			t.Run(fmt.Sprintf("%g every %s", share, every), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					j := watch(t, newChatter(3, every, always(share)), 24*time.Hour)
					first, thinned, sampled, held := j.verdicts(t)
					if thinned || sampled < 2000 || share == 0 && held != sampled {
						t.Errorf("thinned %t after %s, %d of %d received", thinned, first, held, sampled)
					}
				})
			})
		}
	}
}

// A thinned session tries another host, then another identity, and then bears it for a
// while; what helps is kept.
func TestThinnedSessionsGoElsewhere(t *testing.T) {
	for name, tt := range map[string]struct {
		thin                  func(hosts, identities int) float64
		connections, identity int
		within                time.Duration
	}{
		"the host it was": {func(hosts, _ int) float64 {
			if hosts == 0 {
				return 0.8
			}
			return 0
		}, 2, 0, 6 * time.Hour},
		"the identity it was": {func(_, identities int) float64 {
			if identities == 0 {
				return 0.8
			}
			return 0
		}, 3, 1, 6 * time.Hour},
		"nothing helps": {always(0.8), 3, 1, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newChatter(1, time.Second, tt.thin)
				j := watch(t, p, tt.within)
				if p.connected != tt.connections || p.guests != tt.identity {
					t.Errorf("%d connections, %d identities shunned; want %d and %d", p.connected, p.guests, tt.connections, tt.identity)
				}
				ends := 0
				for _, line := range j.story(t, 7) {
					if line == "disconnected thinned" {
						ends++
					}
				}
				if ends != tt.connections-1 {
					t.Errorf("%d connections ended as thinned, want %d", ends, tt.connections-1)
				}
				var sampled, held, whole int64
				for _, i := range j.intervals(t, time.Now()) {
					sampled, held = sampled+i.Sampled, held+i.Held
					if i.State == schema.StateObserving && !i.Thinned && i.Sampled > 100 && i.Held == i.Sampled {
						whole++
					}
				}
				_, _, wantSampled, wantHeld := j.verdicts(t)
				if sampled != wantSampled || held != wantHeld || tt.within > time.Hour && whole == 0 {
					t.Errorf("coverage has %d of %d, %d intervals whole; the marks %d of %d", held, sampled, whole, wantHeld, wantSampled)
				}
			})
		})
	}
}

// What was said before the connection, or in the second of its first danmaku, cannot have
// been received, and nothing is judged twice.
func TestWhatIsSampled(t *testing.T) {
	var h heard
	h.begin()
	at := func(s int64, id string) Said { return Said{ID: id, At: time.Unix(s, 0)} }
	if _, ids := h.said([]Said{at(5, "a")}); len(ids) != 0 {
		t.Errorf("before anything was heard: %v", ids)
	}
	h.add(schema.Glance{ID: schema.HashID([]byte("b")), SentAt: 10_300_000})
	connection, ids := h.said([]Said{at(9, "a"), at(10, "b"), at(11, "c"), {ID: "", At: time.Unix(12, 0)}, at(12, "d")})
	if len(ids) != 2 {
		t.Errorf("%d items are sampled, want c and d", len(ids))
	}
	h.add(schema.Glance{ID: schema.HashID([]byte("d")), SentAt: 12_100_000})
	if held, ok := h.holds(connection, ids); !ok || !slices.Equal(held, []bool{false, true}) {
		t.Errorf("held %v, %t", held, ok)
	}
	var r recall
	if first, again := r.fresh(ids), r.fresh(ids); len(first) != 2 || len(again) != 0 {
		t.Errorf("judged %v, then %v", first, again)
	}
	h.begin()
	if _, ok := h.holds(connection, ids); ok {
		t.Error("a sample outlived its connection")
	}
}

// The ring remembers the latest ids, however many come.
func TestHeardIsBounded(t *testing.T) {
	var h heard
	h.begin()
	for n := range uint64(10 * maxHeard) {
		h.add(schema.Glance{ID: n, SentAt: 1})
	}
	held, _ := h.holds(1, []uint64{9 * maxHeard, 10*maxHeard - 1, 9*maxHeard - 1})
	if !slices.Equal(held, []bool{true, true, false}) || len(h.ids) != maxHeard {
		t.Errorf("%v, %d ids", held, len(h.ids))
	}
}

// Requests for histories are bounded for all rooms together.
func TestSamplesAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newChatter(1, time.Second, always(0))
		var rooms []Candidate
		for n := range 100 {
			rooms = append(rooms, Candidate{Room: schema.RoomID(n + 1), Rank: int32(n + 1), Reason: "top"})
		}
		col, stop := running(t, Config{Service: p, Sources: []Source{&fixed{rooms: rooms}}, Journal: &memory{}, ConnectInterval: -1, SampleInterval: 4 * time.Second})
		pass(20 * time.Minute)
		if every := col.Status().SampleEvery; every != 400*time.Second {
			t.Errorf("the status says that rooms are sampled every %s", every)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if p.asked > 300 || p.asked < 250 || len(p.said) != 100 {
			t.Errorf("%d histories asked in 20 minutes, of %d rooms", p.asked, len(p.said))
		}
	})
}

// A connection that carries heartbeats only is not trusted while the room is live.
func TestMuteConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{receive: func(ctx context.Context, _ schema.RoomID, n int, h Handler) error {
			for range time.Tick(30 * time.Second) {
				h.Packet()
				if n == 3 {
					if err := h.Command([]byte(`{"cmd":"WATCHED_CHANGE"}`)); err != nil {
						return err
					}
				}
				if ctx.Err() != nil {
					break
				}
			}
			return &Ended{Cause: "stopped", Err: ctx.Err()}
		}}
		j := watch(t, p, 2*time.Hour)
		var waits []time.Duration
		tries := p.attempts(7)
		for n := 1; n < len(tries); n++ {
			waits = append(waits, tries[n].Sub(tries[n-1]).Truncate(5*time.Minute))
		}
		if !slices.Equal(waits, []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute}) {
			t.Errorf("connected anew after %v", waits)
		}
		if !slices.Contains(j.story(t, 7), "disconnected mute") {
			t.Errorf("%q", j.story(t, 7))
		}
	})
}
