package simulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// Addresses says where the stand-in listens, with the chat's first host; "" is a transport
// that is off. The other hosts are told where the service tells them: with a room's token.
type Addresses struct {
	HTTP string `json:"http"` // base URL of the web API
	TCP  string `json:"tcp"`  // host:port
	WS   string `json:"ws"`   // URL
	WSS  string `json:"wss"`  // URL
}

// listeners are bound before anything runs, so that addresses are known early; nil ones
// are off.
type listeners struct {
	http  net.Listener
	hosts []*host
}

// host is a server of the chat: one address with up to three ports.
type host struct {
	number       int // in the list of hosts, from 1
	tcp, ws, wss net.Listener
}

func (h *host) all() []net.Listener { return []net.Listener{h.tcp, h.ws, h.wss} }

// listen opens what the configuration names, on loopback only (S6).
func listen(c Config, leaf tls.Certificate) (*listeners, error) {
	l := &listeners{}
	if err := l.open(c); err != nil {
		return nil, errors.Join(err, l.close())
	}
	for _, h := range l.hosts {
		if h.wss != nil {
			h.wss = tls.NewListener(h.wss, &tls.Config{
				Certificates: []tls.Certificate{leaf}, NextProtos: []string{"http/1.1"},
			})
		}
	}
	return l, nil
}

func (l *listeners) open(c Config) (err error) {
	if c.HTTP == "" {
		return errors.New("the simulator needs an address for http, such as 127.0.0.1:0")
	}
	if l.http, err = listenLoopback(c.HTTP); err != nil {
		return fmt.Errorf("listen for http on %q: %w", c.HTTP, err)
	}
	for n := range c.Hosts {
		h := &host{number: n + 1}
		l.hosts = append(l.hosts, h)
		for _, one := range []struct {
			name, address string
			to            *net.Listener
		}{{"tcp", c.TCP, &h.tcp}, {"ws", c.WS, &h.ws}, {"wss", c.WSS, &h.wss}} {
			if one.address == "" {
				continue
			}
			if *one.to, err = l.listenHost(n, one.address); err != nil {
				return fmt.Errorf("listen for %s on %q, host %d: %w", one.name, one.address, n+1, err)
			}
		}
		if err := h.sameAddress(); err != nil {
			return err
		}
	}
	return nil
}

// listenHost listens for a host that is n addresses above the first one, which has the
// address as it stands.
func (l *listeners) listenHost(n int, address string) (net.Listener, error) {
	if n == 0 {
		return listenLoopback(address)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ip := net.ParseIP(l.hosts[0].address()).To4()
	if ip == nil || int(ip[3])+n > 254 {
		return nil, fmt.Errorf("%s has no neighbours to listen on: want 127.0.0.1 for more than one host", l.hosts[0].address())
	}
	ip[3] += byte(n)
	listener, err := listenLoopback(net.JoinHostPort(ip.String(), port))
	if err != nil {
		return nil, fmt.Errorf("%w (some systems have no loopback address but 127.0.0.1: add %s to the loopback interface, or want one host)", err, ip)
	}
	return listener, nil
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

// sameAddress refuses chat listeners on different addresses: the service names a host with
// three ports.
func (h *host) sameAddress() error {
	for _, one := range h.all() {
		if one != nil && hostOf(one) != h.address() {
			return fmt.Errorf("listen on %s and %s: want one host for tcp, ws and wss", h.address(), hostOf(one))
		}
	}
	return nil
}

// address is "127.0.0.1" where all transports are off.
func (h *host) address() string {
	for _, one := range h.all() {
		if one != nil {
			return hostOf(one)
		}
	}
	return "127.0.0.1"
}

// told is the host as the web API tells it.
func (h *host) told() object {
	return object{"host": h.address(), "port": portOf(h.tcp), "wss_port": portOf(h.wss), "ws_port": portOf(h.ws)}
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
	first := l.hosts[0]
	return Addresses{
		HTTP: url("http://", l.http, ""),
		TCP:  url("", first.tcp, ""),
		WS:   url("ws://", first.ws, "/sub"),
		WSS:  url("wss://", first.wss, "/sub"),
	}
}

func (l *listeners) close() error {
	all := []net.Listener{l.http}
	for _, h := range l.hosts {
		all = append(all, h.all()...)
	}
	var errs []error
	for _, one := range all {
		if one != nil {
			if err := one.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
