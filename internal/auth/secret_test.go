package auth_test

import (
	"crypto/rand"
	"errors"
	"io"
	"regexp"
	"testing"
	"testing/iotest"

	"github.com/orgd/orgd/internal/auth"
)

// The shapes that the Terraform provider accepts.
var (
	providerToken = regexp.MustCompile(`^[0-9A-Za-z\-_]{40,80}$`)
	providerKey   = regexp.MustCompile(`^[0-9A-Za-z\-_]{37,60}$`)
)

func TestSecretsHaveTheShapesThatClientsAccept(t *testing.T) {
	for name, c := range map[string]struct {
		make   func(io.Reader) (string, error)
		shapes []*regexp.Regexp
	}{
		"token":      {auth.NewTokenSecret, []*regexp.Regexp{providerToken, regexp.MustCompile(`^orgd_[0-9A-Za-z\-_]{43}$`)}},
		"key":        {auth.NewKeySecret, []*regexp.Regexp{providerKey, regexp.MustCompile(`^orgdkey_[0-9A-Za-z\-_]{43}$`)}},
		"invitation": {auth.NewInvitationCode, []*regexp.Regexp{regexp.MustCompile(`^[0-9A-Za-z\-_]{32}$`)}},
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(map[string]bool)
			for range 200 {
				got, err := c.make(rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				if seen[got] {
					t.Fatalf("%s was made twice", got)
				}
				seen[got] = true
				for _, shape := range c.shapes {
					if !shape.MatchString(got) {
						t.Fatalf("%q does not match %s", got, shape)
					}
				}
			}
		})
	}
}

func TestNoSecretWithoutRandomness(t *testing.T) {
	broken := errors.New("broken")
	for _, make := range []func(io.Reader) (string, error){auth.NewTokenSecret, auth.NewKeySecret, auth.NewInvitationCode} {
		if got, err := make(iotest.ErrReader(broken)); !errors.Is(err, broken) || got != "" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestHashSecretIsSHA256(t *testing.T) {
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // of FIPS 180-4
	if got := auth.HashSecret("abc"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestIsSecret(t *testing.T) {
	token, err := auth.NewTokenSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := auth.NewKeySecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]bool{
		token: true, key: true,
		"": false, "orgd_": false, token[1:]: false, token + "A": false, token[:len(token)-1]: false,
		"ORGD_" + token[5:]: false, token[:47] + "!": false, " " + token: false,
	} {
		if got := auth.IsSecret(s); got != want {
			t.Errorf("IsSecret(%q) = %v", s, got)
		}
	}
}
