package bilibili

import (
	"context"
	"time"
)

// writeTimeout is how long the service may take to accept a few bytes.
const writeTimeout = 10 * time.Second

// link moves messages over one transport. Reading is for one goroutine, writing for any;
// close may be called at any time and makes both return.
type link interface {
	// read returns the next message, lent until the next call: one or more packets. What
	// arrived before the link ended is returned before the error.
	read() ([]byte, error)
	// write sends one packet.
	write(ctx context.Context, packet []byte) error
	close()
}
