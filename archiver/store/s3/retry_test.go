package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func answer(status int) error {
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: errors.New("answer"),
	}
}

func TestRetryable(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"internal error":     {answer(500), true},
		"bad gateway":        {answer(502), true},
		"unavailable":        {answer(503), true},
		"gateway timeout":    {answer(504), true},
		"too many requests":  {answer(429), true},
		"conflict":           {answer(409), true},
		"not implemented":    {answer(501), false},
		"bad request":        {answer(400), false},
		"forbidden":          {answer(403), false},
		"not found":          {answer(404), false},
		"moved":              {answer(301), false},
		"precondition":       {answer(412), false},
		"answer broke off":   {io.ErrUnexpectedEOF, true},
		"slow":               {errSlow, true},
		"something else":     {errors.New("something else"), false},
		"the content failed": {io.ErrClosedPipe, false},
	} {
		if got := retryable(tt.err); got != tt.want {
			t.Errorf("%s: got %t, want %t", name, got, tt.want)
		}
	}
}

func TestRetryGivesUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, attempts := time.Now(), 0
		err := newRetry(time.Minute).call(t.Context(), 0, func(context.Context) error {
			attempts++
			return answer(503)
		})
		if statusOf(err) != 503 || !strings.Contains(err.Error(), "gave up after") {
			t.Errorf("got error %v, want the last answer", err)
		}
		took := time.Since(start)
		if took < 2*time.Minute-longPause || took > 2*time.Minute {
			t.Errorf("gave up after %s, want twice the time-out of a minute", took)
		}
		if attempts < 10 {
			t.Errorf("got %d attempts, want more", attempts)
		}
	})
}

func TestRetryEndsASlowAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		err := newRetry(time.Second).call(t.Context(), 0, func(ctx context.Context) error {
			attempts++
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, errSlow) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want that the server is slow", err)
		}
		if attempts != minAttempts {
			t.Errorf("got %d attempts, want %d", attempts, minAttempts)
		}
	})
}

func TestRetryGivesBytesTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := newRetry(time.Second).call(t.Context(), 100*slowRate, func(ctx context.Context) error {
			select {
			case <-time.After(100 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		err := newRetry(time.Minute).call(ctx, 0, func(context.Context) error { return answer(503) })
		if !errors.Is(err, context.DeadlineExceeded) || statusOf(err) != 503 {
			t.Errorf("got error %v, want the deadline and the last answer", err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("ended after %s, want 5s", took)
		}
	})
}

func TestEveryOperationIsRepeated(t *testing.T) {
	s, f := newStore(t)
	var refused atomic.Int32
	f.fault = func(w http.ResponseWriter, _ *http.Request) bool {
		if refused.Add(1)%3 == 0 {
			return true
		}
		refuse(w, http.StatusServiceUnavailable, "SlowDown")
		return false
	}
	mustPut(t, s, "key", "content")
	for operation, err := range everyOperation(t, s) {
		if err != nil && operation != "stat" {
			t.Errorf("%s: %v", operation, err)
		}
	}
}

// The SDK's own repetition has a budget that a long outage uses up (S4).
func TestRepeatedAfterALongOutage(t *testing.T) {
	s, f := newStore(t)
	var outage atomic.Bool
	var refused atomic.Int32
	outage.Store(true)
	f.fault = func(w http.ResponseWriter, _ *http.Request) bool {
		if !outage.Load() && refused.Add(1) > 5 {
			return true
		}
		refuse(w, http.StatusServiceUnavailable, "SlowDown")
		return false
	}
	s.retry.timeout = time.Millisecond
	for range 150 {
		if put(t, s, "key", "content", true) == nil {
			t.Fatal("put succeeded in the outage")
		}
	}
	s.retry.timeout = time.Minute
	outage.Store(false)
	if err := put(t, s, "key", "content", true); err != nil {
		t.Errorf("after the outage: %v", err)
	}
	if got := refused.Load(); got < 6 {
		t.Errorf("got %d attempts, want 6", got)
	}
}
