package bilibili

import (
	"context"
	"sync"
	"time"
)

// cached keeps one value that costs a request. Callers that need it at the same time wait
// for one fetch; each stops waiting when its own context ends. The zero value is empty.
type cached[T any] struct {
	once sync.Once
	lock chan struct{} // a mutex that can be waited for with a context

	// Guarded by lock.
	value      T
	fetched    time.Time
	generation uint64 // of the value; 0 when there is none
	last       uint64
}

func (c *cached[T]) acquire(ctx context.Context) error {
	c.once.Do(func() { c.lock = make(chan struct{}, 1) })
	select {
	case c.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *cached[T]) release() { <-c.lock }

// get returns the value, fetched anew when there is none younger than maxAge, and its
// generation.
func (c *cached[T]) get(ctx context.Context, maxAge time.Duration, fetch func(context.Context) (T, error)) (T, uint64, error) {
	var zero T
	if err := c.acquire(ctx); err != nil {
		return zero, 0, err
	}
	defer c.release()
	if c.generation != 0 && time.Since(c.fetched) < maxAge {
		return c.value, c.generation, nil
	}
	v, err := fetch(ctx)
	if err != nil {
		return zero, 0, err
	}
	c.last++
	c.value, c.fetched, c.generation = v, time.Now(), c.last
	return v, c.generation, nil
}

// drop forgets the value of that generation; a newer one stays.
func (c *cached[T]) drop(ctx context.Context, generation uint64) error {
	if err := c.acquire(ctx); err != nil {
		return err
	}
	defer c.release()
	if c.generation == generation {
		c.generation = 0
	}
	return nil
}

// forget drops the value, whatever its generation.
func (c *cached[T]) forget(ctx context.Context) error {
	if err := c.acquire(ctx); err != nil {
		return err
	}
	defer c.release()
	c.generation = 0
	return nil
}
