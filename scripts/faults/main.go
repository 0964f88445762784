package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.program, "danmaku", "danmaku", "the `program` under test")
	flag.StringVar(&o.data, "data", "", "its data `folder`")
	flag.StringVar(&o.store, "store", "", "its archive, a `folder`")
	flag.StringVar(&o.ledger, "ledger", "", "the simulator's ledger, a `file`")
	flag.StringVar(&o.kills, "kills", "", "`file` with a line for every kill: microseconds since the Unix epoch")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

type options struct{ program, data, store, ledger, kills string }

// run prints the account as one line, tab-separated, and what is wrong on stderr.
func run(o options) error {
	l, err := readLedger(o.ledger)
	if err != nil {
		return err
	}
	kills, err := readKills(o.kills)
	if err != nil {
		return err
	}
	p := program{o.program, o.data, o.store}
	j, err := p.journal(l)
	if err != nil {
		return err
	}
	a, err := p.archive()
	if err != nil {
		return err
	}
	v := judge(l, j, a, kills)
	fmt.Printf("%d\t%d\t%d\t%d\t%d\t%d\t%s\n", v.pushed, v.archived, v.gaps, v.shed, v.doubled, v.unexplained, v.lossText())
	for _, what := range v.problems {
		fmt.Fprintln(os.Stderr, what)
	}
	if v.pushed == 0 || v.archived == 0 {
		return errors.New("nothing was pushed, or nothing archived: the case has tried nothing")
	}
	if n := v.doubled + v.unexplained; n > 0 {
		return fmt.Errorf("%d doubled, %d unexplained", v.doubled, v.unexplained)
	}
	return nil
}

func readKills(path string) ([]time.Time, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []time.Time
	for lines := bufio.NewScanner(f); lines.Scan(); {
		micros, err := strconv.ParseInt(strings.TrimSpace(lines.Text()), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, time.UnixMicro(micros))
	}
	return all, nil
}
