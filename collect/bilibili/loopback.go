package bilibili

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

const dialTimeout = 10 * time.Second

// loopbackGuard, when true, lets nothing leave this machine. Hosts are checked by name
// for a clear error early, and every dialled address again: a name is only a promise.
type loopbackGuard bool

func (g loopbackGuard) checkURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("address %q: want http:// or https:// and a host", raw)
	}
	return g.checkHost(u.Hostname())
}

func (g loopbackGuard) checkHost(host string) error {
	if !g || host == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("host %q is no loopback address, and only those are allowed here", host)
}

func (g loopbackGuard) control(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	return g.checkHost(host)
}

func (g loopbackGuard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, Control: g.control}
	return d.DialContext(ctx, network, address)
}

// client makes an HTTP client. WebSockets need HTTP/1.1, requests may speak HTTP/2.
func (g loopbackGuard) client(roots *x509.CertPool, http2 bool) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(http2)
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           g.dial,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: requestTimeout,
		MaxIdleConnsPerHost:   maxParallel,
		IdleConnTimeout:       90 * time.Second,
		Protocols:             &protocols,
	}
	if g {
		t.Proxy = nil
	}
	return &http.Client{
		Transport: t,
		// The API never redirects; following would take the cookies elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
