package simulator

import (
	"context"
	"time"
)

// source makes a room's commands. It belongs to the room's goroutine.
type source interface {
	// resume is called when somebody joins a room where nobody was.
	resume(now time.Time)
	// take returns the commands that are due, in order, each once.
	take(now time.Time) ([]command, error)
	// done reports whether take will never return a command again.
	done() bool
}

// traffic pushes one room's commands to its connections.
type traffic struct {
	room   *room
	source source
	// every is the time between two flushes, 0 for as fast as the connections read.
	every time.Duration
	// byKind gives each kind of command packets of its own, as the service does; a
	// recording keeps its order instead.
	byKind bool

	// pending are commands that were taken from the source and not yet pushed (S2).
	pending []command
}

// run returns when ctx ends or the source is done; connections stay, silent.
func (t *traffic) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.room.joined:
		}
		t.source.resume(time.Now())
		if done, err := t.push(ctx); done || err != nil {
			return err
		}
	}
}

// push flushes until nobody is left.
func (t *traffic) push(ctx context.Context) (done bool, err error) {
	tick := make(<-chan time.Time)
	if t.every > 0 {
		ticker := time.NewTicker(t.every)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		if t.every > 0 {
			select {
			case <-ctx.Done():
			case <-tick:
			}
		}
		if ctx.Err() != nil {
			return true, nil
		}
		members := t.room.present()
		if len(members) == 0 {
			return false, nil
		}
		if len(t.pending) == 0 {
			if t.pending, err = t.source.take(time.Now()); err != nil {
				return false, err
			}
		}
		if len(t.pending) == 0 && t.source.done() {
			return true, nil
		}
		t.flush(members)
	}
}

// flush writes the pending commands to all members, waits for them, and keeps pending
// what none of them got.
func (t *traffic) flush(members []*chat) {
	if len(t.pending) == 0 {
		return
	}
	f := newFlush(t.pending, t.byKind)
	for _, c := range members {
		f.writers.Add(1)
		select {
		case c.flushes <- f:
		case <-c.gone:
			t.room.leave(c)
			f.writers.Done()
		}
	}
	f.writers.Wait()
	var pushed, left []command
	for i, c := range f.commands {
		if f.pushed[i] {
			pushed = append(pushed, c)
		} else {
			left = append(left, c)
		}
	}
	t.room.remember(pushed)
	t.pending = left
}
