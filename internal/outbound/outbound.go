// Package outbound makes the connections that orgd opens to addresses which
// somebody else chose: receivers of streams, witnesses, webhooks. It refuses
// to reach into the networks that orgd itself stands in, unless the operator
// allows it.
//
// What is checked is the address that is about to be connected to, after the
// name was resolved, so that no spelling of an address and no name that
// resolves to another one later gets around it. No proxy of the environment is
// used, because the address behind it could not be checked.
package outbound

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The times after which a receiver is given up.
const (
	connectTimeout = 5 * time.Second
	keepAlive      = 30 * time.Second
)

// ErrAddress says that an address may not be connected to. It does not name
// the address: whoever chose the name must not learn what it means here.
var ErrAddress = errors.New("the address is not one that orgd may connect to (see outbound_allow)")

// ErrPlain says that a connection without TLS was asked for.
var ErrPlain = errors.New("only https is allowed, but for addresses in outbound_allow")

// Policy decides which addresses may be connected to. The zero Policy allows
// public ones only.
type Policy struct {
	// Allow lists addresses that are allowed though they are not public, and
	// even without TLS.
	Allow []netip.Prefix
}

// refused are the addresses that are not of the public internet, or lead back
// into the network of orgd. What of IPv6 is public lies in 2000::/3.
func refused() []netip.Prefix {
	var list []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"168.63.129.16/32", // metadata of a cloud at a public address
		"2001::/23",        // protocol assignments, among them Teredo
		"2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}

// Allowed reports whether the configuration names the address.
func (p Policy) Allowed(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(p.Allow, func(block netip.Prefix) bool { return block.Contains(a) })
}

// Check returns ErrAddress unless the address is public or allowed.
func (p Policy) Check(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid():
		return ErrAddress
	case p.Allowed(a):
		return nil
	case a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a):
		return ErrAddress
	case slices.ContainsFunc(refused(), func(block netip.Prefix) bool { return block.Contains(a) }):
		return ErrAddress
	}
	return nil
}

// CheckHost refuses what can be refused of a host without resolving it:
// addresses, and names that no resolver of the public internet knows. A plain
// one is to be reached without TLS, which only an allowed address may be; a
// name is given the benefit of the doubt until it is dialled.
func (p Policy) CheckHost(host string, plain bool) error {
	if a, err := netip.ParseAddr(host); err == nil {
		if plain && !p.Allowed(a) {
			return ErrPlain
		}
		return p.Check(a)
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case name == "" || last == "" || isNumber(last):
		return ErrAddress // an address in another spelling, such as 0x7f.1
	case plain && len(p.Allow) == 0:
		return ErrPlain
	case last == "localhost" && len(p.Allow) == 0:
		return ErrAddress
	}
	return nil
}

// isNumber reports whether the last part of a name is one that some resolvers
// take for a part of an address.
func isNumber(s string) bool {
	if strings.HasPrefix(s, "0x") {
		return true
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// Dial connects to host:port if the address that it resolves to is public or
// allowed.
func (p Policy) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return dial(ctx, network, address, p.Check)
}

// dialPlain connects if the address is allowed.
func (p Policy) dialPlain(ctx context.Context, network, address string) (net.Conn, error) {
	return dial(ctx, network, address, func(a netip.Addr) error {
		if !p.Allowed(a) {
			return ErrPlain
		}
		return nil
	})
}

// dial asks check about each address at the moment of connecting to it.
func dial(ctx context.Context, network, address string, check func(netip.Addr) error) (net.Conn, error) {
	d := net.Dialer{
		Timeout: connectTimeout, KeepAlive: keepAlive,
		ControlContext: func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(resolved)
			if err != nil {
				return ErrAddress
			}
			return check(at.Addr())
		},
	}
	c, err := d.DialContext(ctx, network, address)
	for _, refusal := range []error{ErrAddress, ErrPlain} {
		if errors.Is(err, refusal) {
			return nil, refusal // without the address
		}
	}
	return c, err
}
