package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The kinds of values that options have, as pflag wants them: String shows
// the present value, Set reads a new one.

// text is any text.
type text string

func (v *text) String() string     { return string(*v) }
func (v *text) Set(s string) error { *v = text(s); return nil }
func (v *text) Type() string       { return "string" }

// secret is text that is never shown.
type secret string

func (v *secret) String() string     { return "" }
func (v *secret) Set(s string) error { *v = secret(s); return nil }
func (v *secret) Type() string       { return "string" }

// choice is one of several texts.
type choice struct {
	to  *string
	all []string
}

func (v *choice) String() string { return *v.to }
func (v *choice) Type() string   { return "string" }

// names lists the choices; empty is one that needs no mention.
func (v *choice) names() string {
	return strings.TrimPrefix(strings.Join(v.all, ", "), ", ")
}

func (v *choice) Set(s string) error {
	if !slices.Contains(v.all, s) {
		return fmt.Errorf("%q is not one of %s", s, v.names())
	}
	*v.to = s
	return nil
}

// number is a whole number with a lower bound.
type number struct {
	to    *int
	least int
}

func (v *number) String() string { return strconv.Itoa(*v.to) }
func (v *number) Type() string   { return "int" }

func (v *number) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < v.least {
		return fmt.Errorf("%q is not a whole number from %d", s, v.least)
	}
	*v.to = n
	return nil
}

// duration is a time span such as 30s.
type duration struct{ to *time.Duration }

func (v *duration) String() string { return v.to.String() }
func (v *duration) Type() string   { return "duration" }

func (v *duration) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a time span such as 30s", s)
	}
	*v.to = d
	return nil
}

// prefixes are addresses and CIDR blocks, separated by commas.
type prefixes []netip.Prefix

func (v *prefixes) Type() string { return "strings" }

func (v *prefixes) String() string {
	texts := make([]string, len(*v))
	for i, p := range *v {
		texts[i] = p.String()
	}
	return strings.Join(texts, ",")
}

func (v *prefixes) Set(s string) error {
	var list prefixes
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		p, err := netip.ParsePrefix(part)
		if a, aErr := netip.ParseAddr(part); aErr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return fmt.Errorf("%q is neither an address nor a CIDR block", part)
		}
		list = append(list, p.Masked())
	}
	*v = list
	return nil
}

// endpoint is the URL of an HTTP service, or empty.
type endpoint struct{ to *string }

func (v *endpoint) String() string { return *v.to }
func (v *endpoint) Type() string   { return "url" }

func (v *endpoint) Set(s string) error {
	u, err := url.Parse(s)
	if err == nil && s != "" && (u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		err = errors.New("no http URL")
	}
	if err != nil {
		return fmt.Errorf("%q is not a URL such as http://127.0.0.1:4318", s)
	}
	*v.to = s
	return nil
}
