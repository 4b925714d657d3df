package id_test

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/id"
)

func TestGeneratorIncreasesWhileTheClockStandsStill(t *testing.T) {
	fixed := time.UnixMilli(1_700_000_000_123)
	g := id.NewGenerator(func() time.Time { return fixed }, rand.Reader)
	last := ""
	for range 10_000 {
		got := g.New()
		if !id.Valid(got) {
			t.Fatalf("%q is not valid", got)
		}
		if got <= last {
			t.Fatalf("%q does not follow %q", got, last)
		}
		last = got
	}
}

func TestGeneratorLayout(t *testing.T) {
	g := id.NewGenerator(func() time.Time { return time.UnixMilli(0x0123456789ab) }, bytes.NewReader(make([]byte, 8)))
	if got, want := g.New(), "0123456789ab70008000000000000000"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func TestValid(t *testing.T) {
	for s, want := range map[string]bool{
		"0123456789abcdef0123456789abcdef":     true,
		"0123456789ABCDEF0123456789abcdef":     false,
		"0123456789abcdef0123456789abcde":      false,
		"0123456789abcdef0123456789abcdef0":    false,
		"a7b9c3d2e8f4g1h5i6j0k9l2m3n7o4p8":     false,
		"":                                     false,
		"01234567-89ab-cdef-0123-456789abcdef": false,
	} {
		if got := id.Valid(s); got != want {
			t.Errorf("Valid(%q) = %v", s, got)
		}
	}
}
