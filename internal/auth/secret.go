package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// The prefixes make a leaked secret recognisable to scanners. With the 43
// url-safe characters behind them the secrets have the lengths that the
// Terraform provider demands: 40 to 80 for tokens, 37 to 60 for keys.
const (
	tokenPrefix = "orgd_"
	keyPrefix   = "orgdkey_"

	secretBytes = 32
)

// NewTokenSecret returns the secret of an API token.
func NewTokenSecret(random io.Reader) (string, error) {
	return newSecret(tokenPrefix, secretBytes, random)
}

// NewKeySecret returns a global API key.
func NewKeySecret(random io.Reader) (string, error) { return newSecret(keyPrefix, secretBytes, random) }

// NewInvitationCode returns the code of an invitation.
func NewInvitationCode(random io.Reader) (string, error) { return newSecret("", 24, random) }

// IsSecret reports whether s is the secret of a token or key by its shape.
func IsSecret(s string) bool {
	for _, prefix := range []string{tokenPrefix, keyPrefix} {
		rest, ok := strings.CutPrefix(s, prefix)
		if !ok {
			continue
		}
		b, err := base64.RawURLEncoding.DecodeString(rest)
		return err == nil && len(b) == secretBytes
	}
	return false
}

func newSecret(prefix string, bytes int, random io.Reader) (string, error) {
	b := make([]byte, bytes)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	return prefix + base64.RawURLEncoding.EncodeToString(b), nil
}

// HashSecret returns what is stored of a secret. The secrets are uniformly
// random, so a fast hash is enough and no salt is needed.
func HashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
