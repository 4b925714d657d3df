// Package seal keeps secrets that orgd needs in the clear later, such as the
// keys of receivers: sealed with AES-256-GCM under a key of the configuration,
// each bound to the place that it is kept in.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// KeySize is the size of a key, in bytes.
const KeySize = 32

// keyIDSize is the size of what names the key in front of a sealed text.
const keyIDSize = 4

// ErrUnknownKey says that a text was sealed under a key that is not here.
var ErrUnknownKey = errors.New("sealed under another secret_key")

// Sealer seals under its first key and opens what was sealed under any. It is
// safe for concurrent use.
type Sealer struct {
	random io.Reader
	keys   []sealKey
}

type sealKey struct {
	id   [keyIDSize]byte
	aead cipher.AEAD
}

// New returns a Sealer. Keys are 32 bytes in hexadecimal or base64, separated
// by commas or white space: the first seals, the others still open.
func New(keys string, random io.Reader) (*Sealer, error) {
	s := &Sealer{random: random}
	for i, text := range strings.FieldsFunc(keys, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		raw, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		k, err := newKey(raw)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		s.keys = append(s.keys, k)
	}
	if len(s.keys) == 0 {
		return nil, errors.New("there is no key")
	}
	return s, nil
}

// NewKey returns a fresh key as New reads it.
func NewKey(random io.Reader) (string, error) {
	b := make([]byte, KeySize)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	return hex.EncodeToString(b), nil
}

func parseKey(text string) ([]byte, error) {
	if b, err := hex.DecodeString(text); err == nil && len(b) == KeySize {
		return b, nil
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := e.DecodeString(text); err == nil && len(b) == KeySize {
			return b, nil
		}
	}
	return nil, fmt.Errorf("it is not %d bytes in hexadecimal or base64", KeySize)
}

// newKey derives what seals and what names the key, so that the name tells
// nothing about the other.
func newKey(raw []byte) (sealKey, error) {
	derived, err := hkdf.Key(sha256.New, raw, nil, "orgd sealed secrets", KeySize+keyIDSize)
	if err != nil {
		return sealKey{}, fmt.Errorf("derive: %w", err)
	}
	block, err := aes.NewCipher(derived[:KeySize])
	if err != nil {
		return sealKey{}, fmt.Errorf("derive: %w", err)
	}
	k := sealKey{id: [keyIDSize]byte(derived[KeySize:])}
	k.aead, err = cipher.NewGCM(block)
	return k, err
}

// Seal returns text sealed for a place: the name of the key, the nonce, and
// the ciphertext with its tag.
func (s *Sealer) Seal(place, text string) ([]byte, error) {
	k := &s.keys[0]
	out := append(make([]byte, 0, keyIDSize+k.aead.NonceSize()+len(text)+k.aead.Overhead()), k.id[:]...)
	out = out[:keyIDSize+k.aead.NonceSize()]
	nonce := out[keyIDSize:]
	if _, err := io.ReadFull(s.random, nonce); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return k.aead.Seal(out, nonce, []byte(text), []byte(place)), nil
}

// Open returns what was sealed for a place.
func (s *Sealer) Open(place string, sealed []byte) (string, error) {
	for i := range s.keys {
		k := &s.keys[i]
		if len(sealed) < keyIDSize+k.aead.NonceSize() || [keyIDSize]byte(sealed[:keyIDSize]) != k.id {
			continue
		}
		nonce, text := sealed[keyIDSize:keyIDSize+k.aead.NonceSize()], sealed[keyIDSize+k.aead.NonceSize():]
		plain, err := k.aead.Open(nil, nonce, text, []byte(place))
		if err != nil {
			return "", fmt.Errorf("open a secret of %s: %w", place, err)
		}
		return string(plain), nil
	}
	return "", fmt.Errorf("open a secret of %s: %w", place, ErrUnknownKey)
}
