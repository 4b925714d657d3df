package proof

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Key is the signing key of an instance. Every log has the same key under a
// name of its own, so that a checkpoint of one log never passes for one of
// another.
type Key struct {
	name    string
	private ed25519.PrivateKey
}

// GenerateKey makes a key and returns its text, which is a secret. The name
// is the origin of the instance.
func GenerateKey(random io.Reader, name string) (text string, err error) {
	if !ValidOrigin(name) {
		return "", errOrigin
	}
	text, _, err = note.GenerateKey(random, name)
	if err != nil {
		return "", fmt.Errorf("make a signing key: %w", err)
	}
	return text, nil
}

var (
	errOrigin = errors.New("an origin is like a URL without its scheme: ASCII, no spaces, no plus sign, no slash at the end, at most 200 bytes")
	errKey    = errors.New("no signing key of a note (PRIVATE+KEY+name+hash+key, as orgd audit keygen makes it)")
)

// ParseKey reads the text of a key. Origin, if not empty, is taken as its
// name.
func ParseKey(text, origin string) (*Key, error) {
	text = strings.TrimSpace(text)
	if _, err := note.NewSigner(text); err != nil {
		return nil, errKey // without the cause: it could show the key
	}
	parts := strings.SplitN(text, "+", 5) // NewSigner made sure of them
	seed, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return nil, errKey
	}
	if origin == "" {
		origin = parts[2]
	}
	if !ValidOrigin(origin) {
		return nil, errOrigin
	}
	return &Key{name: origin, private: ed25519.NewKeyFromSeed(seed[1:])}, nil
}

// Name returns the origin of the instance.
func (k *Key) Name() string { return k.name }

// VerifierKey returns what checks the signatures of the key under a name.
func (k *Key) VerifierKey(name string) (string, error) {
	text, err := note.NewEd25519VerifierKey(name, k.private.Public().(ed25519.PublicKey))
	if err != nil {
		return "", fmt.Errorf("name the key %q: %w", name, err)
	}
	return text, nil
}

// Sign signs a checkpoint under its origin. The same checkpoint always gives
// the same bytes.
func (k *Key) Sign(c Checkpoint) (string, error) {
	v, err := k.verifier(c.Origin)
	if err != nil {
		return "", err
	}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, signer{v, k.private})
	if err != nil {
		return "", fmt.Errorf("sign the checkpoint of %s: %w", c.Origin, err)
	}
	return string(signed), nil
}

// Recognize makes sure that signed is what was signed for c: with this key,
// or with one that was in use before it.
func (k *Key) Recognize(signed string, c Checkpoint) error {
	again, err := k.Sign(c)
	if err != nil || again == signed {
		return err
	}
	v, err := k.verifier(c.Origin)
	if err != nil {
		return err
	}
	n, err := note.Open([]byte(signed), note.VerifierList(v))
	if unverified, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		n = unverified.Note
	} else if err != nil {
		return fmt.Errorf("open the checkpoint: %w", err)
	}
	was, err := ParseCheckpoint(n.Text)
	if err != nil {
		return err
	}
	if was.Size != c.Size || was.Root != c.Root {
		return fmt.Errorf("it has the root %s of %d records, signed was %s of %d", c.Root, c.Size, was.Root, was.Size)
	}
	return nil
}

func (k *Key) verifier(name string) (note.Verifier, error) {
	text, err := k.VerifierKey(name)
	if err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(text)
	if err != nil {
		return nil, fmt.Errorf("name the key %q: %w", name, err)
	}
	return v, nil
}

// signer signs under the name of a verifier.
type signer struct {
	note.Verifier
	private ed25519.PrivateKey
}

// Sign implements note.Signer.
func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.private, msg), nil }

// LogVerifier returns the verifier of the log with an origin from a verifier
// key, which is that of the log or that of its instance.
func LogVerifier(key, origin string) (note.Verifier, error) {
	key = strings.TrimSpace(key)
	v, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("read the verifier key: %w", err)
	}
	if v.Name() == origin {
		return v, nil
	}
	if !strings.HasPrefix(origin, v.Name()+"/") {
		return nil, fmt.Errorf("the key is of %q, the log is %q", v.Name(), origin)
	}
	parts := strings.SplitN(key, "+", 3)
	public, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(public) != 1+ed25519.PublicKeySize {
		return nil, fmt.Errorf("read the verifier key: it is of another kind than Ed25519")
	}
	if key, err = note.NewEd25519VerifierKey(origin, public[1:]); err != nil {
		return nil, fmt.Errorf("read the verifier key: %w", err)
	}
	return note.NewVerifier(key)
}
