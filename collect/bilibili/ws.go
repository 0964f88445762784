package bilibili

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/coder/websocket"

	"danmaku-archiver/schema"
)

// wsLink is a WebSocket: a message holds one or more packets.
type wsLink struct {
	conn *websocket.Conn
	buf  []byte
}

func (c *Client) dialWS(ctx context.Context, address string, room schema.RoomID, who identity) (link, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, c.config.Transport+"://"+address+"/sub", &websocket.DialOptions{
		HTTPClient: c.ws,
		HTTPHeader: c.headers(room, who),
	})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, fmt.Errorf("HTTP status %d: %w", resp.StatusCode, err)
		}
		return nil, err
	}
	conn.SetReadLimit(MaxMessage)
	return &wsLink{conn: conn}, nil
}

func (l *wsLink) read() ([]byte, error) {
	// The link is ended by closing it: a context that ends while reading would do the
	// same, at the price of a goroutine a message.
	_, r, err := l.conn.Reader(context.Background())
	if err != nil {
		return nil, err
	}
	if cap(l.buf) > keptMessage {
		l.buf = nil
	}
	message := l.buf[:0]
	for {
		message = slices.Grow(message, 512)
		n, err := r.Read(message[len(message):cap(message)])
		message = message[:len(message)+n]
		if errors.Is(err, io.EOF) {
			l.buf = message
			return message, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (l *wsLink) write(ctx context.Context, packet []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return l.conn.Write(ctx, websocket.MessageBinary, packet)
}

func (l *wsLink) close() { _ = l.conn.CloseNow() }
