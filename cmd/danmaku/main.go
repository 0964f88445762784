package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // a machine without zone files must show times too
)

// sameSignal is how long after the first signal another one is taken as its echo: timeout(1)
// and others signal a process and then its whole group.
const sameSignal = 500 * time.Millisecond

func main() { os.Exit(run()) }

// run is the program: it returns the exit code.
func run() int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		first := time.Now()
		for range signals {
			if time.Since(first) > sameSignal {
				os.Exit(exitFailed)
			}
		}
	}()
	err := newRoot().ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	fmt.Fprintln(os.Stderr, "danmaku: "+strings.ReplaceAll(err.Error(), "\n", "\ndanmaku: "))
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintln(os.Stderr, "danmaku: see danmaku help, or any command with --help")
		return exitUsage
	}
	return exitFailed
}

const (
	exitFailed = 1
	exitUsage  = 2
)

// usageError is the user's mistake: flags, arguments or configuration.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }
