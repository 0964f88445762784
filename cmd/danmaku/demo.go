package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"danmaku-archiver/collect/simulator"
)

// demoRate is how many commands a room gets in a second, on average.
const demoRate = 5

type demoOptions struct {
	rooms    int
	duration time.Duration
	dir      string
}

// demo runs simulator and station together:
//
//	simulator ---- what it pushed ----------\
//	    |                                    compare
//	 station: collector, journal, archiver -/
//
// The simulator ends first, so that everything that it pushed has arrived when the
// collector is stopped and the two accounts can be compared to the last command.
func demo(ctx context.Context, o demoOptions, stdout, stderr io.Writer) (err error) {
	dir, err := emptyFolder(o.dir)
	if err != nil {
		return err
	}
	logFile, err := os.Create(filepath.Join(dir, "demo.log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, logFile.Close()) }()
	log := slog.New(slog.NewTextHandler(logFile, nil))

	ledger, err := os.Create(filepath.Join(dir, "ledger.jsonl"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	sim, err := simulator.New(simulator.Config{
		HTTP: "127.0.0.1:0", TCP: "127.0.0.1:0",
		Rooms: o.rooms, Rate: float64(o.rooms) * demoRate, Seed: 1, Speed: "1", Ledger: ledger, Logger: log,
	})
	if err != nil {
		return fmt.Errorf("start the simulator: %w", err)
	}
	c, err := demoConfig(dir, sim.Addresses().HTTP, o)
	if err != nil {
		return err
	}
	s, err := newStation(ctx, c, stationOptions{archive: true, log: log})
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "demo: %s for %s in %s (log: demo.log)\n", plural(int64(o.rooms), "made-up room"), shortDuration(o.duration), dir)
	d := &demoRun{demoOptions: o, sim: sim, station: s}
	if err := d.collect(ctx, stderr); err != nil {
		return err
	}
	// An interrupted demo still shows what it collected.
	return d.conclude(context.WithoutCancel(ctx), stdout, stderr)
}

// emptyFolder makes the folder; one that holds something is refused, since the demo's
// account would not come out with older data in it.
func emptyFolder(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", err
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("%s is not empty: the demo wants a folder of its own (--dir)", path)
	}
	return path, nil
}

// demoConfig is the default configuration, pointed at the simulator and freed from what
// spares the live service. Rooms are chosen once: to drop one would cost what is just
// under way to it, and the accounts would differ.
func demoConfig(dir, api string, o demoOptions) (*config, error) {
	c := newConfig()
	n := strconv.Itoa(o.rooms)
	for _, kv := range [][2]string{
		{"data_dir", dir}, {"collector", "demo"},
		{"rooms.top", n}, {"bilibili.max_connections", n}, {"rooms.refresh", (o.duration + time.Hour).String()},
		{"bilibili.api_url", api}, {"bilibili.main_url", api}, {"bilibili.transport", "tcp"},
		{"bilibili.connect_interval", "0s"}, {"bilibili.requests_per_second", "100000"},
	} {
		if err := c.byPath[kv[0]].value.set(kv[1]); err != nil {
			return nil, fmt.Errorf("%s: %w", kv[0], err)
		}
	}
	return c, nil
}

// demoRun is a demo on its way and what it measured.
type demoRun struct {
	demoOptions
	sim     *simulator.Simulator
	station *station

	// joined is how long it took until all rooms were observed, 0 if they never were.
	joined time.Duration
	// observing is how many rooms were observed when the simulator was told to stop.
	observing int
}

// silenceTimeout bounds the wait for the sessions to notice that the simulator is gone.
const silenceTimeout = 3 * time.Second

// collect runs both sides for the wanted time, or until ctx ends.
func (d *demoRun) collect(ctx context.Context, stderr io.Writer) error {
	running := context.WithoutCancel(ctx)
	sim := begin(running, d.sim.Run)
	station := begin(running, d.station.run)
	d.watch(ctx, station, stderr)
	d.observing = d.station.collector.Status().Observing
	sim.stop()
	<-sim.done
	d.awaitSilence()
	station.stop()
	<-station.done
	return errors.Join(failed("simulator", sim.err), station.err)
}

// watch shows how far the demo is until its time is over.
func (d *demoRun) watch(ctx context.Context, station *part, stderr io.Writer) {
	start := time.Now()
	over := time.NewTimer(d.duration)
	defer over.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	p := newProgress(stderr, 10*time.Second)
	defer p.clear()
	for {
		st := d.station.collector.Status()
		if d.joined == 0 && st.Observing == d.rooms {
			d.joined = time.Since(start)
		}
		p.show("%3.0f s of %s   %d of %d rooms observed   %s   %s", time.Since(start).Seconds(), shortDuration(d.duration),
			st.Observing, d.rooms, plural(st.Commands, "command"), bytesOf(st.Bytes))
		select {
		case <-ctx.Done():
			return
		case <-station.done:
			return
		case <-over.C:
			return
		case <-tick.C:
		}
	}
}

// awaitSilence waits until every session has read what was under way.
func (d *demoRun) awaitSilence() {
	deadline := time.Now().Add(silenceTimeout)
	for d.station.collector.Status().Observing > 0 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
}
