package bilibili

import (
	"bufio"
	"context"
	"net"
	"time"
)

// tcpLink is a plain stream of packets, one a message.
type tcpLink struct {
	conn net.Conn
	in   *bufio.Reader
	buf  []byte
}

func (c *Client) dialTCP(ctx context.Context, address string) (link, error) {
	conn, err := c.guard.dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return newTCPLink(conn), nil
}

func newTCPLink(conn net.Conn) *tcpLink {
	return &tcpLink{conn: conn, in: bufio.NewReader(conn)}
}

func (l *tcpLink) read() ([]byte, error) {
	if cap(l.buf) > keptMessage {
		l.buf = nil
	}
	raw, err := ReadPacket(l.in, l.buf)
	if err == nil {
		l.buf = raw
	}
	return raw, err
}

func (l *tcpLink) write(_ context.Context, packet []byte) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := l.conn.Write(packet)
	return err
}

func (l *tcpLink) close() { _ = l.conn.Close() }
