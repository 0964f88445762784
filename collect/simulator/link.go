package simulator

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"

	"danmaku-archiver/collect/bilibili"
)

// ending is how the stand-in ends a connection.
type ending int

const (
	endPolitely ending = iota // what was written arrives
	endAbruptly               // without a farewell of the protocol
	endReset                  // with a TCP reset: what is on its way may be lost
)

// link is a connection below the chat protocol. read and write are called by one
// goroutine each, end by any.
type link interface {
	// read returns the next packet or message, valid until it is called again.
	read() ([]byte, error)
	write(b []byte) error
	// end makes read and write return. Only the first call counts.
	end(how ending)
	// framed reports whether each write is a message of its own. Then heartbeat replies
	// carry the client's body behind them, which no length counts.
	framed() bool
}

// farewell is how long a polite end waits for the client.
const farewell = time.Second

// tcpLink is a stream of packets.
type tcpLink struct {
	conn   net.Conn
	in     *bufio.Reader
	buf    []byte
	faults *faults
	once   sync.Once
}

func newTCPLink(conn net.Conn, f *faults) *tcpLink {
	return &tcpLink{conn: conn, in: bufio.NewReader(conn), faults: f}
}

func (l *tcpLink) read() ([]byte, error) {
	raw, err := bilibili.ReadPacket(l.in, l.buf)
	if err == nil {
		l.buf = raw
	}
	return raw, err
}

func (l *tcpLink) write(b []byte) error {
	for _, piece := range l.faults.pieces(b, subject{}) {
		if _, err := l.conn.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

func (l *tcpLink) framed() bool { return false }

func (l *tcpLink) end(how ending) {
	l.once.Do(func() {
		if how == endPolitely {
			// Closing with unread input would reset the connection and discard what the
			// client has not read yet.
			_ = l.conn.SetDeadline(time.Now().Add(farewell))
			if c, ok := l.conn.(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil {
				_, _ = io.Copy(io.Discard, l.conn)
			}
		}
		closeConn(l.conn, how)
	})
}

// closeConn closes what lies below. Errors mean that it is closed already.
func closeConn(conn net.Conn, how ending) {
	if below, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = below.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok && how == endReset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// wsLink carries packets in binary WebSocket messages.
type wsLink struct {
	ctx    context.Context
	conn   *websocket.Conn
	raw    net.Conn
	faults *faults
	once   sync.Once
}

// clientMessage is the longest message taken from a client; real ones have some hundred
// bytes.
const clientMessage = 1 << 20

func newWSLink(ctx context.Context, conn *websocket.Conn, raw net.Conn, f *faults) *wsLink {
	conn.SetReadLimit(clientMessage)
	// A cancelled context would end the connection without farewell.
	return &wsLink{ctx: context.WithoutCancel(ctx), conn: conn, raw: raw, faults: f}
}

func (l *wsLink) read() ([]byte, error) {
	kind, b, err := l.conn.Read(l.ctx)
	if err == nil && kind != websocket.MessageBinary {
		return nil, fmt.Errorf("got a %s, want a binary message", kind)
	}
	return b, err
}

func (l *wsLink) write(b []byte) error {
	pieces := l.faults.pieces(b, subject{})
	if len(pieces) <= 1 {
		return l.conn.Write(l.ctx, websocket.MessageBinary, b)
	}
	w, err := l.conn.Writer(l.ctx, websocket.MessageBinary)
	if err != nil {
		return err
	}
	for _, piece := range pieces {
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return w.Close()
}

func (l *wsLink) framed() bool { return true }

func (l *wsLink) end(how ending) {
	l.once.Do(func() {
		if how == endPolitely {
			late := time.AfterFunc(farewell, func() { closeConn(l.raw, endAbruptly) })
			defer late.Stop()
			_ = l.conn.Close(websocket.StatusNormalClosure, "")
		}
		closeConn(l.raw, how)
		_ = l.conn.CloseNow()
	})
}
