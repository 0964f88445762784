package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// TestMain makes this test binary the program too: the stories run what users run.
func TestMain(m *testing.M) {
	testscript.Main(leakFree{m}, map[string]func(){"danmaku": func() { os.Exit(run()) }})
}

// leakFree fails the tests if goroutines outlive them.
type leakFree struct{ m *testing.M }

func (l leakFree) Run() int {
	code := l.m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// TestScripts tells the stories of testdata/script. Beside testscript's commands they use:
//
//	start NAME PROGRAM ARGS…    run in the background; output goes to NAME.out and NAME.err
//	end NAME                    SIGTERM; the program must end with exit code 0
//	crash NAME                  SIGKILL
//	await FILE PATTERN [COUNT]  until so many lines of the file match
//	simulator FILE              set $HTTP from the addresses in the file
//	pushed LEDGER COMMAND MORE  until the ledger has so many more of them than now
//	journaled DATA COMMAND N    until the journals of DATA hold so many of them, or of that mark
//	compare LEDGER DATA         every danmaku of the ledger is in the archive of DATA once,
//	                            except those that a crash may have cost
//	shed LEDGER DATA            what was pushed is in the archive of DATA, or counted as shed
//	agree LEDGER DATA           the archive of DATA is what the ledger says was delivered, and
//	                            coverage explains the rest
//	exits CODE PROGRAM ARGS…    run; it must end with that exit code
//	flip GLOB                   change one byte in the middle of the one file that matches
//
// and the condition raced: the race detector is on.
func TestScripts(t *testing.T) {
	runScripts(t, "testdata/script")
}

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			w := &world{running: map[string]*process{}}
			env.Values[worldKey] = w
			env.Defer(w.end)
			env.Setenv("SAMPLES_DIR", os.Getenv("SAMPLES_DIR"))
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond != "raced" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return raced, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": cmdStart, "end": cmdEnd, "crash": cmdCrash, "await": cmdAwait,
			"simulator": cmdSimulator, "pushed": cmdPushed, "journaled": cmdJournaled, "compare": cmdCompare, "shed": cmdShed, "agree": cmdAgree, "flip": cmdFlip, "exits": cmdExits,
			"compare-capture": cmdCompareCapture, "compare-texts": cmdCompareTexts,
		},
	})
}

const worldKey = "world"

// world is what one story has going on.
type world struct {
	running map[string]*process
	crashes []crash
}

type process struct {
	cmd *exec.Cmd
	out []*os.File
}

// crash is when a program was killed and when the next one was started.
type crash struct{ killed, next time.Time }

func (c crash) String() string { return c.killed.UTC().Format("15:04:05.000000") }

// lossBeforeCrash is what the README promises.
const lossBeforeCrash = 200 * time.Millisecond

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey).(*world) }

// end kills what a failed story left behind.
func (w *world) end() {
	for name := range w.running {
		c := w.take(name)
		c.cmd.Process.Kill()
		c.wait()
	}
}

func (w *world) take(name string) *process {
	c := w.running[name]
	delete(w.running, name)
	return c
}

func (c *process) wait() error {
	err := c.cmd.Wait()
	for _, f := range c.out {
		f.Close()
	}
	return err
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARGS…")
	}
	name, w := args[0], worldOf(ts)
	if w.running[name] != nil {
		ts.Fatalf("%s runs already", name)
	}
	path := filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], args[1])
	c := &process{cmd: exec.Command(path, args[2:]...)}
	c.cmd.Dir = ts.MkAbs(".")
	c.cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"))
	for _, suffix := range []string{".out", ".err"} {
		f, err := os.Create(ts.MkAbs(name + suffix))
		ts.Check(err)
		c.out = append(c.out, f)
	}
	c.cmd.Stdout, c.cmd.Stderr = c.out[0], c.out[1]
	ts.Check(c.cmd.Start())
	w.running[name] = c
	for i := range w.crashes {
		if w.crashes[i].next.IsZero() {
			w.crashes[i].next = time.Now()
		}
	}
}

func cmdEnd(ts *testscript.TestScript, neg bool, args []string) {
	c := worldOf(ts).take(args[0])
	if neg || c == nil {
		ts.Fatalf("usage: end NAME of a running program")
	}
	ts.Check(c.cmd.Process.Signal(syscall.SIGTERM))
	if err := c.wait(); err != nil {
		ts.Fatalf("%s: %v\n%s", args[0], err, ts.ReadFile(args[0]+".err"))
	}
}

func cmdCrash(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	c := w.take(args[0])
	if neg || c == nil {
		ts.Fatalf("usage: crash NAME of a running program")
	}
	w.crashes = append(w.crashes, crash{killed: time.Now()})
	ts.Check(c.cmd.Process.Kill())
	c.wait()
}

// patience bounds every wait; a story that needs longer has failed.
const patience = 5 * time.Minute

// until polls: the programs are other processes, which nothing but their output tells of.
func until(ts *testscript.TestScript, what string, done func() bool) {
	for deadline := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			for name := range worldOf(ts).running {
				ts.Logf("%s.err: %s", name, ts.ReadFile(name+".err"))
			}
			ts.Fatalf("waited in vain for %s", what)
		}
	}
}

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await FILE PATTERN [COUNT]")
	}
	count := 1
	if len(args) > 2 {
		fmt.Sscan(args[2], &count)
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	file := newTail(ts, args[0])
	until(ts, args[1]+" in "+args[0], func() bool {
		file.more(func(line []byte) {
			if re.Match(line) {
				count--
			}
		})
		return count <= 0
	})
}

func cmdSimulator(ts *testscript.TestScript, neg bool, args []string) {
	file := args[0]
	re := regexp.MustCompile(`"http":"([^"]+)"`)
	until(ts, "the simulator's addresses in "+file, func() bool {
		data, _ := os.ReadFile(ts.MkAbs(file))
		m := re.FindSubmatch(data)
		if m != nil {
			ts.Setenv("HTTP", string(m[1]))
		}
		return m != nil
	})
}

func cmdFlip(ts *testscript.TestScript, neg bool, args []string) {
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) != 1 {
		ts.Fatalf("%d files match %s, want one", len(files), args[0])
	}
	data, err := os.ReadFile(files[0])
	ts.Check(err)
	data[len(data)/2] ^= 1
	ts.Check(os.WriteFile(files[0], data, 0o644))
	key, err := filepath.Rel(ts.MkAbs("data/archive"), files[0])
	ts.Check(err)
	ts.Setenv("FLIPPED", regexp.QuoteMeta(filepath.ToSlash(key)))
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}
