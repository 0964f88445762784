package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"danmaku-archiver/collect/simulator"
)

func newSimulate() *cobra.Command {
	var o simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run the service's stand-in on this machine",
		Long: `Run a stand-in of the service on loopback addresses: the same HTTP API, the same chat
protocol over tcp, ws and wss, with made-up rooms and danmaku, or a recording played back.

The addresses are printed as one JSON line, first on stdout. A port of 0 takes a free one.

Faults, by comma:
` + faultList(),
		Example: `  danmaku simulate --rooms 100 --rate 500 --ledger pushed.jsonl
  danmaku simulate --http 127.0.0.1:7700 --tcp 127.0.0.1:7701
  danmaku simulate --replay recording.bin --speed max --for 30s`,
		Args: noArguments,
	}
	f := cmd.Flags()
	f.StringVar(&o.c.HTTP, "http", "127.0.0.1:0", "listen `address` of the HTTP API")
	f.StringVar(&o.c.TCP, "tcp", "127.0.0.1:0", "listen `address` of the chat over tcp")
	f.StringVar(&o.c.WS, "ws", "127.0.0.1:0", "listen `address` of the chat over ws")
	f.StringVar(&o.c.WSS, "wss", "127.0.0.1:0", "listen `address` of the chat over wss")
	o.c.Rooms, o.c.Rate, o.c.Speed = 100, 200, "1"
	f.Var(flagValue{whole(&o.c.Rooms, 1, 100_000, 100)}, "rooms", "`number` of rooms")
	f.Var(flagValue{positive(&o.c.Rate)}, "rate", "`commands` a second over all rooms")
	f.Uint64Var(&o.c.Seed, "seed", 1, "`number` that the made-up traffic comes from")
	f.StringVar(&o.ledger, "ledger", "", "`file` that gets a JSON line for every command pushed")
	f.StringVar(&o.c.Replay, "replay", "", "recording to play instead: `path` of a file or folder")
	f.Var(flagValue{speed(&o.c.Speed)}, "speed", "`speed` of the recording: 1, a factor, or max")
	f.Var(flagValue{duration(&o.duration, 0)}, "for", "`time` to run (default: until stopped)")
	f.Lookup("for").DefValue = ""
	f.StringSliceVar(&o.c.Faults, "faults", nil, "`names` of faults to make")
	f.StringVar(&o.ca, "ca", "", "`file` that gets the CA certificate of wss")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkFaults(o.c.Faults); err != nil {
			return err
		}
		return simulate(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// checkFaults refuses a fault that is not known, before anything is listened to or written.
func checkFaults(given []string) error {
	var names []string
	for _, f := range simulator.Faults() {
		names = append(names, f.Name)
	}
	for _, name := range given {
		if !slices.Contains(names, name) {
			return usageError{fmt.Errorf("--faults: unknown fault %q (there are %s)%s",
				name, strings.Join(names, ", "), didYouMean(nearest(name, names)))}
		}
	}
	return nil
}

// speed is 1, a factor, or max.
func speed(to *string) value {
	return scalar[string]{to, func(s string) (string, error) {
		_, err := simulator.ParseSpeed(s)
		return s, err
	}, asIs}
}

func faultList() string {
	var out strings.Builder
	for _, f := range simulator.Faults() {
		fmt.Fprintf(&out, "  %-18s %s\n", f.Name, f.About)
	}
	return strings.TrimRight(out.String(), "\n")
}

type simulateOptions struct {
	c          simulator.Config
	ledger, ca string
	duration   time.Duration
}

// simulate runs a simulator and tells where it listens: the addresses on stdout for
// programs, a line to start a collector with on stderr for people.
func simulate(ctx context.Context, o simulateOptions, stdout, stderr io.Writer) (err error) {
	if o.ledger != "" {
		f, err := os.Create(o.ledger)
		if err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		o.c.Ledger = f
	}
	o.c.Logger = slog.New(slog.NewTextHandler(stderr, nil))
	sim, err := simulator.New(o.c)
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	if o.ca != "" {
		if err := os.WriteFile(o.ca, sim.CA(), 0o644); err != nil {
			return fmt.Errorf("write the CA: %w", err)
		}
	}
	out := bufio.NewWriter(stdout)
	if err := errors.Join(json.NewEncoder(out).Encode(sim.Addresses()), out.Flush()); err != nil {
		return fmt.Errorf("print the addresses: %w", err)
	}
	http := sim.Addresses().HTTP
	fmt.Fprintf(stderr, "collect from it:\n  %s run --data-dir ./danmaku-demo-data --api-url %s --main-url %s \\\n    --transport tcp --connect-interval 20ms --requests-per-second 1000\n",
		programName(), http, http)
	if o.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	return sim.Run(ctx)
}
