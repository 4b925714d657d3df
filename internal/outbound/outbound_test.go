package outbound_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/outbound"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, refused := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255",
		"192.168.0.1", "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.100.100.200", "100.127.255.255", "192.0.0.192",
		"192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1",
		"255.255.255.255", "168.63.129.16",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
		"64:ff9b:1::a00:1", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
		"2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "4000::1",
	} {
		a := netip.MustParseAddr(refused)
		if err := (outbound.Policy{}).Check(a); !errors.Is(err, outbound.ErrAddress) {
			t.Errorf("%s: %v, want ErrAddress", refused, err)
		}
		allowed := outbound.Policy{Allow: []netip.Prefix{netip.PrefixFrom(a.Unmap().WithZone(""), a.Unmap().BitLen())}}
		if err := allowed.Check(a); err != nil {
			t.Errorf("%s allowed: %v", refused, err)
		}
	}
	for _, public := range []string{"1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "223.255.255.255", "2606:4700::1111", "::ffff:1.1.1.1"} {
		if err := (outbound.Policy{}).Check(netip.MustParseAddr(public)); err != nil {
			t.Errorf("%s: %v", public, err)
		}
	}
	if err := (outbound.Policy{}).Check(netip.Addr{}); !errors.Is(err, outbound.ErrAddress) {
		t.Errorf("no address: %v, want ErrAddress", err)
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	none, loopback := outbound.Policy{}, outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	for _, c := range []struct {
		policy outbound.Policy
		host   string
		plain  bool
		want   error
	}{
		{none, "example.com", false, nil},
		{none, "example.com.", false, nil},
		{none, "1.1.1.1", false, nil},
		{none, "example.com", true, outbound.ErrPlain},
		{none, "1.1.1.1", true, outbound.ErrPlain},
		{none, "127.0.0.1", false, outbound.ErrAddress},
		{none, "::1", false, outbound.ErrAddress},
		{none, "localhost", false, outbound.ErrAddress},
		{none, "LocalHost.", false, outbound.ErrAddress},
		{none, "a.localhost", false, outbound.ErrAddress},
		{none, "", false, outbound.ErrAddress},
		{none, "..", false, outbound.ErrAddress},
		{none, "2130706433", false, outbound.ErrAddress},  // 127.0.0.1 as one number
		{none, "0177.0.0.1", false, outbound.ErrAddress},  // octal
		{none, "0x7f000001", false, outbound.ErrAddress},  // hexadecimal
		{none, "0x7f.1", false, outbound.ErrAddress},      // short
		{none, "127.1", false, outbound.ErrAddress},       // short
		{none, "127.0.0.0x1", false, outbound.ErrAddress}, // mixed
		{loopback, "0177.0.0.1", false, outbound.ErrAddress},
		{loopback, "127.0.0.1", true, nil},
		{loopback, "127.0.0.1", false, nil},
		{loopback, "localhost", true, nil},
		{loopback, "10.0.0.1", false, outbound.ErrAddress},
		{loopback, "1.1.1.1", true, outbound.ErrPlain},
	} {
		if err := c.policy.CheckHost(c.host, c.plain); !errors.Is(err, c.want) {
			t.Errorf("%q, plain %t, allowed %v: %v, want %v", c.host, c.plain, c.policy.Allow, err, c.want)
		}
	}
}

// dial connects to a listener on this machine under a name for it.
func dial(t *testing.T, p outbound.Policy, host string) error {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := p.Dial(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return err
	}
	return c.Close()
}

func TestDial(t *testing.T) {
	t.Parallel()
	loopback := outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1", "127.0.0.2", "0.0.0.0"} {
		if err := dial(t, outbound.Policy{}, host); !errors.Is(err, outbound.ErrAddress) {
			t.Errorf("%s: %v, want ErrAddress", host, err)
		} else if strings.Contains(err.Error(), "127.0.0") {
			t.Errorf("%s: the refusal tells the address: %v", host, err)
		}
	}
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1"} {
		if err := dial(t, loopback, host); err != nil {
			t.Errorf("%s allowed: %v", host, err)
		}
	}
	// Whatever the resolver makes of these, it must not be a connection.
	for _, host := range []string{"2130706433", "0177.0.0.1", "0x7f000001", "127.1", "0"} {
		if err := dial(t, outbound.Policy{}, host); err == nil {
			t.Errorf("%s: connected", host)
		}
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	target := 0
	mux := http.NewServeMux()
	mux.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) })
	mux.HandleFunc("/there", func(http.ResponseWriter, *http.Request) { target++ })
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusFound) })
	plain, secure := httptest.NewServer(mux), httptest.NewTLSServer(mux)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	roots := secure.Client().Transport.(*http.Transport).TLSClientConfig
	loopback := outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	get := func(p outbound.Policy, roots *tls.Config, url string) (*http.Response, int, error) {
		transport := p.NewTransport(roots)
		defer transport.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.NewClient(10 * time.Second).Do(req)
		if err != nil {
			return nil, 0, err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return resp, len(body), err
	}
	for _, server := range []*httptest.Server{plain, secure} {
		if _, _, err := get(outbound.Policy{}, roots, server.URL+"/big"); !errors.Is(err, outbound.ErrAddress) && !errors.Is(err, outbound.ErrPlain) {
			t.Errorf("%s: %v, want a refusal", server.URL, err)
		}
		_, n, err := get(loopback, roots, server.URL+"/big")
		if err != nil || n != 64<<10 {
			t.Errorf("%s: %d bytes, %v; want 64 KiB", server.URL, n, err)
		}
		resp, _, err := get(loopback, roots, server.URL+"/redirect")
		if err != nil || resp.StatusCode != http.StatusFound || target != 0 {
			t.Errorf("%s: %v, %v, %d visits; the redirect must not be followed", server.URL, resp, err, target)
		}
	}
	if _, _, err := get(loopback, nil, secure.URL+"/big"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
	// What another address is allowed is of no use here.
	other := outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	if _, _, err := get(other, roots, plain.URL+"/big"); !errors.Is(err, outbound.ErrPlain) {
		t.Errorf("plain: %v, want ErrPlain", err)
	}
}

func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	used := false
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { used = true }))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	u, err := url.Parse("http://192.0.2.1/")
	if err != nil {
		t.Fatal(err)
	}
	transport := outbound.Policy{}.NewTransport(nil)
	resp, err := transport.NewClient(10 * time.Second).Do(&http.Request{Method: "GET", URL: u})
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, outbound.ErrPlain) || used {
		t.Errorf("%v, proxy used: %t", err, used)
	}
}
