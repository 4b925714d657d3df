package outbound

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// The bounds of an exchange over HTTP.
const (
	tlsTimeout    = 5 * time.Second
	idleTimeout   = 30 * time.Second
	idlePerHost   = 2
	maxIdle       = 100
	maxHeader     = 64 << 10
	maxAnswerBody = 64 << 10
)

// NewTransport returns a transport that connects as the policy allows and cuts
// off the bodies of answers. It speaks HTTP/1, verifies certificates, and
// sends nothing in plain text but to addresses that are allowed. Roots is for
// tests; nil means those of the system.
func (p Policy) NewTransport(roots *tls.Config) *Transport {
	return &Transport{secure: newTransport(p.Dial, roots), plain: newTransport(p.dialPlain, roots)}
}

// NewClient returns a client on a transport that follows no redirects: the
// answer that asks for one is returned.
func (t *Transport) NewClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Transport: t, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Transport is an http.RoundTripper under a Policy; see NewTransport.
type Transport struct {
	secure, plain *http.Transport
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func newTransport(dial dialFunc, config *tls.Config) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext: dial, TLSClientConfig: config.Clone(), Protocols: &protocols,
		TLSHandshakeTimeout: tlsTimeout, IdleConnTimeout: idleTimeout,
		MaxIdleConns: maxIdle, MaxIdleConnsPerHost: idlePerHost,
		MaxResponseHeaderBytes: maxHeader, DisableCompression: true,
	}
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	inner := t.secure
	if r.URL.Scheme != "https" {
		inner = t.plain
	}
	resp, err := inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = limitedBody{io.LimitReader(resp.Body, maxAnswerBody), resp.Body}
	return resp, nil
}

// CloseIdleConnections closes what is open and not in use.
func (t *Transport) CloseIdleConnections() {
	t.secure.CloseIdleConnections()
	t.plain.CloseIdleConnections()
}

// limitedBody is a body that ends early.
type limitedBody struct {
	io.Reader
	io.Closer
}
