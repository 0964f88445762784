package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsretry "github.com/aws/aws-sdk-go-v2/aws/retry"
)

const (
	firstPause = 200 * time.Millisecond
	longPause  = 10 * time.Second

	// slowRate is what a connection carries at least, in bytes a second; a slower one is
	// given up as stuck.
	slowRate = 256 << 10

	// minAttempts are made also where each one takes the whole of its time.
	minAttempts = 3
)

// retry repeats requests. Each call stands for itself: however many calls failed before,
// the next one has all its attempts.
type retry struct {
	timeout time.Duration // of one attempt, without the time for its bytes
	first   time.Duration // the first pause; it doubles up to longPause
}

func newRetry(timeout time.Duration) retry { return retry{timeout: timeout, first: firstPause} }

// call runs do, which moves so many bytes, until it succeeds, fails for good, or has
// failed for twice the time-out. It returns the last error.
func (r retry) call(ctx context.Context, bytes int64, do func(context.Context) error) error {
	limit := r.timeout + time.Duration(float64(bytes)/slowRate*float64(time.Second))
	giveUp := time.Now().Add(2 * limit)
	pause := r.first
	for attempts := 1; ; attempts++ {
		err := r.attempt(ctx, limit, do)
		if err == nil || ctx.Err() != nil || !retryable(err) {
			return err
		}
		// Half of the pause is by chance, so that many do not return at the same moment.
		wait := pause/2 + rand.N(pause/2+1)
		if attempts >= minAttempts && time.Now().Add(wait).After(giveUp) {
			return fmt.Errorf("gave up after %d attempts: %w", attempts, err)
		}
		if ended := sleep(ctx, wait); ended != nil {
			return fmt.Errorf("%w, after %d attempts: %w", ended, attempts, err)
		}
		pause = min(2*pause, longPause)
	}
}

// errSlow is an attempt that did not end in its time.
var errSlow = errors.New("the server did not answer in time")

func (r retry) attempt(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	attempt, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := do(attempt)
	if err != nil && attempt.Err() != nil && ctx.Err() == nil {
		// Not wrapped: it is a deadline, and the caller's own is not over.
		return fmt.Errorf("%w (%s): %v", errSlow, limit.Round(time.Millisecond), err)
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

var retryables = awsretry.IsErrorRetryables(awsretry.DefaultRetryables)

// retryable tells whether the same request can succeed later without anybody's help.
func retryable(err error) bool {
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	switch {
	case errors.As(err, &certificate), errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &name) && name.IsNotFound:
		return false
	case errors.Is(err, errSlow), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	}
	switch statusOf(err) {
	// Conflict: of two conditional writes at once the service asks to repeat one. The
	// SDK's list has neither.
	case http.StatusConflict, http.StatusTooManyRequests:
		return true
	}
	return retryables.IsErrorRetryable(err) == aws.TrueTernary
}
