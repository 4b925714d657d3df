package seal_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/seal"
)

func sealer(t *testing.T, keys string) *seal.Sealer {
	t.Helper()
	s, err := seal.New(keys, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	first, second := strings.Repeat("01", 32), strings.Repeat("02", 32)
	for _, text := range []string{"", "secret", strings.Repeat("x", 5000)} {
		sealed, err := sealer(t, first).Seal("place", text)
		if err != nil {
			t.Fatal(err)
		}
		if text != "" && bytes.Contains(sealed, []byte(text)) {
			t.Errorf("%q can be read in %x", text, sealed)
		}
		for _, keys := range []string{first, second + "," + first, first + "\n" + second + "\n"} {
			if got, err := sealer(t, keys).Open("place", sealed); err != nil || got != text {
				t.Errorf("open with %s: %q, %v; want %q", keys, got, err, text)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	s := sealer(t, strings.Repeat("01", 32))
	sealed, err := s.Seal("place", "secret")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sealer(t, strings.Repeat("02", 32)).Open("place", sealed); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("another key: %v, want ErrUnknownKey", err)
	}
	if got, err := s.Open("elsewhere", sealed); err == nil {
		t.Errorf("another place: %q", got)
	}
	for i := range sealed {
		broken := bytes.Clone(sealed)
		broken[i] ^= 1
		if got, err := s.Open("place", broken); err == nil {
			t.Errorf("byte %d changed: %q", i, got)
		}
		if got, err := s.Open("place", sealed[:i]); err == nil {
			t.Errorf("cut at %d: %q", i, got)
		}
	}
}

func TestSealTwice(t *testing.T) {
	t.Parallel()
	s := sealer(t, strings.Repeat("01", 32))
	one, err := s.Seal("place", "secret")
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.Seal("place", "secret")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(one, two) {
		t.Error("the same text is sealed alike twice")
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	raw := bytes.Repeat([]byte{0xfb}, 32)
	fresh, err := seal.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, good := range []string{
		hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)), base64.StdEncoding.EncodeToString(raw),
		base64.RawURLEncoding.EncodeToString(raw), " " + hex.EncodeToString(raw) + "\n", fresh,
	} {
		if _, err := seal.New(good, rand.Reader); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, wanted := range map[string]string{
		"":                                  "there is no key",
		" \n":                               "there is no key",
		"short":                             "key 1: it is not 32 bytes in hexadecimal or base64",
		strings.Repeat("0", 62):             "key 1: it is not 32 bytes in hexadecimal or base64",
		strings.Repeat("01", 32) + ", nope": "key 2: it is not 32 bytes in hexadecimal or base64",
	} {
		if _, err := seal.New(bad, rand.Reader); err == nil || err.Error() != wanted {
			t.Errorf("%q: %v, want %s", bad, err, wanted)
		}
	}
}
