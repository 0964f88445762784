package simulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// Addresses says where the stand-in listens; "" is a transport that is off.
type Addresses struct {
	HTTP string `json:"http"` // base URL of the web API
	TCP  string `json:"tcp"`  // host:port
	WS   string `json:"ws"`   // URL
	WSS  string `json:"wss"`  // URL
}

// listeners are bound before anything runs, so that addresses are known early; nil ones
// are off.
type listeners struct {
	http, tcp, ws, wss net.Listener
}

// listen opens what the configuration names, on loopback only (S6).
func listen(c Config, leaf tls.Certificate) (*listeners, error) {
	l := &listeners{}
	if err := l.open(c); err != nil {
		return nil, errors.Join(err, l.close())
	}
	if l.wss != nil {
		l.wss = tls.NewListener(l.wss, &tls.Config{
			Certificates: []tls.Certificate{leaf}, NextProtos: []string{"http/1.1"},
		})
	}
	return l, nil
}

func (l *listeners) open(c Config) (err error) {
	if c.HTTP == "" {
		return errors.New("the simulator needs an address for http, such as 127.0.0.1:0")
	}
	for _, one := range []struct {
		name, address string
		to            *net.Listener
	}{{"http", c.HTTP, &l.http}, {"tcp", c.TCP, &l.tcp}, {"ws", c.WS, &l.ws}, {"wss", c.WSS, &l.wss}} {
		if one.address == "" {
			continue
		}
		if *one.to, err = listenLoopback(one.address); err != nil {
			return fmt.Errorf("listen for %s on %q: %w", one.name, one.address, err)
		}
	}
	return l.sameHost()
}

var errNotLoopback = errors.New("the simulator listens on loopback only: want 127.0.0.1, ::1 or localhost with a port")

func listenLoopback(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, errNotLoopback
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	// Only the resolver knows what localhost is.
	if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return nil, errors.Join(errNotLoopback, listener.Close())
	}
	return listener, nil
}

// sameHost refuses chat listeners on different addresses: the service names one host with
// three ports.
func (l *listeners) sameHost() error {
	host := ""
	for _, one := range []net.Listener{l.tcp, l.ws, l.wss} {
		switch {
		case one == nil:
		case host == "":
			host = hostOf(one)
		case host != hostOf(one):
			return fmt.Errorf("listen on %s and %s: want one host for tcp, ws and wss", host, hostOf(one))
		}
	}
	return nil
}

// chatHost is the host of the chat listeners, "127.0.0.1" where all are off.
func (l *listeners) chatHost() string {
	for _, one := range []net.Listener{l.tcp, l.ws, l.wss} {
		if one != nil {
			return hostOf(one)
		}
	}
	return "127.0.0.1"
}

func hostOf(l net.Listener) string { return l.Addr().(*net.TCPAddr).IP.String() }

// portOf is 0 for a transport that is off.
func portOf(l net.Listener) int {
	if l == nil {
		return 0
	}
	return l.Addr().(*net.TCPAddr).Port
}

func (l *listeners) addresses() Addresses {
	url := func(before string, one net.Listener, after string) string {
		if one == nil {
			return ""
		}
		return before + one.Addr().String() + after
	}
	return Addresses{
		HTTP: url("http://", l.http, ""),
		TCP:  url("", l.tcp, ""),
		WS:   url("ws://", l.ws, "/sub"),
		WSS:  url("wss://", l.wss, "/sub"),
	}
}

func (l *listeners) close() error {
	var errs []error
	for _, one := range []net.Listener{l.http, l.tcp, l.ws, l.wss} {
		if one != nil {
			if err := one.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
