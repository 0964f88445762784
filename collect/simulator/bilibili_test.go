package simulator

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"danmaku-archiver/collect"
	"danmaku-archiver/collect/bilibili"
)

var errEnough = errors.New("enough")

// taker is a handler that ends after so many commands.
type taker struct {
	t        *testing.T
	left     int
	danmaku  int
	observed int
}

func (k *taker) Packet() { k.observed++ }

func (k *taker) Command(payload []byte) error {
	if strings.HasPrefix(string(payload), `{"cmd":"DANMU_MSG`) {
		k.danmaku++
	}
	if k.left--; k.left <= 0 {
		return errEnough
	}
	return nil
}

func (k *taker) Popularity(value int64) error {
	if value < 1 {
		k.t.Errorf("popularity %d", value)
	}
	return nil
}

func (k *taker) Bad(cause string, _ []byte) error {
	k.t.Errorf("bad packet: %s", cause)
	return nil
}

// The client that the service is watched with finds here what it finds there.
func TestWatchedByClient(t *testing.T) {
	s := start(t, Config{Rooms: 40, Rate: 20_000, Seed: 3, Faults: []string{faultTorn}})
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(s.CA())
	for _, transport := range []string{"tcp", "ws", "wss"} {
		c, err := bilibili.New(bilibili.Config{
			APIURL: s.Addresses().HTTP, MainURL: s.Addresses().HTTP, UserAgent: testAgent, Transport: transport,
			RootCAs: trusted, RequestsPerSecond: 1000, LoopbackOnly: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		watchOne(t, s, c)
	}
}

func watchOne(t *testing.T, s *Simulator, c *bilibili.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	top, err := c.TopRooms(ctx, 1, 30)
	if err != nil || len(top) != 30 || s.byID[top[0].Room] == nil {
		t.Fatalf("top rooms %v, %v", top, err)
	}
	if top, err = c.TopRoomsV3(ctx, 1, 99); err != nil || len(top) != 40 {
		t.Errorf("top rooms of v3: %d, %v", len(top), err)
	}
	if found, err := c.Areas(ctx); err != nil || len(found) != len(areas) {
		t.Errorf("areas %v, %v", found, err)
	}
	found, _, err := c.Resolve(ctx, []int64{s.rooms[3].short, int64(s.rooms[0].id)})
	if err != nil || len(found) != 2 {
		t.Errorf("resolved %v, %v", found, err)
	}
	conn, err := c.Connect(ctx, collect.Visit{Room: s.rooms[0].id})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	k := &taker{t: t, left: 2000}
	if err := conn.Receive(ctx, k); !errors.Is(err, errEnough) {
		t.Fatalf("receive: %v", err)
	}
	if k.danmaku == 0 || k.observed == 0 {
		t.Errorf("%d danmaku in %d packets", k.danmaku, k.observed)
	}
	if told, err := c.History(ctx, s.rooms[0].id); err != nil || len(told) == 0 {
		t.Errorf("history %v, %v", told, err)
	}
}
