package simulator

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"danmaku-archiver/collect"
	"danmaku-archiver/collect/bilibili"
)

// severalHosts starts a simulator with so many hosts, where the system has their addresses.
func severalHosts(t *testing.T, c Config) *Simulator {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("this system has no loopback address but 127.0.0.1: ", err)
	}
	probe.Close()
	return start(t, c)
}

func newWatcher(t *testing.T, s *Simulator) *bilibili.Client {
	t.Helper()
	c, err := bilibili.New(bilibili.Config{
		APIURL: s.Addresses().HTTP, MainURL: s.Addresses().HTTP, UserAgent: testAgent, Transport: "tcp",
		RequestsPerSecond: 1000, LoopbackOnly: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// place is the number of the host that has the address.
func place(t *testing.T, s *Simulator, address string) int {
	t.Helper()
	n := slices.IndexFunc(s.listeners.hosts, func(h *host) bool { return h.tcp.Addr().String() == address })
	if n < 0 {
		t.Fatalf("%s is no host", address)
	}
	return n + 1
}

// Rooms get past a host that is down, and learn of it together.
func TestClientLeavesHostThatIsDown(t *testing.T) {
	s := severalHosts(t, Config{Rooms: 5, Hosts: 3, Faults: []string{"host_down:host1"}})
	c := newWatcher(t, s)
	const untilTrusted = 3 // rooms that must fail before the others are warned
	for i, rm := range s.rooms {
		var down int
		for {
			conn, err := c.Connect(t.Context(), collect.Visit{Room: rm.id})
			if err == nil {
				if n := place(t, s, conn.Peer().Host); n == 1 {
					t.Errorf("room %d is with the host that is down", i+1)
				}
				conn.Close()
				break
			}
			if down++; down > 2 || !strings.Contains(err.Error(), s.Addresses().TCP) {
				t.Fatalf("room %d, try %d: %v", i+1, down, err)
			}
		}
		if want := map[bool]int{true: 1, false: 0}[i < untilTrusted]; down != want {
			t.Errorf("room %d tried the host that is down %d times, want %d", i+1, down, want)
		}
	}
}

// A room that shuns a host that thins it out gets all from the next one.
func TestClientShunsThinningHost(t *testing.T) {
	s := severalHosts(t, Config{Rooms: 1, Rate: 5000, Hosts: 2, Faults: []string{"thinning=0.9:host1"}})
	c := newWatcher(t, s)
	watch := func() (peer collect.Peer, withheld int64) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		before := s.Stats().Withheld
		conn, err := c.Connect(ctx, collect.Visit{Room: s.rooms[0].id})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.Receive(ctx, &taker{t: t, left: 500}); !errors.Is(err, errEnough) {
			t.Fatal(err)
		}
		return conn.Peer(), s.Stats().Withheld - before
	}
	first, lost := watch()
	if place(t, s, first.Host) != 1 || lost == 0 {
		t.Fatalf("host %s withheld %d, want the first one, and some", first.Host, lost)
	}
	c.Shun(s.rooms[0].id, first, false)
	// The room's old connection may still be on its way out.
	for deadline := time.Now().Add(patience); s.Stats().Connections > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the first connection stays")
		}
	}
	second, lost := watch()
	if place(t, s, second.Host) != 2 || lost != 0 {
		t.Errorf("host %s withheld %d, want the second one, and none", second.Host, lost)
	}
}

func TestHostsAreTold(t *testing.T) {
	s := severalHosts(t, Config{Rooms: 1, Hosts: 8})
	told, err := newWatcher(t, s).Hosts(t.Context(), s.rooms[0].id)
	if err != nil || len(told) != 8 {
		t.Fatalf("%d hosts, %v", len(told), err)
	}
	leaf, err := x509.ParseCertificate(s.certs.leaf.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for i, address := range told {
		if want := "127.0.0." + decimal(i+1) + ":"; !strings.HasPrefix(address, want) || place(t, s, address) != i+1 {
			t.Errorf("host %d is %s, want %s", i+1, address, want)
		}
		if err := leaf.VerifyHostname("127.0.0." + decimal(i+1)); err != nil {
			t.Error(err)
		}
	}
}

func TestWrongHosts(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"too many", Config{Hosts: 9}, "hosts 9: want 1 to 8"},
		{"too few", Config{Hosts: -1}, "hosts -1: want 1 to 8"},
		{"a fault of a host that is not there", Config{Faults: []string{"host_down:host2"}}, "there is 1 host"},
		{"a fault of another", Config{Hosts: 2, Faults: []string{"thinning=0.3:host3"}}, "there are 2 hosts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := New(loopback(c.config)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if _, err := New(Config{HTTP: "127.0.0.1:0", TCP: "[::1]:0", Hosts: 2}); err == nil {
		t.Error("two hosts on ::1")
	}
}
