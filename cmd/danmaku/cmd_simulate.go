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

Faults, by comma, each as NAME[=VALUE][:SCOPE][@FROM[+FOR]]: thinning=0.3:identity1@30s+1m
leaves out three of ten danmaku for the first identity, in the second half-minute and the one
after. VALUE is a share, a time or a count; what stands below is the default. SCOPE is one of
token, lists, rooms, history, identity, signed for the HTTP API, and hostN, identityN, roomN,
guests or accounts for connections. FROM and FOR count from the start. In brackets: who
reported it.

` + faultList(),
		Example: `  danmaku simulate --rooms 100 --rate 500 --ledger pushed.jsonl
  danmaku simulate --http 127.0.0.1:7700 --tcp 127.0.0.1:7701
  danmaku simulate --faults thinning=0.3,token_age=30s,code_412=1:lists@20s+1m
  danmaku simulate --rooms 300 --faults flux=5m
  danmaku simulate --hosts 3 --faults host_down:host1@1m+2m,thinning=0.8:host2
  danmaku simulate --replay recording.bin --speed max --for 30s`,
		Args: noArguments,
	}
	f := cmd.Flags()
	f.StringVar(&o.c.HTTP, "http", "127.0.0.1:0", "listen `address` of the HTTP API")
	f.StringVar(&o.c.TCP, "tcp", "127.0.0.1:0", "listen `address` of the chat over tcp")
	f.StringVar(&o.c.WS, "ws", "127.0.0.1:0", "listen `address` of the chat over ws")
	f.StringVar(&o.c.WSS, "wss", "127.0.0.1:0", "listen `address` of the chat over wss")
	o.c.Rooms, o.c.Rate, o.c.Speed, o.c.Hosts = 100, 200, "1", 1
	f.Var(flagValue{whole(&o.c.Hosts, 1, 8, 1)}, "hosts", "`number` of chat hosts, on 127.0.0.1, 127.0.0.2 …")
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
		if err := errors.Join(checkFaults(o.c.Faults), checkMode(cmd.Flags().Changed)); err != nil {
			return err
		}
		return simulate(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// checkFaults refuses a fault that is not known or set wrong, before anything is listened
// to or written.
func checkFaults(given []string) error {
	err := simulator.CheckFaults(given)
	var wrong *simulator.FaultError
	if !errors.As(err, &wrong) {
		return err
	}
	if !wrong.Unknown {
		return usageError{fmt.Errorf("--faults: %w", err)}
	}
	var names []string
	for _, f := range simulator.Faults() {
		names = append(names, f.Name)
	}
	return usageError{fmt.Errorf("--faults: %w%s", wrong.Err, didYouMean(nearest(wrong.Name, names)))}
}

// checkMode refuses flags that would have no effect: a recording has its own rooms and
// rate, and only a recording has a speed.
func checkMode(given func(flag string) bool) error {
	if !given("replay") {
		if given("speed") {
			return usageError{errors.New("--speed is of a recording: give --replay with it, or --rate instead")}
		}
		return nil
	}
	for _, flag := range []string{"rooms", "rate"} {
		if given(flag) {
			return usageError{fmt.Errorf("--%s is of made-up rooms: a recording (--replay) has its own", flag)}
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
		name := f.Name
		if f.Value != "" {
			name += "=" + f.Default
		}
		fmt.Fprintf(&out, "  %-22s %s [%s]\n", name, f.About, f.Source)
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
